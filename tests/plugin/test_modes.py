"""autojump(), flowing() and virtual_time() of an emulator in the hand."""

import asyncio
import contextvars
import http.client
import importlib
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from queue import SimpleQueue
from time import sleep as bound_sleep

import pytest
from freezegun import freeze_time

from fcemu.testing import ClockConflict, ClosedError, LocalEmulator

FLAKY = """
import time

def sleepy(event, context):
    time.sleep(float(event))
    return b"done"

def meet(event, context):
    GATE()

GATE = None
"""


@pytest.fixture
def emulator(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "index", raising=False)
    (tmp_path / "index.py").write_text(FLAKY)
    functions = {
        name: {"handler": f"index.{name}", "code": str(tmp_path), "timeout": 86_400} for name in ("sleepy", "meet")
    }
    with LocalEmulator({"functions": functions}) as emulator:
        yield emulator


# Code that polls, or waits.


def test_an_autojumping_clock_serves_code_that_only_polls_and_stands_still_again_afterwards(emulator):
    invocation = emulator.function("sleepy").invoke_async("30", delay=100)
    with emulator.autojump() as same:
        assert same is emulator
        while invocation.status != "Succeeded":
            pass
    assert emulator.seconds(emulator.now) == 130
    later = emulator.function("sleepy").invoke_async("1", delay=5)
    emulator.advance(1)
    assert (later.status, emulator.seconds(emulator.now)) == ("Enqueued", 131)


@pytest.mark.parametrize("mode", [lambda one: one.autojump(), lambda one: one.flowing(60)], ids=["autojump", "flowing"])
def test_when_a_mode_ends_nothing_is_in_flight(emulator, mode):
    module = vars(importlib.import_module("index"))
    entered, go_on, left = threading.Event(), SimpleQueue(), threading.Event()

    def gate():
        entered.set()
        go_on.get()  # in real time: a handler's event would wait in virtual time
        left.set()

    module["GATE"] = gate
    with mode(emulator):
        emulator.function("meet").invoke_async()
        entered.wait()
        threading.Timer(0.01, go_on.put, [None]).start()
    assert left.is_set()
    assert [one.status for one in emulator.invocations] == ["Succeeded"]


def test_a_flowing_clock_moves_by_itself_as_fast_as_asked(emulator):
    with emulator.flowing(rate=3600):
        invocation = emulator.function("sleepy").invoke_async("10", delay=20)
        while invocation.status != "Succeeded":
            pass
        (attempt,) = invocation.attempts
        assert emulator.seconds(attempt.started) >= 20
        assert emulator.seconds(attempt.ended) >= 30
    stopped = emulator.now
    assert emulator._engine.rate == 0
    assert emulator.now == stopped


@pytest.mark.parametrize("rate", [0, -1, True, "1", float("nan")])
def test_a_rate_that_does_not_flow_is_refused(emulator, rate):
    with pytest.raises(ValueError, match="flowing: rate: expected a number above 0 and at most 1000000"):
        emulator.flowing(rate)


def test_modes_nest_and_the_inner_one_puts_back_what_was(emulator):
    with emulator.flowing(rate=60):
        with emulator.flowing(rate=3600):
            assert emulator._engine.rate == 3600
        assert emulator._engine.rate == 60
    with emulator.autojump():
        with emulator.autojump():
            pass
        assert emulator._engine.autojump
    assert not emulator._engine.autojump


def test_a_mode_ends_with_its_emulator(emulator):
    with emulator.flowing(rate=60):
        emulator.reset()
        assert emulator._engine.rate == 0
    with emulator.autojump():
        emulator.close()


# Virtual time for the test itself.


def test_the_test_reads_virtual_time_inside_the_block_only(emulator):
    before = time.time()
    with emulator.virtual_time() as same:
        assert same is emulator
        assert datetime.now(UTC) == emulator.now
        assert time.time() == emulator.now.timestamp()
        begin = time.monotonic()
        emulator.advance(90)
        assert time.monotonic() - begin == 90
        assert datetime.now(UTC) == emulator.at("+90s")
    assert abs(time.time() - before) < 3600
    assert abs(datetime.now(UTC).timestamp() - before) < 3600


