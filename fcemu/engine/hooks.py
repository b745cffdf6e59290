"""Hooks that run outside of an attempt: the initializer of a provisioned instance, pre-stop of any."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from fcemu.core.keys import Keys
from fcemu.core.names import Account
from fcemu.core.outcome import FunctionError, Ran, Returned, exited
from fcemu.core.settings import Settings
from fcemu.engine.at_rest import AtRest
from fcemu.engine.clock import Clock
from fcemu.engine.errands import Errand
from fcemu.engine.instances import Place
from fcemu.engine.ports import Abandoned, Call, Waiting


class Parks(Protocol):
    """Who knows what is done outside, and lets the clock move while that waits."""

    def park_errand(self, errand: Errand, wait: "HookWait", seconds: float | None) -> None:
        """The clock need not wait for ``errand`` any more; ``wait`` falls due after so many virtual seconds."""

    def end_wait(self, wait: "HookWait", *, released: bool = False) -> None:
        """What ``wait`` waits for has happened, or its time is over: the clock waits for the errand again.

        Takes the baton itself where ``released``."""


class HookClock(AtRest):
    """The clock of one hook, which parks like an attempt when it waits.

    Its threads are not counted: while one of them waits the clock may move although another one runs.
    """

    def __init__(self, clock: Clock, parks: Parks, errand: Errand, settings: Settings) -> None:
        super().__init__(clock)
        self._parks: Final = parks
        self._errand: Final = errand
        self._began: Final = clock.now()
        self._settings: Final = settings

    def sleep(self, seconds: float) -> None:
        """Raises ``Abandoned`` when the emulator is closed meanwhile."""
        if seconds > 0:
            HookWait(self._parks, self._errand).wait(seconds)

    def waiting(self) -> Waiting:  # type: ignore[override]
        return HookWait(self._parks, self._errand)

    def exited(self) -> Ran:
        return exited(self.now() - self._began, self._settings.max_memory_usage_mb)

    def io_grace(self) -> float:
        return self._settings.io_grace.total_seconds()


class HookWait:
    """One virtual wait of a hook; implements ``Waiting``, and is due when its time is over."""

    over = False

    def __init__(self, parks: Parks, errand: Errand) -> None:
        self._parks: Final = parks
        self.errand: Final = errand
        self._lock: Final = threading.Lock()
        self._lock.acquire()
        self.rouse: Callable[[], object] = self._lock.release
        self.released = False
        self.abandoned = False

    def wait(
        self,
        seconds: float | None,
        block: Callable[[], object] | None = None,
        rouse: Callable[[], object] | None = None,
    ) -> bool:
        if self.released:
            return True
        if block is not None and rouse is not None:
            self.rouse = rouse
        self._parks.park_errand(self.errand, self, seconds)
        if block is None:
            self._lock.acquire()
        else:
            block()
            self.release()
        if self.abandoned:
            raise Abandoned
        return self.released

    def release(self) -> None:
        self._parks.end_wait(self, released=True)

    def fall_due(self, now: datetime) -> None:
        """Its time is over."""
        self._parks.end_wait(self)

    def __str__(self) -> str:
        return f"wake-up of the {self.errand}"


def call_for(place: Place, request_id: str, clock: HookClock, account: Account, keys: Keys) -> Call:
    """What a hook of an instance is called with."""
    pool = place.pool
    version = pool.version
    return Call(pool.function, pool.key[1], version, account, place.id, request_id, 0, 0, b"", clock, keys=keys)


def why_failed(outcome: Ran) -> str:
    """``""`` when a hook has succeeded."""
    match outcome:
        case Returned():
            return ""
        case FunctionError(error_type, _, name):
            return name or error_type
        case _:
            return "it was ended"
