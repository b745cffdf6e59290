"""fcemu.yaml -> schema.

Also the way of every other format: its loader writes the file as a tree in native form, with the original's places.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from fcemu.config.load import Entry, Items, Kind, Node, Scalar, Table, found, is_refused
from fcemu.config.problems import Place, Report, closest, quoted
from fcemu.config.schema import (
    ALIASES,
    LATER_RUNTIMES,
    RUNTIMES,
    Choice,
    Duration,
    FileShape,
    Key,
    Named,
    Nested,
    Number,
    Numbers,
    Plain,
    Several,
    Shape,
    Text,
    Texts,
    Value,
    Whole,
    Written,
    below,
    expected,
    keys_of,
    names_of,
)
from fcemu.core.destinations import Destination, parse_destination
from fcemu.core.limits import RELAXED, STRICT, Limits
from fcemu.core.names import is_name
from fcemu.core.places import check_place

S = TypeVar("S", bound=Shape)

NAME_RULE: Final = "allowed: letters, digits, '_' and '-', not first a digit or '-', at most 128 characters"
_URL: Final = Text("a URL like http://127.0.0.1:8080/hook")
_WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_NUMBER: Final = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_EXPRESSION: Final = re.compile(r"\$\{\s*(?:env|vars)\b[^}]*\}?")
_VARIABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_UNCHANGED: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
"""Numbers whose text is the same for every tool; not so 1.10, 017 and 1e3."""
_RESERVED_IN_2_0: Final = frozenset({"accessKeyID", "accessKeySecret", "securityToken", "topic"})
"""Source: FC docs, "Environment variables", reserved names of 2.0 (runtimes §1.7)."""


def read(tree: Table, report: Report) -> FileShape | None:
    """The shape of a definition; problems go into ``report``, and then the shape has gaps or is ``None``."""
    return _Reader(report, _limits(tree)).block(tree, FileShape, tree.place, _Level(FileShape, "at the top level"))


def _limits(tree: Table) -> Limits:
    """What the file itself chooses; looked up first, because it bounds values that may stand before it."""
    emulator = tree.get("emulator")
    chosen = emulator.get("limits") if isinstance(emulator, Table) else None
    return RELAXED if isinstance(chosen, Scalar) and chosen.text == "relaxed" else STRICT


class _Level(NamedTuple):
    """Where the reader is: what it reads, how messages call that, whose it is (``shop/charge``), what is around it."""

    shape: type[Shape]
    where: str
    owner: str = ""
    above: "_Level | None" = None
    named: bool = False


class _WrongError(Exception):
    """A value that cannot be read; becomes a problem where the value stands."""

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message, self.hints = message, hints


class _Reader:
    """Walks a tree by the table of ``schema``; what is wrong goes into the report, and the walk goes on."""

    def __init__(self, report: Report, limits: Limits) -> None:
        self._report = report
        self._limits = limits

    def block(self, table: Table, shape: type[S], at: Place, level: _Level) -> S | None:
        """A map by its shape, ``None`` when a required key has no value; ``at``: where a missing key is missed."""
        keys = keys_of(shape)
        values: dict[str, object] = {}
        meant: set[str] = set()
        for entry in table.entries:
            name = entry.key.text
            if name in shape.later:
                self._report.add(entry.key.place, f"{quoted(name)} is not supported yet")
                continue
            if name not in keys:
                advice = self._unknown(entry.key, level)
                meant.update(advice.meant)
                if not advice.certain or table.get(advice.meant[0]) is not None:
                    continue
                name = advice.meant[0]  # go on as if it were right: what is wrong with the value is reported, too
            meant.add(name)
            value = self._value(keys[name], entry, level)
            if value is not None:
                values[keys[name].field] = value
        needed = [key for key in keys.values() if key.required and not _is_excused(key, values)]
        for key in needed:
            if key.name not in meant:
                self._report.add(
                    at, f"{key.name} is missing {level.where}", f"write {key.name}: {expected(key.value, self._limits)}"
                )
        return shape(**values) if all(key.field in values for key in needed) else None

    def _unknown(self, key: Scalar, level: _Level) -> "_Advice":
        """Report a key that means nothing."""
        advice = _advise(key.text, level)
        hints = [advice.hint] if advice.hint else []
        allowed = "allowed: " + ", ".join(sorted(keys_of(level.shape)))
        self._report.add(key.place, f"unknown key {quoted(key.text)} {level.where}", *hints, allowed)
        return advice

    def _value(self, key: Key, entry: Entry, level: _Level) -> object:
        """What a value means, ``None`` after a problem."""
        node = entry.value
        if is_refused(node):
            return None
        match key.value:
            case Nested(shape):
                return self._nested(entry, shape, self._inside(key, shape, level))
            case Several(shape, by):
                return self._several(entry, shape, by, self._inside(key, shape, level))
            case Named(shape, noun):
                return self._named(entry, shape, noun, level)
            case Plain.VARIABLES:
                return self._variables(entry, reserved=_RESERVED_IN_2_0 if "/" in level.owner else frozenset())
            case Plain.PLACES:
                return self._places(entry)
            case Numbers(each) if isinstance(node, Items) and node.values:
                read = [self._scalar(each, value, key.name) for value in node.values]
                return None if None in read else tuple(read)
            case Texts() if isinstance(node, Items):
                texts = [self._scalar(Text(), value, key.name) for value in node.values]
                return None if None in texts else tuple(texts)
            case value:
                return self._scalar(value, node, key.name)

    def _inside(self, key: Key, shape: type[Shape], level: _Level) -> _Level:
        where = f"in {key.name}" + (f" of {level.owner}" if level.owner else "")
        return _Level(shape, where, level.owner or key.name, level)

    def _several(self, entry: Entry, shape: type[S], by: str, level: _Level) -> tuple[S, ...] | None:
        nodes = entry.value.values if isinstance(entry.value, Items) and entry.value.values else (entry.value,)
        read, key = [], keys_of(shape)[by]
        seen: set[object] = set()
        for node in nodes:
            one = self._nested(Entry(entry.key, node), shape, level)
            which = getattr(one, key.field, None) or key.default
            if one is not None and which in seen:
                self._report.add(node.place, f"{by} {quoted(str(which))} was there before", key=entry.key.text)
            seen.add(which)
            read.append(one)
        return None if None in read else tuple(one for one in read if one is not None)

    def _nested(self, entry: Entry, shape: type[S], level: _Level) -> S | None:
        table = self._table(entry, "a map", shape)
        return None if table is None else self.block(table, shape, entry.key.place, level)

    def _named(self, entry: Entry, shape: type[S], noun: str, level: _Level) -> Mapping[str, S] | None:
        table = self._table(entry, f"a map of {noun}s by name")
        made: dict[str, S] = {}
        for each in table.entries if table else ():
            name = each.key.text
            if not is_name(name):
                self._report.add(each.key.place, f"{quoted(name)} cannot name a {noun}", NAME_RULE)
                continue
            owner = f"{level.owner}/{name}" if level.owner else name
            value = self._nested(each, shape, _Level(shape, f"in {noun} {owner}", owner, level, named=True))
            if value is not None:
                made[name] = value
        return MappingProxyType(made)

    def _table(self, entry: Entry, what: str, shape: type[Shape] = Shape) -> Table | None:
        if isinstance(entry.value, Table):
            return entry.value
        if is_refused(entry.value):
            return None
        text = entry.value.text if isinstance(entry.value, Scalar) else ""
        needed = [key.name for key in keys_of(shape).values() if key.required and text]
        hints = [f"write {entry.key.text}: {{{name}: {quoted(text)[1:-1]}}}" for name in needed]
        self._report.add(entry.value.place, f"expected {what}, found {found(entry.value)}", *hints, key=entry.key.text)
        return None

    def _variables(self, entry: Entry, reserved: frozenset[str]) -> Mapping[str, str]:
        table = self._table(entry, "a map of names and texts")
        variables: dict[str, str] = {}
        for each in table.entries if table else ():
            name, place = each.key.text, each.key.place
            if name.startswith("FC_") or name in reserved:
                self._report.add(place, f"{quoted(name)} cannot name a variable: it is reserved for FC's own")
            elif not _VARIABLE.fullmatch(name):
                rule = "allowed: a letter, then letters, digits and '_'"
                self._report.add(place, f"{quoted(name)} cannot name a variable", rule)
            elif isinstance(value := self._scalar(Plain.VARIABLES, each.value, name), str):
                variables[name] = value
        size = sum(len(text.encode()) for pair in variables.items() for text in pair)
        if size > self._limits.environment_bytes:
            message = f"{size} bytes of names and values, at most {self._limits.environment_bytes} are allowed"
            self._report.add(entry.key.place, message, key=entry.key.text)
        return MappingProxyType(variables)

    def _places(self, entry: Entry) -> Mapping[str, str]:
        table = self._table(entry, "a map of destinations and URLs")
        places: dict[str, str] = {}
        for each in table.entries if table else ():
            url = self._scalar(_URL, each.value, each.key.text)
            if isinstance(url, str):
                try:
                    places[check_place(each.key.text, url)] = url
                except ValueError as wrong:
                    self._report.add(each.key.place, str(wrong), key=entry.key.text)
        return MappingProxyType(places)

    def _scalar(self, kind: Value, node: Node, name: str) -> object:
        if is_refused(node):
            return None
        try:
            return scalar(kind, node, self._limits)
        except _WrongError as wrong:
            self._report.add(node.place, wrong.message, *wrong.hints, key=name)
            return None


def scalar(kind: Value, node: Node, limits: Limits) -> object:
    """What a single value means. Raises ``_WrongError``."""
    what = expected(kind, limits)
    if not isinstance(node, Scalar):
        raise _WrongError(f"expected {what}, found {found(node)}")
    if expression := _EXPRESSION.search(node.text):
        raise _WrongError(f"{quoted(expression[0])} is not supported yet")
    match kind:
        case Numbers() | Nested() | Several() | Named() | Plain.PLACES:
            raise _WrongError(f"expected {what}, found {found(node)}")
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
        case Choice(words):
            if node.text in words:
                return node.text
            raise _WrongError(f"expected {what}, found {found(node)}", *_guess(node.text, words))
    text = _text(node, what)
    if not text or not text.isprintable():
        raise _WrongError(f"expected {what}, found {found(node)}")
    match kind:
        case Text(_, pattern) if re.fullmatch(pattern, text):
            return text
        case Written():
            return node
        case Plain.RUNTIME:
            return _runtime(text)
        case Plain.TARGET:
            return _destination(text, limits)
    raise _WrongError(f"expected {what}, found {found(node)}")


def _text(node: Scalar, what: str) -> str:
    if node.kind is Kind.TEXT:
        return node.text
    hints = [f"put quotes around it: {quoted(node.text)}"] if node.kind is not Kind.NOTHING else []
    raise _WrongError(f"expected {what}, found {found(node)}", *hints)


def _variable(node: Scalar) -> str:
    """FC's tool turns other scalars into text; where tools differ in how, the user has to say."""
    if node.kind is Kind.TRUTH and node.text.lower() in {"true", "false"}:
        return node.text.lower()
    if node.kind is Kind.NUMBER and _UNCHANGED.fullmatch(node.text):
        return node.text
    if node.kind is Kind.NOTHING:
        raise _WrongError(f"expected text, found {found(node)}", "write '' for an empty text")
    text = _text(node, "text")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise _WrongError(f"expected text that an environment can hold, found {found(node)}")
    return text


