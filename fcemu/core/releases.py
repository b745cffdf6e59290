"""Versions and aliases of one owner: publish, point an alias, resolve a qualifier."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Final, NamedTuple

from fcemu.core.errors import InvalidArgument, refused
from fcemu.core.functions import Function, Service
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.shelves import Shelf
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
    """What versions and aliases mean: which version a qualifier leads to, which ones may be published or named."""

    def __init__(self, versions: Shelf[tuple[Owner, str], Version], aliases: Shelf[tuple[Owner, str], Alias]) -> None:
        self._versions: Final = versions
        self._aliases: Final = aliases

    def check_changed(self, owner: Owner, version: Version) -> None:
        """Raise ``VersionPublishError`` when a version to be published is what the newest one is."""
        newest = [*self._versions.of(owner).values()][-1:]
        if newest == [version]:
            raise refused("VersionPublishError", owner=owner)

    def replace(self, owner: Owner, versions: Iterable[Version], aliases: Iterable[Alias]) -> None:
        """Let an owner have these versions and aliases and no others, as a definition says. Raises what
        ``check_alias`` raises."""
        self._versions.replace(owner, {(owner, version.id): version for version in versions})
        self._aliases.replace(owner, {})
        for alias in aliases:
            self.check_alias(owner, alias)
            self._aliases.put((owner, alias.name), alias)

    def check_alias(self, owner: Owner, alias: Alias) -> None:
        """Raise ``VersionNotFound`` for a version that an alias names and that is not there, ``InvalidArgument`` for
        weights that are no shares of 1."""
        for version in alias.shares:
            if version != LATEST:
                self._versions.find((owner, version))
        total = sum(alias.weights.values())
        if any(not 0 <= share <= 1 for share in alias.weights.values()) or total > _WEIGHTS_SUM:
            raise InvalidArgument("AdditionalVersionWeight: each weight is from 0 to 1, and their sum is at most 1")

    def resolve(self, owner: Owner, qualifier: str) -> str:
        """The version that ``qualifier`` means now, ``LATEST`` for the unpublished one; of an alias with weights, the
        first that has a share.

        Raises ``VersionNotFound`` or ``AliasNotFound``. A qualifier of digits is a version (errors-and-limits §2.3).
        """
        if qualifier == LATEST:
            return LATEST
        version = qualifier
        if not qualifier.isdigit():
            alias = self._aliases.find((owner, qualifier))
            version = next(iter(self._there(owner, alias)), alias.version)
        return LATEST if version == LATEST else self._versions.find((owner, version)).id

    def shares(self, owner: Owner, qualifier: str) -> dict[str, float]:
        """The versions among which chance chooses for this qualifier; empty when there is no choice."""
        alias = self._aliases.get((owner, qualifier))
        if alias is None or not alias.weights:
            return {}
        shares = self._there(owner, alias)
        return shares if len(shares) > 1 else {}

    def _there(self, owner: Owner, alias: Alias) -> dict[str, float]:
        """The share of each version of an alias; versions that are gone, or have no share, are left out."""
        return {
            version: share
            for version, share in alias.shares.items()
            if share and (version == LATEST or (owner, version) in self._versions)
        }


def alias_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """An empty version keeps the one there is (wire-api §9)."""
    return {name: value for name, value in changes.items() if name != "version" or value}
