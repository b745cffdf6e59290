"""This module writes the triggers of foreign formats in native form."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from fcemu.config.foreign import (
    At,
    Rules,
    Translation,
    as_they_are,
    carried,
    each_of,
    entry,
    is_nothing,
    loose,
    same,
    text,
)
from fcemu.config.problems import Mark, Report, quoted
from fcemu.config.tree import Entry, Items, Kind, Node, Scalar, Table
from fcemu.core.fields.rows import Nested
from fcemu.core.fields.rows import Table as Rows
from fcemu.core.fields.triggers import TRIGGER
from fcemu.core.triggers import HTTP, KINDS, TIMER

TYPES: Final = {
    "cdn": "cdn_events",
    "mnstopic": "mns_topic",
}
"""Types whose Funcraft name is not just in other case."""
_FUNCRAFT_TYPES: Final = ("Timer", "HTTP", "OSS", "MNSTopic", "EventBridge", "Log", "CDN", "TableStore", "RDS")
_TIMER: Final[Rules] = {"cronExpression": same("timer"), "enable": same("enable"), "payload": same("payload")}


def _auth_type(each: Entry, at: At) -> Iterable[Entry]:
    """Funcraft takes ANONYMOUS in any case."""
    value = loose(each.value)
    if isinstance(value, Scalar):
        value = value._replace(text=value.text.lower())
    return (entry("authType", value, each.key),)


_HTTP: Final[Rules] = {
    "methods": same("http"),
    "authType": _auth_type,
    **each_of(carried, "disableURLInternet", "authConfig", "corsConfig"),
}
_OWN: Final = {TIMER: _TIMER, HTTP: _HTTP}
_NEEDED: Final = {TIMER: "cronExpression", HTTP: "methods"}
"""What a trigger of a kind cannot be without (yaml-formats §1.4)."""


class Said(NamedTuple):
    """One trigger of a foreign file. ``more``: its settings beside ``config``, in native form. ``region``: that of its
    function, where the place of its events is said by some of its settings, as 2.0 has it; ``None`` in 3.0."""

    name: Scalar
    kind: Scalar
    config: Table
    more: list[Entry]
    at: Mark
    where: str
    region: str | None = None


def triggers_of(translation: Translation, told: Iterable[Said], owner: str, at: Mark) -> list[Entry]:
    """The key of all triggers of a function, if it has any. ``owner`` is what messages say of it."""
    made: dict[str, Entry] = {}
    for each in told:
        if (value := trigger_of(translation, each)) is not None:
            if each.name.text in made:
                translation.report.add(each.name.place, f"there is a second trigger {quoted(each.name.text)} {owner}")
            made.setdefault(each.name.text, entry(each.name.text, value, each.name))
    return [entry("triggers", Table(at, tuple(made.values())), at)] if made else []


def trigger_of(translation: Translation, said: Said) -> Table | None:
    """One trigger in native form, ``None`` for a kind that is not known, and after a problem."""
    kind, config, more, where = said.kind, said.config, said.more, said.where
    name = TYPES.get(kind.text.lower(), kind.text.lower())
    if name not in KINDS:
        near = translation.report.closest(kind.text, _FUNCRAFT_TYPES if kind.text[:1].isupper() else KINDS)
        hints = [f"did you mean {near!r}?"] if near else []
        translation.report.warn(kind.place, f"fcemu leaves out the trigger of type {quoted(kind.text)} {where}", *hints)
        return None
    if said.region is not None:
        there = {each.key.text for each in more}
        config, source = source_of_2(kind.text, config, said.region, translation.account_id)
        more = [*more, *(each for each in source if each.key.text not in there)]
    if name in _OWN:
        own = translation.settings(config, _OWN[name], where)
    else:
        own = [entry(name, _settings(translation, name, config, where), said.at)]
    needed = _NEEDED.get(name)
    if needed is not None and is_nothing(config.get(needed)):
        word = needed[:1].upper() + needed[1:] if _is_funcraft(translation.report, config) else needed
        translation.report.add(said.at, f"{word} is missing {where}")
        return None
    return Table(said.at, (*own, *more))


def _is_funcraft(report: Report, config: Table) -> bool:
    """Whether the file writes its words with capitals."""
    return any(report.written(each.key.place, each.key.text)[:1].isupper() for each in config.entries)


def _settings(translation: Translation, name: str, config: Table, where: str) -> Node:
    """The settings of a kind, as its table knows them; the others are odd, as everywhere in a foreign file."""
    value = TRIGGER.keys[name].in_file
    return _known(translation, value.table, config, where) if isinstance(value, Nested) else loose(config)


def _known(translation: Translation, rows: Rows, table: Table, where: str) -> Table:
    made: list[Entry] = []
    for each in translation.entries(table, as_they_are(*rows.keys), where):
        inner = rows.keys[each.key.text].in_file
        if isinstance(inner, Nested) and isinstance(each.value, Table):
            inside = f"in {each.key.text} {where}"
            each = Entry(each.key, _known(translation, inner.table, each.value, inside))
        made.append(each)
    return Table(table.place, tuple(made))


def lowered(node: Node, keys: frozenset[str]) -> Node:
    """A map with some keys in lower case, at every level: ``filter.Key.Prefix``."""
    match node:
        case Table(place, entries):
            return Table(place, tuple(_lowered_entry(each, keys) for each in entries))
        case Items(place, values):
            return Items(place, tuple(lowered(value, keys) for value in values))
        case _:
            return node


def _lowered_entry(each: Entry, keys: frozenset[str]) -> Entry:
    name = each.key.text
    key = each.key._replace(text=name.lower()) if name.lower() in keys else each.key
    return Entry(key, lowered(each.value, keys))


_SOURCE_WORDS: Final = ("bucketName", "topicName", "region", "instanceName", "tableName")
_FILTER: Final = frozenset({"filter", "key", "prefix", "suffix"})


def source_of_2(kind: str, config: Table, region: str, account: str) -> tuple[Table, list[Entry]]:
    """The settings of a 2.0 trigger without those that say where its events come from, and those as one ARN."""
    taken: frozenset[str]
    arn, place = "", config.place
    word = {name: _text(config.get(name)) for name in _SOURCE_WORDS}
    match kind.lower():
        case "oss" if word["bucketName"]:
            arn, taken = f"acs:oss:{region}:{account}:{word['bucketName']}", frozenset({"bucketName"})
        case "mns_topic" | "mnstopic" if word["topicName"]:
            arn = f"acs:mns:{word['region'] or region}:{account}:/topics/{word['topicName']}"
            taken = frozenset({"topicName", "region"})
        case "tablestore" if word["instanceName"] and word["tableName"]:
            arn = f"acs:ots:{region}:{account}:instance/{word['instanceName']}/table/{word['tableName']}"
            taken = frozenset({"instanceName", "tableName"})
        case _:
            taken = frozenset()
    left = Table(place, tuple(each for each in config.entries if each.key.text not in taken))
    rest = lowered(left, _FILTER) if kind.lower() == "oss" else left
    return (rest if isinstance(rest, Table) else left), [entry("sourceArn", text(place, arn), place)] if arn else []


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) and node.kind is not Kind.NOTHING else ""
