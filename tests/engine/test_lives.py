"""Lives of invocations on the engine: retries, time-outs, expiry, destinations, nested calls."""

import contextlib
import threading

import pytest
from fakes import ask, make, s
from rules import rule

from fcemu.core.destinations import FunctionDestination, QueueDestination
from fcemu.core.errors import EntityTooLarge, FunctionNotFound, InvalidArgument
from fcemu.core.facts import Delivered, DeliveryFailed, Finished, Slept, Started
from fcemu.core.functions import AsyncSettings
from fcemu.core.invocation import State
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import INTERNAL_ERROR, NO_CAPACITY, Throttled, TimedOut
from fcemu.core.settings import Settings


def started_at(emulator, invocation):
    return [(attempt.started - emulator.clock.started).total_seconds() for attempt in invocation.attempts]


def fails(call):
    raise ValueError("always")


def run_sync(emulator, asked):
    ended = threading.Event()
    invocation = emulator.invoke(asked, lambda _: ended.set())
    emulator.wait_for(ended.wait)
    return invocation


def test_the_example_of_the_spec_always_failing_two_seconds_with_defaults():
    def f(call):
        call.clock.sleep(2)
        raise ValueError("always")

    emulator, _ = make({"f": AsyncSettings(on_failure=QueueDestination("q"))}, f=f)
    invocation = emulator.accept(ask("f", delay=10))
    emulator.wait(emulator.run_until_idle(None))
    assert started_at(emulator, invocation) == [10, 12.5, 15.5, 19.5]
    assert (invocation.ended - emulator.clock.started).total_seconds() == 21.5
    assert invocation.state is State.FAILED
    [message] = emulator.mail.arrived("queue:q")
    assert b'"approximateInvokeCount":4' in message.body


@rule("retry-and-destinations §1.6", "from SDK")
def test_the_retry_count_that_the_handler_sees_counts_attempts_that_ran():
    seen = []

    def f(call):
        seen.append((call.attempt, call.retry_count))
        raise ValueError("always")

    emulator, runtime = make({"f": AsyncSettings(max_retries=2)}, f=f)
    runtime.refusals = [Throttled(), NO_CAPACITY]
    emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert seen == [(3, 0), (4, 1), (5, 2)]


@rule("retry-and-destinations §1.3", "documented")
@pytest.mark.parametrize("refusal", [Throttled(), INTERNAL_ERROR, NO_CAPACITY])
def test_a_platform_that_refuses_for_five_hours_fails_the_invocation(refusal):
    emulator, runtime = make({"f": AsyncSettings(on_failure=QueueDestination("q"))}, f=lambda call: b"")
    runtime.refusals = [refusal] * 100
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert started_at(emulator, invocation) == [0] + [0.5 * (2**n - 1) for n in range(1, 16)]
    assert invocation.state is State.FAILED
    [message] = emulator.mail.arrived("queue:q")
    assert f'"statusCode":{refusal.status}'.encode() in message.body
    assert b'"approximateInvokeCount":0' in message.body


def test_a_refused_attempt_leaves_the_invocation_dequeued():
    emulator, runtime = make(f=lambda call: b"")
    runtime.refusals = [Throttled()]
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(0)))
    assert invocation.state is State.DEQUEUED
    emulator.wait(emulator.advance(s(0.5)))
    assert invocation.state is State.SUCCEEDED


@rule("async-invocation §3", "documented")
@pytest.mark.parametrize(("delay", "state"), [(60, State.SUCCEEDED), (61, State.EXPIRED)])
def test_a_delay_beyond_the_age_expires_and_exactly_the_age_does_not(delay, state):
    asked = AsyncSettings(max_age=s(60), on_failure=QueueDestination("q"))
    emulator, _ = make({"f": asked}, f=lambda call: b"")
    invocation = emulator.accept(ask("f", delay=delay))
    emulator.wait(emulator.run_until_idle(None))
    assert invocation.state is state
    expired = [b'"condition":"AsyncEventExpired"' in one.body for one in emulator.mail.arrived("queue:q")]
    assert expired == ([True] if state is State.EXPIRED else [])


def test_the_age_may_start_after_the_delay():
    emulator, _ = make({"f": AsyncSettings(max_age=s(60))}, Settings(age_excludes_delay=True), f=lambda call: b"")
    invocation = emulator.accept(ask("f", delay=3600))
    emulator.wait(emulator.run_until_idle(None))
    assert invocation.state is State.SUCCEEDED


@rule("retry-and-destinations §1.5", "assumed")
def test_an_event_that_ran_and_grew_too_old_has_failed_and_not_expired():
    def f(call):
        call.clock.sleep(9.8)
        raise ValueError("late")

    emulator, _ = make({"f": AsyncSettings(max_age=s(10))}, f=f)
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert (invocation.state, len(invocation.attempts)) == (State.FAILED, 1)
    assert (invocation.ended - emulator.clock.started).total_seconds() == 10.3
    assert "older than 10 s" in invocation.reason


