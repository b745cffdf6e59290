"""The engine's threads wake the event loop here, with one pending wake-up for a whole batch of calls."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")


class Wakeups:
    """Calls functions on the event loop. Its methods may be called on any thread, with or without the baton."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop: Final = loop
        self._calls: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._pending = False

    def call(self, function: Callable[..., None], *of: Any) -> None:
        """Call ``function(*of)`` on the loop, soon; it must not raise. Nothing happens when the loop is closed."""
        self.call_by(_at_once, function, *of)

    def call_by(self, wake_by: Callable[[Callable[[], None]], None], function: Callable[..., None], *of: Any) -> None:
        """The same, but ``wake_by`` says when the loop is woken: ``Emulator.at_batch_end``."""
        self._calls.append((function, of))
        if not self._pending:
            self._pending = True
            wake_by(self._wake)

    def _wake(self) -> None:
        try:
            if asyncio._get_running_loop() is self._loop:
                self._loop.call_soon(self.deliver)
            else:
                self._loop.call_soon_threadsafe(self.deliver)
        except RuntimeError:  # the loop is closed, and with it everybody who waits
            self._calls.clear()
            self._pending = False

    def gather(self) -> "asyncio.Future[Any]":
        """On the loop: a future to be resolved. What is called from now on is called in the next turn of the loop, for
        which nothing need wake it."""
        if not self._pending:
            self._pending = True
            self._loop.call_soon(self.deliver)
        return self._loop.create_future()

    def deliver(self) -> None:
        """On the loop: call what is to be called."""
        self._pending = False  # before looking, so that what comes meanwhile makes a wake-up of its own
        calls = self._calls
        try:
            while calls:
                function, of = calls.popleft()
                function(*of)
        finally:
            if calls and not self._pending:  # a call raised, and those behind it are for others
                self._pending = True
                self._loop.call_soon(self.deliver)


def _at_once(wake: Callable[[], None]) -> None:
    wake()


def resolve(future: "asyncio.Future[T]", result: T) -> None:
    """On the loop: let whoever awaits ``future`` go on; only the first call counts."""
    if not future.done():
        future.set_result(result)
