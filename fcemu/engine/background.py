"""Threads of a handler that wait for something real: for which of them the clock does not wait while it sleeps.

A thread in ``recv``, ``select`` or the C code of a library says nothing to the clock. What it computes tells: next to
nothing for ``ioGraceSeconds``.
"""

import threading
from typing import Final

from fcemu.engine import real
from fcemu.engine.strands import Strand

_COMPUTES: Final = 0.05
"""The part of real time that a thread computes at least which does not just wait for something."""
_POOLS: Final = ("concurrent.futures.thread", "multiprocessing.pool")


def look_at(strand: Strand, now: float) -> None:
    """Note from when on, by the watchdog's time, a strand that counts as running has computed next to nothing."""
    computed = real.cpu_ns(strand.thread)
    if computed is None:
        strand.looked = None
    elif strand.looked is None or computed - strand.looked[1] > (now - strand.looked[0]) * _COMPUTES * 1e9:
        strand.looked = now, computed


def has_waited(strand: Strand, now: float, seconds: float) -> bool:
    """Whether it has computed next to nothing for so long, when it was looked at last."""
    return strand.looked is not None and now - strand.looked[0] > seconds


def is_background(strand: Strand) -> bool:
    """Whether its thread is one of the handler's own, not one of a pool, whose work the handler will ask for."""
    known = threading._active.get(strand.thread)  # type: ignore[attr-defined]
    return getattr(getattr(known, "_target", None), "__module__", None) not in _POOLS
