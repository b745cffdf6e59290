"""What can happen to an invocation, each with its time; what people read of it, and its form in the journal."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeVar, dataclass_transform

from fcemu.core.http import HttpAnswer, HttpRequest
from fcemu.core.json_forms import read_bytes, read_time, text_or_base64, time_text
from fcemu.core.members import demand
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Halted, Outcome, Returned, Stuck, SystemFailed, Throttled, TimedOut
from fcemu.core.questions import Choice, Deviation
from fcemu.core.times import offset, seconds
from fcemu.core.values import value

T = TypeVar("T")
KINDS: Final[dict[str, type[Any]]] = {}
"""All kinds of facts by the names of their classes."""
_OUTSIDE_DATA: Final = frozenset({"at", "request_id", "attempt"})
RECORD: Final = _OUTSIDE_DATA | {"kind", "data"}
"""The members of a fact as JSON."""
_TYPES: Final[dict[type[Any], dict[str, Any]]] = {}
"""Of each class that is written member by member, the types of its fields by name; of a fact, those under ``data``."""


@dataclass_transform(frozen_default=True, eq_default=True)
def fact(cls: type[T]) -> type[T]:
    """A kind of fact: a value that the journal takes."""
    kind: Any = value(cls)
    KINDS[kind.__name__] = kind
    _TYPES[kind] = {each.name: each.type for each in fields(kind) if each.name not in _OUTSIDE_DATA}
    made: type[T] = kind
    return made


@value
class Fact:
    """What every fact tells: when it happened, and to which invocation. The id is empty where there is none."""

    at: datetime
    request_id: str

    def line(self, started: datetime) -> str:
        """What the timeline says of it; times count from ``started``."""
        return type(self).__name__


@value
class InvocationFact(Fact):
    """What belongs to an invocation."""


@value
class InstanceFact(Fact):
    """What belongs to an instance, whatever it runs."""

    function: FunctionRef


@value
class MailFact(Fact):
    """What happens at a queue, topic or bus after a report or a client has put a message there.

    ``request_id`` is the invocation that the message reports, ``""`` for what a client sent or arranged;
    ``destination`` is the address, such as ``queue:declined``. The package that keeps messages defines the kinds.
    """

    destination: str


@value
class _OfAttempt(InvocationFact):
    """A fact about one attempt of an invocation."""

    attempt: int


@fact
class Accepted(InvocationFact):
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

    def line(self, started: datetime, root: str = "") -> str:
        """``root``: the invocation of the outside request, as the timeline calls it."""
        what = "invoked" if self.synchronous else "accepted"
        behind = self.source == "destination" or (self.source == "trigger" and self.depth)
        cause = f" from {root or self.root}" if behind else ""
        later = "" if self.due == self.at else f", due {offset(self.due, started)}"
        return f"{what}{cause}{later} [{self.request_id}]"


@fact
class Dequeued(InvocationFact):
    """The queue handed the invocation over for its first attempt, or to find that there will be none."""

    def line(self, started: datetime) -> str:
        return "dequeued"


@fact
class Held(_OfAttempt):
    """No instance can be had for the attempt that is due: the invocation waits for one in the queue."""

    def line(self, started: datetime) -> str:
        return f"attempt {self.attempt} waits for an instance"


@fact
class InstanceStarted(InvocationFact):
    """A cold start for this invocation, which takes ``seconds`` before the attempt begins."""

    instance_id: str
    seconds: float = 0.0

    def line(self, started: datetime) -> str:
        takes = f", which takes {self.seconds:g} s to start" if self.seconds else ""
        return f"new instance {self.instance_id}{takes}"


@fact
class Started(_OfAttempt):
    """An attempt began to run on an instance."""

    instance_id: str

    def line(self, started: datetime) -> str:
        return f"attempt {self.attempt} starts"


@fact
class AttemptRefused(_OfAttempt):
    """An attempt that never ran: 429, 500 or 503. The journal calls it ``Refused``, too; it has an attempt."""

    outcome: Outcome

    def line(self, started: datetime) -> str:
        return f"attempt {self.attempt} refused: {self.outcome.text}"


@fact
class Slept(_OfAttempt):
    """The handler began a virtual sleep that ends, undisturbed, at ``until``."""

    until: datetime

    def line(self, started: datetime) -> str:
        return f"attempt {self.attempt} sleeps {seconds(self.until - self.at)}"


@fact
class Finished(_OfAttempt):
    """An attempt ended; ``output`` is what the handler wrote and logged."""

    outcome: Outcome
    output: str

    def line(self, started: datetime) -> str:
        return f"attempt {self.attempt} {self.outcome.text}"


@fact
class FaultStruck(_OfAttempt):
    """Trouble that a test asked for, or that chance drew, befell an attempt; the facts after it are what it did.

    ``choice``: the question to which this is the answer; ``None`` where a test asked for the trouble, and in facts of
    earlier versions.
    """

    fault: str
    choice: Deviation | None = None

    def line(self, started: datetime) -> str:
        return f"attempt {self.attempt} meets a fault: {self.fault}"


@fact
class Deviated(Fact):
    """Chance answered a question that is about no invocation otherwise than calmly: a timer is late, the emulator was
    killed, or its clock started at another instant. ``request_id`` is empty."""

    deviation: Deviation

    def line(self, started: datetime) -> str:
        told = self.deviation
        return Choice(told.question, told.about, told.answer, told.milliseconds).words()


@fact
class Delayed(_OfAttempt):
    """An attempt that was due is handed over later, at ``due``."""

    due: datetime

    def line(self, started: datetime) -> str:
        return f"attempt {self.attempt} starts {seconds(self.due - self.at)} late, at {offset(self.due, started)}"


@fact
class Redelivered(_OfAttempt):
    """The queue did not hear that an attempt had ended, and hands the invocation over once more, at ``due``."""

    due: datetime

    def line(self, started: datetime) -> str:
        wait = seconds(self.due - self.at)
        return f"attempt {self.attempt} is delivered again after {wait}, at {offset(self.due, started)}"


@fact
class RetryPlanned(InvocationFact):
    """Another attempt follows at ``due``."""

    due: datetime

    def line(self, started: datetime) -> str:
        return f"retried after {seconds(self.due - self.at)}, at {offset(self.due, started)}"


@fact
class Succeeded(InvocationFact):
    """Terminal: the handler returned."""


@fact
class Failed(InvocationFact):
    """Terminal: an error, and no retry left; ``reason`` says which rule ended it."""

    reason: str

    def line(self, started: datetime) -> str:
        return f"Failed: {self.reason}"


@fact
class Expired(InvocationFact):
    """Terminal: older than its maximum age before it ever ran."""


@fact
class StopAsked(InvocationFact):
    """Somebody asked for the invocation to be stopped."""

    def line(self, started: datetime) -> str:
        return "asked to stop"


@fact
class Stopped(InvocationFact):
    """Terminal: stopped as asked."""


@fact
class Invalid(InvocationFact):
    """Terminal: the function is gone, so the event was dropped."""

    reason: str

    def line(self, started: datetime) -> str:
        return f"Invalid: {self.reason}"


@fact
class Delivered(InvocationFact):
    """The invocation's report reached ``destination`` (``queue:declined``, ``function:audit``, …).

    ``message_id`` is the message's id, or the request id of the destination function's invocation.
    """

    destination: str
    message_id: str
    body: bytes

    def line(self, started: datetime) -> str:
        return f"delivered to {self.destination}"


@fact
class DeliveryStarted(InvocationFact):
    """The invocation's report sets out, at ``due``, for the URL that takes the place of ``destination``.

    Followed by ``Delivered`` or ``DeliveryFailed``; without one, it is still to be posted.
    """

    destination: str
    message_id: str
    body: bytes
    due: datetime

    def line(self, started: datetime) -> str:
        later = "" if self.due == self.at else f", at {offset(self.due, started)}"
        return f"report sets out for {self.destination}{later}"


@fact
class DeliveryFailed(InvocationFact):
    """A report did not reach its destination; the invocation's state does not change."""

    destination: str
    reason: str

    def line(self, started: datetime) -> str:
        return f"not delivered to {self.destination}: {self.reason}"


