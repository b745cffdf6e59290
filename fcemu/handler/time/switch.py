"""Holds the clock of each context, and makes the functions of module ``time`` that ask it first."""

from __future__ import annotations

import sys
import time
from _thread import get_ident
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context, ContextVar, copy_context
from datetime import datetime
from types import MappingProxyType, MethodType
from typing import Any, Final, NamedTuple, Optional

from fcemu.handler.clock import HandlerClock
from fcemu.handler.time.originals import NAMES, Originals
from fcemu.handler.time.readings import seconds
from fcemu.handler.time.zones import UTC, ZONE, local_tuple, seconds_of, zone_named


class ClockVariable:
    """A variable of the context: the clock of the handler that runs in it; ``None`` outside of handlers."""

    def __init__(self) -> None:
        self._variable: Final[ContextVar[HandlerClock | None]] = ContextVar("fcemu_clock", default=None)
        self.get: Callable[[], HandlerClock | None] = self._variable.get
        self.set: Final = self._variable.set
        self.reset: Final = self._variable.reset

    def fall_back_on(self, clock_of_thread: Callable[[], HandlerClock | None]) -> None:
        """Let ``clock_of_thread`` answer in contexts in which nothing was set: empty ones, and those of greenlets."""
        read: Callable[[Any], Any] = self._variable.get

        def get() -> HandlerClock | None:
            clock: HandlerClock | None = read(_UNSET)
            return clock_of_thread() if clock is _UNSET else clock

        self.get = get

    def is_unset(self) -> bool:
        """Whether nobody has set it in this context, not even to ``None``."""
        return self._variable.get(_UNSET) is _UNSET

    def is_unset_in(self, context: Context) -> bool:
        """The same in another context."""
        return self._variable not in context


_UNSET: Final[Any] = object()
CLOCK: Final = ClockVariable()

BEFORE_PARK: Final[list[Callable[[], None]]] = []
AFTER_PARK: Final[list[Callable[[], None]]] = []
"""Called on the handler's thread around every virtual sleep: meanwhile other code runs in this process."""

ON_THREADS: Final[dict[int, HandlerClock]] = {}
"""The clock of the handler that each thread of this process runs, by the thread's identifier."""
_NO_CLOCK: Final = (
    "the handler slept in a context without its clock (an empty contextvars.Context, a greenlet); waits and reads of "
    "the time are real there"
)


def _warn_of_real_sleep() -> None:
    """A thread sleeps in real time. If a handler does so because of its context, the timeline says so. Only of sleeps:
    for other reasons the engine waits on such a thread, too, in a context of its own."""
    clock = ON_THREADS.get(get_ident())
    if clock is not None and CLOCK.is_unset():
        clock.warn(_NO_CLOCK, once=True)


Function = Callable[..., Any]
_UTC: Final = {"tm_zone": "UTC", "tm_gmtoff": 0}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def now_ns(clock: HandlerClock) -> int:
    """The clock's time of day as ``time.time_ns`` gives it, exact."""
    since = clock.now() - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def park(clock: HandlerClock, seconds: float) -> None:
    """Sleep on ``clock``. The only caller of ``HandlerClock.sleep``."""
    for leave in BEFORE_PARK:
        leave()
    try:
        clock.sleep(seconds)
    finally:
        for resume in AFTER_PARK:
            resume()


def outside(function: Function, *args: Any, **kwargs: Any) -> Any:
    """Call ``function`` in real time, in a context that is otherwise this one."""
    context = copy_context()
    context.run(CLOCK.set, None)
    return context.run(function, *args, **kwargs)


class Outside(NamedTuple):
    """What answers outside of handlers: what stood in ``time`` before, unless a test has frozen it."""

    kept: Originals
    frozen: Sequence[object] = ()
    """While it is not empty, ``fakes`` answer: those of a test's freezegun."""
    fakes: Mapping[str, Function] = MappingProxyType({})

    def functions(self, name: str) -> tuple[Function, Function]:
        """What answers usually, and while frozen."""
        kept = getattr(self.kept, name)
        return kept, self.fakes.get(name, kept)


def wrappers(outside: Outside) -> dict[str, Any]:
    """The replacements by name.

    Each is a bound method, which like a built-in function does not bind again as a class attribute
    (``converter = time.gmtime``), and pickles as ``time.<name>``.
    """
    current = CLOCK.get
    home = _TimeModule()
    made = _readers(outside, current) | _readers_of_clocks(outside, current)
    made |= _of_local_time(outside, current) | _waits(outside.kept, current)
    made = {name: function for name, function in made.items() if name in NAMES}
    for name, function in made.items():
        function.__name__ = function.__qualname__ = name
        function.__doc__ = getattr(outside.kept, name).__doc__
        function.__dict__["fcemu_original"] = getattr(outside.kept, name)
    return {name: MethodType(function, home) for name, function in made.items()}


class _TimeModule:
    """What the replacements are bound to; pickled and copied as module ``time``."""

    def __reduce__(self) -> tuple[Function, tuple[str]]:
        return __import__, ("time",)


