"""Releasing: the control plane: versions of services and functions, and the aliases that lead to them."""

from fcemu.core.errors import InvalidArgument
from fcemu.core.functions import Function, Service
from fcemu.core.names import FunctionRef
from fcemu.core.paging import Page, Wanted
from fcemu.core.releases import Alias, Owner, Version, alias_changes
from fcemu.core.stamps import Stamp
from fcemu.engine.keeper import Changes, Keeper, by_name, changed, matching


class Releasing(Keeper):
    """Publishes, shows and deletes versions; makes, changes, shows and deletes aliases."""

    # Versions.

    def publish(self, owner: Owner, description: str = "", if_match: str = "") -> Version:
        """Freeze what the owner is now as its next version. Raises ``ServiceNotFound`` or ``FunctionNotFound``,
        ``PreconditionFailed``, ``VersionPublishError``."""
        with self._baton:
            there = self._there(owner)
            matching(there, if_match)
            releases, now = self._catalog.releases(owner), self._clock.shown()
            service = there if isinstance(there, Service) else None
            functions = (
                {there.ref.name: there} if isinstance(there, Function) else self._catalog.functions_of(owner.name)
            )
            version = Version(functions, service, description, Stamp(releases.next_id, now, now))
            releases.publish(version)
            return self._note(version, f"version {version.id} of {owner.kind} {owner.name}", "created")

    def delete_version(self, owner: Owner, version: str) -> None:
        """Aliases that lead to it stay. Raises ``ServiceNotFound`` or ``FunctionNotFound``, ``VersionNotFound``."""
        with self._baton:
            self._there(owner)
            self._catalog.releases(owner).remove_version(version)
            self._fleet.releases_changed(owner, gone=version)
            self._note(None, f"version {version} of {owner.kind} {owner.name}", "deleted")

    def list_versions(self, owner: Owner, wanted: Wanted, *, forward: bool = False) -> Page[Version]:
        """Newest first, or oldest first with ``forward``; ``wanted.start`` is the first version of the page. Raises
        ``ServiceNotFound`` or ``FunctionNotFound``."""
        with self._baton:
            self._there(owner)
            versions = list(self._catalog.releases(owner).versions.values())
        ordered = versions if forward else versions[::-1]
        start = _number(wanted.start)
        if start is not None:
            ordered = [each for each in ordered if (int(each.id) >= start if forward else int(each.id) <= start)]
        chosen = ordered[: wanted.limit]
        return Page(chosen, ordered[wanted.limit].id if len(ordered) > wanted.limit else "")

    # Aliases.

    def create_alias(self, owner: Owner, name: str, changes: Changes) -> Alias:
        """Raises ``ServiceNotFound`` or ``FunctionNotFound``, ``AliasAlreadyExists``, ``VersionNotFound``,
        ``InvalidArgument``."""
        with self._baton:
            self._there(owner)
            stamp = self._new_stamp(f"alias {name} of {owner}")
            alias = changed(Alias(name=name, version=""), alias_changes(changes), stamp)
            self._catalog.releases(owner).add_alias(alias)
            return self._alias_changed(owner, alias, "created")

    def alias(self, owner: Owner, name: str) -> Alias:
        """Raises ``ServiceNotFound`` or ``FunctionNotFound``, ``AliasNotFound``."""
        with self._baton:
            self._there(owner)
            return self._catalog.releases(owner).alias(name)

    def update_alias(self, owner: Owner, name: str, changes: Changes, if_match: str = "") -> Alias:
        """What waits in the queue runs the version that the alias leads to when it starts. Raises what
        ``create_alias`` raises, ``AliasNotFound``, ``PreconditionFailed``."""
        with self._baton:
            self._there(owner)
            releases = self._catalog.releases(owner)
            old = matching(releases.alias(name), if_match)
            alias = changed(old, alias_changes(changes), old.stamp.changed(self._clock.shown()))
            releases.set_alias(alias)
            return self._alias_changed(owner, alias, "updated")

    def delete_alias(self, owner: Owner, name: str, if_match: str = "") -> None:
        """Raises ``ServiceNotFound`` or ``FunctionNotFound``, ``AliasNotFound``, ``PreconditionFailed``."""
        with self._baton:
            self._there(owner)
            releases = self._catalog.releases(owner)
            alias = matching(releases.alias(name), if_match)
            releases.remove_alias(name)
            self._alias_changed(owner, alias, "deleted")

    def list_aliases(self, owner: Owner, wanted: Wanted) -> Page[Alias]:
        """By name. Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        with self._baton:
            self._there(owner)
            return by_name(self._catalog.releases(owner).aliases, wanted)

    def _alias_changed(self, owner: Owner, alias: Alias, action: str) -> Alias:
        self._fleet.releases_changed(owner)
        return self._note(alias, f"alias {alias.name} of {owner.kind} {owner.name}", action)

    def _there(self, owner: Owner) -> Service | Function:
        """Raises ``ServiceNotFound`` or ``FunctionNotFound``."""
        if owner.kind == "service":
            return self._catalog.service(owner.name)
        return self._catalog.function(FunctionRef(owner.name))


def _number(text: str) -> int | None:
    """Raises ``InvalidArgument``."""
    if not text:
        return None
    if not text.isdecimal():
        raise InvalidArgument(f"StartKey is set to an invalid value (expected the id of a version, actual: '{text}')")
    return int(text)
