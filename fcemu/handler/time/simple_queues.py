"""Lets a handler's thread that waits for an item of a ``queue.SimpleQueue`` wait in virtual time.

It is a built-in class, so its methods are exchanged in the class itself.
"""

from __future__ import annotations

import _queue
from _thread import allocate_lock
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from fcemu.handler.clock import Waiting
from fcemu.handler.locks import acquire, original
from fcemu.handler.time.builtin_classes import Functions, named, write_into_classes
from fcemu.handler.time.switch import CLOCK
from fcemu.handler.time.waits import wait_in

_CLASS: Final[Any] = _queue.SimpleQueue
_NAMES: Final = ("get", "put", "put_nowait")
_kept: Final[dict[str, Callable[..., Any]]] = {name: original(_CLASS, name) for name in _NAMES}
_get, _put = _kept["get"], _kept["put"]

_GETTING: Final[dict[int, deque[Waiting]]] = {}
"""Handlers' threads that wait for an item, by the ``id`` of the queue, which they keep alive; ``None`` of them is
removed by ``put``, so that it can be called at any moment, also by a finalizer."""


def get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
    clock = CLOCK.get()
    if clock is None or not block or (timeout is not None and timeout <= 0) or clock.waiting() is None:
        return _get(self, block, timeout)
    until = None if timeout is None else clock.elapsed_ns() + round(timeout * 1e9)
    waits = _GETTING.setdefault(id(self), deque())
    while (waiting := clock.waiting()) is not None:
        waits.append(waiting)
        try:
            try:
                return _get(self, False)
            except _queue.Empty:
                left = None if until is None else (until - clock.elapsed_ns()) / 1e9
                if left is not None and left <= 0:
                    raise
            # An item may come from a thread of which nothing is known, so it is real what this one waits for.
            gate = allocate_lock()
            gate.acquire()
            wait_in(waiting, left, partial(acquire, gate), gate.release)
        finally:
            if waiting in waits:
                waits.remove(waiting)
            elif not self.empty():
                _tell(self)  # it was for this thread, which may not take it any more
    return _get(self, block, timeout)


def _tell(queue: Any) -> None:
    waits = _GETTING.get(id(queue))
    try:
        if waits:
            waits.popleft().release()
    except IndexError:  # another thread was faster
        pass


def put(self: Any, item: Any, block: bool = True, timeout: float | None = None) -> None:
    _put(self, item)
    if _GETTING:
        _tell(self)


def put_nowait(self: Any, item: Any) -> None:
    _put(self, item)
    if _GETTING:
        _tell(self)


_OURS: Final[Functions] = named(_CLASS, {"get": get, "put": put, "put_nowait": put_nowait})
for _name, _original in _kept.items():
    _OURS[_CLASS, _name].fcemu_original = _original


def install() -> None:
    """Let queues ask the clock of whoever waits; repeatable."""
    if vars(_CLASS)["get"] is not get:
        write_into_classes(_OURS)


def uninstall() -> None:
    """Put the methods back."""
    write_into_classes({(_CLASS, name): original for name, original in _kept.items()})
    _GETTING.clear()
