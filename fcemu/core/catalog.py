"""Everything that is defined now: add, replace, remove, find."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fcemu.core.errors import FunctionNotFound, ServiceNotFound
from fcemu.core.functions import UNSET, AsyncSettings, Function, Service
from fcemu.core.generation import FC2, FC3
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.releases import Releases


@dataclass(frozen=True, slots=True)
class Resolved:
    """A function together with the version that the caller's qualifier means."""

    function: Function
    qualifier: str
    version: str


class Catalog:
    """Services, functions and asynchronous settings by name. Not safe for threads: whoever holds the baton uses it."""

    def __init__(self, services: Iterable[Service] = (), functions: Iterable[Function] = ()) -> None:
        self._services: dict[str, Service] = {}
        self._functions: dict[FunctionRef, Function] = {}
        self._async: dict[tuple[FunctionRef, str], AsyncSettings] = {}
        for service in services:
            self.add_service(service)
        for function in functions:
            self.add(function)

    def __iter__(self) -> Iterator[Function]:
        return iter(self._functions.values())

    def __len__(self) -> int:
        return len(self._functions)

    @property
    def services(self) -> tuple[Service, ...]:
        return tuple(self._services.values())

    def copy(self) -> "Catalog":
        """An independent catalog with the same content."""
        twin = Catalog(self._services.values(), self._functions.values())
        twin._async.update(self._async)
        return twin

    def add_service(self, service: Service) -> None:
        """Define a service, or replace the one of the same name."""
        self._services[service.name] = service

    def add(self, function: Function) -> None:
        """Define a function, or replace the one of the same name; a 2.0 function brings its service along."""
        service = function.ref.service
        if service is not None and service not in self._services:
            self.add_service(Service(service))
        self._functions[function.ref] = function

    def remove(self, ref: FunctionRef) -> None:
        """Forget a function and its asynchronous settings. Raises ``FunctionNotFound`` or ``ServiceNotFound``."""
        self.function(ref)
        del self._functions[ref]
        for key in [key for key in self._async if key[0] == ref]:
            del self._async[key]

    def function(self, ref: FunctionRef) -> Function:
        """Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        function = self._functions.get(ref)
        if function is not None:
            return function
        if ref.service is not None and ref.service not in self._services:
            raise ServiceNotFound(ref.service)
        raise FunctionNotFound(ref, FC3 if ref.service is None else FC2)

    def find(self, ref: FunctionRef, qualifier: str = LATEST) -> Resolved:
        """The function and version a caller means; raises ``ServiceNotFound``, ``FunctionNotFound``,
        ``VersionNotFound`` or ``AliasNotFound``, in this order except that FC 2.0 looks for the version first,
        because there versions belong to the service (errors-and-limits §2.1)."""
        if ref.service is not None:
            if ref.service not in self._services:
                raise ServiceNotFound(ref.service)
            version = Releases("service", ref.service).resolve(qualifier) if qualifier != LATEST else LATEST
            return Resolved(self.function(ref), qualifier, version)
        function = self.function(ref)
        version = Releases("function", ref.name).resolve(qualifier) if qualifier != LATEST else LATEST
        return Resolved(function, qualifier, version)

    def set_async(self, ref: FunctionRef, settings: AsyncSettings, qualifier: str = LATEST) -> None:
        """Define the asynchronous settings of one qualifier."""
        self._async[ref, qualifier] = settings

    def async_of(self, ref: FunctionRef) -> Mapping[str, AsyncSettings]:
        """All settings of one function by qualifier, in the order in which they were made."""
        return {qualifier: asked for (owner, qualifier), asked in self._async.items() if owner == ref}

    def forget_async(self, ref: FunctionRef) -> None:
        """Forget the settings of all qualifiers."""
        for qualifier in self.async_of(ref):
            del self._async[ref, qualifier]

    def async_settings(self, ref: FunctionRef, qualifier: str = LATEST) -> AsyncSettings:
        """The settings of exactly this qualifier; unset ones where there are none.

        ASSUMED: an alias without settings of its own does not fall back to those of ``LATEST``
        (async-invocation §7).
        """
        return self._async.get((ref, qualifier), UNSET)
