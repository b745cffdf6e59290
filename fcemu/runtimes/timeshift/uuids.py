"""``uuid1`` in a handler carries virtual time: Python takes it from the C library, where nothing can be exchanged."""

import os
import uuid
from collections.abc import Callable
from typing import Any, Final

from fcemu.runtimes.timeshift.switch import CLOCK, now_ns

_TO_1582: Final = 0x01B21DD213814000
"""From 1582-10-15, where UUIDs count from, to 1970, in 100 ns."""
_CLOSE: Final = 10_000_000
_last = 0


def time_safe() -> tuple[Any, Any]:
    """``uuid._generate_time_safe``, and what to put there; where the C library has none, ``uuid`` asks ``time``."""
    original: Callable[[], tuple[bytes, int | None]] | None = uuid._generate_time_safe  # type: ignore[attr-defined]
    if original is None:
        return None, None

    def _generate_time_safe() -> tuple[bytes, int | None]:
        clock = CLOCK.get()
        given = original()
        if clock is None:
            return given
        return _at(now_ns(clock) // 100 + _TO_1582, uuid.UUID(bytes=given[0]).node), None

    return original, _generate_time_safe


def _at(stamp: int, node: int) -> bytes:
    """A paused clock stands still, and a clock starts anew with each test: ids of one instant count up, within 1 s."""
    global _last
    _last = _last + 1 if 0 <= _last - stamp < _CLOSE else stamp
    sequence = os.getpid() & 0x3FFF
    parts = (_last & 0xFFFFFFFF, _last >> 32 & 0xFFFF, _last >> 48 & 0x0FFF, sequence >> 8, sequence & 0xFF)
    return uuid.UUID(fields=(*parts, node), version=1).bytes
