"""Task mode: what the record of a task says, which events it had, and how tasks are listed; folds of facts."""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from fcemu.core.compact import as_text, compact
from fcemu.core.errors import FCError, InvalidArgument, refused
from fcemu.core.facts import Accepted, AttemptRefused, Fact, Failed, Finished, Invalid
from fcemu.core.invocation import TRANSITIONS, Invocation, Recorded, State
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Outcome, Returned, SystemFailed, Throttled, TimedOut, error_message
from fcemu.core.paging import DEFAULT_LIMIT
from fcemu.core.times import milliseconds
from fcemu.core.values import dataclass

TASK_ID: Final = "[A-Za-z_][A-Za-z0-9_-]{0,127}"
"""What a caller may name a task. Source: FC docs, "InvokeFunction", all versions; generated ids need not fit."""
RETURNED_BYTES: Final = 1024 * 1024
"""ASSUMED: fcemu cuts a result of more than 1 MiB in the record of a task, because ``returnPayload`` has at most 1 MB
(async-invocation §2)."""
_TASK_ID: Final = re.compile(TASK_ID)
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


def check_task_id(ref: FunctionRef, task_id: str) -> None:
    """Raises ``InvalidArgument`` for what cannot name a task. ASSUMED: fcemu makes up the text with which it refuses a
    task's id (async-invocation §4)."""
    if not _TASK_ID.fullmatch(task_id):
        raise InvalidArgument.choice(
            "AsyncTaskId" if ref.service is None else "StatefulAsyncInvocationId", TASK_ID, task_id
        )


def no_task(ref: FunctionRef, task_id: str) -> str:
    """What is said of a caller's id that FC does not look at, because the invocation is no task."""
    return (
        f"fcemu ignores the task id {task_id!r}: function '{ref}' is not in task mode "
        "(asyncInvokeConfig: {asyncTask: true})"
    )


def not_found(ref: FunctionRef, task_id: str) -> FCError:
    """That a function has no such task, in the words of its generation."""
    if ref.service is None:
        return refused("AsyncTaskNotFound", task=task_id)
    return refused("StatefulAsyncInvocationNotFound", task=task_id)


def already_exists(ref: FunctionRef, task_id: str) -> FCError:
    """That a function has such a task, in the words of its generation."""
    if ref.service is None:
        return refused("AsyncTaskAlreadyExists", task=task_id)
    return refused("StatefulAsyncInvocationAlreadyExists", task=task_id)


def cannot_stop(invocation: Recorded) -> InvalidArgument:
    """Why what has ended is not stopped. Source: the Java SDK's test gives the code. ASSUMED: fcemu makes up the text
    with which it refuses to stop a task that has ended (task-mode §4.4)."""
    kind = "async task" if invocation.function.service is None else "stateful async invocation"
    return InvalidArgument(f"{kind} in status '{invocation.state}' can not be stopped")


def is_kept(invocation: Recorded, now: datetime, retention: timedelta) -> bool:
    """Whether FC's API still shows the record of a task; until then its id is taken."""
    return invocation.ended is None or now - invocation.ended <= retention


# Events.


class Event(NamedTuple):
    """A state that was entered; ``number`` counts from 1, ``detail`` is JSON text, ``""`` for plain transitions."""

    number: int
    status: State
    at: datetime
    detail: str


def events(facts: Iterable[Fact]) -> list[Event]:
    """The events of one invocation from its facts: one for each change of its state (task-mode §3.4).

    ASSUMED: fcemu writes ``Error`` and ``ErrorMessage`` as the detail of ``Retrying`` and of the bad ends of a task,
    and no detail of its other events (task-mode §3.4).
    """
    found: list[Event] = []
    state, error = State.ENQUEUED, ("", "")
    for fact in facts:
        if isinstance(fact, Finished | AttemptRefused):
            error = _error(fact.outcome)
        after = TRANSITIONS.get(state, {}).get(type(fact), state)
        if after is not state or isinstance(fact, Accepted):
            state = after
            found.append(Event(len(found) + 1, state, fact.at, _detail(fact, state, error)))
    return found


def _detail(fact: Fact, state: State, error: tuple[str, str]) -> str:
    if isinstance(fact, Invalid):
        said = {"ErrorMessage": fact.reason}
    elif isinstance(fact, Failed) or state is State.RETRYING:
        kind, text = error
        said = {"Error": kind, "ErrorMessage": text or (fact.reason if isinstance(fact, Failed) else "")}
    else:
        return ""
    return compact(said)


def _error(outcome: Outcome) -> tuple[str, str]:
    """The type and the message of what an attempt came to, empty where that was no error."""
    match outcome:
        case FunctionError(error_type, document) | TimedOut(document, error_type):
            return error_type, _message(document)
        case Throttled(code) | SystemFailed(_, code):
            return code, ""
        case _:
            return "", ""


