"""Fields that several API versions write alike."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from fcemu.api.json_body import Body, label
from fcemu.api.shapes import (
    FLAG,
    FUNCTION_3_0,
    HANDLER,
    JSON_OBJECT,
    LAYER_ARNS,
    LIST,
    NAME,
    OBJECT,
    PATH,
    ROUTE_QUALIFIER,
    TEXT,
    TEXTS,
    TIMES,
    WEIGHTS,
    Acts,
    Field,
    Keeps,
    Kind,
    Shape,
    Shows,
    View,
    bounded,
    kind,
    one_of,
    read_value,
    required,
    seconds,
    time_text,
    variables,
    whole,
)
from fcemu.core.destinations import Destination, destination_arn, parse_destination
from fcemu.core.domains import Domain, Route
from fcemu.core.errors import InvalidArgument
from fcemu.core.functions import (
    DEFAULT_EVENT_AGE,
    DEFAULT_HOOK_TIMEOUT,
    DEFAULT_RETRIES,
    RUNTIMES,
    Function,
    LayerRef,
)
from fcemu.core.layers import LayerVersion
from fcemu.core.limits import Limits
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.triggers import METHODS, Trigger
from fcemu.core.values import dataclass
from fcemu.engine.control import Deployed

HOOK_SECONDS: Final = seconds(lambda limits: (1, limits.hook_timeout_max_seconds))
QUALIFIER: Final = kind(lambda value: value if isinstance(value, str) else None, "a version, an alias or LATEST")
RUNTIME: Final = kind(lambda value: value if value in RUNTIMES else None, " | ".join(RUNTIMES))
LAYERS: Final = Kind(
    lambda value, limits: None if (arns := LAYER_ARNS.read(value, limits)) is None else tuple(map(LayerRef, arns)),
    LAYER_ARNS.expected,
    lambda layers: [layer.arn for layer in layers],
)


def runs(*, in_service: bool) -> tuple[Field, ...]:
    """What every version says of how a function runs. ``in_service``: those of 2.0."""
    concurrency = bounded(lambda limits: (1, limits.instance_concurrency_max))
    return (
        Acts("runtime", RUNTIME, "runtime"),
        Acts("handler", HANDLER, "handler"),
        Acts("timeout", seconds(lambda limits: (1, limits.timeout_max_seconds)), "timeout"),
        Acts("memorySize", bounded(lambda limits: (limits.memory_min_mb, limits.memory_max_mb), 64), "memory_mb"),
        Acts("environmentVariables", variables(in_service=in_service), "environment"),
        Acts("instanceConcurrency", concurrency, "instance_concurrency"),
    )


CODE: Final[tuple[Field, ...]] = (
    Shows("codeSize", lambda function, asking: asking.control.package(function).size_bytes),
    Shows("codeChecksum", lambda function, asking: asking.control.package(function).checksum),
)

VERSION: Final = Shape.of(
    Shows("versionId", lambda version, _: version.id),
    Shows("description", lambda version, _: version.description),
    *TIMES,
)
ALIAS: Final[tuple[Field, ...]] = (
    Shows("aliasName", lambda alias, _: alias.name),
    Acts("versionId", TEXT, "version"),
    Acts("description", TEXT, "description"),
    Acts("additionalVersionWeight", WEIGHTS, "weights"),
)


def trigger_fields(write_config: Kind) -> tuple[Field, ...]:
    """``triggerConfig`` is an object or a text that holds one, by version (wire-api §8, 10)."""
    return (
        Shows("triggerName", lambda trigger, _: trigger.name),
        Shows("triggerId", lambda trigger, _: trigger.stamp.id),
        Shows("triggerType", lambda trigger, _: trigger.kind),
        Acts("triggerConfig", write_config, "config"),
        Acts("sourceArn", TEXT, "source_arn"),
        Acts("invocationRole", TEXT, "role"),
        Acts("qualifier", QUALIFIER, "qualifier"),
        Acts("description", TEXT, "description"),
        *TIMES,
    )


CONFIG_OBJECT: Final = JSON_OBJECT
CONFIG_TEXT: Final = JSON_OBJECT._replace(
    write=lambda config: json.dumps(config, ensure_ascii=False, separators=(",", ":"))
)


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """``instanceLifecycleConfig``: hooks with handler and timeout. Given, it replaces all of its hooks."""

    hooks: Mapping[str, str]
    """Attributes by the names on the wire; the timeouts' attributes end in ``_timeout``."""

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        if "instanceLifecycleConfig" not in body:
            return {}
        given = Body(read_value(OBJECT, body["instanceLifecycleConfig"], "instanceLifecycleConfig", limits))
        changes: dict[str, Any] = {}
        for name, attribute in self.hooks.items():
            hook = Body(read_value(OBJECT, given.get(name, {}), name, limits))
            changes[attribute] = read_value(HANDLER, hook.get("handler", ""), f"{name}.handler", limits)
            changes[timeout_of(attribute)] = (
                read_value(HOOK_SECONDS, hook["timeout"], f"{name}.timeout", limits)
                if "timeout" in hook
                else DEFAULT_HOOK_TIMEOUT
            )
        return changes

    def write(self, function: Function, asking: View) -> dict[str, Any]:
        config = {
            name: {"handler": handler, "timeout": HOOK_SECONDS.write(getattr(function, timeout_of(attribute)))}
            for name, attribute in self.hooks.items()
            if (handler := getattr(function, attribute))
        }
        return {"instanceLifecycleConfig": config} if config else {}