@rule("retry-and-destinations §1.5", "inferred")
def test_the_age_never_interrupts_a_running_attempt():
    emulator, _ = make({"f": AsyncSettings(max_age=s(1))}, f=lambda call: call.clock.sleep(50))
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert invocation.state is State.SUCCEEDED


def test_a_timeout_strikes_at_its_exact_instant_in_the_middle_of_a_sleep():
    cleaned = []

    def f(call):
        try:
            call.clock.sleep(1000)
        finally:
            cleaned.append(call.clock.now())

    emulator, runtime = make({"f": AsyncSettings(max_retries=1)}, f=f, timeout=3)
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert started_at(emulator, invocation) == [0, 3.5]
    assert [type(attempt.outcome) for attempt in invocation.attempts] == [TimedOut, TimedOut]
    assert b"Function timed out after 3 seconds (maxMemoryUsage: 64.00MB)" in invocation.attempts[0].outcome.document
    assert cleaned == [emulator.clock.started + s(3), emulator.clock.started + s(6.5)]
    assert len(runtime.started) == 2, "the instance of a timed-out attempt is not used again"


@rule("errors-and-limits §3", "assumed")
def test_a_sleep_that_ends_exactly_at_the_timeout_has_timed_out():
    emulator, _ = make({"f": AsyncSettings(max_retries=0)}, f=lambda call: call.clock.sleep(3), timeout=3)
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert invocation.attempts[0].word == "timed out"


def test_a_handler_that_swallows_the_timeout_has_timed_out_all_the_same():
    def f(call):
        for _ in range(5):
            with contextlib.suppress(BaseException):
                call.clock.sleep(2)
        return b"I am still here"

    emulator, _ = make({"f": AsyncSettings(max_retries=0)}, f=f, timeout=3)
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert invocation.attempts[0].word == "timed out"
    assert emulator.clock.now() == emulator.clock.started + s(3)


@rule("retry-and-destinations §1.1", "documented")
def test_a_handler_that_exits_fails_and_its_instance_is_replaced():
    def f(call):
        call.clock.sleep(0.012)
        raise SystemExit(0)

    emulator, runtime = make({"f": AsyncSettings(max_retries=1)}, f=f)
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert b"Process exited unexpectedly before completing request (duration: 12ms" in invocation.ending().payload
    assert len(runtime.started) == 2


@rule("retry-and-destinations §3.1", "inferred")
def test_a_destination_function_is_invoked_with_the_report_at_the_same_instant():
    got = []
    asked = AsyncSettings(on_success=FunctionDestination(FunctionRef("audit")))
    emulator, _ = make(
        {"f": asked}, f=lambda call: b"done", audit=lambda call: got.append((call.payload, call.clock.now()))
    )
    invocation = emulator.accept(ask("f", b"in", delay=7))
    emulator.wait(emulator.run_until_idle(None))
    [(report, at)] = got
    assert at == emulator.clock.started + s(7)
    assert b'"requestPayload":"in"' in report
    assert b'"responsePayload":"done"' in report
    [delivered] = invocation.deliveries
    caused = emulator.journal.invocations[delivered.message_id]
    assert (caused.accepted.source, caused.accepted.root, caused.accepted.depth) == ("destination", invocation.id, 1)


@rule("retry-and-destinations §2", "assumed")
def test_a_loop_of_destinations_ends_in_a_delivery_error_that_names_the_setting():
    loop = AsyncSettings(on_success=FunctionDestination(FunctionRef("f")))
    emulator, _ = make({"f": loop}, Settings(destination_depth=6), f=lambda call: b"")
    emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    failed = [fact for fact in emulator.journal if isinstance(fact, DeliveryFailed)]
    assert len(emulator.journal.invocations) == 7
    [only] = failed
    assert "destinationDepth" in only.reason
    assert "loop" in only.reason


def test_a_loop_whose_reports_outgrow_the_payload_limit_is_named_as_a_loop_too():
    loop = AsyncSettings(on_success=FunctionDestination(FunctionRef("f")))
    emulator, _ = make({"f": loop}, f=lambda call: b"")
    emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    [only] = [fact for fact in emulator.journal if isinstance(fact, DeliveryFailed)]
    assert only.reason.startswith("EntityTooLarge")
    assert "check for a loop" in only.reason


def test_one_request_causes_a_bounded_number_of_invocations():
    emulator, _ = make(
        f=lambda call: [emulator.accept(ask("f", access_key_id=call.access_key_id)) for _ in range(2)],
        settings=Settings(caused_at_most=100),
    )
    emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert len(emulator.journal.invocations) == 101
    errors = [attempt.outcome for one in emulator.journal.invocations.values() for attempt in one.attempts]
    assert any(b"has caused 100 invocations" in getattr(outcome, "document", b"") for outcome in errors)


@rule("retry-and-destinations §3.4", "inferred")
def test_a_missing_destination_function_fails_the_delivery_and_not_the_invocation():
    emulator, _ = make({"f": AsyncSettings(on_success=FunctionDestination(FunctionRef("gone")))}, f=lambda call: b"")
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert invocation.state is State.SUCCEEDED
    [failed] = invocation.deliveries
    assert failed.reason == "FunctionNotFound: function 'gone' does not exist."


