"""A shelf holds all resources of one type by key: it creates, replaces, removes, finds them and lists them by pages."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

from fcemu.core.errors import FCError
from fcemu.core.paging import Names, Page, Wanted
from fcemu.core.values import dataclass

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
T = TypeVar("T")


def _whole(key: Any) -> Any:
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType(Generic[K, R]):
    """What is known about one type of resource.

    * ``name``: of its shelf, in the catalogue and in the store.
    * ``blank``: a new resource of which nothing but its key is known.
    * ``within``: what must be there first: an ``Owner``, a function, or a function and a qualifier.
    * ``owns``: as what it owns others, which go with it: an ``Owner``, or a function.
    * ``split``: to which group a key belongs, and its name there.
    * ``missing``, ``taken``: the refusals; ``none``: that of a group which has no resource at all.
    * ``said``: how facts of change call it.
    * ``identity``: what its id is made from; without it, it has none.
    * ``numbered``: its names are numbers, and none is given twice in a group.
    * ``merges``: a change of ``kept`` leaves the values that it does not name; otherwise it replaces all of them.
    * ``mixed``: all are in the order in which they were made, whatever their groups.
    """

    name: str
    blank: Callable[[K], R]
    missing: Callable[[K], FCError]
    said: Callable[[K], str]
    taken: Callable[[K], FCError] | None = None
    within: Callable[[K], object] = lambda key: None
    owns: Callable[[K], object] = lambda key: None
    split: Callable[[K], tuple[Any, Any]] = _whole
    identity: Callable[[K], str] | None = None
    none: Callable[[Any], FCError] | None = None
    numbered: bool = False
    merges: bool = True
    mixed: bool = False


class Index(Generic[R, T]):
    """A value for each resource that has one, by what ``at`` says; its shelf keeps it up."""

    def __init__(self, at: Callable[[R], Hashable | None], value: Callable[[R], T]) -> None:
        self._at = at
        self._value = value
        self.there: dict[Any, T] = {}

    def changed(self, old: R | None, new: R | None) -> None:
        """A resource was added, replaced or removed."""
        if old is not None:
            self.there.pop(self._at(old), None)
        if new is not None and (at := self._at(new)) is not None:
            self.there[at] = self._value(new)


class Shelf(Generic[K, R]):
    """All resources of one type, group by group, in the order in which groups and resources were made; one that is
    replaced keeps its place.

    Not safe for threads: whoever holds the baton uses it.
    """

    __slots__ = ("_all", "_groups", "_indexes", "_last", "_names", "_shares", "get", "type")

    def __init__(self, of: ResourceType[K, R], like: "Shelf[K, R] | None" = None) -> None:
        """``like``: the shelf has the same resources as that one, without its indexes. A change of one of the two does
        not change the other: they share what they hold until then."""
        self.type: Final = of
        self._all: dict[K, R] = {} if like is None else like._all
        self.get: Callable[[K], R | None] = self._all.get if like is None else like.get
        """What is there under a key; ``None`` where nothing is."""
        self._groups: dict[Any, dict[Any, K]] = {} if like is None else like._groups
        self._names: dict[Any, Names] = {}
        """The names of those groups of which a page was wanted."""
        self._last: dict[Any, int] = {} if like is None else like._last
        """The highest number that was given in a group, where names are numbers."""
        self._indexes: tuple[Index[R, Any], ...] = ()
        self._shares = like is not None
        """Whether another shelf may hold the same dictionaries."""
        if like is not None:
            like._shares = True

    def _share_no_more(self) -> None:
        """Called before each change."""
        if self._shares:
            self._shares = False
            self._all, self._last = dict(self._all), dict(self._last)
            self._groups = {group: dict(there) for group, there in self._groups.items()}
            self.get = self._all.get

    def index(self, at: Callable[[R], Hashable | None], value: Callable[[R], T]) -> Mapping[Any, T]:
        """``value`` of each resource by what ``at`` says; ``None`` leaves one out. The shelf keeps
        it up to date."""
        index = Index(at, value)
        for resource in self._all.values():
            index.changed(None, resource)
        self._indexes += (index,)
        return index.there

    def __iter__(self) -> Iterator[K]:
        if self.type.mixed:
            return iter(self._all)
        return (key for there in self._groups.values() for key in there.values())

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, key: object) -> bool:
        return key in self._all

    def items(self) -> Iterator[tuple[K, R]]:
        """All keys and resources."""
        return ((key, self._all[key]) for key in self)

    def values(self) -> Iterator[R]:
        """All resources."""
        return (self._all[key] for key in self)

    def of(self, group: object) -> dict[Any, R]:
        """The resources of one group by their names there."""
        return {name: self._all[key] for name, key in self._groups.get(group, {}).items()}

    def each(self, group: object) -> Iterator[R]:
        """The resources of one group."""
        return map(self._all.__getitem__, self._groups.get(group, {}).values())

    def has(self, group: object) -> bool:
        """Whether a group has any."""
        return bool(self._groups.get(group))

    def find(self, key: K) -> R:
        """Raises the type's error for what is missing."""
        found = self._all.get(key)
        if found is None:
            self.check_any(self.type.split(key)[0])
            raise self.type.missing(key)
        return found

    def check_any(self, group: object) -> None:
        """Raise the type's error for a group that has none, if it has such an error."""
        if self.type.none is not None and not self.has(group):
            raise self.type.none(group)

    def check_new(self, key: K) -> None:
        """Raise the type's error for what exists already."""
        if key in self._all and self.type.taken is not None:
            raise self.type.taken(key)

    def create(self, key: K, resource: R) -> None:
        """Raises what ``check_new`` raises."""
        self.check_new(key)
        self.put(key, resource)

    def put(self, key: K, resource: R) -> None:
        """Add a resource, or replace the one of the same key."""
        self._share_no_more()
        old = self._all.get(key)
        self._all[key] = resource
        if old is None:
            group, name = self.type.split(key)
            self._groups.setdefault(group, {})[name] = key
            if (names := self._names.get(group)) is not None:
                names.add(name)
            if self.type.numbered:
                self.skip(group, int(name))
        for index in self._indexes:
            index.changed(old, resource)

    def remove(self, key: K) -> R:
        """Raises the type's error for what is missing."""
        found = self.find(key)
        self._share_no_more()
        group, name = self.type.split(key)
        del self._all[key], self._groups[group][name]
        if (names := self._names.get(group)) is not None:
            names.discard(name)
        for index in self._indexes:
            index.changed(found, None)
        return found

    def forget(self, group: object) -> None:
        """Remove all resources of a group; its numbers begin anew."""
        self._share_no_more()
        for key in list(self._groups.get(group, {}).values()):
            self.remove(key)
        for there in (self._groups, self._names, self._last):
            there.pop(group, None)

    def replace(self, group: object, resources: Mapping[K, R]) -> None:
        """Let a group have these resources and no others; numbers go on."""
        for key in list(self._groups.get(group, {}).values()):
            self.remove(key)
        for key, resource in resources.items():
            self.put(key, resource)

    def page(self, group: object, wanted: Wanted) -> Page[R]:
        """A page of a group, by name."""
        keys = self._groups.get(group, {})
        names = self._names.get(group)
        if names is None:
            names = Names(keys)
            if keys:
                self._names[group] = names
        page = names.page(wanted)
        return Page([self._all[keys[name]] for name in page.items], page.next)

    # Numbers.

    @property
    def numbers(self) -> Mapping[Any, int]:
        """The highest number that was given in each group, for ``skip``."""
        return self._last

    def next_number(self, group: object) -> int:
        """Numbers are never given twice (wire-api §9). ASSUMED: fcemu never gives the number of a version of a layer
        twice, as FC does not with versions of functions (wire-api §9)."""
        return self._last.get(group, 0) + 1

    def skip(self, group: object, number: int) -> None:
        """Numbers up to this one have been given."""
        self._share_no_more()
        self._last[group] = max(self._last.get(group, 0), number)
