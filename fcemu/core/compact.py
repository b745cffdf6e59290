"""What fits on one line: JSON as FC writes it, without blanks and with every character as it is; and payloads."""

import json
from typing import Final

_SHOWN: Final = 60


def compact(document: object) -> str:
    """``document`` as JSON on one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def short(payload: bytes) -> str:
    """The beginning of a text that somebody sent or returned, in quotes and on one line."""
    text = " ".join(payload.decode(errors="replace").split())
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
