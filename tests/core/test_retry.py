"""The whole retry policy of FC's page, as tables (retry-and-destinations §1)."""

from datetime import UTC, datetime, timedelta

import pytest
from rules import rule

from fcemu.core.functions import AsyncSettings
from fcemu.core.generation import FC2, FC3
from fcemu.core.outcome import (
    INTERNAL_ERROR,
    NO_CAPACITY,
    UNHANDLED,
    FunctionError,
    Halted,
    Returned,
    Throttled,
    TimedOut,
)
from fcemu.core.retry import Fail, RetryAt, RetryPolicy, Stop, Succeed, Tally, decide, is_too_old
from fcemu.core.settings import Settings

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ERROR = FunctionError(UNHANDLED, b"{}", "ValueError")


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def test_a_handler_that_returns_ends_the_invocation_well():
    assert decide(Returned(b"ok"), Tally(T0, executions=1), RetryPolicy(), T0) == Succeed()


@rule("task-mode §4.4", "assumed")
def test_a_stopped_attempt_is_never_retried():
    assert decide(Halted("asked"), Tally(T0, executions=1), RetryPolicy(), T0) == Stop()


@rule("retry-and-destinations §1.2", "assumed")
@pytest.mark.parametrize("outcome", [ERROR, TimedOut(b"{}"), FunctionError("HandledInvocationError", b"{}")])
@pytest.mark.parametrize(("executions", "wait"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 32), (8, 64)])
def test_each_function_error_waits_twice_as_long_from_the_end_of_the_attempt(outcome, executions, wait):
    policy = RetryPolicy(max_retries=8)
    assert decide(outcome, Tally(T0, executions=executions), policy, T0 + s(7)) == RetryAt(T0 + s(7 + wait))


@pytest.mark.parametrize(
    ("outcome", "what"),
    [(ERROR, "function error"), (TimedOut(b"{}"), "timed out"), (TimedOut(b"{}", "x"), "timed out")],
)
def test_the_end_says_what_the_last_attempt_came_to(outcome, what):
    policy = RetryPolicy(max_retries=2)
    assert decide(outcome, Tally(T0, executions=3), policy, T0) == Fail(f"{what}, 2 retries used up")


@rule("retry-and-destinations §1.4", "documented")
@pytest.mark.parametrize("retries", range(9))
def test_an_always_failing_function_runs_once_and_then_once_for_each_retry(retries):
    policy = RetryPolicy(max_retries=retries)
    executions = 1
    while isinstance(decide(ERROR, Tally(T0, executions=executions), policy, T0), RetryAt):
        executions += 1
    assert executions == 1 + retries


@rule("retry-and-destinations §1.4", "documented")
def test_retries_not_set_are_three_and_zero_stays_zero():
    unset = RetryPolicy.of(AsyncSettings(), FC3, Settings())
    zero = RetryPolicy.of(AsyncSettings(max_retries=0), FC3, Settings())
    assert (unset.max_retries, zero.max_retries) == (3, 0)


@rule("retry-and-destinations §1.2", "assumed")
def test_the_last_interval_of_a_setting_repeats():
    policy = RetryPolicy(max_retries=8, intervals=(s(10), s(20)))
    waits = [decide(ERROR, Tally(T0, executions=n), policy, T0) for n in (1, 2, 3, 4)]
    assert waits == [RetryAt(T0 + s(10)), RetryAt(T0 + s(20)), RetryAt(T0 + s(20)), RetryAt(T0 + s(20))]


@rule("retry-and-destinations §1.3", "documented")
@pytest.mark.parametrize("refusal", [Throttled(), INTERNAL_ERROR, NO_CAPACITY])
@pytest.mark.parametrize("generation", [FC2, FC3])
def test_refused_attempts_back_off_for_five_hours_without_cap_in_both_generations(refusal, generation):
    policy = RetryPolicy.of(AsyncSettings(max_retries=0), generation, Settings())
    now, refusals, starts = T0, 0, []
    while True:
        refusals += 1
        first = T0
        decision = decide(refusal, Tally(T0, refusals=refusals, first_refused=first), policy, now)
        if not isinstance(decision, RetryAt):
            break
        starts.append((decision.due - T0).total_seconds())
        now = decision.due
    assert starts == [0.5 * (2**n - 1) for n in range(1, 16)]
    assert decision == Fail(f"{refusal.status} {refusal.code} for 5 hours")


@rule("retry-and-destinations §1", "documented")
@pytest.mark.parametrize(("refusal", "retried"), [(Throttled(), True), (INTERNAL_ERROR, False), (NO_CAPACITY, False)])
def test_a_setting_switches_retries_of_500_and_503_off_and_leaves_429(refusal, retried):
    policy = RetryPolicy.of(AsyncSettings(), FC3, Settings(retry_server_errors=False))
    decision = decide(refusal, Tally(T0, refusals=1, first_refused=T0), policy, T0)
    assert isinstance(decision, RetryAt) is retried


@rule("retry-and-destinations §1.3", "inferred")
def test_refusals_do_not_use_up_the_retries_of_function_errors():
    policy = RetryPolicy(max_retries=1)
    tally = Tally(T0, executions=1, refusals=0, first_refused=T0)
    assert decide(ERROR, tally, policy, T0 + s(3)) == RetryAt(T0 + s(3.5))


@rule("retry-and-destinations §1.3", "assumed")
def test_the_window_starts_with_the_first_refusal_and_not_with_the_request():
    policy = RetryPolicy()
    late = T0 + timedelta(hours=20)
    assert decide(Throttled(), Tally(T0, refusals=1, first_refused=late), policy, late) == RetryAt(late + s(0.5))


@rule("retry-and-destinations §1.5", "documented")
@pytest.mark.parametrize(("age", "old"), [(599, False), (600, False), (600.000001, True)])
def test_an_event_expires_when_its_age_exceeds_the_maximum(age, old):
    assert is_too_old(Tally(T0), RetryPolicy(max_age=s(600)), T0 + s(age)) is old
