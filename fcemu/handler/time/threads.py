"""Gives threads and work items that a handler starts its clock, and lets the clock wait for them."""

from __future__ import annotations

import subprocess
import sys
import threading
from _thread import get_ident
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final
from weakref import WeakKeyDictionary

from fcemu.handler.clock import Abandoned, HandlerClock, HandlerStrand
from fcemu.handler.debuggers import is_of_debugger
from fcemu.handler.locks import RealLock
from fcemu.handler.time.switch import AFTER_PARK, BEFORE_PARK, CLOCK, ON_THREADS, outside, park
from fcemu.handler.time.waits import wait_in

Function = Callable[..., Any]

_STRANDS: Final[WeakKeyDictionary[Thread, HandlerStrand]] = WeakKeyDictionary()
"""The threads that handlers started."""

_STEP_SECONDS: Final = 0.01
"""Real seconds between two looks whether a thread that is joined in real time has to go on for another reason."""

_MACHINERY: Final = ("concurrent.futures.", "multiprocessing.")
"""Modules whose threads serve others and wait in C: what they do for a handler is counted where it asks for it."""


def _makers(thread: Any) -> tuple[str, str]:
    target = getattr(thread, "_target", None)
    return type(thread).__module__, getattr(target, "__module__", None) or ""


def _hands_on_in_pool_of_threads(thread: Any, target: Any) -> bool:
    """Whether it is one of the two threads by which a ``ThreadPool`` hands work and results on, in virtual time."""
    arguments = getattr(thread, "_args", ())
    names = ("_handle_tasks", "_handle_results")
    return getattr(target, "__name__", "") in names and any(isinstance(one, SimpleQueue) for one in arguments)


def _is_machinery(thread: Any) -> bool:
    target, makers = getattr(thread, "_target", None), _makers(thread)
    if makers[0] == "multiprocessing.dummy" or _hands_on_in_pool_of_threads(thread, target):
        return False
    return any(maker.startswith(_MACHINERY) for maker in makers) or getattr(target, "__name__", "") == "_do_waitpid"


def _live(strand: HandlerStrand, ended: Callable[[], None], function: Function, *args: Any) -> None:
    """Run ``function`` as ``strand``, on its thread and in its context; then call ``ended``, which ends it."""
    CLOCK.set(strand)
    strand.begin()
    ON_THREADS[get_ident()] = strand
    try:
        for resume in AFTER_PARK:
            resume()
        try:
            function(*args)
        finally:
            for leave in BEFORE_PARK:
                leave()
    except Abandoned:
        pass
    finally:
        ended()


def _run_to_its_end(context: Context, strand: HandlerStrand, ended: Callable[[], None], *args: Any) -> None:
    """``_live``, also when what is sent to interrupt the thread arrives after the function has returned."""
    try:
        context.run(_live, strand, ended, *args)
    except Abandoned:
        pass
    finally:
        ON_THREADS.pop(get_ident(), None)
        ended()


# Threads.


def _another_strand(clock: HandlerClock) -> HandlerStrand:
    """``clock.strand()``; whoever asks for one although the attempt is over is told of it as in a wait."""
    try:
        return clock.strand()
    except Abandoned:
        park(clock, 0)
        raise


def inheriting_start(original: Function) -> Function:
    """``Thread.start``."""

    def start(self: Any) -> Any:
        clock = CLOCK.get()
        if clock is None or self._started.is_set():
            return original(self)
        if any(map(is_of_debugger, _makers(self))):
            return outside(original, self)
        if _is_machinery(self):
            patch_late_modules()
            for work in getattr(self, "pending_work_items", {}).values():
                _hold(work.future, clock)
            return outside(original, self)
        context, strand, run = copy_context(), _another_strand(clock), self.run

        def run_reporting() -> None:
            try:
                run()
            except Abandoned:
                raise
            except BaseException:
                self._invoke_excepthook(self)  # here, so that what it writes belongs to the attempt

        def run_as_strand() -> None:
            del self.run
            _run_to_its_end(context, strand, strand.end, run_reporting)

        self.run = run_as_strand
        _STRANDS[self] = strand
        try:
            outside(original, self)
        except BaseException:
            del self.run
            strand.end()
            raise
        return None

    start.__doc__ = original.__doc__
    return start


