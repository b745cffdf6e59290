"""These handlers answer the operations that types of resource have alike, and those that one type has alone."""

import base64
import binascii
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from multidict import istr

from fcemu.api.asking import Asking
from fcemu.api.json_body import Body, label
from fcemu.api.resource_shapes import VERSION
from fcemu.api.shapes import Shape, read_value, required, time_text
from fcemu.api.wire import Answer
from fcemu.core.capacity import CONCURRENCY, ON_DEMAND, PROVISION, SCALING, Capacity
from fcemu.core.errors import EntityTooLarge, InvalidArgument, NotImplementedYet, refused
from fcemu.core.fields.kinds import FLAG, LIST, OBJECT, TEXT, Kind
from fcemu.core.fields.shared import FUNCTION_3_0, HOST_NAME, NAME
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.layers import read_layer_arn
from fcemu.core.limits import Limits
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.paging import Page, by_name
from fcemu.core.releases import Owner
from fcemu.core.resource_types import (
    ALIASES,
    ASYNC,
    CAPACITIES,
    DOMAINS,
    FUNCTIONS,
    LAYERS,
    SERVICES,
    SOURCES,
    TRIGGERS,
    VERSIONS,
    VPCS,
)
from fcemu.core.shelves import ResourceType
from fcemu.core.triggers import KINDS
from fcemu.core.values import dataclass
from fcemu.engine.control import Deployed

CODE_CHECKSUM: Final = istr("X-Fc-Code-Checksum")
_CODELESS: Final = frozenset({"custom-container", "micro-sandbox"})
"""Runtimes whose code is an image."""
Handler = Callable[[Asking], Answer]


# The operations that types of resource have alike.


@dataclass(frozen=True, slots=True)
class _Alike:
    """How one type of resource is asked for. ``word``: what its operations, its name in a path, and its shape are
    called. ``field``: its name in a body, of which ``name`` says what it may be. ``group``: to what the path says that
    it belongs. ``more``: what only a new one says, of its body. ``listed``: the key of its lists."""

    of: ResourceType[Any, Any]
    word: str
    field: str
    plural: str = ""
    listed: str = ""
    name: Kind = NAME
    group: Callable[[Asking], object] = lambda asking: None
    path: Callable[[Asking], str] | None = None
    more: Callable[[str, Body, Limits], Mapping[str, Any]] = lambda name, body, limits: {}

    def shape(self, asking: Asking) -> Shape:
        """How it is read and written."""
        shape: Shape = getattr(asking.dialect, self.word)
        return shape

    def key(self, asking: Asking, name: str = "") -> Any:
        """The key of the one that the path is about, or of the one with this name."""
        group = self.group(asking)
        name = name or (asking.path[self.word] if self.path is None else self.path(asking))
        return name if group is None else (group, name)

    def create(self, asking: Asking) -> Answer:
        body, shape = asking.body, self.shape(asking)
        name = required(body, self.field, self.name, asking.limits)
        more = self.more(name, body, asking.limits)
        made = asking.control.create(self.of, self.key(asking, name), {**shape.read(asking, body), **more})
        return asking.resource(shape, made)

    def get(self, asking: Asking) -> Answer:
        return asking.resource(self.shape(asking), asking.control.get(self.of, self.key(asking)))

    def update(self, asking: Asking) -> Answer:
        shape = self.shape(asking)
        changes = shape.read(asking)
        return asking.resource(shape, asking.control.change(self.of, self.key(asking), changes, asking.if_match))

    def delete(self, asking: Asking) -> Answer:
        asking.control.delete(self.of, self.key(asking), asking.if_match)
        return asking.answer()

    def list(self, asking: Asking) -> Answer:
        page = asking.control.page(self.of, self.group(asking), asking.wanted)
        return asking.page(self.listed or self.plural or f"{self.word}s", self.shape(asking), page)

    @property
    def handlers(self) -> dict[str, Handler]:
        """By the names of the operations."""
        one = {does.__name__: does for does in (self.create, self.get, self.update, self.delete)}
        named: dict[str, Handler] = {f"{does}_{self.word}": handler for does, handler in one.items()}
        return {**named, f"list_{self.plural or f'{self.word}s'}": self.list}


