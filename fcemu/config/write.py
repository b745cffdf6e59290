"""Core definitions -> native form: the other way round."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from fcemu.config.definition import EMPTY, Definition
from fcemu.config.making import DEFAULT_AUTH, HOOKS
from fcemu.config.problems import DefinitionError, Problem
from fcemu.config.schema import METHODS, AuthShape, ClockShape, EmulatorShape, Shape, keys_of
from fcemu.core.defined import NO_EXTRAS, Extras
from fcemu.core.domains import Domain, Route
from fcemu.core.functions import AsyncSettings, Function, Service
from fcemu.core.languages import CUSTOM_RUNTIMES
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.programs import config_key
from fcemu.core.releases import Alias, Owner, Version
from fcemu.core.stubs import Handler, Step, plain_step
from fcemu.core.triggers import HTTP, TIMER, Trigger


def native_form(
    services: Iterable[Service],
    functions: Iterable[Function],
    async_settings: Mapping[tuple[FunctionRef, str], AsyncSettings],
    extras: Extras = NO_EXTRAS,
    stubs: Mapping[FunctionRef, Sequence[Step | Handler]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Definitions as a mapping that ``read_mapping`` reads; directories are absolute. Only what is set is written of
    the asynchronous settings; stubs that call code of the test cannot be written."""
    writer = _Writer(async_settings, extras)
    document: dict[str, Any] = {"functions": {}, "services": {}}
    for service in services:
        document["services"][service.name] = writer.service(service)
    for function in functions:
        name = function.ref.service
        owner = document if name is None else document["services"].setdefault(name, {"functions": {}})
        owner["functions"][function.ref.name] = writer.function(function)
    if extras.domains:
        document["customDomains"] = {domain.name: _domain(domain) for domain in extras.domains}
    for ref, steps in stubs.items():
        plain = [plain_step(step) for step in steps]
        if None not in plain:
            document.setdefault("stubs", {})[str(ref)] = {"steps": plain}
    return document


class _Writer:
    """Writes what belongs to an owner or a function along with it."""

    def __init__(self, async_settings: Mapping[tuple[FunctionRef, str], AsyncSettings], extras: Extras) -> None:
        self._async = async_settings
        self._extras = extras

    def service(self, service: Service) -> dict[str, Any]:
        """Without its functions."""
        written: dict[str, Any] = {"functions": {}, **_described(service.kept)}
        return written | self._releases(Owner("service", service.name))

    def function(self, function: Function) -> dict[str, Any]:
        """With its settings, triggers, and, in 3.0, versions and aliases."""
        written = _function(function)
        for capacity in self._extras.capacities:
            if capacity.function == function.ref and len(capacity.kept) == 1:
                written["reservedConcurrency"] = next(iter(capacity.kept.values()))
        if asked := self._asked(function.ref):
            written["asyncInvokeConfig"] = asked
        triggers = {each.name: _trigger(each) for each in self._extras.triggers if each.function == function.ref}
        if triggers:
            written["triggers"] = triggers
        return written if function.ref.service else written | self._releases(Owner.of(function.ref))

    def _asked(self, ref: FunctionRef) -> dict[str, Any] | list[dict[str, Any]]:
        written = [
            ({} if qualifier == LATEST else {"qualifier": qualifier}) | _settings(asked)
            for (owner, qualifier), asked in self._async.items()
            if owner == ref
        ]
        return written[0] if len(written) == 1 else written

    def _releases(self, owner: Owner) -> dict[str, Any]:
        versions, aliases = self._extras.versions.get(owner, ()), self._extras.aliases.get(owner, ())
        written: dict[str, Any] = {}
        if versions:
            written["versions"] = {each.id: _version(owner, each) for each in versions}
        if aliases:
            written["aliases"] = {alias.name: _alias(alias) for alias in aliases}
        return written


