"""schema -> core definitions."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fcemu.config import load, native
from fcemu.config.definition import Definition
from fcemu.config.load import Scalar, Table
from fcemu.config.node_handlers import wrong_node_handler
from fcemu.config.problems import Report, closest, quoted
from fcemu.config.schema import AsyncShape, FileShape, FunctionShape
from fcemu.core.functions import DEFAULT_RUNTIME, PYTHON_RUNTIMES, AsyncSettings, Function, Service
from fcemu.core.languages import NODE_RUNTIMES
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.programs import config_of

LISTED: Final = 5
"""How many files a hint lists."""
MISSING: Final = "is missing"
CUSTOM_HANDLER: Final = "index.handler"
"""What FC's tools fill in for a custom runtime, which calls no handler by its name."""


def read_definition(path: Path) -> Definition:
    """Read a file, or the definition in a directory (``find_definition``).

    Raises ``DefinitionError`` with all problems. Looks at handler files but imports nothing of them.
    """
    file = load.find_definition(path)
    report = Report(load.shown(file))
    tree = load.read_file(file, report)
    return _define(tree, report, file.parent, file.absolute())


def read_mapping(mapping: Mapping[str, object], root: Path) -> Definition:
    """Read a definition that is a Python mapping in native form; paths are relative to ``root``.

    Raises ``DefinitionError`` as ``read_definition`` does, with the path of keys in place of line and column.
    """
    report = Report(load.MAPPING, positions=False)
    return _define(load.from_mapping(mapping, report), report, root, None)


def read_function(ref: FunctionRef, settings: Mapping[str, object], handler: str, code: str) -> Definition:
    """A definition of one function from settings by FC's key names; its handler is a callable, so no file is looked
    for. ``handler`` and ``code`` are what FC's context and error documents show.

    Raises ``DefinitionError`` as ``read_mapping`` does, ``ValueError`` for settings that say where files are.
    """
    if extra := {"code", "handler"} & settings.keys():
        raise ValueError(f"{ref}: leave out {', '.join(sorted(extra))}: the callable is the code")
    function = {ref.name: {"handler": handler, **settings}}
    report = Report(load.MAPPING, positions=False)
    whole = {"functions": function} if ref.service is None else {"services": {ref.service: {"functions": function}}}
    shape = native.read(load.from_mapping(whole, report), report)
    report.check()
    if shape is None:
        raise AssertionError("a shape that could not be read left no problem")
    made = shape.functions if ref.service is None else (shape.services or {})[ref.service].functions
    each = (made or {})[ref.name]
    settled = MappingProxyType(_settings(ref, each.asynchronous))
    return Definition((), (_made(ref, each, code),), settled, MappingProxyType({}), None)


def _define(tree: Table, report: Report, root: Path, path: Path | None) -> Definition:
    if unsupported := load.foreign(tree):
        place, kind = unsupported
        alone = Report(report.source, positions=report.positions)  # what else is odd is that format's business
        alone.stop(place, f"this looks like {kind}, which is not supported yet", load.SMALLEST)
    shape = native.read(tree, report)
    definition = None if shape is None else _Definer(report, root).definition(shape, path)
    report.check()
    if definition is None:
        raise AssertionError("a shape that could not be read left no problem")
    return definition


class _Definer:
    """Makes core definitions from a shape, and looks for the files it names."""

    def __init__(self, report: Report, root: Path) -> None:
        self._report = report
        self._root = root
        self._directories: dict[Scalar, str | None] = {}

    def definition(self, shape: FileShape, path: Path | None) -> Definition:
        """Problems with files go into the report; their functions are left out."""
        services = shape.services or {}
        written = {FunctionRef(name): (each, each.code or shape.code) for name, each in (shape.functions or {}).items()}
        for service, inner in services.items():
            self._directory(inner.code or shape.code)
            for name, each in (inner.functions or {}).items():
                written[FunctionRef(name, service)] = (each, each.code or inner.code or shape.code)
        self._directory(shape.code)
        made = (self._function(ref, each, code) for ref, (each, code) in written.items())
        settings: dict[tuple[FunctionRef, str], AsyncSettings] = {}
        for ref, (each, _) in written.items():
            settings |= _settings(ref, each.asynchronous)
        return Definition(
            services=tuple(Service(name) for name in services),
            functions=tuple(function for function in made if function is not None),
            async_settings=MappingProxyType(settings),
            options=_options(shape),
            path=path,
        )

    def _function(self, ref: FunctionRef, shape: FunctionShape, code: Scalar | None) -> Function | None:
        directory = self._directory(code)
        if directory is None:
            return None
        if shape.handler is not None:
            wrong = _wrong_in(shape, shape.handler.text, directory, os.path.join(code.text, "") if code else "")
            if wrong:
                message, *hints = wrong
                self._report.add(shape.handler.place, message, *hints, key="handler")
                return None
        made = _made(ref, shape, directory)
        if shape.python is None:
            return made
        python = self._program(shape.python)
        return None if python is None else replace(made, python=python)

    def _program(self, program: Scalar) -> str | None:
        """Where a program is: a path from here, or a name that is looked for as a shell does; ``None`` after a problem.

        Links are not resolved: by its place a Python knows its environment.
        """
        path = os.path.abspath(self._root / program.text) if os.sep in program.text else shutil.which(program.text)
        if path is not None and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
        inside = os.path.join(program.text, "bin", "python")
        hints = [f"did you mean {inside!r}?"] if os.path.isfile(self._root / inside) else []
        self._report.add(program.place, f"no program {quoted(program.text)}", *hints, key="python")
        return None

    def _directory(self, code: Scalar | None) -> str | None:
        """Where code is, absolute, links resolved; ``None`` after a problem."""
        if code is None:
            return os.path.realpath(self._root)
        if code not in self._directories:
            self._directories[code] = self._look(code)
        return self._directories[code]

    def _look(self, code: Scalar) -> str | None:
        path = os.path.realpath(self._root / code.text)
        if os.path.isdir(path):
            return path
        if os.path.exists(path):
            self._report.add(code.place, f"expected a directory, found the file {quoted(code.text)}", key="code")
            return None
        beside, name = os.path.split(path)
        near = closest(name, [each for each in _names(beside) if os.path.isdir(os.path.join(beside, each))])
        hints = [f"did you mean {os.path.join(os.path.dirname(code.text), near)!r}?"] if near else []
        self._report.add(code.place, f"no directory {quoted(code.text)}", *hints, key="code")
        return None


