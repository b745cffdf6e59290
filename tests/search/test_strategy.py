"""The strategy of a search over stories that are plain functions: what it tries, in which order, and what it proves."""

from collections import deque
from datetime import timedelta
from itertools import combinations, product
from math import comb

import pytest

from fcemu.core.questions import KILL, QUESTIONS, START, Choice, Report, answer_of, meaning
from fcemu.core.script import Asked, Script
from fcemu.search.explorer import Bounds, explore, one_by_one
from fcemu.search.shrink import shrink
from fcemu.search.strategy import Run, children

NAMES = [name for name in QUESTIONS if name not in {KILL, START}]
"""What a search asks; the other two are for sweeps."""


def story(questions, answers=2, fails=lambda choices: False):
    """A story that asks so many questions; ``fails`` gets the places that were answered otherwise than calmly."""
    runs = []

    def run(script):
        for n in range(questions):
            script.answer(NAMES[n % len(NAMES)], f"f#{n // len(NAMES) + 1}.1", answers)
        runs.append(frozenset(script.made))
        return fails({NAMES.index(one.question) + len(NAMES) * (int(one.place[2:-2]) - 1) for one in script.made})

    return run, runs


def searched(run, seed=0, **bounds):
    return explore(run, Bounds(**bounds), seed)


def test_the_first_run_is_calm_and_then_comes_each_single_deviation():
    run, runs = story(20)
    searched(run, runs=41)
    assert runs[0] == frozenset()
    assert all(len(one) == 1 for one in runs[1:])
    assert len(set(runs)) == 41 == 1 + 20 * 2


@pytest.mark.parametrize(
    ("questions", "answers", "deviations"), [(6, 1, 1), (6, 3, 2), (5, 2, 3), (4, 1, 4), (0, 1, 2)]
)
def test_an_exhaustive_search_makes_each_run_once_and_says_how_many(questions, answers, deviations):
    run, runs = story(questions, answers)
    result = searched(run, exhaustive=deviations)
    expected = sum(comb(questions, n) * answers**n for n in range(deviations + 1))
    assert len(runs) == len(set(runs)) == expected == result.runs == result.distinct
    assert result.complete
    assert result.choices is None


def test_questions_that_only_a_deviation_brings_up_are_part_of_the_space():
    def run(script):
        if script.answer("crash-after", "f#1.1", 1).given:
            script.answer("crash-after", "f#1.2", 1)

    made = []
    result = searched(lambda script: run(script) or made.append(script.made), exhaustive=2)
    assert [len(one) for one in made] == [0, 1, 2]
    assert result.complete


def test_a_search_without_a_bound_of_deviations_ends_when_there_are_no_more_runs():
    for questions, runs in ((0, 1), (1, 3)):
        result = searched(story(questions)[0], runs=500)
        assert (result.runs, result.complete) == (runs, True)
    assert not searched(story(30)[0], runs=500).complete


def test_a_bound_of_runs_and_one_of_time_hold():
    run, runs = story(30)
    assert searched(run, runs=7).runs == 7 == len(runs)
    assert searched(run, exhaustive=2, runs=9).runs == 9
    assert not searched(run, exhaustive=2, runs=9).complete
    left = iter([False, False, True])
    assert searched(run, runs=500, over=lambda: next(left)).runs == 3


@pytest.mark.parametrize("pair", [(0, 1), (3, 11), (12, 17), (5, 24)])
def test_a_failure_that_needs_two_deviations_is_found_and_shrunk_to_them(pair):
    for seed in range(20):
        run, _ = story(25, 1, lambda places: set(pair) <= places)
        result = searched(run, seed, runs=400)
        assert result.choices is not None, seed
        assert len(result.choices) == 2
        assert result.runs <= 400


def test_what_needs_three_is_found_by_random_runs():
    found = 0
    for seed in range(20):
        run, _ = story(10, 1, lambda places: {1, 4, 8} <= places)
        result = searched(run, seed, runs=2000)
        found += result.choices is not None and len(result.choices) == 3
    assert found == 20


def test_the_same_seed_gives_the_same_runs_and_another_one_others():
    def made(seed):
        run, runs = story(30)
        searched(run, seed, runs=600)
        return runs

    assert made(1) == made(1) != made(2)


def test_nothing_can_be_left_out_of_what_was_shrunk():
    places = list(range(8))
    for size in (1, 2, 3):
        for needed in combinations(places, size):
            asked = []

            def fails(choices, needed=needed, asked=asked):
                asked.append(frozenset(choices))
                return set(needed) <= {int(one.place) for one in choices}

            some = tuple(Choice("again", str(place), 2) for place in places)
            least = shrink(some, fails)
            assert {int(one.place) for one in least} == set(needed)
            assert all(one.answer == 1 for one in least), "the simplest answer that fails"
            assert all(frozenset(least) - {one} in asked for one in least)
            assert len(asked) == len(set(asked)), "each question is put once"


