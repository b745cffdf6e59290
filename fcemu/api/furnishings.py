"""Handlers: custom domains, layers, capacity, tags, VPC bindings, event sources, the account."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from fcemu.api.asking import Asking
from fcemu.api.json_body import Body
from fcemu.api.resources import tags_in, zip_in
from fcemu.api.shapes import read_value, required, time_text
from fcemu.api.wire import Answer
from fcemu.core.belongings import CONCURRENCY, ON_DEMAND, PROVISION, SCALING, Capacity, has_tags
from fcemu.core.errors import InvalidArgument, missing
from fcemu.core.fields.kinds import FLAG, LIST, OBJECT, TAGS, TEXT, TEXTS
from fcemu.core.fields.shared import HOST_NAME, NAME
from fcemu.core.layers import LayerVersion, read_layer_arn
from fcemu.core.names import LATEST
from fcemu.core.paging import Page, page_of, write_token
from fcemu.engine.keeper import by_name

Handler = Callable[[Asking], Answer]

# Custom domains.


def create_domain(asking: Asking) -> Answer:
    body, shape = asking.body, asking.dialect.domain
    name = required(body, "domainName", HOST_NAME, asking.limits)
    return asking.resource(shape, asking.furnishings.create_domain(name, shape.read(asking, body)))


def get_domain(asking: Asking) -> Answer:
    return asking.resource(asking.dialect.domain, asking.furnishings.domain(asking.path["domain"]))


def update_domain(asking: Asking) -> Answer:
    shape = asking.dialect.domain
    changes = shape.read(asking)
    domain = asking.furnishings.update_domain(asking.path["domain"], changes, asking.if_match)
    return asking.resource(shape, domain)


def delete_domain(asking: Asking) -> Answer:
    asking.furnishings.delete_domain(asking.path["domain"], asking.if_match)
    return asking.answer()


def list_domains(asking: Asking) -> Answer:
    page = asking.furnishings.list_domains(asking.wanted)
    return asking.page("customDomains", asking.dialect.domain, page)


# Layers.


def publish_layer(asking: Asking) -> Answer:
    body, shape, limits = asking.body, asking.dialect.layer, asking.limits
    name = read_value(NAME, asking.path["layer"], "layerName", limits)
    code = zip_in(asking, Body(required(body, "code", OBJECT, limits)))
    return asking.resource(shape, asking.furnishings.publish_layer(name, code, shape.read(asking, body)))


def get_layer(asking: Asking) -> Answer:
    return asking.resource(asking.dialect.layer, _layer(asking))


def get_layer_by_arn(asking: Asking) -> Answer:
    named = read_layer_arn(asking.path["arn"])
    if named is None:
        raise missing("LayerNotFound", f"layer '{asking.path['arn']}'")
    return asking.resource(asking.dialect.layer, asking.furnishings.layer(*named))


def delete_layer(asking: Asking) -> Answer:
    asking.furnishings.delete_layer(asking.path["layer"], _layer_number(asking.path["version"]))
    return asking.answer()


def list_layers(asking: Asking) -> Answer:
    """The newest version of each. Official layers are FC's own; there are none here."""
    if asking.flag("official"):
        return asking.page("layers", asking.dialect.layer, Page([]))
    page = asking.furnishings.list_layers(asking.wanted, public_only=bool(asking.flag("public")))
    return asking.page("layers", asking.dialect.layer, page)


def list_layer_versions(asking: Asking) -> Answer:
    """ASSUMED: oldest first, so that ``startVersion`` is the first of the page and ``nextVersion`` that of the next."""
    wanted, start = asking.wanted, asking.query.get("startVersion", "")
    first = _layer_number(start) if start else 0
    there = [each for each in asking.furnishings.layer_versions(asking.path["layer"]) if each.version >= first]
    more = {"nextVersion": there[wanted.limit].version} if len(there) > wanted.limit else {}
    return asking.page("layers", asking.dialect.layer, Page(there[: wanted.limit]), **more)


def put_layer_acl(asking: Asking) -> Answer:
    """``public`` is in the body in 2016-08-15, else in the query; ``acl`` is 1 for public."""
    said = asking.body.get("public", asking.flag("public"))
    public = asking.query.get("acl") == "1" if said is None else read_value(FLAG, said, "public", asking.limits)
    asking.furnishings.share_layer(asking.path["layer"], public)
    return asking.answer()


def _layer(asking: Asking) -> LayerVersion:
    return asking.furnishings.layer(asking.path["layer"], _layer_number(asking.path["version"]))


def _layer_number(text: str) -> int:
    if not text.isdecimal():
        raise InvalidArgument.choice("Version", "a whole number", text)
    return int(text)


# Capacity: one configuration of one kind for a qualifier of a function.


