"""The ordered record of facts: append, read, follow, fold."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, cast, overload

from fcemu.core.facts import (
    FORGOTTEN,
    Accepted,
    Delivered,
    DeliveryFailed,
    DeliveryStarted,
    Fact,
    InstanceFact,
    InvocationFact,
    MailFact,
    OutsideFact,
    to_json,
)
from fcemu.core.invocation import Invocation
from fcemu.core.metrics import Numbers, copied, count_fact, count_invocation, measure
from fcemu.core.names import FunctionRef
from fcemu.core.past import Past, ReadBack, let_go_of_body, read_places

TAIL: Final = 2_000
"""How many facts stay in memory at least, where the others can be read back."""
_AT_ONCE: Final = 500
"""How many facts are read back at a time by who goes through all of them."""
_OF_INVOCATIONS: Final[frozenset[type[Any]]] = frozenset(InvocationFact.__args__)


class Journal(Sequence[Fact]):
    """All facts in order, and what they come to: invocations by id, and what ``folds`` make of facts by their kind.

    Whatever is asked of the emulator's past is answered from here; there is no second bookkeeping. Where facts are
    kept elsewhere, the older ones leave memory and are read back when somebody asks, which may raise ``StoreError``.
    """

    def __init__(self, folds: Mapping[type[Any], Callable[[Any], None]] | None = None) -> None:
        self._folds: Final = folds or {}
        self._tail: tuple[int, list[Fact]] = 0, []
        """How many facts have left memory, and those that have not: always of one moment, for readers on any thread."""
        self._append = self._tail[1].append
        self._read: ReadBack = _nothing
        self._whole: Callable[[Past], Invocation] = self._fold_one
        self._numbers: dict[FunctionRef, Numbers] = {}
        """What the facts that have left, and the invocations that are retired, come to."""
        self.invocations: dict[str, Invocation] = {}
        self.tasks: dict[FunctionRef, dict[str, Invocation]] = {}
        """The tasks of each function by their ids, in the order of submission; of one id, the newest."""
        self._followers: list[Callable[[], None]] = []

    def record(self, fact: InvocationFact, invocation: Invocation | None = None) -> None:
        """Append ``fact`` and fold it in. ``invocation`` is the one it belongs to, looked up when not given.

        Raises ``ImpossibleMove`` before anything changes.
        """
        if invocation is None:
            invocation = self.invocations[fact.request_id]
        if type(invocation.accepted) is not Accepted:
            count_invocation(self._numbers, invocation, -1)
            invocation.unretire()
        invocation.apply(fact)
        self._append(fact)
        if (fold := self._folds.get(type(fact))) is not None:
            fold(fact)
        for follower in self._followers:
            follower()

    def open(self, accepted: Accepted) -> Invocation:
        """Append the fact that begins an invocation."""
        invocation = Invocation(accepted)
        self._append(accepted)
        self.invocations[accepted.request_id] = invocation
        if accepted.task_id:
            there = self.tasks.setdefault(accepted.function, {})
            there.pop(accepted.task_id, None)
            there[accepted.task_id] = invocation
        for follower in self._followers:
            follower()
        return invocation

    def forget_task(self, invocation: Invocation) -> None:
        """The id of a task that could not be kept is free again."""
        there = self.tasks.get(invocation.accepted.function, {})
        if there.get(invocation.accepted.task_id) is invocation:
            del there[invocation.accepted.task_id]

    def histories(self, invocations: Iterable[Invocation]) -> dict[str, Sequence[Fact]]:
        """The facts of each of these invocations by its id; those of tasks are at hand, the others are looked for in
        one walk through what is in memory."""
        found: dict[str, Sequence[Fact]] = {}
        others: dict[str, list[Fact]] = {}
        left, tail = self._tail
        for invocation in invocations:
            if not invocation.retired and invocation.history is not None:
                found[invocation.id] = invocation.history
                continue
            before = self._read(place for place in read_places(invocation.places) if place < left)
            found[invocation.id] = others[invocation.id] = before
        for fact in tail if others else ():
            if fact.request_id in others:
                others[fact.request_id].append(fact)
        return found

    def note(self, fact: OutsideFact | MailFact | Delivered) -> None:
        """Append what happened outside of any invocation, or to one that is forgotten, and fold it in."""
        self._append(fact)
        if (fold := self._folds.get(type(fact))) is not None:
            fold(fact)
        for follower in self._followers:
            follower()

    def function_of(self, fact: Fact) -> FunctionRef | None:
        """Whose function a fact is about; ``None`` when it belongs to no invocation."""
        if isinstance(fact, InstanceFact):
            return fact.function
        invocation = self.invocations.get(fact.request_id)
        return None if invocation is None else invocation.accepted.function

    def measured(self) -> Callable[[], dict[FunctionRef, Numbers]]:
        """What counts all facts and invocations of this moment, by function; to be called on any thread."""
        numbers, facts = copied(self._numbers), self._tail[1][:]
        invocations = list(self.invocations.values())
        return lambda: measure(numbers, facts, self.invocations, (one for one in invocations if not one.retired))

    def follow(self, follower: Callable[[], None]) -> Callable[[], None]:
        """Call ``follower`` after each new fact, with the baton held; returns what ends it."""
        self._followers.append(follower)

        def end() -> None:
            if follower in self._followers:
                self._followers.remove(follower)

        return end

    def fold(self, facts: Iterable[Fact], begin: int = 0) -> None:
        """Take over the facts of another journal, as after a restart; the first ``begin`` are forgotten."""
        self._tail = begin, self._tail[1]
        elsewhere = self._read is not _nothing
        for number, fact in enumerate(facts, begin):
            if elsewhere and number % TAIL == 0:
                self.let_go(number)
            kind = type(fact)
            if kind is Accepted:
                self.open(cast(Accepted, fact))
            elif fact is FORGOTTEN:
                self._append(fact)
            elif kind not in _OF_INVOCATIONS or (kind is Delivered and fact.request_id not in self.invocations):
                self.note(cast(OutsideFact | MailFact | Delivered, fact))
            else:
                self.record(cast(InvocationFact, fact))

    # What is kept elsewhere.

    def keep_elsewhere(self, read: ReadBack) -> None:
        """From now on, ``let_go`` may be called: ``read`` gives back facts by their places."""
        self._read = read
        self._whole = lru_cache(maxsize=64)(self._fold_one)

    def let_go(self, kept: int) -> bool:
        """The first ``kept`` facts are kept elsewhere: the older ones leave memory, once that is worth it, and finished
        invocations and reports with them. Whether it was worth it."""
        if kept - self._tail[0] < 2 * TAIL:
            return False
        self._let_go(kept - TAIL)
        return True

    def let_all_go(self) -> None:
        """As ``let_go``, whether it is worth it or not, and none stays."""
        self._let_go(len(self))

    def _let_go(self, end: int) -> None:
        left, facts = self._tail
        going, tail = facts[: end - left], facts[end - left :]
        busy = {fact.request_id for fact in tail}
        for place, fact in enumerate(going, left):
            invocation = self.invocations.get(fact.request_id) if fact.request_id else None
            count_fact(self._numbers, fact, invocation)
            if invocation is not None and type(fact) in _OF_INVOCATIONS:
                invocation.left(place)
            if type(fact) is Delivered:
                let_go_of_body(fact, place, self._read)
        self._append = tail.append
        self._tail = end, tail
        for request_id in {fact.request_id for fact in going} - busy:
            invocation = self.invocations.get(request_id)
            if invocation is not None and invocation.finished and not invocation.retired:
                count_invocation(self._numbers, invocation)
                invocation.retire(self._whole)

    def forget(self, before: datetime) -> list[int]:
        """Nobody knows any more of invocations that had left memory and ended by then, unless a report is on its way;
        returns the places of their facts, but for reports that were delivered: those are their destinations'."""
        gone: list[int] = []
        for invocation in list(self.invocations.values()):
            if invocation.accepted.at > before:
                break
            if not invocation.retired or cast(datetime, invocation.ended) > before:
                continue
            places = read_places(invocation.places)
            facts = self._read(places)
            reports = [fact for fact in facts if isinstance(fact, DeliveryStarted | Delivered | DeliveryFailed)]
            if reports and isinstance(reports[-1], DeliveryStarted):
                continue
            gone += [place for place, fact in zip(places, facts, strict=True) if not isinstance(fact, Delivered)]
            self._drop(invocation)
        return gone

    def _drop(self, invocation: Invocation) -> None:
        del self.invocations[invocation.id]
        there = self.tasks.get(invocation.accepted.function, {})
        if there.get(invocation.accepted.task_id) is invocation:
            del there[invocation.accepted.task_id]

    def _fold_one(self, past: Past) -> Invocation:
        first, *others = self._read(read_places(past.places))
        invocation = Invocation(cast(Accepted, first))
        for fact in others:
            invocation.apply(fact)
        return invocation

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
        function = self.function_of(fact)
        named = "" if function is None else str(function)
        entry = {"n": n} | to_json(fact) | {"function": named}
        return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))

    def __len__(self) -> int:
        left, facts = self._tail
        return left + len(facts)

    def __iter__(self) -> Iterator[Fact]:
        return (fact for _, fact in self.numbered(0))

    @overload
    def __getitem__(self, index: int) -> Fact: ...
    @overload
    def __getitem__(self, index: slice) -> list[Fact]: ...
    def __getitem__(self, index: int | slice) -> Fact | list[Fact]:
        left, facts = self._tail
        if isinstance(index, int):
            place = index if index >= 0 else index + left + len(facts)
            if left <= place:
                return facts[place - left]
            if place < 0:
                raise IndexError(index)
            return self._read((place,))[0]
        start, stop, step = index.indices(left + len(facts))
        if left == 0:
            return facts[index]
        if step < 0:
            raise ValueError("the journal is read forwards")
        past = self._read(range(start, min(stop, left), step)) if start < left else []
        if stop <= left:
            return past
        first = start if start >= left else start + -((start - left) // step) * step
        return past + facts[first - left : stop - left : step]


def _nothing(places: Iterable[int]) -> list[Fact]:
    return []
