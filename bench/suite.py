"""200 small tests with the fixture among 1,000 modules, against the same without fcemu; what an unused plugin costs."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, line, sized, value
from fixture import BARE, MODULES, PLUGIN

TESTS = sized(2, 200, 200)
WARM, ROUNDS = sized((0, 1), (1, 7), (1, 15))

OURS = """
import pytest

@pytest.mark.parametrize("order", range({n}))
@pytest.mark.fcemu({definition!r})
def test_a_good_card_is_charged_later(fcemu, order):
    charge = fcemu.function("orders/charge")
    invocation = charge.invoke_async({{"order": order, "card": "good"}}, delay=200)
    fcemu.advance(200)
    assert invocation.status == "Succeeded"
"""
EMPTY = """
import pytest

@pytest.fixture
def fcemu_options():
    return {{}}

@pytest.fixture
def fcemu(fcemu_options):
    yield None

@pytest.mark.parametrize("order", range({n}))
def test_a_good_card_is_charged_later(fcemu, order):
    assert order < {n}
"""
UNUSED = """
import pytest

@pytest.mark.parametrize("order", range({n}))
def test_something_else(order):
    assert order < {n}
"""
WITHOUT = [*BARE, f"-pno:{PLUGIN}"]


def seconds(folder: str, *options: str) -> float:
    """What one run of pytest over the suite in ``folder`` takes, start and end of Python included."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", *options, folder]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": ""})
    return time.perf_counter() - begin


def pairs(ours: tuple[str, list[str]], baseline: tuple[str, list[str]], tests: int) -> list[tuple[float, float]]:
    """Seconds of both suites, in turn; the first run of each is not counted, it compiles (the small one is)."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        for folder, (text, _) in ((one, ours), (other, baseline)):
            definition = str(ROOT / "fixtures/orders")
            (Path(folder) / "test_it.py").write_text(text.format(n=tests, definition=definition))
            (Path(folder) / "conftest.py").write_text(MODULES)
        measured = [(seconds(one, *ours[1]), seconds(other, *baseline[1])) for _ in range(WARM + ROUNDS)]
    return measured[WARM:]


def main() -> None:
    """Print a ratio, and a difference."""
    suites = pairs((OURS, BARE), (EMPTY, WITHOUT), TESTS)
    question = f"{TESTS} small tests with 1,000 modules loaded"
    line(question, *map(list, zip(*suites, strict=True)), "s")
    starts = [ours - bare for ours, bare in pairs((UNUSED, BARE), (UNUSED, WITHOUT), 1)]
    value("a suite that does not use fcemu starts later by", statistics.median(starts) * 1000, "ms")


if __name__ == "__main__":
    main()