Current = Callable[[], Optional[HandlerClock]]


def _readers(outside: Outside, current: Current) -> dict[str, Function]:
    """Functions without parameters."""
    frozen = outside.frozen

    def plain(name: str, virtual: Callable[[HandlerClock], float]) -> Function:
        kept, fake = outside.functions(name)

        def read(_home: object) -> Any:
            clock = current()
            if clock is not None:
                return virtual(clock)
            return fake() if frozen else kept()

        return read

    def elapsed(clock: HandlerClock) -> float:
        return clock.elapsed_ns() / 1e9

    def elapsed_ns(clock: HandlerClock) -> int:
        return clock.elapsed_ns()

    return {
        "time": plain("time", seconds),
        "time_ns": plain("time_ns", now_ns),
        "monotonic": plain("monotonic", elapsed),
        "monotonic_ns": plain("monotonic_ns", elapsed_ns),
        "perf_counter": plain("perf_counter", elapsed),
        "perf_counter_ns": plain("perf_counter_ns", elapsed_ns),
    }


def _readers_of_clocks(outside: Outside, current: Current) -> dict[str, Function]:
    """Functions that are told which clock they are to read."""
    if sys.platform == "win32" or not hasattr(time, "clock_gettime"):
        return {}
    kept_gettime, kept_gettime_ns = outside.kept.clock_gettime, outside.kept.clock_gettime_ns

    def clock_gettime(_home: object, clk_id: int) -> Any:
        clock = current()
        if clock is not None and clk_id == time.CLOCK_REALTIME:
            return seconds(clock)
        if clock is not None and clk_id == time.CLOCK_MONOTONIC:
            return clock.elapsed_ns() / 1e9
        return kept_gettime(clk_id)

    def clock_gettime_ns(_home: object, clk_id: int) -> Any:
        clock = current()
        if clock is not None and clk_id == time.CLOCK_REALTIME:
            return now_ns(clock)
        if clock is not None and clk_id == time.CLOCK_MONOTONIC:
            return clock.elapsed_ns()
        return kept_gettime_ns(clk_id)

    return {"clock_gettime": clock_gettime, "clock_gettime_ns": clock_gettime_ns}


def _of_local_time(outside: Outside, current: Current) -> dict[str, Function]:
    """Calendar functions: without a moment they take the clock's; local means the handler's zone."""
    kept, frozen = outside.kept, outside.frozen
    kept_localtime, frozen_localtime = outside.functions("localtime")
    kept_gmtime, frozen_gmtime = outside.functions("gmtime")
    kept_strftime, frozen_strftime = outside.functions("strftime")

    def here(clock: HandlerClock, secs: float | None) -> time.struct_time:
        zone = ZONE.get()
        moment = seconds(clock) if secs is None else secs
        return time.struct_time(kept_gmtime(moment), _UTC) if zone is UTC else local_tuple(moment, zone)

    def localtime(_home: object, secs: float | None = None, /) -> Any:
        clock = current()
        if clock is not None:
            return here(clock, secs)
        return (frozen_localtime if frozen else kept_localtime)(secs)

    def gmtime(_home: object, secs: float | None = None, /) -> Any:
        clock = current()
        if clock is not None and secs is None:
            return kept_gmtime(seconds(clock))
        return (frozen_gmtime if frozen else kept_gmtime)(secs)

    def mktime(_home: object, time_tuple: Any, /) -> Any:
        return kept.mktime(time_tuple) if current() is None else seconds_of(time_tuple, ZONE.get())

    def strftime(_home: object, format: str, /, *time_tuple: Any) -> Any:  # noqa: A002 (the original's name)
        clock = current()
        if clock is not None and not time_tuple:
            return kept_strftime(format, here(clock, None))
        return (frozen_strftime if frozen else kept_strftime)(format, *time_tuple)

    def ctime(_home: object, secs: float | None = None, /) -> Any:
        clock = current()
        return kept.ctime(secs) if clock is None else kept.asctime(here(clock, secs))

    def asctime(_home: object, *time_tuple: Any) -> Any:
        clock = current()
        return kept.asctime(*time_tuple) if clock is None or time_tuple else kept.asctime(here(clock, None))

    return {
        "localtime": localtime,
        "gmtime": gmtime,
        "mktime": mktime,
        "strftime": strftime,
        "ctime": ctime,
        "asctime": asctime,
    }


def _waits(real: Originals, current: Current) -> dict[str, Function]:
    def sleep(_home: object, seconds: float, /) -> None:
        clock = current()
        if clock is None:
            _warn_of_real_sleep()
            real.sleep(seconds)
        elif seconds >= 0:
            park(clock, seconds)
        else:
            raise ValueError("sleep length must be non-negative")

    def tzset(_home: object) -> None:
        if current() is None:
            real.tzset()
        else:
            import os

            ZONE.set(zone_named(os.environ.get("TZ")))

    return {"sleep": sleep, "tzset": tzset}
