"""Instances: limits and who waits for one, idle recycling, cold starts, what a broken one leaves behind."""

import threading

import pytest
from fakes import ask, make, s
from rules import rule

from fcemu.core.capacity import CONCURRENCY, ON_DEMAND, PROVISION
from fcemu.core.errors import FCError
from fcemu.core.facts import (
    AttemptRefused,
    Held,
    HookRan,
    InstanceProvisioned,
    InstanceStarted,
    InstanceStopped,
    Started,
)
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.invocation import State
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.outcome import Throttled
from fcemu.core.resource_types import CAPACITIES, FUNCTIONS
from fcemu.core.settings import Settings
from fcemu.engine import faults

ONE = Settings(instance_limit=1)


def sleeps(seconds):
    def handler(call):
        call.clock.sleep(seconds)
        return call.payload

    return handler


def at_once(call):
    return call.payload


def since(emulator, instant):
    return (instant - emulator.clock.started).total_seconds()


def of(emulator, kind):
    return [fact for fact in emulator.journal if isinstance(fact, kind)]


def starts(emulator):
    """When each attempt started, and what its payload was."""
    payloads = emulator.journal.invocations
    return [(since(emulator, one.at), payloads[one.request_id].accepted.payload) for one in of(emulator, Started)]


def limit(emulator, kind, name, number, ref="f"):
    emulator.control.put(CAPACITIES, (kind, FunctionRef.parse(ref), LATEST), {"kept": {name: number}})


def call_all(emulator, *names):
    """Synchronous calls that wait at the same time; the states in which they end."""
    calls = [emulator.invoke(ask(name), lambda ended: None) for name in names]
    emulator.wait(emulator.run_until_idle(None))
    return [call.state for call in calls]


# Limits.


@rule("timers-and-instances §2", "documented")
def test_what_is_asynchronous_waits_in_order_for_an_instance():
    emulator, runtime = make(settings=Settings(instance_limit=2), f=sleeps(10))
    for n in range(5):
        emulator.accept(ask("f", b"%d" % n))
    emulator.wait(emulator.run_until_idle(None))
    assert starts(emulator) == [(0, b"0"), (0, b"1"), (10, b"2"), (10, b"3"), (20, b"4")]
    assert len(runtime.started) == 2
    assert len(of(emulator, Held)) == 3


def test_what_waits_is_enqueued_and_was_never_refused():
    emulator, _ = make(settings=ONE, f=sleeps(10))
    _, waiting = emulator.accept(ask("f")), emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(5)))
    assert waiting.state is State.ENQUEUED
    assert "no instance is available for f" in str(emulator.explain())
    emulator.wait(emulator.run_until_idle(None))
    assert waiting.state is State.SUCCEEDED
    assert not of(emulator, AttemptRefused)


def test_a_newcomer_does_not_overtake_what_waits():
    emulator, _ = make(settings=ONE, f=sleeps(10))
    for delay in (0, 1, 10, 10):
        emulator.accept(ask("f", b"%d" % delay, delay=delay))
    emulator.wait(emulator.run_until_idle(None))
    assert starts(emulator) == [(0, b"0"), (10, b"1"), (20, b"10"), (30, b"10")]


@rule("timers-and-instances §2", "documented")
def test_a_synchronous_call_over_the_limit_is_refused():
    emulator, _ = make(settings=ONE, f=sleeps(10))
    first, second = (emulator.invoke(ask("f"), lambda ended: None) for _ in range(2))
    emulator.wait(emulator.run_until_idle(None))
    assert (first.state, second.state) == (State.SUCCEEDED, State.FAILED)
    assert second.attempts[0].outcome == Throttled()
    assert since(emulator, second.ended) == 0


@rule("retry-and-destinations §1.3", "documented")
def test_by_the_mode_backoff_what_is_asynchronous_is_refused_and_comes_back():
    emulator, _ = make(settings=Settings(instance_limit=1, throttle_mode="backoff"), f=sleeps(10))
    _, second = (emulator.accept(ask("f")) for _ in range(2))
    emulator.wait(emulator.run_until_idle(None))
    assert [since(emulator, one.started) for one in second.attempts] == [0, 0.5, 1.5, 3.5, 7.5, 15.5]
    assert second.state is State.SUCCEEDED


