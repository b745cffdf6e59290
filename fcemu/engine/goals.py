"""How far a paused clock may move, and for whom: one goal for each call that moves it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from fcemu.core.invocation import Invocation
from fcemu.engine.clock import later
from fcemu.engine.latch import Latch


class Goal:
    """Somebody waits until the clock has moved far enough.

    ``wants(due, now)`` answers whether the next due thing (``None``: there is none) must still run for this goal.
    When it answers no, the goal is reached: ``at_end`` says where the clock then stands.
    """

    moves_for_timers = False
    """Whether it goes on to the firing of a timer although nothing else is due, which would go on for ever."""

    def __init__(self) -> None:
        self.reached = False
        self.error: BaseException | None = None
        self._latch = Latch()
        self._then: Callable[[], None] | None = None

    def wants(self, due: datetime | None, now: datetime) -> bool:
        raise NotImplementedError

    def at_end(self) -> datetime | None:
        """Where the clock stands when the goal is reached; ``None``: where it is."""
        return None

    def finish(self, error: BaseException | None = None) -> None:
        """Let the waiting caller go on. Called with the baton held, once."""
        self.error = error or self.error
        self.reached = True  # last: the caller's thread looks at it without the baton, and then at the error
        self._latch.set()
        if self._then is not None:
            self._then()

    def wait(self, real_seconds: float) -> bool:
        """Wait in real time, at most ``real_seconds``; whether the goal is reached."""
        return self._latch.wait(real_seconds)

    def when_reached(self, then: Callable[[], None]) -> None:
        """Call ``then`` on the thread that reaches the goal, with the baton held."""
        self._then = then
        if self.reached:
            then()


class Advance(Goal):
    """Run all that is due up to and including an end; then the clock shows that end.

    The end is an instant, or a duration that counts from when this goal has its turn, after those before it.
    """

    moves_for_timers = True

    def __init__(self, end: datetime | timedelta) -> None:
        super().__init__()
        self._asked = end
        self._end = end if isinstance(end, datetime) else None

    def wants(self, due: datetime | None, now: datetime) -> bool:
        if self._end is None:
            assert isinstance(self._asked, timedelta)
            self._end = later(now, self._asked)
        return due is not None and due <= self._end

    def at_end(self) -> datetime | None:
        return self._end

    def __str__(self) -> str:
        return f"a move to {self._end:%Y-%m-%d %H:%M:%S.%f}" if self._end else f"a move by {self._asked}"


class CatchUp(Advance):
    """Run all that fell due while no emulator had the data."""

    def __str__(self) -> str:
        return f"what fell due while no emulator ran, {super().__str__()}"


class Next(Goal):
    """Move to the next due instant and run all that is due there."""

    moves_for_timers = True

    def __init__(self) -> None:
        super().__init__()
        self._instant: datetime | None = None

    def wants(self, due: datetime | None, now: datetime) -> bool:
        if due is None:
            return False
        if self._instant is None:
            self._instant = max(due, now)
        return due <= self._instant

    def __str__(self) -> str:
        return "a move to the next due instant"


class Idle(Goal):
    """Run until nothing is due any more; not idle by ``end`` is an error that ``not_idle`` makes."""

    def __init__(self, end: datetime | None, not_idle: Callable[[], BaseException]) -> None:
        super().__init__()
        self._end = end
        self._not_idle = not_idle
        self._is_late = False

    def wants(self, due: datetime | None, now: datetime) -> bool:
        self._is_late = due is not None and self._end is not None and due > self._end
        return due is not None and not self._is_late

    def at_end(self) -> datetime | None:
        return self._end if self._is_late else None

    def finish(self, error: BaseException | None = None) -> None:
        """The error is made here, where the clock stands at the end already: its text shows the clock."""
        super().finish(error or (self._not_idle() if self._is_late else None))

    def __str__(self) -> str:
        return "a move until idle"


class Still(Goal):
    """Wait until nothing is in flight, and start nothing."""

    def wants(self, due: datetime | None, now: datetime) -> bool:
        return False

    def __str__(self) -> str:
        return "what is in flight"


class Ended(Goal):
    """Run until ``invocation`` has ended."""

    def __init__(self, invocation: Invocation) -> None:
        super().__init__()
        self.invocation = invocation

    def wants(self, due: datetime | None, now: datetime) -> bool:
        return not self.invocation.finished and due is not None

    def __str__(self) -> str:
        return f"invocation {self.invocation.id} of {self.invocation.accepted.function}"


class Answered(Ended):
    """Run until a synchronous invocation has ended, for its caller. On a flowing clock that moves nothing."""


class Autojump(Goal):
    """A goal that is never reached: run all that is due while ``busy`` counts no request."""

    def __init__(self, busy: Callable[[], int]) -> None:
        super().__init__()
        self._busy = busy

    def wants(self, due: datetime | None, now: datetime) -> bool:
        return due is not None and not self._busy()

    def __str__(self) -> str:
        return "autojump"
