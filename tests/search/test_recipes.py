"""Recipes: the choices of a run, from the facts of its journal alone."""

import json
import re
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from fcemu.core.questions import Choice
from fcemu.core.script import Script
from fcemu.search.recipes import recipe_in
from fcemu.stores.sqlite import SqliteStore
from fcemu.testing import LocalEmulator
from fcemu.testing.exploring import Story, governed
from fcemu.testing.reports import report_of

CHOICES = (Choice("late", "f#2.1", 1), Choice("crash-after", "f#1.1", 1), Choice("again", "f#1.2", 2))


def two_messages(script, **options):
    """Run a story by a script; the emulator is still there."""
    with governed(Story(script)):
        emulator = LocalEmulator("", intercept=False, strict=False, **options)
    emulator.add("f", lambda event, context: None)
    for payload in "ab":
        emulator.function("f").invoke_async(payload)
    emulator.run_until_idle()
    return emulator


def test_a_recipe_is_read_from_a_data_file_and_from_the_own_api(tmp_path):
    script = Script.of(CHOICES)
    with two_messages(script, data=tmp_path / "kept.db") as emulator:
        over_http = json.loads("[" + ",".join(_lines(emulator, "/_fcemu/journal")) + "]")
        in_process = recipe_in(emulator._engine.journal)
    assert sorted(script.made, key=str) == sorted(CHOICES, key=str)
    assert recipe_in(over_http) == in_process == script.made
    with closing(SqliteStore(tmp_path / "kept.db")) as store:
        assert recipe_in(store.facts()) == script.made


def _lines(emulator, path):
    with urllib.request.urlopen(emulator.url + path) as answer:
        return answer.read().decode().splitlines()


def test_a_calm_run_has_no_choices_and_a_fault_that_a_test_asks_for_is_none():
    with LocalEmulator("", intercept=False, strict=False) as emulator:
        f = emulator.add("f", lambda event, context: None)
        emulator.faults.crash(f, times=1)
        emulator.faults.deliver_twice(f, times=1)
        f.invoke_async("a")
        emulator.run_until_idle()
        struck = [fact.data for fact in emulator.journal if fact.kind == "FaultStruck"]
        assert struck == [{"fault": "crash after"}, {"fault": "deliver_twice"}]
        assert recipe_in(emulator._engine.journal) == ()


def test_choices_of_a_second_emulator_say_so():
    script = Script.of([Choice("late", "2@f#1.1", 1)])
    options = {"intercept": False}
    with governed(Story(script)) as story, LocalEmulator("", **options), LocalEmulator("", **options) as second:
        second.add("f", lambda event, context: None).invoke_async("a")
        second.run_until_idle()
        journals = [list(map(json.loads, lines)) for lines in story.journals]
    recipes = [recipe_in(facts, number) for number, facts in enumerate(journals, 1)]
    assert recipes == [(), script.made]


def test_a_journal_without_its_beginning_is_refused():
    with two_messages(Script.of(CHOICES)) as emulator:
        facts = [fact for fact in emulator._engine.journal if type(fact).__name__ != "Accepted"]
    with pytest.raises(ValueError, match="is not among the facts; a recipe needs the whole journal"):
        recipe_in(facts)


SEEDED = """
@pytest.mark.fcemu("", {chance}seed=3, strict=False)
def test_once(fcemu):
    done = []
    fcemu.add("f", lambda event, context: done.append(int(event)))
    for n in range(8):
        fcemu.function("f").invoke_async(n, delay=n % 3)
    fcemu.run_until_idle()
    assert sorted(done) == list(range(8))
"""
DRAWS = 'chance="seeded", odds={"repeat": 0.4}, '


def test_a_seeded_run_that_fails_is_repeated_by_a_token_when_the_odds_are_others(suite):
    result = suite(SEEDED.format(chance=DRAWS), "--fcemu-report=left")
    result.assert_outcomes(failed=1)
    told = result.stdout.str()
    token = re.search(r'^or, .* with: pytest "test_it\.py::test_once" --fcemu-repeat=([\w-]+)$', told, re.M)[1]
    facts = _journal_of_report()
    suite(SEEDED.format(chance="")).assert_outcomes(passed=1)
    again = suite(None, f"--fcemu-repeat={token}", "--fcemu-report=left")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(
        ["choice 2: attempt 1 of f (4) ended, and its message was delivered again after 56.218 s"]
    )
    assert _journal_of_report() == facts
    assert len(recipe_in(facts)) == len(re.findall(r"^choice \d+: ", again.stdout.str(), re.M)) > 5


def _journal_of_report():
    """The facts that the report of the failed test has left."""
    (left,) = Path("left").glob("*.jsonl")
    return [fact for fact in map(json.loads, left.read_text().splitlines()) if "kind" in fact]


@pytest.mark.parametrize("more", ["fcemu.reset()", "fcemu.restart()"])
def test_no_token_is_printed_where_the_journal_does_not_have_all_choices(suite, more):
    text = SEEDED.format(chance=DRAWS).replace("    assert", f"    {more}\n    assert")
    result = suite(text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["repeat it with: pytest * --fcemu-seed=3"])
    result.stdout.no_fnmatch_line("*--fcemu-repeat*")


def test_a_seeded_emulator_of_no_test_runner_is_repeated_by_an_option():
    def run(**options):
        with LocalEmulator("", intercept=False, strict=False, seed=3, **options) as emulator:
            emulator.add("f", lambda event, context: None)
            for n in range(8):
                emulator.function("f").invoke_async(n, delay=n % 3)
            emulator.run_until_idle()
            return list(emulator._engine.journal.lines()), report_of(emulator)

    lines, report = run(chance="seeded", odds={"repeat": 0.4})
    token = re.search(r"^or, .* with the option repeat='([\w-]+)'$", report, re.M)[1]
    assert run(repeat=token)[0] == lines != run()[0]
    assert "repeat=" not in run()[1], "a calm run has nothing to repeat"
