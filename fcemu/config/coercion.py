"""A value of a file as the plain data that its kind reads, and what to write instead of one that the kind refuses."""

import re
from typing import Any, Final

from fcemu.config import cron, file_kinds
from fcemu.config.problems import closest, quoted
from fcemu.config.tree import Items, Kind, Node, Scalar, Table, is_refused, plain
from fcemu.core.fields import fc_kinds, kinds
from fcemu.core.triggers import METHODS

WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
NUMBER: Final = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_UNCHANGED: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
"""Numbers whose text is the same for every tool; not so 1.10, 017 and 1e3."""
_FLAGS: Final = {"true": True, "false": False}
_FEW: Final = 12
"""Of how many words a kind may be for ``expected`` to name them all."""


def plain_for(kind: kinds.Kind, node: Node) -> Any:
    """What ``kind`` reads. A value of another sort is there as such, ``None`` where plain data has nothing like it."""
    if isinstance(node, Scalar):
        return _scalar(kind, node)
    match node:
        case Table(_, entries) if isinstance(kind, fc_kinds.Variables):
            return {each.key.text: _variable(each.value) for each in entries if not is_refused(each.value)}
        case Table(_, entries) if isinstance(kind, fc_kinds.Weights):
            return {each.key.text: _fraction(each.value) for each in entries if not is_refused(each.value)}
        case Table(_, entries) if isinstance(kind, kinds.TextMap | file_kinds.Secrets | file_kinds.Places):
            return {each.key.text: _text(each.value) for each in entries if not is_refused(each.value)}
        case Items(_, values) if isinstance(kind, kinds.Texts | fc_kinds.Methods | fc_kinds.Layers):
            return [_text(value) for value in values]
        case Items(_, values) if isinstance(kind, file_kinds.Numbers):
            return [_fraction(value) for value in values]
    return plain(node)


def _scalar(kind: kinds.Kind, node: Scalar) -> Any:
    match kind.of:
        case "number":
            return _fraction(node) if isinstance(kind, kinds.Number) else _number(node)
        case "flag":
            return _flag(node)
        case "any":
            return plain(node)
    if node.kind is Kind.TEXT or node.kind is Kind.LOOSE:
        return None if not node.text and isinstance(kind, kinds.Text) and kind.none else node.text
    if node.kind is Kind.NUMBER and isinstance(kind, fc_kinds.Qualifier):
        return _number(node)
    return node.text if node.kind is Kind.MOMENT and isinstance(kind, file_kinds.Instant) else None


def _text(node: Node) -> str | None:
    return node.text if isinstance(node, Scalar) and (node.kind is Kind.TEXT or node.kind is Kind.LOOSE) else None


def _number(node: Node) -> int | float | None:
    if not isinstance(node, Scalar) or not (node.kind is Kind.NUMBER or node.kind is Kind.LOOSE):
        return None
    if WHOLE.fullmatch(node.text):
        return int(node.text)
    return float(node.text) if NUMBER.fullmatch(node.text) else None


def _fraction(node: Node) -> float | None:
    number = _number(node)
    return None if number is None else float(number)


def _flag(node: Scalar) -> bool | None:
    if node.kind is Kind.TRUTH:
        return bool(plain(node))
    return _FLAGS.get(node.text.lower()) if node.kind is Kind.LOOSE else None


def _variable(node: Node) -> str | None:
    """FC's tool turns other scalars into text; where tools differ in how, the user has to say."""
    if isinstance(node, Scalar):
        if node.kind is Kind.TRUTH and node.text.lower() in _FLAGS:
            return node.text.lower()
        if node.kind is Kind.NUMBER and _UNCHANGED.fullmatch(node.text):
            return node.text
    return _text(node)


def hints_for(kind: kinds.Kind, wrong: kinds.Wrong, node: Node) -> list[str]:
    """What to write instead of ``node``, which is what is wrong or a part of it."""
    if wrong.hints or not isinstance(node, Scalar):
        return list(wrong.hints)
    text = node.text
    match kind:
        case fc_kinds.Cron() if wrong is not kinds.OTHER and "characters" not in wrong.says:
            return cron.hints(text)
        case fc_kinds.Methods():
            return _guess(text.upper(), METHODS)
        case kinds.Choice(words) if _text(node):
            return _guess(text, words) or (["allowed: " + ", ".join(words)] if len(words) > _FEW else [])
        case kinds.Flag() if node.kind is Kind.TEXT and text in _FLAGS:
            return ["write it without quotes"]
        case kinds.Whole() | kinds.Duration() if node.kind is Kind.TEXT and WHOLE.fullmatch(text):
            return ["write it without quotes"]
        case kinds.Number() | file_kinds.Numbers() if node.kind is Kind.TEXT and NUMBER.fullmatch(text):
            return ["write it without quotes"]
    if node.kind is Kind.NOTHING:
        may_be_empty = isinstance(kind, fc_kinds.Variables) or kind == kinds.TEXT
        return ["write '' for an empty text"] if may_be_empty else []
    wants_text = bool(wrong.at) and isinstance(kind, _MADE_OF_TEXTS)
    if kind.of == "text" and not isinstance(kind, file_kinds.Instant):
        wants_text = not isinstance(kind, kinds.Choice) or len(kind.words) > _FEW
    if not wants_text or node.kind in {Kind.TEXT, Kind.LOOSE}:
        return []
    return [f"put quotes around it: {quoted(text)}"]


_MADE_OF_TEXTS: Final = (
    kinds.Texts,
    kinds.TextMap,
    fc_kinds.Variables,
    file_kinds.Secrets,
    file_kinds.Places,
)


def _guess(word: str, right: tuple[str, ...]) -> list[str]:
    best = closest(word, right)
    return [f"did you mean {best!r}?"] if best else []
