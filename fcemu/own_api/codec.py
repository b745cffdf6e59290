"""Records from JSON and to JSON: for each kind of value one reading, one writing and one schema.

A record is a ``value``: a start defines forty of them, and a named tuple takes twice as long. A field
whose default is ``None`` may be left out of the JSON, and is left out where it is ``None``; a field that may be
``null`` has a type with ``None`` and no default.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from sys import float_info
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from fcemu.core.compact import compact
from fcemu.core.json_forms import read_bytes, text_or_base64, time_text
from fcemu.core.names import FUNCTION, FunctionRef
from fcemu.core.option_kinds import Number, Whole
from fcemu.core.options import OPTIONS
from fcemu.core.times import parse_duration, parse_instant
from fcemu.core.wording import either
from fcemu.own_api.problems import Problem, about, unknown

Schema = dict[str, Any]
SCHEMAS: Final = "#/components/schemas/"
"""Where a document has the schemas of records."""


class Kind(NamedTuple):
    """A kind of value. ``read`` makes a value of JSON, or of a text in a query, and raises ``ValueError`` that says
    what was expected. ``schema`` gets a table, into which it puts the schemas of records. ``missing`` is said where a
    field of this kind is not there."""

    read: Callable[[Any], Any]
    schema: Callable[[dict[str, Schema]], Schema]
    missing: str = ""


class Member(NamedTuple):
    """A field of a record in JSON."""

    kind: Kind
    required: bool


def decode(hint: Any, given: Any) -> Any:
    """The value of a type from JSON; members that a record does not have are passed over. Raises ``ValueError``."""
    return kind_of(hint).read(given)


def read_record(record: Any, given: Mapping[str, Any], what: str = "field", *, one: bool = False) -> Any:
    """A record from its members, each of which is called a ``what``, and no others; with ``one`` exactly one of them.

    Raises ``Problem`` that names the member, what was expected and what was given.
    """
    members = members_of(record)
    values = {}
    for name, value in given.items():
        if name not in members:
            raise unknown(what, name, members)
        values[name] = read_member(name, value, members[name].kind, what)
    for name, member in members.items():
        if member.required and name not in values:
            raise Problem("invalid-body", member.kind.missing or f"the field {name!r} is missing")
    if one and len(values) != 1:
        names = ", ".join(values) or "none"
        raise Problem("invalid-body", f"expected exactly one of the fields {', '.join(members)}, got {names}")
    return record(**values)


def read_member(name: str, value: Any, kind: Kind, what: str) -> Any:
    """One value. Raises ``Problem``."""
    try:
        return kind.read(value)
    except ValueError as wrong:
        raise about(what, name, "invalid", f"{what} {name!r}: expected {wrong}, got {found(value)}") from None


def encode(value: Any) -> Any:
    """A value as JSON."""
    write = _WRITERS[type(value)]
    return value if write is None else write(value)


# Records.


def members_of(record: Any) -> Mapping[str, Member]:
    """The members of a record by name."""
    members = _MEMBERS.get(record)
    if members is None:
        optional = {each.name for each in fields(record) if each.default is None}
        members = _MEMBERS[record] = {
            name: Member(kind_of(_without_none(hint) if name in optional else hint), name not in optional)
            for name, hint in get_type_hints(record, include_extras=True).items()
        }
    return members


def given_in(record: Any) -> dict[str, Any]:
    """The fields of a record that are there."""
    return {name: value for name, value in fields_of(record).items() if value is not None}


def fields_of(record: Any) -> dict[str, Any]:
    """All fields of a record."""
    return {name: getattr(record, name) for name in record.__match_args__}


def kind_of(hint: Any) -> Kind:
    """The kind of values that an annotation stands for."""
    kind = _KINDS.get(hint)
    if kind is None:
        kind = _KINDS[hint] = _made_kind(hint)
    return kind


def _made_kind(hint: Any) -> Kind:
    inside = get_args(hint)
    match get_origin(hint):
        case origin if origin is Annotated:
            return next(each for each in inside if isinstance(each, Kind))
        case origin if origin is Literal:
            return words(lambda: inside)
        case origin if origin is list:
            return _list_of(kind_of(inside[0]))
        case origin if origin in (Union, UnionType):
            return _or_null(kind_of(_without_none(hint)))
    return _record(hint)


def _without_none(hint: Any) -> Any:
    inside = get_args(hint)
    if NoneType not in inside:
        return hint
    (rest,) = (each for each in inside if each is not NoneType)
    return rest


def _record(record: Any) -> Kind:
    readers: list[tuple[str, Callable[[Any], Any], bool]] = []

    def read(given: Any) -> Any:
        if not isinstance(given, Mapping):
            raise ValueError("an object")
        if not readers:
            readers.extend((name, each.kind.read, each.required) for name, each in members_of(record).items())
        values = {}
        for name, read_one, required in readers:
            if name in given:
                values[name] = read_one(given[name])
            elif required:
                raise ValueError(f"an object with the member {name!r}")
        return record(**values)

    def schema(schemas: dict[str, Schema]) -> Schema:
        name = record.__name__
        if name not in schemas:
            made = schemas[name] = {"type": "object", "description": _one_line(record.__doc__)}
            members = members_of(record)
            made["properties"] = {each: member.kind.schema(schemas) for each, member in members.items()}
            if required := [each for each, member in members.items() if member.required]:
                made["required"] = required
        return {"$ref": SCHEMAS + name}

    return Kind(read, schema)


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _list_of(kind: Kind) -> Kind:
    def read(given: Any) -> list[Any]:
        if not isinstance(given, list):
            raise ValueError("a list")
        return [kind.read(each) for each in given]

    return Kind(read, lambda schemas: {"type": "array", "items": kind.schema(schemas)})


def _or_null(kind: Kind) -> Kind:
    return Kind(
        lambda given: None if given is None else kind.read(given),
        lambda schemas: {"anyOf": [kind.schema(schemas), {"type": "null"}]},
    )


def _writer_of(record: Any) -> Callable[[Any], dict[str, Any]]:
    """What writes a record, compiled for its fields by their types: an answer may have a hundred thousand of them, and
    this takes half the time of a loop over the fields that asks for the class of each value."""
    known: dict[str, Any] = {"encode": encode, "time_text": time_text, "text_or_base64": text_or_base64}
    members, hints = members_of(record), get_type_hints(record)
    lines = ["def write(told):", "    written = {}", *(f"    {name}_ = told.{name}" for name in members)]
    for name, member in members.items():
        written = _written_as(hints[name], f"{name}_", known)
        absent = "" if member.required else f"if {name}_ is not None: "
        lines.append(f"    {absent}written[{name!r}] = {written}")
    exec("\n".join([*lines, "    return written"]), known)
    write: Callable[[Any], dict[str, Any]] = known["write"]
    return write


def _written_as(hint: Any, value: str, known: dict[str, Any]) -> str:
    """The expression that writes a value of this type, with the names in ``known``."""
    if hint in (str, int, float, bool) or get_origin(hint) is Literal:
        return value
    if hint is datetime:
        return f"time_text({value})"
    if hint is bytes:
        return f"text_or_base64({value})"
    if NoneType in get_args(hint) and len(get_args(hint)) == 2:
        written = _written_as(_without_none(hint), value, known)
        return value if written == value else f"None if {value} is None else {written}"
    if get_origin(hint) is list:
        return f"[{_written_as(get_args(hint)[0], 'each', known)} for each in {value}]"
    if isinstance(hint, type) and is_dataclass(hint):
        name = hint.__name__
        known[f"write_{name}"] = _WRITERS[hint]
        return f"write_{name}({value})"
    return f"encode({value})"


class _Writers(dict[type[Any], Callable[[Any], Any] | None]):
    """How a value is written, by its class; ``None``: it is JSON as it is."""

    def __missing__(self, kind: type[Any]) -> Callable[[Any], Any] | None:
        """Find the writer of a class once."""
        if is_dataclass(kind):
            write: Callable[[Any], Any] | None = _writer_of(kind)
        elif (known := next((known for known in list(self) if issubclass(kind, known)), None)) is not None:
            write = self[known]
        else:
            raise TypeError(f"a {kind.__name__} has no JSON form")
        self[kind] = write
        return write


_WRITERS: Final = _Writers(
    {
        datetime: time_text,
        timedelta: timedelta.total_seconds,
        bytes: text_or_base64,
        FunctionRef: str,
        list: lambda values: [encode(each) for each in values],
        tuple: lambda values: [encode(each) for each in values],
        Mapping: lambda values: {str(name): encode(each) for name, each in values.items()},
        **dict.fromkeys((str, int, float, NoneType)),
    }
)


# What was given, in error texts.

_NUMBER, _OBJECT = "a number", "an object"
_WORDS: Final = {str: "a string", bool: "a boolean", int: _NUMBER, float: _NUMBER, list: "a list", dict: _OBJECT}


def found(value: Any) -> str:
    """A value of JSON with its kind, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    text = text if len(text) <= 60 else f"{text[:59]}…"
    return text if value is None else f"{text} ({_WORDS[type(value)]})"


