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


def names_3(known: Resources, root: Path, choices: Choices) -> Names:
    """Edition 3.0.0: what is not known is a problem."""

    def other(expander: Expander, way: Way, place: Mark) -> "Node | Missing":
        if way.parts[0] in known.by_name and len(way.parts) > 1:  # as edition 1 writes it
            return _of_resource(expander, known, way.parts, place)
        near = closest(way.parts[0], ["vars", "env", "resources", "this", "config", "file", "json", "yaml", "path"])
        raise UnresolvedError("there is no such name", *([f"did you mean {near!r}?"] if near else []))

    return _names(known, root, choices, other, strict=True)


def names_1(known: Resources, root: Path, choices: Choices) -> Names:
    """Edition 1.0.0: what is not known stays as it is."""

    def other(expander: Expander, way: Way, place: Mark) -> "Node | Missing":
        if way.parts[0] in known.by_name and len(way.parts) > 1:
            return _of_resource(expander, known, way.parts, place)
        return Missing()

    return _names(known, root, choices, other, strict=False)


def _names(known: Resources, root: Path, choices: Choices, other: Root, *, strict: bool) -> Names:
    variables = environment(choices.variables, root, [root / text for text in known.code])
    env = environment_of(variables, strict=strict)

    def env_way(expander: Expander, way: Way, place: Mark) -> "Node | Missing":
        name = ".".join(way.parts[1:])
        return env(expander, Call("env", (Literal(name),)), place)

    functions: dict[str, Function] = {
        "env": env,
        "env.init": _number(env),
        "config": _config(choices),
        "secret": _secret,
        "file": _file(root, parsed=not strict),
        "path": _path(root),
        "json": _parsed(is_json=True),
        "yaml": _parsed(is_json=False),
        "str": _text,
        "regex": _never,
    }
    roots: dict[str, Root] = {
        "vars": below_root(known.variables, "vars"),
        "env": env_way,
        "this": _this(known),
        "resources": _resources(known),
        "components": _later,
    }
    return Names(functions, roots, other, strict=strict)


def _this(known: Resources) -> Root:
    def this(expander: Expander, way: Way, place: Mark) -> "Node | Missing":
        own = known.by_name.get(expander.scope)
        if own is None or len(way.parts) < 2:
            raise UnresolvedError("there is no resource here that it could mean")
        return expander.follow(own, way.parts[1:], "this resource")

    return this


def _resources(known: Resources) -> Root:
    def resources(expander: Expander, way: Way, place: Mark) -> "Node | Missing":
        return _of_resource(expander, known, way.parts[1:], place)

    return resources


def _of_resource(expander: Expander, known: Resources, parts: tuple[str, ...], place: Mark) -> "Node | Missing":
    """``NAME.props.x``; what a resource has only after its deployment stays as it is."""
    if len(parts) < 2:
        raise UnresolvedError("write ${resources.NAME.props.KEY}")
    name = parts[0]
    if name not in known.by_name:
        near = closest(name, known.by_name)
        raise UnresolvedError(f"there is no resource {name!r}", *([f"did you mean {near!r}?"] if near else []))
    if parts[1] in {"output", "info"}:
        return Missing("is known only after a deployment, so the text stays as it is")
    before, expander.scope = expander.scope, name
    try:
        return expander.follow(known.by_name[name], parts[1:], f"resource {name}")
    finally:
        expander.scope = before


def _later(expander: Expander, way: Way, place: Mark) -> Missing:
    return Missing("is known only after a deployment, so the text stays as it is")


def _never(expander: Expander, call: Call, place: Mark) -> Node:
    raise UnresolvedError("regex() is for the names of actions")


def _number(env: Function) -> Function:
    def number(expander: Expander, call: Call, place: Mark) -> "Node | Missing":
        node = env(expander, call, place)
        if isinstance(node, Scalar):
            try:
                return Scalar(place, str(int(node.text[:32])), Kind.NUMBER)
            except ValueError:
                raise UnresolvedError(f"expected a whole number, found {node.text[:32]!r}") from None
        return node

    return number


def _config(choices: Choices) -> Function:
    """A field of the credential. ASSUMED: fcemu makes up the fields of a credential other than the account's id,
    because the emulator has no credentials (yaml-formats §1.5)."""

    def config(expander: Expander, call: Call, place: Mark) -> Node:
        name = _only(expander, call, place)
        if name.lower() in _CREDENTIAL_WORDS:
            return Scalar(place, choices.account_id or ACCOUNT.id, Kind.LOOSE)
        return Scalar(place, f"fcemu-{name}", Kind.LOOSE)

    return config


def _secret(expander: Expander, call: Call, place: Mark) -> Node:
    return Scalar(place, f"fcemu-{_only(expander, call, place)}", Kind.LOOSE)


def _file(root: Path, *, parsed: bool) -> Function:
    """The content of a file; edition 1 parses JSON and YAML."""

    def file(expander: Expander, call: Call, place: Mark) -> Node:
        name = _only(expander, call, place)
        content = _content(root, name)
        if parsed and name.endswith((".json", ".yaml", ".yml")):
            return _tree_of(content, place, is_json=name.endswith(".json"))
        return Scalar(place, content, Kind.LOOSE)

    return file


def _content(root: Path, name: str) -> str:
    path = _existing(root, name)
    if not path.is_file():
        raise UnresolvedError(f"{name} is no file")
    try:
        return read_text(path, Report(name))
    except DefinitionError as wrong:
        raise UnresolvedError(wrong.problems[0].message) from None


def _path(root: Path) -> Function:
    def path(expander: Expander, call: Call, place: Mark) -> Node:
        return Scalar(place, str(_existing(root, _only(expander, call, place)).absolute()), Kind.LOOSE)

    return path


def _existing(root: Path, name: str) -> Path:
    try:
        path = root / name
        if path.exists():
            return path
    except (OSError, ValueError):
        pass
    raise UnresolvedError(f"there is no file {name[:60]!r}")


def _parsed(*, is_json: bool) -> Function:
    def read(expander: Expander, call: Call, place: Mark) -> Node:
        return _tree_of(_only(expander, call, place), place, is_json=is_json)

    return read


def _tree_of(content: str, place: Mark, *, is_json: bool) -> Node:
    """What a JSON or YAML text says, all of it at the place of the expression."""
    report = Report("")
    try:
        node = from_mapping_node(json.loads(content), report) if is_json else parse_node(content, report)
        report.check()
    except DefinitionError as wrong:
        raise UnresolvedError(wrong.problems[0].message) from None
    except (ValueError, RecursionError) as wrong:
        raise UnresolvedError(f"is no JSON: {wrong}") from None
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


def _text(expander: Expander, call: Call, place: Mark) -> Node:
    return Scalar(place, _only(expander, call, place), Kind.TEXT)


def _only(expander: Expander, call: Call, place: Mark) -> str:
    """The one argument, as text."""
    if len(call.arguments) != 1:
        raise UnresolvedError(f"{call.name}() takes one argument")
    return expander.text_of(call.arguments[0], place)
