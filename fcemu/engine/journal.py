"""The journal is the ordered record of facts: this module appends, reads, follows and folds them."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast, overload

from fcemu.core.compact import compact
from fcemu.core.errors import StoreError
from fcemu.core.facts import (
    FORGOTTEN,
    Accepted,
    Delivered,
    DeliveryFailed,
    DeliveryStarted,
    Fact,
    InstanceFact,
    InvocationFact,
    to_json,
)
from fcemu.core.invocation import PLACE, Invocation, Recorded, Summary, places_in, written_places
from fcemu.core.metrics import Numbers, copied, count_facts, count_invocation, measure
from fcemu.core.names import FunctionRef
from fcemu.core.values import value
from fcemu.engine.invocations import Invocations, folded
from fcemu.engine.ports import Messages, Overflow
from fcemu.engine.tail import LONG, Tail

_LOG: Final = logging.getLogger("fcemu")
TAIL: Final = 2_000
"""How many facts stay in memory at least, where the others can be read back."""
_AT_ONCE: Final = 500
"""How many facts are read back at a time by who goes through all of them."""
_PORTION: Final = 256
"""How many facts the overflow gets at a time. Those of invocations that wait are among them, and free nothing."""
_SPARE: Final = _PORTION // 2
"""So many invocations more than may stay have ended when a portion leaves: that many could end with it, because each
has two facts or more."""
ReadBack = Callable[[Iterable[int]], list[Fact]]
"""The facts in these places, which ascend. Raises ``StoreError``."""

Reactions = Mapping[type[Any], tuple[Callable[[Any, Any], object], ...]]
"""What follows from a fact, by its type and in order: each gets the fact and its invocation, ``None`` where the fact
belongs to none. ``engine/reactions.py`` has the table."""


class Journal(Sequence[Fact]):
    """All facts in order, and what they come to: invocations by id, and what ``messages`` folds of them.

    Whatever is asked of the emulator's past is answered from here; there is no second bookkeeping.

    Where a store keeps facts, or an overflow takes them, the older ones leave memory. A ``Summary`` then stands for an
    invocation that has ended; it stays in memory, or is made from the overflow when it is asked for. ``messages`` keeps
    the place of a report that was delivered. These methods read the store or the overflow, and may raise
    ``StoreError``: ``whole``, ``read_back``, ``histories``, ``forget``, whatever goes through the facts or searches
    ``invocations``, and ``record`` when one more fact comes of an invocation that had left memory, such as a late
    report.
    """

    def __init__(self, messages: Messages | None = None) -> None:
        self._messages: Final = messages
        self._folds: Final = {} if messages is None else messages.folds()
        self._tail: Final = Tail()
        self._append = self._tail.append
        self._read: ReadBack = _nothing
        self._numbers: dict[FunctionRef, Numbers] = {}
        """What the facts that have left, and the invocations of which there is a summary, come to."""
        self.invocations: Final = Invocations()
        self._here = self.invocations.here
        self.tasks: dict[FunctionRef, dict[str, Recorded]] = {}
        """The tasks of each function by their ids, in the order of submission; of one id, the newest."""
        self._overflow: Callable[[], Overflow] | None = None
        self._left: Callable[[Iterable[Invocation]], object] = lambda left: None
        self._most = 0
        self._ended = 0
        """How many invocations in memory have ended; ``_most`` of them may stay, where there is an overflow."""
        self._looks = 0
        """How many of them there are when the next ones leave."""
        self._followers: list[Callable[[], None]] = []
        self.reactions: Reactions = {}
        """What follows from each fact. The emulator puts the table here once its parts are there."""

    def record(self, fact: InvocationFact, invocation: Invocation | None = None) -> None:
        """Append ``fact``, fold it in, and do what follows from it. ``invocation`` is the one it belongs to, looked up
        when not given. Facts that follow are recorded before this returns, so that they stand in the order of effects.

        Raises ``ImpossibleMove`` before anything changes.
        """
        if invocation is None or invocation.over:
            invocation = self._whole(fact, invocation)  # the others are in memory as they are
        invocation.apply(fact)
        self._append(fact)
        kind = type(fact)
        if kind in self._folds:
            self._folds[kind](fact)
        for follower in self._followers:
            follower()
        if kind in self.reactions:
            for react in self.reactions[kind]:
                react(fact, invocation)

    def _whole(self, fact: InvocationFact, invocation: Invocation | None) -> Invocation:
        """The invocation that ``fact`` belongs to, in memory again where it had left it."""
        known = self._here.get(fact.request_id) or self.invocations.get(fact.request_id, invocation)
        if known is None:
            raise KeyError(fact.request_id)
        return known if isinstance(known, Invocation) else self._taken_back(known)

    def open(self, accepted: Accepted) -> Invocation:
        """Append the fact that begins an invocation."""
        invocation = Invocation(accepted)
        if len(self._tail.last) >= LONG:
            self._tail.next_list()
            self._append = self._tail.append
        self._append(accepted)
        self._here[accepted.request_id] = invocation
        if accepted.task_id:
            there = self.tasks.setdefault(accepted.function, {})
            there.pop(accepted.task_id, None)
            there[accepted.task_id] = invocation
        for follower in self._followers:
            follower()
        return invocation

    def whole(self, recorded: Recorded) -> Invocation:
        """The invocation with all that its facts tell. Of one that there is a summary of, they are read from the store,
        each time."""
        recorded = self._here.get(recorded.id, recorded)  # another fact may have come
        if isinstance(recorded, Invocation):
            return recorded
        overflow = self.invocations.overflow
        there = None if overflow is None else overflow.find(recorded.id)
        facts, places = there or (self._read(places_in(recorded.places)), recorded.places)
        if facts[0] is FORGOTTEN:
            raise LookupError(f"the invocation {recorded.id} is no longer kept")
        return folded(facts, places)

    def read_back(self, places: Iterable[int]) -> list[Fact]:
        """The facts that have left memory from these places, which ascend."""
        return self._read(places)

    def forget_task(self, invocation: Invocation) -> None:
        """The id of a task that could not be kept is free again."""
        self._replace_task(invocation, None)

    def histories(self, invocations: Iterable[Recorded]) -> dict[str, Sequence[Fact]]:
        """The facts of each of these invocations by its id; those of tasks are at hand, the others are looked for in
        one walk through what is in memory."""
        found: dict[str, Sequence[Fact]] = {}
        others: dict[str, list[Fact]] = {}
        gone, tail = self._in_memory()
        for recorded in invocations:
            invocation = self._here.get(recorded.id, recorded)  # another fact may have come
            if isinstance(invocation, Summary):
                found[invocation.id] = self._read(places_in(invocation.places))
            elif invocation.history is not None:
                found[invocation.id] = invocation.history
            else:
                before = self._read(place for place in places_in(invocation.places) if place < gone)
                found[invocation.id] = others[invocation.id] = before
        for fact in tail if others else ():
            if fact.request_id in others:
                others[fact.request_id].append(fact)
        return found

    def _in_memory(self) -> tuple[int, list[Fact]]:
        """How many facts have left memory, and the others, of one moment."""
        return self._tail.read(0, len(self))

    def note(self, fact: Fact) -> None:
        """Append what happened outside of any invocation, or to one that is forgotten, fold it in, and do what follows
        from it."""
        self._append(fact)
        if (fold := self._folds.get(type(fact))) is not None:
            fold(fact)
        for follower in self._followers:
            follower()
        for react in self.reactions.get(type(fact), ()):
            react(fact, None)

    def function_of(self, fact: Fact) -> FunctionRef | None:
        """Whose function a fact is about; ``None`` when it belongs to no invocation."""
        if isinstance(fact, InstanceFact | Accepted):
            return fact.function
        invocation = self.invocations.get(fact.request_id)
        return None if invocation is None else invocation.function

    def measured(self) -> Callable[[], dict[FunctionRef, Numbers]]:
        """What counts all facts and invocations of this moment, by function; to be called on any thread."""
        numbers, (_, facts) = copied(self._numbers), self._in_memory()
        whole = {one.id: one for one in self._here.values() if isinstance(one, Invocation)}
        return lambda: measure(numbers, facts, whole)

    def follow(self, follower: Callable[[], None]) -> Callable[[], None]:
        """Call ``follower`` after each new fact, with the baton held; returns what ends it."""
        self._followers.append(follower)

        def end() -> None:
            if follower in self._followers:
                self._followers.remove(follower)

        return end

    def fold(self, facts: Iterable[Fact], begin: int = 0) -> None:
        """Take over the facts of another journal, as after a restart; the first ``begin`` are forgotten. Nothing
        follows from them: what did is among them."""
        self._tail.begin(begin)
        self._append = self._tail.append
        reactions, self.reactions = self.reactions, {}
        elsewhere = self._read is not _nothing
        for number, fact in enumerate(facts, begin):
            if elsewhere and number % TAIL == 0:
                self.let_go(number)
            if isinstance(fact, Accepted):
                self.open(fact)
            elif fact is FORGOTTEN:
                self._append(fact)
            elif isinstance(fact, InvocationFact) and (
                type(fact) is not Delivered or fact.request_id in self.invocations
            ):
                self.record(fact)
            else:
                self.note(fact)
        self.reactions = reactions
        self._ended = sum(one.finished for one in self._here.values())

    # What is kept elsewhere.

    def keep_elsewhere(self, read: ReadBack) -> None:
        """From now on, ``let_go`` may be called: ``read`` gives back facts by their places."""
        self._read = read

    def let_go(self, kept: int) -> bool:
        """The first ``kept`` facts are kept elsewhere: the older ones leave memory, once that is worth it, and finished
        invocations and reports with them. Whether it was worth it."""
        if kept - self._tail.gone < 2 * TAIL:
            return False
        self._summarise(self._leaving(kept - TAIL))
        return True

    def let_all_go(self) -> None:
        """As ``let_go``, whether it is worth it or not, and none stays."""
        self._summarise(self._leaving(len(self)))

    def overflow_to(
        self, overflow: Callable[[], Overflow], most: int, left: Callable[[Iterable[Invocation]], object]
    ) -> None:
        """Of the invocations that have ended, only the newest ``most`` stay in memory as a whole. ``overflow`` makes
        what takes the others; it is called once there are some. ``left`` gets those that have left."""
        self._overflow, self._most, self._looks = overflow, most, most + _SPARE
        self._left = left

    def make_room(self, _fact: object, _invocation: Invocation) -> None:
        """One more invocation has ended: others leave memory, once they are too many."""
        self._ended += 1
        if self._ended >= self._looks and self._overflow is not None:
            try:
                self._overflow_some(self._overflow)
                self._looks = self._most + _SPARE
            except StoreError as failed:
                _LOG.warning("invocations that ended long ago stay in memory: %s", failed.message)
                self._looks = self._ended + _SPARE

    def _overflow_some(self, make: Callable[[], Overflow]) -> None:
        """Raises ``StoreError``; then all stays in memory."""
        overflow = self.invocations.overflow
        if overflow is None:
            overflow = self.invocations.overflow = make()
            self._read = overflow.read
        leaving = self._leaving(self._tail.gone + _PORTION)
        overflow.take(self._tail.gone, leaving.facts, [(one.id, leaving.places[one]) for one in leaving.over])
        self._let_go(leaving)
        self._ended -= len(leaving.over)
        self._here = self.invocations.let_go(leaving.over)
        for one in leaving.over:
            if one.task_id:
                self._replace_task(one, one.summary())
        self._left(leaving.over)

    def _leaving(self, end: int) -> "_Leaving":
        """The facts in memory up to this place, and what leaves with them. Nothing changes."""
        facts = self._tail.read(self._tail.gone, end)[1]
        by_id = defaultdict[str, list[int]](list)
        for place, fact in enumerate(facts, self._tail.gone):
            if isinstance(fact, InvocationFact):
                by_id[fact.request_id].append(place)
        places: dict[Invocation, bytes] = {}
        over: list[Invocation] = []
        for request_id, more in by_id.items():
            known = self._here.get(request_id)
            if isinstance(known, Invocation):
                places[known] = written = known.places + written_places(more)
                if known.over and len(written) == PLACE * known.told:
                    over.append(known)
        return _Leaving(facts, places, over)

    def _let_go(self, leaving: "_Leaving") -> None:
        """These facts leave memory."""
        count_facts(self._numbers, leaving.facts, self._here)
        for one in leaving.over:
            count_invocation(self._numbers, one)
        for one, places in leaving.places.items():
            one.places = places
        if self._messages is not None:
            for place, fact in enumerate(leaving.facts, self._tail.gone):
                if type(fact) is Delivered:
                    self._messages.shorten(fact, place)
        self._tail.let_go(self._tail.gone + len(leaving.facts))
        self._append = self._tail.append

    def _summarise(self, leaving: "_Leaving") -> None:
        """The same; summaries stay."""
        self._let_go(leaving)
        for one in leaving.over:
            summary = self._here[one.id] = one.summary()
            self._replace_task(one, summary)

    def _taken_back(self, summary: Summary) -> Invocation:
        """There is another fact of an invocation that had left memory: it is there again."""
        invocation = self.whole(summary)
        count_invocation(self._numbers, summary, -1)
        self._here[summary.id] = invocation
        self._ended += 1
        self._replace_task(summary, invocation)
        return invocation

    def _replace_task(self, known: Recorded, by: Recorded | None) -> None:
        """Where ``known`` is the task that has its id, ``by`` stands in its place; ``None``: the id is free."""
        there = self.tasks.get(known.function, {})
        if there.get(known.task_id) is not known:
            return
        if by is None:
            del there[known.task_id]
        else:
            there[known.task_id] = by

    def forget(self, before: datetime) -> list[int]:
        """Nobody knows any more of invocations that had left memory and ended by then, unless a report is on its way;
        returns the places of their facts, but for reports that were delivered: those are their destinations'."""
        gone: list[int] = []
        for invocation in list(self.invocations.values()):
            if invocation.at > before:
                break
            if isinstance(invocation, Invocation) or cast(datetime, invocation.ended) > before:
                continue
            places = places_in(invocation.places)
            facts = self._read(places)
            reports = [fact for fact in facts if isinstance(fact, DeliveryStarted | Delivered | DeliveryFailed)]
            if reports and isinstance(reports[-1], DeliveryStarted):
                continue
            gone += [place for place, fact in zip(places, facts, strict=True) if not isinstance(fact, Delivered)]
            del self._here[invocation.id]
            self._replace_task(invocation, None)
        return gone

    # All facts.

    def lines(self, after: int = 0) -> Iterator[str]:
        """The facts after position ``after`` as one JSON object each: ``n``, ``at``, ``kind``, ``request_id``,
        ``function`` (``""`` outside of invocations), ``attempt``, ``data``."""
        return (self.line(n, fact) for n, fact in self.numbered(after))

    def numbered(self, after: int, end: int | None = None) -> Iterator[tuple[int, Fact]]:
        """The facts from position ``after`` on, each with its ``n``, which is its position in print, from 1."""
        last = len(self) if end is None else end
        for start in range(after, last, _AT_ONCE):
            for n, fact in enumerate(self[start : min(start + _AT_ONCE, last)], start + 1):
                if fact is not FORGOTTEN:
                    yield n, fact

    def line(self, n: int, fact: Fact) -> str:
        """One fact as JSON."""
        return compact(self.entry(n, fact))

    def entry(self, n: int, fact: Fact) -> dict[str, Any]:
        """One fact as plain JSON values."""
        function = self.function_of(fact)
        named = "" if function is None else str(function)
        return {"n": n} | to_json(fact) | {"function": named}

    def __len__(self) -> int:
        return len(self._tail)

    def __iter__(self) -> Iterator[Fact]:
        return (fact for _, fact in self.numbered(0))

    @overload
    def __getitem__(self, index: int) -> Fact: ...
    @overload
    def __getitem__(self, index: slice) -> list[Fact]: ...
    def __getitem__(self, index: int | slice) -> Fact | list[Fact]:
        if isinstance(index, int):
            place = index if index >= 0 else index + len(self)
            if not 0 <= place < len(self):
                raise IndexError(index)
            return self[place : place + 1][0]
        wanted = range(len(self))[index]
        if wanted.step < 0:
            return self[:][index]
        missing, there = self._tail.read(wanted.start, wanted.stop)
        if not missing:
            return there if wanted.step == 1 else there[:: wanted.step]
        past = len(wanted[: -(-missing // wanted.step)])
        return self._read(wanted[:past]) + there[past * wanted.step - missing :: wanted.step]


@value
class _Leaving:
    """Facts that leave memory together, and what leaves with them."""

    facts: list[Fact]
    places: dict[Invocation, bytes]
    """Where the facts of each invocation are that will have left memory by then."""
    over: list[Invocation]
    """The invocations of which no more facts will be in memory."""


def _nothing(places: Iterable[int]) -> list[Fact]:
    return []
