"""Seeded chance: what it draws, how often, and that every draw is a fact; a calm one draws nothing."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import ask, make, s
from rules import rule

from fcemu.core.destinations import QueueDestination
from fcemu.core.facts import Accepted, Delayed, FaultStruck, Redelivered
from fcemu.core.functions import AsyncSettings
from fcemu.core.names import FunctionRef
from fcemu.core.odds import ODDS, Odds
from fcemu.core.retry import RetryPolicy
from fcemu.core.settings import Settings
from fcemu.engine import faults
from fcemu.engine.chance import AGAIN_AT_MOST, LATE_AT_MOST, SLOWER_AT_MOST, Chance, Moment, Seeded

NEVER = Odds(overtake=0, late=0, throttle=0, fail=0, crash=0, repeat=0)
SETTINGS = AsyncSettings(on_success=QueueDestination("done"), on_failure=QueueDestination("broken"))


def flaky(call):
    call.clock.sleep(int(call.payload) % 3)
    if int(call.payload) % 5 == 0 and call.retry_count == 0:
        raise ValueError("first time")
    return b"ok"


def busy_day(chance, seed=0, messages=300):
    emulator, _ = make({"f": SETTINGS, "s/f": SETTINGS}, Settings(seed=seed), chance=chance, f=flaky, s__f=flaky)
    for n in range(messages):
        emulator.accept(ask(("f", "s/f")[n % 2], str(n).encode(), delay=n % 7))
    emulator.wait(emulator.run_until_idle(None))
    return emulator


def struck(emulator):
    return Counter(fact.fault.split()[0] for fact in emulator.journal if isinstance(fact, FaultStruck))


def order(emulator):
    return [fact.request_id for fact in emulator.journal if type(fact).__name__ == "Dequeued"]


@pytest.mark.parametrize("seed", [0, 7])
def test_the_same_seed_gives_the_same_journal_and_another_one_another(seed):
    one, again, other = (busy_day(Seeded(each), each) for each in (seed, seed, seed + 1))
    assert list(one.journal.lines()) == list(again.journal.lines())
    assert list(one.journal.lines()) != list(other.journal.lines())


def test_with_nothing_drawn_the_journal_is_that_of_calm_chance_byte_for_byte():
    assert list(busy_day(Seeded(3, NEVER), 3).journal.lines()) == list(busy_day(Chance(3), 3).journal.lines())


def test_ids_of_requests_from_outside_are_those_of_a_calm_run():
    def ids(chance):
        emulator, _ = make(settings=Settings(seed=5), chance=chance, f=flaky)
        return [emulator.accept(ask("f", b"1", delay=1)).id for _ in range(20)]

    assert ids(Seeded(5)) == ids(Chance(5))


def test_everything_that_fc_leaves_open_is_drawn_and_is_a_fact():
    emulator = busy_day(Seeded(1))
    assert set(struck(emulator)) == {"overtake", "delay", "throttle", "fail", "crash", "deliver_twice"}
    assert all(invocation.finished for invocation in emulator.journal.invocations.values())


@pytest.mark.parametrize(
    ("odds", "word"),
    [
        (Odds(1, 0, 0, 0, 0, 0), "overtake"),
        (Odds(0, 1, 0, 0, 0, 0), "delay"),
        (Odds(0, 0, 0.5, 0, 0, 0), "throttle"),
        (Odds(0, 0, 0, 0.3, 0, 0), "fail"),
        (Odds(0, 0, 0, 0, 0.3, 0), "crash"),
        (Odds(0, 0, 0, 0, 0, 0.5), "deliver_twice"),
    ],
)
def test_each_kind_has_odds_of_its_own(odds, word):
    assert set(struck(busy_day(Seeded(1, odds), messages=40))) == {word}


def test_it_happens_about_as_often_as_it_is_said():
    chance, times = Seeded(2), 20_000
    moment = Moment(make(f=flaky)[0].accept(ask("f", delay=1)), RetryPolicy(), Settings().start)
    refusals = Counter(refusal and refusal.status for refusal in (chance.refusal(moment) for _ in range(times)))
    found = {
        "overtake": sum(chance.first_of(3) > 0 for _ in range(times)),
        "late": sum(chance.hold_up(moment) is not None for _ in range(times)),
        "throttle": refusals[429],
        "fail": (refusals[500] + refusals[503]) / 2,
        "crash": sum(chance.dies(moment, "after") for _ in range(times)),
        "repeat": sum(chance.again(moment) is not None for _ in range(times)),
    }
    for name, count in found.items():
        assert count / times == pytest.approx(getattr(ODDS, name), rel=0.25), name


def test_what_has_no_odds_of_its_own_takes_no_draw_from_the_others():
    usual = list(busy_day(Seeded(4), 4).journal.lines())
    draws = [Seeded(4)._random.random()]
    chance = Seeded(4)
    invocation = make(f=flaky)[0].accept(ask("f", delay=1))
    moment = Moment(invocation, RetryPolicy(), Settings().start)
    assert [chance.instance(moment), chance.slow_start(moment), chance.fate_of(invocation)] == [None] * 3
    assert [chance.timer_late("f/t"), chance.first_strand(3, invocation)] == [None, 0]
    assert [chance._random.random()] == draws
    assert list(busy_day(Seeded(4, Odds(strands=0, timer=0)), 4).journal.lines()) == usual


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("instance", {"another", "recycled"}),
        ("start", {"slow"}),
        ("report", {"report"}),
    ],
)
def test_what_a_test_sets_odds_for_is_drawn_and_is_a_fact(name, words):
    emulator = busy_day(Seeded(1, replace(NEVER, **{name: 0.5})), messages=60)
    assert set(struck(emulator)) == words
    assert list(emulator.journal.lines()) == list(
        busy_day(Seeded(1, replace(NEVER, **{name: 0.5})), messages=60).journal.lines()
    )


def test_what_is_drawn_to_be_late_is_late_by_no_more_than_is_said():
    chance = Seeded(3, Odds(start=1, timer=1, report=1, strands=1))
    invocation = make(f=flaky)[0].accept(ask("f", delay=1))
    moment = Moment(invocation, RetryPolicy(), Settings().start)
    for draw, most in (
        (lambda: chance.slow_start(moment), SLOWER_AT_MOST),
        (lambda: chance.timer_late("t"), LATE_AT_MOST),
    ):
        drawn = [draw() for _ in range(500)]
        assert timedelta(0) < min(drawn) < max(drawn) <= most
    fates = [chance.fate_of(invocation) for _ in range(300)]
    kinds = Counter((fate.times, fate.lost) for fate in fates)
    assert set(kinds) == {(1, False), (2, False), (1, True)}
    assert min(kinds.values()) > 60
    assert all(timedelta(0) < fate.late <= LATE_AT_MOST for fate in fates if fate.times == 1)
    assert {chance.first_strand(3, invocation) for _ in range(50)} == {1, 2}


@rule("async-invocation §3", "assumed")
def test_a_delay_is_late_by_at_most_a_second_and_never_early():
    emulator = busy_day(Seeded(1, Odds(0, 1, 0, 0, 0, 0)))
    due = {fact.request_id: fact.due for fact in emulator.journal if isinstance(fact, Accepted)}
    late = [fact.due - due[fact.request_id] for fact in emulator.journal if isinstance(fact, Delayed)]
    assert timedelta(0) < min(late)
    assert max(late) <= LATE_AT_MOST
    assert len(late) == sum(fact.due > fact.at for fact in emulator.journal if isinstance(fact, Accepted))


@rule("async-invocation §5", "documented")
def test_an_event_may_be_delivered_more_than_once():
    emulator = busy_day(Seeded(1, Odds(0, 0, 0, 0, 0, 0.5)))
    again = [fact.due - fact.at for fact in emulator.journal if isinstance(fact, Redelivered)]
    assert again
    assert max(again) <= AGAIN_AT_MOST


@rule("async-invocation §5", "assumed")
def test_messages_that_are_due_at_the_same_instant_keep_their_order_unless_chance_permutes_them():
    calm, permuted = busy_day(Chance(0)), busy_day(Seeded(0, Odds(0.5, 0, 0, 0, 0, 0)))
    by_due = sorted(calm.journal.invocations.values(), key=lambda one: one.accepted.due)
    assert order(calm) == [invocation.id for invocation in by_due]
    assert order(permuted) != order(calm)
    assert sorted(order(permuted)) == sorted(order(calm))
    started = {fact.request_id: fact.at for fact in permuted.journal if type(fact).__name__ == "Dequeued"}
    assert all(started[one.id] == one.accepted.due for one in permuted.journal.invocations.values())


def test_a_synchronous_call_is_overtaken_by_nobody():
    emulator, _ = make(settings=Settings(seed=1), chance=Seeded(1, Odds(1, 0, 0, 0, 0, 0)), f=lambda call: b"")
    called = emulator.invoke(ask("f"), lambda _: None)
    emulator.wait(emulator.run_until_ended(called))
    assert [type(fact).__name__ for fact in emulator.journal] == [
        *("Accepted", "InstanceStarted", "Started", "Finished", "Succeeded")
    ]


def test_what_a_test_asks_for_comes_before_what_is_drawn():
    emulator, _ = make(chance=Seeded(1, NEVER), f=lambda call: b"")
    emulator.setup.add_fault(FunctionRef("f"), faults.delay(s(5)), 1)
    invocation = emulator.accept(ask("f", delay=1))
    emulator.wait(emulator.run_until_idle(None))
    assert (invocation.attempts[0].started - emulator.clock.started).total_seconds() == 6


def test_messages_overtake_each_other_on_a_flowing_clock_too():
    emulator, _ = make(chance=Seeded(1, Odds(1, 0, 0, 0, 0, 0)), f=lambda call: b"")
    for n in range(8):
        emulator.accept(ask("f", str(n).encode(), delay=3600))
    emulator.rate = 1000
    emulator.wait(emulator.run_until_idle(None))
    emulator.close()
    assert struck(emulator)["overtake"] >= 1
    assert order(emulator) != list(emulator.journal.invocations)
