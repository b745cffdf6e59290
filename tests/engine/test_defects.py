"""An error in a thread of the emulator closes that emulator: whoever waits gets it at once, others have their own."""

import threading
import traceback

import pytest
from fakes import CREW, FakeInstance, ask, make, s
from patience import WAIT_SECONDS

from fcemu.core.destinations import parse_destination
from fcemu.core.functions import AsyncSettings
from fcemu.core.settings import Settings
from fcemu.engine.closing import ClosedError
from fcemu.engine.inflight import WATCHDOG, Watchdog
from fcemu.stores.memory import MemoryStore

RATES = pytest.mark.parametrize("rate", [0, 1000])


class Broken(Exception):
    pass


class Fragile(FakeInstance):
    """An instance that cannot be stopped or interrupted."""

    def stop(self):
        raise Broken("stop")

    def interrupt(self):
        raise Broken("interrupt")


def fragile(settings, asynchronous=None, **handlers):
    """An emulator; the instances of its function ``f`` fail when they are to be stopped."""
    emulator, runtime = make(asynchronous, settings, timeout=86400, **handlers)
    start = runtime.start

    def started(function, instance_id):
        kind = Fragile if function.ref.name == "f" else FakeInstance
        start(function, instance_id)
        return kind(runtime.handlers[str(function.ref)])

    runtime.start = started
    return emulator


def exits(*of):
    raise SystemExit


def assert_closed_by(emulator, error):
    """Later calls say which error it was, with its traceback; what has happened can still be read."""
    for call in (
        lambda: emulator.accept(ask("g")),
        lambda: emulator.invoke(ask("g"), lambda _: None),
        lambda: emulator.advance(s(1)),
        emulator.run_next,
        lambda: emulator.run_until_idle(None),
        emulator.stand_still,
        lambda: setattr(emulator, "rate", 0 if emulator.rate else 1),
        lambda: setattr(emulator, "autojump", True),
    ):
        with pytest.raises(ClosedError, match="closed by an error in one of its own threads") as closed:
            call()
        assert closed.value.__cause__ is error
        assert f"{type(error).__name__}: {error}" in str(closed.value)
    assert traceback.extract_tb(error.__traceback__)
    assert f"{type(error).__name__}: {error}" in emulator.explain().text
    assert emulator.journal[:]
    emulator.close()


@RATES
def test_who_moves_the_clock_gets_the_error_at_once_and_it_closes_the_emulator(rate, caplog):
    emulator = fragile(Settings(rate=rate), f=exits, g=lambda call: b"fine")
    emulator.accept(ask("f", delay=5))
    with pytest.raises(Broken) as raised:
        emulator.wait(emulator.advance(s(1000)))
    assert "in stop" in "".join(traceback.format_tb(raised.value.__traceback__))
    assert "an error in one of its own threads closes the emulator" in caplog.text
    assert_closed_by(emulator, raised.value)


@RATES
def test_who_waits_for_a_function_gets_the_error_at_once_and_others_do_too(rate):
    entered, leave, broken, others = (threading.Event() for _ in range(4))

    def f(call):
        entered.set()
        assert leave.wait(WAIT_SECONDS)
        raise SystemExit

    emulator = fragile(Settings(rate=rate), f=f, g=lambda call: call.clock.sleep(80000))
    record = emulator.invoke(ask("f"), lambda _: broken.set())
    assert entered.wait(WAIT_SECONDS)
    other = emulator.invoke(ask("g"), lambda _: others.set())
    leave.set()
    assert broken.wait(WAIT_SECONDS)
    assert others.wait(WAIT_SECONDS)
    for invocation in (record, other):
        with pytest.raises(Broken) as raised:
            emulator.raise_for(invocation)
    assert_closed_by(emulator, raised.value)


def test_an_exception_that_would_end_a_thread_in_silence_closes_the_emulator_too():
    """``threading`` says nothing of a ``SystemExit``; for who waits it is an error of the emulator."""
    emulator = fragile(Settings(), f=exits)
    emulator._dispatcher.begin = exits
    emulator.accept(ask("f"))
    with pytest.raises(ClosedError, match="SystemExit") as raised:
        emulator.wait(emulator.advance(s(1)))
    assert_closed_by(emulator, raised.value.__cause__)


def test_an_error_of_the_flowing_clock_itself_closes_the_emulator():
    emulator = fragile(Settings(rate=1000), g=lambda call: b"fine")
    error = Broken("the agenda")

    def fails():
        raise error

    emulator.accept(ask("g", delay=5))
    emulator._world.agenda.first = fails
    with pytest.raises(Broken):
        emulator.wait(emulator.advance(s(1000)))
    assert_closed_by(emulator, error)


@RATES
def test_an_error_of_what_sends_reports_closes_the_emulator(rate):
    error = Broken("the sender")

    def post(url, body, headers):
        raise error

    reporting = AsyncSettings(on_success=parse_destination("queue:q"))
    settings = Settings(rate=rate, deliver_to={"queue:q": "http://127.0.0.1/reports"})
    emulator = fragile(settings, {"g": reporting}, post=post, g=lambda call: b"fine")
    emulator.accept(ask("g", delay=5))
    with pytest.raises(Broken):
        emulator.wait(emulator.advance(s(1000)))
    assert_closed_by(emulator, error)


