"""Invocations accepted on a flowing clock with a file, and run meanwhile: none lost, memory, how long a 202 takes."""

import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from pathlib import Path

from common import ROOT, SERVE, free_port, sized, start, value

COUNT = int(os.environ.get("FCEMU_COUNT", sized(200, 20_000, 1_000_000)))
CONNECTIONS = 64
BODY = b"x" * 100
ACCEPT = (
    b"POST /2023-03-30/functions/hello/invocations HTTP/1.1\r\nHost: localhost\r\nX-Fc-Invocation-Type: Async\r\n"
    b"Content-Length: 100\r\n\r\n" + BODY
)


class Caller(asyncio.Protocol):
    """Sends one request after the other until all callers together have sent enough."""

    left = COUNT
    ids: list[bytes] = []  # noqa: RUF012
    seconds: list[float] = []  # noqa: RUF012

    def __init__(self) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        if Caller.left <= 0:
            self._transport.close()
            return
        Caller.left -= 1
        self._begun = time.perf_counter()
        self._transport.write(ACCEPT)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._buffer.endswith(b"\r\n\r\n"):
            return
        Caller.seconds.append(time.perf_counter() - self._begun)
        if not self._buffer.startswith(b"HTTP/1.1 202"):
            sys.exit(f"the server answered {self._buffer[:200]!r}")
        Caller.ids.append(self._buffer.lower().partition(b"x-fc-request-id: ")[2].partition(b"\r\n")[0])
        self._buffer = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)


async def call(port: int) -> None:
    """Send them all."""
    loop = asyncio.get_running_loop()
    callers = [(await loop.create_connection(Caller, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    await asyncio.gather(*[caller.closed for caller in callers])


def unfinished(port: int) -> int:
    """How many have not ended yet."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_fcemu/metrics") as answer:
        lines = answer.read().decode().splitlines()
    names = ("FunctionAsyncMessagesBacklogV2{", "FunctionAsyncMessagesInProcess{")
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(names)))


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def ended(path: Path) -> set[bytes]:
    """The invocations that have succeeded, as the file says it."""
    with closing(sqlite3.connect(path)) as db:
        facts = (json.loads(text) for (text,) in db.execute("SELECT fact FROM facts WHERE fact LIKE '%\"Succeeded\"%'"))
        return {fact["request_id"].lower().encode() for fact in facts if fact["kind"] == "Succeeded"}


def main() -> None:
    """Print all of it."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kept.db")
        command = [*SERVE, str(ROOT / "fixtures/hello"), "--rate", "1", "--runtime", "inline", "--port", str(port)]
        process, _ = start([*command, "--data", str(path)], port, "GET", "/_fcemu/health")
        try:
            before, begun = resident(process.pid), time.perf_counter()
            asyncio.run(call(port))
            accepted = time.perf_counter() - begun
            most = resident(process.pid)
            while unfinished(port):
                time.sleep(0.5)
            took, after = time.perf_counter() - begun, resident(process.pid)
        finally:
            process.terminate()
            process.wait(120)
        lost, seconds = set(Caller.ids) - ended(path), sorted(Caller.seconds)
        value("lost", len(lost), "invocations")
        value(f"accepted of {len(Caller.ids):,} in a second", COUNT / accepted, "invocations")
        value("until all had run", took, "s")
        value("a 202, in the median", seconds[COUNT // 2] * 1e3, "ms")
        value("a 202, p99", seconds[COUNT * 99 // 100] * 1e3, "ms")
        value("memory before", before / 1e6, "MB")
        value("memory when all were accepted", most / 1e6, "MB")
        value("memory of each that has run", (after - before) / COUNT, "bytes")


if __name__ == "__main__":
    main()
