"""Coroutines under .aio, for tests that run in an event loop; the blocking forms refuse to run there."""

import asyncio
import importlib
import inspect
import signal
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from queue import SimpleQueue
from typing import get_type_hints

import pytest
import trio

import fcemu.testing
from fcemu import host
from fcemu.config import EMPTY
from fcemu.core.settings import Settings
from fcemu.engine.goals import Goal
from fcemu.testing import ClockStuck, ClosedError, FCError, InvocationFailed, LocalEmulator, NeverTrue, NotIdle
from fcemu.testing.waiting import reached

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
    functions = {
        name: {"handler": f"index.{name}", "code": str(tmp_path), "timeout": 600}
        for name in ("sleepy", "broken", "gate")
    }
    functions["sleepy"]["triggers"] = {
        "nightly": {"timer": "0 0 3 * * *", "enable": False},
        "uploads": {"oss": {"events": ["oss:ObjectCreated:*"]}, "sourceArn": "acs:oss:cn-hangzhou:1:inbox"},
    }
    return {"functions": functions}


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
        with pytest.raises(NotIdle, match="work is left"):
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
        with pytest.raises(AssertionError, match="looked neither"):
            await strict.__aexit__(None, None, None)
        with pytest.raises(ClosedError):
            await strict.aio.run_next()
        await strict.aio.close()

    started(run, main)


HANDLES = {
    "LocalEmulator": lambda emulator: emulator,
    "Function": lambda emulator: emulator.function("sleepy"),
    "Invocation": lambda emulator: emulator.invocations[0],
    "Timer": lambda emulator: emulator.timer("sleepy/nightly"),
    "Trigger": lambda emulator: emulator.trigger("sleepy/uploads"),
}
ARGUMENTS = {
    "advance": (1,),
    "advance_to": ("+5s",),
    "run_until": (lambda: True,),
    "http": ("GET",),
    "http_async": ("GET",),
    "Function.invoke": ("1",),
}
FIELDS = {"Trigger.fire": {"object": "a.csv"}}


def coroutines():
    """``CLASS.METHOD`` of everything in ``fcemu.testing`` that has a coroutine under ``.aio``."""
    for name in fcemu.testing.__all__:
        there = getattr(getattr(fcemu.testing, name), "aio", None)
        if there is not None:
            for method, found in vars(get_type_hints(there.fget)["return"]).items():
                if inspect.iscoroutinefunction(found) and not method.startswith("_"):
                    yield f"{name}.{method}"


BLOCKING = sorted(coroutines())


def call(emulator, name, coroutine=False):
    """Call the method, or make its coroutine."""
    kind, _, method = name.partition(".")
    handle = HANDLES[kind](emulator)
    arguments = ARGUMENTS.get(name, ARGUMENTS.get(method, ()))
    return getattr(handle.aio if coroutine else handle, method)(*arguments, **FIELDS.get(name, {}))


def test_all_that_moves_invokes_records_or_closes_has_a_coroutine():
    moves = {"advance", "advance_to", "run_next", "run_until", "run_until_idle"}
    others = {
        "invoke",
        "invoke_async",
        "http",
        "http_async",
        "result",
        "stop",
        "rerun",
        "fire",
        "reset",
        "restart",
        "close",
    }
    assert {name.partition(".")[2] for name in BLOCKING} == moves | others
    assert {name.partition(".")[0] for name in BLOCKING} == HANDLES.keys()


def test_every_method_that_blocks_has_its_coroutine_with_the_same_parameters():
    blocking = {
        f"{name}.{method}": found
        for name in fcemu.testing.__all__
        for method, found in vars(getattr(fcemu.testing, name)).items()
        if inspect.iscoroutinefunction(getattr(found, "__wrapped__", None))
    }
    assert blocking.keys() == set(BLOCKING)
    for name, method in blocking.items():
        kind = get_type_hints(getattr(fcemu.testing, name.partition(".")[0]).aio.fget)["return"]
        coroutine = getattr(kind, method.__name__)
        assert inspect.signature(coroutine) == inspect.signature(method)
        assert inspect.getdoc(coroutine) == inspect.getdoc(method)


@RUNNERS
@pytest.mark.parametrize("name", BLOCKING)
def test_the_blocking_form_refuses_to_run_where_an_event_loop_runs_and_names_its_coroutine(emulator, name, run):
    emulator.function("sleepy").invoke_async("1", delay=1)
    kind, _, method = name.partition(".")

    async def main():
        with pytest.raises(RuntimeError, match=rf"{kind}\.aio\.{method}"):
            call(emulator, name)
        assert emulator.now == emulator.started
        assert [one.status for one in emulator.invocations] == ["Enqueued"]

    started(run, main)
    call(emulator, name)


@pytest.mark.parametrize("name", BLOCKING)
def test_neither_form_runs_in_a_handler(emulator, module, name):
    emulator.function("sleepy").invoke_async("1", delay=1)

    async def main():
        await call(emulator, name, coroutine=True)

    for attempt in (lambda: call(emulator, name), lambda: asyncio.run(main())):
        module.GATE = attempt
        reply = emulator.function("gate").invoke()
        assert reply.json()["errorType"] == "RuntimeError"
        assert "not even with .aio" in reply.json()["errorMessage"]
    assert [one.function for one in emulator.invocations] == ["sleepy", "gate", "gate"]


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
    engine = host.emulator_of(EMPTY, settings, host.Runtimes({}))

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
