"""Invoking with 2,000 functions, versions and triggers defined, against one; pages of 10,000 functions, against 100."""

import base64
import http.client
import io
import json
import subprocess
import sys
import time
import zipfile
from contextlib import ExitStack
from pathlib import Path

from common import SERVE, free_port, line, served, sized

ROUNDS, SECONDS = sized((1, 0.1), (5, 1.5), (9, 4.0))
MANY, FEW, VERY_MANY = sized((20, 10, 50), (2_000, 100, 10_000), (2_000, 100, 10_000))
CODE = "def handler(event, context):\n    return event\n"
V3 = "/2023-03-30/functions"
PAGE = 100
ASKED = sized(4, 400, 2_000)


class Asking:
    """A connection to the control plane; a request that is refused ends the benchmark."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def __call__(self, method: str, path: str, document: object = None) -> dict[str, object]:
        self._connection.request(method, path, None if document is None else json.dumps(document))
        response = self._connection.getresponse()
        data = response.read()
        if response.status >= 300:
            sys.exit(f"{method} {path}: {response.status} {data!r}")
        found: dict[str, object] = json.loads(data) if data else {}
        return found


def function(name: str) -> dict[str, object]:
    """A function that returns its event."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), CODE)
    code = {"zipFile": base64.b64encode(buffer.getvalue()).decode()}
    return {"functionName": name, "runtime": "python3.10", "handler": "index.handler", "code": code}


def fill(port: int, count: int, *, whole: bool) -> None:
    """Make functions; ``whole``: each with a version and a trigger."""
    ask = Asking(port)
    config = json.dumps({"authType": "anonymous", "methods": ["GET"]})
    trigger = {"triggerName": "t", "triggerType": "http", "triggerConfig": config}
    for n in range(count):
        name = f"f{n:05}"
        ask("POST", V3, function(name))
        if whole:
            ask("POST", f"{V3}/{name}/versions", {})
            ask("POST", f"{V3}/{name}/triggers", trigger)


def rate(port: int) -> float:
    """Invocations of the first function a second, over 8 connections, measured by a process of its own."""
    body = b"x" * 100
    head = f"POST {V3}/f00000/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    command = [sys.executable, str(Path(__file__).parent / "load.py"), str(port), "8", str(SECONDS)]
    return float(subprocess.run(command, input=head.encode() + body, stdout=subprocess.PIPE, check=True).stdout)


def last_page(port: int) -> str:
    """The path of the last page of all functions."""
    ask, path = Asking(port), f"{V3}?limit={PAGE}"
    token = ask("GET", path).get("nextToken")
    last = path
    while token:
        last = f"{path}&nextToken={token}"
        token = ask("GET", last).get("nextToken")
    return last


def seconds(port: int, path: str) -> float:
    """What one page takes."""
    ask = Asking(port)
    ask("GET", path)
    begin = time.perf_counter()
    for _ in range(ASKED):
        ask("GET", path)
    return (time.perf_counter() - begin) / ASKED


def main() -> None:
    """Print three ratios."""
    with ExitStack() as stack:
        ports = {}
        for count, whole in ((1, True), (MANY, True), (FEW, False), (VERY_MANY, False)):
            port = ports[count] = free_port()
            command = [*SERVE, "--rate", "1", "--runtime", "inline", "--port", str(port)]
            stack.enter_context(served(command, port, "GET", "/_fcemu/health"))
            fill(port, count, whole=whole)
        for port in (ports[1], ports[MANY]):
            rate(port)
        pairs = [(rate(ports[MANY]), rate(ports[1])) for _ in range(ROUNDS)]
        line(
            f"invoking with {MANY:,} functions, versions and triggers",
            *map(list, zip(*pairs, strict=True)),
            "requests/s",
        )
        first, last = f"{V3}?limit={PAGE}", last_page(ports[VERY_MANY])
        for what, path in (("the first page", first), ("the last page", last)):
            pairs = [(seconds(ports[VERY_MANY], path), seconds(ports[FEW], first)) for _ in range(ROUNDS)]
            line(f"{what} of {VERY_MANY:,} functions, to the page of {FEW}", *map(list, zip(*pairs, strict=True)), "s")


if __name__ == "__main__":
    main()
