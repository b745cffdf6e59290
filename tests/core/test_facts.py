"""Facts as JSON and back, without loss."""

import json
from dataclasses import fields
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcemu.core import facts
from fcemu.core.http import HttpRequest
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Halted, Returned, Stuck, SystemFailed, Throttled, TimedOut
from fcemu.core.questions import QUESTIONS, Deviation
from fcemu.mns.facts import Properties

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,9}", fullmatch=True)
REFS = st.builds(FunctionRef, NAMES, st.none() | NAMES)
OUTCOMES = st.one_of(
    st.builds(Returned, st.binary()),
    st.builds(FunctionError, st.text(), st.binary(), st.text()),
    st.builds(TimedOut, st.binary()),
    st.builds(Throttled),
    st.builds(SystemFailed, st.sampled_from([500, 503]), st.text()),
    st.builds(Halted, st.text()),
    st.builds(Stuck, st.text()),
)
REQUESTS = st.builds(
    HttpRequest,
    method=st.sampled_from(["GET", "POST"]),
    path=st.text(),
    target=st.text(),
    headers=st.lists(st.tuples(st.text(), st.text()), max_size=2).map(tuple),
    queries=st.dictionaries(st.text(), st.text() | st.lists(st.text(), max_size=2), max_size=2),
    domain=st.text(),
    uri=st.text(),
)
DEVIATIONS = st.builds(
    Deviation,
    question=st.sampled_from(list(QUESTIONS)),
    about=st.text(),
    attempt=st.integers(0, 9),
    answer=st.integers(1, 9),
    time=st.integers(1, 9),
    milliseconds=st.integers(0, 60_000),
)
VALUES = {
    datetime: TIMES,
    str: st.text(),
    int: st.integers(0, 10**6),
    bool: st.booleans(),
    float: st.floats(0, 1000),
    bytes: st.binary(),
    FunctionRef: REFS,
    facts.Outcome: OUTCOMES,
    HttpRequest | None: st.none() | REQUESTS,
    Deviation: DEVIATIONS,
    Deviation | None: st.none() | DEVIATIONS,
    Properties: st.lists(st.tuples(st.text(), st.text(), st.text(), st.text()), max_size=2).map(tuple),
}


def made(kind):
    return st.builds(kind, **{each.name: VALUES[each.type] for each in fields(kind)})


ANY_FACT = st.one_of(*[made(kind) for kind in facts.KINDS.values()])


@given(ANY_FACT)
def test_a_fact_written_as_json_is_read_back_equal(fact):
    text = json.dumps(facts.to_json(fact))
    back = facts.from_json(json.loads(text))
    assert type(back) is type(fact)
    assert back == fact


def test_bytes_that_are_not_utf8_are_base64():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    record = facts.to_json(facts.Finished(at, "r", 1, Returned(b"\xff"), ""))
    assert record["data"]["outcome"] == {"kind": "Returned", "payload": {"base64": "/w=="}}
    assert (record["at"], record["attempt"]) == ("2026-01-01T00:00:00.000000Z", 1)


@pytest.mark.parametrize("broken", [{"kind": "Nothing"}, {"kind": "Succeeded", "at": "noon"}])
def test_what_is_no_fact_is_refused(broken):
    with pytest.raises((KeyError, ValueError)):
        facts.from_json({"at": "2026-01-01T00:00:00Z", "request_id": "r", "attempt": None, "data": {}} | broken)


def test_a_fault_of_a_data_file_from_before_faults_told_of_chance_is_read():
    at = "2026-01-01T00:00:00.000000Z"
    record = {"at": at, "kind": "FaultStruck", "request_id": "r", "attempt": 1, "data": {"fault": "crash after"}}
    fault = facts.from_json(record)
    assert fault == facts.FaultStruck(datetime(2026, 1, 1, tzinfo=UTC), "r", 1, "crash after")
    assert facts.to_json(fault) == record, "a fault that a test asked for is written as before"
