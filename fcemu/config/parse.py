"""YAML text -> tree, with the meaning of ``yaml.safe_load``: what it would make an object of is refused.

Built from YAML's events, not from its nodes: then nesting is known before anything recurses.
"""

from typing import TYPE_CHECKING, Any, Final

from fcemu.config.problems import DefinitionError, Place, Report, cut, quoted
from fcemu.config.tree import (
    DEEPEST,
    Bounds,
    Entry,
    Items,
    Kind,
    Node,
    Scalar,
    Table,
    as_table,
    below,
    found,
    is_number,
    is_refused,
)

if TYPE_CHECKING:
    import yaml  # at run time only where a text is read: an emulator without a file starts faster

SMALLEST: Final = "the smallest fcemu.yaml: functions: {hello: {handler: hello.handler}}"
EXPLAINED_BYTES: Final = 64 * 1024
"""Up to this size a text that is no YAML is read again by the slower reader, which says more."""

_YAML: Final = "tag:yaml.org,2002:"
_SCALARS: Final = {
    _YAML + "str": Kind.TEXT,
    _YAML + "value": Kind.TEXT,
    _YAML + "merge": Kind.TEXT,
    _YAML + "int": Kind.NUMBER,
    _YAML + "float": Kind.NUMBER,
    _YAML + "bool": Kind.TRUTH,
    _YAML + "null": Kind.NOTHING,
    _YAML + "timestamp": Kind.MOMENT,
}
_new: Final = tuple.__new__
"""Makes a named tuple in half the time; here, because there are tens of thousands."""
_BEGINS_NUMBERS: Final = frozenset("+-.0123456789")
_Event = Any
"""A ``yaml.Event``, whose type stubs know too little of it."""


def parse(text: str, report: Report, file: str = "") -> Table:
    """The tree of a YAML text; ``file`` goes into its places. Raises ``DefinitionError`` when it is no YAML or no map;
    lesser problems go into ``report``."""
    return as_table(parse_node(text, report, file), report)


