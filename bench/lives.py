"""Whole lives of invocations: deferred, failed once, retried, reported to a queue; run by a stub, without HTTP.

The baseline is the same with 1,000 of them.
"""

import gc
import sys
import tempfile
import time
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

from common import apart, line, sized

from fcemu import host
from fcemu.config import read_mapping
from fcemu.core.names import FunctionRef
from fcemu.engine.emulator import Asked, Emulator

REF = FunctionRef("charge")
ASKED = [Asked(REF, b"payload", delay=timedelta(seconds=delay)) for delay in range(3600)]
"""Every delay that FC takes but the longest."""
SIZES = sized((10, 100), (1_000, 10_000, 100_000, 1_000_000), (1_000, 10_000, 100_000, 1_000_000))


def charge(event: bytes, context: Any) -> str:
    """Fails once."""
    if context.retry_count == "0":
        raise ValueError("not yet")
    return "ok"


def emulator(data: Path | None) -> Emulator:
    """One function that is a stub, and reports its successes; ``data``: keeps everything in that file."""
    code = Path(__file__).parent
    settings = {"handler": "lives.charge", "asyncInvokeConfig": {"onSuccess": "queue:done"}}
    definition = read_mapping({"functions": {"charge": settings}}, code)
    runtimes = host.Runtimes({})
    store = None if data is None else host.Data.of({"data": data}).open()
    made = host.emulator_of(definition, host.settings_of({}), runtimes, packages=runtimes.packages, store=store)
    made.setup.stub(REF, runtimes.stub([charge]))
    return made


def measure(count: int, *, memory: bool, data: Path | None = None) -> float:
    """Seconds for each whole life, or bytes that each leaves behind, its facts and its message included."""
    emulated = emulator(data)
    if memory:
        tracemalloc.start()
    before, begin = tracemalloc.get_traced_memory()[0] if memory else 0, time.perf_counter()
    for n in range(count):
        emulated.accept(ASKED[n % len(ASKED)])
    emulated.wait(emulated.run_until_idle(None))
    seconds = time.perf_counter() - begin
    gc.collect()  # what nobody has any more is not left behind
    assert len(emulated.mail.arrived("queue:done")) == count, "each is reported once"
    return ((tracemalloc.get_traced_memory()[0] - before) if memory else seconds) / count


def main() -> None:
    """Print lives a second, the ratio and bytes."""
    if len(sys.argv) > 1:
        count, memory = int(sys.argv[1]), "memory" in sys.argv
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder, "kept.db") if "kept" in sys.argv else None
            print(measure(count, memory=memory, data=data))
        return
    rounds = sized(1, 3, 5)
    costs = {count: [apart(count) for _ in range(rounds)] for count in SIZES}
    for count, seconds in costs.items():
        print(f"{count:,}: {1 / sorted(seconds)[rounds // 2]:,.0f} lives of two attempts a second", flush=True)
    line(f"cost of a life among {SIZES[-1]:,}, to {SIZES[0]:,}", costs[SIZES[-1]], costs[SIZES[0]], "s")
    each, kept = apart(SIZES[-2], "memory"), apart(SIZES[-2], "memory", "kept")
    print(f"{each:.0f} bytes that each of {SIZES[-2]:,} leaves behind in memory; with a file (--data), {kept:.0f}")


if __name__ == "__main__":
    main()
