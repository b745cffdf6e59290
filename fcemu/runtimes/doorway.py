"""A child that cannot inherit a socket connects to a port of this machine, and shows that it is the one.

It says the secret, and gets eight bytes: the nanoseconds that this process's monotonic clock shows just then. Other
programs may read another clock where the dial says what was at which instant of this one.
"""

import hmac
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from fcemu.handler.time.originals import Originals

VARIABLE: Final = "FCEMU_SECRET"
"""Tells a child the secret; its program takes it out of its environment."""
_REAL: Final = Originals()
_LOOK_SECONDS: Final = 0.1
"""Real seconds between two looks whether a child still is to come."""
_SAY_SECONDS: Final = 5.0
"""Real seconds that whoever has connected has for the secret."""


class Doorway:
    """A port of 127.0.0.1, open until the child has connected that was told the secret."""

    def __init__(self) -> None:
        self._secret: Final = secrets.token_hex(32)
        self._listening: Final = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(_LOOK_SECONDS)
        self.port: Final[int] = self._listening.getsockname()[1]

    def environment(self) -> dict[str, str]:
        """What the child needs beside the port. Other users of this machine cannot read it."""
        return {VARIABLE: self._secret}

    def enter(self, is_expected: Callable[[], bool]) -> socket.socket | None:
        """Wait for the child; ``None`` once it is not expected any more. The doorway is closed then."""
        with self._listening:
            while is_expected():
                with suppress(TimeoutError, ConnectionError):
                    connection, _ = self._listening.accept()
                    if self._knows_secret(connection):
                        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        connection.sendall(_REAL.monotonic_ns().to_bytes(8, "little"))
                        connection.settimeout(None)
                        return connection
                    connection.close()
        return None

    def _knows_secret(self, connection: socket.socket) -> bool:
        connection.settimeout(_SAY_SECONDS)
        said = b""
        with suppress(OSError):
            while len(said) < len(self._secret) and (more := connection.recv(len(self._secret) - len(said))):
                said += more
        return hmac.compare_digest(said, self._secret.encode())

    def close(self) -> None:
        """No child comes."""
        self._listening.close()
