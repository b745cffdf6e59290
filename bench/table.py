"""Runs the scripts that say how fast fcemu is to be, and prints the table of ``docs/explanation/speed.md``.

With names of scripts, such as ``start.py memory.py``, it runs these alone.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from common import HERE

Figure = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table: the figures of a script whose questions match ``questions``, one after the other.

    ``least`` or ``most``: what each of them is to reach.
    """

    title: str
    script: str
    questions: tuple[str, ...]
    baseline: str
    least: tuple[float, ...] = ()
    most: tuple[float, ...] = ()

    def numbers(self, figures: Iterable[Figure]) -> list[float | None]:
        """Of each question the number, ``None`` where the script has not answered it."""
        there = list(figures)
        return [
            next((one.get("ratio", one.get("value")) for one in there if re.search(question, one["question"])), None)
            for question in self.questions
        ]

    def reached(self, numbers: list[float | None]) -> bool | None:
        """Whether each number is good enough; ``None`` where one is missing."""
        if None in numbers:
            return None
        good = [a >= b for a, b in zip(numbers, self.least, strict=False) if a is not None]
        return all(good + [a <= b for a, b in zip(numbers, self.most, strict=False) if a is not None])

    @property
    def goal(self) -> str:
        """What is to be reached, as text."""
        sign, bounds = ("≥", self.least) if self.least else ("≤", self.most)
        return f"{sign} {' / '.join(f'{bound:g}' for bound in dict.fromkeys(bounds))}"


def _connections(question: str, *several: int, behind: str = "") -> tuple[str, ...]:
    return tuple(rf"^{question}, {connections} connections{behind}$" for connections in several)


BARE, HOP, LIST, P99 = ", to bare aiohttp", ", to the bare hop", ", to a handler that appends", ", p99"
KEPT = r"accept with a file \(normal\)"
SOCKETS = "a bare aiohttp application that echoes"
ROWS = (
    Row(
        title="synchronous echo, inline, 1 / 8 / 64 connections",
        script="invoke.py",
        questions=_connections("sync echo", 1, 8, 64, behind=BARE),
        baseline=SOCKETS,
        least=(0.42, 0.68, 0.75),
    ),
    Row(
        title="the same",
        script="invoke.py",
        questions=_connections("sync echo", 1, 8, 64, behind=HOP),
        baseline="the bare hop: `web.Server` and one worker thread that calls the handler",
        least=(0.95, 0.78, 0.68),
    ),
    Row(
        title="its p99 at 8 and 64 connections",
        script="invoke.py",
        questions=_connections("sync echo", 8, 64, behind=BARE + P99),
        baseline=SOCKETS,
        most=(3, 3),
    ),
    Row(
        title="synchronous echo, process runtime, 1 / 8 / 64 connections",
        script="process.py",
        questions=_connections("sync echo in processes", 1, 8, 64),
        baseline="aiohttp and a pool of worker processes over sockets",
        least=(0.80, 0.90, 0.95),
    ),
    Row(
        title="accept 202 in memory, 8 / 64 connections",
        script="invoke.py",
        questions=_connections("accept", 8, 64, behind=LIST),
        baseline="an aiohttp route that appends to a list",
        least=(0.95, 0.95),
    ),
    Row(
        title="accept 202 with a file, 1 / 8 / 64 connections",
        script="store.py",
        questions=_connections(KEPT, 1, 8, 64),
        baseline="the same route with one SQLite commit for each turn of the loop",
        least=(0.7, 0.9, 0.95),
    ),
    Row(
        title="its p99",
        script="store.py",
        questions=_connections(KEPT, 1, 8, 64, behind=P99),
        baseline="the same",
        most=(5, 5, 5),
    ),
    Row(
        title="virtual attempts of an inline handler that fails once, accept and read-back included",
        script="attempts.py",
        questions=("an attempt at 1,000 pending, to a heap",),
        baseline="a heap and a list of facts, no engine, with the collector on",
        most=(8,),
    ),
    Row(
        title="the same, cost at 1,000,000 pending",
        script="attempts.py",
        questions=(r"1,000,000 pending, to 1,000$",),
        baseline="the same with 1,000 pending",
        most=(1.3,),
    ),
    Row(
        title="bytes for each of 1,000,000 pending invocations",
        script="attempts.py",
        questions=("each of 1,000,000 pending",),
        baseline="none",
        most=(450,),
    ),
    Row(
        title="fixture, for each test",
        script="fixture.py",
        questions=("^a test with the fixture$",),
        baseline="one server for the run, a new state for each test",
        most=(1.0,),
    ),
    Row(
        title="the same with one deferred invocation that is run; with one HTTP request",
        script="fixture.py",
        questions=("deferred invocation", "HTTP request"),
        baseline="the same baseline; the same with a request",
        most=(1.3, 1.15),
    ),
    Row(
        title="start to the first answer; to the first invocation",
        script="start.py",
        questions=("first answer", "first invocation"),
        baseline="start of a bare aiohttp application",
        most=(1.25, 1.5),
    ),
    Row(
        title="memory after start",
        script="memory.py",
        questions=("memory after start",),
        baseline="a bare aiohttp application",
        most=(1.25,),
    ),
    Row(
        title="memory after 1,000,000 synchronous invocations",
        script="memory.py",
        questions=("synchronous invocations",),
        baseline="the same after 400,000",
        most=(1.05,),
    ),
    Row(
        title="5,000 inline handlers asleep for an hour at once: time; memory",
        script="parked.py",
        questions=("^5,000 .*seconds$", "^5,000 .*memory$"),
        baseline="5,000 bare Python threads that wait and end",
        most=(1.0, 1.6),
    ),
    Row(
        title="200 small tests in a suite with 1,000 modules loaded",
        script="suite.py",
        questions=("1,000 modules loaded",),
        baseline="the suite without fcemu",
        most=(1.25,),
    ),
)


