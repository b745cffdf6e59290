"""The clock of a hook: the attempt's own, which raises ``Late`` where a wait would outlast the hook's timeout."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from fcemu.handler.clock import HandlerClock, HandlerStrand, Held, Waiting

_TOLD_AT_MOST: Final = 2
"""How often a hook that waits learns that its time is up; then its waits are those of its attempt."""
_FOR_EVER: Final = 1e9


class Late(BaseException):
    """Raised in a hook that waits when its time is up; no ``except Exception`` of user code swallows it."""


class Bounded:
    """Implements ``HandlerClock`` over the attempt's own, for ``seconds`` of virtual time from now.

    ``ends``: whether ``clock`` ends as well, as an attempt's does, so that a hook may be left to that which swallows
    everything and goes on.
    """

    def __init__(self, clock: HandlerClock, seconds: float, *, ends: bool = True) -> None:
        self._clock: Final = clock
        self._ends_ns: Final = clock.elapsed_ns() + round(seconds * 1e9)
        self._ends: Final = ends
        self._told = 0

    def left(self) -> float:
        """Virtual seconds that are left, 0 or less when the time is up."""
        return (self._ends_ns - self._clock.elapsed_ns()) / 1e9

    def cut(self, seconds: float | None) -> float:
        """How long a wait may last."""
        if self._ends and self._told >= _TOLD_AT_MOST:
            return _FOR_EVER if seconds is None else seconds
        left = max(0.0, self.left())
        return left if seconds is None else min(seconds, left)

    def check(self, asked: float | None, waited: float) -> None:
        """Raise ``Late`` when a wait was shorter than asked for."""
        if asked is None or waited < asked:
            self._told += 1
            raise Late

    def sleep(self, seconds: float) -> None:
        cut = self.cut(seconds)
        self._clock.sleep(cut)
        self.check(seconds, cut)

    def waiting(self) -> Waiting | None:
        waiting = self._clock.waiting()
        return None if waiting is None else _BoundedWait(waiting, self)

    def wait_for_lock(self, lock: Held, seconds: float | None) -> float | None:
        cut = self.cut(seconds)
        if cut == 0:
            self.check(seconds, cut)
        return self._clock.wait_for_lock(lock, cut)

    def now(self) -> datetime:
        return self._clock.now()

    def elapsed_ns(self) -> int:
        return self._clock.elapsed_ns()

    def strand(self) -> HandlerStrand:
        return self._clock.strand()

    def io_grace(self) -> float:
        return self._clock.io_grace()

    def chooses(self) -> Callable[[int], int] | None:
        return self._clock.chooses()

    def prepare(self, seconds: float) -> None:
        self._clock.prepare(seconds)

    def begin_handler(self) -> None:
        self._clock.begin_handler()

    def warn(self, text: str, *, once: bool = False) -> None:
        self._clock.warn(text, once=once)


class _BoundedWait:
    def __init__(self, waiting: Waiting, clock: Bounded) -> None:
        self._waiting: Final = waiting
        self._clock: Final = clock

    def wait(
        self,
        seconds: float | None,
        block: Callable[[], object] | None = None,
        rouse: Callable[[], object] | None = None,
    ) -> bool:
        cut = self._clock.cut(seconds)
        if self._waiting.wait(cut, block, rouse):
            return True
        self._clock.check(seconds, cut)
        return False

    def release(self) -> None:
        self._waiting.release()
