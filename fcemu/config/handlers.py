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
        return [f"expected a path inside the code directory, got {quoted(handler)}"]
    *packages, name = dotted.split(".")
    if not all([function, name, *packages]) or "/" in function:
        return [f"expected module.function, got {quoted(handler)}", "such as index.handler for handler() in index.py"]
    for package in packages:
        folder = os.path.join(folder, package)
        looked_for = os.path.join(folder, "__init__.py")
        if wrong := _wrong_file(directory, looked_for):
            return [f"there is no package for {quoted(handler)}: {prefix}{looked_for} {wrong}"]
    choices = [os.path.join(folder, name, "__init__.py"), os.path.join(folder, f"{name}.py")]
    for choice in choices:
        wrong = _wrong_file(directory, choice)
        if not wrong:
            return wrong_function(os.path.join(directory, choice), f"{prefix}{choice}", function) if thorough else []
        if wrong != MISSING:
            return [f"there is no file for {quoted(handler)}: {prefix}{choice} {wrong}"]
    looked = f"fcemu looked for {prefix}{choices[1]} and {prefix}{choices[0]}"
    return [
        f"there is no file for {quoted(handler)}: {looked}",
        *_close_by(handler, name, os.path.join(directory, folder)),
    ]


def wrong_function(path: str, shown: str, function: str) -> list[str]:
    """Why a file has no such function; empty when it has, or when that cannot be known without running it."""
    try:
        with open(path, "rb") as file:
            module = ast.parse(file.read(), shown)
    except SyntaxError as wrong:
        return [f"{shown}:{wrong.lineno or 1} is not valid Python: {wrong.msg}"]
    except (OSError, ValueError, RecursionError, MemoryError) as wrong:
        return [f"{shown} cannot be read as Python: {wrong}"]
    names = set(_names_of(module.body))
    if function in names or ANYTHING in names or "__getattr__" in names:
        return []
    near = closest(function, names)
    hints = [f"did you mean {near!r}?"] if near else []
    return [f"{shown} has no {quoted(function)}", *hints]


def odd_handler(handler: str, directory: str, prefix: str, parameters: int) -> list[str]:
    """Why every call of a handler fails although its function is there: a message and a hint; empty when all is well,
    or when that cannot be known without running it. ``parameters``: how many arguments FC gives it."""
    module, _, function = handler.rpartition(".")
    folder, _, dotted = module.rpartition("/")
    relative = os.path.join(folder, *dotted.split("."))
    for choice in (os.path.join(relative, "__init__.py"), f"{relative}.py"):
        try:
            with open(os.path.join(directory, choice), "rb") as file:
                body = ast.parse(file.read()).body
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        found = [each for each in body if function in _names_of([each])]
        defined = found[-1] if found else None
        if isinstance(defined, ast.FunctionDef | ast.AsyncFunctionDef) and not defined.decorator_list:
            return _odd(defined, f"{prefix}{choice}:{defined.lineno}", parameters)
    return []


def _odd(defined: ast.FunctionDef | ast.AsyncFunctionDef, place: str, parameters: int) -> list[str]:
    name, given = defined.name, defined.args
    if isinstance(defined, ast.AsyncFunctionDef):
        return [
            f"{place}: {name}() is an async def, and FC's Python does not await it",
            "make it a plain function that calls asyncio.run(…)",
        ]
    positional = [each.arg for each in (*given.posonlyargs, *given.args)]
    if "start_response" not in positional and _yields(defined):
        return [
            f"{place}: {name}() is a generator, and FC's Python does not run it",
            "let it return a value instead of using yield",
        ]
    needed = len(positional) - len(given.defaults)
    keywords = [each.arg for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    if needed > parameters or (len(positional) < parameters and given.vararg is None) or keywords:
        takes = "(event, context)" if parameters == _OF_HANDLER else "(context)"
        return [f"{place}: {name}() cannot be called as {name}{takes}, which is how FC calls it"]
    return []


_OF_HANDLER: Final = 2


def _yields(defined: ast.FunctionDef) -> bool:
    """Whether ``yield`` stands in a function itself, not in one inside of it."""
    waiting: list[ast.AST] = list(defined.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | ast.GeneratorExp):
            waiting += ast.iter_child_nodes(node)
    return False


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
    return [*guess, f"the directory has {listed}{more}" if modules else "there are no Python files"]


def names_in(directory: str) -> list[str]:
    """What is in a directory, by the alphabet; nothing where it cannot be read."""
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
