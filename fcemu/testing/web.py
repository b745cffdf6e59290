"""HTTP requests to functions without a socket: what an HTTP trigger hands on, and what its caller gets back."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn
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


def reply_of(record: core.Invocation, answered: Callable[[], Reply], looked: Callable[[], object]) -> Reply:
    """What the caller of an HTTP trigger got from an invocation that has ended; refusals have their status.
    ``answered`` gives what a caller of FC's API would have got, ``looked`` is called when the reply is read."""
    answer = http_answer_of(record)
    if answer.refusal is not None:
        return refused(answer.refusal, record.id, looked)
    headers = {**dict(answer.headers), "X-Fc-Request-Id": record.id}
    if answer.error is not None and not answer.by_function:
        headers["X-Fc-Error-Type"] = answer.error
    body = b"" if answer.status in BODILESS else answer.body
    return answered().as_http(answer.status, Headers(headers), body, answer.error)


def refused(error: FCError, request_id: str = "", looked: Callable[[], object] | None = None) -> Reply:
    """What the caller of an HTTP trigger got instead of an answer of the function."""

    def result() -> NoReturn:
        raise error

    document = {"RequestId": request_id, "Code": error.code, "Message": error.message}
    headers = Headers({"Content-Type": "application/json", "X-Fc-Request-Id": request_id})
    body = compact(document).encode()
    return Reply(
        error.status, headers, body, error.code, "", request_id, looked=looked or (lambda: None), result=result
    )
