"""A virtual clock that belongs to one attempt: it moves when all its threads wait, and remembers what it was told."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf

from fcemu.core.outcome import FunctionError
from fcemu.engine.dial import Dial
from fcemu.engine.ports import Abandoned

EXITED = FunctionError("UnhandledInvocationError", b"exited")
START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """Implements ``HandlerClock`` and ``HandlerStrand``, for all threads at once. ``ends_after``: seconds after which
    waiting raises ``Abandoned``."""

    def __init__(self, start: datetime = START, grace: float = 0.0, ends_after: float | None = None) -> None:
        self.started = start
        self.elapsed = timedelta()
        self.sleeps: list[float] = []
        self.warnings: list[str] = []
        self.lock = threading.Lock()
        self.awake = 1
        self.waits: list[FakeWaiting] = []
        self._dial: Dial | None = None
        self._grace = grace
        self._ends_after = ends_after

    def now(self) -> datetime:
        return self.started + self.elapsed

    def elapsed_ns(self) -> int:
        return self.elapsed // timedelta(microseconds=1) * 1000

    def dial(self) -> Dial:
        """It shows the time of the first asking: handlers that sleep in child processes need a real emulator."""
        if self._dial is None:
            self._dial = Dial()
            since_1970 = round(self.now().timestamp() * 1e6) * 1000
            self._dial.show(since_1970, self.elapsed_ns(), 0, 0.0)
        return self._dial

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        if seconds > 0:
            FakeWaiting(self).wait(seconds)

    def waiting(self) -> "FakeWaiting":
        return FakeWaiting(self)

    def wait_for_lock(self, lock: object, seconds: float | None) -> float:
        return inf

    def strand(self) -> "FakeStrand":
        return FakeStrand(self)

    def io_grace(self) -> float:
        return self._grace

    def chooses(self) -> None:
        """Chance has no questions here."""

    def prepare(self, seconds: float) -> None:
        """Nothing strikes here."""

    def begin_handler(self) -> None:
        """Nothing strikes here."""

    def exited(self) -> FunctionError:
        return EXITED

    def warn(self, text: str, *, once: bool = False) -> None:
        if not (once and text in self.warnings):
            self.warnings.append(text)

    def check(self) -> None:
        if self._ends_after is not None and self.elapsed >= timedelta(seconds=self._ends_after):
            raise Abandoned

    def less(self) -> None:
        """One thread less runs; called with the lock held."""
        self.awake -= 1
        timed = [wait for wait in self.waits if wait.until is not None]
        if not self.awake and timed:
            first = min(timed, key=lambda wait: wait.until or timedelta())
            self.elapsed = max(self.elapsed, first.until or timedelta())
            first.go_on()


class FakeWaiting:
    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.until: timedelta | None = None
        self.released = False
        self.rouse: Callable[[], object] | None = None
        self._gate = threading.Lock()
        self._gate.acquire()

    def wait(
        self,
        seconds: float | None,
        block: Callable[[], object] | None = None,
        rouse: Callable[[], object] | None = None,
    ) -> bool:
        if block is not None and seconds is None:
            with self.clock.lock:
                self.rouse = None if self.released else rouse
            if not self.released:
                block()
            return True
        with self.clock.lock:
            if self.released:
                return True
            self.until = None if seconds is None else self.clock.elapsed + timedelta(seconds=seconds)
            self.clock.waits.append(self)
            self.clock.less()
        self._gate.acquire()
        self.clock.check()
        return self.released

    def release(self) -> None:
        with self.clock.lock:
            if self.rouse is not None:
                self.rouse()
                self.rouse = None
            if self in self.clock.waits:
                self.go_on()
                self.released = True
            elif self.until is None:
                self.released = True

    def go_on(self) -> None:
        """Called with the clock's lock held."""
        self.clock.waits.remove(self)
        self.clock.awake += 1
        self._gate.release()


class FakeStrand:
    """Another thread of the clock's attempt."""

    def __init__(self, clock: FakeClock) -> None:
        self.now, self.elapsed_ns, self.sleep = clock.now, clock.elapsed_ns, clock.sleep
        self.waiting, self.strand, self.io_grace = clock.waiting, clock.strand, clock.io_grace
        self.exited, self.warn, self.dial = clock.exited, clock.warn, clock.dial
        self.wait_for_lock = clock.wait_for_lock
        self._clock = clock
        self._ended = False
        self._joined: list[FakeWaiting] = []
        with clock.lock:
            clock.awake += 1

    def begin(self) -> None:
        pass

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            for waiting in self._joined:
                waiting.release()
            with self._clock.lock:
                self._clock.less()

    def when_ended(self, waiting: FakeWaiting) -> None:
        self._joined.append(waiting)
        if self._ended:
            waiting.release()
