"""Resources: the control plane: services, functions, triggers, asynchronous settings."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from fcemu.core.belongings import has_tags
from fcemu.core.errors import InvalidArgument, limit_exceeded
from fcemu.core.functions import AsyncSettings, Function, Package, Service
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.paging import Page, Wanted, page_of
from fcemu.core.releases import Owner
from fcemu.core.stamps import UNSTAMPED
from fcemu.core.triggers import HTTP, TIMER, Trigger, read_http, read_timer
from fcemu.core.values import dataclass
from fcemu.engine.fleet import Fleet
from fcemu.engine.keeper import Changes, Keeper, by_name, changed, matching
from fcemu.engine.ports import Packages
from fcemu.engine.timers import Timers
from fcemu.engine.world import World


@dataclass(frozen=True, slots=True)
class Deployed:
    """A trigger or an asynchronous setting together with the function and qualifier that it belongs to."""

    ref: FunctionRef
    qualifier: str
    settings: AsyncSettings


class Resources(Keeper):
    """Makes, changes, shows and deletes services, functions, triggers, asynchronous settings."""

    def __init__(self, world: World, fleet: Fleet, packages: Callable[[], Packages] | None, timers: Timers) -> None:
        super().__init__(world, fleet, packages)
        self._timers: Final = timers
        self.definitions = 0
        """Grows when something is defined without a fact."""

    # What a definition defines has no id and no times yet.

    def complete(self) -> None:
        """Give ids and times to what has none, and let timers fire as they are defined. Called with the baton held, or
        before anybody else has it."""
        catalog, now = self._catalog, self._clock.shown()
        self.definitions += 1
        for service in catalog.services:
            if service.stamp is UNSTAMPED:
                catalog.add_service(replace(service, stamp=self._stamp(f"service {service.name}", now)))
        for function in list(catalog):
            if function.stamp is UNSTAMPED:
                catalog.add(replace(function, stamp=self._stamp(f"function {function.ref}", now)))
            for qualifier, asked in list(catalog.async_of(function.ref).items()):
                if asked.stamp is UNSTAMPED:
                    catalog.set_async(function.ref, replace(asked, stamp=self._stamp("", now)), qualifier)
        for trigger in list(catalog.all_triggers()):
            if trigger.stamp is UNSTAMPED:
                what = f"trigger {trigger.function}/{trigger.name}"
                catalog.set_trigger(replace(trigger, stamp=self._stamp(what, now)))
        for domain in list(catalog.domains.values()):
            if domain.stamp is UNSTAMPED:
                catalog.set_domain(replace(domain, stamp=self._stamp(f"domain {domain.name}", now)))
        for releases in catalog.all_releases():
            for alias in releases.unstamped(now):
                releases.set_alias(replace(alias, stamp=self._stamp(f"alias {alias.name} of {releases.owner}", now)))
        catalog.layers.stamp(lambda one: self._stamp(f"version {one.version} of layer {one.name}", now))
        catalog.belongings.stamp_sources(self._stamp("", now))
        for ref in dict.fromkeys([*self._timers.functions, *(each.function for each in catalog.all_triggers())]):
            self._timers.set(ref, now)

    # Services.

    def create_service(self, name: str, changes: Changes) -> Service:
        """Raises ``ServiceAlreadyExists``."""
        what = f"service {name}"
        with self._baton:
            service = changed(Service(name), changes, self._new_stamp(what))
            self._catalog.create_service(service)
            return self._note(service, what, "created")

    def service(self, name: str, qualifier: str = LATEST) -> Service:
        """A service as it is, or as a version froze it, with the version's description (wire-api §9). Raises
        ``ServiceNotFound``, ``VersionNotFound``, ``AliasNotFound``."""
        with self._baton:
            service = self._catalog.service(name)
            releases = self._catalog.releases(Owner("service", name))
            version = releases.resolve(qualifier)
            if version == LATEST:
                return service
            frozen = releases.version(version)
            kept = {**(frozen.service or service).kept, "description": frozen.description}
            return replace(frozen.service or service, kept=kept)

    def update_service(self, name: str, changes: Changes, if_match: str = "") -> Service:
        """Raises ``ServiceNotFound``, ``PreconditionFailed``."""
        with self._baton:
            old = matching(self._catalog.service(name), if_match)
            service = changed(old, changes, old.stamp.changed(self._clock.shown()))
            self._catalog.add_service(service)
            return self._note(service, f"service {name}", "updated")

    def delete_service(self, name: str, if_match: str = "") -> None:
        """Raises ``ServiceNotFound``, ``PreconditionFailed``, ``ServiceNotEmpty``."""
        with self._baton:
            matching(self._catalog.service(name), if_match)
            self._catalog.remove_service(name)
            self._note(None, f"service {name}", "deleted")

    def list_services(self, wanted: Wanted, tags: Mapping[str, str] | None = None) -> Page[Service]:
        """By name; with tags, those that have them all."""
        with self._baton:
            if not tags:
                return self._catalog.list_services(wanted)
            chosen = (each for each in self._catalog.services if self._has_tags(f"services/{each.name}", tags))
            return by_name({each.name: each for each in chosen}, wanted)

    def _has_tags(self, resource: str, wanted: Mapping[str, str]) -> bool:
        return has_tags(self._catalog.belongings.tags.get(resource, {}), wanted)

    # Functions and their code.

    def create_function(self, ref: FunctionRef, changes: Changes, code: bytes | None) -> Function:
        """``code``: a zip; ``None`` where the code is an image. Raises ``ServiceNotFound``, ``FunctionAlreadyExists``,
        ``InvalidArgument``."""
        what = f"function {ref}"
        with self._baton:
            self._catalog.check_new(ref)
            bare = Function(ref=ref, handler="", code="")
            function = changed(bare, {**self._layers_of(changes), **self._uploaded(code)}, self._new_stamp(what))
            self._catalog.add(function)
            self._fleet.definitions_changed([ref])
            return self._note(function, what, "created")

    def function(self, ref: FunctionRef, qualifier: str = LATEST) -> Function:
        """A function as it is, or as a version froze it. Raises what ``Catalog.find`` raises."""
        with self._baton:
            return self._catalog.find(ref, qualifier).function

    def update_function(
        self, ref: FunctionRef, changes: Changes, code: bytes | None = None, if_match: str = ""
    ) -> Function:
        """What waits in the queue runs as the function is when it starts; what runs goes on as it was, and no warm
        instance is used again. Raises ``ServiceNotFound``, ``FunctionNotFound``, ``PreconditionFailed``,
        ``InvalidArgument``."""
        with self._baton:
            old = matching(self._catalog.function(ref), if_match)
            given = {**self._layers_of(changes), **self._uploaded(code)}
            function = changed(old, given, old.stamp.changed(self._clock.shown()))
            self._catalog.add(function)
            self._fleet.definitions_changed([ref])
            return self._note(function, f"function {ref}", "updated")

    def delete_function(self, ref: FunctionRef, if_match: str = "") -> None:
        """What waits in the queue becomes Invalid when it is due. Raises ``ServiceNotFound``, ``FunctionNotFound``,
        ``PreconditionFailed``, ``FunctionNotEmpty``."""
        with self._baton:
            matching(self._catalog.function(ref), if_match)
            self._catalog.check_empty(ref)
            self._catalog.remove(ref)
            self._fleet.definitions_changed([ref])
            self._note(None, f"function {ref}", "deleted")

    def list_functions(
        self, service: str | None, wanted: Wanted, qualifier: str = LATEST, tags: Mapping[str, str] | None = None
    ) -> Page[Function]:
        """Those of a 2.0 service, or of 3.0 (``None``), by name; with tags, those that have them all. Raises what
        ``Catalog.list_functions`` raises."""
        with self._baton:
            if not tags:
                return self._catalog.list_functions(service, wanted, qualifier)
            chosen = (each for each in self._catalog if each.ref.service is None)
            tagged = (each for each in chosen if self._has_tags(f"functions/{each.ref.name}", tags))
            return by_name({each.ref.name: each for each in tagged}, wanted)

    def package(self, function: Function) -> Package:
        """What was uploaded, or what the function's directory would be."""
        if function.package is not None or self._packages is None:
            return function.package or Package("0", 0, function.code)
        return self._packages().describe(function.code)

    def checksum_of(self, function: Function) -> str:
        """The checksum of its package, where that is known or made within a moment; else ``""``."""
        package = function.package
        if package is None and self._packages is not None:
            try:
                package = self._packages().describe_small(function.code)
            except OSError:  # files go and come while they are looked at
                package = None
        return "" if package is None else package.checksum

    def zip_of(self, function: Function) -> bytes:
        """The code of a function as a zip. Raises ``OSError``."""
        if self._packages is None:
            raise FileNotFoundError("this emulator keeps no code")
        return self._packages().zip_of(function.code)

    def _layers_of(self, changes: Changes) -> Changes:
        """With the content of the layers that they name. Raises ``LayerNotFound``, ``LayerVersionNotFound``."""
        if "layers" not in changes:
            return changes
        layers = self._catalog.layers
        return {**changes, "layers": tuple(layers.resolved(ref, self._settings.account) for ref in changes["layers"])}

    def _uploaded(self, code: bytes | None) -> dict[str, Any]:
        if code is None:
            return {}
        package = self._unpack(code)
        return {"code": package.directory, "package": package}

    # Triggers.

    def create_trigger(self, ref: FunctionRef, name: str, kind: str, changes: Changes) -> Trigger:
        """Raises ``ServiceNotFound``, ``FunctionNotFound``, ``VersionNotFound``, ``AliasNotFound``,
        ``TriggerAlreadyExists``, ``InvalidArgument``, ``LimitExceededError``."""
        with self._baton:
            stamp = self._new_stamp(f"trigger {ref}/{name}")
            trigger = changed(Trigger(function=ref, name=name, kind=kind), changes, stamp)
            there, most = self._catalog.triggers(ref), self._settings.limits.triggers_of_function
            if len(there) >= most and name not in there:
                raise limit_exceeded(f"triggers of function '{ref}'", most)
            self._check_trigger(trigger)
            self._catalog.create_trigger(trigger)
            return self._trigger_changed(trigger, "created")

    def trigger(self, ref: FunctionRef, name: str) -> Trigger:
        """Raises ``ServiceNotFound``, ``FunctionNotFound``, ``TriggerNotFound``."""
        with self._baton:
            return self._catalog.trigger(ref, name)

    def update_trigger(self, ref: FunctionRef, name: str, changes: Changes, if_match: str = "") -> Trigger:
        """Raises what ``trigger`` and ``create_trigger`` raise, ``PreconditionFailed``."""
        with self._baton:
            old = matching(self._catalog.trigger(ref, name), if_match)
            trigger = changed(old, changes, old.stamp.changed(self._clock.shown()))
            self._check_trigger(trigger)
            self._catalog.set_trigger(trigger)
            return self._trigger_changed(trigger, "updated")

    def delete_trigger(self, ref: FunctionRef, name: str, if_match: str = "") -> None:
        """Raises what ``trigger`` raises, ``PreconditionFailed``."""
        with self._baton:
            matching(self._catalog.trigger(ref, name), if_match)
            self._trigger_changed(self._catalog.remove_trigger(ref, name), "deleted")

    def timers(self) -> list[Trigger]:
        """All time triggers of all functions."""
        with self._baton:
            return [trigger for trigger in self._catalog.all_triggers() if trigger.kind == TIMER]

    def list_triggers(self, ref: FunctionRef, wanted: Wanted) -> Page[Trigger]:
        """By name. Raises ``ServiceNotFound``, ``FunctionNotFound``."""
        with self._baton:
            return by_name(self._catalog.triggers(ref), wanted)

    def trigger_of_id(self, trigger_id: str) -> Trigger | None:
        """Which trigger has this id, if one does."""
        with self._baton:
            return self._catalog.trigger_of_id(trigger_id)

    def http_trigger(self, ref: FunctionRef, qualifier: str) -> Trigger | None:
        """The HTTP trigger of a qualifier, if there is one. Raises what ``Catalog.find`` raises."""
        with self._baton:
            self._catalog.find(ref, qualifier)
            return self._catalog.http_trigger(ref, qualifier)

    def _check_trigger(self, trigger: Trigger) -> None:
        """Raises ``InvalidArgument``, and what ``Catalog.find`` raises."""
        self._catalog.find(trigger.function, trigger.qualifier)
        if trigger.kind == HTTP:
            try:
                read_http(trigger.config)
            except ValueError as wrong:
                raise InvalidArgument(f"TriggerConfig: {wrong}") from None
            other = self._catalog.http_trigger(trigger.function, trigger.qualifier)
            if other is not None and other.name != trigger.name:
                raise InvalidArgument(
                    f"qualifier '{trigger.qualifier}' has the HTTP trigger '{other.name}' already; there is one at most"
                )
        if trigger.kind == TIMER:
            try:
                read_timer(trigger.config)
            except ValueError as wrong:
                raise InvalidArgument(f"TriggerConfig: {wrong}") from None

    def _trigger_changed(self, trigger: Trigger, action: str) -> Trigger:
        self._timers.set(trigger.function, self._clock.shown())
        return self._note(trigger, f"trigger {trigger.function}/{trigger.name}", action)

    # Asynchronous settings.

    def put_async(self, ref: FunctionRef, qualifier: str, changes: Changes) -> AsyncSettings:
        """Define settings of a qualifier; those that are not given stay as they are. They hold for what is decided from
        now on, also of what waits in the queue. Raises what ``Catalog.find`` raises.

        Source: FC docs, "PutFunctionAsyncInvokeConfig" (async-invocation §7).
        """
        with self._baton:
            self._catalog.find(ref, qualifier)
            there = self._catalog.async_of(ref).get(qualifier)
            now = self._clock.shown()
            stamp = self._stamp("", now) if there is None else there.stamp.changed(now)
            made = replace(there or AsyncSettings(), **changes, stamp=stamp)
            self._catalog.set_async(ref, made, qualifier)
            self._fleet.plans.forget(lambda one: one == ref)
            return self._note(made, f"async settings of {_named(ref, qualifier)}", "updated" if there else "created")

    def async_settings(self, ref: FunctionRef, qualifier: str) -> AsyncSettings:
        """Raises what ``Catalog.find`` raises, ``AsyncConfigNotExists``."""
        with self._baton:
            self._catalog.find(ref, qualifier)
            return self._catalog.own_async(ref, qualifier)

    def delete_async(self, ref: FunctionRef, qualifier: str) -> None:
        """Raises what ``async_settings`` raises."""
        with self._baton:
            self._catalog.find(ref, qualifier)
            self._catalog.remove_async(ref, qualifier)
            self._fleet.plans.forget(lambda one: one == ref)
            self._note(None, f"async settings of {_named(ref, qualifier)}", "deleted")

    def deployed(self, ref: FunctionRef, qualifier: str, settings: AsyncSettings) -> Deployed:
        """Settings together with what they are for."""
        return Deployed(ref, qualifier, settings)

    def list_async(self, ref: FunctionRef | None, wanted: Wanted) -> Page[Deployed]:
        """The settings of one function, or of all functions of 3.0 (``None``), in order of name and qualifier. Raises
        ``ServiceNotFound``, ``FunctionNotFound``."""
        with self._baton:
            if ref is not None:
                self._catalog.function(ref)
                refs = [ref]
            else:
                refs = sorted(function.ref for function in self._catalog if function.ref.service is None)
            deployed = [
                Deployed(each, qualifier, settings)
                for each in refs
                for qualifier, settings in sorted(self._catalog.async_of(each).items())
            ]
        return page_of(deployed, wanted)


def _named(ref: FunctionRef, qualifier: str) -> str:
    return str(ref) if qualifier == LATEST else f"{ref}:{qualifier}"
