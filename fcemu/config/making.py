"""schema -> core definitions: one shape, one value; nothing here looks at files or at other definitions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from fcemu.config.function_shapes import AliasShape, AsyncShape, FunctionShape, HookShape, SettingsShape
from fcemu.config.kinds import Shape, Target, keys_of
from fcemu.config.schema import DomainShape, LayerShape, LayerVersionShape, RouteShape
from fcemu.config.tree import Scalar
from fcemu.config.trigger_shapes import QUALIFIER, TriggerShape
from fcemu.config.trigger_shapes import config_of as settings_of_kind
from fcemu.core.capacity import CONCURRENCY, ON_DEMAND, PROVISION, SCALING, Capacity
from fcemu.core.destinations import Destination
from fcemu.core.domains import Domain, Route
from fcemu.core.functions import DEFAULT_HOOK_TIMEOUT, AsyncSettings, Function, LayerRef, Package
from fcemu.core.layers import LayerVersion
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.programs import config_of
from fcemu.core.releases import Alias
from fcemu.core.triggers import HTTP, METHODS, TIMER, Trigger

CUSTOM_HANDLER: Final = "index.handler"
"""What FC's tools fill in for a custom runtime, which calls no handler by its name."""
DEFAULT_AUTH: Final = "anonymous"
HOOKS: Final = {
    "initializer": ("initializer", "initialization_timeout"),
    "pre_freeze": ("pre_freeze", "pre_freeze_timeout"),
    "pre_stop": ("pre_stop", "pre_stop_timeout"),
}
"""Fields of the shape, and the two attributes of a function that each becomes."""


def text_of(scalar: Scalar | None, otherwise: str = LATEST) -> str:
    """A text whose place was kept."""
    return otherwise if scalar is None else scalar.text


def function_of(
    base: Function, shape: SettingsShape, handler: Scalar | None, layer_of: Callable[[str], LayerRef]
) -> Function:
    """A function with what a shape says; all else as in ``base``."""
    chosen: dict[str, Any] = {}
    for name in ("runtime", "timeout", "memory_mb", "environment", "instance_concurrency"):
        if getattr(shape, name) is not None:
            chosen[name] = getattr(shape, name)
    if handler is not None:
        chosen["handler"] = handler.text
    if shape.layers is not None:
        chosen["layers"] = tuple(layer_of(text) for text in shape.layers)
    for name, (attribute, timeout) in HOOKS.items():
        if (hook := getattr(shape, name)) is not None:
            chosen[attribute], chosen[timeout] = _hook(hook)
    if (kept := _kept(base, shape, chosen.get("runtime", base.runtime))) != base.kept:
        chosen["kept"] = MappingProxyType(dict(kept))
    return replace(base, **chosen)


def _hook(shape: HookShape) -> tuple[str, timedelta]:
    return shape.handler.text, DEFAULT_HOOK_TIMEOUT if shape.timeout is None else shape.timeout


def _kept(base: Function, shape: SettingsShape, runtime: str) -> Mapping[str, Any]:
    """Settings by FC's names, among them what the program of a custom runtime needs."""
    kept = {**base.kept, **(shape.kept or {})}
    if shape.description is not None:
        kept["description"] = shape.description
    for key, program in config_of(runtime, shape.command or (), shape.port).items():
        before = kept.get(key)
        kept[key] = {**(before if isinstance(before, dict) else {}), **program}
    return kept


def kept_of(kept: Mapping[str, object] | None, description: str | None) -> Mapping[str, Any]:
    """Settings of a service or a version."""
    said = {} if description is None else {"description": description}
    return MappingProxyType({**(kept or {}), **said})


def settings_of(shape: AsyncShape) -> AsyncSettings:
    """The asynchronous settings that a shape says."""
    return AsyncSettings(
        max_retries=shape.max_retries,
        max_age=shape.max_age,
        on_success=_destination(shape.on_success),
        on_failure=_destination(shape.on_failure),
        task_mode=shape.task_mode,
    )


def _destination(target: Target | None) -> Destination | None:
    return None if target is None else target.destination


def trigger_of(ref: FunctionRef, name: str, shape: TriggerShape) -> Trigger:
    """A trigger with the settings of its kind in FC's words."""
    kind = next(word for word in shape.one_of if getattr(shape, word) is not None)
    return Trigger(
        function=ref,
        name=name,
        kind=kind,
        config={**_config(kind, shape), **(shape.kept or {})},
        qualifier=text_of(shape.qualifier),
        source_arn=shape.source_arn or "",
        role=shape.role or "",
        description=shape.description or "",
    )


def _config(kind: str, shape: TriggerShape) -> dict[str, Any]:
    if kind == TIMER:
        payload = {} if shape.payload is None else {"payload": shape.payload}
        return {"cronExpression": shape.timer, "enable": shape.enable is not False, **payload}
    if kind == HTTP:
        return {"authType": shape.auth_type or DEFAULT_AUTH, "methods": list(shape.http or METHODS)}
    given = getattr(shape, kind)
    if isinstance(given, Shape):
        return settings_of_kind(given)
    return dict(given) if isinstance(given, Mapping) else {}


CAPACITIES: Final = {"provision": PROVISION, "scaling": SCALING, "on_demand": ON_DEMAND}
"""Fields of a function's shape, and the kind of capacity that each is."""
BY_QUALIFIER: Final = (*CAPACITIES, "sources")
"""Fields of a function's shape that have several values, each with a qualifier."""


def capacities_of(ref: FunctionRef, shape: FunctionShape) -> Iterator[Capacity]:
    """How many instances a function may have, and how many are always there."""
    if (limit := shape.reserved_concurrency) is not None:
        # how 3.0 and 2.0 call a bound of running requests (timers-and-instances §2)
        kind, word = (CONCURRENCY, "reservedConcurrency") if ref.service is None else (ON_DEMAND, _MOST)
        yield Capacity(kind, ref, LATEST, MappingProxyType({word: limit}))
    for field, kind in CAPACITIES.items():
        for one in getattr(shape, field) or ():
            said = {
                key.name: getattr(one, key.field) for key in keys_of(type(one)).values() if key.field != QUALIFIER.name
            }
            kept = {name: value for name, value in said.items() if value is not None}
            yield Capacity(kind, ref, text_of(one.qualifier), MappingProxyType(kept))


_MOST: Final = "maximumInstanceCount"


def layer_of(name: str, number: int, layer: LayerShape, shape: LayerVersionShape, package: Package) -> LayerVersion:
    """One version of a layer."""
    return LayerVersion(
        name=name,
        version=number,
        package=package,
        description=shape.description or "",
        runtimes=shape.runtimes or (),
        license=shape.license or "",
        public=bool(layer.public),
    )


def alias_of(name: str, shape: AliasShape) -> Alias:
    """A name for a version."""
    return Alias(
        name=name,
        version=shape.version.text,
        description=shape.description or "",
        weights=dict(shape.weights or {}),
        kept=dict(shape.kept or {}),
    )


def domain_of(name: str, shape: DomainShape) -> Domain:
    """A custom domain with its routes in the order of the file."""
    return Domain(
        name=name,
        protocol=shape.protocol or "HTTP",
        routes=tuple(_route(path, route) for path, route in (shape.routes or {}).items()),
        kept=dict(shape.kept or {}),
    )


def _route(path: str, shape: RouteShape) -> Route:
    return Route(
        path=path,
        function=FunctionRef.parse(shape.function.text),
        qualifier=text_of(shape.qualifier),
        methods=shape.methods or (),
        rewrite=dict(shape.rewrite or {}),
    )
