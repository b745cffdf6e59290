"""The first byte of a connection says whether it is TLS; HTTP follows either way."""

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

from fcemu.api.overdue import Overdue, share_of_files
from fcemu.api.state import Tls

SHAKING: Final = 1024
"""How many handshakes may be under way: as many as the system lets wait for a connection. Each takes 90 KB."""
_READ_BYTES: Final = 256 * 1024
_HANDSHAKE: Final = 0x16
"""The first byte of every TLS connection; no HTTP request begins with it. Source: RFC 8446, 5.1."""
HANDSHAKE_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 30.0
"""Real seconds that a client may take for its handshake, and for its first byte."""


class Front:
    """Stands before a server as asyncio's protocol factory; ``serve`` makes the protocol that gets the HTTP.

    Connections that have not said anything yet cost little here, are dropped after ``SILENT_SECONDS``, and the oldest
    when there are more than ``most`` of them (a share of the process's files). Those whose handshake is not done are
    dropped in the same way, after ``HANDSHAKE_SECONDS``. ``tls`` is asked when the first client speaks it.
    """

    def __init__(
        self, serve: Callable[[], asyncio.Protocol], tls: Callable[[], Tls] | None, *, most: int | None = None
    ) -> None:
        self.serve: Final = serve
        self._tls: Final = tls
        self._loop: Final = asyncio.get_running_loop()
        self._silent: Final = Overdue[_Undecided](self._loop, SILENT_SECONDS, _Undecided.drop, most)
        most_shaking = min(SHAKING, share_of_files() if most is None else most)
        self._shaking: Final = Overdue[asyncio.Transport](self._loop, HANDSHAKE_SECONDS, _abort, most_shaking)
        self._buffer: Final = bytearray(_READ_BYTES)
        """What comes on any connection that speaks TLS is read into it."""

    def __call__(self) -> asyncio.Protocol:
        return _Undecided(self)

    @property
    def silent(self) -> int:
        """How many connections have not said anything yet."""
        return len(self._silent)

    @property
    def shaking(self) -> int:
        """How many handshakes are not done."""
        return len(self._shaking)

    def close(self) -> None:
        """Drop who has not said anything yet. Nobody connects any more."""
        for undecided in self._silent.close():
            undecided.drop()
        for transport in self._shaking.close():
            transport.abort()

    def arrived(self, undecided: "_Undecided") -> None:
        """Somebody is connected."""
        self._silent.begin(undecided)

    def left(self, undecided: "_Undecided") -> None:
        """He is gone."""
        self._silent.end(undecided)

    def heard(self, undecided: "_Undecided", data: bytes) -> None:
        """He has begun to speak."""
        self._silent.end(undecided)
        transport, protocol = undecided.transport, self.serve()
        if data[0] == _HANDSHAKE and self._tls is not None:
            self._shake(transport, protocol, self._tls().server_context(), data)
        else:
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            protocol.data_received(data)

    def _shake(
        self, transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext, first: bytes
    ) -> None:
        """Speak TLS with a client whose first bytes are ``first``; ``protocol`` begins when the handshake is done."""
        done = self._loop.create_future()
        self._shaking.begin(transport)

        def shaken(_: asyncio.Future[None]) -> None:
            self._shaking.end(transport)
            with suppress(BaseException):  # a client that gives up is no news
                done.exception()

        done.add_done_callback(shaken)
        tls = _Tls(self._buffer, self._loop, protocol, context, done)
        transport.set_protocol(tls)
        tls.connection_made(transport)
        while first:
            buffer = tls.get_buffer(len(first))
            some = min(len(buffer), len(first))
            buffer[:some] = first[:some]
            tls.buffer_updated(some)
            first = first[some:]


def _abort(transport: asyncio.Transport) -> None:
    transport.abort()


class _Tls(SSLProtocol):
    """asyncio's TLS with one buffer for all connections: what is read into it is taken out at once, and a buffer of
    its own would be most of what a connection costs."""

    def __init__(
        self,
        buffer: bytearray,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.Protocol,
        context: ssl.SSLContext,
        done: "asyncio.Future[None]",
    ) -> None:
        super().__init__(loop, protocol, context, done, True)
        self._ssl_buffer = buffer
        self._ssl_buffer_view = memoryview(buffer)


class _Undecided(asyncio.Protocol):
    """A connection whose first byte has not come."""

    transport: asyncio.Transport

    def __init__(self, front: Front) -> None:
        self._front: Final = front

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._front.arrived(self)

    def data_received(self, data: bytes) -> None:
        self._front.heard(self, data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._front.left(self)

    def drop(self) -> None:
        """End it."""
        self.transport.abort()
