"""Runs of a search a second: the search's own loop with a stub and with an inline handler, and the marker of pytest.

Side by side: the same toy system, two messages and retries on a virtual clock, written for asyncio alone, where each
run gets a new event loop that jumps over its waits. That is what a simulator without an emulator costs. Where simloom
is installed, the toy is also written for that, and each kind is compared with it.
"""

import asyncio
import heapq
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import HERE, ROOT, line, sized

from fcemu.config import Definition, read_mapping
from fcemu.core.script import Script
from fcemu.host import LocalHost
from fcemu.search.explorer import Bounds, explore
from fcemu.testing import LocalEmulator
from fcemu.testing.exploring import Story, governed

RUNS = sized(200, 600, 3000)
ROUNDS = sized(1, 3, 5)
AT_LEAST = {"a stub": 1500, "an inline handler": 400, "the marker": 300}
"""Runs a second on one core."""
NO_SIMLOOM = "NOT COMPARED with simloom, which is not installed here: pip install simloom, on Python 3.12 or later"
HANDLER = "def charge(event, context):\n    return 1\n"
MARKED = """
import pytest

@pytest.fixture
def bank():
    return set()

@pytest.mark.fcemu({folder!r}, explore={runs})
def test_it(fcemu, bank):
    charge = fcemu.function("charge")
    charge.invoke_async("a")
    charge.invoke_async("b")
    fcemu.run_until_idle()
    assert len(fcemu.invocations) == 2
"""


def definition_in(folder: Path, **more: object) -> Definition:
    """A function that is a handler in ``folder``."""
    (folder / "index.py").write_text(HANDLER)
    functions = {"charge": {"handler": "index.charge", "code": str(folder)}}
    return read_mapping({"functions": functions, **more}, folder)


def two_messages(host: LocalHost, definition: Definition) -> Callable[[Script], bool]:
    """The story: two messages, and whatever chance makes of them."""

    def run(script: Script) -> bool:
        with governed(Story(script)):
            emulator = LocalEmulator(definition, server=host, intercept=False)
            charge = emulator.function("charge")
            charge.invoke_async("a")
            charge.invoke_async("b")
            emulator.run_until_idle()
            emulator.close()
        return False

    return run


def searched(run: Callable[[Script], bool]) -> float:
    """Runs a second of this process's time."""
    begin = time.process_time()
    explore(run, Bounds(runs=RUNS), random.randrange(2**32))
    return RUNS / (time.process_time() - begin)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps over its waits."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]  # what a simulator of asyncio reaches into
            self._now = max(self._now, self._scheduled[0]._when)  # type: ignore[attr-defined]  # the same
            heapq.heapify(self._scheduled)  # type: ignore[attr-defined]  # the same
        super()._run_once()  # type: ignore[misc]  # the same


def toy() -> float:
    """Runs a second of the same system for asyncio alone: two messages, each retried when chance says so."""
    chance = random.Random(0)

    async def message(booked: list[str], name: str) -> None:
        for attempt in range(4):
            await asyncio.sleep(chance.random() < 0.2 and 1.0)
            booked.append(name)
            if chance.random() > 0.1:
                return
            await asyncio.sleep(0.5 * 2**attempt)

    async def story() -> None:
        booked: list[str] = []
        await asyncio.gather(message(booked, "a"), message(booked, "b"))

    begin = time.process_time()
    for _ in range(RUNS):
        loop = JumpingLoop()
        loop.run_until_complete(story())
        loop.close()
    return RUNS / (time.process_time() - begin)


def for_simloom() -> float:
    """The same by the explorer of simloom."""
    done = subprocess.run([sys.executable, str(HERE / "loom.py"), str(RUNS)], stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def marked(folder: Path) -> float:
    """Runs a second by the marker, pytest's start taken off."""
    (folder / "fcemu.yaml").write_text("functions: {charge: {handler: index.charge}}\n")

    def seconds(runs: int) -> float:
        (folder / "test_it.py").write_text(MARKED.format(folder=str(folder), runs=runs))
        begin = os.times()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:timeout", str(folder)]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": ""})
        end = os.times()
        return end.children_user + end.children_system - begin.children_user - begin.children_system

    few = 50
    return RUNS / (seconds(RUNS + few) - seconds(few))


def main() -> None:
    host = LocalHost()
    with tempfile.TemporaryDirectory(dir=ROOT) as name:
        folder = Path(name)
        stub = definition_in(folder, stubs={"charge": {"steps": [{"returns": 1}]}})
        inline = definition_in(folder)
        kinds: dict[str, Callable[[], float]] = {
            "a stub": lambda: searched(two_messages(host, stub)),
            "an inline handler": lambda: searched(two_messages(host, inline)),
            "the marker": lambda: marked(folder),
        }
        baselines: dict[str, Callable[[], float]] = {"": toy}
        if importlib.util.find_spec("simloom") is not None:
            baselines[", to simloom"] = for_simloom
        else:
            print(NO_SIMLOOM, flush=True)
        found: dict[str, list[float]] = {kind: [] for kind in (*kinds, *baselines)}
        for _ in range(ROUNDS):  # in turn, because the machine is not always as fast
            for kind, measure in (kinds | baselines).items():
                found[kind].append(measure())
    host.close()
    for behind in baselines:
        for kind in kinds:
            question = f"{kind}, at least {AT_LEAST[kind]:,}{behind}"
            line(question, found[kind], found[behind], "runs a second of the processor")


if __name__ == "__main__":
    main()
