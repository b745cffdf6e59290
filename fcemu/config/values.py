"""What single values mean: text, numbers, durations, destinations, by the kinds of ``schema``."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from fcemu.config import cron
from fcemu.config.problems import closest, quoted
from fcemu.config.schema import (
    METHODS,
    Choice,
    Duration,
    Named,
    Nested,
    Number,
    Numbers,
    Plain,
    Target,
    Text,
    Texts,
    Value,
    Whole,
    Written,
    expected,
)
from fcemu.config.tree import Items, Kind, Node, Scalar, found, plain
from fcemu.core.cron import read_schedule
from fcemu.core.destinations import Destination, parse_destination
from fcemu.core.functions import RUNTIMES
from fcemu.core.limits import STRICT, Limits
from fcemu.core.names import FunctionRef

_WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_NUMBER: Final = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_QUALIFIER: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_UNCHANGED: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
"""Numbers whose text is the same for every tool; not so 1.10, 017 and 1e3."""


class Wrong(Exception):
    """A value that cannot be read; becomes a problem where the value stands."""

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message, self.hints = message, hints


def scalar(kind: Value, node: Node, limits: Limits) -> object:
    """What a value that is no map of its own shape means. Raises ``Wrong``."""
    if kind is Plain.FREE:
        return plain(node)
    what = expected(kind, limits)
    if kind is Plain.METHODS:
        return _methods(node, what)
    if not isinstance(node, Scalar):
        raise Wrong(f"expected {what}, found {found(node)}")
    match kind:
        case Numbers() | Texts() | Nested() | Named() | Plain.WEIGHTS | Plain.PLACES:
            raise Wrong(f"expected {what}, found {found(node)}")
        case Plain.FLAG:
            return _flag(node, what)
        case Whole() | Duration():
            return _whole(kind, node, what, limits)
        case Number():
            return _number(kind, node, what)
        case Plain.INSTANT:
            return _instant(node, what)
        case Plain.VARIABLES:
            return _variable(node)
        case Plain.PAYLOAD:
            return _environment_text(node)
        case Plain.QUALIFIER:
            return _qualifier(node, what)
        case Choice(words):
            if node.text in words:
                return node.text
            raise Wrong(f"expected {what}, found {found(node)}", *_guess(node.text, words))
    text = _text(node, what)
    if not text or not text.isprintable():
        raise Wrong(f"expected {what}, found {found(node)}")
    match kind:
        case Text(_, pattern) if re.fullmatch(pattern, text):
            return text
        case Written():
            return node
        case Plain.RUNTIME:
            return _runtime(text)
        case Plain.TARGET:
            return Target(node.place, _destination(text, limits))
        case Plain.FUNCTION:
            return _function(node, what)
        case Plain.CRON:
            return _cron(text)
    raise Wrong(f"expected {what}, found {found(node)}")


def _methods(node: Node, what: str) -> tuple[str, ...]:
    if isinstance(node, Scalar) and node.kind in {Kind.TEXT, Kind.LOOSE} and node.text.lower() == "any":
        return ()
    nodes = node.values if isinstance(node, Items) else (node,)
    methods = [each.text.upper() for each in nodes if isinstance(each, Scalar)]
    if not methods or len(methods) < len(nodes) or set(methods) - set(METHODS):
        wrong = next((each for each in nodes if not isinstance(each, Scalar) or each.text.upper() not in METHODS), node)
        hints = _guess(wrong.text.upper(), METHODS) if isinstance(wrong, Scalar) else []
        raise Wrong(f"expected {what}, found {found(wrong)}", *hints)
    return tuple(dict.fromkeys(methods))


def _text(node: Scalar, what: str) -> str:
    if node.kind in {Kind.TEXT, Kind.LOOSE}:
        return node.text
    hints = [f"put quotes around it: {quoted(node.text)}"] if node.kind is not Kind.NOTHING else []
    raise Wrong(f"expected {what}, found {found(node)}", *hints)


def _variable(node: Scalar) -> str:
    """FC's tool turns other scalars into text; where tools differ in how, the user has to say."""
    if node.kind is Kind.TRUTH and node.text.lower() in {"true", "false"}:
        return node.text.lower()
    if node.kind is Kind.NUMBER and _UNCHANGED.fullmatch(node.text):
        return node.text
    return _environment_text(node)