def _function(function: Function) -> dict[str, Any]:
    kept = dict(function.kept)
    written: dict[str, Any] = {
        "handler": function.handler,
        "code": function.code,
        "runtime": function.runtime,
        "timeout": _seconds(function.timeout),
        "memorySize": function.memory_mb,
        "environmentVariables": dict(function.environment),
        **_program(kept, function.runtime),
    }
    for key, (attribute, timeout) in _HOOKS.items():
        if handler := getattr(function, attribute):
            written[key] = {"handler": handler, "timeout": _seconds(getattr(function, timeout))}
    if function.python:
        written["python"] = function.python
    if function.instance_concurrency != 1:
        written["instanceConcurrency"] = function.instance_concurrency
    if function.layers:
        written["layers"] = [layer.directory or layer.arn for layer in function.layers]
    return written | _described(kept)


_HOOKS: Final = {
    "initializer": HOOKS["initializer"],
    "preFreeze": HOOKS["pre_freeze"],
    "preStop": HOOKS["pre_stop"],
}


def _program(kept: dict[str, Any], runtime: str) -> dict[str, Any]:
    """``command`` and ``port`` of a custom runtime, which are taken out of what is kept."""
    key = config_key(runtime)
    if runtime not in CUSTOM_RUNTIMES or not isinstance(kept.get(key), Mapping):
        return {}
    config, written = dict(kept.pop(key)), {}
    command, port = config.get("command"), config.get("port")
    if isinstance(command, list) and all(isinstance(word, str) and word.isprintable() and word for word in command):
        written["command"] = config.pop("command")
    if isinstance(port, int) and 1 <= port <= 65_535:
        written["port"] = config.pop("port")
    if config:
        kept[key] = config
    return written


def _described(kept: Mapping[str, Any]) -> dict[str, Any]:
    """``description``, and a block for the rest."""
    rest = {name: value for name, value in kept.items() if name != "description"}
    written: dict[str, Any] = {"description": kept["description"]} if kept.get("description") else {}
    return written | ({"kept": rest} if rest else {})


def _trigger(trigger: Trigger) -> dict[str, Any]:
    config = dict(trigger.config)
    written: dict[str, Any]
    if trigger.kind == TIMER:
        written = {"timer": config.pop("cronExpression", "")}
        if config.pop("enable", True) is False:
            written["enable"] = False
        if "payload" in config:
            written["payload"] = config.pop("payload")
    elif trigger.kind == HTTP:
        methods = config.pop("methods", [])
        written = {"http": "any" if set(methods) >= set(METHODS) or not methods else list(methods)}
        written["authType"] = config.pop("authType", DEFAULT_AUTH)
    else:
        written, config = {trigger.kind: config}, {}
    named = {
        "qualifier": "" if trigger.qualifier == LATEST else trigger.qualifier,
        "sourceArn": trigger.source_arn,
        "invocationRole": trigger.role,
        "description": trigger.description,
        "kept": config,
    }
    return written | {name: value for name, value in named.items() if value}


def _frozen(function: Function) -> dict[str, Any]:
    """A function as a version has it; ``description`` there is that of the version, so its own is with what is kept."""
    written = _function(function)
    if description := written.pop("description", ""):
        written["kept"] = {"description": description, **written.get("kept", {})}
    return written


def _version(owner: Owner, version: Version) -> dict[str, Any]:
    if owner.kind == "function":
        written = _frozen(version.functions[owner.name])
    else:
        kept = dict(version.service.kept) if version.service else {}
        written = {"functions": {name: _frozen(each) for name, each in version.functions.items()}, "kept": kept}
    return written | ({"description": version.description} if version.description else {})


def _alias(alias: Alias) -> dict[str, Any]:
    named = {"additionalVersionWeight": dict(alias.weights), "description": alias.description}
    return {"version": alias.version, **{name: value for name, value in named.items() if value}}


def _domain(domain: Domain) -> dict[str, Any]:
    written: dict[str, Any] = {"protocol": domain.protocol}
    if domain.routes:
        written["routes"] = {route.path: _route(route) for route in domain.routes}
    return written | ({"kept": dict(domain.kept)} if domain.kept else {})


