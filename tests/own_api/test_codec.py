"""Records go to JSON and come back; what is no record is told apart."""

from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcemu.own_api import records
from fcemu.own_api.codec import decode, encode, kind_of, members_of, read_record
from fcemu.own_api.problems import Problem

START = datetime(2026, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 10**15).map(lambda number: START + timedelta(microseconds=number))
TEXTS = st.text(max_size=5)
MESSAGES = st.builds(
    records.Message,
    message_id=TEXTS,
    at=INSTANTS,
    request_id=st.none() | TEXTS,
    body=st.binary(max_size=5),
    visible=st.none() | INSTANTS,
    dequeue_count=st.none() | st.integers(),
)


@settings(database=None, deadline=None, max_examples=200, derandomize=True)
@given(messages=st.lists(MESSAGES, max_size=3))
def test_a_record_is_read_as_it_was_written(messages):
    assert decode(list[records.Message], encode(messages)) == messages


def test_what_is_not_there_is_left_out_and_what_is_null_stays():
    message = records.Message("1", START, None, b"x")
    assert encode(message) == {"message_id": "1", "at": "2026-01-01T00:00:00.000000Z", "request_id": None, "body": "x"}


def test_a_member_that_a_newer_server_has_is_passed_over():
    assert decode(records.Health, {"status": "ok", "version": "9", "more": 1}) == records.Health("ok", "9")


@pytest.mark.parametrize(
    ("hint", "wrong"),
    [
        (records.Health, {"status": "ok"}),
        (records.Health, {"status": "ok", "version": None}),
        (records.Health, []),
        (list[records.Health], {}),
        (records.Fact, {"n": True}),
        (records.StubCall, {"payload": {"base64": "!"}, "at": "2026-01-01T00:00:00Z", "request_id": "", "attempt": 1}),
        (records.StubCall, {"payload": "", "at": "yesterday", "request_id": "", "attempt": 1}),
    ],
)
def test_what_is_no_record_is_refused(hint, wrong):
    with pytest.raises(ValueError):  # noqa: PT011 (a client says what the address answered instead)
        decode(hint, wrong)


def test_a_value_that_has_no_json_form_is_refused_by_its_class():
    with pytest.raises(TypeError, match="a set has no JSON form"):
        encode({1})


def test_a_field_that_may_be_left_out_may_not_be_null():
    with pytest.raises(Problem, match="field 'rate': expected a number from 0 to 1000000, got null"):
        read_record(records.ClockChange, {"rate": None})


def test_every_record_has_a_schema_with_its_members_in_order():
    for record in vars(records).values():
        if is_dataclass(record) and record.__module__ == records.__name__:
            schemas = {}
            kind_of(record).schema(schemas)
            assert tuple(schemas[record.__name__]["properties"]) == record.__match_args__ == tuple(members_of(record))
