"""``kill -9`` at any moment: nothing that was accepted is lost, and nothing ends twice."""

import json
import os
import random
from collections import Counter
from dataclasses import dataclass

import pytest
from acceptance.crashing import DEFINITION, GONE, HANDLERS, REPORTED, Callers, Served, tear

FULL = os.environ.get("FCEMU_EFFORT") == "full"
FIRST, CRASHES = (
    int(os.environ.get(f"FCEMU_CRASHES{name}", given))
    for name, given in (
        ("_FROM", 0),
        ("", 10_000 if FULL else 100),
    )
)
"""How many crashes, and from which on: a long sweep may go on where another one stopped."""
CHAIN = 20
"""How often one file is killed."""
SWEPT = 30
"""At which writes a process is killed: the first, the second, ... and then the first again."""
MOMENTS = ("before", "torn", "after", "some time")
TERMINAL = {"Succeeded", "Failed", "Expired", "Stopped", "Invalid"}


@dataclass
class Totals:
    """Of all the chains that this process has been through."""

    crashes: int = 0
    accepted: int = 0
    lost: int = 0
    again: int = 0


TOTALS = Totals()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.py").write_text(HANDLERS)
    (tmp_path / "fcemu.yaml").write_text(DEFINITION)
    return tmp_path


def live_and_die(folder, callers, crash, rng):
    """One life, killed by itself at its n-th write or by us at some time; the log may be torn after that."""
    moment = MOMENTS[crash % len(MOMENTS)]
    n = crash // len(MOMENTS) % SWEPT + 1
    served = Served(folder, "" if moment == "some time" else f"{n}:{moment}")
    try:
        if served.port:
            check_prefix(served.journal(), callers)
            with callers.calling(served):
                served.gone(rng.uniform(0, 0.1) if moment == "some time" else None)
                served.kill()
    except GONE:
        served.gone(None)
    assert served.status == -9
    if moment == "some time" and rng.random() < 0.5:
        tear(folder, rng)


def check_prefix(journal, callers):
    """Whatever somebody has read of the journal is there, as it was."""
    assert journal[: len(callers.seen)] == callers.seen
    callers.seen = journal


def ended(folder, callers):
    """The journal when all has run that was accepted, and the names of the functions that are defined."""
    served = Served(folder)
    try:
        check_prefix(served.journal(), callers)
        served.ask("POST", "/_fcemu/clock/run-until-idle", {})
        check_prefix(served.journal(), callers)
        return [json.loads(line) for line in callers.seen], set(served.ask("GET", "/_fcemu/definition")["functions"])
    finally:
        served.kill()


@pytest.mark.parametrize("first", range(FIRST, CRASHES, CHAIN))
def test_nothing_that_was_accepted_is_lost_however_often_the_process_is_killed(folder, first, capsys):
    rng, callers = random.Random(first), Callers(first)
    last = min(first + CHAIN, CRASHES)
    for crash in range(first, last):
        live_and_die(folder, callers, crash, rng)
    journal, defined = ended(folder, callers)
    accepted = [fact["request_id"] for fact in journal if fact["kind"] == "Accepted"]
    ends = Counter(fact["request_id"] for fact in journal if fact["kind"] in TERMINAL)
    reports = Counter(
        (fact["request_id"], fact["data"]["destination"]) for fact in journal if fact["kind"] == "Delivered"
    )
    lost = set(callers.accepted) - set(accepted)
    TOTALS.crashes += last - first
    TOTALS.accepted += len(callers.accepted)
    TOTALS.lost += len(lost)
    TOTALS.again += sum(fact["kind"] == "Redelivered" for fact in journal)
    with capsys.disabled():
        print(
            f"\ncrashes {first}…{last - 1}; so far {TOTALS.crashes} survived, {TOTALS.accepted} accepted, "
            f"lost = {TOTALS.lost}; {TOTALS.again} attempts delivered again"
        )
    assert not lost, lost
    assert len(set(accepted)) == len(accepted)
    assert not set(accepted) & set(callers.other_ids)
    assert len(set(callers.other_ids)) == len(callers.other_ids)
    assert dict(ends) == dict.fromkeys(accepted, 1)
    assert not {key for key, function in callers.accepted.items() if reports[key, REPORTED[function]] != 1}
    assert callers.defined <= defined
