"""The guardian of this process's programs: it ends them when this process is gone, forgotten at its end or killed."""

import atexit
import os
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

_GUARDS: Final = str(Path(__file__).with_name("child") / "guardian.py")
_numbers: Final = count(1)


def new_mark() -> str:
    """What no other program that runs is marked with."""
    return f"{os.getpid()}-{next(_numbers)}"


class _Guardian:
    """A process, started with the first program that is guarded."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def tell(self, line: str) -> None:
        """One of the lines in ``child/guardian.py``. Starts the guardian where there is none."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", _GUARDS],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            assert self._process.stdin is not None
            with suppress(OSError):  # somebody has killed it
                os.write(self._process.stdin.fileno(), f"{line}\n".encode())

    def end(self) -> None:
        """This process ends: what is left of its programs is killed now."""
        with self._lock:
            if self._process is not None:
                self._process.communicate()


GUARDIAN: Final = _Guardian()
atexit.register(GUARDIAN.end)
