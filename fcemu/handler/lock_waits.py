"""The waits of an attempt for locks: which of them are over, and how often a lock is looked at.

As ``handler/strands.py`` it has no threads and no clock, and nothing waits in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, Protocol

from fcemu.handler.strands import W

LOCK_SECONDS: Final = 0.05
"""Real seconds between two looks at a lock whose holder does not park."""
_FIRST_LOOK_SECONDS: Final = 0.001


class Lock(Protocol):
    """A lock of the handler's."""

    @property
    def key(self) -> int:
        """Which lock it is."""


class LockWaits(Generic[W]):
    """The waits for locks whose holders are parked."""

    def __init__(self) -> None:
        self.all: list[W] = []
        """All of them, and maybe some that are over."""
        self._looks = 0

    def __iter__(self) -> Iterator[W]:
        return iter([wait for wait in self.all if wait.waiting])

    def add(self, wait: W, lock: Lock, *, gate: bool) -> None:
        """``wait`` is for ``lock``. ``gate``: the thread that has taken it will not release it, so what does may be
        something real."""
        wait.real, wait.lock, wait.arrived = gate, lock, self._looks
        self.all.append(wait)

    def freed(self, may_be_taken: Callable[[Any], bool]) -> list[W]:
        """Before the clock moves: the waits that are over because their locks are free by now, one for each lock. Those
        that began between the same two looks go on in the order of the strands."""
        if not self.all:
            return []
        freed: dict[int, W] = {}
        for wait in self._in_order():
            if wait.lock.key not in freed and may_be_taken(wait.lock):
                freed[wait.lock.key] = wait
        return list(freed.values())

    def first_of(self, seen: W) -> W | None:
        """The strand of ``seen`` has looked at its lock by itself, and found it free: the wait that is over by that.

        ``None`` unless it has found the same at its look before, with nothing between: most often, the thread that has
        released the lock is about to park, or the strand that was let go is about to take it, and ``freed`` says who is
        next. Whose strand happens to look first says nothing.
        """
        before, seen.found_free = seen.found_free, self._looks
        if before != self._looks:
            return None
        return next((wait for wait in self._in_order() if wait.lock.key == seen.lock.key), None)

    def _in_order(self) -> list[W]:
        self._looks += 1
        self.all = list(self)
        return sorted(self.all, key=lambda wait: (wait.arrived, wait.strand.order))


def pauses(*, gate: bool) -> Iterator[float]:
    """Real seconds between the looks at a lock for which a strand is parked: the thread that releases it may not park
    for long, or be no strand. They are long enough for others to park first on a paused clock."""
    pause = _FIRST_LOOK_SECONDS if gate else LOCK_SECONDS
    while True:
        yield pause
        pause = min(2 * pause, 2 * LOCK_SECONDS)