def waiting_join(original: Function) -> Function:
    """``Thread.join``."""

    def join(self: Any, timeout: float | None = None) -> Any:
        clock = CLOCK.get()
        strand = None if clock is None else _STRANDS.get(self)
        if clock is None or strand is None or self is threading.current_thread():
            return original(self, timeout) if clock is None else _join_outside(original, clock, self, timeout)
        if timeout is None or timeout > 0:
            waiting = clock.waiting()
            if waiting is not None:
                strand.when_ended(waiting)
                if not wait_in(waiting, timeout):
                    return None
                timeout = None  # its code has ended, and the thread is about to
        return outside(original, self, timeout)

    join.__doc__ = original.__doc__
    return join


def _join_outside(original: Function, clock: HandlerClock, thread: Any, timeout: float | None) -> Any:
    """Join a thread in real time, while time may move for what the handler's other threads wait for."""
    waiting = clock.waiting()
    if waiting is None or (timeout is not None and timeout <= 0) or not _is_machinery(thread):
        return outside(original, thread, timeout)
    roused = threading.Event()

    def block() -> None:
        while thread.is_alive() and not roused.is_set():
            outside(original, thread, _STEP_SECONDS)

    wait_in(waiting, timeout, block, roused.set)
    return None if thread.is_alive() else outside(original, thread)


# Pools of threads.


class _Item:
    """A work item that a handler submitted."""

    def __init__(self, work: Any, clock: HandlerClock) -> None:
        self.work = work
        self.clock = clock
        self.context: Final = copy_context()
        self.strand: HandlerStrand | None = None
        self.begun = False


class _Desk:
    """The work items of one pool. As many as it has threads are strands; the others wait, and nobody waits for them."""

    def __init__(self, pool: Any) -> None:
        self._places: Final[int] = pool._max_workers
        self._lock: Final = RealLock()
        self._waiting: Final[deque[_Item]] = deque()
        self._admitted: Final[dict[_Item, None]] = {}

    def add(self, item: _Item) -> None:
        with self._lock:
            self._waiting.append(item)
            self._admit()

    def _admit(self) -> None:
        while self._waiting and len(self._admitted) < self._places:
            item = self._waiting.popleft()
            if not item.begun and not item.work.future.done():
                self._make_strand(item)

    def _make_strand(self, item: _Item) -> None:
        """Must not wait, as the lock is held."""
        with suppress(Abandoned):  # its attempt is over: it runs, if ever, as what was left behind
            item.strand = item.clock.strand()
            self._admitted[item] = None

    def strand_of(self, item: _Item) -> HandlerStrand | None:
        """The strand of an item that begins; also of one that got a thread before we expected it to."""
        with self._lock:
            if item.strand is None:
                self._make_strand(item)
            return item.strand

    def ended(self, item: _Item) -> None:
        """The item has ended or will never run: the next one is admitted before the clock may move."""
        with self._lock:
            self._admitted.pop(item, None)
            self._admit()
        if item.strand is not None:
            item.strand.end()

    def withdraw(self, item: _Item) -> None:
        """No thread could be started for an item: the clock does not wait for it, unless another thread takes it."""
        with self._lock:
            strand, item.strand = item.strand, None
            self._admitted.pop(item, None)
            if item in self._waiting:
                self._waiting.remove(item)
        if strand is not None:
            strand.end()

    def first(self) -> HandlerStrand | None:
        with self._lock:
            return next((item.strand for item in self._admitted), None)


_DESKS: Final[WeakKeyDictionary[Any, _Desk]] = WeakKeyDictionary()
_SUBMITTING: Final = threading.local()


