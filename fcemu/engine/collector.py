"""Python's garbage collector looks less often while the clock moves through much work."""

import gc
from typing import Final

from fcemu.handler.locks import RealLock

_PATIENT: Final = (50_000, 1_000, 1_000)


class PatientCollector:
    """Inside the block the garbage collector looks less often, because many invocations turn into facts, nearly all of
    which stay. Blocks of several threads overlap: emulators move side by side, and a handler parks inside of one.

    What handlers leave in circles is found while it is young. What is still there at the end of the last block is taken
    for old, so that the collector does not walk over all facts again: at sixty thousand invocations that took a seventh
    of the time of a move.
    """

    def __init__(self) -> None:
        self._lock: Final = RealLock()
        self._blocks = 0
        self._before: tuple[int, int, int] = gc.get_threshold()
        """The thresholds as they were before the first block."""

    def __enter__(self) -> None:
        with self._lock:
            self._blocks += 1
            if self._blocks == 1:
                self._before = gc.get_threshold()
                if self._before[0]:  # else the process collects by itself
                    gc.set_threshold(*map(max, _PATIENT, self._before))

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                take_for_old()
                gc.set_threshold(*self._before)


PATIENT_COLLECTOR: Final = PatientCollector()


def take_for_old() -> None:
    """Let the next passes of the collector leave out what is there now, until one looks at everything. ``unfreeze``
    makes old what ``freeze`` has set aside; where the process has frozen something of its own, nothing is done."""
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()