@rule("timers-and-instances §2", "documented")
@pytest.mark.parametrize(
    ("kind", "name", "function"),
    [(ON_DEMAND, "maximumInstanceCount", "s__f"), (CONCURRENCY, "reservedConcurrency", "f")],
)
def test_the_limit_of_a_function_holds_for_it_alone(kind, name, function):
    emulator, _ = make(**{function: sleeps(10), "other": sleeps(10)})
    ref = function.replace("__", "/")
    limit(emulator, kind, name, 2, ref)
    assert call_all(emulator, ref, "other", ref, "other", ref, "other").count(State.FAILED) == 1


@pytest.mark.parametrize(
    ("kind", "name", "function"),
    [(ON_DEMAND, "maximumInstanceCount", "s__f"), (CONCURRENCY, "reservedConcurrency", "f")],
)
def test_a_limit_of_zero_lets_nothing_run_until_it_is_raised(kind, name, function):
    emulator, runtime = make(**{function: at_once})
    ref = function.replace("__", "/")
    limit(emulator, kind, name, 0, ref)
    waiting = emulator.accept(ask(ref))
    emulator.wait(emulator.advance(s(100)))
    refused = emulator.invoke(ask(ref), lambda ended: None)
    emulator.wait(emulator.advance(s(0)))
    assert (refused.state, runtime.started) == (State.FAILED, [])
    limit(emulator, kind, name, 1, ref)
    emulator.wait(emulator.advance(s(0)))
    assert waiting.state is State.SUCCEEDED
    assert starts(emulator) == [(100, b"")]


def test_a_limit_that_is_taken_away_lets_what_waits_run():
    emulator, _ = make(f=at_once)
    limit(emulator, CONCURRENCY, "reservedConcurrency", 0)
    waiting = emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(1)))
    emulator.control.delete(CAPACITIES, (CONCURRENCY, FunctionRef("f"), LATEST))
    emulator.wait(emulator.advance(s(0)))
    assert waiting.state is State.SUCCEEDED


@rule("retry-and-destinations §1.5", "assumed")
def test_what_waits_too_long_expires_at_that_moment():
    emulator, _ = make({"f": AsyncSettings(max_age=s(60))}, settings=Settings(instance_limit=0), f=at_once)
    waiting = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert waiting.state is State.EXPIRED
    assert since(emulator, waiting.ended) == pytest.approx(60, abs=1e-5)


def test_what_is_stopped_while_it_waits_leaves_its_turn_to_the_next():
    emulator, _ = make(settings=ONE, f=sleeps(10))
    _, stopped, last = (emulator.accept(ask("f", b"%d" % n)) for n in range(3))
    emulator.wait(emulator.advance(s(5)))
    emulator.tasks.stop_invocation(stopped)
    emulator.wait(emulator.run_until_idle(None))
    assert (stopped.state, last.state) == (State.STOPPED, State.SUCCEEDED)
    assert starts(emulator) == [(0, b"0"), (10, b"2")]


def test_a_function_that_goes_makes_invalid_what_waits():
    emulator, _ = make(settings=ONE, f=sleeps(10), g=sleeps(10))
    emulator.accept(ask("g"))
    waiting = emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(5)))
    emulator.control.delete(FUNCTIONS, FunctionRef("f"))
    emulator.wait(emulator.advance(s(0)))
    assert waiting.state is State.INVALID


def test_what_waits_runs_by_the_new_definition():
    emulator, runtime = make(settings=ONE, f=sleeps(10))
    for n in range(2):
        emulator.accept(ask("f", b"%d" % n))
    emulator.wait(emulator.advance(s(5)))
    emulator.control.change(FUNCTIONS, FunctionRef("f"), {"memory_mb": 1024})
    emulator.wait(emulator.run_until_idle(None))
    assert starts(emulator) == [(0, b"0"), (10, b"1")]
    assert [instance.stopped for instance in runtime.started] == [True, False]


