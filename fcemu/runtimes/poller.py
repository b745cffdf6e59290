"""One thread that asks many children at once, so that short attempts need none of the engine's while they run."""

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Final, NamedTuple

from fcemu.engine.ports import Call
from fcemu.runtimes.children import Child, Gone
from fcemu.runtimes.timeshift.originals import Originals

PATIENCE: Final = 0.02
"""Real seconds after which an attempt is a long one: then a thread of its own attends to it."""
_EVENTS: Final = select.EPOLLIN | select.EPOLLONESHOT
_REAL: Final = Originals()


class Errand(NamedTuple):
    """One attempt. ``send`` begins it, and tells whether it could.

    ``soon`` is called when its child has answered or is gone; ``long`` when it takes its time, when the child says
    something else first, or when the attempt could not begin. Neither may wait.
    """

    child: Child
    call: Call
    send: Callable[[], bool]
    soon: Callable[[], object]
    long: Callable[[], object]


class Poller:
    """Runs errands on a thread of its own; ``add`` may be called on any thread and costs next to nothing."""

    def __init__(self) -> None:
        self._epoll: Final = select.epoll()
        self._wake: Final = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._new: Final[deque[Errand]] = deque()
        self._begun: Final[dict[int, tuple[Errand, float]]] = {}
        """By descriptor, with the real time of their begin, in that order."""
        self._sleeps = False
        self._closed = False
        self._thread: Final = threading.Thread(target=self._live, name="fcemu-poller", daemon=True)
        Context().run(self._thread.start)

    def add(self, errand: Errand) -> None:
        """Run ``errand``."""
        self._new.append(errand)
        if self._sleeps:
            self._sleeps = False
            os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """End the thread; what has begun is forgotten."""
        self._closed = True
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        self._epoll.close()
        os.close(self._wake)

    def _live(self) -> None:
        while not self._closed:
            while self._new:
                self._begin(self._new.popleft())
            self._sleeps = True
            seconds = 0.0 if self._new else PATIENCE if self._begun else -1
            ready = self._epoll.poll(seconds)
            self._sleeps = False
            for fd, _ in ready:
                if fd == self._wake:
                    os.eventfd_read(self._wake)
                elif fd in self._begun:
                    self._look_at(self._begun.pop(fd)[0])
            self._pass_on_what_is_long()

    def _begin(self, errand: Errand) -> None:
        if not errand.send():
            errand.long()
            return
        fd = errand.child.fileno()
        self._begun[fd] = (errand, _REAL.monotonic())
        try:
            self._epoll.modify(fd, _EVENTS)
        except FileNotFoundError:
            self._epoll.register(fd, _EVENTS)

    def _look_at(self, errand: Errand) -> None:
        try:
            answered = errand.child.has_answered(errand.call)
        except Gone:
            answered = True
        (errand.soon if answered else errand.long)()

    def _pass_on_what_is_long(self) -> None:
        now = _REAL.monotonic()
        while self._begun:
            fd, (errand, since) = next(iter(self._begun.items()))
            if now - since < PATIENCE:
                return
            del self._begun[fd]
            errand.long()