def parse_node(text: str, report: Report, file: str = "") -> Node:
    """The same for any value."""
    import yaml

    if bad := yaml.reader.Reader.NON_PRINTABLE.search(text):
        message = f"not YAML: the character {ord(bad[0]):#06x} is not allowed"
        report.stop(place_at(text[: bad.start()], file), message)
    try:
        return _read(text, report, file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except DefinitionError:
        raise
    except yaml.YAMLError as error:
        _explain(text, error, report, file)
    except (ValueError, OverflowError):
        report.stop(Place(1, 1, "", file), r"not YAML: an escape such as \UFFFFFFFF that is no character")
    raise AssertionError("a recorded problem raises")


def place_at(before: str, file: str = "") -> Place:
    """The place behind a text."""
    return Place(before.count("\n") + 1, len(before) - before.rfind("\n"), "", file)


def _read(text: str, report: Report, file: str, loader: Any) -> Node:
    events = loader(text)
    try:
        return _Tree(report, events, file).document()
    finally:
        events.dispose()


def _explain(text: str, error: "yaml.YAMLError", report: Report, file: str) -> None:
    """Stop with what the reader says; the one in Python says it better than the one in C."""
    import yaml

    if len(text) <= EXPLAINED_BYTES:
        try:
            _read(text, Report(report.source), file, yaml.SafeLoader)
        except yaml.YAMLError as better:
            error = better
        except (ValueError, OverflowError, RecursionError):
            pass
    if not isinstance(error, yaml.MarkedYAMLError):
        report.stop(Place(1, 1, "", file), f"not YAML: {cut(str(error))}")
    message, *hints = _explained(error)
    mark = error.problem_mark or error.context_mark
    report.stop(Place(mark.line + 1, mark.column + 1, "", file) if mark else Place(1, 1, "", file), message, *hints)


_EXPLAINED: Final = (
    ("'\\t'", "a tab where YAML wants spaces", "indent with spaces"),
    ("exceeded maximum nesting depth", f"nested deeper than {DEEPEST} levels", ""),
    ("cannot start any token", "", "put quotes around a text that begins with this character"),
    ("mapping values are not allowed", "", "is the indentation right? a text with ': ' in it needs quotes"),
    ("but got '{'", "", "put quotes around '${…}' where it is inside of '{…}' or '[…]'"),
    ("alphabetic or numeric character", "", "put quotes around a text that begins with '*', '&' or '!'"),
)


def _explained(error: "yaml.MarkedYAMLError") -> list[str]:
    problem = error.problem or error.context or "not readable"
    for part, message, hint in _EXPLAINED:
        if part in problem:
            return [message or f"not YAML: {problem}", *([hint] if hint else [])]
    begins = [f"{error.context}, line {error.context_mark.line + 1}"] if error.context and error.context_mark else []
    return [f"not YAML: {problem}", *begins]


class _Tree(Bounds):
    """Our tree from YAML's events, aliases expanded."""

    def __init__(self, report: Report, events: Any, file: str) -> None:
        import yaml

        super().__init__(report)
        self._next = events.get_event
        self._file = file
        self._anchors: dict[str, tuple[Node, int] | Place] = {}
        """What an anchor names, with its number of values; its place until it is complete."""
        self._kinds: dict[str, Kind] = {}
        """What a text was found to be: most of them are in a file again and again."""
        self._scalar = yaml.ScalarEvent
        self._alias = yaml.AliasEvent
        self._mapping = yaml.MappingStartEvent
        self._ends = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
        self._implicit = yaml.SafeLoader.yaml_implicit_resolvers

    def document(self) -> Node:
        self._next()  # the stream
        begin = self._next()
        if not hasattr(begin, "explicit"):
            self.report.stop(Place(1, 1, "", self._file), "the file is empty", SMALLEST)
        root = self._node(self._next(), "", Place(1, 1, "", self._file))
        self._next()  # the end of the document
        if hasattr(another := self._next(), "explicit"):
            self.report.stop(
                self._place(another, ""),
                "a second document; a file is one definition",
                "remove the line '---' and what follows",
            )
        if isinstance(root, Scalar) and root.kind is Kind.NOTHING and not root.text:
            self.report.stop(root.place, "the file is empty", SMALLEST)
        return root

    def _place(self, event: _Event, path: str) -> Place:
        mark = event.start_mark
        return Place(mark.line + 1, mark.column + 1, path, self._file)

    def _node(self, event: _Event, path: str, key: Place) -> Node:
        """``key``: where a value without a text of its own is said to be."""
        mark = event.start_mark
        place = _new(Place, (mark.line + 1, mark.column + 1, path, self._file))
        if isinstance(event, self._scalar) and event.anchor is None and event.tag is None:  # nearly always
            text = event.value
            self.count(place)
            kind = self._plain(text) if event.implicit[0] else Kind.TEXT
            return _new(Scalar, (place if text or event.style else key, text, kind))
        if isinstance(event, self._alias):
            return self._repeated(str(event.anchor), place)
        before = self.values
        self.count(place)
        if event.anchor is not None:
            if event.anchor in self._anchors:
                self.report.stop(place, f"not YAML: the anchor &{cut(event.anchor)} is there already")
            self._anchors[event.anchor] = place
        if isinstance(event, self._scalar):
            node: Node = self._scalar_of(event, place, key)
        else:
            node = self.inside(place, lambda: self._collection(event, place))
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self.values - before)
        return node

    def _repeated(self, anchor: str, place: Place) -> Node:
        """What an anchor names, with the places where it is written."""
        if anchor not in self._anchors:
            hint = "put quotes around a text that begins with '*'"
            self.report.stop(place, f"not YAML: found undefined alias {quoted(anchor)}", hint)
        there = self._anchors[anchor]
        if isinstance(there, Place):
            return self.refuse(there, "contains itself")
        node, values = there
        self.count(place, values)
        return node

    def _scalar_of(self, event: _Event, place: Place, key: Place) -> Scalar:
        tag = event.tag
        if tag is None or tag == "!":
            kind = self._plain(event.value) if event.implicit[0] else Kind.TEXT
        elif tag in _SCALARS:
            kind = _SCALARS[tag]
        else:
            return self.refuse(place, _tag_refused(tag))
        return Scalar(place if event.value or event.style else key, event.value, kind)

    def _plain(self, text: str) -> Kind:
        """What a text without quotes is: in YAML 1.1, and a number also in YAML 1.2 (1e3)."""
        kind = self._kinds.get(text)
        if kind is None:
            found = (_SCALARS[tag] for tag, pattern in self._implicit.get(text[:1], ()) if pattern.match(text))
            usual = Kind.NUMBER if text[:1] in _BEGINS_NUMBERS and is_number(text) else Kind.TEXT
            kind = self._kinds[text] = next(found, usual)
        return kind

    def _collection(self, event: _Event, place: Place) -> Node:
        is_map = isinstance(event, self._mapping)
        if event.tag not in (None, "!", _YAML + ("map" if is_map else "seq")):
            self._skip()
            return self.refuse(place, _tag_refused(event.tag))
        if is_map:
            return Table(place, tuple(self._entries(place.path).values()))
        values: list[Node] = []
        while not isinstance(item := self._next(), self._ends):
            values.append(self._node(item, f"{place.path}[{len(values)}]", place))
        return Items(place, tuple(values))

    def _skip(self) -> None:
        """Pass over the rest of a collection."""
        level = 1
        while level:
            event = self._next()
            level += hasattr(event, "flow_style") - isinstance(event, self._ends)

    def _entries(self, path: str) -> dict[str, Entry]:
        """Own keys win over merged ones, and earlier merged ones over later."""
        entries: dict[str, Entry] = {}
        merged: tuple[Scalar, Node] | None = None
        while not isinstance(event := self._next(), self._ends):
            key = self._key(event, path)
            if key is None:
                self._node(self._next(), path, self._place(event, path))
                continue
            text, place = key.text, key.place
            is_merge = text == "<<" and event.implicit[0]
            first = merged[0] if is_merge and merged else entries[text].key if text in entries else None
            value = self._node(self._next(), path if is_merge else place.path, place)
            if first is not None:
                self.report.add(place, f"duplicate key {quoted(text)}, first on line {first.place.line}")
            elif is_merge:
                merged = key, value
            else:
                entries[text] = _new(Entry, (key, value))
        return self._merged(entries, merged[1]) if merged else entries

    def _merged(self, entries: dict[str, Entry], merged: Node) -> dict[str, Entry]:
        """With what ``<<`` brings along."""
        for source in merged.values if isinstance(merged, Items) else (merged,):
            if isinstance(source, Table):
                for entry in source.entries:
                    entries.setdefault(entry.key.text, entry)
            elif not is_refused(source):
                self.report.add(source.place, f"expected a map or a list of maps, found {found(source)}", key="<<")
        return entries

    def _key(self, event: _Event, path: str) -> Scalar | None:
        if isinstance(event, self._scalar) and event.tag is None and event.anchor is None:  # nearly always
            text: str = event.value
            if not event.implicit[0] or self._plain(text) is Kind.TEXT:
                mark: Any = event.start_mark
                place = _new(Place, (mark.line + 1, mark.column + 1, below(path, text), self._file))
                return _new(Scalar, (place, text, Kind.TEXT))
        return self._odd_key(event, path)

    def _odd_key(self, event: _Event, path: str) -> Scalar | None:
        place = self._place(event, path)
        if not isinstance(event, self._scalar):
            kind = "map" if isinstance(event, self._mapping) else "list"
            if isinstance(event, self._alias):
                kind = "value that is repeated"
            self._node(event, path, place)
            self.report.add(place, f"expected a text as key, found a {kind}")
            return None
        scalar = self._scalar_of(event, place, place)
        if event.anchor is not None:
            self._anchors[event.anchor] = (scalar, 1)
        if scalar.kind is Kind.TEXT:
            return Scalar(place._replace(path=below(path, scalar.text)), scalar.text)
        if not is_refused(scalar):
            hint = f"put quotes around it: {quoted(scalar.text)}"
            self.report.add(place, f"expected a text as key, found {found(scalar)}", hint)
        return None


def _tag_refused(tag: str) -> str:
    return f"the tag {cut(tag.replace(_YAML, '!!'))} is not allowed: a definition is plain data"
