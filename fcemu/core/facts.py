"""What can happen to an invocation, each with its time; and its form in the journal."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar, dataclass_transform

from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Halted, Outcome, Returned, SystemFailed, Throttled, TimedOut

_T = TypeVar("_T")

if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True)
    def _fact(cls: type[_T]) -> type[_T]: ...
else:
    # Frozen for the type checker only: a frozen dataclass takes three times as long to make, and facts are made
    # by the million.
    _fact = dataclass(slots=True)


@_fact
class Accepted:
    """An invocation was accepted and is now kept; ``due`` is when it may first run.

    ``source`` is ``api``, ``http``, ``timer`` or ``destination``. ``root`` is the request id of the outside request
    that caused it, ``depth`` how many destinations lie between them.
    """

    at: datetime
    request_id: str
    function: FunctionRef
    qualifier: str
    synchronous: bool
    source: str
    payload: bytes
    due: datetime
    root: str
    depth: int


@_fact
class Dequeued:
    """The queue handed the invocation over for its first attempt."""

    at: datetime
    request_id: str


@_fact
class InstanceStarted:
    """A cold start for this invocation."""

    at: datetime
    request_id: str
    instance_id: str


@_fact
class Started:
    """An attempt began to run on an instance."""

    at: datetime
    request_id: str
    attempt: int
    instance_id: str


@_fact
class Refused:
    """An attempt that never ran: 429, 500 or 503."""

    at: datetime
    request_id: str
    attempt: int
    outcome: Outcome


@_fact
class Slept:
    """The handler began a virtual sleep that ends, undisturbed, at ``until``."""

    at: datetime
    request_id: str
    attempt: int
    until: datetime


@_fact
class Finished:
    """An attempt ended; ``output`` is what the handler wrote and logged."""

    at: datetime
    request_id: str
    attempt: int
    outcome: Outcome
    output: str


@_fact
class RetryPlanned:
    """Another attempt follows at ``due``."""

    at: datetime
    request_id: str
    due: datetime


@_fact
class Succeeded:
    """Terminal: the handler returned."""

    at: datetime
    request_id: str


@_fact
class Failed:
    """Terminal: an error, and no retry left; ``reason`` says which rule ended it."""

    at: datetime
    request_id: str
    reason: str


@_fact
class Expired:
    """Terminal: older than its maximum age before it ever ran."""

    at: datetime
    request_id: str


@_fact
class StopAsked:
    """Somebody asked for the invocation to be stopped."""

    at: datetime
    request_id: str


@_fact
class Stopped:
    """Terminal: stopped as asked."""

    at: datetime
    request_id: str


@_fact
class Invalid:
    """Terminal: the function is gone, so the event was dropped."""

    at: datetime
    request_id: str
    reason: str


@_fact
class Delivered:
    """The invocation's report reached ``destination`` (``queue:declined``, ``function:audit``, …).

    ``message_id`` is the message's id, or the request id of the destination function's invocation.
    """

    at: datetime
    request_id: str
    destination: str
    message_id: str
    body: bytes


@_fact
class DeliveryFailed:
    """A report did not reach its destination; the invocation's state does not change."""

    at: datetime
    request_id: str
    destination: str
    reason: str


@_fact
class Warned:
    """Something a user should know of: what the watchdog did, a caller nobody knows, a loop that jumped."""

    at: datetime
    request_id: str
    attempt: int
    text: str


Fact = (
    Accepted
    | Dequeued
    | InstanceStarted
    | Started
    | Refused
    | Slept
    | Finished
    | RetryPlanned
    | Succeeded
    | Failed
    | Expired
    | StopAsked
    | Stopped
    | Invalid
    | Delivered
    | DeliveryFailed
    | Warned
)
KINDS: Final[dict[str, type[Any]]] = {kind.__name__: kind for kind in Fact.__args__}
TERMINAL_KINDS: Final = (Succeeded, Failed, Expired, Stopped, Invalid)


def to_json(fact: Fact) -> dict[str, Any]:
    """The fact as plain JSON values: ``at``, ``kind``, ``request_id``, ``attempt`` and the rest under ``data``.

    ``from_json`` gives an equal fact back. Times are RFC 3339 in UTC with six digits; bytes that are not UTF-8 are
    ``{"base64": …}``.
    """
    data: dict[str, Any] = {}
    for field in fields(fact):
        if field.name not in _OUTSIDE_DATA:
            data[field.name] = _write(getattr(fact, field.name))
    return {
        "at": time_text(fact.at),
        "kind": type(fact).__name__,
        "request_id": fact.request_id,
        "attempt": getattr(fact, "attempt", None),
        "data": data,
    }


def from_json(record: dict[str, Any]) -> Fact:
    """Read what ``to_json`` wrote. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
    kind = KINDS[record["kind"]]
    values = {name: _READERS[_TYPES[kind, name]](value) for name, value in record["data"].items()}
    if record["attempt"] is not None:
        values["attempt"] = record["attempt"]
    fact: Fact = kind(at=read_time(record["at"]), request_id=record["request_id"], **values)
    return fact


def time_text(at: datetime) -> str:
    """RFC 3339 in UTC with six digits, always the same length."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at.year > 999 else at.astimezone(UTC).isoformat()


def read_time(text: str) -> datetime:
    """Read ``time_text``; raises ``ValueError``."""
    return datetime.fromisoformat(text).astimezone(UTC)


_OUTSIDE_DATA: Final = frozenset({"at", "request_id", "attempt"})
_TYPES: Final = {(kind, field.name): field.type for kind in KINDS.values() for field in fields(kind)}
_OUTCOMES: Final = {
    kind.__name__: kind for kind in (Returned, FunctionError, TimedOut, Throttled, SystemFailed, Halted)
}


def _write(value: object) -> object:
    match value:
        case datetime():
            return time_text(value)
        case timedelta():
            return value.total_seconds()
        case bytes():
            return _write_bytes(value)
        case FunctionRef():
            return str(value)
        case Returned() | FunctionError() | TimedOut() | Throttled() | SystemFailed() | Halted():
            inside = {field.name: _write(getattr(value, field.name)) for field in fields(value)}
            return {"kind": type(value).__name__} | inside
        case _:
            return value


def _write_bytes(value: bytes) -> object:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _read_bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value["base64"], validate=True)


def _read_outcome(record: dict[str, Any]) -> Outcome:
    kind: Any = _OUTCOMES[record["kind"]]
    bytes_fields = {"payload", "document"}
    values = {k: _read_bytes(v) if k in bytes_fields else v for k, v in record.items() if k != "kind"}
    outcome: Outcome = kind(**values)
    return outcome


_READERS: Final[dict[Any, Callable[[Any], Any]]] = {
    datetime: read_time,
    bytes: _read_bytes,
    FunctionRef: FunctionRef.parse,
    Outcome: _read_outcome,
    str: str,
    int: int,
    bool: bool,
}
