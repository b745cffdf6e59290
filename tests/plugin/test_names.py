"""The names that fcemu.testing gives: what its documentation speaks of can be imported from there."""

import builtins
import inspect
import re
import traceback

import pytest

import fcemu.testing
from fcemu.testing import FCError, LocalEmulator, MNSError


def docstrings():
    """Those of all classes of ``fcemu.testing`` and of what a test calls of them."""
    for name in fcemu.testing.__all__:
        found = getattr(fcemu.testing, name)
        yield found.__doc__ or ""
        for member, inside in vars(found).items():
            if not member.startswith("_"):
                yield inspect.getdoc(inside) or ""


def test_each_error_that_a_method_says_it_raises_can_be_imported():
    raised = {
        name
        for text in docstrings()
        for sentence in re.findall(r"[Rr]aises? .*?\.(?:\s|$)", text, re.DOTALL)
        for name in re.findall(r"``([A-Z]\w+)``", sentence)
    }
    assert raised > {"DefinitionError", "FCError", "StoreError", "UnknownName"}
    assert {name for name in raised if not hasattr(builtins, name)} - set(fcemu.testing.__all__) == set()


def refusals(kind):
    """The classes below ``kind`` whose text begins with their code."""
    for below in kind.__subclasses__():
        if below.__str__ is kind.__str__:
            yield below
        yield from refusals(below)


def test_a_traceback_says_the_code_of_a_refusal_once_and_names_a_class_that_can_be_imported():
    said = set()
    for kind in refusals(FCError):
        error = kind.__new__(kind)
        error.code, error.message = "TheCode", "the reason"
        said.add("".join(traceback.format_exception_only(error)))
    assert said == {"fcemu.testing.FCError: TheCode: the reason\n"}


@pytest.mark.parametrize(("kind", "code"), [(FCError, "AliasNotFound"), (MNSError, "QueueNotExist")])
def test_a_traceback_names_the_class_of_all_refusals_in_the_same_way(kind, code):
    said = "".join(traceback.format_exception_only(kind(code, "the reason")))
    assert said == f"fcemu.testing.{kind.__name__}: {code}: the reason\n"


def test_a_refusal_is_caught_by_that_name_and_has_its_code():
    with LocalEmulator() as emulator:
        function = emulator.add("f", lambda event, context: None)
        with pytest.raises(FCError, match=r"^InvalidArgument: AsyncDelay is set to an invalid value") as refused:
            function.invoke_async(delay=9999)
    assert refused.value.code == "InvalidArgument"
