"""Tokens: what they carry, what they belong to, and how wrong ones are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcemu.core.questions import QUESTIONS, Choice
from fcemu.search.tokens import Repeat, WrongToken, decode, digest, encode

CHOICES = st.builds(
    Choice,
    st.sampled_from(list(QUESTIONS)),
    st.text(max_size=20),
    st.integers(1, 99),
    st.just(0) | st.integers(1, 60_000),
)
REPEATS = st.builds(
    Repeat,
    st.integers(0, 2**63 - 1),
    st.lists(CHOICES, max_size=5).map(tuple),
    st.text(max_size=9).map(digest),
    st.just("") | st.text(max_size=9).map(digest),
    st.booleans(),
)


@given(REPEATS)
def test_a_token_says_what_was_put_in(repeat):
    token = encode(repeat)
    assert decode(token) == repeat
    assert token.isascii()
    assert token.replace("-", "").replace("_", "").isalnum()


def test_a_token_is_short_enough_for_a_command_line():
    choices = tuple(Choice("crash-after", f"orders/charge#{n}.1", 1) for n in range(1, 4))
    assert len(encode(Repeat(0, choices, digest("d"), digest("t")))) < 200


@given(st.text(max_size=60))
def test_any_other_text_is_refused_in_words(text):
    with pytest.raises(WrongToken, match="expected a token that a search has printed"):
        decode(text)


def test_a_token_that_was_cut_or_changed_is_refused():
    token = encode(Repeat(7, (Choice("late", "f#1.1", 1),), digest("d"), digest("t")))
    for wrong in (token[:-4], token[:20] + "A" + token[21:], token[4:]):
        with pytest.raises(WrongToken):
            decode(wrong)


def test_a_token_of_another_definition_or_test_says_so():
    repeat = Repeat(7, (), digest("this"), digest("test_it.py::test_it"))
    repeat.demand_definition("this")
    repeat.demand_test("test_it.py::test_it")
    with pytest.raises(WrongToken, match="to another definition"):
        repeat.demand_definition("that")
    with pytest.raises(WrongToken, match=r"to another test than test_it\.py::test_other"):
        repeat.demand_test("test_it.py::test_other")