def _flag(node: Scalar, what: str) -> bool:
    if node.kind is Kind.TRUTH:
        return node.text.lower() in {"true", "yes", "on"}
    unquote = node.kind is Kind.TEXT and node.text in {"true", "false"}
    raise _WrongError(f"expected {what}, found {found(node)}", *(["write it without quotes"] if unquote else []))


def _digits(node: Scalar, what: str, pattern: re.Pattern[str]) -> str:
    if node.kind is Kind.NUMBER and pattern.fullmatch(node.text):
        return node.text
    unquote = node.kind is Kind.TEXT and pattern.fullmatch(node.text)
    raise _WrongError(f"expected {what}, found {found(node)}", *(["write it without quotes"] if unquote else []))


def _whole(kind: Whole | Duration, node: Scalar, what: str, limits: Limits) -> int | timedelta:
    number = int(_digits(node, what, _WHOLE))
    least, most = kind.bounds(limits)
    step = kind.strict_step if isinstance(kind, Whole) and limits is STRICT else 1
    if not least <= number <= most or number % step:
        raise _WrongError(f"expected {what}, found {number}")
    return timedelta(seconds=number) if isinstance(kind, Duration) else number


def _number(kind: Number, node: Scalar, what: str) -> float:
    number = float(_digits(node, what, _NUMBER))
    if not kind.least <= number <= kind.most or (kind.above and number == kind.least):
        raise _WrongError(f"expected {what}, found {node.text}")
    return number


