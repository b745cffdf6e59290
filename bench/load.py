"""A load generator of its own process: N keep-alive connections that each send one request after the other."""

import asyncio
import sys
import time
from typing import ClassVar


class Connection(asyncio.Protocol):
    """Sends the request again as soon as its answer is complete."""

    done = 0
    seconds: ClassVar[list[float]] = []
    """How long each answer took."""

    def __init__(self, request: bytes, end: float) -> None:
        self._request = request
        self._end = end
        self._buffer = b""
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        lower = self._buffer[:head].lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 : (lower + b"\r\n").find(b"\r\n", at)]) if at >= 0 else 0
        if len(self._buffer) < head + 4 + length:
            return
        if self._buffer[9:10] != b"2":
            sys.exit(f"the server answered {self._buffer[:200]!r}")
        self._buffer = b""
        now = time.perf_counter()
        Connection.done += 1
        Connection.seconds.append(now - self._sent)
        if now < self._end:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)


async def main() -> None:
    """Print requests per second; with a fourth argument, ``p99``, also the seconds in which 99 of 100 were answered."""
    port, connections, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    request = sys.stdin.buffer.read()
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Connection(request, begin + seconds), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*[protocol.closed for _, protocol in made])
    rate = Connection.done / (time.perf_counter() - begin)
    print(rate, *([sorted(Connection.seconds)[Connection.done * 99 // 100]] if "p99" in sys.argv else []))


if __name__ == "__main__":
    asyncio.run(main())
