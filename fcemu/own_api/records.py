"""The records of fcemu's own API: what it answers, what it takes, and the parameters of its queries."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple

from fcemu.core.names import FunctionRef
from fcemu.own_api.codec import (
    COUNT,
    DURATION,
    FLAG,
    FUNCTION_NAME,
    INSTANT,
    NOT_NEGATIVE,
    PAYLOAD,
    SECONDS,
    SECONDS_FROM_0,
    TEXT,
    Kind,
    found,
    kind_of,
    read_record,
    within,
    words,
)
from fcemu.own_api.problems import Problem

# The clock.


class Health(NamedTuple):
    """The server is there."""

    status: str
    version: str


class Clock(NamedTuple):
    """The clock at one moment. ``in_flight``: how many attempts and deliveries it waits for. ``behind``: by how many
    virtual seconds a flowing clock shows less than its rate asks for, because more falls due than can be run."""

    now: datetime
    started: datetime
    rate: float
    autojump: bool
    next_due: datetime | None
    in_flight: int
    behind: float


class ClockChange(NamedTuple):
    """How the clock shall run; ``rate`` 0 pauses it."""

    rate: Annotated[float, within("rate")] | None = None
    autojump: bool | None = None


class Advance(NamedTuple):
    """How far the clock shall move, said in one of three ways."""

    seconds: Annotated[timedelta, SECONDS] | None = None
    by: Annotated[timedelta, DURATION] | None = None
    to: Annotated[str, INSTANT] | None = None


class IdleBound(NamedTuple):
    """After how much virtual time there must be no work left."""

    at_most_seconds: Annotated[timedelta, SECONDS_FROM_0] | None = None


class Nothing(NamedTuple):
    """No fields."""


class Move(NamedTuple):
    """What a move of the clock did: ``facts`` new ones, behind position ``after`` of the journal."""

    now: datetime
    after: int
    facts: int


class Explanation(NamedTuple):
    """Why time is not moving; ``text`` says it all."""

    text: str
    in_flight: list[str]
    waiting_for: list[str]
    next_due: datetime | None


class NewStart(NamedTuple):
    """What shall be different after a reset."""

    seed: Annotated[int, within("seed")] | None = None
    start: Annotated[str, INSTANT] | None = None


# What happened.


class StateAfter(NamedTuple):
    """What is true after one fact. ``status`` and ``phase``: of the invocation that the fact is about; ``until``: when
    that phase ends, as far as it is known, or when the message of the fact becomes visible. ``place``: of that message.
    ``failure``: whether the fact tells of one. ``who`` and ``line``: the fact as the timeline has it. ``deviation``:
    whether the fact is an answer of chance other than the calm one, or a fault that a test asked for."""

    failure: bool
    who: str
    line: str
    status: str | None = None
    phase: Literal["waiting", "starting", "running", "sleeping", "over"] | None = None
    until: datetime | None = None
    place: Literal["visible", "in flight", "gone"] | None = None
    deviation: bool | None = None


class Fact(NamedTuple):
    """One fact of the journal; ``data`` holds what belongs to its ``kind``, as JSON. ``state`` is there in server-sent
    events: what is true after the fact."""

    n: int
    at: datetime
    kind: str
    request_id: str
    function: str
    attempt: int | None
    data: dict[str, Any]
    state: StateAfter | None = None


def _states() -> Iterable[str]:
    from fcemu.core.invocation import State  # a client starts without that module, and takes 20 ms less

    return State


class Attempt(NamedTuple):
    """One run of the handler, or one refusal to run it. ``traceback`` and ``location`` (``handlers.py:12``) tell where
    it failed, with the real paths of the server's machine; ``null`` where no line is known."""

    number: int
    started: datetime
    ended: datetime | None
    outcome: str | None
    error: str | None
    instance_id: str
    logs: str
    traceback: str | None
    location: str | None


class Event(NamedTuple):
    """A state that an invocation entered; ``detail`` is JSON text, or ``""``."""

    status: str
    at: datetime
    detail: str


class Delivery(NamedTuple):
    """One report to a destination; ``reason`` is there when it failed, else ``message_id`` and ``body``."""

    at: datetime
    destination: str
    message_id: str | None = None
    body: bytes | None = None
    reason: str | None = None


class Reply(NamedTuple):
    """What a synchronous caller got, or would have got, from the last attempt."""

    status_code: int
    error: str | None
    body: bytes


