"""Lists by pages: names in order, a prefix, where a page begins, how long it is, and the token of the next one."""

import base64
import binascii
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Generic, TypeVar

from fcemu.core.errors import InvalidArgument
from fcemu.core.values import dataclass

T = TypeVar("T")

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
"""Source: errors-and-limits §4."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page: names that begin with ``prefix``, from ``start`` on, which is included and need not exist."""

    prefix: str = ""
    start: str = ""
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order; ``next`` is where the next page starts, ``""`` on the last one."""

    items: Sequence[T]
    next: str = ""


class Names:
    """Names in ascending order; a page costs its own length, however many names there are."""

    __slots__ = ("_names",)

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = sorted(names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str) -> None:
        """Nothing happens when it is there already."""
        if not self._has(bisect_left(self._names, name), name):
            insort(self._names, name)

    def discard(self, name: str) -> None:
        """Nothing happens when it is not there."""
        place = bisect_left(self._names, name)
        if self._has(place, name):
            del self._names[place]

    def page(self, wanted: Wanted) -> Page[str]:
        """The names of one page."""
        names, prefix = self._names, wanted.prefix
        first = bisect_left(names, max(wanted.start, prefix))
        last = min(first + wanted.limit, len(names))
        chosen = names[first:last]
        if prefix:
            chosen = [name for name in chosen if name.startswith(prefix)]
        more = last < len(names) and names[last].startswith(prefix) and len(chosen) == wanted.limit
        return Page(chosen, names[last] if more else "")

    def _has(self, place: int, name: str) -> bool:
        return place < len(self._names) and self._names[place] == name


def by_name(there: Mapping[str, T], wanted: Wanted) -> Page[T]:
    """A page of resources in order of their names."""
    page = Names(there).page(wanted)
    return Page([there[name] for name in page.items], page.next)


def page_of(items: Sequence[T], wanted: Wanted) -> Page[T]:
    """A page of items that have an order of their own; ``start`` is a position."""
    try:
        first = int(wanted.start or 0)
    except ValueError:
        raise InvalidArgument(f"NextToken is set to an invalid value (actual: '{wanted.start}')") from None
    chosen = items[max(first, 0) : first + wanted.limit]
    return Page(chosen, str(first + wanted.limit) if first + wanted.limit < len(items) else "")


def write_token(start: str) -> str:
    """What the caller sends back for the page that begins with ``start``; opaque to it."""
    return base64.urlsafe_b64encode(start.encode()).decode() if start else ""


def read_token(token: str) -> str:
    """Where the page begins. Raises ``InvalidArgument`` for what ``write_token`` did not write."""
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidArgument(f"NextToken is set to an invalid value (actual: '{token}')") from None
