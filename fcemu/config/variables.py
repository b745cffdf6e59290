"""The ``Expander`` puts values in place of ``${…}`` in a tree.

The format says what names mean (``Names``). All formats have this in common: a value that is one expression keeps its
type, chains are followed, and circles and explosions are problems.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from fcemu.config.expressions import Call, Expression, Literal, Part, Way, parts_of
from fcemu.config.problems import Mark, Report, closest, cut
from fcemu.config.tree import DEEPEST, MOST_VALUES, Entry, Items, Kind, Node, Scalar, Table, is_number, is_refused

LONGEST_TEXT: Final = 64 * 1024
MOST_IN_A_TEXT: Final = 1000
MOST_TEXT: Final = 4 * 1024 * 1024
"""How many characters all texts together may have in which something was put in."""
DEEPEST_CHAIN: Final = 50
"""How many variables may lead to each other."""
MOST_LEVELS: Final = 2 * DEEPEST


_OURS: Final = re.compile(r"\$\{\s*(env|vars)\b")


class UnresolvedError(Exception):
    """An expression that means nothing here: what is wrong, and what now."""

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message, self.hints = message, hints


class Missing(NamedTuple):
    """An expression that stays as it is written; ``warning``: what is said about it, if anything."""

    warning: str = ""


Function = Callable[["Expander", Call, Mark], "Node | Missing"]
Root = Callable[["Expander", Way, Mark], "Node | Missing"]


class Names(NamedTuple):
    """What one format knows: functions by name; first words of ways; and what all other expressions are. ``strict``:
    whether an expression that cannot be read is a problem."""

    functions: Mapping[str, Function]
    roots: Mapping[str, Root]
    other: Root
    strict: bool = True


class Expander:
    """Puts values in place of expressions. ``scope``: whose ``${this}`` is meant; a value that is looked up elsewhere
    has its own."""

    def __init__(self, report: Report, names: Names) -> None:
        self.report = report
        self.names = names
        self.scope = ""
        self._done: dict[tuple[int, str], Node] = {}
        self._open: set[tuple[int, str]] = set()
        self._level = 0
        self._values = 0
        self._text = 0
        self._measured: dict[int, tuple[int, int]] = {}
        self._kept_alive: list[Node] = []

    def tree(self, node: Node) -> Node:
        """The same tree with values in place of expressions; what cannot be replaced is refused and reported."""
        if self._level > MOST_LEVELS or len(self._open) > DEEPEST_CHAIN:
            self.report.stop(node.place, "the chain of variables that refer to each other is too long")
        self._level += 1
        try:
            match node:
                case Table(place, entries):
                    made = [Entry(key, self.tree(value)) for key, value in entries]
                    same = all(one.value is other.value for one, other in zip(made, entries, strict=True))
                    return node if same else Table(place, tuple(made))
                case Items(place, values):
                    items = [self.tree(value) for value in values]
                    same = all(one is other for one, other in zip(items, values, strict=True))
                    return node if same else Items(place, tuple(items))
                case _:
                    return self._scalar(node) if "${" in node.text else node
        finally:
            self._level -= 1

    def follow(self, start: Node, parts: tuple[str, ...], way: str) -> Node:
        """What is below a node by keys and by numbers from 0, expanded. Raises ``UnresolvedError``."""
        current = start
        for part in parts:
            if isinstance(current, Scalar):
                current = self.tree(current)
            current = _step(current, part, way)
        return self.tree(current)

    def text_of(self, expression: Expression, place: Mark) -> str:
        """An argument as text. Raises ``UnresolvedError``."""
        node = self.argument(expression, place)
        if not isinstance(node, Scalar):
            raise UnresolvedError("expected a string, got " + ("a map" if isinstance(node, Table) else "a list"))
        return node.text

    def argument(self, expression: Expression, place: Mark) -> Node:
        """What an argument stands for. Raises ``UnresolvedError``."""
        if isinstance(expression, Literal):
            return Scalar(place, expression.text, _kind(expression))
        node = self._value(expression, place)
        if isinstance(node, Missing):
            raise UnresolvedError(node.warning or "its value is not known here")
        return node

    def _scalar(self, scalar: Scalar) -> Node:
        key = (id(scalar), self.scope)
        if key in self._done:
            return self._counted(self._done[key], scalar)
        if key in self._open:
            self.report.add(scalar.place, f"{cut(scalar.text)} refers to itself")
            return scalar._replace(kind=Kind.REFUSED)
        self._open.add(key)
        node = self._replaced(scalar)
        self._open.remove(key)
        self._done[key] = node
        self._kept_alive.append(scalar)
        return self._counted(node, scalar)

    def _replaced(self, scalar: Scalar) -> Node:
        if scalar.text.count("${") > MOST_IN_A_TEXT:
            self.report.stop(scalar.place, f"more than {MOST_IN_A_TEXT} variables in one string")
        parts = parts_of(scalar.text)
        found = [self._part(part, scalar.place) for part in parts]
        if any(is_refused(node) for node in found if not isinstance(node, str)):
            return scalar._replace(kind=Kind.REFUSED)
        if len(found) == 1 and not isinstance(found[0], str):
            return found[0]
        texts: list[str] = []
        for part, node in zip(parts, found, strict=True):
            if isinstance(node, str):
                texts.append(node)
            elif isinstance(node, Scalar):
                texts.append(node.text.lower() if node.kind is Kind.TRUTH else node.text)
            else:
                kind = "a map" if isinstance(node, Table) else "a list"
                return self._refuse(scalar, f"{cut(part.text)} is {kind}, which cannot be part of a string")
        text = "".join(texts)
        self._text += len(text)
        if len(text) > LONGEST_TEXT or self._text > MOST_TEXT:
            self.report.stop(scalar.place, "a string becomes too long once its variables are replaced")
        return Scalar(scalar.place, text, Kind.TEXT if text == scalar.text else Kind.LOOSE)

    def _part(self, part: Part, place: Mark) -> "str | Node":
        """What a piece of a text becomes; a text where it stays as it is."""
        if not part.is_expression:
            return part.text
        try:
            if part.expression is None:
                if not self.names.strict and not _OURS.match(part.text):
                    return part.text
                raise UnresolvedError("cannot be read", "write ${vars.NAME} or ${env('NAME', 'default')}, no spaces")
            node = self._value(part.expression, place)
        except UnresolvedError as wrong:
            self.report.add(place, f"{cut(part.text)}: {wrong.message}", *wrong.hints)
            return Scalar(place, part.text, Kind.REFUSED)
        if not isinstance(node, Missing):
            return self._once_more(node)
        if node.warning:
            self.report.warn(place, f"{cut(part.text)}: {node.warning}")
        return part.text

    def _once_more(self, node: Node) -> Node:
        """A text that was put in may have expressions itself (yaml-formats §1.5)."""
        if isinstance(node, Scalar) and "${" in node.text and not is_refused(node):
            if len(self._open) > DEEPEST_CHAIN:
                return self._refuse(node, f"{cut(node.text)} refers to itself")
            return self._scalar(node)
        return node

    def _value(self, expression: Expression, place: Mark) -> "Node | Missing":
        match expression:
            case Call(name):
                function = self.names.functions.get(name)
                if function is not None:
                    return function(self, expression, place)
                return self.names.other(self, Way((name,)), place)
            case Way(parts):
                return self.names.roots.get(parts[0], self.names.other)(self, expression, place)
            case Literal():
                return self.argument(expression, place)

    def _counted(self, node: Node, use: Scalar) -> Node:
        """A value is repeated wherever it is used; this bounds how much that may come to."""
        values, depth = self._measure(node)
        self._values += values
        if self._values > MOST_VALUES or depth > DEEPEST:
            too_much = f"more than {MOST_VALUES} values" if depth <= DEEPEST else f"more than {DEEPEST} levels"
            self.report.stop(use.place, f"{too_much} once the variables are replaced")
        return node

    def _measure(self, node: Node) -> tuple[int, int]:
        """How many values a node has, and how many levels."""
        if isinstance(node, Scalar):
            return 1, 0
        if id(node) not in self._measured:
            inner = [entry.value for entry in node.entries] if isinstance(node, Table) else node.values
            sizes = [self._measure(each) for each in inner]
            self._kept_alive.append(node)
            self._measured[id(node)] = (1 + sum(size for size, _ in sizes), 1 + max((d for _, d in sizes), default=0))
        return self._measured[id(node)]

    def _refuse(self, scalar: Scalar, message: str) -> Scalar:
        self.report.add(scalar.place, message)
        return scalar._replace(kind=Kind.REFUSED)


def _kind(literal: Literal) -> Kind:
    """A default without quotes keeps its type."""
    if literal.bare and is_number(literal.text):
        return Kind.NUMBER
    if literal.bare and literal.text in {"true", "false"}:
        return Kind.TRUTH
    return Kind.LOOSE


def _step(node: Node, part: str, way: str) -> Node:
    if isinstance(node, Table):
        value = node.get(part)
        if value is not None:
            return value
        near = closest(part, [entry.key.text for entry in node.entries])
        raise UnresolvedError(f"there is no {part!r} in {way}", *([f"did you mean {near!r}?"] if near else []))
    if isinstance(node, Items) and part.isdecimal() and int(part[:9]) < len(node.values):
        return node.values[int(part[:9])]
    raise UnresolvedError(f"there is no {part!r} in {way}")


def environment_of(variables: Mapping[str, str], *, strict: bool = True) -> Function:
    """``env('NAME', default)``. An empty variable counts as missing (yaml-formats §1.5)."""

    def env(expander: Expander, call: Call, place: Mark) -> "Node | Missing":
        if not 1 <= len(call.arguments) <= 2 or (strict and not isinstance(call.arguments[0], Literal)):
            raise UnresolvedError("expected the name of a variable and optionally a default")
        name = expander.text_of(call.arguments[0], place)
        if value := variables.get(name):
            return Scalar(place, value, Kind.LOOSE)
        if len(call.arguments) == 2:
            return expander.argument(call.arguments[1], place)
        if strict:
            hint = f"set it, or write a default: ${{env('{name}', 'default')}}"
            raise UnresolvedError(f"the environment has no variable {name}", hint)
        return Missing(f"the environment has no variable {name}, so the text stays as it is")

    return env


def below_root(root: Node | None, word: str) -> Root:
    """``${word.a.b}``: what is below a node."""

    def look(expander: Expander, way: Way, place: Mark) -> "Node | Missing":
        if root is None or len(way.parts) < 2:
            raise UnresolvedError(f"there is no {word} in this file" if root is None else f"write ${{{word}.NAME}}")
        return expander.follow(root, way.parts[1:], word)

    return look


def has_variables(value: object) -> bool:
    """Whether a native file would put something in place of what looks like a variable in plain data."""
    match value:
        case str():
            return _OURS.search(value) is not None
        case Mapping():
            return any(map(has_variables, value.values()))
        case list() | tuple():
            return any(map(has_variables, value))
    return False


def native_names(tree: Table, variables: Mapping[str, str]) -> Names:
    """What a native file knows: ``env`` and ``vars``; all else is text."""

    def text(expander: Expander, way: Way, place: Mark) -> Missing:
        return Missing()

    return Names({"env": environment_of(variables)}, {"vars": below_root(tree.get("vars"), "vars")}, text, strict=False)
