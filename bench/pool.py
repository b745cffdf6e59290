"""The baseline of the process runtime: aiohttp before a pool of worker processes that echo over sockets."""

import asyncio
import os
import socket
import sys
from collections import deque

from aiohttp import web


def work(there: socket.socket) -> None:
    """A worker: returns each message, four bytes of length before it, until its socket closes."""
    with there.makefile("rb") as messages:
        while head := messages.read(4):
            there.sendall(head + messages.read(int.from_bytes(head)))


class Worker(asyncio.Protocol):
    """The parent's end of one worker."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, body: bytes) -> asyncio.Future[bytes]:
        """The worker's answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(len(body).to_bytes(4) + body)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= 4 and len(self._buffer) == 4 + int.from_bytes(self._buffer[:4]):
            assert self._answer is not None
            self._answer.set_result(self._buffer[4:])
            self._buffer = b""


class Pool:
    """Gives each request a free worker, or lets it wait for one."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._sockets = sockets
        self._free: list[Worker] = []
        self._waiting: deque[asyncio.Future[Worker]] = deque()

    async def start(self, _: web.Application) -> None:
        """Connect to the workers."""
        loop = asyncio.get_running_loop()
        for here in self._sockets:
            _, worker = await loop.create_connection(Worker, sock=here)
            self._free.append(worker)

    async def echo(self, request: web.Request) -> web.Response:
        """What a worker makes of the body."""
        body = await request.read()
        if self._free:
            worker = self._free.pop()
        else:
            waiting: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            worker = await waiting
        answer = await worker.ask(body)
        if self._waiting:
            self._waiting.popleft().set_result(worker)
        else:
            self._free.append(worker)
        return web.Response(body=answer)


def main() -> None:
    """Serve with so many workers, on a port: both are given."""
    sockets = []
    for _ in range(int(sys.argv[1])):
        here, there = socket.socketpair()
        if not os.fork():
            for other in (*sockets, here):
                other.close()
            work(there)
            os._exit(0)
        there.close()
        sockets.append(here)
    pool, app = Pool(sockets), web.Application()
    app.on_startup.append(pool.start)
    app.router.add_route("*", "/{path:.*}", pool.echo)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), print=None, access_log=None)


if __name__ == "__main__":
    main()