# Kinds of values.

INSTANT_EXPECTED: Final = 'an instant like "2026-01-01T00:00:00Z", or "+200s" from the start'


def _kind(read: Callable[[Any], Any], **schema: Any) -> Kind:
    return Kind(read, lambda _: dict(schema))


def _of(classes: Any, expected: str) -> Callable[[Any], Any]:
    """Reads values of these classes as they are; a truth value is no number."""

    def read(value: Any) -> Any:
        if isinstance(value, classes) and (value.__class__ is not bool or classes is bool):
            return value
        raise ValueError(expected)

    return read


def _expecting(expected: str, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``read``, whose own words for what is wrong are not those of the API."""

    def reader(value: Any) -> Any:
        try:
            return read(value)
        except (TypeError, ValueError):
            raise ValueError(expected) from None

    return reader


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= float_info.max:
        raise ValueError("a number")
    return value


def _not_negative(value: Any) -> float:
    if _number(value) < 0:
        raise ValueError("a number of 0 or more")
    return float(value)


def _payload(value: Any) -> bytes:
    if isinstance(value, str) or (isinstance(value, dict) and value.keys() == {"base64"}):
        return read_bytes(value)
    return compact(value).encode()


def _schema_of_bytes(schemas: dict[str, Schema]) -> Schema:
    schemas["Base64"] = {
        "type": "object",
        "description": "This holds bytes that are not UTF-8.",
        "properties": {"base64": {"type": "string", "contentEncoding": "base64"}},
        "required": ["base64"],
    }
    return {"anyOf": [{"type": "string"}, {"$ref": f"{SCHEMAS}Base64"}]}


def _seconds(value: Any) -> timedelta:
    try:
        return timedelta(seconds=_number(value))
    except OverflowError:
        raise ValueError("a number of seconds that a clock can move") from None


def _not_negative_seconds(value: Any) -> timedelta:
    _not_negative(value)
    return _seconds(value)


def _count(value: Any) -> int:
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19):
        raise ValueError("a whole number of 0 or more")
    return int(value)


def _flag(value: Any) -> bool:
    known = {"1": True, "true": True, "0": False, "false": False}
    if value.lower() not in known:
        raise ValueError("1 or 0")
    return known[value.lower()]


def instant_after(started: datetime) -> Kind:
    """An instant as people write it, where ``+200s`` counts from ``started``."""
    return Kind(_expecting(INSTANT_EXPECTED, lambda value: parse_instant(value, started)), INSTANT.schema)


def within(option: str) -> Kind:
    """A number that an option takes."""
    kind = OPTIONS[option].kind
    assert isinstance(kind, Number), f"{option} takes no number"

    def read(value: Any) -> Any:
        if not kind.fits(value):
            raise ValueError(kind.expected)
        return value

    whole = isinstance(kind, Whole)
    return _kind(read, type="integer" if whole else "number", minimum=kind.least, maximum=kind.most)


def words(allowed: Callable[[], Iterable[str]]) -> Kind:
    """One of several words, in any letter case."""

    def read(value: Any) -> str:
        known = {word.lower(): word for word in allowed()}
        if not isinstance(value, str) or value.lower() not in known:
            raise ValueError(either(known.values()))
        return known[value.lower()]

    return Kind(read, lambda _: {"type": "string", "enum": [str(word) for word in allowed()]})


TEXT: Final = _kind(_of(str, "a string"), type="string")
SECONDS: Final = _kind(_seconds, type="number", description="A number of virtual seconds.")
NOT_NEGATIVE: Final = _kind(_not_negative, type="number", minimum=0)
SECONDS_FROM_0: Final = _kind(
    _not_negative_seconds, type="number", minimum=0, description="A number of virtual seconds."
)
DURATION: Final = _kind(
    _expecting('a duration like "1h30m", or a number of seconds', parse_duration),
    type=["string", "number"],
    description="A number of seconds, or a string like `1h30m`.",
)
INSTANT: Final = _kind(_of(str, INSTANT_EXPECTED), type="string", description=f"This is {INSTANT_EXPECTED}.")
"""An instant as it is written; what it means depends on the clock."""
PAYLOAD: Final = _kind(
    _expecting('a string, {"base64": …} with bytes, or any other JSON value', _payload),
    description='A string is taken as it is, {"base64": …} holds bytes, and any other JSON value is written compactly.',
)
"""What a handler is given, written by people."""
COUNT: Final = _kind(_count, type="integer", minimum=0, maximum=10**18 - 1)
FLAG: Final = _kind(_flag, type="boolean")
FUNCTION_NAME: Final = _kind(
    _expecting("the name of a function, 'name' or 'service/name'", FunctionRef.parse),
    type="string",
    pattern=f"^({FUNCTION})$",
)
_MEMBERS: Final[dict[Any, Mapping[str, Member]]] = {}
_KINDS: Final[dict[Any, Kind]] = {
    str: TEXT,
    int: _kind(_of(int, "a whole number"), type="integer"),
    float: _kind(_number, type="number"),
    bool: _kind(_of(bool, "true or false"), type="boolean"),
    datetime: _kind(_expecting("an instant", datetime.fromisoformat), type="string", format="date-time"),
    bytes: Kind(_expecting('a string, or {"base64": …}', read_bytes), _schema_of_bytes),
    dict[str, Any]: _kind(_of(dict, "an object"), type="object", additionalProperties=True),
    Any: _kind(lambda value: value),
}