@rule("timers-and-instances §2", "assumed")
def test_an_idle_instance_makes_room_for_another_function():
    emulator, runtime = make(settings=ONE, f=at_once, g=at_once)
    assert call_all(emulator, "f", "g", "f") == [State.SUCCEEDED] * 3
    assert [instance.stopped for instance in runtime.started] == [True, True, False]
    assert of(emulator, InstanceStopped)[0].reason == "to make room for g"


@rule("timers-and-instances §2", "documented")
def test_instances_that_are_reserved_are_not_there_for_others():
    emulator, _ = make(settings=Settings(instance_limit=3), f=sleeps(10), g=sleeps(10))
    limit(emulator, CONCURRENCY, "reservedConcurrency", 2)
    states = call_all(emulator, "g", "g", "f", "f", "f")
    assert [state is State.SUCCEEDED for state in states] == [True, False, True, True, False]


def test_who_waits_longest_has_the_instance_that_becomes_free_whatever_its_function():
    emulator, _ = make(settings=ONE, f=sleeps(10), g=sleeps(10), h=sleeps(10))
    for n, name in enumerate("fhgh"):
        emulator.accept(ask(name, b"%d" % n))
    emulator.wait(emulator.run_until_idle(None))
    # The instance of h is warm for the last one, which therefore need not wait for another start.
    assert starts(emulator) == [(0, b"0"), (10, b"1"), (20, b"3"), (30, b"2")]


def test_no_more_instances_start_within_a_minute_than_may():
    emulator, _ = make(settings=Settings(instances_per_minute=2), f=sleeps(5))
    refused = call_all(emulator, "f", "f", "f")
    assert refused == [State.SUCCEEDED, State.SUCCEEDED, State.FAILED]
    emulator.wait(emulator.advance(s(60)))
    assert call_all(emulator, "f", "f", "f", "f") == [State.SUCCEEDED] * 4


@rule("timers-and-instances §2", "documented")
@pytest.mark.parametrize(("runtime", "instances"), [("custom", 2), ("python3.10", 5)])
def test_an_instance_of_a_custom_runtime_takes_several_requests_at_a_time(runtime, instances):
    emulator, fake = make(f=sleeps(10))
    function = Function(
        ref=FunctionRef("f"), handler="x", code="/nowhere", runtime=runtime, instance_concurrency=3, timeout=s(60)
    )
    emulator.setup.define([], [function], {})
    assert call_all(emulator, *["f"] * 5) == [State.SUCCEEDED] * 5
    assert len(fake.started) == instances


# Idle instances.


@rule("timers-and-instances §3.3", "assumed")
def test_an_idle_instance_is_stopped_after_its_time():
    emulator, runtime = make(f=at_once)
    emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    emulator.wait(emulator.advance(s(299)))
    assert not runtime.started[0].stopped
    emulator.wait(emulator.advance(s(1)))
    assert runtime.started[0].stopped
    (stopped,) = of(emulator, InstanceStopped)
    assert (since(emulator, stopped.at), stopped.reason) == (300, "idle for 300 s")


def test_each_attempt_makes_the_idle_time_begin_anew():
    emulator, runtime = make(f=at_once)
    for delay in range(0, 3000, 250):
        emulator.accept(ask("f", delay=delay))
    emulator.wait(emulator.run_until_idle(None))
    assert len(runtime.started) == 1
    emulator.wait(emulator.advance(s(1000)))
    assert since(emulator, of(emulator, InstanceStopped)[0].at) == 2750 + 300


def test_what_comes_later_than_that_meets_a_new_instance():
    emulator, runtime = make(settings=Settings(idle=s(100)), f=at_once)
    for delay in (0, 100, 201):
        emulator.accept(ask("f", delay=delay))
    emulator.wait(emulator.run_until_idle(None))
    assert [instance.stopped for instance in runtime.started] == [True, False]
    assert len(of(emulator, InstanceStarted)) == 2