def test_what_is_shrunk_is_least_even_where_fewer_deviations_pass_and_others_fail():
    """A failure that is not monotonous: it goes away with a third deviation."""
    bad = [{0, 1}, {0, 1, 2, 3}]

    def fails(choices):
        return {int(one.place) for one in choices} in bad

    some = tuple(Choice("late", str(place), 1) for place in range(4))
    least = shrink(some, fails)
    assert fails(least)
    assert not any(fails(tuple(one for one in least if one != left)) for left in least)


def test_a_failure_that_does_not_come_again_is_told_as_one_that_may_not_repeat():
    answers = iter([False, True] + [False] * 100)
    result = searched(lambda script: bool(script.answer("late", "f#1.1", 1).given) and next(answers, False), runs=50)
    assert result.choices is None or result.doubt
    failing = iter([True])
    result = searched(lambda script: next(failing, False), runs=50)
    assert result.choices == ()
    assert "did not fail a second time" in result.doubt


def several(most):
    """A runner that takes up to so many scripts before it tells what came of the first."""

    def runner(take, run_once):
        taken = deque()
        while True:
            while len(taken) < most and (script := take()) is not None:
                taken.append((script, run_once(script)))
            if not taken:
                return
            yield taken.popleft()

    return runner


@pytest.mark.parametrize("most", [2, 7, 300])
@pytest.mark.parametrize(
    ("questions", "answers", "bounds"),
    [
        (6, 2, {"runs": 500}),
        (12, 2, {"runs": 60}),
        (20, 3, {"runs": 700}),
        (5, 1, {"runs": 900}),
        (4, 2, {"exhaustive": 3}),
        (6, 1, {"exhaustive": 2, "runs": 9}),
        (0, 1, {"runs": 5}),
        (9, 1, {"runs": 19}),
    ],
)
def test_a_search_whose_runs_are_made_at_the_same_time_finds_what_one_after_the_other_finds(
    most, questions, answers, bounds
):
    for failing in (set(), {0}, {2, 3}, {1, 3, 4}, {5, 11}):
        results = []
        for runner in (one_by_one, several(most)):
            run, _ = story(questions, answers, lambda places, failing=failing: bool(failing) and failing <= places)
            heard = []
            results.append((explore(run, Bounds(**bounds), 3, heard.append, runner), heard))
        assert results[0] == results[1], failing


def test_children_deviate_behind_the_last_deviation_only():
    asked = (Asked("late", "f#1.1", 1, 0), Asked("again", "f#1.1", 2, 1), Asked("late", "f#1.2", 2, 0))
    first = Choice("again", "f#1.1", 1)
    late = [Choice("late", "f#1.2", answer) for answer in (1, 2)]
    assert list(children(Run(asked, False))) == [(first, one) for one in late]


def test_each_kind_of_question_is_seen_before_the_second_place_of_any():
    run, runs = story(3 * len(NAMES), 1)
    searched(run, runs=1 + 3 * len(NAMES))
    kinds = [next(iter(one)).question for one in runs[1:]]
    assert len(set(kinds[: len(NAMES)])) == len(NAMES)


def test_a_place_that_is_asked_about_again_is_another_question():
    script = Script.of([Choice("crash-sleeping", "f#1.1~2", 1)])
    assert [script.answer("crash-sleeping", "f#1.1", 1).given for _ in range(3)] == [0, 1, 0]
    assert [one.place for one in script.asked] == ["f#1.1", "f#1.1~2", "f#1.1~3"]


def test_the_table_of_questions_says_what_it_promises():
    for name, question in QUESTIONS.items():
        assert question.name == name
        assert question.about.startswith(("whether", "which", "on which", "by how much", "how long"))
        assert question.source.endswith(").")
        for number, place in product(range(1, len(question.answers) + 1), ("f#1.1", "s/f#2.3")):
            assert "{" not in Choice(name, place, number).words()
            assert meaning(name, number) == question.answers[number - 1].means


@pytest.mark.parametrize(
    "name", [name for name, question in QUESTIONS.items() if question.answers[0].means is not None]
)
def test_the_number_of_an_answer_follows_from_its_meaning_whatever_length_of_time_it_has(name):
    answers = range(1, len(QUESTIONS[name].answers) + 1)
    for number in answers:
        assert answer_of(name, meaning(name, number)) == (number, 0)
    last = meaning(name, answers[-1])
    if isinstance(last, timedelta | Report):
        for milliseconds in (1, 347, 59_999):
            told = Choice(name, "f#1.1", answers[-1], milliseconds)
            assert answer_of(name, meaning(name, answers[-1], milliseconds)) == (told.answer, milliseconds)
            assert f"{milliseconds / 1000:g} s" in told.words()
