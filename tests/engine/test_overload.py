"""Overload: random limits, durations and arrivals; the right calls are refused, nothing is lost, order is kept."""

import os
import threading
from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

import pytest
from fakes import ask, make, s
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import WAIT_SECONDS

from fcemu.core.capacity import CONCURRENCY, ON_DEMAND
from fcemu.core.facts import AttemptRefused, Finished, InstanceStarted, InstanceStopped, Started
from fcemu.core.invocation import State
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.resource_types import CAPACITIES
from fcemu.core.settings import Settings

FULL = os.environ.get("FCEMU_EFFORT") == "full"
NAMES = {"a": "s/a", "b": "b"}


class Arrival(NamedTuple):
    """A request: when, of which function, how long its handler takes, whether its caller waits."""

    at: float
    function: str
    seconds: float
    synchronous: bool


@dataclass
class Model:
    """What shall come of arrivals, written down without a look at the engine. All that ends at an instant ends before
    anything arrives at it. ``started``: when, by number; ``refused``: the numbers of those that were."""

    limits: dict[str, int]
    account: int
    started: dict[int, float] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.busy = dict.fromkeys(self.limits, 0)
        self.waiting: dict[str, deque[int]] = {name: deque() for name in self.limits}
        self.ends: list[tuple[float, int, str]] = []

    def room(self, function: str) -> bool:
        return self.busy[function] < self.limits[function] and sum(self.busy.values()) < self.account

    def run(self, arrivals: list[Arrival]) -> "Model":
        for number, arrival in enumerate(arrivals):
            self.end_until(arrival.at, arrivals)
            if not arrival.synchronous and (self.waiting[arrival.function] or not self.room(arrival.function)):
                self.waiting[arrival.function].append(number)
            elif self.room(arrival.function):
                self.start(number, arrivals[number], arrival.at)
            else:
                self.refused.add(number)
        self.end_until(float("inf"), arrivals)
        return self

    def start(self, number: int, arrival: Arrival, now: float) -> None:
        self.started[number] = now
        self.busy[arrival.function] += 1
        heappush(self.ends, (now + arrival.seconds, len(self.started), arrival.function))

    def end_until(self, instant: float, arrivals: list[Arrival]) -> None:
        while self.ends and self.ends[0][0] <= instant:
            now, _, function = heappop(self.ends)
            self.busy[function] -= 1
            # Its instance is for its own function, if that waits; else for who waits longest and may have it.
            firsts = sorted((queue[0], name) for name, queue in self.waiting.items() if queue)
            for name in [function, *(name for _, name in firsts)]:
                if self.waiting[name] and self.room(name):
                    number = self.waiting[name].popleft()
                    self.start(number, arrivals[number], now)


def times_apart(draw: st.DrawFn) -> list[Arrival]:
    """Arrivals whose instants and ends never meet: which of two things at one instant comes first is another test."""
    count = draw(st.integers(1, 25))
    gaps = draw(st.lists(st.integers(0, 30), min_size=count, max_size=count))
    at, arrivals = 0.0, []
    for number, gap in enumerate(gaps):
        at += gap + 1
        arrivals.append(
            Arrival(
                at,
                draw(st.sampled_from("ab")),
                draw(st.integers(1, 60)) + 2.0 ** -(number % 15 + 1),
                draw(st.booleans()),
            )
        )
    return arrivals


limits = st.integers(0, 5)


def target(call):
    call.clock.sleep(float(call.payload))


def emulator_of(account, a, b, callers, **more):
    """Two functions with limits of their own; and callers, whose instances are theirs alone."""

    def caller(call):
        name, seconds = call.payload.decode().split()
        ended = threading.Event()
        asked = ask(name, seconds.encode(), access_key_id=call.access_key_id)
        called = emulator.invoke(asked, lambda _: ended.set())
        assert ended.wait(WAIT_SECONDS)
        return called.state

    limits = Settings(instance_limit=account + callers, **more)
    emulator, _ = make(settings=limits, timeout=80_000, s__a=target, b=target, caller=caller)
    limit(emulator, "caller", CONCURRENCY, "reservedConcurrency", callers)
    limit(emulator, "s/a", ON_DEMAND, "maximumInstanceCount", a)
    limit(emulator, "b", ON_DEMAND, "maximumInstanceCount", b)
    return emulator


def send(emulator, arrivals):
    """Accept them all; each gets to its function at its time."""
    for arrival in arrivals:
        name, seconds = NAMES[arrival.function], repr(arrival.seconds)
        if arrival.synchronous:
            emulator.accept(ask("caller", f"{name} {seconds}".encode(), delay=arrival.at))
        else:
            emulator.accept(ask(name, seconds.encode(), delay=arrival.at))


def at_targets(emulator):
    """The invocations of the two functions, in the order of their arrival."""
    there = [one for one in emulator.journal.invocations.values() if str(one.accepted.function) != "caller"]
    return sorted(there, key=lambda one: one.accepted.due)


