"""A ``Body`` is a JSON object as FC reads it; this module also shows its values in error texts."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

SHOWN: Final = 100
"""So much of a value stands in an error text."""


class Body(Mapping[str, Any]):
    """A JSON object as FC reads it: names in any letter case, ``null`` as if it were not there (wire-api §2.1)."""

    __slots__ = ("_there",)

    def __init__(self, there: Mapping[str, Any]) -> None:
        self._there = {name.lower(): value for name, value in there.items() if value is not None}

    def __getitem__(self, name: str) -> Any:
        return self._there[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._there)

    def __len__(self) -> int:
        return len(self._there)


_DEEPEST: Final = 48
_LONGEST_NUMBER: Final = 20
_HALF: Final = re.compile("[\ud800-\udfff]")


def read_json(text: str | bytes) -> Any:
    """JSON as FC's own server takes it: half of a surrogate pair is the character U+FFFD. Raises ``ValueError`` for
    anything else, among it numbers beyond 64 bits.

    ASSUMED: fcemu reads JSON as Go's library does, and refuses more than 48 levels (wire-api §2.1).
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_int=_whole, parse_float=_fraction)
    except RecursionError:
        raise ValueError(f"it has more than {_DEEPEST} levels") from None
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return _repaired(value)
    raise ValueError(f"it has more than {_DEEPEST} levels")


def _repaired(value: Any) -> Any:
    """The value without halves of surrogate pairs."""
    match value:
        case str() if not value.isascii():
            return _HALF.sub("\ufffd", value)
        case dict():
            return {_repaired(name): _repaired(each) for name, each in value.items()}
        case list():
            return [_repaired(each) for each in value]
    return value


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _whole(text: str) -> int:
    if len(text) <= _LONGEST_NUMBER and (number := int(text)).bit_length() <= 64:
        return number
    raise ValueError("it has a number of more than 64 bits")


def _fraction(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("it has a number that is too large")
    return number


def label(name: str) -> str:
    """How FC's error texts call a field: with a capital letter."""
    return name[:1].upper() + name[1:]


def shown(value: object) -> str:
    """A value of a body in an error text, not too long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