def _made(ref: FunctionRef, shape: FunctionShape, code: str) -> Function:
    function = Function(ref=ref, handler=CUSTOM_HANDLER if shape.handler is None else shape.handler.text, code=code)
    chosen = {name: getattr(shape, name) for name in ("runtime", "timeout", "memory_mb", "environment")}
    made = replace(function, **{name: value for name, value in chosen.items() if value is not None})
    program = config_of(made.runtime, shape.command or (), shape.port)
    return replace(made, kept=MappingProxyType(program)) if program else made


def _wrong_in(shape: FunctionShape, handler: str, directory: str, prefix: str) -> list[str]:
    runtime = shape.runtime or DEFAULT_RUNTIME
    if runtime in NODE_RUNTIMES:
        return wrong_node_handler(handler, directory, prefix, runtime)
    return _wrong_handler(handler, directory, prefix) if runtime in PYTHON_RUNTIMES else []


def _wrong_handler(handler: str, directory: str, prefix: str) -> list[str]:
    """Why no file belongs to a handler: a message and hints; empty when all is well.

    The rule is that of runtimes §1.1: what is before the last slash is a directory, the dots after it walk packages.
    ``prefix``: how the user wrote ``directory``, for messages.
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
            return []
        if wrong != MISSING:
            return [f"no file for {quoted(handler)}: {prefix}{choice} {wrong}"]
    looked = f"looked for {prefix}{choices[1]} and {prefix}{choices[0]}"
    return [f"no file for {quoted(handler)}: {looked}", *_close_by(handler, name, os.path.join(directory, folder))]


def _wrong_file(directory: str, relative: str) -> str:
    path = os.path.join(directory, relative)
    if not os.path.isfile(path):
        return MISSING
    inside = os.path.commonpath([directory, os.path.realpath(path)]) == directory
    return "" if inside else "is a link that leads out of the code directory"


def _close_by(handler: str, name: str, folder: str) -> list[str]:
    if not os.path.isdir(folder):
        return ["there is no such directory"]
    modules = [each.removesuffix(".py") for each in _names(folder) if each.endswith(".py") and each != "__init__.py"]
    near = closest(name, modules)
    module, _, function = handler.rpartition(".")
    guess = [f"did you mean '{module.removesuffix(name)}{near}.{function}'?"] if near else []
    more = ", …" if len(modules) > LISTED else ""
    listed = ", ".join(f"{each}.py" for each in modules[:LISTED])
    return [*guess, f"found there: {listed}{more}" if modules else "there are no Python files"]


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _settings(ref: FunctionRef, shapes: tuple[AsyncShape, ...] | None) -> dict[tuple[FunctionRef, str], AsyncSettings]:
    """The settings of one function by qualifier."""
    return {
        (ref, shape.qualifier or LATEST): AsyncSettings(
            max_retries=shape.max_retries,
            max_age=shape.max_age,
            on_success=shape.on_success,
            on_failure=shape.on_failure,
            task_mode=shape.task_mode,
        )
        for shape in shapes or ()
    }


def _options(shape: FileShape) -> Mapping[str, object]:
    """What is written of the emulator's options; the fields of its shapes have their names."""
    said: dict[str, object] = {"region": shape.region, "account_id": shape.account_id}
    for block in (shape.emulator, shape.emulator.clock if shape.emulator else None):
        if block is not None:
            said |= {each.name: getattr(block, each.name) for each in fields(block) if each.name != "clock"}
    return MappingProxyType({name: value for name, value in said.items() if value is not None})
