"""These functions go the whole way from a file, or a mapping, to a definition in core values."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from fcemu.collecting import no_collector
from fcemu.config.core_values import Definer
from fcemu.config.definition import Choices, Definition
from fcemu.config.emulator_block import options_of
from fcemu.config.formats import Format, Source, Stranger, format_of
from fcemu.config.mapping import from_mapping
from fcemu.config.parse import MAPPING, SMALLEST, find_definition, read_file, shown
from fcemu.config.problems import Place, Report
from fcemu.config.reading import Said, limits_of, read
from fcemu.config.schema import FILE
from fcemu.config.tree import Kind, Scalar, Table, plain
from fcemu.config.unreachable import say_unreachable
from fcemu.core.names import FunctionRef
from fcemu.late import late

if TYPE_CHECKING:
    from fcemu.config.written import Change, Setting

_TRANSLATORS: Final[Mapping[Format, Callable[..., Table]]] = {
    Format.DEVS_3: late("fcemu.config.serverless_devs_3", "translate"),
    Format.DEVS_1: late("fcemu.config.serverless_devs_1", "translate"),
    Format.FUNCRAFT: late("fcemu.config.funcraft", "translate"),
}
"""What makes a native tree of a file, by its format; each gets a ``Source``."""


def read_definition(
    path: Path, choices: Choices | None = None, *, thorough: bool = False, change: "Change | None" = None
) -> Definition:
    """Read a file of any format, or the definition in a directory (``find_definition``).

    ``thorough``: also whether the handlers' functions are in their files, which costs parsing them. ``change``: a
    setting that is to have another value than the file says. Raises ``DefinitionError`` with all problems. Imports
    nothing of the handlers.
    """
    file = find_definition(path)
    report = Report(shown(file))
    given = choices or Choices(variables=os.environ)
    with no_collector():  # a third of the time of a large file
        tree, varies = read_file(file, report)
        return _define(tree, report, file.parent, file.absolute(), given, thorough, varies, change)


def read_mapping(
    mapping: Mapping[str, object], root: Path, choices: Choices | None = None, *, change: "Change | None" = None
) -> Definition:
    """Read a definition that is a Python mapping in native form; paths are relative to ``root``. ``change``: a setting
    that is to have another value than the mapping says.

    Raises ``DefinitionError`` as ``read_definition`` does, with the path of keys in place of line and column.
    """
    report, given = Report(MAPPING, positions=False), choices or Choices(variables=os.environ)
    return _define(from_mapping(mapping, report), report, root, None, given, change=change)


def written_settings(
    source: Path | Mapping[str, object], choices: Choices | None = None
) -> "Iterator[tuple[Setting, Place]]":
    """The settings of functions that a file, or a mapping in native form, writes, each with its place. Raises
    ``DefinitionError``."""
    from fcemu.config.written import settings_in

    given, is_file = choices or Choices(variables=os.environ), isinstance(source, Path)
    report = Report(shown(source) if isinstance(source, Path) else MAPPING, positions=is_file)
    tree, varies = read_file(source, report) if isinstance(source, Path) else (from_mapping(source, report), True)
    root = source.parent if isinstance(source, Path) else Path.cwd()
    _, tree = _in_native_form(tree, report, root, given, varies=varies)
    report.check()
    for setting in settings_in(tree, limits_of(tree)):
        yield setting, report.place(setting.node.place)


def read_function(ref: FunctionRef, settings: Mapping[str, object], handler: str, code: str) -> Definition:
    """A definition of one function from settings by FC's key names; its handler is a callable, so no file is looked
    for. ``handler`` and ``code`` are what FC's context and error documents show.

    Raises ``DefinitionError`` as ``read_mapping`` does, ``ValueError`` for settings that name other code.
    """
    if extra := sorted(_other_code(settings)):
        raise ValueError(f"{ref}: leave out {', '.join(extra)}: the callable is the code")
    function = {ref.name: {"handler": handler, **settings}}
    report = Report(MAPPING, positions=False)
    whole = {"functions": function} if ref.service is None else {"services": {ref.service: {"functions": function}}}
    tree = from_mapping(whole, report)
    said = _read(tree, report)
    report.check()
    definer = Definer(report, Path(code), is_foreign=False, thorough=False, callables={ref: code})
    definition = definer.definition(said, None)
    report.check()
    return replace(definition, services=(), warnings=report.warnings)  # the service stays as it is


_NAMES_CODE: Final = frozenset({"code", "handler", "python", "initializer", "preFreeze", "preStop"})
"""Keys of a function, and of a version, that say which code runs, or by which program."""


def _other_code(settings: Mapping[str, object]) -> Iterator[str]:
    """The settings of a function, and of its versions, that name code, by their paths."""
    yield from _NAMES_CODE & settings.keys()
    versions = settings.get("versions")
    for number, frozen in versions.items() if isinstance(versions, Mapping) else ():
        if isinstance(frozen, Mapping):
            yield from (f"versions.{number}.{name}" for name in _NAMES_CODE & frozen.keys())


def _define(
    tree: Table,
    report: Report,
    root: Path,
    path: Path | None,
    choices: Choices,
    thorough: bool = False,
    varies: bool = True,
    change: "Change | None" = None,
) -> Definition:
    is_foreign, tree = _in_native_form(tree, report, root, choices, varies=varies)
    if change is not None:
        from fcemu.config.written import changed

        tree = changed(tree, change)
    said = _read(tree, report, foreign=is_foreign)
    definer = Definer(report, root, is_foreign=is_foreign, thorough=thorough)
    definition = replace(definer.definition(said, path), options=_options(said))
    say_unreachable(said, report)
    report.check()
    return replace(definition, warnings=report.warnings)


def _read(tree: Table, report: Report, *, foreign: bool = False) -> Said:
    said = read(tree, FILE, report, foreign=foreign)
    if said is None:
        report.check()
        raise AssertionError("what could not be read left no problem")
    return said


def _in_native_form(tree: Table, report: Report, root: Path, choices: Choices, *, varies: bool) -> tuple[bool, Table]:
    """The tree as a native file would have it, variables replaced; and whether it was something else."""
    found = format_of(tree)
    if isinstance(found, Stranger):
        alone = Report(report.source, positions=report.positions)  # what else is odd is that format's business
        alone.origins = report.origins
        alone.stop(found.place, f"this looks like {found.looks_like}, which fcemu does not read", found.hint)
    if found in _TRANSLATORS:
        if not report.positions:
            report.stop(
                tree.place, f"this looks like a file of {found.value}; a mapping must be in native form", SMALLEST
            )
        return True, _TRANSLATORS[found](Source(tree, report, root, choices))
    if not varies:
        return False, tree
    expand = tree.get("expand")
    if isinstance(expand, Scalar) and expand.kind is Kind.TRUTH and not plain(expand):
        return False, tree
    from fcemu.config.variables import Expander, native_names

    expanded = Expander(report, native_names(tree, choices.variables)).tree(tree)
    return False, expanded if isinstance(expanded, Table) else tree


def _options(said: Said) -> Mapping[str, object]:
    """What is written of the emulator's options."""
    whose = {name: said[name] for name in ("region", "account_id") if name in said}
    return MappingProxyType(whose | (options_of(said["emulator"]) if "emulator" in said else {}))
