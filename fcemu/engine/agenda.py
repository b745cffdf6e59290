"""The agenda holds all that lies ahead of the clock, in the order in which it falls due."""

from datetime import datetime
from enum import IntEnum
from typing import Final, Protocol, cast

from fcemu.engine.baton import Baton
from fcemu.engine.deadlines import Deadlined, Deadlines
from fcemu.engine.due import Due


class Rank(IntEnum):
    """What of one instant comes first. Equals keep the order in which they came."""

    DEADLINE = 0
    """The timeout of an attempt that runs on a flowing clock: it was scheduled before all else that is due then."""
    TIMER = 1
    """A timer fires."""
    WORK = 2
    """Attempts, wake-ups and timeouts of handlers, reports."""
    MESSAGE = 3
    """A message becomes visible in a queue where a consumer waits."""
    POLL = 4
    """A consumer has waited long enough."""
    IDLE = 5
    """An instance has been idle for long enough. ASSUMED: fcemu ends an idle instance only after all else that is due
    at that instant, which may still use it (timers-and-instances §3.3)."""


class Entry(Protocol):
    """What stands on the agenda. ``over``: it does not matter any more."""

    @property
    def over(self) -> bool: ...


class Falling(Entry, Protocol):
    """Most entries say themselves what happens; that of an invocation starts its next attempt."""

    def fall_due(self, now: datetime) -> object:
        """The clock is there; returns what is to be done without the baton. Called with the baton held."""


class Moving(Entry, Protocol):
    """An entry of the ranks ``MESSAGE`` and ``IDLE``: it is due later when what it stands for has changed meanwhile."""

    def next_look(self) -> datetime | None:
        """When it is due now; ``None``: never."""


_MOVES: Final = frozenset({Rank.MESSAGE, Rank.IDLE})
_WORK: Final = Rank.WORK
_DEADLINE: Final = Rank.DEADLINE
First = tuple[datetime, Rank, Entry]
"""What falls due first: its instant, its rank, and the entry itself."""


class Agenda:
    """All that lies ahead. Who moves the clock asks for the first of it, a goal for the first of one rank.

    A heap of instants for each rank. Entries that are over, or turn out to be due later (an instance was used
    meanwhile), go before the clock stops for them. Every method is called with the baton held.
    """

    def __init__(self, baton: Baton) -> None:
        self._changed: Final = baton.changed
        self._ranks: Final[dict[Rank, Due[Entry]]] = {rank: Due() for rank in Rank if rank is not Rank.DEADLINE}
        self._heaps: Final = [(rank, due.instants) for rank, due in self._ranks.items()]
        self._work: Final = self._ranks[Rank.WORK]
        self.deadlines: Final = Deadlines()
        """The timeouts of what runs on a flowing clock."""
        self.wakes_at: datetime | None = None
        """When the thread that waits for real time looks again by itself; ``None``: it does not wait."""
        self._woken_for: Final[list[datetime]] = []
        """The instants for which it was woken, each earlier than those before it."""

    def holds_more_than(self, entries: int) -> bool:
        """Whether there is much to do: more work than that, or a timer, which may fire without end."""
        return self._work.count > entries or bool(self._ranks[Rank.TIMER].instants)

    def push(self, at: datetime, entry: Entry, rank: Rank = _WORK) -> None:
        """``entry`` is due at that instant."""
        self._ranks[rank].push(at, entry)
        if self.wakes_at is not None and at < self.wakes_at:
            self.look_by(at)

    def first(self) -> First | None:
        """What falls due first; it stays."""
        while True:
            at = None
            for each, instants in self._heaps:
                if instants and (at is None or instants[0] < at):
                    at, rank = instants[0], each
            if self.deadlines.by_timeout:
                run = self.deadlines.first()
                if run is not None and (at is None or run.deadline <= at):
                    return run.deadline, Rank.DEADLINE, run
            if at is None:
                return None
            entry = self._ranks[rank].head()
            if (not entry.over and rank not in _MOVES) or self._stays(entry, at, rank):
                return at, rank, entry

    def next(self, rank: Rank) -> datetime | None:
        """When something of ``rank`` falls due next; ``None``: nothing does."""
        due = self._ranks[rank]
        while due.instants:
            at, entry = due.instants[0], due.head()
            if (not entry.over and rank not in _MOVES) or self._stays(entry, at, rank):
                return at
        return None

    def next_work(self, first: First | None) -> datetime | None:
        """When work falls due next, where ``first`` falls due first."""
        return first[0] if first is not None and first[1] is _WORK else self.next(_WORK)

    @property
    def next_stop(self) -> datetime | None:
        """When work falls due next, or a timer fires."""
        work, fires = self.next(Rank.WORK), self.next(Rank.TIMER)
        return min(work, fires) if work is not None and fires is not None else work or fires

    def _stays(self, entry: Entry, at: datetime, rank: Rank) -> bool:
        """Whether the first entry of its rank is due at ``at``; else it goes, or comes again when it is due."""
        if not entry.over:
            if rank not in _MOVES:
                return True
            really = cast(Moving, entry).next_look()
            if really is not None and really <= at:
                return True
            if really is not None:
                self._ranks[rank].push(really, entry)
        self._ranks[rank].pop()
        return False

    def pop(self, rank: Rank, index: int = 0) -> Entry:
        """Take out what is first of its rank, or another one of ``rivals``."""
        return self.deadlines.pop() if rank is _DEADLINE else self._ranks[rank].pop(index)

    def clear(self, rank: Rank) -> None:
        """Nothing of ``rank`` falls due any more."""
        self._ranks[rank].clear()

    def rivals(self, at_most: int) -> list[Entry]:
        """The work that is due first, all at the same instant."""
        return self._work.first_ones(at_most)

    def in_order(self, rank: Rank, at_most: int | None = None) -> list[tuple[datetime, Entry]]:
        """The first entries of a rank, in the order in which they fall due, without those that are over."""
        due = self._ranks[rank]
        return [(at, entry) for at, entry in due.in_order(at_most or due.count) if not entry.over]

    # A flowing clock.

    def watch(self, run: Deadlined) -> None:
        """The timeout of an attempt strikes at ``run.deadline``, unless the attempt is over before."""
        if self.deadlines.watch(run):
            self.look_by(run.deadline)

    def next_look(self, now: datetime) -> datetime | None:
        """When the thread that waits for real time has to look again; ``None``: nothing lies ahead.

        It also looks at the instants for which it was woken, though what was due then may be over: most attempts end
        long before their timeout, and else each of them would wake it once more for its own.
        """
        first, woken_for = self.first(), self._woken_for
        while woken_for and woken_for[-1] <= now:
            woken_for.pop()
        at = woken_for[-1] if woken_for else None
        return at if first is None or (at is not None and at < first[0]) else first[0]

    def look_by(self, instant: datetime) -> None:
        """See to it that the thread which waits for real time looks again at ``instant`` at the latest."""
        if self.wakes_at is not None and instant < self.wakes_at:
            self.wakes_at = instant
            self._woken_for.append(instant)
            self._changed.notify()

    def look_now(self) -> None:
        """Let the thread that waits for real time look again."""
        self.wakes_at = None
        self._changed.notify()
