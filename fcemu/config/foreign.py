"""A file of another format is written as a tree in native form, by tables that say what becomes of each key.

Values keep the places of the original, so that problems are found where the user wrote them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from fcemu.config.files import OSS
from fcemu.config.formats import Source
from fcemu.config.problems import Mark, quoted
from fcemu.config.tree import Entry, Items, Kind, Node, Scalar, Table, found, is_refused
from fcemu.core.fields import rows
from fcemu.core.fields.rows import Effect
from fcemu.core.functions import DEFAULT_RUNTIME
from fcemu.core.languages import CUSTOM_CONTAINER
from fcemu.core.names import Account

ACCOUNT: Final = Account()
AUTO: Final = "auto"
_TOOLS_OWN: Final = frozenset({"policies"})
"""Settings that the tools turn into others, so that FC's API never sees them."""


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


# Rules: what becomes of one key of a foreign map.


class At(NamedTuple):
    """Where a rule is applied. ``where``: whose map that is, in the words of messages. ``kept``: a rule adds to this
    list what has no effect here."""

    translation: "Translation"
    where: str
    kept: list[Entry]


Rule = Callable[[Entry, At], Iterable[Entry]]
"""Makes native entries of one entry of a foreign map."""
Rules = Mapping[str, Rule]
"""The keys of one map of a foreign format, with what becomes of each; other keys are odd."""


def same(name: str) -> Rule:
    """The native key ``name`` has the value as it is."""
    return lambda each, at: [entry(name, loose(each.value), each.key)]


def inside(name: str, rules: Rules) -> Rule:
    """The native key ``name`` is a map, too, of which ``rules`` say the keys."""

    def rule(each: Entry, at: At) -> Iterable[Entry]:
        if (table := at.translation.table(each.value, each.key.text)) is None:
            return ()
        made = at.translation.entries(table, rules, at.where, at.kept, each.key.text)
        return (entry(name, Table(table.place, tuple(made)), each.key),)

    return rule


def around(rules: Rules) -> Rule:
    """What is in this map stands in the native map around it."""

    def rule(each: Entry, at: At) -> Iterable[Entry]:
        table = at.translation.table(each.value, each.key.text)
        return () if table is None else at.translation.entries(table, rules, at.where, at.kept, each.key.text)

    return rule


def held(name: str, key: str) -> Rule:
    """The native key ``name`` has what stands under ``key`` in this map."""
    rules: Rules = {key: same(name)}

    def rule(each: Entry, at: At) -> Iterable[Entry]:
        return (entry(name, one.value, each.key) for one in around(rules)(each, at))

    return rule


def elsewhere(each: Entry, at: At) -> Iterable[Entry]:
    """The key is looked at elsewhere, or says nothing about functions."""
    return ()


def carried(each: Entry, at: At) -> Iterable[Entry]:
    """The key stands below ``kept``, as the native form writes what has no key of its own."""
    if each.key.text not in _TOOLS_OWN and not _is_auto(each.value):
        at.kept.append(Entry(each.key, loose(_as_api(each.key.text, each.value))))
    return ()


def kept_only(each: Entry, at: At) -> Iterable[Entry]:
    """The same, and it has no effect here, which is said."""
    at.translation.report.keep(each.key.place, at.translation.report.written(each.key.place, each.key.text))
    return carried(each, at)


def variables(each: Entry, at: At) -> Iterable[Entry]:
    """Environment variables, whose values become texts."""
    return (entry("environmentVariables", as_texts(loose(each.value)), each.key),)


def code_path(each: Entry, at: At) -> Iterable[Entry]:
    """Where code is: a path, or ``{src, ossBucketName, …}``."""
    node = each.value
    if isinstance(node, Table):
        source = node.get("src")
        node = Scalar(each.key.place, OSS) if source is None or is_nothing(source) else source
    if isinstance(node, Scalar):
        return () if is_refused(node) else (entry("code", loose(node), each.key),)
    at.translation.report.add(node.place, f"expected a path, got {found(node)}", key=each.key.text)
    return ()


def program(rules: Rules) -> Rule:
    """``customRuntimeConfig``: ``command`` with its arguments is one key; what else is kept stays in the block."""

    def rule(each: Entry, at: At) -> Iterable[Entry]:
        if (config := at.translation.table(each.value, each.key.text)) is None:
            return
        inner: list[Entry] = []
        words_too = {"command": elsewhere, "args": elsewhere, **rules}
        yield from at.translation.entries(config, words_too, at.where, inner, each.key.text)
        if inner:
            at.kept.append(entry("customRuntimeConfig", Table(config.place, tuple(inner)), config.place))
        words = [word for key in ("command", "args") for word in at.translation.items(config.get(key), key)]
        if words:
            yield entry("command", loose(Items(config.place, tuple(words))), config.place)

    return rule


