"""The child's end of its channel: frames as in ``runtimes/children.py``."""

import json
import os
import socket
import struct
import threading
from collections.abc import Mapping
from typing import Any, Final

_LENGTHS: Final = struct.Struct("!II")
_CHUNK: Final = 1 << 16
_encode: Final = json.JSONEncoder(check_circular=False).encode
_decode: Final = json.JSONDecoder().decode


class Channel:
    """Sends from any thread, receives on one at a time. Where the emulator has gone, so is this process."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection: Final = connection
        self._buffer: Final = bytearray()
        self._sending: Final = threading.Lock()

    def fileno(self) -> int:
        """The descriptor, to wait for it."""
        return self._connection.fileno()

    def send(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        """Send a frame."""
        head = _encode(header).encode()
        with self._sending:
            try:
                self._connection.sendall(b"".join((_LENGTHS.pack(len(head), len(body)), head, body)))
            except OSError:
                os._exit(1)

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Wait for a frame; its header and its body."""
        head, body = _LENGTHS.unpack(self._take(_LENGTHS.size))
        return _decode(self._take(head).decode()), self._take(body)

    def has_more(self) -> bool:
        """Whether a frame, or its begin, was received already."""
        return bool(self._buffer)

    def _take(self, size: int) -> bytes:
        buffer = self._buffer
        while len(buffer) < size:
            try:
                received = self._connection.recv(max(_CHUNK, size - len(buffer)))
            except OSError:
                received = b""
            if not received:
                os._exit(0)
            buffer += received
        taken = bytes(buffer[:size])
        del buffer[:size]
        return taken

    def close(self) -> None:
        """For processes that the handler forks: the channel is not theirs."""
        self._connection.close()
