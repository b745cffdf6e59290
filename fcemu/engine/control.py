"""The control plane creates, changes, deletes, shows and lists what is defined; it notes each change as a fact."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from fcemu.core.capacity import Capacity
from fcemu.core.catalog import Catalog
from fcemu.core.domains import Route
from fcemu.core.errors import InvalidArgument, NotImplementedYet, refused
from fcemu.core.facts import Changed
from fcemu.core.functions import AsyncSettings, Function, Package, Service
from fcemu.core.layers import LayerVersion
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.paging import Page, Wanted, by_name, page_of
from fcemu.core.releases import Owner, Version, alias_changes
from fcemu.core.resource_types import (
    ALIASES,
    ASYNC,
    CAPACITIES,
    FUNCTIONS,
    LAYERS,
    RESOURCE_TYPES,
    SOURCES,
    TAGS,
    TRIGGERS,
    VERSIONS,
    OfFunction,
    has_tags,
)
from fcemu.core.shelves import K, R, ResourceType
from fcemu.core.stamps import UNSTAMPED, Stamp, etag_of
from fcemu.core.triggers import HTTP, TIMER, Trigger, read_http, read_timer
from fcemu.core.values import dataclass
from fcemu.engine.chance import resource_id
from fcemu.engine.fleet import Fleet
from fcemu.engine.instances import Shown
from fcemu.engine.ports import Packages
from fcemu.engine.timers import Timers
from fcemu.engine.world import World

T = TypeVar("T")
Changes = Mapping[str, Any]
"""New values by the names of a resource's attributes; ``kept`` is merged into what there is. ``zip``: the code of a
function as it was uploaded."""
_STAMPED: Final = tuple(each for each in RESOURCE_TYPES if each not in (CAPACITIES, TAGS))
"""The types whose resources have a stamp."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """Asynchronous settings together with the function and qualifier that they belong to."""

    ref: FunctionRef
    qualifier: str
    settings: AsyncSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """What holds for one type beyond what its shelf knows. Each gets the control plane that asks.

    ``new`` raises for a key that cannot be made, in place of the shelf's own check, which follows later. ``reads``
    makes attributes of changes. ``check`` raises for a resource that cannot be. ``then``: who has to hear of a change
    before it is a fact; ``afterwards``: who has to hear of it behind that.
    """

    new: Callable[["Control", Any], None] | None = None
    reads: Callable[["Control", Changes], Changes] = lambda control, changes: changes
    check: Callable[["Control", Any, Any], None] = lambda control, key, resource: None
    then: Callable[["Control", Any], None] = lambda control, key: None
    afterwards: Callable[["Control"], None] = lambda control: None


def stamp_all(catalog: Catalog, seed: int, now: datetime) -> None:
    """Give ids and times to what a definition has brought. The ids follow from the seed and from what they are for."""
    for each in _STAMPED:
        shelf = catalog.shelf(each)
        for key, resource in list(shelf.items()) if shelf else ():
            if each is VERSIONS and resource.stamp.created == UNSTAMPED.created:
                shelf.put(key, replace(resource, stamp=Stamp(resource.id, now, now)))
            elif resource.stamp is UNSTAMPED:
                shelf.put(key, replace(resource, stamp=_stamp(each, key, seed, now)))
    catalog.is_stamped = True


def _stamp(of: ResourceType[K, R], key: K, seed: int, now: datetime, more: str = "") -> Stamp:
    what = "" if of.identity is None else of.identity(key)
    return Stamp(resource_id(seed, what + more) if what else "", now, now)


class Control:
    """The control plane. Methods may be called from any thread.

    ``of``: the type of the resource that is meant. ``if_match``: the ETag that the caller has seen, ``""`` for any;
    ``PreconditionFailed`` when it is not the one of the resource any more. What is refused changes nothing.
    """

    def __init__(self, world: World, fleet: Fleet, packages: Callable[[], Packages] | None, timers: Timers) -> None:
        self._baton: Final = world.baton
        self._catalog: Final = world.catalog
        self._chance: Final = world.chance
        self._clock: Final = world.clock
        self._journal: Final = world.journal
        self._settings: Final = world.settings
        self._fleet: Final = fleet
        self._timers: Final = timers
        self._packages: Final = packages
        self.definitions = 0
        """Grows when something is defined without a fact."""

    # The operations that every type has.

    def create(self, of: ResourceType[K, R], key: K, changes: Changes) -> R:
        """Raises what ``Catalog.check_within`` raises, the type's error for what exists already, and what is refused of
        the resource: ``InvalidArgument``, ``LimitExceededError``, the error for what it names and is not there."""
        with self._baton:
            return self._create(of, key, changes)

    def get(self, of: ResourceType[K, R], key: K) -> R:
        """Raises what ``Catalog.check_within`` raises, the type's error for what is missing."""
        with self._baton:
            return self._find(of, key)

    def change(self, of: ResourceType[K, R], key: K, changes: Changes, if_match: str = "") -> R:
        """What waits in the queue runs as its function is when it starts; what runs goes on as it was, and no warm
        instance is used again. Raises what ``get`` and ``create`` raise, ``PreconditionFailed``."""
        with self._baton:
            return self._change(of, key, self._find(of, key), changes, if_match)

    def put(self, of: ResourceType[K, R], key: K, changes: Changes, if_match: str = "") -> R:
        """Create or change. Settings hold for what is decided from now on, also of what waits in the queue. Raises what
        both raise.

        Source: FC docs, "PutFunctionAsyncInvokeConfig" (async-invocation §7).
        """
        with self._baton:
            self._catalog.check_within(of.within(key))
            old = self._catalog.shelf(of).get(key)
            return self._create(of, key, changes) if old is None else self._change(of, key, old, changes, if_match)

    def delete(self, of: ResourceType[K, R], key: K, if_match: str = "") -> None:
        """What waits in the queue for a deleted function becomes Invalid when it is due. Raises what ``get`` raises,
        ``PreconditionFailed``, ``ServiceNotEmpty`` or ``FunctionNotEmpty``."""
        with self._baton:
            self._delete(of, key, if_match)

    def all(self, of: ResourceType[Any, R], group: object) -> dict[Any, R]:
        """Those of a group by name, in the order in which they were made. Raises what ``Catalog.check_within`` raises,
        and the type's error where there are none, if it has one."""
        with self._baton:
            self._catalog.check_within(group)
            self._catalog.shelf(of).check_any(group)
            return self._catalog.shelf(of).of(group)

    def page(self, of: ResourceType[Any, R], group: object, wanted: Wanted) -> Page[R]:
        """By name: those of a function or an owner, or all (``None``). Raises what ``Catalog.check_within`` raises."""
        with self._baton:
            self._catalog.check_within(group)
            return self._catalog.shelf(of).page(group, wanted)

    def _find(self, of: ResourceType[K, R], key: K) -> R:
        self._catalog.check_within(of.within(key))
        return self._catalog.shelf(of).find(key)

    def _create(self, of: ResourceType[K, R], key: K, changes: Changes) -> R:
        self._catalog.check_within(of.within(key))
        shelf, rules = self._catalog.shelf(of), _RULES[of.name]
        if rules.new is None:
            shelf.check_new(key)
        else:
            rules.new(self, key)
        made = _changed(of, of.blank(key), rules.reads(self, changes), self._new_stamp(of, key))
        rules.check(self, key, made)
        shelf.create(key, made)
        return self._told(of, key, made, "created")

    def _change(self, of: ResourceType[K, R], key: K, old: R, changes: Changes, if_match: str) -> R:
        rules = _RULES[of.name]
        stamp: Stamp = _matching(old, if_match).stamp.changed(self._clock.shown())  # type: ignore[attr-defined]
        made = _changed(of, old, rules.reads(self, changes), stamp)
        rules.check(self, key, made)
        self._catalog.shelf(of).put(key, made)
        return self._told(of, key, made, "updated")

    def _delete(self, of: ResourceType[K, R], key: K, if_match: str = "") -> None:
        gone = _matching(self._find(of, key), if_match)
        self._catalog.check_empty(of.owns(key))
        self._catalog.remove(of, key)
        self._told(of, key, gone, "deleted")

    def _told(self, of: ResourceType[K, R], key: K, resource: R, action: str) -> R:
        """Let all hear of a change that have to, and note it."""
        rules = _RULES[of.name]
        rules.then(self, key)
        self._note(of.said(key), action)
        rules.afterwards(self)
        return resource

    def _note(self, what: str, action: str) -> None:
        self._journal.note(Changed(self._clock.shown(), "", what, action))

    def _new_stamp(self, of: ResourceType[K, R], key: K) -> Stamp:
        """The stamp of something that is made now; made again after it was deleted, it gets another id."""
        now = self._clock.shown()
        return _stamp(of, key, self._chance.seed, now, f" {now.isoformat()} {len(self._journal)}")

    def complete(self) -> None:
        """Give ids and times to what a definition has brought, and let timers fire as they are defined. Called with the
        baton held, or before anybody else has it."""
        self.definitions += 1
        now = self._clock.shown()
        stamp_all(self._catalog, self._chance.seed, now)
        for ref in dict.fromkeys([*self._timers.functions, *(ref for ref, _ in self._catalog.triggers)]):
            self._timers.set(ref, now)

    # Services and functions.

    def service(self, name: str, qualifier: str = LATEST) -> Service:
        """A service as it is, or as a version froze it, with the version's description (wire-api §9). Raises
        ``ServiceNotFound``, ``VersionNotFound``, ``AliasNotFound``."""
        with self._baton:
            service, owner = self._catalog.services.find(name), Owner("service", name)
            version = self._catalog.releases.resolve(owner, qualifier)
            if version == LATEST:
                return service
            frozen = self._catalog.versions.find((owner, version))
            kept = {**(frozen.service or service).kept, "description": frozen.description}
            return replace(frozen.service or service, kept=kept)

    def function(self, ref: FunctionRef, qualifier: str = LATEST) -> Function:
        """A function as it is, or as a version froze it. Raises what ``Catalog.find`` raises."""
        with self._baton:
            return self._catalog.find(ref, qualifier).function

    def async_settings(self, ref: FunctionRef, qualifier: str = LATEST) -> AsyncSettings:
        """The asynchronous settings of one qualifier."""
        with self._baton:
            return self._catalog.async_settings(ref, qualifier)

    def list_services(self, wanted: Wanted, tags: Mapping[str, str]) -> Page[Service]:
        """By name; with tags, those that have them all."""
        with self._baton:
            if not tags:
                return self._catalog.services.page(None, wanted)
            there = self._catalog.services.items()
            return by_name({name: one for name, one in there if self._has_tags(Owner("service", name), tags)}, wanted)

    def list_functions(
        self, service: str | None, wanted: Wanted, qualifier: str, tags: Mapping[str, str]
    ) -> Page[Function]:
        """Those of a 2.0 service, or of 3.0 (``None``), by name; with tags, those that have them all. Raises what
        ``Catalog.list_functions`` raises."""
        with self._baton:
            if not tags:
                return self._catalog.list_functions(service, wanted, qualifier)
            there = self._catalog.functions.of(None).items()
            return by_name({name: one for name, one in there if self._has_tags(Owner("function", name), tags)}, wanted)

    def _has_tags(self, owner: Owner, wanted: Mapping[str, str]) -> bool:
        return has_tags(self._catalog.tags.get(owner) or {}, wanted)

    def instances(self, ref: FunctionRef, qualifier: str | None) -> list[Shown]:
        """The instances of a function, of one qualifier or of all of them (``None``), oldest first. Raises what
        ``Catalog.find`` raises."""
        with self._baton:
            self._catalog.find(ref, qualifier or LATEST)
            return [one for one in self._fleet.shown(ref) if qualifier in (None, one.qualifier)]

    # Code.

    def checksum(self, data: bytes) -> str:
        """The CRC-64 of a zip in decimal digits; ``""`` when the emulator takes no code."""
        return "" if self._packages is None else self._packages().checksum(data)

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

    def zip_of(self, directory: str) -> bytes:
        """The code of a function, or the content of a layer, as a zip. Raises ``OSError``."""
        if self._packages is None:
            raise FileNotFoundError("this emulator keeps no code")
        return self._packages().zip_of(directory)

    def _unpack(self, code: bytes) -> Package:
        """Raises ``InvalidArgument``."""
        if self._packages is None:
            raise NotImplementedYet("this emulator takes no code")
        try:
            return self._packages().unpack(code)
        except ValueError as wrong:
            raise InvalidArgument(str(wrong)) from None

    def _code_of(self, changes: Changes) -> Changes:
        """Changes of a function with the content of what they name and bring. Raises ``LayerNotFound``,
        ``LayerVersionNotFound``, ``InvalidArgument``."""
        given, layers = dict(changes), self._catalog.layers
        if "layers" in given:
            given["layers"] = tuple(layers.resolved(ref, self._settings.account) for ref in given["layers"])
        if (code := given.pop("zip", None)) is not None:
            package = self._unpack(code)
            given |= {"code": package.directory, "package": package}
        return given

    # Versions of functions and services, and of layers.

    def publish(self, owner: Owner, description: str = "", if_match: str = "") -> Version:
        """Freeze what the owner is now as its next version. Raises ``ServiceNotFound`` or ``FunctionNotFound``,
        ``PreconditionFailed``, ``VersionPublishError``."""
        with self._baton:
            catalog, now = self._catalog, self._clock.shown()
            if owner.kind == "service":
                service, functions = catalog.services.find(owner.name), catalog.functions_of(owner.name)
            else:
                service, functions = None, {owner.name: catalog.function(FunctionRef(owner.name))}
            _matching(service or functions[owner.name], if_match)
            number = str(catalog.versions.next_number(owner))
            version = Version(functions, service, description, Stamp(number, now, now))
            catalog.releases.check_changed(owner, version)
            catalog.versions.put((owner, number), version)
            self._note(VERSIONS.said((owner, number)), "created")
            return version

    def list_versions(self, owner: Owner, wanted: Wanted, *, forward: bool = False) -> Page[Version]:
        """Newest first, or oldest first with ``forward``; ``wanted.start`` is the first version of the page. Raises
        ``ServiceNotFound`` or ``FunctionNotFound``."""
        with self._baton:
            self._catalog.check_within(owner)
            versions = list(self._catalog.versions.of(owner).values())
        ordered = versions if forward else versions[::-1]
        start = _number(wanted.start)
        if start is not None:
            ordered = [each for each in ordered if (int(each.id) >= start if forward else int(each.id) <= start)]
        chosen = ordered[: wanted.limit]
        return Page(chosen, ordered[wanted.limit].id if len(ordered) > wanted.limit else "")

    def publish_layer(self, name: str, code: bytes, changes: Changes) -> LayerVersion:
        """The next version of a layer. ``code``: a zip. Raises ``InvalidArgument``."""
        with self._baton:
            package = self._unpack(code)
            key = name, self._catalog.layer_versions.next_number(name)
            blank = replace(LAYERS.blank(key), package=package)
            made = _changed(LAYERS, blank, changes, self._new_stamp(LAYERS, key))
            return self._told(LAYERS, key, self._catalog.layers.publish(made), "created")

    def share_layer(self, name: str, public: bool) -> None:
        """Raises ``LayerNotFound``."""
        with self._baton:
            self._catalog.layers.set_public(name, public)
            self._note(f"layer {name}", "updated")

    def list_layers(self, wanted: Wanted, *, public_only: bool = False) -> Page[LayerVersion]:
        """The newest version of each, by name."""
        with self._baton:
            newest = self._catalog.layers.newest()
        return by_name({name: each for name, each in newest.items() if each.public or not public_only}, wanted)

    # Triggers and domains.

    def timers(self) -> list[Trigger]:
        """All time triggers of all functions."""
        with self._baton:
            return [trigger for trigger in self._catalog.triggers.values() if trigger.kind == TIMER]

    def trigger_of_id(self, trigger_id: str) -> Trigger | None:
        """Which trigger has this id, if one does."""
        with self._baton:
            return self._catalog.triggers_by_id.get(trigger_id)

    def http_trigger(self, ref: FunctionRef, qualifier: str) -> Trigger | None:
        """The HTTP trigger of a qualifier, if there is one. Raises what ``Catalog.find`` raises."""
        with self._baton:
            self._catalog.find(ref, qualifier)
            return self._catalog.http_trigger(ref, qualifier)

    def _check_number_of_triggers(self, key: OfFunction) -> None:
        """Raises ``LimitExceededError``."""
        ref, most = key[0], self._settings.limits.triggers_of_function
        if key not in self._catalog.triggers and len(self._catalog.triggers.of(ref)) >= most:
            raise refused("LimitExceededError", most=most, what=f"triggers of function '{ref}'")

    def _check_trigger(self, key: OfFunction, trigger: Trigger) -> None:
        """Raises ``InvalidArgument``, and what ``Catalog.find`` raises."""
        self._catalog.find(trigger.function, trigger.qualifier)
        try:
            if trigger.kind == HTTP:
                read_http(trigger.config)
            if trigger.kind == TIMER:
                read_timer(trigger.config)
        except ValueError as wrong:
            raise InvalidArgument(f"TriggerConfig: {wrong}") from None
        other = self._catalog.http_trigger(trigger.function, trigger.qualifier) if trigger.kind == HTTP else None
        if other is not None and other.name != trigger.name:
            raise InvalidArgument(
                f"qualifier '{trigger.qualifier}' already has the HTTP trigger '{other.name}'; only one is allowed"
            )

    def routes_of(self, name: str) -> Sequence[Route] | None:
        """The routes of a domain by its host name, ``None`` where there is no such domain."""
        if not self._catalog.domains:
            return None
        with self._baton:
            domain = self._catalog.domains.get(name)
            return None if domain is None else domain.routes

    # Asynchronous settings and capacity.

    def list_async(self, ref: FunctionRef | None, wanted: Wanted) -> Page[Deployed]:
        """The settings of one function, or of all functions of 3.0 (``None``), in order of name and qualifier. Raises
        ``ServiceNotFound``, ``FunctionNotFound``."""
        with self._baton:
            self._catalog.check_within(ref)
            refs = sorted(one for one in self._catalog.functions if one.service is None) if ref is None else [ref]
            deployed = [
                Deployed(each, qualifier, settings)
                for each in refs
                for qualifier, settings in sorted(self._catalog.asynchronous.of(each).items())
            ]
        return page_of(deployed, wanted)

    def capacities(self, kind: str, of: Callable[[Capacity], bool]) -> list[Capacity]:
        """Those of one kind that ``of`` takes, in order of function and qualifier."""
        with self._baton:
            return [each for each in self._catalog.instance_numbers.listed(kind) if of(each)]

    # Tags, VPC bindings and event sources.

    def tag(self, owners: Iterable[Owner], tags: Mapping[str, str]) -> None:
        """All of them, or none. Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        self._retag(owners, lambda there: {**there, **tags})

    def untag(self, owners: Iterable[Owner], keys: Sequence[str], *, everything: bool) -> None:
        """All of them, or none. Keys that are not there are no error. Raises ``ServiceNotFound`` or
        ``FunctionNotFound``."""
        self._retag(owners, lambda there: {k: v for k, v in there.items() if not everything and k not in keys})

    def _retag(self, owners: Iterable[Owner], change: Callable[[Mapping[str, str]], Mapping[str, str]]) -> None:
        with self._baton:
            owners = list(owners)
            for owner in owners:
                self._catalog.check_within(owner)
            for owner in owners:
                self._catalog.tags.put(owner, change(self._catalog.tags.get(owner) or {}))
                self._note(TAGS.said(owner), "updated")

    def tags(self, owner: Owner) -> dict[str, str]:
        """Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        with self._baton:
            self._catalog.check_within(owner)
            return dict(self._catalog.tags.get(owner) or {})

    def tagged(self) -> dict[Owner, dict[str, str]]:
        """All tags by owner, in order; only those that have some."""
        with self._baton:
            return {owner: dict(tags) for owner, tags in sorted(self._catalog.tags.items()) if tags}

    def register_source(self, ref: FunctionRef, qualifier: str, arn: str) -> Stamp:
        """Raises what ``Catalog.find`` raises. ASSUMED: fcemu changes nothing when an event source is registered again
        (wire-api §4)."""
        with self._baton:
            key = ref, qualifier, arn
            self._catalog.check_within((ref, qualifier))
            there = self._catalog.sources.get(key)
            made = self._create(SOURCES, key, {}) if there is None else self._told(SOURCES, key, there, "created")
            return made.stamp


