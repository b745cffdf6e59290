"""This module finds the line of a user's code on which a thread is."""

import os
import sys
import threading
from types import FrameType


def line_of(thread: int) -> str | None:
    """Where a thread is now, as ``file:line in function``: its innermost line that is neither ours nor Python's own."""
    frame: FrameType | None = sys._current_frames().get(thread)
    innermost = None
    while frame is not None:
        file = frame.f_code.co_filename
        if not is_inside(file):
            return f"{file}:{frame.f_lineno} in {frame.f_code.co_name}"
        innermost = innermost or f"{file}:{frame.f_lineno} in {frame.f_code.co_name}"
        frame = frame.f_back
    return innermost


def stack_of(thread: int) -> list[str]:
    """The lines of a thread as ``line_of`` tells them, the outermost first, without those of the emulator."""
    frame: FrameType | None = sys._current_frames().get(thread)
    lines: list[str] = []
    while frame is not None:
        if not is_ours(frame.f_code.co_filename):
            lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}")
        frame = frame.f_back
    return lines[::-1]


def function_in(line: str) -> str:
    """The function that a line belongs to, as ``file in function``."""
    where, _, function = line.rpartition(" in ")
    return f"{where.rpartition(':')[0]} in {function}"


def place(line: str | None, code: str) -> str:
    """`` at`` a line as FC would write it: the code directory is ``/code``, so that journals do not name this
    machine."""
    if line is None:
        return ""
    if line.startswith(code):
        return f" at /code{line[len(code) :].replace(os.sep, '/')}"
    return f" at {line.replace(chr(92), '/').rpartition('/')[2]}"


_OURS = __file__.rpartition("/engine/")[0] or __file__.rpartition("\\engine\\")[0]
_PYTHON = os.path.dirname(threading.__file__ or "")


def is_ours(file: str) -> bool:
    """Whether a file is the emulator's, or part of Python's import system."""
    own = file.startswith(_OURS) and "templates" not in file[len(_OURS) :]
    return own or file.startswith("<frozen")


def is_inside(file: str) -> bool:
    """Whether a file is the emulator's or Python's own."""
    standard = bool(_PYTHON) and file.startswith(_PYTHON) and "site-packages" not in file
    return standard or is_ours(file)
