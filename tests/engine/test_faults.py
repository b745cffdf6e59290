"""Trouble on demand: what each fault does, to which attempts, and what the journal says of it."""

import json
import threading

import pytest
from fakes import ask, make, s
from patience import WAIT_SECONDS
from rules import rule

from fcemu.core.facts import FaultStruck, Succeeded, from_json, kind_of
from fcemu.core.functions import AsyncSettings
from fcemu.core.invocation import State
from fcemu.core.names import FunctionRef
from fcemu.core.retry import BACKOFF_WINDOW
from fcemu.core.settings import Settings
from fcemu.engine import faults
from fcemu.engine.chance import Chance
from fcemu.engine.journal import Journal

F = FunctionRef("f")
NEVER = AsyncSettings(max_retries=0)


def fault(emulator, trouble, times=1, ref=F):
    return emulator.setup.add_fault(ref, trouble, times)


def run(emulator):
    emulator.wait(emulator.run_until_idle(None))


def call(emulator, name="f", payload=b""):
    invocation = emulator.invoke(ask(name, payload), lambda _: None)
    emulator.wait(emulator.run_until_ended(invocation))
    return invocation


def offset(emulator, instant):
    return (instant - emulator.clock.started).total_seconds()


def attempts(emulator, invocation):
    return [(one.word, offset(emulator, one.started)) for one in invocation.attempts]


def kinds(emulator, invocation):
    return [type(fact).__name__ for fact in emulator.journal if fact.request_id == invocation.id]


class Handler:
    """Counts its runs; sleeps where it should."""

    def __init__(self, sleeps=0.0, fails=0):
        self.runs = []
        self.retry_counts = []
        self._sleeps = sleeps
        self._fails = fails

    def __call__(self, call):
        self.runs.append(call.attempt)
        self.retry_counts.append(call.retry_count)
        call.clock.sleep(self._sleeps)
        if len(self.runs) <= self._fails:
            raise ValueError("no")
        return b"done"


@pytest.mark.parametrize(
    ("trouble", "word", "status"),
    [(faults.throttle(), "throttled", 429), (faults.fail(500), "system error", 500), (faults.fail(503), None, 503)],
)
def test_a_refused_attempt_does_not_run_and_is_retried_with_back_off(trouble, word, status):
    handler = Handler()
    emulator, _ = make({"f": NEVER}, f=handler)
    asked = fault(emulator, trouble, times=3)
    invocation = emulator.accept(ask("f", delay=10))
    run(emulator)
    assert attempts(emulator, invocation) == [
        *((word or "system error", when) for when in (10, 10.5, 11.5)),
        ("returned", 13.5),
    ]
    assert {one.outcome.status for one in invocation.attempts[:3]} == {status}
    assert handler.retry_counts == [0]
    assert (invocation.state, invocation.executions, asked.struck) == (State.SUCCEEDED, 1, 3)


def test_a_function_that_is_throttled_for_five_hours_fails():
    emulator, _ = make(f=Handler())
    asked = fault(emulator, faults.throttle(), times=1000)
    invocation = emulator.accept(ask("f"))
    run(emulator)
    assert invocation.state is State.FAILED
    assert invocation.ended - emulator.clock.started <= BACKOFF_WINDOW
    assert asked.struck == len(invocation.attempts) == 16


def test_the_other_reading_of_fc_retries_no_500():
    emulator, _ = make(settings=Settings(retry_server_errors=False), f=Handler())
    fault(emulator, faults.fail(500))
    invocation = emulator.accept(ask("f"))
    run(emulator)
    assert (invocation.state, invocation.reason) == (State.FAILED, "500 InternalServerError, not retried")


@rule("errors-and-limits §2.1", "documented")
def test_a_synchronous_caller_hears_of_a_refusal_at_once():
    emulator, _ = make(f=Handler())
    fault(emulator, faults.fail(503))
    invocation = call(emulator)
    assert (invocation.state, [one.outcome.status for one in invocation.attempts]) == (State.FAILED, [503])
    assert call(emulator).state is State.SUCCEEDED