@rule("timers-and-instances §3.3", "from SDK")
def test_a_function_of_3_0_says_itself_how_long_its_idle_instances_are_kept():
    emulator, _ = make(f=at_once)
    emulator.control.change(FUNCTIONS, FunctionRef("f"), {"kept": {"idleTimeout": 7}})
    emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(100)))
    assert since(emulator, of(emulator, InstanceStopped)[0].at) == 7


def test_nobody_waits_for_an_idle_instance_to_be_stopped():
    emulator, _ = make(f=at_once)
    emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    emulator.wait(emulator.run_next())
    emulator.wait(emulator.run_until_idle(None))
    assert emulator.clock.now() == emulator.clock.started
    assert emulator.next_due() is None


def test_the_clock_of_a_sleeping_handler_stops_for_instances_that_were_idle():
    emulator, runtime = make(f=at_once, g=sleeps(1000), timeout=2000)
    call_all(emulator, "f")
    call_all(emulator, "g")
    assert runtime.started[0].stopped
    assert since(emulator, of(emulator, InstanceStopped)[0].at) == 300


# Cold starts.


def test_a_new_instance_takes_its_time_and_a_warm_one_none():
    emulator, _ = make(settings=Settings(cold_start=s(2)), f=at_once)
    for delay in (0, 10):
        emulator.accept(ask("f", delay=delay))
    emulator.wait(emulator.run_until_idle(None))
    assert [at for at, _ in starts(emulator)] == [2, 10]
    assert [fact.seconds for fact in of(emulator, InstanceStarted)] == [2]


@rule("timers-and-instances §3.4", "inferred")
def test_the_start_of_an_instance_is_no_part_of_the_time_out_or_the_duration():
    emulator, _ = make(settings=Settings(cold_start=s(100)), f=sleeps(4), timeout=5)
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    (attempt,) = invocation.attempts
    assert (attempt.word, (attempt.ended - attempt.started).total_seconds()) == ("returned", 4)


def test_what_is_stopped_while_its_instance_starts_never_runs_and_the_instance_is_kept():
    emulator, runtime = make(settings=Settings(cold_start=s(2)), f=at_once)
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(1)))
    emulator.tasks.stop_invocation(invocation)
    emulator.accept(ask("f", delay=5))
    emulator.wait(emulator.run_until_idle(None))
    assert invocation.state is State.STOPPED
    assert (len(runtime.started), len(starts(emulator))) == (1, 1)


# What happens to an instance after an attempt.


def fails(call):
    raise ValueError("no")


def dies(call):
    raise SystemExit


@rule("timers-and-instances §3.5", "assumed")
@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (fails, None),
        (dies, "an attempt in it failed: ProcessExited"),
        (sleeps(100), "an attempt in it timed out"),
    ],
)
def test_an_instance_is_kept_after_an_error_and_given_up_after_an_exit_or_a_time_out(handler, reason):
    emulator, runtime = make(f=handler, timeout=5)
    call_all(emulator, "f")
    assert [fact.reason for fact in of(emulator, InstanceStopped)] == ([] if reason is None else [reason])
    call_all(emulator, "f")
    assert len(runtime.started) == (1 if reason is None else 2)


def test_an_instance_is_given_up_when_its_invocation_is_stopped():
    emulator, _ = make(f=sleeps(100), timeout=200)
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(5)))
    emulator.tasks.stop_invocation(invocation)
    emulator.wait(emulator.run_until_idle(None))
    assert [fact.reason for fact in of(emulator, InstanceStopped)] == ["an attempt in it was stopped: stopped as asked"]


def test_a_broken_instance_makes_room_for_what_waits():
    emulator, _ = make({"f": AsyncSettings(max_retries=0)}, settings=ONE, f=dies)
    for n in range(3):
        emulator.accept(ask("f", b"%d" % n))
    emulator.wait(emulator.run_until_idle(None))
    assert [payload for _, payload in starts(emulator)] == [b"0", b"1", b"2"]


