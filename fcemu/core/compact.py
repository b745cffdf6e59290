"""JSON as FC writes it: without blanks, and every character as it is."""

import json


def compact(document: object) -> str:
    """``document`` as JSON on one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
