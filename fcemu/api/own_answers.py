"""Requests of fcemu's own API are read as its records here, and records and problems written as answers."""

import json
from typing import Any, Final

from fcemu.api.wire import Answer, status_line
from fcemu.own_api.codec import encode, found, read_record
from fcemu.own_api.problems import PROBLEM_JSON, Problem
from fcemu.own_api.routes import JSON, Route

BODY_BYTES: Final = 1024 * 1024


def read_body(route: Route[Any], data: bytes) -> Any:
    """What a route takes; no body is an object without members. Raises ``Problem``."""
    document = {} if not data.strip() else _read_object(data)
    return document if route.takes is dict else read_record(route.takes, document, one=route.takes_one)


def _read_object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as wrong:
        raise Problem("invalid-json", f"the body is not JSON: {wrong}") from None
    except RecursionError:
        raise Problem("invalid-json", "the body is nested too deeply") from None
    if not isinstance(document, dict):
        raise Problem("invalid-json", f"the body: expected an object, got {found(document)}")
    return document


def answer_of(route: Route[Any], told: Any) -> Answer:
    """What a route answers, written as the route says."""
    content = route.content[0]
    if told is None:
        return Answer(204, status_line(204))
    if content == JSON:
        return json_answer(told)
    if isinstance(told, str):
        told = told.encode("utf-8", "backslashreplace")
        content += "; charset=utf-8" if content.startswith("text/") else ""
    return Answer(200, f"{status_line(200)}Content-Type: {content}\r\n", told)


def json_answer(told: Any, status: int = 200, content: str = JSON) -> Answer:
    """Records, or a document, as a response."""
    return Answer(status, f"{status_line(status)}Content-Type: {content}\r\n", json_bytes(encode(told)))


def json_bytes(document: Any) -> bytes:
    """JSON without blanks; halves of surrogate pairs as escapes of Python."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def problem_answer(problem: Problem) -> Answer:
    """A problem as a response."""
    return json_answer(problem.document(), problem.status, PROBLEM_JSON)
