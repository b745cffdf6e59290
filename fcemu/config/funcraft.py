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
    Source,
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
from fcemu.config.parse import shown
from fcemu.config.problems import Place, quoted
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
    tree = _Template(source._replace(choices=choices)).translated(source.tree)
    return Table(tree.place, (*whose, *tree.entries))


class _Template(Translation):
    """Walks the resources. ROS functions are not evaluated, as ``fun local`` does not (yaml-formats §3.1)."""

    def translated(self, tree: Table) -> Table:
        self.entries(tree, _TOP, "at the top level")
        resources = self.table(tree.get("Resources"), "Resources")
        resources = None if resources is None else self.table(self._as_text(resources), "Resources")
        for each in resources.entries if resources else ():
            resource = self.part(each)
            if resource is not None:
                self._resource(each.key, resource)
        return self.tree()

    def _as_text(self, node: Node) -> Node:
        """With a text in place of each ``Ref`` and ``Fn::…``, which is said."""
        match node:
            case Table(place, (Entry(key),)) if key.text == "Ref" or key.text.startswith("Fn::"):
                self.report.warn(key.place, f"{key.text} is not evaluated: write the value itself")
                return text(place, json.dumps(plain(node), ensure_ascii=False, default=str))
            case Table(place, entries):
                return Table(place, tuple(Entry(each.key, self._as_text(each.value)) for each in entries))
            case Items(place, values):
                return Items(place, tuple(map(self._as_text, values)))
        return node

    def _resource(self, key: Scalar, resource: Table) -> None:
        kind = self._type(resource, key)
        if kind == "service":
            self._service(key, resource)
        elif kind == "domain":
            self._domain(key, resource)
        elif kind == "function":
            self.report.add(key.place, f"function {key.text} is in no service", "write it inside a service")
        elif kind is not None:
            self.report.warn(key.place, f"resource {key.text} is left out: {quoted(kind)} is no function")

    def _type(self, table: Table, key: Scalar) -> str | None:
        name = self.name(table, "Type", key.place, f"in {key.text}")
        return None if name is None else _TYPES.get(name.text, name.text)

    def _service(self, key: Scalar, service: Table) -> None:
        properties = self._lower(self.table(service.get("Properties"), "Properties")) or Table(key.place, ())
        self.service(key, self.settings(properties, SERVICE, f"in service {key.text}"))
        for each in service.entries:
            if each.key.text in {"Type", "Properties"}:
                continue
            function = self.part(each)
            if function is not None and self._type(function, each.key) == "function":
                self._function(key.text, each.key, function)
            elif function is not None:
                self.report.warn(each.key.place, f"unknown key {quoted(each.key.text)} in service {key.text}")

    def _function(self, service: str, key: Scalar, function: Table) -> None:
        whole = f"{service}/{key.text}"
        self.entries(function, _FUNCTION, f"in function {whole}")
        properties = self._lower(self.table(function.get("Properties"), "Properties")) or Table(key.place, ())
        made = function_entries(self, self._with_directory(properties), whole, None)
        made += triggers_of(self, self._events(function, whole), f"of {whole}", key.place)
        self.function(service, key, made)

    def _with_directory(self, properties: Table) -> Table:
        """``CodeUri`` may name a single file: its directory is taken, so that what is beside it is seen, too."""
        uri = properties.entry("codeUri")
        if uri is None or not isinstance(uri.value, Scalar) or uri.value.text.endswith(PACKED):
            return properties
        path = self.root / uri.value.text
        if not path.is_file():
            return properties
        directory = Entry(uri.key, uri.value._replace(text=os.path.dirname(uri.value.text) or "."))
        return Table(properties.place, tuple(directory if each is uri else each for each in properties.entries))

    def _events(self, function: Table, whole: str) -> Iterator[Said]:
        events = self.table(function.get("Events"), "Events")
        for each in events.entries if events else ():
            if (event := self.part(each)) is None:
                continue
            where = f"in event {each.key.text} of {whole}"
            self.entries(event, _EVENT, where)
            kind = self.name(event, "Type", each.key.place, where)
            properties = self._lower(self.table(event.get("Properties"), "Properties")) or Table(each.key.place, ())
            if kind is not None:
                shared = tuple(one for one in properties.entries if one.key.text in _WORDS_OF_EVENTS)
                more = self.entries(Table(properties.place, shared), _WORDS_OF_EVENTS, where)
                config = properties.without(*_WORDS_OF_EVENTS)
                yield Said(each.key, kind, config, more, each.key.place, where, self.choices.region or ACCOUNT.region)

    def _domain(self, key: Scalar, domain: Table) -> None:
        properties = self._lower(self.table(domain.get("Properties"), "Properties")) or Table(key.place, ())
        settings = self.settings(properties, _DOMAIN, f"in custom domain {key.text}")
        named = properties.get("domainName")
        name = named if isinstance(named, Scalar) and named.text.lower() not in {"", AUTO} else key
        config = self.table(properties.get("routeConfig"), "RouteConfig")
        routes = self.table(config.get("routes"), "Routes") if config else None
        for each in routes.entries if routes else ():
            route = self.part(each)
            if route is None:
                continue
            more = self.entries(route, _ROUTE, f"in route {each.key.text} of {key.text}")
            service, function = route.get("serviceName"), route.get("functionName")
            if is_nothing(service) or is_nothing(function):
                says = f"ServiceName and FunctionName are needed in custom domain {key.text}"
                self.report.add(each.key.place, says)
                continue
            self.route(name, settings, each.key, route_value(function, service, more, route.place, ("", "")))

    def _lower(self, table: Table | None) -> Table | None:
        """The same with FC's own spelling: ``MemorySize`` becomes ``memorySize``. Places keep the original word."""
        return None if table is None else _lowered(table)


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