def _matching(resource: T, if_match: str) -> T:
    """The resource. Raises ``PreconditionFailed``."""
    if if_match and if_match != etag_of(resource):
        raise refused("PreconditionFailed")
    return resource


def _changed(of: ResourceType[K, R], resource: R, changes: Changes, stamp: Stamp) -> R:
    """A frozen resource with new values."""
    given: dict[str, Any] = dict(changes)
    if "kept" in given and of.merges:
        given["kept"] = {**resource.kept, **given["kept"]}  # type: ignore[attr-defined]
    return replace(resource, **given, stamp=stamp)  # type: ignore[type-var]


def _number(text: str) -> int | None:
    """Raises ``InvalidArgument``."""
    if not text:
        return None
    if not text.isdecimal():
        raise InvalidArgument(f"StartKey is set to an invalid value (expected the id of a version, actual: '{text}')")
    return int(text)


# Within this module, the rules are parts of the control plane.
_RULES: Final[Mapping[str, _Rules]] = dict.fromkeys((each.name for each in RESOURCE_TYPES), _Rules()) | {
    FUNCTIONS.name: _Rules(reads=Control._code_of, then=lambda control, ref: control._fleet.definitions_changed([ref])),
    VERSIONS.name: _Rules(then=lambda control, key: control._fleet.releases_changed(key[0], gone=key[1])),
    ALIASES.name: _Rules(
        reads=lambda control, changes: alias_changes(changes),
        check=lambda control, key, alias: control._catalog.releases.check_alias(key[0], alias),
        then=lambda control, key: control._fleet.releases_changed(key[0]),
    ),
    TRIGGERS.name: _Rules(
        new=Control._check_number_of_triggers,
        check=Control._check_trigger,
        then=lambda control, key: control._timers.set(key[0], control._clock.shown()),
    ),
    ASYNC.name: _Rules(then=lambda control, key: control._fleet.plans.forget(lambda one: one == key[0])),
    CAPACITIES.name: _Rules(
        check=lambda control, key, capacity: control._catalog.instance_numbers.check(capacity, control._settings),
        afterwards=lambda control: control._fleet.limits_changed(),
    ),
}
"""By the name of the type. Made once: most emulators change no definition."""
