"""Deferred and retried attempts a second on the virtual clock, and bytes for each pending invocation; no HTTP.

The baseline is what has to be done in any case: a heap of what is due, a list of facts, the handler, and no engine.
"""

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from pathlib import Path

from common import apart, line, sized, value

from fcemu import host
from fcemu.config import read_mapping
from fcemu.core.names import FunctionRef
from fcemu.engine.emulator import Asked, Emulator

HANDLER = """
def handler(event, context):
    if context.retry_count == "0":
        raise ValueError("not yet")
    return b"ok"
"""
ASKED = [Asked(FunctionRef("flaky"), b"payload", delay=timedelta(seconds=delay)) for delay in range(3600)]
"""Every delay that FC takes but the longest."""
SIZES = sized((10, 100), (1_000, 100_000, 1_000_000), (1_000, 10_000, 100_000, 1_000_000))
START = datetime(2026, 1, 1, tzinfo=UTC)
RETRY = timedelta(seconds=0.5)


def emulator(folder: str) -> Emulator:
    """One function that fails once, in Python code of its own."""
    (Path(folder) / "index.py").write_text(HANDLER)
    definition = read_mapping({"functions": {"flaky": {"handler": "index.handler", "code": folder}}}, Path(folder))
    return host.emulator_of(definition, host.settings_of({}), host.Runtimes({}))


def engine(pending: int) -> float:
    """Seconds for each attempt: accepted, run and read back by the emulator."""
    with tempfile.TemporaryDirectory() as folder:
        emulated = emulator(folder)
        emulated.accept(ASKED[0])
        emulated.wait(emulated.run_until_idle(None))
        begin = time.perf_counter()
        accepted = [emulated.accept(ASKED[n % len(ASKED)]) for n in range(pending)]
        emulated.wait(emulated.run_until_idle(None))
        words = {(str(one.state), *(attempt.word for attempt in one.attempts)) for one in accepted}
        seconds = time.perf_counter() - begin
        assert words == {("Succeeded", "function error", "returned")}
        return seconds / (2 * pending)


@dataclass(slots=True)
class Fact:
    """What the baseline notes."""

    at: datetime
    kind: str
    number: int
    data: object = None


@dataclass(slots=True)
class Context:
    """What the handler of the baseline gets."""

    retry_count: str


def bare(pending: int) -> float:
    """Seconds for each attempt: accepted, run and read back by means of a heap and a list of facts."""
    known: dict[str, Callable[[bytes, Context], bytes]] = {}
    exec(HANDLER, known)
    handler, facts = known["handler"], list[Fact]()
    due: list[tuple[datetime, int, int, bytes]] = []
    begin = time.perf_counter()
    for number in range(pending):
        asked = ASKED[number % len(ASKED)]
        facts.append(Fact(START, "accepted", number, asked.payload))
        heappush(due, (START + asked.delay, number, 1, asked.payload))
    while due:
        now, number, attempt, payload = heappop(due)
        facts.append(Fact(now, "started", number, attempt))
        try:
            returned = handler(payload, Context(str(attempt - 1)))
        except ValueError as error:
            facts.append(Fact(now, "function error", number, str(error)))
            facts.append(Fact(now + RETRY, "retry planned", number, attempt))
            heappush(due, (now + RETRY, number, attempt + 1, payload))
        else:
            facts.append(Fact(now, "returned", number, returned))
            facts.append(Fact(now, "succeeded", number))
    words: list[list[str]] = [[] for _ in range(pending)]
    for fact in facts:
        words[fact.number].append(fact.kind)
    seconds = time.perf_counter() - begin
    assert {one[-1] for one in words} == {"succeeded"}
    return seconds / (2 * pending)


def memory(pending: int) -> float:
    """Bytes for each pending invocation."""
    with tempfile.TemporaryDirectory() as folder:
        emulated = emulator(folder)
        emulated.accept(ASKED[0])
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for n in range(pending):
            emulated.accept(ASKED[n % len(ASKED)])
        return (tracemalloc.get_traced_memory()[0] - before) / pending


def main() -> None:
    """Print rates, ratios and bytes."""
    if len(sys.argv) > 1:
        print({"engine": engine, "bare": bare, "memory": memory}[sys.argv[1]](int(sys.argv[2])))
        return
    rounds = {size: sized(1, 3 if size < SIZES[-1] else 1, 5) for size in SIZES}
    costs: dict[int, list[float]] = {size: [] for size in SIZES}
    bares: dict[int, list[float]] = {size: [] for size in SIZES}
    for size in SIZES:
        for _ in range(rounds[size]):
            costs[size].append(apart("engine", size))
            bares[size].append(apart("bare", size))
        print(f"{size:,} pending: {1 / sorted(costs[size])[rounds[size] // 2]:,.0f} attempts a second", flush=True)
        line(f"an attempt at {size:,} pending, to a heap and a list of facts", costs[size], bares[size], "s")
    few, many = costs[SIZES[0]], costs[SIZES[-1]]
    line(f"an attempt at {SIZES[-1]:,} pending, to {SIZES[0]:,}", many, few[: len(many)], "s")
    value(f"each of {SIZES[-1]:,} pending invocations", apart("memory", SIZES[-1]), "bytes")


if __name__ == "__main__":
    main()