class Invocation(NamedTuple):
    """All that is known of one invocation. ``due`` is when the next attempt may start; ``ended`` and ``reply`` are null
    before the end; ``caused_by`` is the outside request that led to it, if it is not its own."""

    request_id: str
    task_id: str | None
    function: str
    qualifier: str
    kind: Literal["sync", "async"]
    source: str
    status: Annotated[str, Kind(TEXT.read, words(_states).schema)]
    accepted: datetime
    due: datetime
    ended: datetime | None
    reason: str
    caused_by: str | None
    payload: bytes
    attempts: list[Attempt]
    deliveries: list[Delivery]
    events: list[Event]
    reply: Reply | None


class WhichFacts(NamedTuple):
    """Which facts, and whether also those to come."""

    after: Annotated[int, COUNT] | None = None
    function: Annotated[FunctionRef, FUNCTION_NAME] | None = None
    follow: Annotated[bool, FLAG] | None = None


class TimelineForm(NamedTuple):
    """In which form the timeline is wanted."""

    format: Literal["text", "chrome", "otlp"] | None = None


class WhichInvocations(NamedTuple):
    """Which invocations; ``after`` is a request id, ``status`` may be written in any letter case."""

    function: Annotated[FunctionRef, FUNCTION_NAME] | None = None
    status: Annotated[str, words(_states)] | None = None
    task_id: str | None = None
    after: str | None = None
    limit: Annotated[int, COUNT] | None = None


class Rerun(NamedTuple):
    """What shall be different when the event of an invocation runs again; what is not given is as it was, but for the
    delay, which is then 0, and the task id. ``payload``: text as it is, ``{"base64": …}``, or any other JSON value,
    which is written compactly."""

    payload: Annotated[bytes, PAYLOAD] | None = None
    delay_seconds: Annotated[timedelta, SECONDS_FROM_0] | None = None
    task_id: str | None = None


class Accepted(NamedTuple):
    """The invocation that was accepted."""

    request_id: str


# What is defined.


class Account(NamedTuple):
    """Whose the functions are, and the first of the access keys that are good."""

    account_id: str
    region: str
    access_key_id: str
    access_key_secret: str


class EventField(NamedTuple):
    """What can be said of an event that a trigger is fired with. ``kind`` says what is expected, ``default`` what it is
    where nothing is said; where it is ``required``, it must be said."""

    name: str
    kind: str
    about: str
    required: bool
    default: Any


class Trigger(NamedTuple):
    """A trigger. ``url`` is the address of an HTTP trigger, ``next`` when a timer fires next; ``fields`` is what can be
    said of its event: nothing of a timer's, and nothing where the event's form is not known, so that it is fired with a
    payload."""

    name: str
    kind: str
    qualifier: str
    source_arn: str
    url: str | None
    next: datetime | None
    fields: list[EventField]


class Function(NamedTuple):
    """A function as it is defined now, with its asynchronous settings. ``timeout`` is in seconds; ``generation`` is
    that of FC, ``2.0`` or ``3.0``; ``stubbed``: whether a stub runs in place of its code."""

    name: str
    generation: str
    runtime: str
    handler: str
    timeout: float
    memory_mb: int
    task_mode: bool
    on_success: str | None
    on_failure: str | None
    stubbed: bool
    triggers: list[Trigger]


class Timer(NamedTuple):
    """A time trigger. ``upcoming`` are its next firings, none where it is not ``enabled``; ``next`` is the first."""

    function: str
    trigger: str
    qualifier: str
    cron: str
    enabled: bool
    payload: str
    next: datetime | None
    upcoming: list[datetime]


class Queue(NamedTuple):
    """A queue. ``arrived``: how many messages were ever put there since it was last cleared; of those that are still
    in it, some are ``visible``, some ``in_flight`` at a consumer, and some ``delayed``."""

    name: str
    arrived: int
    visible: int
    in_flight: int
    delayed: int


class Subscription(NamedTuple):
    """A queue that gets what is published to a topic, where the message has the ``filter_tag``, if there is one."""

    name: str
    queue: str
    filter_tag: str


class Topic(NamedTuple):
    """A topic. ``arrived``: how many messages were ever published since it was last cleared; ``triggers``: those that
    hear of it, as ``function/trigger``."""

    name: str
    arrived: int
    subscriptions: list[Subscription]
    triggers: list[str]


# Messages.


class Message(NamedTuple):
    """What was delivered to a queue, topic or bus. ``request_id`` is the invocation that it reports, null for one that
    a client sent. ``visible`` and ``dequeue_count`` are known of what waits in a queue."""

    message_id: str
    at: datetime
    request_id: str | None
    body: bytes
    visible: datetime | None = None
    dequeue_count: int | None = None


