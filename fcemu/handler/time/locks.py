"""Lets a handler's thread park while it waits for a ``Lock`` or ``RLock`` whose holder is parked.

``Lock`` and ``RLock`` are built-in classes, so ``acquire`` and ``__enter__`` are exchanged in the classes themselves:
for every lock of the process, also those of import machinery and libraries. ``release`` and ``__exit__`` stay C: a
function of Python could be interrupted at its first line, and the lock would never be released. So nobody is told of a
release; before the clock moves, ``Parking`` in the engine or in a child look at the locks.
"""

from __future__ import annotations

import sys
import threading
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Container
from math import inf
from typing import Any, Final

from fcemu.handler.clock import HandlerClock, Held
from fcemu.handler.debuggers import debugger_waits
from fcemu.handler.locks import original
from fcemu.handler.time.builtin_classes import Functions, named, write_into_classes
from fcemu.handler.time.switch import AFTER_PARK, BEFORE_PARK, CLOCK

Take = Callable[..., bool]
"""``acquire`` of the class itself: lock, whether to wait, real seconds or -1."""

_LOCK: Final[Any] = type(allocate_lock())
_RLOCK: Final[Any] = type(threading.RLock())
_FIRST_STEP: Final = 0.0005
_LONGEST_STEP: Final = 0.02
"""Real seconds between two looks whether the running holder of a lock has parked."""
_YES: Final = (True,)
_NO: Final = (False,)

HOLDERS: Final[dict[int, int]] = {}
"""Which thread has taken a lock last, by the ``id`` of the lock. Nothing tells when a lock goes, so entries stay until
``forget_holders``: else a process that makes locks all the time has one for each place in memory where a lock was."""
_MANY: Final = 10_000
_many = _MANY
"""From how many entries on ``forget_holders`` looks at them."""

_BUSY: Final[set[int]] = set()
"""Threads that ask their clock about a lock: the locks that this needs are real."""


_TAKE: Final[dict[Any, Take]] = {owner: original(owner, "acquire") for owner in (_LOCK, _RLOCK)}
_RESTORE: Final = original(_RLOCK, "_acquire_restore")


class HeldLock:
    """A lock for which a thread waits; implements ``Held``."""

    __slots__ = ("_lock", "_module")

    def __init__(self, lock: Any, module: Any = None) -> None:
        self._lock: Final = lock
        self._module: Final = module
        """Whose import the lock guards."""

    @property
    def key(self) -> int:
        return id(self._lock)

    def is_free(self) -> bool:
        if type(self._lock) is _LOCK:
            return not self._lock.locked()
        return repr(self._lock).startswith("<unlocked")  # an RLock has ``locked`` from Python 3.14 on only

    def holder(self) -> int:
        if self._module is not None:
            return self._module.owner or 0
        return HOLDERS.get(id(self._lock), 0)


def forget_holders(strands: Container[int]) -> None:
    """Forget which locks threads have taken that run none of ``strands``, once there are many. For those who wait for
    such a lock it is enough that a thread has it which runs nothing of a handler: it releases the lock in real time."""
    global _many
    if len(HOLDERS) <= _many:
        return
    for key, thread in HOLDERS.copy().items():
        # Another thread may take the lock meanwhile, but not between these steps: none of them is a call.
        if thread not in strands and key in HOLDERS and HOLDERS[key] == thread:
            del HOLDERS[key]
    _many = max(_MANY, 2 * len(HOLDERS))


def _imported() -> Any:
    """Python's lock of the module for which the calling thread waits, if that is what it waits for."""
    frame = sys._getframe(3)
    if frame.f_code.co_name != "acquire" or not frame.f_code.co_filename.startswith("<frozen importlib"):
        return None
    lock = frame.f_locals.get("self")
    return lock if hasattr(lock, "owner") else None


# Locks are taken by ``map`` in a ``for``: that is a single step of the interpreter, and no exception that is sent to
# the thread can arrive between it and the ``return``. After a call one could, and the lock would never be released.


