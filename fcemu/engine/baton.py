"""The baton is the one lock for all engine state; it lets outside callers in between two steps of a long move."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final

from fcemu.engine import forks, real
from fcemu.handler.locks import acquire

_GIVE_WAY = 50e-6


class _NoLock:
    """In place of a baton's lock in a forked process, where nobody could give the baton back."""

    def acquire(self, *_how: object, **_more: object) -> bool:
        raise forks.ForkedError

    def release(self) -> None:
        """Whoever forked had it, and is another process's."""


class _LentLock:
    """In place of a baton's lock while the thread that holds it looks at the engine as an outside caller does."""

    def __init__(self, lock: "threading.Lock | _NoLock | _LentLock") -> None:
        self._lock: Final = lock
        self._holder: Final = threading.get_ident()

    def acquire(self, *how: Any, **more: Any) -> bool:
        return threading.get_ident() == self._holder or self._lock.acquire(*how, **more)

    def release(self) -> None:
        """Its holder keeps it; another thread that waited has the lock itself."""
        if threading.get_ident() != self._holder:
            self._lock.release()


class Baton:
    """Whoever holds it may touch engine state: the server's loop for one request, a mover for one step.

    A mover that runs a million steps would starve everybody else, because Python's locks are not fair; so outside
    callers (``with baton:``) announce themselves and a mover calls ``give_way`` between two steps. In a forked process
    to take it raises ``ForkedError``.
    """

    __slots__ = ("__weakref__", "_lock", "acquire", "awaited", "changed", "release")

    def __init__(self) -> None:
        lock = threading.Lock()
        self._lock: threading.Lock | _NoLock | _LentLock = lock
        self.awaited: Final[deque[None]] = deque()
        """One for each outside caller that waits; its changes are atomic, which those of a number are not."""
        self.acquire = acquire.__get__(self._lock)
        self.release = self._lock.release
        self.changed = threading.Condition(lock)
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

    @contextmanager
    def lent(self) -> Iterator[None]:
        """With the baton held: inside the block this thread may take it again, as who only looks does."""
        held = self._lock, self.acquire, self.release
        self._lock = lent = _LentLock(self._lock)
        self.acquire, self.release = lent.acquire, lent.release
        try:
            yield
        finally:
            self._lock, self.acquire, self.release = held

    def lending(self, look: Callable[[], None]) -> Callable[[], None]:
        """``look``, called with the baton held, which it may take again."""

        def lent() -> None:
            with self.lent():
                look()

        return lent

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
