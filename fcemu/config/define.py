"""A file or a mapping -> definition: the way from the text to core definitions."""

import os
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fcemu.config import funcraft, load, native, serverless_devs, serverless_devs_1
from fcemu.config.definition import Choices, Definition
from fcemu.config.formats import Format, Stranger, format_of
from fcemu.config.handlers import names_in, wrong_handler
from fcemu.config.mapping import from_mapping
from fcemu.config.parse import SMALLEST
from fcemu.config.problems import Report, closest, quoted
from fcemu.config.schema import RUN_HERE, AsyncShape, FileShape, FunctionShape, Target
from fcemu.config.translate import Source
from fcemu.config.tree import Scalar, Table
from fcemu.config.variables import Expander, native_names
from fcemu.core.destinations import Destination, FunctionDestination
from fcemu.core.functions import DEFAULT_RUNTIME, AsyncSettings, Function, Service
from fcemu.core.names import FunctionRef

TRANSLATORS: Final[Mapping[Format, Callable[[Source], Table]]] = {
    Format.DEVS_3: serverless_devs.translate,
    Format.DEVS_1: serverless_devs_1.translate,
    Format.FUNCRAFT: funcraft.translate,
}
CUSTOM_HANDLER: Final = "index.handler"
"""What FC's tools fill in for a custom runtime, which calls no handler by its name."""


def read_definition(path: Path, choices: Choices | None = None, *, thorough: bool = False) -> Definition:
    """Read a file of any format, or the definition in a directory (``find_definition``).

    ``thorough``: also whether the handlers' functions are in their files, which costs parsing them. Raises
    ``DefinitionError`` with all problems. Imports nothing of the handlers.
    """
    file = load.find_definition(path)
    report = Report(load.shown(file))
    tree = load.read_file(file, report)
    given = choices or Choices(variables=os.environ)
    return _define(tree, report, file.parent, file.absolute(), given, thorough=thorough)


def read_mapping(mapping: Mapping[str, object], root: Path, choices: Choices | None = None) -> Definition:
    """Read a definition that is a Python mapping in native form; paths are relative to ``root``.

    Raises ``DefinitionError`` as ``read_definition`` does, with the path of keys in place of line and column.
    """
    report = Report(load.MAPPING, positions=False)
    return _define(from_mapping(mapping, report), report, root, None, choices or Choices(variables=os.environ))


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
    shape = native.read(from_mapping(whole, report), report)
    report.check()
    if shape is None:
        raise AssertionError("a shape that could not be read left no problem")
    made = shape.functions if ref.service is None else (shape.services or {})[ref.service].functions
    each = (made or {})[ref.name]
    settled = {} if not each.asynchronous else {ref: settings_of(each.asynchronous[0])}
    return Definition((), (_made(ref, each, code),), MappingProxyType(settled), MappingProxyType({}), None)


def _define(
    tree: Table, report: Report, root: Path, path: Path | None, choices: Choices, *, thorough: bool = False
) -> Definition:
    is_foreign, tree = _in_native_form(tree, report, root, choices)
    shape = native.read(tree, report, foreign=is_foreign)
    definition = None if shape is None else _Definer(report, root, thorough).definition(shape, path)
    report.check()
    if definition is None:
        raise AssertionError("a shape that could not be read left no problem")
    return replace(definition, warnings=report.warnings)


def _in_native_form(tree: Table, report: Report, root: Path, choices: Choices) -> tuple[bool, Table]:
    """The tree as a native file would have it, variables replaced; and whether it was something else."""
    found = format_of(tree)
    if isinstance(found, Stranger):
        alone = Report(report.source, positions=report.positions)  # what else is odd is that format's business
        alone.stop(found.place, f"this looks like {found.looks_like}, which fcemu does not read", found.hint)
    if found in TRANSLATORS:
        if not report.positions:
            report.stop(tree.place, f"this looks like a file of {found.value}; a mapping is in native form", SMALLEST)
        translated = TRANSLATORS[found](Source(tree, report, root, choices))
        return True, translated
    expanded = Expander(report, native_names(tree, choices.variables)).tree(tree)
    return False, expanded if isinstance(expanded, Table) else tree