def _wait(lock: Any, take: Take, seconds: float | None) -> bool:
    """Take a lock that another thread has, or had a moment ago."""
    clock, me, key = CLOCK.get(), get_ident(), id(lock)
    if clock is None or me in _BUSY or debugger_waits(sys._getframe(2)):
        for got in map(take, (lock,), _YES, (-1 if seconds is None else seconds,)):
            if got:
                HOLDERS[key] = me
            return got
    assert clock is not None
    held = HeldLock(lock, _imported())
    until = None if seconds is None else clock.elapsed_ns() + round(seconds * 1e9)
    step, seen = _FIRST_STEP, None
    while True:
        left = None if until is None else max(0.0, (until - clock.elapsed_ns()) / 1e9)
        holder = held.holder()
        if left == 0:
            most: float | None = 0.0
        elif holder != seen:
            # A thread that has waited in C for this lock has it a moment before it can note that, so who was noted last
            # counts as its holder only when that is still so a moment later.
            seen, most = holder, step
        else:
            most = ask(clock, me, held, left)
        if most == inf:
            pause = -1 if left is None else left
        else:
            pause = 0.0 if most is None else min(most, step)
            step = min(2 * step, _LONGEST_STEP)
        for got in map(take, (lock,), _YES, (pause,)):
            if got:
                HOLDERS[key] = me
                return True
        if left == 0 or (most == inf and left is not None):
            return False


def ask(clock: HandlerClock, me: int, held: Held, left: float | None) -> float | None:
    """``clock.wait_for_lock(held, left)`` on thread ``me``; other code runs in this process meanwhile."""
    _BUSY.add(me)
    try:
        for leave in BEFORE_PARK:
            leave()
        try:
            return clock.wait_for_lock(held, left)
        finally:
            for resume in AFTER_PARK:
                resume()
    finally:
        _BUSY.discard(me)


# These two keep what they use themselves: Python still takes locks at its end, when a module's names are gone.


def _acquiring(take: Take) -> Callable[..., bool]:
    ident, longest, no, holders = get_ident, threading.TIMEOUT_MAX, _NO, HOLDERS

    def acquire(self: Any, blocking: Any = True, timeout: float = -1) -> bool:
        key, me = id(self), ident()
        waits = blocking and (timeout == -1 or 0 < timeout <= longest)
        for got in map(take, (self,), no) if waits else map(take, (self,), (blocking,), (timeout,)):
            if got:
                holders[key] = me
                return True
        return _wait(self, take, None if timeout == -1 else timeout) if waits else False

    return acquire


def _entering(take: Take) -> Callable[[Any], bool]:
    ident, no, holders = get_ident, _NO, HOLDERS

    def enter(self: Any) -> bool:
        key, me = id(self), ident()
        for got in map(take, (self,), no):
            if got:
                holders[key] = me
                return True
        return _wait(self, take, None)

    return enter


def _acquire_restore(self: Any, state: Any) -> None:
    _RESTORE(self, state)
    HOLDERS[id(self)] = get_ident()


def take_again(condition: Any, state: Any) -> None:
    """``condition._acquire_restore(state)`` on a handler's thread, which may have to park for it; when its attempt ends
    meanwhile it has the lock nevertheless, as whatever called ``wait`` will release it."""
    lock = condition._lock
    take = _TAKE.get(type(lock))
    if take is None:
        condition._acquire_restore(state)
        return
    for got in map(take, (lock,), _NO):
        if got:
            break
    else:
        try:
            _wait(lock, take, None)
        except BaseException:
            condition._acquire_restore(state)
            raise
    HOLDERS[id(lock)] = get_ident()
    if type(lock) is _RLOCK:
        for _ in range(state[0] - 1):
            take(lock, False)


def _made() -> Functions:
    made: Functions = {}
    for owner, take in _TAKE.items():
        functions: dict[str, Any] = {"acquire": _acquiring(take), "__enter__": _entering(take)}
        if "acquire_lock" in vars(owner):
            functions["acquire_lock"] = _acquiring(take)
        if owner is _RLOCK:
            functions["_acquire_restore"] = _acquire_restore
        for name, function in functions.items():
            function.fcemu_original = original(owner, name)
        made |= named(owner, functions)
    return made


_OURS: Final = _made()
_ORIGINALS: Final[Functions] = {place: function.fcemu_original for place, function in _OURS.items()}


def install() -> None:
    """Let the locks of this process ask the clock of whoever waits for them; repeatable."""
    if vars(_LOCK)["acquire"] is not _OURS[_LOCK, "acquire"]:
        write_into_classes(_OURS)


def uninstall() -> None:
    """Put the locks back."""
    write_into_classes(_ORIGINALS)
    HOLDERS.clear()
