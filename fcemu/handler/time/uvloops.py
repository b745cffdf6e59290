"""Puts asyncio's own loop in place of uvloop's inside a handler, because libuv waits in C, by the real time.

Nothing is exchanged while uvloop is not there. A class learns of its subclasses when they are made, so asyncio's
abstract classes tell when uvloop is imported, wherever that happens, and when it makes its policy.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import events
from typing import Any, Final

from fcemu.handler.time.switch import CLOCK

_MODULE: Final = "uvloop"
_STANDS_IN: Final = (
    "the handler made a loop of uvloop; asyncio's own loop runs instead, because uvloop waits in real time and does "
    "not see the virtual clock"
)
_IS_REAL: Final = (
    "the handler runs a loop of uvloop that was made outside of handlers; its waits are real, because uvloop does not "
    "see the virtual clock"
)
_ABSTRACT: Final[tuple[Any, ...]] = tuple(
    vars(events)[name] for name in ("AbstractEventLoop", "AbstractEventLoopPolicy") if name in vars(events)
)
_changed: Final[list[tuple[Any, str, Any]]] = []
"""Which attributes of uvloop's classes were set, and what stood there before; ``None``: nothing."""


class _StandIn(asyncio.SelectorEventLoop):
    """asyncio's loop in place of uvloop's. ``uvloop.run`` asks whether the loop that it runs is one of uvloop's."""

    def __init__(self, of: type) -> None:
        self._of: Final = of
        asyncio.SelectorEventLoop.__init__(self)  # ``super()`` needs the true ``__class__``

    @property  # type: ignore[misc]  # what ``isinstance`` believes of an object beside its type
    def __class__(self) -> type:
        return self._of


def _tell(cls: Any, /, **keywords: Any) -> None:
    """``__init_subclass__`` of asyncio's abstract classes."""
    object.__init_subclass__(**keywords)
    _adopt(cls)


def _adopt(cls: Any) -> None:
    if cls.__module__ != _MODULE:
        return
    if cls.__name__ == "Loop":
        _set(cls, "__new__", staticmethod(_new(cls.__new__)))
        _set(cls, "run_forever", _run_forever(cls.run_forever))
    elif cls.__name__ == "EventLoopPolicy" and hasattr(cls, "get_child_watcher"):
        _set(cls, "get_child_watcher", _get_child_watcher(cls.get_child_watcher))


def _set(cls: Any, name: str, value: Any) -> None:
    _changed.append((cls, name, vars(cls).get(name)))
    setattr(cls, name, value)


def _new(original: Any) -> Any:
    def __new__(cls: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 (it is to stand there)
        clock = CLOCK.get()
        if clock is None:
            return original(cls, *args, **kwargs)
        clock.warn(_STANDS_IN, once=True)
        return _StandIn(cls)

    return __new__


def _run_forever(original: Any) -> Any:
    def run_forever(self: Any) -> Any:
        clock = CLOCK.get()
        if clock is not None:
            clock.warn(_IS_REAL, once=True)
        return original(self)

    return run_forever


def _get_child_watcher(original: Any) -> Any:
    """uvloop's policy has none, because its loops start processes in another way than asyncio's."""

    def get_child_watcher(self: Any) -> Any:
        if CLOCK.get() is None:
            return original(self)
        if not hasattr(self, "_watcher"):
            self._watcher = asyncio.DefaultEventLoopPolicy().get_child_watcher()
        return self._watcher

    return get_child_watcher


def install() -> None:
    """Let asyncio's loops stand in for uvloop's in handlers; repeatable."""
    for owner in _ABSTRACT:
        if "__init_subclass__" not in vars(owner):
            owner.__init_subclass__ = classmethod(_tell)
    if not _changed and _MODULE in sys.modules:
        for name in ("Loop", "EventLoopPolicy"):
            if name in vars(sys.modules[_MODULE]):
                _adopt(vars(sys.modules[_MODULE])[name])


def uninstall() -> None:
    """Put everything back."""
    for owner in _ABSTRACT:
        if "__init_subclass__" in vars(owner):
            del owner.__init_subclass__
    for cls, name, before in reversed(_changed):
        if before is None:
            delattr(cls, name)
        else:
            setattr(cls, name, before)
    _changed.clear()
