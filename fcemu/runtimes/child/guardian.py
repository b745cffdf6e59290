"""The guardian program: ends what an emulator has started once its process is gone, and deletes its directories.

It also finds what a program has started. On stdin, lines: ``+123 MARK``, a program has begun as leader of its group,
with ``MARK`` in its environment; ``-123``, it has ended with all that it has started; ``~123``, a template, which ends
by itself unless it is stopped; ``[2f746d70``, a directory was made, its name in hexadecimal; ``]2f746d70``, it was
deleted. When stdin ends, the guardian ends what is left, and deletes the directories once no program can write to them.

It is started as a plain program, so it imports nothing of fcemu. Where the system has no ``/proc``, it asks psutil.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

VARIABLE = "FCEMU_INSTANCE"
"""Marks a program and all that it starts, also what leaves its process group."""
PROC = sys.platform == "linux" and os.environ.get("FCEMU_SYSTEM") != "portable"
"""As in ``handler/system.py``."""
_SHARED = "/dev/shm/"
_OF_FAKETIME = ("faketime_shm_{}", "sem.faketime_sem_{}")
"""Which libfaketime makes for a program, and leaves behind where that is killed."""


_PATIENCE_SECONDS = 10
"""Killed programs are gone in an instant, but for those that wait for a disk; then directories are deleted anyway."""


def main(lines: Iterable[str]) -> None:
    """Guard until the lines end."""
    programs: dict[int, str] = {}
    templates: set[int] = set()
    directories: set[bytes] = set()
    for line in lines:
        how, (name, _, mark) = line[0], line[1:].strip().partition(" ")
        if how == "[":
            directories.add(bytes.fromhex(name))
        elif how == "]":
            directories.discard(bytes.fromhex(name))
        elif how == "+":
            programs[int(name)] = mark
        elif how == "~":
            templates.add(int(name))
        else:
            programs.pop(int(name), None)
            templates.discard(int(name))
    if PROC:
        for pid in templates:
            with suppress(OSError):
                os.kill(pid, signal.SIGCONT)
    ended = set(templates)
    for group, mark in programs.items():
        ended |= end(group, mark)
    if directories:
        _delete(directories, ended)


def _delete(directories: Iterable[bytes], ended: Iterable[int]) -> None:
    import shutil  # where there is nothing to delete, a guardian starts and ends faster without it

    until = time.monotonic() + _PATIENCE_SECONDS
    while any(map(_runs, ended)) and time.monotonic() < until:
        time.sleep(0.01)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)
        with suppress(OSError):  # the lock of a directory is a file beside it, where directories cannot be locked
            os.unlink(directory)


def end(group: int, mark: str, shared: Iterable[str] = ()) -> set[int]:
    """Kill a process group and all that carries its mark, and remove the shared memory that nobody else has.

    ``shared``: names of shared memory that it was seen to have before. Returns the processes that were killed.
    """
    if not PROC:
        return _end_by_psutil(group, mark)
    names, known = set(shared), set[int]()
    while new := set(marked(mark)) - known:
        known |= new
        for pid in new:
            names.update(shared_by(pid))
        for pid in (-group, *new):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
    kill(group, mark)
    for name in _OF_FAKETIME:
        with suppress(OSError):
            os.unlink(_SHARED + name.format(group))
    if names:
        others = {name for pid in _processes() if pid not in known and pid != group for name in shared_by(pid)}
        for name in names - others:
            with suppress(OSError):
                os.unlink(name)
    return known | {group}


def kill(group: int, mark: str) -> None:
    """Kill a process group now; ``end`` finds what has left it. Without groups, a process and what it has started."""
    if PROC:
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)
        return
    import psutil

    process = _of(group, mark)
    if process is not None:
        with suppress(psutil.Error):
            for each in (*process.children(recursive=True), process):
                with suppress(psutil.Error):
                    each.kill()


def _end_by_psutil(first: int, mark: str) -> set[int]:
    """Kill a process, what it has started, and all that carries its mark."""
    import psutil

    killed = {first}
    while ending := [process for process in _tree(first, mark) if process.pid not in killed or process.pid == first]:
        for process in ending:
            killed.add(process.pid)
            with suppress(psutil.Error):
                process.kill()
        first = 0
    return killed


def _tree(first: int, mark: str) -> list["psutil.Process"]:
    """Processes that carry a mark, and all that these have started."""
    import psutil

    found = {process.pid: process for pid in (first, *marked(mark)) if pid and (process := _of(pid, mark)) is not None}
    for process in list(found.values()):
        with suppress(psutil.Error):
            found.update({each.pid: each for each in process.children(recursive=True)})
    return list(found.values())


def _of(pid: int, mark: str) -> "psutil.Process | None":
    """A process that carries a mark, or does not let its environment be read; another one may have the number now."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process if process.environ().get(VARIABLE) == mark else None
    except psutil.AccessDenied:
        return process
    except psutil.Error:
        return None


def marked(mark: str) -> Iterator[int]:
    """The processes that carry a mark, where the system tells, but for this one."""
    if not PROC:
        yield from _marked_by_psutil(mark)
        return
    wanted = f"{VARIABLE}={mark}\0".encode()
    for pid in _processes():
        with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
            if wanted in file.read() and pid != os.getpid():
                yield pid


def _marked_by_psutil(mark: str) -> Iterator[int]:
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(VARIABLE) == mark:
                yield process.pid


def shared_by(pid: int) -> Iterator[str]:
    """The files of shared memory that a process has mapped."""
    if not PROC:
        return
    with suppress(OSError), open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            _, found, name = line.rstrip("\n").partition(_SHARED)
            if found and not name.endswith(" (deleted)"):
                yield _SHARED + name


def _runs(pid: int) -> bool:
    """Whether a process has not ended yet; one that has ended may be kept until its parent has heard of it."""
    if not PROC:
        import psutil

        with suppress(psutil.Error):
            return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
        return False
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        pass
    if os.path.exists("/proc/self/stat"):
        return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _processes() -> list[int]:
    with suppress(OSError):
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return []


if __name__ == "__main__":
    main(sys.stdin)
