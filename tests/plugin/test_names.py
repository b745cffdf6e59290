"""The names that fcemu.testing gives: what its documentation speaks of can be imported from there."""

import builtins
import inspect
import re

import fcemu.testing


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
