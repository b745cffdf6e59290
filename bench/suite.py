"""200 small tests with the fixture, against the same with empty fixtures; what a plugin that nobody uses costs."""

import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import entry_points
from pathlib import Path

from common import FULL, ROOT, line

TESTS = 200
ROUNDS = 15 if FULL else 5

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
@pytest.mark.fcemu({definition!r})
def test_a_good_card_is_charged_later(fcemu, order):
    assert order < {n}
"""
UNUSED = """
import pytest

@pytest.mark.parametrize("order", range({n}))
def test_something_else(order):
    assert order < {n}
"""
OTHERS = sorted({plugin.name for plugin in entry_points(group="pytest11")} - {"fcemu"})
BARE = [f"-pno:{name}" for name in ("cacheprovider", *OTHERS)]
"""Without the plugins of others, which would add to the baseline."""
WITHOUT = [*BARE, "-pno:fcemu"]


def seconds(folder: str, *options: str) -> float:
    """What one run of pytest over the suite in ``folder`` takes, start and end of Python included."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", *options, folder]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": ""})
    return time.perf_counter() - begin


def pairs(ours: tuple[str, list[str]], baseline: tuple[str, list[str]], tests: int) -> list[tuple[float, float]]:
    """Seconds of both suites, in turn; the first run of each is not counted, it compiles."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        for folder, (text, _) in ((one, ours), (other, baseline)):
            definition = str(ROOT / "fixtures/orders")
            (Path(folder) / "test_it.py").write_text(text.format(n=tests, definition=definition))
        measured = [(seconds(one, *ours[1]), seconds(other, *baseline[1])) for _ in range(ROUNDS + 1)]
    return measured[1:]


def main() -> None:
    """Print a ratio, and a difference."""
    suites = pairs((OURS, BARE), (EMPTY, BARE), TESTS)
    line(f"{TESTS} small tests with the fixture", *map(list, zip(*suites, strict=True)), "s")
    starts = sorted(ours - bare for ours, bare in pairs((UNUSED, BARE), (UNUSED, WITHOUT), 1))
    print(
        f"a suite that does not use fcemu starts {starts[len(starts) // 2] * 1000:.1f} ms later "
        f"({starts[0] * 1000:.1f}…{starts[-1] * 1000:.1f})"
    )


if __name__ == "__main__":
    main()
