"""What can happen to an invocation, each with its time; and its form in the journal."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Protocol, cast

from fcemu.core.http import HttpAnswer, HttpRequest
from fcemu.core.json_forms import read_bytes, read_time, text_or_base64, time_text
from fcemu.core.members import demand
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Halted, Outcome, Returned, Stuck, SystemFailed, Throttled, TimedOut
from fcemu.core.values import value


@value
class _Fact:
    """What every fact tells: when it happened, and to which invocation. The id is empty where there is none."""

    at: datetime
    request_id: str


@value
class _OfAttempt(_Fact):
    """A fact about one attempt of an invocation."""

    attempt: int


@value
class Accepted(_Fact):
    """An invocation was accepted and is now kept; ``due`` is when it may first run.

    ``source`` is ``api``, ``http``, ``timer``, ``trigger`` or ``destination``. ``root`` is the request id of the
    outside request that caused it, ``depth`` how many destinations, and topics with triggers, lie between them.
    ``task_id``: its name as a task, ``""`` without task mode. ``http``: the request of an HTTP trigger, where the
    function gets it as it is.
    """

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
class Dequeued(_Fact):
    """The queue handed the invocation over for its first attempt, or to find that there will be none."""


@value
class Held(_OfAttempt):
    """No instance can be had for the attempt that is due: the invocation waits for one in the queue."""


@value
class InstanceStarted(_Fact):
    """A cold start for this invocation, which takes ``seconds`` before the attempt begins."""

    instance_id: str
    seconds: float = 0.0


@value
class Started(_OfAttempt):
    """An attempt began to run on an instance."""

    instance_id: str


@value
class Refused(_OfAttempt):
    """An attempt that never ran: 429, 500 or 503."""

    outcome: Outcome


@value
class Slept(_OfAttempt):
    """The handler began a virtual sleep that ends, undisturbed, at ``until``."""

    until: datetime


@value
class Finished(_OfAttempt):
    """An attempt ended; ``output`` is what the handler wrote and logged."""

    outcome: Outcome
    output: str


@value
class FaultStruck(_OfAttempt):
    """Trouble that a test asked for, or that chance drew, befell an attempt; the facts after it are what it did."""

    fault: str


@value
class Delayed(_OfAttempt):
    """An attempt that was due is handed over later, at ``due``."""

    due: datetime


@value
class Redelivered(_OfAttempt):
    """The queue did not hear that an attempt had ended, and hands the invocation over once more, at ``due``."""

    due: datetime


@value
class RetryPlanned(_Fact):
    """Another attempt follows at ``due``."""

    due: datetime


@value
class Succeeded(_Fact):
    """Terminal: the handler returned."""


@value
class Failed(_Fact):
    """Terminal: an error, and no retry left; ``reason`` says which rule ended it."""

    reason: str


@value
class Expired(_Fact):
    """Terminal: older than its maximum age before it ever ran."""


@value
class StopAsked(_Fact):
    """Somebody asked for the invocation to be stopped."""


@value
class Stopped(_Fact):
    """Terminal: stopped as asked."""


@value
class Invalid(_Fact):
    """Terminal: the function is gone, so the event was dropped."""

    reason: str


@value
class Delivered(_Fact):
    """The invocation's report reached ``destination`` (``queue:declined``, ``function:audit``, …).

    ``message_id`` is the message's id, or the request id of the destination function's invocation.
    """

    destination: str
    message_id: str
    body: bytes


@value
class DeliveryStarted(_Fact):
    """The invocation's report sets out, at ``due``, for the URL that takes the place of ``destination``.

    Followed by ``Delivered`` or ``DeliveryFailed``; without one, it is still to be posted.
    """

    destination: str
    message_id: str
    body: bytes
    due: datetime


@value
class DeliveryFailed(_Fact):
    """A report did not reach its destination; the invocation's state does not change."""

    destination: str
    reason: str


