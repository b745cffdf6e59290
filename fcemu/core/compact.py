"""What fits on one line: JSON as FC writes it, without blanks and with every character as it is; and payloads."""

import base64
import json
from typing import Final

_SHOWN: Final = 60
_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""Made once: a journal has a hundred thousand lines."""


def compact(document: object) -> str:
    """``document`` as JSON on one line."""
    return _COMPACT.encode(document)


def short(payload: bytes) -> str:
    """The beginning of a text that somebody sent or returned, in quotes and on one line."""
    text = " ".join(payload.decode(errors="replace").split())
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def as_text(payload: bytes) -> str:
    """A payload as the string of a report. ASSUMED: fcemu writes a payload that is not UTF-8 as base64 in a report
    (retry-and-destinations §3.1)."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return base64.b64encode(payload).decode()
