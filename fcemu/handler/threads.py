"""Looks up threads of this process by their identifiers, also those that ``threading`` did not start."""

from __future__ import annotations

import sys
import threading
from typing import Any

from fcemu.handler.system import PROC

_POOLS = ("concurrent.futures.thread", "multiprocessing.pool")


def thread_of(ident: int) -> Any:
    """The ``Thread`` that runs with this identifier; ``None`` where ``threading`` knows none.

    ``threading.enumerate`` takes a lock, for which a handler's thread must not wait here.
    """
    return threading._active.get(ident)  # type: ignore[attr-defined]


def has_ended(ident: int) -> bool:
    """Whether there is no such thread any more. 0 stands for one that is there: see ``Held.holder``."""
    return ident != 0 and thread_of(ident) is None


def is_of_pool(thread: Any) -> bool:
    """Whether it is a thread of a pool, whose work the handler will ask for."""
    return getattr(getattr(thread, "_target", None), "__module__", None) in _POOLS


def computed_ns(native_id: int) -> int | None:
    """Nanoseconds that a thread of this process has computed; ``None`` where the system does not tell."""
    if not PROC:
        return _computed_ns_by_psutil(native_id)
    try:
        with open(f"/proc/self/task/{native_id}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _computed_ns_by_psutil(native_id: int) -> int | None:
    """The same where there is no ``/proc``, in steps of some milliseconds. psutil knows the threads of macOS by other
    numbers, so there the answer is ``None``, as it is for a child whose Python has no psutil."""
    if sys.platform == "darwin":
        return None
    try:
        import psutil
    except ImportError:
        return None
    try:
        seconds = [each.user_time + each.system_time for each in psutil.Process().threads() if each.id == native_id]
    except (OSError, psutil.Error):
        return None
    return int(seconds[0] * 1e9) if seconds else None
