"""What a file says -> core definitions: one map, one value; nothing here looks at files or at other definitions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from fcemu.config.reading import NONE, Said
from fcemu.core.capacity import CONCURRENCY, ON_DEMAND, PROVISION, SCALING, Capacity
from fcemu.core.domains import Domain, Route
from fcemu.core.fields.functions import FUNCTION
from fcemu.core.fields.rows import Nested
from fcemu.core.functions import DEFAULT_HOOK_TIMEOUT, HOOKS, AsyncSettings, Function, LayerRef, Package
from fcemu.core.layers import LayerVersion
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.programs import config_of
from fcemu.core.releases import Alias
from fcemu.core.triggers import HTTP, METHODS, TIMER, Trigger

CUSTOM_HANDLER: Final = "index.handler"
"""What FC's tools fill in for a custom runtime, which calls no handler by its name."""
LOOKED_UP: Final = frozenset({"layers", "python", "disabled", "code"})
"""What of a function is not as the file has it, or no version has."""
_AS_SAID: Final = tuple(
    field.attribute
    for field in FUNCTION.keys.values()
    if field.attribute in {each.name for each in fields(Function)} - LOOKED_UP and not isinstance(field.in_file, Nested)
)


def function_of(base: Function, said: Said, layer_of: Callable[[str], LayerRef]) -> Function:
    """A function with what a file says; all else as in ``base``."""
    chosen: dict[str, Any] = {name: said[name] for name in _AS_SAID if name in said}
    if "environment" in said:
        chosen["environment"] = MappingProxyType(said["environment"])
    if "layers" in said:
        chosen["layers"] = tuple(map(layer_of, said["layers"]))
    for name, timeout in HOOKS.items():
        if name in said:
            hook = said[name].kept
            chosen[name] = hook.get("handler", "")
            chosen[timeout] = timedelta(seconds=hook["timeout"]) if "timeout" in hook else DEFAULT_HOOK_TIMEOUT
    if (kept := _kept(base, said, chosen.get("runtime", base.runtime))) != base.kept:
        chosen["kept"] = MappingProxyType(kept)
    return replace(base, **chosen)


def _kept(base: Function, said: Said, runtime: str) -> dict[str, Any]:
    """Settings by FC's names, among them what the program of a custom runtime needs."""
    kept = {**base.kept, **said.get("kept", {}), **said.kept}
    if "command" not in said and "port" not in said:
        return kept
    for key, program in config_of(runtime, said.get("command", ()), said.get("port")).items():
        before = kept.get(key)
        kept[key] = {**(before if isinstance(before, dict) else {}), **program}
    return kept


def kept_of(said: Said) -> Mapping[str, Any]:
    """Settings of a service."""
    return MappingProxyType({**said.get("kept", {}), **said.kept})


def qualifier_of(said: Said) -> str:
    """For which version or alias settings are."""
    return str(said.get("qualifier", LATEST))


def settings_of(said: Said) -> AsyncSettings:
    """Asynchronous settings."""
    return AsyncSettings(**{name: value for name, value in said.items() if name != "qualifier"})


def trigger_of(ref: FunctionRef, name: str, said: Said, kind: str) -> Trigger:
    """A trigger with the settings of its kind in FC's words."""
    own = {key: value for key, value in said.items() if key in ("source_arn", "role", "description", "qualifier")}
    return Trigger(function=ref, name=name, kind=kind, config={**_config(kind, said), **said.get("kept", {})}, **own)


def _config(kind: str, said: Said) -> dict[str, Any]:
    if kind == TIMER:
        payload = {"payload": said["payload"]} if "payload" in said else {}
        return {"cronExpression": said["timer"], "enable": said.get("enable", True), **payload}
    if kind == HTTP:
        return {"authType": said.get("auth_type", "anonymous"), "methods": list(said["http"] or METHODS)}
    settings = said[kind]
    return settings.kept if isinstance(settings, Said) else dict(settings)


CAPACITIES: Final = {"provision": PROVISION, "scaling": SCALING, "on_demand": ON_DEMAND}
"""What a file says of a function, and the kind of capacity that each is."""
BY_QUALIFIER: Final = (*CAPACITIES, "sources")
"""What of a function has several values, each with a qualifier."""


def capacities_of(ref: FunctionRef, said: Said) -> Iterator[Capacity]:
    """How many instances a function may have, and how many are always there."""
    if (limit := said.get("reserved_concurrency")) is not None:
        # how 3.0 and 2.0 call a bound of running requests (timers-and-instances §2)
        kind, word = (
            (CONCURRENCY, "reservedConcurrency") if ref.service is None else (ON_DEMAND, "maximumInstanceCount")
        )
        yield Capacity(kind, ref, LATEST, MappingProxyType({word: limit}))
    for name, kind in CAPACITIES.items():
        for one in said.get(name, ()):
            yield Capacity(kind, ref, qualifier_of(one), MappingProxyType(one.kept))


def layer_of(name: str, number: int, layer: Said, said: Said, package: Package) -> LayerVersion:
    """One version of a layer."""
    own = {key: value for key, value in said.items() if key != "code"}
    return LayerVersion(name=name, version=number, package=package, public=layer.get("public", False), **own)


def alias_of(name: str, said: Said) -> Alias:
    """A name for a version."""
    return Alias(name=name, **said)


def domain_of(name: str, said: Said) -> Domain:
    """A custom domain with its routes in the order of the file."""
    routes = tuple(Route(path=path, **route) for path, route in said.get("routes", NONE).items())
    return Domain(name=name, **{**said, "routes": routes})
