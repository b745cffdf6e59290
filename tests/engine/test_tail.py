"""The facts in memory are found by their places, whichever of them have left it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fcemu.core.facts import Warned
from fcemu.engine.tail import Tail

T0 = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = st.lists(st.one_of(st.integers(1, 12), st.just("next list"), st.floats(0, 1)), max_size=40)
PLACES = st.integers(0, 150)


@given(begin=st.integers(0, 5), steps=STEPS, start=PLACES, end=PLACES)
def test_the_facts_of_a_range_are_those_that_have_left_and_then_the_others(begin, steps, start, end):
    """A number appends as many facts, a fraction of those in memory leaves."""
    tail, facts, gone = Tail(), [None] * begin, begin
    tail.begin(begin)
    for step in steps:
        if step == "next list":
            tail.next_list()
        elif isinstance(step, int):
            for _ in range(step):
                facts.append(Warned(T0 + timedelta(seconds=len(facts)), "", 0, ""))
                tail.append(facts[-1])
        else:
            gone += round(step * (len(facts) - gone))
            tail.let_go(gone)
    assert (len(tail), tail.gone) == (len(facts), gone)
    wanted = range(len(facts))[start:end]
    left, there = tail.read(start, end)
    assert there == [facts[place] for place in wanted if place >= gone]
    assert left + len(there) == len(wanted) or not there
