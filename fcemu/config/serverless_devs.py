"""This module walks an s.yaml of either edition: its parts, what it extends, environments, components and actions."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from fcemu.config.definition import Choices
from fcemu.config.foreign import Rules, Translation, is_nothing, merged
from fcemu.config.formats import Source
from fcemu.config.parse import parse, read_text
from fcemu.config.problems import Report, closest, quoted
from fcemu.config.serverless_devs_variables import Resources, names_of
from fcemu.config.tree import Items, Kind, Node, Scalar, Table
from fcemu.config.variables import Expander
from fcemu.core.values import dataclass

_PLACEHOLDER: Final = re.compile(r"\{\{ *[A-Za-z_][A-Za-z0-9_.]* *\}\}")
MOST_FILES: Final = 8
"""How many files may extend each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """What differs between the editions in how a file is walked.

    ``parts``: the key of what it defines, ``noun``: what messages call each of it. ``top``, ``part``: the rules of
    these maps. ``components``: what reads the props of a component, by its name; the first is the usual one.
    ``function``: the keys from a part to the map of its function, ``has``: what that has, whatever the component.
    ``code``: the key there of its code. ``strict``: an expression that means nothing is a problem. ``laid``: a part
    with what the file lays below and above its props.
    """

    parts: str
    noun: str
    top: Rules
    part: Rules
    components: Mapping[str, Callable[[Translation, str, Table, str], None]]
    function: tuple[str, ...]
    has: tuple[str, ...]
    code: str
    strict: bool
    laid: Callable[[Translation, Table], Callable[[Scalar, Table], Table]]


def translated(source: Source, edition: Edition) -> Table:
    """A file of an edition in native form."""
    tree = _extended(source)
    _say_placeholders(source.report, tree)
    translation, report = Translation(replace(source, tree=tree)), source.report
    translation.entries(tree, edition.top, "at the top level")
    _say_actions(report, tree, "")
    laid = edition.laid(translation, tree)
    parts: dict[str, Table] = {}
    listed = translation.table(tree.get(edition.parts), edition.parts)
    for each in listed.entries if listed else ():
        if (part := translation.part(each)) is not None:
            where = f"in {edition.noun} {each.key.text}"
            translation.entries(part, edition.part, where)
            _say_actions(report, part, where)
            parts[each.key.text] = laid(each.key, part.without("actions"))
    known = Resources(tree.get("vars"), parts, _code_texts(parts.values(), (*edition.function, edition.code)))
    expander = Expander(report, names_of(known, source.root, source.choices, strict=edition.strict))
    for name, part in parts.items():
        expander.scope = name
        expanded = expander.tree(part)
        if isinstance(expanded, Table):
            _read_part(translation, edition, name, expanded)
    return translation.tree()


def _read_part(translation: Translation, edition: Edition, name: str, part: Table) -> None:
    """What a part defines, by its component. A component of another name, such as the path of one in the same project,
    is judged by whether its props have what a function has."""
    component, noun, usual = part.get("component"), edition.noun, next(iter(edition.components))
    if not isinstance(component, Scalar) or component.kind is Kind.NOTHING:
        translation.report.add(part.place, f"component is missing in {noun} {name}", f"write component: {usual}")
        return
    read = edition.components.get(component.text.partition("@")[0].rpartition("/")[2])
    if read is None:
        function = _below(part, edition.function)
        is_function = isinstance(function, Table) and not any(is_nothing(function.get(key)) for key in edition.has)
        says_too_little = len(edition.function) == 1 and not isinstance(function, Table)  # said below
        if not is_function and not says_too_little:
            says = f"fcemu leaves out {noun} {name}: {quoted(component.text)} is not a function"
            translation.report.warn(component.place, says)
            return
        read = edition.components[usual]
    props = translation.table(part.get("props"), "props")
    if props is not None:
        read(translation, name, props, f"in props of {noun} {name}")
    elif is_nothing(part.get("props")):
        translation.report.add(part.place, f"props is missing in {noun} {name}")


def _below(node: Node | None, way: Iterable[str]) -> Node | None:
    """What is below a map by these keys."""
    for key in way:
        node = node.get(key) if isinstance(node, Table) else None
    return node


def _extended(source: Source) -> Table:
    """The document with the one that it extends below it, deep; read before variables (yaml-formats §1.1)."""
    tree, root, seen = source.tree, source.root, 0
    extend = tree.get("extend")
    if isinstance(extend, Scalar) and tree.get("env") is not None:
        source.report.add(extend.place, "'extend' and 'env' cannot be combined")
    while isinstance(extend, Scalar) and extend.text:
        seen += 1
        if seen > MOST_FILES:
            source.report.stop(extend.place, f"more than {MOST_FILES} files extend each other; check for a cycle")
        path = root / extend.text
        if not path.is_file():
            source.report.add(extend.place, f"there is no file {quoted(extend.text)}", key="extend")
            break
        base = parse(read_text(path, source.report, extend.place, str(extend.text)), source.report, str(path))
        below = merged(base, tree.without("extend"))
        tree, root, extend = (below if isinstance(below, Table) else tree), path.parent, base.get("extend")
    return tree.without("extend")


def _say_placeholders(report: Report, tree: Table) -> None:
    """``{{ name }}`` is for ``s init``: a file that has it was never filled in (yaml-formats §1.5)."""
    waiting: list[Node] = [tree]
    while waiting:
        match waiting.pop():
            case Scalar(place, text) if found := _PLACEHOLDER.search(text):
                report.warn(place, f"{found[0]} is a placeholder that 's init' fills in")
            case Table(_, entries):
                waiting += [entry.value for entry in entries]
            case Items(_, values):
                waiting += values


def _say_actions(report: Report, table: Table, where: str) -> None:
    """Actions are never run (yaml-formats §4.7); said once for each place that has some."""
    each = table.entry("actions")
    if each is not None and not is_nothing(each.value):
        report.warn(each.key.place, f"fcemu never runs the actions {where}".rstrip())


def _code_texts(parts: Iterable[Table], way: tuple[str, ...]) -> tuple[str, ...]:
    """Where parts say that their code is, ``.env`` files being looked for there; ``way``: the keys to it."""
    found: list[str] = []
    for part in parts:
        node = _below(part, way)
        node = node.get("src") if isinstance(node, Table) else node
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
        report.add(at, f"--env {choices.environment}: there is no file {quoted(file)}")
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
        hints = [f"did you mean {near!r}?"] if near else [f"known environments: {', '.join(sorted(known)) or 'none'}"]
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
