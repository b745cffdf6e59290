"""Invocation, Attempt, the states and the transition table."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from struct import iter_unpack, pack
from sys import intern
from typing import Any, Final, cast

from fcemu.core.facts import (
    Accepted,
    AttemptRefused,
    Delayed,
    Delivered,
    DeliveryFailed,
    Dequeued,
    Expired,
    Fact,
    Failed,
    Finished,
    Invalid,
    Redelivered,
    RetryPlanned,
    Started,
    StopAsked,
    Stopped,
    Succeeded,
)
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Outcome, Returned, SystemFailed, Throttled, TimedOut
from fcemu.core.retry import Tally
from fcemu.core.values import dataclass, value


class State(StrEnum):
    """FC's words for where an invocation is (task-mode §2)."""

    ENQUEUED = "Enqueued"
    DEQUEUED = "Dequeued"
    RUNNING = "Running"
    RETRYING = "Retrying"
    STOPPING = "Stopping"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    EXPIRED = "Expired"
    INVALID = "Invalid"


TRANSITIONS: Final[dict[State, dict[type[Any], State]]] = {
    State.ENQUEUED: {
        Dequeued: State.DEQUEUED,
        # A synchronous invocation waits in no queue: it starts, is refused, or its function is gone.
        Started: State.RUNNING,
        Failed: State.FAILED,
        Invalid: State.INVALID,
        StopAsked: State.STOPPING,
    },
    State.DEQUEUED: {
        Started: State.RUNNING,
        # ASSUMED: fcemu leaves an invocation whose attempt was refused in the state Dequeued, because nothing was
        # executed (task-mode §2.1).
        RetryPlanned: State.DEQUEUED,
        Failed: State.FAILED,
        Expired: State.EXPIRED,
        Invalid: State.INVALID,
        StopAsked: State.STOPPING,
    },
    State.RUNNING: {
        Succeeded: State.SUCCEEDED,
        RetryPlanned: State.RETRYING,
        # ASSUMED: fcemu puts an invocation that is delivered once more into the state Enqueued; FC's diagram has no
        # duplicates (task-mode §2.1).
        Redelivered: State.ENQUEUED,
        Failed: State.FAILED,
        StopAsked: State.STOPPING,
        # The engine was closed while the handler ran.
        Stopped: State.STOPPED,
    },
    State.RETRYING: {
        Started: State.RUNNING,
        RetryPlanned: State.RETRYING,
        Failed: State.FAILED,
        Invalid: State.INVALID,
        StopAsked: State.STOPPING,
    },
    State.STOPPING: {Stopped: State.STOPPED},
}
"""Which state follows which fact. Any other fact that moves a state is impossible and raises."""

_NOWHERE: Final[dict[type[Any], State]] = {}
_ENQUEUED: Final = State.ENQUEUED
TERMINAL: Final = frozenset(State) - TRANSITIONS.keys()
MOVING: Final = frozenset(kind for row in TRANSITIONS.values() for kind in row)
"""The kinds of facts that move a state; the others only add to the record."""


End = Succeeded | Failed | Stopped | Expired | Invalid
"""The facts that lead to a state in which an invocation stays."""
_ENDS: Final = {kind: state for row in TRANSITIONS.values() for kind, state in row.items() if state in TERMINAL}
"""That state, by the kind of fact."""


class ImpossibleMove(RuntimeError):
    """A fact that cannot happen in this state: a defect of the emulator, never of its user."""


def next_state(state: State, kind: type[Any]) -> State:
    """The state after a fact of ``kind``. Raises ``ImpossibleMove``."""
    if kind not in MOVING:
        return state
    try:
        return TRANSITIONS[state][kind]
    except KeyError:
        raise ImpossibleMove(f"{kind.__name__} cannot happen to an invocation that is {state}") from None


PLACE: Final = 4
"""How many bytes the place of a fact has in ``Invocation.places``."""


def places_in(written: bytes) -> list[int]:
    """The places of facts, from ``Invocation.places``."""
    return [place for (place,) in iter_unpack("<I", written)]


def written_places(places: Sequence[int]) -> bytes:
    """Places of facts, for ``Invocation.places``."""
    return pack(f"<{len(places)}I", *places)


