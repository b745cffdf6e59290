"""What belongs to services and functions besides: capacity, tags, VPC bindings, event sources."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from fcemu.core.errors import exists, missing
from fcemu.core.names import FunctionRef
from fcemu.core.releases import Owner
from fcemu.core.stamps import UNSTAMPED, Stamp
from fcemu.core.values import dataclass

ON_DEMAND: Final = "on-demand"
PROVISION: Final = "provision"
CONCURRENCY: Final = "concurrency"
SCALING: Final = "scaling"
CAPACITIES: Final = (ON_DEMAND, CONCURRENCY, PROVISION, SCALING)
_NOT_FOUND: Final[Mapping[str, str]] = {
    ON_DEMAND: "OnDemandConfigNotFound",
    PROVISION: "ProvisionConfigNotFound",
    CONCURRENCY: "ConcurrencyConfigNotFound",
    SCALING: "ScalingConfigNotFound",
}


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many instances a qualifier of a function may or shall have: one configuration of one kind. ``kept`` are its
    values by FC's names."""

    kind: str
    function: FunctionRef
    qualifier: str
    kept: Mapping[str, Any] = field(default_factory=dict)
    stamp: Stamp = UNSTAMPED


def has_tags(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Every tag wanted must match; an empty value means "has this key" (wire-api §9)."""
    return all(key in tags and value in ("", tags[key]) for key, value in wanted.items())


class Belongings:
    """Not safe for threads: whoever holds the baton uses it."""

    def __init__(self) -> None:
        self._capacities: dict[tuple[str, FunctionRef, str], Capacity] = {}
        self._reserved: dict[FunctionRef, int] = {}
        self.tags: dict[str, dict[str, str]] = {}
        """By ``services/NAME`` and ``functions/NAME``; what has none is not there."""
        self._vpcs: dict[Owner, list[str]] = {}
        self._sources: dict[tuple[FunctionRef, str], dict[str, Stamp]] = {}

    # Capacity.

    def set_capacity(self, capacity: Capacity) -> None:
        """Add a configuration, or replace the one for the same."""
        self._capacities[capacity.kind, capacity.function, capacity.qualifier] = capacity
        self._sum_up()

    def find_capacity(self, kind: str, ref: FunctionRef, qualifier: str) -> Capacity | None:
        """``None`` where there is none."""
        return self._capacities.get((kind, ref, qualifier))

    def capacity(self, kind: str, ref: FunctionRef, qualifier: str) -> Capacity:
        """Raises the error of that kind's code."""
        found = self.find_capacity(kind, ref, qualifier)
        if found is None:
            raise missing(_NOT_FOUND[kind], f"{kind} config of function '{ref}' and qualifier '{qualifier}'")
        return found

    def remove_capacity(self, kind: str, ref: FunctionRef, qualifier: str) -> None:
        """Raises what ``capacity`` raises."""
        self.capacity(kind, ref, qualifier)
        del self._capacities[kind, ref, qualifier]
        self._sum_up()

    def capacities(self, kind: str) -> list[Capacity]:
        """All of one kind, in order of function and qualifier."""
        chosen = [each for each in self._capacities.values() if each.kind == kind]
        return sorted(chosen, key=lambda each: (each.function.service or "", each.function.name, each.qualifier))

    # What acts of it: numbers of instances.

    def on_demand(self, ref: FunctionRef, qualifier: str) -> int | None:
        """How many instances that are not provisioned a qualifier may have (2.0); ``None``: as many as the account."""
        found = self._capacities.get((ON_DEMAND, ref, qualifier))
        return None if found is None else int(found.kept.get("maximumInstanceCount", 0))

    @property
    def reserved(self) -> Mapping[FunctionRef, int]:
        """How many instances are for one function alone, which may have no more (3.0).

        ASSUMED: ``reservedConcurrency`` counts instances, as the limit of the region does that it is a part of.
        """
        return self._reserved

    def provisioned(self, ref: FunctionRef, qualifier: str) -> int:
        """How many instances of a qualifier are kept whether there is work or not."""
        provision = self._capacities.get((PROVISION, ref, qualifier))
        scaling = self._capacities.get((SCALING, ref, qualifier))
        kept = {} if provision is None else provision.kept
        least = 0 if scaling is None else int(scaling.kept.get("minInstances", 0))
        return max(int(kept.get("target") or kept.get("defaultTarget") or 0), least)

    def all_provisioned(self) -> list[tuple[FunctionRef, str]]:
        """The functions and qualifiers with such instances."""
        keys = {(ref, qualifier): None for kind, ref, qualifier in self._capacities if kind in (PROVISION, SCALING)}
        return [key for key in keys if self.provisioned(*key)]

    def _sum_up(self) -> None:
        self._reserved = {
            ref: int(each.kept.get("reservedConcurrency", 0))
            for (kind, ref, _), each in self._capacities.items()
            if kind == CONCURRENCY
        }

    # Tags.

    def tags_of(self, owner: Owner) -> Mapping[str, str]:
        """By key."""
        return self.tags.get(f"{owner.kind}s/{owner.name}", {})

    def set_tags(self, owner: Owner, tags: Mapping[str, str]) -> None:
        """It has these tags and no others."""
        self.tags[f"{owner.kind}s/{owner.name}"] = dict(tags)

    # VPC bindings.

    def set_vpcs(self, owner: Owner, vpcs: Iterable[str]) -> None:
        """It is bound to these and no others."""
        self._vpcs[owner] = list(vpcs)

    def vpcs(self, owner: Owner) -> list[str]:
        """In the order in which they were bound."""
        return list(self._vpcs.get(owner, ()))

    def bind(self, owner: Owner, vpc: str) -> None:
        """Raises ``VpcBindingAlreadyExists``."""
        bound = self._vpcs.setdefault(owner, [])
        if vpc in bound:
            raise exists("VpcBindingAlreadyExists", f"binding of {owner} to VPC '{vpc}'")
        bound.append(vpc)

    def unbind(self, owner: Owner, vpc: str) -> None:
        """Raises ``VpcBindingNotFound``."""
        if vpc not in self._vpcs.get(owner, ()):
            raise missing("VpcBindingNotFound", f"binding of {owner} to VPC '{vpc}'")
        self._vpcs[owner].remove(vpc)

    # Event sources.

    def sources(self, ref: FunctionRef, qualifier: str) -> Mapping[str, Stamp]:
        """By ARN."""
        return self._sources.get((ref, qualifier), {})

    def all_sources(self) -> Iterator[tuple[tuple[FunctionRef, str], Mapping[str, Stamp]]]:
        """Those of every function and qualifier that has some."""
        yield from ((key, there) for key, there in self._sources.items() if there)

    def stamp_sources(self, stamp: Stamp) -> None:
        """Give its times to what a definition has brought."""
        for there in self._sources.values():
            there.update({arn: stamp for arn, old in there.items() if old is UNSTAMPED})

    def register(self, ref: FunctionRef, qualifier: str, arn: str, stamp: Stamp) -> Stamp:
        """Registering one again changes nothing. ASSUMED."""
        return self._sources.setdefault((ref, qualifier), {}).setdefault(arn, stamp)

    def deregister(self, ref: FunctionRef, qualifier: str, arn: str) -> None:
        """Raises ``EventSourceNotFound``."""
        if arn not in self.sources(ref, qualifier):
            raise missing("EventSourceNotFound", f"event source '{arn}' of function '{ref}'")
        del self._sources[ref, qualifier][arn]

    # The end of what they belong to.

    def forget(self, ref: FunctionRef) -> None:
        """The function is gone."""
        self._capacities = {key: each for key, each in self._capacities.items() if key[1] != ref}
        self._sum_up()
        self._sources = {key: each for key, each in self._sources.items() if key[0] != ref}
        if ref.service is None:
            self.forget_owner(Owner.of(ref))

    def forget_owner(self, owner: Owner) -> None:
        """The service, or the function of 3.0, is gone."""
        self._vpcs.pop(owner, None)
        self.tags.pop(f"{owner.kind}s/{owner.name}", None)
