"""Keeper: what all parts of the control plane share: baton, clock, ids, facts of change."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from fcemu.core.errors import FCError, InvalidArgument, NotImplementedYet
from fcemu.core.facts import Changed
from fcemu.core.functions import Package
from fcemu.core.paging import Names, Page, Wanted
from fcemu.core.stamps import Stamp, etag_of
from fcemu.engine.fleet import Fleet
from fcemu.engine.ports import Packages
from fcemu.engine.world import World

T = TypeVar("T")
Changes = Mapping[str, Any]
"""New values by the names of a resource's attributes; ``kept`` is merged into what there is."""


class Keeper:
    """What one part of the control plane needs. Methods of the parts may be called from any thread.

    ``if_match``: the ETag that the caller has seen, ``""`` for any; ``PreconditionFailed`` when it is not the one of
    the resource any more. What is refused changes nothing. Every change is a fact.
    """

    def __init__(self, world: World, fleet: Fleet, packages: Callable[[], Packages] | None) -> None:
        self._baton: Final = world.baton
        self._catalog: Final = world.catalog
        self._chance: Final = world.chance
        self._clock: Final = world.clock
        self._journal: Final = world.journal
        self._settings: Final = world.settings
        self._fleet: Final = fleet
        self._packages: Final = packages

    def checksum(self, data: bytes) -> str:
        """The CRC-64 of a zip in decimal digits; ``""`` when the emulator takes no code."""
        return "" if self._packages is None else self._packages().checksum(data)

    def _unpack(self, code: bytes) -> Package:
        """Raises ``InvalidArgument``."""
        if self._packages is None:
            raise NotImplementedYet("this emulator takes no code")
        try:
            return self._packages().unpack(code)
        except ValueError as wrong:
            raise InvalidArgument(str(wrong)) from None

    def _stamp(self, what: str, now: datetime) -> Stamp:
        return Stamp(self._chance.resource_id(what) if what else "", now, now)

    def _new_stamp(self, what: str) -> Stamp:
        """The stamp of something that is made now; made again after it was deleted, it gets another id."""
        now = self._clock.shown()
        return self._stamp(f"{what} {now.isoformat()} {len(self._journal)}", now)

    def _note(self, resource: T, what: str, action: str) -> T:
        self._journal.note(Changed(self._clock.shown(), "", what, action))
        return resource


def matching(resource: T, if_match: str) -> T:
    """The resource. Raises ``PreconditionFailed``."""
    if if_match and if_match != etag_of(resource):
        raise FCError("PreconditionFailed", "the resource being modified has been changed")
    return resource


def changed(resource: T, changes: Changes, stamp: Stamp) -> T:
    """A frozen resource with new values."""
    given: dict[str, Any] = dict(changes)
    if "kept" in given:
        given["kept"] = {**resource.kept, **given["kept"]}  # type: ignore[attr-defined]
    return replace(resource, **given, stamp=stamp)  # type: ignore[type-var]


def by_name(there: Mapping[str, T], wanted: Wanted) -> Page[T]:
    """A page of resources in order of their names."""
    page = Names(there).page(wanted)
    return Page([there[name] for name in page.items], page.next)
