"""The moves of a paused clock: from due time to due time, never past one."""

import threading
from datetime import timedelta

import pytest
from fakes import CREW, ask, make, s
from patience import WAIT_SECONDS

from fcemu.core.destinations import FunctionDestination
from fcemu.core.functions import AsyncSettings
from fcemu.core.invocation import State
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine.emulator import ClosedError, NotIdle


def offsets(emulator, kind):
    return [
        (fact.at - emulator.clock.started).total_seconds() for fact in emulator.journal if type(fact).__name__ == kind
    ]


def test_nothing_happens_behind_the_tests_back():
    emulator, _ = make(f=lambda call: b"ok")
    invocation = emulator.accept(ask("f"))
    assert invocation.state is State.ENQUEUED
    emulator.wait(emulator.advance(s(0)))
    assert invocation.state is State.SUCCEEDED


@pytest.mark.parametrize(("by", "state"), [(199.999999, State.ENQUEUED), (200, State.SUCCEEDED)])
def test_a_delay_ends_at_its_exact_instant_and_a_move_includes_its_end(by, state):
    emulator, _ = make(f=lambda call: b"ok")
    invocation = emulator.accept(ask("f", delay=200))
    emulator.wait(emulator.advance(s(by)))
    assert invocation.state is state
    assert emulator.clock.now() - emulator.clock.started == s(by)


def test_a_long_move_visits_each_due_instant_on_its_way():
    seen = []
    emulator, _ = make(f=lambda call: seen.append((call.payload, call.clock.now())))
    for delay in (30, 10, 20):
        emulator.accept(ask("f", str(delay).encode(), delay=delay))
    emulator.wait(emulator.advance(timedelta(days=1)))
    start = emulator.clock.started
    assert seen == [(b"10", start + s(10)), (b"20", start + s(20)), (b"30", start + s(30))]


def test_simultaneous_things_keep_their_order():
    seen = []
    emulator, _ = make(f=lambda call: seen.append(call.payload))
    for n in range(100):
        emulator.accept(ask("f", str(n).encode(), delay=5))
    emulator.wait(emulator.run_next())
    assert seen == [str(n).encode() for n in range(100)]


def test_what_follows_from_an_attempt_wakes_no_other_thread(monkeypatch):
    jobs, run = [], CREW.run
    monkeypatch.setattr(CREW, "run", lambda job: (jobs.append(job), run(job)))
    answers = iter([ValueError("not yet"), b"charged"])

    def charge(call):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    then = AsyncSettings(on_success=FunctionDestination(FunctionRef("receipt")))
    emulator, _ = make(asynchronous={"charge": then}, charge=charge, receipt=lambda call: b"written")
    emulator.accept(ask("charge"))
    emulator.wait(emulator.advance(s(60)))
    assert [each.state for each in emulator.journal.invocations.values()] == [State.SUCCEEDED, State.SUCCEEDED]
    assert len(jobs) == 1


def test_run_next_runs_one_instant_and_no_more():
    emulator, _ = make(f=lambda call: b"")
    for delay in (1, 1, 2):
        emulator.accept(ask("f", delay=delay))
    emulator.wait(emulator.run_next())
    assert offsets(emulator, "Started") == [1, 1]
    emulator.wait(emulator.run_next())
    emulator.wait(emulator.run_next())
    assert offsets(emulator, "Started") == [1, 1, 2]
    assert emulator.clock.now() == emulator.clock.started + s(2)


def test_a_handler_that_computes_costs_no_virtual_time():
    emulator, _ = make(f=lambda call: sum(range(100_000)))
    emulator.accept(ask("f", delay=1))
    emulator.wait(emulator.run_until_idle(None))
    assert offsets(emulator, "Finished") == [1]


def test_a_sleep_takes_virtual_seconds_and_others_run_meanwhile():
    order = []

    def slow(call):
        order.append("slow begins")
        call.clock.sleep(30)
        order.append("slow ends")

    emulator, _ = make(slow=slow, quick=lambda call: order.append("quick"))
    emulator.accept(ask("slow"))
    emulator.accept(ask("quick", delay=10))
    emulator.wait(emulator.run_until_idle(None))
    assert order == ["slow begins", "quick", "slow ends"]
    assert emulator.clock.now() == emulator.clock.started + s(30)


def test_parked_attempts_overlap_each_on_an_instance_of_its_own():
    emulator, runtime = make(f=lambda call: call.clock.sleep(10))
    for _ in range(200):
        emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert offsets(emulator, "Finished") == [10] * 200
    assert len(runtime.started) == 200