@value
class Attempt:
    """One run of the handler, or one refusal to run it (then ``started == ended``), as the facts tell of it."""

    began: Started | AttemptRefused
    finished: Finished | None = None

    @property
    def number(self) -> int:
        return self.began.attempt

    @property
    def started(self) -> datetime:
        return self.began.at

    @property
    def instance_id(self) -> str:
        return "" if isinstance(self.began, AttemptRefused) else self.began.instance_id

    @property
    def ended(self) -> datetime | None:
        end = self.end
        return None if end is None else end.at

    @property
    def outcome(self) -> Outcome | None:
        end = self.end
        return None if end is None else end.outcome

    @property
    def output(self) -> str:
        return "" if self.finished is None else self.finished.output

    @property
    def executed(self) -> bool:
        """Whether the handler ran; refusals count neither as executions nor as retries."""
        return not isinstance(self.began, AttemptRefused)

    @property
    def word(self) -> str | None:
        """The outcome for people; ``None`` while it runs."""
        end = self.end
        return None if end is None else end.outcome.word

    @property
    def end(self) -> Finished | AttemptRefused | None:
        """The fact that tells how it ended; ``None`` while it runs."""
        return self.began if isinstance(self.began, AttemptRefused) else self.finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an invocation ended, in the words of the report (retry-and-destinations §3.1)."""

    condition: str = ""
    status_code: int = 200
    function_error: str = ""
    payload: bytes = b""


class Invocation:
    """One accepted request until a terminal state: the fold of its facts, changed by ``apply`` alone."""

    __slots__ = (
        "accepted",
        "deliveries",
        "due",
        "end",
        "history",
        "id",
        "over",
        "places",
        "refusals",
        "repeats",
        "state",
        "told",
        "tried",
    )

    def __init__(self, accepted: Accepted) -> None:
        self.accepted = accepted
        self.id = accepted.request_id
        self.state = _ENQUEUED
        self.due: datetime = accepted.due
        self.end: End | None = None
        """The fact that ended it."""
        self.over = False
        """Whether it has ended, in the words of the agenda, on which it stands for its next attempt."""
        self.refusals = 0
        """How many attempts were refused."""
        self.repeats = 0
        """How many executions were for nothing, because the queue did not hear of their end; no retry rule counts them.
        """
        self.tried: tuple[Started | AttemptRefused | Finished, ...] = ()
        """The facts with which its attempts began and ended, in order."""
        self.deliveries: tuple[Delivered | DeliveryFailed, ...] = ()
        self.history: list[Fact] | None = [accepted] if accepted.task_id else None
        """The facts of a task in order, because its record lists its events; the journal has those of the others."""
        self.places = b""
        """Where in the journal those of its facts are that have left memory; the journal writes and reads this."""
        self.told = 1
        """How many facts it is folded of."""

    @property
    def at(self) -> datetime:
        """When it was accepted."""
        return self.accepted.at

    @property
    def function(self) -> FunctionRef:
        return self.accepted.function

    @property
    def qualifier(self) -> str:
        return self.accepted.qualifier

    @property
    def synchronous(self) -> bool:
        return self.accepted.synchronous

    @property
    def task_id(self) -> str:
        return self.accepted.task_id

    @property
    def finished(self) -> bool:
        return self.over

    @property
    def ended(self) -> datetime | None:
        return None if self.end is None else self.end.at

    @property
    def reason(self) -> str:
        """Why it came to nothing, ``""`` where that has no words of its own."""
        return self.end.reason if isinstance(self.end, Failed | Invalid) else ""

    @property
    def executions(self) -> int:
        """How often the handler ran or runs: the report's ``approximateInvokeCount``."""
        return self.last_attempt - self.refusals

    def summary(self) -> "Summary":
        """What stays in memory of one that has ended, once all its facts are kept elsewhere."""
        assert self.end is not None
        return summary_of((self.accepted, self.end), self.places)

    def apply(self, fact: Fact) -> None:
        """Fold one more fact in. Raises ``ImpossibleMove``."""
        kind = type(fact)
        if kind in MOVING:
            row = TRANSITIONS.get(self.state, _NOWHERE)
            self.state = row[kind] if kind in row else next_state(self.state, kind)  # it raises
        self.told += 1
        if self.history is not None:
            self.history.append(fact)
        if kind in _FOLDS:
            _FOLDS[kind](self, fact)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All attempts in order, refused ones included."""
        attempts: list[Attempt] = []
        began: Started | AttemptRefused | None = None
        for fact in self.tried:
            if began is not None:
                attempts.append(Attempt(began, fact if isinstance(fact, Finished) else None))
            began = None if isinstance(fact, Finished) else fact
        if began is not None:
            attempts.append(Attempt(began))
        return tuple(attempts)

    @property
    def last(self) -> Attempt | None:
        """The last attempt, a refused one too; ``None`` before the first."""
        if not self.tried:
            return None
        last = self.tried[-1]
        if not isinstance(last, Finished):
            return Attempt(last)
        began = self.tried[-2]
        assert not isinstance(began, Finished)  # what ends has begun
        return Attempt(began, last)

    @property
    def outcome(self) -> Outcome | None:
        """What the last attempt came to; ``None`` before the first, and while it runs."""
        last = self.tried[-1] if self.tried else None
        return None if last is None or isinstance(last, Started) else last.outcome

    @property
    def last_attempt(self) -> int:
        """The number of the last attempt, refused ones included; 0 before the first."""
        return self.tried[-1].attempt if self.tried else 0

    def tally(self, *, age_excludes_delay: bool = False) -> Tally:
        """What the retry rules need to know of the past."""
        since = self.accepted.due if age_excludes_delay else self.accepted.at
        executions = self.last_attempt - self.refusals - self.repeats
        if not self.refusals:
            return Tally(since, executions)
        attempts = self.attempts
        refused = [attempt for attempt in attempts if not attempt.executed]
        refusals = 0
        while not attempts[-1 - refusals].executed:
            refusals += 1
            if refusals == len(attempts):
                break
        return Tally(since, executions, refusals, refused[0].started)

    def ending(self) -> Ending:
        """How it ended, in the words of the destination's report (retry-and-destinations §3.1)."""
        if self.state is State.EXPIRED:
            return Ending(condition="AsyncEventExpired")
        match self.outcome:
            case Returned(payload):
                return Ending(payload=payload)
            case FunctionError(error_type, document) | TimedOut(document, error_type):
                return Ending(condition=error_type, function_error=error_type, payload=document)
            case Throttled(code, status) | SystemFailed(status, code):
                return Ending(condition=code, status_code=status)
            case _:
                return Ending()


