"""Handlers: services, functions, versions, aliases, triggers, asynchronous settings."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from multidict import istr

from fcemu.api.asking import Asking
from fcemu.api.common import VERSION
from fcemu.api.json_body import Body, label
from fcemu.api.shapes import read_value, required
from fcemu.api.wire import Answer
from fcemu.core.errors import EntityTooLarge, InvalidArgument, NotImplementedYet
from fcemu.core.fields.kinds import LIST, OBJECT, TEXT
from fcemu.core.fields.shared import FUNCTION_3_0, NAME
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.triggers import KINDS

CODE_CHECKSUM: Final = istr("X-Fc-Code-Checksum")
_CODELESS: Final = frozenset({"custom-container", "micro-sandbox"})
"""Runtimes whose code is an image."""


# Services.


def create_service(asking: Asking) -> Answer:
    body, shape = asking.body, asking.dialect.service
    name = required(body, "serviceName", NAME, asking.limits)
    return asking.resource(shape, asking.resources.create_service(name, shape.read(asking, body)))


def get_service(asking: Asking) -> Answer:
    service = asking.resources.service(asking.owner.name, asking.qualifier)
    return asking.resource(asking.dialect.service, service)


def update_service(asking: Asking) -> Answer:
    changes = asking.dialect.service.read(asking)
    return asking.resource(
        asking.dialect.service, asking.resources.update_service(asking.owner.name, changes, asking.if_match)
    )


def delete_service(asking: Asking) -> Answer:
    asking.resources.delete_service(asking.owner.name, asking.if_match)
    return asking.answer()


def list_services(asking: Asking) -> Answer:
    """Tags are parameters ``tag_{key}={value}``."""
    tags = {name.removeprefix("tag_"): value for name, value in asking.query.items() if name.startswith("tag_")}
    return asking.page("services", asking.dialect.service, asking.resources.list_services(asking.wanted, tags))


# Functions and their code.


def create_function(asking: Asking) -> Answer:
    body, shape, limits = asking.body, asking.dialect.function, asking.limits
    service = asking.owner.name if "svc" in asking.path else None
    name = required(body, "functionName", FUNCTION_3_0 if service is None else NAME, limits)
    required(body, "runtime", TEXT, limits)
    changes = shape.read(asking, body)
    codeless = changes["runtime"] in _CODELESS
    _check_handler(changes.get("handler", ""), changes["runtime"])
    code = _code(asking, body)
    if code is None and not codeless:
        raise InvalidArgument("Code is required but not provided")
    ref = FunctionRef(name, service)
    tags = tags_in(read_value(LIST, body.get("tags", []), "tags", limits)) if ref.service is None else {}
    function = asking.resources.create_function(ref, changes, code)
    if tags:
        asking.furnishings.tag([f"functions/{name}"], tags)
    return asking.resource(shape, function)


def get_function(asking: Asking) -> Answer:
    return asking.resource(asking.dialect.function, _function(asking))


def update_function(asking: Asking) -> Answer:
    body, shape = asking.body, asking.dialect.function
    changes, code = shape.read(asking, body), _code(asking, body)
    if "handler" in changes or "runtime" in changes:
        there = asking.resources.function(asking.ref)
        _check_handler(changes.get("handler", there.handler), changes.get("runtime", there.runtime))
    return asking.resource(shape, asking.resources.update_function(asking.ref, changes, code, asking.if_match))


def _check_handler(handler: str, runtime: str) -> None:
    """Raises ``InvalidArgument`` for a runtime that calls one."""
    if not handler and not runtime.startswith("custom") and runtime not in _CODELESS:
        raise InvalidArgument("Handler is required but not provided")


def delete_function(asking: Asking) -> Answer:
    asking.resources.delete_function(asking.ref, asking.if_match)
    return asking.answer()


def list_functions(asking: Asking) -> Answer:
    service = asking.owner.name if "svc" in asking.path else None
    tags = tags_in(asking.json_list("tags")) if service is None else {}
    page = asking.resources.list_functions(service, asking.wanted, asking.qualifier, tags)
    return asking.page("functions", asking.dialect.function, page)


def get_function_code(asking: Asking) -> Answer:
    function = _function(asking)
    checksum = asking.resources.package(function).checksum
    name, qualifier = quote(str(function.ref), safe=""), quote(asking.qualifier, safe="")
    url = f"{asking.base_url}/_fcemu/code/{name}?qualifier={qualifier}"
    return asking.answer({"url": url, "checksum": checksum})


def disable_invocation(asking: Asking) -> Answer:
    reason = asking.body.get("reason", "")
    asking.resources.update_function(asking.ref, {"disabled": read_value(TEXT, reason, "reason", asking.limits)})
    return asking.answer({"success": True})


def enable_invocation(asking: Asking) -> Answer:
    asking.resources.update_function(asking.ref, {"disabled": None})
    return asking.answer({"success": True})


def tags_in(given: list[Any]) -> dict[str, str]:
    """Raises ``InvalidArgument``."""
    tags: dict[str, str] = {}
    for each in given:
        tag = Body(each) if isinstance(each, dict) else Body({})
        key, value = tag.get("Key"), tag.get("Value", "")
        if not isinstance(key, str) or not key or not isinstance(value, str):
            raise InvalidArgument('Tag is set to an invalid value (allowed: [{"Key": text, "Value": text}])')
        tags[key] = value
    return tags


def _function(asking: Asking) -> Function:
    return asking.resources.function(asking.ref, asking.qualifier)


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
            raise NotImplementedYet("code in OSS is not supported: there is no object storage here; send it as zipFile")
        raise InvalidArgument("Code must have a zipFile: the zip as base64")
    text = read_value(TEXT, code["zipFile"], "zipFile", asking.limits)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument("ZipFile is not valid base64") from None
    if len(data) > asking.limits.package_bytes:
        raise EntityTooLarge(asking.limits.package_bytes)
    said = code.get("checksum") or asking.request.headers.get(CODE_CHECKSUM, "")
    actual = asking.resources.checksum(data) if said else ""
    if said != actual:
        raise InvalidArgument(f"the checksum of the code is wrong (expected: '{actual}', actual: '{said}')")
    return data


# Versions.


def publish_version(asking: Asking) -> Answer:
    description = read_value(TEXT, asking.body.get("description", ""), "description", asking.limits)
    version = asking.releasing.publish(asking.owner, description, asking.if_match)
    return asking.resource(VERSION, version)


def list_versions(asking: Asking) -> Answer:
    """Newest first unless the direction is FORWARD."""
    direction = asking.query.get("direction", "") or "BACKWARD"
    if direction not in ("FORWARD", "BACKWARD"):
        raise InvalidArgument.choice("Direction", "FORWARD | BACKWARD", direction)
    page = asking.releasing.list_versions(asking.owner, asking.wanted, forward=direction == "FORWARD")
    return asking.page("versions", VERSION, page, direction=direction)


def delete_version(asking: Asking) -> Answer:
    asking.releasing.delete_version(asking.owner, asking.path["version"])
    return asking.answer()


# Aliases.


def create_alias(asking: Asking) -> Answer:
    body, shape, limits = asking.body, asking.dialect.alias, asking.limits
    name = required(body, "aliasName", NAME, limits)
    if name == LATEST:
        raise InvalidArgument(f"AliasName must not be '{LATEST}'")
    required(body, "versionId", TEXT, limits)
    return asking.resource(shape, asking.releasing.create_alias(asking.owner, name, shape.read(asking, body)))


def get_alias(asking: Asking) -> Answer:
    return asking.resource(asking.dialect.alias, asking.releasing.alias(asking.owner, asking.path["alias"]))


def update_alias(asking: Asking) -> Answer:
    shape = asking.dialect.alias
    alias = asking.releasing.update_alias(asking.owner, asking.path["alias"], shape.read(asking), asking.if_match)
    return asking.resource(shape, alias)


def delete_alias(asking: Asking) -> Answer:
    asking.releasing.delete_alias(asking.owner, asking.path["alias"], asking.if_match)
    return asking.answer()


def list_aliases(asking: Asking) -> Answer:
    return asking.page("aliases", asking.dialect.alias, asking.releasing.list_aliases(asking.owner, asking.wanted))


# Triggers.


def create_trigger(asking: Asking) -> Answer:
    body, shape, limits = asking.body, asking.dialect.trigger, asking.limits
    name = required(body, "triggerName", NAME, limits)
    kind = required(body, "triggerType", TEXT, limits)
    if kind not in KINDS:
        raise InvalidArgument.choice(label("triggerType"), " | ".join(KINDS), kind)
    changes = shape.read(asking, body)
    return asking.resource(shape, asking.resources.create_trigger(asking.ref, name, kind, changes))


def get_trigger(asking: Asking) -> Answer:
    return asking.resource(asking.dialect.trigger, asking.resources.trigger(asking.ref, asking.path["trigger"]))


def update_trigger(asking: Asking) -> Answer:
    shape = asking.dialect.trigger
    name, changes = asking.path["trigger"], shape.read(asking)
    return asking.resource(shape, asking.resources.update_trigger(asking.ref, name, changes, asking.if_match))


def delete_trigger(asking: Asking) -> Answer:
    asking.resources.delete_trigger(asking.ref, asking.path["trigger"], asking.if_match)
    return asking.answer()


def list_triggers(asking: Asking) -> Answer:
    page = asking.resources.list_triggers(asking.ref, asking.wanted)
    return asking.page("triggers", asking.dialect.trigger, page)


# Asynchronous settings.


def put_async(asking: Asking) -> Answer:
    changes = asking.dialect.async_settings.read(asking)
    settings = asking.resources.put_async(asking.ref, asking.qualifier, changes)
    return _async_answer(asking, settings)


def get_async(asking: Asking) -> Answer:
    return _async_answer(asking, asking.resources.async_settings(asking.ref, asking.qualifier))


def delete_async(asking: Asking) -> Answer:
    asking.resources.delete_async(asking.ref, asking.qualifier)
    return asking.answer()


def list_async(asking: Asking) -> Answer:
    """Of one function, or of all: the 3.0 form names the function in the query, if at all."""
    named = asking.query.get("functionName", "")
    ref = asking.ref if "function" in asking.path else FunctionRef(named) if named else None
    page = asking.resources.list_async(ref, asking.wanted)
    return asking.page("configs", asking.dialect.async_settings, page, **asking.dialect.async_list_extras)


def _async_answer(asking: Asking, settings: AsyncSettings) -> Answer:
    deployed = asking.resources.deployed(asking.ref, asking.qualifier, settings)
    return asking.answer(asking.dialect.async_settings.write(deployed, asking))


HANDLERS: Final = {
    handler.__name__: handler
    for handler in (
        create_service,
        get_service,
        update_service,
        delete_service,
        list_services,
        create_function,
        get_function,
        update_function,
        delete_function,
        list_functions,
        get_function_code,
        disable_invocation,
        enable_invocation,
        publish_version,
        list_versions,
        delete_version,
        create_alias,
        get_alias,
        update_alias,
        delete_alias,
        list_aliases,
        create_trigger,
        get_trigger,
        update_trigger,
        delete_trigger,
        list_triggers,
        put_async,
        get_async,
        delete_async,
        list_async,
    )
}
