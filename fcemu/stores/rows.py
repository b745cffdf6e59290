"""Facts and notes as the text of rows."""

import json
from typing import Final

from fcemu.core.facts import FORGOTTEN, Fact, from_json, to_json

written: Final = json.JSONEncoder(separators=(",", ":")).encode
"""A value as JSON, in ASCII: what handlers write may hold halves of characters, which no file takes as they are."""


def fact_text(fact: Fact) -> str:
    """The fact as JSON, as ``to_json`` has it."""
    return written(to_json(fact))


def read_fact(text: str) -> Fact:
    """Raises what ``from_json`` raises."""
    return from_json(json.loads(text)) if text else FORGOTTEN
