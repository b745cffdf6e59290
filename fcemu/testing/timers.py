"""What a test holds of a time trigger: when it fires, and firing it now."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from fcemu.core.names import FunctionRef
from fcemu.core.triggers import Trigger
from fcemu.testing.aio import TimerAio, blocking
from fcemu.testing.handles import Invocation, UnknownName

if TYPE_CHECKING:
    from fcemu.engine.emulator import Emulator
    from fcemu.testing.emulator import LocalEmulator


class Timer:
    """A time trigger of a function."""

    def __init__(self, emulator: "LocalEmulator", trigger: Trigger) -> None:
        self._emulator: Final = emulator
        self._function: Final = trigger.function
        self._trigger: Final = trigger.name

    @property
    def name(self) -> str:
        """``[service/]function/trigger``."""
        return f"{self._function}/{self._trigger}"

    @property
    def next(self) -> datetime | None:
        """When it fires next, as it is set now; ``None``: it is disabled, or never fires again."""
        return next(iter(self.upcoming(1)), None)

    def upcoming(self, n: int) -> list[datetime]:
        """Its next ``n`` firings, as it is set now; none when it is disabled. Raises ``FCError`` once it is gone."""
        return self._emulator._engine.upcoming(self._function, self._trigger, n)

    @blocking
    def fire(self) -> Invocation:
        """Fire it now, also when it is disabled. That is recorded; the invocation runs at the next move. Raises
        ``FCError`` when it was deleted."""
        return self._fire()

    def _fire(self) -> Invocation:
        return Invocation(self._emulator, self._emulator._engine.fire(self._function, self._trigger))

    @property
    def aio(self) -> TimerAio:
        """The same as coroutines."""
        return TimerAio(self)

    def __repr__(self) -> str:
        return f"<Timer {self.name}>"


def find_timer(emulator: "LocalEmulator", engine: "Emulator", name: str) -> Timer:
    """Raises ``UnknownName``."""
    timers = engine.resources.timers()
    for trigger in timers:
        if _name(trigger.function, trigger.name) == name:
            return Timer(emulator, trigger)
    raise UnknownName.of("timer", name, [_name(trigger.function, trigger.name) for trigger in timers])


def _name(function: FunctionRef, trigger: str) -> str:
    return f"{function}/{trigger}"
