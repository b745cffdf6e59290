"""Chooses which of time-machine and freezegun this process takes notice of, without importing either."""

import importlib.util
import os
import re
from functools import cache
from pathlib import Path
from typing import Final

AUTO: Final = "auto"
FREEZEGUN: Final = "freezegun"
TIME_MACHINE: Final = "time-machine"
WORDS: Final = (AUTO, FREEZEGUN, TIME_MACHINE)
VARIABLE: Final = "FCEMU_BACKEND"
_asked = ""
_follows_freezers = True
_OLDEST: Final = (3, 3)
"""The first time-machine whose patched functions look up the current traveller, which is how ours gets asked."""


def choose(asked: str) -> str:
    """The same as ``backend_for``, and from now on what this process takes, whatever its variables say."""
    global _asked
    chosen = backend_for(asked)
    _asked = asked
    return chosen


def follow_no_freezers() -> None:
    """From now on this process does not import freezegun: it runs one of fcemu's commands, and no tests."""
    global _follows_freezers
    _follows_freezers = False


def follows_freezers() -> bool:
    """Whether tests of this process may freeze its time by freezegun."""
    return _follows_freezers


def backend_for(asked: str = "") -> str:
    """``"freezegun"`` or ``"time-machine"``, as ``asked``, chosen or said by ``FCEMU_BACKEND``; else what is installed.

    Raises ``ValueError`` for any other word, and for time-machine where it is missing or too old.
    """
    word = asked or _asked or os.environ.get(VARIABLE) or AUTO
    source = "fcemu_backend" if asked or _asked else VARIABLE
    if word not in WORDS:
        raise ValueError(f"{source}: expected {', '.join(WORDS[:-1])} or {WORDS[-1]}, got {word!r}")
    if word == FREEZEGUN:
        return FREEZEGUN
    missing = _why_not_time_machine()
    if missing is None:
        return TIME_MACHINE
    if word == TIME_MACHINE:
        raise ValueError(f"{source}: {missing}; pip install 'fcemu[time-machine]', or write {FREEZEGUN}")
    return FREEZEGUN


def _version_installed(module: str) -> str | None:
    """The version of the time-machine that has this file: that of the directory which an installer puts beside it.
    ``importlib.metadata`` takes 4 ms to be imported, and is asked where there is none."""
    beside = Path(module).parent.parent.glob("time_machine-*.dist-info")
    if (told := next(beside, None)) is not None:
        return told.name.removesuffix(".dist-info").partition("-")[2]
    from importlib import metadata

    try:
        return metadata.version("time-machine")
    except metadata.PackageNotFoundError:
        return None


@cache
def _why_not_time_machine() -> str | None:
    """Why this process cannot use time-machine. It asks several times, and a look at what is installed takes 1 ms."""
    found = importlib.util.find_spec("time_machine")
    version = None if found is None else _version_installed(found.origin or "")
    if version is None:
        return "time-machine is not installed"
    if tuple(int(number) for number in re.findall(r"\d+", version)[:2]) < _OLDEST:
        return f"time-machine {version} is too old; fcemu needs {'.'.join(map(str, _OLDEST))} or later"
    return None
