"""The checker is checked: a run, the same run again, and the run that its choices repeat have the same journal, in
every process; and what is shrunk is the least that fails.

40 scenarios, 10,000 by ``FCEMU_EFFORT=full``, or ``FCEMU_SCENARIOS`` of them, from the number ``FCEMU_SCENARIOS_FROM``.
"""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
import scenarios
from scenarios import features, journal, points

from fcemu.backends import FREEZEGUN, TIME_MACHINE
from fcemu.core.facts import RECORD, from_json
from fcemu.core.script import Script
from fcemu.search.recipes import recipe_in
from fcemu.search.shrink import shrink
from fcemu.search.tokens import Repeat, decode, encode

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("FCEMU_EFFORT") == "full"
FIRST = int(os.environ.get("FCEMU_SCENARIOS_FROM", "0"))
SCENARIOS = range(FIRST, FIRST + int(os.environ.get("FCEMU_SCENARIOS", "10000" if FULL else "40")))
ODDS_OF_SCENARIOS = ("overtake", "late", "throttle", "fail", "crash", "repeat", "instance", "start", "report", "timer")
BOUND = 300 if len(SCENARIOS) <= 40 else 6 * 3600
"""How many seconds a test may take."""
ALWAYS_MET = {"crash-after", "again", "late", "refuse"}
MET_BY_MANY = ALWAYS_MET | {"overtake", "crash-before", "crash-sleeping", "report", "instance", "cold-start", "timer"}

pytestmark = pytest.mark.timeout(BOUND)


@pytest.fixture(scope="module")
def place():
    """A host and the definition of the scenarios."""
    with scenarios.ready() as place:
        yield place


def test_a_run_is_repeated_by_its_points_by_its_choices_and_by_its_token(place):
    met = set()
    for number in SCENARIOS:
        scripts = [Script(points=points(number)) for _ in range(2)]
        first, again = (journal(*place, number, script) for script in scripts)
        assert first == again, number
        made = scripts[0].made
        assert scripts[0].asked == scripts[1].asked, number
        repeat = decode(encode(Repeat(number, made, "", "")))
        assert repeat.choices == made
        replayed = Script.of(repeat.choices)
        assert journal(*place, number, replayed) == first, number
        assert replayed.made == made, number
        met |= {one.question for one in made}
    assert met >= (MET_BY_MANY if len(SCENARIOS) >= 1000 else ALWAYS_MET)


def test_the_facts_of_a_run_are_its_recipe_and_the_recipe_repeats_it(place):
    """Nothing but the lines of the journal is left of a run, as in a file."""
    met = set()
    for number in SCENARIOS:
        script = Script(points=points(number))
        lines = journal(*place, number, script)
        facts = list(map(json.loads, lines))
        recipe = recipe_in(facts)
        assert recipe == recipe_in(from_json({name: fact[name] for name in RECORD}) for fact in facts), number
        assert recipe == script.made, number
        assert journal(*place, number, Script.of(recipe)) == lines, number
        struck = [fact["data"] for fact in facts if fact["kind"] == "FaultStruck"]
        assert all("choice" in data or data["fault"] == "timer late" for data in struck), number
        met |= {one.question for one in recipe}
    assert met >= (MET_BY_MANY if len(SCENARIOS) >= 1000 else ALWAYS_MET)


def test_the_facts_of_a_seeded_run_are_its_recipe_whatever_was_drawn(place):
    """The recipe repeats the run without the draws; a length of time is what was drawn, not what the table has."""
    met, lengths = set(), 0
    for number in SCENARIOS:
        seeded = {"chance": "seeded", "odds": dict.fromkeys(ODDS_OF_SCENARIOS, 0.1)}
        lines = journal(*place, number, None, **seeded)
        recipe = recipe_in(map(json.loads, lines))
        replayed = Script.of(recipe, exhaust_retries=True)
        assert journal(*place, number, replayed) == lines, number
        assert replayed.made == recipe, number
        assert decode(encode(Repeat(number, recipe, "", "", True))).choices == recipe
        met |= {one.question for one in recipe}
        lengths += sum(one.milliseconds > 0 for one in recipe)
    assert met >= MET_BY_MANY
    assert lengths > len(SCENARIOS)


def test_what_is_shrunk_fails_and_without_any_of_its_choices_it_passes(place):
    """The story fails where something that a test could assert is not what it is in the calm run."""
    shrunk, least = 0, set()
    for number in SCENARIOS:
        calm = features(journal(*place, number, Script()))
        script = Script(points=points(number))
        other = features(journal(*place, number, script))
        differing = [name for name in calm if calm[name] != other[name]]
        if not differing:
            continue
        asserted = random.Random(number).choice(differing)

        def fails(choices, number=number, expected=calm[asserted], asserted=asserted):
            return features(journal(*place, number, Script.of(choices)))[asserted] != expected

        choices = shrink(script.made, fails)
        assert choices, number
        assert len(choices) <= len(script.made)
        assert fails(choices), f"scenario {number}: the shrunk recipe passes"
        for left in choices:
            fewer = tuple(one for one in choices if one != left)
            assert not fails(fewer), f"scenario {number}: {left} can be left out"
        shrunk += len(choices) < len(script.made)
        least.add(len(choices))
    assert shrunk > len(SCENARIOS) // 10
    assert least >= {1, 2} or len(SCENARIOS) < 1000


def other_python():
    """Another Python with fcemu: ``FCEMU_OTHER_PYTHON``; or the environment of this directory, where the tests run in
    one beside it, as they do for the newest Python."""
    program = os.environ.get("FCEMU_OTHER_PYTHON") or str(ROOT / ".venv/bin/python")
    if Path(program).exists():
        asked = "import sys, fcemu, time_machine; print(*sys.version_info[:2], sep='.')"
        found = subprocess.run([program, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=False)
        if found.returncode == 0 and found.stdout.strip() != ".".join(map(str, sys.version_info[:2])):
            return program
    return None


@pytest.fixture(scope="module")
def digests(place):
    """What this process makes of the scenarios."""
    return {
        str(number): scenarios.digest(journal(*place, number, Script(points=points(number)))) for number in SCENARIOS
    }


@pytest.mark.parametrize("backend", [FREEZEGUN, TIME_MACHINE])
@pytest.mark.parametrize(("python", "hash_seed"), [("this", "1"), ("this", "2"), ("other", "3")])
def test_a_run_is_the_same_in_another_process(digests, python, hash_seed, backend):
    """With another hash seed, by either backend of time, and on another Python, where stack traces may differ."""
    program = sys.executable if python == "this" else other_python()
    if program is None:
        pytest.skip("FCEMU_OTHER_PYTHON names no other Python with fcemu")
    told = subprocess.run(
        [program, str(Path(scenarios.__file__)), str(SCENARIOS.start), str(SCENARIOS.stop)],
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "FCEMU_BACKEND": backend},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert dict(re.findall(r"^(\d+) ([0-9a-f]{16})$", told.stdout, re.MULTILINE)) == digests


def test_the_digest_of_a_journal_sees_each_fact_and_no_stack_trace(place):
    lines = journal(*place, 15, Script(points=points(15)))
    assert len({scenarios.digest(lines[:n]) for n in range(len(lines) + 1)}) == len(lines) + 1
    trace = (
        '{"n":1,"data":{"output":"wrong {\\n \\"stackTrace\\": [1]}","error":"a Traceback (most recent call last) b"}}'
    )
    assert json.loads(scenarios.untraced(trace)) == {"n": 1, "data": {"output": "wrong {\n ", "error": "a "}}
