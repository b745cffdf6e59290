"""Versions and aliases of one owner: resolve a qualifier."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fcemu.core.errors import AliasNotFound, VersionNotFound
from fcemu.core.names import LATEST


@dataclass(frozen=True, slots=True)
class Releases:
    """What one owner has published: a service in 2.0, a function in 3.0.

    ``owner_kind`` and ``owner`` appear in the error texts.
    """

    owner_kind: str
    owner: str
    versions: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, qualifier: str) -> str:
        """The version that ``qualifier`` means now, ``LATEST`` for the unpublished one.

        Raises ``VersionNotFound`` or ``AliasNotFound``. A qualifier of digits is a version (errors-and-limits §2.3).
        """
        if qualifier == LATEST:
            return LATEST
        if qualifier.isdigit():
            if qualifier in self.versions:
                return qualifier
            raise VersionNotFound(qualifier, self.owner_kind, self.owner)
        if version := self.aliases.get(qualifier):
            return version
        raise AliasNotFound(qualifier, self.owner_kind, self.owner)
