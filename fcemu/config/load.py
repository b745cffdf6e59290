"""File -> tree with positions; which format it is."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from fcemu.config.definition import FILE_NAMES
from fcemu.config.problems import DefinitionError, Place, Problem, Report, cut, quoted

if TYPE_CHECKING:
    import yaml  # at run time only where a text is read: an emulator without a file starts faster

MAPPING: Final = "definition"
"""What messages call a definition that is a mapping."""
SMALLEST: Final = "the smallest fcemu.yaml: functions: {hello: {handler: hello.handler}}"
MOST_BYTES: Final = 1024 * 1024
MOST_VALUES: Final = 50_000
"""How many values a definition may have after its aliases are expanded."""
DEEPEST: Final = 50

_YAML: Final = "tag:yaml.org,2002:"
_NUMBER: Final = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_OCTAL: Final = re.compile(r"[-+]?0[0-7_]+")


_YamlNode: TypeAlias = Any
"""A ``yaml.Node``, whose type stubs know too little of it."""


class Kind(Enum):
    """What YAML takes a scalar for."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth"
    NOTHING = "nothing"
    MOMENT = "moment"
    REFUSED = "refused"
    """Reported already; readers pass over it."""


class Scalar(NamedTuple):
    """One value; ``text`` is as written, whatever YAML takes it for."""

    place: Place
    text: str
    kind: Kind = Kind.TEXT


class Items(NamedTuple):
    """A list."""

    place: Place
    values: "tuple[Node, ...]"


class Entry(NamedTuple):
    """A key with its value."""

    key: Scalar
    value: "Node"


class Table(NamedTuple):
    """A map in the order of the file, without duplicate keys; merge keys are merged."""

    place: Place
    entries: tuple[Entry, ...]

    def get(self, name: str) -> "Node | None":
        return next((entry.value for entry in self.entries if entry.key.text == name), None)


Node = Scalar | Items | Table


def is_refused(node: Node) -> bool:
    """Whether what is wrong with it is in the report already."""
    return isinstance(node, Scalar) and node.kind is Kind.REFUSED


def found(node: Node) -> str:
    """What is written there, in the words of a message."""
    match node:
        case Table(entries=()):
            return "an empty map"
        case Table():
            return "a map"
        case Items(values=()):
            return "an empty list"
        case Items():
            return "a list"
        case Scalar(text=text, kind=Kind.NOTHING):
            return f"nothing ({text})" if text else "nothing"
        case Scalar(text=text, kind=Kind.TRUTH):
            means = "true" if text.lower() in {"yes", "on", "true"} else "false"
            return text if text == means else f"{text}, which YAML reads as {means}"
        case Scalar(text=text, kind=Kind.NUMBER) if _OCTAL.fullmatch(text):
            return f"{cut(text)}, which YAML reads as an octal number"
        case Scalar(text=text, kind=Kind.NUMBER) if not _NUMBER.fullmatch(text):
            return f"{cut(text)}, which YAML reads as a number"
        case Scalar(text=text, kind=Kind.NUMBER | Kind.MOMENT):
            return cut(text)
        case Scalar(text=text):
            return quoted(text)


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
        looked_for = "looked for " + ", ".join(FILE_NAMES)
        raise DefinitionError([Problem(shown(where), "no definition in this directory", hints=(looked_for,))])
    if where.exists():
        return where
    raise DefinitionError([Problem(shown(where), "no such file or directory")])


