"""Problems: what fcemu's own API answers instead of what was asked, and the checks of what it is sent."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from http import HTTPStatus
from sys import float_info
from typing import Any, Final, cast

from fcemu.api.wire import Answer, status_line
from fcemu.core.names import FunctionRef
from fcemu.core.options import OPTIONS
from fcemu.core.times import parse_duration

Reader = Callable[[Any], Any]
"""Reads one value from JSON or from a query; raises ``ValueError`` that says what was expected."""


class Problem(Exception):
    """An answer in the form of RFC 9457. ``more`` are further members of its document."""

    def __init__(self, status: int, kind: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.more = more

    def answer(self) -> Answer:
        """The response."""
        document = problem_document(self.status, self.kind, self.detail) | self.more
        return json_answer(document, self.status, "application/problem+json")


def problem_document(status: int, kind: str, detail: str) -> dict[str, Any]:
    """The members that every problem has; a stream that breaks off ends with them."""
    title = kind.replace("-", " ") if kind != "about:blank" else HTTPStatus(status).phrase
    return {"type": kind, "title": title, "detail": detail, "status": status}


def not_yet(what: str) -> Problem:
    """What is promised and not there yet."""
    return Problem(501, "not-supported-yet", f"not supported yet: {what}")


def not_found(what: str, name: str, known: list[str]) -> Problem:
    """A name that nobody defined or used, with the closest one that somebody did."""
    close = get_close_matches(name, known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known) or 'none'}"
    return Problem(404, "not-found", f"there is no {what} {name!r}{hint}")


def json_answer(document: Any, status: int = 200, content_type: str = "application/json") -> Answer:
    """A JSON document as a response."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    head = f"{status_line(status)}Content-Type: {content_type}\r\n"
    return Answer(status, head, text.encode("utf-8", "backslashreplace"))


def read_object(data: bytes, readers: Mapping[str, Reader] | None) -> dict[str, Any]:
    """The members of a JSON object; no body is an object without members. Without ``readers``, as they are.

    Raises ``Problem`` for what is not JSON, not an object, for members nobody knows and for wrong values.
    """
    if not data.strip():
        return {}
    try:
        document = json.loads(data)
    except ValueError as wrong:
        raise Problem(400, "invalid-json", f"the body is not JSON: {wrong}") from None
    except RecursionError:
        raise Problem(400, "invalid-json", "the body is nested too deeply") from None
    if not isinstance(document, dict):
        raise Problem(400, "invalid-json", f"the body is {found(document)}; expected an object")
    return document if readers is None else read_members(document, readers, "field")


def read_members(given: Mapping[str, Any], readers: Mapping[str, Reader], what: str) -> dict[str, Any]:
    """Values by name; raises ``Problem`` that names the member, what was found and what was expected."""
    values = {}
    for name, value in given.items():
        reader = readers.get(name)
        if reader is None:
            close = get_close_matches(name, readers, 1)
            allowed = ", ".join(readers) or "none"
            hint = f"; did you mean {close[0]!r}? Expected" if close else "; expected"
            raise Problem(400, f"unknown-{what}", f"there is no {what} {name!r}{hint}: {allowed}", **{what: name})
        try:
            values[name] = reader(value)
        except ValueError as wrong:
            detail = f"{what} {name!r}: found {found(value)}, expected {wrong}"
            raise Problem(400, f"invalid-{what}", detail, **{what: name}) from None
    return values


_KINDS: Final = {
    str: "text",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


def found(value: Any) -> str:
    """A value of JSON with its kind, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    text = text if len(text) <= 60 else f"{text[:59]}…"
    return text if value is None else f"{text} ({_KINDS[type(value)]})"


# Readers.

_MOST: Final = float_info.max


def number(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST <= value <= _MOST:
        raise ValueError("a number")
    return value


def not_negative(value: Any) -> float:
    """A number from 0."""
    if number(value) < 0:
        raise ValueError("0 or more")
    return float(value)


def whole(value: Any) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a whole number")
    return value


def within(option: str) -> Reader:
    """A number that an option takes."""

    kind = OPTIONS[option].kind

    def read(value: Any) -> float:
        if not kind.fits(value):
            raise ValueError(kind.expected)
        return cast(float, value)

    return read


def truth(value: Any) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def text(value: Any) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise ValueError("text")
    return value


def duration(value: Any) -> timedelta:
    """Seconds, or text like ``1h30m``."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError('a duration like "1h30m", or a number of seconds')
    try:
        return parse_duration(value)
    except ValueError:
        raise ValueError('a duration like "1h30m", or a number of seconds') from None


def seconds(value: Any) -> timedelta:
    """A number of seconds."""
    try:
        return timedelta(seconds=number(value))
    except OverflowError:
        raise ValueError("a number of seconds that a clock can move") from None


def not_negative_seconds(value: Any) -> timedelta:
    """A number of seconds from 0."""
    not_negative(value)
    return seconds(value)


def count(value: Any) -> int:
    """A whole number from 0, as a query has it."""
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19):
        raise ValueError("a whole number, 0 or more")
    return int(value)


def flag(value: Any) -> bool:
    """A truth value as a query has it."""
    words = {"1": True, "true": True, "0": False, "false": False}
    if value.lower() not in words:
        raise ValueError("1 or 0")
    return words[value.lower()]


def function_name(value: Any) -> FunctionRef:
    """Which function."""
    try:
        return FunctionRef.parse(text(value))
    except ValueError:
        raise ValueError("the name of a function, 'name' or 'service/name'") from None


def one_of(*allowed: str) -> Reader:
    """One of several words, in any letter case."""
    known = {word.lower(): word for word in allowed}

    def read(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in known:
            raise ValueError(" or ".join(allowed))
        return known[value.lower()]

    return read


def instant_text(read: Callable[[str], datetime]) -> Reader:
    """An instant as ``read`` understands it."""

    def reader(value: Any) -> datetime:
        try:
            return read(text(value))
        except ValueError:
            raise ValueError('an instant like "2026-01-01T00:00:00Z", or "+200s" from the start') from None

    return reader
