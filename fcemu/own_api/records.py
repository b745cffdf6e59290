"""The records of fcemu's own API: what it answers, what it takes, and the parameters of its queries."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fcemu.core.names import FunctionRef
from fcemu.core.values import value
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


@value
class Health:
    """The server is running."""

    status: str
    version: str


@value
class Clock:
    """The clock at one moment. ``in_flight`` counts the attempts and deliveries that it waits for. ``behind`` is
    the number of virtual seconds by which a flowing clock lags, because more work falls due than can be run."""

    now: datetime
    started: datetime
    rate: float
    autojump: bool
    next_due: datetime | None
    in_flight: int
    behind: float


@value
class ClockChange:
    """A change of how the clock runs; ``rate`` 0 pauses it."""

    rate: Annotated[float, within("rate")] | None = None
    autojump: bool | None = None


@value
class Advance:
    """The distance by which the clock moves, given in one of three ways."""

    seconds: Annotated[timedelta, SECONDS] | None = None
    by: Annotated[timedelta, DURATION] | None = None
    to: Annotated[str, INSTANT] | None = None


@value
class IdleBound:
    """The virtual time after which no work may be left."""

    at_most_seconds: Annotated[timedelta, SECONDS_FROM_0] | None = None


@value
class Nothing:
    """An object without fields."""


@value
class Move:
    """The result of a move of the clock: it recorded ``facts`` new facts after position ``after`` of the journal."""

    now: datetime
    after: int
    facts: int


@value
class Explanation:
    """The reason why time is not moving; ``text`` tells all of it."""

    text: str
    in_flight: list[str]
    waiting_for: list[str]
    next_due: datetime | None


@value
class NewStart:
    """The changes that a reset makes to the start."""

    seed: Annotated[int, within("seed")] | None = None
    start: Annotated[str, INSTANT] | None = None


# What happened.


@value
class StateAfter:
    """The state after one fact. ``status`` and ``phase`` describe the invocation that the fact concerns; ``until`` is
    the end of that phase, if it is known, or the time at which the message of the fact becomes visible. ``place`` is
    where that message is. ``failure`` says whether the fact reports a failure. ``who`` and ``line`` are the fact as the
    timeline shows it. ``deviation`` says whether the fact is an answer of chance other than the calm one, or a fault
    that a test asked for."""

    failure: bool
    who: str
    line: str
    status: str | None = None
    phase: Literal["waiting", "starting", "running", "sleeping", "over"] | None = None
    until: datetime | None = None
    place: Literal["visible", "in flight", "gone"] | None = None
    deviation: bool | None = None


@value
class Fact:
    """One fact of the journal; ``data`` holds the details of its ``kind``, as JSON. Server-sent events also have
    ``state``, the state after the fact."""

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


@value
class Attempt:
    """One run of the handler, or one refusal to run it. ``traceback`` and ``location`` (``handlers.py:12``) tell where
    it failed, with the real paths of the server's machine; they are ``null`` where no line is known."""

    number: int
    started: datetime
    ended: datetime | None
    outcome: str | None
    error: str | None
    instance_id: str
    logs: str
    traceback: str | None
    location: str | None


@value
class Event:
    """A state that an invocation entered; ``detail`` is a string of JSON, or ``""``."""

    status: str
    at: datetime
    detail: str


@value
class Delivery:
    """One report to a destination; it has a ``reason`` if it failed, and otherwise ``message_id`` and ``body``."""

    at: datetime
    destination: str
    message_id: str | None = None
    body: bytes | None = None
    reason: str | None = None


@value
class Reply:
    """The reply that a synchronous caller got, or would have got, from the last attempt."""

    status_code: int
    error: str | None
    body: bytes


@value
class Invocation:
    """All that is known of one invocation. ``due`` is the time at which the next attempt may start; ``ended`` and
    ``reply`` are null before the end; ``caused_by`` is the outside request that led to it, if that is another one."""

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


@value
class WhichFacts:
    """A selection of facts; with ``follow``, also of those to come."""

    after: Annotated[int, COUNT] | None = None
    function: Annotated[FunctionRef, FUNCTION_NAME] | None = None
    follow: Annotated[bool, FLAG] | None = None


@value
class TimelineForm:
    """The form of the timeline."""

    format: Literal["text", "chrome", "otlp"] | None = None


@value
class WhichInvocations:
    """A selection of invocations; ``after`` is a request id, and ``status`` may be written in any letter case."""

    function: Annotated[FunctionRef, FUNCTION_NAME] | None = None
    status: Annotated[str, words(_states)] | None = None
    task_id: str | None = None
    after: str | None = None
    limit: Annotated[int, COUNT] | None = None


@value
class Rerun:
    """The changes with which the event of an invocation runs again. Anything not given stays as it was, except that the
    delay is then 0 and the task id is new. ``payload`` is a string that is taken as it is, ``{"base64": …}``, or any
    other JSON value, which is written compactly."""

    payload: Annotated[bytes, PAYLOAD] | None = None
    delay_seconds: Annotated[timedelta, SECONDS_FROM_0] | None = None
    task_id: str | None = None


@value
class Accepted:
    """The invocation that was accepted."""

    request_id: str


# What is defined.


@value
class Account:
    """The account that owns the functions, and the first of the valid access keys."""

    account_id: str
    region: str
    access_key_id: str
    access_key_secret: str


@value
class EventField:
    """A field of the event with which a trigger is fired. ``kind`` describes its values, and ``default`` is used
    if no value is given; a ``required`` field needs a value."""

    name: str
    kind: str
    about: str
    required: bool
    default: Any


