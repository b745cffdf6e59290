"""The option ``chance``: by class, marker and command line."""

import re
import subprocess
import sys
import threading
import time

import pytest

from fcemu.core.options import OPTIONS
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


def struck(emulator):
    return {fact.data["fault"] for fact in emulator.journal if fact.kind == "FaultStruck"}


NOTHING_ELSE = dict.fromkeys(("overtake", "late", "throttle", "fail", "crash", "repeat"), 0)


def met(**options):
    with LocalEmulator(seed=3, strict=False, intercept=False, **options) as emulator:
        double = emulator.add("double", lambda event, context: 2 * int(event))
        for n in range(30):
            double.invoke_async(n)
        emulator.run_until_idle()
        return struck(emulator)


def test_odds_take_the_place_of_the_usual_ones_of_their_names():
    assert met(chance="seeded", odds=NOTHING_ELSE) == set()
    assert met(chance="seeded", odds=NOTHING_ELSE | {"repeat": 0.5}) == {"deliver_twice"}
    assert met(chance="seeded", odds={"repeat": 1, "throttle": 0.5}) >= {"deliver_twice", "throttle"}
    assert met(odds={"repeat": 1}) == set(), "calm chance draws nothing"


def test_a_definition_says_odds_and_an_option_wins_over_all_of_them():
    definition = {"emulator": {"chance": "seeded", "odds": NOTHING_ELSE | {"crash": 0.3}}}
    assert met(definition=definition) <= {"crash before", "crash after", "crash sleeping"} != set()
    assert met(definition=definition, odds=NOTHING_ELSE) == set()


@pytest.mark.fcemu("", chance="seeded", odds=NOTHING_ELSE | {"strands": 1}, strict=False)
def test_a_marker_says_odds_and_threads_go_on_in_another_order(fcemu):
    order = []

    def handler(event, context):
        def work(number):
            time.sleep(1)
            order.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    fcemu.add("f", handler)
    fcemu.function("f").invoke_async()
    fcemu.run_until_idle()
    assert order == [1, 0]
    assert struck(fcemu) == {"strand 1"}


def test_the_same_odds_are_read_from_an_ini_file_and_a_command_line():
    assert OPTIONS["odds"].read("repeat=0.2, crash=0") == {"repeat": 0.2, "crash": 0}
    command = [sys.executable, "-m", "fcemu", "serve", "--odds", "repeat=2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "repeat: expected a number from 0 to 1, got 2" in done.stderr


@pytest.mark.parametrize(
    ("odds", "told"),
    [
        (
            {"repaet": 0.2},
            "option odds: 'repaet' has no odds; did you mean 'repeat'? What has: overtake, late, throttle, ",
        ),
        ({"again": 0.2}, "option odds: 'again' has no odds. What has: overtake"),
        ({"repeat": 1.5}, "option odds: repeat: expected a number from 0 to 1, got 1.5"),
        ({"repeat": True}, "option odds: repeat: expected a number from 0 to 1, got True"),
        ({"repeat": "0.2"}, "option odds: repeat: expected a number from 0 to 1, got '0.2'"),
        ({"repeat": float("nan")}, "option odds: repeat: expected a number from 0 to 1, got nan"),
        ({"throttle": 0.8, "fail": 0.2}, "option odds: throttle and twice fail come to 1.2"),
        (0.2, "option odds: expected a map of draws and numbers from 0 to 1, got 0.2"),
    ],
)
def test_odds_that_are_none_are_refused_by_name(odds, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        LocalEmulator("", odds=odds)


def test_a_file_names_the_place_of_odds_that_are_none(tmp_path):
    (tmp_path / "fcemu.yaml").write_text("emulator:\n  odds: {repaet: 0.2}\n")
    with pytest.raises(ValueError, match=r"fcemu.yaml:2:\d+: odds: 'repaet' has no odds; did you mean 'repeat'"):
        LocalEmulator(tmp_path / "fcemu.yaml")