def timeout_of(attribute: str) -> str:
    """The attribute that holds a hook's timeout."""
    return "initialization_timeout" if attribute == "initializer" else f"{attribute}_timeout"


# Asynchronous settings. What is shown is a ``Deployed``.


@dataclass(frozen=True, slots=True)
class Destinations:
    """``destinationConfig``: ARNs of what hears of successes and failures, shown as they were written.

    ASSUMED: given, it clears the side that is missing in it (async-invocation §7).
    """

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        if "destinationConfig" not in body:
            return {}
        config = Body(read_value(OBJECT, body["destinationConfig"], "destinationConfig", limits))
        changes: dict[str, Any] = {"on_success": None, "on_failure": None}
        written: dict[str, str] = {}
        for name, attribute in (("onSuccess", "on_success"), ("onFailure", "on_failure")):
            inner = Body(read_value(OBJECT, config.get(name, {}), name, limits))
            arn = read_value(TEXT, inner.get("destination", ""), f"{name}.destination", limits)
            if arn:
                changes[attribute] = _destination(arn, name, limits)
                written[name] = arn
        return changes | {"kept": written}

    def write(self, deployed: Deployed, asking: View) -> dict[str, Any]:
        settings = deployed.settings
        config = {}
        for name, destination in (("onSuccess", settings.on_success), ("onFailure", settings.on_failure)):
            if destination is not None:
                arn = settings.kept.get(name) or destination_arn(destination, asking.account)
                config[name] = {"destination": arn}
        return {"destinationConfig": config}