def _message(document: bytes) -> str:
    said = error_message(document)
    return as_text(document) if said is None else said


# Records.


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What FC's API shows of a task, in every version; ``""``, 0 and ``None`` where there is nothing yet."""

    task_id: str
    request_id: str
    function: FunctionRef
    qualifier: str
    status: State
    goal: State
    started: datetime
    ended: datetime | None
    duration: timedelta
    retries: int
    instance_id: str
    error: str
    payload: str
    returned: str
    events: tuple[Event, ...]


def record(invocation: Invocation) -> Record:
    """The record of a task (task-mode §3.3).

    ASSUMED: fcemu gives the time of submission as ``started`` of a task, takes ``duration`` and ``instance_id`` from
    the last attempt that ran, the error's type as ``error``, and ``Succeeded`` as ``goal`` (FC's ``destinationStatus``)
    until a stop is asked for, then ``Stopped`` (task-mode §3.3).
    """
    accepted = invocation.accepted
    ran = [attempt for attempt in invocation.attempts if attempt.executed]
    last = ran[-1] if ran else None
    stopped = invocation.state in (State.STOPPING, State.STOPPED)
    return Record(
        task_id=accepted.task_id,
        request_id=invocation.id,
        function=accepted.function,
        qualifier=accepted.qualifier,
        status=invocation.state,
        goal=State.STOPPED if stopped else State.SUCCEEDED,
        started=accepted.at,
        ended=invocation.ended,
        duration=timedelta(0) if last is None or last.ended is None else last.ended - last.started,
        retries=max(0, invocation.executions - invocation.repeats - 1),
        instance_id=last.instance_id if last else "",
        error=_error_type(invocation),
        payload=as_text(accepted.payload),
        returned=_returned(invocation),
        events=tuple(events(invocation.history or [accepted])),
    )


def _error_type(invocation: Invocation) -> str:
    match invocation.state:
        case State.RETRYING | State.FAILED | State.EXPIRED:
            return invocation.ending().condition
        case State.INVALID:
            return invocation.reason
        case _:
            return ""


def _returned(invocation: Invocation) -> str:
    last = invocation.outcome if invocation.state is State.SUCCEEDED else None
    if not isinstance(last, Returned):
        return ""
    text = as_text(last.payload)
    return text if len(last.payload) <= RETURNED_BYTES else text.encode()[:RETURNED_BYTES].decode(errors="ignore")


# Lists.


class Cursor(NamedTuple):
    """After which task a page begins."""

    started: datetime
    task_id: str

    def text(self) -> str:
        """What a token of the next page holds."""
        return f"{(self.started - _START) // timedelta(microseconds=1)}#{self.task_id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises ``InvalidArgument`` for what ``text()`` did not write."""
        microseconds, _, task_id = text.partition("#")
        with suppress(ValueError, OverflowError):
            if task_id:
                return cls(_START + timedelta(microseconds=int(microseconds)), task_id)
        raise InvalidArgument(f"NextToken is set to an invalid value (actual: '{text}')")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which tasks are listed, and in which order.

    ASSUMED: fcemu reads ``begin`` and ``end`` as inclusive bounds in whole milliseconds, and lists the newest tasks
    first (task-mode §4.2).
    """

    status: State | None = None
    prefix: str = ""
    begin_ms: int | None = None
    end_ms: int | None = None
    newest_first: bool = True
    limit: int = DEFAULT_LIMIT
    after: Cursor | None = None

    def takes(self, invocation: Recorded) -> bool:
        """Whether the filters let a task through."""
        started = milliseconds(invocation.at)
        return (
            (self.status is None or invocation.state is self.status)
            and invocation.task_id.startswith(self.prefix)
            and (self.begin_ms is None or started >= self.begin_ms)
            and (self.end_ms is None or started <= self.end_ms)
        )


class Page(NamedTuple):
    """A part of a list; ``next`` begins the part after it, ``None`` when there is none."""

    tasks: list[Recorded]
    next: Cursor | None


def page(tasks: Iterable[Recorded], query: Query) -> Page:
    """The tasks that a query asks for, out of those of one function and qualifier in the order of submission."""
    chosen = sorted(tasks, key=lambda task: task.at)
    if query.newest_first:
        chosen.reverse()
    if query.after is not None:
        chosen = chosen[_position(chosen, query.after, query.newest_first) :]
    found = [task for task in chosen if query.takes(task)]
    shown = found[: query.limit]
    more = len(found) > len(shown)
    return Page(shown, Cursor(shown[-1].at, shown[-1].task_id) if more else None)


def _position(chosen: list[Recorded], after: Cursor, newest_first: bool) -> int:
    """Where the part after a cursor begins, also when the task it names is no longer there."""
    for n, task in enumerate(chosen):
        at = task.at
        if at == after.started and task.task_id == after.task_id:
            return n + 1
        if (at < after.started) if newest_first else (at > after.started):
            return n
    return len(chosen)