def _of_alias(name: str, body: Body, limits: Limits) -> Mapping[str, Any]:
    if name == LATEST:
        raise InvalidArgument(f"AliasName must not be '{LATEST}'")
    required(body, "versionId", TEXT, limits)
    return {}


def _of_trigger(name: str, body: Body, limits: Limits) -> Mapping[str, Any]:
    kind = required(body, "triggerType", TEXT, limits)
    if kind not in KINDS:
        raise InvalidArgument.choice(label("triggerType"), " | ".join(KINDS), kind)
    return {"kind": kind}


_ALIKE: Final = (
    _Alike(SERVICES, "service", "serviceName", path=lambda asking: asking.owner.name),
    _Alike(ALIASES, "alias", "aliasName", "aliases", group=lambda asking: asking.owner, more=_of_alias),
    _Alike(TRIGGERS, "trigger", "triggerName", group=lambda asking: asking.ref, more=_of_trigger),
    _Alike(DOMAINS, "domain", "domainName", listed="customDomains", name=HOST_NAME),
)


# Services and functions.


def get_service(asking: Asking) -> Answer:
    service = asking.control.service(asking.owner.name, asking.qualifier)
    return asking.resource(asking.dialect.service, service)


def list_services(asking: Asking) -> Answer:
    """Tags are parameters ``tag_{key}={value}``."""
    tags = {name.removeprefix("tag_"): value for name, value in asking.query.items() if name.startswith("tag_")}
    return asking.page("services", asking.dialect.service, asking.control.list_services(asking.wanted, tags))


def create_function(asking: Asking) -> Answer:
    body, shape, limits = asking.body, asking.dialect.function, asking.limits
    service = asking.owner.name if "svc" in asking.path else None
    ref = FunctionRef(required(body, "functionName", FUNCTION_3_0 if service is None else NAME, limits), service)
    required(body, "runtime", TEXT, limits)
    changes = shape.read(asking, body)
    _check_handler(changes.get("handler", ""), changes["runtime"])
    code = _code(asking, body)
    if code is None and changes["runtime"] not in _CODELESS:
        raise InvalidArgument("Code is required but not provided")
    tags = tags_in(read_value(LIST, body.get("tags", []), "tags", limits)) if ref.service is None else {}
    function = asking.control.create(FUNCTIONS, ref, {**changes, "zip": code})
    if tags:
        asking.control.tag([Owner.of(ref)], tags)
    return asking.resource(shape, function)


def get_function(asking: Asking) -> Answer:
    return asking.resource(asking.dialect.function, _function(asking))


def update_function(asking: Asking) -> Answer:
    body, shape = asking.body, asking.dialect.function
    changes, code = shape.read(asking, body), _code(asking, body)
    if "handler" in changes or "runtime" in changes:
        there = asking.control.function(asking.ref)
        _check_handler(changes.get("handler", there.handler), changes.get("runtime", there.runtime))
    changes["zip"] = code
    return asking.resource(shape, asking.control.change(FUNCTIONS, asking.ref, changes, asking.if_match))


def _check_handler(handler: str, runtime: str) -> None:
    """Raises ``InvalidArgument`` for a runtime that calls one."""
    if not handler and not runtime.startswith("custom") and runtime not in _CODELESS:
        raise InvalidArgument("Handler is required but not provided")


def delete_function(asking: Asking) -> Answer:
    asking.control.delete(FUNCTIONS, asking.ref, asking.if_match)
    return asking.answer()


def list_functions(asking: Asking) -> Answer:
    service = asking.owner.name if "svc" in asking.path else None
    tags = tags_in(asking.json_list("tags")) if service is None else {}
    page = asking.control.list_functions(service, asking.wanted, asking.qualifier, tags)
    return asking.page("functions", asking.dialect.function, page)


