"""HTTP requests to functions, in process: what an HTTP trigger would hand on, and what its caller would get back."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fcemu.core import invocation as core
from fcemu.core.asking import never_ran
from fcemu.core.errors import FCError
from fcemu.core.functions import Function as Definition
from fcemu.core.http import BODILESS, HttpAnswer, HttpRequest
from fcemu.core.http_events import answer_of, checked
from fcemu.core.outcome import FunctionError, Returned, TimedOut
from fcemu.engine.emulator import Asked
from fcemu.testing.handles import Headers, Payload, Reply, encode


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
    last = record.attempts[-1].outcome if record.attempts else None
    match last:
        case Returned(payload, http) | FunctionError(_, payload, _, http) if isinstance(last, Returned) or http:
            try:
                answer, body = (http, payload) if http is not None else answer_of(payload)
                answer = checked(answer)
            except FCError as bad:
                return refused(bad, record.id)
            error = None if isinstance(last, Returned) else last.error_type
        case FunctionError(error_type, body) | TimedOut(body, error_type):
            answer = HttpAnswer(502, (("Content-Type", "application/json"), ("X-Fc-Error-Type", error_type)))
            error = error_type
        case nothing_ran:
            return refused(never_ran(record.accepted.function, nothing_ran), record.id)
    if answer.status in BODILESS:
        body = b""
    headers = {**dict(answer.headers), "X-Fc-Request-Id": record.id}
    return Reply(answer.status, Headers(headers), body, error, logs, record.id)


def refused(error: FCError, request_id: str = "") -> Reply:
    """What the caller of an HTTP trigger got instead of an answer of the function."""
    document = {"RequestId": request_id, "Code": error.code, "Message": error.message}
    headers = Headers({"Content-Type": "application/json", "X-Fc-Request-Id": request_id})
    return Reply(error.status, headers, _compact(document), error.code, "", request_id)


def _compact(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
