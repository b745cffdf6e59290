"""This module counts the errands that are under way, and knows whether the clock waits for them."""

from typing import Final

from fcemu.core.invocation import Invocation
from fcemu.engine.ending import Ending
from fcemu.engine.errands import Errand


class Outside:
    """Counts the errands that hold the clock, with the attempts. Every method is called with the baton held."""

    def __init__(self, ending: Ending) -> None:
        self._ending: Final = ending
        self._parking: Final = ending.parking
        self._closed = False
        self.errands: Final[dict[Errand, None]] = {}
        """What is under way, in the order in which it set out."""
        self._lent: Final[dict[str, list[Errand]]] = {}
        """Errands that the clock does not wait for because of an invocation, by its id."""

    def send(self, errand: Errand) -> None:
        """It sets out."""
        self.errands[errand] = None
        if errand.run is None:
            self._parking.count(errand)
        else:
            self._ending.begin(errand.run)

    def back(self, errand: Errand, failed: str | None) -> None:
        """It is done; ``failed``: why it came to nothing."""
        if errand.run is None:
            self._parking.uncount(errand)
        else:
            self._ending.end_hook(errand.run)
        del self.errands[errand]
        self._parking.steps += 1
        if not self._closed:
            errand.done(failed, self._parking.clock.now())

    def lend(self, invocation: Invocation) -> None:
        """A caller outside waits for an invocation: what does one of the errands may be that caller, so the clock does
        not wait for them until that invocation has ended."""
        lent = [errand for errand in self.errands if (errand.run or errand).counted]
        for errand in lent:
            self._parking.uncount(errand.run or errand)
        if lent:
            self._lent[invocation.id] = lent

    def take_back(self, invocation: Invocation) -> None:
        """That invocation has ended."""
        for errand in self._lent.pop(invocation.id, ()):
            if errand in self.errands and (errand.run is None or errand.run.table.holds_clock):
                self._parking.count(errand.run or errand)

    def expect_all(self) -> None:
        """Let the waits of all hooks fall due, also of those of which another strand runs."""
        for errand in self.errands:
            if errand.run is not None:
                self._parking.expect_waits(errand.run)

    def look_at_threads(self, now: float) -> None:
        """As ``Parking.look_at_threads``, for hooks."""
        for errand in list(self.errands):
            if errand.run is not None and errand.run.counted:
                self._parking.look_beside(errand.run, now)

    def close(self) -> None:
        """Nothing that waits goes on, and nobody hears of what comes back."""
        self._closed = True
        for errand in self.errands:
            if errand.run is not None:
                self._ending.close_hook(errand.run)
