"""This module makes the shapes of all resources from the rows of their fields."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from fcemu.api.json_body import Body, label, read_json
from fcemu.api.shapes import Member, Shape, Shows, Told, View, read_value, required, time_text
from fcemu.core.destinations import Destination, destination_arn
from fcemu.core.domains import Domain, Route
from fcemu.core.errors import InvalidArgument
from fcemu.core.fields import asynchronous, domains, functions, layers, releases
from fcemu.core.fields.kinds import LIST, OBJECT, TEXT, AnyMap, Kind, Wrong
from fcemu.core.fields.rows import ABSENT, IN_2_0, Effect, Field, Table
from fcemu.core.functions import DEFAULT_HOOK_TIMEOUT, HOOKS, Function
from fcemu.core.layers import LayerVersion
from fcemu.core.limits import Limits
from fcemu.core.names import LATEST, FunctionRef, function_arn
from fcemu.core.releases import Owner
from fcemu.core.triggers import HTTP, INTERNAL, Trigger
from fcemu.core.values import dataclass
from fcemu.engine.control import Deployed

Show = Callable[[Any, View], Any]
"""What an answer has under a key, from the resource and the request; ``ABSENT`` leaves the key out."""


def shape(
    table: Table,
    version: str,
    shown: Mapping[str, Show],
    kinds: Mapping[str, Kind] | None = None,
    first: Callable[[Field], Any] | None = None,
) -> Shape:
    """How an API version writes a resource: a key for each of the table's rows that the version has, in their order.

    ``shown``: the values of keys that callers do not give, and of those that are not shown as they were given.
    ``kinds``: special ones of this version, by name. ``first``: by what the rows are sorted, where their order is
    another.
    """
    rows = table.of(version)
    if first is not None:
        rows = tuple(sorted(rows, key=first))
    members: list[Member] = []
    inside: dict[str, list[Field]] = {}
    for row in rows:
        if row.inside:
            inside.setdefault(row.inside, []).append(row)
    for row in rows:
        if row.inside:
            if there := inside.pop(row.inside, None):
                members.append(_OBJECTS[row.inside](there))
            continue
        name = row.name_in(version)
        if row.effect is not Effect.SHOWS:
            members.append(Told(row, name, _kind(row, version, kinds or {})))
        if row.effect is Effect.SHOWS or row.name in shown:
            members.append(Shows(name, shown[row.name]))
    return Shape(members)


def _kind(row: Field, version: str, kinds: Mapping[str, Kind]) -> Kind:
    kind = kinds.get(row.name) or _single(row)
    return kind.in_service() if version in IN_2_0 else kind


def _single(row: Field) -> Kind:
    """The kind of a field that has no rows of its own."""
    assert isinstance(row.kind, Kind), f"{row.name} stands inside of no object that reads its rows"
    return row.kind


TIMES: Final[dict[str, Show]] = {
    "createdTime": lambda resource, _: time_text(resource.stamp.created),
    "lastModifiedTime": lambda resource, _: time_text(resource.stamp.modified),
}


# Services and functions.

SERVICE_SHOWN: Final[dict[str, Show]] = TIMES | {
    "serviceName": lambda service, _: service.name,
    "serviceId": lambda service, _: service.stamp.id,
}


def _tags(function: Function, asking: View) -> list[dict[str, str]]:
    tags = asking.control.tags(Owner.of(function.ref))
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _restriction(function: Function, asking: View) -> Any:
    if function.disabled is None:
        return ABSENT
    return {"disable": True, "reason": function.disabled, "lastModifiedTime": time_text(function.stamp.modified)}


FUNCTION_SHOWN: Final[dict[str, Show]] = TIMES | {
    "functionName": lambda function, _: function.ref.name,
    "functionId": lambda function, _: function.stamp.id,
    "functionArn": lambda function, asking: function_arn(function.ref, LATEST, asking.account),
    "codeSize": lambda function, asking: asking.control.package(function).size_bytes,
    "codeChecksum": lambda function, asking: asking.control.package(function).checksum,
    "tags": _tags,
    "layersArnV2": lambda function, _: [layer.arn for layer in function.layers],
    "invocationRestriction": _restriction,
    "state": lambda function, _: "Active",
    "lastUpdateStatus": lambda function, _: "Successful",
}


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """``instanceLifecycleConfig``: hooks with handler and timeout. Given, it replaces all of its hooks."""

    hooks: Sequence[Field]

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        if "instanceLifecycleConfig" not in body:
            return {}
        given = Body(read_value(OBJECT, body["instanceLifecycleConfig"], "instanceLifecycleConfig", limits))
        changes: dict[str, Any] = {}
        for row in self.hooks:
            hook = Body(read_value(OBJECT, given.get(row.name, {}), row.name, limits))
            handler, timeout = hook.get("handler", ""), hook.get("timeout")
            changes[row.attribute] = read_value(_HANDLER, handler, f"{row.name}.handler", limits)
            changes[HOOKS[row.attribute]] = (
                DEFAULT_HOOK_TIMEOUT
                if timeout is None
                else read_value(_HOOK_TIMEOUT, timeout, f"{row.name}.timeout", limits)
            )
        return changes

    def write(self, function: Function, asking: View) -> dict[str, Any]:
        config = {
            row.name: {"handler": handler, "timeout": _HOOK_TIMEOUT.write(getattr(function, HOOKS[row.attribute]))}
            for row in self.hooks
            if (handler := getattr(function, row.attribute))
        }
        return {"instanceLifecycleConfig": config} if config else {}


_HANDLER: Final = _single(functions.HOOK.field("handler"))
_HOOK_TIMEOUT: Final = _single(functions.HOOK.field("timeout"))


# Versions, aliases, triggers.

VERSION: Final = shape(releases.VERSION, IN_2_0[0], TIMES | {"versionId": lambda version, _: version.id})
"""Alike in all versions of the API."""
ALIAS_SHOWN: Final[dict[str, Show]] = TIMES | {"aliasName": lambda alias, _: alias.name}


@dataclass(frozen=True, slots=True)
class TriggerConfig(AnyMap):
    """An object, also as a text that holds JSON; what is shown is one or the other, by version (wire-api §8, 10)."""

    as_text: bool

    def read(self, given: Any, limits: Limits) -> Any:
        if isinstance(given, str):
            try:
                given = read_json(given)
            except ValueError:
                return Wrong()
        return OBJECT.read(given, limits)

    def write(self, value: Any) -> Any:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if self.as_text else value

    def allowed(self, limits: Limits) -> str:
        return "an object, or a string that holds one as JSON"


def trigger_url(trigger: Trigger, base_url: str) -> str:
    """Where an HTTP trigger can be reached: on the server of that address."""
    return f"{base_url}/{trigger.stamp.id}"


def _http(trigger: Trigger, asking: View) -> Any:
    if trigger.kind != HTTP:
        return ABSENT
    url = trigger_url(trigger, asking.base_url)
    return {"urlInternet": url, "urlIntranet": f"{url}{INTERNAL}"}


TRIGGER_SHOWN: Final[dict[str, Show]] = TIMES | {
    "triggerName": lambda trigger, _: trigger.name,
    "triggerId": lambda trigger, _: trigger.stamp.id,
    "triggerType": lambda trigger, _: trigger.kind,
    "urlInternet": lambda trigger, asking: trigger_url(trigger, asking.base_url) if trigger.kind == HTTP else ABSENT,
    "status": lambda trigger, _: "",
    "targetArn": lambda trigger, asking: function_arn(trigger.function, trigger.qualifier, asking.account),
    "httpTrigger": _http,
}


# Asynchronous settings.


@dataclass(frozen=True, slots=True)
class Destinations:
    """``destinationConfig``: ARNs of what hears of successes and failures, shown as they were written.

    ASSUMED: A ``destinationConfig`` replaces the stored one as a whole, so that fcemu clears the destination that it
    leaves out (async-invocation §7).
    """

    sides: Sequence[Field]

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        if "destinationConfig" not in body:
            return {}
        config = Body(read_value(OBJECT, body["destinationConfig"], "destinationConfig", limits))
        changes: dict[str, Any] = {row.attribute: None for row in self.sides}
        written: dict[str, str] = {}
        for row in self.sides:
            inner = Body(read_value(OBJECT, config.get(row.name, {}), row.name, limits))
            arn = read_value(TEXT, inner.get("destination", ""), f"{row.name}.destination", limits)
            if arn:
                changes[row.attribute] = _destination(arn, row, limits)
                written[row.name] = arn
        return changes | {"kept": written}

    def write(self, deployed: Deployed, asking: View) -> dict[str, Any]:
        settings = deployed.settings
        config = {}
        for row in self.sides:
            destination = getattr(settings, row.attribute)
            if destination is not None:
                arn = settings.kept.get(row.name) or destination_arn(destination, asking.account)
                config[row.name] = {"destination": arn}
        return {"destinationConfig": config}


def _destination(arn: str, row: Field, limits: Limits) -> Destination:
    if len(arn) > limits.destination_arn_characters:
        raise InvalidArgument(
            f"{label(row.name)} destination is longer than {limits.destination_arn_characters} characters"
        )
    found = _single(row).read(arn, limits)
    if isinstance(found, Wrong):
        why = found.says or "expected a printable string"
        raise InvalidArgument(f"{label(row.name)} destination is set to an invalid value: {why}")
    return found  # type: ignore[no-any-return]  # what the kind reads


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of asynchronous settings; what is shown is a ``Deployed``."""

    told: Told

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        return self.told.read(body, limits)

    def write(self, deployed: Deployed, asking: View) -> dict[str, Any]:
        return self.told.write(deployed.settings, asking)


