"""Deferred and retried attempts a second on the virtual clock, and bytes for each pending invocation; no HTTP."""

import sys
import tempfile
import time
import tracemalloc
from datetime import timedelta
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
SIZES = sized((10, 100), (1_000, 10_000, 100_000, 1_000_000), (1_000, 10_000, 100_000, 1_000_000))


def emulator(folder: str) -> Emulator:
    """One function that fails once, in Python code of its own."""
    (Path(folder) / "index.py").write_text(HANDLER)
    definition = read_mapping({"functions": {"flaky": {"handler": "index.handler", "code": folder}}}, Path(folder))
    return host.emulator_of(definition, host.settings_of({}), host.Runtimes({}))


def measure(pending: int, *, memory: bool) -> float:
    """Seconds an attempt with ``pending`` invocations waiting at the start; or bytes for each of them."""
    with tempfile.TemporaryDirectory() as folder:
        emulated = emulator(folder)
        if memory:
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            for n in range(pending):
                emulated.accept(ASKED[n % len(ASKED)])
            return (tracemalloc.get_traced_memory()[0] - before) / pending
        for n in range(pending):
            emulated.accept(ASKED[n % len(ASKED)])
        begin = time.perf_counter()
        emulated.wait(emulated.run_until_idle(None))
        return (time.perf_counter() - begin) / (2 * pending)


def main() -> None:
    """Print rates, ratios and bytes."""
    if len(sys.argv) > 1:
        print(measure(int(sys.argv[1]), memory="memory" in sys.argv))
        return
    rounds = sized(1, 3, 5)
    costs = {pending: [apart(pending) for _ in range(rounds)] for pending in SIZES}
    for pending, seconds in costs.items():
        print(f"{pending:,} pending: {1 / sorted(seconds)[rounds // 2]:,.0f} attempts a second", flush=True)
    line(f"cost of an attempt at {SIZES[-1]:,} pending, to {SIZES[0]:,}", costs[SIZES[-1]], costs[SIZES[0]], "s")
    value(f"each of {SIZES[-1]:,} pending invocations", apart(SIZES[-1], "memory"), "bytes")


if __name__ == "__main__":
    main()
