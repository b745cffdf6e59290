"""Shapes: how a resource is written on the wire, and read from it, as tables of fields."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from fcemu.api.json_body import Body, label, read_json, shown
from fcemu.core import names
from fcemu.core.domains import NO_ADDRESS
from fcemu.core.errors import InvalidArgument
from fcemu.core.functions import wrong_variable
from fcemu.core.limits import Limits
from fcemu.core.names import Account
from fcemu.core.values import dataclass
from fcemu.engine.control import Control

_NOT_IN_ENVIRONMENTS: Final = re.compile("[\0\ud800-\udfff]")
_HOST: Final = NO_ADDRESS + r"(?=.{1,253}\Z)(?:\*\.)?[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"
ABSENT: Final = object()
"""Written by nobody: the key is left out."""


class Kind(NamedTuple):
    """What a value may be. ``read``: the value from JSON, within the limits; ``None`` where it is wrong. ``expected``:
    what it must be, for messages. ``write``: the value as JSON."""

    read: Callable[[Any, Limits], Any]
    expected: Callable[[Limits], str]
    write: Callable[[Any], Any] = lambda value: value


def kind(read: Callable[[Any], Any], expected: str, write: Callable[[Any], Any] = lambda value: value) -> Kind:
    """A kind that no limit bounds. ``read`` gives ``None`` for a wrong value."""
    return Kind(lambda value, _: read(value), lambda _: expected, write)


def _instance(*types: type) -> Callable[[Any], Any]:
    return lambda value: (
        value if isinstance(value, types) and not (isinstance(value, bool) and bool not in types) else None
    )


def _written_as(pattern: str) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, str) and re.fullmatch(pattern, value) else None


def _all_texts(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else None


def _text_map(value: Any) -> Any:
    return value if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()) else None


def _variables(value: Any, limits: Limits, *, in_service: bool) -> Any:
    if _text_map(value) is None or any(wrong_variable(name, in_service=in_service) for name in value):
        return None
    if any(_NOT_IN_ENVIRONMENTS.search(text) for text in value.values()):
        return None
    size = sum(len(name.encode()) + len(text.encode()) for name, text in value.items())
    return value if size <= limits.environment_bytes else None


def _weights(value: Any) -> Any:
    wrong = not isinstance(value, dict) or any(
        not isinstance(share, int | float) or isinstance(share, bool) for share in value.values()
    )
    return None if wrong else {version: float(share) for version, share in value.items()}


def _json_object(value: Any) -> Any:
    """An object, also as a text that holds JSON (wire-api §8, 10)."""
    if isinstance(value, str):
        try:
            value = read_json(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def _layer_arns(value: Any) -> Any:
    """ASSUMED: what is no ARN is refused."""
    arns = _all_texts(value)
    return arns if arns is not None and all(arn.startswith("acs:") and arn.isprintable() for arn in arns) else None


TEXT: Final = kind(_instance(str), "a text")
FLAG: Final = kind(_instance(bool), "true or false")
NUMBER: Final = kind(_instance(int, float), "a number")
WHOLE: Final = kind(_instance(int), "a whole number")
OBJECT: Final = kind(_instance(dict), "an object")
LIST: Final = kind(_instance(list), "a list")
TEXTS: Final = kind(_all_texts, "a list of texts", list)
TEXT_MAP: Final = kind(_text_map, "an object of texts", dict)
WEIGHTS: Final = kind(_weights, "an object of numbers", dict)
JSON_OBJECT: Final = kind(_json_object, "an object, or a text that holds one as JSON")
NAME: Final = kind(_written_as(names.NAME), "1-128 letters, digits, '_' and '-', beginning with a letter or '_'")
FUNCTION_3_0: Final = kind(
    _written_as(names.FUNCTION_3_0), "1-128 letters, digits, '_', '-' and '$', beginning with a letter or '_'"
)
HOST_NAME: Final = kind(_written_as(_HOST), "a domain name that is no address")
LAYER_ARNS: Final = kind(_layer_arns, "a list of layer ARNs")
HANDLER: Final = kind(
    lambda value: value if isinstance(value, str) and (not value or value.isprintable()) else None, "a printable text"
)
"""ASSUMED: a handler without a name that can be printed is refused."""
PATH: Final = kind(_written_as(r"/[!-~]{0,255}"), "a path that begins with /")
ROUTE_QUALIFIER: Final = kind(_written_as("[A-Za-z0-9_-]{0,128}"), "a version, an alias or LATEST")


def variables(*, in_service: bool) -> Kind:
    """Environment variables of a function."""
    return Kind(
        partial(_variables, in_service=in_service),
        lambda limits: (
            f"an object of texts, together at most {limits.environment_bytes} bytes; names: a letter, then letters, "
            "digits and '_', not FC's own"
        ),
        dict,
    )


def whole(low: int, high: int) -> Kind:
    """A whole number within bounds."""
    return bounded(lambda _: (low, high))


def bounded(bounds: Callable[[Limits], tuple[int, int]], step: int = 1) -> Kind:
    """A whole number within bounds that depend on the limits, in steps."""

    def read(value: Any, limits: Limits) -> int | None:
        low, high = bounds(limits)
        good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return value if good and value % (step if limits.strict else 1) == 0 else None

    steps = f" in steps of {step}" if step > 1 else ""
    return Kind(read, lambda limits: "[{}, {}]".format(*bounds(limits)) + steps)


def seconds(bounds: Callable[[Limits], tuple[int, int]]) -> Kind:
    """Whole seconds within bounds, as a ``timedelta``."""
    number = bounded(bounds)

    def read(value: Any, limits: Limits) -> timedelta | None:
        found = number.read(value, limits)
        return None if found is None else timedelta(seconds=found)

    return Kind(read, number.expected, lambda value: round(value.total_seconds()))


def one_of(*words: str) -> Kind:
    """One of a few words, exactly."""
    return kind(lambda value: value if value in words else None, " | ".join(words))


def time_text(at: datetime) -> str:
    """A time in answers: UTC, whole seconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class View(Protocol):
    """What a field may look at beside its resource: the request, and who answers it."""

    @property
    def control(self) -> Control: ...

    @property
    def account(self) -> Account: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def version(self) -> str:
        """The API version in which the caller asks."""

    @property
    def base_url(self) -> str:
        """Where the caller reaches this server."""

    @property
    def body(self) -> Body:
        """The JSON object that was sent. Raises ``InvalidArgument``."""


