"""Waiting for the engine: blocked where no event loop runs, else suspended, so that the loop goes on meanwhile.

Every wait is a coroutine. Where no loop runs it never suspends, so that ``run`` gets its result by one step.
"""

import ast
import asyncio
import inspect
import sys
import textwrap
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from fcemu import host
from fcemu.core.invocation import Invocation
from fcemu.engine.emulator import Asked, Emulator
from fcemu.engine.goals import Goal
from fcemu.engine.latch import Latch

T = TypeVar("T")


def source_of(predicate: Callable[..., object]) -> str:
    """What a predicate asks: the source of a lambda, else its name; its representation where neither is known."""
    name = getattr(predicate, "__qualname__", repr(predicate))
    if not name.endswith("<lambda>"):
        return f"{name}()" if hasattr(predicate, "__qualname__") else name
    try:
        text = textwrap.dedent(inspect.getsource(predicate)).strip()
        found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Lambda)]
    except (OSError, TypeError, SyntaxError):
        return repr(predicate)
    segment = ast.get_source_segment(text, found[0]) if len(found) == 1 else None
    return segment or text


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
        await _signalled(engine, signal)
    except BaseException:
        engine.forget(goal)
        raise
    if goal.error is not None:
        raise goal.error


async def answered(engine: Emulator, asked: Asked) -> Invocation:
    """Invoke synchronously and wait for the end; raises ``FCError``, or ``ClockStuck``. Cancelled, or interrupted by
    Ctrl-C, the clock stops at the next due instant."""
    __tracebackhide__ = True
    ended = Signal() if loop_runs() else Latch()
    invocation = engine.invoke(asked, lambda _: ended.set())
    try:
        if isinstance(ended, Latch):
            engine.wait_for(ended.wait)
        else:
            await _signalled(engine, ended)
    except BaseException as error:  # a test's time-out as well
        engine.forget_call(invocation)
        engine.break_off(error)
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

    host.CREW.run(attempt)
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
            self._rouse: Callable[[], object] = lambda: token.run_sync_soon(event.set)
            self.wait: Callable[[], Awaitable[object]] = event.wait
            """Wait until it is set, or ``wake`` was called."""
        else:
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            self._rouse = lambda: loop.call_soon_threadsafe(_resolve, future)
            self.wait = lambda: future

    def set(self) -> None:
        """What the task waits for has happened."""
        self.is_set = True
        self.wake()

    def wake(self) -> None:
        """Let the task go on; repeatable. Nothing happens when its loop has ended meanwhile."""
        try:
            self._rouse()
        except RuntimeError:  # the loop is closed; trio's RunFinishedError is one too
            return


async def _signalled(engine: Emulator, signal: Signal) -> None:
    """Wait until ``signal`` is set; raises ``ClockStuck`` where real time passes without progress."""
    with engine.when_stuck(signal.wake):
        await signal.wait()
    if not signal.is_set:
        raise engine.stuck()


def _trio() -> Any:
    """Module ``trio`` if this is one of its tasks; it is never imported here."""
    trio = sys.modules.get("trio")
    lowlevel = getattr(trio, "lowlevel", None)
    return trio if lowlevel is not None and lowlevel.in_trio_task() else None


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
