"""``signal.alarm`` and ``signal.setitimer`` in a child count virtual time, and strike virtual waits.

The signal is a true one, so whatever Python and the operating system do with signals holds for it; only who waits for
its instant is ours: a thread that is a strand like any other, and is seen by nobody.
"""

from __future__ import annotations

import errno
import operator
import signal
from typing import Any, Final

from fcemu.handler.child.dial import nanoseconds
from fcemu.handler.child.own_threads import start_own
from fcemu.handler.child.parking import Strand, Wait, strand_here
from fcemu.handler.clock import Abandoned
from fcemu.handler.strands import OF_ALARM
from fcemu.handler.time.switch import CLOCK

_alarm: Final = signal.alarm
_setitimer: Final = signal.setitimer
_getitimer: Final = signal.getitimer
_UNSIGNED: Final = 1 << 32
_HALF_A_SECOND: Final = 0.5


class _Alarm:
    """An alarm that is set, from its setting until it has gone off for the last time, or was replaced."""

    def __init__(self, by: Strand, seconds: float, interval: float) -> None:
        self._parking: Final = by.parking
        self._until_ns = self._parking.dial.elapsed_ns() + nanoseconds(seconds)
        self._interval: Final = interval
        self._over = self._cancelled = False
        self._parking.look_anew_at_main_thread()
        self._strand: Final = self._parking.add(by, OF_ALARM)
        self._wait = self._next_wait()
        try:
            start_own(self._live)
        except BaseException:
            self._parking.end(self._strand)
            raise

    def left(self) -> tuple[float, float]:
        """What ``getitimer`` gives: seconds until it goes off, and from then on from one time to the next."""
        if self._over or not self._parking.counts(self._strand):
            return 0.0, 0.0
        return max(1e-6, (self._until_ns - self._parking.dial.elapsed_ns()) / 1e9), self._interval

    def cancel(self) -> None:
        """It does not go off any more."""
        self._over = self._cancelled = True
        self._wait.release()

    def _next_wait(self) -> Wait:
        wait = self._wait = Wait(self._strand)
        wait.sleeps = True
        return wait

    def _live(self) -> None:
        try:
            while not (self._over or self._cancelled):
                left = (self._until_ns - self._parking.dial.elapsed_ns()) / 1e9
                if self._wait.wait(max(0.0, left)):
                    return
                self._next_wait()
                self._go_off()
        except Abandoned:
            pass
        finally:
            self._parking.end(self._strand)

    def _go_off(self) -> None:
        # Before the strike: the handler of the signal may ask how much is left, or set the next alarm.
        self._until_ns += nanoseconds(self._interval)
        self._over = not self._interval
        self._parking.strike(lambda: self._cancelled)


_set: _Alarm | None = None


def _left() -> tuple[float, float]:
    return (0.0, 0.0) if _set is None else _set.left()


def _replace(strand: Strand, seconds: float, interval: float) -> tuple[float, float]:
    global _set
    before = _left()
    if _set is not None:
        _set.cancel()
    _set = _Alarm(strand, seconds, interval) if seconds else None
    return before


def alarm(seconds: int, /) -> int:
    strand = strand_here()
    if strand is None or CLOCK.get() is None:
        return _alarm(seconds)
    left, _ = _replace(strand, operator.index(seconds) % _UNSIGNED, 0.0)
    whole = int(left)  # the operating system rounds, but never to 0
    return whole + (left - whole >= _HALF_A_SECOND or 0 < left < 1)


def setitimer(which: int, seconds: float, interval: float = 0.0, /) -> tuple[float, float]:
    strand = strand_here()
    if which != signal.ITIMER_REAL or strand is None or CLOCK.get() is None:
        return _setitimer(which, seconds, interval)
    if seconds < 0 or interval < 0:
        raise signal.ItimerError(errno.EINVAL, "Invalid argument")
    return _replace(strand, _microseconds(seconds), _microseconds(interval))


def getitimer(which: int, /) -> tuple[float, float]:
    if which != signal.ITIMER_REAL or strand_here() is None or CLOCK.get() is None:
        return _getitimer(which)
    return _left()


def _microseconds(seconds: float) -> float:
    """As the operating system counts them; less than one is one."""
    return max(1e-6, round(seconds, 6)) if seconds > 0 else 0.0


def install() -> None:
    """Let alarms of handlers count virtual time; where no clock is in force, they go on as before."""
    functions: dict[str, Any] = {"alarm": alarm, "setitimer": setitimer, "getitimer": getitimer}
    for name, function in functions.items():
        function.__doc__ = getattr(signal, name).__doc__
        setattr(signal, name, function)
