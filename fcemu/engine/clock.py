"""The one clock: rate, instant, and the way from virtual to real seconds."""

from datetime import UTC, datetime, timedelta
from typing import Final

from fcemu.core.times import later as later
from fcemu.engine import real
from fcemu.engine.dial import Dial

_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Virtual time. Rate 0 stands still until ``set`` moves it, rate n runs n times as fast as real time.

    Reading needs no lock; ``set`` and ``rate`` are for who holds the baton.
    """

    __slots__ = ("_anchor", "_dial", "_rate", "started")

    def __init__(self, start: datetime, rate: float = 0.0) -> None:
        self.started: Final = start
        self._rate = rate
        self._anchor = (start, real.monotonic())
        self._dial: Dial | None = None

    @property
    def rate(self) -> float:
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        """Go on from now at another rate."""
        self._anchor = (self.now(), real.monotonic())
        self._rate = rate
        self._show()

    def now(self) -> datetime:
        """The virtual instant, aware, UTC."""
        if self._rate == 0:
            return self._anchor[0]
        base, since = self._anchor
        return base + timedelta(0, (real.monotonic() - since) * self._rate)

    def shown(self) -> datetime:
        """What a request from outside takes for now; later than ``now`` where the clock has to catch up first."""
        return self.now()

    def set(self, instant: datetime) -> None:
        """Move on to ``instant``; a flowing clock that is past it already stays where it is."""
        if instant > self.now():
            self._anchor = (instant, real.monotonic())
            self._show()

    def elapsed_ns(self) -> int:
        """Virtual nanoseconds since the start."""
        return _ns(self.now() - self.started)

    def dial(self) -> Dial:
        """This clock's time for other processes; made when it is first asked for."""
        if self._dial is None:
            self._dial = Dial()
            self._show()
        return self._dial

    def close(self) -> None:
        """Give back what showed its time to other processes; it goes on itself. Repeatable."""
        dial, self._dial = self._dial, None
        if dial is not None:
            dial.close()

    def _show(self) -> None:
        if self._dial is not None:
            instant, since = self._anchor
            self._dial.show(_ns(instant - _EPOCH), _ns(instant - self.started), round(since * 1e9), self._rate)

    def real_seconds_to(self, instant: datetime) -> float:
        """Real seconds until a flowing clock shows ``instant``; 0 when it is past."""
        return max(0.0, (instant - self.now()).total_seconds() / self._rate)


def _ns(duration: timedelta) -> int:
    return duration // _MICROSECOND * 1000
