"""The first byte of a connection says whether it is TLS; then HTTP follows either way."""

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

from fcemu.endpoints.authority import authority

_HANDSHAKE: Final = 0x16
"""The first byte of every TLS connection; no HTTP request begins with it. Source: RFC 8446, 5.1."""
HANDSHAKE_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 30.0
"""Real seconds that a client may take for its handshake, and for its first byte."""

Factory = Callable[[], asyncio.Protocol]


class Front:
    """Stands before a server as asyncio's protocol factory; ``serve`` makes the protocol that gets the HTTP.

    Connections that have not said anything yet cost little here, are dropped after ``SILENT_SECONDS``, and, when there
    are more than ``most`` of them, the oldest first.
    """

    def __init__(self, serve: Factory, *, most: int = 8192) -> None:
        self.serve: Final = serve
        self.most: Final = most
        self._silent: Final[dict[_Undecided, float]] = {}
        """Since when, the oldest first."""
        self._shaking: Final[set[asyncio.Transport]] = set()
        self._look: asyncio.TimerHandle | None = None

    def __call__(self) -> asyncio.Protocol:
        return _Undecided(self)

    def ca_pem(self) -> str:
        """Who vouches for this server, as PEM."""
        return authority().pem

    @property
    def silent(self) -> int:
        """How many connections have not said anything yet."""
        return len(self._silent)

    def close(self) -> None:
        """Drop who has not said anything yet. Nobody connects any more."""
        for undecided in list(self._silent):
            undecided.transport.abort()
        for transport in list(self._shaking):
            transport.abort()
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def arrived(self, undecided: "_Undecided") -> None:
        """Somebody is connected."""
        loop = undecided.loop
        self._silent[undecided] = loop.time()
        if len(self._silent) > self.most:
            oldest = next(iter(self._silent))
            self.left(oldest)
            oldest.transport.abort()
        if self._look is None:
            self._look = loop.call_later(SILENT_SECONDS, self._drop_silent, loop)

    def left(self, undecided: "_Undecided") -> None:
        """He is gone, or has begun to speak."""
        self._silent.pop(undecided, None)

    def _drop_silent(self, loop: asyncio.AbstractEventLoop) -> None:
        self._look = None
        late = loop.time() - SILENT_SECONDS
        for undecided, since in list(self._silent.items()):
            if since > late:
                self._look = loop.call_later(since - late, self._drop_silent, loop)
                return
            undecided.transport.abort()

    def shake(self, undecided: "_Undecided", first: bytes) -> None:
        """Speak TLS with a client whose first bytes are ``first``."""
        loop, transport = undecided.loop, undecided.transport
        done = loop.create_future()
        self._shaking.add(transport)

        def shaken(_: asyncio.Future[None]) -> None:
            self._shaking.discard(transport)
            with suppress(BaseException):  # a client that gives up is no news
                done.exception()

        done.add_done_callback(shaken)
        tls = SSLProtocol(
            loop,
            self.serve(),
            authority().server_context(),
            done,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
        )
        transport.set_protocol(tls)
        tls.connection_made(transport)
        while first:
            buffer = tls.get_buffer(len(first))
            some = min(len(buffer), len(first))
            buffer[:some] = first[:some]
            tls.buffer_updated(some)
            first = first[some:]


class _Undecided(asyncio.Protocol):
    """A connection whose first byte has not come."""

    transport: asyncio.Transport

    def __init__(self, front: Front) -> None:
        self._front: Final = front
        self.loop: Final = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._front.arrived(self)

    def data_received(self, data: bytes) -> None:
        self._front.left(self)
        if data[0] == _HANDSHAKE:
            self._front.shake(self, data)
            return
        protocol = self._front.serve()
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        protocol.data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._front.left(self)