@rule("retry-and-destinations §3.2", "assumed")
def test_a_report_too_large_for_a_queue_is_a_delivery_error():
    emulator, _ = make({"f": AsyncSettings(on_success=QueueDestination("q"))}, f=lambda call: b"x" * 70_000)
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert isinstance(invocation.deliveries[0], DeliveryFailed)
    assert "65536" in invocation.deliveries[0].reason


@rule("retry-and-destinations §1", "documented")
def test_synchronous_calls_are_never_retried_and_reported_nowhere():
    emulator, _ = make({"f": AsyncSettings(on_failure=QueueDestination("q"))}, f=fails)
    invocation = run_sync(emulator, ask("f"))
    assert (invocation.state, len(invocation.attempts)) == (State.FAILED, 1)
    assert not [fact for fact in emulator.journal if isinstance(fact, Delivered)]


def test_a_synchronous_call_moves_the_clock_just_as_far_as_its_handler_sleeps():
    emulator, _ = make(f=lambda call: call.clock.sleep(30), other=lambda call: b"")
    other = emulator.accept(ask("other", delay=20))
    late = emulator.accept(ask("other", delay=31))
    run_sync(emulator, ask("f"))
    assert emulator.clock.now() == emulator.clock.started + s(30)
    assert (other.state, late.state) == (State.SUCCEEDED, State.ENQUEUED)


def test_a_synchronous_call_by_a_handler_runs_nested_and_costs_the_caller_its_time():
    def caller(call):
        before = call.clock.now()
        inner = run_sync(emulator, ask("callee", access_key_id=call.access_key_id))
        assert inner.state is State.SUCCEEDED
        return str((call.clock.now() - before).total_seconds())

    emulator, _ = make(caller=caller, callee=lambda call: call.clock.sleep(5))
    invocation = emulator.accept(ask("caller"))
    emulator.wait(emulator.run_until_idle(None))
    assert invocation.ending().payload == b"5.0"


def test_calls_nest_as_deep_as_the_program_wants():
    def f(call):
        depth = int(call.payload)
        if depth:
            run_sync(emulator, ask("f", str(depth - 1).encode(), access_key_id=call.access_key_id))
        call.clock.sleep(1)

    emulator, _ = make(f=f)
    run_sync(emulator, ask("f", b"20"))
    assert emulator.clock.now() == emulator.clock.started + s(21)


def test_a_callers_timeout_strikes_while_it_waits_for_its_callee():
    def caller(call):
        run_sync(emulator, ask("callee", access_key_id=call.access_key_id))

    emulator, _ = make(
        {"caller": AsyncSettings(max_retries=0)}, caller=caller, callee=lambda call: call.clock.sleep(9), timeout=10
    )
    emulator.setup.define((), tuple(_with_timeout(emulator, "caller", 3)), emulator.setup.defined()[2])
    invocation = emulator.accept(ask("caller"))
    emulator.wait(emulator.run_until_idle(None))
    assert invocation.attempts[0].word == "timed out"
    assert (invocation.ended - emulator.clock.started).total_seconds() == 3


def _with_timeout(emulator, name, seconds):
    from dataclasses import replace

    for function in emulator.functions():
        yield replace(function, timeout=s(seconds)) if str(function.ref) == name else function


def test_an_asynchronous_call_by_a_handler_runs_after_it():
    order = []

    def first(call):
        emulator.accept(ask("second", access_key_id=call.access_key_id))
        order.append("first")

    emulator, _ = make(first=first, second=lambda call: order.append("second"))
    emulator.accept(ask("first"))
    emulator.wait(emulator.run_until_idle(None))
    assert order == ["first", "second"]


@rule("async-invocation §3", "assumed")
@pytest.mark.parametrize("delay", [-1, 3601])
def test_a_delay_out_of_range_is_refused_and_nothing_is_kept(delay):
    emulator, _ = make(f=lambda call: b"")
    with pytest.raises(InvalidArgument, match=f"AsyncDelay is set to an invalid value .* actual: '{delay}'"):
        emulator.accept(ask("f", delay=delay))
    assert len(emulator.journal) == 0


@rule("async-invocation §2", "documented")
def test_a_payload_over_the_limit_is_refused_and_nothing_is_kept():
    emulator, _ = make(f=lambda call: b"")
    with pytest.raises(EntityTooLarge, match="131072 bytes"):
        emulator.accept(ask("f", b"x" * 131073))
    emulator.accept(ask("f", b"x" * 131072))
    with pytest.raises(FunctionNotFound):
        emulator.accept(ask("g"))
    assert len(emulator.journal) == 1


def test_what_a_parked_handler_did_is_a_fact_in_order():
    emulator, _ = make(f=lambda call: [call.clock.sleep(1), call.clock.sleep(0), call.clock.sleep(2)])
    emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    kinds = [type(fact) for fact in emulator.journal if isinstance(fact, Started | Slept | Finished)]
    assert kinds == [Started, Slept, Slept, Finished]
