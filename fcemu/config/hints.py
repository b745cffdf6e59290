"""This module says what to write instead of a value that its kind refuses."""

from typing import Final

from fcemu.config import cron_hints, file_kinds
from fcemu.config.problems import closest, quoted
from fcemu.config.tree import NUMBER, WHOLE, Kind, Node, Scalar, plain_as
from fcemu.core.fields import fc_kinds, kinds
from fcemu.core.triggers import METHODS

_FEW: Final = 12
"""Of how many words a kind may be for ``expected`` to name them all."""


def hints_for(kind: kinds.Kind, wrong: kinds.Wrong, node: Node) -> list[str]:
    """What to write instead of ``node``, which is what is wrong or a part of it."""
    if wrong.hints or not isinstance(node, Scalar):
        return list(wrong.hints)
    text = node.text
    match kind:
        case fc_kinds.Cron() if wrong is not kinds.OTHER and "characters" not in wrong.says:
            return cron_hints.hints(text)
        case fc_kinds.Methods():
            return _guess(text.upper(), METHODS)
        case kinds.Choice(words) if plain_as(node, "text"):
            return _guess(text, words) or (["allowed: " + ", ".join(words)] if len(words) > _FEW else [])
        case kinds.Flag() if node.kind is Kind.TEXT and text in {"true", "false"}:
            return ["write it without quotes"]
        case kinds.Whole() | kinds.Duration() if node.kind is Kind.TEXT and WHOLE.fullmatch(text):
            return ["write it without quotes"]
        case kinds.Number() | file_kinds.Numbers() if node.kind is Kind.TEXT and NUMBER.fullmatch(text):
            return ["write it without quotes"]
    if node.kind is Kind.NOTHING:
        may_be_empty = isinstance(kind, fc_kinds.Variables) or kind == kinds.TEXT
        return ["write '' for an empty string"] if may_be_empty else []
    wants_text = bool(wrong.at) and kind.parts in {"text", "variable"}
    if kind.of in {"text", "qualifier"}:
        wants_text = not isinstance(kind, kinds.Choice) or len(kind.words) > _FEW
    if not wants_text or node.kind in {Kind.TEXT, Kind.LOOSE}:
        return []
    return [f"put quotes around it: {quoted(text)}"]


def _guess(word: str, right: tuple[str, ...]) -> list[str]:
    best = closest(word, right)
    return [f"did you mean {best!r}?"] if best else []
