"""The child's end of the socket to the emulator: sends and receives frames, as ``runtimes/children.py`` has them."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping
from typing import Any, Final

from fcemu.handler.locks import RealLock
from fcemu.handler.polls import POLLIN, new_poll

_LENGTHS: Final = struct.Struct("!II")
_CHUNK: Final = 1 << 16
to_json: Final = json.JSONEncoder(check_circular=False).encode
"""What a frame begins with, from a mapping."""
_decode: Final = json.JSONDecoder().raw_decode


class Channel:
    """Sends from any thread, receives on one at a time. Where the emulator has gone, so is this process."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection: Final = connection
        self._readable: Final = new_poll()
        self._readable.register(connection, POLLIN)
        self._received = b""
        """What belongs to the next frame."""
        self._sending: Final = RealLock()

    def fileno(self) -> int:
        """The descriptor, to wait for it."""
        return self._connection.fileno()

    def send(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        """Send a frame."""
        self.send_frame(to_json(header).encode(), body)

    def send_frame(self, head: bytes, body: bytes) -> None:
        """Send a frame whose JSON is written already."""
        with self._sending:
            try:
                self._connection.sendall(b"".join((_LENGTHS.pack(len(head), len(body)), head, body)))
            except OSError:
                os._exit(1)

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Wait for a frame; its header and its body."""
        received = self._received
        while len(received) < _LENGTHS.size:
            received += self._receive(_CHUNK)
        head, body = _LENGTHS.unpack_from(received)
        start = _LENGTHS.size + head
        end = start + body
        if len(received) < end:
            received = self._complete(received, end)
        self._received = received[end:]
        header, _ = _decode(received[_LENGTHS.size : start].decode())
        return header, received[start:end]

    def has_more(self) -> bool:
        """Whether a frame, or its begin, was received already."""
        return bool(self._received)

    def _complete(self, begin: bytes, size: int) -> bytes:
        """Wait until so many bytes of a long frame are here, of which these are the first."""
        buffer = bytearray(begin)
        while len(buffer) < size:
            buffer += self._receive(size - len(buffer))
        return bytes(buffer)

    def _receive(self, most: int) -> bytes:
        """Wait for some more bytes.

        Not in ``recv``: Linux wakes who waits there also when the emulator takes an answer out of the other end, which
        costs both a third of what an attempt costs.
        """
        try:
            self._readable.poll()
            received = self._connection.recv(most)
        except OSError:
            received = b""
        if not received:
            os._exit(0)
        return received

    def close(self) -> None:
        """For processes that the handler forks: the channel is not theirs."""
        self._connection.close()