def _of_settings(show: Show) -> Show:
    return lambda deployed, asking: show(deployed.settings, asking)


ASYNC_SHOWN: Final[dict[str, Show]] = {name: _of_settings(show) for name, show in TIMES.items()} | {
    "service": lambda deployed, _: deployed.ref.service,
    "function": lambda deployed, _: deployed.ref.name,
    "qualifier": lambda deployed, _: deployed.qualifier,
    "functionArn": lambda deployed, asking: function_arn(deployed.ref, deployed.qualifier, asking.account),
}


def async_shape(version: str) -> Shape:
    """The asynchronous settings of a qualifier."""
    members = shape(asynchronous.ASYNC, version, ASYNC_SHOWN)
    return Shape(Setting(each) if isinstance(each, Told) else each for each in members)


# Custom domains.


@dataclass(frozen=True, slots=True)
class Routes:
    """``routeConfig``: what the paths of a domain lead to; replaced as a whole (wire-api §9)."""

    rows: Sequence[Field]

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        if "routeConfig" not in body:
            return {}
        config = Body(read_value(OBJECT, body["routeConfig"], "routeConfig", limits))
        routes = read_value(LIST, config.get("routes", []), "routes", limits)
        made = [_route(Body(read_value(OBJECT, each, "routes", limits)), limits) for each in routes]
        if len({route.path for route in made}) < len(made):
            raise InvalidArgument("Routes must not have the same path twice")
        return {"routes": tuple(made)}

    def write(self, domain: Domain, asking: View) -> dict[str, Any]:
        return {"routeConfig": {"routes": [_write_route(route) for route in domain.routes]}}


