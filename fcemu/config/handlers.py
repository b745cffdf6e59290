"""This module finds the file of a Python handler and the function in it; it parses the file and never imports it."""

import ast
import os
from collections.abc import Iterator
from typing import Final

from fcemu.config.problems import LISTED, closest, quoted

MISSING: Final = "is missing"


def wrong_handler(handler: str, directory: str, prefix: str, *, thorough: bool = False) -> list[str]:
    """Why no file belongs to a handler: a message and hints; empty when all is well.

    The rule is that of runtimes §1.1: what is before the last slash is a directory, the dots after it walk packages.
    ``prefix``: how the user wrote ``directory``, for messages. ``thorough``: the function must be in the file, too.
    """
    module, _, function = handler.rpartition(".")
    folder, _, dotted = module.rpartition("/")
    if handler.startswith("/") or ".." in handler.split("/") or ".." in folder.split("/"):
        return [f"expected a path inside the code directory, found {quoted(handler)}"]
    *packages, name = dotted.split(".")
    if not all([function, name, *packages]) or "/" in function:
        return [f"expected module.function, found {quoted(handler)}", "such as index.handler for handler() in index.py"]
    for package in packages:
        folder = os.path.join(folder, package)
        looked_for = os.path.join(folder, "__init__.py")
        if wrong := _wrong_file(directory, looked_for):
            return [f"no package for {quoted(handler)}: {prefix}{looked_for} {wrong}"]
    choices = [os.path.join(folder, name, "__init__.py"), os.path.join(folder, f"{name}.py")]
    for choice in choices:
        wrong = _wrong_file(directory, choice)
        if not wrong:
            return wrong_function(os.path.join(directory, choice), f"{prefix}{choice}", function) if thorough else []
        if wrong != MISSING:
            return [f"no file for {quoted(handler)}: {prefix}{choice} {wrong}"]
    looked = f"looked for {prefix}{choices[1]} and {prefix}{choices[0]}"
    return [f"no file for {quoted(handler)}: {looked}", *_close_by(handler, name, os.path.join(directory, folder))]


def wrong_function(path: str, shown: str, function: str) -> list[str]:
    """Why a file has no such function; empty when it has, or when that cannot be known without running it."""
    try:
        with open(path, "rb") as file:
            module = ast.parse(file.read(), shown)
    except SyntaxError as wrong:
        return [f"{shown}:{wrong.lineno or 1} is no Python: {wrong.msg}"]
    except (OSError, ValueError, RecursionError, MemoryError) as wrong:
        return [f"{shown} cannot be read as Python: {wrong}"]
    names = set(_names_of(module.body))
    if function in names or ANYTHING in names or "__getattr__" in names:
        return []
    near = closest(function, names)
    hints = [f"did you mean {near!r}?"] if near else []
    return [f"{shown} has no {quoted(function)}", *hints]


ANYTHING: Final = "*"
"""In place of names that only a run would tell: ``from x import *``, ``globals()[…] = …``, ``exec``."""
_MAKES_NAMES: Final = frozenset({"exec", "globals", "vars", "setattr"})


def _names_of(body: list[ast.stmt]) -> Iterator[str]:
    """The names that statements of a module bind, also in branches, loops and ``with``."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
                continue
            case ast.Import(names=names):
                yield from ((alias.asname or alias.name.partition(".")[0]) for alias in names)
            case ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
            case _:
                yield from _bound_in(statement)
        for inner in ("body", "orelse", "finalbody"):
            yield from _names_of(getattr(statement, inner, []))
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from _names_of(part.body)


def _bound_in(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement's own expressions bind; ``ANYTHING`` where it calls what may bind any."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.Call(func=ast.Name(id=name)) if name in _MAKES_NAMES:
                yield ANYTHING
        if node is statement or not isinstance(node, ast.stmt | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _wrong_file(directory: str, relative: str) -> str:
    path = os.path.join(directory, relative)
    if not os.path.isfile(path):
        return MISSING
    inside = os.path.commonpath([directory, os.path.realpath(path)]) == directory
    return "" if inside else "is a link that leads out of the code directory"


def _close_by(handler: str, name: str, folder: str) -> list[str]:
    if not os.path.isdir(folder):
        return ["there is no such directory"]
    modules = [each.removesuffix(".py") for each in names_in(folder) if each.endswith(".py") and each != "__init__.py"]
    near = closest(name, modules)
    module, _, function = handler.rpartition(".")
    guess = [f"did you mean '{module.removesuffix(name)}{near}.{function}'?"] if near else []
    more = ", …" if len(modules) > LISTED else ""
    listed = ", ".join(f"{each}.py" for each in modules[:LISTED])
    return [*guess, f"found there: {listed}{more}" if modules else "there are no Python files"]


def names_in(directory: str) -> list[str]:
    """What is in a directory, by the alphabet; nothing where it cannot be read."""
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
