"""The clock has a rate and an instant, and converts virtual seconds to real ones."""

from datetime import UTC, datetime, timedelta
from typing import Final

from fcemu.core.times import later as later
from fcemu.engine import real
from fcemu.engine.dial import Dial

_MICROSECOND: Final = timedelta(microseconds=1)
_MOST_NS: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


CATCH_UP_SECONDS: Final = 0.05
"""Real seconds by which a flowing clock may be late and make up for it by going faster than its rate for a moment. What
it is behind beyond that it stays behind: a handler that runs must not see hours pass at once."""
_HELD_RATE: Final = 1e-6
"""What other processes see as the rate of a clock that is held. It is not 0: that is a clock that was paused."""


LAST: Final = datetime.max.replace(tzinfo=UTC)
"""The last instant there is: where a clock gets there, it stands still."""


class Clock:
    """Virtual time. Rate 0 stands still until ``set`` moves it, rate n runs at most n times as fast as real time.

    A flowing clock is held while what is due cannot be run as fast as it falls due: then it goes on by ``step``.
    Reading needs no lock; everything else is for who holds the baton.
    """

    __slots__ = ("_anchor", "_asked", "_credit", "_dial", "held", "rate", "started")

    def __init__(self, start: datetime, rate: float = 0.0) -> None:
        self.started: Final = start
        self.rate = rate
        """How many virtual seconds pass in a real one, at most; 0: it is paused."""
        self.held = False
        """Whether the clock flows and stands still nevertheless, until what is due has been run."""
        self._anchor = self._asked = self._credit = (start, real.monotonic())
        """When the clock showed an instant; when it would have, had it never been held; and, while it is held, how far
        its rate lets it go."""
        self._dial: Dial | None = None

    def set_rate(self, rate: float) -> None:
        """Go on from now at another rate."""
        self._anchor = self._asked = (self.now(), real.monotonic())
        self.rate = rate
        self.held = False
        self._show()

    def now(self) -> datetime:
        """The virtual instant, aware, UTC; at most the last one of the year 9999."""
        if self.rate == 0 or self.held:
            return self._anchor[0]
        return self._flown(self._anchor, self.rate)

    def _flown(self, anchor: tuple[datetime, float], rate: float) -> datetime:
        base, since = anchor
        try:
            return base + timedelta(0, (real.monotonic() - since) * rate)
        except OverflowError:
            return later(base, timedelta.max)

    shown = now
    """What a request from outside takes for now; later than ``now`` where the clock has to catch up first."""

    def end_of(self, by: timedelta) -> datetime | timedelta:
        """How far a move by ``by`` goes: to an instant, or so far from where the clock is at its turn."""
        return by

    def set(self, instant: datetime) -> datetime:
        """Move on to ``instant``; a flowing clock that is past it already stays where it is. Returns where it is."""
        now = self.now() if self.rate else self._anchor[0]
        if instant <= now:
            return now
        if self.rate:  # a move by hand makes a clock that is behind neither more nor less so
            by = instant - now
            self._asked = (later(self._asked[0], by), self._asked[1])
            self._credit = (later(self._credit[0], by), self._credit[1])
        self._anchor = (instant, real.monotonic())
        if self._dial is not None:
            self._show()
        return instant

    # A flowing clock that is behind.

    @property
    def behind(self) -> timedelta:
        """How much less a flowing clock shows than its rate asks for, since it flows at that rate."""
        if not self.rate:
            return timedelta(0)
        return max(timedelta(0), self._flown(self._asked, self.rate) - self.now())

    def hold(self) -> None:
        """Stand still until ``go_on``: more is due than could be run by now."""
        if not self.held:
            self._anchor = self._credit = (self.now(), real.monotonic())
            self.held = True
            self._show()

    def reach(self, at_most: float) -> datetime:
        """How far a clock that is held may go by now, at its rate or ``at_most``."""
        allowed = self._flown(self._credit, min(self.rate, at_most))
        allowed = min(allowed, later(self._anchor[0], timedelta(0, CATCH_UP_SECONDS * self.rate)))
        self._credit = (allowed, real.monotonic())
        return allowed

    def step(self, instant: datetime) -> None:
        """Move a clock that is held on to ``instant``, within ``reach``."""
        if instant > self._anchor[0]:
            self._anchor = (instant, real.monotonic())
            self._show()

    def go_on(self, instant: datetime) -> None:
        """Flow again, from ``instant``, which is within ``reach``."""
        self.held = False
        self._anchor = (max(instant, self._anchor[0]), real.monotonic())
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
            rate = _HELD_RATE if self.held else self.rate
            since_1970, since_start = _shown_ns(instant - _EPOCH), _shown_ns(instant - self.started)
            self._dial.show(since_1970, since_start, round(since * 1e9), rate)

    def real_seconds_to(self, instant: datetime) -> float:
        """Real seconds until a flowing clock shows ``instant``; 0 when it is past."""
        return max(0.0, (instant - self.now()).total_seconds() / self.rate)


def _ns(duration: timedelta) -> int:
    return duration // _MICROSECOND * 1000


def _shown_ns(duration: timedelta) -> int:
    """As many as 64 bits hold: since 1970, those to the year 2262."""
    return max(-_MOST_NS, min(_MOST_NS, _ns(duration)))