@value
class Warned(_OfAttempt):
    """Something a user should know of: what the watchdog did, a caller nobody knows, a loop that jumped."""

    text: str


@value
class Changed(_Fact):
    """Something that is defined was ``created``, ``updated`` or ``deleted`` through an API; ``request_id`` is empty.

    ``what`` is the resource, such as ``function orders/charge``.
    """

    what: str
    action: str


@value
class InstanceStopped(_Fact):
    """An instance is used no more, because of ``reason``; ``request_id`` is empty."""

    function: FunctionRef
    instance_id: str
    reason: str


@value
class InstanceProvisioned(_Fact):
    """An instance was started because it shall be there whether there is work or not; ``request_id`` is empty."""

    function: FunctionRef
    qualifier: str
    instance_id: str


@value
class HookRan(_Fact):
    """A hook of an instance ran outside of any attempt: ``initializer`` or ``pre-stop``; ``request_id`` is the hook's.

    ``error``: why it failed, ``""`` when it did not; ``output`` is what it wrote.
    """

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
class Forgotten(_Fact):
    """Stands in the place of a fact that is kept no more; nobody gets to see it."""


FORGOTTEN: Final = cast(Fact, Forgotten(datetime.min.replace(tzinfo=UTC), ""))
KINDS: Final[dict[str, type[Any]]] = {}
"""All kinds of facts by name."""


def register(kinds: Iterable[type[Any]], readers: Mapping[Any, Callable[[Any], Any]]) -> None:
    """Let the journal take these kinds of facts. ``readers``: what reads a type of field from JSON that no other kind
    has."""
    _READERS.update(readers)
    for kind in kinds:
        KINDS[kind.__name__] = kind
        _DATA[kind] = frozenset(kind.__match_args__) - _OUTSIDE_DATA
        _TYPES.update({(kind, name): kind.__annotations__[name] for name in kind.__match_args__})


def to_json(fact: Fact) -> dict[str, Any]:
    """The fact as plain JSON values: ``at``, ``kind``, ``request_id``, ``attempt`` and the rest under ``data``.

    ``from_json`` gives an equal fact back. Times are RFC 3339 in UTC with six digits; bytes that are not UTF-8 are
    ``{"base64": …}``.
    """
    kind = type(fact)
    data: dict[str, Any] = {}
    for name in fact.__match_args__:
        given = getattr(fact, name)
        if name in _OUTSIDE_DATA or (name in _UNSAID and given == _UNSAID[name]):
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


_UNSAID: Final[dict[str, object]] = {"http": None, "seconds": 0.0}
"""Fields of facts that are written only if they say something."""
_OUTSIDE_DATA: Final = frozenset({"at", "request_id", "attempt"})
RECORD: Final = frozenset({"at", "kind", "request_id", "attempt", "data"})
"""The members of a fact as JSON."""
_DATA: Final[dict[type[Any], frozenset[str]]] = {}
"""The members of ``data`` by kind."""
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


def _read_outcome(record: dict[str, Any]) -> Outcome:
    kind: Any = _OUTCOMES[record["kind"]]
    demand(record, ["kind", *kind.__match_args__], record["kind"], may=_RARE.keys() & {*kind.__match_args__})
    bytes_fields = {"payload", "document"}
    values = {k: read_bytes(v) if k in bytes_fields else v for k, v in record.items() if k != "kind"}
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
        bytes: text_or_base64,
        FunctionRef: str,
        HttpRequest: _write_request,
        HttpAnswer: _write_answer,
    }
)
_WRITERS.update(dict.fromkeys(_OUTCOMES.values(), _write_outcome))
_READERS: Final[dict[Any, Callable[[Any], Any]]] = {
    datetime: read_time,
    bytes: read_bytes,
    FunctionRef: lru_cache(FunctionRef.parse),
    Outcome: _read_outcome,
    str: str,
    int: int,
    float: float,
    bool: bool,
    HttpRequest | None: _read_request,
}
register((InvocationFact | OutsideFact).__args__, {})
