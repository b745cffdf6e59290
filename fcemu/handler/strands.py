"""The table of an attempt's threads (strands): which run, until when the others wait, and which goes on next.

A strand is a thread or a work item of a handler; the handler's own thread is the first. The emulator uses this table
for the attempts of its process, a child process for the attempt that runs in it. The table has no threads and no clock,
and nothing waits in it: it answers, and its users act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from heapq import heapify, heappop, heappush
from typing import Any, Final, Generic, Protocol, TypeVar

REST_SECONDS: Final = 0.05
"""Real seconds that the threads of a handler which has returned have to come to rest, before they are left behind."""
_TOLD_AT_MOST: Final = 2
"""How often a thread learns that its attempt is over before its waits have no end: the second time is for a wait in a
``finally`` block, the third is that of code which swallows everything and goes on."""
OF_ALARM: Final = -1
"""The order of the strand that waits for an alarm: at the same instant it goes on before those of the handler."""
_COMPUTES: Final = 0.05
"""The part of real time that a thread computes at least which does not just wait for something."""


class ImpossibleMove(RuntimeError):
    """A strand or an attempt cannot do this in its state: a defect of the emulator, never of its user."""


class Word(str, Enum):
    """What ``enum.StrEnum`` is from Python 3.11 on."""

    __str__ = str.__str__


class Doing(Word):
    """What a strand does."""

    RUNS = "runs"
    SLEEPS = "sleeps"
    """It waits for an instant."""
    WAITS = "waits"
    """It waits for a lock, another strand or something real; where it has a time-out, for an instant as well."""
    LEFT_OUT = "left out"
    """It waits for something real, and the clock moves although it counts as running."""
    LEFT_BEHIND = "left behind"
    """It runs although its attempt is over."""
    FROZEN = "frozen"
    """Its attempt is over, and it waits on until another strand wakes it."""
    GONE = "gone"


class Step(Word):
    """What changes what a strand does."""

    SLEEP = "sleep"
    WAIT = "wait"
    WAKE = "wake"
    LEAVE_OUT = "leave out"
    COUNT_AGAIN = "count again"
    LEAVE_BEHIND = "leave behind"
    """Its attempt is over, and it goes on by itself."""
    FREEZE = "freeze"
    """Its attempt is over, and it waits on."""
    JOIN = "join"
    """It becomes a part of the attempt that woke it."""
    END = "end"


STEPS: Final[dict[Doing, dict[Step, Doing]]] = {
    Doing.RUNS: {
        Step.SLEEP: Doing.SLEEPS,
        Step.WAIT: Doing.WAITS,
        Step.LEAVE_OUT: Doing.LEFT_OUT,
        Step.LEAVE_BEHIND: Doing.LEFT_BEHIND,
        Step.END: Doing.GONE,
    },
    Doing.SLEEPS: {Step.WAKE: Doing.RUNS, Step.LEAVE_BEHIND: Doing.LEFT_BEHIND},
    Doing.WAITS: {Step.WAKE: Doing.RUNS, Step.LEAVE_BEHIND: Doing.LEFT_BEHIND, Step.FREEZE: Doing.FROZEN},
    Doing.LEFT_OUT: {Step.COUNT_AGAIN: Doing.RUNS, Step.LEAVE_BEHIND: Doing.LEFT_BEHIND},
    Doing.LEFT_BEHIND: {Step.WAIT: Doing.FROZEN, Step.JOIN: Doing.RUNS, Step.END: Doing.GONE},
    Doing.FROZEN: {Step.WAKE: Doing.LEFT_BEHIND},
    Doing.GONE: {},
}
"""What a strand does after each step. Any other step is impossible and raises."""


class State(Word):
    """Where an attempt is. Whether it is parked is asked of its strands: also what gets ready or unwinds may wait."""

    PREPARING = "preparing"
    """Its instance gets ready; its timeout has not begun."""
    RUNNING = "running"
    TOLD = "told to end"
    """It has a verdict, and unwinds; the clock waits for that."""
    HALTING = "halting"
    """It was stopped, and its pre-stop hook runs beside it; the clock does not wait for it."""
    STRUCK = "struck"
    """The watchdog has struck it: the clock does not wait for it, and it ends at the instant of its timeout."""
    ENDED = "ended"
    """It has come back. What of it waits without a time-out waits on."""
    CUT_OFF = "cut off"
    """It is over by a verdict. Whatever of it still runs or waits unwinds."""


class Move(Word):
    """What changes the state of an attempt."""

    PREPARE = "prepare"
    READY = "ready"
    TELL = "tell"
    """It gets a verdict."""
    HALT_BESIDE = "halt beside"
    STRIKE = "strike"
    END = "end"


END: Final = Move.END
MOVES: Final[dict[State, dict[Move, State]]] = {
    State.PREPARING: {
        Move.PREPARE: State.PREPARING,
        Move.READY: State.RUNNING,
        Move.TELL: State.TOLD,
        Move.STRIKE: State.STRUCK,
        Move.END: State.ENDED,
    },
    State.RUNNING: {
        Move.PREPARE: State.PREPARING,
        Move.READY: State.RUNNING,
        Move.TELL: State.TOLD,
        Move.STRIKE: State.STRUCK,
        Move.END: State.ENDED,
    },
    State.TOLD: {
        # Its thread may hear of its verdict later than its instance gets ready.
        Move.PREPARE: State.TOLD,
        Move.READY: State.TOLD,
        Move.TELL: State.TOLD,
        Move.HALT_BESIDE: State.HALTING,
        Move.STRIKE: State.STRUCK,
        Move.END: State.CUT_OFF,
    },
    State.HALTING: {
        Move.PREPARE: State.HALTING,
        Move.READY: State.HALTING,
        Move.TELL: State.HALTING,
        Move.STRIKE: State.STRUCK,
        Move.END: State.CUT_OFF,
    },
    State.STRUCK: {
        Move.PREPARE: State.STRUCK,
        Move.READY: State.STRUCK,
        Move.TELL: State.STRUCK,
        Move.END: State.CUT_OFF,
    },
    # It has come back, and then the instance dies in which it ran.
    State.ENDED: {Move.TELL: State.CUT_OFF},
    State.CUT_OFF: {Move.TELL: State.CUT_OFF},
}
"""Which state of an attempt follows which move. Any other move is impossible and raises."""

OVER: Final = frozenset({State.ENDED, State.CUT_OFF})
TOLD: Final = frozenset({State.TOLD, State.HALTING, State.STRUCK, State.CUT_OFF})
"""The states of an attempt that has a verdict."""
HOLDS: Final = frozenset({State.PREPARING, State.RUNNING, State.TOLD})
"""The states in which the clock waits for an attempt as long as one of its strands runs."""


def next_doing(doing: Doing, step: Step) -> Doing:
    """What a strand does after ``step``. Raises ``ImpossibleMove``."""
    try:
        return STEPS[doing][step]
    except KeyError:
        raise ImpossibleMove(f"{step} cannot happen to a strand that is {doing}") from None


def next_state(state: State, move: Move) -> State:
    """The state of an attempt after ``move``. Raises ``ImpossibleMove``."""
    try:
        return MOVES[state][move]
    except KeyError:
        raise ImpossibleMove(f"{move} cannot happen to an attempt that is {state}") from None


def _order(strand: Strand) -> int:
    return strand.order


def _order_of_strand(wait: Wait[Any, Any]) -> int:
    order: int = wait.strand.order
    return order


def _order_of_turn(timed: tuple[Any, int, Any]) -> int:
    return timed[1]


class Instant(Protocol):
    """A point in virtual time: the emulator has ``datetime``, a child process has nanoseconds."""

    def __lt__(self, other: Any, /) -> bool: ...
    def __le__(self, other: Any, /) -> bool: ...


class Strand:
    """One strand as the table sees it."""

    doing = Doing.RUNS
    order = 0
    """In which order the strands of an attempt were made; the handler's own thread is the first."""
    waits_in: Any = None
    """The ``Wait`` in which it waits; ``None``: it does not wait."""
    looked: tuple[float, int] | None = None
    """From when on, in real seconds, it has waited for something real, and the nanoseconds it had computed by then."""
    was_left_out = False
    told = 0
    """How often its thread has learnt that the attempt is over."""

    @property
    def ended(self) -> bool:
        return self.doing is Doing.GONE

    @property
    def left_out(self) -> bool:
        return self.doing is Doing.LEFT_OUT

    def look(self, now: float, computed_ns: int | None) -> None:
        """Note what a strand that counts as running has computed by ``now``; ``None``: the system does not tell."""
        looked = self.looked
        if computed_ns is None:
            self.looked = None
        elif looked is None or computed_ns - looked[1] > (now - looked[0]) * _COMPUTES * 1e9:
            self.looked = now, computed_ns

    def has_waited(self, now: float, seconds: float) -> bool:
        """Whether it has computed next to nothing for so long, when it was looked at last."""
        return self.looked is not None and now - self.looked[0] > seconds

    def chooses(self) -> Callable[[int], int] | None:
        """See ``HandlerClock``. In a child process the order of tasks is always the same."""
        return None

    def learn(self) -> bool:
        """Its thread learns that its attempt is over; ``False``: it has learnt that often enough, and must wait for
        ever."""
        self.told += 1
        return self.told <= _TOLD_AT_MOST


