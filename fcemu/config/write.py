"""This module writes core values as a definition in native form: as plain data, or as the text of a file."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, TypeVar

from fcemu.config.archives import written
from fcemu.config.core_values import CAPACITIES, LOOKED_UP
from fcemu.config.definition import Definition
from fcemu.config.emulator_block import EMULATOR
from fcemu.config.files import wrong
from fcemu.config.reading import is_readable
from fcemu.config.tree import is_number
from fcemu.config.variables import has_variables
from fcemu.core.capacity import CONCURRENCY, ON_DEMAND
from fcemu.core.defined import NO_EXTRAS, Extras
from fcemu.core.domains import Domain
from fcemu.core.fields.asynchronous import ASYNC
from fcemu.core.fields.domains import DOMAIN, ROUTE
from fcemu.core.fields.functions import FUNCTION
from fcemu.core.fields.kinds import Kind
from fcemu.core.fields.layers import LAYER_VERSION
from fcemu.core.fields.releases import ALIAS
from fcemu.core.fields.rows import Nested, Table
from fcemu.core.fields.shared import HOOK_TIMEOUT
from fcemu.core.fields.triggers import TRIGGER
from fcemu.core.functions import DEFAULT_HOOK_TIMEOUT, HOOKS, AsyncSettings, Function, LayerRef, Service
from fcemu.core.languages import CUSTOM_RUNTIMES
from fcemu.core.layers import LayerVersion, read_layer_arn
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.programs import config_key
from fcemu.core.releases import Owner, Version
from fcemu.core.stubs import Handler, Step, plain_step
from fcemu.core.triggers import HTTP, METHODS, TIMER, Trigger, read_http

T = TypeVar("T")
_LINE_ENDS: Final = re.compile("[\x85\u2028\u2029]")
"""What PyYAML would write as it is, and read as a blank."""


def native_form(
    services: Iterable[Service],
    functions: Iterable[Function],
    async_settings: Mapping[tuple[FunctionRef, str], AsyncSettings],
    extras: Extras = NO_EXTRAS,
    stubs: Mapping[FunctionRef, Sequence[Step | Handler]] = MappingProxyType({}),
    code: Callable[[str], Any] = written,
) -> dict[str, Any]:
    """Definitions as a mapping that ``read_mapping`` reads; directories are absolute, and written as ``code`` says.
    Only what is set is written of the asynchronous settings; stubs that call code of the test cannot be written."""
    functions = list(functions)
    writer = _Writer(async_settings, extras, code, {function.ref: function for function in functions})
    document: dict[str, Any] = {"functions": {}, "services": {}}
    for service in services:
        document["services"][service.name] = writer.service(service)
    for function in functions:
        name = function.ref.service
        owner = document if name is None else document["services"].setdefault(name, {"functions": {}})
        owner["functions"][function.ref.name] = writer.function(function)
    for layer in extras.layers:
        whole = document.setdefault("layers", {}).setdefault(layer.name, {"versions": {}})
        whole["versions"][str(layer.version)] = writer.layer(layer)
        whole |= {"public": True} if layer.public else {}
    if extras.domains:
        document["customDomains"] = {domain.name: _domain(domain) for domain in extras.domains}
    for ref, steps in stubs.items():
        plain = [plain_step(step) for step in steps]
        if None not in plain:
            document.setdefault("stubs", {})[str(ref)] = {"steps": plain}
    return {"expand": False, **document} if has_variables(document) else document


class _Writer:
    """Writes what belongs to an owner or a function along with it."""

    def __init__(
        self,
        async_settings: Mapping[tuple[FunctionRef, str], AsyncSettings],
        extras: Extras,
        code: Callable[[str], Any],
        now: Mapping[FunctionRef, Function],
    ) -> None:
        self._async = _by_function((ref, (qualifier, asked)) for (ref, qualifier), asked in async_settings.items())
        self._sources = _by_function((ref, (qualifier, arns)) for (ref, qualifier), arns in extras.sources.items())
        self._capacities = _by_function((each.function, each) for each in extras.capacities)
        self._triggers = _by_function((each.function, each) for each in extras.triggers)
        self._extras = extras
        self._code = code
        self._now = now
        self._arns = {(layer.name, layer.version) for layer in extras.layers}

    def service(self, service: Service) -> dict[str, Any]:
        """Without its functions."""
        written: dict[str, Any] = {"functions": {}, **_described(service.kept)}
        return written | self._of_owner(Owner("service", service.name))

    def function(self, function: Function) -> dict[str, Any]:
        """With its settings, triggers, and, in 3.0, versions and aliases."""
        written = {**_handler(function), **self._code_of(function), **self._settings(function)}
        if function.disabled is not None:
            written["disabled"] = function.disabled
        written |= self._capacities_of(function.ref)
        if sources := self._sources_of(function.ref):
            written["eventSources"] = sources
        if asked := self._asked_of(function.ref):
            written["asyncInvokeConfig"] = _alone(asked)
        own = self._triggers.get(function.ref, ())
        triggers = {each.name: _trigger(each) for each in own if self._leads(function.ref, each.qualifier)}
        if triggers:
            written["triggers"] = triggers
        return written if function.ref.service else written | self._of_owner(Owner.of(function.ref))

    def _code_of(self, function: Function) -> dict[str, Any]:
        """Where its code is, if it has any; ``unchecked`` where FC's API took handlers that are not in it."""
        if not function.code:
            return {}
        code, directory = self._code(function.code), os.path.realpath(function.code)
        if any(wrong(handler, directory, function.runtime) for handler in _handlers(function)):
            code = {**(code if isinstance(code, dict) else {"src": code}), "unchecked": True}
        return {"code": code}

    def layer(self, layer: LayerVersion) -> dict[str, Any]:
        """One version."""
        return {"code": self._code(layer.package.directory), **_fields(LAYER_VERSION, layer)}

    def _capacities_of(self, ref: FunctionRef) -> dict[str, Any]:
        """What is usual of a bound of instances is ``reservedConcurrency`` in both generations."""
        written: dict[str, Any] = {}
        for each in self._capacities.get(ref, ()):
            if not self._leads(ref, each.qualifier):
                continue
            if each.kind == CONCURRENCY or (each.kind == ON_DEMAND and each.qualifier == LATEST):
                written["reservedConcurrency"] = next(iter(each.kept.values()), 0)
            else:
                needed = {"maximumInstanceCount": 0} if each.kind == ON_DEMAND else {}
                config = _qualified(each.qualifier) | needed | dict(each.kept)
                written.setdefault(_CAPACITY_KEYS[each.kind], []).append(config)
        return {name: _alone(value) for name, value in written.items()}

    def _sources_of(self, ref: FunctionRef) -> list[dict[str, Any]]:
        return [
            {"sourceArn": arn} | _qualified(qualifier)
            for qualifier, arns in self._sources.get(ref, ())
            if self._leads(ref, qualifier)
            for arn in arns
        ]

    def _asked_of(self, ref: FunctionRef) -> list[dict[str, Any]]:
        """Settings of which nothing is set are there, too."""
        return [
            _qualified(qualifier) | _fields(ASYNC, asked, *_ASYNC, usual=True)
            for qualifier, asked in self._async.get(ref, ())
            if self._leads(ref, qualifier)
        ]

    def _leads(self, ref: FunctionRef, qualifier: str) -> bool:
        """Whether a qualifier still means something: its version or its alias may have been deleted."""
        owner = Owner.of(ref)
        return qualifier == LATEST or qualifier in self._ids(owner) or qualifier in self._aliases(owner)

    def _ids(self, owner: Owner) -> list[str]:
        return [version.id for version in self._extras.versions.get(owner, ())]

    def _aliases(self, owner: Owner) -> dict[str, Any]:
        """The aliases of an owner, without the versions that were deleted; what leads to no other is left out."""
        ids, written = self._ids(owner), {}
        for alias in self._extras.aliases.get(owner, ()):
            there = {version: share for version, share in alias.shares.items() if version in (LATEST, *ids)}
            if there:
                version = alias.version if alias.version in there else next(iter(there))
                left = version if version != alias.version else None
                weights = {name: share for name, share in alias.weights.items() if name in there and name != left}
                written[alias.name] = _fields(ALIAS, replace(alias, version=version, weights=weights))
        return written

    def _of_owner(self, owner: Owner) -> dict[str, Any]:
        settings = {
            "versions": {each.id: self._version(owner, each) for each in self._extras.versions.get(owner, ())},
            "aliases": self._aliases(owner),
            "tags": dict(self._extras.tags.get(owner, {})),
            "vpcBindings": [*self._extras.vpcs.get(owner, ())],
        }
        return {name: value for name, value in settings.items() if value}

    def _settings(self, function: Function) -> dict[str, Any]:
        """All but its handler and where its code is."""
        kept = dict(function.kept)
        written = _fields(FUNCTION, function, "runtime", "timeout", "memorySize", usual=True)
        written |= _fields(FUNCTION, function, "environmentVariables") | _program(kept, function.runtime)
        for key, field in FUNCTION.keys.items():
            if field.attribute in HOOKS:
                handler, timeout = (getattr(function, name) for name in (field.attribute, HOOKS[field.attribute]))
                if handler or timeout != DEFAULT_HOOK_TIMEOUT:
                    said = {"handler": handler} if handler else {}
                    written[key] = {**said, "timeout": HOOK_TIMEOUT.write(timeout)}
        if function.python:
            written["python"] = function.python
        rest = _fields(FUNCTION, function, *(key for key in FUNCTION.keys if key not in (*written, "kept")))
        written |= rest
        if function.layers:
            written["layers"] = [self._layer(layer) for layer in function.layers]
        return written | _described(kept)

    def _layer(self, layer: LayerRef) -> Any:
        """By its ARN where that leads to it, else by its directory."""
        if not layer.directory or read_layer_arn(layer.arn) in self._arns:
            return layer.arn
        code = self._code(layer.directory)
        return code if isinstance(code, str) else layer.directory

    def _frozen(self, function: Function) -> dict[str, Any]:
        """What differs in a version from what the function is now; all of it where something is there only now."""
        now = self._now.get(function.ref)
        written, current = self._of_version(function), {} if now is None else self._of_version(now)
        code = self._code_of(function)
        if now is None or function.code != now.code or _is_unchecked(code):
            written |= code
        lacks = current.keys() - written.keys() or (current and written.get("kept") != current.get("kept"))
        if lacks:
            return {"whole": True, **written}
        return {name: value for name, value in written.items() if value != current.get(name)}

    def _of_version(self, function: Function) -> dict[str, Any]:
        """``description`` there is that of the version, so the function's own is with what is kept."""
        written = {**_handler(function), **self._settings(function)}
        if "description" in written:
            written["kept"] = {"description": written.pop("description"), **written.get("kept", {})}
        return written

    def _version(self, owner: Owner, version: Version) -> dict[str, Any]:
        if owner.kind == "function":
            written = self._frozen(version.functions[owner.name])
        else:
            kept = dict(version.service.kept) if version.service else {}
            written = {
                "functions": {name: self._frozen(each) for name, each in version.functions.items()},
                "kept": kept,
            }
        return written | ({"description": version.description} if version.description else {})