@settings(max_examples=3000 if FULL else 100, deadline=None)
@given(data=st.data(), a=limits, b=limits, account=st.integers(0, 8))
def test_engine_and_model_agree_on_who_starts_when_and_who_is_refused(data, a, b, account):
    arrivals = times_apart(data.draw)
    model = Model({"a": a, "b": b}, account).run(arrivals)
    emulator = emulator_of(account, a, b, sum(arrival.synchronous for arrival in arrivals))
    send(emulator, arrivals)
    emulator.wait(emulator.advance(s(5000)))
    ended = at_targets(emulator)
    starts = {
        number: (one.attempts[0].started - emulator.clock.started).total_seconds()
        for number, one in enumerate(ended)
        if one.executions
    }
    assert {number for number, one in enumerate(ended) if one.state is State.FAILED} == model.refused
    assert starts == pytest.approx(model.started, abs=1e-4)
    assert most_instances(emulator) <= account
    emulator.close()


@settings(max_examples=300 if FULL else 15, deadline=None)
@given(data=st.data(), a=st.integers(1, 3), b=st.integers(1, 3), account=st.integers(1, 4))
def test_on_a_flowing_clock_nothing_is_lost_or_overtaken_and_no_limit_is_exceeded(data, a, b, account):
    arrivals = times_apart(data.draw)
    emulator = emulator_of(account, a, b, sum(arrival.synchronous for arrival in arrivals), rate=10_000)
    send(emulator, arrivals)
    emulator.wait(emulator.run_until_idle(None))
    ended = at_targets(emulator)
    assert len(ended) == len(arrivals)
    for one in ended:
        assert one.state in ((State.SUCCEEDED, State.FAILED) if one.accepted.synchronous else (State.SUCCEEDED,))
    for name in NAMES.values():
        queued = [one for one in ended if str(one.accepted.function) == name and not one.accepted.synchronous]
        assert [one.attempts[0].started for one in queued] == sorted(one.attempts[0].started for one in queued)
    assert refused_with_room(emulator, {"s/a": a, "b": b}, account) == []
    assert most_instances(emulator) <= account
    emulator.close()


def limit(emulator, ref, kind, name, number):
    emulator.control.put(CAPACITIES, (kind, FunctionRef.parse(ref), LATEST), {"kept": {name: number}})


def most_instances(emulator):
    """How many instances of functions that are no callers there ever were at a time."""
    there: set[str] = set()
    most = 0
    for fact in emulator.journal:
        if isinstance(fact, InstanceStarted) and str(emulator.journal.function_of(fact)) != "caller":
            there.add(fact.instance_id)
            most = max(most, len(there))
        elif isinstance(fact, InstanceStopped):
            there.discard(fact.instance_id)
    return most


def most_running(emulator):
    running = most = 0
    for fact in emulator.journal:
        running += isinstance(fact, Started) - isinstance(fact, Finished)
        most = max(most, running)
    return most


def refused_with_room(emulator, limits, account):
    """Request ids of calls that were refused although, just then, fewer attempts ran than their limits allow. Also
    checks that never more run."""
    busy = dict.fromkeys(limits, 0)
    wrong = []
    for fact in emulator.journal:
        name = str(emulator.journal.function_of(fact))
        if name not in limits:
            continue
        busy[name] += isinstance(fact, Started) - isinstance(fact, Finished)
        assert busy[name] <= limits[name]
        assert sum(busy.values()) <= account
        if isinstance(fact, AttemptRefused) and busy[name] < limits[name] and sum(busy.values()) < account:
            wrong.append(fact.request_id)
    return wrong


def test_a_thousand_calls_of_each_kind_against_five_instances_on_a_paused_clock():
    emulator, _ = make(settings=Settings(), f=lambda call: call.clock.sleep(1))
    limit(emulator, "f", CONCURRENCY, "reservedConcurrency", 5)
    queued = [emulator.accept(ask("f")) for _ in range(1000)]
    calls = [emulator.invoke(ask("f"), lambda ended: None) for _ in range(1000)]
    emulator.wait(emulator.run_until_idle(None))
    assert {one.state for one in queued} == {State.SUCCEEDED}
    assert {one.state for one in calls} == {State.FAILED}
    starts = [fact.request_id for fact in emulator.journal if isinstance(fact, Started)]
    assert starts == [one.id for one in queued]
    assert (most_instances(emulator), most_running(emulator)) == (5, 5)
    assert refused_with_room(emulator, {"f": 5}, 300) == []
    assert (emulator.clock.now() - emulator.clock.started).total_seconds() == 200


def test_a_thousand_calls_of_each_kind_against_five_instances_on_a_flowing_clock():
    emulator, _ = make(settings=Settings(rate=1000), timeout=80_000, f=lambda call: call.clock.sleep(1))
    limit(emulator, "f", CONCURRENCY, "reservedConcurrency", 5)
    answered = threading.Semaphore(0)
    queued, calls = [], []
    for _ in range(1000):
        queued.append(emulator.accept(ask("f")))
        calls.append(emulator.invoke(ask("f"), lambda ended: answered.release()))
    for _ in range(1000):
        assert answered.acquire(timeout=WAIT_SECONDS)
    emulator.wait(emulator.run_until_idle(None))
    assert {one.state for one in queued} == {State.SUCCEEDED}
    assert {one.state for one in calls} <= {State.SUCCEEDED, State.FAILED}
    assert refused_with_room(emulator, {"f": 5}, 300) == []
    waited = {one.id for one in queued}
    starts = [fact.request_id for fact in emulator.journal if isinstance(fact, Started) and fact.request_id in waited]
    assert starts == [one.id for one in queued]
    assert most_instances(emulator) <= 5
    emulator.close()
