"""``late`` stands for a function whose module is imported when it is first called.

A start imports nothing for what most emulators are never asked for. A table that names such functions stays one table,
and ``tests/test_layers.py`` counts its names as imports.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any


def late(module: str, name: str) -> Callable[..., Any]:
    """The function or class ``name`` of a module, which is imported when it is first called."""

    @cache
    def found() -> Callable[..., Any]:
        called: Callable[..., Any] = getattr(import_module(module), name)
        return called

    return lambda *given: found()(*given)
