"""What fcemu uses of the operating system that not every system has, and what it uses instead.

``FCEMU_SYSTEM=portable`` hides all of it, so that what macOS and Windows do is tested on Linux, too. Each facility is a
constant, and a row of ``FACILITIES`` with the name of the constant; ``tests/test_systems.py`` finds every use of a
function of one system that no constant guards.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final, NamedTuple

VARIABLE: Final = "FCEMU_SYSTEM"
HIDDEN: Final = "portable"
IS_HIDDEN: Final = os.environ.get(VARIABLE) == HIDDEN
_LINUX: Final = sys.platform == "linux" and not IS_HIDDEN
_UNIX: Final = sys.platform != "win32" and not IS_HIDDEN

FORKS: Final = _LINUX
INHERITS: Final = _LINUX
EPOLL: Final = _LINUX
SHARED_FILES: Final = _LINUX
PROC: Final = _LINUX
PRELOADS: Final = _LINUX
DUMPS: Final = _LINUX
ALARMS: Final = _UNIX
LIMITS: Final = _UNIX
LOCKS: Final = _UNIX
SIGNALS: Final = _UNIX


NEW_GROUP: Final[int] = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""For ``Popen``: on Windows, Ctrl-C in a console ends the emulator alone, as a new session does elsewhere."""


class Facility(NamedTuple):
    """Something that not every system offers. ``instead``: what happens where it is missing."""

    name: str
    what: str
    used_for: str
    instead: str
    offered: bool


FACILITIES: Final = (
    Facility(
        "FORKS",
        "`os.fork`, and Unix sockets that pass open files",
        "one warm Python forks the instances of all Python functions with runtime `process`, and `fcemu mutate` forks "
        "a test suite for each run",
        "each instance starts a Python of its own, which takes some tenths of a second; `fcemu mutate` refuses where "
        "nothing can fork",
        FORKS,
    ),
    Facility(
        "INHERITS",
        "Unix sockets and pipes that a program inherits; `poll`, `eventfd` and `pidfd` that wait for them",
        "Python and Node.js children talk to the emulator, and programs write their output",
        "children connect to a port of 127.0.0.1 with a secret, and write their output into a temporary file",
        INHERITS,
    ),
    Facility(
        "EPOLL",
        "`epoll`",
        "the server's loop waits for many children at once, and the loops of trio wait in virtual time",
        "each attempt has a thread that waits for its child, and the loops of trio wait in real time",
        EPOLL,
    ),
    Facility(
        "SHARED_FILES",
        "`memfd`: files in memory that have no name",
        "children read the virtual time without asking for it",
        "a temporary file shows the time",
        SHARED_FILES,
    ),
    Facility(
        "PROC",
        "`/proc`, process groups and sessions",
        "fcemu finds a program's memory, its ports and all processes that it has started, and learns whether a thread "
        "computes or waits for something real",
        "the library psutil tells all this; on macOS it does not tell about threads, so the clock waits there for a "
        "background thread that waits for something real",
        PROC,
    ),
    Facility(
        "PRELOADS",
        "`LD_PRELOAD`",
        "libfaketime gives virtual time to programs of custom runtimes",
        "these programs see real time",
        PRELOADS,
    ),
    Facility(
        "DUMPS",
        "real-time signals on which a process writes where its threads are",
        "a message about a stuck Python handler in a process names the line",
        "the message names no line",
        DUMPS,
    ),
    Facility(
        "ALARMS",
        "`signal.setitimer`, `signal.pthread_kill`",
        "alarms of handlers in processes count virtual time",
        "alarms count real time, where the system has any",
        ALARMS,
    ),
    Facility(
        "LIMITS",
        "the module `resource`",
        "a Python process cannot allocate much more memory than `memorySize`, and a server can have more files open",
        "a process is ended once it has more memory than `memorySize`; the number of open files stays as it is",
        LIMITS,
    ),
    Facility(
        "LOCKS",
        "`flock`",
        "fcemu recognises temporary directories that a killed emulator left behind",
        "the library filelock locks them",
        LOCKS,
    ),
    Facility(
        "SIGNALS",
        "signal handlers of event loops; `SIGTSTP`, `SIGHUP` and other signals of a terminal",
        "`fcemu serve` ends on a signal, and `fcemu exec` passes signals on to its program",
        "`fcemu serve` and `fcemu exec` handle SIGINT and SIGTERM with Python's module `signal` alone",
        SIGNALS,
    ),
)
