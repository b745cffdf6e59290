"""One attempt while it runs: what it is, what it comes to, and when it falls due next."""

import threading
from datetime import datetime, timedelta
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
    from fcemu.engine.movers import Movers


Table = Attempt[Strand, Wait, datetime]


class Expected:
    """Among what is due: an attempt, at the instant at which its first wait ends or its timeout strikes. Each attempt
    has one at most; another one takes its place when that instant changes, and this one is over then."""

    over = False

    def __init__(self, run: "Run", at: datetime) -> None:
        self._run: Final = run
        self.at: Final = at

    def fall_due(self, now: datetime) -> None:
        """A flowing clock may be late, and what happens to the attempt happens at its instant all the same."""
        if not self.over:
            movers = self._run.movers
            movers.fall_due(self._run, self.at if movers.clock.rate else now)

    def __str__(self) -> str:
        run = self._run
        if self.at < run.deadline:
            what = "wake-up of"
        else:
            what = "end of stopped" if run.invocation.state is State.STOPPING else "timeout of"
        return f"{what} {run.invocation.accepted.function} {run.invocation.id} #{run.number}"


class Run(Strand):
    """An attempt between its start and its end; as a strand it is the handler's own thread.

    Its ``table`` knows its state and its strands. A ``counted`` run is among those for which the clock waits.
    """

    call: Call
    counted = False
    expected: Expected | None = None
    """Its place among what is due, if it has one."""
    ready_by: datetime | None = None
    """When its instance is ready at the latest; until then its handler has not started."""
    calls: tuple[Invocation, ...] = ()
    """The invocations that it made and waits for."""
    verdict: Ran | None = None
    warned_once: tuple[str, ...] = ()
    """What is not to be said again about it."""
    at_rest: "threading.Lock | None" = None
    """Released when only the handler's own thread runs, which has returned."""
    slept: tuple[datetime, datetime] | None = None
    """The last virtual sleep of it that was recorded, where it has other strands as well."""

    movers: "Movers"
    """Set when it starts: what moves the clock for it."""

    def __init__(self, invocation: Invocation, plan: Plan, place: Place, started: datetime) -> None:
        self.invocation = invocation
        self.table: Final[Table] = Attempt(self)
        self.plan = plan
        self.place = place
        self.started = started
        self.deadline = later(started, plan.resolved.function.timeout)
        self.since = WATCHDOG.time()

    @property
    def run(self) -> "Run":
        return self

    @property
    def function(self) -> Function:
        return self.call.function

    @property
    def timeout(self) -> timedelta:
        return self.call.function.timeout

    @property
    def number(self) -> int:
        return self.call.attempt

    @property
    def over(self) -> bool:
        return self.table.over

    @property
    def struck(self) -> bool:
        """Whether the watchdog has struck it, so that it ends at the instant of its timeout."""
        return self.table.state is AttemptState.STRUCK

    @property
    def parked(self) -> bool:
        """Whether no strand runs, and the handler's own thread is among those that wait."""
        return self.table.awake <= 0 and self.waits_in is not None

    def tell(self, verdict: Ran) -> None:
        """It comes to ``verdict``, whatever it still does."""
        self.verdict = verdict
        self.table.move(Move.TELL)

    def end(self) -> None:
        """It is over; its strands may still be there."""
        self.table.move(Move.END)
        self.expect_nothing()

    def expect_nothing(self) -> None:
        """Nothing of it is due any more."""
        if self.expected is not None:
            self.expected.over = True
            self.expected = None

    def running(self) -> Strand:
        """The first strand that does not wait, where there is one."""
        return next(iter(self.table.awake_ones()), self)

    def next_instant(self) -> datetime:
        """When its first wait ends, or its timeout strikes if that comes first."""
        first = self.table.first_wait()
        return self.deadline if first is None or first.until is None else min(first.until, self.deadline)

    def goes_on_with(self, wait: Wait) -> bool:
        """Whether the end of ``wait`` is what falls due of it next."""
        return wait.until == self.next_instant() != self.deadline and self.table.first_wait() is wait

    def handle(self) -> Finish:
        """Run the handler on the calling thread, without the baton."""
        ident = threading.get_ident()
        STRANDS[ident] = self
        try:
            self.thread = ident
            self.since = WATCHDOG.time()
            finish = self.place.instance.run(self.call)
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