def read_file(path: Path, report: Report) -> Table:
    """The tree of a file. Raises ``DefinitionError`` when it cannot be read or is no YAML; lesser problems go into
    ``report``."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        report.stop(None, f"cannot be read: {error.strerror}")
    if len(content) > MOST_BYTES:
        report.stop(None, f"is larger than {MOST_BYTES // 1024} KB, so it is hardly a definition")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report.stop(_place_at(content[: error.start].decode("latin-1")), "not UTF-8 text")
    return parse(text, report)


def parse(text: str, report: Report) -> Table:
    """The tree of a YAML text, with ``safe`` meaning of tags, anchors and merge keys; raises like ``read_file``."""
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        message, *hints = _explained(error)
        mark = error.problem_mark or error.context_mark
        report.stop(Place(mark.line + 1, mark.column + 1) if mark else None, message, *hints)
    except yaml.reader.ReaderError as error:
        report.stop(_place_at(text[: error.position]), f"not YAML: the character {error.character:#06x} is not allowed")
    except RecursionError:
        report.stop(Place(1, 1), f"nested deeper than {DEEPEST} levels")
    except (ValueError, OverflowError):
        report.stop(None, r"not YAML: an escape such as \UFFFFFFFF that is no character")
    if root is None:
        report.stop(Place(1, 1), "the file is empty", SMALLEST)
    return _as_table(_YamlTree(report).node(root, "", Place(1, 1)), report)


def from_mapping(mapping: Mapping[str, object], report: Report) -> Table:
    """The tree of a definition that is a Python mapping; raises like ``read_file``."""
    return _as_table(_MappingTree(report).node(mapping, ""), report)


def _as_table(node: Node, report: Report) -> Table:
    if isinstance(node, Table):
        return node
    if not is_refused(node):
        report.add(node.place, f"expected a map, found {found(node)}")
    report.check()
    raise AssertionError("a refused value is in the report")


def _place_at(before: str) -> Place:
    return Place(before.count("\n") + 1, len(before) - before.rfind("\n"))


_EXPLAINED: Final = (
    ("'\\t'", "a tab where YAML wants spaces", "indent with spaces"),
    ("another document", "a second document; a file is one definition", "remove the line '---' and what follows"),
    ("cannot start any token", "", "put quotes around a text that begins with this character"),
    ("mapping values are not allowed", "", "is the indentation right? a text with ': ' in it needs quotes"),
    ("undefined alias", "", "put quotes around a text that begins with '*'"),
    ("alphabetic or numeric character", "", "put quotes around a text that begins with '*', '&' or '!'"),
)


def _explained(error: "yaml.MarkedYAMLError") -> list[str]:
    problem = error.problem or error.context or "not readable"
    for part, message, hint in _EXPLAINED:
        if part in problem:
            return [message or f"not YAML: {problem}", hint]
    begins = [f"{error.context}, line {error.context_mark.line + 1}"] if error.context and error.context_mark else []
    return [f"not YAML: {problem}", *begins]


class _Tree:
    """Bounds a tree while it grows, so that neither nesting nor aliases of aliases can stall the reader."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._values = 0
        self._open: list[int] = []

    def _count(self, place: Place) -> int:
        """One more value; its number. Stops the reading when there are too many."""
        self._values += 1
        if self._values > MOST_VALUES:
            self._report.stop(place, f"more than {MOST_VALUES} values once its aliases are expanded")
        return self._values

    def _inside(self, thing: object, place: Place, build: Callable[[], Node]) -> Node:
        """What ``build`` makes of ``thing``, one level down; refused where that would never end."""
        if id(thing) in self._open:
            return self._refuse(place, "contains itself")
        if len(self._open) == DEEPEST:
            self._report.stop(place, f"nested deeper than {DEEPEST} levels")
        self._open.append(id(thing))
        tree = build()
        self._open.pop()
        return tree

    def _refuse(self, place: Place, message: str, *hints: str) -> Scalar:
        self._report.add(place, message, *hints)
        return Scalar(place, "", Kind.REFUSED)


class _YamlTree(_Tree):
    """Our tree from YAML's own, aliases expanded."""

    def node(self, node: _YamlNode, path: str, key: Place) -> Node:
        """``key``: where a value without a text of its own is said to be."""
        place = _mark(node, path)
        self._count(place)
        if wrong := _wrong_tag(node):
            return self._refuse(place, wrong)
        if node.id == "scalar":
            return Scalar(place if node.value or node.style else key, node.value, _kind(node))
        if node.id == "mapping":
            return self._inside(node, place, lambda: Table(place, tuple(self._entries(node, path).values())))
        values = (self.node(item, f"{path}[{n}]", place) for n, item in enumerate(node.value))
        return self._inside(node, place, lambda: Items(place, tuple(values)))

    def _entries(self, node: _YamlNode, path: str) -> dict[str, Entry]:
        """Own keys win over merged ones, and earlier merged ones over later."""
        entries: dict[str, Entry] = {}
        first: dict[str, int] = {}
        merged: list[_YamlNode] = []
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            if key.text in first:
                self._report.add(key.place, f"duplicate key {quoted(key.text)}, first on line {first[key.text]}")
                continue
            first[key.text] = key.place.line
            if key_node.tag == _YAML + "merge":
                merged = value_node.value if value_node.id == "sequence" else [value_node]
            else:
                entries[key.text] = Entry(key, self.node(value_node, key.place.path, key.place))
        for source in merged:
            tree = self.node(source, path, _mark(source, path))
            if isinstance(tree, Table):
                for entry in tree.entries:
                    entries.setdefault(entry.key.text, entry)
            elif not is_refused(tree):
                self._report.add(tree.place, f"expected a map or a list of maps, found {found(tree)}", key="<<")
        return entries

    def _key(self, node: _YamlNode, path: str) -> Scalar | None:
        place = _mark(node, path)
        if node.id != "scalar":
            self._report.add(place, "expected a text as key, found a " + ("map" if node.id == "mapping" else "list"))
            return None
        key = Scalar(_mark(node, _below(path, node.value)), node.value, _kind(node))
        if wrong := _wrong_tag(node):
            self._report.add(place, wrong)
        elif key.kind is not Kind.TEXT:
            hint = f"put quotes around it: {quoted(key.text)}"
            self._report.add(place, f"expected a text as key, found {found(key)}", hint)
        else:
            return key
        return None


