"""time-machine, where it is installed: no class is replaced, its patched C functions are led to the handler's clock.

While it travels, time-machine exchanges the C functions behind ``time.time``, ``datetime.now`` and their like, so that
whoever has bound one of them, whenever, is asked too. These functions take ``time_machine.traveller_stack[-1]`` and
call its ``time_ns``; they go back to the originals where there is none. So here they are exchanged while attempts run,
and the stack answers with the handler's clock in a handler, with the test's own journey outside, else with nobody.

That stack costs each read outside a handler some 0.3 µs, so the names in ``time``, and the readers of ``datetime`` and
``date``, also get functions of ours that ask the clock first and call the originals. Those of the classes stand in the
classes' own dictionaries, which serves subclasses too; by them local time in a handler is the function's.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, tzinfo
from typing import Any, Final

from freezegun import api

from fcemu.handler.locks import RealLock
from fcemu.runtimes.timeshift import freezers, readings
from fcemu.runtimes.timeshift.builtin_classes import Functions, named, write_into_classes
from fcemu.runtimes.timeshift.readings import REAL_DATE, REAL_DATETIME
from fcemu.runtimes.timeshift.switch import CLOCK, now_ns

EXCHANGED: Final = ("time", "time_ns", "clock_gettime", "clock_gettime_ns", "gmtime", "localtime", "strftime")
"""What time-machine exchanges in ``time``."""


class _InHandler:
    """A traveller, as time-machine's C functions know it, on the clock of the handler that asks."""

    def time_ns(self) -> int:
        clock = CLOCK.get()
        assert clock is not None
        return now_ns(clock)


_IN_HANDLER: Final = _InHandler()


class Stack(list[Any]):
    """``traveller_stack``: the test's travellers, and above them the handler's clock in a handler's context."""

    def __getitem__(self, index: Any) -> Any:
        if CLOCK.get() is not None:
            return _IN_HANDLER
        return list.__getitem__(self, index)


class TimeMachineBackend:
    """Implements ``Backend``."""

    def __init__(self) -> None:
        with _without_pytest(), freezers.lifted():
            import _time_machine as extension  # type: ignore[import-not-found]
            import time_machine
        self._extension: Final[Any] = extension
        self._module: Final[Any] = time_machine
        self._unpatch: Final = extension.unpatch
        self._running = 0
        self._lock: Final = RealLock()
        self.classes: Final = ()
        self.exchanged: Final[list[bool]] = []
        self.travelling: Final = Stack(time_machine.traveller_stack)
        self.real: Final = {name: getattr(extension, f"original_{name}") for name in EXCHANGED}
        self._ours: Final = _of_classes(extension, self.exchanged, self.travelling) | _of_fakes()
        self._before: Final[Functions] = {(owner, name): vars(owner)[name] for owner, name in self._ours}

    def register(self) -> None:
        """Let our stack and our functions stand; repeatable."""
        freezers.ignore_ours()
        if self._module.traveller_stack is not self.travelling:
            self._module.traveller_stack = self.travelling
            self._extension.unpatch = self._end_of_journey
            write_into_classes(self._ours)

    def unregister(self) -> None:
        """Take them out again. A journey that the test is on goes on."""
        freezers.ignore_ours_no_longer()
        write_into_classes(self._before)
        self._module.traveller_stack = list(self.travelling)
        self._extension.unpatch = self._unpatch

    def enter(self) -> None:
        """An attempt runs: exchange the C functions too."""
        with self._lock:
            self._running += 1
            if self._running == 1:
                self._extension.patch()
                self.exchanged.append(True)

    def leave(self) -> None:
        """It has ended; the last one exchanges them back, unless the test is on a journey."""
        with self._lock:
            self._running -= 1
            if not self._running:
                self.exchanged.clear()
                if not self.travelling:
                    self._unpatch()

    def _end_of_journey(self) -> None:
        """In place of ``unpatch``, which time-machine calls at the end of a test's last journey."""
        with self._lock:
            if not self._running:
                self._unpatch()


