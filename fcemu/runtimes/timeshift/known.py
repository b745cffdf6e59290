"""What stays real in a handler, on purpose, and why."""

from dataclasses import dataclass
from typing import Final

ANYWHERE: Final = "anywhere"
OUTSIDE: Final = "in modules loaded before, not below a code directory"


@dataclass(frozen=True, slots=True)
class RealOnPurpose:
    """One kind of read or wait that does not go by a handler's virtual time."""

    what: str
    where: str
    backends: tuple[str, ...]
    why: str


_BOTH: Final = ("freezegun", "time-machine")
TABLE: Final = (
    RealOnPurpose(
        "sleeps of threads that a handler starts itself", ANYWHERE, _BOTH, "the timeline says so when one begins"
    ),
    RealOnPurpose(
        "waits of threading, queue and concurrent.futures with a time-out",
        ANYWHERE,
        _BOTH,
        "another thread of this process ends them, and the clock waits for them",
    ),
    RealOnPurpose(
        "sockets, files, subprocesses and databases, their clocks included",
        ANYWHERE,
        _BOTH,
        "they are outside of this process",
    ),
    RealOnPurpose(
        "an event loop with sockets or an executor in use",
        ANYWHERE,
        _BOTH,
        "the clock waits for it, ioGraceSeconds at most; then it jumps, and the timeline says so",
    ),
    RealOnPurpose(
        "default arguments and classes made from datetime",
        OUTSIDE,
        _BOTH,
        "they hold what was there when they were made",
    ),
)


def real_on_purpose(backend: str) -> tuple[RealOnPurpose, ...]:
    """What does not give virtual time in a handler with ``backend``."""
    return tuple(one for one in TABLE if backend in one.backends)
