"""An extension of griffe for the site: a method that ``@blocking`` makes of a coroutine is no coroutine."""

from typing import Any

import griffe


class Blocking(griffe.Extension):
    """Takes the label ``async`` from methods of handles, which are written as coroutines and called as functions."""

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        """Called for each function that is read."""
        if any(decorator.callable_path.endswith("blocking") for decorator in func.decorators):
            func.labels.discard("async")
