"""``kill -9`` at any moment: nothing that was accepted is lost, and nothing ends twice."""

import json
import os
import random
from collections import Counter

import pytest
from acceptance.crashing import DEFINITION, GONE, HANDLERS, REPORTED, Callers, Served, tear

FULL = os.environ.get("FCEMU_EFFORT") == "full"
CHAINS, KILLS = (500, 20) if FULL else (5, 12)
"""Lives of one file after the other, and how often each is killed."""
TERMINAL = {"Succeeded", "Failed", "Expired", "Stopped", "Invalid"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.py").write_text(HANDLERS)
    (tmp_path / "fcemu.yaml").write_text(DEFINITION)
    return tmp_path


def live_and_die(folder, callers, rng):
    """One life, until it kills itself at some commit or is killed at some moment; the log may be torn after that."""
    at_commit = rng.random() < 0.7
    served = Served(folder, f"{rng.randint(1, 40)}:{rng.choice(['before', 'after'])}" if at_commit else "")
    if served.port:
        try:
            facts = served.journal()
        except GONE:
            facts = []
        check_prefix(facts, callers)
        callers.call(served, rng.randint(2, 15))
        served.gone(rng.choice([0, 0.02, 0.2]))
    served.kill()
    assert served.status == -9
    if rng.random() < 0.3:
        tear(folder, rng)


def check_prefix(journal, callers):
    """Whatever somebody has read of the journal is there, as it was."""
    if journal:
        assert journal[: len(callers.seen)] == callers.seen
        callers.seen = journal


@pytest.mark.parametrize("chain", range(CHAINS))
def test_nothing_that_was_accepted_is_lost_however_often_the_process_is_killed(folder, chain, capsys):
    rng, callers = random.Random(chain), Callers(chain)
    for _ in range(KILLS):
        live_and_die(folder, callers, rng)
    served = Served(folder)
    try:
        check_prefix(served.journal(), callers)
        served.ask("POST", "/_fcemu/clock/run-until-idle", {})
        journal = [json.loads(line) for line in served.journal()]
        check_prefix([json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in journal], callers)
        defined = served.ask("GET", "/_fcemu/definition")["functions"]
    finally:
        served.kill()
    accepted = [fact["request_id"] for fact in journal if fact["kind"] == "Accepted"]
    ends = Counter(fact["request_id"] for fact in journal if fact["kind"] in TERMINAL)
    reports = Counter(
        (fact["request_id"], fact["data"]["destination"]) for fact in journal if fact["kind"] == "Delivered"
    )
    lost = set(callers.accepted) - set(accepted)
    assert not lost, lost
    assert len(set(accepted)) == len(accepted)
    assert not set(accepted) & set(callers.other_ids)
    assert len(set(callers.other_ids)) == len(callers.other_ids)
    assert dict(ends) == dict.fromkeys(accepted, 1)
    assert not {key for key, function in callers.accepted.items() if reports[key, REPORTED[function]] != 1}
    assert callers.defined <= set(defined)
    again = sum(fact["kind"] == "Redelivered" for fact in journal)
    with capsys.disabled():
        print(
            f"\n{KILLS} crashes survived, {len(callers.accepted)} accepted, lost = {len(lost)}; "
            f"{again} attempts delivered again, {len(journal)} facts"
        )