def test_a_sleep_moves_the_clock_and_runs_what_falls_due(emulator):
    invocation = emulator.function("sleepy").invoke_async("0", delay=60)
    with emulator.virtual_time():
        time.sleep(59)
        assert invocation.status == "Enqueued"
        bound_sleep(1)
        assert invocation.status == "Succeeded"
        time.sleep(0)
    assert emulator.seconds(emulator.now) == 60


def test_threads_that_are_started_inside_are_on_the_virtual_clock_others_are_not(emulator):
    seen = {}

    def look(name):
        seen[name] = datetime.now(UTC)

    with emulator.virtual_time():
        inside = threading.Thread(target=look, args=("inside",))
        inside.start()
        outside = threading.Thread(target=look, args=("outside",))
        contextvars.Context().run(outside.start)
        inside.join()
        outside.join()
    assert seen["inside"] == emulator.started
    assert seen["outside"] != emulator.started


def test_sleeps_in_threads_overlap(emulator):
    with emulator.virtual_time(), ThreadPoolExecutor(5) as pool:
        ready = threading.Barrier(5)

        def work(_):
            ready.wait()
            end = datetime.now(UTC)
            ready.wait()
            time.sleep(600)
            return end

        begins = list(pool.map(work, range(5)))
    assert begins == [emulator.started] * 5
    assert emulator.seconds(emulator.now) >= 600


def test_the_server_of_an_emulator_that_is_made_inside_stays_in_real_time(emulator):
    with emulator.virtual_time(), LocalEmulator() as other:
        connection = http.client.HTTPConnection(other.endpoint)
        connection.request("GET", "/_fcemu/health")
        answered = parsedate_to_datetime(connection.getresponse().headers["Date"])
        connection.close()
    assert abs((answered - datetime.now(UTC)).total_seconds()) < 3600


