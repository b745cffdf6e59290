"""This module finds the settings of functions that a definition writes, and makes the same definition with a change."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from fcemu.config.schema import FILE
from fcemu.config.tree import Entry, Items, Kind, Node, Scalar, Table, plain_as
from fcemu.core.fields import kinds, rows
from fcemu.core.fields.asynchronous import ASYNC
from fcemu.core.fields.functions import FROZEN, FUNCTION, HOOK, SERVICE, SERVICE_VERSION
from fcemu.core.limits import Limits
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.values import dataclass

Way = tuple[str | int, ...]
"""The keys, and the places in lists, that lead to a value of a definition in native form."""
_HAVE_SETTINGS: Final = (ASYNC, FROZEN, FUNCTION, HOOK, SERVICE, SERVICE_VERSION)
"""The tables whose fields are settings of functions, or lead to such."""


@dataclass(frozen=True, slots=True)
class Change:
    """Another value for one setting of a definition, as plain data; ``None`` leaves the setting out."""

    way: Way
    value: Any


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a function that a definition writes.

    ``name``: FC's name for it, behind the keys of the function that lead there. ``qualifier``: the version or alias
    that it is for. ``value``: what is written, as plain data; ``beside``: the other values of the same map. ``node``:
    where it is written. ``limits``: those within which values of this definition must be.
    """

    function: FunctionRef
    name: str
    qualifier: str
    field: rows.Field
    value: Any
    beside: Mapping[str, Any]
    way: Way
    node: Scalar
    limits: Limits


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where in a tree the walk is."""

    way: Way = ()
    service: str | None = None
    function: str = ""
    inside: tuple[str, ...] = ()
    """The keys of the function that lead there."""
    qualifier: str = LATEST

    def below(self, key: str | int) -> "_Spot":
        """The spot behind one more key."""
        inside = (*self.inside, str(key)) if self.function and isinstance(key, str) else self.inside
        return replace(self, way=(*self.way, key), inside=inside)


def settings_in(tree: Table, limits: Limits) -> Iterator[Setting]:
    """All settings of functions, in the order of the file; ``tree`` is in native form, and could be read."""
    return _settings(tree, FILE, _Spot(), limits)


def _settings(node: Table, table: rows.Table, at: _Spot, limits: Limits) -> Iterator[Setting]:
    """The settings in a map and below it."""
    named = node.get("qualifier")
    if table is ASYNC and isinstance(named, Scalar):
        at = replace(at, qualifier=named.text)
    there = [(table.keys[key.text], value) for key, value in node.entries if key.text in table.keys]
    plain = {field.key: _plain(field, value) for field, value in there if isinstance(value, Scalar)}
    for field, value in there:
        match field.in_file:
            case kinds.Kind() if at.function and isinstance(value, Scalar):
                spot = at.below(field.key)
                yield Setting(
                    function=FunctionRef(at.function, at.service),
                    name=".".join(word for word in spot.inside if word != "asyncInvokeConfig"),
                    qualifier=at.qualifier,
                    field=field,
                    value=plain[field.key],
                    beside={key: one for key, one in plain.items() if key != field.key},
                    way=spot.way,
                    node=value,
                    limits=limits,
                )
            case rows.Nested(inner) if inner in _HAVE_SETTINGS:
                for spot, each in _maps(value, at.below(field.key)):
                    yield from _settings(each, inner, spot, limits)
            case rows.Named(inner) if inner in _HAVE_SETTINGS and isinstance(value, Table):
                for key, one in value.entries:
                    if isinstance(one, Table):
                        spot = _named(field.in_file.noun, key.text, at.below(field.key).below(key.text))
                        yield from _settings(one, inner, spot, limits)


def _named(noun: str, name: str, at: _Spot) -> _Spot:
    """The spot inside of a map that the user has named."""
    if noun == "service":
        return replace(at, service=name)
    # a version of a service has functions, too, and the keys that lead there say which version it is
    version = at.way[2:4] if noun == "function" and at.service is not None and "versions" in at.way else ()
    return replace(at, function=name, inside=tuple(map(str, version))) if noun == "function" else at


def _maps(value: Node, at: _Spot) -> Iterator[tuple[_Spot, Table]]:
    """The maps in place of one map, which may be several in a list."""
    if isinstance(value, Table):
        yield at, value
    elif isinstance(value, Items):
        yield from ((at.below(n), one) for n, one in enumerate(value.values) if isinstance(one, Table))


def _plain(field: rows.Field, node: Scalar) -> Any:
    return plain_as(node, field.in_file.of, field.in_file.parts) if isinstance(field.in_file, kinds.Kind) else node.text


def changed(tree: Table, change: Change) -> Table:
    """The tree with the change; as it is where nothing stands at the change's place."""
    made = _changed(tree, change.way, change.value)
    return made if isinstance(made, Table) else tree


def _changed(node: Node, way: Way, value: Any) -> Node | None:
    """The node with another value at the end of the way, ``None`` where it is to be left out."""
    if not way:
        return None if value is None else Scalar(node.place, str(value), Kind.LOOSE)
    key, *rest = way
    if isinstance(node, Table):
        entries = ((at, _changed(one, (*rest,), value) if at.text == key else one) for at, one in node.entries)
        return Table(node.place, tuple(Entry(at, one) for at, one in entries if one is not None))
    if isinstance(node, Items):
        values = (_changed(one, (*rest,), value) if n == key else one for n, one in enumerate(node.values))
        return Items(node.place, tuple(one for one in values if one is not None))
    return node