@fact
class Warned(_OfAttempt):
    """Something a user should know of: what the watchdog did, a caller nobody knows, a loop that jumped."""

    text: str

    def line(self, started: datetime) -> str:
        return f"warning: {self.text}"


@fact
class Changed(Fact):
    """Something that is defined was ``created``, ``updated`` or ``deleted`` through an API; ``request_id`` is empty.

    ``what`` is the resource, such as ``function orders/charge``.
    """

    what: str
    action: str

    def line(self, started: datetime) -> str:
        return f"{self.what} {self.action}"


@fact
class Refused(Fact):
    """An invocation or a change was refused that had passed the guard and the signature: nothing else came of it.

    ``request_id`` is that of the answer, and belongs to no invocation. ``who`` asked: the id of an access key, the
    invocation whose handler it was, or ``""``; for ``what``: a method and a path, or a call in the test's process.
    ``code`` and ``message`` are those of the answer; without a code this is the last one that is told.
    """

    who: str
    what: str
    code: str
    message: str = ""

    def line(self, started: datetime) -> str:
        if not self.code:
            return self.message
        by = f" by {self.who}" if self.who else ""
        return f"{self.what}{by} was refused: {self.code}: {self.message}"


@fact
class InstanceStopped(InstanceFact):
    """An instance is used no more, because of ``reason``; ``request_id`` is empty."""

    instance_id: str
    reason: str

    def line(self, started: datetime) -> str:
        return f"instance {self.instance_id} is stopped: {self.reason}"