def _instant(node: Scalar, what: str) -> datetime:
    try:
        moment = datetime.fromisoformat(node.text)
        if moment.utcoffset() is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _WrongError(f"expected {what}, found {found(node)}")


def _runtime(text: str) -> str:
    if text in RUNTIMES:
        return text
    if text.startswith(LATER_RUNTIMES):
        raise _WrongError(
            f"{quoted(text)} is not supported yet: this version runs python*, nodejs* and custom* runtimes"
        )
    if text.startswith("python2"):
        raise _WrongError(f"{quoted(text)} is not supported: handlers run on Python 3")
    raise _WrongError(
        f"expected {expected(Plain.RUNTIME, STRICT)}, found {quoted(text)}",
        *_guess(text, RUNTIMES),
        "allowed: " + ", ".join(RUNTIMES),
    )


def _destination(text: str, limits: Limits) -> Destination:
    if len(text) > limits.destination_arn_characters:
        raise _WrongError(f"expected at most {limits.destination_arn_characters} characters, found {len(text)}")
    try:
        return parse_destination(text)
    except ValueError as error:
        raise _WrongError(str(error)) from None


def _is_excused(key: Key, values: Mapping[str, object]) -> bool:
    return bool(key.not_for) and str(values.get("runtime", "")).startswith(key.not_for)


