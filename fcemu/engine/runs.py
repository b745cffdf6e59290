"""One attempt while it runs: the handler's clock, where it waits, and how it is ended from outside."""

import ctypes
import threading
from datetime import datetime
from typing import TYPE_CHECKING

from fcemu.core.functions import Function
from fcemu.core.invocation import Invocation
from fcemu.core.outcome import FunctionError, Halted, Ran
from fcemu.engine import real
from fcemu.engine.ports import Abandoned, Call, Finish

if TYPE_CHECKING:
    from fcemu.engine.dispatcher import Plan
    from fcemu.engine.instances import Place
    from fcemu.engine.movers import Movers

_GATE = threading.Lock()
"""Keeps an exception that is sent into a handler's thread from arriving after the handler has ended."""


class Run:
    """An attempt between its start and its end; the ``HandlerClock`` that its handler reads.

    The flags say whom the clock waits for: ``counted`` runs hold it; a run that is parked, that waits for an
    invocation it made (``calls``), or that the watchdog struck does not.
    """

    call: Call
    counted = False
    parked = False
    struck = False
    over = False
    left = False
    calls: Invocation | None = None
    verdict: Ran | None = None
    thread = 0
    _sent = False
    _in_engine = False
    _wake_up: "threading.Lock | None" = None

    def __init__(
        self, movers: "Movers", invocation: Invocation, plan: "Plan", place: "Place", started: datetime
    ) -> None:
        self.movers = movers
        self.invocation = invocation
        self.plan = plan
        self.place = place
        self.started = started
        self.deadline = started + plan.resolved.function.timeout
        self.since = real.monotonic()

    @property
    def function(self) -> Function:
        return self.call.function

    @property
    def number(self) -> int:
        return self.call.attempt

    # What the handler's context sees: ports.HandlerClock.

    def now(self) -> datetime:
        return self.movers.clock.now()

    def elapsed_ns(self) -> int:
        return self.movers.clock.elapsed_ns()

    def sleep(self, seconds: float) -> None:
        if self.verdict is not None or self.over:
            raise Abandoned
        if seconds > 0:
            with _GATE:
                self._in_engine = True
            try:
                self.movers.park(self, seconds)
            finally:
                self._in_engine = False

    def io_grace(self) -> float:
        return self.movers.io_grace.total_seconds()

    def exited(self) -> FunctionError:
        return self.movers.exited(self)

    def warn(self, text: str) -> None:
        with _GATE:
            self._in_engine = True
        try:
            self.movers.warn(self, text)
        finally:
            self._in_engine = False

    # What the movers do with it.

    def handle(self) -> Finish:
        """Run the handler on the calling thread, without the baton."""
        try:
            with _GATE:
                self.thread = threading.get_ident()
            self.since = real.monotonic()
            finish = self.place.instance.run(self.call)
            with _GATE:
                self.left = True
            if self._sent:
                for _ in range(1000):  # what was sent and not yet raised arrives here, not in the engine
                    pass
        except Abandoned:
            self.left = True
            return Finish(Halted("abandoned"), broken=True)
        return finish

    def interrupt(self) -> None:
        """Raise ``Abandoned`` in the handler's thread: ends a busy loop, not a call into C. Once at most.

        Never while that thread is in the engine, which would lose the baton; there it notices by itself.
        """
        with _GATE:
            if self.thread and not (self.left or self._sent or self._in_engine):
                self._sent = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread), ctypes.py_object(Abandoned))

    def wait(self) -> None:
        """Wait, without the baton, until ``wake`` is called."""
        assert self._wake_up is not None, "prepare_wait comes first"
        self._wake_up.acquire()

    def prepare_wait(self) -> None:
        """Called with the baton held before ``wait``, so that a wake-up cannot come too early."""
        if self._wake_up is None:
            self._wake_up = threading.Lock()
            self._wake_up.acquire()

    def wake(self) -> None:
        """Let the waiting thread go on."""
        self.since = real.monotonic()
        if self._wake_up is not None:
            self._wake_up.release()