class _Definer:
    """Makes core definitions from a shape, and looks for the files it names."""

    def __init__(self, report: Report, root: Path, thorough: bool) -> None:
        self._report = report
        self._root = root
        self._thorough = thorough
        self._directories: dict[Scalar, str | None] = {}
        self._looked: dict[tuple[str, str], list[str]] = {}

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
        functions = tuple(function for function in made if function is not None)
        settings = {ref: settings_of(one) for ref, (each, _) in written.items() for one in each.asynchronous or ()}
        self._check_destinations(written)
        return Definition(
            services=tuple(Service(name) for name in services),
            functions=functions,
            async_settings=MappingProxyType(settings),
            options=_options(shape),
            path=path,
        )

    def _check_destinations(self, written: Mapping[FunctionRef, tuple[FunctionShape, Scalar | None]]) -> None:
        """A destination that nobody defined is odd: it may be defined later, else its reports fail."""
        for ref, (shape, _) in written.items():
            for one in shape.asynchronous or ():
                for key, target in (("onSuccess", one.on_success), ("onFailure", one.on_failure)):
                    if target is None or not isinstance(target.destination, FunctionDestination):
                        continue
                    if target.destination.ref not in written:
                        near = closest(str(target.destination.ref), map(str, written))
                        hints = [f"did you mean {near!r}?"] if near else []
                        message = f"there is no function {target.destination.ref}, to which {ref} reports"
                        self._report.warn(target.place, message, *hints, key=key)

    def _function(self, ref: FunctionRef, shape: FunctionShape, code: Scalar | None) -> Function | None:
        directory = self._directory(code)
        if directory is None:
            return None
        is_run = (shape.runtime or DEFAULT_RUNTIME) in RUN_HERE
        wrong = self._wrong_handler(shape.handler.text, directory, code) if shape.handler and is_run else []
        if wrong and shape.handler:
            message, *hints = wrong
            self._report.add(shape.handler.place, message, *hints, key="handler")
            return None
        return _made(ref, shape, directory)

    def _wrong_handler(self, handler: str, directory: str, code: Scalar | None) -> list[str]:
        key = (handler, directory)
        if key not in self._looked:
            prefix = os.path.join(code.text, "") if code else ""
            self._looked[key] = wrong_handler(handler, directory, prefix, thorough=self._thorough)
        return self._looked[key]

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
        near = closest(name, [each for each in names_in(beside) if os.path.isdir(os.path.join(beside, each))])
        hints = [f"did you mean {os.path.join(os.path.dirname(code.text), near)!r}?"] if near else []
        self._report.add(code.place, f"no directory {quoted(code.text)}", *hints, key="code")
        return None


def _made(ref: FunctionRef, shape: FunctionShape, code: str) -> Function:
    function = Function(ref=ref, handler=CUSTOM_HANDLER if shape.handler is None else shape.handler.text, code=code)
    chosen = {name: getattr(shape, name) for name in ("runtime", "timeout", "memory_mb", "environment")}
    return replace(function, **{name: value for name, value in chosen.items() if value is not None})


def settings_of(shape: AsyncShape) -> AsyncSettings:
    """The asynchronous settings that a shape says."""
    return AsyncSettings(
        max_retries=shape.max_retries,
        max_age=shape.max_age,
        on_success=_destination(shape.on_success),
        on_failure=_destination(shape.on_failure),
    )


def _destination(target: Target | None) -> Destination | None:
    return None if target is None else target.destination


def _options(shape: FileShape) -> Mapping[str, object]:
    """What is written of the emulator's options; the fields of its shapes have their names."""
    said: dict[str, object] = {"region": shape.region, "account_id": shape.account_id}
    for block in (shape.emulator, shape.emulator.clock if shape.emulator else None):
        if block is not None:
            said |= {each.name: getattr(block, each.name) for each in fields(block) if each.name != "clock"}
    return MappingProxyType({name: value for name, value in said.items() if value is not None})
