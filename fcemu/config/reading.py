"""The reader makes values, by the attributes of the core, of a tree in native form, as the tables of fields say.

A file of another format comes the same way: it is a tree in native form by then, with the places of the original.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Final

from fcemu.config.problems import Mark, Report, quoted
from fcemu.config.schema import CONTRADICTIONS
from fcemu.config.tree import Entry, Items, Kind, Node, Scalar, Table, found, is_refused, plain_as
from fcemu.config.unknown_keys import Advice, Level, advise
from fcemu.core.fields import fc_kinds, kinds, rows
from fcemu.core.fields.functions import FUNCTION, SERVICE
from fcemu.core.functions import DEFAULT_RUNTIME, PYTHON_RUNTIMES
from fcemu.core.languages import CUSTOM_RUNTIMES, NODE_RUNTIMES, runs_as
from fcemu.core.limits import RELAXED, STRICT, Limits
from fcemu.core.names import LATEST
from fcemu.core.wording import either

RUN_HERE: Final = (*PYTHON_RUNTIMES, *NODE_RUNTIMES, *CUSTOM_RUNTIMES)
"""Those that the emulator has; functions of the others are defined, and an invocation of them is refused."""
_NOT_SAID: Final = object()
NONE: Final[Mapping[str, Any]] = {}
"""In place of a map that is not there."""


class Said(dict[str, Any]):
    """What a map of the file says: values by the attributes of the core, maps in it as ``Said``. ``kept``: values of
    fields that have no attribute, by FC's names. ``node`` is the map itself, ``nodes`` has its values by the right
    keys, also where a key is misspelt: for what is found wrong later."""

    __slots__ = ("kept", "node", "nodes")

    def __init__(self, node: Table, values: Mapping[str, Any] = {}) -> None:
        super().__init__(values)
        self.node = node
        self.nodes: dict[str, Node] = {}
        self.kept: dict[str, Any] = {}

    def text(self, key: str) -> Scalar:
        """How a text that is there is written."""
        node = self.nodes[key]
        assert isinstance(node, Scalar), "the reader found a text there"
        return node


def read(tree: Table, table: rows.Table, report: Report, *, foreign: bool = False) -> Said | None:
    """What a definition says; problems go into ``report``, and then it has gaps or is ``None``.

    ``foreign``: the tree was another format.
    """
    reader = _Reader(report, limits_of(tree), foreign)
    return reader.block(tree, tree.place, Level(table, "at the top level"))


def is_readable(field: rows.Field, value: object) -> bool:
    """Whether a file may have a value for a key, and nothing of it is lost."""
    kind = field.in_file
    if not isinstance(kind, kinds.Kind):
        return isinstance(value, dict) and all(
            name in keys and is_readable(keys[name], inner)
            for keys in (kind.table.keys,)
            for name, inner in value.items()
        )
    return not isinstance(kind.read(value, RELAXED), kinds.Wrong)


def limits_of(tree: Table) -> Limits:
    """What the file itself chooses; looked up first, because it bounds values that may stand before it."""
    emulator = tree.get("emulator")
    chosen = emulator.get("limits") if isinstance(emulator, Table) else None
    return RELAXED if isinstance(chosen, Scalar) and chosen.text == "relaxed" else STRICT


class _Reader:
    """Walks a tree by the tables of fields; what is wrong goes into the report, and the walk goes on."""

    def __init__(self, report: Report, limits: Limits, foreign: bool) -> None:
        self._report = report
        self._limits = limits
        self._foreign = foreign

    def block(self, node: Table, at: Mark, level: Level) -> Said | None:
        """A map by its table, ``None`` when a required key has no value; ``at``: where a missing key is missed."""
        table, keys = level.table, level.table.keys
        said = Said(node)
        meant: dict[str, Mark] = {}
        for entry in node.entries:
            field = keys.get(entry.key.text)
            if field is None or field.inert or field.only:
                field = self._odd(entry.key, node, level, meant)
                if field is None:
                    continue
                entry = Entry(entry.key._replace(text=field.key), entry.value)
            meant[field.key] = entry.key.place
            if isinstance(entry.value, Scalar) and entry.value.kind is Kind.REFUSED:
                continue
            value = self._value(field, entry, level)
            if value is _NOT_SAID:
                continue
            said.nodes[field.key] = entry.value
            if field.attribute:
                said[field.attribute] = value
            else:
                kind = field.in_file
                said.kept[field.name] = kind.write(value) if isinstance(kind, kinds.Kind) else value.kept
        is_whole = self._has_all(said, meant, at, level)
        if table.one_of:
            self._check_one(meant, at, level)
            is_whole = is_whole and any(keys[name].attribute in said for name in table.one_of)
        if is_whole and (wrong := CONTRADICTIONS[table](said) if table in CONTRADICTIONS else ""):
            self._report.add(node.place, wrong)
            return None
        return said if is_whole else None

    def _has_all(self, said: Said, meant: Mapping[str, Mark], at: Mark, level: Level) -> bool:
        """Whether all is there that must be; says so, and what means nothing in this runtime."""
        is_whole = True
        for field in _bound(level.table):
            if field.required and not str(said.get("runtime", "")).startswith(field.not_for or ("\0",)):
                is_whole = is_whole and (field.attribute or field.name) in (said if field.attribute else said.kept)
                if field.key not in meant:
                    needed = f"write {field.key}: {expected(field.in_file, self._limits)}"
                    self._report.add(at, f"{field.key} is missing {level.where}", needed)
            elif field.runs_in and field.key in meant:
                self._check_runtime(field, said, meant, level)
        return is_whole

    def _check_runtime(self, field: rows.Field, said: Said, meant: Mapping[str, Mark], level: Level) -> None:
        """Some keys mean nothing in other runtimes; the tools accept them. A version may have its runtime from the
        function."""
        usual = DEFAULT_RUNTIME if level.table is FUNCTION and "runtime" not in meant else ""
        runtime = said.get("runtime", usual)
        if runtime and runtime != "micro-sandbox" and not runtime.startswith(field.runs_in):
            say = self._report.warn if self._foreign else self._report.add
            say(meant[field.key], f"{quoted(field.key)} is for {field.runs_in} runtimes, not for {runtime}")

    def _check_one(self, meant: Mapping[str, Mark], at: Mark, level: Level) -> None:
        """Of some keys there must be exactly one."""
        table = level.table
        there = [name for name in table.one_of if name in meant]
        if not there:
            self._report.add(at, f"{table.none_says} {level.where}", "write one of " + either(table.one_of))
        for name in there[1:]:
            self._report.add(meant[name], f"{quoted(name)} cannot be combined with {quoted(there[0])}")
        for name, kind in table.only_with.items():
            if name in meant and there and kind not in there:
                self._report.add(meant[name], f"{quoted(name)} is for {kind}, not for {there[0]}")

    # Keys.

    def _said(self, key: Scalar) -> str:
        """A key in the words of messages: those of the file, also where it is of another format, or left out."""
        if self._foreign or key.kind is Kind.LOOSE:
            return self._report.written(key.place, key.text)
        return key.text

    def _odd(self, key: Scalar, node: Table, level: Level, meant: dict[str, Mark]) -> rows.Field | None:
        """The field that is to be read, if one is; says what is odd with its key."""
        name, keys = key.text, level.table.keys
        if (field := keys.get(name)) is not None:
            if field.inert:
                self._report.keep(key.place, f"{name} trigger" if name in level.table.one_of else name)
            return field if self._is_of(field, key, level) else None
        advice = self._unknown(key, level)
        meant.update(dict.fromkeys(advice.meant, key.place))
        if not advice.certain or node.get(advice.meant[0]) is not None:
            return None
        return keys[advice.meant[0]]  # go on as if it were right: what is wrong with the value is reported, too

    def _is_of(self, field: rows.Field, key: Scalar, level: Level) -> bool:
        """Whether a key is of the generation whose function this is."""
        if field.only in ("", level.generation):
            return True
        hint = {"2.0": "functions of 3.0 do not have it", "3.0": "for 2.0, write it in the service"}[field.only]
        hints = [hint] if field.only == "2.0" or field.key in SERVICE.keys else []
        self._report.add(key.place, f"{quoted(self._said(key))} is for functions of {field.only}", *hints)
        return False

    def _unknown(self, key: Scalar, level: Level) -> Advice:
        """Report a key that means nothing."""
        advice = advise(key.text, level)
        hints = [advice.hint] if advice.hint else []
        keys = level.table.keys.items()
        names = sorted(name for name, field in keys if field.only in ("", level.generation))
        allowed = "allowed: " + ", ".join(names) if names else "no key is allowed there"
        self._report.add(key.place, f"unknown key {quoted(key.text)} {level.where}", *hints, allowed)
        return advice

    # Values.

    def _value(self, field: rows.Field, entry: Entry, level: Level) -> Any:
        """What a value means, ``_NOT_SAID`` after a problem."""
        kind = field.in_file
        if isinstance(kind, kinds.Kind):
            return self._single(kind.in_service() if level.generation == "2.0" else kind, entry)
        return (
            self._nested_key(kind, entry, level) if isinstance(kind, rows.Nested) else self._named(kind, entry, level)
        )

    def _single(self, kind: kinds.Kind, entry: Entry) -> Any:
        node = entry.value
        if isinstance(node, Items) and any(map(is_refused, node.values)):
            return _NOT_SAID
        value = kind.read(plain_as(node, kind.of, kind.parts), self._limits)
        if not isinstance(value, kinds.Wrong):
            if kind is _RUNTIME or isinstance(kind, kinds.Texts):
                self._say_odd(kind, node, entry.key)
            return value
        for wrong in (value, *value.more):
            self._refuse(kind, wrong, entry)
        return _NOT_SAID

    def _refuse(self, kind: kinds.Kind, wrong: kinds.Wrong, entry: Entry) -> None:
        """Say what is wrong with a value, or with a part of it."""
        key, node = entry
        for step in wrong.at:
            if isinstance(node, Table):
                key, node = node.entry(str(step)) or entry
            elif isinstance(node, Items) and isinstance(step, int):
                node = node.values[step]
        from fcemu.config.hints import hints_for  # no good file needs it

        hints = hints_for(kind, wrong, node)
        if wrong.is_key:
            self._report.add(key.place, f"{quoted(key.text)} {wrong.says}", *hints)
        elif wrong.says and not isinstance(node, Scalar):
            self._report.add(key.place, wrong.says, *hints, key=self._said(key))
        elif self._foreign and wrong.says and isinstance(kind, fc_kinds.Target) and _is_arn(node):
            message = f"fcemu does not emulate the destination {found(node)} and reports nothing there"
            self._report.warn(node.place, message, key=self._said(key))
        else:
            wanted = wrong.expected or kind.expected(self._limits)
            at = entry.value.place if isinstance(kind, fc_kinds.Methods) else node.place
            self._report.add(
                at, wrong.says or f"expected {wanted}, got {_found(kind, node)}", *hints, key=self._said(key)
            )

    def _say_odd(self, kind: kinds.Kind, node: Node, key: Scalar) -> None:
        """What of a good value means nothing that is known, or runs otherwise than elsewhere."""
        if isinstance(kind, kinds.Texts) and kind.known and isinstance(node, Items):
            for each in node.values:
                if isinstance(each, Scalar) and not any(fnmatchcase(word, each.text) for word in kind.known):
                    near = self._report.closest(each.text, kind.known)
                    hints = [f"did you mean {near!r}?"] if near else ["known: " + ", ".join(kind.known)]
                    self._report.warn(each.place, f"{quoted(each.text)} is not known", *hints, key=self._said(key))
        elif kind is _RUNTIME and isinstance(node, Scalar):
            says = runs_as(node.text)
            if node.text not in RUN_HERE:
                says = f"fcemu does not run {quoted(node.text)} and refuses invocations of the function"
            if says:
                self._report.warn(node.place, says, key=self._said(key))

    # Maps.

    def _nested_key(self, kind: rows.Nested, entry: Entry, level: Level) -> Any:
        where = f"in {self._said(entry.key)}" + (f" of {level.owner}" if level.owner else "")
        inner = Level(kind.table, where, level.owner or entry.key.text, level, False, level.generation)
        if not kind.by and not kind.many:
            made = self._nested(kind, entry, inner)
            return _NOT_SAID if made is None else made
        listed = entry.value.values if isinstance(entry.value, Items) and entry.value.values else (entry.value,)
        entries = [Entry(entry.key, value) for value in listed]
        several = [self._nested(kind, each, inner) for each in entries]
        if kind.by and len(entries) > 1:
            self._check_different(entries, kind.by)
        return tuple(each for each in several if each is not None)

    def _check_different(self, entries: list[Entry], by: str) -> None:
        """Several maps of one list must not be for the same."""
        seen: set[str] = set()
        for key, node in entries:
            value = node.get(by) if isinstance(node, Table) else None
            name = value.text if isinstance(value, Scalar) else LATEST
            if name in seen and isinstance(node, Table):
                self._report.add(node.place, f"{by} {quoted(name)} appears more than once", key=self._said(key))
            seen.add(name)

    def _nested(self, kind: rows.Nested | rows.Named, entry: Entry, level: Level) -> Said | None:
        key, node = entry
        if kind.short and isinstance(node, Scalar) and node.kind is not Kind.NOTHING:
            node = Table(node.place, (Entry(Scalar(key.place, kind.short, Kind.LOOSE), node),))
        table = self._table(Entry(key, node), rows.Nested(kind.table, kind.short))
        return None if table is None else self.block(table, key.place, level)

    def _named(self, kind: rows.Named, entry: Entry, level: Level) -> dict[str, Said]:
        table = self._table(entry, f"a map of {kind.noun}s by name")
        made: dict[str, Said] = {}
        fits = re.compile(kind.names.pattern).fullmatch
        generation = "2.0" if kind.table is SERVICE else level.generation  # what belongs to a service
        for each in table.entries if table else ():
            name = each.key.text
            if not fits(name):
                self._report.add(each.key.place, f"{quoted(name)} is not a valid {kind.noun} name", kind.names.rule)
                continue
            owner = f"{level.owner}/{name}" if level.owner else name
            inner = Level(kind.table, f"in {kind.noun} {owner}", owner, level, True, generation)
            value = self._nested(kind, each, inner)
            if value is not None:
                made[name] = value
        return made

    def _table(self, entry: Entry, what: rows.Nested | str) -> Table | None:
        if isinstance(entry.value, Table):
            return entry.value
        if is_refused(entry.value):
            return None
        text = entry.value.text if isinstance(entry.value, Scalar) else ""
        fields = () if isinstance(what, str) else what.table.fields
        needed = [field.key for field in fields if field.required and text]
        hints = [f"write {entry.key.text}: {{{name}: {quoted(text)[1:-1]}}}" for name in needed]
        wanted = what if isinstance(what, str) else expected(what, self._limits)
        message = f"expected {wanted}, got {found(entry.value)}"
        self._report.add(entry.value.place, message, *hints, key=self._said(entry.key))
        return None


_RUNTIME: Final = FUNCTION.keys["runtime"].kind


def expected(value: rows.Value, limits: Limits) -> str:
    """What a value looks like, in the words of messages and documents."""
    match value:
        case rows.Nested(table, short) if short:
            return f"{expected(table.keys[short].in_file, limits)}, or a map"
        case rows.Nested() | rows.Named():
            return "a map"
    return value.expected(limits)


@cache
def _bound(table: rows.Table) -> tuple[rows.Field, ...]:
    """The fields of a table with which something is wrong if they are not there, or if they are."""
    return tuple(field for field in table.keys.values() if field.required or field.runs_in)


def _is_arn(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text.startswith("acs:")


def _found(kind: kinds.Kind, node: Node) -> str:
    """A number is shown as it is read."""
    if isinstance(node, Scalar) and isinstance(kind, kinds.Whole | kinds.Duration):
        number = plain_as(node, kind.of, kind.parts)
        return str(number) if isinstance(number, int) else found(node)
    return found(node)
