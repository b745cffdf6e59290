"""A connection is aiohttp's, with what that lacks: it answers clients that send no more, and refuses what is no HTTP.

What is needed of ``aiohttp.web`` is imported from its modules: the whole of it takes a sixth of the time of a start.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import StreamResponse
from aiohttp.web_server import Server

from fcemu.api.wire import BROKEN, Answer, BrokenRequest, WireRequest

HANG_UP_SECONDS: Final = 5.0
"""Real seconds after which a client that sends no more, and has no answer, is taken for gone."""
IDLE_SECONDS: Final = 3630.0
"""Real seconds after which a connection ends on which no request comes, or none whose headers come to an end."""
_LINE_BYTES: Final = 16 * 1024
"""How long a request line or a header may be."""
_LOG: Final = logging.getLogger("fcemu.api")


class _AtOnce:
    """The loop as aiohttp's connection sees it on Python 3.11: the task of a request begins and ends at once, as it
    does on later Pythons. Else each request would take two turns of the loop more."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.time: Final = loop.time
        self.call_at: Final = loop.call_at
        self.call_later: Final = loop.call_later
        self.create_future: Final = loop.create_future

    def create_task(self, request: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
        """aiohttp awaits what it gets, and does nothing else with it."""
        return request


class Connection(RequestHandler, asyncio.BufferedProtocol):
    """One client's connection; all of it runs on the event loop."""

    __slots__ = ("_buffer", "_refuse", "request", "sends_no_more")

    def __init__(self, server: Server, buffer: memoryview, refuse: Callable[[str], Answer]) -> None:
        """``refuse`` writes the answer for what is no HTTP; it is given what is wrong with it. ``buffer``: what comes
        on any connection of this loop is read into it. Without it, asyncio allocates as much for each request."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=cast(Any, None),
            keepalive_timeout=IDLE_SECONDS,
            max_line_size=_LINE_BYTES,
            max_field_size=_LINE_BYTES,
            auto_decompress=False,  # a body is an event, whatever its encoding
        )
        self._buffer: Final = buffer
        self._refuse: Final = refuse
        self.request: WireRequest | None = None
        """The request that is being answered, or of whose body more is to come."""
        self.sends_no_more = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if sys.version_info < (3, 12):
            self._loop = cast(asyncio.AbstractEventLoop, _AtOnce(self._loop))

    @property
    def is_idle(self) -> bool:
        """Whether the client has all its answers."""
        return self._waiter is not None and not self._waiter.done()

    @property
    def has_more(self) -> bool:
        """Whether another request has come behind the one that is being answered."""
        return bool(self._messages)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._message_tail:  # in another protocol, for which a request has asked: fcemu speaks none
            self._message_tail = b""  # aiohttp before 3.14 stumbles over what is no HTTP, and sends no answer
            self.close()
        if self._messages and self.request is not None:
            self.cut_off()

    def resume_reading(self, *how: Any, **more: Any) -> None:
        """A body was read. aiohttp parses again what it has kept while reading was paused, also where it was not."""
        if self._reading_paused:
            super().resume_reading(*how, **more)

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp's returns None, asyncio's protocol may say bool
        """The client sends no more. It may still wait for answers, unless it listens to a stream.

        A client that is gone looks like one that only sends no more. ASSUMED: fcemu takes a client that sends no more
        for gone if it has no answer after a while.
        """
        request = self.request
        # asyncio closes a TLS connection of which one half is closed, whatever is returned here
        if self.is_idle or self.ssl_context is not None or (request is not None and request.streams):
            return False
        self.sends_no_more = True
        self.cut_off()
        self._loop.call_later(HANG_UP_SECONDS, self._give_up)
        return True

    def cut_off(self) -> None:
        """Tell the handler, which may wait for the rest of a body, when no more comes of it: because the client sends
        no more, or because what came is no HTTP. aiohttp has the latter in the line behind the request, where nothing
        else can be before the body is complete."""
        request = self.request
        if request is not None and not request.content.is_eof():
            if self._messages:
                request.content.set_exception(BrokenRequest("the body is not valid HTTP"))
            elif self.sends_no_more:
                request.content.set_exception(BrokenRequest("the body ends before it is complete"))

    def _give_up(self) -> None:
        if self.request is not None:
            self.request.hung_up()
        elif self.is_idle:
            self.force_close()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        """aiohttp asks for an answer to what is no HTTP, which has a ``message``, or to what the handler raised. The
        latter is never answered: the handler has told its client all that can be told."""
        if message is None:
            if not isinstance(exc, ConnectionError):
                _LOG.exception("a connection failed")
            raise ConnectionResetError
        answer = self._refuse(message)
        answer.keep_alive = False
        return cast(StreamResponse, answer)

    def log_exception(self, *args: Any, exc_info: BaseException | None = None, **kw: Any) -> None:
        """A connection ends by an exception. What clients break is no news."""
        if not isinstance(exc_info, (*BROKEN, OSError)):
            _LOG.error("a connection failed", exc_info=exc_info)