def _guess(word: str, right: tuple[str, ...]) -> list[str]:
    best = closest(word, right)
    return [f"did you mean {best!r}?"] if best else []


class _Advice(NamedTuple):
    """A hint on an unknown key, empty if nothing is like it, and which keys of its level it may mean. ``certain``: it
    means the first of them, and a key that is read now."""

    hint: str = ""
    meant: tuple[str, ...] = ()
    certain: bool = False


def _advise(word: str, level: _Level) -> _Advice:
    folded = {alias.casefold(): natives for alias, natives in ALIASES.items()}
    natives = folded.get(word.casefold(), (word,))
    if not natives:
        return _Advice("the name is the key above" if level.named else "")
    looked = [seen for seen in (_look(native, level) for native in natives) if seen]
    certain = len(looked) == 1
    if not looked:
        here = names_of(level.shape)
        near = {name: (name,) for name in here} | {
            alias: meant for alias, meant in ALIASES.items() if meant and here.issuperset(meant)
        }
        best = closest(word, near)
        looked = [seen for seen in (_look(native, level) for native in near[best]) if seen] if best else []
    if not looked:
        return _Advice()
    names = " or ".join(repr(seen.name) for seen in looked)
    first, later = looked[0], " (not supported yet)" if looked[0].later else ""
    if first.where:
        known = f"{names} belongs {first.where}"
        return _Advice((known if first.name == word else f"did you mean {names}? it belongs {first.where}") + later)
    case = " case matters" if first.name.casefold() == word.casefold() else ""
    return _Advice(f"did you mean {names}?{case}{later}", tuple(seen.name for seen in looked), certain and not later)


class _Seen(NamedTuple):
    """A key by its right spelling; ``where`` it belongs, if not here; ``later``: only a later version takes it."""

    name: str
    where: str
    later: bool


def _look(word: str, level: _Level) -> _Seen | None:
    """The nearest key that is written like this in any case: here, then around, then inside."""

    def seen(shape: type[Shape], where: str) -> _Seen | None:
        names = sorted(name for name in names_of(shape) if name.casefold() == word.casefold())
        return _Seen(names[0], where, names[0] in shape.later) if names else None

    if here := seen(level.shape, ""):
        return here
    steps, current = 0, level
    while current.above is not None:
        steps += 2 if current.named else 1
        current = current.above
        if around := seen(current.shape, f"{_levels(steps)} up, {current.where}"):
            return around
    inside = (seen(shape, f"{_levels(depth)} down, in {way}") for way, depth, shape in below(level.shape))
    return next((key for key in inside if key), None)


def _levels(steps: int) -> str:
    return "one level" if steps == 1 else "further"
