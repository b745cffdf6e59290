"""The dial shows the clock's time in shared memory, where child processes read it without asking the emulator."""

import mmap
import os
import struct
import tempfile
import weakref
from contextlib import suppress
from typing import Final

from fcemu.handler.system import SHARED_FILES

FORM: Final = struct.Struct("<QqqqdQ")
"""A count, virtual nanoseconds since 1970 and since the emulator's start, the real monotonic nanoseconds at which they
were right, virtual seconds per real second, and the count again: the two differ while the dial is being written."""


class Dial:
    """A small file. ``fd`` stays open until this object is closed, or lives no more. ``path``: its name where the
    system shares no files without one, else empty."""

    def __init__(self) -> None:
        self.fd, self.path = _new_file()
        self._page: Final = mmap.mmap(self.fd, FORM.size)
        self._close: Final = weakref.finalize(self, _close, self._page, self.fd, self.path, os.getpid())
        self.rate = 0.0
        self._count = 0

    def close(self) -> None:
        """Give the file back; repeatable. What has mapped it keeps it."""
        self._close()

    def show(self, since_1970_ns: int, since_start_ns: int, real_ns: int, rate: float) -> None:
        """The clock was moved, or goes on at another rate."""
        self.rate = rate
        self._count += 1
        count = struct.pack("<Q", self._count)
        self._page[FORM.size - 8 :] = count
        self._page[8 : FORM.size - 8] = struct.pack("<qqqd", since_1970_ns, since_start_ns, real_ns, rate)
        self._page[:8] = count


def _close(page: mmap.mmap, fd: int, path: str, owner: int) -> None:
    page.close()
    os.close(fd)
    if path and os.getpid() == owner:
        with suppress(OSError):  # a child that ends just now may still have it
            os.unlink(path)


def _new_file() -> tuple[int, str]:
    fd, path = _file_without_name() if SHARED_FILES else tempfile.mkstemp(prefix="fcemu-clock-")
    os.truncate(fd, FORM.size)
    return fd, path


def _file_without_name() -> tuple[int, str]:
    if SHARED_FILES:
        return os.memfd_create("fcemu-clock"), ""
    raise AssertionError("asked for where the system has none")
