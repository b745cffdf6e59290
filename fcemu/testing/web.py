"""HTTP requests to functions, in process: what an HTTP trigger would hand on, and what its caller would get back."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fcemu.core import invocation as core
from fcemu.core.answers import http_answer_of
from fcemu.core.compact import compact
from fcemu.core.errors import FCError
from fcemu.core.http import BODILESS, HttpRequest
from fcemu.testing.records import Headers, Payload, Reply, encode


def request_of(
    domain: str,
    method: str,
    path: str,
    params: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None,
    json: Any,
    data: Payload,
) -> tuple[HttpRequest, bytes]:
    """An HTTP request, and its body; ``path`` is below the address of a trigger in ``domain``."""
    given = dict(headers or {})
    body = encode(data)
    if json is not None:
        body = compact(json).encode()
        given.setdefault("Content-Type", "application/json")
    target = quote(path if path.startswith("/") else f"/{path}", safe="/%:@!$&'()*+,;=~?")
    if params:
        target += ("&" if "?" in target else "?") + urlencode(params, doseq=True)
    given.setdefault("Host", domain)
    return HttpRequest.of(method.upper(), target, given.items(), domain), body


def reply_of(record: core.Invocation, logs: str) -> Reply:
    """What the caller of an HTTP trigger got from an invocation that has ended; refusals have their status."""
    answer = http_answer_of(record)
    if answer.refusal is not None:
        return refused(answer.refusal, record.id)
    headers = {**dict(answer.headers), "X-Fc-Request-Id": record.id}
    if answer.error is not None and not answer.by_function:
        headers["X-Fc-Error-Type"] = answer.error
    body = b"" if answer.status in BODILESS else answer.body
    return Reply(answer.status, Headers(headers), body, answer.error, logs, record.id)


def refused(error: FCError, request_id: str = "") -> Reply:
    """What the caller of an HTTP trigger got instead of an answer of the function."""
    document = {"RequestId": request_id, "Code": error.code, "Message": error.message}
    headers = Headers({"Content-Type": "application/json", "X-Fc-Request-Id": request_id})
    return Reply(error.status, headers, compact(document).encode(), error.code, "", request_id)
