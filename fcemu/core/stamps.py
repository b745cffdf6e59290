"""Stamp: the id a resource got, and when it was made and changed; its ETag."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from fcemu.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    """Times are virtual, aware, UTC."""

    id: str
    created: datetime
    modified: datetime

    def changed(self, now: datetime) -> "Stamp":
        """The same resource after a change at ``now``."""
        return replace(self, modified=now)


UNSTAMPED: Final = Stamp("", datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))
"""Of what a definition defines, until an emulator has taken it."""


@dataclass(frozen=True, slots=True)
class Link:
    """A resource of which there is nothing to tell but that it is there: a VPC binding, an event source."""

    stamp: Stamp = UNSTAMPED


def etag_of(resource: object) -> str:
    """The ETag of a frozen resource: it differs when anything differs that ``repr`` shows, its stamp included."""
    return hashlib.md5(repr(resource).encode("utf-8", "backslashreplace"), usedforsecurity=False).hexdigest()
