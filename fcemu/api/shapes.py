"""A shape writes a resource on the wire and reads it from there, by the rows of its fields."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from fcemu.api.json_body import Body, label, shown
from fcemu.core.errors import InvalidArgument
from fcemu.core.fields.kinds import Kind, Wrong
from fcemu.core.fields.rows import ABSENT, Field
from fcemu.core.limits import Limits
from fcemu.core.names import Account
from fcemu.core.values import dataclass
from fcemu.engine.control import Control


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


class Member(Protocol):
    """One key of a resource on the wire, or several that belong together."""

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        """The changes that a body asks for, by attribute; what is only kept under ``kept``. Raises
        ``InvalidArgument``."""

    def write(self, resource: Any, asking: View) -> dict[str, Any]:
        """The keys of an answer."""


@dataclass(frozen=True, slots=True)
class Told:
    """A key whose value callers give. ``name``: what the version calls it; ``kind``: what it may be there."""

    row: Field
    name: str
    kind: Kind

    def read(self, body: Body, limits: Limits) -> dict[str, Any]:
        if self.name not in body:
            return {}
        value = read_value(self.kind, body[self.name], self.name, limits)
        return {self.row.attribute: value} if self.row.attribute else {"kept": {self.row.name: value}}

    def write(self, resource: Any, asking: View) -> dict[str, Any]:
        row = self.row
        if not row.attribute:
            value = resource.kept.get(row.name, row.default)
            return {} if value is ABSENT else {self.name: self.kind.write(value)}
        value = getattr(resource, row.attribute)
        return {self.name: row.default if value is None else self.kind.write(value)}


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


class Shape(tuple[Member, ...]):
    """One resource in one API version: its keys in the order in which they are written."""

    __slots__ = ()

    @classmethod
    def of(cls, *members: Member) -> "Shape":
        return cls(members)

    def read(self, asking: View, body: Body | None = None) -> dict[str, Any]:
        """The changes that a request asks for. What a body has besides is not looked at. Raises
        ``InvalidArgument``."""
        changes: dict[str, Any] = {}
        given = asking.body if body is None else body
        for member in self:
            for name, value in member.read(given, asking.limits).items():
                changes[name] = {**changes[name], **value} if name == "kept" and name in changes else value
        return changes

    def write(self, resource: object, asking: View) -> dict[str, Any]:
        """The resource as an answer shows it."""
        document: dict[str, Any] = {}
        for member in self:
            document |= member.write(resource, asking)
        return document


def read_value(expected: Kind, value: Any, name: str, limits: Limits) -> Any:
    """Raises ``InvalidArgument`` in the words of the live service."""
    found = expected.read(value, limits)
    if isinstance(found, Wrong):
        raise InvalidArgument.choice(label(name), expected.allowed(limits), shown(value))
    return found


def required(body: Mapping[str, Any], name: str, expected: Kind, limits: Limits) -> Any:
    """The value of a key that must be there. Raises ``InvalidArgument``."""
    if name not in body:
        raise InvalidArgument(f"{label(name)} is required but not provided")
    return read_value(expected, body[name], name, limits)
