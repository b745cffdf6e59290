"""MNS's rules of a queue: who gets which message when, by which receipt handle."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcemu.core.facts import Delivered
from fcemu.mns.errors import MNSError, check_between
from fcemu.mns.facts import MessageSent, QueueSet
from fcemu.mns.queue import Queue

T0 = datetime(2026, 1, 1, tzinfo=UTC)
VISIBILITY = 30


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def sent(message_id, now=0, delay=0, priority=8, body=b"x"):
    return MessageSent(at(now), "", "queue:q", message_id, body, at(now + delay), priority)


def report(message_id, now=0):
    return Delivered(at(now), f"request of {message_id}", "queue:q", message_id, b"{}")


def attributes(now=0, **others):
    return QueueSet(at(now), "", "queue:q", **others)


def queue(*arrivals, **others):
    made = Queue("q", T0, list(arrivals))
    made.set(attributes(**others))
    return made


def receive(there, now):
    """The id of the message that a consumer gets at that second, and its receipt handle."""
    message = there.first(at(now))
    if message is None:
        return None
    there.receive(message.message_id, at(now + there.attributes.visibility_timeout), at(now))
    return message.message_id, message.handle


def ids(messages):
    return [message.message_id for message in messages]


@pytest.mark.parametrize(("now", "gets"), [(29.999, None), (30, "a"), (1000, "a")])
def test_a_received_message_is_hidden_for_the_visibility_timeout_and_visible_at_its_end(now, gets):
    there = queue(report("a"))
    assert receive(there, 0) == ("a", "8-a-1")
    assert receive(there, now) == (gets and (gets, "8-a-2"))


@pytest.mark.parametrize(("now", "gets"), [(0, None), (6.999, None), (7, "a")])
def test_a_delayed_message_is_visible_at_the_end_of_its_delay(now, gets):
    there = queue(sent("a", delay=7))
    assert receive(there, now) == (gets and (gets, "8-a-1"))


def test_the_queues_own_delay_holds_for_reports_that_arrive_while_it_is_set():
    arrived = []
    there = Queue("q", T0, arrived)
    there.set(attributes(delay_seconds=5))
    arrived.append(report("a"))
    there.set(attributes(1))
    arrived.append(report("b", 1))
    assert ids(there.visible(at(4.999), 16)) == ["b"]
    assert there.first(at(5)).message_id == "a"


def test_each_receipt_counts_and_remembers_the_first():
    there = queue(report("a"))
    for now in (10, 50, 90):
        receive(there, now)
    [message] = there.waiting(at(90))
    assert (message.dequeue_count, message.first_dequeued, message.visible) == (3, at(10), at(120))


def test_smaller_priority_numbers_come_first_then_earlier_messages():
    there = queue(sent("a"), sent("b", priority=16), sent("c", priority=1), sent("d", now=1), sent("e", priority=1))
    assert [receive(there, 1)[0] for _ in range(5)] == ["c", "e", "a", "d", "b"]
    assert receive(there, 1) is None


def test_a_message_that_comes_back_has_its_place_again():
    there = queue(sent("a"), sent("b"), visibility_timeout=10)
    receive(there, 0)
    assert [receive(there, 10)[0] for _ in range(2)] == ["a", "b"]


def test_looking_changes_nothing():
    there = queue(sent("a"), sent("b", priority=1), sent("c", delay=9))
    assert ids(there.visible(at(0), 16)) == ["b", "a"]
    assert ids(there.visible(at(0), 1)) == ["b"]
    assert [message.dequeue_count for message in there.visible(at(0), 16)] == [0, 0]


@pytest.mark.parametrize(
    ("meanwhile", "now", "error"),
    [
        (lambda there: None, 29.999, None),
        (lambda there: None, 30, "MessageNotExist"),
        (lambda there: receive(there, 30), 31, "MessageNotExist"),
        (lambda there: there.hide("a", at(100)), 10, "MessageNotExist"),
        (lambda there: there.delete("a"), 10, "MessageNotExist"),
    ],
    ids=["in time", "too late", "received again", "replaced by a newer one", "deleted"],
)
def test_a_receipt_handle_is_valid_until_the_message_is_visible_again_or_has_a_newer_one(meanwhile, now, error):
    there = queue(report("a"))
    _, handle = receive(there, 0)
    meanwhile(there)
    if error is None:
        assert there.held(handle, at(now)).message_id == "a"
    else:
        with pytest.raises(MNSError, match=f"^{error}: .*8-a-1"):
            there.held(handle, at(now))


@pytest.mark.parametrize("handle", ["", "a", "8-b-1", "x-a-1", "8-a-x", "8-a", "8--1"])
def test_a_receipt_handle_that_was_never_given_to_anybody_is_no_handle(handle):
    there = queue(report("a"))
    receive(there, 0)
    with pytest.raises(MNSError, match=r"^ReceiptHandleError: "):
        there.held(handle, at(1))


def test_a_delayed_message_can_be_deleted_before_anybody_gets_it():
    there = queue(sent("a", delay=60))
    [message] = there.waiting(at(0))
    assert there.held(message.handle, at(59)) is message
    with pytest.raises(MNSError, match=r"^MessageNotExist: "):
        there.held(message.handle, at(60))


def test_a_visibility_of_zero_hands_a_message_back_at_once():
    there = queue(report("a"))
    receive(there, 0)
    there.hide("a", at(3))
    assert receive(there, 3) == ("a", "8-a-3")


def test_a_longer_visibility_replaces_the_old_end():
    there = queue(report("a"))
    receive(there, 0)
    there.hide("a", at(100))
    assert receive(there, 99.999) is None
    assert there.next_visible(at(50)) == at(100)
    assert receive(there, 100) == ("a", "8-a-3")


def test_what_is_deleted_comes_never_again():
    there = queue(report("a"), report("b"))
    receive(there, 0)
    there.delete("a")
    assert [receive(there, now) for now in (0, 29)] == [("b", "8-b-1"), None]
    assert ids(there.waiting(at(29))) == ["b"]
    assert receive(there, 1000) == ("b", "8-b-2")


@pytest.mark.parametrize("hidden", [False, True])
def test_messages_are_lost_when_their_time_of_retention_is_over(hidden):
    there = queue(report("a"), retention_seconds=60, visibility_timeout=100)
    if hidden:
        receive(there, 59.999)
    assert ids(there.waiting(at(59.999))) == ["a"]
    assert there.waiting(at(60)) == []
    assert there.first(at(60)) is None
    assert there.next_visible(at(60)) is None


def test_the_next_visible_instant_is_the_earliest_of_what_is_hidden():
    there = queue(sent("a", delay=7), sent("b", delay=5), sent("c"))
    receive(there, 0)
    assert there.next_visible(at(0)) == at(5)
    there.delete("b")
    assert there.next_visible(at(0)) == at(7)
    there.delete("a")
    assert there.next_visible(at(0)) == at(30)
    there.delete("c")
    assert there.next_visible(at(0)) is None


def test_states_are_counted():
    there = queue(*(sent(str(n)) for n in range(3)), sent("d", delay=60))
    receive(there, 0)
    assert there.counts(at(0)) == (2, 1, 1)
    assert there.counts(at(30)) == (3, 0, 1)
    assert there.counts(at(60)) == (4, 0, 0)


@pytest.mark.parametrize(("name", "bounds"), [(wire, bounds) for wire, *bounds in Queue.BOUNDS.values()])
def test_numbers_have_bounds_that_belong_to_them(name, bounds):
    least, most = bounds
    check_between(name, least, least, most)
    check_between(name, most, least, most)
    for wrong in (least - 1, most + 1):
        with pytest.raises(MNSError, match=f"{name}: expected a whole number from {least} to {most}"):
            check_between(name, wrong, least, most)


def test_the_defaults_are_within_their_bounds():
    for field, (name, least, most) in Queue.BOUNDS.items():
        check_between(name, getattr(attributes(), field), least, most)


STEPS = st.lists(
    st.tuples(
        st.floats(0, 20).map(lambda seconds: round(seconds, 2)),
        st.sampled_from(["send", "receive", "delete", "hide"]),
        st.integers(0, 15),
    ),
    max_size=40,
)


@given(STEPS)
def test_a_queue_agrees_with_a_plain_model(steps):
    """The model is a list of dictionaries that is searched from the beginning each time."""
    arrived, model, now = [], [], 0.0
    there = Queue("q", T0, arrived)
    there.set(attributes(visibility_timeout=10))
    for wait, what, number in steps:
        now = round(now + wait, 2)
        held = [one for one in model if one["visible"] > now and one["handle"]]
        if what == "send":
            name = str(len(arrived))
            arrived.append(sent(name, now, number % 4, 1 + number % 3))
            model.append({"id": name, "visible": now + number % 4, "priority": 1 + number % 3, "handle": None})
        elif what == "receive":
            free = sorted((one for one in model if one["visible"] <= now), key=lambda one: one["priority"])
            got = receive(there, now)
            assert (got and got[0]) == (free[0]["id"] if free else None)
            if free:
                free[0] |= {"visible": now + 10, "handle": got[1]}
        elif held:
            one = held[number % len(held)]
            assert there.held(one["handle"], at(now)).message_id == one["id"]
            if what == "delete":
                there.delete(one["id"])
                model.remove(one)
            else:
                there.hide(one["id"], at(now + number))
                one |= {"visible": now + number, "handle": there._messages[one["id"]].handle}
        assert ids(there.waiting(at(now))) == [one["id"] for one in model]
