"""The baton is the one lock for all engine state; it lets outside callers in between two steps of a long move."""

import threading
from collections import deque
from types import TracebackType
from typing import Final

from fcemu.engine import forks, real
from fcemu.handler.locks import acquire

_GIVE_WAY = 50e-6


class _NoLock:
    """In place of a baton's lock in a forked process, where nobody could give the baton back."""

    def acquire(self, *_how: object, **_more: object) -> bool:
        raise forks.ForkedError

    def release(self) -> None:
        """Whoever forked had it, and is another process's."""


class Baton:
    """Whoever holds it may touch engine state: the server's loop for one request, a mover for one step.

    A mover that runs a million steps would starve everybody else, because Python's locks are not fair; so outside
    callers (``with baton:``) announce themselves and a mover calls ``give_way`` between two steps. In a forked process
    to take it raises ``ForkedError``.
    """

    __slots__ = ("__weakref__", "_lock", "acquire", "awaited", "changed", "release")

    def __init__(self) -> None:
        self._lock: threading.Lock | _NoLock = threading.Lock()
        self.awaited: Final[deque[None]] = deque()
        """One for each outside caller that waits; its changes are atomic, which those of a number are not."""
        self.acquire = acquire.__get__(self._lock)
        self.release = self._lock.release
        self.changed = threading.Condition(self._lock)
        """Notified when a flowing clock has something new to wait for."""
        forks.tell(self)

    def after_fork(self) -> None:
        """See ``forks.Forked``."""
        self._lock = gone = _NoLock()
        self.acquire, self.release = gone.acquire, gone.release

    def __enter__(self) -> None:
        if not self.acquire(False):
            self.awaited.append(None)
            self.acquire()
            self.awaited.pop()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def within(self, seconds: float) -> bool:
        """Take it like ``with``, but wait for so many real seconds at most; whether it was taken."""
        self.awaited.append(None)
        try:
            return bool(self.acquire(True, seconds))
        finally:
            self.awaited.pop()

    def give_way(self) -> bool:
        """Let a waiting outside caller take its turn, and say whether one did.

        Called with the baton held, which it is again afterwards.
        """
        if not self.awaited:
            return False
        self._lock.release()
        real.sleep(_GIVE_WAY)
        self.acquire()
        return True
