"""An emulator ends here, closed by its owner or by an error in one of its own threads."""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from fcemu.core.outcome import Halted
from fcemu.engine import real
from fcemu.engine.callers import Callers
from fcemu.engine.ending import Ending
from fcemu.engine.fleet import Fleet
from fcemu.engine.goals import Goal
from fcemu.engine.outside import Outside
from fcemu.engine.polls import Polls
from fcemu.engine.runs import Run
from fcemu.engine.saving import Saving
from fcemu.engine.world import World

_LOG: Final = logging.getLogger("fcemu.engine")


class ClosedError(RuntimeError):
    """The emulator was closed: by its owner, or by an error in one of its own threads, which is then its
    ``__cause__``."""


class Killed(ClosedError):
    """The emulator was killed at a fact, as a test asked for."""


class _Nobody:
    """In place of what moved the clock of an emulator that is closed."""

    def fail(self, error: BaseException) -> None:
        """Nobody waits who could get the error."""
        _tell(error)

    def pursue(self) -> None:
        """Time has ended."""

    def wakes_itself(self, _run: object, _wait: object) -> bool:
        """Nothing falls due."""
        return False


_NOBODY: Final = _Nobody()


def _tell(error: BaseException) -> None:
    _LOG.error("an error in one of its own threads closes the emulator", exc_info=error)


class Closing:
    """Whether an emulator is closed, by which error, and what is done then. Called with the baton held, but for
    ``let_go``."""

    def __init__(
        self,
        world: World,
        ending: Ending,
        outside: Outside,
        polls: Polls,
        fleet: Fleet,
        callers: Callers,
        goals: deque[Goal],
    ) -> None:
        self._baton: Final = world.baton
        self._clock: Final = world.clock
        self._grace: Final = world.settings.grace.total_seconds()
        self._ending: Final = ending
        self._outside: Final = outside
        self._polls: Final = polls
        self._fleet: Final = fleet
        self._callers: Final = callers
        self._goals: Final = goals
        self._journal: Final = world.journal
        self.closed = False
        self.error: BaseException | None = None
        """The error in one of the emulator's own threads that closed it."""
        self._cut: list[Run] = []
        """The attempts that had not ended when the emulator was closed; their threads may still be there."""

    def fail(self, error: BaseException) -> None:
        """A thread that works for this emulator has raised ``error``. That closes the emulator: nobody can tell what
        was left half done, and whoever waits must hear of it now."""
        _tell(error)
        if self.closed:
            return
        self.error = error
        try:
            self.close()
        except Exception as another:  # callers have got the first error, which may well be the reason for this one
            _LOG.error("the emulator could not end all that ran", exc_info=another)

    def kill(self) -> None:
        """End as by ``kill -9``: whoever waits gets ``Killed``."""
        self.error = Killed("the emulator was killed")
        self.close()

    def close(self) -> None:
        """Let no more happen. Whoever waits hears of it first; then what runs or is parked is ended. Nothing happens
        when the emulator is closed already."""
        if self.closed:
            return
        self.closed = True
        parking = self._ending.parking
        self._cut = list(parking.runs)
        do_each(
            [
                self._polls.end_all,
                self._tell_who_waits,
                *(partial(self._cut_off, run) for run in self._cut),
                *(strand.interrupt for strand in parking.left_behind),
                self._outside.close,
                self._baton.changed.notify_all,
                self._fleet.end,
            ]
        )

    def let_go(self, saving: Saving | None) -> None:
        """Once the emulator is closed: give its threads time to come back, then give back what is outside of it."""
        for _ in ("told to end", "told again"):
            until = real.monotonic() + self._grace / 2
            while any(not run.left for run in self._cut) and real.monotonic() < until:
                real.sleep(0.0005)
            with self._baton:
                self._ending.interrupt_again()
        with self._baton:
            # An attempt that was cut off gives its instance back to nobody.
            stops = [run.place.instance.stop for run in self._cut]
            stores = [] if saving is None else [saving.close]
            do_each([*stops, self._fleet.definitions_changed, *stores, self._clock.close, self._part])

    def _part(self) -> None:
        """Where nothing runs any more, the parts of the emulator do not lead back to each other: it is gone with the
        last one who asks for it, and the garbage collector need not find it. A suite makes thousands."""
        parking = self._ending.parking
        if not (parking.runs or parking.left_behind):
            parking.mover = self._ending.mover = _NOBODY
            self._polls.pursue = _NOBODY.pursue
            self._journal.reactions = {}

    def refusal(self, closed: str) -> ClosedError:
        """The error for who calls a closed emulator, or waited for one; ``closed`` says which."""
        if self.error is None:
            return ClosedError(closed)
        text = f"{closed} by an error in one of its own threads: {type(self.error).__name__}: {self.error}"
        refusal = ClosedError(text)
        refusal.__cause__ = self.error
        return refusal

    def _tell_who_waits(self) -> None:
        """Who moves the clock gets an error; so does the caller of an invocation, unless the owner closed the
        emulator: then an invocation that was cut off is the answer."""
        error = self.error if isinstance(self.error, Exception) else self.refusal("the emulator was closed")
        for goal in self._goals:
            if not goal.reached:
                goal.finish(error)
        for invocation in self._callers.waiting():
            if self.error is None:
                self._callers.answer(None, invocation)
            else:
                self._callers.fail(invocation, error)

    def _cut_off(self, run: Run) -> None:
        if not run.over:
            run.tell(run.verdict or Halted("the emulator was closed"))
            run.end()
        self._ending.parking.uncount(run)
        self._ending.interrupt(run)
        self._ending.parking.dismiss(run)


def do_each(steps: Iterable[Callable[[], object]]) -> None:
    """Do every step, whatever those before it raised; then raises the first error."""
    errors = []
    for step in steps:
        try:
            step()
        except Exception as error:  # what one step leaves undone must not keep the others
            errors.append(error)
    if errors:
        raise errors[0]
