"""Threads of a test that sleep on its emulator's clock: the clock moves when none of them runs, to whoever is first."""

import itertools
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from fcemu.engine import real
from fcemu.handler.locks import RealLock, acquire

_LOOK_SECONDS: Final = 0.005
"""How often a sleeper looks by itself whether somebody else has moved the clock."""


class _Sleep:
    def __init__(self, until: datetime, order: int) -> None:
        self.key: Final = until, order
        self.gate: Final = allocate_lock()
        self.gate.acquire()


class Sleepers:
    """Counts the threads that read a lent clock: those that run, those that sleep, those that wait for other threads.

    A thread that waits for something real, which nothing tells, counts as running; the others wait for it ``grace``
    real seconds.
    """

    def __init__(self) -> None:
        self._lock: Final = RealLock()
        self._threads: Final[set[int]] = set()
        self._at_rest: Final[set[int]] = set()
        self._sleeps: Final[list[_Sleep]] = []
        self._order: Final = itertools.count()
        self._changes = 0
        self._to_come = 0
        """Threads that were started and have not begun."""

    def expect(self) -> None:
        """A thread was started."""
        with self._changing():
            self._to_come += 1

    def begin(self) -> None:
        """A thread that was expected has begun."""
        with self._changing():
            self._to_come -= 1
            self._threads.add(get_ident())

    def end(self, *, has_begun: bool) -> None:
        """It has ended, or will never begin."""
        with self._changing():
            if has_begun:
                self._threads.discard(get_ident())
            else:
                self._to_come -= 1

    @contextmanager
    def rest(self) -> Iterator[None]:
        """Inside the block this thread waits for others."""
        with self._changing():
            self._at_rest.add(get_ident())
        try:
            yield
        finally:
            with self._changing():
                self._at_rest.discard(get_ident())

    def sleep(self, until: datetime, now: Callable[[], datetime], move: Callable[[], None], grace: float) -> None:
        """Sleep until the clock is at ``until``; ``move`` moves it there."""
        me = _Sleep(until, next(self._order))
        with self._changing():
            self._sleeps.append(me)
            self._at_rest.add(get_ident())
        try:
            seen, since = -1, 0.0
            while now() < until:
                if seen != self._changes:
                    seen, since = self._changes, real.monotonic()
                # Whoever sleeps shortest moves the clock; the others look again when that thread rests once more.
                if self._is_first(me) and (not self._awake() or real.monotonic() - since > grace):
                    move()
                else:
                    acquire(me.gate, True, _LOOK_SECONDS)
        finally:
            with self._changing():
                self._sleeps.remove(me)
                self._at_rest.discard(get_ident())

    def _is_first(self, me: _Sleep) -> bool:
        with self._lock:
            return min(self._sleeps, key=lambda sleep: sleep.key) is me

    def _awake(self) -> int:
        with self._lock:
            return len(self._threads - self._at_rest) + self._to_come

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            yield
            self._changes += 1
            gates = [sleep.gate for sleep in self._sleeps]
            for gate in gates:
                if gate.locked():
                    gate.release()
