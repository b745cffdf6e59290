"""All invocations by their ids: those in memory, and those of which only the overflow knows."""

from collections.abc import Iterator, Mapping, ValuesView
from heapq import merge
from typing import Final

from fcemu.core.invocation import Recorded
from fcemu.engine.ports import Overflow

_IN_MEMORY: Final = 1 << 32
"""A place that is behind those of all facts that have left memory."""


def place_of(recorded: Recorded) -> int:
    """Where in the journal the fact is that began an invocation, once that has left memory."""
    return int.from_bytes(recorded.places[:4], "little") if recorded.places else _IN_MEMORY


class Invocations(Mapping[str, Recorded]):
    """By request id, in the order of acceptance. May be read on any thread; what reads the overflow may raise
    ``StoreError``."""

    def __init__(self) -> None:
        self.here: Final[dict[str, Recorded]] = {}
        """Those in memory. One that came back, because of a late fact, is in the overflow as well, as it was before."""
        self.overflow: Overflow | None = None

    def __getitem__(self, request_id: str) -> Recorded:
        found = self.find(request_id)
        if found is None:
            raise KeyError(request_id)
        return found

    def find(self, request_id: str) -> Recorded | None:
        """The invocation, ``None`` where there is none."""
        found = self.here.get(request_id)
        return self.overflow.find(request_id) if found is None and self.overflow is not None else found

    def __contains__(self, request_id: object) -> bool:
        if request_id in self.here:
            return True
        return self.overflow is not None and isinstance(request_id, str) and self.find(request_id) is not None

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
        left = iter(()) if self.overflow is None else self.overflow.summaries(place)
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
