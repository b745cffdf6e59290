"""The table of what is virtual and what stays real for handlers in other languages than Python."""

import subprocess
from typing import Final, NamedTuple

from fcemu.handler.system import PRELOADS
from fcemu.runtimes import faketime
from fcemu.runtimes.node import OLDEST, VARIABLE, node_command


class Found(NamedTuple):
    """A tool of this machine that such handlers need. ``wrong``: what to do, where it cannot be used."""

    name: str
    found: str
    wrong: str = ""


class Row(NamedTuple):
    """Reads and waits of one kind, and why they are real, if they are."""

    what: str
    why: str = ""


NODE: Final = (
    Row("`Date`, `Date.now()`, `Intl.DateTimeFormat` without a date, `console.time`"),
    Row("`performance.now()`, `performance.timeOrigin`, `process.hrtime()`, `process.uptime()`"),
    Row("`setTimeout`, `setInterval`, `timers/promises`, `AbortSignal.timeout`, `Atomics.wait` with a timeout"),
    Row("sockets, files, DNS, child processes, their own timeouts (`socket.setTimeout`)", "the outside is real"),
    Row("`performance.mark()` and `measure()`, HTTP `Date` headers", "Node.js reads these from inside"),
    Row("worker threads, `vm` contexts, child processes", "they have globals of their own"),
    Row("`Temporal.Now`", "Node.js 20 does not have it"),
)
PAUSED: Final = (
    Row("the time of day, however it is read, also in programs that it starts"),
    Row("sleeps, timeouts, monotonic clocks", "nothing could end the sleep of a program whose clock stands still"),
)
FLOWING: Final = (Row("the time of day, monotonic clocks, sleeps and timeouts", ""),)
BLIND: Final = (
    Row("everything in Go programs and in programs that are linked statically", "they ask the kernel themselves"),
    Row("everything where libfaketime is not installed", "nothing else reaches a program from outside"),
)


def rows() -> list[tuple[str, tuple[Row, ...]]]:
    """Of whom, and what is virtual and real there, for what this machine can run."""
    programs = [("programs on a paused clock", (*PAUSED, *BLIND)), ("programs on a flowing clock", (*FLOWING, *BLIND))]
    return [
        *([("Node.js handlers", NODE)] if node_command() else []),
        *(programs if faketime.library() else []),
    ]


def tools() -> list[Found]:
    """What this machine has for functions in other languages."""
    return [_node(), _faketime()]


def _node() -> Found:
    command = node_command()
    if command is None:
        return Found("node", f"not found, so nodejs* functions are refused; {VARIABLE} may name it")
    version = _version(command)
    if version is None:
        return Found("node", command, f"{command} does not report its version; install Node.js {OLDEST} or later")
    if version < OLDEST:
        return Found("node", f"{version}, {command}", f"nodejs* functions need Node.js {OLDEST} or later")
    return Found("node", f"{version}, {command}; handlers see virtual time")


def _version(command: str) -> int | None:
    """The first number of the version."""
    try:
        said = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
        return int(said.strip().removeprefix("v").partition(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _faketime() -> Found:
    found = faketime.library()
    if not PRELOADS:
        return Found("libfaketime", f"not used: {faketime.NO_PRELOADS}")
    if found is None:
        return Found(
            "libfaketime", "not found, so programs of custom runtimes see real time (Debian: apt install faketime)"
        )
    return Found("libfaketime", f"{found}; programs of custom runtimes see virtual time, except Go and static programs")