def _try(invocation: Invocation, fact: Started | Finished) -> None:
    invocation.tried += (fact,)


def _refuse(invocation: Invocation, fact: AttemptRefused) -> None:
    invocation.tried += (fact,)
    invocation.refusals += 1


def _end(invocation: Invocation, fact: End) -> None:
    invocation.end = fact
    invocation.over = True


def _wait(invocation: Invocation, fact: RetryPlanned | Delayed) -> None:
    invocation.due = fact.due


def _repeat(invocation: Invocation, fact: Redelivered) -> None:
    invocation.due = fact.due
    invocation.repeats += 1


def _report(invocation: Invocation, fact: Delivered | DeliveryFailed) -> None:
    invocation.deliveries += (fact,)


_FOLDS: Final[dict[type[Any], Callable[[Invocation, Any], None]]] = {
    Started: _try,
    Finished: _try,
    AttemptRefused: _refuse,
    Succeeded: _end,
    Failed: _end,
    Stopped: _end,
    Expired: _end,
    Invalid: _end,
    RetryPlanned: _wait,
    Delayed: _wait,
    Redelivered: _repeat,
    Delivered: _report,
    DeliveryFailed: _report,
}
"""What a fact adds to an invocation, but for the state; facts of other kinds add nothing."""


@value
class Summary:
    """What lists ask of an invocation that has ended and whose facts have left memory.

    It answers to the same names as ``Invocation``. Who needs more asks the journal for the whole invocation, which
    reads its facts back.
    """

    id: str
    at: datetime
    function: FunctionRef
    qualifier: str
    synchronous: bool
    task_id: str
    state: State
    ended: datetime | None
    places: bytes

    @property
    def finished(self) -> bool:
        return True


def summary_of(facts: Sequence[Fact], places: bytes) -> Summary:
    """The summary of an invocation that has ended, which these facts come to; ``places`` is where they are."""
    accepted = cast(Accepted, facts[0])
    end = next(fact for fact in reversed(facts) if type(fact) in _ENDS)
    function, qualifier, state = accepted.function, intern(accepted.qualifier), _ENDS[type(end)]
    return Summary(
        accepted.request_id,
        accepted.at,
        function,
        qualifier,
        accepted.synchronous,
        accepted.task_id,
        state,
        end.at,
        places,
    )


Recorded = Invocation | Summary
"""An invocation as the journal has it in memory."""