def _environment_text(node: Scalar) -> str:
    if node.kind is Kind.NOTHING:
        raise Wrong(f"expected text, found {found(node)}", "write '' for an empty text")
    text = _text(node, "text")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Wrong(f"expected text that an environment can hold, found {found(node)}")
    return text


def _flag(node: Scalar, what: str) -> bool:
    if node.kind is Kind.TRUTH or (node.kind is Kind.LOOSE and node.text.lower() in {"true", "false"}):
        return node.text.lower() in {"true", "yes", "on"}
    unquote = node.kind is Kind.TEXT and node.text in {"true", "false"}
    raise Wrong(f"expected {what}, found {found(node)}", *(["write it without quotes"] if unquote else []))


def _digits(node: Scalar, what: str, pattern: re.Pattern[str]) -> str:
    if node.kind in {Kind.NUMBER, Kind.LOOSE} and pattern.fullmatch(node.text):
        return node.text
    unquote = node.kind is Kind.TEXT and pattern.fullmatch(node.text)
    raise Wrong(f"expected {what}, found {found(node)}", *(["write it without quotes"] if unquote else []))


def _whole(kind: Whole | Duration, node: Scalar, what: str, limits: Limits) -> int | timedelta:
    number = int(_digits(node, what, _WHOLE))
    least, most = kind.bounds(limits)
    step = kind.strict_step if isinstance(kind, Whole) and limits is STRICT else 1
    if not least <= number <= most or number % step:
        raise Wrong(f"expected {what}, found {number}")
    return timedelta(seconds=number) if isinstance(kind, Duration) else number


def _number(kind: Number, node: Scalar, what: str) -> float:
    number = float(_digits(node, what, _NUMBER))
    if not kind.least <= number <= kind.most or (kind.above and number == kind.least):
        raise Wrong(f"expected {what}, found {node.text}")
    return number


def _instant(node: Scalar, what: str) -> datetime:
    try:
        moment = datetime.fromisoformat(node.text)
        if moment.utcoffset() is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Wrong(f"expected {what}, found {found(node)}")


def _runtime(text: str) -> str:
    if text in RUNTIMES:
        return text
    hints = _guess(text, RUNTIMES) or ["allowed: " + ", ".join(RUNTIMES)]
    raise Wrong(f"expected {expected(Plain.RUNTIME, STRICT)}, found {quoted(text)}", *hints)


def _function(node: Scalar, what: str) -> Scalar:
    try:
        FunctionRef.parse(node.text)
    except ValueError:
        raise Wrong(f"expected {what}, found {quoted(node.text)}") from None
    return node


def _qualifier(node: Scalar, what: str) -> Scalar:
    if node.kind is Kind.NUMBER and _WHOLE.fullmatch(node.text):
        return node
    if _QUALIFIER.fullmatch(_text(node, what)):
        return node
    raise Wrong(f"expected {what}, found {found(node)}")


def _destination(text: str, limits: Limits) -> Destination:
    if len(text) > limits.destination_arn_characters:
        raise Wrong(f"expected at most {limits.destination_arn_characters} characters, found {len(text)}")
    try:
        return parse_destination(text)
    except ValueError as error:
        raise Wrong(str(error)) from None


def _guess(word: str, right: tuple[str, ...]) -> list[str]:
    best = closest(word, right)
    return [f"did you mean {best!r}?"] if best else []


def _cron(text: str) -> str:
    try:
        read_schedule(text)
    except ValueError as wrong:
        raise Wrong(str(wrong).partition("; ")[0], *cron.hints(text)) from None
    return text
