"""A clock that flows: attempts run in parallel, sleeps take real time over rate, moves by hand work all the same."""

import threading

from fakes import ask, make, s
from patience import WAIT_SECONDS

from fcemu.core.functions import AsyncSettings
from fcemu.core.invocation import State
from fcemu.core.settings import Settings

FAST = Settings(rate=100_000)
LONG = 86400 * 365
"""A time-out, five real minutes at that rate."""


def invoke(emulator, asked):
    ended = threading.Event()
    invocation = emulator.invoke(asked, lambda _: ended.set())
    assert ended.wait(WAIT_SECONDS)
    return invocation


def ended(emulator, invocation):
    emulator.wait(emulator.run_until_ended(invocation))
    return invocation


def test_deferred_invocations_run_by_themselves():
    done = threading.Event()
    emulator, _ = make(settings=FAST, f=lambda call: done.set())
    emulator.accept(ask("f", delay=3600))
    assert done.wait(WAIT_SECONDS)
    emulator.close()


def test_a_sleep_takes_its_virtual_time_at_least():
    emulator, _ = make(settings=FAST, timeout=LONG, f=lambda call: call.clock.sleep(600))
    invocation = invoke(emulator, ask("f"))
    [attempt] = invocation.attempts
    assert s(600) <= attempt.ended - attempt.started
    emulator.close()


def test_a_retry_comes_in_its_time_although_nothing_else_is_due_for_long():
    done = threading.Event()

    def flaky(call):
        call.clock.sleep(1)
        if call.attempt < 3:
            raise ValueError
        done.set()

    emulator, _ = make(settings=Settings(rate=10), timeout=86400, f=flaky)
    emulator.accept(ask("f"))
    assert done.wait(WAIT_SECONDS)
    emulator.close()


def test_attempts_run_side_by_side():
    both = threading.Barrier(2, timeout=WAIT_SECONDS)
    emulator, _ = make(settings=FAST, timeout=LONG, f=lambda call: str(both.wait()))
    one = emulator.accept(ask("f"))
    other = invoke(emulator, ask("f"))
    ended(emulator, one)
    assert {one.state, other.state} == {State.SUCCEEDED}
    emulator.close()


def test_many_blocking_handlers_get_threads_of_their_own():
    all_in = threading.Barrier(8, timeout=WAIT_SECONDS)
    emulator, _ = make(settings=FAST, timeout=LONG, f=lambda call: str(all_in.wait()))
    invocations = [emulator.accept(ask("f")) for _ in range(8)]
    for invocation in invocations:
        ended(emulator, invocation)
    assert {invocation.state for invocation in invocations} == {State.SUCCEEDED}
    emulator.close()


def test_a_handler_that_blocks_holds_up_nobody_however_often_others_are_called():
    blocked, leave = threading.Event(), threading.Event()

    def slow(call):
        blocked.set()
        leave.wait(WAIT_SECONDS)

    emulator, _ = make(settings=Settings(rate=1), timeout=600, slow=slow, quick=lambda call: b"")
    held = emulator.accept(ask("slow"))
    assert blocked.wait(WAIT_SECONDS)
    for _ in range(3):
        invoke(emulator, ask("quick"))
    assert held.state is State.RUNNING
    leave.set()
    ended(emulator, held)
    emulator.close()


def test_a_timeout_strikes_a_computing_handler_at_its_exact_instant():
    def f(call):
        while True:
            pass

    emulator, _ = make({"f": AsyncSettings(max_retries=0)}, settings=FAST, timeout=30, f=f)
    invocation = invoke(emulator, ask("f"))
    assert invocation.attempts[0].word == "timed out"
    emulator.close()


def test_a_timeout_strikes_in_a_sleep():
    emulator, _ = make(settings=FAST, timeout=30, f=lambda call: call.clock.sleep(10**6))
    assert invoke(emulator, ask("f")).attempts[0].word == "timed out"
    emulator.close()


