"""The watchdog looks in real time whether what is in flight makes progress, and has what does not ended."""

import logging
import sys
import threading
import weakref
from collections.abc import Callable
from contextvars import Context
from datetime import timedelta
from types import FrameType
from typing import Final, Protocol

from fcemu.engine import forks, real
from fcemu.handler.debuggers import DEBUGGERS

_LOG: Final = logging.getLogger("fcemu.engine")
_CHECKS_PER_PERIOD: Final = 8
_SHORTEST_PAUSE: Final = 0.001


class Watched(Protocol):
    """An emulator as the watchdog sees it."""

    @property
    def check_every(self) -> float:
        """Real seconds between two looks."""

    def check_progress(self, now: float) -> None:
        """End what has been in flight for too long, by ``Watchdog.time``; takes the baton itself."""

    def fail(self, error: BaseException) -> None:
        """``check_progress``, or the watchdog itself, raised ``error``: whoever waits hears of it; takes the baton
        itself."""


class Watchdog:
    """One thread that looks at every emulator of the process from time to time. What a look raises belongs to the
    emulator that was looked at, what the thread raises by itself to all of them.

    ``time`` is what patience is measured by: real seconds, less those by which its looks came late. A machine that is
    suspended or overloaded keeps the watchdog waiting as it does handlers, so they have as many looks as ever.
    """

    def __init__(self, monotonic: Callable[[], float] = real.monotonic) -> None:
        self._monotonic: Final = monotonic
        self._begin()
        forks.tell(self)

    def _begin(self) -> None:
        self._missed = 0.0
        self._watched: weakref.WeakSet[Watched] = weakref.WeakSet()
        self._changed = threading.Condition()
        self._started = False
        self._pause: float | None = None
        """Until the next look, if there will be one without a call."""

    def after_fork(self) -> None:
        """See ``forks.Forked``: its thread is not here, nor is what it watched."""
        self._begin()

    def watch(self, emulator: Watched) -> None:
        """Look at ``emulator`` until it is forgotten."""
        with self._changed:
            self._watched.add(emulator)
            if not self._started:
                self._started = True
                thread = threading.Thread(target=self._live, name="fcemu-watchdog", daemon=True)
                Context().run(thread.start)
            elif self._pause is None or emulator.check_every < self._pause:
                self._pause = emulator.check_every
                self._changed.notify()  # else it looks soon enough: a suite makes an emulator for each test

    def forget(self, emulator: Watched) -> None:
        """Look at ``emulator`` no longer."""
        with self._changed:
            self._watched.discard(emulator)

    def time(self) -> float:
        """Real seconds in which this process could make progress."""
        return self._monotonic() - self._missed

    def _live(self) -> None:
        try:
            self._look()
        except BaseException as error:  # emulators that nobody watches would let their callers wait in silence
            with self._changed:
                self._started = False
                watched = list(self._watched)
            for one in watched:
                self._tell(one, error)

    def _look(self) -> None:
        looked, called = self._monotonic(), False
        while True:
            with self._changed:
                # The emulator that called may be gone already, as in a suite of short tests: it looks on all the same,
                # so that the next one need not call, which would wake this thread for each test.
                for_none = self._pause if called else None
                pause = self._pause = min((one.check_every for one in self._watched), default=for_none)
                called = self._changed.wait(pause)
                watched = list(self._watched)
            now = self._monotonic()
            if pause is not None:
                self._missed += max(0.0, now - looked - pause)
            looked = now
            for one in watched:
                self._look_at(one)

    def _look_at(self, one: Watched) -> None:
        """Look at one emulator; the others are looked at whatever comes of that."""
        try:
            one.check_progress(self.time())
        except BaseException as error:  # a defect, or a runtime that fails: it must not end the only watchdog there is
            self._tell(one, error)

    def _tell(self, one: Watched, error: BaseException) -> None:
        try:
            one.fail(error)
        except BaseException:  # the other emulators still need their watchdog
            _LOG.exception("the watchdog could not report %r to an emulator", error)


WATCHDOG: Final = Watchdog()


class Progressing(Protocol):
    """What takes steps. Without a new one there is no progress."""

    steps: int


class Patience:
    """The patience of a caller who waits: it is over when ``seconds`` of the watchdog's time have passed without a step
    of ``progress``. It begins anew while ``is_debugged()``."""

    def __init__(self, progress: Progressing, seconds: float, is_debugged: Callable[[], bool]) -> None:
        self._progress: Final = progress
        self._seconds: Final = seconds
        self._is_debugged: Final = is_debugged
        self._seen = progress.steps
        self._since = WATCHDOG.time()

    def is_over(self) -> bool:
        """To be asked again and again, more often than twice in ``seconds``."""
        steps, now = self._progress.steps, WATCHDOG.time()
        # Whether a debugger is there is asked late, as ``debugged`` is a risk.
        if steps != self._seen or (now - self._since > self._seconds / 2 and self._is_debugged()):
            self._seen, self._since = steps, now
        return now - self._since > self._seconds


def pause_between_looks(watchdog: timedelta, grace: timedelta) -> float:
    """How often to look, so that nothing is noticed much later than its time."""
    pause = min(watchdog.total_seconds() / _CHECKS_PER_PERIOD, max(grace.total_seconds() / 4, 0.01), 1.0)
    return max(pause, _SHORTEST_PAUSE)


def debugged() -> bool:
    """Whether a debugger is attached, which stops handlers for as long as its user thinks. Coverage is none.

    A debugger is tool 0 of ``sys.monitoring``, a trace function of ``bdb`` or ``pydevd``, also of one thread only, or
    a thread that is inside one, at its prompt. To be asked only when something has taken long already: it looks into
    the frames of threads that run, and CPython 3.11 does not always survive that.
    """
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is not None and monitoring.get_tool(monitoring.DEBUGGER_ID) is not None:
        return True
    if any(_is_debuggers(trace) for trace in (sys.gettrace(), threading.gettrace())):
        return True
    return "bdb" in sys.modules and any(map(_is_debugged, list(sys._current_frames().values())))


def _is_debuggers(trace: object) -> bool:
    """Whether a trace function belongs to a debugger; a subclass of ``bdb.Bdb`` may live anywhere."""
    owner = getattr(trace, "__self__", trace)
    modules = [getattr(trace, "__module__", None), *(kind.__module__ for kind in type(owner).__mro__)]
    return any(module is not None and module.partition(".")[0] in DEBUGGERS for module in modules)


def _is_debugged(frame: FrameType | None) -> bool:
    """Whether a debugger traces this frame or one that called it, or is one of them.

    The thread goes on meanwhile, so that a frame may have ended: CPython 3.11 then shows something else in its place.
    """
    while isinstance(frame, FrameType):
        if frame.f_globals.get("__name__") in DEBUGGERS:
            return True
        if frame.f_trace is not None and _is_debuggers(frame.f_trace):
            return True
        frame = frame.f_back
    return False
