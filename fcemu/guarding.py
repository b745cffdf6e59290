"""Starts the guardian of this process, which ends programs and deletes directories that are left when this is gone."""

import atexit
import os
import subprocess
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from fcemu.handler.locks import RealLock
from fcemu.handler.system import NEW_GROUP, PROC

_GUARDS: Final = str(Path(__file__).parent / "runtimes" / "child" / "guardian.py")
_ENDS: Final = "-]"
"""How lines begin after which there is less to guard."""
_NO_SITE: Final = ("-S",) if PROC else ()
"""It starts faster without packages, of which it needs one where the system has no ``/proc``."""
_numbers: Final = count(1)


def new_mark() -> str:
    """What no other program that runs is marked with."""
    return f"{os.getpid()}-{next(_numbers)}"


class _Guardian:
    """A process, started with the first program or directory that is guarded: most emulators in tests need none."""

    def __init__(self) -> None:
        self._lock: Final = RealLock()  # garbage may be collected meanwhile, and tell of its directory
        self._process: subprocess.Popen[bytes] | None = None

    def tell(self, line: str) -> None:
        """One of the lines in ``child/guardian.py``. Starts the guardian where there is none and the line needs one."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                if line[0] in _ENDS:
                    return
                self._process = subprocess.Popen(
                    [sys.executable, "-I", *_NO_SITE, _GUARDS],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    creationflags=NEW_GROUP,
                )
            assert self._process.stdin is not None
            with suppress(OSError):  # somebody has killed it
                os.write(self._process.stdin.fileno(), f"{line}\n".encode())

    def end(self) -> None:
        """This process ends: what is left of its programs is killed now, and its directories are deleted."""
        with self._lock:
            if self._process is not None:
                self._process.communicate()


GUARDIAN: Final = _Guardian()
atexit.register(GUARDIAN.end)
