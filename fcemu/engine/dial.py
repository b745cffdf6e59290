"""The dial shows the clock's time in shared memory, where child processes read it without asking the emulator."""

import mmap
import os
import struct
import tempfile
import weakref
from typing import Final

FORM: Final = struct.Struct("<QqqqdQ")
"""A count, virtual nanoseconds since 1970 and since the emulator's start, the real monotonic nanoseconds at which they
were right, virtual seconds per real second, and the count again: the two differ while the dial is being written."""


class Dial:
    """A small file without a name. ``fd`` stays open until this object is closed, or lives no more."""

    def __init__(self) -> None:
        self.fd: Final = _nameless_file()
        self._page: Final = mmap.mmap(self.fd, FORM.size)
        self._close: Final = weakref.finalize(self, _close, self._page, self.fd)
        self._count = 0

    def close(self) -> None:
        """Give the file back; repeatable. What has mapped it keeps it."""
        self._close()

    def show(self, since_1970_ns: int, since_start_ns: int, real_ns: int, rate: float) -> None:
        """The clock was moved, or goes on at another rate."""
        self._count += 1
        count = struct.pack("<Q", self._count)
        self._page[FORM.size - 8 :] = count
        self._page[8 : FORM.size - 8] = struct.pack("<qqqd", since_1970_ns, since_start_ns, real_ns, rate)
        self._page[:8] = count


def _close(page: mmap.mmap, fd: int) -> None:
    page.close()
    os.close(fd)


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("fcemu-clock")
    else:
        fd, path = tempfile.mkstemp(prefix="fcemu-clock-")
        os.unlink(path)
    os.truncate(fd, FORM.size)
    return fd
