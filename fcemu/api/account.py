"""These handlers answer for tags, for the account, and for instances."""

from collections.abc import Callable, Iterable
from typing import Final

from fcemu.api.asking import Asking
from fcemu.api.resources import tags_in
from fcemu.api.shapes import read_value, required
from fcemu.api.wire import Answer
from fcemu.core.errors import InvalidArgument
from fcemu.core.fields.kinds import FLAG, LIST, TAGS, TEXT, TEXTS
from fcemu.core.names import LATEST
from fcemu.core.paging import page_of, write_token
from fcemu.core.releases import Owner
from fcemu.core.resource_types import has_tags

# Tags.


def tag_resource(asking: Asking) -> Answer:
    body, limits = asking.body, asking.limits
    service = _service_of(required(body, "resourceArn", TEXT, limits))
    asking.control.tag([service], required(body, "tags", TAGS, limits))
    return _tagged(asking)


def untag_resource(asking: Asking) -> Answer:
    body, limits = asking.body, asking.limits
    keys = read_value(TEXTS, body.get("tagKeys", []), "tagKeys", limits)
    everything = read_value(FLAG, body.get("all", False), "all", limits)
    asking.control.untag([_service_of(required(body, "resourceArn", TEXT, limits))], keys, everything=everything)
    return _tagged(asking)


def _tagged(asking: Asking) -> Answer:
    """2016-08-15 answers with a request id, 2021-04-06 without a body."""
    return asking.identified("requestId", {}) if asking.dialect.tags_answer else asking.answer()


def get_resource_tags(asking: Asking) -> Answer:
    """The ARN comes back whole, also when the short form was asked (wire-api §9)."""
    owner = _service_of(asking.query.get("resourceArn", ""))
    tags = asking.control.tags(owner)
    return asking.identified("requestId", {"resourceArn": _whole_arn(owner, asking), "tags": tags})


def list_tagged_resources(asking: Asking) -> Answer:
    resources = [
        {"resourceArn": _whole_arn(owner, asking), "tags": tags}
        for owner, tags in asking.control.tagged().items()
        if owner.kind == "service"
    ]
    return asking.plain_page("resources", page_of(resources, asking.wanted))


def _service_of(arn: str) -> Owner:
    """The service that a short or whole ARN names. Raises ``InvalidArgument``."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind != "services" or not name or "/" in name:
        raise InvalidArgument.choice("ResourceArn", "the ARN of a service", arn)
    return Owner("service", name)


def _whole_arn(owner: Owner, asking: Asking) -> str:
    return f"acs:fc:{asking.account.region}:{asking.account.id}:services/{owner.name}"


# Tags of 2023-03-30: names with capitals, lists as JSON in the query (wire-api §5).


def tag_resources(asking: Asking) -> Answer:
    body, limits = asking.body, asking.limits
    tags = tags_in(required(body, "Tag", LIST, limits))
    asking.control.tag(_functions_named(required(body, "ResourceId", TEXTS, limits)), tags)
    return asking.answer()


def untag_resources(asking: Asking) -> Answer:
    keys, everything = _json_texts(asking, "TagKey"), bool(asking.flag("All"))
    asking.control.untag(_functions_named(_json_texts(asking, "ResourceId")), keys, everything=everything)
    return asking.answer()


def list_tag_resources(asking: Asking) -> Answer:
    """By function and key, filtered by ids and by tags: every tag given must match, one without a value by its key."""
    ids = set(_functions_named(_json_texts(asking, "ResourceId")))
    wanted = tags_in(asking.json_list("Tag"))
    found = [
        {"ResourceId": owner.name, "ResourceType": "function", "TagKey": key, "TagValue": value}
        for owner, tags in asking.control.tagged().items()
        if owner.kind == "function" and (not ids or owner in ids) and has_tags(tags, wanted)
        for key, value in tags.items()
    ]
    page = page_of(found, asking.wanted_page("Limit", "NextToken"))
    more = {"NextToken": write_token(page.next)} if page.next else {}
    return asking.identified("RequestId", {"TagResources": page.items, **more})


def _functions_named(ids: Iterable[str]) -> list[Owner]:
    """ASSUMED: fcemu takes the name of a function, or its ARN, as the id of a resource that has tags in 3.0
    (wire-api §5)."""
    return [Owner("function", each.rpartition(":")[2].removeprefix("functions/")) for each in ids]


def _json_texts(asking: Asking, name: str) -> list[str]:
    return list(read_value(TEXTS, asking.json_list(name), name, asking.limits))


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
    """The list is empty: no capacity can be bought here."""
    return asking.plain_page("reservedCapacities", page_of([], asking.wanted))


def list_instances(asking: Asking) -> Answer:
    """Those that there are, in the order in which they were started.

    ASSUMED: fcemu writes what 3.0 adds to an instance in the words of 3.0, and calls an instance Creating while its
    initializer runs (timers-and-instances §3.1).
    """
    wanted, states = asking.many("instanceIds"), asking.many("instanceStatus")
    in_services = asking.dialect.generation.versions_belong_to == "service"
    found = []
    for each in asking.control.instances(asking.ref, asking.qualifier if _names_qualifier(asking) else None):
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


_ALL: Final[tuple[Callable[[Asking], Answer], ...]] = (
    *(tag_resource, untag_resource, get_resource_tags, list_tagged_resources),
    *(tag_resources, untag_resources, list_tag_resources),
    *(get_account_settings, get_account_configs, describe_regions, list_reserved_capacities, list_instances),
)
HANDLERS: Final = {handler.__name__: handler for handler in _ALL}
