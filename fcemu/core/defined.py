"""What a definition defines beside services, functions and their asynchronous settings; what is defined now."""

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from fcemu.core.capacity import CAPACITIES, Capacity
from fcemu.core.catalog import Catalog
from fcemu.core.domains import Domain
from fcemu.core.layers import LayerVersion
from fcemu.core.names import FunctionRef
from fcemu.core.releases import Alias, Owner, Version
from fcemu.core.stamps import Link
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
        owners = dict.fromkeys(Owner("service", name) for name in catalog.services)
        owners |= dict.fromkeys(map(Owner.of, catalog.functions))
        sources: dict[tuple[FunctionRef, str], list[str]] = {}
        for ref, qualifier, arn in catalog.sources:
            sources.setdefault((ref, qualifier), []).append(arn)
        return cls(
            triggers=tuple(catalog.triggers.values()),
            versions={
                owner: tuple(published.values()) for owner in owners if (published := catalog.versions.of(owner))
            },
            aliases={owner: tuple(named.values()) for owner in owners if (named := catalog.aliases.of(owner))},
            domains=tuple(catalog.domains.values()),
            capacities=tuple(each for kind in CAPACITIES for each in catalog.instance_numbers.listed(kind)),
            tags={owner: dict(tags) for owner in owners if (tags := catalog.tags.get(owner))},
            vpcs={owner: tuple(bound) for owner in owners if (bound := catalog.vpcs.of(owner))},
            sources={key: tuple(arns) for key, arns in sources.items()},
            layers=tuple(catalog.layer_versions.values()),
        )

    def put_into(self, catalog: Catalog) -> None:
        """Define all of it; what has the same name is replaced, and what an owner or a layer has as a whole."""
        for trigger in self.triggers:
            catalog.triggers.put((trigger.function, trigger.name), trigger)
        for owner in self.owners:
            catalog.releases.replace(owner, self.versions.get(owner, ()), self.aliases.get(owner, ()))
        for domain in self.domains:
            catalog.domains.put(domain.name, domain)
        for capacity in self.capacities:
            catalog.capacities.put((capacity.kind, capacity.function, capacity.qualifier), capacity)
        for owner, tags in self.tags.items():
            catalog.tags.put(owner, dict(tags))
        for owner, vpcs in self.vpcs.items():
            catalog.vpcs.replace(owner, {(owner, vpc): Link() for vpc in vpcs})
        for (ref, qualifier), arns in self.sources.items():
            for arn in arns:
                if (ref, qualifier, arn) not in catalog.sources:
                    catalog.sources.put((ref, qualifier, arn), Link())
        catalog.layers.replace(self.layers)

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Whose versions or aliases are here."""
        return tuple(dict.fromkeys((*self.versions, *self.aliases)))


NO_EXTRAS: Final = Extras()
