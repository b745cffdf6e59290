"""The values that a test reads (facts, replies, attempts, events), and the forms of what it gives to an emulator."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal, SupportsIndex, TypeVar, overload

from fcemu.core.compact import compact, short
from fcemu.core.values import dataclass
from fcemu.core.wording import did_you_mean

T = TypeVar("T")

Duration = float | timedelta | str
Payload = bytes | str | Mapping[str, Any] | list[Any] | int | float | bool | None


def encode(payload: Payload) -> bytes:
    """Bytes as they are, text as UTF-8, anything else as compact JSON."""
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, str):
        return payload.encode()
    return compact(payload).encode()


Status = Literal[
    "Enqueued",
    "Dequeued",
    "Running",
    "Retrying",
    "Stopping",
    "Succeeded",
    "Failed",
    "Stopped",
    "Expired",
    "Invalid",
]
"""FC's words for where an invocation is."""
Outcome = Literal["returned", "function error", "timed out", "throttled", "system error", "stopped", "stuck"]
"""What an attempt came to."""
InvocationKind = Literal["sync", "async"]
Source = Literal["api", "http", "timer", "trigger", "destination"]
"""What caused an invocation."""


def read_json(body: bytes, what: str) -> Any:
    """The bytes read as JSON. Raises ``ValueError`` that shows how ``what`` begins."""
    try:
        return json.loads(body)
    except ValueError as wrong:
        raise ValueError(f"{what} is not JSON ({wrong}): it begins with {short(body)}") from None


class Several(list[T]):
    """A list for a test. An index that it does not have raises an ``IndexError`` that says what to do."""

    def __init__(self, found: "list[T]", why: Callable[[], str]) -> None:
        super().__init__(found)
        self._why: Final = why

    @overload
    def __getitem__(self, which: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, which: slice) -> list[T]: ...
    def __getitem__(self, which: Any) -> Any:
        __tracebackhide__ = True
        try:
            return super().__getitem__(which)
        except IndexError:
            raise IndexError(self._why()) from None


class NotEnded(LookupError):
    """``Invocation.reply`` before the invocation has ended; the text says who must move the clock."""