def test_an_invocation_that_ends_as_soon_as_its_turn_comes_takes_no_other_with_it():
    """Its instance dies at once, and all that waits is looked at again meanwhile."""
    once = AsyncSettings(max_retries=0)
    emulator, _ = make({"f": once}, ONE, f=sleeps(10))
    first, second, third, fourth = (emulator.accept(ask("f")) for _ in range(4))
    emulator.wait(emulator.advance(s(5)))
    emulator.setup.add_fault(FunctionRef("f"), faults.crash("before"), 1)
    emulator.wait(emulator.run_until_idle(None))
    assert [one.state for one in (first, second, third, fourth)] == [
        State.SUCCEEDED,
        State.FAILED,
        *[State.SUCCEEDED] * 2,
    ]
    assert [since(emulator, one.ended) for one in (second, third, fourth)] == [10, 20, 30]


def test_a_closed_emulator_stops_its_instances_and_says_nothing_of_it():
    emulator, runtime = make(f=at_once)
    call_all(emulator, "f")
    emulator.close()
    assert runtime.started[0].stopped
    assert not of(emulator, InstanceStopped)
    with pytest.raises(FCError, match="closed"):
        emulator.accept(ask("f"))


# Provisioned instances and hooks.


def provision(emulator, number, name="f"):
    limit(emulator, PROVISION, "target", number, name)


def hooked(emulator, **hooks):
    emulator.control.change(FUNCTIONS, FunctionRef("f"), hooks)


def test_provisioned_instances_are_started_at_once_and_kept():
    emulator, runtime = make(f=at_once)
    provision(emulator, 2)
    assert len(runtime.started) == 2
    emulator.wait(emulator.advance(s(10_000)))
    assert call_all(emulator, "f") == [State.SUCCEEDED]
    emulator.wait(emulator.advance(s(10_000)))
    assert len(runtime.started) == 2
    assert not of(emulator, InstanceStopped) + of(emulator, InstanceStarted)


def test_provisioned_instances_are_used_first_and_others_are_recycled():
    emulator, runtime = make(f=sleeps(1))
    provision(emulator, 1)
    call_all(emulator, "f", "f")
    call_all(emulator, "f")
    kept = of(emulator, InstanceProvisioned)[0].instance_id
    assert [fact.instance_id == kept for fact in of(emulator, Started)] == [True, False, True]
    emulator.wait(emulator.advance(s(1000)))
    assert [instance.stopped for instance in runtime.started] == [False, True]


@rule("timers-and-instances §2", "documented")
@pytest.mark.parametrize(("limited", "provisioned", "refused"), [(2, 0, 2), (2, 1, 1), (0, 3, 1), (0, 0, 4)])
def test_provisioned_instances_do_not_count_for_the_limit_of_those_on_demand(limited, provisioned, refused):
    emulator, _ = make(s__f=sleeps(1))
    limit(emulator, ON_DEMAND, "maximumInstanceCount", limited, "s/f")
    provision(emulator, provisioned, "s/f")
    assert call_all(emulator, *["s/f"] * 4).count(State.FAILED) == refused


def test_no_more_instances_are_provisioned_than_limits_allow_and_idle_ones_make_room():
    emulator, runtime = make(settings=Settings(instance_limit=4), f=at_once, g=at_once)
    call_all(emulator, "g")
    limit(emulator, CONCURRENCY, "reservedConcurrency", 3)
    provision(emulator, 5)
    assert len(of(emulator, InstanceProvisioned)) == 3
    provision(emulator, 2, "g")
    assert [fact.reason for fact in of(emulator, InstanceStopped)] == ["to make room for g"]
    assert len(runtime.started) == 5


def test_fewer_provisioned_instances_stop_those_that_are_idle():
    emulator, runtime = make(f=at_once)
    provision(emulator, 3)
    provision(emulator, 1)
    assert sum(instance.stopped for instance in runtime.started) == 2


def test_a_provisioned_instance_that_breaks_is_replaced():
    emulator, runtime = make({"f": AsyncSettings(max_retries=0)}, f=dies)
    provision(emulator, 1)
    emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert [instance.stopped for instance in runtime.started] == [True, False]


def test_a_new_definition_has_provisioned_instances_of_its_own():
    emulator, runtime = make(f=at_once)
    provision(emulator, 1)
    hooked(emulator, memory_mb=1024)
    assert [instance.stopped for instance in runtime.started] == [True, False]


