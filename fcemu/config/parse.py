"""This module finds the file of a definition, reads its text and makes a tree of it, as ``yaml.safe_load`` means it.

Whatever ``safe_load`` would make an object of is refused.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fcemu.config.definition import FILE_NAMES
from fcemu.config.problems import DefinitionError, Origin, Place, Problem, Report, cut, quoted
from fcemu.config.tree import (
    DEEPEST,
    MOST_VALUES,
    Bounds,
    Entry,
    Items,
    Kind,
    Node,
    Scalar,
    Table,
    as_table,
    found,
    is_number,
)

if TYPE_CHECKING:
    import yaml  # at run time only where a text is read: an emulator without a file starts faster

MAPPING: Final = "definition"
"""What messages call a definition that is a mapping."""
MOST_BYTES: Final = 1024 * 1024
SMALLEST: Final = "the smallest fcemu.yaml: functions: {hello: {handler: hello.handler}}"
EXPLAINED_BYTES: Final = 64 * 1024
"""Up to this size a text that is no YAML is read again by the slower reader, which says more."""

_YAML: Final = "tag:yaml.org,2002:"
_MERGE: Final = _YAML + "merge"
_STR: Final = _YAML + "str"
_SCALARS: Final = {
    _STR: Kind.TEXT,
    _YAML + "value": Kind.TEXT,
    _MERGE: Kind.TEXT,
    _YAML + "int": Kind.NUMBER,
    _YAML + "float": Kind.NUMBER,
    _YAML + "bool": Kind.TRUTH,
    _YAML + "null": Kind.NOTHING,
    _YAML + "timestamp": Kind.MOMENT,
}
_new: Final = tuple.__new__
"""Makes a named tuple in half the time; here, because there are tens of thousands."""
_BEGINS_NUMBERS: Final = frozenset("+-.0123456789")


def shown(path: Path) -> str:
    """A path as the user gave it, shorter if it is absolute and below the working directory."""
    try:
        return str(path.relative_to(Path.cwd())) if path.is_absolute() else str(path)
    except ValueError:
        return str(path)


def find_definition(where: Path) -> Path:
    """The file that ``where`` means: itself, or the first of ``FILE_NAMES`` in the directory ``where``.

    Raises ``DefinitionError`` with one problem when there is none.
    """
    if where.is_dir():
        for name in FILE_NAMES:
            if (where / name).is_file():
                return where / name
        looked_for = "fcemu looked for " + ", ".join(FILE_NAMES)
        raise DefinitionError([Problem(shown(where), "there is no definition in this directory", hints=(looked_for,))])
    if where.exists():
        return where
    raise DefinitionError([Problem(shown(where), "no such file or directory")])


def read_file(path: Path, report: Report) -> tuple[Table, bool]:
    """The tree of a file, and whether it may have variables. Raises ``DefinitionError`` when it cannot be read or is no
    YAML; lesser problems go into ``report``."""
    text = read_text(path, report)
    return parse(text, report), "${" in text or "\\" in text


def read_text(path: Path, report: Report, at: Place | None = None, file: str = "") -> str:
    """What is in a file. Raises ``DefinitionError``, whose place is ``at`` where another file names this one."""
    name = f"{file} " if file else ""
    try:
        with path.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        report.stop(at, f"{name}cannot be read: {error.strerror}")
    if len(content) > MOST_BYTES:
        report.stop(at, f"{name}is larger than {MOST_BYTES // 1024} KB, which is too large for a definition")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report.stop(place_at(content[: error.start].decode("latin-1"), file), "the file is not UTF-8 text")


def parse(text: str, report: Report, file: str = "") -> Table:
    """The tree of a YAML text; ``file`` goes into its places. Raises ``DefinitionError`` when it is no YAML or no map;
    lesser problems go into ``report``."""
    return as_table(parse_node(text, report, file), report)


def parse_node(text: str, report: Report, file: str = "") -> Node:
    """The same for any value."""
    import yaml

    if bad := yaml.reader.Reader.NON_PRINTABLE.search(text):
        message = f"not valid YAML: the character {ord(bad[0]):#06x} is not allowed"
        report.stop(place_at(text[: bad.start()], file), message)
    try:
        root: Any = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        _explain(text, error, report, file)
    except (ValueError, OverflowError):
        report.stop(Place(1, 1, "", file), r"not valid YAML: an escape such as \UFFFFFFFF that is no character")
    except RecursionError:
        report.stop(Place(1, 1, "", file), f"nested deeper than {DEEPEST} levels")
    if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == _YAML + "null" and not root.value):
        report.stop(Place(1, 1, "", file), "the file is empty", SMALLEST)
    report.origins.append(Origin(root, file))
    return _Tree(report, text).node(root)


def place_at(before: str, file: str = "") -> Place:
    """The place behind a text."""
    return Place(before.count("\n") + 1, len(before) - before.rfind("\n"), "", file)


def _explain(text: str, error: "yaml.YAMLError", report: Report, file: str) -> None:
    """Stop with what the reader says; the one in Python says it better than the one in C."""
    import yaml

    if len(text) <= EXPLAINED_BYTES:
        try:
            yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as better:
            error = better
        except (ValueError, OverflowError, RecursionError):
            pass
    if not isinstance(error, yaml.MarkedYAMLError):
        report.stop(Place(1, 1, "", file), f"not valid YAML: {cut(str(error))}")
    message, *hints = _explained(error)
    mark = error.problem_mark or error.context_mark
    report.stop(Place(mark.line + 1, mark.column + 1, "", file) if mark else Place(1, 1, "", file), message, *hints)


_EXPLAINED: Final = (
    ("'\\t'", "there is a tab where YAML requires spaces", "indent with spaces"),
    ("exceeded maximum nesting depth", f"nested deeper than {DEEPEST} levels", ""),
    ("cannot start any token", "", "put quotes around a string that begins with this character"),
    ("mapping values are not allowed", "", "check the indentation; a string that contains ': ' needs quotes"),
    ("but got '{'", "", "put quotes around '${…}' inside '{…}' or '[…]'"),
    ("alphabetic or numeric character", "", "put quotes around a string that begins with '*', '&' or '!'"),
    ("found undefined alias", "", "put quotes around a string that begins with '*'"),
    (
        "but found another document",
        "the file has a second document; a file holds one definition",
        "remove the line '---' and what follows",
    ),
)


def _explained(error: "yaml.MarkedYAMLError") -> list[str]:
    problem = error.problem or error.context or "not readable"
    for part, message, hint in _EXPLAINED:
        if part in problem:
            return [message or f"not valid YAML: {cut(problem)}", *([hint] if hint else [])]
    begins = [f"{error.context}, line {error.context_mark.line + 1}"] if error.context and error.context_mark else []
    return [f"not valid YAML: {problem}", *begins]


class _Tree(Bounds):
    """Our tree from YAML's nodes, which are the places of its values; aliases expanded."""

    def __init__(self, report: Report, text: str) -> None:
        import yaml

        super().__init__(report)
        self._text = text
        self._made: dict[int, tuple[Node, int]] = {}
        """What was made of a list or a map, with its number of values: an alias leads to the same."""
        self._open: dict[int, Any] = {}
        self._scalar_node: type = yaml.ScalarNode
        self._mapping: type = yaml.MappingNode

    def node(self, node: Any) -> Node:
        """What a YAML node is."""
        if isinstance(node, self._scalar_node):
            self.values += 1
            return self._scalar(node)
        key = id(node)
        if key in self._made:
            made, values = self._made[key]
            self.count(next(reversed(self._open.values())), values)  # where the alias is, the node does not say
            return made
        if key in self._open:
            return self.refuse(node, "contains itself")
        if len(self._open) == DEEPEST:
            self.report.stop(node, f"nested deeper than {DEEPEST} levels")
        before = self.values
        self.values += 1
        self._open[key] = node
        made = self._collection(node)
        del self._open[key]
        if self.values > MOST_VALUES:
            self.count(node, 0)  # which stops
        self._made[key] = made, self.values - before
        return made

    def _scalar(self, node: Any) -> Scalar:
        tag, text = node.tag, node.value
        kind = _SCALARS.get(tag)
        if kind is None:
            return self.refuse(node, _tag_refused(tag))
        if kind is Kind.TEXT and not node.style and text[:1] in _BEGINS_NUMBERS and is_number(text):
            # YAML 1.1 takes it for a text, 1.2 for a number, unless its tag says that it is a text
            is_tagged = "!" in self._text[node.start_mark.index : node.end_mark.index]
            kind = kind if is_tagged else Kind.NUMBER
        return _new(Scalar, (node, text, kind))

    def _collection(self, node: Any) -> Node:
        is_map = isinstance(node, self._mapping)
        if node.tag != _YAML + ("map" if is_map else "seq"):
            return self.refuse(node, _tag_refused(node.tag))
        if not is_map:
            return Items(node, tuple(map(self.node, node.value)))
        entries: dict[str, Entry] = {}
        merged: tuple[Scalar, Node] | None = None
        for at, inner in node.value:
            key = self._scalar(at) if isinstance(at, self._scalar_node) else None
            value = self.node(inner)
            if key is None or key.kind is not Kind.TEXT:
                self._say_no_key(at, key)
                continue
            is_merge = at.tag == _MERGE
            first = (merged and merged[0]) if is_merge else entries[key.text].key if key.text in entries else None
            if first is not None:
                line = self.report.place(first.place).line
                self.report.add(at, f"duplicate key {quoted(key.text)}, first on line {line}")
            elif is_merge:
                merged = key, value
            else:
                entries[key.text] = _new(Entry, (key, value))
        return Table(node, tuple((self._merged(entries, merged[1]) if merged else entries).values()))

    def _merged(self, entries: dict[str, Entry], merged: Node) -> dict[str, Entry]:
        """With what ``<<`` brings along: own keys win over merged ones, and earlier merged ones over later."""
        for source in merged.values if isinstance(merged, Items) else (merged,):
            if isinstance(source, Table):
                for entry in source.entries:
                    entries.setdefault(entry.key.text, entry)
            elif not (isinstance(source, Scalar) and source.kind is Kind.REFUSED):
                self.report.add(source.place, f"expected a map or a list of maps, got {found(source)}", key="<<")
        return entries

    def _say_no_key(self, node: Any, scalar: Scalar | None) -> None:
        if scalar is None:
            kind = "map" if isinstance(node, self._mapping) else "list"
            self.node(node)
            self.report.add(node, f"expected a string as the key, got a {kind}")
        elif scalar.kind is not Kind.REFUSED:
            hint = f"put quotes around it: {quoted(scalar.text)}"
            self.report.add(node, f"expected a string as the key, got {found(scalar)}", hint)


def _tag_refused(tag: str) -> str:
    return f"the tag {cut(tag.replace(_YAML, '!!'))} is not allowed: a definition is plain data"
