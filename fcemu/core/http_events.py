"""HTTP triggers of 3.0 in front of event handlers: a request becomes an event, and what is returned a response.

Source: FC docs, "Use an HTTP trigger to invoke a function" (http-triggers §3, runtimes §2.2).
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from fcemu.core.compact import compact
from fcemu.core.errors import FCError
from fcemu.core.http import HttpAnswer, HttpRequest
from fcemu.core.names import Account
from fcemu.core.times import milliseconds

_TEXTS: Final = (
    "text/", "application/json", "application/xml", "application/x-www-form-urlencoded", "application/javascript",
)  # fmt: skip
_RESPONSE_HEADER_BYTES: Final = 8 * 1024
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
"""What the name of a header is made of. Source: RFC 9110, 5.6.2."""
NOT_PASSED_BACK: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
)
"""Response headers that a function cannot set, like all that begin with ``x-fc-``. ASSUMED: fcemu drops response
headers that a function cannot set and does not refuse the answer (http-triggers §1)."""


def event_of(request: HttpRequest, body: bytes, request_id: str, now: datetime, account: Account) -> bytes:
    """The event that a handler gets for a request."""
    headers: dict[str, str] = {}
    for name, text in request.passed_on():
        name = _canonical(name)
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    queries = {name: text if isinstance(text, str) else ",".join(text) for name, text in request.queries.items()}
    readable = _as_text(body, headers.get("Content-Type", ""))
    event = {
        "version": "v1",
        "rawPath": request.target.partition("?")[0] or "/",
        "body": base64.b64encode(body).decode() if readable is None else readable,
        "isBase64Encoded": readable is None,
        "headers": headers,
        "queryParameters": queries,
        "requestContext": {
            "accountId": account.id,
            "domainName": request.domain,
            "domainPrefix": request.domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.client_ip,
                "userAgent": headers.get("User-Agent", ""),
            },
            "requestId": request_id,
            "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "timeEpoch": str(milliseconds(now)),
        },
    }
    return compact(event).encode("utf-8", "backslashreplace")


def response_of(payload: bytes) -> tuple[HttpAnswer, bytes]:
    """Status, headers and body for what a handler returned. Raises ``BadResponse`` for a response object that is none.

    ASSUMED: fcemu takes a result without ``statusCode`` as the whole body of an answer with status 200
    (http-triggers §3.1).
    """
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return HttpAnswer(200, (("Content-Type", "text/plain; charset=utf-8"),)), payload
    if not isinstance(document, dict) or "statusCode" not in document:
        return HttpAnswer(200, (("Content-Type", "application/json"),)), payload
    return HttpAnswer(_status(document["statusCode"]), _headers(document.get("headers"))), _body(document)


def checked(answer: HttpAnswer) -> HttpAnswer:
    """An answer without what a function cannot set. Raises ``BadResponse``."""
    kept = tuple(
        (name, text)
        for name, text in answer.headers
        if name.lower() not in NOT_PASSED_BACK
        and not name.lower().startswith("x-fc-")
        and not (name.lower() == "content-disposition" and text.strip().lower() == "attachment")
    )
    if not 200 <= answer.status <= 599:
        raise FCError("BadResponse", f"the function answered with the status {answer.status}")
    if not all(re.fullmatch(_TOKEN, name) and _can_be_sent(text) for name, text in kept):
        raise FCError("BadResponse", "the function answered with a header that cannot be sent")
    if sum(len(name) + len(text.encode()) for name, text in kept) > _RESPONSE_HEADER_BYTES:
        raise FCError("BadResponse", f"the function answered with more than {_RESPONSE_HEADER_BYTES} bytes of headers")
    return HttpAnswer(answer.status, kept)


def _can_be_sent(text: str) -> bool:
    """Whether a header's text fits on a line of its own, and is text in UTF-8."""
    return not any(c in "\r\n\0" or "\ud800" <= c <= "\udfff" for c in text)


def _canonical(name: str) -> str:
    """``content-type`` as ``Content-Type``. ASSUMED: fcemu writes the names of all headers in the form of FC's samples
    (http-triggers §3)."""
    return "-".join(part.capitalize() for part in name.split("-"))


def _as_text(body: bytes, content_type: str) -> str | None:
    """The body if it is text; ``None`` if it is binary. ASSUMED: fcemu takes a body for text if it is UTF-8 and its
    content type, if it has one, says text; FC does not say which is which (http-triggers §3)."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind and not kind.startswith(_TEXTS) and not kind.endswith(("+json", "+xml")):
        return None if body else ""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _status(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599:
        return value
    raise FCError("BadResponse", f"statusCode must be a number from 200 to 599, got {value!r}")


def _headers(value: object) -> tuple[tuple[str, str], ...]:
    """ASSUMED: fcemu reads a list as several headers of one name, such as ``Set-Cookie``, and ``null`` as no header
    (http-triggers §3.1)."""
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise FCError("BadResponse", f"headers must be an object, got {value!r}")
    several = {str(name): text if isinstance(text, list) else [text] for name, text in value.items()}
    return tuple((name, _plain(text)) for name, texts in several.items() for text in texts if text is not None)


def _plain(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _body(document: Mapping[str, Any]) -> bytes:
    body = document.get("body", "")
    if body is None:
        return b""
    if not isinstance(body, str):
        return compact(body).encode("utf-8", "backslashreplace")
    if str(document.get("isBase64Encoded", False)).lower() != "true":
        return body.encode("utf-8", "backslashreplace")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise FCError("BadResponse", "isBase64Encoded is true, but the body is not base64") from None
