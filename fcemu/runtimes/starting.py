"""Computes how long a process may take until its first handler starts."""

from typing import Final

from fcemu.engine.ports import AttemptClock, Call

START_SECONDS: Final = 120.0
"""Real seconds in which a program must be ready. Source: runtimes §4.1, for custom runtimes."""


def rate_of(clock: AttemptClock) -> float:
    """Virtual seconds per real one, as the dial of a clock shows it."""
    return clock.dial().rate


def seconds_to_start(call: Call) -> float:
    """In virtual seconds: for its process, which starts in real time, and for its initializer."""
    return START_SECONDS * rate_of(call.clock) + call.function.initialization_timeout.total_seconds()
