"""Whatever is pushed and popped, the earliest comes first, and equal times keep their order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcemu.engine.due import Due

START = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.lists(st.one_of(st.none(), st.integers(0, 4)), max_size=40))
def test_it_is_a_stable_queue_by_time(steps):
    due, expected = Due[int](), []
    for n, seconds in enumerate(steps):
        if seconds is not None:
            at = START + timedelta(seconds=seconds)
            due.push(at, n)
            expected.append((at, n))
        elif expected:
            expected.sort(key=lambda entry: entry[0])
            assert (due.instants[0], due.head()) == expected[0]
            assert due.pop() == expected.pop(0)[1]
        expected.sort(key=lambda entry: entry[0])
        assert due.count == len(expected)
        assert min(due.instants, default=None) == (expected[0][0] if expected else None)
        assert due.in_order(3) == expected[:3]


def test_nothing_can_be_taken_out_of_an_empty_one():
    assert not Due().instants
    with pytest.raises(IndexError):
        Due().pop()
