"""What the benchmarks share: subprocesses that serve, load, medians, and how much effort to spend."""

import http.client
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")
HERE = Path(__file__).parent
ROOT = HERE.parent
FULL = os.environ.get("FCEMU_EFFORT") == "full"
SMALL = os.environ.get("FCEMU_EFFORT") == "small"
"""Each script runs to its end and measures next to nothing: for the test that keeps them alive."""
FIGURES = os.environ.get("FCEMU_FIGURES")
"""The file to which each figure is appended as a line of JSON; ``all.py`` makes its table of them."""
BARE = [sys.executable, str(HERE / "bare.py")]
SERVE = [sys.executable, "-m", "fcemu", "serve"]
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The variables of a server: what it imports is compiled once, as an installation does."""


def sized(small: T, usual: T, full: T) -> T:
    """What fits the effort."""
    return small if SMALL else full if FULL else usual


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
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=COMPILED)
    while not answers(port, method, path, body):
        if process.poll() is not None or time.perf_counter() - begin > 30:
            sys.exit(f"{' '.join(command)} does not answer")
        time.sleep(0.001)
    return process, time.perf_counter() - begin


@contextmanager
def served(command: list[str], port: int, method: str, path: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server for the length of a ``with`` block."""
    process, _ = start(command, port, method, path)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


class Load(NamedTuple):
    """What a load came to: requests a second, and the seconds within which 99 of 100 were answered."""

    rate: float
    p99: float


def load(port: int, connections: int, seconds: float, message: bytes) -> Load:
    """Send ``message`` again and again on so many connections, from a process of its own."""
    command = [sys.executable, str(HERE / "load.py"), str(port), str(connections), str(seconds), "p99"]
    done = subprocess.run(command, input=message, stdout=subprocess.PIPE, check=True)
    return Load(*map(float, done.stdout.split()))


def compare(question: str, ours: Callable[[], Load], baseline: Callable[[], Load], rounds: int) -> None:
    """Measure two loads in turn, once before for nothing; print the ratio of their rates, and that of their p99."""
    ours(), baseline()
    pairs = [(ours(), baseline()) for _ in range(rounds)]
    line(question, [mine.rate for mine, _ in pairs], [theirs.rate for _, theirs in pairs], "requests/s")
    line(f"{question}, p99", [1000 * mine.p99 for mine, _ in pairs], [1000 * theirs.p99 for _, theirs in pairs], "ms")


def in_turn(question: str, ours: Callable[[], float], baseline: Callable[[], float], rounds: int, unit: str) -> None:
    """Measure both in turn, and print the ratio."""
    pairs = [(ours(), baseline()) for _ in range(rounds)]
    line(question, *map(list, zip(*pairs, strict=True)), unit)


def apart(*words: object) -> float:
    """What the benchmark that runs measures with these arguments, in a process of its own: the number it prints."""
    (number,) = several_apart(*words)
    return number


def several_apart(*words: object) -> list[float]:
    """The same where it prints several numbers."""
    done = subprocess.run([sys.executable, sys.argv[0], *map(str, words)], stdout=subprocess.PIPE, check=True)
    return [float(word) for word in done.stdout.split()]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so great a share of all do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def line(question: str, ours: list[float], baseline: list[float], unit: str) -> None:
    """Print medians and their ratio, and the ratio's spread over the pairs."""
    pairs = sorted(a / b for a, b in zip(ours, baseline, strict=True))
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    ratio = statistics.median(pairs)
    print(
        f"{question}: {ratio:.2f} × the baseline "
        f"(pairs {pairs[0]:.2f}…{pairs[-1]:.2f}, p99 {percentile(pairs, 0.99):.2f}; medians {mine:,.4g} against "
        f"{theirs:,.4g} {unit})",
        flush=True,
    )
    note({"question": question, "ratio": ratio, "least": pairs[0], "most": pairs[-1]})


def value(question: str, number: float, unit: str) -> None:
    """Print a figure that has no baseline."""
    print(f"{question}: {number:,.4g} {unit}", flush=True)
    note({"question": question, "value": number, "unit": unit})


def note(figure: dict[str, object]) -> None:
    """Keep a figure for the table."""
    if FIGURES:
        with open(FIGURES, "a", encoding="utf-8") as file:
            file.write(json.dumps(figure) + "\n")
