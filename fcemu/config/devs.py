"""What both editions of Serverless Devs have: components, extended files, environments, actions."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fcemu.config.definition import Choices
from fcemu.config.load import read_text
from fcemu.config.parse import parse
from fcemu.config.problems import Report, closest, quoted
from fcemu.config.translate import Source, is_nothing, merged
from fcemu.config.tree import Items, Node, Scalar, Table

_PLACEHOLDER: Final = re.compile(r"\{\{ *[A-Za-z_][A-Za-z0-9_.]* *\}\}")
MOST_FILES: Final = 8
"""How many files may extend each other."""


def is_component(text: str, name: str) -> bool:
    """Whether a component is ``name``, also written ``devsapp/name`` or with ``@version``."""
    return text.partition("@")[0].rpartition("/")[2] == name


def is_function(node: Node | None, *needed: str) -> bool:
    """Whether a map has what a function has. A component of another name, such as the path of one in the same project,
    is judged by that."""
    return isinstance(node, Table) and all(not is_nothing(node.get(key)) for key in needed)


def extended(source: Source) -> Table:
    """The document with the one that it extends below it, deep; read before variables (yaml-formats §1.1)."""
    tree, root, seen = source.tree, source.root, 0
    extend = tree.get("extend")
    if isinstance(extend, Scalar) and tree.get("env") is not None:
        source.report.add(extend.place, "'extend' and 'env' exclude each other")
    while isinstance(extend, Scalar) and extend.text:
        seen += 1
        if seen > MOST_FILES:
            source.report.stop(extend.place, f"more than {MOST_FILES} files extend each other; is there a circle?")
        path = root / extend.text
        if not path.is_file():
            source.report.add(extend.place, f"no file {quoted(extend.text)}", key="extend")
            break
        base = parse(read_text(path, source.report, extend.place, str(extend.text)), source.report, str(path))
        below = merged(base, tree.without("extend"))
        tree, root, extend = (below if isinstance(below, Table) else tree), path.parent, base.get("extend")
    return tree.without("extend")


def say_placeholders(report: Report, tree: Table) -> None:
    """``{{ name }}`` is for ``s init``: a file that has it was never filled in (yaml-formats §1.5)."""
    waiting: list[Node] = [tree]
    while waiting:
        match waiting.pop():
            case Scalar(place, text) if found := _PLACEHOLDER.search(text):
                report.warn(place, f"{found[0]} is to be filled in by 's init'")
            case Table(_, entries):
                waiting += [entry.value for entry in entries]
            case Items(_, values):
                waiting += values


def said_actions(report: Report, table: Table, where: str) -> None:
    """Actions are never run (yaml-formats §4.7); said once for each place that has some."""
    each = table.entry("actions")
    if each is not None and not is_nothing(each.value):
        report.warn(each.key.place, f"actions are never run {where}".rstrip())


def code_texts(resources: Mapping[str, Table], way: tuple[str, ...]) -> tuple[str, ...]:
    """Where resources say that their code is, ``.env`` files being looked for there; ``way``: the keys to it."""
    found: list[str] = []
    for resource in resources.values():
        node: Node | None = resource
        for key in way:
            node = node.get(key) if isinstance(node, Table) else None
        if isinstance(node, Table):
            node = node.get("src")
        if isinstance(node, Scalar) and node.text and "${" not in node.text:
            found.append(node.text)
    return tuple(dict.fromkeys(found))


def overlays_of(tree: Table, root: Path, report: Report, choices: Choices) -> dict[str, Node]:
    """What the chosen environment lays over props: by ``fc3`` for the component, by ``resources.NAME``."""
    if choices.environment is None:
        return {}
    named = tree.get("env")
    file = named.text if isinstance(named, Scalar) and named.text else "env.yaml"
    path = root / file
    at = named.place if named is not None else tree.place
    if not path.is_file():
        report.add(at, f"--env {choices.environment}: no file {quoted(file)}")
        return {}
    document = parse(read_text(path, report, at, file), report, str(path))
    environments = document.get("environments")
    known: dict[str, Table] = {}
    for each in environments.values if isinstance(environments, Items) else ():
        name = each.get("name") if isinstance(each, Table) else None
        if isinstance(each, Table) and isinstance(name, Scalar):
            known[name.text] = each
    chosen = known.get(choices.environment)
    if chosen is None:
        near = closest(choices.environment, known)
        hints = [f"did you mean {near!r}?"] if near else [f"there are: {', '.join(sorted(known)) or 'none'}"]
        report.add(document.place, f"there is no environment {quoted(choices.environment)}", *hints)
        return {}
    overlays = chosen.get("overlays")
    return _overlays(overlays) if isinstance(overlays, Table) else {}


def _overlays(overlays: Table) -> dict[str, Node]:
    components, resources = overlays.get("components"), overlays.get("resources")
    found: dict[str, Node] = {}
    if isinstance(components, Table) and (fc3 := components.get("fc3")) is not None:
        found["fc3"] = fc3
    for each in resources.entries if isinstance(resources, Table) else ():
        found[f"resources.{each.key.text}"] = each.value
    return found
