"""What a test reads and never changes: facts, replies, attempts, events; and the forms of what it gives."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from fcemu.core.compact import compact
from fcemu.core.values import dataclass

Duration = float | timedelta | str
Payload = bytes | str | Mapping[str, Any] | list[Any] | int | float | bool | None


def encode(payload: Payload) -> bytes:
    """Bytes as they are, text as UTF-8, anything else as compact JSON."""
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, str):
        return payload.encode()
    return compact(payload).encode()


class UnknownName(LookupError):
    """Nobody defined or used that name; the text has the closest one."""

    @classmethod
    def of(cls, kind: str, name: str, known: list[str]) -> "UnknownName":
        """The error for a ``kind`` of thing, e.g. ``"function"``."""
        if not known:
            return cls(f"there is no {kind} {name!r}; there is no {kind} at all")
        close = get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return cls(f"there is no {kind} {name!r}; {hint}known: {', '.join(sorted(known))}")


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of the journal: ``n`` counts from 1, ``data`` holds what belongs to its ``kind``."""

    n: int
    at: datetime
    kind: str
    function: str
    request_id: str
    attempt: int | None
    data: Mapping[str, Any]


class Readable:
    """What has a body, which may be text or JSON."""

    __slots__ = ()

    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """The body read as JSON; raises ``ValueError``."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply(Readable):
    """What a caller gets: status, headers (looked up in any letter case), body, and FC's error type if it failed."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes
    error: str | None
    logs: str
    request_id: str


class Headers(dict[str, str]):
    """Headers by name in any letter case."""

    def __init__(self, pairs: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in pairs.items()})

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """The header's value, or ``default``."""
        return super().get(name.lower(), default)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the handler, or one refusal to run it (``started == ended``)."""

    number: int
    started: datetime
    ended: datetime | None
    outcome: str | None
    """``None`` while it runs, else ``returned``, ``function error``, ``timed out``, ``throttled``, ``system error``,
    ``stopped`` or ``stuck`` (only the clock held it up, which stood still for it)."""
    error: str | None
    """FC's error type, e.g. ``UnhandledInvocationError``."""
    exception: BaseException | None
    """What the handler raised (inline runtime; the newest thousand are kept)."""
    logs: str
    """The log as FC writes it, with its marker lines."""
    instance_id: str


@dataclass(frozen=True, slots=True)
class Event:
    """A state that an invocation entered; ``detail`` is JSON text as FC writes it, ``""`` for plain transitions."""

    status: str
    at: datetime
    detail: str
