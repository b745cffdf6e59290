"""Outbox: answers that wait until what they tell of is kept; one commit for all of a turn of the loop."""

from typing import TYPE_CHECKING, Final

from fcemu.api.wire import Answer, WireRequest
from fcemu.core.errors import StoreError
from fcemu.engine.emulator import Emulator

if TYPE_CHECKING:
    from fcemu.api.serving import Connection, HttpServer


class Outbox:
    """Used on the event loop only."""

    def __init__(self, http: "HttpServer") -> None:
        self._http: Final = http
        self._held: list[tuple[Connection, WireRequest, Answer]] = []

    def put(self, connection: "Connection", request: WireRequest, response: Answer) -> None:
        """Write the answer in this turn of the loop or the next, once what happened is kept."""
        if not self._held:
            self._http.loop.call_soon(self.flush)
        self._held.append((connection, request, response))

    def flush(self) -> None:
        """Keep what happened, and write the answers; where it cannot be kept, they are refusals."""
        held, self._held = self._held, []
        failed: dict[Emulator, StoreError] = {}
        for emulator in {request.emulator for _, request, _ in held}:
            try:
                emulator.save()
            except StoreError as error:
                failed[emulator] = error
        for connection, request, response in held:
            self._http.work(connection, connection.deliver, request, response, failed.get(request.emulator))