def _by_function(pairs: Iterable[tuple[FunctionRef, T]]) -> dict[FunctionRef, list[T]]:
    """What belongs to functions, by function, so that writing all of them looks at each thing once."""
    found: dict[FunctionRef, list[T]] = {}
    for ref, one in pairs:
        found.setdefault(ref, []).append(one)
    return found


def _handler(function: Function) -> dict[str, str]:
    """A custom runtime may have none."""
    return {"handler": function.handler} if function.handler else {}


def _handlers(function: Function) -> list[str]:
    """The handler, and those of its hooks."""
    hooks = (getattr(function, attribute) for attribute in HOOKS)
    return [handler for handler in (function.handler, *hooks) if handler]


def _is_unchecked(code: Mapping[str, Any]) -> bool:
    inner = code.get("code")
    return isinstance(inner, dict) and "unchecked" in inner


def _alone(written: list[dict[str, Any]] | Any) -> Any:
    """One of a list is written without the list."""
    return written[0] if isinstance(written, list) and len(written) == 1 else written


def _qualified(qualifier: str) -> dict[str, Any]:
    return {} if qualifier == LATEST else {"qualifier": qualifier}


_CAPACITY_KEYS: Final = {
    kind: key for key, field in FUNCTION.keys.items() if (kind := CAPACITIES.get(field.attribute)) is not None
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
    written: dict[str, Any] = {"description": kept["description"]} if "description" in kept else {}
    return written | ({"kept": rest} if rest else {})


def _trigger(trigger: Trigger) -> dict[str, Any]:
    config = dict(trigger.config)
    written: dict[str, Any]
    if trigger.kind == TIMER:
        written = {"timer": config.pop("cronExpression", "")}
        if config.pop("enable", True) is False:
            written["enable"] = False
        if isinstance(config.get("payload"), str):
            written["payload"] = config.pop("payload")
    elif trigger.kind == HTTP:
        door = read_http(config)
        written = {"http": "any" if set(door.methods) >= set(METHODS) else list(dict.fromkeys(door.methods))}
        written["authType"] = door.auth_type
        config = {name: value for name, value in config.items() if name not in ("methods", "authType")}
    else:
        kind = TRIGGER.keys[trigger.kind].in_file
        own = _readable(kind.table, config) if isinstance(kind, Nested) else config
        written = {trigger.kind: own}
        config = {name: value for name, value in config.items() if name not in own}
    return written | _fields(TRIGGER, trigger) | ({"kept": config} if config else {})


def _readable(table: Table, config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a file may have; FC's API takes others, too."""
    keys = table.keys
    return {name: value for name, value in config.items() if name in keys and is_readable(keys[name], value)}


def _domain(domain: Domain) -> dict[str, Any]:
    routes = {route.path: _fields(ROUTE, route) for route in domain.routes}
    kept = {"kept": dict(domain.kept)} if domain.kept else {}
    return _fields(DOMAIN, domain, "protocol", usual=True) | ({"routes": routes} if routes else {}) | kept


def _fields(table: Table, core: object, *keys: str, usual: bool = False) -> dict[str, Any]:
    """What a core value says of the keys of a table, or of these; but for maps of their own. ``usual``: also what holds
    where nothing is said."""
    written: dict[str, Any] = {}
    for key in keys or table.keys:
        field = table.keys[key]
        kind, value = field.in_file, getattr(core, field.attribute or "_", None)
        if value is None or not isinstance(kind, Kind) or field.attribute in LOOKED_UP:
            continue
        plain = dict(value) if isinstance(value, Mapping) else kind.write(value)
        if usual or plain not in (field.default, *_NOTHING):
            written[key] = plain
    return written


_ASYNC: Final = dict.fromkeys(("maxAsyncRetryAttempts", "maxAsyncEventAgeInSeconds", *ASYNC.keys))
"""The keys of asynchronous settings in the order of a file."""
_NOTHING: Final[tuple[object, ...]] = ("", {}, [], ())


def document_of(definition: Definition) -> dict[str, Any]:
    """A definition as a mapping in native form, short: what is empty is left out, and directories count from where the
    definition was, if it was a file."""
    root = None if definition.path is None else os.path.realpath(definition.path.parent)
    whole = native_form(
        definition.services,
        definition.functions,
        definition.async_settings,
        definition.extras,
        definition.stubs,
        lambda directory: _beside(written(directory), root),
    )
    document: dict[str, Any] = {}
    for name, key in (("region", "region"), ("account_id", "accountId")):
        if name in definition.options:
            document[key] = definition.options[name]
    for owner in (whole, *whole["services"].values()):
        for function in owner["functions"].values():
            if function.get("code") == ".":
                del function["code"]
    document |= {name: value for name, value in whole.items() if value or name == "expand"}
    if emulator := _options(EMULATOR, definition.options):
        document["emulator"] = emulator
    return document


def native_text(definition: Definition) -> str:
    """A definition as the text of a native file, to be kept where the definition was."""
    return text_of(document_of(definition))


def text_of(document: Mapping[str, Any]) -> str:
    """A document in native form as YAML, which ``parse`` reads as the same: a text such as ``1e3``, which is a number
    in YAML 1.2 only, has quotes, and so has one with a line end of Unicode, which is escaped in them."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def represent(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
        style = '"' if _LINE_ENDS.search(text) else "'" if is_number(text) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent)
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)


def _beside(code: Any, root: str | None) -> Any:
    """A path as it counts from a directory; files that are in the definition itself, as they are."""
    return os.path.relpath(code, root) if root is not None and isinstance(code, str) else code


def _options(table: Table, options: Mapping[str, object]) -> dict[str, Any]:
    """A map of the ``emulator:`` block from options; the attributes of its fields have their names."""
    found: dict[str, Any] = {}
    for key, field in table.keys.items():
        match field.in_file:
            case Nested(inner) if block := _options(inner, options):
                found[key] = block
            case Kind() as kind if field.attribute in options:
                found[key] = kind.write(options[field.attribute])
    return found
