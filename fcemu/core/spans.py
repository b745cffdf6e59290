"""Traces: what happened to invocations as spans on virtual time, and their form for Chrome and Perfetto."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any, Final, Literal, NamedTuple

from fcemu.core.facts import (
    Accepted,
    AttemptRefused,
    Delayed,
    Delivered,
    DeliveryFailed,
    DeliveryStarted,
    Expired,
    Fact,
    Failed,
    Finished,
    Invalid,
    InvocationFact,
    Redelivered,
    RetryPlanned,
    Slept,
    Started,
    Stopped,
    Succeeded,
)
from fcemu.core.json_forms import time_text
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import Returned

Category = Literal["invocation", "wait", "attempt", "sleep", "report"]
_MICROSECOND: Final = timedelta(microseconds=1)


class Span(NamedTuple):
    """A part of a trace, with a beginning and an end. A trace is an invocation, named by its request id; its first span
    is the invocation itself, which is the ``parent`` of the others but for sleeps, whose parent is their attempt.

    ``key`` names a span within its trace, ``parent`` the one that it is a part of. ``error`` is empty where nothing
    went wrong. ``notes`` are what happened at one instant. ``cause`` is the request id of the outside request that led
    to the invocation, where that is another one.
    """

    trace: str
    key: str
    parent: str | None
    category: Category
    name: str
    function: FunctionRef
    start: datetime
    end: datetime
    error: str
    attributes: dict[str, str | int | bool]
    notes: tuple[tuple[datetime, str], ...] = ()
    cause: str = ""


def trace_id_of(request_id: str) -> int:
    """The 128 bits that name the trace of an invocation."""
    return int.from_bytes(sha256(request_id.encode()).digest()[:16])


def span_id_of(request_id: str, key: str = "") -> int:
    """The 64 bits that name a span; without a key, the invocation's own."""
    return int.from_bytes(sha256(f"{request_id}/{key}".encode()).digest()[:8])


def spans_of(facts: Iterable[Fact], started: datetime, now: datetime) -> list[Span]:
    """The spans of all invocations, in the order of acceptance; what is not over yet ends ``now``."""
    traces: dict[str, _Trace] = {}
    for fact in facts:
        if isinstance(fact, Accepted):
            traces[fact.request_id] = _Trace(fact)
        elif isinstance(fact, InvocationFact) and fact.request_id in traces:
            traces[fact.request_id].take(fact, started)
    return [span for trace in traces.values() for span in trace.spans(now)]


class _Part:
    """A span that may still be open."""

    def __init__(self, key: str, category: Category, name: str, start: datetime, parent: str = "") -> None:
        self.key: Final = key
        self.category: Final[Category] = category
        self.name: Final = name
        self.start: Final = start
        self.parent: Final = parent
        self.end: datetime | None = None
        self.error = ""
        self.attributes: dict[str, str | int | bool] = {}

    def close(self, at: datetime, error: str = "") -> None:
        """Nothing ends before it begins, nor later than it did."""
        self.end = max(self.start, at if self.end is None else min(self.end, at))
        self.error = error


