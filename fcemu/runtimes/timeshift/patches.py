"""What is replaced in this process, and how it is put back."""

import asyncio
import asyncio.selector_events
import concurrent.futures._base
import concurrent.futures.thread as pools
import datetime
import queue
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final, NamedTuple
from weakref import WeakSet

from fcemu.runtimes.timeshift import freezegun_backend as backend
from fcemu.runtimes.timeshift import threads, waits
from fcemu.runtimes.timeshift.loops import jumping_select, waking_write
from fcemu.runtimes.timeshift.originals import NAMES, Originals
from fcemu.runtimes.timeshift.switch import AFTER_PARK, wrappers


class Patch(NamedTuple):
    """One replaced attribute. ``frozen``: what a test's freezer puts there, where it does."""

    owner: Any
    name: str
    original: Any
    replacement: Any
    frozen: Any = None

    def apply(self) -> None:
        """Put the replacement where the original or a freezer's fake stands; a test's own mock stays."""
        present = getattr(self.owner, self.name)
        if present is self.original or present is self.frozen:
            setattr(self.owner, self.name, self.replacement)

    def undo(self) -> None:
        if getattr(self.owner, self.name) is self.replacement:
            usual = self.frozen if backend.FROZEN and self.frozen is not None else self.original
            setattr(self.owner, self.name, usual)


class OtherTime(ModuleType):
    """Module ``time`` for a module of the standard library that needs other functions in it than everybody else."""

    def __init__(self, **functions: Callable[..., Any]) -> None:
        super().__init__("time")
        vars(self).update(vars(time), **functions)


class Patches:
    """All replacements of the process; there is one object of this class while they are in force."""

    def __init__(self) -> None:
        real = Originals()
        made = wrappers(real, backend.FROZEN, backend.FAKES)
        times = [Patch(time, name, getattr(real, name), made[name], backend.FAKES.get(name)) for name in NAMES]
        classes = [
            Patch(datetime, "datetime", backend.REAL_DATETIME, backend.VirtualDatetime, backend.FROZEN_DATETIME),
            Patch(datetime, "date", backend.REAL_DATE, backend.VirtualDate, backend.FROZEN_DATE),
        ]
        selector = selectors.DefaultSelector
        loop: Any = asyncio.selector_events.BaseSelectorEventLoop
        self._names: Final = (*times, *classes)
        self._rest: Final = (
            Patch(selector, "select", selector.select, jumping_select(selector.select)),
            Patch(loop, "_write_to_self", loop._write_to_self, waking_write(loop._write_to_self)),
            # It waits for processes in real time, and so must measure it.
            Patch(subprocess, "time", time, OtherTime(**{name: getattr(real, name) for name in NAMES})),
            *_of_threads(real),
            *_time_machine_guards(self),
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
        backend.register()
        for module in list(self._adopted):
            self._exchange(module, self._in_place_of)

    def ensure(self) -> None:
        """Replace again what a test's freezer has put back when it stopped. Cheap when nothing has changed."""
        threads.patch_late_modules()
        if datetime.datetime is not backend.VirtualDatetime:
            self.apply()

    def undo(self) -> None:
        AFTER_PARK.remove(self.ensure)
        for module in list(self._adopted):
            self._exchange(module, self._originals)
        for patch in (*self._names, *self._rest):
            patch.undo()
        threads.undo_late_modules()
        backend.unregister()

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
            patch.undo()
        try:
            yield
        finally:
            for patch in self._names:
                patch.apply()


def _of_threads(real: Originals) -> Iterator[Patch]:
    """Waits for other threads, and how threads and work items begin."""
    condition, thread = threading.Condition, threading.Thread
    pool, item = pools.ThreadPoolExecutor, pools._WorkItem
    for owner, name, make in (
        (condition, "wait", waits.waiting_condition),
        (thread, "start", threads.inheriting_start),
        (thread, "join", threads.waiting_join),
        (pool, "submit", threads.submitting),
        (pool, "shutdown", threads.waiting_shutdown),
        (item, "__init__", threads.counted_item),
        (item, "run", threads.item_run),
    ):
        original = getattr(owner, name)
        yield Patch(owner, name, original, make(original))
    measured = waits.monotonic_of(real)
    yield Patch(threading, "_time", threading._time, measured)  # type: ignore[attr-defined]
    ticking = OtherTime(monotonic=waits.ticking_monotonic_of(real))
    yield Patch(concurrent.futures._base, "time", time, ticking)
    yield Patch(queue, "time", queue.time, measured)  # type: ignore[attr-defined]


def _time_machine_guards(patches: Patches) -> Iterator[Patch]:
    """time-machine rewrites the C structures of what it finds in ``time`` and ``datetime``: show it the originals."""
    try:
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
