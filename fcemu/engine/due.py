"""What is due when; equal times keep their order."""

from datetime import datetime
from heapq import heapify, heappop, heappush, nsmallest
from typing import Generic, TypeVar

T = TypeVar("T")


class Due(Generic[T]):
    """A heap of things by due instant, first in first out among equal ones."""

    __slots__ = ("_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, T]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, due: datetime, thing: T) -> None:
        """Keep ``thing`` until ``due``."""
        self._count += 1
        heappush(self._heap, (due, self._count, thing))

    @property
    def next_due(self) -> datetime | None:
        """When the first thing is due; ``None`` when nothing is."""
        return self._heap[0][0] if self._heap else None

    def first(self) -> tuple[datetime, T] | None:
        """The first thing, which stays."""
        if not self._heap:
            return None
        due, _, thing = self._heap[0]
        return due, thing

    def pop(self) -> T:
        """Take the first thing out; raises ``IndexError`` when there is none."""
        return heappop(self._heap)[2]

    def remove(self, thing: T) -> None:
        """Take ``thing`` out wherever it is; nothing happens when it is not here."""
        kept = [entry for entry in self._heap if entry[2] is not thing]
        if len(kept) != len(self._heap):
            heapify(kept)
            self._heap = kept

    def in_order(self, at_most: int) -> list[tuple[datetime, T]]:
        """The first ``at_most`` things in the order in which they fall due."""
        return [(due, thing) for due, _, thing in nsmallest(at_most, self._heap)]
