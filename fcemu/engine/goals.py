"""A goal says for one caller how far a paused clock may move."""

from collections.abc import Callable
from datetime import datetime, timedelta

from fcemu.core.invocation import Invocation
from fcemu.engine.agenda import Agenda, First, Rank
from fcemu.engine.clock import later
from fcemu.engine.latch import Latch


class Goal:
    """A caller waits until the clock has moved far enough."""

    def __init__(self) -> None:
        self.reached = False
        self.error: BaseException | None = None
        self._latch = Latch()
        self.wait = self._latch.wait
        """Waits in real time, at most for so many seconds; says whether the goal is reached."""
        self._then: Callable[[], None] | None = None

    def horizon(self, agenda: Agenda, now: datetime, first: First | None) -> datetime | None:
        """Up to which instant the clock may go now, that instant included; ``None``: nowhere, the goal is reached.

        ``first``: what the agenda has first, which the caller has at hand. Asked before each step. Once nothing lies
        ahead up to there, the clock is set there and the goal is reached.
        """
        raise NotImplementedError

    def finish(self, error: BaseException | None = None) -> None:
        """Let the waiting caller go on. Called with the baton held, once."""
        self.error = error or self.error
        self.reached = True  # last: the caller's thread looks at it without the baton, and then at the error
        self._latch.set()
        if self._then is not None:
            self._then()

    def when_reached(self, then: Callable[[], None]) -> None:
        """Call ``then`` on the thread that reaches the goal, with the baton held."""
        self._then = then
        if self.reached:
            then()


class Advance(Goal):
    """Run all that is due up to and including an end; then the clock shows that end.

    The end is an instant, or a duration that counts from when this goal has its turn, after those before it.
    """

    def __init__(self, end: datetime | timedelta) -> None:
        super().__init__()
        self._asked = end
        self.end = end if isinstance(end, datetime) else None

    def horizon(self, agenda: Agenda, now: datetime, first: First | None) -> datetime:
        if self.end is None:
            assert isinstance(self._asked, timedelta), "an instant is an end already"
            self.end = later(now, self._asked)
        return self.end

    def __str__(self) -> str:
        return f"a move to {self.end:%Y-%m-%d %H:%M:%S.%f}" if self.end else f"a move by {self._asked}"


class CatchUp(Advance):
    """Run all that fell due while no emulator had the data."""

    def __str__(self) -> str:
        return f"what fell due while no emulator ran, {super().__str__()}"


class Next(Goal):
    """Move to the next due instant, of work or of a timer, and run all that is due there."""

    def __init__(self) -> None:
        super().__init__()
        self._instant: datetime | None = None

    def horizon(self, agenda: Agenda, now: datetime, first: First | None) -> datetime | None:
        stop = agenda.next_stop
        if stop is not None and self._instant is None:
            self._instant = max(stop, now)
        return None if stop is None or self._instant is None or stop > self._instant else self._instant

    def __str__(self) -> str:
        return "a move to the next due instant"


class Idle(Goal):
    """Run until no work is ahead any more; work that is left at ``end`` is an error that ``not_idle`` makes.

    Timers fire on the way to work. For themselves they keep nobody busy, or it would never end.
    """

    def __init__(self, end: datetime | None, not_idle: Callable[[], BaseException]) -> None:
        super().__init__()
        self._end = end
        self._not_idle = not_idle
        self._is_late = False

    def horizon(self, agenda: Agenda, now: datetime, first: First | None) -> datetime | None:
        work = agenda.next_work(first)
        self._is_late = work is not None and self._end is not None and work > self._end
        return self._end if self._is_late else work

    def finish(self, error: BaseException | None = None) -> None:
        """The error is made here, where the clock stands at the end already: its text shows the clock."""
        super().finish(error or (self._not_idle() if self._is_late else None))

    def __str__(self) -> str:
        return "a move until idle"


class Still(Goal):
    """Wait until nothing is in flight, and start nothing."""

    def horizon(self, agenda: Agenda, now: datetime, first: First | None) -> None:
        return None

    def __str__(self) -> str:
        return "the work in flight"


class Ended(Goal):
    """Run until ``invocation`` has ended."""

    def __init__(self, invocation: Invocation) -> None:
        super().__init__()
        self.invocation = invocation

    def horizon(self, agenda: Agenda, now: datetime, first: First | None) -> datetime | None:
        return None if self.invocation.finished else agenda.next_work(first)

    def __str__(self) -> str:
        return f"invocation {self.invocation.id} of {self.invocation.accepted.function}"


class Answered(Ended):
    """Run until a synchronous invocation has ended, for its caller. On a flowing clock that moves nothing."""


class Autojump(Goal):
    """A goal that is never reached: run what is due, and go to the next message, while ``busy`` counts no request."""

    def __init__(self, busy: Callable[[], int]) -> None:
        super().__init__()
        self._busy = busy

    def horizon(self, agenda: Agenda, now: datetime, first: First | None) -> datetime | None:
        if self._busy():
            return None
        work, message = agenda.next_work(first), agenda.next(Rank.MESSAGE)
        return min(work, message) if work is not None and message is not None else work or message

    def __str__(self) -> str:
        return "autojump"
