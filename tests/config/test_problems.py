import pickle

import pytest

from fcemu.config import DefinitionError, Problem
from fcemu.config.problems import Place, Report, closest, quoted


def test_a_problem_in_a_file_shows_line_column_key_and_hints():
    problem = Problem(
        "fcemu.yaml", "expected text", key="handler", hints=("a", "b"), line=3, column=7, path="functions.x"
    )
    assert str(problem) == "fcemu.yaml:3:7: handler: expected text\n  a\n  b"


def test_a_problem_in_a_mapping_shows_the_path_of_keys_instead():
    problem = Problem("definition", "expected text", key="handler", path="functions.x.handler")
    assert str(problem) == "definition: functions.x.handler: expected text"


def test_a_problem_of_a_whole_file_shows_no_place():
    assert str(Problem("nowhere", "no such file or directory")) == "nowhere: no such file or directory"


def test_problems_are_told_in_the_order_of_the_file_and_each_once():
    report = Report("f")
    report.add(Place(2, 1), "second")
    report.add(Place(1, 9), "first")
    report.add(Place(2, 1), "second")
    with pytest.raises(DefinitionError) as caught:
        report.check()
    assert str(caught.value) == "f:1:9: first\nf:2:1: second"
    assert [problem.line for problem in caught.value.problems] == [1, 2]


def test_a_report_without_problems_raises_nothing():
    Report("f").check()


def test_an_error_survives_the_way_between_processes():
    error = DefinitionError([Problem("f", "wrong")])
    again = pickle.loads(pickle.dumps(error))
    assert (again.problems, str(again)) == (error.problems, "f: wrong")


@pytest.mark.parametrize(
    ("word", "best"),
    [
        ("maxRetryAttempts", "maxAsyncRetryAttempts"),
        ("TIMEOUT", "timeout"),
        ("timeuot", "timeout"),
        ("deadLetters", None),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_the_closest_word_is_named_only_when_it_is_alike_enough(word, best):
    assert closest(word, ["timeout", "maxAsyncRetryAttempts", "handler"]) == best


def test_a_likeness_of_just_six_tenths_is_not_enough():
    assert closest("abcxy", ["abczw"]) is None  # 2 * 3 / 10
    assert closest("abcdx", ["abczd"]) == "abczd"


def test_of_equally_close_words_the_first_in_the_alphabet_is_named():
    assert closest("timeoux", ["timeouz", "timeoua"]) == "timeoua"


def test_a_long_text_is_cut_and_a_strange_one_escaped():
    assert len(quoted("x" * 1000)) == 62
    assert quoted("a\nb") == r"'a\nb'"