@contextmanager
def _without_pytest() -> Iterator[None]:
    """Keep time-machine, a plugin of pytest too, from importing pytest (0.05 s) where nobody else has."""
    if "pytest" in sys.modules:
        yield
        return
    sys.modules["pytest"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["pytest"]


_UTCNOW_IS_DEPRECATED: Final = sys.version_info >= (3, 12)
_DEPRECATED: Final = (
    "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. Use timezone-aware "
    "objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC)."
)


def _of_classes(extension: Any, exchanged: list[bool], travelling: Stack) -> Functions:
    """The readers of ``datetime`` and ``date``. Outside of handlers they call the originals, past time-machine's
    functions where these stand and no journey is on."""
    current = CLOCK.get
    original_now, original_utcnow = extension.original_now, extension.original_utcnow
    bound_now = REAL_DATETIME.__dict__["now"].__get__
    bound_utcnow = REAL_DATETIME.__dict__["utcnow"].__get__
    bound_today = REAL_DATE.__dict__["today"].__get__
    bound_moment = REAL_DATETIME.__dict__["fromtimestamp"].__get__
    bound_day = REAL_DATE.__dict__["fromtimestamp"].__get__
    plain_now, plain_utcnow = bound_now(None, REAL_DATETIME), bound_utcnow(None, REAL_DATETIME)
    plain_moment, plain_day = bound_moment(None, REAL_DATETIME), bound_day(None, REAL_DATE)
    plain_timestamp, plain_astimezone = (REAL_DATETIME.__dict__[name] for name in ("timestamp", "astimezone"))

    def now(cls: Any, tz: tzinfo | None = None) -> Any:
        clock = current()
        if clock is not None:
            return readings.now(clock, cls, tz)
        if cls is REAL_DATETIME:
            return original_now(tz) if exchanged and not travelling else plain_now(tz)
        return bound_now(None, cls)(tz)

    def utcnow(cls: Any) -> Any:
        clock = current()
        if clock is not None:
            return readings.utcnow(clock, cls)
        if cls is REAL_DATETIME and exchanged and not travelling:
            return original_utcnow()
        if _UTCNOW_IS_DEPRECATED:  # the original would name this line as the caller
            warnings.warn(_DEPRECATED, DeprecationWarning, stacklevel=2)
            return bound_now(None, cls)(UTC).replace(tzinfo=None)
        return plain_utcnow() if cls is REAL_DATETIME else bound_utcnow(None, cls)()

    def today(cls: Any) -> Any:
        clock = current()
        if clock is not None:
            return readings.today(clock, cls)
        if cls is REAL_DATE or cls is REAL_DATETIME:
            moment = (original_now if exchanged and not travelling else plain_now)(None)
            return moment if cls is REAL_DATETIME else moment.date()
        return bound_today(None, cls)()

    def moment_from_timestamp(cls: Any, timestamp: float, tz: tzinfo | None = None) -> Any:
        if current() is not None:
            return readings.from_timestamp(cls, timestamp, tz)
        return plain_moment(timestamp, tz) if cls is REAL_DATETIME else bound_moment(None, cls)(timestamp, tz)

    def day_from_timestamp(cls: Any, timestamp: float, /) -> Any:
        if current() is not None:
            return readings.date_from_timestamp(cls, timestamp)
        return plain_day(timestamp) if cls is REAL_DATE else bound_day(None, cls)(timestamp)

    def timestamp(self: Any) -> float:
        return readings.timestamp(self) if current() is not None else plain_timestamp(self)

    def astimezone(self: Any, tz: tzinfo | None = None) -> Any:
        return readings.as_timezone(self, tz) if current() is not None else plain_astimezone(self, tz)

    moments: dict[str, Callable[..., Any]] = {
        "now": now,
        "utcnow": utcnow,
        "fromtimestamp": moment_from_timestamp,
        "timestamp": timestamp,
        "astimezone": astimezone,
    }
    days: dict[str, Callable[..., Any]] = {"today": today, "fromtimestamp": day_from_timestamp}
    return named(REAL_DATETIME, moments) | named(REAL_DATE, days)


def _of_fakes() -> Functions:
    """The readers of freezegun's classes, which stand in ``datetime`` while a test has frozen its time."""
    current = CLOCK.get
    fake = {name: vars(api.FakeDatetime)[name] for name in ("now", "utcnow", "fromtimestamp")}
    fake_now, fake_utcnow, fake_from = (one.__func__ for one in fake.values())
    fake_today = vars(api.FakeDate)["today"].__func__
    fake_timestamp, fake_astimezone = vars(api.FakeDatetime)["timestamp"], vars(api.FakeDatetime)["astimezone"]

    def now(cls: Any, tz: tzinfo | None = None) -> Any:
        clock = current()
        return fake_now(cls, tz) if clock is None else readings.now(clock, cls, tz)

    def utcnow(cls: Any) -> Any:
        clock = current()
        return fake_utcnow(cls) if clock is None else readings.utcnow(clock, cls)

    def fromtimestamp(cls: Any, t: float, tz: tzinfo | None = None) -> Any:
        return fake_from(cls, t, tz) if current() is None else readings.from_timestamp(cls, t, tz)

    def timestamp(self: Any) -> Any:
        return fake_timestamp(self) if current() is None else readings.timestamp(self)

    def astimezone(self: Any, tz: tzinfo | None = None) -> Any:
        return fake_astimezone(self, tz) if current() is None else readings.as_timezone(self, tz)

    def today(cls: Any) -> Any:
        clock = current()
        return fake_today(cls) if clock is None else readings.today(clock, cls)

    moments: dict[str, Callable[..., Any]] = {
        "now": now,
        "utcnow": utcnow,
        "fromtimestamp": fromtimestamp,
        "timestamp": timestamp,
        "astimezone": astimezone,
    }
    return named(api.FakeDatetime, moments) | named(api.FakeDate, {"today": today})
