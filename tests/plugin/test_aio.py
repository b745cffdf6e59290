"""Coroutines under .aio, for tests that run in an event loop; the blocking forms refuse to run there."""

import asyncio
import importlib
import signal
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from queue import SimpleQueue

import pytest
import trio

from fcemu import assembly
from fcemu.config import EMPTY
from fcemu.core.settings import Settings
from fcemu.engine.goals import Goal
from fcemu.testing import ClockStuck, ClosedError, FCError, InvocationFailed, LocalEmulator, NeverTrue, NotIdle
from fcemu.testing.aio import reached

HANDLERS = """
import time

def sleepy(event, context):
    time.sleep(float(event))
    return b"done"

def broken(event, context):
    raise ValueError("no")

def gate(event, context):
    return GATE()
"""


@pytest.fixture
def definition(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "index", raising=False)
    (tmp_path / "index.py").write_text(HANDLERS)
    return {
        "functions": {
            name: {"handler": f"index.{name}", "code": str(tmp_path), "timeout": 600}
            for name in ("sleepy", "broken", "gate")
        }
    }


@pytest.fixture
def emulator(definition):
    with LocalEmulator(definition, strict=False) as emulator:
        yield emulator


@pytest.fixture
def module(definition):
    return importlib.import_module("index")


RUNNERS = pytest.mark.parametrize("run", [asyncio.run, trio.run], ids=["asyncio", "trio"])
"""``trio.run`` takes the function, ``asyncio.run`` its coroutine: see ``started``."""


def started(run, function):
    return run(function()) if run is asyncio.run else run(function)


@RUNNERS
def test_every_move_has_its_coroutine_which_returns_the_new_facts(emulator, run):
    async def main():
        sleepy = emulator.function("sleepy")
        first = await sleepy.aio.invoke_async("10", delay=200)
        facts = await emulator.aio.advance(205)
        assert [fact.kind for fact in facts] == ["Dequeued", "InstanceStarted", "Started", "Slept"]
        assert first.status == "Running"
        await emulator.aio.advance_to("+210s")
        assert first.status == "Succeeded"
        await sleepy.aio.invoke_async("0", delay=5)
        await emulator.aio.run_next()
        assert emulator.now == emulator.at("+215s")
        third = await sleepy.aio.invoke_async("0", delay=5)
        facts = await emulator.aio.run_until(lambda: third.status == "Succeeded")
        assert facts[-1].kind == "Succeeded"
        await sleepy.aio.invoke_async("7", delay=3600)
        assert (await emulator.aio.run_until_idle())[-1].kind == "Succeeded"
        assert emulator.seconds(emulator.now) == 220 + 3607

    started(run, main)


@RUNNERS
def test_calls_and_results_have_theirs(emulator, run):
    async def main():
        reply = await emulator.function("sleepy").aio.invoke("30")
        assert (reply.text, emulator.seconds(emulator.now)) == ("done", 30)
        assert (await emulator.function("broken").aio.invoke()).error == "UnhandledInvocationError"
        later = await emulator.function("sleepy").aio.invoke_async("1", delay=9)
        assert await later.aio.result() == "done"
        assert await later.aio.result() == "done"
        failing = await emulator.function("broken").aio.invoke_async()
        with pytest.raises(InvocationFailed) as failed:
            await failing.aio.result()
        assert isinstance(failed.value.__cause__, ValueError)
        with pytest.raises(FCError, match="AsyncDelay"):
            await emulator.function("sleepy").aio.invoke_async(delay=9999999)

    started(run, main)


@RUNNERS
def test_they_raise_what_the_blocking_forms_raise(emulator, run):
    async def main():
        with pytest.raises(ValueError, match="time does not go back"):
            await emulator.aio.advance(-1)
        with pytest.raises(NeverTrue, match="nothing is due"):
            await emulator.aio.run_until(lambda: False)
        await emulator.function("sleepy").aio.invoke_async(delay=3600)
        with pytest.raises(NotIdle, match="still work"):
            await emulator.aio.run_until_idle(at_most=60)
        with pytest.raises(NeverTrue, match="nothing more is due"):
            await emulator.aio.run_until(lambda: False, at_most=5)

    started(run, main)


@RUNNERS
def test_an_emulator_is_an_async_context_manager_that_checks_and_closes(definition, run):
    async def main():
        async with LocalEmulator(definition) as emulator:
            await emulator.function("sleepy").aio.invoke_async("0")
            await emulator.aio.reset()
            assert emulator.invocations == []
        with pytest.raises(ClosedError):
            await emulator.aio.advance(1)
        strict = LocalEmulator(definition)
        await strict.function("broken").aio.invoke_async()
        await strict.aio.run_until_idle()
        with pytest.raises(AssertionError, match="nobody looked"):
            await strict.__aexit__(None, None, None)
        with pytest.raises(ClosedError):
            await strict.aio.run_next()
        await strict.aio.close()

    started(run, main)


BLOCKING = {
    "advance": lambda one: one.advance(1),
    "advance_to": lambda one: one.advance_to("+5s"),
    "run_next": lambda one: one.run_next(),
    "run_until_idle": lambda one: one.run_until_idle(),
    "run_until": lambda one: one.run_until(lambda: True),
    "reset": lambda one: one.reset(),
    "close": lambda one: one.close(),
    "invoke": lambda one: one.function("sleepy").invoke("1"),
    "invoke_async": lambda one: one.function("sleepy").invoke_async("1"),
    "result": lambda one: one.invocations[0].result(),
}


