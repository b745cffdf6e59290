"""Metrics: what the facts of a journal come to in numbers, by function."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from datetime import timedelta
from typing import Any, Final

from fcemu.core.facts import (
    Accepted,
    AttemptRefused,
    Delivered,
    DeliveryFailed,
    Dequeued,
    Expired,
    Fact,
    Finished,
    Held,
    InstanceFact,
    InstanceProvisioned,
    InstanceStarted,
    InstanceStopped,
)
from fcemu.core.invocation import Invocation, Recorded, State
from fcemu.core.names import FunctionRef
from fcemu.core.values import dataclass


@dataclass(slots=True)
class Numbers:
    """Of one function. Times are virtual."""

    invocations: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By ``sync`` or ``async``, and by state."""
    enqueued: int = 0
    dequeued: int = 0
    latency: timedelta = timedelta(0)
    """From when messages were accepted to when they were dequeued, all together; and the longest of them."""
    latency_most: timedelta = timedelta(0)
    backlog: int = 0
    """Asynchronous invocations that are accepted, not ended, and do not run."""
    in_process: int = 0
    expired: int = 0
    held: int = 0
    """How often an attempt waited because no instance could be had."""
    delivered: int = 0
    not_delivered: int = 0
    attempts: Counter[str] = field(default_factory=Counter)
    """By the word of their outcome, refused ones included."""
    ran: int = 0
    seconds: timedelta = timedelta(0)
    """How many attempts ran to an end, and how long they took together."""
    cold_starts: int = 0
    provisioned: int = 0
    stopped: int = 0

    @property
    def instances(self) -> int:
        """How many there are now."""
        return self.cold_starts + self.provisioned - self.stopped


def copied(numbers: Mapping[FunctionRef, Numbers]) -> dict[FunctionRef, Numbers]:
    """Numbers to count on from."""
    return {
        ref: replace(one, invocations=Counter(one.invocations), attempts=Counter(one.attempts))
        for ref, one in numbers.items()
    }


def measure(
    found: dict[FunctionRef, Numbers], facts: Iterable[Fact], known: Mapping[str, Invocation]
) -> dict[FunctionRef, Numbers]:
    """Add to numbers by function what facts, and the states of ``known``, the invocations that they are of, come to.

    Functions are in the order of their first invocations.
    """
    for invocation in known.values():
        count_invocation(found, invocation)
    count_facts(found, facts, known)
    return found


def count_invocation(found: dict[FunctionRef, Numbers], invocation: Recorded, sign: int = 1) -> None:
    """Add an invocation as it is now; ``sign`` -1: take it out again."""
    numbers = _of(found, invocation.function)
    synchronous, state = invocation.synchronous, invocation.state
    numbers.invocations["sync" if synchronous else "async", str(state)] += sign
    if synchronous:
        return
    numbers.enqueued += sign
    if state in (State.RUNNING, State.STOPPING):
        numbers.in_process += sign
    elif not invocation.finished:
        numbers.backlog += sign


def count_facts(found: dict[FunctionRef, Numbers], facts: Iterable[Fact], known: Mapping[str, Recorded]) -> None:
    """Add facts; ``known`` has the invocations that they are of, as a whole."""
    for fact in facts:
        count = _COUNTS.get(type(fact))
        if count is not None:
            about = fact if isinstance(fact, InstanceFact) else known.get(fact.request_id)
            if about is not None:
                count(_of(found, about.function), fact, about)


def _of(found: dict[FunctionRef, Numbers], ref: FunctionRef) -> Numbers:
    numbers = found.get(ref)
    if numbers is None:
        numbers = found[ref] = Numbers()
    return numbers


def _accept(numbers: Numbers, fact: Accepted, invocation: Invocation) -> None:
    """An invocation is counted by its state; its function has a place in the order of functions now."""


def _dequeue(numbers: Numbers, fact: Dequeued, invocation: Invocation) -> None:
    latency = fact.at - invocation.at
    numbers.dequeued += 1
    numbers.latency += latency
    numbers.latency_most = max(numbers.latency_most, latency)


def _finish(numbers: Numbers, fact: Finished, invocation: Invocation) -> None:
    numbers.attempts[fact.outcome.word] += 1
    numbers.ran += 1
    for began in invocation.tried:
        if began.attempt == fact.attempt:
            numbers.seconds += fact.at - began.at
            break


def _refuse(numbers: Numbers, fact: AttemptRefused, invocation: Invocation) -> None:
    numbers.attempts[fact.outcome.word] += 1


def _one_more(name: str) -> "_Count":
    def count(numbers: Numbers, fact: Fact, about: object) -> None:
        setattr(numbers, name, getattr(numbers, name) + 1)

    return count


_Count = Callable[[Numbers, Any, Any], None]
_COUNTS: Final[dict[type[Any], _Count]] = {
    Accepted: _accept,
    Dequeued: _dequeue,
    Finished: _finish,
    AttemptRefused: _refuse,
    Held: _one_more("held"),
    Expired: _one_more("expired"),
    Delivered: _one_more("delivered"),
    DeliveryFailed: _one_more("not_delivered"),
    InstanceStarted: _one_more("cold_starts"),
    InstanceProvisioned: _one_more("provisioned"),
    InstanceStopped: _one_more("stopped"),
}
"""What a fact adds to the numbers of the function that it or its invocation is about; facts of other kinds add nothing.
"""
