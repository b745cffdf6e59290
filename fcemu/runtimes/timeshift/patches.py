"""All replacements of the emulator's process: puts them in force, repairs them, and puts the originals back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final
from weakref import WeakSet

from fcemu.backends import TIME_MACHINE
from fcemu.handler.locks import RealLock
from fcemu.handler.system import EPOLL
from fcemu.handler.time import locks, simple_queues, threads, uvloops
from fcemu.handler.time.builtin_classes import Functions, write_into_classes
from fcemu.handler.time.datetimes import class_functions
from fcemu.handler.time.originals import NAMES, Originals
from fcemu.handler.time.replacements import Patch, beside_names
from fcemu.handler.time.switch import AFTER_PARK, Outside, wrappers
from fcemu.runtimes.timeshift import freezers
from fcemu.runtimes.timeshift.real_waits import real_waits
from fcemu.runtimes.timeshift.time_machine import TimeMachine

_BUILT_IN: Final[list[Any]] = [locks, simple_queues, uvloops]
"""Modules that exchange methods of classes which are not written in Python, each by an ``install`` of its own."""
if EPOLL:
    from fcemu.handler.time import trio_loops

    _BUILT_IN.append(trio_loops)


class Patches:
    """All replacements of the process; there is one object of this class while they are in force."""

    def __init__(self, name: str, lock: RealLock) -> None:
        """``lock``: held by what calls ``enter`` and ``leave``."""
        kept = Originals()
        self.backend_name: Final = name
        self.time_machine: Final = TimeMachine(lock) if name == TIME_MACHINE else None
        made = wrappers(Outside(kept, freezers.FROZEN, freezers.FAKES))
        self._names: Final = [
            Patch(time, name, getattr(kept, name), made[name], freezers.FAKES.get(name)) for name in NAMES
        ]
        self._rest: Final = [
            *beside_names(kept, made),
            *real_waits(),
            *(() if self.time_machine else _time_machine_guards(self)),
        ]
        self._in_classes: Final = class_functions() | freezers.fake_functions()
        self._before: Final[Functions] = {(owner, name): vars(owner)[name] for owner, name in self._in_classes}
        self._monotonic_ns: Final = made["monotonic_ns"]
        self._in_place_of: Final = {
            id(old): patch.replacement for patch in self._names for old in (patch.original, patch.frozen) if old
        }
        self._originals: Final = {id(patch.replacement): patch.original for patch in self._names}
        self._adopted: Final[WeakSet[ModuleType]] = WeakSet()
        self.apply()
        write_into_classes(self._in_classes)
        AFTER_PARK.append(self.ensure)

    def apply(self) -> None:
        """Put everything in force but the functions in ``datetime``, which no freezer touches; repeatable."""
        for patch in (*self._names, *self._rest):
            patch.apply()
        freezers.ignore_ours()
        if self.time_machine:
            self.time_machine.install()
        for each in _BUILT_IN:
            each.install()
        for module in list(self._adopted):
            self._exchange(module, self._in_place_of)

    def ensure(self) -> None:
        """Replace again what a test's freezer has put back when it stopped. Cheap when nothing has changed."""
        threads.patch_late_modules()
        if time.monotonic_ns is not self._monotonic_ns:
            self.apply()

    def undo(self) -> None:
        """Put everything back; a freezer that is still active keeps what it needs."""
        AFTER_PARK.remove(self.ensure)
        for module in list(self._adopted):
            self._exchange(module, self._originals)
        for patch in (*self._names, *self._rest):
            patch.undo(is_frozen=bool(freezers.FROZEN))
        threads.undo_late_modules()
        for each in _BUILT_IN:
            each.uninstall()
        write_into_classes(self._before)
        if self.time_machine:
            self.time_machine.uninstall()
        freezers.ignore_ours_no_longer()

    def enter(self) -> None:
        """An attempt starts: repair, and exchange what costs everything else too much while none runs."""
        threads.patch_late_modules()
        if time.monotonic_ns is not self._monotonic_ns:
            self.apply()
        if self.time_machine is not None:
            self.time_machine.enter()

    def leave(self) -> None:
        """It has ended."""
        if self.time_machine is not None:
            self.time_machine.leave()

    def adopt(self, module: ModuleType) -> None:
        """Exchange what a module loaded earlier has bound by ``from time import …``."""
        self._adopted.add(module)
        self._exchange(module, self._in_place_of)

    def _exchange(self, module: ModuleType, by_id: dict[int, Any]) -> None:
        names = vars(module)
        for name, value in list(names.items()):
            other = by_id.get(id(value))
            if other is not None:
                names[name] = other

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """The original time functions stand in their module and classes."""
        for patch in self._names:
            patch.undo(is_frozen=bool(freezers.FROZEN))
        write_into_classes(self._before)
        try:
            yield
        finally:
            write_into_classes(self._in_classes)
            for patch in self._names:
                patch.apply()


def _time_machine_guards(patches: Patches) -> Iterator[Patch]:
    """time-machine rewrites the C structures of what it finds in ``time`` and ``datetime``: show it the originals."""
    try:
        with freezers.lifted():
            import _time_machine as extension  # type: ignore[import-not-found]
    except ImportError:
        return

    def guarded(original: Callable[[], None]) -> Callable[[], None]:
        def rewrite() -> None:
            with patches.lifted():
                original()

        return rewrite

    for name in ("patch", "unpatch", "patch_if_needed"):
        if hasattr(extension, name):
            original = getattr(extension, name)
            yield Patch(extension, name, original, guarded(original))
