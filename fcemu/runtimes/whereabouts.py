"""Finds the line of its code at which the handler in a child is: the child's Python writes it when asked."""

import os
import re
import signal
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from fcemu.handler.system import DUMPS
from fcemu.handler.time.originals import Originals

_PATIENCE: Final = 2.0
"""Real seconds that a child has to write."""
_PAUSE: Final = 0.001
_THREAD: Final = re.compile(r"^(?:Thread|Current thread) 0x", re.MULTILINE)
_FRAME: Final = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)
_WHOLE: Final = ('python_main.py", line ', "  ...\n")
"""How the last line of what is written begins or ends: the bottom of the first thread, or that there is more."""
_OURS: Final = f"{Path(__file__).parents[1]}{os.sep}"
_TEMPLATES: Final = f"{_OURS}templates{os.sep}"
_PARKED: Final = f"{os.sep}child{os.sep}parking.py"
_REAL: Final = Originals()


class Lookout(NamedTuple):
    """How to ask a child: the signal to send, and the number of its descriptor to which it then writes."""

    signal: int
    fd: int


class _Place(NamedTuple):
    line: str
    parked: bool


def line_in(process: int, pid: int, lookout: Lookout) -> str:
    """Where the handler of a child is, as ``file:line in function``: its innermost line that is neither ours nor
    Python's own, of the first of its threads that does not wait in virtual time. ``""`` where the child does not tell.

    ``process``: a descriptor of the process.
    """
    with suppress(OSError, ValueError):
        if DUMPS and _catches(pid, lookout.signal):
            return _line(_dump(process, pid, lookout))
    return ""


def _catches(pid: int, number: int) -> bool:
    """Whether the signal does not end it: another program may run there now."""
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", Path(f"/proc/{pid}/status").read_text("ascii"), re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


def _dump(process: int, pid: int, lookout: Lookout) -> str:
    with open(f"/proc/{pid}/fd/{lookout.fd}", "r+b", buffering=0) as file:
        file.truncate(0)
        if DUMPS:
            signal.pidfd_send_signal(process, lookout.signal)
        until = _REAL.monotonic() + _PATIENCE
        while _REAL.monotonic() < until:
            file.seek(0)
            text = file.read().decode(errors="replace")
            last = text[text.rfind("\n", 0, -1) + 1 :]
            if text.endswith("\n") and any(sign in last for sign in _WHOLE):
                return text
            _REAL.sleep(_PAUSE)
    return ""


def _line(dump: str) -> str:
    """From what ``faulthandler`` writes: the newest thread first, of each the innermost frame first."""
    places = [place for thread in reversed(_THREAD.split(dump)[1:]) if (place := _place(thread)) is not None]
    chosen = next((place for place in places if not place.parked), places[0] if places else None)
    return "" if chosen is None else chosen.line


def _place(thread: str) -> _Place | None:
    parked = False
    for file, line, function in _FRAME.findall(thread):
        if not _is_inside(file):
            return _Place(f"{file}:{line} in {function}", parked)
        parked = parked or file.endswith(_PARKED)
    return None


def _is_inside(file: str) -> bool:
    """Whether a file is ours or Python's, maybe that of another installation."""
    if file.startswith(_OURS):
        return not file.startswith(_TEMPLATES)
    standard = re.search(r"[/\\]lib[/\\]python3\.\d+[/\\]", file, re.IGNORECASE) is not None
    standard = standard or file.startswith(sysconfig.get_path("stdlib"))
    return file.startswith("<frozen") or (standard and "site-packages" not in file and "dist-packages" not in file)