class UnknownName(LookupError):
    """Nobody defined or used that name; the text has the closest one."""

    @classmethod
    def of(cls, kind: str, name: str, known: list[str]) -> "UnknownName":
        """The error for a ``kind`` of thing, e.g. ``"function"``."""
        if not known:
            return cls(f"there is no {kind} {name!r}; there is no {kind} at all")
        hint = f"{question} " if (question := did_you_mean(name, known)) else ""
        return cls(f"there is no {kind} {name!r}; {hint}known: {', '.join(sorted(known))}")


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of the journal: ``n`` counts from 1, ``data`` holds what belongs to its ``kind``."""

    n: int
    """Its number in the journal, from 1."""
    at: datetime
    """The virtual instant at which it happened, in UTC."""
    kind: str
    """Its kind, such as ``Accepted``, ``Started`` or ``Failed``."""
    function: str
    """``service/name`` or ``name``; ``""`` where it belongs to no function."""
    request_id: str
    """The invocation to which it belongs, else ``""``."""
    attempt: int | None
    """The number of the attempt to which it belongs, else ``None``."""
    data: Mapping[str, Any]
    """What this kind of fact tells besides, by name."""


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
        __tracebackhide__ = True
        return read_json(self.body, "the body")


def _nothing() -> None:
    """An answer that belongs to no invocation: nobody has to look at it."""


class Reply:
    """What a caller gets: status, headers (looked up in any letter case), body, and FC's error type if it failed.

    A failure counts as looked at once a test has read anything but ``headers`` and ``request_id``.
    """

    __slots__ = ("_body", "_error", "_logs", "_looked", "_result", "_status_code", "headers", "request_id")

    def __init__(
        self,
        status_code: int,
        headers: Mapping[str, str],
        body: bytes,
        error: str | None,
        logs: str,
        request_id: str,
        *,
        looked: Callable[[], object] = _nothing,
        result: Callable[[], Any] | None = None,
    ) -> None:
        """``looked`` is called when a test reads it. ``result`` returns what the function returned, or raises."""
        self.headers: Final = headers
        self.request_id: Final = request_id
        self._status_code: Final = status_code
        self._body: Final = body
        self._error: Final = error
        self._logs: Final = logs
        self._looked: Final = looked
        self._result: Final = result

    def as_http(self, status_code: int, headers: Mapping[str, str], body: bytes, error: str | None) -> "Reply":
        """The same answer as an HTTP trigger passes it on."""
        logs, request_id = self._logs, self.request_id
        return Reply(
            status_code,
            headers,
            body,
            error,
            logs,
            request_id,
            looked=self._looked,
            result=partial(_result, self, body),
        )

    @property
    def status_code(self) -> int:
        """The HTTP status with which FC answers the caller."""
        self._looked()
        return self._status_code

    @property
    def body(self) -> bytes:
        """The body as it was sent: what the function returned, or FC's document of its error."""
        self._looked()
        return self._body

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """The body read as JSON; raises ``ValueError``."""
        __tracebackhide__ = True
        return read_json(self.body, "the body of the reply")

    @property
    def error(self) -> str | None:
        """FC's error type, ``None`` where the function has returned."""
        self._looked()
        return self._error

    @property
    def logs(self) -> str:
        """The log of the attempt as FC writes it."""
        self._looked()
        return self._logs

    def result(self) -> Any:
        """What the function returned: JSON, else text. Raises ``InvocationFailed`` from the handler's own exception
        where it failed, as ``Invocation.result`` does, and ``FCError`` where FC refused the request."""
        __tracebackhide__ = True
        self._looked()
        if self._result is not None:
            return self._result()
        return json_or_text(self._body)

    def _compared(self) -> tuple[object, ...]:
        return (self._status_code, self.headers, self._body, self._error, self._logs, self.request_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reply) and self._compared() == other._compared()

    __hash__ = None  # type: ignore[assignment]  # its headers are a mapping, and so it never had one

    def __repr__(self) -> str:
        said = f" {self._error}" if self._error else ""
        return f"<Reply {self._status_code}{said} {short(self._body)}>"


def _result(reply: Reply, body: bytes) -> Any:
    """What the caller of an HTTP trigger got, where the function returned; raises what ``reply`` raises."""
    __tracebackhide__ = True
    reply.result()
    return json_or_text(body)


def json_or_text(body: bytes) -> Any:
    """What a function returned, as JSON where it is some, else as text."""
    text = body.decode(errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


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
    """Its number among the attempts of the invocation, from 1."""
    started: datetime
    """The virtual instant at which it started, in UTC."""
    ended: datetime | None
    """The virtual instant at which it ended, in UTC; ``None`` while it runs."""
    outcome: Outcome | None
    """``None`` while it runs, else ``returned``, ``function error``, ``timed out``, ``throttled``, ``system error``,
    ``stopped`` or ``stuck`` (only the clock held it up, which stood still for it)."""
    error: str | None
    """FC's error type, e.g. ``UnhandledInvocationError``."""
    exception: BaseException | None
    """What the handler raised (inline runtime; the newest thousand are kept)."""
    logs: str
    """The log as FC writes it, with its marker lines."""
    instance_id: str
    """The instance that ran it."""
    traceback: str | None = None
    """Where the handler failed, or was when it was ended, with the real paths of its files; ``None`` where no line is
    known. Nothing of it is in the journal."""
    location: str | None = None
    """The innermost line of the handler's own code, ``shop/handlers.py:12``: relative to pytest's rootdir, else an
    absolute path."""


@dataclass(frozen=True, slots=True)
class Event:
    """A state that an invocation entered; ``detail`` is JSON text as FC writes it, ``""`` for plain transitions."""

    status: Status
    """The state that the invocation entered."""
    at: datetime
    """The virtual instant at which it did, in UTC."""
    detail: str
    """JSON text as FC writes it, ``""`` for a plain transition."""
