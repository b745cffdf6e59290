"""How instants and bytes stand in JSON: in the journal and in fcemu's own API."""

import base64
from datetime import UTC, datetime
from typing import Any, Final

from fcemu.core.members import demand

_TIME: Final = "%d-%02d-%02dT%02d:%02d:%02d.%06dZ"


def time_text(at: datetime) -> str:
    """RFC 3339 in UTC with six digits, always the same length."""
    if at.year > 999 and at.tzinfo is UTC:  # half of what isoformat takes, and each fact has one or two
        return _TIME % (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at.year > 999 else at.astimezone(UTC).isoformat()


def read_time(text: str) -> datetime:
    """Read ``time_text``; raises ``ValueError``."""
    return datetime.fromisoformat(text).astimezone(UTC)


def text_or_base64(data: bytes) -> str | dict[str, str]:
    """Bytes as text where they are UTF-8, else ``{"base64": …}``."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def read_bytes(given: Any) -> bytes:
    """Read ``text_or_base64``; raises ``TypeError`` or ``ValueError``."""
    if isinstance(given, str):
        return given.encode()
    demand(given, ["base64"], "bytes")
    return base64.b64decode(given["base64"], validate=True)
