"""Everything that is defined now: add, replace, remove, find."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from fcemu.core.belongings import Belongings
from fcemu.core.domains import Domain
from fcemu.core.errors import FCError, FunctionNotFound, ServiceNotFound, exists, missing, not_empty
from fcemu.core.functions import UNSET, AsyncSettings, Function, Service
from fcemu.core.generation import FC2, FC3
from fcemu.core.layers import Layers
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.paging import Names, Page, Wanted
from fcemu.core.releases import Owner, Releases
from fcemu.core.triggers import HTTP, Trigger
from fcemu.core.values import dataclass

T = TypeVar("T")
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
    """Services, functions, their versions, aliases, triggers and asynchronous settings, domains, by name.

    Not safe for threads: whoever holds the baton uses it.
    """

    def __init__(self, services: Iterable[Service] = (), functions: Iterable[Function] = ()) -> None:
        self._services: dict[str, Service] = {}
        self._service_names = Names()
        self._functions: dict[FunctionRef, Function] = {}
        self._function_names: dict[str | None, Names] = {}
        self._async: dict[FunctionRef, dict[str, AsyncSettings]] = {}
        self._releases: dict[Owner, Releases] = {}
        self._triggers: dict[FunctionRef, dict[str, Trigger]] = {}
        self._by_id: dict[str, Trigger] = {}
        """The triggers that have an id, each of which is in ``_triggers`` too."""
        self._domains: dict[str, Domain] = {}
        self.layers = Layers()
        self.belongings = Belongings()
        for service in services:
            self.add_service(service)
        for function in functions:
            self.add(function)

    def __iter__(self) -> Iterator[Function]:
        return iter(self._functions.values())

    def __len__(self) -> int:
        return len(self._functions)

    @property
    def names(self) -> Mapping[FunctionRef, Function]:
        """All functions by name."""
        return self._functions

    # Services.

    @property
    def services(self) -> tuple[Service, ...]:
        """In the order of definition."""
        return tuple(self._services.values())

    def add_service(self, service: Service) -> None:
        """Define a service, or replace the one of the same name."""
        self._services[service.name] = service
        self._service_names.add(service.name)

    def create_service(self, service: Service) -> None:
        """Raises ``ServiceAlreadyExists``."""
        if service.name in self._services:
            raise exists("ServiceAlreadyExists", f"service '{service.name}'")
        self.add_service(service)

    def service(self, name: str) -> Service:
        """Raises ``ServiceNotFound``."""
        service = self._services.get(name)
        if service is None:
            raise ServiceNotFound(name)
        return service

    def remove_service(self, name: str) -> None:
        """Raises ``ServiceNotFound``, or ``ServiceNotEmpty`` while it has functions, versions or aliases."""
        self.service(name)
        releases = self.releases(Owner("service", name))
        if active := _active(functions=self._names_in(name), versions=releases.versions, aliases=releases.aliases):
            raise not_empty("ServiceNotEmpty", f"service '{name}'", active)
        del self._services[name]
        self._service_names.discard(name)
        self._releases.pop(releases.owner, None)
        self.belongings.forget_owner(releases.owner)

    def list_services(self, wanted: Wanted) -> Page[Service]:
        """By name."""
        return _look_up(self._services, self._service_names.page(wanted))

    # Functions.

    def add(self, function: Function) -> None:
        """Define a function, or replace the one of the same name; a 2.0 function brings its service along."""
        service = function.ref.service
        if service is not None and service not in self._services:
            self.add_service(Service(service))
        self._functions[function.ref] = function
        self._names_in(service).add(function.ref.name)

    def check_new(self, ref: FunctionRef) -> None:
        """Raises ``ServiceNotFound`` or ``FunctionAlreadyExists`` where a function cannot be made."""
        if ref.service is not None:
            self.service(ref.service)
        if ref in self._functions:
            of = "" if ref.service is None else f" in service '{ref.service}'"
            raise FCError("FunctionAlreadyExists", f"function '{ref.name}' already exists{of}")

    def remove(self, ref: FunctionRef) -> None:
        """Forget a function with its triggers and asynchronous settings; the versions of its service keep what they
        froze. Raises ``FunctionNotFound`` or ``ServiceNotFound``."""
        self.function(ref)
        del self._functions[ref]
        self._names_in(ref.service).discard(ref.name)
        self._async.pop(ref, None)
        self.forget_triggers(ref)
        self.belongings.forget(ref)
        if ref.service is None:
            self._releases.pop(Owner.of(ref), None)

    def check_empty(self, ref: FunctionRef) -> None:
        """Raises ``FunctionNotEmpty`` while a function has triggers, or, in 3.0, versions or aliases.

        ASSUMED: the latter; FC's own tool deletes all three first.
        """
        active = _active(triggers=self._triggers.get(ref, {}))
        if ref.service is None and not active:
            releases = self.releases(Owner.of(ref))
            active = _active(versions=releases.versions, aliases=releases.aliases)
        if active:
            raise not_empty("FunctionNotEmpty", f"function '{ref.name}'", active)

    def function(self, ref: FunctionRef) -> Function:
        """Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        function = self._functions.get(ref)
        if function is not None:
            return function
        if ref.service is not None:
            self.service(ref.service)
        raise _no_function(ref)

    def find(self, ref: FunctionRef, qualifier: str = LATEST, choose: Choose | None = None) -> Resolved:
        """The function and version a caller means; raises ``ServiceNotFound``, ``FunctionNotFound``,
        ``VersionNotFound`` or ``AliasNotFound``, in this order except that FC 2.0 looks for the version first,
        because there versions belong to the service (errors-and-limits §2.1).

        ``choose``: asked where an alias leads to several versions; without it, the one that it names first.
        """
        if qualifier == LATEST:
            return Resolved(self.function(ref), LATEST, LATEST)
        if ref.service is None:
            self.function(ref)
        else:
            self.service(ref.service)
        releases = self.releases(Owner.of(ref))
        shares = releases.shares(qualifier)
        version = choose(shares) if shares and choose is not None else releases.resolve(qualifier)
        function = self.function(ref) if version == LATEST else releases.version(version).functions.get(ref.name)
        if function is None:
            raise _no_function(ref)
        return Resolved(function, qualifier, version, shares or None)

    def list_functions(self, service: str | None, wanted: Wanted, qualifier: str = LATEST) -> Page[Function]:
        """By name: the functions of a service, as they are or as a version froze them, or those of 3.0 (``None``).

        Raises ``ServiceNotFound``, ``VersionNotFound`` or ``AliasNotFound``.
        """
        if service is not None:
            self.service(service)
        if service is None or qualifier == LATEST:
            page = self._names_in(service).page(wanted)
            return _look_up({name: self._functions[FunctionRef(name, service)] for name in page.items}, page)
        releases = self.releases(Owner("service", service))
        version = releases.resolve(qualifier)
        if version == LATEST:
            return self.list_functions(service, wanted)
        frozen = releases.version(version).functions
        return _look_up(frozen, Names(frozen).page(wanted))

    def functions_of(self, service: str) -> dict[str, Function]:
        """All functions of a service by name, in order."""
        return {name: self._functions[FunctionRef(name, service)] for name in self._names_in(service)}

    def _names_in(self, service: str | None) -> Names:
        return self._function_names.setdefault(service, Names())

    # Versions and aliases.

    def all_releases(self) -> Iterator[Releases]:
        """Of all owners that have published or named something."""
        yield from self._releases.values()

    def releases(self, owner: Owner) -> Releases:
        """What an owner has published; an owner that does not exist has nothing."""
        found = self._releases.get(owner)
        if found is None:
            found = self._releases[owner] = Releases(owner)
        return found

    # Asynchronous settings.

    def set_async(self, ref: FunctionRef, settings: AsyncSettings, qualifier: str = LATEST) -> None:
        """Define the asynchronous settings of one qualifier."""
        self._async.setdefault(ref, {})[qualifier] = settings

    def async_settings(self, ref: FunctionRef, qualifier: str = LATEST) -> AsyncSettings:
        """The settings of exactly this qualifier; unset ones where there are none.

        ASSUMED: an alias without settings of its own does not fall back to those of ``LATEST``
        (async-invocation §7).
        """
        return self._async.get(ref, {}).get(qualifier, UNSET)

    def own_async(self, ref: FunctionRef, qualifier: str) -> AsyncSettings:
        """Raises ``AsyncConfigNotExists`` for a qualifier without settings of its own."""
        found = self._async.get(ref, {}).get(qualifier)
        if found is None:
            what = f"async invoke config of function '{ref}' and qualifier '{qualifier}'"
            raise missing("AsyncConfigNotExists", what)
        return found

    def async_of(self, ref: FunctionRef) -> Mapping[str, AsyncSettings]:
        """All settings of one function by qualifier, in the order in which they were made."""
        return self._async.get(ref, {})

    def remove_async(self, ref: FunctionRef, qualifier: str) -> None:
        """Raises ``AsyncConfigNotExists``."""
        self.own_async(ref, qualifier)
        del self._async[ref][qualifier]

    def forget_async(self, ref: FunctionRef) -> None:
        """Forget the settings of all qualifiers."""
        self._async.pop(ref, None)

    # Triggers.

    def triggers(self, ref: FunctionRef) -> Mapping[str, Trigger]:
        """The triggers of one function by name, in the order in which they were made. Raises ``ServiceNotFound`` or
        ``FunctionNotFound``."""
        self.function(ref)
        return self._triggers.get(ref, {})

    def trigger(self, ref: FunctionRef, name: str) -> Trigger:
        """Raises ``ServiceNotFound``, ``FunctionNotFound`` or ``TriggerNotFound``."""
        trigger = self.triggers(ref).get(name)
        if trigger is None:
            of = "" if ref.service is None else f" in service '{ref.service}' and function '{ref.name}'"
            raise missing("TriggerNotFound", f"trigger '{name}'{of}")
        return trigger

    def all_triggers(self) -> Iterator[Trigger]:
        """Of all functions."""
        for there in self._triggers.values():
            yield from there.values()

    def create_trigger(self, trigger: Trigger) -> None:
        """Raises ``TriggerAlreadyExists``, and what ``triggers`` raises."""
        if trigger.name in self.triggers(trigger.function):
            raise exists("TriggerAlreadyExists", f"trigger '{trigger.name}'")
        self.set_trigger(trigger)

    def set_trigger(self, trigger: Trigger) -> None:
        """Define a trigger, or replace the one of the same name. It has an id once it is stamped."""
        there = self._triggers.setdefault(trigger.function, {})
        self._forget_id(there.get(trigger.name))
        there[trigger.name] = trigger
        if trigger.stamp.id:
            self._by_id[trigger.stamp.id] = trigger

    def forget_triggers(self, ref: FunctionRef) -> None:
        """Forget all triggers of a function."""
        for trigger in self._triggers.pop(ref, {}).values():
            self._forget_id(trigger)

    def remove_trigger(self, ref: FunctionRef, name: str) -> Trigger:
        """Raises what ``trigger`` raises."""
        trigger = self.trigger(ref, name)
        self._forget_id(trigger)
        return self._triggers[ref].pop(name)

    def _forget_id(self, trigger: Trigger | None) -> None:
        if trigger is not None:
            self._by_id.pop(trigger.stamp.id, None)

    def trigger_of_id(self, trigger_id: str) -> Trigger | None:
        """Which trigger has this id, if one does."""
        return self._by_id.get(trigger_id)

    def http_trigger(self, ref: FunctionRef, qualifier: str) -> Trigger | None:
        """The HTTP trigger of a qualifier; there is one at most (http-triggers §1)."""
        there = self._triggers.get(ref, {}).values()
        return next((each for each in there if each.kind == HTTP and each.qualifier == qualifier), None)

    # Domains.

    @property
    def domains(self) -> Mapping[str, Domain]:
        """Custom domains by name."""
        return self._domains

    def domain(self, name: str) -> Domain:
        """Raises ``DomainNameNotFound``."""
        if name not in self._domains:
            raise missing("DomainNameNotFound", f"domain name '{name}'")
        return self._domains[name]

    def create_domain(self, domain: Domain) -> None:
        """Raises ``DomainNameAlreadyExists``."""
        if domain.name in self._domains:
            raise exists("DomainNameAlreadyExists", f"domain name '{domain.name}'")
        self.set_domain(domain)

    def set_domain(self, domain: Domain) -> None:
        """Define a domain, or replace the one of the same name."""
        self._domains[domain.name] = domain

    def remove_domain(self, name: str) -> None:
        """Raises ``DomainNameNotFound``."""
        self.domain(name)
        del self._domains[name]


def _no_function(ref: FunctionRef) -> FunctionNotFound:
    return FunctionNotFound(ref, FC3 if ref.service is None else FC2)


def _active(**there: object) -> str:
    """The first word whose collection is not empty."""
    return next((word for word, collection in there.items() if collection), "")


def _look_up(there: Mapping[str, T], page: Page[str]) -> Page[T]:
    return Page([there[name] for name in page.items], page.next)
