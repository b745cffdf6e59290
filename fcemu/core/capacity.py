"""Capacity: how many instances functions may or shall have, within the limits of the account."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from fcemu.core.errors import InvalidArgument, refused
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.core.shelves import Shelf
from fcemu.core.stamps import UNSTAMPED, Stamp
from fcemu.core.values import dataclass

ON_DEMAND: Final = "on-demand"
PROVISION: Final = "provision"
CONCURRENCY: Final = "concurrency"
SCALING: Final = "scaling"
CAPACITIES: Final = (ON_DEMAND, CONCURRENCY, PROVISION, SCALING)


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many instances a qualifier of a function may or shall have: one configuration of one kind. ``kept`` are its
    values by FC's names."""

    kind: str
    function: FunctionRef
    qualifier: str
    kept: Mapping[str, Any] = field(default_factory=dict)
    stamp: Stamp = UNSTAMPED


class InstanceNumbers:
    """What acts of all capacity that is configured: numbers of instances."""

    def __init__(self, shelf: Shelf[tuple[str, FunctionRef, str], Capacity]) -> None:
        self._shelf: Final = shelf
        self.reserved: Final[Mapping[FunctionRef, int]] = shelf.index(
            lambda each: each.function if each.kind == CONCURRENCY else None,
            lambda each: int(each.kept.get("reservedConcurrency", 0)),
        )
        """How many instances are for one function alone, which may have no more (3.0).

        ASSUMED: fcemu reads ``reservedConcurrency`` as a number of instances, like the limit of the region of which it
        is a part (timers-and-instances §2).
        """

    def listed(self, kind: str) -> list[Capacity]:
        """All of one kind, in order of function and qualifier."""
        chosen = [each for each in self._shelf.values() if each.kind == kind]
        return sorted(chosen, key=lambda each: (each.function.service or "", each.function.name, each.qualifier))

    def on_demand(self, ref: FunctionRef, qualifier: str) -> int | None:
        """How many instances that are not provisioned a qualifier may have (2.0); ``None``: as many as the account."""
        found = self._shelf.get((ON_DEMAND, ref, qualifier))
        return None if found is None else int(found.kept.get("maximumInstanceCount", 0))

    def provisioned(self, ref: FunctionRef, qualifier: str) -> int:
        """How many instances of a qualifier are kept whether there is work or not."""
        provision = self._shelf.get((PROVISION, ref, qualifier))
        scaling = self._shelf.get((SCALING, ref, qualifier))
        kept = {} if provision is None else provision.kept
        least = 0 if scaling is None else int(scaling.kept.get("minInstances", 0))
        return max(int(kept.get("target") or kept.get("defaultTarget") or 0), least)

    def all_provisioned(self) -> list[tuple[FunctionRef, str]]:
        """The functions and qualifiers with such instances."""
        keys = {(ref, qualifier): None for kind, ref, qualifier in self._shelf if kind in (PROVISION, SCALING)}
        return [key for key in keys if self.provisioned(*key)]

    def check(self, wanted: Capacity, settings: Settings) -> None:
        """Raise ``InvalidArgument`` or ``LimitExceededError`` for what would go beyond the account's limits.

        Source: FC docs (timers-and-instances §2): a limit on demand is at most the account's, and there are 100 of
        them; all that is reserved is at most 90 % of it. ASSUMED: fcemu makes up the text that refuses capacity above a
        limit, and lets a test that sets a smaller ``instanceLimit``, to see what happens at it, reserve what it wants
        (timers-and-instances §2).
        """
        most = max(settings.instances, settings.limits.instances)
        if wanted.kind == ON_DEMAND:
            _check("MaximumInstanceCount", int(wanted.kept.get("maximumInstanceCount", 0)), most)
            rules, at_most = self.listed(ON_DEMAND), settings.limits.on_demand_rules
            if len(rules) >= at_most and (ON_DEMAND, wanted.function, wanted.qualifier) not in self._shelf:
                raise refused("LimitExceededError", most=at_most, what="on-demand configs")
        elif wanted.kind == CONCURRENCY:
            others = sum(count for ref, count in self.reserved.items() if ref != wanted.function)
            may = most * settings.limits.reserved_percent // 100 - others
            _check("ReservedConcurrency", int(wanted.kept.get("reservedConcurrency", 0)), max(0, may))


def _check(name: str, value: int, most: int) -> None:
    if value > most:
        raise InvalidArgument.choice(name, f"[0, {most}]", str(value))