def test_an_error_of_what_keeps_facts_that_is_no_store_error_closes_the_emulator():
    emulator = fragile(Settings(rate=1), g=lambda call: b"fine", store=MemoryStore())
    error, answered = Broken("the store"), threading.Event()

    def fails(*what):
        raise error

    emulator._movers.saving._store.write = fails
    record = emulator.invoke(ask("g"), lambda _: answered.set())
    assert answered.wait(WAIT_SECONDS)
    with pytest.raises(Broken):
        emulator.raise_for(record)
    with pytest.raises(Broken):  # what has happened cannot be kept at the end either
        assert_closed_by(emulator, error)


def test_what_the_watchdog_cannot_end_is_told_to_who_waits_and_closes_the_emulator():
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
    with pytest.raises(Broken) as raised:
        emulator.wait(goal)
    leave.set()
    with pytest.raises(Broken):  # the instance cannot be stopped either
        assert_closed_by(emulator, raised.value)


@RATES
def test_what_a_runtime_raises_beside_an_attempt_closes_the_emulator(rate):
    """A poller, or a thread that reads what a program writes: the handler waits for it, and would do so for ever."""
    error, ended = Broken("the poller"), threading.Event()

    def f(call):
        threading.Thread(target=call.failed, args=(error,)).start()
        ended.wait(WAIT_SECONDS)

    emulator, _ = make(settings=Settings(rate=rate, grace=s(0.02)), f=f)
    emulator.accept(ask("f"))
    with pytest.raises(Broken):
        emulator.wait(emulator.advance(s(1000)))
    ended.set()
    assert_closed_by(emulator, error)


class Late:
    """An emulator as the watchdog sees it a long time from now."""

    check_every = 1.0

    def __init__(self, emulator):
        self._emulator = emulator
        self.fail = emulator._progress.fail

    def check_progress(self, now):
        self._emulator._progress.check_progress(WATCHDOG.time() + 1000)


class Watched:
    """An emulator as the watchdog sees it, which cannot take what it is told."""

    def __init__(self, check, check_every=0.001):
        self.check_progress = check
        self.check_every = check_every
        self.errors = []
        self.told = threading.Event()

    def fail(self, error):
        self.errors.append(error)
        self.told.set()
        raise Broken("in telling, too")


@pytest.mark.parametrize("error", [Broken("in looking"), SystemExit("in looking"), GeneratorExit("in looking")])
def test_the_watchdog_looks_at_the_others_when_one_of_them_fails(error):
    def fails(now):
        raise error

    seen = threading.Semaphore(0)
    watchdog = Watchdog()
    broken, fine = Watched(fails), Watched(lambda now: seen.release())
    watchdog.watch(broken)
    assert broken.told.wait(WAIT_SECONDS)
    watchdog.watch(fine)
    for _ in range(3):
        assert seen.acquire(timeout=WAIT_SECONDS)
    assert broken.errors[0] is error
    watchdog.forget(broken)
    watchdog.forget(fine)


def test_a_watchdog_that_fails_itself_tells_all_it_watched_and_the_next_emulator_has_one_again():
    seen = threading.Event()
    watchdog = Watchdog()
    broken = Watched(lambda now: None, check_every="soon")  # no number of seconds: ``min`` and ``wait`` take none
    other = Watched(lambda now: None, check_every="later")
    with watchdog._changed:
        watchdog.watch(broken)
        watchdog._watched.add(other)
    for one in (broken, other):
        assert one.told.wait(WAIT_SECONDS)
        assert isinstance(one.errors[0], TypeError)
        watchdog.forget(one)
    fine = Watched(lambda now: seen.set())
    watchdog.watch(fine)
    assert seen.wait(WAIT_SECONDS)
    watchdog.forget(fine)


def test_the_watchdog_looks_at_the_others_while_a_thread_of_one_does_not_come_back():
    """Whatever hangs there holds the baton, for which the watchdog must not wait for ever."""
    entered, leave, looked = threading.Event(), threading.Event(), threading.Semaphore(0)

    def hangs(*of):
        entered.set()
        leave.wait(WAIT_SECONDS)

    emulator, _ = make(settings=Settings(grace=s(0.02)), f=lambda call: b"", parked=lambda call: call.clock.sleep(60))
    emulator.accept(ask("parked"))  # what the watchdog looks after
    emulator.accept(ask("f", delay=1))
    emulator.wait(emulator.advance(s(0)))
    emulator._dispatcher.begin = hangs
    goal = emulator.advance(s(10))
    assert entered.wait(WAIT_SECONDS)
    fine = Watched(lambda now: looked.release())
    WATCHDOG.watch(fine)
    for _ in range(3):
        assert looked.acquire(timeout=WAIT_SECONDS)
    WATCHDOG.forget(fine)
    leave.set()
    emulator.wait(goal)
    emulator.close()


def test_a_job_of_the_crew_that_fails_takes_no_thread_with_it(caplog):
    done = threading.Event()

    def fails():
        raise Broken("a job")

    for job in (fails, done.set):
        CREW.offer(job)
    assert done.wait(WAIT_SECONDS)
    assert "a job of the emulator failed" in caplog.text
