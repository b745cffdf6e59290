"""Shows virtual time to programs in any language by libfaketime, where it is installed and the program lets it.

While the clock is paused, the time of day stands still at the emulator's, and moves with it; sleeps and monotonic
clocks are real, because nothing could end the sleeps of a program whose clock stands still. While it flows, all of them
flow with it. Which of the two is chosen when the program starts.
"""

import math
import mmap
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Final

from fcemu.engine.ports import AttemptClock
from fcemu.handler.system import PRELOADS
from fcemu.runtimes.starting import rate_of
from fcemu.scratch import Scratch

VARIABLE: Final = "FCEMU_FAKETIME"
"""The path of the library, if it is not where systems put it; ``off``: programs see real time."""
_NAMES: Final = ("libfaketimeMT.so.1", "libfaketimeMT.1.dylib")
_PLACES: Final = (
    "/usr/lib/*/faketime",
    "/usr/lib/faketime",
    "/usr/lib64/faketime",
    "/usr/local/lib/faketime",
    "/opt/homebrew/lib/faketime",
)
_PACKAGE: Final = "libfaketime"
"""What the extra ``faketime`` installs; the library that it brings lets the time of day be set, but not sleeps."""
_IN_PACKAGE: Final = "vendor/libfaketime/src/libfaketime.so.1"
_INSTALL: Final = (
    f"install libfaketime (Debian: apt install faketime; else pip install 'fcemu[faketime]'), or set {VARIABLE} to its "
    "libfaketimeMT.so.1"
)
NO_PRELOADS: Final = "fcemu gives other programs virtual time only on Linux"
_ANY_SECOND: Final = 2_000_000_000
_INTERPRETER: Final = 3
_UNSEEN_SECONDS: Final = 0.05
"""Real seconds by which the time that a program sees may be wrong where time flows."""


@cache
def library() -> str | None:
    """The path of the libfaketime on this machine that works, found out by a program that reads the time."""
    said = os.environ.get(VARIABLE)
    if said == "off" or not PRELOADS:
        return None
    found = [Path("/").glob(f"{place[1:]}/{name}") for place in _PLACES for name in _NAMES]
    paths = [said] if said else [*(str(path) for each in found for path in each), *_of_package()]
    return next(filter(_works, paths), None)


def _of_package() -> list[str]:
    package = find_spec(_PACKAGE)
    return [] if package is None or package.origin is None else [str(Path(package.origin).parent / _IN_PACKAGE)]


@cache
def _lets_sleep(path: str) -> bool:
    """Whether a libfaketime also replaces sleeps: some are made without."""
    with suppress(OSError):
        return b"\0clock_nanosleep\0" in Path(path).read_bytes()
    return False


