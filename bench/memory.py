"""Memory of a server after its start, against a bare aiohttp program; and after a million synchronous invocations."""

import statistics
import sys
import tempfile
import threading
from pathlib import Path

from common import BARE, SERVE, free_port, line, served, several_apart, sized, value

from fcemu import host
from fcemu.config import read_mapping
from fcemu.core.names import FunctionRef
from fcemu.engine.emulator import Asked

ROUNDS = sized(1, 5, 9)
MANY = sized(2_000, 1_000_000, 1_000_000)
IN_MEMORY = sized(100, 100_000, 100_000)
ECHO = "def handler(event, context):\n    return event\n"


def resident(pid: int | str = "self") -> float:
    """The bytes of a process that are in memory."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


def after_start(command: list[str], path: str) -> float:
    """Of a server that has answered once."""
    port = free_port()
    with served([*command, str(port)], port, "GET", path) as process:
        return resident(process.pid)


def invoked() -> tuple[float, float]:
    """After two fifths of many synchronous invocations, and after all of them: by then the newest are in memory, the
    cache of the temporary file is full, and tables have their sizes."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "index.py").write_text(ECHO)
        definition = read_mapping({"functions": {"echo": {"handler": "index.handler", "code": folder}}}, Path(folder))
        emulated = host.emulator_of(definition, host.settings_of({"in_memory": IN_MEMORY}), host.Runtimes({}))
        asked, sizes = Asked(FunctionRef("echo"), b"x" * 100), []
        for n in range(1, MANY + 1):
            ended = threading.Event()
            emulated.invoke(asked, lambda _, ended=ended: ended.set())
            ended.wait()
            if n in (MANY * 2 // 5, MANY):
                sizes.append(resident())
        emulated.close()
    return sizes[0], sizes[1]


def main() -> None:
    """Print two ratios, and how much it is."""
    if len(sys.argv) > 1:
        print(*invoked())
        return
    pairs = [(after_start([*SERVE, "--port"], "/_fcemu/health"), after_start(BARE, "/")) for _ in range(ROUNDS)]
    line("memory after start", *map(list, zip(*pairs, strict=True)), "bytes")
    early, late = several_apart("invoked")
    line(f"memory after {MANY:,} synchronous invocations, to two fifths of them", [late], [early], "bytes")
    value("a server after its start", statistics.median(mine for mine, _ in pairs) / 1e6, "MB")


if __name__ == "__main__":
    main()
