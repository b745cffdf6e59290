"""The process runtime: requests a second against bare aiohttp, a cold start against a plain Python, attempts parked."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import BARE, FULL, SERVE, free_port, line, served
from invoke import ROUNDS, rate, request

from fcemu.testing import LocalEmulator

STARTS, PARKED = (100, 200) if FULL else (30, 200)


def throughput() -> None:
    """Synchronous echo on a flowing clock."""
    path = "/2023-03-30/functions/hello/invocations"
    mine, theirs = free_port(), free_port()
    serve = [*SERVE, "fixtures/hello", "--rate", "1", "--runtime", "process", "--port", str(mine)]
    with served([*BARE, str(theirs)], theirs, "GET", "/"), served(serve, mine, "POST", path):
        for connections in (8, 64):
            pairs = [
                (rate(mine, connections, request(path)), rate(theirs, connections, request("/"))) for _ in range(ROUNDS)
            ]
            line(f"sync echo, {connections} connections", *map(list, zip(*pairs, strict=True)), "requests/s")


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
        print(f"{PARKED} processes parked at once: {time.perf_counter() - begin:.2f} s")


def main() -> None:
    """Print the ratios."""
    with tempfile.TemporaryDirectory() as directory:
        cold_start(Path(directory))
        parked(Path(directory))
    throughput()


if __name__ == "__main__":
    main()
