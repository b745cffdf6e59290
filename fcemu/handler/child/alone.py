"""An instance that was started by itself, not forked: it connects to the emulator, and opens the dial by its name."""

from __future__ import annotations

import os
import socket
import time

from fcemu.handler.child.channel import Channel
from fcemu.handler.child.dial import Dial
from fcemu.handler.child.instance import prepare
from fcemu.handler.child.instance import run as be_instance
from fcemu.handler.child.times import install

_SECRET = "FCEMU_SECRET"
_SAME_NS = 1_000_000_000
"""Clocks that differ by less are the same one, read some time later."""


def run(port: int, dial: str) -> None:
    """Be an instance of the emulator that waits at a port of this machine. ``dial``: the name of its file."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(os.environ.pop(_SECRET).encode())
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ahead = time.monotonic_ns() - int.from_bytes(_eight_bytes(connection), "little")
    prepare()
    install()
    opened = os.open(dial, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    be_instance(Channel(connection), Dial(opened, ahead if abs(ahead) > _SAME_NS else 0))


def _eight_bytes(connection: socket.socket) -> bytes:
    said = b""
    while len(said) < 8:
        more = connection.recv(8 - len(said))
        if not more:
            os._exit(0)
        said += more
    return said
