"""Core definitions -> native form: the other way round."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fcemu.config.definition import EMPTY, Definition
from fcemu.config.problems import DefinitionError, Problem
from fcemu.config.schema import ClockShape, EmulatorShape, Shape, keys_of
from fcemu.core.functions import AsyncSettings, Function, Service
from fcemu.core.names import FunctionRef


def native_form(
    services: Iterable[Service], functions: Iterable[Function], async_settings: Mapping[FunctionRef, AsyncSettings]
) -> dict[str, Any]:
    """Definitions as a mapping that ``read_mapping`` reads; ``code`` is absolute. Only what is set is written of the
    asynchronous settings."""
    document: dict[str, Any] = {"functions": {}, "services": {service.name: {"functions": {}} for service in services}}
    for function in functions:
        service = function.ref.service
        owner = document if service is None else document["services"].setdefault(service, {"functions": {}})
        owner["functions"][function.ref.name] = _function(function, async_settings.get(function.ref))
    return document


def _function(function: Function, asked: AsyncSettings | None) -> dict[str, Any]:
    written: dict[str, Any] = {
        "handler": function.handler,
        "code": function.code,
        "runtime": function.runtime,
        "timeout": _seconds(function.timeout),
        "memorySize": function.memory_mb,
        "environmentVariables": dict(function.environment),
    }
    if asked is not None and (settings := _settings(asked)):
        written["asyncInvokeConfig"] = settings
    return written


def _settings(asked: AsyncSettings) -> dict[str, Any]:
    settings = {
        "maxAsyncRetryAttempts": asked.max_retries,
        "maxAsyncEventAgeInSeconds": None if asked.max_age is None else _seconds(asked.max_age),
        "onSuccess": None if asked.on_success is None else str(asked.on_success),
        "onFailure": None if asked.on_failure is None else str(asked.on_failure),
    }
    return {name: value for name, value in settings.items() if value is not None}


def _seconds(duration: timedelta) -> int:
    return round(duration.total_seconds())


def document_of(definition: Definition) -> dict[str, Any]:
    """A definition as a mapping in native form, short: what is empty is left out, and directories count from where the
    definition was, if it was a file."""
    whole = native_form(definition.services, definition.functions, definition.async_settings)
    document: dict[str, Any] = {}
    for name, key in (("region", "region"), ("account_id", "accountId")):
        if name in definition.options:
            document[key] = definition.options[name]
    root = None if definition.path is None else definition.path.parent
    for function in _functions_in(whole):
        _shorten(function, root)
    document |= {name: whole[name] for name in ("functions", "services") if whole[name]}
    if emulator := _emulator(definition.options):
        document["emulator"] = emulator
    return document


def native_text(definition: Definition) -> str:
    """A definition as the text of a native file, to be kept where the definition was."""
    import yaml

    return yaml.safe_dump(document_of(definition), sort_keys=False, allow_unicode=True, width=120)


def composed(definitions: Sequence[Definition]) -> Definition:
    """Several definitions as one; services may be in several, functions not. Raises ``DefinitionError``.

    Of options, the first that says one wins."""
    services = {service.name: service for each in reversed(definitions) for service in reversed(each.services)}
    functions = [function for each in definitions for function in each.functions]
    first: dict[FunctionRef, Path | None] = {}
    problems: list[Problem] = []
    for each in definitions:
        for function in each.functions:
            if function.ref in first:
                message = f"function {function.ref} is defined in {first[function.ref]} already"
                problems.append(Problem(str(each.path), message))
            first.setdefault(function.ref, each.path)
    if problems:
        raise DefinitionError(problems)
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
        warnings=tuple(warning for each in definitions for warning in each.warnings),
    )


def _functions_in(document: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    yield from document["functions"].values()
    for service in document["services"].values():
        yield from service["functions"].values()


def _shorten(function: dict[str, Any], root: Path | None) -> None:
    if not function["environmentVariables"]:
        del function["environmentVariables"]
    if root is not None:
        function["code"] = os.path.relpath(function["code"], os.path.realpath(root))
    if function["code"] == ".":
        del function["code"]


def _emulator(options: Mapping[str, object]) -> dict[str, Any]:
    """The ``emulator:`` block from options; the fields of its shapes have their names."""
    clock = _written(ClockShape, options)
    return ({"clock": clock} if clock else {}) | _written(EmulatorShape, options)


def _written(shape: type[Shape], options: Mapping[str, object]) -> dict[str, Any]:
    given = {key.name: options[key.field] for key in keys_of(shape).values() if key.field in options}
    return {name: _plain(value) for name, value in given.items()}


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case tuple():
            return list(value)
        case _:
            return value
