"""fixtures/bugs: each is found from any seed and shrunk to what its README says, and each repaired twin survives."""

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest

from fcemu.core.questions import Choice
from fcemu.core.script import Script
from fcemu.host import LocalHost
from fcemu.search.explorer import Bounds, explore
from fcemu.search.telling import lines_of
from fcemu.testing import LocalEmulator
from fcemu.testing.exploring import Story, governed

BUGS = Path(__file__).parent.parent.parent / "fixtures" / "bugs"
OF_THE_CALENDAR = {"nightly-report"}
"""Those that no answer of chance brings up: tests/search/test_calendar.py finds them."""
NAMES = sorted(
    folder.name for folder in BUGS.iterdir() if folder.is_dir() and folder.name not in {"__pycache__", *OF_THE_CALENDAR}
)
FULL = os.environ.get("FCEMU_EFFORT") == "full"
SEEDS = range(20) if FULL else range(0, 20, 7)
WITHIN = {1: 60, 2: 400}
"""How many runs find what needs so many choices."""


def least(name):
    """How many choices the README says that it takes."""
    text = (BUGS / name / "README.md").read_text()
    found = re.search(r"^(One choice is enough|Two choices are needed)", text, re.MULTILINE)
    return {"One choice is enough": 1, "Two choices are needed": 2}[found[1]]


@pytest.fixture(scope="module")
def host():
    host = LocalHost()
    yield host
    host.close()


@pytest.fixture
def bug(request, host, tmp_path, monkeypatch):
    """Runs the story of a bug by a script; whether it failed."""
    folder = BUGS / request.param
    file = next(folder.glob("test_*.py"))
    spec = importlib.util.spec_from_file_location(f"bug_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    marks = {
        one.pytestmark[0].args[0]: one.pytestmark[0].kwargs
        for name, one in vars(module).items()
        if name.startswith("test_")
    }

    def runner(definition, seed):
        isolate = marks[definition].get("isolate", False)

        def run(script):
            carts = tmp_path / "carts.json"
            carts.unlink(missing_ok=True)
            monkeypatch.setenv("CARTS", str(carts))
            with governed(Story(script)):
                options = {"seed": seed, "isolate": isolate, "intercept": False}
                emulator = LocalEmulator(folder / definition, server=host, **options)
                try:
                    module.story(emulator)
                    emulator.check()
                except AssertionError:
                    return True
                finally:
                    emulator.close()
                return False

        return run

    runner.marks = marks
    return runner


@pytest.mark.parametrize(("bug", "name"), [(name, name) for name in NAMES], indirect=["bug"])
def test_each_bug_is_found_from_any_seed_and_shrunk_to_its_least(bug, name):
    for seed in SEEDS:
        run = bug("fcemu.yaml", seed)
        result = explore(run, Bounds(runs=WITHIN[least(name)]), seed)
        assert result.choices is not None, f"seed {seed}: {lines_of(result)}"
        assert (len(result.choices), result.doubt) == (least(name), ""), lines_of(result)
        assert run(Script.of(result.choices))
        for left in result.choices:
            assert not run(Script.of(one for one in result.choices if one != left)), lines_of(result)


@pytest.mark.parametrize(("bug", "name"), [(name, name) for name in NAMES], indirect=["bug"])
def test_each_repaired_twin_survives_all_runs_with_as_many_deviations_as_its_test_says(bug, name):
    exhaustive = bug.marks["repaired.yaml"]["exhaustive"]
    result = explore(bug("repaired.yaml", 0), Bounds(exhaustive=exhaustive if FULL else 1), 0)
    assert result.choices is None, lines_of(result)
    assert result.complete


def test_the_list_of_bugs_has_each_of_them_once():
    listed = re.findall(
        r"^\| \[([\w-]+)\]\(([\w-]+)/README\.md\) \| \S", (BUGS / "README.md").read_text(), re.MULTILINE
    )
    assert sorted(name for name, _ in listed) == sorted({*NAMES, *OF_THE_CALENDAR})
    assert all(name == folder for name, folder in listed)


@pytest.mark.parametrize("bug", ["mixed-answers"], indirect=True)
def test_mixed_answers_only_break_by_the_order_of_threads(bug):
    run = bug("fcemu.yaml", 0)
    calm = Script()
    assert not run(calm)
    singles = [Choice(one.question, one.place, n + 1) for one in calm.asked for n in range(one.answers)]
    assert {one.question for one in singles if run(Script.of([one]))} == {"strands"}


def test_at_least_four_need_two_choices():
    assert sum(least(name) == 2 for name in NAMES) >= 4


@pytest.mark.parametrize("name", NAMES if FULL else ["double-charge", "expired-token", "warm-cart"])
def test_pytest_finds_each_bug_and_repeats_it_in_another_process_with_another_hash_seed(suite, monkeypatch, name):
    file = next((BUGS / name).glob("test_*.py"))
    monkeypatch.setenv("PYTHONHASHSEED", "11")
    result = suite(None, f"--rootdir={BUGS}", "-k", "not repaired", file)
    result.assert_outcomes(failed=1)
    nodeid, token = re.search(r'^repeat: pytest "([^"]+)" --fcemu-repeat=([\w-]+)$', result.stdout.str(), re.M).groups()
    monkeypatch.setenv("PYTHONHASHSEED", "12")
    monkeypatch.chdir(BUGS)
    again = suite(None, f"--rootdir={BUGS}", nodeid, f"--fcemu-repeat={token}")
    again.assert_outcomes(failed=1)
    timelines = [
        re.search(r"- fcemu timeline -+\n(.*?)\nthe clock", one.stdout.str(), re.S)[1] for one in (result, again)
    ]
    assert timelines[0] == timelines[1]


def test_the_tests_leave_nothing_of_the_bugs_behind():
    assert not [name for name in sys.modules if name.startswith("bug_")]
