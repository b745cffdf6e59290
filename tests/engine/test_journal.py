"""The journal is the only bookkeeping, and the same every time."""

import json
import os
import subprocess
import sys
from pathlib import Path

from fakes import ask, make, s

from fcemu.core.destinations import FunctionDestination, QueueDestination
from fcemu.core.facts import Accepted, Changed, Dequeued, Warned, from_json
from fcemu.core.functions import AsyncSettings
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine.journal import Journal
from fcemu.stores.sqlite import SqliteStore

TESTS = Path(__file__).parent.parent


def flaky(call):
    if call.retry_count < int(call.payload or b"0"):
        raise ValueError(f"attempt {call.attempt}")
    call.clock.sleep(1.25)
    return b"\xff\x00"


def busy_day(seed=0):
    asked = AsyncSettings(
        on_success=FunctionDestination(FunctionRef("audit", "s")), on_failure=QueueDestination("q"), max_retries=2
    )
    emulator, _ = make(
        {"flaky": asked, "s/flaky": asked},
        Settings(seed=seed),
        flaky=flaky,
        s__flaky=flaky,
        s__audit=lambda call: b"noted",
    )
    for n in range(20):
        emulator.accept(ask(("flaky", "s/flaky")[n % 2], str(n % 5).encode(), delay=n % 3))
    emulator.wait(emulator.advance(s(1)))
    for n in range(10):
        emulator.accept(ask("flaky", str(n % 4).encode(), delay=n))
    emulator.wait(emulator.run_until_idle(None))
    return emulator


def test_the_journal_read_back_folds_to_the_same_invocations_and_messages():
    journal = busy_day().journal
    lines = [json.loads(line) for line in journal.lines()]
    copy = Journal()
    copy.fold(
        [from_json({key: value for key, value in line.items() if key not in {"n", "function"}}) for line in lines]
    )
    assert list(copy.lines()) == list(journal.lines())
    assert copy.messages == journal.messages
    for request_id, invocation in journal.invocations.items():
        twin = copy.invocations[request_id]
        assert (twin.state, twin.ended, twin.due, twin.reason) == (
            invocation.state,
            invocation.ended,
            invocation.due,
            invocation.reason,
        )
        assert list(twin.attempts) == list(invocation.attempts)
        assert twin.deliveries == invocation.deliveries


def test_times_in_the_journal_never_go_back():
    times = [fact.at for fact in busy_day().journal]
    assert times == sorted(times)


def test_another_seed_gives_other_ids_and_the_same_times():
    one, other = busy_day(1).journal, busy_day(2).journal
    assert [fact.request_id for fact in one] != [fact.request_id for fact in other]
    assert [(fact.at, type(fact)) for fact in one] == [(fact.at, type(fact)) for fact in other]


def test_two_processes_with_different_hash_seeds_write_the_same_journal_byte_for_byte():
    program = "import test_journal as t; print('\\n'.join(t.busy_day().journal.lines()))"
    path = os.pathsep.join([str(TESTS / "engine"), str(TESTS)])
    journals = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert journals[0] == journals[1]
    assert journals[0].count(b"\n") > 200


def test_a_follower_hears_of_each_fact_until_it_ends():
    emulator, _ = make(f=lambda call: b"")
    heard = []
    end = emulator.journal.follow(lambda: heard.append(len(emulator.journal)))
    emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_idle(None))
    assert heard == list(range(1, len(emulator.journal) + 1))
    end()
    emulator.accept(ask("f"))
    assert heard[-1] == len(emulator.journal) - 1


def test_what_is_noted_of_an_invocation_is_forgotten_with_it(tmp_path):
    store = SqliteStore(tmp_path / "a.db", keep=s(10))
    chain = AsyncSettings(on_success=FunctionDestination(FunctionRef("g")))
    emulator, _ = make({"f": chain}, store=store, f=lambda call: b"", g=lambda call: b"")
    for _ in range(4):
        for _ in range(200):
            emulator.read_outside.add(emulator.accept(ask("f")).id)
        emulator.wait(emulator.advance(s(100)))
    known = emulator.journal.invocations
    assert len(known) < 4 * 2 * 200
    assert emulator.read_outside <= known.keys()
    assert emulator._intake.caused.keys() <= known.keys()
    emulator.close()


def with_reactions(said):
    """A journal with one invocation, in which a warning follows from its being dequeued."""
    journal = Journal()
    start = Settings().start
    journal.open(Accepted(start, "r", FunctionRef("f"), "LATEST", False, "api", b"", start, "r", 0))

    def warns(fact, invocation):
        said.append("warns")
        journal.record(Warned(fact.at, invocation.id, 0, "so it is"), invocation)

    journal.reactions = {
        Dequeued: (warns, lambda fact, invocation: said.append("goes on")),
        Warned: (lambda fact, invocation: said.append(f"was warned: {invocation.id}"),),
        Changed: (lambda fact, invocation: said.append(f"is changed: {invocation}"),),
    }
    return journal


def test_what_follows_from_a_fact_has_happened_before_the_next_thing_that_follows_from_the_fact_before():
    said = []
    journal = with_reactions(said)
    journal.record(Dequeued(Settings().start, "r"))
    assert said == ["warns", "was warned: r", "goes on"]
    assert [type(fact) for fact in journal] == [Accepted, Dequeued, Warned]


def test_things_follow_from_facts_outside_of_invocations_too():
    said = []
    with_reactions(said).note(Changed(Settings().start, "", "function f", "created"))
    assert said == ["is changed: None"]


def test_nothing_follows_from_facts_that_are_taken_over_from_another_journal():
    said = []
    there = with_reactions(said)
    there.record(Dequeued(Settings().start, "r"))
    said.clear()
    journal = with_reactions(said)
    journal.fold(list(there)[1:], begin=1)
    assert said == []
    journal.record(Warned(Settings().start, "r", 0, "later"))
    assert said == ["was warned: r"]
