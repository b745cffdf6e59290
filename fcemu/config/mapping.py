"""This module makes a tree of a definition that is a Python mapping."""

import os
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from fcemu.config.problems import Place, Report, below, cut
from fcemu.config.tree import DEEPEST, Bounds, Entry, Items, Kind, Node, Scalar, Table, as_table


def from_mapping(mapping: Mapping[str, object], report: Report) -> Table:
    """The tree of a definition that is a Python mapping. Raises ``DefinitionError`` where it is far too large or deep;
    lesser problems go into ``report``."""
    return as_table(_Mapping(report).node(mapping, ""), report)


def from_mapping_node(value: object, report: Report) -> Node:
    """The same for any plain data."""
    return _Mapping(report).node(value, "")


MOST_BITS: Final = 4096
"""Of a number that is repeated in messages: Python refuses to write longer ones."""


class _Mapping(Bounds):
    """Our tree from a Python mapping."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self._open: list[int] = []

    def node(self, value: Any, path: str) -> Node:
        place = self._place(path)
        match value:
            case bool():
                return Scalar(place, str(value).lower(), Kind.TRUTH)
            case int() if value.bit_length() > MOST_BITS:
                return self.refuse(place, "is a number of more than 64 bits")
            case int():
                return Scalar(place, str(int(value)), Kind.NUMBER)
            case float():
                return Scalar(place, repr(float(value)), Kind.NUMBER)
            case str() | os.PathLike():
                return Scalar(place, os.fspath(value))
            case None:
                return Scalar(place, "", Kind.NOTHING)
            case date():
                return Scalar(place, value.isoformat(), Kind.MOMENT)
            case Mapping() | list() | tuple() if id(value) in self._open:
                return self.refuse(place, "contains itself")
            case Mapping() | list() | tuple():
                if len(self._open) == DEEPEST:
                    self.report.stop(place, f"nested deeper than {DEEPEST} levels")
                self._open.append(id(value))
                node = self._collection(value, place)
                self._open.pop()
                return node
        return self.refuse(place, f"expected plain data, got an object of type {type(value).__name__}")

    def _collection(self, value: Any, place: Place) -> Node:
        if isinstance(value, Mapping):
            return Table(place, tuple(self._entries(value, place.path)))
        return Items(place, tuple(self.node(item, f"{place.path}[{n}]") for n, item in enumerate(value)))

    def _entries(self, value: Mapping[object, object], path: str) -> Iterator[Entry]:
        for name, item in value.items():
            place = self._place(below(path, name))
            if isinstance(name, str):
                yield Entry(Scalar(place, name), self.node(item, place.path))
            else:
                self.report.add(place, f"expected a string as the key, got {cut(repr(name))}")

    def _place(self, path: str) -> Place:
        """In place of a line, how many values were before."""
        self.count(Place(0, 0, path))
        return Place(self.values, 0, path)
