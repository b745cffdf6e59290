"""Who waits on a paused clock hears why it does not move, once."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fcemu import host

PATIENCE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.25


class Waiting:
    """Looks at a server from time to time; ``look`` says, once, why nothing moves.

    That is when for ``PATIENCE_SECONDS`` something was due in the future of a paused clock, nothing has moved it, and
    a client is still there: it waits for an answer, or has asked something since.
    """

    def __init__(self, server: "host.ApiServer") -> None:
        self._server: Final = server
        self._state: object = None
        self._since = 0.0
        self._asked = 0

    def look(self, real_now: float) -> str | None:
        """What to tell, if that is now."""
        emulator = self._server.state.emulator
        if emulator is None or emulator.rate or emulator.autojump or emulator.next_due() is None:
            self._state = None
            return None
        state = (id(emulator), emulator.steps, emulator.next_due())
        if state != self._state or emulator.in_flight:
            self._state, self._since = state, real_now
        if real_now - self._since < PATIENCE_SECONDS:
            self._asked = self._server.requests
            return None
        if self._server.requests == self._asked and not emulator.serving:
            return None
        return (
            f"a client has been waiting for {PATIENCE_SECONDS:g} real seconds, but the clock does not move:\n"
            f"{emulator.explain().text}"
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@asynccontextmanager
async def telling_who_waits(server: "host.ApiServer", tell: Callable[[str], None] = _say) -> AsyncIterator[None]:
    """Tell it during an ``async with``, by default as text on stderr."""
    task = asyncio.get_running_loop().create_task(_tell(Waiting(server), tell), name="fcemu-waiting")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _tell(waiting: Waiting, tell: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        text = waiting.look(loop.time())
        if text is not None:
            tell(text)
            return
