"""The table of what stays real in a handler on purpose: ``fcemu doctor`` prints it, the docs list it, tests read it."""

from typing import Final

from fcemu.backends import FREEZEGUN, TIME_MACHINE
from fcemu.core.values import dataclass

PROCESS: Final = "process"
"""In a process of its own, where neither backend is."""
BOTH: Final = (FREEZEGUN, TIME_MACHINE)
ALWAYS: Final = (*BOTH, PROCESS)

ANYWHERE: Final = "anywhere"
BEFORE: Final = "in modules loaded before"
OUTSIDE: Final = "in modules loaded before, not below a code directory"
"""Before: before the time functions were replaced, e.g. a library that a test module imports."""


@dataclass(frozen=True, slots=True)
class RealOnPurpose:
    """One kind of read or wait that does not go by a handler's virtual time.

    ``reads``: the contract test's words for what it covers.
    """

    what: str
    where: str
    backends: tuple[str, ...]
    why: str
    reads: tuple[str, ...] = ()


TABLE: Final = (
    RealOnPurpose(
        "what code has kept of `datetime` and `time`: default arguments, class attributes, factories of dataclasses, "
        "pydantic and SQLAlchemy",
        BEFORE,
        (FREEZEGUN,),
        "fcemu replaces functions where they are defined and in modules, not where code has kept them",
        (
            "class attribute datetime.now",
            "class attribute time.time",
            "dataclass with default_factory=datetime.now",
            "dataclass with default_factory=time.time",
            "default argument datetime.now",
            "default argument time.time",
            "pydantic default_factory=datetime.now",
            "SQLAlchemy default=datetime.now",
        ),
    ),
    RealOnPurpose(
        "`from time import time, localtime, …`",
        OUTSIDE,
        (FREEZEGUN,),
        "fcemu replaces names only below code directories, because looking through all modules takes too long",
        (
            "from time import localtime",
            "from time import strftime",
            "from time import time",
        ),
    ),
    RealOnPurpose(
        "the zone, not the instant, of `from time import localtime, strftime`",
        OUTSIDE,
        BOTH,
        "the process decides the zone: the C library has one zone for all threads",
        ("from time import localtime", "from time import strftime"),
    ),
    RealOnPurpose(
        "`from time import monotonic, perf_counter, ctime, sleep`",
        OUTSIDE,
        BOTH,
        "time-machine leaves them alone, so fcemu replaces them in modules with either backend",
        ("from time import ctime", "from time import monotonic", "from time import perf_counter"),
    ),
    RealOnPurpose(
        "`monotonic`, `perf_counter`, `ctime`, `sleep` as default arguments and the like",
        BEFORE,
        BOTH,
        "and fcemu cannot replace what code has kept of a module",
        ("default argument time.monotonic",),
    ),
    RealOnPurpose(
        'NumPy: `datetime64("now")`',
        ANYWHERE,
        ALWAYS,
        "its compiled code asks the operating system",
        ("numpy datetime64('now')",),
    ),
    RealOnPurpose(
        "databases: `CURRENT_TIMESTAMP`, `now()`",
        ANYWHERE,
        ALWAYS,
        "the database asks the operating system",
        ("sqlite CURRENT_TIMESTAMP",),
    ),
    RealOnPurpose(
        "times of files",
        ANYWHERE,
        ALWAYS,
        "the file system sets them",
        ("os.stat of a new file",),
    ),
    RealOnPurpose(
        "`time.process_time`, `time.thread_time`, `clock_gettime` of any clock but `CLOCK_REALTIME` and "
        "`CLOCK_MONOTONIC`",
        ANYWHERE,
        ALWAYS,
        "they measure this process, or this machine",
        ("clock_gettime(CLOCK_BOOTTIME)", "time.process_time"),
    ),
    RealOnPurpose(
        '`time.timezone`, `time.tzname`, `strftime("%s")` of a `datetime`',
        ANYWHERE,
        BOTH,
        "they show the zone of the process, which differs from the handler's if the process does not run in UTC",
        ("datetime.strftime('%s')",),
    ),
    RealOnPurpose(
        "sleeps of threads that were not started with `threading.Thread`",
        ANYWHERE,
        ALWAYS,
        "nothing tells when such a thread ends; the timeline says so when one sleeps",
    ),
    RealOnPurpose(
        "`select`, `recv`, `multiprocessing` and pools of processes",
        ANYWHERE,
        ALWAYS,
        "they wait in C or for other processes, and the clock waits for them; while a handler sleeps, it waits "
        "`ioGraceSeconds` for a background thread, and the timeline says so",
    ),
    RealOnPurpose(
        "code in an empty `contextvars.Context`, tasks with a context of their own (`create_task(context=…)`), "
        "greenlets (gevent, eventlet)",
        ANYWHERE,
        BOTH,
        "nothing there tells which handler it belongs to; in a process all code is the handler's; the timeline says so "
        "when such code sleeps or such a task is made",
    ),
    RealOnPurpose(
        "waits of a uvloop loop that was made outside of handlers",
        ANYWHERE,
        BOTH,
        "libuv waits in C; for a loop of uvloop that a handler makes, asyncio's own runs, which is virtual; the "
        "timeline names either",
    ),
    RealOnPurpose(
        "`signal.alarm`, `signal.setitimer`",
        ANYWHERE,
        BOTH,
        "the operating system counts real time, so an alarm does not interrupt a virtual sleep; the timeline names "
        "it; in a process alarms are virtual",
    ),
    RealOnPurpose(
        "sockets and subprocesses",
        ANYWHERE,
        ALWAYS,
        "they are outside of this process",
    ),
    RealOnPurpose(
        "an event loop (asyncio, trio) with open sockets or pipes",
        ANYWHERE,
        ALWAYS,
        "the clock waits for them, `ioGraceSeconds` at most; then it jumps to its next timer, and the timeline says so",
    ),
)


def real_on_purpose(backend: str) -> tuple[RealOnPurpose, ...]:
    """What does not give virtual time in a handler with ``backend``, or with ``PROCESS``."""
    return tuple(one for one in TABLE if backend in one.backends)
