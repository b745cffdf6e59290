"""Numbers threads and pools without a name by instance, inside a handler, as in a process of its own."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from fcemu.runtimes.running import RUNNING

_PLACES: Final[tuple[tuple[Any, str, int], ...]] = ((threading, "_counter", 1), (ThreadPoolExecutor, "_counter", 0))
"""Whose numbers they are, where it keeps the function that gives the next one, and the first number."""


class Numbers:
    """In place of such a function. Outside of handlers ``original`` answers."""

    def __init__(self, original: Callable[[], int], first: int) -> None:
        self.original: Final = original
        self._first: Final = first

    def __call__(self) -> int:
        running = RUNNING.get()
        if running is None:
            return self.original()
        return next(running.environment.numbers.setdefault(self, itertools.count(self._first)))


def install() -> None:
    """Let handlers have numbers of their own."""
    for owner, name, first in _PLACES:
        setattr(owner, name, Numbers(getattr(owner, name), first))


def uninstall() -> None:
    """Undo ``install``."""
    for owner, name, _ in _PLACES:
        present = getattr(owner, name)
        if isinstance(present, Numbers):
            setattr(owner, name, present.original)
