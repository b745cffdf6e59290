"""``AtRest`` is the clock of code that runs outside of an attempt."""

from collections.abc import Callable
from datetime import datetime
from math import inf
from typing import Final

from fcemu.core.outcome import Ran
from fcemu.engine.clock import Clock
from fcemu.engine.dial import Dial


class AtRest:
    """The clock of code outside of an attempt, such as a module that is loaded before: it shows virtual time, and waits
    for threads and locks are real. Implements ``HandlerClock``."""

    def __init__(self, clock: Callable[[], Clock]) -> None:
        """``clock`` gives that of the moment: another emulator may take the place of one."""
        self._clock: Final = clock

    def now(self) -> datetime:
        return self._clock().now()

    def elapsed_ns(self) -> int:
        return self._clock().elapsed_ns()

    def dial(self) -> Dial:
        return self._clock().dial()

    def sleep(self, seconds: float) -> None:
        """Raises ``RuntimeError``: nobody would move the clock meanwhile."""
        if seconds > 0:
            raise RuntimeError(
                f"this code sleeps {seconds:g} s while it is loaded outside of an attempt, where time stands still; "
                "invoke the function first"
            )

    def waiting(self) -> None:
        """It waits for other threads in real time."""

    def wait_for_lock(self, lock: object, seconds: float | None) -> float:
        """It waits for locks in real time."""
        return inf

    def strand(self) -> "AtRest":
        """A thread begins, which nobody waits for."""
        return self

    def begin(self) -> None:
        """Its code starts."""

    def end(self) -> None:
        """It has ended."""

    def when_ended(self, waiting: object) -> None:
        """Who waits for it waits in real time."""

    def io_grace(self) -> float:
        return 0.0

    def chooses(self) -> None:
        """Chance has no questions about it."""

    def prepare(self, seconds: float) -> None:
        """Nothing waits for it."""

    def begin_handler(self) -> None:
        """There is no handler."""

    def exited(self) -> Ran:
        raise RuntimeError("this code ends its process while it is loaded")

    def warn(self, text: str, *, once: bool = False) -> None:
        """There is no invocation to warn about."""
