"""Waits for sockets, pipes and growing files at once: by ``select.poll``, or by what a system has instead of it."""

from __future__ import annotations

import os
import select
import selectors
import socket
import stat
from contextlib import suppress
from typing import Any, Final, Protocol, Union

from fcemu.handler.system import INHERITS
from fcemu.handler.time.originals import Originals

POLLIN: Final = 1
"""What ``poll`` is asked for: there is something to read. The same number wherever there is a ``select.poll``."""
_READABLE = POLLIN
if INHERITS:
    _READABLE = select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLNVAL
READABLE: Final = _READABLE
"""The events after which reading does not wait."""
_LOOK_SECONDS: Final = 0.02
"""Real seconds between two looks at files that may have grown."""
_REAL: Final = Originals()
_File = Union[int, Any]


class Poll(Protocol):
    """What ``select.poll`` gives, as far as it is used."""

    def register(self, file: _File, events: int, /) -> None:
        """Wait for this file, too."""

    def unregister(self, file: _File, /) -> None:
        """Wait for it no more. Raises ``KeyError`` for one that is not waited for."""

    def poll(self, milliseconds: float | None = None, /) -> list[tuple[int, int]]:
        """Wait until something can be read; the descriptors that can, each with what happened there."""


def new_poll() -> Poll:
    """Something that waits for files."""
    if INHERITS:
        return select.poll()
    return _Looks()


class _Looks:
    """Waits for sockets by ``selectors``, and looks at regular files from time to time."""

    def __init__(self) -> None:
        self._sockets: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)()  # they need no file
        self._files: Final[set[int]] = set()

    def register(self, file: _File, events: int) -> None:
        fd = file if isinstance(file, int) else file.fileno()
        if _is_regular(fd):
            self._files.add(fd)
        else:
            self._sockets.register(fd, selectors.EVENT_READ)

    def unregister(self, file: _File) -> None:
        fd = file if isinstance(file, int) else file.fileno()
        if fd in self._files:
            self._files.remove(fd)
        else:
            self._sockets.unregister(fd)

    def poll(self, milliseconds: float | None = None) -> list[tuple[int, int]]:
        until = None if milliseconds is None else _REAL.monotonic() + milliseconds / 1000
        while True:
            left = None if until is None else max(0.0, until - _REAL.monotonic())
            if self._files:
                left = _LOOK_SECONDS if left is None else min(left, _LOOK_SECONDS)
            ready = [fd for fd in self._files if _has_more(fd)]
            ready += self._readable_sockets(0 if ready else left)
            if ready or (until is not None and _REAL.monotonic() >= until):
                return [(fd, POLLIN) for fd in ready]

    def _readable_sockets(self, seconds: float | None) -> list[int]:
        if self._sockets.get_map():
            return [key.fd for key, _ in self._sockets.select(seconds)]
        _REAL.sleep(_LOOK_SECONDS if seconds is None else seconds)  # Windows selects from nothing only with an error
        return []


def _is_regular(fd: int) -> bool:
    with suppress(OSError):  # the number of a socket is no descriptor on Windows
        return stat.S_ISREG(os.fstat(fd).st_mode)
    return False


def _has_more(fd: int) -> bool:
    """Whether a regular file is longer than what was read of it."""
    return os.fstat(fd).st_size > os.lseek(fd, 0, os.SEEK_CUR)


class Bell:
    """Ends the wait of another thread in ``Poll.poll``: it can be read from ``ring`` until ``hush``."""

    def __init__(self) -> None:
        self._here, self._there = socket.socketpair()
        for end in (self._here, self._there):
            end.setblocking(False)

    def fileno(self) -> int:
        """What to wait for."""
        return self._here.fileno()

    def ring(self) -> None:
        """On any thread, any number of times."""
        with suppress(BlockingIOError):  # it rings already
            self._there.send(b".")

    def hush(self) -> None:
        """Forget that it rang."""
        with suppress(BlockingIOError):
            self._here.recv(4096)

    def close(self) -> None:
        """Give it back."""
        self._here.close()
        self._there.close()


class _EventBell:
    """A ``Bell`` that takes one file instead of two, by an ``eventfd``."""

    def __init__(self, fd: int) -> None:
        self._fd: Final = fd

    def fileno(self) -> int:
        return self._fd

    def ring(self) -> None:
        if INHERITS:
            os.eventfd_write(self._fd, 1)

    def hush(self) -> None:
        if INHERITS:
            with suppress(BlockingIOError):
                os.eventfd_read(self._fd)

    def close(self) -> None:
        os.close(self._fd)


AnyBell = Union[Bell, _EventBell]


def new_bell() -> AnyBell:
    """A bell that takes as few files as the system allows."""
    if INHERITS and hasattr(os, "eventfd"):  # Python 3.9 does not have it
        return _EventBell(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
    return Bell()
