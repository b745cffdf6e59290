"""What single values mean: text, numbers, durations, destinations, by the kinds of ``schema``."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from fcemu.config import cron
from fcemu.config.kinds import (
    Choice,
    Duration,
    Number,
    Plain,
    Target,
    Text,
    Value,
    Whole,
    Written,
    expected,
)
from fcemu.config.problems import closest, quoted
from fcemu.config.tree import Items, Kind, Node, Scalar, found, plain
from fcemu.core.cron import read_schedule
from fcemu.core.destinations import Destination, parse_destination
from fcemu.core.functions import RUNTIMES
from fcemu.core.limits import STRICT, Limits
from fcemu.core.names import FunctionRef
from fcemu.core.triggers import METHODS

LONGEST_CRON: Final = 256
"""How long an expression of a timer may be. ASSUMED: FC's documents say nothing."""
_WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_NUMBER: Final = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_NOT_IN_ENVIRONMENTS: Final = re.compile("[\0\ud800-\udfff]")
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
    try:
        return _single(kind, node, limits)
    except _Unexpected as other:
        raise Wrong(f"expected {expected(kind, limits)}, found {other.found}", *other.hints) from None


class _Unexpected(Exception):
    """A value of another kind; the message is made where the kind is known."""

    def __init__(self, node: Node, *hints: str, shown: str = "") -> None:
        super().__init__()
        self.found, self.hints = shown or found(node), hints


def _single(kind: Value, node: Node, limits: Limits) -> object:
    if kind is Plain.METHODS:
        return _methods(node)
    if not isinstance(node, Scalar):
        raise _Unexpected(node)
    match kind:
        case Written():
            _printable(node)
            return node
        case Whole() | Duration():
            return _whole(kind, node, limits)
        case Plain():
            read = _READERS.get(kind)
            if read is None:
                raise _Unexpected(node)
            return read(node, limits)
        case Number():
            return _number(kind, node)
        case Text(_, pattern) if re.fullmatch(pattern, _printable(node)):
            return node.text
        case Choice(words):
            if node.text in words:
                return node.text
            raise _Unexpected(node, *_guess(node.text, words))
    raise _Unexpected(node)


def _printable(node: Scalar) -> str:
    text = _text(node)
    if not text or not text.isprintable():
        raise _Unexpected(node)
    return text


def _methods(node: Node) -> tuple[str, ...]:
    if isinstance(node, Scalar) and node.kind in {Kind.TEXT, Kind.LOOSE} and node.text.lower() == "any":
        return ()
    nodes = node.values if isinstance(node, Items) else (node,)
    methods = [each.text.upper() for each in nodes if isinstance(each, Scalar)]
    if not methods or len(methods) < len(nodes) or set(methods) - set(METHODS):
        wrong = next((each for each in nodes if not isinstance(each, Scalar) or each.text.upper() not in METHODS), node)
        hints = _guess(wrong.text.upper(), METHODS) if isinstance(wrong, Scalar) else []
        raise _Unexpected(wrong, *hints)
    return tuple(dict.fromkeys(methods))


def _text(node: Scalar) -> str:
    if node.kind is Kind.TEXT or node.kind is Kind.LOOSE:
        return node.text
    hints = [f"put quotes around it: {quoted(node.text)}"] if node.kind is not Kind.NOTHING else []
    raise _Unexpected(node, *hints)


def _variable(node: Scalar, _: Limits) -> str:
    """FC's tool turns other scalars into text; where tools differ in how, the user has to say."""
    if node.kind is Kind.TRUTH and node.text.lower() in {"true", "false"}:
        return node.text.lower()
    if node.kind is Kind.NUMBER and _UNCHANGED.fullmatch(node.text):
        return node.text
    return _environment_text(node, _)


def _any_text(node: Scalar, _: Limits) -> str:
    if node.kind is Kind.NOTHING:
        raise _Unexpected(node, "write '' for an empty text")
    return _text(node)


def _environment_text(node: Scalar, _: Limits) -> str:
    text = _any_text(node, _)
    if _NOT_IN_ENVIRONMENTS.search(text):
        raise Wrong(f"expected text that an environment can hold, found {found(node)}")
    return text


def _flag(node: Scalar, _: Limits) -> bool:
    if node.kind is Kind.TRUTH or (node.kind is Kind.LOOSE and node.text.lower() in {"true", "false"}):
        return node.text.lower() in {"true", "yes", "on"}
    unquote = node.kind is Kind.TEXT and node.text in {"true", "false"}
    raise _Unexpected(node, *(["write it without quotes"] if unquote else []))


def _digits(node: Scalar, pattern: re.Pattern[str]) -> str:
    if (node.kind is Kind.NUMBER or node.kind is Kind.LOOSE) and pattern.fullmatch(node.text):
        return node.text
    unquote = node.kind is Kind.TEXT and pattern.fullmatch(node.text)
    raise _Unexpected(node, *(["write it without quotes"] if unquote else []))


def _whole(kind: Whole | Duration, node: Scalar, limits: Limits) -> int | timedelta:
    number = int(_digits(node, _WHOLE))
    least, most = kind.bounds(limits)
    step = kind.strict_step if isinstance(kind, Whole) and limits is STRICT else 1
    if not least <= number <= most or number % step:
        raise _Unexpected(node, shown=str(number))
    return timedelta(seconds=number) if isinstance(kind, Duration) else number


def _number(kind: Number, node: Scalar) -> float:
    number = float(_digits(node, _NUMBER))
    if not kind.least <= number <= kind.most or (kind.above and number == kind.least):
        raise _Unexpected(node, shown=node.text)
    return number


def _instant(node: Scalar, _: Limits) -> datetime:
    try:
        moment = datetime.fromisoformat(node.text)
        if moment.utcoffset() is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _Unexpected(node)


def _runtime(node: Scalar, _: Limits) -> str:
    text = _printable(node)
    if text in RUNTIMES:
        return text
    hints = _guess(text, RUNTIMES) or ["allowed: " + ", ".join(RUNTIMES)]
    raise _Unexpected(node, *hints)


def _function(node: Scalar, _: Limits) -> Scalar:
    try:
        FunctionRef.parse(_printable(node))
    except ValueError:
        raise _Unexpected(node) from None
    return node


def _qualifier(node: Scalar, _: Limits) -> Scalar:
    if node.kind is Kind.NUMBER and _WHOLE.fullmatch(node.text):
        return node
    if _QUALIFIER.fullmatch(_text(node)):
        return node
    raise _Unexpected(node)


def _target(node: Scalar, limits: Limits) -> Target:
    return Target(node.place, _destination(_printable(node), limits))


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


def _cron(node: Scalar, _: Limits) -> str:
    text = _printable(node)
    if len(text) > LONGEST_CRON:
        raise Wrong(f"expected at most {LONGEST_CRON} characters, found {len(text)}")
    try:
        read_schedule(text)
    except ValueError as wrong:
        raise Wrong(str(wrong).partition("; ")[0], *cron.hints(text)) from None
    return text


_READERS: Final[Mapping[Plain, Callable[[Scalar, Limits], object]]] = {
    Plain.RUNTIME: _runtime,
    Plain.FLAG: _flag,
    Plain.PAYLOAD: _any_text,
    Plain.FUNCTION: _function,
    Plain.QUALIFIER: _qualifier,
    Plain.INSTANT: _instant,
    Plain.TARGET: _target,
    Plain.CRON: _cron,
    Plain.VARIABLES: _variable,
}
"""What reads a single value; the others are maps."""