@fact
class InstanceProvisioned(InstanceFact):
    """An instance was started because it shall be there whether there is work or not; ``request_id`` is empty."""

    qualifier: str
    instance_id: str

    def line(self, started: datetime) -> str:
        return f"instance {self.instance_id} is provisioned for {self.qualifier}"


@fact
class HookRan(InstanceFact):
    """A hook of an instance ran outside of any attempt: ``initializer`` or ``pre-stop``; ``request_id`` is the hook's.

    ``error``: why it failed, ``""`` when it did not; ``output`` is what it wrote.
    """

    instance_id: str
    hook: str
    error: str
    output: str

    def line(self, started: datetime) -> str:
        return f"{self.hook} of instance {self.instance_id} {f'failed: {self.error}' if self.error else 'ran'}"


@value
class Forgotten(Fact):
    """Stands in the place of a fact that is kept no more; nobody gets to see it."""


FORGOTTEN: Final = Forgotten(datetime.min.replace(tzinfo=UTC), "")


_OF_ATTEMPTS: Final = {"Refused": AttemptRefused.__name__}
"""Names in the journal that mean another kind of fact where there is an attempt."""
_NAMES: Final = {KINDS[kind]: name for name, kind in _OF_ATTEMPTS.items()}


def kind_of(fact: type[Fact]) -> str:
    """What the journal calls a kind of fact."""
    return _NAMES.get(fact, fact.__name__)


def to_json(fact: Fact) -> dict[str, Any]:
    """The fact as plain JSON values: ``at``, ``kind``, ``request_id``, ``attempt`` and the rest under ``data``.

    ``from_json`` gives an equal fact back. Times are RFC 3339 in UTC with six digits; bytes that are not UTF-8 are
    ``{"base64": …}``.
    """
    return {
        "at": time_text(fact.at),
        "kind": kind_of(type(fact)),
        "request_id": fact.request_id,
        "attempt": getattr(fact, "attempt", None),
        "data": _write_members(fact),
    }


