"""A fork copies a process without its threads; this module tells what lives by threads that it is in a new process."""

import os
from typing import Final, Protocol
from weakref import WeakSet


class ForkedError(RuntimeError):
    """An emulator was used in a process that was forked from its own."""

    def __init__(self) -> None:
        super().__init__(
            "emulators do not survive a fork: the clock and the threads of this one are in the process that made it. "
            "Reach it from here over HTTP, by its url, or make another emulator in this process; where a pool of "
            "processes forked, a test can use threads, or the start method 'spawn'"
        )


class Forked(Protocol):
    """Something that has to be changed in a forked process."""

    def after_fork(self) -> None:
        """Called in the new process, on its only thread."""


_THERE: Final[WeakSet[Forked]] = WeakSet()


def tell(thing: Forked) -> None:
    """Call ``thing.after_fork`` in processes that are forked from this one."""
    _THERE.add(thing)


def _tell_all() -> None:
    for thing in list(_THERE):
        thing.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tell_all)
