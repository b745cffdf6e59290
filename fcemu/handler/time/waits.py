"""Lets conditions, and all that is built on them, wait in virtual time inside a handler.

``Event``, ``Semaphore``, ``Barrier``, ``queue.Queue``, ``Future`` and ``Timer`` wait in ``Condition.wait``; who wakes
them does so through the condition's own list of waiters, so ``notify`` stays the standard library's.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from fcemu.handler.clock import Waiting
from fcemu.handler.debuggers import debugger_waits
from fcemu.handler.time.locks import take_again
from fcemu.handler.time.originals import Originals
from fcemu.handler.time.switch import AFTER_PARK, BEFORE_PARK, CLOCK, outside


def wait_in(waiting: Waiting, seconds: float | None, *real: Callable[[], object]) -> bool:
    """``waiting.wait(seconds, *real)``; other code runs in this process meanwhile."""
    for leave in BEFORE_PARK:
        leave()
    try:
        return waiting.wait(seconds, *real)
    finally:
        for resume in AFTER_PARK:
            resume()


def waiting_condition(original: Callable[..., bool]) -> Callable[..., bool]:
    """``Condition.wait``."""

    def wait(self: Any, timeout: float | None = None) -> bool:
        clock = CLOCK.get()
        if clock is None or (timeout is not None and timeout <= 0):
            return original(self, timeout)
        if debugger_waits(sys._getframe(1)):
            return bool(outside(original, self, timeout))
        if not self._is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        waiting = clock.waiting()
        if waiting is None:
            return original(self, timeout)
        self._waiters.append(waiting)
        state = self._release_save()
        released = False
        try:
            released = wait_in(waiting, timeout)
            return released
        finally:
            take_again(self, state)
            if not released and waiting in self._waiters:
                self._waiters.remove(waiting)

    wait.__doc__ = original.__doc__
    return wait


def monotonic_of(real: Originals) -> Callable[[], float]:
    """``time.monotonic`` for modules that measure their waits by it: virtual where they wait in virtual time, else
    real, a test's freezer or not, as these modules have it."""
    monotonic, current = real.monotonic, CLOCK.get

    def measured() -> float:
        clock = current()
        return float(monotonic()) if clock is None or clock.waiting() is None else clock.elapsed_ns() / 1e9

    return measured


def ticking_monotonic_of(real: Originals) -> Callable[[], float]:
    """The same for ``as_completed``, which asks in a loop until its time is more than up: a nanosecond more each time
    that a thread asks at one instant."""
    monotonic, current, asked = real.monotonic, CLOCK.get, threading.local()

    def measured() -> float:
        clock = current()
        if clock is None or clock.waiting() is None:
            return float(monotonic())
        instant = clock.elapsed_ns()
        asked.times = asked.times + 1 if getattr(asked, "instant", None) == instant else 0
        asked.instant = instant
        return (instant + float(asked.times)) / 1e9

    return measured
