"""The option ``chance``: by class, marker and command line."""

import subprocess
import sys

import pytest

from fcemu.testing import LocalEmulator


def kinds(emulator):
    return [fact.kind for fact in emulator.journal]


def run(**options):
    with LocalEmulator("", strict=False, seed=3, **options) as emulator:
        double = emulator.add("double", lambda event, context: 2 * int(event))
        for n in range(60):
            double.invoke_async(n, delay=n % 3)
        emulator.run_until_idle()
        return emulator.timeline(), kinds(emulator)


def test_calm_is_the_default_and_meets_no_trouble():
    assert run() == run(chance="calm")
    assert "FaultStruck" not in run()[1]


def test_seeded_draws_the_same_trouble_for_the_same_seed():
    timeline, facts = run(chance="seeded")
    assert "FaultStruck" in facts
    assert run(chance="seeded") == (timeline, facts)


@pytest.mark.fcemu("", chance="seeded", seed=3, strict=False)
def test_a_marker_asks_for_it(fcemu):
    double = fcemu.add("double", lambda event, context: 2 * int(event))
    for n in range(60):
        double.invoke_async(n, delay=n % 3)
    fcemu.run_until_idle()
    assert "FaultStruck" in kinds(fcemu)


def test_another_word_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="option chance: expected calm or seeded, got 'wild'"):
        LocalEmulator("", chance="wild")


def test_serve_takes_it_too():
    command = [sys.executable, "-m", "fcemu", "serve", "--chance", "wild"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "expected calm or seeded, got 'wild'" in done.stderr