class _Trace:
    """One invocation, as far as its facts were told."""

    def __init__(self, accepted: Accepted) -> None:
        self._accepted: Final = accepted
        self._whole: Final = _Part("", "invocation", str(accepted.function), accepted.at)
        self._parts: Final[dict[str, _Part]] = {}
        self._attempts: Final[dict[int, _Part]] = {}
        """Those that run, by their numbers."""
        self._notes: Final[list[tuple[datetime, str]]] = []
        self._waiting: datetime | None = accepted.at
        """Since when it waits for an attempt."""
        self._state = ""

    def take(self, fact: InvocationFact, started: datetime) -> None:
        """The next fact of the invocation."""
        match fact:
            case Started(at=at, attempt=number, instance_id=instance):
                self._stop_waiting(at)
                self._attempts[number] = part = self._open(f"attempt {number}", "attempt", at)
                part.attributes |= {"fcemu.attempt": number, "fcemu.instance_id": instance}
            case AttemptRefused(at=at, attempt=number, outcome=outcome):
                self._stop_waiting(at)
                self._open(f"attempt {number}", "attempt", at).close(at, outcome.text)
            case Slept(at=at, attempt=number, until=until):
                self._open("sleep", "sleep", at, self._attempts[number].key).close(until)
            case Finished(at=at, attempt=number, outcome=outcome):
                attempt = self._attempts.pop(number)
                attempt.close(at, "" if isinstance(outcome, Returned) else outcome.text)
                for part in self._parts.values():
                    if part.parent == attempt.key:
                        part.close(at)
            case RetryPlanned(at=at) | Delayed(at=at) | Redelivered(at=at):
                self._stop_waiting(at)
                self._waiting = at
                self._notes.append((at, fact.line(started)))
            case DeliveryStarted(destination=destination, due=due):
                self._open(f"report to {destination}", "report", due)
            case Delivered(at=at, destination=destination) | DeliveryFailed(at=at, destination=destination):
                name = f"report to {destination}"
                sent = next((each for each in self._parts.values() if each.name == name and each.end is None), None)
                error = fact.reason if isinstance(fact, DeliveryFailed) else ""
                (sent or self._open(name, "report", at)).close(at, error)
            case Succeeded() | Failed() | Expired() | Stopped() | Invalid():
                self._end(fact)
            case _:
                self._notes.append((fact.at, fact.line(started)))

    def spans(self, now: datetime) -> Iterator[Span]:
        """The invocation, then its parts in the order in which they were known."""
        accepted = self._accepted
        waits = [] if self._waiting is None else [_Part("waits now", "wait", "waits", self._waiting)]
        for part in (self._whole, *self._parts.values(), *waits):
            whole = part is self._whole
            yield Span(
                accepted.request_id,
                part.key,
                None if whole else part.parent,
                part.category,
                part.name,
                accepted.function,
                part.start,
                max(part.start, now) if part.end is None else part.end,
                part.error,
                self._about() if whole else part.attributes,
                tuple(self._notes) if whole else (),
                accepted.root if whole and accepted.root != accepted.request_id else "",
            )

    def _about(self) -> dict[str, str | int | bool]:
        accepted = self._accepted
        return {
            "fcemu.request_id": accepted.request_id,
            "fcemu.source": accepted.source,
            "fcemu.synchronous": accepted.synchronous,
            "fcemu.status": self._state or "not ended",
            **({"fcemu.task_id": accepted.task_id} if accepted.task_id else {}),
        }

    def _open(self, name: str, category: Category, at: datetime, parent: str = "") -> _Part:
        """A new part; the second of a name is numbered."""
        key = next(key for n in count(1) if (key := name if n == 1 else f"{name} ({n})") not in self._parts)
        part = self._parts[key] = _Part(key, category, name, at, parent)
        return part

    def _stop_waiting(self, at: datetime) -> None:
        """A wait of no time is none."""
        if self._waiting is not None and self._waiting < at:
            self._open("waits", "wait", self._waiting).close(at)
        self._waiting = None

    def _end(self, fact: InvocationFact) -> None:
        self._stop_waiting(fact.at)
        self._state = type(fact).__name__
        bad = isinstance(fact, Failed | Expired | Invalid)
        reason = fact.reason if isinstance(fact, Failed | Invalid) else ""
        self._whole.close(fact.at, (f"{self._state}: {reason}" if reason else self._state) if bad else "")


# Chrome's trace events, which Perfetto reads, too.


def chrome(spans: Iterable[Span], started: datetime) -> dict[str, Any]:
    """A document in the JSON Object Format of Chrome's trace events: a process for each function, a thread for each of
    its invocations, and one for the reports of an invocation. Times are microseconds from ``started``.

    Source: "Trace Event Format", the Chrome project's document, read 2026-11.
    """
    events: list[dict[str, Any]] = []
    processes: dict[FunctionRef, int] = {}
    threads: dict[str, int] = {}
    numbers: dict[FunctionRef, int] = {}
    for span in spans:
        if span.function not in processes:
            processes[span.function] = len(processes) + 1
            events.append(_named("process_name", processes[span.function], 0, str(span.function)))
        process, thread = processes[span.function], threads.get(span.trace)
        if thread is None:
            thread = threads[span.trace] = 2 * len(threads) + 1
            number = numbers[span.function] = numbers.get(span.function, 0) + 1
            events.append(_named("thread_name", process, thread, f"{span.function} ({number})"))
            events.append(_named("thread_name", process, thread + 1, f"{span.function} ({number}) reports"))
        place = {"pid": process, "tid": thread + (span.category == "report")}
        about = {**span.attributes, **({"error": span.error} if span.error else {})}
        if span.cause:
            about["fcemu.cause"] = span.cause
        events.append(
            {
                "name": span.name,
                "cat": span.category,
                "ph": "X",
                "ts": (span.start - started) // _MICROSECOND,
                "dur": (span.end - span.start) // _MICROSECOND,
                **place,
                "args": about,
            }
        )
        events += (
            {"name": note, "cat": "note", "ph": "i", "s": "t", "ts": (at - started) // _MICROSECOND, **place}
            for at, note in span.notes
        )
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"started": time_text(started)}}


def _named(what: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}
