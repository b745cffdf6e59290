"""What a changed or deleted configuration, and a deleted function, mean for what is queued, runs or waits for a retry.

FC's pages are silent about all of it but the deleted function. The rule here: what decides is the configuration as it
is when an attempt ends or a message is dequeued.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import ask, make, s
from rules import rule

from fcemu.core.destinations import FunctionDestination, QueueDestination
from fcemu.core.facts import Delivered
from fcemu.core.functions import AsyncSettings
from fcemu.core.invocation import State
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.outcome import Throttled
from fcemu.core.releases import Owner
from fcemu.core.resource_types import ALIASES, ASYNC, FUNCTIONS

F = FunctionRef("f")
OWNER = Owner.of(F)


def fails(call):
    raise ValueError("always")


def idle(emulator):
    emulator.wait(emulator.run_until_idle(None))


def advance(emulator, seconds):
    emulator.wait(emulator.advance(s(seconds)))


def put(emulator, qualifier=LATEST, **settings):
    emulator.control.put(ASYNC, (F, qualifier), settings)


def started(emulator, invocation):
    return [(attempt.started - emulator.clock.started).total_seconds() for attempt in invocation.attempts]


def reported(emulator):
    return [fact.destination for fact in emulator.journal if isinstance(fact, Delivered)]


@rule("retry-and-destinations §1.4", "assumed")
def test_a_number_of_retries_that_changes_while_a_retry_is_pending_holds_from_the_next_failure_on():
    emulator, _ = make({"f": AsyncSettings(max_retries=8)}, f=fails)
    invocation = emulator.accept(ask("f"))
    advance(emulator, 1)
    put(emulator, max_retries=2)
    idle(emulator)
    assert started(emulator, invocation) == [0, 0.5, 1.5]
    assert invocation.reason == "function error, 2 retries used up"


@rule("retry-and-destinations §1.4", "assumed")
def test_a_number_of_retries_that_changes_while_the_handler_runs_holds_when_it_fails():
    def f(call):
        call.clock.sleep(10)
        raise ValueError("always")

    emulator, _ = make({"f": AsyncSettings(max_retries=0)}, f=f)
    invocation = emulator.accept(ask("f"))
    advance(emulator, 5)
    put(emulator, max_retries=1)
    idle(emulator)
    assert started(emulator, invocation) == [0, 10.5]


@rule("retry-and-destinations §1.4", "assumed")
def test_a_deleted_configuration_leaves_three_retries_and_no_destination():
    settings = AsyncSettings(max_retries=8, on_failure=QueueDestination("q"))
    emulator, _ = make({"f": settings}, f=fails)
    invocation = emulator.accept(ask("f"))
    advance(emulator, 1)
    emulator.control.delete(ASYNC, (F, LATEST))
    idle(emulator)
    assert (len(invocation.attempts), invocation.state, reported(emulator)) == (4, State.FAILED, [])


@rule("retry-and-destinations §1.5", "assumed")
@pytest.mark.parametrize(("age", "state"), [(59, State.EXPIRED), (60, State.SUCCEEDED)])
def test_a_maximum_age_that_changes_while_a_message_waits_holds_when_it_is_dequeued(age, state):
    emulator, _ = make(f=lambda call: b"")
    invocation = emulator.accept(ask("f", delay=60))
    put(emulator, max_age=s(age))
    idle(emulator)
    assert invocation.state is state


@rule("retry-and-destinations §2", "assumed")
def test_a_report_goes_where_the_configuration_says_when_the_invocation_ends():
    emulator, _ = make({"f": AsyncSettings(on_success=QueueDestination("old"))}, f=lambda call: call.clock.sleep(10))
    emulator.accept(ask("f"))
    advance(emulator, 5)
    put(emulator, on_success=QueueDestination("new"))
    idle(emulator)
    assert reported(emulator) == ["queue:new"]


@rule("async-invocation §7", "documented")
def test_each_qualifier_has_settings_of_its_own():
    emulator, _ = make({"f": AsyncSettings(max_retries=0)}, f=fails)
    emulator.control.publish(OWNER, "")
    emulator.control.create(ALIASES, (OWNER, "prod"), {"version": "1"})
    put(emulator, "prod", max_retries=2, on_failure=QueueDestination("prod"))
    latest, prod = emulator.accept(ask("f")), emulator.accept(ask("f", qualifier="prod"))
    idle(emulator)
    assert (len(latest.attempts), len(prod.attempts), reported(emulator)) == (1, 3, ["queue:prod"])


@rule("async-invocation §7", "assumed")
def test_a_qualifier_without_settings_has_the_defaults_and_not_those_of_latest():
    emulator, _ = make({"f": AsyncSettings(max_retries=0, on_failure=QueueDestination("q"))}, f=fails)
    emulator.control.publish(OWNER, "")
    invocation = emulator.accept(ask("f", qualifier="1"))
    idle(emulator)
    assert (len(invocation.attempts), reported(emulator)) == (4, [])


@rule("retry-and-destinations §1.1", "documented")
def test_a_function_that_is_deleted_while_its_message_waits_is_not_run_and_nobody_is_told():
    ran = []
    emulator, _ = make({"f": AsyncSettings(on_failure=QueueDestination("q"))}, f=lambda call: ran.append(call))
    invocation = emulator.accept(ask("f", delay=60))
    emulator.control.delete(FUNCTIONS, F)
    idle(emulator)
    assert (invocation.state, ran, reported(emulator)) == (State.INVALID, [], [])
    assert invocation.ended == emulator.clock.started + s(60)


@rule("retry-and-destinations §1.1", "assumed")
def test_a_function_that_is_deleted_while_it_runs_comes_to_its_end_and_is_reported_nowhere():
    settings = AsyncSettings(on_success=QueueDestination("q"))
    emulator, _ = make({"f": settings}, f=lambda call: call.clock.sleep(10))
    invocation = emulator.accept(ask("f"))
    advance(emulator, 5)
    emulator.control.delete(FUNCTIONS, F)
    idle(emulator)
    assert (invocation.state, reported(emulator)) == (State.SUCCEEDED, [])


@rule("retry-and-destinations §1.1", "assumed")
def test_a_function_that_is_deleted_while_it_runs_and_fails_is_invalid_at_its_retry():
    def f(call):
        call.clock.sleep(10)
        raise ValueError("always")

    emulator, _ = make(f=f)
    invocation = emulator.accept(ask("f"))
    advance(emulator, 5)
    emulator.control.delete(FUNCTIONS, F)
    idle(emulator)
    assert (invocation.state, len(invocation.attempts)) == (State.INVALID, 1)
    assert invocation.ended == emulator.clock.started + s(10.5)


def test_a_function_that_is_replaced_while_its_message_waits_runs_as_it_is_then():
    emulator, _ = make(timeout=3, f=lambda call: call.clock.sleep(10))
    invocation = emulator.accept(ask("f", delay=60))
    [function] = emulator.functions()
    emulator.setup.define((), (replace(function, timeout=s(20)),), {})
    idle(emulator)
    assert invocation.state is State.SUCCEEDED


# Retry and age, to the last row.


@rule("retry-and-destinations §1.3", "inferred")
def test_a_message_that_is_refused_until_it_is_too_old_expires_before_the_five_hours_are_over():
    settings = AsyncSettings(max_age=timedelta(hours=1), on_failure=QueueDestination("q"))
    emulator, runtime = make({"f": settings}, f=lambda call: b"")
    runtime.refusals = [Throttled()] * 100
    invocation = emulator.accept(ask("f"))
    idle(emulator)
    assert invocation.state is State.EXPIRED
    assert (invocation.ended - invocation.accepted.at).total_seconds() == 0.5 * (2**13 - 1)
    assert b'"approximateInvokeCount":0' in emulator.mail.arrived("queue:q")[0].body


@rule("retry-and-destinations §1.3", "inferred")
def test_a_function_error_after_refusals_has_all_its_retries_and_the_back_off_begins_anew():
    emulator, runtime = make({"f": AsyncSettings(max_retries=1)}, f=fails)
    runtime.refusals = [Throttled(), Throttled()]
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(1.5)))
    assert started(emulator, invocation) == [0, 0.5, 1.5]
    idle(emulator)
    assert [attempt.word for attempt in invocation.attempts] == [
        *("throttled", "throttled", "function error", "function error")
    ]
    assert started(emulator, invocation)[-1] == 2.0


@rule("retry-and-destinations §3.3", "documented")
def test_only_the_last_attempt_is_reported():
    emulator, _ = make({"f": AsyncSettings(max_retries=3, on_failure=QueueDestination("q"))}, f=fails)
    emulator.accept(ask("f"))
    idle(emulator)
    [message] = emulator.mail.arrived("queue:q")
    assert b'"approximateInvokeCount":4' in message.body


@rule("retry-and-destinations §1.6", "inferred")
def test_the_request_id_is_the_same_for_all_attempts():
    seen = []

    def f(call):
        seen.append(call.request_id)
        raise ValueError("always")

    emulator, _ = make(f=f)
    invocation = emulator.accept(ask("f"))
    idle(emulator)
    assert seen == [invocation.id] * 4


@rule("retry-and-destinations §3.1", "inferred")
def test_a_destination_function_is_retried_by_its_own_settings():
    asked = {
        "f": AsyncSettings(on_success=FunctionDestination(FunctionRef("audit"))),
        "audit": AsyncSettings(max_retries=1, on_failure=QueueDestination("q")),
    }
    emulator, _ = make(asked, f=lambda call: b"", audit=fails)
    emulator.accept(ask("f"))
    idle(emulator)
    audit = list(emulator.journal.invocations.values())[-1]
    assert (len(audit.attempts), reported(emulator)) == (2, ["function:audit", "queue:q"])


@rule("retry-and-destinations §3.3", "documented")
def test_a_success_is_reported_to_on_success_and_a_failure_to_on_failure():
    told = {"on_success": QueueDestination("good"), "on_failure": QueueDestination("bad")}
    emulator, _ = make({name: AsyncSettings(max_retries=0, **told) for name in ("f", "g")}, f=lambda call: b"", g=fails)
    for name in ("f", "g"):
        emulator.accept(ask(name))
    idle(emulator)
    assert reported(emulator) == ["queue:good", "queue:bad"]


@rule("retry-and-destinations §3.3", "assumed")
def test_what_expired_is_reported_to_on_failure():
    settings = AsyncSettings(max_age=s(1), on_success=QueueDestination("good"), on_failure=QueueDestination("bad"))
    emulator, _ = make({"f": settings}, f=lambda call: b"")
    emulator.accept(ask("f", delay=2))
    idle(emulator)
    [message] = emulator.mail.arrived("queue:bad")
    assert b'"condition":"AsyncEventExpired","approximateInvokeCount":0' in message.body


@rule("retry-and-destinations §3.3", "inferred")
def test_what_was_refused_for_five_hours_is_reported_to_on_failure_with_the_status_of_the_refusal():
    emulator, runtime = make({"f": AsyncSettings(on_failure=QueueDestination("bad"))}, f=lambda call: b"")
    runtime.refusals = [Throttled()] * 100
    emulator.accept(ask("f"))
    idle(emulator)
    [message] = emulator.mail.arrived("queue:bad")
    assert b'"statusCode":429' in message.body
