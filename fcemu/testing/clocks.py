"""How the clock gets on with freezegun or time-machine in a test: it follows them, or refuses to run beside them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial
from types import ModuleType
from typing import Any, Final

from fcemu.core.errors import FCError
from fcemu.core.settings import Settings
from fcemu.core.times import later
from fcemu.engine.clock import Clock
from fcemu.engine.emulator import Emulator

OWN: Final = "own"
FOLLOW: Final = "follow"


class ClockConflict(RuntimeError, FCError):
    """An attempt would run while the test has frozen its own time; the text names the freezer and the remedies.

    Who asked over HTTP gets it as an error of the API, 400.
    """

    def __init__(self, freezer: str) -> None:
        FCError.__init__(
            self,
            "ClockConflict",
            f"the test's time is frozen by {freezer}, so a handler and the test would see different times; "
            f"end {freezer} before the clock moves, or let the emulator follow it with the option clock='follow'",
        )

    def __str__(self) -> str:
        return self.message


class WentBack(ValueError, FCError):
    """The test's time is earlier than the emulator that follows it has been; over HTTP 400."""

    def __init__(self, freezer: str | None, there: datetime, seen: datetime) -> None:
        FCError.__init__(
            self,
            "InvalidArgument",
            f"time does not go back: {freezer} shows {there.isoformat()}, and the emulator, which follows it "
            f"(clock='follow'), was at {seen.isoformat()} before",
        )

    def __str__(self) -> str:
        return self.message


def kind_of(clock: object, rate: float) -> Callable[..., Emulator]:
    """What makes an engine with that option ``clock``; raises ``ValueError``."""
    if clock == OWN:
        return partial(Emulator, before_run=refuse_frozen_time)
    if clock != FOLLOW:
        raise ValueError(f"option clock: expected 'own' or 'follow', got {clock!r}")
    if rate:
        raise ValueError(f"option clock: 'follow' needs a paused clock, but the rate is {rate:g}")
    return _following


@cache
def _freezers() -> ModuleType:
    """What knows a test's own freezers; imported when it is first asked for, as it brings freezegun."""
    from fcemu.runtimes.timeshift import freezers

    return freezers


def refuse_frozen_time(runs: bool | Callable[[], bool]) -> None:
    """Raise ``ClockConflict``, before anything moves, where an attempt would run while the test has frozen its time."""
    if runs and (freezer := _freezers().active()) is not None and (runs is True or runs()):
        raise ClockConflict(freezer)


def _following(*, settings: Settings, **parts: Any) -> Emulator:
    """An engine that follows the test's freezer: requests come at its time, moves count from it and take it along."""
    clock = FollowingClock(settings.start)
    engine = Emulator(settings=settings, **parts, clock=clock, before_run=lambda _runs: clock.begin())
    if engine.timers.next_due is None:  # timers count from where the clock is already
        clock.forget(settings.start)  # that it was looked at for ids and times
    return engine


class FollowingClock(Clock):
    """Shows the test's time from its first use on; ``now`` lags behind it until the next move runs what fell due."""

    __slots__ = ("_begun", "_seen")

    _begun: bool
    _seen: datetime

    def __init__(self, start: datetime) -> None:
        self.forget(start)

    def shown(self) -> datetime:
        """The test's time, or where it was when its freezer ended. Raises ``ValueError`` when it went back."""
        there = _freezers().test_time()
        if there is not None:
            if not self._begun:
                super().__init__(there)
                self._seen = there
                self._begun = True
            if there < self._seen:
                raise WentBack(_freezers().active(), there, self._seen)
            self._seen = there
        return self._seen

    def forget(self, start: datetime) -> None:
        """It has not been used yet: it starts when it is looked at, at the test's time or else at ``start``."""
        super().__init__(start)
        self._begun = False
        self._seen = start

    def begin(self) -> None:
        """It has been used: from now on it does not start anew."""
        self.shown()
        self._begun = True

    def set(self, instant: datetime) -> datetime:
        """Move on, and the test's freezer with it when ``instant`` is beyond what it shows."""
        there = _freezers().test_time()
        if there is not None and instant > there:
            _freezers().move_test_time(instant - there)
        self._begun = True
        self._seen = max(self._seen, instant)
        return super().set(instant)

    def end_of(self, by: timedelta) -> datetime:
        """Counts from the test's time, which may be ahead of where the last move came to."""
        return later(self.shown(), by)

    def set_rate(self, rate: float) -> None:
        """It is always paused."""
        raise ValueError("a clock that follows the test's clock (clock='follow') cannot flow by itself")