_ROUTE: Final = {row.name: _single(row) for row in domains.ROUTE.fields}


def _route(given: Body, limits: Limits) -> Route:
    def may(name: str, otherwise: Any) -> Any:
        return read_value(_ROUTE[name], given.get(name, otherwise), name, limits)

    path = required(given, "path", _ROUTE["path"], limits)
    service = may("serviceName", None) if "serviceName" in given else None
    name = required(given, "functionName", _ROUTE["functionName" if service is None else "serviceName"], limits)
    return Route(
        path=path,
        function=FunctionRef(name, service),
        qualifier=may("qualifier", "") or LATEST,
        methods=may("methods", []),
        rewrite=may("rewriteConfig", {}),
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


class Certificate(AnyMap):
    """The private key is never shown (wire-api §9)."""

    __slots__ = ()

    def write(self, value: Any) -> Any:
        return {**value, "privateKey": None}


DOMAIN_SHOWN: Final[dict[str, Show]] = TIMES | {
    "domainName": lambda domain, _: domain.name,
    "accountId": lambda domain, asking: asking.account.id,
    "apiVersion": lambda domain, asking: asking.version,
}


def domain_shape(version: str) -> Shape:
    """A custom domain."""
    return shape(domains.DOMAIN, version, DOMAIN_SHOWN, {"certConfig": Certificate()})


# Layers.


def layer_shape(version: str, write_acl: Callable[[bool], Any]) -> Shape:
    """A version of a layer. ``write_acl``: how the version writes whether it is public."""
    return shape(layers.LAYER_VERSION, version, _LAYER_SHOWN | {"acl": lambda layer, _: write_acl(layer.public)})


def _layer_url(layer: LayerVersion, asking: View) -> str:
    """Where the content of a layer can be fetched: on this server."""
    return f"{asking.base_url}/_fcemu/layers/{quote(layer.name, safe='')}/{layer.version}"


_LAYER_SHOWN: Final[dict[str, Show]] = {
    "layerName": lambda layer, _: layer.name,
    "version": lambda layer, _: layer.version,
    "arn": lambda layer, asking: layer.arn(asking.account),
    "code": lambda layer, asking: {"repositoryType": "OSS", "location": _layer_url(layer, asking)},
    "codeSize": lambda layer, _: layer.package.size_bytes,
    "codeChecksum": lambda layer, _: layer.package.checksum,
    "createTime": lambda layer, _: time_text(layer.stamp.created),
}


# Capacity.


CAPACITY_SHOWN: Final[dict[str, Show]] = {
    "functionArn": lambda capacity, asking: function_arn(capacity.function, capacity.qualifier, asking.account),
    "current": lambda capacity, _: capacity.kept.get("target", 0),
    "targetInstances": lambda capacity, _: capacity.kept.get("minInstances", 0),
    "currentInstances": lambda capacity, _: capacity.kept.get("minInstances", 0),
}
"""ASSUMED: fcemu shows provisioned instances as there from the moment at which they are asked for
(timers-and-instances §2)."""

_OBJECTS: Final[Mapping[str, Callable[[Sequence[Field]], Member]]] = {
    "instanceLifecycleConfig": Lifecycle,
    "destinationConfig": Destinations,
    "routeConfig": Routes,
}
"""What reads and writes the rows that stand inside of an object on the wire."""
