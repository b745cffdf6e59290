"""A runtime or the emulator itself fails while the clock moves: whoever waits hears of it, the others go on."""

import threading

import pytest
from fakes import CREW, FakeInstance, ask, make, s
from patience import WAIT_SECONDS

from fcemu.core.invocation import State
from fcemu.core.settings import Settings
from fcemu.engine.inflight import WATCHDOG, Watchdog

RATES = pytest.mark.parametrize("rate", [0, 1000])


class Broken(Exception):
    pass


class Fragile(FakeInstance):
    """An instance that cannot be stopped or interrupted."""

    def stop(self):
        raise Broken("stop")

    def interrupt(self):
        raise Broken("interrupt")


def fragile(settings, **handlers):
    """An emulator; the instances of its function ``f`` fail when they are to be stopped."""
    emulator, runtime = make(settings=settings, timeout=86400, **handlers)
    start = runtime.start

    def started(function, instance_id):
        kind = Fragile if function.ref.name == "f" else FakeInstance
        start(function, instance_id)
        return kind(runtime.handlers[str(function.ref)])

    runtime.start = started
    return emulator


def exits(call):
    raise SystemExit


@RATES
def test_who_moves_the_clock_gets_the_error_at_once_and_the_next_move_works(rate, caplog):
    emulator = fragile(Settings(rate=rate), f=exits, g=lambda call: b"fine")
    emulator.accept(ask("f", delay=5))
    with pytest.raises(Broken):
        emulator.wait(emulator.advance(s(1000)))
    later = emulator.accept(ask("g", delay=3))
    emulator.wait(emulator.advance(s(1000)))
    assert later.state is State.SUCCEEDED
    assert "the emulator failed while its clock moved" in caplog.text
    emulator.close()


@RATES
def test_who_waits_for_a_function_gets_the_error_at_once_and_others_their_answers(rate):
    emulator = fragile(Settings(rate=rate), f=exits, g=lambda call: b"fine")
    broken, fine = threading.Event(), threading.Event()
    record = emulator.invoke(ask("f"), lambda _: broken.set())
    assert broken.wait(WAIT_SECONDS)
    with pytest.raises(Broken):
        emulator.raise_for(record)
    other = emulator.invoke(ask("g"), lambda _: fine.set())
    assert fine.wait(WAIT_SECONDS)
    emulator.raise_for(other)
    assert other.state is State.SUCCEEDED
    emulator.close()


def test_on_a_flowing_clock_other_callers_get_their_own_answers():
    entered, leave, answered, broken = (threading.Event() for _ in range(4))

    def g(call):
        entered.set()
        assert leave.wait(WAIT_SECONDS)
        return b"fine"

    emulator = fragile(Settings(rate=1), f=exits, g=g)
    other = emulator.invoke(ask("g"), lambda _: answered.set())
    assert entered.wait(WAIT_SECONDS)
    emulator.invoke(ask("f"), lambda _: broken.set())
    assert broken.wait(WAIT_SECONDS)
    leave.set()
    assert answered.wait(WAIT_SECONDS)
    emulator.raise_for(other)
    assert other.ending().payload == b"fine"
    emulator.close()


def test_what_the_watchdog_cannot_end_is_told_to_who_waits():
    entered, leave = threading.Event(), threading.Event()

    def stuck(call):
        entered.set()
        leave.wait(WAIT_SECONDS)

    emulator = fragile(Settings(), f=stuck)
    emulator.accept(ask("f"))
    goal = emulator.advance(s(1))
    assert entered.wait(WAIT_SECONDS)
    watchdog = Watchdog()
    watchdog._look_at(Late(emulator))
    with pytest.raises(Broken):
        emulator.wait(goal)
    leave.set()
    emulator._movers.closed = True  # closing would interrupt it, too


class Late:
    """An emulator as the watchdog sees it a long time from now."""

    check_every = 1.0

    def __init__(self, emulator):
        self._emulator = emulator
        self.fail = emulator._progress.fail

    def check_progress(self, now):
        self._emulator._progress.check_progress(WATCHDOG.time() + 1000)


def test_the_watchdog_looks_at_the_others_when_one_of_them_fails():
    class Watched:
        check_every = 0.001

        def __init__(self, check):
            self.check_progress = check
            self.errors = []
            self.told = threading.Event()

        def fail(self, error):
            self.errors.append(error)
            self.told.set()
            raise Broken("in telling, too")

    def fails(now):
        raise Broken("in looking")

    seen = threading.Semaphore(0)
    watchdog = Watchdog()
    broken, fine = Watched(fails), Watched(lambda now: seen.release())
    watchdog.watch(broken)
    assert broken.told.wait(WAIT_SECONDS)
    watchdog.watch(fine)
    for _ in range(3):
        assert seen.acquire(timeout=WAIT_SECONDS)
    assert str(broken.errors[0]) == "in looking"
    watchdog.forget(broken)
    watchdog.forget(fine)


def test_a_job_of_the_crew_that_fails_takes_no_thread_with_it(caplog):
    done = threading.Event()

    def fails():
        raise Broken("a job")

    for job in (fails, done.set):
        CREW.offer(job)
    assert done.wait(WAIT_SECONDS)
    assert "a job of the emulator failed" in caplog.text
