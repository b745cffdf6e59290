"""The catalogue as plain JSON values, and back: what is defined outlives the process."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, cast

from fcemu.core import belongings, destinations, domains, functions, layers, names, releases, stamps, triggers
from fcemu.core.catalog import Catalog
from fcemu.core.members import demand
from fcemu.core.paging import Names

_KINDS: Final[dict[str, type[Any]]] = {
    kind.__name__: kind
    for kind in (
        Catalog,
        Names,
        belongings.Belongings,
        belongings.Capacity,
        destinations.EventBusDestination,
        destinations.FunctionDestination,
        destinations.QueueDestination,
        destinations.RocketMQDestination,
        destinations.TopicDestination,
        domains.Domain,
        domains.Route,
        functions.AsyncSettings,
        functions.Function,
        functions.LayerRef,
        functions.Package,
        functions.Service,
        layers.LayerVersion,
        layers.Layers,
        names.FunctionRef,
        releases.Alias,
        releases.Owner,
        releases.Releases,
        releases.Version,
        stamps.Stamp,
        triggers.Trigger,
    )
}
"""All that a catalogue is made of; nothing else is read, whatever a file says."""
_PLACES: Final = frozenset({"code", "directory"})
"""Attributes that name a directory of this machine."""
_KIND: Final = "$"

Directory = Callable[[str], object]
"""What stands for a directory that goes with the process; the directory itself where it stays."""


def catalog_to_json(catalog: Catalog, directory: Directory = str) -> dict[str, Any]:
    """All that is defined. ``catalog_from_json`` gives an equal catalogue back."""
    written: dict[str, Any] = _write(catalog, directory)
    return written


def catalog_from_json(record: Mapping[str, Any], directory: Callable[[Any], str] = str) -> Catalog:
    """Read what ``catalog_to_json`` wrote; ``directory`` undoes what stood for directories.

    Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else.
    """
    catalog = _read(record, directory)
    if not isinstance(catalog, Catalog):
        raise TypeError(f"expected a catalogue, found {type(catalog).__name__}")
    return catalog


def _write(given: Any, directory: Directory) -> Any:
    match given:
        case None | bool() | int() | float() | str():
            return given
        case datetime():
            return {_KIND: "at", "at": given.isoformat()}
        case timedelta():
            return {_KIND: "for", "seconds": given.total_seconds()}
        case list():
            return [_write(one, directory) for one in given]
        case Mapping():
            return {
                _KIND: "map",
                "items": [[_write(name, directory), _write(value, directory)] for name, value in given.items()],
            }
        case tuple() if type(given) is tuple:
            return {_KIND: "row", "items": [_write(one, directory) for one in given]}
    kind = type(given)
    if _KINDS.get(kind.__name__) is not kind:
        raise TypeError(f"{kind.__name__} is no part of a catalogue")
    written: dict[str, Any] = {_KIND: kind.__name__}
    for name in _attributes(cast(Hashable, kind)) or vars(given):
        value = getattr(given, name)
        written[name] = directory(value) if name in _PLACES else _write(value, directory)
    return written


@cache
def _written_of(kind: Any) -> tuple[str, ...]:
    """The attributes that are written of each object of a class."""
    return _attributes(kind) or tuple(vars(kind()))


@cache
def _attributes(kind: Any) -> tuple[str, ...]:
    """By name, in order; nothing for classes that keep theirs in a dictionary."""
    if is_dataclass(kind):
        return tuple(one.name for one in fields(kind))
    named: tuple[str, ...] | None = getattr(kind, "_fields", None)
    return named or tuple(getattr(kind, "__match_args__", ()) or getattr(kind, "__slots__", ()))


def _read(given: Any, directory: Callable[[Any], str]) -> Any:
    if isinstance(given, list):
        return [_read(one, directory) for one in given]
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
            return {_read(name, directory): _read(value, directory) for name, value in given["items"]}
        case "row":
            demand(given, [_KIND, "items"], "a row")
            return tuple(_read(one, directory) for one in given["items"])
        case name:
            kind = _KINDS[name]
            demand(given, [_KIND, *_written_of(cast(Hashable, kind))], name)
    values = {
        name: directory(value) if name in _PLACES else _read(value, directory)
        for name, value in given.items()
        if name != _KIND
    }
    if kind in (Catalog, Names, belongings.Belongings, layers.Layers, releases.Releases):
        made = kind(values["owner"]) if kind is releases.Releases else kind()
        for name, value in values.items():
            setattr(made, name, value)
        return made
    made = kind(**values)
    return stamps.UNSTAMPED if made == stamps.UNSTAMPED else made
