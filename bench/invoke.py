"""Requests a second and p99: synchronous echo on a flowing clock, and accepting, against bare aiohttp handlers and
against the bare hop to a worker thread."""

import subprocess
import sys
from pathlib import Path

from common import BARE, SERVE, free_port, line, served, sized

ROUNDS, SECONDS = sized((1, 0.1), (5, 1.5), (9, 4.0))
BODY = b"x" * 100
Measured = tuple[float, float]
"""Requests a second, and the seconds within which 99 of 100 were answered."""


def request(path: str, headers: str = "") -> bytes:
    """One request as bytes."""
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY


def measure(port: int, connections: int, message: bytes) -> Measured:
    """Measured by a process of its own."""
    load = [sys.executable, str(Path(__file__).parent / "load.py")]
    command = [*load, str(port), str(connections), str(SECONDS), "p99"]
    rate, p99 = subprocess.run(command, input=message, stdout=subprocess.PIPE, check=True).stdout.split()
    return float(rate), float(p99)


def compare(what: str, connections: int, ours: tuple[int, bytes], baselines: dict[str, tuple[int, bytes]]) -> None:
    """Print how ``ours`` compares with each baseline, measured in turn; a port and a message each."""
    servers = [ours, *baselines.values()]
    for port, message in servers:
        measure(port, connections, message)
    rounds = [[measure(port, connections, message) for port, message in servers] for _ in range(ROUNDS)]
    for number, name in enumerate(baselines, 1):
        question = f"{what}, {connections} connections, to {name}"
        line(question, [each[0][0] for each in rounds], [each[number][0] for each in rounds], "requests/s")
        p99 = [1000 * each[0][1] for each in rounds], [1000 * each[number][1] for each in rounds]
        line(f"{question}, p99", *p99, "ms")


def main() -> None:
    """Print the ratios."""
    path = "/2023-03-30/functions/hello/invocations"
    sync, echo = request(path), request("/")
    accept = request(path, "x-fc-invocation-type: Async\r\nx-fc-async-delay: 3600\r\n")
    mine, bare, hop = free_port(), free_port(), free_port()
    serve = [*SERVE, "fixtures/hello", "--rate", "1", "--runtime", "inline", "--port", str(mine)]
    with (
        served([*BARE, str(bare)], bare, "GET", "/"),
        served([*BARE, str(hop), "hop"], hop, "GET", "/"),
        served(serve, mine, "GET", "/_fcemu/health"),
    ):
        for connections in (1, 8, 64):
            baselines = {"bare aiohttp": (bare, echo), "the bare hop": (hop, echo)}
            compare("sync echo", connections, (mine, sync), baselines)
        for connections in (8, 64):
            appends = {"a handler that appends": (bare, request("/accept"))}
            compare("accept", connections, (mine, accept), appends)


if __name__ == "__main__":
    main()
