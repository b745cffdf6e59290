"""``virtual_time()``: the test reads the emulator's clock, and sleeps on it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Final

from fcemu.core.times import later, parse_duration
from fcemu.engine.at_rest import AtRest
from fcemu.engine.emulator import ClosedError, Emulator
from fcemu.testing.access import Access
from fcemu.testing.sleepers import Sleepers
from fcemu.testing.waiting import reached


class LentClock(AtRest):
    """The clock for one thread of the test, or one work item. Implements ``Lent`` and ``HandlerStrand``.

    Several threads may sleep at once: each wakes when the clock has got ``seconds`` beyond the begin of its sleep.
    A thread that the test starts is no strand: its waits for other threads are real.
    """

    def __init__(self, access: Access, sleepers: Sleepers) -> None:
        super().__init__(lambda: access.engine.clock)
        self._access: Final = access
        self._sleepers: Final = sleepers
        self._begun = self._ended = False
        sleepers.expect()

    def now(self) -> datetime:
        return self._clock().shown()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            engine, until = self._engine(), self._after(seconds)

            def move() -> None:
                engine.wait(engine.sleep_until(until))

            self._sleepers.sleep(until, lambda: engine.clock.now(), move, self.io_grace())

    async def sleep_in_loop(self, seconds: float) -> None:
        """The coroutine of ``sleep``."""
        if seconds > 0:
            engine = self._engine()
            await reached(engine, engine.sleep_until(self._after(seconds)))

    def rest(self) -> AbstractContextManager[None]:
        """Inside the block this thread waits for another one."""
        return self._sleepers.rest()

    def strand(self) -> "LentClock":
        """A thread begins; it is on this clock as well."""
        return LentClock(self._access, self._sleepers)

    def begin(self) -> None:
        """Its code starts."""
        self._begun = True
        self._sleepers.begin()

    def end(self) -> None:
        """It has ended, or will never begin."""
        if not self._ended:
            self._ended = True
            self._sleepers.end(has_begun=self._begun)

    def io_grace(self) -> float:
        return self._engine().settings.io_grace.total_seconds()

    def _after(self, seconds: float) -> datetime:
        return later(self.now(), parse_duration(seconds))

    def _engine(self) -> Emulator:
        if self._access.closed:
            raise ClosedError("virtual_time(): the emulator to which this time belongs was closed")
        return self._access.engine


@contextmanager
def lent_time(access: Access) -> Iterator[None]:
    """What ``LocalEmulator.virtual_time()`` lasts for."""
    access.refuse_in_handler()
    from fcemu.runtimes.timeshift.lending import lend  # it brings freezegun

    clock = LentClock(access, Sleepers())
    clock.begin()
    try:
        with lend(clock):
            yield
    finally:
        clock.end()
