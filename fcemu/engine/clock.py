"""The one clock: rate, instant, and the way from virtual to real seconds."""

from datetime import datetime, timedelta
from typing import Final

from fcemu.core.times import later as later
from fcemu.engine import real

_MICROSECOND: Final = timedelta(microseconds=1)


class Clock:
    """Virtual time. Rate 0 stands still until ``set`` moves it, rate n runs n times as fast as real time.

    Reading needs no lock; ``set`` and ``rate`` are for who holds the baton.
    """

    __slots__ = ("_anchor", "_rate", "started")

    def __init__(self, start: datetime, rate: float = 0.0) -> None:
        self.started: Final = start
        self._rate = rate
        self._anchor = (start, real.monotonic())

    @property
    def rate(self) -> float:
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        """Go on from now at another rate."""
        self._anchor = (self.now(), real.monotonic())
        self._rate = rate

    def now(self) -> datetime:
        """The virtual instant, aware, UTC."""
        if self._rate == 0:
            return self._anchor[0]
        base, since = self._anchor
        return base + timedelta(seconds=(real.monotonic() - since) * self._rate)

    def shown(self) -> datetime:
        """What a request from outside takes for now; later than ``now`` where the clock has to catch up first."""
        return self.now()

    def set(self, instant: datetime) -> None:
        """Move on to ``instant``; a flowing clock that is past it already stays where it is."""
        if instant > self.now():
            self._anchor = (instant, real.monotonic())

    def elapsed_ns(self) -> int:
        """Virtual nanoseconds since the start."""
        return (self.now() - self.started) // _MICROSECOND * 1000

    def real_seconds_to(self, instant: datetime) -> float:
        """Real seconds until a flowing clock shows ``instant``; 0 when it is past."""
        return max(0.0, (instant - self.now()).total_seconds() / self._rate)