def test_local_time_inside_is_the_process_own(emulator, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        with emulator.virtual_time():
            assert datetime.now().isoformat() == "2026-01-01T08:00:00"
            assert time.localtime()[3:6] == (8, 0, 0)
            assert time.strftime("%H:%M %Z") == "08:00 CST"
            assert time.mktime(time.localtime()) == emulator.now.timestamp()
            assert datetime.now().timestamp() == emulator.now.timestamp()
            assert datetime.now().astimezone(UTC) == emulator.now
    finally:
        monkeypatch.undo()
        time.tzset()


def test_blocks_nest_each_on_its_own_clock(emulator):
    with LocalEmulator(start="2030-01-01T00:00:00Z") as other:
        with emulator.virtual_time():
            with other.virtual_time():
                time.sleep(5)
                assert datetime.now(UTC).year == 2030
            assert datetime.now(UTC) == emulator.started
        assert other.seconds(other.now) == 5


@pytest.mark.parametrize("how", ["threads", "a pool"])
@pytest.mark.parametrize("naps", [(1, 2, 3), (3, 2, 1), (2, 2, 5)], ids=str)
def test_threads_that_sleep_differently_sleep_at_the_same_time(emulator, how, naps):
    woken = []

    def nap(seconds):
        for _ in range(2):
            time.sleep(seconds)
            woken.append((emulator.seconds(emulator.now), seconds))

    with emulator.virtual_time():
        if how == "a pool":
            with ThreadPoolExecutor(len(naps)) as pool:
                list(pool.map(nap, naps))
        else:
            threads = [threading.Thread(target=nap, args=(seconds,)) for seconds in naps]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert sorted(woken) == sorted((n * seconds, seconds) for seconds in naps for n in (1, 2))
    assert emulator.seconds(emulator.now) == 2 * max(naps)


def test_a_thread_that_waits_for_another_one_keeps_no_sleeper_waiting(emulator):
    told = threading.Event()

    def tell():
        time.sleep(7)
        told.set()

    with emulator.virtual_time():
        threading.Thread(target=tell).start()
        assert told.wait()
        assert emulator.seconds(emulator.now) == 7
        time.sleep(1)
    assert emulator.seconds(emulator.now) == 8


def test_a_sleep_on_a_closed_emulators_clock_says_so(emulator):
    with emulator.virtual_time():
        emulator.close()
        with pytest.raises(ClosedError, match="closed"):
            time.sleep(1)


def test_everything_is_put_back_after_the_block(emulator):
    before = (asyncio.sleep, asyncio.tasks.sleep, threading.Thread.start)
    with emulator.virtual_time():
        assert asyncio.sleep is not before[0]
    assert (asyncio.sleep, asyncio.tasks.sleep, threading.Thread.start) == before


# With a freezer of the test's own.


def test_nothing_moves_by_itself_over_an_attempt_while_the_test_has_frozen_time(emulator):
    emulator.function("sleepy").invoke_async("0", delay=60)
    with freeze_time("2020-01-01"):
        with emulator.virtual_time():
            assert datetime.now(UTC) == emulator.started
            time.sleep(59)
            with pytest.raises(ClockConflict, match="freezegun"):
                time.sleep(1)
        for mode in (emulator.autojump(), emulator.flowing()):
            with pytest.raises(ClockConflict), mode:
                pass
        assert emulator.seconds(emulator.now) == 59
    emulator.run_until_idle()


def test_a_sleep_on_a_clock_that_follows_takes_the_freezer_along():
    with freeze_time("2020-01-01") as frozen, LocalEmulator(clock="follow") as emulator:
        with emulator.virtual_time():
            time.sleep(60)
        assert emulator.now == datetime(2020, 1, 1, 0, 1, tzinfo=UTC)
        assert frozen().replace(tzinfo=UTC) == emulator.now


# With event loops.


def test_a_loop_that_starts_inside_jumps_over_its_waits(emulator):
    invocation = emulator.function("sleepy").invoke_async("0", delay=3600)

    async def main():
        begin = asyncio.get_running_loop().time()
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(1800))
        assert asyncio.get_running_loop().time() - begin == pytest.approx(3600)
        assert invocation.status == "Succeeded"
        await emulator.aio.advance(10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 20)
        return datetime.now(UTC)

    with emulator.virtual_time():
        assert asyncio.run(main()) == emulator.at("+3630s")


def test_in_a_loop_that_ran_before_asyncio_sleep_moves_the_clock_and_timeouts_stay_real(emulator):
    invocation = emulator.function("sleepy").invoke_async("5", delay=3600)

    async def main():
        with emulator.virtual_time():
            async with asyncio.timeout(60):
                await asyncio.sleep(3605)
            assert invocation.status == "Succeeded"
            assert await asyncio.sleep(1, "value") == "value"
            assert datetime.now(UTC) == emulator.at("+3606s")
            await asyncio.gather(asyncio.sleep(10), asyncio.sleep(20))
            assert datetime.now(UTC) == emulator.at("+3626s")
        before = time.monotonic()
        await asyncio.sleep(0.001)
        assert time.monotonic() > before
        assert emulator.now == emulator.at("+3626s")

    asyncio.run(main())


def test_a_sleep_in_a_loop_can_be_cancelled(emulator):
    async def main():
        with emulator.virtual_time():
            sleeping = asyncio.create_task(asyncio.sleep(100))
            await asyncio.sleep(0)
            sleeping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sleeping

    asyncio.run(main())
    emulator.advance(1)


def test_modes_work_in_async_code(emulator):
    def watch(invocation):
        while invocation.status != "Succeeded":
            pass

    async def main():
        invocation = await emulator.function("sleepy").aio.invoke_async("30", delay=100)
        async with emulator.autojump():
            await asyncio.to_thread(watch, invocation)
        assert emulator.seconds(emulator.now) == 130
        with emulator.flowing(rate=3600):
            assert emulator._engine.rate == 3600
        assert emulator._engine.rate == 0

    asyncio.run(main())
