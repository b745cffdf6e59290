"""What a test holds of a time trigger: when it fires, and firing it now."""

from datetime import datetime
from typing import Final

from fcemu.core.names import FunctionRef
from fcemu.core.triggers import Trigger
from fcemu.testing.access import Access
from fcemu.testing.coroutines import Aio, blocking, coroutine_of
from fcemu.testing.handles import Invocation
from fcemu.testing.records import UnknownName


class Timer:
    """A time trigger of a function."""

    def __init__(self, access: Access, trigger: Trigger) -> None:
        self._access: Final = access
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
        return self._access.engine.upcoming(self._function, self._trigger, n)

    @blocking
    async def fire(self) -> Invocation:
        """Fire it now, also when it is disabled. That is recorded; the invocation runs at the next move. Raises
        ``FCError`` when it was deleted."""
        return Invocation(self._access, self._access.engine.fire(self._function, self._trigger))

    @property
    def aio(self) -> "TimerAio":
        """``fire`` as a coroutine."""
        return TimerAio(self)

    def __repr__(self) -> str:
        return f"<Timer {self.name}>"


class TimerAio(Aio[Timer]):
    """``Timer.aio``."""

    fire = coroutine_of(Timer.fire)


def find_timer(access: Access, name: str) -> Timer:
    """Raises ``UnknownName``."""
    timers = access.engine.resources.timers()
    for trigger in timers:
        if _name(trigger.function, trigger.name) == name:
            return Timer(access, trigger)
    raise UnknownName.of("timer", name, [_name(trigger.function, trigger.name) for trigger in timers])


def _name(function: FunctionRef, trigger: str) -> str:
    return f"{function}/{trigger}"
