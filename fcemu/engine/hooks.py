"""Hooks that run outside of an attempt: the initializer of a provisioned instance, pre-stop of any."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from fcemu.core.names import Account
from fcemu.core.outcome import FunctionError, Ran, Returned, exited
from fcemu.engine.at_rest import AtRest
from fcemu.engine.clock import Clock, later
from fcemu.engine.instances import Place
from fcemu.engine.ports import Call, Waiting

_MEMORY_MB: Final = 64.0


class HookClock(AtRest):
    """The clock of one hook. It starts as the emulator's, and a wait moves it for this hook alone: nobody else waits.

    ASSUMED: the time that such a hook takes delays nobody.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._past = timedelta(0)

    def now(self) -> datetime:
        return later(super().now(), self._past)

    def elapsed_ns(self) -> int:
        return super().elapsed_ns() + self._past // timedelta(microseconds=1) * 1000

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._past += timedelta(seconds=min(seconds, 1e9))

    def waiting(self) -> "Waiting":  # type: ignore[override]
        return _HookWait(self)

    def exited(self) -> Ran:
        return exited(self._past, _MEMORY_MB)


class _HookWait:
    """Nobody but time ends it."""

    def __init__(self, clock: HookClock) -> None:
        self._clock: Final = clock
        self._released = False

    def wait(
        self,
        seconds: float | None,
        block: Callable[[], object] | None = None,
        rouse: Callable[[], object] | None = None,
    ) -> bool:
        if not self._released:
            self._clock.sleep(1e9 if seconds is None else seconds)
        return self._released

    def release(self) -> None:
        self._released = True


def call_for(place: Place, request_id: str, clock: Clock, account: Account) -> Call:
    """What a hook of an instance is called with."""
    pool = place.pool
    return Call(
        pool.function, pool.key[1], pool.version, account, place.id, request_id, 0, 0, b"", HookClock(clock)
    )  # fmt: skip


def why_failed(outcome: Ran) -> str:
    """``""`` when a hook has succeeded."""
    match outcome:
        case Returned():
            return ""
        case FunctionError(error_type, _, name):
            return name or error_type
        case _:
            return "it was ended"