def test_the_initializer_of_a_provisioned_instance_runs_before_anything_else():
    seen = []
    emulator, _ = make(f=lambda call: seen.append(call.request_id) or call.clock.sleep(30))
    hooked(emulator, initializer="index.initialize")
    provision(emulator, 1)
    emulator.wait(emulator.run_until_idle(None))
    call_all(emulator, "f")
    (ran,) = of(emulator, HookRan)
    assert (ran.hook, ran.error, seen[0]) == ("initializer", "", ran.request_id)
    assert since(emulator, ran.at) == 30


def test_a_provisioned_instance_whose_initializer_fails_is_stopped():
    emulator, runtime = make(f=fails)
    hooked(emulator, initializer="index.initialize")
    provision(emulator, 1)
    emulator.wait(emulator.run_until_idle(None))
    assert [instance.stopped for instance in runtime.started] == [True]
    assert of(emulator, InstanceStopped)[0].reason == "its initializer failed: ValueError"


def test_the_hook_before_the_stop_runs_at_the_moment_of_the_stop_and_may_sleep():
    emulator, runtime = make(f=sleeps(5), g=at_once)
    hooked(emulator, pre_stop="index.pre_stop")
    call_all(emulator, "f")
    emulator.accept(ask("g", delay=302))
    emulator.wait(emulator.advance(s(299)))
    assert not emulator.explain().in_flight
    emulator.wait(emulator.advance(s(4)))
    assert since(emulator, of(emulator, InstanceStopped)[0].at) == 305
    assert starts(emulator)[-1] == (307, b"")
    assert not of(emulator, HookRan) + [one for one in runtime.started[:1] if one.stopped]
    emulator.wait(emulator.advance(s(2)))
    assert [(since(emulator, ran.at), ran.hook) for ran in of(emulator, HookRan)] == [(310, "pre-stop")]
    assert runtime.started[0].stopped


def test_a_hook_that_sleeps_ends_with_its_emulator():
    emulator, _ = make(f=sleeps(100), timeout=1000)
    hooked(emulator, pre_stop="index.pre_stop")
    call_all(emulator, "f")
    emulator.wait(emulator.advance(s(310)))
    assert emulator.in_flight == 0
    emulator.close()
    assert not of(emulator, HookRan)


def test_a_closed_emulator_runs_no_hook_and_leaves_no_instance():
    emulator, runtime = make(f=at_once)
    hooked(emulator, pre_stop="index.pre_stop")
    call_all(emulator, "f")
    hooked(emulator, memory_mb=1024)
    assert not runtime.started[0].stopped
    emulator.close()
    assert runtime.started[0].stopped
    assert not of(emulator, HookRan)


def test_a_hook_waits_for_its_sockets_as_long_as_a_handler_may():
    graces = []
    emulator, _ = make(settings=Settings(io_grace=s(7)), f=lambda call: graces.append(call.clock.io_grace()))
    hooked(emulator, pre_stop="index.pre_stop")
    emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    emulator.wait(emulator.advance(s(310)))
    assert len(of(emulator, HookRan)) == 1
    assert graces == [7, 7]


def test_the_clock_waits_for_the_threads_of_a_hook_as_for_those_of_a_handler():
    slept = []

    def handler(call):
        if call.payload:
            return
        strand, waiting = call.clock.strand(), call.clock.waiting()

        def live():
            strand.begin()
            for _ in range(3):
                strand.sleep(5)
                slept.append((strand.now() - emulator.clock.started).total_seconds())
            strand.end()

        threading.Thread(target=live).start()
        strand.when_ended(waiting)
        waiting.wait(None)

    emulator, _ = make(f=handler, timeout=1000)
    hooked(emulator, pre_stop="index.pre_stop")
    emulator.invoke(ask("f", b"attempt"), lambda ended: None)
    emulator.wait(emulator.run_until_idle(None))
    emulator.wait(emulator.advance(s(400)))
    assert slept == [305, 310, 315]
    assert [since(emulator, ran.at) for ran in of(emulator, HookRan)] == [315]