@pytest.mark.parametrize(("when", "runs", "at"), [("before", [2], 0), ("sleeping", [1, 2], 0), ("after", [1, 2], 5)])
def test_an_instance_dies_and_the_next_attempt_gets_a_new_one(when, runs, at):
    handler = Handler(sleeps=5)
    emulator, runtime = make(f=handler)
    asked = fault(emulator, faults.crash(when))
    invocation = emulator.accept(ask("f"))
    run(emulator)
    assert handler.runs == runs
    first, second = invocation.attempts
    assert (first.word, second.word, asked.struck) == ("function error", "returned", 1)
    assert first.outcome.name == "ProcessExited"
    assert f"(duration: {at * 1000}ms" in json.loads(first.outcome.document)["errorMessage"]
    assert (offset(emulator, first.ended), offset(emulator, second.started)) == (at, at + 0.5)
    assert first.instance_id != second.instance_id
    assert [instance.stopped for instance in runtime.started] == [True, False]


def test_a_crash_while_sleeping_waits_for_an_attempt_that_sleeps():
    emulator, _ = make(quick=Handler(), slow=Handler(sleeps=1))
    waits = fault(emulator, faults.crash("sleeping"), ref=FunctionRef("quick"))
    strikes = fault(emulator, faults.crash("sleeping"), ref=FunctionRef("slow"))
    done = [emulator.accept(ask(name)) for name in ("quick", "slow")]
    run(emulator)
    assert [(len(one.attempts), one.state) for one in done] == [(1, State.SUCCEEDED), (2, State.SUCCEEDED)]
    assert (waits.struck, strikes.struck) == (0, 1)


def test_a_handler_that_swallows_its_end_has_crashed_all_the_same():
    def stubborn(call):
        try:
            call.clock.sleep(5)
        except BaseException:
            swallowed.append(call.attempt)
        return b"alive"

    swallowed = []
    emulator, _ = make({"f": NEVER}, f=stubborn)
    fault(emulator, faults.crash("sleeping"))
    too_late = fault(emulator, faults.crash("after"))
    invocation = emulator.accept(ask("f"))
    run(emulator)
    assert (invocation.attempts[0].outcome.name, swallowed, too_late.struck) == ("ProcessExited", [1], 0)


def test_an_instance_of_an_old_definition_is_stopped_when_its_attempt_is_over():
    emulator, runtime = make(f=Handler(sleeps=5))
    emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(1)))
    emulator.setup.define((), emulator.setup.defined()[1], {})
    assert not runtime.started[0].stopped
    run(emulator)
    assert runtime.started[0].stopped


@rule("retry-and-destinations §1.1", "documented")
def test_a_crash_uses_up_a_retry_as_any_function_error_does():
    emulator, _ = make({"f": NEVER}, f=Handler())
    fault(emulator, faults.crash("after"))
    invocation = emulator.accept(ask("f"))
    run(emulator)
    assert (invocation.state, invocation.reason) == (State.FAILED, "function error, 0 retries used up")


def test_a_timeout_comes_before_a_crash_after_the_handler():
    emulator, _ = make({"f": NEVER}, timeout=3, f=Handler(sleeps=5))
    asked = fault(emulator, faults.crash("after"))
    invocation = emulator.accept(ask("f"))
    run(emulator)
    assert (invocation.attempts[0].word, asked.struck) == ("timed out", 0)


def test_a_crash_reaches_a_synchronous_caller_as_a_function_error():
    emulator, _ = make(f=Handler(sleeps=5))
    fault(emulator, faults.crash("sleeping"))
    invocation = call(emulator)
    assert [one.outcome.error_type for one in invocation.attempts] == ["UnhandledInvocationError"]


def test_a_delayed_attempt_starts_later_and_stays_in_the_queue_meanwhile():
    emulator, _ = make(f=Handler())
    asked = fault(emulator, faults.delay(s(7)))
    invocation = emulator.accept(ask("f", delay=10))
    emulator.wait(emulator.advance(s(12)))
    assert (invocation.state, offset(emulator, invocation.due)) == (State.ENQUEUED, 17)
    run(emulator)
    assert attempts(emulator, invocation) == [("returned", 17)]
    assert asked.struck == 1


def test_each_attempt_is_delayed_once_however_often_the_fault_may_strike():
    emulator, _ = make(f=Handler(fails=1))
    asked = fault(emulator, faults.delay(s(10)), times=9)
    invocation = emulator.accept(ask("f"))
    run(emulator)
    assert attempts(emulator, invocation) == [("function error", 10), ("returned", 20.5)]
    assert asked.struck == 2


