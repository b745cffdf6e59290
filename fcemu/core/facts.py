"""What can happen to an invocation, each with its time; and its form in the journal."""

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Protocol, cast

from fcemu.core.http import HttpAnswer, HttpRequest
from fcemu.core.members import demand
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Halted, Outcome, Returned, Stuck, SystemFailed, Throttled, TimedOut
from fcemu.core.values import value


@value
class Accepted:
    """An invocation was accepted and is now kept; ``due`` is when it may first run.

    ``source`` is ``api``, ``http``, ``timer``, ``trigger`` or ``destination``. ``root`` is the request id of the
    outside request that caused it, ``depth`` how many destinations, and topics with triggers, lie between them.
    ``task_id``: its name as a task, ``""`` without task mode. ``http``: the request of an HTTP trigger, where the
    function gets it as it is.
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
    task_id: str = ""
    http: HttpRequest | None = None


@value
class Dequeued:
    """The queue handed the invocation over for its first attempt, or to find that there will be none."""

    at: datetime
    request_id: str


@value
class Held:
    """No instance can be had for the attempt that is due: the invocation waits for one in the queue."""

    at: datetime
    request_id: str
    attempt: int


@value
class InstanceStarted:
    """A cold start for this invocation, which takes ``seconds`` before the attempt begins."""

    at: datetime
    request_id: str
    instance_id: str
    seconds: float = 0.0


@value
class Started:
    """An attempt began to run on an instance."""

    at: datetime
    request_id: str
    attempt: int
    instance_id: str


@value
class Refused:
    """An attempt that never ran: 429, 500 or 503."""

    at: datetime
    request_id: str
    attempt: int
    outcome: Outcome


@value
class Slept:
    """The handler began a virtual sleep that ends, undisturbed, at ``until``."""

    at: datetime
    request_id: str
    attempt: int
    until: datetime


@value
class Finished:
    """An attempt ended; ``output`` is what the handler wrote and logged."""

    at: datetime
    request_id: str
    attempt: int
    outcome: Outcome
    output: str


@value
class FaultStruck:
    """Trouble that a test asked for, or that chance drew, befell an attempt; the facts after it are what it did."""

    at: datetime
    request_id: str
    attempt: int
    fault: str


@value
class Delayed:
    """An attempt that was due is handed over later, at ``due``."""

    at: datetime
    request_id: str
    attempt: int
    due: datetime


@value
class Redelivered:
    """The queue did not hear that an attempt had ended, and hands the invocation over once more, at ``due``."""

    at: datetime
    request_id: str
    attempt: int
    due: datetime


@value
class RetryPlanned:
    """Another attempt follows at ``due``."""

    at: datetime
    request_id: str
    due: datetime


@value
class Succeeded:
    """Terminal: the handler returned."""

    at: datetime
    request_id: str


@value
class Failed:
    """Terminal: an error, and no retry left; ``reason`` says which rule ended it."""

    at: datetime
    request_id: str
    reason: str


@value
class Expired:
    """Terminal: older than its maximum age before it ever ran."""

    at: datetime
    request_id: str


@value
class StopAsked:
    """Somebody asked for the invocation to be stopped."""

    at: datetime
    request_id: str


@value
class Stopped:
    """Terminal: stopped as asked."""

    at: datetime
    request_id: str


@value
class Invalid:
    """Terminal: the function is gone, so the event was dropped."""

    at: datetime
    request_id: str
    reason: str


@value
class Delivered:
    """The invocation's report reached ``destination`` (``queue:declined``, ``function:audit``, …).

    ``message_id`` is the message's id, or the request id of the destination function's invocation.
    """

    at: datetime
    request_id: str
    destination: str
    message_id: str
    body: bytes


@value
class DeliveryStarted:
    """The invocation's report sets out, at ``due``, for the URL that takes the place of ``destination``.

    Followed by ``Delivered`` or ``DeliveryFailed``; without one, it is still to be posted.
    """

    at: datetime
    request_id: str
    destination: str
    message_id: str
    body: bytes
    due: datetime


@value
class DeliveryFailed:
    """A report did not reach its destination; the invocation's state does not change."""

    at: datetime
    request_id: str
    destination: str
    reason: str


@value
class Warned:
    """Something a user should know of: what the watchdog did, a caller nobody knows, a loop that jumped."""

    at: datetime
    request_id: str
    attempt: int
    text: str


@value
class Changed:
    """Something that is defined was ``created``, ``updated`` or ``deleted`` through an API; ``request_id`` is empty.

    ``what`` is the resource, such as ``function orders/charge``.
    """

    at: datetime
    request_id: str
    what: str
    action: str


