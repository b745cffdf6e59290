"""How pytest runs one test as often as another process says: what a worker of a search on many cores starts.

Only the processes that workers of ``fcemu explore --workers`` and ``--scheduler`` start import this module.
"""

import json
from collections.abc import Callable, Mapping
from typing import IO, Any, Final

import pytest

from fcemu.pytest_explore import Exploration
from fcemu.pytest_orders import opened, write
from fcemu.search.recipes import script_of, told_of


class Served:
    """The test that another process asks for: a batch of recipes a line, and a line of JSON for what came of them."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        self._orders: Final = orders
        self._answers: Final = answers
        self._nodeid: Final[str] = json.loads(orders.readline())
        """The first line that comes says which test it is."""

    @classmethod
    def of(cls, descriptors: str) -> "Served":
        """``descriptors``: as of ``opened``."""
        return cls(*opened(descriptors))

    def serve(
        self, item: pytest.Item, options: Mapping[str, Any] | None, forget: Callable[[pytest.Item], None]
    ) -> None:
        """Run the test as often as it is asked for, if it is that test; nothing is reported."""
        if item.nodeid != self._nodeid or options is None:
            return
        exploration = Exploration(item, options, forget)
        for line in self._orders:
            told = []
            for recipe in json.loads(line):
                script = script_of(recipe)
                failed = exploration.run_once(script)
                told.append([told_of(script), failed])
            write(self._answers, told)
