"""These are the twelve types of resource that can be defined: how each is found, refused, and named in facts."""

from collections.abc import Mapping
from typing import Any, Final

from fcemu.core.capacity import CONCURRENCY, ON_DEMAND, PROVISION, SCALING, Capacity
from fcemu.core.domains import Domain
from fcemu.core.errors import FCError, FunctionNotFound, refused
from fcemu.core.functions import AsyncSettings, Function, Package, Service
from fcemu.core.layers import LayerVersion
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.releases import Alias, Owner, Version
from fcemu.core.shelves import ResourceType
from fcemu.core.stamps import Link
from fcemu.core.triggers import Trigger

OfFunction = tuple[FunctionRef, str]
"""A function, and a trigger or a qualifier of it."""
OfOwner = tuple[Owner, str]
"""A service, or a function of 3.0, and a version, an alias or a VPC of it."""
CapacityKey = tuple[str, FunctionRef, str]
"""ResourceType of capacity, function and qualifier."""
SourceKey = tuple[FunctionRef, str, str]
"""Function, qualifier and ARN."""

SERVICES: Final = ResourceType[str, Service](
    name="services",
    blank=Service,
    owns=lambda name: Owner("service", name),
    split=lambda name: (None, name),
    missing=lambda name: refused("ServiceNotFound", name=name),
    taken=lambda name: refused("ServiceAlreadyExists", name=name),
    said=lambda name: f"service {name}",
    identity=lambda name: f"service {name}",
)
FUNCTIONS: Final = ResourceType[FunctionRef, Function](
    name="functions",
    blank=lambda ref: Function(ref=ref, handler="", code=""),
    within=lambda ref: None if ref.service is None else Owner("service", ref.service),
    owns=lambda ref: ref,
    split=lambda ref: (ref.service, ref.name),
    missing=FunctionNotFound,
    taken=lambda ref: refused(
        "FunctionAlreadyExists", name=ref.name, where="" if ref.service is None else f" in service '{ref.service}'"
    ),
    said=lambda ref: f"function {ref}",
    identity=lambda ref: f"function {ref}",
    mixed=True,
)
VERSIONS: Final = ResourceType[OfOwner, Version](
    name="versions",
    blank=lambda key: Version({}),
    within=lambda key: key[0],
    missing=lambda key: refused("VersionNotFound", owner=key[0], name=key[1]),
    said=lambda key: f"version {key[1]} of {key[0].kind} {key[0].name}",
    numbered=True,
)
ALIASES: Final = ResourceType[OfOwner, Alias](
    name="aliases",
    blank=lambda key: Alias(name=key[1], version=""),
    within=lambda key: key[0],
    missing=lambda key: refused("AliasNotFound", owner=key[0], name=key[1]),
    taken=lambda key: refused("AliasAlreadyExists", owner=key[0], name=key[1]),
    said=lambda key: f"alias {key[1]} of {key[0].kind} {key[0].name}",
    identity=lambda key: f"alias {key[1]} of {key[0]}",
)


def _trigger_missing(key: OfFunction) -> FCError:
    ref, name = key
    where = "" if ref.service is None else f" in service '{ref.service}' and function '{ref.name}'"
    return refused("TriggerNotFound", name=name, where=where)


TRIGGERS: Final = ResourceType[OfFunction, Trigger](
    name="triggers",
    blank=lambda key: Trigger(function=key[0], name=key[1], kind=""),
    within=lambda key: key[0],
    missing=_trigger_missing,
    taken=lambda key: refused("TriggerAlreadyExists", name=key[1]),
    said=lambda key: f"trigger {key[0]}/{key[1]}",
    identity=lambda key: f"trigger {key[0]}/{key[1]}",
)
ASYNC: Final = ResourceType[OfFunction, AsyncSettings](
    name="async_settings",
    blank=lambda key: AsyncSettings(),
    within=lambda key: key,
    missing=lambda key: refused("AsyncConfigNotExists", function=key[0], qualifier=key[1]),
    said=lambda key: f"async settings of {key[0]}" + ("" if key[1] == LATEST else f":{key[1]}"),
    merges=False,
)
DOMAINS: Final = ResourceType[str, Domain](
    name="domains",
    blank=lambda name: Domain(name=name),
    split=lambda name: (None, name),
    missing=lambda name: refused("DomainNameNotFound", name=name),
    taken=lambda name: refused("DomainNameAlreadyExists", name=name),
    said=lambda name: f"domain {name}",
    identity=lambda name: f"domain {name}",
)
LAYERS: Final = ResourceType[tuple[str, int], LayerVersion](
    name="layers",
    blank=lambda key: LayerVersion(name=key[0], version=key[1], package=Package("0", 0, "")),
    missing=lambda key: refused("LayerVersionNotFound", name=key[0], version=key[1]),
    none=lambda name: refused("LayerNotFound", name=name),
    said=lambda key: f"version {key[1]} of layer {key[0]}",
    identity=lambda key: f"version {key[1]} of layer {key[0]}",
    numbered=True,
)
_NO_CAPACITY: Final[Mapping[str, str]] = {
    ON_DEMAND: "OnDemandConfigNotFound",
    PROVISION: "ProvisionConfigNotFound",
    CONCURRENCY: "ConcurrencyConfigNotFound",
    SCALING: "ScalingConfigNotFound",
}
CAPACITIES: Final = ResourceType[CapacityKey, Capacity](
    name="capacities",
    blank=lambda key: Capacity(*key),
    within=lambda key: key[1:],
    split=lambda key: (key[1], (key[0], key[2])),
    missing=lambda key: refused(_NO_CAPACITY[key[0]], function=key[1], qualifier=key[2]),
    said=lambda key: f"{key[0]} config of {key[1]}",
    merges=False,
    mixed=True,
)


def no_owner(owner: Owner) -> FCError:
    """The refusal for a service, or a function of 3.0, that does not exist."""
    return SERVICES.missing(owner.name) if owner.kind == "service" else FunctionNotFound(FunctionRef(owner.name))


def has_tags(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Every tag wanted must match; an empty value means "has this key" (wire-api §9)."""
    return all(key in tags and value in ("", tags[key]) for key, value in wanted.items())


TAGS: Final = ResourceType[Owner, Mapping[str, str]](
    name="tags",
    blank=lambda owner: {},
    within=lambda owner: owner,
    split=lambda owner: (owner, ""),
    missing=no_owner,
    said=lambda owner: f"tags of {owner.kind}s/{owner.name}",
)
VPCS: Final = ResourceType[OfOwner, Link](
    name="vpcs",
    blank=lambda key: Link(),
    within=lambda key: key[0],
    missing=lambda key: refused("VpcBindingNotFound", owner=key[0], name=key[1]),
    taken=lambda key: refused("VpcBindingAlreadyExists", owner=key[0], name=key[1]),
    said=lambda key: f"VPC binding of {key[0].kind} {key[0].name}",
)
SOURCES: Final = ResourceType[SourceKey, Link](
    name="sources",
    blank=lambda key: Link(),
    within=lambda key: key[:2],
    split=lambda key: (key[:2], key[2]),
    missing=lambda key: refused("EventSourceNotFound", function=key[0], arn=key[2]),
    said=lambda key: f"event source of {key[0]}",
)
RESOURCE_TYPES: Final[tuple[ResourceType[Any, Any], ...]] = (
    *(SERVICES, FUNCTIONS, VERSIONS, ALIASES, TRIGGERS, ASYNC, DOMAINS, LAYERS, CAPACITIES, TAGS, VPCS, SOURCES),
)
