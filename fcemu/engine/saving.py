"""Saving: hands facts, definitions and the clock to a store, and takes them up again after a restart."""

import hashlib
import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from fcemu.core.catalog import Catalog
from fcemu.core.catalog_json import catalog_from_json, catalog_to_json
from fcemu.core.errors import StoreError
from fcemu.core.facts import Accepted, Changed
from fcemu.core.invocation import TERMINAL, Invocation, State
from fcemu.core.json_forms import read_time, time_text
from fcemu.core.members import demand
from fcemu.core.names import FunctionRef
from fcemu.core.values import dataclass
from fcemu.engine.clock import later
from fcemu.engine.ports import Packages, Store
from fcemu.engine.timers import Timers
from fcemu.engine.world import World

_CLOCK: Final = "clock"
_CATALOG: Final = "catalog"
_TIMERS: Final = "timers"
_STARTS: Final = "starts"
_GIVEN: Final = "given"
_STALE: Final = 1.0
"""Real seconds after which the instant of a flowing clock is kept although nothing happened."""
_NOTED_EVERY: Final = 0.1
"""Real seconds between two notes of a flowing clock; in between, the newest facts tell what time it was."""
_NEWEST: Final = 100
"""Of so many facts, one has the latest instant: a flowing clock may write them down in another order."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a store has kept beside facts. ``given``: the text by which the definition that was given at the start is
    recognised, and the names of its functions and domains. ``starts``: how often an emulator has begun with this
    store."""

    started: datetime
    now: datetime
    catalog: Catalog
    timers: list[list[str]]
    starts: int
    given: Mapping[str, Any]


def read_kept(store: Store, packages: Packages | None) -> Kept | None:
    """``None`` where nothing was kept yet. Raises ``StoreError``."""
    notes = store.notes()
    if not notes.keys() & {_CLOCK, _CATALOG, _TIMERS, _STARTS, _GIVEN} and not store.newest(1):
        return None

    def unpacked(place: Any) -> str:
        if not isinstance(place, dict):
            return str(place)
        if packages is None:
            raise StoreError("the kept data has uploaded code, but this emulator takes none")
        return packages.unpack(store.code(place["sha256"])).directory

    def read(name: str, how: Callable[[Any], Any]) -> Any:
        if name not in notes:
            raise store.damaged(f"its note {name!r} is missing")
        try:
            return how(notes[name])
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            raise store.damaged(f"its note {name!r} cannot be read: {wrong}") from None

    started, now = read(_CLOCK, _read_clock)
    return Kept(
        started,
        max([now, *(fact.at for fact in store.newest(_NEWEST))]),
        read(_CATALOG, lambda note: catalog_from_json(note, unpacked)),
        read(_TIMERS, _read_timers),
        read(_STARTS, operator.index),
        read(_GIVEN, _read_given),
    )


def _read_clock(note: Any) -> tuple[datetime, datetime]:
    demand(note, ["started", "now"], "the clock")
    return read_time(note["started"]), read_time(note["now"])


def _read_timers(note: Any) -> list[list[str]]:
    for function, _, modified, due in note:
        FunctionRef.parse(function)
        datetime.fromisoformat(modified)
        datetime.fromisoformat(due)
    timers: list[list[str]] = note
    return timers


def _read_given(note: Any) -> Mapping[str, Any]:
    if note != {}:
        demand(note, ["sha256", "functions", "domains"], "the definition")
        for name in note["functions"]:
            FunctionRef.parse(name)
    given: Mapping[str, Any] = note
    return given


class Defined(Protocol):
    """What is defined. ``definitions`` grows when that changes without a fact."""

    definitions: int