def rules_of(table: rows.Table, version: str, **others: Rule) -> Rules:
    """The rules of a map in the words of a version of FC's API, by the rows of its fields; ``others`` are those of keys
    that the format has in its own way, or besides."""
    rules: dict[str, Rule] = {}
    for field in table.of(version):
        if field.effect is not Effect.SHOWS and not field.inside:
            otherwise = kept_only if field.effect is Effect.KEEPS else carried
            rules[field.name_in(version)] = same(field.key) if field.key else otherwise
    return rules | others


def each_of(rule: Rule, *names: str) -> Rules:
    """One rule for several keys."""
    return dict.fromkeys(names, rule)


def as_they_are(*names: str) -> Rules:
    """Keys that the native form has, too."""
    return {name: same(name) for name in names}


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
            self.report.add(node.place, f"expected a map, got {found(node)}", key=key)
        return None

    def part(self, each: Entry) -> Table | None:
        """A map that the file names; nothing in its place is wrong, too."""
        is_there = isinstance(each.value, Table)
        word = "" if is_there else self.report.written(each.key.place, each.key.text)
        if is_nothing(each.value):
            self.report.add(each.key.place, "expected a map, got nothing", key=word)
        return self.table(each.value, word)

    def items(self, node: Node | None, key: str) -> tuple[Node, ...]:
        """A value that must be a list."""
        if isinstance(node, Items):
            return node.values
        if node is not None and not is_nothing(node) and not is_refused(node):
            self.report.add(node.place, f"expected a list, got {found(node)}", key=key)
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
            self.report.add(node.place, f"expected a string, got {found(node)}", *hints, key=key)
        return None

    def parts(self, node: Node | None, key: str) -> Iterator[Table]:
        """The maps of a list of maps."""
        for each in self.items(node, key):
            if (table := self.table(each, key)) is not None:
                yield table

    def settings(self, table: Table, rules: Rules, where: str) -> list[Entry]:
        """All that a map says in native form, with a ``kept`` block for what has no effect here."""
        kept: list[Entry] = []
        made = self.entries(table, rules, where, kept)
        return [*made, entry("kept", Table(table.place, tuple(kept)), table.place)] if kept else made

    def entries(
        self, table: Table, rules: Rules, where: str, kept: list[Entry] | None = None, key: str = ""
    ) -> list[Entry]:
        """What of a map has a key of its own in native form; the rest goes into ``kept``. ``key``: the map's own, where
        it is inside of the one that ``where`` names. Unknown keys are odd, not wrong, because the tools accept them
        (yaml-formats §4.6)."""
        made: list[Entry] = []
        at = At(self, where, [] if kept is None else kept)
        for each in table.entries:
            rule = rules.get(each.key.text)
            if rule is None:
                self._unknown(each.key, rules, f"in {key} {where}" if key else where)
            elif not is_nothing(each.value):
                made += rule(each, at)
        return made

    def _unknown(self, key: Scalar, rules: Rules, where: str) -> None:
        name, words = self.report.written(key.place, key.text), list(rules)
        if name[:1].isupper() and name != key.text:  # Funcraft
            words = [word[:1].upper() + word[1:] for word in words]
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
            self.report.add(name.place, f"function {quoted(whole)} is defined again; line {line} defines it first")
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
            self.report.warn(name.place, f"function {whole} has no runtime; fcemu runs it as {DEFAULT_RUNTIME}")
        elif "code" not in entries and not (isinstance(runtime, Scalar) and runtime.text == CUSTOM_CONTAINER):
            self.report.warn(name.place, f"function {whole} has no code; fcemu takes the code next to the file")

    def service(self, name: Scalar, entries: list[Entry]) -> None:
        """A service; of one that several functions repeat, the first holds."""
        self._services.setdefault(name.text, (name.place, entries))

    def route(self, domain: Scalar, settings: list[Entry], path: Scalar, value: Table) -> None:
        """One more path of a domain."""
        _, _, routes = self._domains.setdefault(domain.text, (domain.place, settings, {}))
        if path.text in routes:
            self.report.add(path.place, f"domain {quoted(domain.text)} has the path {quoted(path.text)} more than once")
        routes.setdefault(path.text, Entry(Scalar(path.place, path.text), value))

    def domain_name(self, name: Scalar, function: str, service: str = "") -> Scalar:
        """What a domain is called that leads to a function of 3.0, or to one in a service.

        ASSUMED: fcemu makes the name of an automatic domain of the function, its service in 2.0, the account and the
        region (yaml-formats §1.2, yaml-formats §2.1).
        """
        if name.text.lower() != AUTO:
            return name
        region = self._region.text if self._region is not None else ACCOUNT.region
        called = f"{function}.{service or 'fcv3'}.{self.account_id}.{region}.fc.devsapp.net"
        return text(name.place, called.lower() if service else called)

    def tree(self) -> Table:
        """All of it in native form."""
        for region, (place, names) in self._elsewhere.items():
            what = ", ".join(names)
            self.report.warn(
                place, f"fcemu leaves out what is in region {region}: {what}", f"choose it with --region {region}"
            )
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
