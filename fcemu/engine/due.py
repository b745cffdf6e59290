"""A heap of instants keeps what is due at each; what is due at the same instant keeps its order."""

from collections import deque
from datetime import datetime
from heapq import heappop, heappush, nsmallest
from itertools import islice
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")


class _Same(deque[T]):
    """Several things that are due at the same instant, in the order in which they came."""

    __slots__ = ()


class Due(Generic[T]):
    """Things by due instant, first in first out among equal ones.

    A heap of the instants and, for each, what is due then. Virtual time makes many things fall due at the same
    instant; a heap of all of them costs twice as much for each at a million.
    """

    __slots__ = ("_at", "count", "instants")

    def __init__(self) -> None:
        self.instants: Final[list[datetime]] = []
        """A heap of the instants at which something is due."""
        self._at: dict[datetime, Any] = {}
        """One thing, or ``_Same`` where there are several."""
        self.count = 0
        """How many things there are."""

    def push(self, due: datetime, thing: T) -> None:
        """Keep ``thing`` until ``due``."""
        self.count += 1
        there = self._at.get(due)
        if there is None:
            self._at[due] = thing
            heappush(self.instants, due)
        elif type(there) is _Same:
            there.append(thing)
        else:
            self._at[due] = _Same((there, thing))

    def head(self) -> T:
        """The first thing, which stays; there must be one."""
        there = self._at[self.instants[0]]
        first: T = there[0] if type(there) is _Same else there
        return first

    def first_ones(self, at_most: int) -> list[T]:
        """What is due first, in order; all at the same instant."""
        there = self._at[self.instants[0]]
        return list(islice(there, at_most)) if type(there) is _Same else [there]

    def pop(self, index: int = 0) -> T:
        """Take the first thing out, or another one of ``first_ones``; raises ``IndexError`` when there is none."""
        due = self.instants[0]
        there = self._at[due]
        self.count -= 1
        if type(there) is _Same:
            thing: T = there[index]
            del there[index]
            if there:
                return thing
        else:
            thing = there
        heappop(self.instants)
        del self._at[due]
        return thing

    def clear(self) -> None:
        """Keep nothing."""
        self.instants.clear()
        self._at.clear()
        self.count = 0

    def in_order(self, at_most: int) -> list[tuple[datetime, T]]:
        """The first ``at_most`` things in the order in which they fall due."""
        found: list[tuple[datetime, T]] = []
        for due in nsmallest(at_most, self.instants):
            there = self._at[due]
            found += [(due, thing) for thing in (there if type(there) is _Same else (there,))]
        return found[:at_most]
