"""Metrics: what the facts of a journal come to in numbers, by function."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import timedelta
from typing import Final

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


_COUNTED: Final = frozenset(
    {Dequeued, Finished, AttemptRefused, Held, Expired, Delivered, DeliveryFailed, InstanceStarted}
)
"""The kinds of facts of invocations that add to a number."""


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
    for fact in facts:
        count_fact(found, fact, known.get(fact.request_id))
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


def count_fact(found: dict[FunctionRef, Numbers], fact: Fact, invocation: Invocation | None) -> None:
    """Add a fact; ``invocation`` is the one that it is of, where it is of one."""
    if isinstance(fact, InstanceProvisioned):
        _of(found, fact.function).provisioned += 1
    elif isinstance(fact, InstanceStopped):
        _of(found, fact.function).stopped += 1
    elif invocation is not None:
        kind = type(fact)
        if kind is Accepted:
            _of(found, invocation.accepted.function)
        elif kind in _COUNTED:
            _count(_of(found, invocation.accepted.function), fact, invocation)


def _of(found: dict[FunctionRef, Numbers], ref: FunctionRef) -> Numbers:
    numbers = found.get(ref)
    if numbers is None:
        numbers = found[ref] = Numbers()
    return numbers


def _count(numbers: Numbers, fact: Fact, invocation: Invocation) -> None:
    match fact:
        case Dequeued():
            latency = fact.at - invocation.accepted.at
            numbers.dequeued += 1
            numbers.latency += latency
            numbers.latency_most = max(numbers.latency_most, latency)
        case Finished():
            numbers.attempts[fact.outcome.word] += 1
            numbers.ran += 1
            started = next(one.at for one in invocation.tried if one.attempt == fact.attempt)
            numbers.seconds += fact.at - started
        case AttemptRefused():
            numbers.attempts[fact.outcome.word] += 1
        case Held():
            numbers.held += 1
        case Expired():
            numbers.expired += 1
        case Delivered():
            numbers.delivered += 1
        case DeliveryFailed():
            numbers.not_delivered += 1
        case InstanceStarted():
            numbers.cold_starts += 1
        case _:
            pass
