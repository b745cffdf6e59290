"""Leads the C functions that time-machine exchanges to the handler's clock, while attempts run.

While it travels, time-machine exchanges the C functions behind ``time.time``, ``datetime.now`` and their like, so that
whatever has kept one of them, whenever, is asked too. These functions take ``time_machine.traveller_stack[-1]`` and
call its ``time_ns``; they go back to the originals where there is none. So here they are exchanged while attempts run,
and the stack answers with the handler's clock in a handler, with the test's own journey outside, else with none.

Reads by name ask the clock before they come this way (``handler/time/``). Outside of handlers they do so while an
attempt runs, which costs each some 0.3 µs.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from fcemu.backends import follows_freezers
from fcemu.handler.locks import RealLock
from fcemu.handler.time.switch import CLOCK, now_ns
from fcemu.runtimes.timeshift import freezers


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


class TimeMachine:
    """What of time-machine is exchanged in this process."""

    def __init__(self, lock: RealLock) -> None:
        with _without(*(("pytest",) if follows_freezers() else ("pytest", "dateutil"))), freezers.lifted():
            import _time_machine as extension  # type: ignore[import-not-found]
            import time_machine
        self._extension: Final[Any] = extension
        self._module: Final[Any] = time_machine
        self._unpatch: Final = extension.unpatch
        self._running = 0
        self._lock: Final = lock
        self._travelling: Final = Stack(time_machine.traveller_stack)
        """Not empty while the test is on a journey."""

    def install(self) -> None:
        """Let our stack stand; repeatable."""
        if self._module.traveller_stack is not self._travelling:
            self._module.traveller_stack = self._travelling
            self._extension.unpatch = self._end_of_journey

    def uninstall(self) -> None:
        """Take it out again. A journey that the test is on goes on."""
        self._module.traveller_stack = list(self._travelling)
        self._extension.unpatch = self._unpatch

    def enter(self) -> None:
        """An attempt runs: exchange the C functions. Called with the lock held."""
        self._running += 1
        if self._running == 1:
            self._extension.patch()

    def leave(self) -> None:
        """It has ended; the last one exchanges them back, unless the test is on a journey. Called with the lock
        held."""
        self._running -= 1
        if not self._running and not self._travelling:
            self._unpatch()

    def _end_of_journey(self) -> None:
        """In place of ``unpatch``, which time-machine calls at the end of a test's last journey."""
        with self._lock:
            if not self._running:
                self._unpatch()


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Keep time-machine from importing what it can do without, where nothing else has imported it: pytest (0.05 s),
    whose plugin it is too, and dateutil, by which tests name instants."""
    kept_out = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(kept_out))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in kept_out:
            del sys.modules[name]