def _destination(arn: str, name: str, limits: Limits) -> Destination:
    if len(arn) > limits.destination_arn_characters:
        raise InvalidArgument(
            f"{label(name)} destination is longer than {limits.destination_arn_characters} characters"
        )
    try:
        if not arn.isprintable():
            raise ValueError("expected a text that can be printed")
        return parse_destination(arn)
    except ValueError as wrong:
        raise InvalidArgument(f"{label(name)} destination is set to an invalid value: {wrong}") from None


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of asynchronous settings. ``default`` is what holds, and is shown, where it is not set."""

    name: str
    kind: Kind
    attribute: str
    default: Any

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        return {self.attribute: read_value(self.kind, body[self.name], self.name, limits)} if self.name in body else {}

    def write(self, deployed: Deployed, asking: View) -> dict[str, Any]:
        value = getattr(deployed.settings, self.attribute)
        return {self.name: self.kind.write(self.default if value is None else value)}


def async_fields(task_mode: str) -> tuple[Field, ...]:
    """``task_mode``: what the version calls it."""
    return (
        Shows("createdTime", lambda deployed, asking: TIMES[0].of(deployed.settings, asking)),
        Shows("lastModifiedTime", lambda deployed, asking: TIMES[1].of(deployed.settings, asking)),
        Destinations(),
        Setting(
            "maxAsyncEventAgeInSeconds",
            seconds(lambda limits: (1, limits.event_age_max_seconds)),
            "max_age",
            DEFAULT_EVENT_AGE,
        ),
        Setting(
            "maxAsyncRetryAttempts",
            bounded(lambda limits: (0, limits.retry_attempts_max)),
            "max_retries",
            DEFAULT_RETRIES,
        ),
        Setting(task_mode, FLAG, "task_mode", False),
    )


@dataclass(frozen=True, slots=True)
class Routes:
    """``routeConfig``: what the paths of a domain lead to; replaced as a whole (wire-api §9)."""

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        if "routeConfig" not in body:
            return {}
        config = Body(read_value(OBJECT, body["routeConfig"], "routeConfig", limits))
        routes = read_value(LIST, config.get("routes", []), "routes", limits)
        made = [_route(Body(read_value(OBJECT, each, "routes", limits)), limits) for each in routes]
        if len({route.path for route in made}) < len(made):
            raise InvalidArgument("Routes must not have a path twice")
        return {"routes": tuple(made)}

    def write(self, domain: Domain, asking: View) -> dict[str, Any]:
        return {"routeConfig": {"routes": [_write_route(route) for route in domain.routes]}}


def _methods(value: Any) -> tuple[str, ...] | None:
    known = isinstance(value, list) and all(isinstance(each, str) and each.upper() in METHODS for each in value)
    return tuple(dict.fromkeys(each.upper() for each in value)) if known else None


_METHODS: Final = kind(_methods, f"a list of {' | '.join(METHODS)}")


def _route(given: Body, limits: Limits) -> Route:
    path = required(given, "path", PATH, limits)
    service = read_value(NAME, given["serviceName"], "serviceName", limits) if "serviceName" in given else None
    name = required(given, "functionName", FUNCTION_3_0 if service is None else NAME, limits)
    return Route(
        path=path,
        function=FunctionRef(name, service),
        qualifier=read_value(ROUTE_QUALIFIER, given.get("qualifier", ""), "qualifier", limits) or LATEST,
        methods=read_value(_METHODS, given.get("methods", []), "methods", limits),
        rewrite=read_value(OBJECT, given.get("rewriteConfig", {}), "rewriteConfig", limits),
    )


def _write_route(route: Route) -> dict[str, Any]:
    written: dict[str, Any] = {"path": route.path, "functionName": route.function.name, "qualifier": route.qualifier}
    if route.function.service is not None:
        written["serviceName"] = route.function.service
    if route.methods:
        written["methods"] = list(route.methods)
    if route.rewrite:
        written["rewriteConfig"] = route.rewrite
    return written


_PROTOCOL: Final = one_of("HTTP", "HTTPS", "HTTP,HTTPS")
_CERTIFICATE: Final = OBJECT._replace(write=lambda config: {**config, "privateKey": None})
"""The private key is never shown (wire-api §9)."""


def domain_fields(*kept: str) -> Shape:
    """``kept``: the other configurations of the version, all objects."""
    return Shape.of(
        Shows("domainName", lambda domain, _: domain.name),
        Shows("accountId", lambda domain, asking: asking.account.id),
        Shows("apiVersion", lambda domain, asking: asking.version),
        Acts("protocol", _PROTOCOL, "protocol"),
        Routes(),
        Keeps("certConfig", _CERTIFICATE),
        *(Keeps(name, OBJECT) for name in kept),
        *TIMES,
    )


def layer_fields(arn: str, write_acl: Callable[[bool], Any]) -> Shape:
    """``arn``: what the version calls the ARN; ``write_acl``: how it writes whether the layer is public."""
    return Shape.of(
        Shows("layerName", lambda layer, _: layer.name),
        Shows("version", lambda layer, _: layer.version),
        Shows(arn, lambda layer, asking: layer.arn(asking.account)),
        Acts("description", TEXT, "description"),
        Acts("compatibleRuntime", TEXTS, "runtimes"),
        Acts("license", TEXT, "license"),
        Shows("code", lambda layer, asking: {"repositoryType": "OSS", "location": _layer_url(layer, asking)}),
        Shows("codeSize", lambda layer, _: layer.package.size_bytes),
        Shows("codeChecksum", lambda layer, _: layer.package.checksum),
        Shows("acl", lambda layer, _: write_acl(layer.public)),
        Shows("createTime", lambda layer, _: time_text(layer.stamp.created)),
    )


def _layer_url(layer: LayerVersion, asking: View) -> str:
    """Where the content of a layer can be fetched: on this server."""
    return f"{asking.base_url}/_fcemu/layers/{quote(layer.name, safe='')}/{layer.version}"


COUNT: Final = whole(0, 1_000_000)
CURRENT: Final = Shows("current", lambda capacity, _: capacity.kept.get("target", 0))
"""ASSUMED: provisioned instances are there at once."""


def trigger_url(trigger: Trigger, asking: View) -> str:
    """Where an HTTP trigger can be reached: on this server."""
    return f"{asking.base_url}/{trigger.stamp.id}"
