"""Crash sweeps: the emulator is killed at each fact, and each instance at each moment; which facts break the story."""

import json
import re
from contextlib import closing

import pytest

from fcemu.core.questions import KILL, Choice
from fcemu.core.script import Script
from fcemu.host import LocalHost
from fcemu.search.explorer import crashes, sweep
from fcemu.search.recipes import recipe_in
from fcemu.stores.sqlite import SqliteStore
from fcemu.testing import LocalEmulator
from fcemu.testing.exploring import Story, governed


@pytest.fixture(scope="module")
def host():
    host = LocalHost()
    yield host
    host.close()


def lived(host, script, story, **options):
    """What the emulator of a story tells at its end, and how many facts it had."""
    with governed(Story(script)) as going_on, LocalEmulator("", server=host, strict=False, **options) as emulator:
        told = story(emulator)
        assert recipe_in(map(json.loads, going_on.journals[0])) == script.made
        return told, going_on.facts, emulator.timeline()


def two_messages(emulator):
    ran = []

    def handler(event, context):
        import time

        ran.append(event)
        time.sleep(1)
        return event.decode()

    emulator.add("f", handler)
    first = emulator.function("f").invoke_async("a", delay=5)
    emulator.advance(2)
    second = emulator.function("f").invoke_async("b", delay=3)
    emulator.advance(2)
    emulator.run_until_idle()
    return first.status, second.status, first.result(), second.result(), len(first.attempts), sorted(set(ran))


def test_no_message_is_lost_at_whatever_fact_the_emulator_is_killed(host):
    calm, facts, _ = lived(host, Script(), two_messages, intercept=False)
    assert facts > 10
    attempts = set()
    for number in range(1, facts + 1):
        script = Script.of([Choice(KILL, str(number), 1)])
        told, _, timeline = lived(host, script, two_messages, intercept=False)
        assert told[:4] == calm[:4], f"killed at fact {number}:\n{timeline}"
        assert told[5] == calm[5]
        assert Choice(KILL, str(number), 1) in script.made
        attempts.add(told[4])
    assert attempts == {1, 2}, "what ran was delivered again"


def test_nothing_runs_after_the_fact_at_which_the_emulator_was_killed(host):
    def story(emulator):
        ran = []
        emulator.add("f", lambda event, context: ran.append(event))
        emulator.function("f").invoke_async()
        emulator.run_until_idle()
        return len(ran)

    _, facts, timeline = lived(host, Script(), story, intercept=False)
    kinds = ["accepted", "dequeued", "new instance", "starts", "returned", "Succeeded"]
    assert all(kind in line for kind, line in zip(kinds, timeline.splitlines(), strict=True))
    runs = {
        kind: lived(host, Script.of([Choice(KILL, str(n), 1)]), story, intercept=False)[0]
        for n, kind in enumerate(kinds, 1)
    }
    assert runs == {"returned": 2} | dict.fromkeys(set(kinds) - {"returned"}, 1)
    assert facts == len(kinds)


def test_the_same_kill_gives_the_same_journal(host):
    told = {lived(host, Script.of([Choice(KILL, "7", 1)]), two_messages, intercept=False)[2] for _ in range(3)}
    assert len(told) == 1
    assert len(told.pop().splitlines()) > 15


def test_a_file_keeps_what_it_had_committed_when_the_emulator_was_killed(host, tmp_path):
    for number in (2, 5, 9):
        script, file = Script.of([Choice(KILL, str(number), 1)]), tmp_path / f"kept-{number}.db"
        told, _, timeline = lived(host, script, two_messages, intercept=False, data=str(file))
        assert told[:2] == ("Succeeded", "Succeeded"), timeline
        with closing(SqliteStore(file)) as store:
            assert recipe_in(store.facts()) == script.made == (Choice(KILL, str(number), 1),)


def test_a_sweep_tries_each_fact_and_each_instance_once():
    seen = []

    def run(script):
        seen.append(script.kill_at or next(iter(script.choices)))
        return script.kill_at in {2, 3}

    calm = Script()
    for name in ("late", "crash-before", "crash-after"):
        calm.answer(name, "f#1.1", 1)
    result = sweep(run, calm, crashes(calm, 4))
    assert seen == [1, 2, 3, 4, ("crash-before", "f#1.1"), ("crash-after", "f#1.1")]
    assert (result.runs, result.complete, len(result.broken)) == (7, True, 2)
    assert result.choices == (Choice(KILL, "2", 1),)
    assert not sweep(run, calm, crashes(calm, 4), over=iter([False, False, True]).__next__).complete


def test_pytest_tells_which_crashes_break_a_test_and_repeats_the_first(suite):
    text = """
        @pytest.mark.fcemu("", explore="crashes")
        def test_once(fcemu):
            bank = []
            fcemu.add("charge", lambda event, context: bank.append(event))
            fcemu.function("charge").invoke_async({"order": 7})
            fcemu.run_until_idle()
            assert len(bank) == 1

        @pytest.mark.fcemu("", explore="crashes")
        def test_set(fcemu):
            bank = set()
            fcemu.add("charge", lambda event, context: bank.add(event))
            charged = fcemu.function("charge").invoke_async({"order": 7})
            fcemu.run_until_idle()
            assert (charged.status, len(bank)) == ("Succeeded", 1)
    """
    result = suite(text)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "FAILED after 9 runs, shrunk from 6 choices to 1",
            "  choice 1: the emulator was killed at fact 5, and continued from the data it had kept",
            "  2 of 8 runs fail; besides choice 1, these choices make the test fail:",
            "    attempt 1 of charge ended, then its instance died before the reply was heard",
            "test_it.py::test_set  complete: 9 runs with at most 1 deviations, no failure",
        ]
    )
    nodeid, token = re.search(r'^repeat: pytest "([^"]+)" --fcemu-repeat=([\w-]+)$', result.stdout.str(), re.M).groups()
    suite(None, nodeid, f"--fcemu-repeat={token}").assert_outcomes(failed=1)


def test_handles_follow_the_emulator_that_goes_on_after_a_restart():
    with LocalEmulator("", strict=False) as emulator:
        emulator.add("f", lambda event, context: event.decode())
        invocation = emulator.function("f").invoke_async("a", delay=10)
        emulator.restart()
        assert invocation.status == "Enqueued"
        assert invocation.result() == "a"
        assert invocation.status == "Succeeded"
        emulator.reset()
        emulator.add("f", lambda event, context: 1)
        again = emulator.function("f").invoke_async("b")
        assert again.request_id == invocation.request_id
        assert (invocation.status, again.status) == ("Succeeded", "Enqueued"), "a reset begins another story"
