"""A load generator of its own process: N keep-alive connections that each send one request after the other."""

import asyncio
import sys
import time

from common import percentile


class Connection(asyncio.Protocol):
    """Sends the request again as soon as its answer is complete."""

    def __init__(self, request: bytes, end: float, took: list[float]) -> None:
        """``took``: gets the seconds of each request."""
        self._request = request
        self._end = end
        self._took = took
        self._sent = 0.0
        self._buffer = b""
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send(time.perf_counter())

    def _send(self, now: float) -> None:
        self._sent = now
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
        self._took.append(now - self._sent)
        if now < self._end:
            self._send(now)
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)


async def main() -> None:
    """Print requests a second; with a fourth argument also the seconds within which 99 of 100 were answered."""
    port, connections, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    request, took = sys.stdin.buffer.read(), list[float]()
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Connection(request, begin + seconds, took), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*[protocol.closed for _, protocol in made])
    print(len(took) / (time.perf_counter() - begin), *([percentile(took, 0.99)] if len(sys.argv) > 4 else []))


if __name__ == "__main__":
    asyncio.run(main())
