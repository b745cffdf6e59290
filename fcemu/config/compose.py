"""This module makes one definition of several."""

from collections import ChainMap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fcemu.config.definition import EMPTY, Definition
from fcemu.config.problems import DefinitionError, Problem
from fcemu.core.defined import Extras
from fcemu.core.names import FunctionRef


def composed(definitions: Sequence[Definition]) -> Definition:
    """Several definitions as one; services may be in several, functions not. Raises ``DefinitionError``.

    Of options, the first that says one wins. What one lacks, another may have.
    """
    if len(definitions) == 1:
        return definitions[0]
    services = {service.name: service for each in reversed(definitions) for service in reversed(each.services)}
    functions = [function for each in definitions for function in each.functions]
    first: dict[FunctionRef, Path | None] = {}
    problems: list[Problem] = []
    for each in definitions:
        for function in each.functions:
            if function.ref in first:
                message = f"function {function.ref} is already defined in {first[function.ref]}"
                problems.append(Problem(str(each.path), message))
            first.setdefault(function.ref, each.path)
    if problems:
        raise DefinitionError(problems)
    there = {str(ref) for ref in first}
    settings = {ref: asked for each in definitions for ref, asked in each.async_settings.items()}
    options: dict[str, object] = {}
    for each in reversed(definitions):
        options |= each.options
    return replace(
        definitions[0] if definitions else EMPTY,
        services=tuple(reversed(services.values())),
        functions=tuple(functions),
        async_settings=MappingProxyType(settings),
        options=MappingProxyType(options),
        warnings=tuple(one for each in definitions for one in each.warnings if one.lacks not in there),
        extras=_together([each.extras for each in definitions]),
        stubs=MappingProxyType({ref: steps for each in definitions for ref, steps in each.stubs.items()}),
    )


def _together(parts: Sequence[Extras]) -> Extras:
    """Several as one; of what an owner or a domain has, the last says."""
    return Extras(
        triggers=tuple(trigger for each in parts for trigger in each.triggers),
        domains=tuple({domain.name: domain for each in parts for domain in each.domains}.values()),
        capacities=tuple(capacity for each in parts for capacity in each.capacities),
        layers=tuple({(one.name, one.version): one for each in parts for one in each.layers}.values()),
        **{name: dict(ChainMap(*(getattr(each, name) for each in reversed(parts)))) for name in _BY_OWNER},
    )


_BY_OWNER: Final = ("versions", "aliases", "tags", "vpcs", "sources")
