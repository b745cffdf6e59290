"""An emulator acts here, told by the watchdog, when real time passes and what is in flight does not get on."""

from collections.abc import Callable
from typing import Final

from fcemu.core.facts import Warned
from fcemu.core.invocation import Invocation
from fcemu.core.names import FunctionRef
from fcemu.engine.callers import Callers
from fcemu.engine.explain import explain
from fcemu.engine.inflight import Patience, debugged, pause_between_looks
from fcemu.engine.lines import function_in, place
from fcemu.engine.movers import Movers
from fcemu.engine.runs import Run
from fcemu.engine.world import World

_AGAIN: Final = 1.0
"""Real seconds for an attempt that is where another one was ended already."""


class ClockStuck(TimeoutError):
    """Real time passed without progress, and the watchdog could not free the clock; the text explains."""


class Progress:
    """An emulator as the watchdog sees it. Its methods take the baton themselves."""

    def __init__(self, world: World, movers: Movers, callers: Callers) -> None:
        settings = world.settings
        self._world: Final = world
        self._movers: Final = movers
        self._callers: Final = callers
        self._watchdog: Final = settings.watchdog.total_seconds()
        self._grace: Final = settings.grace.total_seconds()
        self._struck: Final[dict[FunctionRef, str]] = {}
        """In which function of its code an attempt of each function was ended last, as ``file in function``."""
        self.check_every: Final = pause_between_looks(settings.watchdog, min(settings.grace, settings.io_grace))
        self.waits: Final[dict[Callable[[], None], Patience]] = {}
        """What is called when a caller that has no thread of its own has waited for too long."""

    def fail(self, error: BaseException) -> None:
        """Called by the watchdog when its look raised ``error``: that closes the emulator."""
        with self._world.baton:
            self._movers.closing.fail(error)

    def is_debugged(self) -> bool:
        """Whether a debugger is attached to this process, or to what an attempt of this emulator runs in."""
        return debugged() or self._movers.ending.any_debugged()

    def check_progress(self, now: float) -> None:
        """Called by the watchdog from time to time, on its own thread and with its own time."""
        movers = self._movers
        for call, patience in list(self.waits.items()):
            if patience.is_over():
                call()
        saving, parking = movers.saving, movers.parking
        unsaved = saving is not None and saving.unsaved
        busy = bool(parking.runs or parking.left_behind or movers.outside.errands)
        if movers.closing.closed or not (unsaved or busy):
            return
        # A thread that never gives the baton back must not keep the watchdog from looking at other emulators.
        if not self._world.baton.within(self.check_every):
            return
        try:
            if unsaved:
                movers.keep()
            if busy:
                self._look(now)
        finally:
            self._world.baton.release()

    def _look(self, now: float) -> None:
        movers = self._movers
        is_debugged = movers.ending.has_been_long(now - min(self._grace, self._watchdog / 2)) and self.is_debugged()
        if not is_debugged:
            movers.ending.interrupt_again(now - self._grace)
            movers.ending.strike_left_behind(now, self._watchdog)
        if self._world.clock.rate:
            return
        run = movers.ending.running()
        if run is None:
            movers.outside.look_at_threads(now)
            return
        if is_debugged:
            run.since = now  # patience begins anew when the debugger lets go
            return
        movers.parking.look_at_threads(now)
        patience = self._patience_with(run, now)
        if run.counted and now - run.since > patience:
            why = movers.ending.held_up(run, now, patience)
            if why is None:
                lines = movers.ending.lines_of(run)
                if lines:
                    self._struck[run.function.ref] = function_in(lines[-1])
                movers.ending.strike(run, self._stuck_text(run, patience))
            else:
                self._end_stuck(run, why)
        else:
            self._let_strangers_in(run, now)

    def _patience_with(self, run: Run, now: float) -> float:
        """Real seconds without progress after which ``run`` is ended. A loop without end costs the watchdog's patience
        once: an attempt that is soon in the function in which another one was ended is ended then."""
        known, soon = self._struck.get(run.function.ref), min(_AGAIN, self._watchdog)
        if known is None or now - run.since <= soon:
            return self._watchdog
        is_there = known in map(function_in, self._movers.ending.lines_of(run))
        return soon if is_there else self._watchdog

    def _end_stuck(self, run: Run, why: str) -> None:
        """The callers for whom the clock moves get the error: the attempt says nothing of what FC would have done."""
        text = f"{run.function.ref} made no progress for {self._watchdog:g} real seconds: {why}"
        explained = explain(self._world, self._movers)
        self._movers.ending.end_stuck(run, text)
        for goal in self._movers.goals:
            if not goal.reached:
                goal.finish(ClockStuck(f"{text}\n{explained}"))

    def _stuck_text(self, run: Run, patience: float) -> str:
        function = run.function
        where = place(run.running().line(), function.code)
        if patience < self._watchdog:
            where += ", where an attempt of it was ended before"
        return (
            f"{function.ref} made no progress for {patience:g} real seconds{where}, so it ends as timed out "
            f"after {function.timeout.total_seconds():g} virtual seconds; a handler must not wait for something that "
            "only happens outside it (a lock, a socket, a busy loop); raise the watchdog if it really works that long"
        )

    def _let_strangers_in(self, run: Run, now: float) -> None:
        """Let a call from outside run although ``run`` holds the clock, once it has waited for long: it may be the
        handler of ``run`` that has made it, without its credentials."""
        for request_id, since in self._callers.strangers.items():
            stranger = self._world.journal.whole(self._world.journal.invocations[request_id])
            if now - since > self._grace and not stranger.tried:
                del self._callers.strangers[request_id]
                self._let_in(run, stranger)
                return

    def _let_in(self, run: Run, stranger: Invocation) -> None:
        text = (
            f"{stranger.accepted.function} was called without this attempt's credentials while "
            f"{run.function.ref} ran, and waited {self._grace:g} real seconds for it; if the "
            "handler made that call, sign it with context.credentials (or the ALIBABA_CLOUD_ACCESS_KEY_* variables)"
        )
        fact = Warned(self._world.clock.now(), run.invocation.id, run.number, text)
        self._world.journal.record(fact, run.invocation)
        self._movers.ending.nest(run, stranger)
