"""These tables say how an s.yaml of edition 1.0.0 (components fc and fc-api) differs from FC's own words."""

from collections.abc import Iterator
from typing import Final

from fcemu.config.foreign import (
    Rules,
    Translation,
    as_they_are,
    each_of,
    elsewhere,
    entry,
    is_nothing,
    kept_only,
    rules_of,
    same,
    text,
)
from fcemu.config.foreign_fc2 import SERVICE, function_entries, route_value
from fcemu.config.foreign_triggers import Said, triggers_of
from fcemu.config.formats import Source
from fcemu.config.serverless_devs import Edition, translated
from fcemu.config.tree import Items, Scalar, Table
from fcemu.core.fields.domains import DOMAIN
from fcemu.core.fields.rows import V2021

RUNTIME: Final = "nodejs10"
"""What the component fills in. Source: yaml-formats §2.1."""
_METHODS: Final = ("GET", "POST", "PUT", "DELETE")
"""Of a route that names none. Source: yaml-formats §2.1."""
_PROPS: Final = each_of(elsewhere, "region", "service", "function", "triggers", "customDomains")
_TRIGGER: Final[Rules] = {
    **as_they_are("sourceArn", "qualifier", "description"),
    "role": same("invocationRole"),
    **each_of(elsewhere, "name", "type", "config"),
}
_DOMAIN: Final = rules_of(DOMAIN, V2021, certId=kept_only, **each_of(elsewhere, "domainName", "routeConfigs"))
_ROUTE: Final[Rules] = {
    **as_they_are("qualifier", "methods", "rewriteConfig"),
    **each_of(elsewhere, "path", "serviceName", "functionName"),
}


def _project(translation: Translation, project: str, props: Table, where: str) -> None:
    """A project: a service with one function, if any."""
    translation.entries(props, _PROPS, where)
    service = translation.table(props.get("service"), "service")
    function = translation.table(props.get("function"), "function")
    if service is None:
        if is_nothing(props.get("service")):
            translation.report.add(props.place, f"service is missing {where}")
        return
    name = translation.name(service, "name", service.place, f"in service {where}")
    if name is None:
        return
    at = f"in function of project {project}"
    called = translation.name(function, "name", function.place, at) if function else None
    whole = name.text if called is None else f"{name.text}/{called.text}"
    if not translation.is_here(props.get("region"), whole, name.place):
        return
    translation.service(name, translation.settings(service, SERVICE, f"in service {name.text}"))
    if function is not None and called is not None:
        made = function_entries(translation, function, whole, RUNTIME)
        made += triggers_of(translation, _triggers(translation, props, whole), f"of {whole}", props.place)
        translation.function(name.text, called, made)
        _domains(translation, props, (name.text, called.text))


def _triggers(translation: Translation, props: Table, whole: str) -> Iterator[Said]:
    region = props.get("region")
    for trigger in translation.parts(props.get("triggers"), "triggers"):
        name = translation.name(trigger, "name", trigger.place, f"in a trigger of {whole}")
        kind = translation.name(trigger, "type", trigger.place, f"in a trigger of {whole}")
        if name is not None and kind is not None:
            where = f"in trigger {name.text} of {whole}"
            more = translation.entries(trigger, _TRIGGER, where)
            config = translation.table(trigger.get("config"), "config") or Table(trigger.place, ())
            place = region.text if isinstance(region, Scalar) else ""
            yield Said(name, kind, config, more, name.place, where, place)


def _domains(translation: Translation, props: Table, own: tuple[str, str]) -> None:
    for domain in translation.parts(props.get("customDomains"), "customDomains"):
        name = translation.name(domain, "domainName", domain.place, "in a custom domain")
        if name is not None:
            settings = translation.settings(domain, _DOMAIN, f"in custom domain {name.text}")
            called = translation.domain_name(name, own[1], own[0])
            for route in translation.parts(domain.get("routeConfigs"), "routeConfigs"):
                where = f"in a route of {called.text}"
                more = translation.entries(route, _ROUTE, where)
                path = translation.name(route, "path", route.place, where)
                if all(each.key.text != "methods" for each in more):
                    methods = tuple(text(route.place, method) for method in _METHODS)
                    more.append(entry("methods", Items(route.place, methods)))
                if path is not None:
                    value = route_value(route.get("functionName"), route.get("serviceName"), more, route.place, own)
                    translation.route(called, settings, path, value)


EDITION: Final = Edition(
    parts="services",
    noun="project",
    top=each_of(elsewhere, "edition", "services", "extend", "vars", "actions", "name", "access"),
    part=each_of(elsewhere, "component", "props", "actions", "access"),
    components={"fc": _project, "fc-api": _project},
    function=("props", "function"),
    has=("name", "runtime", "handler"),
    code="codeUri",
    strict=False,
    laid=lambda translation, tree: lambda key, part: part,
)


def translate(source: Source) -> Table:
    """Edition 1.0.0 in native form."""
    return translated(source, EDITION)