S = TypeVar("S", bound=Strand)
T = TypeVar("T", bound=Instant)


class Wait(Generic[S, T]):
    """One wait of one strand. ``until``: the instant at which it ends by itself; ``None``: it does not."""

    __slots__ = ("arrived", "found_free", "lock", "over", "real", "released", "sleeps", "strand", "until")

    def __init__(self, strand: S, until: T | None = None) -> None:
        self.strand: Final = strand
        self.until = until
        self.released = False
        """Whether what it waits for has happened."""
        self.over = False
        self.real = False
        """Whether it waits for something real as well."""
        self.sleeps = False
        """Whether it waits for its instant alone."""
        self.lock: Any = None
        """The lock for which it waits; a ``Lock``."""
        self.arrived = 0
        """Waits for locks of a lower number come first."""
        self.found_free = -1
        """Where the strand has looked at its lock by itself and found it free: ``LockWaits.first_of``."""

    @property
    def waiting(self) -> bool:
        """Whether its strand waits in it now."""
        return self.strand.waits_in is self

    def happened(self) -> bool:
        """What it waits for has happened, maybe before it waits; whether its strand has to be woken."""
        if self.released or self.over:
            return False
        self.released = True
        return self.waiting


W = TypeVar("W", bound=Wait[Any, Any])


