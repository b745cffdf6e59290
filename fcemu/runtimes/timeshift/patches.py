"""What is replaced in this process, and how it is put back."""

import datetime
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final, Protocol
from weakref import WeakSet

from fcemu.backends import TIME_MACHINE
from fcemu.runtimes.timeshift import freezers, locks, simple_queues, threads, trio_loops, uvloops
from fcemu.runtimes.timeshift.originals import NAMES, Originals
from fcemu.runtimes.timeshift.real_waits import real_waits
from fcemu.runtimes.timeshift.replacements import Patch, beside_names
from fcemu.runtimes.timeshift.switch import AFTER_PARK, Outside, wrappers


class Backend(Protocol):
    """One of the two ways to ``datetime`` and ``date``; ``monotonic``, ``perf_counter`` and ``sleep`` need none."""

    @property
    def exchanged(self) -> Sequence[object]:
        """As ``Outside.exchanged``."""

    @property
    def travelling(self) -> Sequence[object]:
        """As ``Outside.travelling``."""

    @property
    def real(self) -> Mapping[str, Callable[..., Any]]:
        """As ``Outside.real``."""

    @property
    def classes(self) -> Sequence[tuple[str, Any, Any, Any]]:
        """Classes to replace in module ``datetime``: name, original, replacement, what freezegun puts there."""

    def register(self) -> None:
        """Put the rest in force; repeatable."""

    def unregister(self) -> None:
        """Put it back."""

    def enter(self) -> None:
        """An attempt starts."""

    def leave(self) -> None:
        """It has ended."""


def _backend(name: str) -> Backend:
    if name == TIME_MACHINE:
        from fcemu.runtimes.timeshift.time_machine_backend import TimeMachineBackend

        return TimeMachineBackend()
    from fcemu.runtimes.timeshift.freezegun_backend import FreezegunBackend

    return FreezegunBackend()


class Patches:
    """All replacements of the process; there is one object of this class while they are in force."""

    def __init__(self, name: str) -> None:
        kept = Originals()
        backend = self.backend = _backend(name)
        self.backend_name: Final = name
        made = wrappers(
            Outside(kept, freezers.FROZEN, freezers.FAKES, backend.exchanged, backend.travelling, backend.real)
        )
        times = [Patch(time, name, getattr(kept, name), made[name], freezers.FAKES.get(name)) for name in NAMES]
        classes = [Patch(datetime, *names) for names in backend.classes]
        self._monotonic_ns: Final = made["monotonic_ns"]
        self._datetime: Final = classes[0].replacement if classes else None
        self._names: Final = (*times, *classes)
        self._rest: Final = (
            *beside_names(kept, made),
            *real_waits(),
            *(() if name == TIME_MACHINE else _time_machine_guards(self)),
        )
        self._in_place_of: Final = {
            id(old): patch.replacement for patch in self._names for old in (patch.original, patch.frozen) if old
        }
        self._originals: Final = {id(patch.replacement): patch.original for patch in self._names}
        self._adopted: Final[WeakSet[ModuleType]] = WeakSet()
        self.apply()
        AFTER_PARK.append(self.ensure)

    def apply(self) -> None:
        for patch in (*self._names, *self._rest):
            patch.apply()
        self.backend.register()
        locks.install()
        simple_queues.install()
        trio_loops.install()
        uvloops.install()
        for module in list(self._adopted):
            self._exchange(module, self._in_place_of)

    def ensure(self) -> None:
        """Replace again what a test's freezer has put back when it stopped. Cheap when nothing has changed."""
        threads.patch_late_modules()
        ours = self._datetime
        if time.monotonic_ns is not self._monotonic_ns or (ours is not None and datetime.datetime is not ours):
            self.apply()

    def undo(self) -> None:
        AFTER_PARK.remove(self.ensure)
        for module in list(self._adopted):
            self._exchange(module, self._originals)
        for patch in (*self._names, *self._rest):
            patch.undo(is_frozen=bool(freezers.FROZEN))
        threads.undo_late_modules()
        locks.uninstall()
        simple_queues.uninstall()
        trio_loops.uninstall()
        uvloops.uninstall()
        self.backend.unregister()

    def adopt(self, module: ModuleType) -> None:
        """Exchange what a module loaded earlier has bound by ``from time import …`` or ``from datetime import …``."""
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
        """The original time functions and classes stand in their modules."""
        for patch in self._names:
            patch.undo(is_frozen=bool(freezers.FROZEN))
        try:
            yield
        finally:
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
