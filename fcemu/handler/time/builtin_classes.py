"""Exchanges methods of built-in classes in the classes themselves, so that subclasses and kept classes have them."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable, Mapping
from typing import Any

Functions = dict[tuple[type, str], Any]


def named(owner: type, functions: Mapping[str, Callable[..., Any]]) -> Functions:
    """Functions as the class itself would print and pickle them; class methods where the original is one."""
    made: Functions = {}
    for name, function in functions.items():
        original = owner.__dict__[name]
        function.__name__, function.__module__ = name, owner.__module__
        function.__qualname__, function.__doc__ = f"{owner.__name__}.{name}", original.__doc__
        static = isinstance(original, (classmethod, type(dict.__dict__["fromkeys"])))
        made[owner, name] = classmethod(function) if static else function
    return made


def write_into_classes(functions: Mapping[tuple[type, str], Any]) -> None:
    """Set attributes of classes, built-in ones too: in the dictionary that the class itself looks into."""
    for (owner, name), function in functions.items():
        (names,) = [one for one in gc.get_referents(owner.__dict__) if isinstance(one, dict)]
        names[name] = function
    for owner in {owner for owner, _ in functions}:
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(owner))  # what it has looked up before is forgotten
