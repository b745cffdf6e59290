"""Lets trio's loop wait in virtual time inside a handler, and the clock wait for what trio runs in threads.

trio waits in ``select.epoll.poll``. That is a method of a built-in class, so it is exchanged in the class itself; the
other users of ``epoll`` go on as before.
"""

from __future__ import annotations

import select
import sys
import time
from _thread import get_ident
from collections.abc import Callable
from math import inf
from typing import Any, Final

from fcemu.handler.time.builtin_classes import Functions, named, write_into_classes
from fcemu.handler.time.locks import ask
from fcemu.handler.time.switch import AFTER_PARK, BEFORE_PARK, CLOCK, outside

_CALLER: Final = "trio._core._io_epoll"
_ITS_OWN: Final = 1
"""A file that a loop watches to hear of other threads."""
_EPOLL: Final[Any] = select.epoll
_present: Final = vars(_EPOLL)["poll"]
_poll: Final = getattr(_present, "fcemu_original", _present)

_late: Final[dict[tuple[Any, str], Any]] = {}


class _Files:
    """What a loop waits for, as ``Held``: whoever ends the wait may be another strand, or something real."""

    def __init__(self, epoll: Any) -> None:
        self.key: Final = id(epoll)
        self._me: Final = get_ident()
        self._fd: Final[int] = epoll.fileno()

    def is_free(self) -> bool:
        """Whether it need not wait any more. Two threads may ask at once, which one ``poll`` object does not allow."""
        ready = select.poll()
        ready.register(self._fd, select.POLLIN)
        return bool(ready.poll(0))

    def holder(self) -> int:
        return self._me


def poll(self: Any, timeout: Any = None, maxevents: int = -1) -> Any:
    clock = CLOCK.get()
    if clock is None or sys._getframe(1).f_globals.get("__name__") != _CALLER:
        return _poll(self, timeout, maxevents)
    _adopt_trio()
    if timeout is None or timeout <= 0:
        return _poll(self, timeout, maxevents)
    started, manager = clock.elapsed_ns(), sys._getframe(1).f_locals["self"]
    others = len(manager._registered) - _ITS_OWN
    if others > 0:
        events = _poll(self, min(timeout, clock.io_grace()), maxevents)
        if events:
            return events
        clock.warn(f"a trio loop in the handler jumped {timeout:g} s ahead over outstanding I/O: {others} open files")
    until, files = started + round(timeout * 1e9), _Files(self)
    while (left := (until - clock.elapsed_ns()) / 1e9) > 0:
        most = ask(clock, get_ident(), files, left)
        events = _poll(self, 0 if most is None else left if most == inf else most, maxevents)
        if events or most == inf:
            return events
    return _poll(self, 0, maxevents)


def _adopt_trio() -> None:
    """Modules of trio that may have been loaded before; repeatable."""
    run, threads = sys.modules["trio._core._run"], sys.modules.get("trio._threads")
    _exchange(run, "perf_counter", lambda _: time.perf_counter)
    if threads is not None:
        _exchange(threads, "start_thread_soon", _counted)


def _exchange(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    if (owner, name) not in _late and hasattr(owner, name):
        _late[owner, name] = original = getattr(owner, name)
        setattr(owner, name, make(original))


def _counted(original: Callable[..., Any]) -> Callable[..., Any]:
    """``start_thread_soon``: trio keeps its threads beyond an attempt, so what counts is each piece of work."""

    def start_thread_soon(fn: Callable[[], Any], deliver: Callable[[Any], object], name: str | None = None) -> Any:
        clock = CLOCK.get()
        if clock is None:
            return original(fn, deliver, name)
        strand = clock.strand()

        def work() -> Any:
            strand.begin()
            for resume in AFTER_PARK:
                resume()
            try:
                return fn()
            finally:
                for leave in BEFORE_PARK:
                    leave()

        def deliver_and_end(result: Any) -> None:
            try:
                deliver(result)
            finally:
                strand.end()

        return outside(original, work, deliver_and_end, name)

    return start_thread_soon


_OURS: Final[Functions] = named(_EPOLL, {"poll": poll})
_OURS[_EPOLL, "poll"].fcemu_original = _poll


def install() -> None:
    """Let trio's loops ask the clock; repeatable."""
    if vars(_EPOLL)["poll"] is not poll:
        write_into_classes(_OURS)


def uninstall() -> None:
    """Put everything back."""
    write_into_classes({(_EPOLL, "poll"): _poll})
    for (owner, name), original in _late.items():
        setattr(owner, name, original)
    _late.clear()
