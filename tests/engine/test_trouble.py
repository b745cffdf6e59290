"""Nothing hangs: busy loops, locks, strangers, a clock that nobody moves; each says what, which line, what now."""

import threading
from queue import SimpleQueue

import pytest
from fakes import CREW, FakeInstance, ask, make, s
from patience import WAIT_SECONDS

from fcemu.core.facts import Warned
from fcemu.core.functions import AsyncSettings
from fcemu.core.invocation import State
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine.crew import Crew
from fcemu.engine.emulator import ClockStuck
from fcemu.engine.inflight import WATCHDOG

ONCE = AsyncSettings(max_retries=0)


def warnings(emulator):
    return [fact.text for fact in emulator.journal if isinstance(fact, Warned)]


def busy(call):
    STUCK.put(call)
    while True:
        pass


def blocked_by_a_lock(call):
    held = threading.Lock()
    held.acquire()
    STUCK.put(call)
    while not LEAVE.is_set():
        held.acquire(timeout=1)  # the line that the report names


def swallows_everything(call):
    STUCK.put(call)
    while not LEAVE.is_set():
        try:
            while not LEAVE.is_set():
                pass
        except BaseException:
            pass


LEAVE = threading.Event()
STUCK = SimpleQueue()
"""Handlers that make no progress from now on."""


def move(emulator, goal):
    """Until ``goal`` is reached; the watchdog looks after its patience when the handler is stuck, and at no other."""
    STUCK.get(timeout=WAIT_SECONDS)
    emulator._progress.check_progress(WATCHDOG.time() + emulator.settings.watchdog.total_seconds() + 1)
    emulator.wait(goal)


@pytest.fixture(autouse=True)
def _leave():
    LEAVE.clear()
    yield
    LEAVE.set()


@pytest.mark.parametrize("handler", [busy, blocked_by_a_lock, swallows_everything])
def test_what_is_stuck_ends_as_timed_out_at_its_timeout_and_names_its_line(handler):
    emulator, _ = make({"f": ONCE}, f=handler, other=lambda call: b"", timeout=60)
    invocation = emulator.accept(ask("f"))
    other = emulator.accept(ask("other", delay=10))
    move(emulator, emulator.run_until_idle(None))
    LEAVE.set()
    assert invocation.attempts[0].word == "timed out"
    assert (invocation.ended - emulator.clock.started).total_seconds() == 60
    assert other.state is State.SUCCEEDED
    [warning] = warnings(emulator)
    assert "f made no progress for 30 real seconds at test_trouble.py:" in warning
    assert f"in {handler.__name__}" in warning
    assert "watchdog" in warning


def test_a_stuck_handler_leaves_a_short_move_alone_and_stays_running_until_its_timeout():
    emulator, _ = make({"f": ONCE}, f=busy, timeout=60)
    invocation = emulator.accept(ask("f"))
    move(emulator, emulator.advance(s(10)))
    assert invocation.state is State.RUNNING
    assert emulator.clock.now() == emulator.clock.started + s(10)
    emulator.wait(emulator.advance(s(50)))
    assert invocation.state is State.FAILED


def test_a_handler_that_goes_on_after_its_timeout_has_struck_in_its_sleep_is_ended_at_that_instant():
    def handler(call):
        try:
            call.clock.sleep(1000)
        except BaseException:
            swallows_everything(call)

    emulator, _ = make({"f": ONCE}, f=handler, timeout=60)
    invocation = emulator.accept(ask("f"))
    move(emulator, emulator.run_until_idle(None))
    LEAVE.set()
    assert invocation.attempts[0].word == "timed out"
    assert (invocation.ended - emulator.clock.started).total_seconds() == 60


def test_the_next_emulator_is_unharmed_by_a_thread_left_behind():
    emulator, _ = make({"f": ONCE}, f=swallows_everything)
    emulator.accept(ask("f"))
    move(emulator, emulator.run_until_idle(None))
    emulator.close()
    fresh, _ = make(f=lambda call: b"ok")
    invocation = fresh.accept(ask("f"))
    fresh.wait(fresh.run_until_idle(None))
    assert invocation.state is State.SUCCEEDED


def test_a_caller_without_credentials_is_let_in_after_its_grace_with_a_warning_that_names_the_remedy():
    inner = []

    def caller(call):
        ended = threading.Event()
        inner.append(emulator.invoke(ask("callee"), lambda _: ended.set()))
        ended.wait(WAIT_SECONDS)
        return b"done"

    emulator, _ = make(settings=Settings(grace=s(0.02)), caller=caller, callee=lambda call: call.clock.sleep(5))
    invocation = emulator.accept(ask("caller"))
    emulator.wait(emulator.run_until_idle(None))
    assert invocation.state is State.SUCCEEDED
    assert inner[0].state is State.SUCCEEDED
    [warning] = warnings(emulator)
    assert "callee was called without this attempt's credentials while caller ran" in warning
    assert "context.credentials" in warning


def test_a_clock_that_nobody_moves_explains_itself():
    emulator, _ = make(f=lambda call: b"")
    emulator.accept(ask("f", delay=200))
    text = str(emulator.explain())
    assert "the clock is at 2026-01-01 00:00:00.000000 (+0 s), paused" in text
    assert "due next:" in text
    assert "(+200 s)  f 1-" in text
    assert "nothing moves the clock" in text
    assert "autojump" in text


