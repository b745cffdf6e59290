"""What is true after each fact, as the stream of facts tells a page."""

from datetime import UTC, datetime, timedelta

import pytest

from fcemu.core.facts import (
    Accepted,
    Delivered,
    Dequeued,
    Deviated,
    Failed,
    FaultStruck,
    Finished,
    InstanceStarted,
    RetryPlanned,
    Slept,
    Started,
    StopAsked,
    Stopped,
    Succeeded,
)
from fcemu.core.moments import PHASES, PLACES, Moments, to_json
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Returned
from fcemu.core.questions import Deviation
from fcemu.mns.facts import MessageDeleted, MessageReceived, MessageSent
from fcemu.own_api.codec import decode
from fcemu.own_api.records import StateAfter

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def accepted(request_id="a", due=0):
    return Accepted(T0, request_id, FunctionRef("f"), "LATEST", False, "api", b"", at(due), request_id, 0)


LIFE = [
    (accepted(due=5), "Enqueued", "waiting", 5, False),
    (Dequeued(at(5), "a"), "Dequeued", "waiting", None, False),
    (InstanceStarted(at(5), "a", "i", 2.0), "Dequeued", "starting", 7, False),
    (Started(at(7), "a", 1, "i"), "Running", "running", None, False),
    (Slept(at(7), "a", 1, at(9)), "Running", "sleeping", 9, False),
    (Finished(at(9), "a", 1, FunctionError("E", b"{}"), ""), "Running", "waiting", None, True),
    (RetryPlanned(at(9), "a", at(10)), "Retrying", "waiting", 10, False),
    (Started(at(10), "a", 2, "i"), "Running", "running", None, False),
    (Finished(at(10), "a", 2, Returned(b"ok"), ""), "Running", "waiting", None, False),
    (Succeeded(at(10), "a"), "Succeeded", "over", None, False),
]


def test_each_fact_of_a_life_says_what_is_true_after_it():
    moments = Moments(T0)
    for fact, status, phase, until, failure in LIFE:
        moment = moments.after(fact)
        assert (moment.status, moment.phase, moment.failure) == (status, phase, failure)
        assert moment.until == (None if until is None else at(until))
        assert moment.who == "f (1)"
        assert decode(StateAfter, to_json(moment)) is not None


def test_who_begins_in_the_middle_hears_the_same():
    whole, late = Moments(T0), Moments(T0)
    told = [whole.after(fact) for fact, *_ in LIFE]
    for fact, *_ in LIFE[:6]:
        late.pass_over(fact)
    assert [late.after(fact) for fact, *_ in LIFE[6:]] == told[6:]


@pytest.mark.parametrize("end", [Failed(at(1), "a", "no retry left"), Stopped(at(1), "a")])
def test_whatever_ends_an_invocation_ends_its_phases(end):
    moments = Moments(T0)
    moments.pass_over(accepted())
    moments.pass_over(StopAsked(at(1), "a") if isinstance(end, Stopped) else Dequeued(at(1), "a"))
    assert moments.after(end).phase == "over"


def test_a_message_says_where_it_is():
    moments = Moments(T0)
    facts = [
        Delivered(T0, "gone", "queue:q", "m", b""),
        MessageSent(T0, "", "queue:q", "n", b"", at(7), 8),
        MessageReceived(at(1), "", "queue:q", "m", at(31)),
        MessageDeleted(at(2), "", "queue:q", "m"),
    ]
    told = [moments.after(fact) for fact in facts]
    assert [each.place for each in told] == ["visible", "visible", "in flight", "gone"]
    assert [each.until for each in told] == [T0, at(7), at(31), None]


def test_the_record_knows_all_phases_and_places():
    fields = StateAfter.__annotations__
    assert all(phase in str(fields["phase"]) for phase in PHASES)
    assert all(place in str(fields["place"]) for place in PLACES)


def test_only_what_did_not_go_calmly_is_a_deviation():
    moments = Moments(T0)
    told = [moments.after(fact) for fact in (accepted(), FaultStruck(T0, "a", 1, "crash after"), Succeeded(T0, "a"))]
    assert [moment.deviation for moment in told] == [False, True, False]
    assert [to_json(moment).get("deviation") for moment in told] == [None, True, None]
    assert decode(StateAfter, to_json(told[1])).deviation is True


def test_what_chance_decides_about_no_invocation_is_a_deviation_in_words():
    timer = Deviated(T0, "", Deviation("timer", "g/often", 0, 1, milliseconds=250))
    told = Moments(T0).after(timer)
    assert (told.deviation, told.status, told.who) == (True, None, "(chance)")
    assert told.line == "the timer g/often fired 0.25 s late"
