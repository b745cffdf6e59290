"""The catalogue holds everything that is defined now, a shelf for each type, and knows what goes together."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, cast

from fcemu.core.capacity import InstanceNumbers
from fcemu.core.errors import FunctionNotFound, refused
from fcemu.core.functions import UNSET, AsyncSettings, Function, Service
from fcemu.core.layers import Layers
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.paging import Page, Wanted, by_name
from fcemu.core.releases import Owner, Releases
from fcemu.core.resource_types import (
    ALIASES,
    ASYNC,
    CAPACITIES,
    DOMAINS,
    FUNCTIONS,
    LAYERS,
    RESOURCE_TYPES,
    SERVICES,
    SOURCES,
    TAGS,
    TRIGGERS,
    VERSIONS,
    VPCS,
)
from fcemu.core.shelves import K, R, ResourceType, Shelf
from fcemu.core.triggers import HTTP, Trigger
from fcemu.core.values import dataclass

Choose = Callable[[dict[str, float]], str]
"""Chooses one of several versions by their shares."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A function together with the version that the caller's qualifier means.

    ``shares``: where an alias leads to several versions, the share of each; the function is that of the first.
    """

    function: Function
    qualifier: str
    version: str
    shares: dict[str, float] | None = None


class Catalog:
    """All resources by type and key. Iterating gives the functions.

    Not safe for threads: whoever holds the baton uses it.
    """

    def __init__(
        self,
        services: Iterable[Service] = (),
        functions: Iterable[Function] = (),
        *,
        like: "Catalog | None" = None,
    ) -> None:
        """``like``: the catalogue has the same resources as that one; a change of one does not change the other."""
        self.shelves: Final[dict[str, Shelf[Any, Any]]] = {
            of.name: Shelf(of, None if like is None else like.shelves[of.name]) for of in RESOURCE_TYPES
        }
        """By the name of the kind; that of functions comes before what belongs to them."""
        self.services: Final = self.shelf(SERVICES)
        self.functions: Final = self.shelf(FUNCTIONS)
        self.versions: Final = self.shelf(VERSIONS)
        self.aliases: Final = self.shelf(ALIASES)
        self.triggers: Final = self.shelf(TRIGGERS)
        self.asynchronous: Final = self.shelf(ASYNC)
        self.domains: Final = self.shelf(DOMAINS)
        self.layer_versions: Final = self.shelf(LAYERS)
        self.capacities: Final = self.shelf(CAPACITIES)
        self.tags: Final = self.shelf(TAGS)
        self.vpcs: Final = self.shelf(VPCS)
        self.sources: Final = self.shelf(SOURCES)
        self.is_stamped: bool = False if like is None else like.is_stamped
        """Whether all that the catalogue had at first has ids and times."""
        self.triggers_by_id: Final = self.triggers.index(lambda each: each.stamp.id or None, lambda each: each)
        """A trigger has an id once it is stamped."""
        self.releases: Final = Releases(self.versions, self.aliases)
        self.layers: Final = Layers(self.layer_versions)
        self.instance_numbers: Final = InstanceNumbers(self.capacities)
        for service in services:
            self.services.put(service.name, service)
        for function in functions:
            self.add(function)

    def __iter__(self) -> Iterator[Function]:
        return iter(self.functions.values())

    def __len__(self) -> int:
        return len(self.functions)

    def shelf(self, of: ResourceType[K, R]) -> Shelf[K, R]:
        """The shelf of one type."""
        return cast("Shelf[K, R]", self.shelves[of.name])

    # What belongs together.

    def add(self, function: Function) -> None:
        """Define a function, or replace the one of the same name; a 2.0 function brings its service along."""
        service = function.ref.service
        if service is not None and service not in self.services:
            self.services.put(service, Service(service))
        self.functions.put(function.ref, function)

    def check_within(self, within: object) -> None:
        """Raise the error for what is missing of that to which a resource belongs, as its type says by ``within``."""
        match within:
            case FunctionRef():
                self.function(within)
            case Owner("service", name):
                self.services.find(name)
            case Owner(_, name):
                self.function(FunctionRef(name))
            case FunctionRef() as ref, str(qualifier):
                self.find(ref, qualifier)

    def remove(self, of: ResourceType[K, R], key: K) -> None:
        """Forget a resource with all that belongs to it; the versions of a service keep what they froze. Raises the
        type's error for what is missing."""
        self.shelf(of).remove(key)
        match of.owns(key):
            case FunctionRef() as ref:
                self.forget_settings(ref)
                if ref.service is None:
                    self._forget(Owner.of(ref), self.versions, self.aliases)
            case Owner() as owner:
                self._forget(owner, self.vpcs, self.tags, self.versions, self.aliases)

    def forget_settings(self, ref: FunctionRef) -> None:
        """Forget all that is set for a function but its versions and aliases."""
        self._forget(ref, self.asynchronous, self.triggers, self.capacities)
        for group in {key[:2] for key in self.sources if key[0] == ref}:
            self.sources.forget(group)
        if ref.service is None:
            self._forget(Owner.of(ref), self.vpcs, self.tags)

    @staticmethod
    def _forget(group: object, *shelves: Shelf[Any, Any]) -> None:
        for shelf in shelves:
            shelf.forget(group)

    def check_empty(self, owner: object) -> None:
        """Raise ``ServiceNotEmpty`` while a service has functions, versions or aliases, ``FunctionNotEmpty`` while a
        function has triggers, or, in 3.0, versions or aliases.

        ASSUMED: fcemu refuses to delete a function of 3.0 that has versions or aliases; FC's own tool deletes these and
        the triggers first (errors-and-limits §2.1).
        """
        match owner:
            case FunctionRef(name, service) as ref:
                own = {"triggers": self.triggers.has(ref)}
                code, owner = "FunctionNotEmpty", Owner.of(ref) if service is None else None
            case Owner(_, name):
                own = {"functions": self.functions.has(name)}
                code = "ServiceNotEmpty"
            case _:
                return
        own |= {"versions": self.versions.has(owner), "aliases": self.aliases.has(owner)}
        if active := next((word for word, there in own.items() if there), ""):
            raise refused(code, name=name, active=active)

    # Functions.

    def function(self, ref: FunctionRef) -> Function:
        """Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        function = self.functions.get(ref)
        if function is not None:
            return function
        if ref.service is not None:
            self.services.find(ref.service)
        raise FunctionNotFound(ref)

    def find(self, ref: FunctionRef, qualifier: str = LATEST, choose: Choose | None = None) -> Resolved:
        """The function and version a caller means; raises ``ServiceNotFound``, ``FunctionNotFound``,
        ``VersionNotFound`` or ``AliasNotFound``, in this order except that FC 2.0 looks for the version first,
        because there versions belong to the service (errors-and-limits §2.1).

        ``choose``: asked where an alias leads to several versions; without it, the one that it names first.
        """
        if qualifier == LATEST:
            return Resolved(self.function(ref), LATEST, LATEST)
        owner = Owner.of(ref)
        self.check_within(owner)
        shares = self.releases.shares(owner, qualifier)
        version = choose(shares) if shares and choose is not None else self.releases.resolve(owner, qualifier)
        frozen = {} if version == LATEST else self.versions.find((owner, version)).functions
        function = self.function(ref) if version == LATEST else frozen.get(ref.name)
        if function is None:
            raise FunctionNotFound(ref)
        return Resolved(function, qualifier, version, shares or None)

    def list_functions(self, service: str | None, wanted: Wanted, qualifier: str = LATEST) -> Page[Function]:
        """By name: the functions of a service, as they are or as a version froze them, or those of 3.0 (``None``).

        Raises ``ServiceNotFound``, ``VersionNotFound`` or ``AliasNotFound``.
        """
        if service is None:
            return self.functions.page(None, wanted)
        owner = Owner("service", service)
        self.check_within(owner)
        version = self.releases.resolve(owner, qualifier)
        if version == LATEST:
            return self.functions.page(service, wanted)
        frozen = self.versions.find((owner, version)).functions
        return by_name(frozen, wanted)

    def functions_of(self, service: str) -> dict[str, Function]:
        """All functions of a service by name, in order."""
        return dict(sorted(self.functions.of(service).items()))

    # Asynchronous settings and triggers.

    def set_async(self, ref: FunctionRef, settings: AsyncSettings, qualifier: str = LATEST) -> None:
        """Define the asynchronous settings of one qualifier."""
        self.asynchronous.put((ref, qualifier), settings)

    def async_settings(self, ref: FunctionRef, qualifier: str = LATEST) -> AsyncSettings:
        """The settings of exactly this qualifier; unset ones where there are none.

        ASSUMED: fcemu does not let an alias without asynchronous settings of its own fall back to those of ``LATEST``
        (async-invocation §7).
        """
        return self.asynchronous.get((ref, qualifier)) or UNSET

    def trigger(self, ref: FunctionRef, name: str) -> Trigger:
        """Raises ``ServiceNotFound``, ``FunctionNotFound`` or ``TriggerNotFound``."""
        self.function(ref)
        return self.triggers.find((ref, name))

    def http_trigger(self, ref: FunctionRef, qualifier: str) -> Trigger | None:
        """The HTTP trigger of a qualifier; there is one at most (http-triggers §1)."""
        there = self.triggers.each(ref)
        return next((each for each in there if each.kind == HTTP and each.qualifier == qualifier), None)
