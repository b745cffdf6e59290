"""Callers of synchronous invocations wait here; this module knows when each is woken, and with what error."""

from collections.abc import Callable
from typing import Final

from fcemu.core.errors import StoreError
from fcemu.core.invocation import Invocation
from fcemu.engine.inflight import WATCHDOG

Then = Callable[[Invocation], None]
"""Wakes a caller, on any thread, with the baton held."""


class Callers:
    """Wakes each caller once. What it then gets follows from its invocation, unless the emulator itself has failed.

    Every method is called with the baton held, but for ``raise_for``.
    """

    def __init__(self) -> None:
        self._awaited: Final[dict[str, tuple[Invocation, Then, bool]]] = {}
        """What callers wait for, what wakes them, and whether a handler that runs has made the call; by request id."""
        self._errors: Final[dict[str, Exception]] = {}
        """What callers get in place of answers, by request id, until they have it."""
        self.strangers: Final[dict[str, float]] = {}
        """Calls from outside of any handler, and since when they wait, by the watchdog's time."""
        self.withdrawn: Final[set[str]] = set()
        """Request ids of invocations that were accepted and could not be kept: their callers got an error."""
        self.read_outside: Final[set[str]] = set()
        """Request ids of invocations of which a caller knows how they ended, because it read their record or report
        over HTTP, or got an error for them."""

    def expect(self, invocation: Invocation, then: Then, *, nested: bool) -> None:
        """Call ``then`` when ``invocation`` has ended. ``nested``: a handler that runs has made the call."""
        self._awaited[invocation.id] = invocation, then, nested
        if not nested:
            self.strangers[invocation.id] = WATCHDOG.time()

    def answer(self, _fact: object, invocation: Invocation) -> None:
        """``invocation`` has ended: wake its caller, if it has one that still waits."""
        if invocation.accepted.synchronous and (awaited := self._awaited.pop(invocation.id, None)) is not None:
            self.strangers.pop(invocation.id, None)
            awaited[1](invocation)

    def fail(self, invocation: Invocation, error: Exception) -> None:
        """Wake the caller of ``invocation``, which gets ``error`` in place of an answer."""
        if invocation.id in self._awaited:
            self._errors[invocation.id] = error
            self.answer(None, invocation)

    def withdraw(self, invocation: Invocation, failed: StoreError) -> None:
        """``invocation`` was accepted and cannot be kept: its caller gets the error."""
        self.withdrawn.add(invocation.id)
        self.read_outside.add(invocation.id)
        self.fail(invocation, failed)

    def forget(self, invocation: Invocation) -> None:
        """The caller does not wait any more."""
        self._awaited.pop(invocation.id, None)

    def waiting(self, *, nested: bool = True) -> list[Invocation]:
        """The invocations whose callers wait; also those that handlers have made, or not."""
        return [invocation for invocation, _, within in self._awaited.values() if nested or not within]

    def raise_for(self, invocation: Invocation) -> None:
        """Raise the error of the emulator's own that the caller got instead of an answer, if there is one; once."""
        error = self._errors.pop(invocation.id, None)
        if error is not None:
            raise error
