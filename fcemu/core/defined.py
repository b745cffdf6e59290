"""What a definition defines beside services, functions and their asynchronous settings; what is defined now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fcemu.core.belongings import CONCURRENCY, ON_DEMAND, Capacity
from fcemu.core.catalog import Catalog
from fcemu.core.domains import Domain
from fcemu.core.releases import Alias, Owner, Version
from fcemu.core.triggers import Trigger

LIMITS: Final = (CONCURRENCY, ON_DEMAND)
"""The kinds of capacity that bound how many requests run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """``versions`` and ``aliases`` are all that an owner has, in order; ``capacities`` those that bound how many
    requests run."""

    triggers: tuple[Trigger, ...] = ()
    versions: Mapping[Owner, tuple[Version, ...]] = field(default_factory=dict)
    aliases: Mapping[Owner, tuple[Alias, ...]] = field(default_factory=dict)
    domains: tuple[Domain, ...] = ()
    capacities: tuple[Capacity, ...] = ()

    @classmethod
    def of(cls, catalog: Catalog) -> "Extras":
        """All that there is now."""
        owners = dict.fromkeys(Owner.of(function.ref) for function in catalog)
        releases = {owner: catalog.releases(owner) for owner in owners}
        return cls(
            triggers=tuple(catalog.all_triggers()),
            versions={owner: tuple(each.versions.values()) for owner, each in releases.items() if each.versions},
            aliases={owner: tuple(each.aliases.values()) for owner, each in releases.items() if each.aliases},
            domains=tuple(catalog.domains.values()),
            capacities=tuple(each for kind in LIMITS for each in catalog.belongings.capacities(kind)),
        )

    def put_into(self, catalog: Catalog) -> None:
        """Define all of it; what has the same name is replaced, and an owner's versions and aliases as a whole."""
        for trigger in self.triggers:
            catalog.set_trigger(trigger)
        for owner in self.owners:
            catalog.releases(owner).replace(self.versions.get(owner, ()), self.aliases.get(owner, ()))
        for domain in self.domains:
            catalog.set_domain(domain)
        for capacity in self.capacities:
            catalog.belongings.set_capacity(capacity)

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Whose versions or aliases are here."""
        return tuple(dict.fromkeys((*self.versions, *self.aliases)))


NO_EXTRAS: Final = Extras()