def test_an_idle_clock_says_that_nothing_is_due():
    emulator, _ = make(f=lambda call: b"")
    assert str(emulator.explain()).splitlines()[1:] == ["nothing is due"]


def test_explain_names_what_is_in_flight_with_its_line_and_what_is_parked():
    entered = threading.Event()

    def waits(call):
        entered.set()
        LEAVE.wait(WAIT_SECONDS)

    emulator, _ = make(parked=lambda call: call.clock.sleep(50), waits=waits)
    emulator.accept(ask("parked"))
    emulator.accept(ask("waits", delay=1))
    goal = emulator.run_until_idle(None)
    assert entered.wait(WAIT_SECONDS)
    explanation = emulator.explain()
    LEAVE.set()
    emulator.wait(goal)
    [line] = explanation.in_flight
    assert line.startswith("waits 1-")
    assert "#1 runs at " in line
    assert "test_trouble.py:" in line
    assert "parked 1-" in explanation.text
    assert "is parked in a virtual sleep" in explanation.text
    assert explanation.waiting_for == ["a move until idle"]


def test_waiting_without_progress_ends_in_an_error_that_explains():
    emulator, _ = make(settings=Settings(watchdog=s(-0.99)), f=lambda call: b"")
    with pytest.raises(ClockStuck, match=r"no progress for 0\.02 real seconds[\s\S]*the clock is at"):
        emulator.wait_for(threading.Event().wait)


def test_crew_threads_are_used_again():
    emulator, _ = make(f=lambda call: b"")
    for _ in range(20):
        emulator.accept(ask("f"))
        emulator.wait(emulator.run_until_idle(None))
    before = CREW._made
    for _ in range(200):
        emulator.accept(ask("f"))
        emulator.wait(emulator.run_until_idle(None))
    assert CREW._made <= before + 2


def test_a_job_waits_for_the_next_free_thread_where_the_system_has_no_more_threads(monkeypatch):
    crew, goes_on, done = Crew("fcemu-short"), threading.Event(), threading.Event()
    crew.run(goes_on.wait)
    start, refused = threading.Thread.start, threading.Event()

    def start_or_refuse(thread):
        if not thread.name.startswith("fcemu-short"):
            start(thread)
            return
        refused.set()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start_or_refuse)
    crew.run(done.set)
    assert refused.wait(WAIT_SECONDS)
    assert not done.is_set()
    goes_on.set()
    assert done.wait(WAIT_SECONDS)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        Crew("fcemu-short").run(done.set)


def swallows_its_first_end(started, left):
    def handler(call):
        try:
            for told in range(2):
                try:
                    started.set()
                    while True:
                        pass
                except BaseException:
                    if told:
                        raise
        finally:
            left.set()

    return handler


def test_a_handler_that_swallows_its_end_is_told_again_after_the_grace():
    started, left = threading.Event(), threading.Event()
    settings = Settings(rate=1, grace=s(0.05))
    emulator, _ = make({"f": AsyncSettings(task_mode=True)}, settings, f=swallows_its_first_end(started, left))
    emulator.accept(ask("f", task_id="a"))
    assert started.wait(WAIT_SECONDS)
    emulator.tasks.stop(FunctionRef("f"), LATEST, "a")
    assert left.wait(WAIT_SECONDS)
    emulator.close()


def test_what_a_runtime_must_not_leave_half_done_is_interrupted_when_it_is_done():
    started, told, left = threading.Event(), threading.Event(), threading.Event()
    done = []

    def f(call):
        try:
            with call.undisturbed():
                started.set()
                told.wait(WAIT_SECONDS)
                done.append(call.attempt)
            while True:
                pass
        finally:
            left.set()

    settings = Settings(rate=1, grace=s(2 * WAIT_SECONDS))
    emulator, _ = make({"f": AsyncSettings(task_mode=True)}, settings, f=f)
    emulator.accept(ask("f", task_id="a"))
    assert started.wait(WAIT_SECONDS)
    emulator.tasks.stop(FunctionRef("f"), LATEST, "a")
    told.set()
    assert left.wait(WAIT_SECONDS)
    assert done == [1]
    emulator.close()


def test_a_handler_that_swallows_its_end_is_told_again_when_the_emulator_closes():
    started, left = threading.Event(), threading.Event()
    emulator, _ = make(settings=Settings(rate=1), f=swallows_its_first_end(started, left))
    emulator.accept(ask("f"))
    assert started.wait(WAIT_SECONDS)
    emulator.close()
    assert left.wait(WAIT_SECONDS)


def test_a_runtime_that_fails_itself_costs_its_attempt_and_the_clock_goes_on():
    class Broken(FakeInstance):
        def run(self, call):
            raise ValueError("a bug of the runtime")

    emulator, runtime = make({"f": ONCE}, f=lambda call: b"", other=lambda call: b"")
    made = runtime.start
    runtime.start = lambda function, id_: made(function, id_) if function.ref.name == "other" else Broken(busy)
    invocation, other = emulator.accept(ask("f")), emulator.accept(ask("other", delay=10))
    emulator.wait(emulator.run_until_idle(None))
    assert (invocation.state, invocation.attempts[0].outcome.name) == (State.FAILED, "ProcessExited")
    assert str(emulator.traces.exception(invocation.id, 1)) == "a bug of the runtime"
    assert other.state is State.SUCCEEDED
