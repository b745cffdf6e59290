"""What the benchmarks share: subprocesses that serve, medians, and how much effort to spend."""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
FULL = os.environ.get("FCEMU_EFFORT") == "full"
BARE = [sys.executable, str(Path(__file__).parent / "bare.py")]
SERVE = [sys.executable, "-m", "fcemu", "serve"]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int, method: str, path: str, body: bytes = b"") -> bool:
    """Whether the server on ``port`` answers 200 now."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def start(
    command: list[str], port: int, method: str, path: str, body: bytes = b""
) -> tuple[subprocess.Popen[bytes], float]:
    """Start a server and ask it until it answers; the process, and the seconds that took."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not answers(port, method, path, body):
        if process.poll() is not None or time.perf_counter() - begin > 30:
            sys.exit(f"{' '.join(command)} does not answer")
        time.sleep(0.001)
    return process, time.perf_counter() - begin


@contextmanager
def served(command: list[str], port: int, method: str, path: str) -> Iterator[None]:
    """A server for the length of a ``with`` block."""
    process, _ = start(command, port, method, path)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def apart(*words: object) -> float:
    """What the benchmark that runs measures with these arguments, in a process of its own: the number it prints."""
    done = subprocess.run([sys.executable, sys.argv[0], *map(str, words)], stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def line(question: str, ours: list[float], baseline: list[float], unit: str) -> None:
    """Print medians and their ratio, and the ratio's spread over the pairs."""
    pairs = sorted(a / b for a, b in zip(ours, baseline, strict=True))
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    print(
        f"{question}: {statistics.median(pairs):.2f} × the baseline "
        f"(pairs {pairs[0]:.2f}…{pairs[-1]:.2f}; medians {mine:,.4g} against {theirs:,.4g} {unit})",
        flush=True,
    )