def submitting(original: Function) -> Function:
    """``ThreadPoolExecutor.submit``: remembers for which pool a work item is made."""

    def submit(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if CLOCK.get() is None:
            return original(self, *args, **kwargs)
        desk = _DESKS.get(self)
        if desk is None:
            desk = _DESKS.setdefault(self, _Desk(self))
        _SUBMITTING.desk, _SUBMITTING.item = desk, None
        try:
            return original(self, *args, **kwargs)
        except BaseException:
            item = _SUBMITTING.item
            if item is not None and not item.begun:
                desk.withdraw(item)
            raise
        finally:
            _SUBMITTING.desk = _SUBMITTING.item = None

    submit.__doc__ = original.__doc__
    return submit


def counted_item(original: Function) -> Function:
    """``_WorkItem.__init__`` of pools of threads."""

    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        clock, desk = CLOCK.get(), getattr(_SUBMITTING, "desk", None)
        if clock is None or desk is None:
            return
        item = self.fcemu_item = _SUBMITTING.item = _Item(self, clock)
        self.fcemu_desk = desk
        desk.add(item)

        def never_ran(_future: object) -> None:
            if not item.begun:
                item.begun = True
                desk.ended(item)

        self.future.add_done_callback(never_ran)

    return initialize


def item_run(original: Function) -> Function:
    """``_WorkItem.run`` of pools of threads."""

    def run(self: Any, *args: Any) -> Any:
        item: _Item | None = getattr(self, "fcemu_item", None)
        if item is None or item.begun:  # made outside of handlers, or cancelled
            return original(self, *args)
        item.begun = True
        desk: _Desk = self.fcemu_desk
        strand = desk.strand_of(item)
        if strand is None:
            return item.context.run(original, self, *args)
        return _run_to_its_end(item.context, strand, lambda: desk.ended(item), original, self, *args)

    return run


def waiting_shutdown(original: Function) -> Function:
    """``ThreadPoolExecutor.shutdown``: work items end in virtual time, then the pool's threads in real time."""

    def shutdown(self: Any, wait: bool = True, *, cancel_futures: bool = False) -> Any:
        clock = CLOCK.get()
        desk = None if clock is None else _DESKS.get(self)
        if clock is None or desk is None or not wait:
            return original(self, wait=wait, cancel_futures=cancel_futures)
        original(self, wait=False, cancel_futures=cancel_futures)
        while (strand := desk.first()) is not None and (waiting := clock.waiting()) is not None:
            strand.when_ended(waiting)
            wait_in(waiting, None)
        return outside(original, self, wait=True)

    shutdown.__doc__ = original.__doc__
    return shutdown


# Modules that are seldom used, patched when they are.

_late: Final[dict[Any, Function]] = {}


def patch_late_modules() -> None:
    """Processes work in real time, so a handler that waits for a pool of them counts as running."""
    if "multiprocessing.connection" not in sys.modules and "multiprocessing.pool" not in sys.modules:
        return  # the other modules import the first of these
    process = sys.modules.get("concurrent.futures.process")
    if process is not None:
        _patch_late(process._WorkItem, "__init__", _held_item)
    for name in ("multiprocessing.connection", "multiprocessing.queues"):
        module = sys.modules.get(name)
        if module is not None:
            _patch_late(module, "time", lambda _: vars(subprocess)["time"])  # real there, too
    pool = sys.modules.get("multiprocessing.pool")
    if pool is not None:
        _patch_late(pool.ApplyResult, "wait", _real_of_processes)
        _patch_late(pool.IMapIterator, "next", _real_of_processes)
        _patch_late(pool.IMapIterator, "__next__", _real_of_processes)


def undo_late_modules() -> None:
    """Put back what ``patch_late_modules`` replaced."""
    for (owner, name), original in _late.items():
        setattr(owner, name, original)
    _late.clear()


def _patch_late(owner: Any, name: str, make: Callable[[Function], Function]) -> None:
    if (owner, name) not in _late:
        _late[owner, name] = original = getattr(owner, name)
        setattr(owner, name, make(original))


def _held_item(original: Function) -> Function:
    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        clock = CLOCK.get()
        if clock is not None:
            _hold(self.future, clock)

    return initialize


def _hold(future: Any, clock: HandlerClock) -> None:
    """The clock waits until ``future`` is done."""
    if not future.done() and not hasattr(future, "fcemu_strand"):
        future.fcemu_strand = strand = _another_strand(clock)
        future.add_done_callback(lambda _: strand.end())


def _real_of_processes(original: Function) -> Function:
    """What waits for a pool of processes, or of threads: these wait in virtual time."""

    def waits_really(self: Any, *args: Any, **kwargs: Any) -> Any:
        if CLOCK.get() is None or isinstance(self._pool, sys.modules["multiprocessing.pool"].ThreadPool):
            return original(self, *args, **kwargs)
        return outside(original, self, *args, **kwargs)

    return waits_really
