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
    said = []
    for kind in refusals(FCError):
        error = kind.__new__(kind)
        error.message = "the reason"
        said.append(("".join(traceback.format_exception_only(error)), kind.code))
    assert len(said) > 10
    assert said == [(f"fcemu.testing.FCError: {code}: the reason\n", code) for _, code in said]


def test_a_traceback_of_mns_does_so_too():
    said = "".join(traceback.format_exception_only(MNSError("QueueNotExist", "the reason")))
    assert said == "fcemu.testing.MNSError: QueueNotExist: the reason\n"


def test_a_refusal_is_caught_by_that_name_and_has_its_code():
    with LocalEmulator() as emulator:
        function = emulator.add("f", lambda event, context: None)
        with pytest.raises(FCError, match=r"^InvalidArgument: AsyncDelay is set to an invalid value") as refused:
            function.invoke_async(delay=9999)
    assert refused.value.code == "InvalidArgument"