class WhichMessages(NamedTuple):
    """With ``waiting``, only what no consumer has deleted yet."""

    waiting: Annotated[bool, FLAG] | None = None


_BODY: Final = kind_of(bytes)._replace(missing='expected the field body: the message as text, or {"base64": …}')


class NewMessage(NamedTuple):
    """A message for a queue; without ``delay_seconds``, the queue's own delay counts."""

    body: Annotated[bytes, _BODY]
    delay_seconds: int | None = None
    priority: int | None = None


class Publication(NamedTuple):
    """A message for a topic."""

    body: Annotated[bytes, _BODY]
    tag: str | None = None


class Fired(NamedTuple):
    """What firing a trigger did: an invocation, or none, and then the ``reason``."""

    request_id: str | None
    reason: str | None


# What a test arranges.

FaultName = Literal["throttle", "fail", "crash", "delay", "deliver_twice"]
When = Literal["before", "sleeping", "after"]


class Fault(NamedTuple):
    """Trouble for the next ``times`` attempts of a function, of which it has ``struck`` some."""

    n: int
    fault: FaultName
    function: str
    status: int | None = None
    when: When | None = None
    by: float | None = None
    again: float | None = None
    times: int = 1
    struck: int = 0


class NewFault(NamedTuple):
    """Trouble that is asked for: ``status`` belongs to ``fail``, ``when`` to ``crash``, ``by`` to ``delay``, ``again``
    to ``deliver_twice``."""

    fault: FaultName
    function: Annotated[FunctionRef, FUNCTION_NAME]
    times: int | None = None
    status: int | None = None
    when: When | None = None
    by: Annotated[timedelta, DURATION] | None = None
    again: Annotated[timedelta, DURATION] | None = None


class WhichFaults(NamedTuple):
    """The number of one fault."""

    n: Annotated[int, COUNT] | None = None


class StubCall(NamedTuple):
    """One attempt that reached a stub."""

    payload: bytes
    at: datetime
    request_id: str
    attempt: int


class Raised(NamedTuple):
    """The error that a step raises."""

    errorType: str  # noqa: N815 (as FC's own error documents have it)
    errorMessage: str | None = None  # noqa: N815


def _read_raised(value: Any) -> Raised:
    try:
        raised: Raised | None = read_record(Raised, value) if isinstance(value, dict) else None
    except Problem:
        raised = None
    if raised is None or not raised.errorType or "\0" in raised.errorType:
        raise ValueError('{"errorType": text, "errorMessage": text}')
    return raised


class Step(NamedTuple):
    """What one attempt comes to: it returns, raises, or is refused with a ``status`` of 429, 500 or 503."""

    returns: Any = None
    raises: Annotated[Raised, Kind(_read_raised, kind_of(Raised).schema)] | None = None
    seconds: Annotated[float, NOT_NEGATIVE] | None = None
    logs: str | None = None
    status: int | None = None


def _read_steps(value: Any) -> list[Step]:
    if not isinstance(value, list) or not value:
        raise ValueError("a list of one or more steps")
    return [_read_step(number, each) for number, each in enumerate(value, 1)]


def _read_step(number: int, value: Any) -> Step:
    if not isinstance(value, dict):
        raise Problem("invalid-field", f"step {number}: found {found(value)}, expected an object")
    try:
        step: Step = read_record(Step, value)
    except Problem as wrong:
        raise Problem(wrong.kind, f"step {number}: {wrong.detail}", **wrong.more) from None
    return step


_STEPS: Final = Kind(_read_steps, lambda schemas: kind_of(list[Step]).schema(schemas) | {"minItems": 1})


class Stub(NamedTuple):
    """What takes the place of a function's code: a step for each attempt, of which the last repeats."""

    steps: Annotated[list[Step], _STEPS]


class WhichCode(NamedTuple):
    """A version or an alias."""

    qualifier: str | None = None


# Problems.


class DefinitionProblem(NamedTuple):
    """One thing that is wrong in a definition."""

    path: str
    message: str
    hints: list[str]


class ProblemDocument(NamedTuple):
    """What is answered instead of what was asked, in the form of RFC 9457. ``field`` or ``parameter`` is the one that
    is wrong; ``explain`` says why time does not move; ``problems`` is all that is wrong in a definition."""

    type: str
    title: str
    detail: str
    status: int
    field: str | None = None
    parameter: str | None = None
    explain: str | None = None
    problems: list[DefinitionProblem] | None = None
