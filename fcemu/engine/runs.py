"""One attempt while it runs: what it is, whom the clock waits for, and how it is ended from outside."""

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fcemu.core.functions import Function
from fcemu.core.invocation import Invocation
from fcemu.core.outcome import Halted, Ran
from fcemu.core.times import later
from fcemu.engine.inflight import WATCHDOG
from fcemu.engine.instances import Place
from fcemu.engine.plans import Plan
from fcemu.engine.ports import Abandoned, Call, Finish
from fcemu.engine.strands import STRANDS, Strand, Wait

if TYPE_CHECKING:
    from fcemu.engine.movers import Movers


class Strands:
    """What an attempt with more than one strand has; one with its handler's thread alone needs none of it."""

    __slots__ = ("alive", "at_rest", "fresh", "instants", "made", "sleeps_beside", "slept", "timed", "turns")

    def __init__(self) -> None:
        self.alive: set[Strand] = set()
        """Threads and work items that have not ended."""
        self.made = 0
        self.sleeps_beside = False
        """Whether the clock has moved already without threads that waited for something real."""
        self.fresh: list[Wait] = []
        """Waits that are not yet among what is due: as long as one strand runs, a paused clock cannot get there."""
        self.instants: list[tuple[datetime, int, Wait]] = []
        """A heap of the waits that end by themselves, and how many were put there."""
        self.timed = 0
        self.turns: list[tuple[Strand, threading.Lock]] = []
        """Strands that were woken by another one, and go on once that one waits, one after the other."""
        self.at_rest: threading.Lock | None = None
        """Released when only the handler's own thread runs, which has returned."""
        self.slept: tuple[datetime, datetime] | None = None
        """The last virtual sleep of the whole attempt that was recorded."""


class Run(Strand):
    """An attempt between its start and its end; as a strand it is the handler's own thread.

    ``awake`` counts its strands that are not parked, less those that wait for an invocation that they made
    (``calls``). A ``counted`` run holds the clock; one that is parked as a whole or that the watchdog struck does not.
    """

    call: Call
    awake = 1
    blocked = 0
    """How many of its strands, parked, wait for something real as well."""
    counted = False
    struck = False
    over = False
    deadline_expected = False
    ready_by: datetime | None = None
    """When its instance is ready at the latest; until then its handler has not started."""
    calls: tuple[Invocation, ...] = ()
    verdict: Ran | None = None
    warned_once: tuple[str, ...] = ()
    """What is not to be said again about it."""
    strands: Strands | None = None

    movers: "Movers"
    """Set when it starts: what moves the clock for it."""

    def __init__(self, invocation: Invocation, plan: Plan, place: Place, started: datetime) -> None:
        self.invocation = invocation
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
    def parked(self) -> bool:
        """Whether no strand runs, and the handler's own thread is among those that wait."""
        return self.awake <= 0 and self.waits_in is not None

    @property
    def endless(self) -> bool:
        """Whether every strand waits without a time-out, and for no invocation that it made."""
        waits = [strand.waits_in for strand in (self, *self.others())]
        return not self.calls and all(wait is not None and wait.until is None for wait in waits)

    def fall_due(self, now: datetime) -> None:
        """Its timeout strikes. Called with the baton held."""
        self.movers.deadline_due(self, now)

    def running(self) -> Strand:
        """The first strand that does not wait, where there is one."""
        return next(iter(self.awake_ones()), self)

    def awake_ones(self) -> list[Strand]:
        """The strands for which the clock waits."""
        return [strand for strand in (self, *self.others()) if strand.waits_in is None and not strand.left_out]

    def others(self) -> list[Strand]:
        """The strands beside the handler's thread that have not ended, in the order in which they were made."""
        return [] if self.strands is None else sorted(self.strands.alive, key=lambda strand: strand.order)

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
