"""Triggers as the foreign formats write them -> native form."""

from collections.abc import Iterable
from typing import Final

from fcemu.config.problems import Mark, Report, quoted
from fcemu.config.translate import Rules, Translation, entry, is_nothing, loose, text
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
KNOWN: Final = frozenset(KINDS)
_TIMER: Final = Rules(same={"cronExpression": "timer", "enable": "enable", "payload": "payload"})
_HTTP: Final = Rules(
    same={"methods": "http", "authType": "authType"},
    read=frozenset({"disableURLInternet", "authConfig", "corsConfig"}),
)
_NEEDED: Final = {TIMER: "cronExpression", HTTP: "methods"}
"""What a trigger of a kind cannot be without (yaml-formats §1.4)."""


def trigger_of(
    translation: Translation, kind: Scalar, config: Table, more: Iterable[Entry], at: Mark, where: str
) -> Table | None:
    """One trigger in native form, ``None`` for a kind that is not known, and after a problem. ``more``: its other
    settings, in native form."""
    name = TYPES.get(kind.text.lower(), kind.text.lower())
    if name not in KNOWN:
        near = translation.report.closest(kind.text, _FUNCRAFT_TYPES if kind.text[:1].isupper() else KINDS)
        hints = [f"did you mean {near!r}?"] if near else []
        translation.report.warn(kind.place, f"a trigger of type {quoted(kind.text)} is left out {where}", *hints)
        return None
    match name:
        case "timer":
            own = translation.entries(config, _TIMER, where)
        case "http":
            own = _http(translation, config, where)
        case _:
            own = [entry(name, _settings(translation, name, config, where), at)]
    needed = _NEEDED.get(name)
    if needed is not None and is_nothing(config.get(needed)):
        word = needed[:1].upper() + needed[1:] if _is_funcraft(translation.report, config) else needed
        translation.report.add(at, f"{word} is missing {where}")
        return None
    return Table(at, (*own, *more))


def _is_funcraft(report: Report, config: Table) -> bool:
    """Whether the file writes its words with capitals."""
    return any(report.written(each.key.place, each.key.text)[:1].isupper() for each in config.entries)


def _settings(translation: Translation, name: str, config: Table, where: str) -> Node:
    """The settings of a kind, as its table knows them; the others are odd, as everywhere in a foreign file."""
    value = TRIGGER.keys[name].in_file
    return _known(translation, value.table, config, where) if isinstance(value, Nested) else loose(config)


def _known(translation: Translation, rows: Rows, table: Table, where: str) -> Table:
    made: list[Entry] = []
    for each in translation.entries(table, Rules(same={key: key for key in rows.keys}), where):
        inner = rows.keys[each.key.text].in_file
        if isinstance(inner, Nested) and isinstance(each.value, Table):
            inside = f"in {each.key.text} {where}"
            each = Entry(each.key, _known(translation, inner.table, each.value, inside))
        made.append(each)
    return Table(table.place, tuple(made))


def _http(translation: Translation, config: Table, where: str) -> list[Entry]:
    own = [_lower(each) for each in translation.entries(config, _HTTP, where)]
    kept = [each for each in config.entries if each.key.text in _HTTP.read and not is_nothing(each.value)]
    return [*own, entry("kept", loose(Table(config.place, tuple(kept))), config.place)] if kept else own


def _lower(each: Entry) -> Entry:
    """Funcraft takes ANONYMOUS in any case."""
    value = each.value
    if each.key.text == "authType" and isinstance(value, Scalar):
        return Entry(each.key, value._replace(text=value.text.lower()))
    return each


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
