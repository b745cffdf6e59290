"""Coroutines beside the blocking methods: ``.aio`` of an emulator or a handle, for tests that run in an event loop."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from fcemu import host
from fcemu.core import invocation as core
from fcemu.core.errors import FCError
from fcemu.engine.emulator import Asked, Emulator
from fcemu.engine.goals import Goal
from fcemu.engine.latch import Latch

if TYPE_CHECKING:
    from fcemu.testing.emulator import LocalEmulator
    from fcemu.testing.handles import Duration, Fact, Function, Invocation, Payload, Reply
    from fcemu.testing.timers import Timer
    from fcemu.testing.triggers import Trigger


def loop_runs() -> bool:
    """Whether an event loop, asyncio's or trio's, runs on this thread."""
    return asyncio._get_running_loop() is not None or _trio() is not None


Handle = TypeVar("Handle")
Given = ParamSpec("Given")
Got = TypeVar("Got")


def blocking(
    method: Callable[Concatenate[Handle, Given], Got],
) -> Callable[Concatenate[Handle, Given], Got]:
    """A method of an emulator or a handle that has a coroutine of the same name under ``.aio``.

    It raises ``RuntimeError`` in a handler, which would wait for itself, and where an event loop runs, which it would
    block; the text names the coroutine.
    """

    @wraps(method)
    def checked(self: Handle, /, *args: Given.args, **kwargs: Given.kwargs) -> Got:
        __tracebackhide__ = True
        owner: Any = self
        refuse_in_handler(getattr(owner, "_emulator", owner)._engine)
        if loop_runs():
            raise RuntimeError(
                "this call would block the event loop that runs here, and all that a handler asks of it; await its "
                f"coroutine, {type(self).__name__}.aio.{method.__name__}"
            )
        return method(self, *args, **kwargs)

    return checked


def refuse_in_handler(engine: Emulator) -> None:
    """Raise ``RuntimeError`` in a handler of this emulator, whether the caller blocks or awaits."""
    if engine.is_handler(threading.get_ident()):
        raise RuntimeError(
            "a handler cannot move the clock or wait for the emulator it runs in, nor with .aio: it would wait for "
            "itself. Call the emulator over HTTP, with the credentials of its context"
        )


def _trio() -> Any:
    """Module ``trio`` if this is one of its tasks; it is never imported here."""
    trio = sys.modules.get("trio")
    lowlevel = getattr(trio, "lowlevel", None)
    return trio if lowlevel is not None and lowlevel.in_trio_task() else None


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


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _signalled(engine: Emulator, signal: Signal, is_there: Callable[[], bool]) -> None:
    """Wait until ``signal`` is set because ``is_there``; raises ``ClockStuck``."""
    with engine.when_stuck(signal.set):
        await signal.wait()
    if not is_there():
        raise engine.stuck()


async def reached(engine: Emulator, goal: Goal) -> None:
    """Wait until ``goal`` is reached; raises its error. Cancelled, the clock stops at the next due instant."""
    signal = Signal()
    goal.when_reached(signal.set)
    try:
        await _signalled(engine, signal, lambda: goal.reached)
    except BaseException:
        engine.forget(goal)
        raise
    if goal.error is not None:
        raise goal.error


async def _ended(engine: Emulator, asked: Asked) -> core.Invocation:
    """Invoke synchronously and wait for the end. Cancelled, the clock stops at the next due instant."""
    signal = Signal()
    ended = Latch()

    def then(_: core.Invocation) -> None:
        ended.set()
        signal.set()

    record = engine.invoke(asked, then)
    try:
        await _signalled(engine, signal, ended.is_set)
    except BaseException:
        engine.forget_call(record)
        raise
    engine.raise_for(record)
    engine.save()
    return record


async def in_thread(job: Callable[[], None]) -> None:
    """Do a job that blocks on a thread of the crew; raises what it raises."""
    signal = Signal()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            job()
        except BaseException as error:
            raised.append(error)
        signal.set()

    host.CREW.run(run)
    await signal.wait()
    if raised:
        raise raised[0]


class EmulatorAio:
    """``LocalEmulator.aio``: each method is the coroutine of the one with the same name, and raises the same.

    Cancelled, a move stops at the next due instant: what has happened until then stays.
    """

    def __init__(self, emulator: LocalEmulator) -> None:
        self._emulator: Final = emulator

    async def advance(self, by: Duration) -> Sequence[Fact]:
        """Run all that falls due within ``by`` from now, its end included."""
        return await self._move(lambda: self._emulator._to_advance(by))

    async def advance_to(self, instant: str | datetime) -> Sequence[Fact]:
        """Run all that falls due up to and including ``instant``."""
        return await self._move(lambda: self._emulator._to_advance_to(instant))

    async def run_next(self) -> Sequence[Fact]:
        """Move to the next due instant and run what is due there."""
        return await self._move(lambda: self._emulator._engine.run_next())

    async def run_until_idle(self, at_most: Duration = "30d") -> Sequence[Fact]:
        """Run until no work is left."""
        return await self._move(lambda: self._emulator._to_be_idle(at_most))

    async def run_until(self, predicate: Callable[[], object], at_most: Duration = "30d") -> Sequence[Fact]:
        """Run until ``predicate()``, which is a plain function, is true."""
        refuse_in_handler(self._emulator._engine)
        before, end = self._emulator._begin_until(at_most)
        while not predicate():
            self._emulator._demand_due(predicate, end)
            await self.run_next()
        return self._emulator._facts(before)

    async def reset(self) -> None:
        """Make it again as its options made it."""
        refuse_in_handler(self._emulator._engine)
        await in_thread(lambda: self._emulator._host.reset({}))

    async def restart(self) -> None:
        """End as by ``kill -9``, and begin again with what was kept."""
        refuse_in_handler(self._emulator._engine)
        await in_thread(self._emulator._restart)

    async def close(self) -> None:
        """Refuse requests, end parked handlers, run no pending work."""
        refuse_in_handler(self._emulator._engine)
        await in_thread(self._emulator._end)

    async def _move(self, post: Callable[[], Goal]) -> Sequence[Fact]:
        engine = self._emulator._engine
        refuse_in_handler(engine)
        before = len(engine.journal)
        await reached(engine, post())
        return self._emulator._facts(before)


class TimerAio:
    """``Timer.aio``."""

    def __init__(self, timer: Timer) -> None:
        self._timer: Final = timer

    async def fire(self) -> Invocation:
        """Fire it now; the invocation runs at the next move."""
        refuse_in_handler(self._timer._emulator._engine)
        return self._timer._fire()


class TriggerAio:
    """``Trigger.aio``."""

    def __init__(self, trigger: Trigger) -> None:
        self._trigger: Final = trigger

    async def fire(self, *, payload: Payload | None = None, **fields: Any) -> Invocation:
        """Fire it now; the invocation runs at the next move. Raises what ``Trigger.fire`` raises."""
        refuse_in_handler(self._trigger._emulator._engine)
        return self._trigger._fire(payload, fields)


class FunctionAio:
    """``Function.aio``: each method is the coroutine of the one with the same name, and raises the same."""

    def __init__(self, function: Function) -> None:
        self._function: Final = function

    async def invoke(self, payload: Payload = b"", *, headers: Mapping[str, str] | None = None) -> Reply:
        """Invoke synchronously; the clock moves just as far as the handler sleeps."""
        emulator = self._function._emulator
        refuse_in_handler(emulator._engine)
        record = await _ended(emulator._engine, self._function._asked(payload, 0, headers))
        return emulator._reply_of(record)

    async def invoke_async(
        self,
        payload: Payload = b"",
        *,
        delay: Duration = 0,
        task_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Invocation:
        """Accept an asynchronous invocation; it runs when the clock gets there."""
        refuse_in_handler(self._function._emulator._engine)
        return self._function._emulator._accept(self._function._asked(payload, delay, headers, task_id))

    async def http(
        self,
        method: str,
        path: str = "/",
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Payload = b"",
    ) -> Reply:
        """Send an HTTP request as an HTTP trigger hands it on."""
        from fcemu.testing.web import refused

        emulator = self._function._emulator
        refuse_in_handler(emulator._engine)
        more = {"params": params, "headers": headers, "json": json, "data": data}
        try:
            record = await _ended(emulator._engine, self._function._http_asked(method, path, more))
        except FCError as error:
            return refused(error)
        return emulator._http_reply(record)

    async def http_async(
        self,
        method: str,
        path: str = "/",
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Payload = b"",
        delay: Duration = 0,
        task_id: str | None = None,
    ) -> Invocation:
        """Send an HTTP request that is accepted now, and served when the clock gets there."""
        refuse_in_handler(self._function._emulator._engine)
        more = {"params": params, "headers": headers, "json": json, "data": data}
        return self._function._emulator._accept(self._function._http_asked(method, path, more, delay, task_id))


class InvocationAio:
    """``Invocation.aio``: each method is the coroutine of the one with the same name, and raises the same."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation: Final = invocation

    async def result(self) -> Any:
        """Move the clock until this invocation has ended, and return what it returned: JSON, else text."""
        emulator, record = self._invocation._emulator, self._invocation._record
        refuse_in_handler(emulator._engine)
        if not record.finished:
            await reached(emulator._engine, emulator._engine.run_until_ended(record))
        return self._invocation._result()

    async def stop(self) -> None:
        """Stop it: at once what is not running, else at the next move."""
        refuse_in_handler(self._invocation._emulator._engine)
        self._invocation._stop()
