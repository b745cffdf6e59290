"""The journal is the ordered record of facts: this module appends, reads, follows and folds them."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from struct import iter_unpack
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
from fcemu.core.invocation import Invocation, Recorded, Summary
from fcemu.core.metrics import Numbers, copied, count_fact, count_invocation, measure
from fcemu.core.names import FunctionRef
from fcemu.engine.invocations import Invocations, place_of
from fcemu.engine.ports import Messages, Overflow
from fcemu.engine.tail import LONG, Tail

_LOG: Final = logging.getLogger("fcemu")
TAIL: Final = 2_000
"""How many facts stay in memory at least, where the others can be read back."""
_PLACE: Final = 4
"""How many bytes the place of a fact has in ``Invocation.places``."""
_AT_ONCE: Final = 500
"""How many facts are read back at a time by who goes through all of them."""
_OVERFLOWS_EVERY: Final = 50
"""After so many ends of invocations the overflow gets what has to leave memory: some 200 facts, in about a millisecond.
"""
_OVERFLOWING: Final = 1_000
"""How many facts it gets at a time at most. Those of invocations that wait are among them, and free nothing."""
ReadBack = Callable[[Iterable[int]], list[Fact]]
"""The facts in these places, which ascend. Raises ``StoreError``."""

Reactions = Mapping[type[Any], tuple[Callable[[Any, Any], object], ...]]
"""What follows from a fact, by its type and in order: each gets the fact and its invocation, ``None`` where the fact
belongs to none. ``engine/reactions.py`` has the table."""


class Journal(Sequence[Fact]):
    """All facts in order, and what they come to: invocations by id, and what ``messages`` folds of them.

    Whatever is asked of the emulator's past is answered from here; there is no second bookkeeping.

    Where a store keeps facts, or an overflow takes them, the older ones leave memory. A ``Summary`` then stands for an
    invocation that has ended, in memory or in the overflow, and ``messages`` keeps the place of a report that was
    delivered. These methods read the store or the overflow, and may raise ``StoreError``: ``whole``, ``read_back``,
    ``histories``, ``forget``, whatever goes through the facts or searches ``invocations``, and ``record`` when one more
    fact comes of an invocation that had left memory, such as a late report.
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
        self._left: Callable[[Iterable[Summary]], object] = lambda summaries: None
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
        if isinstance(recorded, Summary):
            recorded = self.invocations.get(recorded.id, recorded)  # another fact may have come
        if isinstance(recorded, Invocation):
            return recorded
        first, *others = self._read(_places(recorded.places))
        if first is FORGOTTEN:
            raise LookupError(f"the invocation {recorded.id} is no longer kept")
        invocation = Invocation(cast(Accepted, first))
        invocation.places = recorded.places
        for fact in others:
            invocation.apply(fact)
        return invocation

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
                found[invocation.id] = self._read(_places(invocation.places))
            elif invocation.history is not None:
                found[invocation.id] = invocation.history
            else:
                before = self._read(place for place in _places(invocation.places) if place < gone)
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
        if isinstance(fact, InstanceFact):
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
        self._let_go(kept - TAIL)
        return True

    def let_all_go(self) -> None:
        """As ``let_go``, whether it is worth it or not, and none stays."""
        self._let_go(len(self))

    def overflow_to(
        self, overflow: Callable[[], Overflow], most: int, left: Callable[[Iterable[Summary]], object]
    ) -> None:
        """Of the invocations that have ended, only the newest ``most`` stay in memory as a whole. ``overflow`` makes
        what takes the others; it is called once there are some. ``left`` gets the summaries of those that have left."""
        self._overflow, self._most, self._looks = overflow, most, most + _OVERFLOWS_EVERY
        self._left = left

    def make_room(self, _fact: object, _invocation: Invocation) -> None:
        """One more invocation has ended: others leave memory, once they are too many."""
        self._ended += 1
        if self._overflow is not None and self._ended >= self._looks:
            try:
                self._overflow_some(self._overflow)
            except StoreError as failed:
                _LOG.warning("invocations that ended long ago stay in memory: %s", failed.message)
            self._looks = max(self._ended, self._most) + _OVERFLOWS_EVERY

    def _overflow_some(self, make: Callable[[], Overflow]) -> None:
        """Raises ``StoreError``; then what could not be taken stays in memory."""
        overflow = self.invocations.overflow
        if overflow is None:
            overflow = self.invocations.overflow = make()
            self._read = overflow.read
        gone = self._tail.gone
        end = gone + self._enough(self._ended - self._most)
        overflow.write(gone, self._between(gone, end))
        summaries = self._let_go(end)
        self._ended -= len(summaries)
        overflow.put([(place_of(summary), summary) for summary in summaries])
        self._here = self.invocations.let_go(summaries)
        self._left(summaries)

    def _enough(self, ends: int) -> int:
        """How many of the oldest facts in memory have to leave, so that so many invocations that have ended can."""
        missing: dict[str, int] = {}
        oldest = self._between(self._tail.gone, self._tail.gone + _OVERFLOWING)
        for count, fact in enumerate(oldest, 1):
            known = self._here.get(fact.request_id)
            if isinstance(known, Invocation) and isinstance(fact, InvocationFact):
                left = missing.get(known.id)
                missing[known.id] = left = (known.told - len(known.places) // _PLACE if left is None else left) - 1
                if not left and known.finished:
                    ends -= 1
                    if not ends:
                        return count
        return len(oldest)

    def _between(self, start: int, end: int) -> list[Fact]:
        """Facts that are in memory."""
        return self._tail.read(start, end)[1]

    def _let_go(self, end: int) -> list[Summary]:
        """The facts up to this place leave memory. Returns the summaries of the invocations that end with them, which
        are in memory in place of those."""
        over: list[Invocation] = []
        for place, fact in enumerate(self._between(self._tail.gone, end), self._tail.gone):
            known = self._here.get(fact.request_id) if fact.request_id else None
            invocation = known if isinstance(known, Invocation) else None
            count_fact(self._numbers, fact, invocation)
            if invocation is not None and isinstance(fact, InvocationFact):
                invocation.places += place.to_bytes(_PLACE, "little")
                if invocation.finished and len(invocation.places) == _PLACE * invocation.told:
                    over.append(invocation)
            if type(fact) is Delivered and self._messages is not None:
                self._messages.shorten(fact, place)
        self._tail.let_go(end)
        self._append = self._tail.append
        return [self._summarised(invocation) for invocation in over]

    def _summarised(self, invocation: Invocation) -> Summary:
        count_invocation(self._numbers, invocation)
        summary = self._here[invocation.id] = invocation.summary()
        self._replace_task(invocation, summary)
        return summary

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
            places = _places(invocation.places)
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


def _nothing(places: Iterable[int]) -> list[Fact]:
    return []


def _places(written: bytes) -> list[int]:
    """The places of facts."""
    return [place for (place,) in iter_unpack("<I", written)]