def put_capacity(kind: str, asking: Asking) -> Answer:
    shape = asking.dialect.capacities[kind]
    values = shape.read(asking).get("kept", {})
    qualifier = asking.dialect.capacity_qualifier(kind, asking.path, asking.query)
    capacity = asking.furnishings.put_capacity(kind, asking.ref, qualifier, values, asking.if_match)
    return asking.resource(shape, capacity)


def get_capacity(kind: str, asking: Asking) -> Answer:
    qualifier = asking.dialect.capacity_qualifier(kind, asking.path, asking.query)
    return asking.resource(asking.dialect.capacities[kind], asking.furnishings.capacity(kind, asking.ref, qualifier))


def delete_capacity(kind: str, asking: Asking) -> Answer:
    qualifier = asking.dialect.capacity_qualifier(kind, asking.path, asking.query)
    asking.furnishings.delete_capacity(kind, asking.ref, qualifier, asking.if_match)
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

    found = {f"{each.function}.{each.qualifier}": each for each in asking.furnishings.capacities(kind, chosen)}
    page = by_name(found, asking.wanted)
    if kind == ON_DEMAND and not page.items:
        return asking.answer({})
    return asking.page(asking.dialect.capacity_lists[kind], asking.dialect.capacities[kind], page)


# Tags.


def tag_resource(asking: Asking) -> Answer:
    body, limits = asking.body, asking.limits
    service = _service_of(required(body, "resourceArn", TEXT, limits))
    asking.furnishings.tag([service], required(body, "tags", TAGS, limits))
    return _tagged(asking)


def untag_resource(asking: Asking) -> Answer:
    body, limits = asking.body, asking.limits
    keys = read_value(TEXTS, body.get("tagKeys", []), "tagKeys", limits)
    everything = read_value(FLAG, body.get("all", False), "all", limits)
    asking.furnishings.untag([_service_of(required(body, "resourceArn", TEXT, limits))], keys, everything=everything)
    return _tagged(asking)


def _tagged(asking: Asking) -> Answer:
    """2016-08-15 answers with a request id, 2021-04-06 without a body."""
    return asking.identified("requestId", {}) if asking.dialect.tags_answer else asking.answer()


def get_resource_tags(asking: Asking) -> Answer:
    """The ARN comes back whole, also when the short form was asked (wire-api §9)."""
    resource = _service_of(asking.query.get("resourceArn", ""))
    tags = asking.furnishings.tags(resource)
    return asking.identified("requestId", {"resourceArn": _whole_arn(resource, asking), "tags": tags})


def list_tagged_resources(asking: Asking) -> Answer:
    resources = [
        {"resourceArn": _whole_arn(resource, asking), "tags": tags}
        for resource, tags in asking.furnishings.tagged().items()
        if resource.startswith("services/")
    ]
    return asking.plain_page("resources", page_of(resources, asking.wanted))


