"""Versions and aliases of one owner: publish, point an alias, resolve a qualifier."""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from fcemu.core.errors import FCError, InvalidArgument, exists, missing
from fcemu.core.functions import Function, Service
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.stamps import UNSTAMPED, Stamp
from fcemu.core.values import dataclass


class Owner(NamedTuple):
    """Who has versions and aliases: a service in 2.0, a function in 3.0. ``kind`` appears in error texts."""

    kind: str
    name: str

    @classmethod
    def of(cls, ref: FunctionRef) -> "Owner":
        """Whose versions a function's are."""
        return cls("function", ref.name) if ref.service is None else cls("service", ref.service)

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}'"


@dataclass(frozen=True, slots=True)
class Version:
    """What an owner was when it was published: all functions of a 2.0 service, or the one 3.0 function.

    The stamp's id is the version's id: ``"1"``, ``"2"``, …
    """

    functions: Mapping[str, Function]
    service: Service | None = None
    description: str = field(default="", compare=False)
    stamp: Stamp = field(default=UNSTAMPED, compare=False)

    @property
    def id(self) -> str:
        """Decimal digits."""
        return self.stamp.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A name for a version. ``weights``: which share of the invocations other versions get, by their ids."""

    name: str
    version: str
    description: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)
    stamp: Stamp = UNSTAMPED

    @property
    def shares(self) -> dict[str, float]:
        """Every version that the alias leads to, with its share of 1."""
        rest = max(0.0, 1.0 - sum(self.weights.values()))
        return {self.version: rest, **{one: share for one, share in self.weights.items() if one != self.version}}


_WEIGHTS_SUM: Final = 1.0 + 1e-9


class Releases:
    """What one owner has published. Changed by the catalog only."""

    __slots__ = ("_last", "aliases", "owner", "versions")

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.versions: dict[str, Version] = {}
        """In order of publication."""
        self.aliases: dict[str, Alias] = {}
        self._last = 0

    def copy(self) -> "Releases":
        """Independent releases with the same content."""
        twin = Releases(self.owner)
        twin.versions, twin.aliases, twin._last = dict(self.versions), dict(self.aliases), self._last
        return twin

    @property
    def next_id(self) -> str:
        """The id of the version that is published next. Numbers are never given twice (wire-api §9)."""
        return str(self._last + 1)

    def publish(self, version: Version) -> None:
        """Add the next version. Raises ``VersionPublishError`` when it is what the newest one is."""
        newest = self.versions[next(reversed(self.versions))] if self.versions else None
        if newest == version:
            raise FCError(
                "VersionPublishError",
                f"cannot publish a version of {self.owner}: no changes were made since the last publish",
            )
        self._last += 1
        self.versions[version.id] = version

    def replace(self, versions: Iterable[Version], aliases: Iterable[Alias]) -> None:
        """Have these versions and aliases and no others, as a definition says. Raises ``VersionNotFound`` for an alias
        that leads to none of them."""
        self.versions = {version.id: version for version in versions}
        self.aliases = {}
        self._last = max([self._last, *map(int, self.versions)])
        for alias in aliases:
            self.set_alias(alias)

    def unstamped(self, now: datetime) -> list[Alias]:
        """The aliases that a definition has brought; its versions get their times here."""
        for number, version in self.versions.items():
            if version.stamp.created == UNSTAMPED.created:
                self.versions[number] = replace(version, stamp=Stamp(number, now, now))
        return [alias for alias in self.aliases.values() if alias.stamp is UNSTAMPED]

    def version(self, version: str) -> Version:
        """Raises ``VersionNotFound``."""
        if version not in self.versions:
            raise missing("VersionNotFound", f"version '{version}' of {self.owner}")
        return self.versions[version]

    def remove_version(self, version: str) -> None:
        """Raises ``VersionNotFound``. Aliases that lead to it stay (wire-api §9)."""
        self.version(version)
        del self.versions[version]

    def alias(self, name: str) -> Alias:
        """Raises ``AliasNotFound``."""
        if name not in self.aliases:
            raise missing("AliasNotFound", f"alias '{name}' of {self.owner}")
        return self.aliases[name]

    def add_alias(self, alias: Alias) -> None:
        """Raises ``AliasAlreadyExists``, and what ``set_alias`` raises."""
        if alias.name in self.aliases:
            raise exists("AliasAlreadyExists", f"alias '{alias.name}' of {self.owner}")
        self.set_alias(alias)

    def set_alias(self, alias: Alias) -> None:
        """Add an alias or replace the one of its name. Raises ``VersionNotFound`` for a version that it names and that
        is not there, ``InvalidArgument`` for weights that are no shares of 1."""
        for version in alias.shares:
            if version != LATEST:
                self.version(version)
        total = sum(alias.weights.values())
        if any(not 0 <= share <= 1 for share in alias.weights.values()) or total > _WEIGHTS_SUM:
            raise InvalidArgument("AdditionalVersionWeight: each weight is from 0 to 1, and their sum is at most 1")
        self.aliases[alias.name] = alias

    def remove_alias(self, name: str) -> None:
        """Raises ``AliasNotFound``."""
        self.alias(name)
        del self.aliases[name]

    def resolve(self, qualifier: str) -> str:
        """The version that ``qualifier`` means now, ``LATEST`` for the unpublished one; of an alias with weights, the
        first that has a share.

        Raises ``VersionNotFound`` or ``AliasNotFound``. A qualifier of digits is a version (errors-and-limits §2.3).
        """
        if qualifier == LATEST:
            return LATEST
        version = qualifier
        if not qualifier.isdigit():
            alias = self.alias(qualifier)
            version = next(iter(self._there(alias)), alias.version)
        return LATEST if version == LATEST else self.version(version).id

    def shares(self, qualifier: str) -> dict[str, float]:
        """The versions among which chance chooses for this qualifier; empty when there is no choice."""
        alias = self.aliases.get(qualifier)
        if alias is None or not alias.weights:
            return {}
        shares = self._there(alias)
        return shares if len(shares) > 1 else {}

    def _there(self, alias: Alias) -> dict[str, float]:
        """The share of each version of an alias; versions that are gone, or have no share, are left out."""
        return {
            version: share
            for version, share in alias.shares.items()
            if share and (version == LATEST or version in self.versions)
        }


def alias_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """An empty version keeps the one there is (wire-api §9)."""
    return {name: value for name, value in changes.items() if name != "version" or value}