@value
class InstanceStopped:
    """An instance is used no more, because of ``reason``; ``request_id`` is empty."""

    at: datetime
    request_id: str
    function: FunctionRef
    instance_id: str
    reason: str


@value
class InstanceProvisioned:
    """An instance was started because it shall be there whether there is work or not; ``request_id`` is empty."""

    at: datetime
    request_id: str
    function: FunctionRef
    qualifier: str
    instance_id: str


@value
class HookRan:
    """A hook of an instance ran outside of any attempt: ``initializer`` or ``pre-stop``; ``request_id`` is the hook's.

    ``error``: why it failed, ``""`` when it did not; ``output`` is what it wrote.
    """

    at: datetime
    request_id: str
    function: FunctionRef
    instance_id: str
    hook: str
    error: str
    output: str


InvocationFact = (
    Accepted
    | Dequeued
    | Held
    | InstanceStarted
    | Started
    | Refused
    | Slept
    | Finished
    | FaultStruck
    | Delayed
    | Redelivered
    | RetryPlanned
    | Succeeded
    | Failed
    | Expired
    | StopAsked
    | Stopped
    | Invalid
    | DeliveryStarted
    | Delivered
    | DeliveryFailed
    | Warned
)
"""What belongs to an invocation."""
InstanceFact = InstanceProvisioned | InstanceStopped | HookRan
"""What belongs to an instance, whatever it runs."""
OutsideFact = Changed | InstanceFact
"""What belongs to no invocation, and to no queue, topic or bus."""


class MailFact(Protocol):
    """What happens at a queue, topic or bus after a report or a client has put a message there.

    The package that keeps messages defines the kinds, values as all facts, and names them to ``register``.
    ``request_id`` is the invocation that the message reports, ``""`` for what a client sent or arranged.
    """

    @property
    def __match_args__(self) -> tuple[str, ...]: ...

    @property
    def at(self) -> datetime: ...

    @property
    def request_id(self) -> str: ...

    @property
    def destination(self) -> str:
        """Its address, such as ``queue:declined``."""

    def text(self, started: datetime) -> str:
        """The words of the timeline; times count from ``started``."""


Fact = InvocationFact | OutsideFact | MailFact


@value
class Forgotten:
    """Stands in the place of a fact that is kept no more; nobody gets to see it."""

    at: datetime
    request_id: str


FORGOTTEN: Final = cast(Fact, Forgotten(datetime.min.replace(tzinfo=UTC), ""))
KINDS: Final[dict[str, type[Any]]] = {}
"""All kinds of facts by name."""
TERMINAL_KINDS: Final = (Succeeded, Failed, Expired, Stopped, Invalid)


def register(kinds: Iterable[type[Any]], readers: Mapping[Any, Callable[[Any], Any]]) -> None:
    """Let the journal take these kinds of facts. ``readers``: what reads a type of field from JSON that no other kind
    has."""
    _READERS.update(readers)
    for kind in kinds:
        KINDS[kind.__name__] = kind
        names = _NAMES[kind] = tuple(name for name in kind.__match_args__ if name not in _OUTSIDE_DATA)
        _DATA[kind] = frozenset(names)
        _TYPES.update({(kind, name): kind.__annotations__[name] for name in kind.__match_args__})


def to_json(fact: Fact) -> dict[str, Any]:
    """The fact as plain JSON values: ``at``, ``kind``, ``request_id``, ``attempt`` and the rest under ``data``.

    ``from_json`` gives an equal fact back. Times are RFC 3339 in UTC with six digits; bytes that are not UTF-8 are
    ``{"base64": …}``.
    """
    kind = type(fact)
    data: dict[str, Any] = {}
    for name in _NAMES[kind]:
        given = getattr(fact, name)
        if name in _UNSAID and given == _UNSAID[name]:
            continue
        write = _WRITERS[type(given)]
        data[name] = given if write is None else write(given)
    return {
        "at": time_text(fact.at),
        "kind": kind.__name__,
        "request_id": fact.request_id,
        "attempt": getattr(fact, "attempt", None),
        "data": data,
    }


def from_json(record: dict[str, Any]) -> Fact:
    """Read what ``to_json`` wrote. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else; a member
    that is missing, or not known, is named."""
    if record.keys() != RECORD:
        demand(record, RECORD, "a fact")
    kind, data = KINDS[record["kind"]], record["data"]
    if data.keys() != _DATA[kind]:
        demand(data, _DATA[kind], f"data of {record['kind']}", may=_UNSAID.keys() & _DATA[kind])
    values = {name: _READERS[_TYPES[kind, name]](given) for name, given in data.items()}
    if record["attempt"] is not None:
        values["attempt"] = record["attempt"]
    fact: Fact = kind(at=read_time(record["at"]), request_id=record["request_id"], **values)
    return fact


