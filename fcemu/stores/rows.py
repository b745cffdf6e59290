"""Facts and notes as the text of rows."""

import json
from typing import Final

from fcemu.core.facts import FORGOTTEN, Accepted, Fact, from_json, time_text, to_json

written: Final = json.JSONEncoder(separators=(",", ":")).encode
"""A value as JSON, in ASCII: what handlers write may hold halves of characters, which no file takes as they are."""
_quoted: Final = json.encoder.encode_basestring_ascii


def fact_text(fact: Fact) -> str:
    """The fact as JSON, as ``to_json`` has it; the kind of which most come from outside is written without detours."""
    if type(fact) is not Accepted or fact.http is not None:
        return written(to_json(fact))
    try:
        payload = _quoted(fact.payload.decode())
    except UnicodeDecodeError:
        return written(to_json(fact))
    at = time_text(fact.at)
    return (
        f'{{"at":"{at}","kind":"Accepted","request_id":{_quoted(fact.request_id)},"attempt":null,"data":{{'
        f'"function":{_quoted(str(fact.function))},"qualifier":{_quoted(fact.qualifier)},'
        f'"synchronous":{"true" if fact.synchronous else "false"},"source":{_quoted(fact.source)},'
        f'"payload":{payload},"due":"{at if fact.due is fact.at else time_text(fact.due)}",'
        f'"root":{_quoted(fact.root)},"depth":{fact.depth},"task_id":{_quoted(fact.task_id)}}}}}'
    )


def read_fact(text: str) -> Fact:
    """Raises what ``from_json`` raises."""
    return from_json(json.loads(text)) if text else FORGOTTEN
