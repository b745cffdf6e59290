"""A virtual clock that belongs to one attempt: it moves when the handler sleeps, and remembers what it was told."""

from datetime import UTC, datetime, timedelta

from fcemu.core.outcome import FunctionError
from fcemu.engine.ports import Abandoned

EXITED = FunctionError("UnhandledInvocationError", b"exited")
START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """Implements ``HandlerClock``. ``ends_after``: seconds after which sleeping raises ``Abandoned``."""

    def __init__(self, start: datetime = START, grace: float = 0.0, ends_after: float | None = None) -> None:
        self.started = start
        self.elapsed = timedelta()
        self.sleeps: list[float] = []
        self.warnings: list[str] = []
        self._grace = grace
        self._ends_after = ends_after

    def now(self) -> datetime:
        return self.started + self.elapsed

    def elapsed_ns(self) -> int:
        return self.elapsed // timedelta(microseconds=1) * 1000

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.elapsed += timedelta(seconds=seconds)
        if self._ends_after is not None and self.elapsed >= timedelta(seconds=self._ends_after):
            raise Abandoned

    def io_grace(self) -> float:
        return self._grace

    def exited(self) -> FunctionError:
        return EXITED

    def warn(self, text: str) -> None:
        self.warnings.append(text)