def get_function_code(asking: Asking) -> Answer:
    function = _function(asking)
    checksum = asking.control.package(function).checksum
    name, qualifier = quote(str(function.ref), safe=""), quote(asking.qualifier, safe="")
    url = f"{asking.base_url}/_fcemu/code/{name}?qualifier={qualifier}"
    return asking.answer({"url": url, "checksum": checksum})


def disable_invocation(asking: Asking) -> Answer:
    reason = asking.body.get("reason", "")
    changes = {"disabled": read_value(TEXT, reason, "reason", asking.limits)}
    asking.control.change(FUNCTIONS, asking.ref, changes)
    return asking.answer({"success": True})


def enable_invocation(asking: Asking) -> Answer:
    asking.control.change(FUNCTIONS, asking.ref, {"disabled": None})
    return asking.answer({"success": True})


def tags_in(given: list[Any]) -> dict[str, str]:
    """Raises ``InvalidArgument``."""
    tags: dict[str, str] = {}
    for each in given:
        tag = Body(each) if isinstance(each, dict) else Body({})
        key, value = tag.get("Key"), tag.get("Value", "")
        if not isinstance(key, str) or not key or not isinstance(value, str):
            raise InvalidArgument('Tag is set to an invalid value (allowed: [{"Key": STRING, "Value": STRING}])')
        tags[key] = value
    return tags


def _function(asking: Asking) -> Function:
    return asking.control.function(asking.ref, asking.qualifier)


def _code(asking: Asking, body: Body) -> bytes | None:
    """The zip that a body holds as base64. Raises ``InvalidArgument``, ``EntityTooLarge``."""
    if "code" not in body:
        return None
    code = Body(read_value(OBJECT, body["code"], "code", asking.limits))
    return zip_in(asking, code)


def zip_in(asking: Asking, code: Mapping[str, Any]) -> bytes:
    """The zip of a code location. Raises ``InvalidArgument``, ``EntityTooLarge``, ``NotImplementedYet``."""
    if "zipFile" not in code:
        if "ossBucketName" in code or "ossObjectName" in code:
            raise NotImplementedYet(
                "code in OSS is not supported: fcemu has no object storage; send the code as zipFile"
            )
        raise InvalidArgument("Code must have a zipFile: the zip as base64")
    text = read_value(TEXT, code["zipFile"], "zipFile", asking.limits)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument("ZipFile is not valid base64") from None
    if len(data) > asking.limits.package_bytes:
        raise EntityTooLarge(asking.limits.package_bytes)
    said = code.get("checksum") or asking.request.headers.get(CODE_CHECKSUM, "")
    actual = asking.control.checksum(data) if said else ""
    if said != actual:
        raise InvalidArgument(f"the checksum of the code is wrong (expected: '{actual}', actual: '{said}')")
    return data


# Versions.


def publish_version(asking: Asking) -> Answer:
    description = read_value(TEXT, asking.body.get("description", ""), "description", asking.limits)
    version = asking.control.publish(asking.owner, description, asking.if_match)
    return asking.resource(VERSION, version)


def list_versions(asking: Asking) -> Answer:
    """Newest first unless the direction is FORWARD."""
    direction = asking.query.get("direction", "") or "BACKWARD"
    if direction not in ("FORWARD", "BACKWARD"):
        raise InvalidArgument.choice("Direction", "FORWARD | BACKWARD", direction)
    page = asking.control.list_versions(asking.owner, asking.wanted, forward=direction == "FORWARD")
    return asking.page("versions", VERSION, page, direction=direction)


def delete_version(asking: Asking) -> Answer:
    asking.control.delete(VERSIONS, (asking.owner, asking.path["version"]))
    return asking.answer()


# Layers.


def publish_layer(asking: Asking) -> Answer:
    body, shape, limits = asking.body, asking.dialect.layer, asking.limits
    name = read_value(NAME, asking.path["layer"], "layerName", limits)
    code = zip_in(asking, Body(required(body, "code", OBJECT, limits)))
    return asking.resource(shape, asking.control.publish_layer(name, code, shape.read(asking, body)))


def get_layer(asking: Asking) -> Answer:
    return asking.resource(asking.dialect.layer, asking.control.get(LAYERS, _layer_key(asking)))


