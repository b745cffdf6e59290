"""Keeping: answers wait until what they tell of is kept; one commit for all of a turn of the server's loop."""

import asyncio
from typing import Final

from fcemu.engine.emulator import Emulator


class Keeping:
    """Used on the server's loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop: Final = loop
        self._waiting: Final[dict[Emulator, list[asyncio.Future[Exception | None]]]] = {}

    async def kept(self, emulator: Emulator) -> None:
        """Return once what has happened by now is kept. Raises ``StoreError``."""
        if not emulator.unsaved:
            return
        waiting = self._waiting.get(emulator)
        if waiting is None:
            waiting = self._waiting[emulator] = []
            self._loop.call_soon(self._commit, emulator)
        committed: asyncio.Future[Exception | None] = self._loop.create_future()
        waiting.append(committed)
        failed = await committed
        if failed is not None:
            raise failed

    def _commit(self, emulator: Emulator) -> None:
        failed: Exception | None = None
        try:
            emulator.save()
        except Exception as error:  # a StoreError or a defect: the clients hear of either, and none waits for ever
            failed = error
        for committed in self._waiting.pop(emulator):
            if not committed.done():  # its client may be gone
                committed.set_result(failed)
