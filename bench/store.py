"""Accepting with a store against accepting in memory, and a restart against reading its rows and ``json.loads``."""

import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from common import FULL, SERVE, apart, free_port, line, served
from invoke import BODY, rate, request

from fcemu import host
from fcemu.config import read_mapping
from fcemu.core.names import FunctionRef
from fcemu.engine.emulator import Asked, Emulator

ROUNDS = 9 if FULL else 3
PENDING = 100_000
PATH = "/2023-03-30/functions/hello/invocations"
ACCEPT = request(PATH, "x-fc-invocation-type: Async\r\nx-fc-async-delay: 3600\r\n")


def accepting(folder: Path, one_each: float) -> None:
    """Print ratios of requests a second at 8 and 64 connections, for both ways of syncing; to the same in memory, and
    to one FULL transaction for each request."""
    memory = free_port()
    serve = [*SERVE, "fixtures/hello", "--rate", "1", "--runtime", "inline", "--port"]
    for sync in ("normal", "full"):
        kept = free_port()
        durable = [*serve, str(kept), "--data", str(folder / f"{sync}.db"), "--data-sync", sync]
        health = ("GET", "/_fcemu/health")
        with served([*serve, str(memory)], memory, *health), served(durable, kept, *health):
            for connections in (8, 64):
                rate(kept, connections, ACCEPT), rate(memory, connections, ACCEPT)
                pairs = [(rate(kept, connections, ACCEPT), rate(memory, connections, ACCEPT)) for _ in range(ROUNDS)]
                question = f"accept with a store ({sync}), {connections} connections"
                line(question, *map(list, zip(*pairs, strict=True)), "requests/s")
                durable = statistics.median(pair[0] for pair in pairs)
                print(f"  {durable / one_each:.1f} × one FULL transaction for each request", flush=True)


def commits(folder: Path) -> float:
    """What one FULL transaction for each request would come to, a second; prints that, and what an fsync costs here."""
    with closing(sqlite3.connect(folder / "each.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE facts (n INTEGER PRIMARY KEY, fact TEXT)")
        each = seconds(lambda: [db.execute("INSERT INTO facts (fact) VALUES (?)", ("x" * 400,)) for _ in range(500)])
    with (folder / "synced").open("wb") as file:
        sync = seconds(lambda: [(file.write(b"x"), file.flush(), os.fsync(file.fileno())) for _ in range(200)])
    print(f"one FULL transaction for each request: {500 / each:,.0f} a second; an fsync: {sync / 200 * 1e6:,.0f} µs")
    return 500 / each


def seconds(job: Callable[[], object]) -> float:
    """How long ``job`` takes."""
    begin = time.perf_counter()
    job()
    return time.perf_counter() - begin


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
        accepting(folder, commits(folder))
        path = folder / "pending.db"
        fill(path)
        pairs = [(apart("restart", path), apart("reading", path)) for _ in range(ROUNDS)]
        line(f"restart with {PENDING:,} pending, to reading", *map(list, zip(*pairs, strict=True)), "s")
        print(
            f"{path.stat().st_size / PENDING:,.0f} bytes of the file for each; median restart "
            f"{statistics.median(pair[0] for pair in pairs):.2f} s"
        )


if __name__ == "__main__":
    main()