def test_a_thousand_attempts_are_parked_at_once():
    emulator, _ = make(settings=Settings(instance_limit=1_000), f=lambda call: call.clock.sleep(3600), timeout=86400)
    invocations = [emulator.accept(ask("f")) for _ in range(1_000)]
    emulator.wait(emulator.advance(s(3599)))
    assert {invocation.state for invocation in invocations} == {State.RUNNING}
    emulator.wait(emulator.run_until_idle(None))
    assert offsets(emulator, "Finished") == [3600] * 1_000


def test_one_attempt_at_a_time_runs_on_a_paused_clock():
    running, most = [], []

    def f(call):
        running.append(call)
        most.append(len(running))
        running.remove(call)
        call.clock.sleep(1)
        running.append(call)
        most.append(len(running))
        running.remove(call)

    emulator, _ = make(f=f)
    for _ in range(50):
        emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert most == [1] * 100


def test_what_is_parked_beyond_the_end_of_a_move_stays_running():
    emulator, _ = make(f=lambda call: call.clock.sleep(30))
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(29)))
    assert invocation.state is State.RUNNING
    assert emulator.clock.now() == emulator.clock.started + s(29)
    emulator.wait(emulator.advance(s(1)))
    assert invocation.state is State.SUCCEEDED


def test_time_does_not_go_back():
    emulator, _ = make(f=lambda call: b"")
    with pytest.raises(ValueError, match="time does not go back"):
        emulator.advance(s(-1))
    with pytest.raises(ValueError, match="time does not go back"):
        emulator.advance_to(emulator.clock.started - s(1))
    with pytest.raises(ValueError, match="year 9999"):
        emulator.advance(timedelta(days=3_000_000))
    assert emulator.clock.now() == emulator.clock.started


def test_work_left_after_the_bound_is_an_error_that_explains():
    emulator, _ = make({"f": AsyncSettings(max_retries=0)}, f=lambda call: call.clock.sleep(50))
    emulator.accept(ask("f", delay=3600))
    with pytest.raises(NotIdle, match=r"work is left after 0:10:00[\s\S]*\(\+600 s\), paused\ndue next:[\s\S]*f 1-"):
        emulator.wait(emulator.run_until_idle(timedelta(minutes=10)))
    assert emulator.clock.now() == emulator.clock.started + timedelta(minutes=10)


def test_a_second_caller_waits_for_the_first():
    emulator, _ = make(f=lambda call: call.clock.sleep(5))
    emulator.accept(ask("f"))
    ends = []

    def move(by):
        emulator.wait(emulator.advance(s(by)))
        ends.append(by)

    callers = [threading.Thread(target=move, args=(by,)) for by in (10, 20, 30)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(ends) == [10, 20, 30]
    assert emulator.clock.now() == emulator.clock.started + s(60)


def test_a_closed_emulator_lets_nobody_wait():
    emulator, _ = make(f=lambda call: call.clock.sleep(10**6))
    cleaned = threading.Event()

    def f(call):
        try:
            call.clock.sleep(1000)
        finally:
            cleaned.set()

    emulator, _ = make(f=f, timeout=86400)
    emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(1)))
    emulator.close()
    assert cleaned.is_set()
    with pytest.raises(ClosedError):
        emulator.advance(s(1))


def test_closing_ends_a_move_that_is_under_way():
    entered, leave = threading.Event(), threading.Event()

    def f(call):
        entered.set()
        leave.wait(WAIT_SECONDS)

    emulator, _ = make(f=f)
    emulator.accept(ask("f"))
    goal = emulator.run_until_idle(None)
    assert entered.wait(WAIT_SECONDS)
    closer = threading.Thread(target=emulator.close)
    closer.start()
    with pytest.raises(ClosedError):
        emulator.wait(goal)
    leave.set()
    closer.join()


def test_autojump_moves_only_while_no_request_is_served():
    done = threading.Event()
    emulator, _ = make(f=lambda call: done.set())
    emulator.serving = 1
    emulator.autojump = True
    invocation = emulator.accept(ask("f", delay=100))
    assert invocation.state is State.ENQUEUED
    emulator.request_served()
    assert done.wait(WAIT_SECONDS)
    emulator.wait(emulator.run_until_ended(invocation))
    assert emulator.clock.now() == emulator.clock.started + s(100)


def test_a_redefined_function_is_what_runs_next():
    emulator, runtime = make(f=lambda call: b"old")
    invocation = emulator.accept(ask("f", delay=5))
    emulator.wait(emulator.run_until_idle(None))
    assert invocation.ending().payload == b"old"
    runtime.handlers["f"] = lambda call: b"new"
    emulator.setup.define((), tuple(emulator.functions()), {})
    again = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert again.ending().payload == b"new"


