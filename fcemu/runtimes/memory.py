"""Watches how much memory a process has, and ends it when that is more than its function may have."""

import mmap
from collections.abc import Callable
from typing import Final

from fcemu.core.outcome import FunctionError, Ran
from fcemu.handler.system import PROC

_PAGE_KB: Final = mmap.PAGESIZE // 1024


def resident_kb(pid: int) -> int | None:
    """The resident memory of a process; ``None`` when it has ended."""
    if not PROC:
        return _resident_kb_by_psutil(pid)
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * _PAGE_KB
    except (OSError, IndexError):
        return None


def _resident_kb_by_psutil(pid: int) -> int | None:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss) // 1024
    except psutil.Error:
        return None


class MemoryWatch:
    """Ends a process that has more resident memory than its function may have; asked from time to time."""

    def __init__(self, pid: int, memory_mb: int, end: Callable[[], object]) -> None:
        self._pid: Final = pid
        self._limit_kb: Final = memory_mb * 1024
        self._end: Final = end
        self.struck = False

    def __call__(self) -> bool:
        """Look; whether the process was ended for its memory, now or before."""
        resident = resident_kb(self._pid)
        if resident is not None and resident > self._limit_kb and not self.struck:
            self.struck = True
            self._end()
        return self.struck

    def name(self, ended: Ran) -> Ran:
        """The outcome of an attempt whose process has ended; under FC's finer name, if it was for its memory."""
        if self.struck and isinstance(ended, FunctionError):
            return FunctionError(ended.error_type, ended.document, "FunctionOOMError")  # runtimes §5.2
        return ended