class Saving:
    """Knows what is not kept yet. Every method is called with the baton held, but for ``unsaved``.

    Whoever lets something leave the process saves first: the server's loop once per turn, a mover before a handler
    runs and when a goal is reached.
    """

    def __init__(
        self,
        store: Store,
        world: World,
        *,
        timers: Timers,
        defined: Defined,
        packages: Packages | None,
        starts: int,
        given: Mapping[str, Any],
        forgot: Callable[[], None],
    ) -> None:
        """``forgot``: called when the journal has forgotten invocations that ended long ago."""
        self._forgot: Final = forgot
        self._store: Final = store
        self._journal: Final = world.journal
        self._clock: Final = world.clock
        self._catalog: Final = world.catalog
        self._timers: Final = timers
        self._there: Final = defined
        self._packages: Final = packages
        self._written = len(world.journal)
        self._now: datetime | None = None
        self._noted: datetime | None = None
        self._moves = -1
        self._hashes: Final[dict[str, str]] = {}
        """SHA-256 of the zips that are in the store, by the directory in which they are unpacked."""
        self._first: dict[str, Any] = {_STARTS: starts, _GIVEN: dict(given)}
        self._definitions = -1

    @property
    def unsaved(self) -> bool:
        """Whether ``save`` would keep something that somebody may have seen. On any thread."""
        return len(self._journal) != self._written or self._defined or self._clock_moved()

    @property
    def _defined(self) -> bool:
        """Whether definitions have changed without a fact."""
        return self._there.definitions != self._definitions

    def _clock_moved(self) -> bool:
        now, clock = self._now, self._clock
        if now is None:
            return True
        if not clock.rate:
            return clock.now() != now
        return clock.now() - now > timedelta(seconds=_STALE * clock.rate)

    def lost(self) -> Iterator[Invocation]:
        """The invocations that would be lost if the process ended now, without those that have ended or whose end is on
        its way."""
        for fact in self._journal[self._written :]:
            invocation = self._journal.invocations[fact.request_id] if type(fact) is Accepted else None
            if isinstance(invocation, Invocation) and invocation.state not in (*TERMINAL, State.STOPPING):
                yield invocation

    def save(self) -> None:
        """Keep what has happened. Raises ``StoreError``; then it is tried again by the next call."""
        if not self.unsaved:
            return
        facts, now = self._journal[self._written :], self._clock.now()
        notes: dict[str, Any] = {**self._first}
        noted = self._noted
        if not facts or noted is None or self._is_worth_noting(now, noted, facts[-1].at):
            notes[_CLOCK] = {"started": time_text(self._clock.started), "now": time_text(now)}
            noted = now
        code: dict[str, bytes] = {}
        hashes: dict[str, str] = {}
        if self._defined or any(type(fact) is Changed for fact in facts):
            notes[_CATALOG] = catalog_to_json(self._catalog, lambda place: self._kept_place(place, code, hashes))
        moves = self._timers.moves
        if moves != self._moves:
            notes[_TIMERS] = self._timers.standing()
        self._store.write(self._written, facts, notes, code)
        self._written += len(facts)
        self._now, self._noted, self._moves, self._first = now, noted, moves, {}
        self._definitions = self._there.definitions
        self._hashes.update(hashes)
        if self._store.outlasts and self._journal.let_go(self._written) and self._store.keep is not None:
            self._store.forget(self._journal.forget(now - self._store.keep))
            self._forgot()

    def _is_worth_noting(self, now: datetime, noted: datetime, newest: datetime) -> bool:
        rate = self._clock.rate
        return now - noted > timedelta(seconds=_NOTED_EVERY * rate) if rate else now != newest

    def _kept_place(self, directory: str, code: dict[str, bytes], hashes: dict[str, str]) -> object:
        """What stands for a directory in the store: the hash of the zip that was unpacked there."""
        if self._packages is None or not self._packages.is_uploaded(directory):
            return directory
        sha256 = self._hashes.get(directory) or hashes.get(directory)
        if sha256 is None:
            zipped = self._packages.zip_of(directory)
            sha256 = hashes[directory] = hashlib.sha256(zipped).hexdigest()
            code[sha256] = zipped
        return {"sha256": sha256}

    def take_all(self) -> None:
        """Save everything from the beginning."""
        self._written = 0
        self.save()

    def close(self) -> None:
        """Save what is left, and give the store up. Raises ``StoreError``, but the store is closed."""
        try:
            self.save()
        finally:
            self._store.close()


def caught_up(kept: Kept, store: Store, rate: float) -> datetime:
    """Where the clock would be, had it gone on while the emulator was down."""
    try:
        return later(kept.now, timedelta(seconds=max(0.0, store.down) * rate))
    except OverflowError:
        return later(kept.now, timedelta.max)