@RUNNERS
@pytest.mark.parametrize("name", BLOCKING)
def test_the_blocking_form_refuses_to_run_where_an_event_loop_runs_and_names_aio(emulator, name, run):
    emulator.function("sleepy").invoke_async("1", delay=1)

    async def main():
        with pytest.raises(RuntimeError, match=r"\.aio"):
            BLOCKING[name](emulator)
        assert emulator.now == emulator.started
        assert [one.status for one in emulator.invocations] == ["Enqueued"]

    started(run, main)
    if name != "close":
        emulator.run_until_idle()
        BLOCKING[name](emulator)


@pytest.mark.parametrize("name", BLOCKING)
def test_the_blocking_form_refuses_to_run_in_a_handler_and_names_aio(emulator, module, name):
    emulator.function("sleepy").invoke_async("1", delay=1)
    module.GATE = lambda: BLOCKING[name](emulator)
    reply = emulator.function("gate").invoke()
    assert reply.json()["errorType"] == "RuntimeError"
    assert ".aio" in reply.json()["errorMessage"]
    assert len(emulator.invocations) == 2


@pytest.mark.parametrize("call", [lambda one: one.aio.advance(1), lambda one: one.function("sleepy").aio.invoke()])
def test_the_coroutine_refuses_to_run_in_a_handler(emulator, module, call):
    async def main():
        await call(emulator)

    module.GATE = lambda: asyncio.run(main())
    assert emulator.function("gate").invoke().json()["errorType"] == "RuntimeError"


def test_cancelled_a_move_stops_at_the_next_due_instant(emulator, module):
    entered, go_on = threading.Event(), SimpleQueue()

    def gate():
        entered.set()
        go_on.get()  # in real time: a handler's event would wait in virtual time

    module.GATE = gate

    async def main():
        await emulator.function("gate").aio.invoke_async(delay=10)
        await emulator.function("sleepy").aio.invoke_async("0", delay=20)
        moving = asyncio.create_task(emulator.aio.advance(100))
        await asyncio.to_thread(entered.wait)
        moving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await moving
        go_on.put(None)
        await emulator.aio.advance(0)
        assert emulator.seconds(emulator.now) == 10
        assert [one.status for one in emulator.invocations] == ["Succeeded", "Enqueued"]

    asyncio.run(main())


def test_a_cancelled_call_moves_the_clock_no_further(emulator, module):
    entered, go_on = threading.Event(), SimpleQueue()

    def gate():
        entered.set()
        go_on.get()  # in real time: a handler's event would wait in virtual time

    module.GATE = gate

    async def main():
        await emulator.function("gate").aio.invoke_async(delay=10)
        calling = asyncio.create_task(emulator.function("sleepy").aio.invoke("30"))
        await asyncio.to_thread(entered.wait)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        go_on.put(None)
        await emulator.aio.advance(0)
        assert emulator.seconds(emulator.now) == 10

    asyncio.run(main())


def test_ctrl_c_stops_the_clock_of_a_blocking_call_as_well(emulator, module):
    go_on = SimpleQueue()

    def gate():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        go_on.get()

    module.GATE = gate
    emulator.function("gate").invoke_async(delay=10)
    with pytest.raises(KeyboardInterrupt):
        emulator.function("sleepy").invoke("30")
    go_on.put(None)
    emulator.advance(0)
    assert emulator.seconds(emulator.now) == 10


def test_the_loop_goes_on_while_a_move_waits_so_that_handlers_may_call_into_it(emulator, module):
    async def main():
        loop = asyncio.get_running_loop()

        async def answer():
            return b"from the loop"

        module.GATE = lambda: asyncio.run_coroutine_threadsafe(answer(), loop).result()
        reply = await emulator.function("gate").aio.invoke()
        assert reply.body == b"from the loop"

    asyncio.run(main())


@RUNNERS
def test_waiting_without_progress_ends_in_an_error_that_explains(run):
    settings = replace(Settings(), watchdog=timedelta(seconds=-0.99))
    engine = assembly.emulator_of(EMPTY, settings, assembly.Runtimes({}))

    async def main():
        with pytest.raises(ClockStuck, match=r"no progress for 0\.02 real seconds[\s\S]*the clock is at"):
            await reached(engine, Goal())

    started(run, main)
    engine.close()


def test_nothing_breaks_when_the_loop_has_ended_before_the_move(emulator, module):
    entered, go_on = threading.Event(), SimpleQueue()

    def gate():
        entered.set()
        go_on.get()  # in real time: a handler's event would wait in virtual time

    module.GATE = gate
    invocation = emulator.function("gate").invoke_async()

    loop = asyncio.new_event_loop()
    moving = loop.create_task(emulator.aio.advance(10))
    loop.run_until_complete(asyncio.sleep(0))
    entered.wait()
    moving.cancel()
    loop.run_until_complete(asyncio.gather(moving, return_exceptions=True))
    loop.close()
    go_on.put(None)
    emulator.run_until_idle()
    assert invocation.status == "Succeeded"