class Beside(Word):
    """What keeps the clock of an attempt in which some strands run and others wait."""

    COMPUTES = "computes"
    """A strand computes, so the clock waits for it."""
    HELD_UP = "held up"
    """All strands that run wait for something real, and the others for virtual time to pass."""
    IN_BACKGROUND = "in background"
    """The handler sleeps, and all strands that run are threads in its background which wait for something real: the
    clock moves without them."""


_RUNNING: Final = State.RUNNING
_NONE: Final[set[Any]] = set()
"""The other strands of all attempts that never had any: most have none."""


class Attempt(Generic[S, W, T]):
    """The strands of one attempt, and its state."""

    __slots__ = (
        "_called",
        "_fresh",
        "_made",
        "_timed",
        "_woken",
        "awake",
        "blocked",
        "calls",
        "first",
        "others",
        "over",
        "sleeps_beside",
        "state",
        "turns",
    )

    def __init__(self, first: S) -> None:
        self.state = _RUNNING
        self.over = False
        self.first = first
        """The handler's own thread."""
        self.others: set[S] = _NONE
        """Its other strands that have not ended."""
        self.awake = 1
        """How many of its strands run, less those that wait for an invocation that they made."""
        self.blocked = 0
        """How many of its strands wait for something real."""
        self.calls = 0
        """How many invocations it has made for which it waits."""
        self.sleeps_beside = False
        """Whether strands of it have been left out already."""
        self._made = 0
        self.turns = 0
        """How many waits for an instant have had a turn."""
        self._called = 0
        """How many of them belong to the instant that fell due last."""
        self._woken: list[S] | None = None
        """Strands that another one has woken, and that go on once it waits or has ended, one after the other."""
        self._fresh: list[W] | None = None
        """Waits for an instant that have no turn yet."""
        self._timed: list[tuple[T, int, W]] | None = None
        """A heap of the waits for an instant; those that are over are still there."""

    # What it is.

    @property
    def holds_clock(self) -> bool:
        """Whether the clock waits for it: because a strand runs, or because something real alone can end its waits."""
        if self.state not in HOLDS:
            return False
        return self.awake > 0 or (self.blocked > 0 and not self.calls and self.first_wait() is None)

    @property
    def told(self) -> bool:
        """Whether it has a verdict."""
        return self.state in TOLD

    @property
    def alone(self) -> bool:
        """Whether it has never had another strand than the handler's thread."""
        return not self._made

    @property
    def endless(self) -> bool:
        """Whether every strand waits without a time-out, and for no invocation that it made."""
        return not self.calls and all(
            strand.waits_in is not None and strand.waits_in.until is None for strand in self._all()
        )

    def strands(self) -> list[S]:
        """All strands that have not ended, in the order in which they were made; the handler's thread is the first."""
        return [self.first, *sorted(self.others, key=_order)]

    def awake_ones(self) -> list[S]:
        """The strands for which the clock waits."""
        return [strand for strand in self.strands() if strand.doing is Doing.RUNS]

    def waits(self) -> list[W]:
        """Where its strands wait, in their order."""
        return [strand.waits_in for strand in self.strands() if strand.waits_in is not None]

    def _all(self) -> Iterator[S]:
        yield self.first
        yield from self.others

    # What happens to it.

    def move(self, move: Move) -> None:
        """Raises ``ImpossibleMove``."""
        self.state = MOVES[self.state].get(move) or next_state(self.state, move)  # it raises
        self.over = self.state in OVER

    def call(self) -> None:
        """A strand waits for an invocation that it made."""
        self.calls += 1
        self.awake -= 1

    def answered(self) -> None:
        """That invocation has ended."""
        self.calls -= 1
        self.awake += 1

    # What happens to its strands.

    def _step(self, strand: S, step: Step) -> None:
        before = strand.doing
        strand.doing = after = STEPS[before].get(step) or next_doing(before, step)  # it raises
        self.awake += (after is Doing.RUNS) - (before is Doing.RUNS)

    def add(self, strand: S, order: int | None = None) -> None:
        """Another strand begins; it counts as running. ``order``: it is none of the handler's, and goes on before or
        after those by this number."""
        self._number(strand, order)
        self.awake += 1

    def join(self, strand: S) -> None:
        """A strand that another attempt has left behind becomes a part of this one, because this one has woken it."""
        self._step(strand, Step.JOIN)
        self._number(strand, None)
        strand.told = 0

    def _number(self, strand: S, order: int | None) -> None:
        if order is None:
            self._made += 1
            order = self._made
        strand.order = order
        if self.others is _NONE:
            self.others = set()
        self.others.add(strand)

    def wait(self, wait: W) -> None:
        """A strand begins to wait, or waits on."""
        strand = wait.strand
        if strand.waits_in is not None:
            self.wake(strand.waits_in)  # its thread has left that wait by an exception
        self.count_again(strand)
        self._step(strand, Step.SLEEP if wait.sleeps else Step.WAIT)
        strand.looked = None
        strand.waits_in = wait
        self.blocked += wait.real
        if wait.until is None:
            return
        if self._fresh is None:
            self._fresh, self._timed = [], []
        self._fresh.append(wait)

    def wake(self, wait: W) -> None:
        """A wait is over: its strand runs again. When the handler itself has slept, the clock waits for all again."""
        wait.over = True
        self.interrupt(wait)
        if wait.sleeps and wait.strand.order <= 0:
            for strand in self._all():
                self.count_again(strand)

    def interrupt(self, wait: W) -> None:
        """A strand runs again, and will wait on in the same wait."""
        self._step(wait.strand, Step.WAKE)
        wait.strand.waits_in = None
        self.blocked -= wait.real

    def leave_out(self, strand: S) -> None:
        """The clock moves although ``strand`` waits for something real."""
        self._step(strand, Step.LEAVE_OUT)
        self.sleeps_beside = strand.was_left_out = True

    def count_again(self, strand: S) -> bool:
        """A strand that was left out is back; whether it was left out."""
        if strand.doing is not Doing.LEFT_OUT:
            return False
        self._step(strand, Step.COUNT_AGAIN)
        return True

    def end(self, strand: S) -> bool:
        """A strand has ended, or will never begin; repeatable. Whether it was a part of what runs."""
        if strand.doing is Doing.GONE:
            return False
        if strand.waits_in is not None:
            self.wake(strand.waits_in)  # its thread has left that wait by an exception
        counted = strand.doing is Doing.RUNS or self.count_again(strand)
        self._step(strand, Step.END)
        self.others.discard(strand)
        return counted

    # Which strand goes on next.

    def first_wait(self) -> W | None:
        """The wait that ends first by itself. Waits that end at the same instant have their turns in the order of their
        strands, not in that in which their threads happened to get here."""
        fresh, timed = self._fresh, self._timed
        if fresh is None or timed is None:
            return None
        if fresh:
            for wait in sorted(fresh, key=_order_of_strand) if len(fresh) > 1 else fresh:
                if wait.waiting and wait.until is not None:
                    self.turns += 1
                    heappush(timed, (wait.until, self.turns, wait))
            fresh.clear()
        while timed and not timed[0][2].waiting:
            heappop(timed)
        return timed[0][2] if timed else None

    def due(self, now: T) -> W | None:
        """The wait whose strand goes on at ``now``. Strands whose time is up go on one after the other, each once the
        one before it waits or has ended, so that a handler does the same in each run."""
        first = self.first_wait()
        return None if first is None or first.until is None or now < first.until else first

    def fall_due(self, now: T, turns: int) -> W | None:
        """The instant ``now`` has come for the waits that had one of the first ``turns`` turns: the first that is over.
        The others of them whose time is up are ``next_due``; waits that began later go behind all else that is due."""
        self._called = turns
        return self.next_due(now)

    def next_due(self, now: T) -> W | None:
        """The next wait that is over because of the instant that fell due last."""
        due = self.due(now)
        return due if due is not None and self._timed and self._timed[0][1] <= self._called else None

    def rivals(self, first: W) -> list[W]:
        """The waits that are over because of the instant that fell due last, in their order; ``first`` is the next of
        them."""
        called = [one for one in self._timed or () if one[0] == first.until and one[1] <= self._called]
        return [wait for _, _, wait in sorted(called, key=_order_of_turn) if wait.waiting]

    def put_first(self, wait: W) -> None:
        """``wait`` goes on before the others that are over at the same instant."""
        timed = self._timed or []
        same = sorted((n for n, one in enumerate(timed) if one[0] == wait.until), key=lambda n: timed[n][1])
        turns = [timed[n][1] for n in same]
        others = [timed[n][2] for n in same if timed[n][2] is not wait]
        for n, turn, other in zip(same, turns, [wait, *others]):
            timed[n] = (timed[n][0], turn, other)
        heapify(timed)

    def woken(self, strand: S) -> None:
        """Another strand has woken this one: it goes on when ``next_woken`` says so."""
        if self._woken is None:
            self._woken = []
        self._woken.append(strand)

    def next_woken(self) -> S | None:
        """The strand whose turn it is to go on: the first of those that were woken, once nothing else runs."""
        woken = self._woken
        if not woken or self.awake > len(woken):
            return None
        first = min(woken, key=_order)
        woken.remove(first)
        return first

    def skip_turn(self, strand: S) -> None:
        """A strand has gone on by itself: the one that woke it may wait for it by means of which nothing is known."""
        if self._woken and strand in self._woken:
            self._woken.remove(strand)

    def beside(self, now: float, seconds: float, is_background: Callable[[S], bool]) -> Beside:
        """What keeps the clock, as far as the strands tell that were looked at until ``now``, in real seconds."""
        awake = self.awake_ones()
        waited = all(strand.has_waited(now, seconds) for strand in awake)
        if not awake or len(awake) != self.awake or not waited or self.told:
            return Beside.COMPUTES
        asleep = any(wait.sleeps and wait.strand.order <= 0 for wait in self.waits())
        if not asleep or not all(is_background(strand) for strand in awake):
            return Beside.HELD_UP
        return Beside.IN_BACKGROUND

    def parks_for_lock(self, *, gate: bool, held_up: bool) -> bool:
        """Whether a strand parks that waits for a lock. ``gate``: no thread can release it but by something that it
        waits for; ``held_up``: it is the clock that keeps its holder from releasing it."""
        if gate:
            return not self.calls  # else such a call may end by it
        return held_up

    def dismiss(self) -> list[W]:
        """It is over. The waits that end by that: all, where it was cut off; else those for an instant, and those for
        locks, which go on in real time."""
        ended: list[W] = []
        for strand in self.strands():
            wait = strand.waits_in
            if wait is not None and self.state is State.ENDED and wait.until is None and wait.lock is None:
                self._step(strand, Step.FREEZE)
                continue
            if wait is not None:
                wait.over = True
                strand.waits_in = None
                ended.append(wait)
            if strand.doing is not Doing.LEFT_BEHIND:
                self._step(strand, Step.WAKE if strand.doing is Doing.FROZEN else Step.LEAVE_BEHIND)
        return ended