def _route(route: Route) -> dict[str, Any]:
    named = {
        "qualifier": "" if route.qualifier == LATEST else route.qualifier,
        "methods": list(route.methods),
        "rewriteConfig": dict(route.rewrite),
    }
    return {"function": str(route.function), **{name: value for name, value in named.items() if value}}


def _settings(asked: AsyncSettings) -> dict[str, Any]:
    settings = {
        "maxAsyncRetryAttempts": asked.max_retries,
        "maxAsyncEventAgeInSeconds": None if asked.max_age is None else _seconds(asked.max_age),
        "onSuccess": None if asked.on_success is None else str(asked.on_success),
        "onFailure": None if asked.on_failure is None else str(asked.on_failure),
        "asyncTask": asked.task_mode,
    }
    return {name: value for name, value in settings.items() if value is not None}


def _seconds(duration: timedelta) -> int:
    return round(duration.total_seconds())


def document_of(definition: Definition) -> dict[str, Any]:
    """A definition as a mapping in native form, short: what is empty is left out, and directories count from where the
    definition was, if it was a file."""
    whole = native_form(
        definition.services, definition.functions, definition.async_settings, definition.extras, definition.stubs
    )
    document: dict[str, Any] = {}
    for name, key in (("region", "region"), ("account_id", "accountId")):
        if name in definition.options:
            document[key] = definition.options[name]
    root = None if definition.path is None else definition.path.parent
    for function in _functions_in(whole):
        _shorten(function, root)
    document |= {name: value for name, value in whole.items() if value}
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
        extras=_together([each.extras for each in definitions]),
        stubs=MappingProxyType({ref: steps for each in definitions for ref, steps in each.stubs.items()}),
    )


def _together(parts: Sequence[Extras]) -> Extras:
    """Several as one; of what an owner or a domain has, the last says."""
    return Extras(
        triggers=tuple(trigger for each in parts for trigger in each.triggers),
        versions={owner: versions for each in parts for owner, versions in each.versions.items()},
        aliases={owner: aliases for each in parts for owner, aliases in each.aliases.items()},
        domains=tuple({domain.name: domain for each in parts for domain in each.domains}.values()),
        capacities=tuple(capacity for each in parts for capacity in each.capacities),
    )


def _functions_in(document: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """All functions, also those that versions have frozen."""
    owners = [document, *document["services"].values()]
    owners += [version for owner in owners[1:] for version in owner.get("versions", {}).values()]
    for owner in owners:
        for function in owner["functions"].values():
            yield function
            yield from function.get("versions", {}).values()


def _shorten(function: dict[str, Any], root: Path | None) -> None:
    if not function["environmentVariables"]:
        del function["environmentVariables"]
    if root is not None:
        there = os.path.realpath(root)
        function["code"] = os.path.relpath(function["code"], there)
        layers = function.get("layers", [])
        function |= {"layers": [_beside(layer, there) for layer in layers]} if layers else {}
    if function["code"] == ".":
        del function["code"]


def _beside(layer: str, root: str) -> str:
    return layer if layer.startswith("acs:") else os.path.relpath(layer, root)


def _emulator(options: Mapping[str, object]) -> dict[str, Any]:
    """The ``emulator:`` block from options; the fields of its shapes have their names."""
    inner = {"clock": _written(ClockShape, options), "auth": _written(AuthShape, options)}
    return {name: block for name, block in inner.items() if block} | _written(EmulatorShape, options)


def _written(shape: type[Shape], options: Mapping[str, object]) -> dict[str, Any]:
    given = {key.name: options[key.field] for key in keys_of(shape).values() if key.field in options}
    return {name: _plain(value) for name, value in given.items()}


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case tuple():
            return list(value)
        case Mapping():
            return dict(value)
        case _:
            return value
