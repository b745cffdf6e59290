"""Furnishings: the rest of the control plane: domains, layers, capacity, tags, VPC bindings, event sources."""

from collections.abc import Callable, Mapping, Sequence

from fcemu.core.belongings import Capacity
from fcemu.core.capacity import check_capacity
from fcemu.core.domains import Domain, Route
from fcemu.core.functions import Function, Service
from fcemu.core.layers import LayerVersion
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.paging import Page, Wanted
from fcemu.core.releases import Owner
from fcemu.core.stamps import Stamp
from fcemu.engine.instances import Shown
from fcemu.engine.keeper import Changes, Keeper, by_name, changed, matching


class Furnishings(Keeper):
    """Makes, changes, shows and deletes what services and functions have besides."""

    # Custom domains.

    def create_domain(self, name: str, changes: Changes) -> Domain:
        """Raises ``DomainNameAlreadyExists``."""
        what = f"domain {name}"
        with self._baton:
            domain = changed(Domain(name=name), changes, self._new_stamp(what))
            self._catalog.create_domain(domain)
            return self._note(domain, what, "created")

    def domain(self, name: str) -> Domain:
        """Raises ``DomainNameNotFound``."""
        with self._baton:
            return self._catalog.domain(name)

    def update_domain(self, name: str, changes: Changes, if_match: str = "") -> Domain:
        """Raises ``DomainNameNotFound``, ``PreconditionFailed``."""
        with self._baton:
            old = matching(self._catalog.domain(name), if_match)
            domain = changed(old, changes, old.stamp.changed(self._clock.shown()))
            self._catalog.set_domain(domain)
            return self._note(domain, f"domain {name}", "updated")

    def delete_domain(self, name: str, if_match: str = "") -> None:
        """Raises ``DomainNameNotFound``, ``PreconditionFailed``."""
        with self._baton:
            matching(self._catalog.domain(name), if_match)
            self._catalog.remove_domain(name)
            self._note(None, f"domain {name}", "deleted")

    def list_domains(self, wanted: Wanted) -> Page[Domain]:
        """By name."""
        with self._baton:
            return by_name(self._catalog.domains, wanted)

    def routes_of(self, name: str) -> Sequence[Route] | None:
        """The routes of a domain by its host name, ``None`` where there is no such domain."""
        if not self._catalog.domains:
            return None
        with self._baton:
            domain = self._catalog.domains.get(name)
            return None if domain is None else domain.routes

    # Layers.

    def publish_layer(self, name: str, code: bytes, changes: Changes) -> LayerVersion:
        """The next version of a layer. ``code``: a zip. Raises ``InvalidArgument``."""
        with self._baton:
            package, number = self._unpack(code), self._catalog.layers.next_version(name)
            bare = LayerVersion(name=name, version=number, package=package)
            what = f"version {number} of layer {name}"
            self._catalog.layers.publish(changed(bare, changes, self._new_stamp(what)))
            return self._note(self._catalog.layers.version(name, number), what, "created")

    def layer(self, name: str, version: int) -> LayerVersion:
        """Raises ``LayerNotFound``, ``LayerVersionNotFound``."""
        with self._baton:
            return self._catalog.layers.version(name, version)

    def delete_layer(self, name: str, version: int) -> None:
        """Functions that use it keep it. Raises ``LayerNotFound``, ``LayerVersionNotFound``."""
        with self._baton:
            self._catalog.layers.remove(name, version)
            self._note(None, f"version {version} of layer {name}", "deleted")

    def share_layer(self, name: str, public: bool) -> None:
        """Raises ``LayerNotFound``."""
        with self._baton:
            self._catalog.layers.set_public(name, public)
            self._note(None, f"layer {name}", "updated")

    def layer_versions(self, name: str) -> Sequence[LayerVersion]:
        """Oldest first. Raises ``LayerNotFound``."""
        with self._baton:
            return self._catalog.layers.versions(name)

    def list_layers(self, wanted: Wanted, *, public_only: bool = False) -> Page[LayerVersion]:
        """The newest version of each, by name."""
        with self._baton:
            newest = self._catalog.layers.newest()
        return by_name({name: each for name, each in newest.items() if each.public or not public_only}, wanted)

    def layer_zip(self, layer: LayerVersion) -> bytes:
        """Raises ``OSError``."""
        if self._packages is None:
            raise FileNotFoundError("this emulator keeps no code")
        return self._packages().zip_of(layer.package.directory)

    # Capacity.

    def put_capacity(
        self, kind: str, ref: FunctionRef, qualifier: str, values: Mapping[str, object], if_match: str = ""
    ) -> Capacity:
        """Replaces what there is. Raises what ``Catalog.find`` and ``check_capacity`` raise, ``PreconditionFailed``."""
        with self._baton:
            self._catalog.find(ref, qualifier)
            belongings = self._catalog.belongings
            there = belongings.find_capacity(kind, ref, qualifier)
            now = self._clock.shown()
            if there is not None:
                matching(there, if_match)
            stamp = self._stamp("", now) if there is None else there.stamp.changed(now)
            capacity = Capacity(kind, ref, qualifier, values, stamp)
            check_capacity(capacity, belongings, self._settings)
            belongings.set_capacity(capacity)
            self._note(capacity, f"{kind} config of {ref}", "updated" if there else "created")
            self._fleet.limits_changed()
            return capacity

    def capacity(self, kind: str, ref: FunctionRef, qualifier: str) -> Capacity:
        """Raises what ``Catalog.find`` raises, and the error of that kind's code."""
        with self._baton:
            self._catalog.find(ref, qualifier)
            return self._catalog.belongings.capacity(kind, ref, qualifier)

    def delete_capacity(self, kind: str, ref: FunctionRef, qualifier: str, if_match: str = "") -> None:
        """Raises what ``capacity`` raises, ``PreconditionFailed``."""
        with self._baton:
            self._catalog.find(ref, qualifier)
            belongings = self._catalog.belongings
            matching(belongings.capacity(kind, ref, qualifier), if_match)
            belongings.remove_capacity(kind, ref, qualifier)
            self._note(None, f"{kind} config of {ref}", "deleted")
            self._fleet.limits_changed()

    def capacities(self, kind: str, of: Callable[[Capacity], bool]) -> list[Capacity]:
        """Those of one kind that ``of`` takes, in order of function and qualifier."""
        with self._baton:
            return [each for each in self._catalog.belongings.capacities(kind) if of(each)]

    def instances(self, ref: FunctionRef, qualifier: str | None) -> list[Shown]:
        """The instances of a function, of one qualifier or of all of them (``None``), oldest first. Raises what
        ``Catalog.find`` raises."""
        with self._baton:
            self._catalog.find(ref, qualifier or LATEST)
            return [one for one in self._fleet.shown(ref) if qualifier in (None, one.qualifier)]

    # Tags. A resource is ``services/NAME`` or ``functions/NAME``.

    def tag(self, resources: Sequence[str], tags: Mapping[str, str]) -> None:
        """All of them, or none. Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        with self._baton:
            for resource in self._all_there(resources):
                self._catalog.belongings.tags.setdefault(resource, {}).update(tags)
                self._note(None, f"tags of {resource}", "updated")

    def untag(self, resources: Sequence[str], keys: Sequence[str], *, everything: bool) -> None:
        """All of them, or none. Keys that are not there are no error. Raises ``ServiceNotFound`` or
        ``FunctionNotFound``."""
        with self._baton:
            for resource in self._all_there(resources):
                there = self._catalog.belongings.tags.get(resource, {})
                for key in list(there) if everything else keys:
                    there.pop(key, None)
                self._note(None, f"tags of {resource}", "updated")

    def _all_there(self, resources: Sequence[str]) -> Sequence[str]:
        for resource in resources:
            self._tagged(resource)
        return resources

    def tags(self, resource: str) -> dict[str, str]:
        """Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        with self._baton:
            self._tagged(resource)
            return dict(self._catalog.belongings.tags.get(resource, {}))

    def tagged(self) -> dict[str, dict[str, str]]:
        """All tags by resource, in order; only resources that have some."""
        with self._baton:
            return {resource: dict(tags) for resource, tags in sorted(self._catalog.belongings.tags.items()) if tags}

    def _tagged(self, resource: str) -> Service | Function:
        kind, _, name = resource.partition("/")
        if kind == "services":
            return self._catalog.service(name)
        return self._catalog.function(FunctionRef(name))

    # VPC bindings and event sources.

    def vpcs(self, owner: Owner) -> list[str]:
        """Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        with self._baton:
            self._tagged(f"{owner.kind}s/{owner.name}")
            return self._catalog.belongings.vpcs(owner)

    def bind(self, owner: Owner, vpc: str) -> None:
        """Raises what ``vpcs`` raises, ``VpcBindingAlreadyExists``."""
        with self._baton:
            self._tagged(f"{owner.kind}s/{owner.name}")
            self._catalog.belongings.bind(owner, vpc)
            self._note(None, f"VPC binding of {owner.kind} {owner.name}", "created")

    def unbind(self, owner: Owner, vpc: str) -> None:
        """Raises what ``vpcs`` raises, ``VpcBindingNotFound``."""
        with self._baton:
            self._tagged(f"{owner.kind}s/{owner.name}")
            self._catalog.belongings.unbind(owner, vpc)
            self._note(None, f"VPC binding of {owner.kind} {owner.name}", "deleted")

    def event_sources(self, ref: FunctionRef, qualifier: str) -> dict[str, Stamp]:
        """By ARN. Raises what ``Catalog.find`` raises."""
        with self._baton:
            self._catalog.find(ref, qualifier)
            return dict(self._catalog.belongings.sources(ref, qualifier))

    def register_source(self, ref: FunctionRef, qualifier: str, arn: str) -> Stamp:
        """Raises what ``Catalog.find`` raises."""
        with self._baton:
            self._catalog.find(ref, qualifier)
            stamp = self._stamp("", self._clock.shown())
            made = self._catalog.belongings.register(ref, qualifier, arn, stamp)
            return self._note(made, f"event source of {ref}", "created")

    def deregister_source(self, ref: FunctionRef, qualifier: str, arn: str) -> None:
        """Raises what ``Catalog.find`` raises, ``EventSourceNotFound``."""
        with self._baton:
            self._catalog.find(ref, qualifier)
            self._catalog.belongings.deregister(ref, qualifier, arn)
            self._note(None, f"event source of {ref}", "deleted")
