"""Threads of a child that wait for something real: which of them the clock need not wait for while the handler sleeps.

As ``engine/background.py`` has it; children import nothing of the engine.
"""

import threading
from typing import Any, Final

_COMPUTES: Final = 0.05
_POOLS: Final = ("concurrent.futures.thread", "multiprocessing.pool")


class Activity:
    """What one thread computes. ``waits_since``: from when on, in real seconds, that has been next to nothing."""

    def __init__(self) -> None:
        self._path: Final = f"/proc/self/task/{threading.get_native_id()}/schedstat"
        self._thread: Final = threading.current_thread()
        self.waits_since: float | None = None
        self._before = 0

    def look(self, now: float) -> None:
        """Look what it has computed by ``now``."""
        try:
            with open(self._path) as file:
                computed = int(file.read().split()[0])
        except (OSError, ValueError, IndexError):
            self.waits_since = None
            return
        since = self.waits_since
        if since is None or computed - self._before > (now - since) * _COMPUTES * 1e9:
            self.waits_since, self._before = now, computed

    def has_waited(self, now: float, seconds: float) -> bool:
        """Whether it has computed next to nothing for so long, when it was looked at last."""
        return self.waits_since is not None and now - self.waits_since > seconds

    def is_background(self) -> bool:
        """Whether it is one of the handler's own, not one of a pool, whose work the handler will ask for."""
        target: Any = getattr(self._thread, "_target", None)
        return getattr(target, "__module__", None) not in _POOLS
