"""What a test that is copied says of values: literals, and expressions for what differs from run to run."""

import builtins
import json
import re
from datetime import datetime, timedelta
from typing import Any, Final

from fcemu.core.invocation import Invocation
from fcemu.core.names import LATEST

ANY: Final = "ANY"
"""The name in a test of what equals everything."""
_UUID: Final = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-z]-[0-9a-f]{8}-[0-9a-f]{8}|0x[0-9a-f]{6,}", re.IGNORECASE
)
"""Ids as FC and programs draw them, and addresses of objects."""
_TIME: Final = re.compile(r"\d{1,2}:\d\d|\d{4}-\d\d-\d\d|\d ?ms\b")


class Values:
    """Writes the values that an invocation came to, in a test where ``invocation`` is its handle.

    ``exact``: its times are those of the test. ``begin`` and ``end``: between which instants it was, else.
    """

    def __init__(self, request_id: str, begin: datetime, end: datetime, *, exact: bool) -> None:
        self._id: Final = request_id
        self._exact: Final = exact
        self._span: Final = (begin - timedelta(days=2), end + timedelta(days=2))
        self.uses_any = False
        """Whether a value was told as ``ANY``."""

    def of(self, value: Any) -> str:
        """A value as an expression: what differs from run to run is told by what it is, or is anything."""
        match value:
            case dict():
                return "{" + ", ".join(f"{key!r}: {self.of(each)}" for key, each in value.items()) + "}"
            case list():
                return "[" + ", ".join(map(self.of, value)) + "]"
            case str():
                return self._said(value)
            case float() if not self._exact:
                self.uses_any = True
                return ANY
            case int() if not isinstance(value, bool) and self._may_be_time(value):
                self.uses_any = True
                return ANY
        return repr(value)

    def _said(self, text: str) -> str:
        if text == self._id:
            return "invocation.request_id"
        rest = text.replace(self._id, "")
        if _UUID.search(rest) or (not self._exact and _TIME.search(rest)):
            self.uses_any = True
            return ANY
        if rest != text:
            pieces = [repr(piece) if piece else "" for piece in text.split(self._id)]
            return " + invocation.request_id + ".join(pieces).removeprefix(" + ").removesuffix(" + ")
        return repr(text)

    def _may_be_time(self, number: int) -> bool:
        if self._exact:
            return False
        begin, end = (at.timestamp() for at in self._span)
        return any(begin <= number / unit <= end for unit in (1, 1_000, 1_000_000, 1_000_000_000))


def duration_text(duration: timedelta) -> str:
    return f"{duration.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"


def document_of(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def read_object(payload: bytes) -> dict[str, Any]:
    document = document_of(payload)
    return document if isinstance(document, dict) else {}


def literal(payload: bytes, *, text: bool = False) -> str:
    """An expression that a handle writes as these bytes; ``text``: as text where it can be."""
    document = None if text else document_of(payload)
    if isinstance(document, dict | list):
        written = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        if written == payload:
            return repr(document)
    try:
        return repr(payload.decode())
    except UnicodeDecodeError:
        return repr(payload)


def function_handle(one: Invocation) -> str:
    """The handle of the function that was asked for."""
    qualifier = "" if one.qualifier == LATEST else f", {one.qualifier!r}"
    return f"fcemu.function({str(one.function)!r}{qualifier})"


def exception_made(name: str, document: bytes) -> str:
    """An expression for what a stub raised."""
    said = read_object(document)
    kind = name or str(said.get("errorType", "Exception"))
    made = kind if hasattr(builtins, kind) else f"type({kind!r}, (Exception,), {{}})"
    return f"{made}({said.get('errorMessage', '')!r})"
