"""This module parses what stands between ``${`` and ``}``; it looks nothing up."""

import re
from typing import Final, NamedTuple

DEEPEST_CALL: Final = 8
_WORD: Final = re.compile(r"[^\s(),'\"{}]+")
_QUOTED: Final = re.compile(r"'([^']*)'|\"([^\"]*)\"")


class Way(NamedTuple):
    """A name with what is below it: ``vars.a.b``."""

    parts: tuple[str, ...]


class Literal(NamedTuple):
    """A text; ``bare`` is one without quotes."""

    text: str
    bare: bool = False


class Call(NamedTuple):
    """``env('NAME', default)``."""

    name: str
    arguments: "tuple[Expression, ...]"


Expression = Way | Literal | Call


class Part(NamedTuple):
    """A piece of a text: as it is, or, with ``expression``, to be replaced. ``None`` in ``expression``: it begins like
    one and cannot be read."""

    text: str
    is_expression: bool = False
    expression: Expression | None = None


def parts_of(text: str) -> list[Part]:
    """A text cut at its ``${…}``. One without an end is text."""
    parts: list[Part] = []
    at = 0
    while (begin := text.find("${", at)) >= 0:
        end = _end(text, begin + 2)
        if end < 0:
            break
        if begin > at:
            parts.append(Part(text[at:begin]))
        inside = text[begin + 2 : end]
        parts.append(Part(text[begin : end + 1], True, read_expression(inside)))
        at = end + 1
    if at < len(text):
        parts.append(Part(text[at:]))
    return parts


def _end(text: str, at: int) -> int:
    """Where the first ``}`` outside of quotes is; inside of them, where the quotes have no end."""
    position = at
    while position < len(text) and text[position] != "}":
        quoted = _QUOTED.match(text, position)
        position = quoted.end() if quoted else position + 1
    return position if position < len(text) else text.find("}", at)


def read_expression(text: str) -> Expression | None:
    """``None`` for what is none, also with spaces around it, as the tools have it."""
    try:
        expression, end = _read(text, 0, 0)
    except ValueError:
        return None
    return expression if end == len(text) else None


def _read(text: str, at: int, depth: int) -> tuple[Expression, int]:
    """The expression at a position and where it ends. Raises ``ValueError``."""
    word = _WORD.match(text, at)
    if word is None or depth > DEEPEST_CALL:
        raise ValueError
    if text[word.end() : word.end() + 1] != "(":
        return Way(tuple(word[0].split("."))), word.end()
    arguments, end = _arguments(text, word.end() + 1, depth)
    return Call(word[0], arguments), end


def _arguments(text: str, at: int, depth: int) -> tuple[tuple[Expression, ...], int]:
    arguments: list[Expression] = []
    while True:
        at = _past_spaces(text, at)
        if text[at : at + 1] == ")" and not arguments:
            return (), at + 1
        argument, at = _argument(text, at, depth)
        arguments.append(argument)
        at = _past_spaces(text, at)
        if text[at : at + 1] == ")":
            return tuple(arguments), at + 1
        if text[at : at + 1] != ",":
            raise ValueError
        at += 1


def _argument(text: str, at: int, depth: int) -> tuple[Expression, int]:
    if quoted := _QUOTED.match(text, at):
        return Literal(quoted[1] if quoted[1] is not None else quoted[2]), quoted.end()
    word = _WORD.match(text, at)
    if word is not None and text[word.end() : word.end() + 1] == "(":
        return _read(text, at, depth + 1)
    end = min((found for sign in ",)" if (found := text.find(sign, at)) >= 0), default=-1)
    if end < 0:
        raise ValueError
    return Literal(text[at:end].rstrip(), bare=True), end


def _past_spaces(text: str, at: int) -> int:
    while text[at : at + 1] == " ":
        at += 1
    return at
