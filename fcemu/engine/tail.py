"""The tail of the journal holds the facts that are in memory, in lists of some thousands each."""

from collections.abc import Callable
from itertools import chain, islice
from typing import Final, cast

from fcemu.core.facts import Fact

LONG: Final = 4_096
"""How many facts a list has before another one begins."""

_Facts = list[Fact | None]


class Tail:
    """Facts by their places in the journal, of which the first ones leave memory again and again.

    Python replaces a list that is full by a larger one. With one list for all facts, these would be blocks of
    megabytes, and C's allocator would keep ever more holes of their size between other blocks.

    ``begin``, ``next_list``, ``let_go`` and ``append`` are called with the baton held, everything else on any thread.
    """

    last: _Facts
    """The list that grows."""

    def __init__(self) -> None:
        self.begin(0)

    def begin(self, place: int) -> None:
        """Begin with the fact in this place; those before it are not in memory."""
        self.gone = place
        """How many facts have left memory."""
        self._put(place, (), place, [])

    def _put(self, begin: int, full: tuple[_Facts, ...], start: int, last: _Facts) -> None:
        self.last = last
        self._state = begin, full, start, last
        """The place where the lists begin, all lists but the last one, the place where that one begins, and the last
        one: always of one moment. The first facts may be ``None``: these have left memory meanwhile."""

    @property
    def append(self) -> Callable[[Fact], None]:
        """What appends a fact, until ``begin``, ``next_list`` or ``let_go`` is called."""
        return self.last.append

    def next_list(self) -> None:
        """Go on with another list."""
        begin, full, start, last = self._state
        self._put(begin, (*full, last), start + len(last), [])

    def let_go(self, end: int) -> None:
        """The facts up to this place leave memory. A reader on another thread may still have lists with them."""
        begin, full, start, last = self._state
        gone, self.gone = self.gone, end
        while full and begin + len(full[0]) <= end:
            begin, full = begin + len(full[0]), full[1:]
        first = full[0] if full else last
        # The last list may be long, so it is made anew only once half of it has left.
        if not full and 2 * (end - begin) >= len(last):
            last = last[end - start :]
            begin = start = end
        elif end > begin:
            count = end - max(begin, gone)
            first[end - begin - count : end - begin] = [None] * count
        self._put(begin, full, start, last)

    def __len__(self) -> int:
        """How many facts the journal has, in memory or not."""
        _, _, start, last = self._state
        return start + len(last)

    def read(self, start: int, end: int) -> tuple[int, list[Fact]]:
        """How many of the facts from ``start`` to ``end`` have left memory, and the others, which follow those."""
        begin, full, last_start, last = self._state
        first = max(start, begin)
        if end <= first:
            return max(end - start, 0), []
        if first >= last_start:  # as nearly always: a store asks for the newest ones at each commit
            found = last[first - last_start : end - last_start]
        else:
            skipped = 0
            while begin + len(full[skipped]) <= first:
                begin += len(full[skipped])
                skipped += 1
            first_list = full[skipped]
            # One step of the interpreter, so that no other thread lets facts go meanwhile.
            if end <= begin + len(first_list):
                found = first_list[first - begin : end - begin]
            else:
                found = list(islice(chain(*full[skipped:], last), first - begin, end - begin))
        missing = next((count for count, fact in enumerate(found) if fact is not None), len(found))
        return first - start + missing, cast(list[Fact], found[missing:])
