"""trio's loops in a handler jump over their waits, as asyncio's do."""

import sys
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from fcemu.engine.ports import Waiting
from fcemu.runtimes.timeshift.loops import RESOLUTION, jump_text
from fcemu.runtimes.timeshift.switch import CLOCK
from fcemu.runtimes.timeshift.waits import wait_in

_LONGEST = 86_400.0
"""trio's own bound of a wait without a deadline."""
_OWN_FILES = 1
"""By which other threads wake the loop."""


def jumping_events(original: Callable[..., Any]) -> Callable[..., Any]:
    """``get_events`` of trio's I/O manager on Linux."""

    def get_events(self: Any, timeout: float) -> Any:
        clock = CLOCK.get()
        waiting = None if clock is None or timeout <= 0 else clock.waiting()
        if clock is None or waiting is None:
            return original(self, timeout)
        files = len(self._registered) - _OWN_FILES
        ready = original(self, min(timeout, clock.io_grace()) if files > 0 else 0)
        if ready:
            return ready
        seconds = None if timeout >= _LONGEST else max(round(timeout, 6), RESOLUTION)
        wakeup = sys.modules["trio._core._run"].GLOBAL_RUN_CONTEXT.runner.entry_queue.wakeup
        _waiting[wakeup] = waiting
        try:
            ready = original(self, 0)  # what has come before it was known where the loop waits
            if ready:
                return ready
            if files > 0 and seconds is None:
                seen: list[Any] = []
                rouse = wakeup.wakeup_thread_and_signal_safe
                wait_in(waiting, None, lambda: seen.extend(original(self, _LONGEST)), rouse)
                return seen or original(self, 0)
            if files > 0 and seconds is not None:
                clock.warn(jump_text(seconds, files, 0))
            wait_in(waiting, seconds)
            return original(self, 0)
        finally:
            del _waiting[wakeup]

    return get_events


_waiting: Final[WeakKeyDictionary[Any, Waiting]] = WeakKeyDictionary()
"""Where the loops of handlers wait, by what other threads wake them with."""


def releasing_wakeup(original: Callable[[Any], None]) -> Callable[[Any], None]:
    """``wakeup_thread_and_signal_safe``, by which other threads wake a loop."""

    def wakeup_thread_and_signal_safe(self: Any) -> None:
        original(self)
        waiting = _waiting.get(self)
        if waiting is not None:
            waiting.release()

    return wakeup_thread_and_signal_safe
