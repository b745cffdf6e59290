"""What runs of a user's code: an attempt, or a hook of an instance; what it comes to, and when it falls due next."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from fcemu.core.functions import Function
from fcemu.core.invocation import Invocation, State
from fcemu.core.outcome import Halted, Ran
from fcemu.core.times import later
from fcemu.engine.inflight import WATCHDOG
from fcemu.engine.instances import Place
from fcemu.engine.plans import Plan
from fcemu.engine.ports import Abandoned, Call, Finish
from fcemu.engine.strands import STRANDS, Strand, Wait
from fcemu.handler.strands import Attempt, Move
from fcemu.handler.strands import State as AttemptState

if TYPE_CHECKING:
    from fcemu.engine.ending import Ending
    from fcemu.engine.parking import Parking


NEVER: Final = datetime.max.replace(tzinfo=UTC)
Table = Attempt[Strand, Wait, datetime]


class WakeUp:
    """Among what is due: code that runs, at the instant at which its first wait ends. It is there once at most: another
    one takes its place when that instant changes, and this one is over then."""

    over = False

    def __init__(self, run: "CodeRun", at: datetime, turns: int) -> None:
        self._run: Final = run
        self.at: Final = at
        self.turns: Final = turns
        """It stands for the waits that had one of the first turns."""

    def fall_due(self, now: datetime) -> None:
        """A flowing clock may be late, and what happens does so at its instant all the same."""
        if not self.over:
            run = self._run
            run.ending.wake_up(run, self.at if run.parking.clock.rate else now)

    def __str__(self) -> str:
        return f"wake-up of {self._run.title}"


class TimesOut:
    """Among what is due: an attempt, at the instant at which its timeout strikes."""

    over = False

    def __init__(self, run: "Run") -> None:
        self._run: Final = run
        self.at: Final = run.deadline

    def fall_due(self, now: datetime) -> None:
        """A flowing clock may be late, and the attempt times out at its instant all the same."""
        if not self.over:
            run = self._run
            run.ending.reach_deadline(run, self.at if run.parking.clock.rate else now)

    def __str__(self) -> str:
        what = "end of stopped" if self._run.invocation.state is State.STOPPING else "timeout of"
        return f"{what} {self._run.title}"


class CodeRun(Strand):
    """Code of a user between its start and its end; as a strand it is the thread on which it began.

    Its ``table`` knows its state and its strands. What is ``counted`` is among that for which the clock waits.
    """

    call: Call
    counted = False
    wakes: WakeUp | None = None
    """The place of its first wait among what is due, if it has one."""
    times_out: TimesOut | None = None
    """The place of its timeout among what is due, if it has one."""
    verdict: Ran | None = None
    warned_once: tuple[str, ...] = ()
    """What is not to be said again about it."""
    ready_by: datetime | None = None
    """When its instance is ready at the latest; until then its handler has not started."""
    at_rest: "threading.Lock | None" = None
    """Released when only the thread runs on which it began, and which has returned."""

    ending: "Ending"
    parking: "Parking"

    def __init__(self, place: Place, started: datetime, deadline: datetime) -> None:
        self.place = place
        self.started = started
        self.deadline = deadline
        """When it ends if it has not ended before."""
        self.table: Final[Table] = Attempt(self)
        self.since = WATCHDOG.time()

    def start(self, ending: "Ending") -> None:
        """It starts. ``ending``: what ends it, and knows where it parks."""
        self.ending, self.parking = ending, ending.parking

    @property
    def run(self) -> "CodeRun":
        return self

    @property
    def title(self) -> str:
        """What it is, for people."""
        raise NotImplementedError

    @property
    def function(self) -> Function:
        return self.call.function

    @property
    def over(self) -> bool:
        return self.table.over

    @property
    def struck(self) -> bool:
        """Whether the watchdog has struck it, so that it ends at the instant of its timeout."""
        return self.table.state is AttemptState.STRUCK

    @property
    def parked(self) -> bool:
        """Whether no strand runs, and the thread on which it began is among those that wait."""
        return self.table.awake <= 0 and self.waits_in is not None

    def tell(self, verdict: Ran) -> None:
        """It comes to ``verdict``, whatever it still does."""
        self.verdict = verdict
        self.table.move(Move.TELL)

    def end(self) -> None:
        """It is over; its strands may still be there."""
        self.table.move(Move.END)
        self.drop_wake_up()
        self.drop_timeout()

    def take_wake_up(self, now: datetime) -> Wait | None:
        """Its wake-up falls due; the wait that is over by that, if there still is one."""
        wakes = self.wakes
        self.drop_wake_up()
        return None if wakes is None else self.table.fall_due(now, wakes.turns)

    def drop_wake_up(self) -> None:
        """No wait of it falls due."""
        if self.wakes is not None:
            self.wakes.over = True
            self.wakes = None

    def drop_timeout(self) -> None:
        """Its timeout does not fall due."""
        if self.times_out is not None:
            self.times_out.over = True
            self.times_out = None

    def running(self) -> Strand:
        """The first strand that does not wait, where there is one."""
        return next(iter(self.table.awake_ones()), self)

    def goes_on_with(self, wait: Wait) -> bool:
        """Whether the end of ``wait`` is what its wake-up stands for."""
        return self.wakes is not None and self.wakes.at == wait.until and self.table.first_wait() is wait

    def run_here(self, code: Callable[[Call], Finish]) -> Finish:
        """Run ``code`` on the calling thread, without the baton."""
        ident = threading.get_ident()
        STRANDS[ident] = self
        try:
            self.thread = ident
            self.since = WATCHDOG.time()
            finish = code(self.call)
            self.leave()
        except Abandoned:
            self.left = True
            return Finish(Halted("abandoned"), broken=True)
        except Exception as error:  # a runtime that fails itself must not stop the clock
            self.leave()
            return Finish(self.exited(), exception=error, broken=True)
        finally:
            STRANDS.pop(ident, None)
        return finish


class Run(CodeRun):
    """An attempt."""

    calls: tuple[Invocation, ...] = ()
    """The invocations that it made and waits for."""
    slept: tuple[datetime, datetime] | None = None
    """The last virtual sleep of it that was recorded, where it has other strands as well."""

    def __init__(self, invocation: Invocation, plan: Plan, place: Place, started: datetime) -> None:
        super().__init__(place, started, later(started, plan.resolved.function.timeout))
        self.invocation = invocation
        self.plan = plan

    @property
    def title(self) -> str:
        return f"{self.invocation.accepted.function} {self.invocation.id} #{self.number}"

    @property
    def timeout(self) -> timedelta:
        return self.call.function.timeout

    @property
    def number(self) -> int:
        return self.call.attempt

    def handle(self) -> Finish:
        """Run the handler on the calling thread, without the baton."""
        return self.run_here(self.place.instance.run)
