"""Reads the emulator's clock from the memory that it shares with its children."""

from __future__ import annotations

import mmap
import os
import struct
from typing import Final

from fcemu.handler.time.originals import Originals

_FORM: Final = struct.Struct("<QqqqdQ")
"""As in ``engine/dial.py``."""
_LONGEST_SLEEP: Final = 1e9
_REAL: Final = Originals()


def nanoseconds(seconds: float) -> int:
    """Nanoseconds, in whole microseconds as in the emulator."""
    return round(min(seconds, _LONGEST_SLEEP) * 1e6) * 1000


class Dial:
    """The emulator's clock, read from shared memory."""

    def __init__(self, fd: int, ahead_ns: int = 0) -> None:
        """``fd`` is closed here. ``ahead_ns``: how much more this process's clock shows than the emulator's."""
        self._ahead: Final = ahead_ns
        self._page: Final = mmap.mmap(fd, _FORM.size, access=mmap.ACCESS_READ)
        os.close(fd)

    def _read(self) -> tuple[int, int, int, float]:
        while True:
            begun, epoch, start, real, rate, done = _FORM.unpack_from(self._page)
            if begun == done:
                return epoch, start, real, rate

    def _past(self, real: int, rate: float) -> int:
        """Virtual nanoseconds since the dial was written, in whole microseconds as in the emulator."""
        return int((_REAL.monotonic_ns() - self._ahead - real) * rate) // 1000 * 1000 if rate else 0

    def epoch_ns(self) -> int:
        """Virtual nanoseconds since 1970."""
        epoch, _, real, rate = self._read()
        return epoch + self._past(real, rate)

    def elapsed_ns(self) -> int:
        """Virtual nanoseconds since the emulator's start."""
        _, start, real, rate = self._read()
        return start + self._past(real, rate)

    def flows(self) -> bool:
        """Whether the clock runs by itself."""
        return self._read()[3] != 0

    def real_seconds_to(self, elapsed_ns: int) -> float | None:
        """Real seconds until ``elapsed_ns`` will be there; ``None`` while the clock is paused."""
        _, start, real, rate = self._read()
        return max(0.0, (elapsed_ns - start - self._past(real, rate)) / rate / 1e9) if rate else None