def from_json(record: dict[str, Any]) -> Fact:
    """Read what ``to_json`` wrote. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else; a member
    that is missing, or not known, is named."""
    if record.keys() != RECORD:
        demand(record, RECORD, "a fact")
    name, more = record["kind"], {}
    if record["attempt"] is not None:
        more["attempt"] = record["attempt"]
        name = _OF_ATTEMPTS.get(name, name)
    kind = KINDS[name]
    members = _read_members(kind, record["data"], f"data of {record['kind']}")
    made: Fact = kind(at=read_time(record["at"]), request_id=record["request_id"], **more, **members)
    return made


_UNSAID: Final[dict[str, object]] = {
    "http": None,
    "seconds": 0.0,
    "message": "",
    "choice": None,
    "time": 1,
    "milliseconds": 0,
}
"""Members that are written only if they say something."""
_OUTCOMES: Final = {
    kind.__name__: kind for kind in (Returned, FunctionError, TimedOut, Throttled, SystemFailed, Halted, Stuck)
}

_TYPES.update(
    {
        kind: {each.name: each.type for each in fields(kind)}
        for kind in (*_OUTCOMES.values(), HttpRequest, HttpAnswer, Deviation)
    }
)


class _Writers(dict[type[Any], Callable[[Any], object] | None]):
    """How a field is written, by the class of what it holds; ``None``: it is JSON as it is."""

    def __missing__(self, kind: type[Any]) -> Callable[[Any], object] | None:
        """Find the writer of a class once: one that freezes time is derived from ``datetime``."""
        write = self[kind] = next((self[known] for known in list(self) if issubclass(kind, known)), None)
        return write


def _write_members(thing: Any) -> dict[str, object]:
    members: dict[str, object] = {}
    for name in _TYPES[type(thing)]:
        given = getattr(thing, name)
        if name not in _UNSAID or given != _UNSAID[name]:
            write = _WRITERS[type(given)]
            members[name] = given if write is None else write(given)
    return members


def _write_outcome(outcome: Outcome) -> object:
    return {"kind": type(outcome).__name__, **_write_members(outcome)}


def _read_members(kind: type[Any], record: Any, what: str) -> dict[str, Any]:
    """The fields of ``kind``; raises what ``from_json`` raises."""
    types = _TYPES[kind]
    if not isinstance(record, dict) or record.keys() != types.keys():
        demand(record, types, what, may=_UNSAID.keys() & types.keys())
    return {name: READERS[types[name]](given) for name, given in record.items()}


def _read_outcome(record: dict[str, Any]) -> Outcome:
    kind: Any = _OUTCOMES[record["kind"]]
    outcome: Outcome = kind(**_read_members(kind, {k: v for k, v in record.items() if k != "kind"}, record["kind"]))
    return outcome


_WRITERS: Final = _Writers(
    {
        datetime: time_text,
        timedelta: timedelta.total_seconds,
        bytes: text_or_base64,
        FunctionRef: str,
        HttpRequest: _write_members,
        HttpAnswer: _write_members,
        Deviation: _write_members,
        tuple: lambda several: [list(each) for each in several],
        Mapping: dict,
    }
)
_WRITERS.update(dict.fromkeys(_OUTCOMES.values(), _write_outcome))
READERS: Final[dict[Any, Callable[[Any], Any]]] = {
    datetime: read_time,
    bytes: read_bytes,
    FunctionRef: lru_cache(FunctionRef.parse),
    Outcome: _read_outcome,
    str: str,
    int: int,
    float: float,
    bool: bool,
    HttpRequest | None: lambda given: HttpRequest(**_read_members(HttpRequest, given, "http")),
    HttpAnswer | None: lambda given: HttpAnswer(**_read_members(HttpAnswer, given, "http")),
    Deviation: lambda given: Deviation(**_read_members(Deviation, given, "deviation")),
    Deviation | None: lambda given: Deviation(**_read_members(Deviation, given, "choice")),
    tuple[tuple[str, str], ...]: lambda given: tuple((name, text) for name, text in given),
    Mapping[str, str | list[str]]: dict,
}
"""What reads the fields of facts from JSON, by their types."""
