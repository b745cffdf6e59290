"""This module writes the catalogue as plain JSON values for the store, and reads them again.

The form has for each type of resource a list of pairs, a key and a resource, in the order in which they were made;
and the numbers that were given, so that none is given twice. An object says by ``$`` what it is. The store has a
version of this form (``stores/sqlite.py``).
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any, Final, cast, get_args

from fcemu.core import capacity, destinations, domains, functions, layers, names, releases, stamps, triggers
from fcemu.core.catalog import Catalog
from fcemu.core.members import demand

_KINDS: Final[dict[str, type[Any]]] = {
    kind.__name__: kind
    for kind in (
        capacity.Capacity,
        *get_args(destinations.Destination),
        domains.Domain,
        domains.Route,
        functions.AsyncSettings,
        functions.Function,
        functions.LayerRef,
        functions.Package,
        functions.Service,
        layers.LayerVersion,
        names.FunctionRef,
        releases.Alias,
        releases.Owner,
        releases.Version,
        stamps.Link,
        stamps.Stamp,
        triggers.Trigger,
    )
}
"""All that a catalogue is made of; nothing else is read, whatever a file says."""
_PLACES: Final = frozenset({"code", "directory"})
"""Attributes that name a directory of this machine."""
_KIND: Final = "$"
_NUMBERS: Final = "numbers"

Directory = Callable[[str], object]
"""What stands for a directory that goes with the process; the directory itself where it stays."""


def catalog_to_json(catalog: Catalog, directory: Directory = str) -> dict[str, Any]:
    """All that is defined. ``catalog_from_json`` gives an equal catalogue back."""
    shelves = catalog.shelves
    return {
        **{
            name: [[write(key, directory), write(resource, directory)] for key, resource in shelf.items()]
            for name, shelf in shelves.items()
        },
        _NUMBERS: {
            name: [[write(group, directory), last] for group, last in shelf.numbers.items()]
            for name, shelf in shelves.items()
            if shelf.type.numbered
        },
    }


def catalog_from_json(record: Any, directory: Callable[[Any], str] = str) -> Catalog:
    """Read what ``catalog_to_json`` wrote; ``directory`` undoes what stood for directories.

    Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else, which names the member that is missing or
    not known.
    """
    catalog = Catalog()
    shelves = catalog.shelves
    demand(record, [*shelves, _NUMBERS], "the catalogue")
    demand(record[_NUMBERS], [name for name, shelf in shelves.items() if shelf.type.numbered], "the numbers")
    for name, shelf in shelves.items():
        for key, resource in record[name]:
            shelf.put(read(key, directory), read(resource, directory))
    for name, given in record[_NUMBERS].items():
        for group, last in given:
            shelves[name].skip(read(group, directory), last)
    return catalog


def write(given: Any, directory: Directory) -> Any:
    """A key or a resource. Raises ``TypeError`` for what is neither."""
    match given:
        case None | bool() | int() | float() | str():
            return given
        case datetime():
            return {_KIND: "at", "at": given.isoformat()}
        case timedelta():
            return {_KIND: "for", "seconds": given.total_seconds()}
        case list():
            return [write(one, directory) for one in given]
        case Mapping():
            return {
                _KIND: "fixed" if type(given) is MappingProxyType else "map",
                "items": [[write(name, directory), write(value, directory)] for name, value in given.items()],
            }
        case tuple() if type(given) is tuple:
            return {_KIND: "row", "items": [write(one, directory) for one in given]}
    kind = type(given)
    if _KINDS.get(kind.__name__) is not kind:
        raise TypeError(f"{kind.__name__} is no part of a catalogue")
    written: dict[str, Any] = {_KIND: kind.__name__}
    for name in _attributes(cast(Hashable, kind)):
        value = getattr(given, name)
        written[name] = directory(value) if name in _PLACES else write(value, directory)
    return written


@cache
def _attributes(kind: Any) -> tuple[str, ...]:
    """By name, in order."""
    if is_dataclass(kind):
        return tuple(one.name for one in fields(kind))
    named: tuple[str, ...] = getattr(kind, "_fields", ()) or kind.__match_args__
    return named


def read(given: Any, directory: Callable[[Any], str]) -> Any:
    """What ``write`` wrote."""
    if isinstance(given, list):
        return [read(one, directory) for one in given]
    if not isinstance(given, dict):
        return given
    match given[_KIND]:
        case "at":
            demand(given, [_KIND, "at"], "an instant")
            return datetime.fromisoformat(given["at"])
        case "for":
            demand(given, [_KIND, "seconds"], "a duration")
            return timedelta(seconds=given["seconds"])
        case "map":
            demand(given, [_KIND, "items"], "a map")
            return {read(name, directory): read(value, directory) for name, value in given["items"]}
        case "fixed":
            return MappingProxyType(read({**given, _KIND: "map"}, directory))
        case "row":
            demand(given, [_KIND, "items"], "a row")
            return tuple(read(one, directory) for one in given["items"])
        case name:
            kind = _KINDS[name]
            demand(given, [_KIND, *_attributes(cast(Hashable, kind))], name)
    values = {
        name: directory(value) if name in _PLACES else read(value, directory)
        for name, value in given.items()
        if name != _KIND
    }
    made = kind(**values)
    return stamps.UNSTAMPED if made == stamps.UNSTAMPED else made
