"""What an invocation or a message does after each fact of a journal: a page that draws it needs to know no rules."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from fcemu.core.facts import (
    Accepted,
    AttemptRefused,
    Delayed,
    Delivered,
    DeliveryFailed,
    Dequeued,
    Deviated,
    Expired,
    Fact,
    Failed,
    FaultStruck,
    Finished,
    Held,
    HookRan,
    InstanceStarted,
    Invalid,
    MailFact,
    Redelivered,
    Refused,
    RetryPlanned,
    Slept,
    Started,
    Stopped,
    Succeeded,
)
from fcemu.core.invocation import MOVING, TERMINAL, TRANSITIONS, State
from fcemu.core.json_forms import time_text
from fcemu.core.outcome import Returned
from fcemu.core.timeline import Timeline
from fcemu.core.values import value

WAITING, STARTING, RUNNING, SLEEPING, OVER = "waiting", "starting", "running", "sleeping", "over"
PHASES: Final = (WAITING, STARTING, RUNNING, SLEEPING, OVER)
"""What an invocation can be doing, in the order of a life."""
VISIBLE, HIDDEN, GONE = "visible", "in flight", "gone"
PLACES: Final = (VISIBLE, HIDDEN, GONE)
"""Where a message can be: to be received (from an instant on), with a consumer (until an instant), deleted."""


@value
class Moment:
    """What is true after one fact.

    ``status`` and ``phase``: of the invocation that the fact is about; ``until``: when that phase ends, as far as it is
    known, or when the message becomes visible. ``place``: of the message that the fact is about. ``failure``: whether
    the fact tells of one. ``who`` and ``line``: the fact as the timeline has it. ``deviation``: whether the fact is an
    answer of chance other than the calm one, or a fault that a test asked for.
    """

    status: State | None
    phase: str | None
    until: datetime | None
    place: str | None
    failure: bool
    who: str
    line: str
    deviation: bool = False


def to_json(moment: Moment) -> dict[str, Any]:
    """As plain JSON values; what is not there is left out."""
    told: dict[str, Any] = {"failure": moment.failure, "who": moment.who, "line": moment.line}
    if moment.status is not None:
        told["status"], told["phase"] = moment.status.value, moment.phase
    if moment.until is not None:
        told["until"] = time_text(moment.until)
    if moment.place is not None:
        told["place"] = moment.place
    if moment.deviation:
        told["deviation"] = True
    return told


_PHASES: Final[Mapping[type[Any], tuple[str, Callable[[Any], datetime | None]]]] = {
    Accepted: (WAITING, lambda fact: fact.due),
    Dequeued: (WAITING, lambda fact: None),
    Held: (WAITING, lambda fact: None),
    InstanceStarted: (STARTING, lambda fact: fact.at + timedelta(seconds=fact.seconds)),
    Started: (RUNNING, lambda fact: None),
    Slept: (SLEEPING, lambda fact: fact.until),
    Finished: (WAITING, lambda fact: None),
    AttemptRefused: (WAITING, lambda fact: None),
    Delayed: (WAITING, lambda fact: fact.due),
    Redelivered: (WAITING, lambda fact: fact.due),
    RetryPlanned: (WAITING, lambda fact: fact.due),
    **dict.fromkeys((Succeeded, Failed, Expired, Stopped, Invalid), (OVER, lambda fact: None)),
}
"""The phase that a fact begins, and until when it lasts; other facts begin none."""
_FAILURES: Final[Mapping[type[Any], Callable[[Any], bool]]] = {
    Finished: lambda fact: not isinstance(fact.outcome, Returned),
    HookRan: lambda fact: bool(fact.error),
    **dict.fromkeys((AttemptRefused, Refused, Failed, Expired, Invalid, DeliveryFailed), lambda fact: True),
}
"""Whether a fact of these kinds tells of a failure; none of another kind does."""
_NOTHING: Final = (None, None, None)


class Moments:
    """Folds the facts of one journal in their order, from the first one on."""

    def __init__(self, started: datetime) -> None:
        self._started: Final = started
        self._timeline: Final = Timeline(started)
        self._names: Final[dict[str, str]] = {}
        self._doing: Final[dict[str, tuple[State, str, datetime | None]]] = {}

    def pass_over(self, fact: Fact) -> None:
        """Take a fact in of which nothing is to be told."""
        self._fold(fact)
        if type(fact) is Accepted:
            self._names[fact.request_id], _ = self._timeline.told(fact)

    def after(self, fact: Fact) -> Moment:
        """What is true after the next fact."""
        kind = type(fact)
        if kind is Accepted:
            who, line = self._timeline.told(fact)
            self._names[fact.request_id] = who
        elif (known := self._names.get(fact.request_id)) is not None:
            who, line = known, fact.line(self._started)
        else:
            who, line = self._timeline.told(fact)
        status, phase, until = self._fold(fact) or _NOTHING
        place, seen = _place_of(fact) if isinstance(fact, Delivered | MailFact) else (None, None)
        failure = _FAILURES.get(kind)
        failed = failure is not None and failure(fact)
        deviates = kind is FaultStruck or kind is Deviated
        return Moment(status, phase, until if seen is None else seen, place, failed, who, line, deviates)

    def _fold(self, fact: Fact) -> tuple[State, str, datetime | None] | None:
        kind = type(fact)
        known = self._doing.get(fact.request_id)
        if kind is Accepted:
            known = State.ENQUEUED, WAITING, None
        elif known is None:
            return None
        state, phase, until = known
        if kind in MOVING and state not in TERMINAL:
            state = TRANSITIONS[state].get(kind, state)
        if kind in _PHASES:
            phase, until_of = _PHASES[kind]
            until = until_of(fact)
        self._doing[fact.request_id] = state, phase, until
        return state, phase, until


def _place_of(fact: Delivered | MailFact) -> tuple[str | None, datetime | None]:
    """Where the message of a fact is from now on, and from or until when; the kinds that messages are kept by are not
    known here, but their fields are."""
    if isinstance(fact, Delivered):
        return VISIBLE, fact.at
    if getattr(fact, "message_id", None) is None:
        return None, None
    visible, hidden = getattr(fact, "visible", None), getattr(fact, "until", None)
    if visible is not None:
        return VISIBLE, visible
    return (GONE, None) if hidden is None else (HIDDEN, hidden)