def debugged(handler):
    """An emulator whose only instance has a debugger until ``detach`` is called."""
    emulator, runtime = make({"f": AsyncSettings(max_retries=0)}, settings=FAST, timeout=30, f=handler)
    start = runtime.start

    def started(function, instance_id):
        instance = start(function, instance_id)
        instance.has_debugger = True
        return instance

    runtime.start = started

    def detach():
        runtime.started[0].has_debugger = False

    return emulator, detach


def wait_until(emulator, instant):
    while emulator.clock.now() < instant:
        pass


def test_a_timeout_stands_still_while_a_debugger_is_attached_and_strikes_after_it():
    both = threading.Barrier(2, timeout=WAIT_SECONDS)
    gone = threading.Event()

    def f(call):
        wait_until(emulator, call.clock.now() + s(300))
        call.clock.sleep(100)
        both.wait()
        while not gone.is_set():
            pass

    emulator, detach = debugged(f)
    invocation = emulator.accept(ask("f"))
    both.wait()
    assert invocation.state is State.RUNNING
    detach()
    ended(emulator, invocation)
    gone.set()
    assert invocation.attempts[0].word == "timed out"
    emulator.close()


def test_a_sleep_beyond_the_timeout_ends_when_it_should_while_a_debugger_is_attached():
    emulator, _ = debugged(lambda call: call.clock.sleep(1000))
    [attempt] = invoke(emulator, ask("f")).attempts
    assert attempt.word == "returned"
    assert attempt.ended - attempt.started >= s(1000)
    emulator.close()


def test_a_move_by_hand_runs_what_falls_due_on_the_way():
    emulator, _ = make(settings=Settings(rate=1), f=lambda call: b"")
    late = emulator.accept(ask("f", delay=3600))
    emulator.wait(emulator.advance(s(3600)))
    assert late.state is State.SUCCEEDED
    assert emulator.clock.now() >= emulator.clock.started + s(3600)
    emulator.close()


def test_a_clock_is_paused_and_flows_again():
    emulator, _ = make(settings=Settings(rate=1), f=lambda call: call.clock.sleep(1000), timeout=LONG)
    emulator.rate = 0
    paused = emulator.clock.now()
    invocation = emulator.accept(ask("f"))
    assert invocation.state is State.ENQUEUED
    assert emulator.clock.now() == paused
    emulator.wait(emulator.advance(s(10)))
    assert (invocation.state, emulator.clock.now()) == (State.RUNNING, paused + s(10))
    emulator.rate = 100_000
    ended(emulator, invocation)
    assert invocation.state is State.SUCCEEDED
    emulator.close()


def test_a_synchronous_call_by_a_handler_on_a_flowing_clock():
    def caller(call):
        return str(invoke(emulator, ask("callee", access_key_id=call.access_key_id)).state)

    emulator, _ = make(settings=FAST, timeout=LONG, caller=caller, callee=lambda call: b"")
    assert invoke(emulator, ask("caller")).ending().payload == b"Succeeded"
    emulator.close()


def test_of_attempts_side_by_side_each_has_its_timeout_from_the_start_of_its_handler():
    entered, go_on = threading.Event(), threading.Event()

    def handler(call):
        if call.payload == b"prepares":
            call.clock.prepare(1e9)
            entered.set()
            assert go_on.wait(WAIT_SECONDS)
            call.clock.begin_handler()
        call.clock.sleep(1e9)

    emulator, _ = make(settings=Settings(rate=1000.0), timeout=100, f=handler)
    over = threading.Event()
    slow = emulator.invoke(ask("f", b"prepares"), lambda _: over.set())
    assert entered.wait(WAIT_SECONDS)
    fast = invoke(emulator, ask("f"))
    assert not over.is_set()
    go_on.set()
    assert over.wait(WAIT_SECONDS)
    for invocation in (slow, fast):
        (attempt,) = invocation.attempts
        assert attempt.word == "timed out"
        assert attempt.ended - attempt.started >= s(100)
    assert slow.ended > fast.ended
    emulator.close()
