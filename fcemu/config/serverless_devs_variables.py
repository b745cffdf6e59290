"""This module says what ``${…}`` means in both editions of Serverless Devs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fcemu.config.definition import Choices
from fcemu.config.dotenv import environment
from fcemu.config.expressions import Call, Literal, Way
from fcemu.config.foreign import ACCOUNT
from fcemu.config.mapping import from_mapping_node
from fcemu.config.parse import parse_node, read_text
from fcemu.config.problems import DefinitionError, Mark, Report, closest
from fcemu.config.tree import Entry, Items, Kind, Node, Scalar, Table
from fcemu.config.variables import (
    Expander,
    Function,
    Missing,
    Names,
    Root,
    UnresolvedError,
    below_root,
    environment_of,
)
from fcemu.core.values import dataclass

_CREDENTIAL_WORDS: Final = frozenset({"accountid", "account_id"})


@dataclass(frozen=True, slots=True)
class Resources:
    """What expressions lead to: the variables, and the resources (edition 1: projects) with their props merged.
    ``code``: where code is, as far as that is known before anything is replaced."""

    variables: Node | None
    by_name: Mapping[str, Table]
    code: tuple[str, ...] = ()


def names_of(known: Resources, root: Path, choices: Choices, *, strict: bool) -> Names:
    """What an edition knows. ``strict``: what is not known is a problem, as in 3.0.0; else it stays as it is, as in
    1.0.0, where ``file`` also parses JSON and YAML."""
    said = _Meanings(known, root, choices, strict)
    functions: dict[str, Function] = {
        "env": said.env,
        "env.init": said.number,
        "config": said.config,
        "secret": said.secret,
        "file": said.file,
        "path": said.path,
        "json": said.json,
        "yaml": said.yaml,
        "str": said.text,
        "regex": said.regex,
    }
    roots: dict[str, Root] = {
        "vars": below_root(known.variables, "vars"),
        "env": said.variable,
        "this": said.this,
        "resources": said.resources,
        "components": said.components,
    }
    return Names(functions, roots, said.other, strict=strict)


class _Meanings:
    """What each name means. All methods but ``__init__`` are of the types ``Function`` and ``Root``."""

    def __init__(self, known: Resources, root: Path, choices: Choices, strict: bool) -> None:
        self._known = known
        self._root = root
        self._account_id = choices.account_id or ACCOUNT.id
        self._strict = strict
        variables = environment(choices.variables, root, [root / text for text in known.code])
        self.env = environment_of(variables, strict=strict)

    # Ways.

    def variable(self, expander: Expander, way: Way, place: Mark) -> "Node | Missing":
        return self.env(expander, Call("env", (Literal(".".join(way.parts[1:])),)), place)

    def this(self, expander: Expander, way: Way, place: Mark) -> "Node | Missing":
        own = self._known.by_name.get(expander.scope)
        if own is None or len(way.parts) < 2:
            raise UnresolvedError("it names no resource of this file")
        return expander.follow(own, way.parts[1:], "this resource")

    def resources(self, expander: Expander, way: Way, place: Mark) -> "Node | Missing":
        return self._of_resource(expander, way.parts[1:])

    def components(self, expander: Expander, way: Way, place: Mark) -> Missing:
        return _LATER

    def other(self, expander: Expander, way: Way, place: Mark) -> "Node | Missing":
        if way.parts[0] in self._known.by_name and len(way.parts) > 1:  # as edition 1 writes it
            return self._of_resource(expander, way.parts)
        if not self._strict:
            return Missing()
        near = closest(way.parts[0], ["vars", "env", "resources", "this", "config", "file", "json", "yaml", "path"])
        raise UnresolvedError("that name does not exist", *([f"did you mean {near!r}?"] if near else []))

    def _of_resource(self, expander: Expander, parts: tuple[str, ...]) -> "Node | Missing":
        """``NAME.props.x``; what a resource has only after its deployment stays as it is."""
        if len(parts) < 2:
            raise UnresolvedError("write ${resources.NAME.props.KEY}")
        name, by_name = parts[0], self._known.by_name
        if name not in by_name:
            near = closest(name, by_name)
            raise UnresolvedError(f"there is no resource {name!r}", *([f"did you mean {near!r}?"] if near else []))
        if parts[1] in {"output", "info"}:
            return _LATER
        before, expander.scope = expander.scope, name
        try:
            return expander.follow(by_name[name], parts[1:], f"resource {name}")
        finally:
            expander.scope = before

    # Functions.

    def number(self, expander: Expander, call: Call, place: Mark) -> "Node | Missing":
        node = self.env(expander, call, place)
        if isinstance(node, Scalar):
            try:
                return Scalar(place, str(int(node.text[:32])), Kind.NUMBER)
            except ValueError:
                raise UnresolvedError(f"expected a whole number, got {node.text[:32]!r}") from None
        return node

    def config(self, expander: Expander, call: Call, place: Mark) -> Node:
        """A field of the credential. ASSUMED: fcemu makes up the fields of a credential other than the account's id,
        because the emulator has no credentials (yaml-formats §1.5)."""
        name = _only(expander, call, place)
        is_account = name.lower() in _CREDENTIAL_WORDS
        return Scalar(place, self._account_id if is_account else f"fcemu-{name}", Kind.LOOSE)

    def secret(self, expander: Expander, call: Call, place: Mark) -> Node:
        return Scalar(place, f"fcemu-{_only(expander, call, place)}", Kind.LOOSE)

    def file(self, expander: Expander, call: Call, place: Mark) -> Node:
        """The content of a file."""
        name = _only(expander, call, place)
        content = _content(self._root, name)
        if not self._strict and name.endswith((".json", ".yaml", ".yml")):
            return _tree_of(content, place, is_json=name.endswith(".json"))
        return Scalar(place, content, Kind.LOOSE)

    def path(self, expander: Expander, call: Call, place: Mark) -> Node:
        return Scalar(place, str(_existing(self._root, _only(expander, call, place)).absolute()), Kind.LOOSE)

    def json(self, expander: Expander, call: Call, place: Mark) -> Node:
        return _tree_of(_only(expander, call, place), place, is_json=True)

    def yaml(self, expander: Expander, call: Call, place: Mark) -> Node:
        return _tree_of(_only(expander, call, place), place, is_json=False)

    def text(self, expander: Expander, call: Call, place: Mark) -> Node:
        return Scalar(place, _only(expander, call, place), Kind.TEXT)

    def regex(self, expander: Expander, call: Call, place: Mark) -> Node:
        raise UnresolvedError("regex() works only in the names of actions")


_LATER: Final = Missing("is known only after a deployment, so the text stays as it is")


def _content(root: Path, name: str) -> str:
    path = _existing(root, name)
    if not path.is_file():
        raise UnresolvedError(f"{name} is not a file")
    try:
        return read_text(path, Report(name))
    except DefinitionError as wrong:
        raise UnresolvedError(wrong.problems[0].message) from None


def _existing(root: Path, name: str) -> Path:
    try:
        path = root / name
        if path.exists():
            return path
    except (OSError, ValueError):
        pass
    raise UnresolvedError(f"there is no file {name[:60]!r}")


def _tree_of(content: str, place: Mark, *, is_json: bool) -> Node:
    """What a JSON or YAML text says, all of it at the place of the expression."""
    report = Report("")
    try:
        node = from_mapping_node(json.loads(content), report) if is_json else parse_node(content, report)
        report.check()
    except DefinitionError as wrong:
        raise UnresolvedError(wrong.problems[0].message) from None
    except (ValueError, RecursionError) as wrong:
        raise UnresolvedError(f"is not valid JSON: {wrong}") from None
    return _placed(node, place)


def _placed(node: Node, place: Mark) -> Node:
    match node:
        case Scalar(_, written, kind):
            return Scalar(place, written, kind)
        case Items(_, values):
            return Items(place, tuple(_placed(value, place) for value in values))
        case Table(_, entries):
            made = (Entry(Scalar(place, key.text), _placed(value, place)) for key, value in entries)
            return Table(place, tuple(made))


def _only(expander: Expander, call: Call, place: Mark) -> str:
    """The one argument, as text."""
    if len(call.arguments) != 1:
        raise UnresolvedError(f"{call.name}() takes one argument")
    return expander.text_of(call.arguments[0], place)
