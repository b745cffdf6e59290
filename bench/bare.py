"""The baselines of an invocation: bare aiohttp handlers that read the body and return it, append it to a list, or have
a worker thread return it.

``bare.py PORT``: an aiohttp application; any path echoes, ``/accept`` keeps the body. ``bare.py PORT hop``: the least
that an emulator does which runs handlers on a thread of its own: ``aiohttp.web.Server`` without a router, one worker
thread fed by a queue, and one pending wake-up of the loop for all answers that are there.
"""

import asyncio
import sys
import threading
from collections import deque
from queue import SimpleQueue

from aiohttp import web

KEPT: list[bytes] = []
Answered = asyncio.Future[bytes]


async def accept(request: web.Request) -> web.Response:
    """Keep the body."""
    KEPT.append(await request.read())
    return web.Response(status=202)


async def echo(request: web.Request) -> web.Response:
    """Return the body."""
    return web.Response(body=await request.read())


class Hop:
    """Has each body echoed by a worker thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked: SimpleQueue[tuple[bytes, Answered]] = SimpleQueue()
        self._answers: deque[tuple[Answered, bytes]] = deque()
        self._woken = False
        threading.Thread(target=self._work, daemon=True).start()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Return the body, once the worker has."""
        answered: Answered = self._loop.create_future()
        self._asked.put((await request.read(), answered))
        return web.Response(body=await answered)

    def _work(self) -> None:
        while True:
            body, answered = self._asked.get()
            self._answers.append((answered, body))
            if not self._woken:
                self._woken = True
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._woken = False
        while self._answers:
            answered, body = self._answers.popleft()
            if not answered.done():
                answered.set_result(body)


async def hop(port: int) -> None:
    """Serve by a worker thread until the process ends."""
    server = web.Server(Hop().handle)
    await asyncio.get_running_loop().create_server(server, "127.0.0.1", port)
    await asyncio.Event().wait()


def main() -> None:
    """Serve on the port that is given."""
    port = int(sys.argv[1])
    if "hop" in sys.argv:
        asyncio.run(hop(port))
        return
    app = web.Application()
    app.router.add_route("*", "/accept", accept)
    app.router.add_route("*", "/{path:.*}", echo)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main()
