"""Clients that take too long are given up, the oldest first; a thousand of them cost one timer."""

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from fcemu.handler.system import LIMITS

if LIMITS:
    import resource

T = TypeVar("T")
_MOST: Final = 4096
_FEW: Final = 128
"""Of the 512 sockets that Windows waits for at once."""


def share_of_files() -> int:
    """As many as leave half of the process's files to those who do say something."""
    if LIMITS:
        return min(_MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
    return _FEW


class Overdue(Generic[T]):
    """Calls ``act(one)`` for each ``one`` that has begun and not ended within ``seconds`` of real time, and for the
    oldest when there are more than ``most``."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, act: Callable[[T], None], most: int | None = None
    ) -> None:
        self._loop: Final = loop
        self._seconds: Final = seconds
        self._act: Final = act
        self._most: Final = share_of_files() if most is None else most
        self._since: Final[dict[T, float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._since)

    def begin(self, one: T) -> None:
        """From now on, unless it has begun already."""
        if one not in self._since:
            self._since[one] = self._loop.time()
            if self._timer is None:
                self._timer = self._loop.call_later(self._seconds, self._look)
            if len(self._since) > self._most:
                oldest = next(iter(self._since))
                self.end(oldest)
                self._act(oldest)

    def end(self, one: T) -> None:
        """In time, or gone."""
        self._since.pop(one, None)

    def close(self) -> list[T]:
        """Nobody is waited for any more; returns those that were."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        left = list(self._since)
        self._since.clear()
        return left

    def _look(self) -> None:
        self._timer = None
        late = self._loop.time() - self._seconds
        for one, since in list(self._since.items()):
            if since > late:
                self._timer = self._loop.call_later(since - late, self._look)
                return
            self.end(one)
            self._act(one)
