"""Ends what the emulator has started when its process is gone, however it ended; and finds what a program has started.

On stdin, lines: ``+123 MARK``, a program has begun as the leader of its group, with ``MARK`` in its environment;
``-123``, it has ended with all that it has started; ``~123``, a template, which ends by itself as long as nobody has
stopped it. What is left when stdin ends is ended.

It is started as a plain program, so it imports nothing of fcemu.
"""

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress

VARIABLE = "FCEMU_INSTANCE"
"""Marks a program and all that it starts, also what leaves its process group."""
_SHARED = "/dev/shm/"
_OF_FAKETIME = ("faketime_shm_{}", "sem.faketime_sem_{}")
"""Which libfaketime makes for a program, and leaves behind where that is killed."""


def main(lines: Iterable[str]) -> None:
    """Guard until the lines end."""
    programs: dict[int, str] = {}
    templates: set[int] = set()
    for line in lines:
        number, _, mark = line[1:].strip().partition(" ")
        if line[0] == "+":
            programs[int(number)] = mark
        elif line[0] == "~":
            templates.add(int(number))
        else:
            programs.pop(int(number), None)
            templates.discard(int(number))
    for pid in templates:
        with suppress(OSError):
            os.kill(pid, signal.SIGCONT)
    for group, mark in programs.items():
        end(group, mark)


def end(group: int, mark: str, shared: Iterable[str] = ()) -> None:
    """Kill a process group and all that carries its mark, and remove the shared memory that nobody else has.

    ``shared``: names of shared memory that it was seen to have before.
    """
    names, known = set(shared), set[int]()
    while new := set(marked(mark)) - known:
        known |= new
        for pid in new:
            names.update(shared_by(pid))
        for pid in (-group, *new):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
    with suppress(OSError):
        os.killpg(group, signal.SIGKILL)
    for name in _OF_FAKETIME:
        with suppress(OSError):
            os.unlink(_SHARED + name.format(group))
    if names:
        others = {name for pid in _processes() if pid not in known and pid != group for name in shared_by(pid)}
        for name in names - others:
            with suppress(OSError):
                os.unlink(name)


def marked(mark: str) -> Iterator[int]:
    """The processes that carry a mark, where the system tells, but for this one."""
    wanted = f"{VARIABLE}={mark}\0".encode()
    for pid in _processes():
        with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
            if wanted in file.read() and pid != os.getpid():
                yield pid


def shared_by(pid: int) -> Iterator[str]:
    """The files of shared memory that a process has mapped."""
    with suppress(OSError), open(f"/proc/{pid}/maps", errors="surrogateescape") as file:
        for line in file:
            _, found, name = line.rstrip("\n").partition(_SHARED)
            if found and not name.endswith(" (deleted)"):
                yield _SHARED + name


def _processes() -> list[int]:
    with suppress(OSError):
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return []


if __name__ == "__main__":
    main(sys.stdin)