@value
class Trigger:
    """A trigger. ``url`` is the address of an HTTP trigger, and ``next`` the next firing of a timer. ``fields`` are the
    fields of its event: a timer has none, and neither has an event whose form is not known, so that it is fired with a
    payload."""

    name: str
    kind: str
    qualifier: str
    source_arn: str
    url: str | None
    next: datetime | None
    fields: list[EventField]


@value
class Function:
    """A function as it is defined now, with its asynchronous settings. ``timeout`` is in seconds; ``generation`` is
    that of FC, ``2.0`` or ``3.0``; ``stubbed`` says whether a stub runs in place of its code."""

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


@value
class Timer:
    """A time trigger. ``upcoming`` lists its next firings and is empty unless it is ``enabled``; ``next`` is the first
    of them."""

    function: str
    trigger: str
    qualifier: str
    cron: str
    enabled: bool
    payload: str
    next: datetime | None
    upcoming: list[datetime]


@value
class Queue:
    """A queue. ``arrived`` counts the messages that were put there since it was last cleared; of those that are still
    in it, some are ``visible``, some ``in_flight`` at a consumer, and some ``delayed``."""

    name: str
    arrived: int
    visible: int
    in_flight: int
    delayed: int


@value
class Subscription:
    """A queue that gets the messages of a topic; if there is a ``filter_tag``, only those with this tag."""

    name: str
    queue: str
    filter_tag: str


@value
class Topic:
    """A topic. ``arrived`` counts the messages that were published since it was last cleared; ``triggers`` lists those
    that fire on it, as ``function/trigger``."""

    name: str
    arrived: int
    subscriptions: list[Subscription]
    triggers: list[str]


# Messages.


@value
class Message:
    """A message that was delivered to a queue, topic or bus. ``request_id`` is the invocation that it reports, and null
    if a client sent it. A message that waits in a queue has ``visible`` and ``dequeue_count``."""

    message_id: str
    at: datetime
    request_id: str | None
    body: bytes
    visible: datetime | None = None
    dequeue_count: int | None = None


@value
class WhichMessages:
    """A selection of messages; with ``waiting``, only those that no consumer has deleted yet."""

    waiting: Annotated[bool, FLAG] | None = None


_BODY: Final = kind_of(bytes)._replace(missing='expected the field body: the message as a string, or {"base64": …}')


@value
class NewMessage:
    """A message for a queue; without ``delay_seconds``, the queue's own delay applies."""

    body: Annotated[bytes, _BODY]
    delay_seconds: int | None = None
    priority: int | None = None


@value
class Publication:
    """A message for a topic."""

    body: Annotated[bytes, _BODY]
    tag: str | None = None


@value
class Fired:
    """The result of firing a trigger: an invocation, or the ``reason`` why there is none."""

    request_id: str | None
    reason: str | None


# What a test arranges.

FaultName = Literal["throttle", "fail", "crash", "delay", "deliver_twice"]
When = Literal["before", "sleeping", "after"]


@value
class Fault:
    """A fault of the next ``times`` attempts of a function; ``struck`` counts how often it has occurred."""

    n: int
    fault: FaultName
    function: str
    status: int | None = None
    when: When | None = None
    by: float | None = None
    again: float | None = None
    times: int = 1
    struck: int = 0


@value
class NewFault:
    """A new fault: ``status`` belongs to ``fail``, ``when`` to ``crash``, ``by`` to ``delay``, and ``again`` to
    ``deliver_twice``."""

    fault: FaultName
    function: Annotated[FunctionRef, FUNCTION_NAME]
    times: int | None = None
    status: int | None = None
    when: When | None = None
    by: Annotated[timedelta, DURATION] | None = None
    again: Annotated[timedelta, DURATION] | None = None


@value
class WhichFaults:
    """The number of one fault."""

    n: Annotated[int, COUNT] | None = None


@value
class StubCall:
    """One attempt that reached a stub."""

    payload: bytes
    at: datetime
    request_id: str
    attempt: int


@value
class Raised:
    """The error that a step raises."""

    errorType: str  # noqa: N815 (as FC's own error documents have it)
    errorMessage: str | None = None  # noqa: N815


def _read_raised(value: Any) -> Raised:
    try:
        raised: Raised | None = read_record(Raised, value) if isinstance(value, dict) else None
    except Problem:
        raised = None
    if raised is None or not raised.errorType or "\0" in raised.errorType:
        raise ValueError('{"errorType": STRING, "errorMessage": STRING}')
    return raised


@value
class Step:
    """A step of a stub: an attempt returns, raises, or is refused with a ``status`` of 429, 500 or 503."""

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
        raise Problem("invalid-field", f"step {number}: expected an object, got {found(value)}")
    try:
        step: Step = read_record(Step, value)
    except Problem as wrong:
        raise Problem(wrong.kind, f"step {number}: {wrong.detail}", **wrong.more) from None
    return step


_STEPS: Final = Kind(_read_steps, lambda schemas: kind_of(list[Step]).schema(schemas) | {"minItems": 1})


@value
class Stub:
    """The steps that replace the code of a function, one for each attempt; the last one repeats."""

    steps: Annotated[list[Step], _STEPS]


@value
class WhichCode:
    """A version or an alias."""

    qualifier: str | None = None


# Problems.


@value
class DefinitionProblem:
    """A problem of a definition."""

    path: str
    message: str
    hints: list[str]


@value
class ProblemDocument:
    """A refusal in the form of RFC 9457. ``field`` or ``parameter`` names the wrong one; ``explain`` says why time does
    not move; ``problems`` lists all problems of a definition."""

    type: str
    title: str
    detail: str
    status: int
    field: str | None = None
    parameter: str | None = None
    explain: str | None = None
    problems: list[DefinitionProblem] | None = None
