"""The process runtime: requests a second against a bare pool, a cold start against a plain Python, parked, idle."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from common import HERE, SERVE, compare, free_port, line, load, served, sized, start, value
from invoke import request

from fcemu.testing import LocalEmulator

STARTS, PARKED = sized((1, 2), (30, 200), (100, 200))
ROUNDS, SECONDS = sized((1, 0.1), (5, 1.0), (9, 4.0))
CONNECTIONS = sized((1, 2), (1, 8, 64), (1, 8, 64))
IDLE_SECONDS = sized(0.1, 10, 60)


def throughput() -> None:
    """Synchronous echo on a flowing clock."""
    path = "/2023-03-30/functions/hello/invocations"
    mine, theirs = free_port(), free_port()
    serve = [*SERVE, "fixtures/hello", "--rate", "1", "--runtime", "process", "--port", str(mine)]
    pool = [sys.executable, str(HERE / "pool.py"), str(CONNECTIONS[-1]), str(theirs)]
    with served(pool, theirs, "GET", "/"), served(serve, mine, "POST", path):
        for connections in CONNECTIONS:  # instances start in the first round, which is not counted
            compare(
                f"sync echo in processes, {connections} connections",
                partial(load, mine, connections, SECONDS, request(path)),
                partial(load, theirs, connections, SECONDS, request("/")),
                ROUNDS,
            )


def functions(directory: Path, count: int) -> dict[str, object]:
    """As many functions over one piece of code, so that each has its own instance."""
    (directory / "index.py").write_text("import time\n\ndef handler(event, context):\n    time.sleep(float(event))\n")
    one = {"handler": "index.handler", "code": str(directory), "timeout": 7200}
    return {"functions": {f"f{number}": one for number in range(count)}}


def cold_start(directory: Path) -> None:
    """The first invocation of a function, when the template is warm."""
    cold, plain = [], []
    with LocalEmulator(functions(directory, STARTS + 1), runtime="process") as emulator:
        emulator.function(f"f{STARTS}").invoke("0")
        for number in range(STARTS):
            begin = time.perf_counter()
            emulator.function(f"f{number}").invoke("0")
            middle = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], check=True)
            cold.append(middle - begin)
            plain.append(time.perf_counter() - middle)
    line("first invocation of a function, against python -c pass", cold, plain, "s")


def parked(directory: Path) -> None:
    """Handlers that all sleep an hour at once, each in a process."""
    with LocalEmulator(functions(directory, 1), runtime="process") as emulator:
        function = emulator.function("f0")
        begin = time.perf_counter()
        invocations = [function.invoke_async("3600") for _ in range(PARKED)]
        emulator.advance(1800)
        assert {invocation.status for invocation in invocations} == {"Running"}
        emulator.run_until_idle()
        assert {invocation.status for invocation in invocations} == {"Succeeded"}
        value(f"{PARKED} processes parked at once", time.perf_counter() - begin, "s")


def processor_seconds(pids: Iterable[int]) -> float:
    """What processes have used of the processor so far."""
    used = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def with_descendants(pid: int) -> list[int]:
    """A process, and all that it has started, directly or not."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def idle() -> None:
    """What an emulator with a warm instance uses of a processor while nobody asks anything."""
    port = free_port()
    command = [*SERVE, "fixtures/hello", "--rate", "1", "--watch", "--port", str(port)]
    process, _ = start(command, port, "POST", "/2023-03-30/functions/hello/invocations")
    try:
        pids = with_descendants(process.pid)
        used, begin = processor_seconds(pids), time.perf_counter()
        time.sleep(IDLE_SECONDS)
        share = (processor_seconds(pids) - used) / (time.perf_counter() - begin)
        value("an idle emulator, its template and an instance", 100 * share, "% of a core")
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    """Print the ratios."""
    with tempfile.TemporaryDirectory() as directory:
        cold_start(Path(directory))
        parked(Path(directory))
    throughput()
    idle()


if __name__ == "__main__":
    main()
