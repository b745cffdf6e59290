"""Computes how long a process may take until its first handler starts."""

import os
import struct
from typing import Final

from fcemu.engine.ports import AttemptClock, Call

START_SECONDS: Final = 120.0
"""Real seconds in which a program must be ready. Source: runtimes §4.1, for custom runtimes."""
_RATE_AT: Final = 32
"""Where the dial has the rate (engine/dial.py)."""


def rate_of(clock: AttemptClock) -> float:
    """Virtual seconds per real one, as the dial of a clock shows it."""
    rate: float = struct.unpack("<d", os.pread(clock.dial(), 8, _RATE_AT))[0]
    return rate


def seconds_to_start(call: Call) -> float:
    """In virtual seconds: for its process, which starts in real time, and for its initializer."""
    return START_SECONDS * rate_of(call.clock) + call.function.initialization_timeout.total_seconds()
