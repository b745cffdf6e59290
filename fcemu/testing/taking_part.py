"""Which emulators took part in the test that runs now, whatever fixture, class or function has made them."""

import os
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol
from weakref import WeakSet

from fcemu import host
from fcemu.runtimes import last_words
from fcemu.testing.access import Access

_KEPT: Final = 20
"""Emulators of one test that are kept for its report although they were closed: the last ones."""


class Part(Protocol):
    """An emulator of a test: ``LocalEmulator``."""

    _sources: list[str]

    @property
    def _access(self) -> Access: ...
    def _seeded_token(self, test: str) -> str | None: ...

    def explain(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def shares_modules(self) -> bool: ...


class _Parts:
    """The emulators of this process, which has one test at a time."""

    def __init__(self) -> None:
        self.all: Final[WeakSet[Part]] = WeakSet()
        self.made: Final[deque[Part]] = deque(maxlen=_KEPT)
        self.count = 0
        self.facts_before: Final[dict[int, int]] = {}


_PARTS: Final = _Parts()


def join(emulator: Part) -> None:
    """An emulator was made. In a run of pytest it is kept until the end of the test, so that a report can tell of it
    after it was closed."""
    _PARTS.all.add(emulator)
    if "PYTEST_CURRENT_TEST" in os.environ:
        _PARTS.made.append(emulator)
        _PARTS.count += 1


def run_by(root: os.PathLike[str], stderr: int) -> None:
    """A test runner runs the tests below ``root``, relative to which paths are shown; ``stderr`` is a descriptor that
    it does not capture, for what ends the process."""
    host.relative_to(root)
    last_words.write_to(stderr)


def begin_test() -> None:
    """A test begins: what is made or used from now on takes part in it."""
    _forget_made()
    _PARTS.facts_before.clear()
    for one in list(_PARTS.all):
        _PARTS.facts_before[id(one)] = one._access.facts
        one._access.used = False


def of_test() -> tuple[Sequence[Part], int]:
    """The emulators that took part since the last ``begin_test``, in the order of their making, and how many more there
    were that are gone."""
    made = list(_PARTS.made)
    older = [one for one in list(_PARTS.all) if one not in made and _was_used(one)]
    return [*sorted(older, key=lambda one: one._access.order), *made], _PARTS.count - len(made)


def is_alone(emulator: Part) -> bool:
    """Whether no other emulator took part since the last ``begin_test``, and this one was made meanwhile."""
    return list(_PARTS.made) == [emulator] and of_test() == ([emulator], 0)


def _was_used(emulator: Part) -> bool:
    access = emulator._access
    return access.used or access.facts > _PARTS.facts_before.get(id(emulator), 0)


def end_test() -> None:
    """A test has ended: what it changed in emulators that outlive it is put back."""
    for one in list(_PARTS.all):
        if not one._access.closed:
            one._access.restore()
    _forget_made()


def _forget_made() -> None:
    _PARTS.made.clear()
    _PARTS.count = 0
