"""The locks and queues of fcemu itself, which wait in real time on every thread.

``timeshift/locks.py`` exchanges ``acquire`` and ``__enter__`` in the built-in classes of locks, so that a handler's
thread parks where it waits for a lock. A lock that guards fcemu's own state must not do that: no thread parks while it
holds one, and the clock would move because of a lock of which the handler knows nothing.
"""

from __future__ import annotations

import _queue
import threading
from _thread import allocate_lock
from typing import Any, Final

_LOCK: Final[Any] = type(allocate_lock())
_RLOCK: Final[Any] = type(threading.RLock())


def original(owner: Any, name: str) -> Any:
    """A method of a built-in class as Python has made it, whether it has been exchanged or not."""
    present = vars(owner)[name]
    return getattr(present, "fcemu_original", present)


acquire: Final[Any] = original(_LOCK, "acquire")
"""``acquire`` of a ``Lock``, which really waits."""


class RealLock(_RLOCK):  # type: ignore[misc]
    """A lock that the thread which took it releases again soon. All of it is C, so that an exception that is sent to a
    handler's thread cannot arrive between taking the lock and knowing of it."""

    __slots__ = ()
    acquire = original(_RLOCK, "acquire")
    __enter__ = original(_RLOCK, "__enter__")


class RealQueue(_queue.SimpleQueue):  # type: ignore[type-arg]
    """A ``SimpleQueue`` for threads of the emulator's own; ``timeshift/simple_queues.py`` exchanges the methods of all
    others."""

    __slots__ = ()
    get = original(_queue.SimpleQueue, "get")
    put = original(_queue.SimpleQueue, "put")
