"""This module writes a template.yml of Funcraft in native form."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from fcemu.config.dotenv import environment
from fcemu.config.files import PACKED
from fcemu.config.foreign import (
    ACCOUNT,
    AUTO,
    Translation,
    as_they_are,
    each_of,
    elsewhere,
    entry,
    is_nothing,
    rules_of,
    text,
)
from fcemu.config.foreign_fc2 import SERVICE, function_entries, route_value
from fcemu.config.foreign_triggers import Said, triggers_of
from fcemu.config.formats import Source
from fcemu.config.parse import shown
from fcemu.config.problems import Mark, Place, quoted
from fcemu.config.tree import Entry, Items, Node, Scalar, Table, plain
from fcemu.core.fields.domains import DOMAIN
from fcemu.core.fields.rows import V2016

_TYPES: Final = {
    "Aliyun::Serverless::Service": "service",
    "Aliyun::Serverless::Function": "function",
    "Aliyun::Serverless::CustomDomain": "domain",
}
_TOP: Final = each_of(
    elsewhere,
    *("ROSTemplateFormatVersion", "Transform", "Resources", "Parameters"),
    *("Description", "Outputs", "Mappings", "Metadata", "Globals", "Conditions"),
)
_FREE: Final = frozenset({"EnvironmentVariables", "Policies"})
"""Maps whose keys are the user's or FC's own, so that they stay as they are."""
_FUNCTION: Final = each_of(elsewhere, "Type", "Properties", "Events")
_EVENT: Final = each_of(elsewhere, "Type", "Properties")
_WORDS_OF_EVENTS: Final = as_they_are("qualifier", "invocationRole")
_DOMAIN: Final = rules_of(DOMAIN, V2016, **each_of(elsewhere, "routeConfig", "domainName"))
_ROUTE: Final = {**as_they_are("qualifier"), **each_of(elsewhere, "serviceName", "functionName")}


def translate(source: Source) -> Table:
    """A template in native form, with the account and the region of the ``.env`` beside it, as ``fun`` reads them
    (yaml-formats §3.1); what the user chose wins."""
    beside, choices = environment({}, source.root, ()), source.choices
    region, account = choices.region or beside.get("REGION"), choices.account_id or beside.get("ACCOUNT_ID")
    choices = replace(choices, region=region, account_id=account)
    place = Place(1, 1, "", shown(source.root / ".env"))
    said = {"region": region if "REGION" in beside else None, "accountId": account if "ACCOUNT_ID" in beside else None}
    whose = [entry(key, text(place, value)) for key, value in said.items() if value]
    translation, tree = Translation(replace(source, choices=choices)), source.tree
    translation.entries(tree, _TOP, "at the top level")
    resources = translation.table(tree.get("Resources"), "Resources")
    # ROS functions are not evaluated, as ``fun local`` does not.
    resources = None if resources is None else translation.table(_as_text(translation, resources), "Resources")
    for each in resources.entries if resources else ():
        if (resource := translation.part(each)) is not None:
            _resource(translation, each.key, resource)
    made = translation.tree()
    return Table(made.place, (*whose, *made.entries))


def _as_text(translation: Translation, node: Node) -> Node:
    """With a text in place of each ``Ref`` and ``Fn::…``, which is said."""
    match node:
        case Table(place, (Entry(key),)) if key.text == "Ref" or key.text.startswith("Fn::"):
            translation.report.warn(key.place, f"fcemu does not evaluate {key.text}; write the value itself")
            return text(place, json.dumps(plain(node), ensure_ascii=False, default=str))
        case Table(place, entries):
            return Table(place, tuple(Entry(each.key, _as_text(translation, each.value)) for each in entries))
        case Items(place, values):
            return Items(place, tuple(_as_text(translation, value) for value in values))
    return node


def _resource(translation: Translation, key: Scalar, resource: Table) -> None:
    kind = _type(translation, resource, key)
    if kind == "service":
        _service(translation, key, resource)
    elif kind == "domain":
        _domain(translation, key, resource)
    elif kind == "function":
        translation.report.add(key.place, f"function {key.text} belongs to no service", "define it inside a service")
    elif kind is not None:
        translation.report.warn(key.place, f"fcemu leaves out resource {key.text}: {quoted(kind)} is not a function")


def _type(translation: Translation, table: Table, key: Scalar) -> str | None:
    name = translation.name(table, "Type", key.place, f"in {key.text}")
    return None if name is None else _TYPES.get(name.text, name.text)


def _service(translation: Translation, key: Scalar, service: Table) -> None:
    properties = _properties(translation, service, key.place)
    translation.service(key, translation.settings(properties, SERVICE, f"in service {key.text}"))
    for each in service.entries:
        if each.key.text in {"Type", "Properties"}:
            continue
        function = translation.part(each)
        if function is not None and _type(translation, function, each.key) == "function":
            _function(translation, key.text, each.key, function)
        elif function is not None:
            translation.report.warn(each.key.place, f"unknown key {quoted(each.key.text)} in service {key.text}")


def _function(translation: Translation, service: str, key: Scalar, function: Table) -> None:
    whole = f"{service}/{key.text}"
    translation.entries(function, _FUNCTION, f"in function {whole}")
    properties = _properties(translation, function, key.place)
    made = function_entries(translation, _with_directory(translation, properties), whole, None)
    made += triggers_of(translation, _events(translation, function, whole), f"of {whole}", key.place)
    translation.function(service, key, made)


def _with_directory(translation: Translation, properties: Table) -> Table:
    """``CodeUri`` may name a single file: its directory is taken, so that what is beside it is seen, too."""
    uri = properties.entry("codeUri")
    if uri is None or not isinstance(uri.value, Scalar) or uri.value.text.endswith(PACKED):
        return properties
    path = translation.root / uri.value.text
    if not path.is_file():
        return properties
    directory = Entry(uri.key, uri.value._replace(text=os.path.dirname(uri.value.text) or "."))
    return Table(properties.place, tuple(directory if each is uri else each for each in properties.entries))


def _events(translation: Translation, function: Table, whole: str) -> Iterator[Said]:
    events = translation.table(function.get("Events"), "Events")
    for each in events.entries if events else ():
        if (event := translation.part(each)) is None:
            continue
        where = f"in event {each.key.text} of {whole}"
        translation.entries(event, _EVENT, where)
        kind = translation.name(event, "Type", each.key.place, where)
        properties = _properties(translation, event, each.key.place)
        if kind is not None:
            shared = tuple(one for one in properties.entries if one.key.text in _WORDS_OF_EVENTS)
            more = translation.entries(Table(properties.place, shared), _WORDS_OF_EVENTS, where)
            config = properties.without(*_WORDS_OF_EVENTS)
            yield Said(
                each.key, kind, config, more, each.key.place, where, translation.choices.region or ACCOUNT.region
            )


def _domain(translation: Translation, key: Scalar, domain: Table) -> None:
    properties = _properties(translation, domain, key.place)
    settings = translation.settings(properties, _DOMAIN, f"in custom domain {key.text}")
    named = properties.get("domainName")
    name = named if isinstance(named, Scalar) and named.text.lower() not in {"", AUTO} else key
    config = translation.table(properties.get("routeConfig"), "RouteConfig")
    routes = translation.table(config.get("routes"), "Routes") if config else None
    for each in routes.entries if routes else ():
        route = translation.part(each)
        if route is None:
            continue
        more = translation.entries(route, _ROUTE, f"in route {each.key.text} of {key.text}")
        service, function = route.get("serviceName"), route.get("functionName")
        if is_nothing(service) or is_nothing(function):
            says = f"custom domain {key.text} needs ServiceName and FunctionName"
            translation.report.add(each.key.place, says)
            continue
        translation.route(name, settings, each.key, route_value(function, service, more, route.place, ("", "")))


def _properties(translation: Translation, owner: Table, at: Mark) -> Table:
    """The properties in FC's own spelling: ``MemorySize`` becomes ``memorySize``. Places keep the original word."""
    table = translation.table(owner.get("Properties"), "Properties")
    return Table(at, ()) if table is None else _lowered(table)


def _lowered(table: Table) -> Table:
    return Table(table.place, tuple(_lowered_entry(each) for each in table.entries))


def _lowered_entry(each: Entry) -> Entry:
    name = each.key.text
    key = Scalar(each.key.place, _word(name))
    match each.value:
        case Table() if name not in _FREE and not name.startswith("/"):
            return Entry(key, _lowered(each.value))
        case Table() if name.startswith("/"):
            return Entry(Scalar(each.key.place, name), _lowered(each.value))
        case value:
            return Entry(key if not name.startswith("/") else each.key, value)


def _word(name: str) -> str:
    return "caPort" if name == "CAPort" else name[:1].lower() + name[1:]