def _works(path: str) -> bool:
    variables = {"LD_PRELOAD": path, "FAKETIME": str(_ANY_SECOND), "FAKETIME_FMT": "%s"}
    program = [sys.executable, "-I", "-S", "-c", "import time; print(int(time.time()))"]
    try:
        told = subprocess.run(program, env=variables, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return told.stdout.strip() == str(_ANY_SECOND)


def why_real(command: str, directory: str, rate: float = 0) -> str | None:
    """Why a program sees real time; ``None`` if it sees the emulator's, which has this rate."""
    if not PRELOADS:
        return NO_PRELOADS
    found = library()
    if found is None:
        return f"fcemu did not find libfaketime: {_INSTALL}"
    if rate not in (0, 1) and not _lets_sleep(found):
        return (
            f"{found} cannot run sleeps at {rate:g} times real speed, but Debian's version can (apt install faketime)"
        )
    file = which(os.path.join(directory, command) if os.sep in command else command)
    return None if file is None else _why_blind(Path(file))


def _why_blind(file: Path) -> str | None:
    """Why libfaketime does not reach a program: it replaces functions of the C library."""
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content[:4] != b"\x7fELF":
                return None
            if b".go.buildinfo" in _section_names(content):
                return "it is a Go program, which asks the kernel for the time itself"
            is_static = _INTERPRETER not in _segments(content)
    except (OSError, ValueError, IndexError):
        return None
    return "it is linked statically, so that its time functions cannot be replaced" if is_static else None


def _number(elf: mmap.mmap, at: int, size: int) -> int:
    return int.from_bytes(elf[at : at + size], "little" if elf[5] == 1 else "big")


def _is_wide(elf: mmap.mmap) -> bool:
    return elf[4] == 2


def _segments(elf: mmap.mmap) -> list[int]:
    """The kinds of the parts that the system loads; one names the loader of shared libraries, if there are any."""
    table, size, count = ((32, 8), 54, 56) if _is_wide(elf) else ((28, 4), 42, 44)
    start, step = _number(elf, *table), _number(elf, size, 2)
    return [_number(elf, start + index * step, 4) for index in range(_number(elf, count, 2))]


def _section_names(elf: mmap.mmap) -> bytes:
    """The names of all sections, one after the other; empty if there are none."""
    table, size, names = ((40, 8), 58, 62) if _is_wide(elf) else ((32, 4), 46, 50)
    start = _number(elf, *table)
    if not start:
        return b""
    section = start + _number(elf, size, 2) * _number(elf, names, 2)
    place, length = ((24, 8), (32, 8)) if _is_wide(elf) else ((16, 4), (20, 4))
    begin = _number(elf, section + place[0], place[1])
    return elf[begin : begin + _number(elf, section + length[0], length[1])]


class FakeTime:
    """The time of one program: a file that libfaketime reads at every call.

    Made just before the program starts.
    """

    def __init__(self, clock: AttemptClock, real_now: Callable[[], float] = time.monotonic) -> None:
        self._rate: Final = rate_of(clock)
        self._real_now: Final = real_now
        self._scratch: Final = Scratch("fcemu-time-")
        self._path: Final = os.path.join(self._scratch.path, "time")
        self._lock: Final = threading.Lock()
        self._closed = False
        self._shown = (-math.inf, 0.0)
        self.show(clock.now())

    @property
    def flows(self) -> bool:
        """Whether time passes for the program by itself, so that its sleeps are virtual."""
        return self._rate > 0 and _lets_sleep(library() or "")

    def environment(self) -> dict[str, str]:
        """What the program's environment needs; preloads that it has already come after ours."""
        found = library()
        assert found is not None, "why_real says so"
        before = os.environ.get("LD_PRELOAD")
        variables = {
            "LD_PRELOAD": f"{found}:{before}" if before else found,
            "FAKETIME_TIMESTAMP_FILE": self._path,
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_FMT": "%s",
        }
        return variables if self._rate else variables | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def show(self, now: datetime) -> None:
        """Let the program see this instant from now on, and later ones, where time flows.

        The library takes a time with a rate other than 1 for that of its next look at the file, so that the program
        lags behind by what passes until then; therefore nothing is written as long as time flows as it did.
        """
        with self._lock:
            if not self._closed:
                self._show(now)

    def _show(self, now: datetime) -> None:
        seconds, real = now.timestamp(), self._real_now()
        expected, since = self._shown
        if abs(seconds - (expected + (real - since) * self._rate)) <= _UNSEEN_SECONDS * self._rate:
            return
        self._shown = (seconds, real)
        if self._rate == 1:
            text = f"{seconds - time.time():+.6f}"
        else:
            text = f"@{seconds:.6f} x{self._rate:g}" if self._rate else f"{seconds:.6f}"
        beside = f"{self._path}.new"
        Path(beside).write_text(text + "\n", encoding="ascii")
        os.replace(beside, self._path)

    def close(self) -> None:
        """Remove the file; whatever is shown later goes nowhere."""
        with self._lock:
            self._closed = True
            self._scratch.close()
