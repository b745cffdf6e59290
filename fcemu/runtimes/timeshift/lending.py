"""Lends a clock to code that is no handler: its context reads that clock, and so do threads that it starts."""

import asyncio
import asyncio.tasks
import functools
import os
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context, copy_context
from datetime import UTC, datetime, timedelta, tzinfo
from types import ModuleType
from typing import Any, Final, Protocol, runtime_checkable

from fcemu.handler.clock import HandlerClock
from fcemu.handler.locks import RealLock
from fcemu.runtimes.timeshift import CLOCK, EXCHANGING, ZONE, adopt, enter, leave


@runtime_checkable
class Lent(HandlerClock, Protocol):
    """A clock that can be lent."""

    def rest(self) -> AbstractContextManager[None]:
        """Inside the block this thread waits for another one."""

    async def sleep_in_loop(self, seconds: float) -> None:
        """Wait, where an event loop runs that is not on this clock, until ``seconds`` of virtual time have passed."""


_lock: Final = RealLock()
_lent: Final[list[Lent]] = []
_bound: Final[list[tuple[ModuleType, str]]] = []
_seen: Final[set[int]] = set()
_asyncio_sleep: Final = asyncio.sleep
_thread_start: Final[list[Callable[[threading.Thread], None]]] = []


@contextmanager
def lend(clock: Lent) -> Iterator[None]:
    """Inside the block this context is on ``clock``: what it reads, sleeps, awaits with ``asyncio.sleep``, starts.

    An event loop that runs here already goes on in real time, time-outs included; one that starts inside the block
    jumps over its waits, as a handler's does.
    """
    before, zone_before = CLOCK.get(), ZONE.get()
    with _lock:
        with EXCHANGING:
            enter()
        if not _lent:
            _install()
        _lent.append(clock)
        _adopt_modules_of_user()
    if before is None:
        _keep_real(asyncio._get_running_loop())
    CLOCK.set(clock)
    ZONE.set(LOCAL)
    try:
        yield
    finally:  # no tokens: a fixture may end in another context than it began in
        CLOCK.set(before)
        ZONE.set(zone_before)
        with _lock:
            _lent.remove(clock)
            if not _lent:
                _uninstall()
            with EXCHANGING:
                leave()


def _install() -> None:
    asyncio.sleep = asyncio.tasks.sleep = sleep
    _thread_start.append(threading.Thread.start)
    threading.Thread.start = start  # type: ignore[method-assign]
    for owner, name in _WAITS:
        original = getattr(owner, name)
        setattr(owner, name, resting(original))
        _waits.append((owner, name, original, getattr(owner, name)))


def _uninstall() -> None:
    asyncio.sleep = asyncio.tasks.sleep = _asyncio_sleep
    started = _thread_start.pop()
    if threading.Thread.start is start:
        threading.Thread.start = started  # type: ignore[assignment]
    for owner, name, original, ours in _waits:
        if getattr(owner, name) is ours:
            setattr(owner, name, original)
    _waits.clear()
    for module, name in _bound:
        if vars(module).get(name) is sleep:
            vars(module)[name] = _asyncio_sleep
    _bound.clear()
    _seen.clear()


@functools.wraps(_asyncio_sleep)
async def sleep(delay: float, result: Any = None) -> Any:
    """In place of ``asyncio.sleep`` while a clock is lent."""
    clock = CLOCK.get()
    if not isinstance(clock, Lent) or asyncio.get_running_loop() not in _real_loops or delay <= 0:
        return await _asyncio_sleep(delay, result)
    await clock.sleep_in_loop(delay)
    return result


_WAITS: Final = ((threading.Condition, "wait"), (threading.Thread, "join"))
_waits: Final[list[tuple[Any, str, Any, Any]]] = []


def resting(original: Callable[..., Any]) -> Callable[..., Any]:
    """A wait for other threads: in real time, and meanwhile this thread keeps no sleeper waiting."""

    @functools.wraps(original)
    def wait(self: Any, *args: Any, **kwargs: Any) -> Any:
        clock = CLOCK.get()
        if not isinstance(clock, Lent):
            return original(self, *args, **kwargs)
        with clock.rest():
            return original(self, *args, **kwargs)

    return wait


def start(self: threading.Thread) -> None:
    """In place of ``Thread.start`` while a clock is lent: a thread runs in a copy of the context that starts it."""
    if isinstance(CLOCK.get(), Lent):
        self.run = functools.partial(copy_context().run, self.run)  # type: ignore[method-assign]
    _thread_start[-1](self)


# Event loops that ran before: their timers were set in real time, and others than this test may wait for them.

_real_loops: Final[set[Any]] = set()


def _keep_real(loop: Any) -> None:
    """Let ``loop`` go on in real time, also when a task with a lent clock asks it what time it is. It stays so: tasks
    may outlive the block."""
    if loop is None or loop in _real_loops:
        return
    for closed in [one for one in _real_loops if one.is_closed()]:
        _real_loops.discard(closed)
    _real_loops.add(loop)
    if isinstance(loop, asyncio.BaseEventLoop):  # others read no function of Python's
        loop.time = functools.partial(_outside, time.monotonic)  # type: ignore[method-assign]


def _outside(read: Callable[[], float]) -> float:
    return Context().run(read)


# Modules of the user that bound a time function by name before the functions were replaced.

_LIBRARIES: Final = tuple(
    {sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_ALSO: Final = frozenset({"anyio._backends._asyncio"})
"""Modules of libraries that have ``asyncio.sleep`` by name and hand it on."""


def _adopt_modules_of_user() -> None:
    for name, module in list(sys.modules.items()):
        if id(module) in _seen or not isinstance(module, ModuleType):
            continue
        _seen.add(id(module))
        file = getattr(module, "__file__", None) or ""
        ours = name.partition(".")[0] == "fcemu"
        if name not in _ALSO and (ours or not file or file.startswith(_LIBRARIES)):
            continue
        if name not in _ALSO:
            adopt(module)
        for bound, value in list(vars(module).items()):
            if value is _asyncio_sleep:
                vars(module)[bound] = sleep
                _bound.append((module, bound))


class _Local(tzinfo):
    """The zone of this process, as its C library knows it."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else timedelta(seconds=_there(moment).tm_gmtoff)

    def dst(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else timedelta(hours=_there(moment).tm_isdst)

    def tzname(self, moment: datetime | None) -> str | None:
        return None if moment is None else _there(moment).tm_zone

    def fromutc(self, moment: datetime) -> datetime:
        seconds = moment.replace(tzinfo=UTC).timestamp()
        return moment + timedelta(seconds=_real_local(seconds).tm_gmtoff)


def _there(moment: datetime) -> time.struct_time:
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, 0, 0, -1)
    return _real_local(Context().run(time.mktime, parts))


def _real_local(seconds: float) -> time.struct_time:
    return Context().run(time.localtime, seconds)


LOCAL: Final[tzinfo] = _Local()
