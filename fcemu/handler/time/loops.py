"""Lets event loops that a handler runs jump over their waits instead of sleeping through them."""

from __future__ import annotations

import selectors
from asyncio import events
from collections.abc import Callable
from heapq import heapify, heappop
from math import inf, nextafter
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from fcemu.handler.clock import Waiting
from fcemu.handler.time.switch import CLOCK, park
from fcemu.handler.time.waits import wait_in

Ready = list[tuple[selectors.SelectorKey, int]]
RESOLUTION: Final = 1e-6
"""Seconds. Virtual time moves in whole microseconds, so that timers closer than this are due together."""
RIVALS: Final = 16
"""How many timers that are due at the same instant may change their order."""


def jumping_select(original: Callable[..., Ready]) -> Callable[..., Ready]:
    """``select`` of the selector class that event loops use; real outside of handlers and for other users of it."""

    def select(self: selectors.BaseSelector, timeout: float | None = None) -> Ready:
        clock = CLOCK.get()
        if clock is None or (timeout is not None and timeout <= 0):
            return original(self, timeout)
        loop: Any = events._get_running_loop()
        if loop is None or getattr(loop, "_selector", None) is not self:
            return original(self, timeout)
        _ours.add(loop)
        loop._clock_resolution = max(loop._clock_resolution, RESOLUTION)

        files = _files_of(self) - loop._internal_fds
        children = _watched_children()
        if files or children:
            before, grace = clock.elapsed_ns(), clock.io_grace()
            ready = original(self, grace if timeout is None else min(timeout, grace))
            if ready:
                return ready
            if timeout is not None:
                timeout = round(timeout - (clock.elapsed_ns() - before) / 1e9, 6)
                if timeout <= 0:
                    return ready
                clock.warn(_jump(timeout, files, children))
        waiting = clock.waiting()
        if waiting is None:
            ready = original(self, timeout if timeout is None else 0)
            if not ready and timeout is not None:
                park(clock, max(timeout, RESOLUTION))
            return ready
        _waiting[loop] = waiting
        try:
            ready = original(self, 0)
            if ready:
                return ready
            seconds = None if timeout is None else max(timeout, RESOLUTION)
            if files or children:
                wait_in(waiting, seconds, lambda: original(self, None), loop._write_to_self)
            else:
                wait_in(waiting, seconds)
            choose = clock.chooses()
            if choose is not None:
                _reorder(loop, choose)
            return original(self, 0)
        finally:
            del _waiting[loop]

    return select


def _reorder(loop: Any, choose: Callable[[int], int]) -> None:
    """Timers of a loop that are due at the same instant are in the order that ``choose`` says: it gets how many there
    are, and answers which comes first."""
    end, rest = loop.time() + loop._clock_resolution, list(loop._scheduled)
    due: list[Any] = []
    while rest and rest[0]._when < end and len(due) < RIVALS:
        timer = heappop(rest)
        if not timer._cancelled:
            due.append(timer)
    if len(due) < 2:
        return
    instant, left, order = due[0]._when, list(due), []
    while len(left) > 1:
        order.append(left.pop(choose(len(left))))
    order += left
    if order == due:
        return
    for timer in reversed(order):
        timer._when, instant = instant, nextafter(instant, -inf)
    heapify(loop._scheduled)


def _files_of(selector: Any) -> int:
    """For how many files and sockets a loop waits. The proactor of Windows has operations under way instead."""
    return len(selector.get_map() if hasattr(selector, "get_map") else selector._cache)


_waiting: Final[WeakKeyDictionary[Any, Waiting]] = WeakKeyDictionary()
"""Where the loops of handlers wait."""


def let_loop_look() -> None:
    """The loop that waits on this thread looks whether there is something to do: a signal has come, of which Python
    tells loops without ``_write_to_self``."""
    loop = events._get_running_loop()
    waiting = None if loop is None else _waiting.get(loop)
    if waiting is not None:
        waiting.release()


_ours: Final[WeakSet[Any]] = WeakSet()
"""Loops that handlers run."""


def known_loop(original: Callable[..., None]) -> Callable[..., None]:
    """``__init__`` of loops: one that a handler makes is its own before it runs."""

    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if CLOCK.get() is not None:
            _ours.add(self)

    return initialize


def awaited_by_clock(original: Callable[..., Any]) -> Callable[..., Any]:
    """``asyncio.run_coroutine_threadsafe``: what a handler asks of a loop that no handler runs happens in real time, so
    the clock waits for it."""

    def run_coroutine_threadsafe(coro: Any, loop: Any) -> Any:
        clock = CLOCK.get()
        if clock is None or loop in _ours:
            return original(coro, loop)
        strand = clock.strand()
        try:
            future = original(coro, loop)
        except BaseException:
            strand.end()
            raise
        future.add_done_callback(lambda _: strand.end())
        return future

    return run_coroutine_threadsafe


def waking_write(original: Callable[[Any], None]) -> Callable[[Any], None]:
    """``_write_to_self``, by which other threads wake a loop."""

    def _write_to_self(self: Any) -> None:
        original(self)
        waiting = _waiting.get(self)
        if waiting is not None:
            waiting.release()

    return _write_to_self


def _jump(seconds: float, files: int, children: int) -> str:
    counts = ((files, "open sockets or pipes"), (children, "child processes"))
    what = ", ".join(f"{count} {noun}" for count, noun in counts if count)
    return f"an event loop in the handler jumped {seconds:g} s ahead over outstanding I/O: {what}"


def _watched_children() -> int:
    """Child processes whose end a thread of asyncio waits for; newer versions of Python wait with a file instead."""
    policy = getattr(events, "_event_loop_policy", None)
    watcher = getattr(policy, "_watcher", None)
    return sum(thread.is_alive() for thread in list(getattr(watcher, "_threads", {}).values()))
