"""Outside: reports that are being posted and hooks that run, and whether the clock waits for them."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from fcemu.core.invocation import Invocation
from fcemu.engine.baton import Baton
from fcemu.engine.clock import later
from fcemu.engine.errands import Errand
from fcemu.engine.hooks import HookWait
from fcemu.engine.parking import duration
from fcemu.engine.ports import Abandoned

if TYPE_CHECKING:
    from fcemu.engine.movers import Movers


class Outside:
    """Counts the errands that hold the clock, with the attempts. Implements ``Parks``.

    Every method is called with the baton held unless it says otherwise.
    """

    def __init__(self, movers: "Movers", baton: Baton) -> None:
        self._movers: Final = movers
        self._baton: Final = baton
        self.errands: Final[dict[Errand, bool]] = {}
        """What is under way, and whether the clock waits for it."""
        self._lent: Final[dict[str, list[Errand]]] = {}
        """Errands that the clock does not wait for because of an invocation, by its id."""
        self._waits: Final[set[HookWait]] = set()

    def send(self, errand: Errand) -> None:
        """It sets out."""
        self.errands[errand] = False
        self._hold(errand)

    def back(self, errand: Errand, failed: str | None) -> None:
        """It is done; ``failed``: why it came to nothing."""
        self._let_go(errand)
        del self.errands[errand]
        self._movers.steps += 1
        if not self._movers.closed:
            errand.done(failed, self._movers.clock.now())

    def _hold(self, errand: Errand) -> None:
        if self.errands.get(errand) is False:
            self.errands[errand] = True
            self._movers.in_flight += 1

    def _let_go(self, errand: Errand) -> None:
        if self.errands.get(errand):
            self.errands[errand] = False
            self._movers.in_flight -= 1

    def park_errand(self, errand: Errand, wait: HookWait, seconds: float | None) -> None:
        """A hook waits in virtual time; takes the baton itself. Raises ``Abandoned``."""
        with self._baton:
            if self._movers.closed:
                raise Abandoned
            if wait.released:
                wait.rouse()
                return
            self._let_go(errand)
            self._waits.add(wait)
            if seconds is not None:
                self._movers.put(later(self._movers.clock.now(), duration(seconds)), wait)
            self._movers.pursue()

    def end_wait(self, wait: HookWait, *, released: bool = False) -> None:
        """A hook goes on, because its time is over, or because what it waits for has happened (``released``): then this
        takes the baton itself."""
        with self._baton if released else nullcontext():
            if wait.over or wait.released:
                return
            wait.over = True
            wait.released = released
            if wait not in self._waits:
                return  # it has not begun to wait
            self._waits.discard(wait)
            self._movers.steps += 1
            self._hold(wait.errand)
            wait.rouse()

    def lend(self, invocation: Invocation) -> None:
        """Somebody outside calls a function and waits for it: it may be who does one of the errands, so the clock does
        not wait for them until that invocation has ended."""
        lent = [errand for errand, counted in self.errands.items() if counted]
        for errand in lent:
            self._let_go(errand)
        if lent:
            self._lent[invocation.id] = lent

    def take_back(self, invocation: Invocation) -> None:
        """That invocation has ended."""
        lent = self._lent.pop(invocation.id, None)
        if lent is not None:
            parked = {wait.errand for wait in self._waits}
            for errand in lent:
                if errand not in parked:
                    self._hold(errand)

    def close(self) -> None:
        """Nothing that waits goes on."""
        for wait in self._waits:
            wait.over = wait.abandoned = True
            wait.rouse()
        self._waits.clear()
