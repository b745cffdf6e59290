"""Task mode as pure functions: records, events, lists, retention."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from rules import rule

from fcemu.core.errors import InvalidArgument
from fcemu.core.facts import (
    Accepted,
    AttemptRefused,
    Dequeued,
    Expired,
    Failed,
    Finished,
    Invalid,
    Redelivered,
    RetryPlanned,
    Started,
    StopAsked,
    Stopped,
    Succeeded,
)
from fcemu.core.invocation import Invocation, State
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import UNHANDLED, FunctionError, Halted, Returned, Throttled
from fcemu.core.tasks import RETURNED_BYTES, Cursor, Query, check_task_id, events, is_kept, page, record
from fcemu.core.times import milliseconds

T0 = datetime(2026, 1, 1, tzinfo=UTC)
BOOM = FunctionError(UNHANDLED, b'{"errorMessage": "boom"}', "ValueError")


def t(seconds):
    return T0 + timedelta(seconds=seconds)


def accepted(task_id="video-42", at=0.0, payload=b"x"):
    ref = FunctionRef("resize", "media")
    return Accepted(t(at), f"r-{task_id}", ref, "LATEST", False, "api", payload, t(at), f"r-{task_id}", 0, task_id)


def task(*facts, **of):
    invocation = Invocation(accepted(**of))
    for fact in facts:
        invocation.apply(fact)
    return invocation


def r(kind, at, *more, task_id="video-42"):
    return kind(t(at), f"r-{task_id}", *more)


FAILED_ONCE = (
    r(Dequeued, 0),
    r(Started, 0, 1, "i-1"),
    r(Finished, 2, 1, BOOM, "log"),
    r(RetryPlanned, 2, t(2.5)),
)


# Ids.


@rule("async-invocation §4", "documented")
@pytest.mark.parametrize("good", ["a", "_", "video-42_a", "A" * 128, "_1"])
def test_a_task_id_begins_with_a_letter_or_underscore_and_has_letters_digits_underscores_and_hyphens(good):
    check_task_id(FunctionRef("f"), good)


@rule("async-invocation §4", "documented")
@pytest.mark.parametrize("bad", ["1a", "-a", "a b", "a" * 129, "ä", "a\n", "a/b"])
def test_a_task_id_of_another_form_or_more_than_128_characters_is_refused(bad):
    with pytest.raises(InvalidArgument, match=r"^InvalidArgument: AsyncTaskId is set to an invalid value"):
        check_task_id(FunctionRef("f"), bad)
    with pytest.raises(InvalidArgument, match="StatefulAsyncInvocationId is set to an invalid value"):
        check_task_id(FunctionRef("f", "s"), bad)


# Events.


@rule("task-mode §2.1", "documented")
def test_the_events_of_a_task_are_the_states_it_entered_numbered_from_1():
    invocation = task(
        *FAILED_ONCE,
        r(Started, 2.5, 2, "i-2"),
        r(Finished, 4.5, 2, Returned(b"ok"), ""),
        r(Succeeded, 4.5),
    )
    assert [(n, str(status), at) for n, status, at, _ in events(invocation.history)] == [
        (1, "Enqueued", t(0)),
        (2, "Dequeued", t(0)),
        (3, "Running", t(0)),
        (4, "Retrying", t(2)),
        (5, "Running", t(2.5)),
        (6, "Succeeded", t(4.5)),
    ]


@rule("task-mode §3.4", "documented")
def test_an_event_of_a_failure_says_in_json_which_error_it_was():
    invocation = task(
        *FAILED_ONCE, r(Started, 3, 2, "i"), r(Finished, 3, 2, BOOM, ""), r(Failed, 3, "1 retries used up")
    )
    details = [event.detail for event in events(invocation.history)]
    error = {"Error": "UnhandledInvocationError", "ErrorMessage": "boom"}
    assert [detail and json.loads(detail) for detail in details] == ["", "", "", error, "", error]


@rule("task-mode §2.1", "assumed")
def test_a_refused_attempt_leaves_a_task_dequeued_or_retrying_without_another_event():
    invocation = task(
        r(Dequeued, 0),
        r(AttemptRefused, 0, 1, Throttled()),
        r(RetryPlanned, 0, t(0.5)),
        r(AttemptRefused, 0.5, 2, Throttled()),
        r(Failed, 0.5, "429 ResourceExhausted for 5 hours"),
    )
    found = events(invocation.history)
    assert [str(event.status) for event in found] == ["Enqueued", "Dequeued", "Failed"]
    assert json.loads(found[-1].detail) == {
        "Error": "ResourceExhausted",
        "ErrorMessage": "429 ResourceExhausted for 5 hours",
    }
    waiting = task(
        *FAILED_ONCE, r(AttemptRefused, 2.5, 2, Throttled()), r(RetryPlanned, 2.5, t(3)), r(Started, 3, 3, "i")
    )
    assert [str(event.status) for event in events(waiting.history)][3:] == ["Retrying", "Running"]


def test_an_event_of_an_invalid_task_says_why():
    invocation = task(r(Dequeued, 1), r(Invalid, 1, "function 'resize' does not exist"))
    last = events(invocation.history)[-1]
    assert (str(last.status), json.loads(last.detail)) == (
        "Invalid",
        {"ErrorMessage": "function 'resize' does not exist"},
    )


# Records.


def test_the_record_of_a_task_that_waits_has_nothing_of_an_attempt():
    found = record(task(payload=b"\xff"))
    assert (found.status, found.goal, found.started, found.ended) == (State.ENQUEUED, State.SUCCEEDED, T0, None)
    assert (found.duration, found.retries, found.instance_id, found.error) == (timedelta(0), 0, "", "")
    assert (found.payload, found.returned, len(found.events)) == ("/w==", "", 1)


@rule("task-mode §3.3", "assumed")
def test_a_record_has_the_duration_and_the_instance_of_the_last_attempt_that_ran():
    running = record(task(*FAILED_ONCE, r(Started, 2.5, 2, "i-2")))
    assert (running.duration, running.instance_id, running.retries, running.error) == (timedelta(0), "i-2", 1, "")
    refused = record(task(*FAILED_ONCE, r(AttemptRefused, 2.5, 2, Throttled()), r(RetryPlanned, 2.5, t(3))))
    assert (refused.duration, refused.instance_id, refused.retries) == (timedelta(seconds=2), "i-1", 0)


@rule("task-mode §3.3", "documented")
def test_the_error_message_of_a_record_is_the_type_of_the_error():
    retrying = record(task(*FAILED_ONCE))
    assert (retrying.status, retrying.error) == (State.RETRYING, "UnhandledInvocationError")
    expired = record(task(r(Dequeued, 9), r(Expired, 9)))
    assert (expired.error, expired.ended, expired.retries) == ("AsyncEventExpired", t(9), 0)


@rule("task-mode §3.3", "assumed")
def test_the_goal_of_a_task_is_to_succeed_until_somebody_stops_it():
    running = (r(Dequeued, 0), r(Started, 0, 1, "i"))
    assert record(task(*running)).goal is State.SUCCEEDED
    assert record(task(*running, r(StopAsked, 1))).goal is State.STOPPED
    ended = task(*running, r(StopAsked, 1), r(Finished, 1, 1, Halted("stopped as asked"), ""), r(Stopped, 1))
    assert (record(ended).goal, record(ended).error, record(ended).ended) == (State.STOPPED, "", t(1))


def test_a_delivery_that_was_repeated_is_no_retry_of_the_record():
    repeated = task(
        r(Dequeued, 0),
        r(Started, 0, 1, "i"),
        r(Finished, 0, 1, Returned(b""), ""),
        r(Redelivered, 0, 1, t(1)),
        r(Dequeued, 1),
        r(Started, 1, 2, "i"),
    )
    assert record(repeated).retries == 0


@rule("async-invocation §2", "assumed")
def test_a_result_of_more_than_a_megabyte_is_cut():
    def returned(payload):
        return record(
            task(
                r(Dequeued, 0),
                r(Started, 0, 1, "i"),
                r(Finished, 0, 1, Returned(payload), ""),
                r(Succeeded, 0),
            )
        ).returned

    assert returned(b"42") == "42"
    assert returned(b"a" * (RETURNED_BYTES + 9)) == "a" * RETURNED_BYTES
    assert len(returned(("é" * RETURNED_BYTES).encode()).encode()) <= RETURNED_BYTES


# Retention.


@rule("task-mode §1", "documented")
def test_a_record_is_kept_for_seven_days():
    week = timedelta(days=7)
    ended = task(r(Dequeued, 10), r(Expired, 10))
    assert is_kept(ended, t(10) + week, week)
    assert not is_kept(ended, t(10) + week + timedelta(microseconds=1), week)
    assert is_kept(task(), t(10) + 100 * week, week)


# Lists.


def many(count, at=lambda n: n):
    return [task(task_id=f"t{n}", at=at(n)) for n in range(count)]


def ids(found):
    return [one.accepted.task_id for one in found.tasks]


@rule("task-mode §4.2", "assumed")
def test_the_newest_task_comes_first_unless_the_oldest_is_asked_for():
    tasks = many(3)
    assert ids(page(tasks, Query())) == ["t2", "t1", "t0"]
    assert ids(page(tasks, Query(newest_first=False))) == ["t0", "t1", "t2"]


def test_tasks_of_one_instant_keep_the_order_of_submission():
    tasks = many(3, at=lambda n: 5)
    assert ids(page(tasks, Query(newest_first=False))) == ["t0", "t1", "t2"]
    assert ids(page(tasks, Query())) == ["t2", "t1", "t0"]


@rule("task-mode §4.2", "documented")
def test_a_list_takes_a_status_a_prefix_and_a_window_of_start_times_that_includes_its_ends():
    tasks = [*many(3), task(r(Dequeued, 9), r(Expired, 9, task_id="x"), task_id="x", at=9)]
    assert ids(page(tasks, Query(status=State.EXPIRED))) == ["x"]
    assert ids(page(tasks, Query(prefix="t"))) == ["t2", "t1", "t0"]
    second = milliseconds(t(1))
    assert ids(page(tasks, Query(begin_ms=second, end_ms=second))) == ["t1"]
    assert ids(page(tasks, Query(begin_ms=second + 1))) == ["x", "t2"]
    assert ids(page(tasks, Query(end_ms=second - 1))) == ["t0"]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("at", [lambda n: n, lambda n: 0, lambda n: n // 3])
def test_pages_put_together_are_the_whole_list(newest_first, at):
    tasks = many(10, at)
    found, after = [], None
    while True:
        part = page(tasks, Query(limit=3, after=after, newest_first=newest_first))
        found += ids(part)
        if part.next is None:
            break
        after = Cursor.parse(part.next.text())
    assert found == ids(page(tasks, Query(newest_first=newest_first)))
    assert len(found) == 10


def test_a_page_that_ends_with_the_list_has_no_next_one():
    assert page(many(3), Query(limit=3)).next is None
    assert page(many(4), Query(limit=3)).next == Cursor(t(1), "t1")
    assert page([], Query()) == ([], None)


def test_a_page_goes_on_where_it_was_although_the_task_it_ended_with_is_gone():
    tasks = many(6)
    after = page(tasks, Query(limit=3)).next
    assert ids(page([one for one in tasks if one.accepted.task_id != "t3"], Query(after=after))) == ["t2", "t1", "t0"]


def test_tasks_that_come_between_two_pages_change_nothing_of_the_second():
    tasks = many(6)
    after = page(tasks, Query(limit=3)).next
    assert ids(page([*tasks, task(task_id="new", at=99)], Query(after=after))) == ["t2", "t1", "t0"]


@pytest.mark.parametrize("text", ["nonsense", "", "#a", "1", "1#", "1e9#a", "99999999999999999999#a"])
def test_a_token_that_was_never_given_out_is_refused(text):
    with pytest.raises(InvalidArgument, match="NextToken is set to an invalid value"):
        Cursor.parse(text)
