"""Lists what is replaced beside ``time`` and ``datetime``: waits, threads, pools, event loops, log times, ids."""

from __future__ import annotations

import asyncio
import asyncio.selector_events
import concurrent.futures._base
import concurrent.futures.thread as pools
import logging
import queue
import selectors
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from fcemu.handler.time.loops import awaited_by_clock, jumping_select, known_loop, waking_write
from fcemu.handler.time.originals import NAMES, Originals
from fcemu.handler.time.threads import (
    counted_item,
    inheriting_start,
    item_run,
    submitting,
    waiting_join,
    waiting_shutdown,
)
from fcemu.handler.time.uuids import time_safe
from fcemu.handler.time.waits import monotonic_of, ticking_monotonic_of, waiting_condition


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

    def undo(self, *, is_frozen: bool = False) -> None:
        """Put back what would stand there now."""
        if getattr(self.owner, self.name) is self.replacement:
            usual = self.frozen if is_frozen and self.frozen is not None else self.original
            setattr(self.owner, self.name, usual)


class OtherTime(ModuleType):
    """Module ``time`` for a module of the standard library that needs other functions in it than everybody else."""

    def __init__(self, **functions: Callable[..., Any]) -> None:
        super().__init__("time")
        vars(self).update(vars(time), **functions)


def beside_names(kept: Originals, made: Mapping[str, Any]) -> Iterator[Patch]:
    """``kept``: the functions of ``time`` as they were; ``made``: what stands there now."""
    selector = selectors.DefaultSelector
    loop: Any = asyncio.selector_events.BaseSelectorEventLoop
    asked = asyncio.run_coroutine_threadsafe
    awaited = awaited_by_clock(asked)
    yield from _of_loop(selector, loop)
    if sys.platform == "win32":  # the usual loop there
        yield from _of_loop(asyncio.IocpProactor, asyncio.ProactorEventLoop)
    for module in (asyncio, asyncio.tasks):
        yield Patch(module, "run_coroutine_threadsafe", asked, awaited)
    # It waits for processes in real time, and so must measure it.
    yield Patch(subprocess, "time", time, OtherTime(**{name: getattr(kept, name) for name in NAMES}))
    yield from _of_threads(kept)
    yield Patch(logging.Formatter, "converter", kept.localtime, made["localtime"])
    yield Patch(uuid, "_generate_time_safe", *time_safe())


def _of_loop(selector: Any, loop: Any) -> Iterator[Patch]:
    """How one kind of event loop waits, and is waked."""
    yield Patch(selector, "select", selector.select, jumping_select(selector.select))
    yield Patch(loop, "_write_to_self", loop._write_to_self, waking_write(loop._write_to_self))
    yield Patch(loop, "__init__", loop.__init__, known_loop(loop.__init__))


def _of_threads(real: Originals) -> Iterator[Patch]:
    """Waits for other threads, and how threads and work items begin."""
    condition, thread = threading.Condition, threading.Thread
    pool, item = pools.ThreadPoolExecutor, pools._WorkItem
    for owner, name, make in (
        (condition, "wait", waiting_condition),
        (thread, "start", inheriting_start),
        (thread, "join", waiting_join),
        (pool, "submit", submitting),
        (pool, "shutdown", waiting_shutdown),
        (item, "__init__", counted_item),
        (item, "run", item_run),
    ):
        original = getattr(owner, name)
        yield Patch(owner, name, original, make(original))
    measured = monotonic_of(real)
    yield Patch(threading, "_time", threading._time, measured)  # type: ignore[attr-defined]
    ticking = OtherTime(monotonic=ticking_monotonic_of(real))
    yield Patch(concurrent.futures._base, "time", time, ticking)
    yield Patch(queue, "time", queue.time, measured)  # type: ignore[attr-defined]
