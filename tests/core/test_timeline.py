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
)
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import UNHANDLED, FunctionError
from fcemu.core.timeline import Timeline, render
from fcemu.core.times import seconds

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


def test_nothing_reads_as_nothing():
    assert render([], T0) == ""


@pytest.mark.parametrize(
    ("duration", "text"), [(0, "0 s"), (200, "200 s"), (0.5, "0.5 s"), (1e-6, "0.000001 s"), (86400, "86400 s")]
)
def test_seconds_have_no_needless_digits(duration, text):
    assert seconds(timedelta(seconds=duration)) == text
