"""A store for as long as the process lives."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from fcemu.core.errors import StoreError
from fcemu.core.facts import FORGOTTEN, Fact
from fcemu.stores.rows import written


class MemoryStore:
    """Implements ``Store`` for as long as the process lives."""

    outlasts: Final = False
    keep: Final = None
    begin: Final = 0

    def __init__(self) -> None:
        self.down = 0.0
        self._facts: list[Fact] = []
        self._notes: dict[str, str] = {}
        self._code: dict[str, bytes] = {}

    def facts(self) -> Iterator[Fact]:
        return iter(list(self._facts))

    def newest(self, most: int) -> list[Fact]:
        return self._facts[-most:]

    def read(self, places: Iterable[int]) -> list[Fact]:
        return [self._facts[place] for place in places]

    def notes(self) -> dict[str, Any]:
        return {name: json.loads(value) for name, value in self._notes.items()}

    def code(self, sha256: str) -> bytes:
        return self._code[sha256]

    def write(self, after: int, facts: Sequence[Fact], notes: Mapping[str, Any], code: Mapping[str, bytes]) -> None:
        self._facts[after:] = facts
        self._notes |= {name: written(value) for name, value in notes.items()}
        self._code |= code

    def forget(self, places: Sequence[int]) -> None:
        for place in places:
            self._facts[place] = FORGOTTEN

    def compact(self) -> None:
        """There is nothing to be gained."""

    def clear(self) -> None:
        self._facts.clear()
        self._notes.clear()
        self._code.clear()

    def damaged(self, how: str) -> StoreError:
        return StoreError(f"the data that was kept in memory is damaged: {how}")

    def close(self) -> None:
        """Nothing is to be given up."""
