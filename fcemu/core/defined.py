"""What a definition defines beside services, functions and their asynchronous settings; what is defined now."""

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from fcemu.core.belongings import CAPACITIES, Capacity
from fcemu.core.catalog import Catalog
from fcemu.core.domains import Domain
from fcemu.core.layers import LayerVersion
from fcemu.core.names import FunctionRef
from fcemu.core.releases import Alias, Owner, Version
from fcemu.core.stamps import UNSTAMPED
from fcemu.core.triggers import Trigger
from fcemu.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """``versions``, ``aliases``, ``tags`` and ``vpcs`` (bound ones) are all that an owner has, in order; ``sources``
    are the ARNs of event sources by function and qualifier; ``layers`` all versions of a layer, oldest first."""

    triggers: tuple[Trigger, ...] = ()
    versions: Mapping[Owner, tuple[Version, ...]] = field(default_factory=dict)
    aliases: Mapping[Owner, tuple[Alias, ...]] = field(default_factory=dict)
    domains: tuple[Domain, ...] = ()
    capacities: tuple[Capacity, ...] = ()
    tags: Mapping[Owner, Mapping[str, str]] = field(default_factory=dict)
    vpcs: Mapping[Owner, tuple[str, ...]] = field(default_factory=dict)
    sources: Mapping[tuple[FunctionRef, str], tuple[str, ...]] = field(default_factory=dict)
    layers: tuple[LayerVersion, ...] = ()

    @classmethod
    def of(cls, catalog: Catalog) -> "Extras":
        """All that there is now."""
        owners = dict.fromkeys(Owner("service", service.name) for service in catalog.services)
        owners |= dict.fromkeys(Owner.of(function.ref) for function in catalog)
        releases, belongings = {owner: catalog.releases(owner) for owner in owners}, catalog.belongings
        return cls(
            triggers=tuple(catalog.all_triggers()),
            versions={owner: tuple(each.versions.values()) for owner, each in releases.items() if each.versions},
            aliases={owner: tuple(each.aliases.values()) for owner, each in releases.items() if each.aliases},
            domains=tuple(catalog.domains.values()),
            capacities=tuple(each for kind in CAPACITIES for each in belongings.capacities(kind)),
            tags={owner: dict(tags) for owner in owners if (tags := belongings.tags_of(owner))},
            vpcs={owner: tuple(vpcs) for owner in owners if (vpcs := belongings.vpcs(owner))},
            sources={key: tuple(there) for key, there in belongings.all_sources()},
            layers=tuple(catalog.layers),
        )

    def put_into(self, catalog: Catalog) -> None:
        """Define all of it; what has the same name is replaced, and what an owner or a layer has as a whole."""
        belongings = catalog.belongings
        for trigger in self.triggers:
            catalog.set_trigger(trigger)
        for owner in self.owners:
            catalog.releases(owner).replace(self.versions.get(owner, ()), self.aliases.get(owner, ()))
        for domain in self.domains:
            catalog.set_domain(domain)
        for capacity in self.capacities:
            belongings.set_capacity(capacity)
        for owner, tags in self.tags.items():
            belongings.set_tags(owner, tags)
        for owner, vpcs in self.vpcs.items():
            belongings.set_vpcs(owner, vpcs)
        for (ref, qualifier), arns in self.sources.items():
            for arn in arns:
                belongings.register(ref, qualifier, arn, UNSTAMPED)
        catalog.layers.replace(self.layers)

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Whose versions or aliases are here."""
        return tuple(dict.fromkeys((*self.versions, *self.aliases)))


NO_EXTRAS: Final = Extras()
