"""What stays real although a handler runs on virtual time, and why."""

from typing import Final, NamedTuple


class Real(NamedTuple):
    """One thing that is real on purpose."""

    what: str
    why: str


_REAL: Final = (
    Real("sleeps of threads that a handler starts itself", "the timeline says so when one begins"),
    Real(
        "waits of threading, queue and concurrent.futures with a time-out",
        "another thread of this process ends them, and the clock waits for them",
    ),
    Real("sockets, files, subprocesses and databases, their clocks included", "they are outside of this process"),
    Real(
        "an event loop with sockets or an executor in use",
        "the clock waits for it, ioGraceSeconds at most, then it jumps and the timeline says so",
    ),
    Real(
        "default arguments and classes made from datetime in modules that were imported before, outside the code "
        "directory",
        "they hold what was there when they were made",
    ),
)


def real_on_purpose() -> tuple[Real, ...]:
    """All that is real on purpose, for ``fcemu doctor`` and the documents."""
    return _REAL
