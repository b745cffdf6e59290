"""One thread that waits for many children at once, so that short attempts need none of the engine's while they run."""

import os
import select
import threading
from collections.abc import Callable
from contextvars import Context
from typing import Final, NamedTuple

from fcemu.engine.ports import Call
from fcemu.runtimes.children import Child, Gone
from fcemu.runtimes.timeshift.originals import Originals

PATIENCE: Final = 0.02
"""Real seconds after which an attempt is a long one: then a thread of its own attends to it."""
_AWAKE: Final = 1.0
"""Real seconds that the thread looks at its clock by itself after the last attempt has begun."""
_REAL: Final = Originals()


class _Begun(NamedTuple):
    child: Child
    call: Call
    soon: Callable[[], object]
    long: Callable[[], object]
    since: float


class Poller:
    """Calls ``soon`` when a child has answered or is gone, ``long`` when it takes its time or says something else.

    Both are called on the poller's thread and must not wait. ``add`` may be called on any thread.
    """

    def __init__(self) -> None:
        self._epoll: Final = select.epoll()
        self._wake: Final = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._begun: Final[dict[int, _Begun]] = {}
        self._last = 0.0
        """When the last attempt began; 0 while the thread sleeps until it is woken."""
        self._closed = False
        self._thread: Final = threading.Thread(target=self._live, name="fcemu-poller", daemon=True)
        Context().run(self._thread.start)

    def add(self, child: Child, call: Call, soon: Callable[[], object], long: Callable[[], object]) -> None:
        """An attempt of ``child`` was begun."""
        fd, now = child.fileno(), _REAL.monotonic()
        self._begun[fd] = _Begun(child, call, soon, long, now)
        events = select.EPOLLIN | select.EPOLLONESHOT
        try:
            self._epoll.modify(fd, events)
        except FileNotFoundError:
            self._epoll.register(fd, events)
        if not self._last:
            os.eventfd_write(self._wake, 1)
        self._last = now

    def close(self) -> None:
        """End the thread; what has begun is forgotten."""
        self._closed = True
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        self._epoll.close()
        os.close(self._wake)

    def _live(self) -> None:
        while not self._closed:
            for fd, _ in self._epoll.poll(PATIENCE if self._last else -1):
                if fd == self._wake:
                    os.eventfd_read(self._wake)
                    self._last = self._last or _REAL.monotonic()
                elif (begun := self._begun.pop(fd, None)) is not None:
                    self._look_at(begun)
            self._pass_on_what_is_long()

    def _look_at(self, begun: _Begun) -> None:
        try:
            answered = begun.child.has_answered(begun.call)
        except Gone:
            answered = True
        (begun.soon if answered else begun.long)()

    def _pass_on_what_is_long(self) -> None:
        now = _REAL.monotonic()
        for fd, begun in list(self._begun.items()):
            if now - begun.since < PATIENCE:
                break
            if self._begun.pop(fd, None) is not None:
                begun.long()
        if not self._begun and now - self._last > _AWAKE:
            self._last = 0.0
            if self._begun:  # added meanwhile
                self._last = now
