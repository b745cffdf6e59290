"""A tree is the plain data of a definition; each part knows its place, and size and depth are bounded."""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

from fcemu.config.problems import Mark, Report, cut, quoted

MOST_VALUES: Final = 100_000
"""How many values a definition may have after its aliases and variables are expanded."""
DEEPEST: Final = 64
LONGEST_NUMBER: Final = 64

_NUMBER: Final = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_OCTAL: Final = re.compile(r"[-+]?0[0-7_]+")


class Kind(Enum):
    """What YAML takes a scalar for."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth"
    NOTHING = "nothing"
    MOMENT = "moment"
    LOOSE = "loose"
    """A text that came from a variable or a foreign file, where numbers may be written as texts: whatever is wanted."""
    REFUSED = "refused"
    """Reported already; readers pass over it."""


class Scalar(NamedTuple):
    """One value; ``text`` is as written, whatever YAML takes it for."""

    place: Mark
    text: str
    kind: Kind = Kind.TEXT


class Items(NamedTuple):
    """A list."""

    place: Mark
    values: "tuple[Node, ...]"


class Entry(NamedTuple):
    """A key with its value."""

    key: Scalar
    value: "Node"


class Table(NamedTuple):
    """A map in the order of the file, without duplicate keys; merge keys are merged."""

    place: Mark
    entries: tuple[Entry, ...]

    def get(self, name: str) -> "Node | None":
        """The value of a key."""
        return next((entry.value for entry in self.entries if entry.key.text == name), None)

    def entry(self, name: str) -> "Entry | None":
        """A key with its value."""
        return next((entry for entry in self.entries if entry.key.text == name), None)

    def without(self, *names: str) -> "Table":
        """The same without some keys."""
        return Table(self.place, tuple(entry for entry in self.entries if entry.key.text not in names))


Node = Scalar | Items | Table


def is_number(text: str) -> bool:
    """Whether a text is a number, also for YAML 1.2."""
    return _NUMBER.fullmatch(text) is not None


def is_refused(node: Node) -> bool:
    """Whether what is wrong with it is in the report already."""
    return isinstance(node, Scalar) and node.kind is Kind.REFUSED


def found(node: Node) -> str:
    """What is written there, in the words of a message."""
    match node:
        case Table(entries=()):
            return "an empty map"
        case Table():
            return "a map"
        case Items(values=()):
            return "an empty list"
        case Items():
            return "a list"
        case Scalar(text=text, kind=Kind.NOTHING):
            return f"nothing ({text})" if text else "nothing"
        case Scalar(text=text, kind=Kind.TRUTH):
            means = "true" if text.lower() in {"yes", "on", "true"} else "false"
            return text if text == means else f"{text}, which YAML reads as {means}"
        case Scalar(text=text, kind=Kind.NUMBER) if _OCTAL.fullmatch(text):
            return f"{cut(text)}, which YAML reads as an octal number"
        case Scalar(text=text, kind=Kind.NUMBER) if not _NUMBER.fullmatch(text):
            return f"{cut(text)}, which YAML reads as a number"
        case Scalar(text=text, kind=Kind.NUMBER | Kind.MOMENT):
            return cut(text)
        case Scalar(text=text):
            return quoted(text)


def plain(node: Node) -> Any:
    """A tree as plain Python data; texts that might be something else stay texts."""
    match node:
        case Table(_, entries):
            return {entry.key.text: plain(entry.value) for entry in entries if not is_refused(entry.value)}
        case Items(_, values):
            return [plain(value) for value in values if not is_refused(value)]
        case Scalar(_, text, Kind.TRUTH):
            return text.lower() in {"yes", "on", "true"}
        case Scalar(_, _, Kind.NOTHING):
            return None
        case Scalar(_, text, Kind.NUMBER):
            return _number_of(text)
        case Scalar(_, text):
            return text


def _number_of(text: str) -> int | float | str:
    """As YAML reads it; what only YAML 1.1 takes for a number, such as 1:30, stays the text that it is."""
    if _OCTAL.fullmatch(text) or len(text) > LONGEST_NUMBER:
        return text
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
NUMBER: Final = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_UNCHANGED: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
"""Numbers whose text is the same for every tool; not so 1.10, 017 and 1e3."""
_FLAGS: Final = {"true": True, "false": False}


def plain_as(node: Node, of: str, parts: str = "any") -> Any:
    """A value as plain data of one sort, as ``of`` and ``parts`` of a kind of fields say it. A value of another sort is
    there as such, ``None`` where plain data has nothing like it."""
    if isinstance(node, Scalar):
        return _AS.get(of, _text)(node)
    if parts == "any":
        return plain(node)
    if isinstance(node, Table):
        return {key.text: plain_as(value, parts) for key, value in node.entries if not is_refused(value)}
    return [plain_as(value, parts) for value in node.values]


def _text(node: Scalar) -> str | None:
    return node.text if node.kind is Kind.TEXT or node.kind is Kind.LOOSE else None


def _number(node: Scalar) -> int | float | None:
    if not (node.kind is Kind.NUMBER or node.kind is Kind.LOOSE):
        return None
    if WHOLE.fullmatch(node.text):
        return int(node.text)
    return float(node.text) if NUMBER.fullmatch(node.text) else None


def _fraction(node: Scalar) -> float | None:
    number = _number(node)
    return None if number is None else float(number)


def _flag(node: Scalar) -> bool | None:
    if node.kind is Kind.TRUTH:
        return bool(plain(node))
    return _FLAGS.get(node.text.lower()) if node.kind is Kind.LOOSE else None


def _variable(node: Scalar) -> str | None:
    """FC's tool turns other scalars into text; where tools differ in how, the user has to say."""
    if node.kind is Kind.TRUTH and node.text.lower() in _FLAGS:
        return node.text.lower()
    return node.text if node.kind is Kind.NUMBER and _UNCHANGED.fullmatch(node.text) else _text(node)


def _moment(node: Scalar) -> str | None:
    return node.text if node.kind is Kind.MOMENT else _text(node)


def _qualifier(node: Scalar) -> str | int | float | None:
    return _number(node) if node.kind is Kind.NUMBER else _text(node)


_AS: Final[Mapping[str, Callable[[Scalar], Any]]] = {
    "number": _number,
    "fraction": _fraction,
    "flag": _flag,
    "variable": _variable,
    "moment": _moment,
    "qualifier": _qualifier,
    "any": plain,
}
"""What else than text a scalar can be."""


class Bounds:
    """Bounds a tree while it grows, so that neither nesting nor aliases of aliases can stall the reader."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.values = 0

    def count(self, place: Mark, values: int = 1) -> None:
        """So many values more. Stops the reading when there are too many."""
        self.values += values
        if self.values > MOST_VALUES:
            self.report.stop(place, f"more than {MOST_VALUES} values once its aliases are expanded")

    def refuse(self, place: Mark, message: str, *hints: str) -> Scalar:
        """A node in place of one that cannot be used."""
        self.report.add(place, message, *hints)
        return Scalar(place, "", Kind.REFUSED)


def as_table(node: Node, report: Report) -> Table:
    """The root of a definition. Raises ``DefinitionError`` where it is no map."""
    if isinstance(node, Table):
        return node
    if not is_refused(node):
        report.add(node.place, f"expected a map, got {found(node)}")
    report.check()
    raise AssertionError("a refused value is in the report")