def time_text(at: datetime) -> str:
    """RFC 3339 in UTC with six digits, always the same length."""
    if at.year > 999 and at.tzinfo is UTC:  # half of what isoformat takes, and each fact has one or two
        return _TIME % (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at.year > 999 else at.astimezone(UTC).isoformat()


def read_time(text: str) -> datetime:
    """Read ``time_text``; raises ``ValueError``."""
    return datetime.fromisoformat(text).astimezone(UTC)


_TIME: Final = "%d-%02d-%02dT%02d:%02d:%02d.%06dZ"
_UNSAID: Final[dict[str, object]] = {"http": None, "seconds": 0.0}
"""Fields of facts that are written only if they say something."""
_OUTSIDE_DATA: Final = frozenset({"at", "request_id", "attempt"})
RECORD: Final = frozenset({"at", "kind", "request_id", "attempt", "data"})
"""The members of a fact as JSON."""
_NAMES: Final[dict[type[Any], tuple[str, ...]]] = {}
"""The members of ``data`` by kind, in order."""
_DATA: Final[dict[type[Any], frozenset[str]]] = {}
"""The same, to compare."""
_TYPES: Final[dict[tuple[type[Any], str], Any]] = {}
"""The type of each field by kind and name."""
_OUTCOMES: Final = {
    kind.__name__: kind for kind in (Returned, FunctionError, TimedOut, Throttled, SystemFailed, Halted, Stuck)
}


_RARE: Final[dict[str, object]] = {"http": None, "message": ""}
"""Fields of outcomes that are written only if they say something."""


class _Writers(dict[type[Any], Callable[[Any], object] | None]):
    """How a field is written, by the class of what it holds; ``None``: it is JSON as it is."""

    def __missing__(self, kind: type[Any]) -> Callable[[Any], object] | None:
        """Find the writer of a class once: one that freezes time is derived from ``datetime``."""
        write = self[kind] = next((self[known] for known in list(self) if issubclass(kind, known)), None)
        return write


def _write(given: object) -> object:
    write = _WRITERS[type(given)]
    return given if write is None else write(given)


def _write_outcome(outcome: Outcome) -> object:
    inside = {name: getattr(outcome, name) for name in outcome.__match_args__}
    said = {name: _write(one) for name, one in inside.items() if name not in _RARE or one != _RARE[name]}
    return {"kind": type(outcome).__name__} | said


def _write_request(request: HttpRequest) -> object:
    return {each.name: _write_plainly(getattr(request, each.name)) for each in fields(request)}


def _write_answer(answer: HttpAnswer) -> object:
    return {"status": answer.status, "headers": [list(each) for each in answer.headers]}


def _write_plainly(given: object) -> object:
    if isinstance(given, tuple):
        return [list(each) for each in given]
    return dict(given) if isinstance(given, Mapping) else given


def _read_request(record: dict[str, Any]) -> HttpRequest:
    demand(record, [each.name for each in fields(HttpRequest)], "http")
    return HttpRequest(**{**record, "headers": tuple((name, text) for name, text in record["headers"])})


def _write_bytes(data: bytes) -> object:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _read_bytes(given: Any) -> bytes:
    if isinstance(given, str):
        return given.encode()
    demand(given, ["base64"], "bytes")
    return base64.b64decode(given["base64"], validate=True)


def _read_outcome(record: dict[str, Any]) -> Outcome:
    kind: Any = _OUTCOMES[record["kind"]]
    demand(record, ["kind", *kind.__match_args__], record["kind"], may=_RARE.keys() & {*kind.__match_args__})
    bytes_fields = {"payload", "document"}
    values = {k: _read_bytes(v) if k in bytes_fields else v for k, v in record.items() if k != "kind"}
    if "http" in values:
        http: Any = values["http"]
        demand(http, ["status", "headers"], "http")
        values["http"] = HttpAnswer(http["status"], tuple((name, text) for name, text in http["headers"]))
    outcome: Outcome = kind(**values)
    return outcome


_WRITERS: Final = _Writers(
    {
        datetime: time_text,
        timedelta: timedelta.total_seconds,
        bytes: _write_bytes,
        FunctionRef: str,
        HttpRequest: _write_request,
        HttpAnswer: _write_answer,
    }
)
_WRITERS.update(dict.fromkeys(_OUTCOMES.values(), _write_outcome))
_READERS: Final[dict[Any, Callable[[Any], Any]]] = {
    datetime: read_time,
    bytes: _read_bytes,
    FunctionRef: lru_cache(FunctionRef.parse),
    Outcome: _read_outcome,
    str: str,
    int: int,
    float: float,
    bool: bool,
    HttpRequest | None: _read_request,
}
register((InvocationFact | OutsideFact).__args__, {})
