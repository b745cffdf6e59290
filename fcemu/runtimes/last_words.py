"""``os._exit`` inside an inline handler ends the test's process: a last line says which handler that was."""

import os
import sys
from types import FrameType
from typing import Final, NoReturn

from fcemu.runtimes.running import RUNNING

_OURS: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STDERR: Final = 2


class _Line:
    """Where the last line goes, and what ends the process."""

    fd = _STDERR
    exit = staticmethod(os._exit)
    process = 0


def write_to(fd: int) -> None:
    """Write the line to ``fd`` from now on: a test runner that captures puts a file in the place of the process's
    stderr, and that file goes with the process."""
    _Line.fd = fd


def install() -> None:
    """From now on, ``os._exit`` says which handler has called it."""
    if os._exit is not _exit:
        _Line.exit = os._exit  # type: ignore[assignment]  # it may be another one's
        _Line.process = os.getpid()
        os._exit = _exit


def uninstall() -> None:
    """Put ``os._exit`` back."""
    if os._exit is _exit:
        os._exit = _Line.exit


def _exit(status: int) -> NoReturn:
    running = RUNNING.get()
    if running is not None and os.getpid() == _Line.process:  # a process that the handler has forked may end
        line = (
            f"\nfcemu: the handler of {running.call.function.ref} has called os._exit({status}){_place()}, which ends "
            "this whole process, because inline handlers run in it; with runtime='process' it ends a process of its "
            "own\n"
        )
        try:
            os.write(_Line.fd, line.encode(errors="replace"))
        except OSError:
            os.write(_STDERR, line.encode(errors="replace"))
    _Line.exit(status)


def _place() -> str:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return "" if frame is None else f" at {frame.f_code.co_filename}:{frame.f_lineno}"
