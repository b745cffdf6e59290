"""Event loops that a handler runs jump over their waits instead of sleeping through them."""

import asyncio
import asyncio.futures
import selectors
from asyncio import events
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from fcemu.runtimes.timeshift.switch import CLOCK, park

Ready = list[tuple[selectors.SelectorKey, int]]
RESOLUTION: Final = 1e-6
"""Seconds. Virtual time moves in whole microseconds, so that timers closer than this are due together."""


def jumping_select(original: Callable[..., Ready]) -> Callable[..., Ready]:
    """``select`` of the selector class that event loops use; real outside of handlers and for other users of it."""

    def select(self: selectors.BaseSelector, timeout: float | None = None) -> Ready:
        clock = CLOCK.get()
        if clock is None or timeout is None or timeout <= 0:
            return original(self, timeout)
        loop: Any = events._get_running_loop()
        if loop is None or getattr(loop, "_selector", None) is not self:
            return original(self, timeout)
        if loop in _joining:
            return original(self, None)
        loop._clock_resolution = max(loop._clock_resolution, RESOLUTION)

        files = len(self.get_map()) - loop._internal_fds
        calls = _calls.get(loop, 0) + _watched_children()
        before = clock.elapsed_ns()
        ready = original(self, min(timeout, clock.io_grace()) if files or calls else 0)
        if ready:
            return ready
        left = round(timeout - (clock.elapsed_ns() - before) / 1e9, 6)
        if files or calls:
            if left <= 0:
                return ready
            clock.warn(_jump(left, files, calls))
        park(clock, max(left, RESOLUTION))
        return ready

    return select


def _jump(seconds: float, files: int, calls: int) -> str:
    counts = ((files, "open sockets or pipes"), (calls, "calls in other threads"))
    what = ", ".join(f"{count} {noun}" for count, noun in counts if count)
    return f"an event loop in the handler jumped {seconds:g} s ahead over outstanding I/O: {what}"


_calls: Final[WeakKeyDictionary[Any, int]] = WeakKeyDictionary()
"""How many calls in executors each loop of a handler waits for."""


def _watched_children() -> int:
    """Child processes whose end a thread of asyncio waits for; newer versions of Python wait with a file instead."""
    policy = getattr(events, "_event_loop_policy", None)
    watcher = getattr(policy, "_watcher", None)
    return sum(thread.is_alive() for thread in list(getattr(watcher, "_threads", {}).values()))


def counting_wrap_future(original: Callable[..., Any]) -> Callable[..., Any]:
    """``asyncio.wrap_future``, through which executors answer a loop: counts what a handler's loop waits for."""

    def wrap_future(future: Any, *, loop: Any = None) -> Any:
        wrapped = original(future, loop=loop)
        if wrapped is not future and CLOCK.get() is not None:
            owner = wrapped.get_loop()
            _calls[owner] = _calls.get(owner, 0) + 1
            wrapped.add_done_callback(_one_call_less)
        return wrapped

    return wrap_future


def _one_call_less(future: "asyncio.Future[Any]") -> None:
    _calls[future.get_loop()] -= 1


_joining: Final[WeakSet[Any]] = WeakSet()
"""Loops that end their default executor. asyncio bounds that wait by 300 s, which are not to be jumped over."""


def patient_shutdown(original: Callable[..., Any]) -> Callable[..., Any]:
    """``shutdown_default_executor`` of loops: threads end in real time."""

    async def shutdown_default_executor(self: Any, *timeout: Any, **kwargs: Any) -> None:
        _joining.add(self)
        try:
            await original(self, *timeout, **kwargs)
        finally:
            _joining.discard(self)

    return shutdown_default_executor