def get_layer_by_arn(asking: Asking) -> Answer:
    named = read_layer_arn(asking.path["arn"])
    if named is None:
        raise refused("LayerNotFound", name=asking.path["arn"])
    return asking.resource(asking.dialect.layer, asking.control.get(LAYERS, named))


def delete_layer(asking: Asking) -> Answer:
    asking.control.delete(LAYERS, _layer_key(asking))
    return asking.answer()


def list_layers(asking: Asking) -> Answer:
    """The newest version of each. Official layers are FC's own; there are none here."""
    if asking.flag("official"):
        return asking.page("layers", asking.dialect.layer, Page([]))
    page = asking.control.list_layers(asking.wanted, public_only=bool(asking.flag("public")))
    return asking.page("layers", asking.dialect.layer, page)


def list_layer_versions(asking: Asking) -> Answer:
    """ASSUMED: fcemu lists the versions of a layer from the oldest on, so that ``startVersion`` is the first of a page
    and ``nextVersion`` the first of the next one (wire-api §5)."""
    wanted, start = asking.wanted, asking.query.get("startVersion", "")
    first = _layer_number(start) if start else 0
    there = [each for each in asking.control.all(LAYERS, asking.path["layer"]).values() if each.version >= first]
    more = {"nextVersion": there[wanted.limit].version} if len(there) > wanted.limit else {}
    return asking.page("layers", asking.dialect.layer, Page(there[: wanted.limit]), **more)


def put_layer_acl(asking: Asking) -> Answer:
    """``public`` is in the body in 2016-08-15, else in the query; ``acl`` is 1 for public."""
    said = asking.body.get("public", asking.flag("public"))
    public = asking.query.get("acl") == "1" if said is None else read_value(FLAG, said, "public", asking.limits)
    asking.control.share_layer(asking.path["layer"], public)
    return asking.answer()


def _layer_key(asking: Asking) -> tuple[str, int]:
    return asking.path["layer"], _layer_number(asking.path["version"])


def _layer_number(text: str) -> int:
    if not text.isdecimal():
        raise InvalidArgument.choice("Version", "a whole number", text)
    return int(text)


# Asynchronous settings.


def put_async(asking: Asking) -> Answer:
    changes = asking.dialect.async_settings.read(asking)
    return _async_answer(asking, asking.control.put(ASYNC, (asking.ref, asking.qualifier), changes))


def get_async(asking: Asking) -> Answer:
    return _async_answer(asking, asking.control.get(ASYNC, (asking.ref, asking.qualifier)))


def _async_answer(asking: Asking, settings: AsyncSettings) -> Answer:
    deployed = Deployed(asking.ref, asking.qualifier, settings)
    return asking.answer(asking.dialect.async_settings.write(deployed, asking))


def delete_async(asking: Asking) -> Answer:
    asking.control.delete(ASYNC, (asking.ref, asking.qualifier))
    return asking.answer()


def list_async(asking: Asking) -> Answer:
    """Of one function, or of all: the 3.0 form names the function in the query, if at all."""
    named = asking.query.get("functionName", "")
    ref = asking.ref if "function" in asking.path else FunctionRef(named) if named else None
    page = asking.control.list_async(ref, asking.wanted)
    return asking.page("configs", asking.dialect.async_settings, page, **asking.dialect.async_list_extras)


# Capacity: one configuration of one kind for a qualifier of a function.


def put_capacity(kind: str, asking: Asking) -> Answer:
    shape = asking.dialect.capacities[kind]
    values = shape.read(asking).get("kept", {})
    qualifier = asking.dialect.capacity_qualifier(kind, asking.path, asking.query)
    key = kind, asking.ref, qualifier
    return asking.resource(shape, asking.control.put(CAPACITIES, key, {"kept": values}, asking.if_match))


def get_capacity(kind: str, asking: Asking) -> Answer:
    qualifier = asking.dialect.capacity_qualifier(kind, asking.path, asking.query)
    capacity = asking.control.get(CAPACITIES, (kind, asking.ref, qualifier))
    return asking.resource(asking.dialect.capacities[kind], capacity)