def _mark(node: _YamlNode, path: str) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1, path)


def _wrong_tag(node: _YamlNode) -> str:
    scalars = {"str", "int", "float", "bool", "null", "timestamp", "merge", "value"}
    allowed = {"scalar": scalars, "mapping": {"map"}, "sequence": {"seq"}}[node.id]
    if node.tag.startswith(_YAML) and node.tag.removeprefix(_YAML) in allowed:
        return ""
    return f"the tag {cut(node.tag.replace(_YAML, '!!'))} is not allowed: a definition is plain data"


def _kind(node: _YamlNode) -> Kind:
    match node.tag.removeprefix(_YAML):
        case "int" | "float":
            return Kind.NUMBER
        case "bool":
            return Kind.TRUTH
        case "null":
            return Kind.NOTHING
        case "timestamp":
            return Kind.MOMENT
        case "str" if _NUMBER.fullmatch(node.value) and node.end_mark.index - node.start_mark.index == len(node.value):
            return Kind.NUMBER  # 1e3 without quotes or tag: text for YAML 1.1, a number for YAML 1.2
        case _:
            return Kind.TEXT


def _below(path: str, key: object) -> str:
    text = str(key)
    text = text if text.isprintable() else quoted(text)
    return f"{path}.{text}" if path else text


class _MappingTree(_Tree):
    """Our tree from a Python mapping."""

    def node(self, value: Any, path: str) -> Node:
        place = Place(self._count(Place(0, 0, path)), 0, path)
        match value:
            case bool():
                return Scalar(place, str(value).lower(), Kind.TRUTH)
            case int() if value.bit_length() > 64:
                return self._refuse(place, "is a number of more than 64 bits")
            case int():
                return Scalar(place, str(int(value)), Kind.NUMBER)
            case float():
                return Scalar(place, repr(float(value)), Kind.NUMBER)
            case str() | os.PathLike():
                return Scalar(place, os.fspath(value))
            case None:
                return Scalar(place, "", Kind.NOTHING)
            case date():
                return Scalar(place, value.isoformat(), Kind.MOMENT)
            case Mapping():
                return self._inside(value, place, lambda: Table(place, tuple(self._entries(value, path))))
            case list() | tuple():
                items = (self.node(item, f"{path}[{n}]") for n, item in enumerate(value))
                return self._inside(value, place, lambda: Items(place, tuple(items)))
        return self._refuse(place, f"expected plain data, found an object of type {type(value).__name__}")

    def _entries(self, value: Mapping[object, object], path: str) -> Iterator[Entry]:
        for name, item in value.items():
            place = Place(self._count(Place(0, 0, path)), 0, _below(path, name))
            if isinstance(name, str):
                yield Entry(Scalar(place, name), self.node(item, place.path))
            else:
                self._report.add(place, f"expected a text as key, found {cut(repr(name))}")


_GIVEAWAYS: Final = frozenset(
    {"AWSTemplateFormatVersion", "ROSTemplateFormatVersion", "Transform", "edition", "resources", "services"}
)


def foreign(tree: Table) -> tuple[Place, str] | None:
    """What a file of another format is called, and where it gives itself away; ``None`` for the native format."""
    keys = {entry.key.text for entry in tree.entries}
    value = tree.get("Transform")
    transform = value.text if isinstance(value, Scalar) else ""
    if "ROSTemplateFormatVersion" in keys or transform.startswith("Aliyun::"):
        funcraft = transform.startswith("Aliyun::Serverless")
        kind = "a Funcraft template (template.yml)" if funcraft else "a plain ROS template"
    elif keys & {"AWSTemplateFormatVersion", "Transform"}:
        kind = "an AWS SAM template"
    elif "edition" in keys or any(_has_component(tree.get(name)) for name in ("resources", "services")):
        kind = "a Serverless Devs file (s.yaml)"
    else:
        return None
    return next(entry.key.place for entry in tree.entries if entry.key.text in _GIVEAWAYS), kind


def _has_component(node: Node | None) -> bool:
    parts = [entry.value for entry in node.entries] if isinstance(node, Table) else []
    return any(isinstance(part, Table) and part.get("component") is not None for part in parts)
