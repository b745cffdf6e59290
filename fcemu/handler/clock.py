"""The protocols of the clock, the threads and the locks of a running attempt, and what ends it: ``Abandoned``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Abandoned(BaseException):
    """Raised inside a handler whose attempt is over: its timeout struck, it was stopped, or the emulator closed.

    A ``BaseException``, so that ``except Exception`` in a handler does not swallow it; ``finally`` blocks run.
    """


class Waiting(Protocol):
    """One virtual wait of one thread."""

    def wait(
        self,
        seconds: float | None,
        block: Callable[[], object] | None = None,
        rouse: Callable[[], object] | None = None,
    ) -> bool:
        """Park until released or until ``seconds`` of virtual time have passed (``None``: for ever); whether released.

        ``block`` and ``rouse``: it waits for something real as well. ``block`` waits in the thread until that has
        happened or ``rouse`` was called on another. Then time moves past this wait only for an instant of its attempt.
        Raises ``Abandoned`` when the attempt ends first. Called once, on the thread that made it.
        """

    def release(self) -> None:
        """What it waits for has happened. On any thread, any number of times, also before ``wait``."""


class Held(Protocol):
    """A lock for which a thread waits."""

    @property
    def key(self) -> int:
        """Which lock it is."""

    def is_free(self) -> bool:
        """Whether nobody has it."""

    def holder(self) -> int:
        """The identifier of the thread that has taken it; 0 for one that runs nothing of a handler."""


class HandlerClock(Protocol):
    """The virtual clock as one attempt sees it. Every method is called on the attempt's own threads."""

    def now(self) -> datetime:
        """Virtual time, aware, UTC. Raises ``Abandoned`` never."""

    def elapsed_ns(self) -> int:
        """Virtual nanoseconds since the emulator's start, for ``monotonic`` and ``perf_counter``."""

    def sleep(self, seconds: float) -> None:
        """Park until ``seconds`` of virtual time have passed; 0 and less return at once.

        Raises ``Abandoned`` when the attempt ends first, and at once when it has ended already.
        """

    def waiting(self) -> Waiting | None:
        """A virtual wait of this thread that somebody may end early; ``None`` on a thread that is no strand."""

    def wait_for_lock(self, lock: Held, seconds: float | None) -> float | None:
        """Park for a lock whose holder is parked, until it is free or ``seconds`` of virtual time have passed.

        ``None``: look at the lock again. A number: nothing virtual keeps it from being freed, so wait for it really, so
        many seconds at most, before asking again; ``inf``: this thread's waits for locks are real altogether. Raises
        ``Abandoned`` when the attempt ends first.
        """

    def strand(self) -> HandlerStrand:
        """Another thread or work item begins: from now until its ``end`` the clock waits for it, too.

        Raises ``Abandoned`` when the attempt has ended.
        """

    def io_grace(self) -> float:
        """Real seconds that an event loop may wait for its sockets before it jumps."""

    def chooses(self) -> Callable[[int], int] | None:
        """What chance is asked by which of so many tasks that wake at the same instant goes on first, counted from 0;
        ``None``: always the first."""

    def prepare(self, seconds: float) -> None:
        """The instance gets ready for its first attempt, which takes so many virtual seconds at most, until
        ``begin_handler``. The function's timeout counts from there (timers-and-instances §3.5)."""

    def begin_handler(self) -> None:
        """What was prepared is ready: the handler starts, and the function's timeout begins."""

    def warn(self, text: str, *, once: bool = False) -> None:
        """Record something a user should know of in the journal, e.g. that a loop jumped over pending I/O.

        ``once``: not again in the same attempt."""


class HandlerStrand(HandlerClock, Protocol):
    """A thread or work item that a handler started, and the clock that it reads."""

    def begin(self) -> None:
        """Its code starts, on the calling thread."""

    def end(self) -> None:
        """It has ended, or will never begin; repeatable."""

    def when_ended(self, waiting: Waiting) -> None:
        """Release ``waiting`` when this strand ends; at once if it has."""
