"""Where a program writes its output, and how the emulator reads it: a pipe, or a temporary file."""

import os
import tempfile
from typing import Final

from fcemu.handler.system import INHERITS

PIPE_BYTES: Final = 1 << 20
"""The most that a pipe holds: after so many bytes all was read that was in it at the beginning."""
_FLAGS: Final = getattr(os, "O_BINARY", 0) | getattr(os, "O_TEMPORARY", 0)
"""On Windows: the bytes as they are, and the file goes when nobody has it open any more."""


def ends() -> tuple[int, int]:
    """Our end, which never waits, and the end that a program gets as its stdout and stderr; not inherited otherwise."""
    return _pipe() if INHERITS else _file()


def _pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    if INHERITS:
        os.set_blocking(reading, False)
    return reading, writing


def _file() -> tuple[int, int]:
    """A pipe cannot be waited for together with a socket on every system. What was written is in a file at once."""
    made, path = tempfile.mkstemp(prefix="fcemu-output-")
    os.close(made)  # Windows deletes no file that somebody has opened otherwise
    writing = os.open(path, os.O_WRONLY | os.O_APPEND | _FLAGS)
    reading = os.open(path, os.O_RDONLY | _FLAGS)
    if not hasattr(os, "O_TEMPORARY"):
        os.unlink(path)
    return reading, writing


def held(reading: int) -> int:
    """How many bytes have to be read, so that all is read that is there now."""
    return PIPE_BYTES if INHERITS else os.fstat(reading).st_size - os.lseek(reading, 0, os.SEEK_CUR)


def _read_file(reading: int, most: int) -> bytes:
    data = os.read(reading, most)
    if not data:
        raise BlockingIOError
    return data


read: Final = os.read if INHERITS else _read_file
"""What was written, up to so many bytes; nothing once no program has the other end of a pipe. Raises
``BlockingIOError`` where there is nothing now."""
