"""All invocations by their ids: those in memory, and those of which only the overflow knows."""

from collections.abc import Collection, Iterator, Mapping, Sequence, ValuesView
from heapq import merge
from itertools import starmap
from typing import Final, cast

from fcemu.core.facts import Accepted, Fact
from fcemu.core.invocation import PLACE, Invocation, Recorded, summary_of
from fcemu.engine.ports import Overflow

_IN_MEMORY: Final = 1 << 32
"""A place that is behind those of all facts that have left memory."""


def place_of(recorded: Recorded) -> int:
    """Where in the journal the fact is that began an invocation, once that has left memory."""
    return int.from_bytes(recorded.places[:PLACE], "little") if recorded.places else _IN_MEMORY


def folded(facts: Sequence[Fact], places: bytes) -> Invocation:
    """The invocation that these facts come to, which were read from these places."""
    invocation = Invocation(cast(Accepted, facts[0]))
    invocation.places = places
    for fact in facts[1:]:
        invocation.apply(fact)
    return invocation


class Invocations(Mapping[str, Recorded]):
    """By request id, in the order of acceptance. May be read on any thread; what reads the overflow may raise
    ``StoreError``."""

    def __init__(self) -> None:
        self.here: dict[str, Recorded] = {}
        """Those in memory. One that came back, because of a late fact, is in the overflow as well, as it was before."""
        self.overflow: Overflow | None = None
        self._left = 0
        """How many have left ``here`` since it was made."""

    def let_go(self, gone: Collection[Recorded]) -> dict[str, Recorded]:
        """These are in the overflow, and leave memory. Returns ``here``, which is another dictionary now and then: one
        that gets as many as it loses has three times the room that it needs as soon as Python enlarges it."""
        for one in gone:
            del self.here[one.id]
        self._left += len(gone)
        if 2 * self._left > len(self.here):
            self.here, self._left = dict(self.here), 0  # ``copy`` would copy the room as well
        return self.here

    def __getitem__(self, request_id: str) -> Recorded:
        found = self.find(request_id)
        if found is None:
            raise KeyError(request_id)
        return found

    def find(self, request_id: str) -> Recorded | None:
        """The invocation, ``None`` where there is none."""
        found = self.here.get(request_id)
        if found is not None or self.overflow is None:
            return found
        there = self.overflow.find(request_id)
        return None if there is None else summary_of(*there)

    def __contains__(self, request_id: object) -> bool:
        if request_id in self.here:
            return True
        there = self.overflow
        return there is not None and isinstance(request_id, str) and there.find(request_id) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(list(self.here)) if self.overflow is None else (one.id for one in self.after(None))

    def __len__(self) -> int:
        return len(self.here) if self.overflow is None else sum(1 for _ in self.after(None))

    def values(self) -> ValuesView[Recorded]:
        """All of them, in the order of acceptance."""
        return self.here.values() if self.overflow is None else _Values(self)

    def after(self, request_id: str | None) -> Iterator[Recorded]:
        """Those that were accepted after this one, as they are now; ``None``: all. Raises ``KeyError`` where it is not
        there."""
        place = -1 if request_id is None else place_of(self[request_id])
        here = sorted(self.here.values(), key=place_of)  # what came back stands at the end
        ids = [one.id for one in here]
        there = self.overflow
        left = iter(()) if there is None else starmap(summary_of, there.accepted(place))
        if request_id in self.here:
            here = here[ids.index(request_id) + 1 :]
        else:
            here = [one for one in here if place_of(one) > place]
        known = set(ids)
        return merge((one for one in left if one.id not in known), here, key=place_of)


class _Values(ValuesView[Recorded]):
    """The values of ``Invocations`` without a search for each."""

    _mapping: Invocations

    def __iter__(self) -> Iterator[Recorded]:
        return self._mapping.after(None)
