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
_decode: Final = json.JSONDecoder().decode


class Channel:
    """Sends from any thread, receives on one at a time. Where the emulator has gone, so is this process."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection: Final = connection
        self._readable: Final = new_poll()
        self._readable.register(connection, POLLIN)
        self._buffer: Final = bytearray()
        self._sending: Final = RealLock()

    def fileno(self) -> int:
        """The descriptor, to wait for it."""
        return self._connection.fileno()

    def send(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        """Send a frame."""
        self.send_frame(to_json(header), body)

    def send_frame(self, head: str, body: bytes) -> None:
        """Send a frame whose JSON is written already."""
        begin = head.encode()
        with self._sending:
            try:
                self._connection.sendall(b"".join((_LENGTHS.pack(len(begin), len(body)), begin, body)))
            except OSError:
                os._exit(1)

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Wait for a frame; its header and its body."""
        buffer = self._buffer
        self._fill(_LENGTHS.size)
        head, body = _LENGTHS.unpack_from(buffer)
        start = _LENGTHS.size + head
        end = start + body
        self._fill(end)
        with memoryview(buffer) as view:
            header, content = _decode(str(view[_LENGTHS.size : start], "utf-8")), bytes(view[start:end])
        del buffer[:end]
        return header, content

    def has_more(self) -> bool:
        """Whether a frame, or its begin, was received already."""
        return bool(self._buffer)

    def _fill(self, size: int) -> None:
        """Wait until so many bytes of the next frame are here.

        Not in ``recv``: Linux wakes who waits there also when the emulator takes an answer out of the other end, which
        costs both a third of what an attempt costs.
        """
        buffer = self._buffer
        while len(buffer) < size:
            try:
                self._readable.poll()
                received = self._connection.recv(max(_CHUNK, size - len(buffer)))
            except OSError:
                received = b""
            if not received:
                os._exit(0)
            buffer += received

    def close(self) -> None:
        """For processes that the handler forks: the channel is not theirs."""
        self._connection.close()
