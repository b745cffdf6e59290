"""Requests a second: synchronous echo on a flowing clock, and accepting, against bare aiohttp handlers."""

import subprocess
import sys
from pathlib import Path

from common import BARE, SERVE, free_port, line, served, sized

ROUNDS, SECONDS = sized((1, 0.1), (5, 1.5), (9, 4.0))
BODY = b"x" * 100


def request(path: str, headers: str = "") -> bytes:
    """One request as bytes."""
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY


def rate(port: int, connections: int, message: bytes) -> float:
    """Requests a second, measured by a process of its own."""
    command = [sys.executable, str(Path(__file__).parent / "load.py"), str(port), str(connections), str(SECONDS)]
    return float(subprocess.run(command, input=message, stdout=subprocess.PIPE, check=True).stdout)


def main() -> None:
    """Print four ratios."""
    path = "/2023-03-30/functions/hello/invocations"
    sync, echo = request(path), request("/")
    accept = request(path, "x-fc-invocation-type: Async\r\nx-fc-async-delay: 3600\r\n")
    mine, theirs = free_port(), free_port()
    serve = [*SERVE, "fixtures/hello", "--rate", "1", "--runtime", "inline", "--port", str(mine)]
    with served([*BARE, str(theirs)], theirs, "GET", "/"), served(serve, mine, "GET", "/_fcemu/health"):
        for what, message, bare in (("sync echo", sync, echo), ("accept", accept, request("/accept"))):
            for connections in (8, 64):
                rate(mine, connections, message), rate(theirs, connections, bare)
                pairs = [(rate(mine, connections, message), rate(theirs, connections, bare)) for _ in range(ROUNDS)]
                line(f"{what}, {connections} connections", *map(list, zip(*pairs, strict=True)), "requests/s")


if __name__ == "__main__":
    main()
