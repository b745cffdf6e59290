"""Every state times every fact, and what the facts come to."""

from datetime import UTC, datetime, timedelta

import pytest
from rules import rule

from fcemu.core import facts
from fcemu.core.facts import Accepted, AttemptRefused, Dequeued, Finished, RetryPlanned, Started, Succeeded
from fcemu.core.invocation import MOVING, TERMINAL, TRANSITIONS, ImpossibleMove, Invocation, State, next_state
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import UNHANDLED, FunctionError, Returned, Throttled

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DOCUMENTED = {
    # task-mode §2.1, as the page draws it; written out here a second time on purpose
    (State.ENQUEUED, "Dequeued"): State.DEQUEUED,
    (State.ENQUEUED, "Started"): State.RUNNING,  # synchronous: no queue
    (State.ENQUEUED, "Failed"): State.FAILED,  # synchronous: refused
    (State.ENQUEUED, "Invalid"): State.INVALID,  # synchronous: its function is gone
    (State.ENQUEUED, "StopAsked"): State.STOPPING,
    (State.DEQUEUED, "Started"): State.RUNNING,
    (State.DEQUEUED, "RetryPlanned"): State.DEQUEUED,
    (State.DEQUEUED, "Failed"): State.FAILED,
    (State.DEQUEUED, "Expired"): State.EXPIRED,
    (State.DEQUEUED, "Invalid"): State.INVALID,
    (State.DEQUEUED, "StopAsked"): State.STOPPING,
    (State.RUNNING, "Succeeded"): State.SUCCEEDED,
    (State.RUNNING, "RetryPlanned"): State.RETRYING,
    (State.RUNNING, "Redelivered"): State.ENQUEUED,  # a duplicate, which the page does not draw
    (State.RUNNING, "Failed"): State.FAILED,
    (State.RUNNING, "StopAsked"): State.STOPPING,
    (State.RUNNING, "Stopped"): State.STOPPED,
    (State.RETRYING, "Started"): State.RUNNING,
    (State.RETRYING, "RetryPlanned"): State.RETRYING,
    (State.RETRYING, "Failed"): State.FAILED,
    (State.RETRYING, "Invalid"): State.INVALID,
    (State.RETRYING, "StopAsked"): State.STOPPING,
    (State.STOPPING, "Stopped"): State.STOPPED,
}


def accepted(request_id="r1", payload=b"x"):
    return Accepted(T0, request_id, FunctionRef("f"), "LATEST", False, "api", payload, T0, request_id, 0)


@rule("task-mode §2.1", "documented")
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", facts.KINDS.values(), ids=lambda kind: kind.__name__)
def test_every_state_takes_exactly_the_facts_of_the_documents(state, kind):
    if kind not in MOVING:
        assert next_state(state, kind) is state
    elif (state, kind.__name__) in DOCUMENTED:
        assert next_state(state, kind) is DOCUMENTED[state, kind.__name__]
    else:
        with pytest.raises(ImpossibleMove, match=f"{kind.__name__} cannot happen to an invocation that is {state}"):
            next_state(state, kind)


def test_terminal_states_are_those_without_a_row():
    assert {"Succeeded", "Failed", "Stopped", "Expired", "Invalid"} == TERMINAL
    assert not TERMINAL & TRANSITIONS.keys()


def test_every_state_can_reach_a_terminal_one():
    ends = set(TERMINAL)
    while more := {state for state, row in TRANSITIONS.items() if ends & set(row.values())} - ends:
        ends |= more
    assert ends == set(State)


def test_an_impossible_fact_changes_nothing():
    invocation = Invocation(accepted())
    with pytest.raises(ImpossibleMove):
        invocation.apply(Succeeded(T0, "r1"))
    assert (invocation.state, invocation.ended) == (State.ENQUEUED, None)


@rule("retry-and-destinations §1.3", "inferred")
def test_refused_attempts_are_listed_and_count_neither_as_executions_nor_as_retries():
    invocation = Invocation(accepted())
    error = FunctionError(UNHANDLED, b"{}", "ValueError")
    t = [T0 + timedelta(seconds=n) for n in range(6)]
    for fact in (
        Dequeued(t[0], "r1"),
        AttemptRefused(t[0], "r1", 1, Throttled()),
        RetryPlanned(t[0], "r1", t[1]),
        Started(t[1], "r1", 2, "i"),
        Finished(t[2], "r1", 2, error, "log"),
        RetryPlanned(t[2], "r1", t[3]),
        AttemptRefused(t[3], "r1", 3, Throttled()),
        RetryPlanned(t[3], "r1", t[4]),
        Started(t[4], "r1", 4, "i"),
    ):
        invocation.apply(fact)
    assert [(a.number, a.word, a.started == a.ended) for a in invocation.attempts] == [
        (1, "throttled", True),
        (2, "function error", False),
        (3, "throttled", True),
        (4, None, False),
    ]
    assert invocation.executions == 2
    tally = invocation.tally()
    assert (tally.executions, tally.refusals, tally.first_refused) == (2, 0, t[0])


def test_the_last_attempt_and_its_outcome_are_those_of_the_list():
    invocation = Invocation(accepted())
    assert (invocation.last, invocation.outcome) == (None, None)
    for fact in (
        Dequeued(T0, "r1"),
        AttemptRefused(T0, "r1", 1, Throttled()),
        RetryPlanned(T0, "r1", T0),
        Started(T0, "r1", 2, "i"),
        Finished(T0, "r1", 2, FunctionError(UNHANDLED, b"{}"), "log"),
        RetryPlanned(T0, "r1", T0),
        Started(T0, "r1", 3, "i"),
        Finished(T0, "r1", 3, Returned(b"out"), ""),
        Succeeded(T0, "r1"),
    ):
        invocation.apply(fact)
        if invocation.attempts:
            last = invocation.attempts[-1]
            assert (invocation.last, invocation.outcome) == (last, last.outcome)


@rule("retry-and-destinations §1.3", "assumed")
def test_the_back_off_counts_refusals_since_the_last_execution():
    invocation = Invocation(accepted())
    for n in range(3):
        invocation.apply(AttemptRefused(T0 + timedelta(seconds=n), "r1", n + 1, Throttled()))
    assert (invocation.tally().refusals, invocation.tally().first_refused) == (3, T0)


@rule("async-invocation §3", "inferred")
def test_the_age_may_exclude_the_delay():
    due = T0 + timedelta(seconds=90)
    late = Accepted(T0, "r1", FunctionRef("f"), "LATEST", False, "api", b"", due, "r1", 0)
    assert Invocation(late).tally().aged_from == T0
    assert Invocation(late).tally(age_excludes_delay=True).aged_from == due


def test_a_success_reports_the_payload():
    invocation = Invocation(accepted())
    for fact in (Dequeued(T0, "r1"), Started(T0, "r1", 1, "i"), Finished(T0, "r1", 1, Returned(b"out"), "")):
        invocation.apply(fact)
    ending = invocation.ending()
    assert (ending.condition, ending.status_code, ending.payload) == ("", 200, b"out")