def test_an_event_that_is_delayed_beyond_its_age_expires():
    emulator, _ = make({"f": AsyncSettings(max_age=s(5))}, f=Handler())
    fault(emulator, faults.delay(s(6)))
    invocation = emulator.accept(ask("f"))
    run(emulator)
    assert (invocation.state, invocation.attempts) == (State.EXPIRED, ())


def test_a_synchronous_call_may_be_delayed():
    emulator, _ = make(f=Handler())
    fault(emulator, faults.delay(s(2)))
    assert attempts(emulator, call(emulator)) == [("returned", 2)]


@rule("async-invocation §5", "assumed")
@pytest.mark.parametrize("again", [0, 30])
def test_what_is_delivered_twice_runs_twice_and_is_reported_once(again):
    handler = Handler(sleeps=5)
    emulator, _ = make({"f": NEVER}, f=handler)
    asked = fault(emulator, faults.deliver_twice(s(again)))
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(5)))
    assert invocation.state is (State.ENQUEUED if again else State.RUNNING)
    run(emulator)
    assert attempts(emulator, invocation) == [("returned", 0), ("returned", 5 + again)]
    assert (invocation.state, invocation.executions, asked.struck) == (State.SUCCEEDED, 2, 1)
    assert handler.retry_counts == [0, 0]
    assert kinds(emulator, invocation).count("Succeeded") == 1


def test_a_second_delivery_uses_up_no_retry():
    handler = Handler(fails=99)
    emulator, _ = make({"f": AsyncSettings(max_retries=1)}, f=handler)
    fault(emulator, faults.deliver_twice(s(0)))
    invocation = emulator.accept(ask("f"))
    run(emulator)
    assert handler.retry_counts == [0, 0, 1]
    assert invocation.reason == "function error, 1 retries used up"


def test_a_synchronous_call_is_in_no_queue_and_never_delivered_twice():
    emulator, _ = make(f=Handler())
    asked = fault(emulator, faults.deliver_twice(s(0)))
    assert len(call(emulator).attempts) == 1
    assert asked.struck == 0


def test_a_fault_is_for_one_function_and_strikes_only_so_often():
    emulator, _ = make(f=Handler(), other=Handler())
    asked = fault(emulator, faults.throttle(), times=2)
    others = [emulator.accept(ask("other")) for _ in range(2)]
    first, second, third = (emulator.accept(ask("f")) for _ in range(3))
    run(emulator)
    assert [len(one.attempts) for one in (*others, first, second, third)] == [1, 1, 2, 2, 1]
    assert asked.struck == 2


def test_faults_strike_in_the_order_in_which_they_were_asked_for():
    emulator, _ = make(f=Handler())
    fault(emulator, faults.throttle())
    fault(emulator, faults.fail(503))
    invocation = emulator.accept(ask("f"))
    run(emulator)
    assert [one.word for one in invocation.attempts] == ["throttled", "system error", "returned"]


def test_a_removed_fault_strikes_no_more():
    emulator, _ = make(f=Handler())
    asked = fault(emulator, faults.throttle(), times=9)
    emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(0)))
    emulator.setup.remove_fault(asked)
    emulator.setup.remove_fault(asked)
    run(emulator)
    assert (asked.struck, emulator.setup.faults()) == (1, ())


def test_every_strike_is_a_fact_before_what_it_does():
    emulator, _ = make(f=Handler(sleeps=1))
    for trouble in (
        faults.delay(s(1)),
        faults.throttle(),
        faults.crash("before"),
        faults.crash("sleeping"),
        faults.crash("after"),
        faults.deliver_twice(s(2)),
    ):
        fault(emulator, trouble)
    invocation = emulator.accept(ask("f"))
    run(emulator)
    facts = [fact for fact in emulator.journal if fact.request_id == invocation.id]
    struck = [
        (fact.attempt, fact.fault, kind_of(type(facts[n + 1]))) for n, fact in enumerate(facts) if is_strike(fact)
    ]
    assert struck == [
        (1, "delay", "Delayed"),
        (1, "throttle", "Refused"),
        (2, "crash before", "Finished"),
        (2, "deliver_twice", "Redelivered"),
        (3, "crash sleeping", "Finished"),
        (4, "crash after", "Finished"),
    ]


