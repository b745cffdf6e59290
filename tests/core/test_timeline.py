"""The journal as text."""

from datetime import UTC, datetime, timedelta

import pytest

from fcemu.core.facts import (
    Accepted,
    Delayed,
    Delivered,
    Dequeued,
    Failed,
    FaultStruck,
    Finished,
    Redelivered,
    RetryPlanned,
    Slept,
    Started,
    Succeeded,
)
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import UNHANDLED, FunctionError
from fcemu.core.timeline import Timeline, capped, render
from fcemu.core.times import for_people, offset, parse_instant, seconds, spoken_offset

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(offset: float) -> datetime:
    return T0 + timedelta(seconds=offset)


def test_a_life_reads_from_top_to_bottom():
    ref = FunctionRef("charge", "orders")
    error = FunctionError(UNHANDLED, b'{"errorMessage": "no money"}', "Declined")
    facts = [
        Accepted(at(0), "r1", ref, "LATEST", False, "api", b"", at(200), "r1", 0),
        Dequeued(at(200), "r1"),
        Started(at(200), "r1", 1, "i1"),
        Slept(at(200), "r1", 1, at(201.25)),
        Finished(at(201.25), "r1", 1, error, ""),
        RetryPlanned(at(201.25), "r1", at(201.75)),
        Failed(at(201.75), "r1", "enough"),
        Delivered(at(201.75), "r1", "queue:declined", "m1", b"{}"),
    ]
    assert render(facts, T0).splitlines() == [
        "+0 s       orders/charge (1)  accepted, due +200 s [r1]",
        "+200 s     orders/charge (1)  dequeued",
        "+200 s     orders/charge (1)  attempt 1 starts",
        "+200 s     orders/charge (1)  attempt 1 sleeps 1.25 s",
        "+201.25 s  orders/charge (1)  attempt 1 failed: Declined: no money",
        "+201.25 s  orders/charge (1)  retried after 0.5 s, at +201.75 s",
        "+201.75 s  orders/charge (1)  Failed: enough",
        "+201.75 s  orders/charge (1)  delivered to queue:declined",
    ]


def accepted(offset, request_id, name):
    return Accepted(at(offset), request_id, FunctionRef(name), "LATEST", False, "api", b"", at(offset), request_id, 0)


def test_facts_that_come_later_continue_names_numbers_and_columns():
    timeline = Timeline(T0)
    assert timeline.lines([accepted(0, "r1", "resize")]) == ["+0 s  resize (1)  accepted [r1]"]
    assert timeline.lines([]) == []
    assert timeline.lines([Dequeued(at(0), "r1"), accepted(0.25, "r2", "resize")]) == [
        "+0 s     resize (1)  dequeued",
        "+0.25 s  resize (2)  accepted [r2]",
    ]
    assert timeline.lines([Dequeued(at(1), "r2")]) == ["+1 s     resize (2)  dequeued"]


def test_of_the_oldest_invocations_only_the_ids_are_left_where_names_are_limited():
    timeline = Timeline(T0, names=2)
    for number in range(1, 4):
        timeline.lines([accepted(0, f"r{number}", "resize")])
    lines = timeline.lines([Dequeued(at(0), f"r{number}") for number in range(1, 4)])
    assert [line.split("  ")[1].strip() for line in lines] == ["r1", "resize (2)", "resize (3)"]


def test_a_timeline_in_portions_says_what_the_whole_says():
    facts = [accepted(0, "r1", "a"), accepted(0, "r2", "a"), Dequeued(at(0), "r1"), Dequeued(at(0), "r2")]
    timeline = Timeline(T0)
    assert [line for fact in facts for line in timeline.lines([fact])] == render(facts, T0).splitlines()


def test_faults_say_what_they_did():
    facts = [
        Accepted(at(0), "r1", FunctionRef("f"), "LATEST", False, "api", b"", at(0), "r1", 0),
        FaultStruck(at(0), "r1", 1, "delay"),
        Delayed(at(0), "r1", 1, at(7)),
        FaultStruck(at(7), "r1", 1, "deliver_twice"),
        Redelivered(at(7), "r1", 1, at(7.5)),
    ]
    assert render(facts, T0).splitlines()[1:] == [
        "+0 s  f (1)  attempt 1 meets a fault: delay",
        "+0 s  f (1)  attempt 1 starts 7 s late, at +7 s",
        "+7 s  f (1)  attempt 1 meets a fault: deliver_twice",
        "+7 s  f (1)  attempt 1 is delivered again after 0.5 s, at +7.5 s",
    ]


def test_what_matters_most_is_left_of_a_long_journal():
    facts = [accepted(n, f"r{n}", "f") for n in range(500)]
    facts.insert(251, Failed(at(250), "r250", "enough"))
    lines = capped(Timeline(T0), facts, len(facts), ["r250"], "--all")
    assert lines[0].startswith("+0 s")
    assert any("f (251)" in line and line.endswith("Failed: enough") for line in lines)
    assert "f (500)" in lines[-2]
    assert [line for line in lines if line.startswith("…")] == ["… 245 more", "… 229 more", "… 474 more, --all"]


def test_a_short_journal_is_not_cut():
    facts = [accepted(n, f"r{n}", "f") for n in range(60)]
    assert capped(Timeline(T0), facts, 60, [], "--all") == render(facts, T0).splitlines()


def test_lines_that_say_the_same_are_folded():
    facts = [accepted(0, "r1", "f"), *(Slept(at(n), "r1", 1, at(n + 1)) for n in range(10)), Succeeded(at(10), "r1")]
    assert capped(Timeline(T0), facts, len(facts), [], "--all") == [
        "+0 s   f (1)  accepted [r1]",
        "+0 s   f (1)  attempt 1 sleeps 1 s (10 times, the last at +9 s)",
        "+10 s  f (1)  Succeeded",
    ]


@pytest.mark.parametrize(
    ("after", "text"),
    [
        (0, "+0 s"),
        (3599.5, "+3599.5 s"),
        (3600, "+1h"),
        (53731, "+14h55m31s"),
        (90000.25, "+1d1h0.25s"),
        (86400, "+1d"),
    ],
)
def test_times_are_written_for_people_and_lose_nothing(after, text):
    assert for_people(f"due {offset(at(after), T0)}, today") == f"due {text}, today"
    assert spoken_offset(at(after), T0) == text
    assert parse_instant(text.replace(" ", ""), T0) == at(after)


def test_nothing_reads_as_nothing():
    assert render([], T0) == ""


@pytest.mark.parametrize(
    ("duration", "text"), [(0, "0 s"), (200, "200 s"), (0.5, "0.5 s"), (1e-6, "0.000001 s"), (86400, "86400 s")]
)
def test_seconds_have_no_needless_digits(duration, text):
    assert seconds(timedelta(seconds=duration)) == text