def prepared(call):
    """An instance that needs 50 s until its handler can start, which then sleeps for as long as the event says."""
    call.clock.prepare(100)
    call.clock.sleep(50)
    call.clock.begin_handler()
    call.clock.sleep(float(call.payload))
    return b"woken"


@pytest.mark.parametrize(("sleeps", "word", "lasts"), [(2.9, "returned", 52.9), (4, "timed out", 53)])
def test_a_timeout_counts_from_the_start_of_the_handler(sleeps, word, lasts):
    emulator, _ = make(f=prepared, timeout=3)
    invocation = emulator.accept(ask("f", str(sleeps).encode()))
    emulator.wait(emulator.run_until_idle(None))
    attempt = invocation.attempts[0]
    assert (attempt.word, attempt.ended - attempt.started) == (word, s(lasts))


def test_an_instance_that_does_not_get_ready_in_its_time_has_timed_out():
    def never_ready(call):
        call.clock.prepare(9)
        call.clock.sleep(1000)

    emulator, _ = make(f=never_ready, timeout=4)
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    attempt = invocation.attempts[0]
    assert (attempt.word, attempt.ended - attempt.started) == ("timed out", s(12))


def test_what_is_stopped_before_its_handler_starts_ends_at_once():
    emulator, _ = make({"f": AsyncSettings(task_mode=True)}, f=prepared, timeout=300)
    invocation = emulator.accept(ask("f", b"1"))
    emulator.wait(emulator.advance(s(10)))
    emulator.tasks.stop(invocation.accepted.function, "LATEST", invocation.id)
    emulator.wait(emulator.advance(s(0)))
    assert invocation.state is State.STOPPED
    assert invocation.ended == emulator.clock.started + s(10)


def test_a_thread_of_the_preparation_wakes_within_the_time_of_the_handler():
    def handler(call):
        call.clock.prepare(100)
        strand, waiting = call.clock.strand(), call.clock.waiting()

        def live():
            strand.begin()
            strand.sleep(5)
            strand.end()

        threading.Thread(target=live).start()
        call.clock.sleep(2.5)
        call.clock.begin_handler()
        strand.when_ended(waiting)
        waiting.wait(None)
        return b"joined"

    emulator, _ = make(f=handler, timeout=3)
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    attempt = invocation.attempts[0]
    assert (attempt.word, attempt.ended - attempt.started) == ("returned", s(5))


def threads_that(*lives):
    """A handler that starts a thread for each of these and waits for their ends."""

    def handler(call):
        strands = []
        for live in lives:
            strand = call.clock.strand()

            def run(strand=strand, live=live):
                strand.begin()
                live(strand, call)
                strand.end()

            strands.append(strand)
            threading.Thread(target=run).start()
        for strand in strands:
            waiting = call.clock.waiting()
            strand.when_ended(waiting)
            waiting.wait(None)

    return handler


def test_threads_that_wake_at_one_instant_go_on_attempt_by_attempt_each_in_the_order_of_its_threads():
    seen = []

    def sleeper(name, seconds):
        def live(strand, call):
            strand.sleep(seconds)
            seen.append(call.payload + name)

        return live

    emulator, _ = make(f=threads_that(sleeper(b"1", 5), sleeper(b"2", 3), sleeper(b"3", 5)))
    for name in (b"a", b"b"):
        emulator.accept(ask("f", name))
    emulator.wait(emulator.run_until_idle(None))
    assert seen == [b"a2", b"b2", b"a1", b"a3", b"b1", b"b3"]


def test_a_thread_that_sleeps_for_no_time_again_and_again_lets_all_else_go_on_that_is_due():
    seen = []

    def polls(strand, call):
        while b"done" not in seen:
            strand.sleep(1e-9)

    def sleeper(strand, call):
        strand.sleep(5)

    def at_once(call):
        seen.append(b"done")

    emulator, _ = make(f=threads_that(sleeper, polls), g=at_once)
    emulator.accept(ask("f"))
    emulator.accept(ask("g"))
    emulator.wait(emulator.run_until_idle(None))
    assert seen == [b"done"]


def test_an_attempt_is_among_what_is_due_once_however_many_of_its_threads_wait():
    emulator, _ = make(f=threads_that(*(lambda strand, call, n=n: strand.sleep(n) for n in (2, 4, 6))))
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.advance(s(3)))
    text = str(emulator.explain())
    assert text.count("wake-up of") == 1
    assert f"(+4 s)  wake-up of f {invocation.id} #1" in text