def is_strike(fact):
    return isinstance(fact, FaultStruck)


def bad_day():
    emulator, _ = make(f=Handler(sleeps=1, fails=2), g=Handler(fails=1))
    for n, trouble in enumerate(
        [
            faults.delay(s(3)),
            faults.throttle(),
            faults.crash("sleeping"),
            faults.crash("after"),
            faults.deliver_twice(s(4)),
        ],
        start=1,
    ):
        fault(emulator, trouble, times=n)
        fault(emulator, trouble, times=n, ref=FunctionRef("g"))
    for n in range(12):
        emulator.accept(ask("fg"[n % 2], delay=n % 3))
    run(emulator)
    return emulator.journal


def test_the_same_faults_give_the_same_journal_which_read_back_folds_to_the_same():
    journal = bad_day()
    lines = list(journal.lines())
    assert lines == list(bad_day().lines())
    copy = Journal()
    copy.fold([from_json({k: v for k, v in json.loads(line).items() if k not in {"n", "function"}}) for line in lines])
    assert list(copy.lines()) == lines
    for request_id, invocation in journal.invocations.items():
        twin = copy.invocations[request_id]
        assert (twin.state, twin.due, twin.attempts) == (invocation.state, invocation.due, invocation.attempts)
        assert twin.tally() == invocation.tally()


def test_faults_leave_the_ids_as_they_are():
    def ids(trouble):
        emulator, _ = make(f=Handler())
        if trouble is not None:
            fault(emulator, trouble)
        made = [emulator.accept(ask("f")).id for _ in range(3)]
        run(emulator)
        return made

    assert ids(None) == ids(faults.throttle()) == ids(faults.deliver_twice(s(1)))


class Unlucky(Chance):
    """Chance that is not calm, as one that draws would be."""

    def hold_up(self, moment):
        return super().hold_up(moment) or s(1)

    def dies(self, moment, when):
        return super().dies(moment, when) or (when == "before" and not moment.invocation.executions > 1)


def test_where_no_fault_says_anything_chance_is_drawn():
    emulator, _ = make(chance=Unlucky(), f=Handler())
    fault(emulator, faults.delay(s(10)))
    invocation = emulator.accept(ask("f"))
    run(emulator)
    assert attempts(emulator, invocation) == [("function error", 10), ("returned", 11.5)]


def test_on_a_flowing_clock_what_faults_put_off_runs_by_itself():
    emulator, _ = make(settings=Settings(rate=10), timeout=6000, f=Handler(sleeps=1))
    fault(emulator, faults.delay(s(1)))
    fault(emulator, faults.throttle(), times=2)
    fault(emulator, faults.deliver_twice(s(1)))
    ended = threading.Event()
    emulator.journal.follow(lambda: ended.set() if isinstance(emulator.journal[-1], Succeeded) else None)
    invocation = emulator.accept(ask("f"))
    assert ended.wait(WAIT_SECONDS), emulator.explain().text
    emulator.close()
    assert [one.word for one in invocation.attempts] == ["throttled", "throttled", "returned", "returned"]


@pytest.mark.parametrize(
    ("make_it", "text"),
    [
        (lambda: faults.fail(429), "expected 500 or 503, got 429; for 429 use throttle"),
        (lambda: faults.fail(True), "expected 500 or 503, got True"),
        (lambda: faults.crash("during"), "expected 'before', 'sleeping' or 'after', got 'during'"),
        (lambda: faults.delay(s(0)), "expected a duration above 0, got 0 s"),
        (lambda: faults.deliver_twice(s(-1)), "expected a duration of 0 or more, got -1 s"),
        (lambda: faults.Fault(1, F, faults.throttle(), 0), "times: expected a whole number above 0, got 0"),
    ],
)
def test_what_makes_no_sense_is_refused(make_it, text):
    with pytest.raises(ValueError, match=text):
        make_it()


def test_a_fault_says_what_it_is():
    texts = [
        str(faults.Fault(1, F, trouble, 2))
        for trouble in (faults.throttle(), faults.fail(503), faults.crash("after"), faults.delay(s(2)))
    ]
    assert texts == [
        "throttle('f', times=2)",
        "fail('f', status=503, times=2)",
        "crash('f', when='after', times=2)",
        "delay('f', by=2.0, times=2)",
    ]
