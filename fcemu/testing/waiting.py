"""Waiting for the engine: blocked where no event loop runs, else suspended, so that the loop goes on meanwhile.

Every wait is a coroutine. Where no loop runs it never suspends, so that ``run`` gets its result by one step.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from fcemu import assembly
from fcemu.core.invocation import Invocation
from fcemu.engine.emulator import Asked, Emulator
from fcemu.engine.goals import Goal
from fcemu.engine.latch import Latch

T = TypeVar("T")


def loop_runs() -> bool:
    """Whether an event loop, asyncio's or trio's, runs on this thread."""
    return asyncio._get_running_loop() is not None or _trio() is not None


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing but the engine, where no event loop runs: it blocks."""
    __tracebackhide__ = True
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("a coroutine was suspended where no event loop runs")


async def reached(engine: Emulator, goal: Goal) -> None:
    """Wait until ``goal`` is reached; raises its error, or ``ClockStuck``. Cancelled, or interrupted by Ctrl-C, the
    clock stops at the next due instant."""
    __tracebackhide__ = True
    if not loop_runs():
        engine.wait(goal)
        return
    signal = Signal()
    goal.when_reached(signal.set)
    try:
        await _signalled(engine, signal, lambda: goal.reached)
    except BaseException:
        engine.forget(goal)
        raise
    if goal.error is not None:
        raise goal.error


async def answered(engine: Emulator, asked: Asked) -> Invocation:
    """Invoke synchronously and wait for the end; raises ``FCError``, or ``ClockStuck``. Cancelled, or interrupted by
    Ctrl-C, the clock stops at the next due instant."""
    __tracebackhide__ = True
    signal = Signal() if loop_runs() else None
    ended = Latch()

    def then(_: Invocation) -> None:
        ended.set()
        if signal is not None:
            signal.set()

    invocation = engine.invoke(asked, then)
    try:
        if signal is None:
            engine.wait_for(ended.wait)
        else:
            await _signalled(engine, signal, ended.is_set)
    except BaseException:  # a test's time-out as well
        engine.forget_call(invocation)
        raise
    engine.raise_for(invocation)
    engine.save()
    return invocation


async def done(job: Callable[[], None]) -> None:
    """Do a job that blocks: on this thread, or where an event loop runs on one of the crew; raises what it raises."""
    if not loop_runs():
        job()
        return
    signal = Signal()
    raised: list[BaseException] = []

    def attempt() -> None:
        try:
            job()
        except BaseException as error:
            raised.append(error)
        signal.set()

    assembly.CREW.run(attempt)
    await signal.wait()
    if raised:
        raise raised[0]


class Signal:
    """Set from any thread, awaited by the task that made it. No timer of the loop is involved: it may be virtual."""

    def __init__(self) -> None:
        self.is_set = False
        trio = _trio()
        if trio is not None:
            event, token = trio.Event(), trio.lowlevel.current_trio_token()
            self._wake: Callable[[], object] = lambda: token.run_sync_soon(event.set)
            self._wait: Callable[[], Awaitable[object]] = event.wait
        else:
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            self._wake = lambda: loop.call_soon_threadsafe(_resolve, future)
            self._wait = lambda: future

    def set(self) -> None:
        """Let the task go on; repeatable. Nothing happens when its loop has ended meanwhile."""
        if not self.is_set:
            self.is_set = True
            try:
                self._wake()
            except RuntimeError:  # the loop is closed; trio's RunFinishedError is one too
                return

    async def wait(self) -> None:
        """Wait until it is set."""
        await self._wait()


async def _signalled(engine: Emulator, signal: Signal, is_there: Callable[[], bool]) -> None:
    """Wait until ``signal`` is set because ``is_there``; raises ``ClockStuck``."""
    with engine.when_stuck(signal.set):
        await signal.wait()
    if not is_there():
        raise engine.stuck()


def _trio() -> Any:
    """Module ``trio`` if this is one of its tasks; it is never imported here."""
    trio = sys.modules.get("trio")
    lowlevel = getattr(trio, "lowlevel", None)
    return trio if lowlevel is not None and lowlevel.in_trio_task() else None


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
