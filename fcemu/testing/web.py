"""HTTP requests to functions, in process: what an HTTP trigger would hand on, and what its caller would get back."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fcemu.core import invocation as core
from fcemu.core.answers import http_answer_of
from fcemu.core.errors import FCError
from fcemu.core.functions import Function as Definition
from fcemu.core.http import BODILESS, HttpRequest
from fcemu.engine.emulator import Asked
from fcemu.testing.records import Headers, Payload, Reply, encode


def asked_for(
    definition: Definition,
    qualifier: str,
    region: str,
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None,
    json: Any,
    data: Payload,
) -> Asked:
    """The invocation that an HTTP request is; ``path`` is below the trigger's address."""
    given = dict(headers or {})
    body = encode(data)
    if json is not None:
        body = _compact(json)
        given.setdefault("Content-Type", "application/json")
    target = quote(path if path.startswith("/") else f"/{path}", safe="/%:@!$&'()*+,;=~?")
    if params:
        target += ("&" if "?" in target else "?") + urlencode(params, doseq=True)
    domain = f"{definition.ref.name}.{region}.fcapp.run"
    given.setdefault("Host", domain)
    request = HttpRequest.of(method.upper(), target, given.items(), domain)
    return Asked(definition.ref, body, qualifier, source="http", http=request)


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
    return Reply(error.status, headers, _compact(document), error.code, "", request_id)


def _compact(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