def _service_of(arn: str) -> str:
    """``services/NAME`` out of a short or whole ARN. Raises ``InvalidArgument``."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind != "services" or not name or "/" in name:
        raise InvalidArgument.choice("ResourceArn", "the ARN of a service", arn)
    return f"services/{name}"


def _whole_arn(resource: str, asking: Asking) -> str:
    return f"acs:fc:{asking.account.region}:{asking.account.id}:{resource}"


# Tags of 2023-03-30: names with capitals, lists as JSON in the query (wire-api §5).


def tag_resources(asking: Asking) -> Answer:
    body, limits = asking.body, asking.limits
    tags = tags_in(required(body, "Tag", LIST, limits))
    asking.furnishings.tag(_functions_named(required(body, "ResourceId", TEXTS, limits)), tags)
    return asking.answer()


def untag_resources(asking: Asking) -> Answer:
    keys, everything = _json_texts(asking, "TagKey"), bool(asking.flag("All"))
    asking.furnishings.untag(_functions_named(_json_texts(asking, "ResourceId")), keys, everything=everything)
    return asking.answer()


def list_tag_resources(asking: Asking) -> Answer:
    """By function and key, filtered by ids and by tags: every tag given must match, one without a value by its key."""
    ids = set(_functions_named(_json_texts(asking, "ResourceId")))
    wanted = tags_in(asking.json_list("Tag"))
    found = [
        {"ResourceId": resource.partition("/")[2], "ResourceType": "function", "TagKey": key, "TagValue": value}
        for resource, tags in asking.furnishings.tagged().items()
        if resource.startswith("functions/") and (not ids or resource in ids) and has_tags(tags, wanted)
        for key, value in tags.items()
    ]
    page = page_of(found, asking.wanted_page("Limit", "NextToken"))
    more = {"NextToken": write_token(page.next)} if page.next else {}
    return asking.identified("RequestId", {"TagResources": page.items, **more})


def _functions_named(ids: tuple[str, ...] | list[str]) -> list[str]:
    """ASSUMED: an id is the name of a function, or its ARN."""
    return [f"functions/{each.rpartition(':')[2].removeprefix('functions/')}" for each in ids]


def _json_texts(asking: Asking, name: str) -> list[str]:
    return list(read_value(TEXTS, asking.json_list(name), name, asking.limits))


# VPC bindings and event sources.


def create_vpc_binding(asking: Asking) -> Answer:
    asking.furnishings.bind(asking.owner, required(asking.body, "vpcId", TEXT, asking.limits))
    return asking.answer()


def delete_vpc_binding(asking: Asking) -> Answer:
    asking.furnishings.unbind(asking.owner, asking.path["vpc"])
    return asking.answer()


def list_vpc_bindings(asking: Asking) -> Answer:
    return asking.answer({"vpcIds": asking.furnishings.vpcs(asking.owner)})


def register_event_source(asking: Asking) -> Answer:
    arn = required(asking.body, "sourceArn", TEXT, asking.limits)
    stamp = asking.furnishings.register_source(asking.ref, asking.qualifier, arn)
    return asking.answer({"createdTime": time_text(stamp.created), "sourceArn": arn})


def list_event_sources(asking: Asking) -> Answer:
    sources = asking.furnishings.event_sources(asking.ref, asking.qualifier)
    listed = [{"createdTime": time_text(stamp.created), "sourceArn": arn} for arn, stamp in sources.items()]
    return asking.answer({"eventSources": listed})


def deregister_event_source(asking: Asking) -> Answer:
    asking.furnishings.deregister_source(asking.ref, asking.qualifier, asking.path["arn"])
    return asking.answer()


# The account.


def get_account_settings(asking: Asking) -> Answer:
    region = asking.account.region
    return asking.answer({"availableAZs": [f"{region}-a", f"{region}-b"], "defaultRole": ""})


def get_account_configs(asking: Asking) -> Answer:
    """Texts (wire-api §9); those asked for, or all."""
    configs = {"CodeSizeLimit": str(asking.limits.package_bytes)}
    asked = asking.many("config")
    return asking.answer({name: value for name, value in configs.items() if not asked or name in asked})


def describe_regions(asking: Asking) -> Answer:
    """The one region that the emulator stands for."""
    region = asking.account.region
    return asking.answer({"Regions": {"Region": [{"RegionId": region, "LocalName": region}]}})


def list_reserved_capacities(asking: Asking) -> Answer:
    """Nobody can buy any here."""
    return asking.plain_page("reservedCapacities", page_of([], asking.wanted))


def list_instances(asking: Asking) -> Answer:
    """Those that there are, in the order in which they were started.

    ASSUMED: what 3.0 adds is written in its words; an instance whose initializer runs is Creating.
    """
    wanted, states = asking.many("instanceIds"), asking.many("instanceStatus")
    in_services = asking.dialect.generation.versions_belong_to == "service"
    found = []
    for each in asking.furnishings.instances(asking.ref, asking.qualifier if _names_qualifier(asking) else None):
        shown: dict[str, object] = {"instanceId": each.id, "versionId": each.version}
        status = "Running" if each.ready else "Creating"
        if not in_services:
            created = each.born.timestamp() * 1000
            shown |= {"qualifier": each.qualifier, "status": status, "createdTimeMs": round(created)}
        if (not wanted or each.id in wanted) and (not states or status in states):
            found.append(shown)
    instances = {"instances": found[: asking.wanted.limit]}
    return asking.answer(instances) if in_services else asking.identified("requestId", instances)


def _names_qualifier(asking: Asking) -> bool:
    """Without one, those of all qualifiers are shown."""
    return asking.qualifier != LATEST or "qualifier" in asking.query


_WORDS: Final = {ON_DEMAND: "on_demand", PROVISION: "provision", CONCURRENCY: "concurrency", SCALING: "scaling"}

_PLAIN: Final[tuple[Handler, ...]] = (
    create_domain,
    get_domain,
    update_domain,
    delete_domain,
    list_domains,
    publish_layer,
    get_layer,
    get_layer_by_arn,
    delete_layer,
    list_layers,
    list_layer_versions,
    put_layer_acl,
    tag_resource,
    untag_resource,
    get_resource_tags,
    list_tagged_resources,
    tag_resources,
    untag_resources,
    list_tag_resources,
    create_vpc_binding,
    delete_vpc_binding,
    list_vpc_bindings,
    register_event_source,
    list_event_sources,
    deregister_event_source,
    get_account_settings,
    get_account_configs,
    describe_regions,
    list_reserved_capacities,
    list_instances,
)
HANDLERS: Final[Mapping[str, Handler]] = {handler.__name__: handler for handler in _PLAIN} | {
    f"{does}_{word}": partial(handler, kind)
    for kind, word in _WORDS.items()
    for does, handler in (
        ("put", put_capacity),
        ("get", get_capacity),
        ("delete", delete_capacity),
        ("list", list_capacities),
    )
}
