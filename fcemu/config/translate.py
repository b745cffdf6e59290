"""What all foreign formats have in common: a file of another format is written as a tree in native form.

Values keep the places of the original, so that problems are found where the user wrote them.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from fcemu.config.definition import Choices
from fcemu.config.problems import Mark, Report, quoted
from fcemu.config.tree import Entry, Items, Kind, Node, Scalar, Table, found, is_refused
from fcemu.core.functions import DEFAULT_RUNTIME
from fcemu.core.languages import CUSTOM_CONTAINER
from fcemu.core.names import Account

ACCOUNT: Final = Account()
AUTO: Final = "auto"
_TOOLS_OWN: Final = frozenset({"policies"})
"""Settings that the tools turn into others, so that FC's API never sees them."""


class Source(NamedTuple):
    """The file that is translated."""

    tree: Table
    report: Report
    root: Path
    choices: Choices


class Rules(NamedTuple):
    """The keys of one map of a foreign format.

    ``same``: foreign key to native key, the value as it is. ``read``: keys that are looked at elsewhere. ``kept``:
    settings without effect here. ``carried``: those that are written like them, and have one. ``silent``: keys that
    say nothing about functions.
    """

    same: Mapping[str, str] = {}
    read: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    carried: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()

    @property
    def known(self) -> frozenset[str]:
        """All of them."""
        return frozenset(self.same) | self.read | self.kept | self.carried | self.silent


def entry(name: str, value: Node, at: Scalar | Mark | None = None) -> Entry:
    """An entry in native form; ``at``: the key that it was."""
    place = value.place if at is None else at.place if isinstance(at, Scalar) else at
    return Entry(Scalar(place, name), value)


def text(place: Mark, value: str) -> Scalar:
    """A text that the file does not have, such as a default of the format."""
    return Scalar(place, value, Kind.LOOSE)


def loose(node: Node) -> Node:
    """A value as the tools read it: YAML 1.2, numbers may be texts, and a key without a value is not there."""
    match node:
        case Table(place, entries):
            return Table(place, tuple(Entry(key, loose(value)) for key, value in entries if not is_nothing(value)))
        case Items(place, values):
            return Items(place, tuple(loose(value) for value in values))
        case Scalar(place, written, Kind.TEXT):
            return Scalar(place, written, Kind.LOOSE)
        case Scalar(place, written, Kind.TRUTH) if written.lower() not in {"true", "false"}:
            return Scalar(place, written, Kind.LOOSE)
        case _:
            return node


def is_nothing(node: Node | None) -> bool:
    """Whether a value is null or missing: keys whose value is null are dropped (yaml-formats §1.5)."""
    return node is None or (isinstance(node, Scalar) and node.kind is Kind.NOTHING)


def as_texts(node: Node) -> Node:
    """A map of variables, whose values become texts as JavaScript writes them: 1.10 is 1.1."""
    if not isinstance(node, Table):
        return node
    return Table(node.place, tuple(Entry(key, _as_text(value)) for key, value in node.entries))


def _as_text(node: Node) -> Node:
    if not isinstance(node, Scalar) or node.kind is not Kind.NUMBER:
        return node
    try:
        number = float(node.text)
    except ValueError:
        return node
    if number.is_integer() and abs(number) < 1e21:
        return Scalar(node.place, str(int(number)), Kind.LOOSE)
    return Scalar(node.place, repr(number), Kind.LOOSE)


def merged(weak: Node | None, strong: Node | None) -> Node | None:
    """Two values, the strong one first: maps deep, lists replaced."""
    if not isinstance(weak, Table) or not isinstance(strong, Table):
        return weak if is_nothing(strong) else strong
    values = {each.key.text: each for each in weak.entries}
    for each in strong.entries:
        below = values.get(each.key.text)
        value = merged(below.value, each.value) if below is not None else each.value
        values[each.key.text] = Entry(each.key, value if value is not None else each.value)
    return Table(strong.place, tuple(values.values()))


