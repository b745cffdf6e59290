"""The calendar: its instants, and what breaks at them."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fcemu.core.questions import START, Choice
from fcemu.core.script import Script
from fcemu.search.calendar import special_in, special_instants
from fcemu.search.recipes import recipe_in
from fcemu.testing import LocalEmulator, calendar
from fcemu.testing.exploring import Story, governed

NIGHTLY = Path(__file__).parent.parent.parent / "fixtures" / "bugs" / "nightly-report" / "test_nightly_report.py"


def test_the_instants_of_a_zone_are_in_order_and_say_what_is_special():
    instants = special_instants("Europe/Berlin")
    assert [instant for instant, _ in instants] == sorted({instant for instant, _ in instants})
    by = dict(instants)
    assert by[datetime(2026, 3, 28, 23, tzinfo=UTC)] == "the day on which the clocks of Europe/Berlin go forward"
    assert by[datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)].startswith("the second before")
    assert by[datetime(2026, 10, 24, 22, tzinfo=UTC)].endswith("go back")
    assert by[datetime(2028, 2, 28, 23, tzinfo=UTC)] == "29 February 2028 in Europe/Berlin, a leap day"
    assert by[datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)] == "the last second of the year 2026 in Europe/Berlin"
    assert by[datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)] == "the last second of a signed 32-bit clock, in 2038"


def test_a_zone_whose_clocks_never_change_has_the_rest():
    utc, berlin = calendar("UTC"), calendar("Europe/Berlin")
    assert len(berlin) == len(utc) + 4
    assert all(instant.tzinfo is UTC for instant in utc)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "/etc"])
def test_a_zone_that_is_not_there_is_refused(zone):
    with pytest.raises(ValueError, match="expected the name of a time zone such as Europe/Berlin"):
        calendar(zone)


def test_a_nightly_job_that_breaks_at_a_change_of_the_clocks_is_found_and_repeated(suite, monkeypatch):
    root = NIGHTLY.parent.parent
    result = suite(None, f"--rootdir={root}", NIGHTLY)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "FAILED after * runs, shrunk from * choices to 1",
            "  choice 1: the clock started at 2026-03-28T23:00:00+00:00, the day on which the clocks of Europe/Berlin "
            "go forward",
            "*repaired_twin  complete: * runs with at most 1 deviations, no failure",
        ]
    )
    nodeid, token = re.search(r'^repeat: pytest "([^"]+)" --fcemu-repeat=([\w-]+)$', result.stdout.str(), re.M).groups()
    monkeypatch.chdir(root)
    again = suite(None, f"--rootdir={root}", nodeid, f"--fcemu-repeat={token}")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["choice 1: *, the day on which the clocks of Europe/Berlin go forward"])


def test_an_instant_that_is_special_in_several_zones_says_so_of_each():
    told = special_in(["Europe/Berlin", "Europe/Paris", "UTC"], 2026)
    assert list(told) == sorted(told)
    assert told["2026-03-29T00:59:59+00:00"] == (
        "the second before the clocks of Europe/Berlin go forward and "
        "the second before the clocks of Europe/Paris go forward"
    )
    assert told["2038-01-19T03:14:07+00:00"] == "the last second of a signed 32-bit clock, in 2038"
    assert told["2026-12-31T23:59:59+00:00"] == "the last second of the year 2026 in UTC"


def test_the_journal_tells_at_which_instant_the_clock_was_started():
    instant = "2028-02-28T23:00:00+00:00"
    script = Script.of([Choice(START, instant, 1)])
    with governed(Story(script)) as going_on, LocalEmulator("", intercept=False), LocalEmulator("", intercept=False):
        first, second = [list(map(json.loads, lines)) for lines in going_on.journals]
    assert recipe_in(first) == script.made
    assert [fact["at"] for fact in first] == ["2028-02-28T23:00:00.000000Z"]
    assert not second
