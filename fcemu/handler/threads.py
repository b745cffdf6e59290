"""Looks up threads of this process by their identifiers, also those that ``threading`` did not start."""

from __future__ import annotations

import threading
from typing import Any

from fcemu.handler.system import PROC

_POOLS = ("concurrent.futures.thread", "multiprocessing.pool")


def thread_of(ident: int) -> Any:
    """The ``Thread`` that runs with this identifier; ``None`` where ``threading`` knows none.

    ``threading.enumerate`` takes a lock, for which a handler's thread must not wait here.
    """
    return threading._active.get(ident)  # type: ignore[attr-defined]


def is_of_pool(thread: Any) -> bool:
    """Whether it is a thread of a pool, whose work the handler will ask for."""
    return getattr(getattr(thread, "_target", None), "__module__", None) in _POOLS


def computed_ns(native_id: int) -> int | None:
    """Nanoseconds that a thread of this process has computed; ``None`` where the system does not tell."""
    if not PROC:
        return None
    try:
        with open(f"/proc/self/task/{native_id}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return None
