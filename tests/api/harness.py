"""Served: a server on a real socket in a thread of its own, with the clients that tests talk to it through."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

from patience import WAIT_SECONDS

from fcemu.api.server import ApiServer
from fcemu.api.state import ServerState
from fcemu.engine.emulator import Emulator
from fcemu.host import guard_of
from fcemu.mns.wire.mount import MNS

FC2 = "/2016-08-15/services/media/functions/{}/invocations"
FC3 = "/2023-03-30/functions/{}/invocations"
NAMES = ("h", "x")
"""What requests that are written out as bytes call the server."""


class Reply:
    """A response: ``status``, ``headers`` in any letter case, ``body``."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A running server; ``close`` also closes the emulator."""

    def __init__(self, emulator: Emulator | None, **options: Any) -> None:
        self.emulator = emulator
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test-server")
        self._thread.start()
        self.api = ApiServer(ServerState(emulator, version="1.2.3", **options), [MNS])
        self.api.guard = guard_of(allowed=NAMES)
        self._running = True
        self.port = self._call(self.api.start("127.0.0.1", 0))

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(WAIT_SECONDS)

    def stop(self) -> None:
        """No connection is left afterwards."""
        if self._running:
            self._running = False
            self._call(self.api.stop())

    def close(self) -> None:
        self.stop()
        if self.api.state.emulator is not None:
            self.api.state.emulator.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request on a connection of its own; ``_`` in a header's name stands for ``-``."""
        with self.client() as ask:
            return ask(method, path, body, **headers)

    def json(self, method: str, path: str, document: object = None, **headers: str) -> Any:
        """The same for fcemu's own API; the answer must be good."""
        body = None if document is None else json.dumps(document).encode()
        reply = self.request(method, f"/_fcemu{path}", body, **headers)
        assert 200 <= reply.status < 300, reply.body
        return reply.json() if reply.body else None

    @contextmanager
    def client(self) -> Iterator[Callable[..., Reply]]:
        """A connection for several requests."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)

        def ask(method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())

        try:
            yield ask
        finally:
            connection.close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """The server looks at nothing meanwhile, so that what clients do comes to it all at once."""
        let_go = threading.Event()
        self._loop.call_soon_threadsafe(let_go.wait, WAIT_SECONDS)
        try:
            yield
        finally:
            let_go.set()

    @contextmanager
    def socket(self) -> Iterator[socket.socket]:
        """A bare connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS) as connection:
            yield connection

    def raw(self, data: bytes, *, end: bool = False) -> bytes:
        """All that the server sends until it closes, after ``data``; ``end``: the client says that it sends no more."""
        with self.socket() as connection:
            connection.sendall(data)
            if end:
                connection.shutdown(socket.SHUT_WR)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def parse(response: bytes) -> Reply:
    """One response out of its bytes."""
    head, _, body = response.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return Reply(int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body)
