"""This module puts a definition into an emulator: at the start, after a restart, and beside what there is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fcemu.api.state import BadDefinition
from fcemu.config import Definition
from fcemu.config.problems import Problem
from fcemu.core.catalog import Catalog
from fcemu.core.catalog_json import catalog_to_json
from fcemu.core.limits import RELAXED
from fcemu.core.names import FunctionRef
from fcemu.core.options import OPTIONS, checked, value_of
from fcemu.core.resource_types import DOMAINS, FUNCTIONS
from fcemu.core.settings import USUAL, Settings, settings_of
from fcemu.engine.control import stamp_all
from fcemu.engine.emulator import Emulator
from fcemu.engine.ports import StandIn
from fcemu.engine.saving import Kept
from fcemu.runtime_set import Runtimes


def catalog_of(definition: Definition) -> Catalog:
    """All that a definition defines, as the engine wants it."""
    catalog = Catalog(definition.services, definition.functions)
    for (ref, qualifier), asked in definition.async_settings.items():
        catalog.set_async(ref, asked, qualifier)
    definition.extras.put_into(catalog)
    return catalog


class Defined:
    """What a definition defines, as emulators take it. Its ids and times are found once for a seed and a start, which
    are most often the same for all tests of a suite."""

    def __init__(self, definition: Definition) -> None:
        self._definition: Final = definition
        self._newest: tuple[tuple[int, datetime], Catalog] | None = None

    def catalog(self, seed: int, start: datetime) -> Catalog:
        """The catalogue of one emulator, whose paused clock is at ``start``."""
        newest = self._newest
        if newest is None or newest[0] != (seed, start):
            catalog = catalog_of(self._definition)
            stamp_all(catalog, seed, start)
            self._newest = newest = (seed, start), catalog
        return Catalog(like=newest[1])


def recognised_by(definition: Definition) -> dict[str, Any]:
    """By what a definition is recognised after a restart."""
    import hashlib
    import json

    catalog = catalog_of(definition)
    text = json.dumps(catalog_to_json(catalog), sort_keys=True)
    return {
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "functions": [str(function.ref) for function in definition.functions],
        "domains": [domain.name for domain in definition.extras.domains],
    }


def catalog_after(kept: Kept, definition: Definition, given: Mapping[str, Any]) -> Catalog:
    """What was defined when the emulator ended; where another definition is given than at its start, that wins for
    what it defines, and what the earlier one defined beyond that is gone."""
    catalog = kept.catalog
    if not kept.given or kept.given["sha256"] == given["sha256"]:
        return catalog
    defined = {function.ref for function in definition.functions}
    for name in kept.given["functions"]:
        ref = FunctionRef.parse(name)
        if ref in catalog.functions and ref not in defined:
            catalog.remove(FUNCTIONS, ref)
    for name in {*kept.given["domains"]} - {*given["domains"]}:
        if name in catalog.domains:
            catalog.remove(DOMAINS, name)
    for service in definition.services:
        if catalog.services.get(service.name) != service:
            catalog.services.put(service.name, service)
    for function in definition.functions:
        if catalog.functions.get(function.ref) != function:
            catalog.add(function)
        catalog.forget_settings(function.ref)
    for (ref, qualifier), asked in definition.async_settings.items():
        catalog.set_async(ref, asked, qualifier)
    definition.extras.put_into(catalog)
    return catalog


def define(
    emulator: Emulator,
    definition: Definition,
    code: Mapping[FunctionRef, StandIn] | None = None,
    *,
    stub: Callable[[Sequence[object]], StandIn],
    options: Mapping[str, object],
) -> None:
    """Add a definition to a running emulator, which was made with ``options``. Raises ``ValueError`` where it wants
    other options than there are."""
    if definition.options and (other := _other_options(emulator.settings, definition.options, options)):
        raise ValueError(f"a definition that is added cannot change the options of the emulator: {', '.join(other)}")
    emulator.setup.define(definition.services, definition.functions, definition.async_settings, code, definition.extras)
    for ref, steps in definition.stubs.items():
        emulator.setup.stub(ref, stub(steps), alone=True)


def _other_options(has: Settings, wanted: Mapping[str, object], made_with: Mapping[str, object]) -> list[str]:
    """The options that are ``wanted`` and are not those with which the emulator was made."""
    would = settings_of(wanted, has)
    other = [each.name for each in fields(has) if getattr(has, each.name) != getattr(would, each.name)]
    made, more = checked(made_with), checked(wanted)
    return other + [name for name, value in more.items() if not OPTIONS[name].field and value != value_of(made, name)]


def _told(problem: Problem) -> dict[str, Any]:
    return {"path": problem.path, "message": problem.message, "hints": list(problem.hints)}


class Parts:
    """Implements ``Parts`` of the API. Paths in a definition count from the working directory."""

    def __init__(self, runtimes: Runtimes) -> None:
        self.stub: Final = runtimes.stub
        self._packages: Final = runtimes.packages

    def made_by(self, options: Callable[[], Mapping[str, object]], definition: Definition) -> None:
        """The emulator is made, or made again, by these."""
        self._options = options
        self._definition = definition

    def said(self) -> Mapping[str, Any]:
        """The options by which the emulator was made, by their names."""
        return checked(self._options())

    def problems(self) -> list[dict[str, Any]]:
        """What is odd in the definition that the emulator was made with, and can be used all the same."""
        return list(map(_told, self._definition.warnings))

    def path(self) -> str | None:
        """The file of the definition that the emulator was made with; ``None`` where there is none, or several."""
        path = self._definition.path
        return None if path is None else str(path)

    def define(self, emulator: Emulator, document: Mapping[str, Any]) -> None:
        """Add a definition in native form. Raises ``BadDefinition``."""
        from fcemu.config import DefinitionError, read_mapping

        try:
            define(emulator, read_mapping(document, Path.cwd()), stub=self.stub, options=self._options())
        except DefinitionError as wrong:
            raise BadDefinition(str(wrong), list(map(_told, wrong.problems))) from None
        except ValueError as wrong:
            raise BadDefinition(str(wrong), [{"path": "emulator", "message": str(wrong), "hints": []}]) from None

    def defined(self, emulator: Emulator) -> dict[str, Any]:
        """All that is defined, in native form; what was uploaded is in it, so that it can be made again elsewhere."""
        from fcemu.config import code_of, native_form
        from fcemu.runtimes.stub import Stub

        defined = emulator.setup.defined()
        there = {function.ref: emulator.setup.stub_of(function.ref) for function in defined[1]}
        stubs = {ref: stub.steps for ref, stub in there.items() if isinstance(stub, Stub)}
        own, usual = emulator.settings.account, USUAL.account
        whose = [("region", own.region, usual.region), ("accountId", own.id, usual.id)]
        document = native_form(*defined, emulator.setup.extras(), stubs, code_of(self._packages()))
        limits = {"emulator": {"limits": "relaxed"}} if emulator.settings.limits == RELAXED else {}
        return {key: mine for key, mine, otherwise in whose if mine != otherwise} | document | limits