def delete_capacity(kind: str, asking: Asking) -> Answer:
    qualifier = asking.dialect.capacity_qualifier(kind, asking.path, asking.query)
    asking.control.delete(CAPACITIES, (kind, asking.ref, qualifier), asking.if_match)
    return asking.answer()


def list_capacities(kind: str, asking: Asking) -> Answer:
    """By name of the resource; an empty list of on-demand configurations has no key (wire-api §9)."""
    in_services = asking.dialect.generation.versions_belong_to == "service"
    service, function = asking.query.get("serviceName", ""), asking.query.get("functionName", "")
    qualifier = asking.query.get("qualifier", "")

    def chosen(each: Capacity) -> bool:
        named = each.function
        return (
            (named.service is not None) == in_services
            and service in ("", named.service)
            and function in ("", named.name)
            and qualifier in ("", each.qualifier)
            and not (kind == PROVISION and each.kept.get("target") == 0 and not each.kept.get("defaultTarget"))
        )

    found = {f"{each.function}.{each.qualifier}": each for each in asking.control.capacities(kind, chosen)}
    page = by_name(found, asking.wanted)
    if kind == ON_DEMAND and not page.items:
        return asking.answer({})
    return asking.page(asking.dialect.capacity_lists[kind], asking.dialect.capacities[kind], page)


# VPC bindings and event sources.


def create_vpc_binding(asking: Asking) -> Answer:
    asking.control.create(VPCS, (asking.owner, required(asking.body, "vpcId", TEXT, asking.limits)), {})
    return asking.answer()


def delete_vpc_binding(asking: Asking) -> Answer:
    asking.control.delete(VPCS, (asking.owner, asking.path["vpc"]))
    return asking.answer()


def list_vpc_bindings(asking: Asking) -> Answer:
    return asking.answer({"vpcIds": list(asking.control.all(VPCS, asking.owner))})


def register_event_source(asking: Asking) -> Answer:
    arn = required(asking.body, "sourceArn", TEXT, asking.limits)
    stamp = asking.control.register_source(asking.ref, asking.qualifier, arn)
    return asking.answer({"createdTime": time_text(stamp.created), "sourceArn": arn})


def list_event_sources(asking: Asking) -> Answer:
    sources = asking.control.all(SOURCES, (asking.ref, asking.qualifier))
    listed = [{"createdTime": time_text(link.stamp.created), "sourceArn": arn} for arn, link in sources.items()]
    return asking.answer({"eventSources": listed})


def deregister_event_source(asking: Asking) -> Answer:
    asking.control.delete(SOURCES, (asking.ref, asking.qualifier, asking.path["arn"]))
    return asking.answer()


_WORDS: Final = {ON_DEMAND: "on_demand", PROVISION: "provision", CONCURRENCY: "concurrency", SCALING: "scaling"}
_OWN: Final[tuple[Handler, ...]] = (
    *(get_service, list_services, create_function, get_function, update_function, delete_function, list_functions),
    *(get_function_code, disable_invocation, enable_invocation, publish_version, list_versions, delete_version),
    *(publish_layer, get_layer, get_layer_by_arn, delete_layer, list_layers, list_layer_versions, put_layer_acl),
    *(put_async, get_async, delete_async, list_async),
    *(create_vpc_binding, delete_vpc_binding, list_vpc_bindings),
    *(register_event_source, list_event_sources, deregister_event_source),
)
HANDLERS: Final[Mapping[str, Handler]] = {
    **{name: handler for alike in _ALIKE for name, handler in alike.handlers.items()},
    **{handler.__name__: handler for handler in _OWN},
    **{
        f"{does}_{word}": partial(handler, kind)
        for kind, word in _WORDS.items()
        for does, handler in (
            ("put", put_capacity),
            ("get", get_capacity),
            ("delete", delete_capacity),
            ("list", list_capacities),
        )
    },
}
"""By the names that operations have in the dialects; what a type does in its own way is behind what all do alike."""