class Field(Protocol):
    """One key of a resource, or several that belong together."""

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        """The changes that a body asks for, by attribute; what is only kept under ``kept``. Raises
        ``InvalidArgument``."""

    def write(self, resource: Any, asking: View) -> dict[str, Any]:
        """The keys of an answer."""


@dataclass(frozen=True, slots=True)
class Acts:
    """A key whose value the emulator acts on: an attribute of the resource."""

    name: str
    kind: Kind
    attribute: str

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        return {self.attribute: read_value(self.kind, body[self.name], self.name, limits)} if self.name in body else {}

    def write(self, resource: Any, asking: View) -> dict[str, Any]:
        return {self.name: self.kind.write(getattr(resource, self.attribute))}


@dataclass(frozen=True, slots=True)
class Keeps:
    """A key whose value is kept and shown, and does nothing. ``default``: what is shown where it was never set."""

    name: str
    kind: Kind
    default: Any = ABSENT
    wire: str = ""
    """The name under which it is written, where that is another."""

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        if self.name not in body:
            return {}
        return {"kept": {self.name: read_value(self.kind, body[self.name], self.name, limits)}}

    def write(self, resource: Any, asking: View) -> dict[str, Any]:
        value = resource.kept.get(self.name, self.default)
        return {} if value is ABSENT else {self.wire or self.name: self.kind.write(value)}


@dataclass(frozen=True, slots=True)
class Shows:
    """A key of answers only. ``of``: its value, from the resource and the request; ``ABSENT`` leaves it out."""

    name: str
    of: Callable[[Any, View], Any]

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        return {}

    def write(self, resource: Any, asking: View) -> dict[str, Any]:
        value = self.of(resource, asking)
        return {} if value is ABSENT else {self.name: value}


TIMES: Final = (
    Shows("createdTime", lambda resource, _: time_text(resource.stamp.created)),
    Shows("lastModifiedTime", lambda resource, _: time_text(resource.stamp.modified)),
)


class Shape(tuple[Field, ...]):
    """The fields of one resource in one API version, in the order in which they are written."""

    __slots__ = ()

    @classmethod
    def of(cls, *fields: Field) -> "Shape":
        return cls(fields)

    def read(self, asking: View, body: Body | None = None) -> dict[str, Any]:
        """The changes that a request asks for. What a body has besides is not looked at. Raises
        ``InvalidArgument``."""
        changes: dict[str, Any] = {}
        given = asking.body if body is None else body
        for field in self:
            for name, value in field.read(given, asking.limits).items():
                changes[name] = {**changes[name], **value} if name == "kept" and name in changes else value
        return changes

    def write(self, resource: object, asking: View) -> dict[str, Any]:
        """The resource as an answer shows it."""
        document: dict[str, Any] = {}
        for field in self:
            document |= field.write(resource, asking)
        return document


def read_value(expected: Kind, value: Any, name: str, limits: Limits) -> Any:
    """Raises ``InvalidArgument`` in the words of the live service."""
    found = expected.read(value, limits)
    if found is None:
        raise InvalidArgument.choice(label(name), expected.expected(limits), shown(value))
    return found


def required(body: Mapping[str, Any], name: str, expected: Kind, limits: Limits) -> Any:
    """The value of a key that must be there. Raises ``InvalidArgument``."""
    if name not in body:
        raise InvalidArgument(f"{label(name)} is required but not provided")
    return read_value(expected, body[name], name, limits)
