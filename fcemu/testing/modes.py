"""Other ways of moving the clock for a while: autojump, flowing, and virtual time for the test itself."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, Final

from fcemu import host
from fcemu.core.outcome import Halted, Ran
from fcemu.core.settings import BOUNDS
from fcemu.engine.emulator import ClosedError, Emulator
from fcemu.engine.ports import HandlerClock
from fcemu.testing.aio import loop_runs, reached, refuse_in_handler
from fcemu.testing.sleepers import Sleepers

if TYPE_CHECKING:
    from fcemu.testing.emulator import LocalEmulator


class Mode:
    """A ``with`` or ``async with`` block in which the clock moves by itself.

    At its end the clock stands still again and nothing is in flight; a plain ``with`` where an event loop runs does
    not wait for what is in flight, which may need the loop. ``reset()`` inside the block ends the mode.
    """

    def __init__(self, emulator: "LocalEmulator") -> None:
        self._emulator: Final = emulator
        self._engine: Emulator | None = None

    def begin(self, engine: Emulator) -> None:
        """Let the clock move by itself."""
        raise NotImplementedError

    def end(self, engine: Emulator) -> None:
        """Put the clock back into the state that it had before."""
        raise NotImplementedError

    def __enter__(self) -> "LocalEmulator":
        engine = self._engine = self._emulator._engine
        refuse_in_handler(engine)
        self.begin(engine)
        return self._emulator

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        engine = self._ended()
        if engine is not None and not loop_runs():
            engine.wait(engine.stand_still())

    async def __aenter__(self) -> "LocalEmulator":
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        engine = self._ended()
        if engine is not None:
            await reached(engine, engine.stand_still())

    def _ended(self) -> Emulator | None:
        """The engine, if it is the one of the beginning and waiting for it makes sense."""
        engine = self._engine
        if engine is None or engine is not self._emulator._engine or self._emulator._closed:
            return None
        self.end(engine)
        return None if engine.rate or engine.autojump else engine


class AutojumpMode(Mode):
    """``LocalEmulator.autojump()``."""

    def begin(self, engine: Emulator) -> None:
        self._before = engine.autojump
        engine.autojump = True

    def end(self, engine: Emulator) -> None:
        engine.autojump = self._before


_FLOWING: Final = replace(BOUNDS["rate"], above=True)


class FlowingMode(Mode):
    """``LocalEmulator.flowing(rate)``."""

    def __init__(self, emulator: "LocalEmulator", rate: float) -> None:
        super().__init__(emulator)
        if (refusal := _FLOWING.refusal(rate)) is not None:
            raise ValueError(f"flowing: rate: {refusal}, found {rate!r}; 1 is as fast as real time")
        self._rate: Final = float(rate)

    def begin(self, engine: Emulator) -> None:
        self._before = engine.rate
        engine.rate = self._rate

    def end(self, engine: Emulator) -> None:
        engine.rate = self._before


class LentClock(HandlerClock):
    """The emulator's clock, lent to the test: what ``virtual_time()`` reads and sleeps on.

    Several threads may sleep at once: each wakes when the clock has got ``seconds`` beyond the begin of its sleep.
    """

    def __init__(self, emulator: "LocalEmulator", sleepers: Sleepers | None = None) -> None:
        self._emulator: Final = emulator
        self.sleepers: Final = Sleepers() if sleepers is None else sleepers

    def now(self) -> datetime:
        return self._emulator.now

    def elapsed_ns(self) -> int:
        return self._emulator._engine.clock.elapsed_ns()

    def dial(self) -> int:
        return self._emulator._engine.clock.dial().fd

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            engine, until = self._engine(), self._emulator._after(seconds)

            def move() -> None:
                engine.wait(engine.sleep_until(until))

            self.sleepers.sleep(until, lambda: engine.clock.now(), move, self.io_grace())

    async def sleep_in_loop(self, seconds: float) -> None:
        """The coroutine of ``sleep``."""
        if seconds > 0:
            engine = self._engine()
            await reached(engine, engine.sleep_until(self._emulator._after(seconds)))

    def rest(self) -> AbstractContextManager[None]:
        """Inside the block this thread waits for another one."""
        return self.sleepers.rest()

    # A thread that the test starts is no strand: its waits for other threads are real.

    def waiting(self) -> None:
        """No virtual wait but ``sleep``."""

    def wait_for_lock(self, lock: object, seconds: float | None) -> float:
        """A wait for a lock is real."""
        return inf

    def prepare(self, seconds: float) -> None:
        """No attempt runs."""

    def begin_handler(self) -> None:
        """No attempt runs."""

    def strand(self) -> "LentStrand":
        """A thread begins; it is on this clock as well."""
        return LentStrand(self._emulator, self.sleepers)

    def begin(self) -> None:
        """Its code starts."""

    def end(self) -> None:
        """It has ended."""

    def when_ended(self, waiting: object) -> None:
        """Who waits for it waits in real time."""

    def io_grace(self) -> float:
        return self._engine().settings.io_grace.total_seconds()

    def warn(self, text: str, *, once: bool = False) -> None:
        """The journal has warnings of attempts only."""

    def exited(self) -> Ran:
        return Halted("the test has ended")

    def _engine(self) -> Emulator:
        if self._emulator._closed:
            raise ClosedError("virtual_time(): the emulator whose time this is was closed")
        return self._emulator._engine


class LentStrand(LentClock):
    """The same clock for a thread, or a work item, that the test has started."""

    def __init__(self, emulator: "LocalEmulator", sleepers: Sleepers) -> None:
        super().__init__(emulator, sleepers)
        self._begun = self._ended = False
        sleepers.expect()

    def begin(self) -> None:
        self._begun = True
        self.sleepers.begin()

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self.sleepers.end(has_begun=self._begun)


@contextmanager
def virtual_time(emulator: "LocalEmulator") -> Iterator["LocalEmulator"]:
    """``LocalEmulator.virtual_time()``."""
    refuse_in_handler(emulator._engine)
    clock = LentClock(emulator)
    clock.sleepers.expect()
    clock.sleepers.begin()
    try:
        with host.lend_clock(clock):
            yield emulator
    finally:
        clock.sleepers.end(has_begun=True)
