"""Accepting with a file against SQLite behind bare aiohttp, and a restart against reading rows and ``json.loads``."""

import json
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

from common import HERE, SERVE, SMALL, apart, compare, free_port, line, load, served, sized, value
from invoke import BODY, request

from fcemu import host
from fcemu.config import read_mapping
from fcemu.core.names import FunctionRef
from fcemu.engine.emulator import Asked, Emulator

ROUNDS, SECONDS = sized((1, 0.1), (5, 1.0), (9, 4.0))
PENDING = sized(1_000, 100_000, 100_000)
PATH = "/2023-03-30/functions/hello/invocations"
ACCEPT = request(PATH, "x-fc-invocation-type: Async\r\nx-fc-async-delay: 3600\r\n")


def accepting(folder: Path, sync: str, several: tuple[int, ...]) -> None:
    """Print ratios of requests a second at so many connections, and p99, with files that are synced in this way."""
    kept, bare = free_port(), free_port()
    serve = [*SERVE, "fixtures/hello", "--rate", "1", "--runtime", "inline", "--port", str(kept)]
    durable = [*serve, "--data", str(folder / f"{sync}.db"), "--data-sync", sync]
    rows = [sys.executable, str(HERE / "durable.py"), str(folder / f"bare-{sync}.db"), sync, str(bare)]
    with served(rows, bare, "GET", "/"), served(durable, kept, "GET", "/_fcemu/health"):
        for connections in several:
            compare(
                f"accept with a file ({sync}), {connections} connections",
                partial(load, kept, connections, SECONDS, ACCEPT),
                partial(load, bare, connections, SECONDS, request("/accept")),
                ROUNDS,
            )


def emulator(path: Path) -> Emulator:
    """An emulator with one function, that keeps everything in a file."""
    (path.parent / "index.py").write_text("def handler(event, context): pass\n")
    definition = read_mapping({"functions": {"one": {"handler": "index.handler", "code": "."}}}, path.parent)
    store = host.Data.of({"data": path}).open()
    runtimes = host.Runtimes({})
    return host.emulator_of(definition, host.settings_of({}), runtimes, packages=runtimes.packages, store=store)


def fill(path: Path) -> None:
    """Accept deferred invocations, a commit for each 64."""
    emulated = emulator(path)
    for n in range(PENDING):
        emulated.accept(Asked(FunctionRef("one"), BODY, delay=timedelta(seconds=n % 3600)))
        if n % 64 == 0:
            emulated.save()
    emulated.close()


def restart(path: Path) -> float:
    """Seconds until an emulator goes on."""
    begin = time.perf_counter()
    emulated = emulator(path)
    taken = time.perf_counter() - begin
    assert len(emulated.journal.invocations) == PENDING
    emulated.close()
    return taken


def reading(path: Path) -> float:
    """Seconds for every row and ``json.loads`` of it."""
    begin = time.perf_counter()
    with closing(sqlite3.connect(path)) as db:
        read = [json.loads(text) for (text,) in db.execute("SELECT fact FROM facts ORDER BY n")]
    taken = time.perf_counter() - begin
    assert len(read) == PENDING
    return taken


def main() -> None:
    """Print all of it."""
    if len(sys.argv) > 1:
        print({"restart": restart, "reading": reading}[sys.argv[1]](Path(sys.argv[2])))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        accepting(folder, "normal", (1, 8, 64))
        if not SMALL:
            accepting(folder, "full", (8,))
        path = folder / "pending.db"
        fill(path)
        pairs = [(apart("restart", path), apart("reading", path)) for _ in range(sized(1, 3, 9))]
        line(f"restart with {PENDING:,} pending, to reading", *map(list, zip(*pairs, strict=True)), "s")
        value("a file with 100,000 pending, for each", path.stat().st_size / PENDING, "bytes")
        value("a restart with 100,000 pending", statistics.median(pair[0] for pair in pairs), "s")


if __name__ == "__main__":
    main()
