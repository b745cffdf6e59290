"""fcemu.yaml -> schema.

Also the way of every other format: its loader writes the file as a tree in native form, with the original's places.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final, TypeVar

from fcemu.config.advice import Advice, Level, advise
from fcemu.config.function_shapes import FunctionShape, ServiceShape, SettingsShape
from fcemu.config.kinds import (
    Key,
    Named,
    Nested,
    Number,
    Numbers,
    Plain,
    Shape,
    Text,
    Texts,
    Value,
    expected,
    keys_of,
    required_of,
)
from fcemu.config.mapping import from_mapping_node
from fcemu.config.problems import DefinitionError, Place, Report, quoted
from fcemu.config.schema import FileShape
from fcemu.config.tree import Entry, Items, Kind, Node, Scalar, Table, found, is_refused, written
from fcemu.config.values import Wrong, scalar
from fcemu.core.functions import DEFAULT_RUNTIME, PYTHON_RUNTIMES, wrong_variable
from fcemu.core.languages import CUSTOM_RUNTIMES, NODE_RUNTIMES, runs_as
from fcemu.core.limits import RELAXED, STRICT, Limits
from fcemu.core.names import LATEST
from fcemu.core.places import check_place

S = TypeVar("S", bound=Shape)

RUN_HERE: Final = (*PYTHON_RUNTIMES, *NODE_RUNTIMES, *CUSTOM_RUNTIMES)
"""Those that the emulator has; functions of the others are defined, and an invocation of them is refused."""
_URL: Final = Text("a URL like http://127.0.0.1:8080/hook")


def read(tree: Table, report: Report, *, foreign: bool = False) -> FileShape | None:
    """The shape of a definition; problems go into ``report``, and then the shape has gaps or is ``None``.

    ``foreign``: the tree was another format.
    """
    reader = _Reader(report, _limits(tree), foreign)
    shape = reader.block(tree, FileShape, tree.place, Level(FileShape, "at the top level"))
    if shape is not None and shape.stubs:
        _check_stubs(tree, shape, report)
    return shape


def is_readable(key: Key, value: object) -> bool:
    """Whether a file may have a value for a key that does not depend on others, and nothing of it is lost."""
    report = Report("")
    try:
        node = from_mapping_node(value, report)
    except DefinitionError:
        return False
    reader = _Reader(report, RELAXED, foreign=False)
    reader.read_value(key, Entry(Scalar(node.place, key.name), node), Level(Shape, ""))
    return not report.problems


def _check_stubs(tree: Table, shape: FileShape, report: Report) -> None:
    """A stub needs a function."""
    known = [*(shape.functions or ())]
    known += [
        f"{service}/{name}" for service, inner in (shape.services or {}).items() for name in inner.functions or ()
    ]
    stubs = tree.get("stubs")
    for each in stubs.entries if isinstance(stubs, Table) else ():
        name = each.key.text
        if name in (shape.stubs or ()) and name not in known:
            near = report.closest(name, known)
            hints = [f"did you mean {near!r}?"] if near else ["define it under functions or services, too"]
            report.add(each.key.place, f"there is no function {quoted(name)} for this stub", *hints)


def _limits(tree: Table) -> Limits:
    """What the file itself chooses; looked up first, because it bounds values that may stand before it."""
    emulator = tree.get("emulator")
    chosen = emulator.get("limits") if isinstance(emulator, Table) else None
    return RELAXED if isinstance(chosen, Scalar) and chosen.text == "relaxed" else STRICT


class _Reader:
    """Walks a tree by the table of ``schema``; what is wrong goes into the report, and the walk goes on."""

    def __init__(self, report: Report, limits: Limits, foreign: bool) -> None:
        self._report = report
        self._limits = limits
        self._foreign = foreign

    def block(self, table: Table, shape: type[S], at: Place, level: Level) -> S | None:
        """A map by its shape, ``None`` when a required key has no value; ``at``: where a missing key is missed."""
        keys = keys_of(shape)
        values: dict[str, object] = {}
        meant: dict[str, Place] = {}
        for entry in table.entries:
            known = keys.get(entry.key.text)
            if known is None or known.odd:
                known = self._odd(entry.key, table, level, meant)
                if known is None:
                    continue
                entry = Entry(Scalar(entry.key.place, known.name, entry.key.kind), entry.value)
            meant[known.name] = entry.key.place
            value = self.read_value(known, entry, level)
            if value is not None:
                values[known.field] = value
        needed = [key for key in required_of(shape) if not _is_excused(key, values)]
        for key in needed:
            if key.name not in meant:
                self._report.add(
                    at, f"{key.name} is missing {level.where}", f"write {key.name}: {expected(key.value, self._limits)}"
                )
        if shape.one_of:
            self._check_one(shape, meant, at, level)
        if issubclass(shape, SettingsShape):
            self._check_runtime(shape, meant, values)
        is_whole = all(key.field in values for key in needed)
        has_one = not shape.one_of or any(keys[name].field in values for name in shape.one_of)
        made = shape(**values) if is_whole and has_one else None
        if made is not None and (wrong := made.contradiction()):
            self._report.add(table.place, wrong)
            return None
        return made

    def _said(self, key: Scalar) -> str:
        """A key in the words of messages: those of the file, also where it is of another format, or left out."""
        return written(key) if self._foreign or key.kind is Kind.LOOSE else key.text

    def _odd(self, key: Scalar, table: Table, level: Level, meant: dict[str, Place]) -> Key | None:
        """The key of the schema that is to be read, if one is; says what is odd with it."""
        name, keys = key.text, keys_of(level.shape)
        if name in keys:
            if keys[name].inert:
                self._report.keep(key.place, f"{name} trigger" if name in level.shape.one_of else name)
            return keys[name] if self._is_of(keys[name], key, level) else None
        advice = self._unknown(key, level)
        meant.update(dict.fromkeys(advice.meant, key.place))
        if not advice.certain or table.get(advice.meant[0]) is not None:
            return None
        return keys[advice.meant[0]]  # go on as if it were right: what is wrong with the value is reported, too

    def _is_of(self, known: Key, key: Scalar, level: Level) -> bool:
        """Whether a key is of the generation whose function this is."""
        if known.only in ("", _generation(level)):
            return True
        hint = {"2.0": "in 3.0 there is none", "3.0": "in 2.0 the service may have it"}[known.only]
        hints = [hint] if known.only == "2.0" or known.name in keys_of(ServiceShape) else []
        self._report.add(key.place, f"{quoted(self._said(key))} is for functions of {known.only}", *hints)
        return False

    def _check_runtime(self, shape: type[Shape], meant: Mapping[str, Place], values: Mapping[str, object]) -> None:
        """Some keys mean nothing in other runtimes; the tools accept them. A version may have its runtime from the
        function."""
        runtime = values.get("runtime", DEFAULT_RUNTIME if shape is FunctionShape and "runtime" not in meant else None)
        if not isinstance(runtime, str) or runtime == "micro-sandbox":
            return
        for name, place in meant.items():
            begins = keys_of(shape)[name].runs_in
            if begins and not runtime.startswith(begins):
                say = self._report.warn if self._foreign else self._report.add
                say(place, f"{quoted(name)} is for {begins} runtimes, not for {runtime}")

    def _check_one(self, shape: type[Shape], meant: Mapping[str, Place], at: Place, level: Level) -> None:
        """Of some keys there must be exactly one."""
        there = [name for name in shape.one_of if name in meant]
        if not there:
            self._report.add(at, f"{shape.none_says} {level.where}", "write one of " + _or(shape.one_of))
        for name in there[1:]:
            self._report.add(meant[name], f"{quoted(name)} beside {quoted(there[0])}: only one of them is possible")
        for name, kind in shape.only_with.items():
            if name in meant and there and kind not in there:
                self._report.add(meant[name], f"{quoted(name)} is for {kind}, not for {there[0]}")

    def _unknown(self, key: Scalar, level: Level) -> "Advice":
        """Report a key that means nothing."""
        advice = advise(key.text, level)
        hints = [advice.hint] if advice.hint else []
        keys = keys_of(level.shape).items()
        names = sorted(name for name, key in keys if key.only in ("", _generation(level)))
        allowed = "allowed: " + ", ".join(names) if names else "no key is allowed there"
        self._report.add(key.place, f"unknown key {quoted(key.text)} {level.where}", *hints, allowed)
        return advice

    def read_value(self, key: Key, entry: Entry, level: Level) -> object:
        """What a value means, ``None`` after a problem."""
        node = entry.value
        if is_refused(node):
            return None
        match key.value:
            case Nested():
                return self._nested_key(key.value, entry, level)
            case Named():
                return self._named(key.value, entry, level)
            case Plain.VARIABLES:
                return self._variables(entry, in_service=_generation(level) == "2.0")
            case Plain.WEIGHTS:
                return self._weights(entry)
            case Plain.PLACES:
                return self._places(entry)
            case Plain.SECRETS:
                return self._texts(entry, key.value, Text())
            case Plain.TAGS:
                return self._texts(entry, key.value, Plain.PAYLOAD)
            case Numbers(number, none) if isinstance(node, Items) and (none or node.values):
                read = [self._scalar(number, value, entry.key) for value in node.values]
                return None if None in read else tuple(read)
            case Texts(_, known, free) if isinstance(node, Items):
                each = Plain.PAYLOAD if free else Text()
                read = [self._scalar(each, value, entry.key) for value in node.values]
                self._say_unknown(node, known, entry.key)
                return None if None in read else tuple(read)
            case value:
                return self._scalar(value, node, entry.key)

    def _say_unknown(self, items: Items, known: tuple[str, ...], key: Scalar) -> None:
        """What of a list means nothing that is known, although it may be good."""
        for each in items.values if known else ():
            if isinstance(each, Scalar) and not any(fnmatchcase(word, each.text) for word in known):
                near = self._report.closest(each.text, known)
                hints = [f"did you mean {near!r}?"] if near else ["known: " + ", ".join(known)]
                self._report.warn(each.place, f"{quoted(each.text)} is not known", *hints, key=self._said(key))

    def _nested_key(self, kind: Nested, entry: Entry, level: Level) -> object:
        where = f"in {self._said(entry.key)}" + (f" of {level.owner}" if level.owner else "")
        inner = Level(kind.shape, where, level.owner or entry.key.text, level)
        if not kind.by and not kind.many:
            return self._nested(entry, kind.shape, inner, kind.short)
        listed = entry.value.values if isinstance(entry.value, Items) and entry.value.values else (entry.value,)
        entries = [Entry(entry.key, value) for value in listed]
        made = [self._nested(each, kind.shape, inner) for each in entries]
        if kind.by:
            self._check_different(entries, kind.by)
        return tuple(each for each in made if each is not None)

    def _check_different(self, entries: list[Entry], by: str) -> None:
        """Several maps of one list must not be for the same."""
        seen: set[str] = set()
        for each in entries:
            value = each.value.get(by) if isinstance(each.value, Table) else None
            name = value.text if isinstance(value, Scalar) else LATEST
            if name in seen and isinstance(each.value, Table):
                message = f"{by} {quoted(name)} was there before"
                self._report.add(each.value.place, message, key=self._said(each.key))
            seen.add(name)

    def _nested(self, entry: Entry, shape: type[S], level: Level, short: str = "") -> S | None:
        if short and isinstance(entry.value, Scalar) and entry.value.kind is not Kind.NOTHING:
            inner = Entry(Scalar(entry.key.place, short, Kind.LOOSE), entry.value)
            return self.block(Table(entry.value.place, (inner,)), shape, entry.key.place, level)
        table = self._table(entry, Nested(shape, short), shape)
        return None if table is None else self.block(table, shape, entry.key.place, level)

    def _named(self, kind: Named, entry: Entry, level: Level) -> Mapping[str, Shape] | None:
        table = self._table(entry, f"a map of {kind.noun}s by name")
        made: dict[str, Shape] = {}
        for each in table.entries if table else ():
            name = each.key.text
            if not re.fullmatch(kind.names.pattern, name):
                self._report.add(each.key.place, f"{quoted(name)} cannot name a {kind.noun}", kind.names.rule)
                continue
            owner = f"{level.owner}/{name}" if level.owner else name
            inner = Level(kind.shape, f"in {kind.noun} {owner}", owner, level, named=True)
            value = self._nested(each, kind.shape, inner, kind.short)
            if value is not None:
                made[name] = value
        return MappingProxyType(made)

    def _table(self, entry: Entry, what: Value | str, shape: type[Shape] = Shape) -> Table | None:
        if isinstance(entry.value, Table):
            return entry.value
        if is_refused(entry.value):
            return None
        text = entry.value.text if isinstance(entry.value, Scalar) else ""
        needed = [key.name for key in keys_of(shape).values() if key.required and text]
        hints = [f"write {entry.key.text}: {{{name}: {quoted(text)[1:-1]}}}" for name in needed]
        wanted = what if isinstance(what, str) else expected(what, self._limits)
        message = f"expected {wanted}, found {found(entry.value)}"
        self._report.add(entry.value.place, message, *hints, key=self._said(entry.key))
        return None

    def _variables(self, entry: Entry, *, in_service: bool) -> Mapping[str, str]:
        table = self._table(entry, "a map of names and texts")
        variables: dict[str, str] = {}
        for each in table.entries if table else ():
            name, place = each.key.text, each.key.place
            wrong = wrong_variable(name, in_service=in_service)
            if wrong.startswith("allowed"):
                self._report.add(place, f"{quoted(name)} cannot name a variable", wrong)
            elif wrong:
                self._report.add(place, f"{quoted(name)} cannot name a variable: {wrong}")
            elif isinstance(value := self._scalar(Plain.VARIABLES, each.value, each.key), str):
                variables[name] = value
        size = sum(len(text.encode()) for pair in variables.items() for text in pair)
        if size > self._limits.environment_bytes:
            message = f"{size} bytes of names and values, at most {self._limits.environment_bytes} are allowed"
            self._report.add(entry.key.place, message, key=self._said(entry.key))
        return MappingProxyType(variables)

    def _places(self, entry: Entry) -> Mapping[str, str]:
        table = self._table(entry, "a map of destinations and URLs")
        places: dict[str, str] = {}
        for each in table.entries if table else ():
            url = self._scalar(_URL, each.value, each.key)
            if isinstance(url, str):
                try:
                    places[check_place(each.key.text, url)] = url
                except ValueError as wrong:
                    self._report.add(each.key.place, str(wrong), key=entry.key.text)
        return MappingProxyType(places)

    def _texts(self, entry: Entry, kind: Value, each_kind: Value) -> Mapping[str, str]:
        """A map from names that are not looked at to texts."""
        table = self._table(entry, kind)
        texts: dict[str, str] = {}
        for each in table.entries if table else ():
            text = self._scalar(each_kind, each.value, each.key)
            if isinstance(text, str):
                texts[each.key.text] = text
        return texts

    def _weights(self, entry: Entry) -> Mapping[str, float]:
        table = self._table(entry, Plain.WEIGHTS)
        weights: dict[str, float] = {}
        for each in table.entries if table else ():
            share = self._scalar(Number("a share", 0, 1), each.value, each.key)
            if isinstance(share, float):
                weights[each.key.text] = share
        if sum(weights.values()) > 1 + 1e-9:
            self._report.add(entry.key.place, "expected shares that make at most 1 together", key=self._said(entry.key))
        return MappingProxyType(weights)

    def _scalar(self, kind: Value, node: Node, key: Scalar) -> object:
        if is_refused(node):
            return None
        try:
            value = scalar(kind, node, self._limits)
            if kind is Plain.RUNTIME and value not in RUN_HERE:
                message = f"{quoted(str(value))} does not run here: invocations of the function are refused"
                self._report.warn(node.place, message, key=self._said(key))
            elif kind is Plain.RUNTIME and (said := runs_as(str(value))):
                self._report.warn(node.place, said, key=self._said(key))
            return value
        except Wrong as wrong:
            if self._foreign and kind is Plain.TARGET and isinstance(node, Scalar) and node.text.startswith("acs:"):
                message = f"{quoted(node.text)} is no destination that is emulated: nothing is reported there"
                self._report.warn(node.place, message, key=self._said(key))
            else:
                self._report.add(node.place, wrong.message, *wrong.hints, key=self._said(key))
            return None


def _generation(level: Level) -> str:
    """Which functions these are: what belongs to a service is of 2.0."""
    above: Level | None = level
    while above is not None and above.shape is not ServiceShape:
        above = above.above
    return "3.0" if above is None else "2.0"


def _is_excused(key: Key, values: Mapping[str, object]) -> bool:
    return bool(key.not_for) and str(values.get("runtime", "")).startswith(key.not_for)


def _or(words: tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + " or " + words[-1]