def figures_of(script: str) -> list[Figure]:
    """Run a script, and return what it measured; what it prints goes to stderr."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "figures")
        file.touch()
        begin = time.perf_counter()
        print(f"== {script}", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, str(HERE / script)], stdout=sys.stderr, env=os.environ | {"FCEMU_FIGURES": str(file)}
        )
        took = time.perf_counter() - begin
        print(f"== {script} took {took:.0f} s, status {done.returncode}", file=sys.stderr, flush=True)
        return [json.loads(text) for text in file.read_text(encoding="utf-8").splitlines()]


def table(figures: Mapping[str, list[Figure]]) -> str:
    """All rows as Markdown; those of scripts that did not run are left out."""
    lines = ["| what | today | to reach | reached | baseline in the same run |", "| --- | --- | --- | --- | --- |"]
    for row in ROWS:
        if row.script in figures:
            numbers = row.numbers(figures[row.script])
            today = " / ".join("–" if number is None else f"{number:.3g}" for number in numbers)
            good = {True: "yes", False: "no", None: "–"}[row.reached(numbers)]
            lines.append(f"| {row.title} | {today} | {row.goal} | {good} | {row.baseline} |")
    return "\n".join(lines)


def machine() -> str:
    """What the figures were measured on."""
    about = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.+)$", about.read_text(), re.MULTILINE) if about.exists() else []
    processor = names[0] if names else platform.machine()
    return (
        f"{date.today().isoformat()}, {os.cpu_count()} × {processor}, {platform.system()}, Python "
        f"{platform.python_version()}, aiohttp {version('aiohttp')}"
    )


def main() -> None:
    """Print the table on stdout."""
    scripts = sys.argv[1:] or list(dict.fromkeys(row.script for row in ROWS))
    figures = {script: figures_of(script) for script in scripts}
    print(f"Measured on {machine()}.\n\n{table(figures)}")


if __name__ == "__main__":
    main()
