"""The checker is checked: a run, the same run again, and the run that its choices repeat have the same journal."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from fcemu.core.questions import KILL, QUESTIONS, START
from fcemu.core.script import Script
from fcemu.host import LocalHost
from fcemu.testing import LocalEmulator
from fcemu.testing.exploring import Story, governed

FULL = os.environ.get("FCEMU_EFFORT") == "full"
SCENARIOS = 10_000 if FULL else 40
DEFINITION = {
    "functions": {
        "f": {"handler": "index.f", "asyncInvokeConfig": {"onSuccess": "function:g", "onFailure": "queue:failed"}},
        "g": {"handler": "index.g", "triggers": {"often": {"timer": "@every 1m"}}},
    }
}
HANDLERS = """
import time

def f(event, context):
    number = int(event)
    if number % 3 == 0:
        time.sleep(1 + number % 2)
    if number % 5 == 0 and context.retry_count == 0:
        raise ValueError("once")
    return number

def g(event, context):
    print(len(event))
"""


def journal(host, folder, number, script):
    """The journal of a random scenario, answered by a script."""
    chance = random.Random(number)
    with governed(Story(script)):
        emulator = LocalEmulator(DEFINITION, server=host, seed=number, intercept=False, cold_start_seconds=number % 2)
    try:
        for _ in range(chance.randint(1, 4)):
            emulator.function("f").invoke_async(str(chance.randrange(30)), delay=chance.randrange(3))
            if chance.random() < 0.3:
                emulator.advance(chance.randrange(70))
        emulator.run_until_idle()
        return list(emulator._engine.journal.lines())
    finally:
        emulator.close()


def points(number):
    chance = random.Random(f"points {number}")
    return {chance.randrange(60): chance.randint(1, 9) for _ in range(chance.randrange(6))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, before = tmp_path_factory.mktemp("scenarios"), Path.cwd()
    (folder / "index.py").write_text(HANDLERS)
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(scope="module")
def host():
    host = LocalHost()
    yield host
    host.close()


def test_a_run_is_repeated_by_its_points_and_by_its_choices(host, folder):
    met = set()
    for number in range(SCENARIOS):
        scripts = [Script(points=points(number)) for _ in range(2)]
        first, again = (journal(host, folder, number, script) for script in scripts)
        assert first == again, number
        assert scripts[0].asked == scripts[1].asked
        replayed = Script.of(scripts[0].made)
        assert journal(host, folder, number, replayed) == first, number
        assert replayed.made == scripts[0].made
        met |= {one.question for one in scripts[0].made}
    asked = {name for name in QUESTIONS if name not in {KILL, START, "version"}}
    assert met >= (asked if FULL else {"crash-after", "again", "late", "refuse"})


def test_a_run_is_the_same_in_another_process_with_another_hash_seed(host, folder):
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_checker as checker
host = checker.LocalHost()
for number in range(5):
    print("\\n".join(checker.journal(host, None, number, checker.Script(points=checker.points(number)))))
host.close()
"""
    told = "\n".join(
        line for number in range(5) for line in journal(host, folder, number, Script(points=points(number)))
    )
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", program], cwd=folder, env=env, capture_output=True, text=True, check=True
        )
        facts = [line for line in run.stdout.splitlines() if line.startswith("{")]  # handlers print as well
        assert "\n".join(facts) == told
