"""These tables say how an s.yaml of edition 3.0.0 (component fc3) differs from FC's own words."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from fcemu.config.foreign import (
    At,
    Rules,
    Translation,
    around,
    as_they_are,
    carried,
    code_path,
    each_of,
    elsewhere,
    entry,
    held,
    inside,
    is_nothing,
    kept_only,
    loose,
    merged,
    program,
    rules_of,
    same,
    text,
    variables,
)
from fcemu.config.foreign_triggers import Said, triggers_of
from fcemu.config.formats import Source
from fcemu.config.problems import quoted
from fcemu.config.serverless_devs import Edition, overlays_of, translated
from fcemu.config.tree import Entry, Items, Node, Scalar, Table
from fcemu.core.fields.asynchronous import ASYNC
from fcemu.core.fields.domains import DOMAIN
from fcemu.core.fields.functions import FUNCTION, HOOK
from fcemu.core.fields.rows import V2023


def _tags(each: Entry, at: At) -> Iterable[Entry]:
    """A list of keys and values is a map."""
    made: dict[str, Entry] = {}
    for tag in at.translation.parts(each.value, "tags"):
        if (key := at.translation.name(tag, "key", tag.place, "in a tag")) is not None:
            at.translation.entries(tag, _TAG, "in a tag")
            value = tag.get("value")
            made[key.text] = entry(key.text, text(key.place, "") if value is None else loose(value), key)
    return [entry("tags", Table(each.value.place, tuple(made.values())), each.key)] if made else []


def _hook(each: Entry, at: At) -> Iterable[Entry]:
    """A hook has a handler; one that has a command instead is kept."""
    word = each.key.text
    if (hook := at.translation.table(each.value, word)) is None:
        return ()
    made = at.translation.entries(hook, _HOOK, at.where, key=word)
    if is_nothing(hook.get("command")):
        return (entry(word, Table(hook.place, tuple(made)), each.key),)
    if any(inner.key.text == "handler" for inner in made):
        at.translation.report.add(each.key.place, f"{word} has both handler and command", "write one of them")
    else:
        at.translation.report.keep(each.key.place, f"{word}.command")
    return ()


def _no_hook(each: Entry, at: At) -> Iterable[Entry]:
    if (hook := at.translation.table(each.value, each.key.text)) is not None:
        at.translation.entries(hook, _HOOK, at.where, key=each.key.text)
        at.translation.report.warn(each.key.place, f"FC 3.0 has no {each.key.text}; fcemu leaves it out")
    return ()


_TAG: Final = each_of(elsewhere, "key", "value")
_HOOK: Final = rules_of(HOOK, V2023, command=elsewhere)
_DESTINATIONS: Final = {side: held(side, "destination") for side in ("onSuccess", "onFailure")}
_PROPS: Final = rules_of(
    FUNCTION,
    V2023,
    environmentVariables=variables,
    code=code_path,
    asyncInvokeConfig=inside(
        "asyncInvokeConfig",
        rules_of(ASYNC, V2023, qualifier=same("qualifier"), destinationConfig=around(_DESTINATIONS)),
    ),
    instanceLifecycleConfig=around({"initializer": _hook, "preStop": _hook, "preFreeze": _no_hook}),
    customRuntimeConfig=program({"port": same("port"), "healthCheckConfig": carried}),
    concurrencyConfig=around({"reservedConcurrency": same("reservedConcurrency")}),
    tags=_tags,
    **each_of(elsewhere, "region", "functionName", "triggers", "customDomain"),
    **each_of(elsewhere, "endpoint", "supplement", "annotations", "buildDir"),
    **each_of(kept_only, "vpcBinding", "provisionConfig", "scalingConfig"),
)
_TRIGGER: Final[Rules] = {
    **as_they_are("description", "qualifier", "sourceArn", "invocationRole"),
    **each_of(elsewhere, "triggerName", "triggerType", "triggerConfig"),
}
_DOMAIN: Final = rules_of(DOMAIN, V2023, **each_of(elsewhere, "domainName", "route", "routeConfig", "region"))
_ROUTE: Final[Rules] = {
    **as_they_are("qualifier", "methods", "rewriteConfig"),
    **each_of(elsewhere, "path", "functionName"),
}


def _laid(translation: Translation, tree: Table) -> Callable[[Scalar, Table], Table]:
    """Resources with their template below their props, and the overlays of the environment above."""
    if services := tree.get("services"):
        translation.report.add(services.place, "'services' belongs to edition 1.0.0", "write resources")
    templates = translation.table(tree.get("template"), "template")
    overlays = overlays_of(tree, translation.root, translation.report, translation.choices)

    def resource_with(key: Scalar, resource: Table) -> Table:
        props = resource.get("props")
        if (extend := translation.table(resource.get("extend"), "extend")) is not None:
            props = merged(_template(translation, templates, extend), props)
        for overlay in (overlays.get("fc3"), overlays.get(f"resources.{key.text}")):
            props = merged(props, overlay)
        name = entry("name", text(key.place, key.text), key)
        own = () if props is None else (Entry(Scalar(key.place, "props"), props),)
        return Table(resource.place, (name, *resource.without("props", "extend").entries, *own))

    return resource_with


def _template(translation: Translation, templates: Table | None, extend: Table) -> Node | None:
    """The template that a resource extends, without the keys that it ignores."""
    name = translation.name(extend, "name", extend.place, "in extend")
    template = templates.get(name.text) if templates and name is not None else None
    if name is not None and template is None:
        near = translation.report.closest(name.text, [each.key.text for each in templates.entries] if templates else [])
        hints = [f"did you mean {near!r}?"] if near else []
        translation.report.add(name.place, f"there is no template {quoted(name.text)}", *hints, key="name")
    ignored = extend.get("ignore")
    out = [each.text for each in ignored.values if isinstance(each, Scalar)] if isinstance(ignored, Items) else []
    return template.without(*out) if isinstance(template, Table) else template


def _function(translation: Translation, resource: str, props: Table, where: str) -> None:
    """A function with its triggers and the domain that leads to it."""
    name = translation.name(props, "functionName", props.place, where)
    if name is None or not translation.is_here(props.get("region"), name.text, name.place):
        return
    made = translation.settings(props, _PROPS, where)
    made += triggers_of(translation, _triggers(translation, props, where), where, props.place)
    translation.function(None, name, made)
    if (domain := translation.table(props.get("customDomain"), "customDomain")) is not None:
        inside_domain = f"in customDomain of {name.text}"
        settings = translation.settings(domain, _DOMAIN, inside_domain)
        called = translation.name(domain, "domainName", domain.place, inside_domain)
        route = translation.table(domain.get("route"), "route") or Table(domain.place, ())
        if called is not None:
            _route(translation, translation.domain_name(called, name.text), settings, route, name.text)


def _triggers(translation: Translation, props: Table, where: str) -> Iterator[Said]:
    for trigger in translation.parts(props.get("triggers"), "triggers"):
        name = translation.name(trigger, "triggerName", trigger.place, f"in a trigger {where}")
        kind = translation.name(trigger, "triggerType", trigger.place, f"in a trigger {where}")
        if name is not None and kind is not None:
            at = f"in trigger {name.text} {where}"
            more = translation.entries(trigger, _TRIGGER, at)
            config = translation.table(trigger.get("triggerConfig"), "triggerConfig") or Table(trigger.place, ())
            yield Said(name, kind, config, more, trigger.place, at)


def _domain(translation: Translation, resource: str, props: Table, where: str) -> None:
    """Component fc3-domain: a domain whose routes name functions."""
    settings = translation.settings(props, _DOMAIN, where)
    name = translation.name(props, "domainName", props.place, where)
    config = translation.table(props.get("routeConfig"), "routeConfig")
    for route in translation.parts(config.get("routes") if config else None, "routes"):
        function = translation.name(route, "functionName", route.place, f"in a route {where}")
        if function is not None and name is not None:
            _route(translation, translation.domain_name(name, resource), settings, route, function.text)


def _route(translation: Translation, domain: Scalar, settings: list[Entry], route: Table, function: str) -> None:
    made = translation.entries(route, _ROUTE, f"in a route of domain {domain.text}")
    path = route.get("path")
    place = path if isinstance(path, Scalar) and path.text else text(route.place, "/*")
    target = entry("function", text(route.place, function), route.place)
    translation.route(domain, settings, place, Table(route.place, (target, *made)))


EDITION: Final = Edition(
    parts="resources",
    noun="resource",
    top=each_of(
        elsewhere,
        *("edition", "resources", "template", "extend", "env", "vars", "actions", "services", "name", "access", "flow"),
    ),
    part=each_of(elsewhere, "component", "props", "actions", "extend", "access"),
    components={"fc3": _function, "fc3-domain": _domain},
    function=("props",),
    has=("functionName", "runtime", "handler"),
    code="code",
    strict=True,
    laid=_laid,
)


def translate(source: Source) -> Table:
    """Edition 3.0.0 in native form."""
    return translated(source, EDITION)