class Translation:
    """Collects what a file defines, and writes it in native form."""

    def __init__(self, source: Source) -> None:
        self.report: Final = source.report
        self.root: Final = source.root
        self.choices: Final = source.choices
        self.place: Final = source.tree.place
        self.account_id: Final = source.choices.account_id or ACCOUNT.id
        self._region: Scalar | None = None
        self._elsewhere: dict[str, tuple[Mark, list[str]]] = {}
        self._functions: dict[str | None, dict[str, Entry]] = {}
        self._services: dict[str, tuple[Mark, list[Entry]]] = {}
        self._domains: dict[str, tuple[Mark, list[Entry], dict[str, Entry]]] = {}

    # Reading.

    def table(self, node: Node | None, key: str) -> Table | None:
        """A value that must be a map; ``None`` where it is missing or wrong."""
        if isinstance(node, Table):
            return node
        if node is not None and not is_nothing(node) and not is_refused(node):
            self.report.add(node.place, f"expected a map, found {found(node)}", key=key)
        return None

    def part(self, each: Entry) -> Table | None:
        """A map that the file names; nothing in its place is wrong, too."""
        is_there = isinstance(each.value, Table)
        word = "" if is_there else self.report.written(each.key.place, each.key.text)
        if is_nothing(each.value):
            self.report.add(each.key.place, "expected a map, found nothing", key=word)
        return self.table(each.value, word)

    def items(self, node: Node | None, key: str) -> tuple[Node, ...]:
        """A value that must be a list."""
        if isinstance(node, Items):
            return node.values
        if node is not None and not is_nothing(node) and not is_refused(node):
            self.report.add(node.place, f"expected a list, found {found(node)}", key=key)
        return ()

    def name(self, table: Table, key: str, at: Mark, where: str) -> Scalar | None:
        """A text that must be there."""
        node = table.get(key)
        node = None if node is None else loose(node)
        if isinstance(node, Scalar) and node.kind in {Kind.TEXT, Kind.LOOSE} and node.text:
            return node
        if node is None or is_nothing(node):
            self.report.add(at, f"{key} is missing {where}")
        elif not is_refused(node):
            hints = [f"put quotes around it: {quoted(node.text)}"] if isinstance(node, Scalar) and node.text else []
            self.report.add(node.place, f"expected text, found {found(node)}", *hints, key=key)
        return None

    def entries(self, table: Table, rules: Rules, where: str, kept: list[Entry] | None = None) -> list[Entry]:
        """What of a map is the same in native form. Settings without effect go into ``kept``; unknown keys are odd, not
        wrong, because the tools accept them (yaml-formats §4.6)."""
        made: list[Entry] = []
        for each in table.entries:
            name = each.key.text
            if is_nothing(each.value):
                if name not in rules.known:
                    self._unknown(each.key, rules, where)
            elif name in rules.same:
                made.append(entry(rules.same[name], loose(each.value), each.key))
            elif name in rules.kept or name in rules.carried:
                if name in rules.kept:
                    self.report.keep(each.key.place, self.report.written(each.key.place, name))
                if kept is not None and name not in _TOOLS_OWN and not _is_auto(each.value):
                    kept.append(Entry(each.key._replace(text=name), loose(_as_api(name, each.value))))
            elif name not in rules.known:
                self._unknown(each.key, rules, where)
        return made

    def _unknown(self, key: Scalar, rules: Rules, where: str) -> None:
        name, words = self.report.written(key.place, key.text), rules.known
        if name[:1].isupper() and name != key.text:  # Funcraft
            words = frozenset(word[:1].upper() + word[1:] for word in words)
        near = self.report.closest(name, words)
        hints = [f"did you mean {near!r}?"] if near else []
        self.report.warn(key.place, f"unknown key {quoted(name)} {where}", *hints)

    # Collecting.

    def is_here(self, region: Node | None, what: str, at: Mark) -> bool:
        """Whether something is of the region that is emulated: the one that was chosen, else that of the first function
        (yaml-formats §4.8)."""
        if not isinstance(region, Scalar) or not region.text or is_refused(region):
            return True
        if self._region is None:
            self._region = region if self.choices.region is None else text(region.place, self.choices.region)
        if region.text == self._region.text:
            return True
        self._elsewhere.setdefault(region.text, (at, []))[1].append(what)
        return False

    def function(self, service: str | None, name: Scalar, entries: list[Entry]) -> None:
        """One more function."""
        there = self._functions.setdefault(service, {})
        whole = name.text if service is None else f"{service}/{name.text}"
        if name.text in there:
            line = self.report.place(there[name.text].key.place).line
            self.report.add(name.place, f"function {quoted(whole)} again, first on line {line}")
            return
        unique: dict[str, Entry] = {}
        for each in entries:
            unique.setdefault(each.key.text, each)
        self._say_missing(whole, name, unique)
        there[name.text] = Entry(Scalar(name.place, name.text), Table(name.place, tuple(unique.values())))

    def _say_missing(self, whole: str, name: Scalar, entries: Mapping[str, Entry]) -> None:
        """What the tools need and a native file does not: what is taken instead is said."""
        runtime = entries["runtime"].value if "runtime" in entries else None
        if runtime is None:
            self.report.warn(name.place, f"function {whole} has no runtime: it runs as {DEFAULT_RUNTIME}")
        elif "code" not in entries and not (isinstance(runtime, Scalar) and runtime.text == CUSTOM_CONTAINER):
            self.report.warn(name.place, f"function {whole} has no code: that beside the file is taken")

    def service(self, name: Scalar, entries: list[Entry]) -> None:
        """A service; of one that several functions repeat, the first holds."""
        self._services.setdefault(name.text, (name.place, entries))

    def route(self, domain: Scalar, settings: list[Entry], path: Scalar, value: Table) -> None:
        """One more path of a domain."""
        _, _, routes = self._domains.setdefault(domain.text, (domain.place, settings, {}))
        if path.text in routes:
            self.report.add(path.place, f"path {quoted(path.text)} of domain {quoted(domain.text)} again")
        routes.setdefault(path.text, Entry(Scalar(path.place, path.text), value))

    def tree(self) -> Table:
        """All of it in native form."""
        for region, (place, names) in self._elsewhere.items():
            what = ", ".join(names)
            self.report.warn(place, f"left out, being in region {region}: {what}", f"choose it with --region {region}")
        made: list[Entry] = []
        if self._region is not None:
            made.append(entry("region", self._region))
        if functions := self._functions.get(None):
            made.append(entry("functions", Table(self.place, tuple(functions.values())), self.place))
        if services := [self._written_service(name) for name in self._services]:
            made.append(entry("services", Table(self.place, tuple(services)), self.place))
        if domains := [self._written_domain(name) for name in self._domains]:
            made.append(entry("customDomains", Table(self.place, tuple(domains)), domains[0].key))
        return Table(self.place, tuple(made))

    def _written_service(self, name: str) -> Entry:
        place, entries = self._services[name]
        functions = Table(place, tuple(self._functions.get(name, {}).values()))
        return entry(name, Table(place, (*entries, entry("functions", functions, place))), place)

    def _written_domain(self, name: str) -> Entry:
        place, settings, routes = self._domains[name]
        paths = entry("routes", Table(place, tuple(routes.values())), place)
        return entry(name, Table(place, (*settings, paths)), place)


def _is_auto(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text.lower() == AUTO


def _as_api(name: str, node: Node) -> Node:
    """A role may have policies in the tools' files; FC knows its name only."""
    named = node.get("name") if name == "role" and isinstance(node, Table) else None
    return node if named is None else named


def kept_entry(kept: Iterable[Entry], at: Mark) -> list[Entry]:
    """The ``kept`` block, if there is anything in it."""
    entries = tuple(kept)
    return [entry("kept", Table(at, entries), at)] if entries else []


Translator = Callable[[Source], Table]
