"""The journal as text for people: one line a fact, with virtual times."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, assert_never

from fcemu.core.facts import (
    Accepted,
    Changed,
    Delayed,
    Delivered,
    DeliveryFailed,
    DeliveryStarted,
    Dequeued,
    Expired,
    Fact,
    Failed,
    FaultStruck,
    Finished,
    Held,
    HookRan,
    InstanceFact,
    InstanceProvisioned,
    InstanceStarted,
    InstanceStopped,
    Invalid,
    InvocationFact,
    Redelivered,
    Refused,
    RetryPlanned,
    Slept,
    Started,
    StopAsked,
    Stopped,
    Succeeded,
    Warned,
)
from fcemu.core.outcome import (
    FunctionError,
    Halted,
    Outcome,
    Returned,
    Stuck,
    SystemFailed,
    Throttled,
    TimedOut,
    error_message,
    word,
)

_PAYLOAD_SHOWN: Final = 60


class Timeline:
    """Writes facts as lines ``+200.5 s  orders/charge (1)  attempt 2 starts``, as they come.

    Times count from ``started``. Invocations of one function are numbered in the order of acceptance. Facts that come
    together are aligned; later ones stand in the columns of the earlier ones, which widen as they need to.
    """

    def __init__(self, started: datetime) -> None:
        self._started: Final = started
        self._names: Final[dict[str, str]] = {}
        self._counts: Final[dict[str, int]] = {}
        self._widths: tuple[int, ...] = (0, 0)

    def lines(self, facts: Iterable[Fact]) -> list[str]:
        """The lines of the facts that follow those written before."""
        rows = [self._row(fact) for fact in facts]
        when, who = self._widths = tuple(
            max([width, *(len(row[column]) for row in rows)]) for column, width in enumerate(self._widths)
        )
        return [f"{at:<{when}}  {name:<{who}}  {what}" for at, name, what in rows]

    def _row(self, fact: Fact) -> tuple[str, str, str]:
        if isinstance(fact, Accepted):
            function = str(fact.function)
            self._counts[function] = self._counts.get(function, 0) + 1
            self._names[fact.request_id] = f"{function} ({self._counts[function]})"
        who = self._names.get(fact.request_id) or fact.request_id
        if isinstance(fact, Changed):
            who = "(definition)"
        elif isinstance(fact, InstanceFact):
            who = str(fact.function)
        elif not who and not isinstance(fact, InvocationFact):
            who = fact.destination
        return offset(fact.at, self._started), who, _say(fact, self._started, self._names)


def render(facts: Iterable[Fact], started: datetime) -> str:
    """All the facts as one text; ``""`` when there are none."""
    return "\n".join(Timeline(started).lines(facts))


def offset(at: datetime, started: datetime) -> str:
    """``+200.5 s``: seconds from ``started``, without needless digits."""
    return f"+{seconds(at - started)}"


def seconds(duration: timedelta) -> str:
    """``200.5 s``, exact to the microsecond, without needless digits."""
    text = f"{duration // timedelta(microseconds=1) / 1_000_000:.6f}".rstrip("0").rstrip(".")
    return f"{text} s"


def _say(fact: Fact, started: datetime, names: dict[str, str]) -> str:
    match fact:
        case Accepted():
            return _say_accepted(fact, started, names)
        case Dequeued():
            return "dequeued"
        case InstanceStarted():
            takes = f", which takes {fact.seconds:g} s to start" if fact.seconds else ""
            return f"new instance {fact.instance_id}{takes}"
        case InstanceStopped():
            return f"instance {fact.instance_id} is stopped: {fact.reason}"
        case InstanceProvisioned():
            return f"instance {fact.instance_id} is provisioned for {fact.qualifier}"
        case HookRan():
            return f"{fact.hook} of instance {fact.instance_id} {f'failed: {fact.error}' if fact.error else 'ran'}"
        case Held():
            return f"attempt {fact.attempt} waits for an instance"
        case Started():
            return f"attempt {fact.attempt} starts"
        case Refused():
            return f"attempt {fact.attempt} refused: {_outcome(fact.outcome)}"
        case Slept():
            return f"attempt {fact.attempt} sleeps {seconds(fact.until - fact.at)}"
        case Finished():
            return f"attempt {fact.attempt} {_outcome(fact.outcome)}"
        case FaultStruck():
            return f"attempt {fact.attempt} meets a fault: {fact.fault}"
        case Delayed():
            return f"attempt {fact.attempt} starts {seconds(fact.due - fact.at)} late, at {offset(fact.due, started)}"
        case Redelivered():
            wait = seconds(fact.due - fact.at)
            return f"attempt {fact.attempt} is delivered again after {wait}, at {offset(fact.due, started)}"
        case RetryPlanned():
            return f"retried after {seconds(fact.due - fact.at)}, at {offset(fact.due, started)}"
        case Succeeded() | Stopped() | Expired():
            return type(fact).__name__
        case Failed() | Invalid():
            return f"{type(fact).__name__}: {fact.reason}"
        case StopAsked():
            return "asked to stop"
        case Delivered():
            return f"delivered to {fact.destination}"
        case DeliveryStarted():
            later = "" if fact.due == fact.at else f", at {offset(fact.due, started)}"
            return f"report sets out for {fact.destination}{later}"
        case DeliveryFailed():
            return f"not delivered to {fact.destination}: {fact.reason}"
        case Warned():
            return f"warning: {fact.text}"
        case Changed():
            return f"{fact.what} {fact.action}"
        case mail:
            return mail.text(started)


def _say_accepted(fact: Accepted, started: datetime, names: dict[str, str]) -> str:
    what = "invoked" if fact.synchronous else "accepted"
    behind = fact.source == "destination" or (fact.source == "trigger" and fact.depth)
    cause = f" from {names.get(fact.root, fact.root)}" if behind else ""
    later = "" if fact.due == fact.at else f", due {offset(fact.due, started)}"
    return f"{what}{cause}{later} [{fact.request_id}]"


def _outcome(outcome: Outcome) -> str:
    match outcome:
        case Returned(payload):
            return f"returned {short(payload)}"
        case FunctionError(error_type, document, name):
            return f"failed: {name or error_type}: {_message(document)}"
        case TimedOut(document):
            return f"timed out: {_message(document)}"
        case Throttled(code, status) | SystemFailed(status, code):
            return f"{status} {code}"
        case Halted(why) | Stuck(why):
            return f"{word(outcome)}: {why}"
        case unreachable:
            assert_never(unreachable)


def _message(document: bytes) -> str:
    said = error_message(document)
    return short(document) if said is None else said


def short(payload: bytes) -> str:
    """The beginning of a text that somebody sent or returned, in quotes and on one line."""
    text = " ".join(payload.decode(errors="replace").split())
    return repr(text if len(text) <= _PAYLOAD_SHOWN else f"{text[:_PAYLOAD_SHOWN]}…")
