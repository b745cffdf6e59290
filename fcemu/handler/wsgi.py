"""Calls a handler as a WSGI application, which is what an HTTP function of FC 2.0 is (runtimes §2.1)."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from fcemu.handler.call import Request

_DEFAULT_TYPE = "application/octet-stream"


class Answer(NamedTuple):
    """What an application answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class NotAnswered(Exception):
    """The application has not called ``start_response``."""


def ask(application: Callable[..., Any], request: Request, body: bytes, context: Any, handler: str) -> Answer:
    """Ask a WSGI application; raises what it raises, and ``NotAnswered``.

    ASSUMED: fcemu fails an application that never calls ``start_response``; FC's runtime sends empty HTTP parameters
    back (runtimes §2.1).
    """
    begun: list[tuple[int, list[tuple[str, str]]]] = []
    parts: list[bytes] = []

    def write(data: Any) -> None:
        parts.append(_bytes(data))

    def start_response(status: str, headers: Iterable[tuple[str, str]], exc_info: Any = None) -> Callable[[Any], None]:
        begun[:] = [(int(status.split(" ", 1)[0]), [(str(name), str(text)) for name, text in headers])]
        return write

    given = application(environ_of(request, body, context, handler), start_response)
    try:
        parts += [given] if isinstance(given, bytes) else map(_bytes, given)
    finally:
        if hasattr(given, "close"):
            given.close()
    if not begun:
        raise NotAnswered("the application did not call start_response")
    return Answer(*begun[0], b"".join(parts))


def _bytes(data: Any) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data)


def environ_of(request: Request, body: bytes, context: Any, handler: str) -> dict[str, Any]:
    """The WSGI environment that FC's runtime makes of a request."""
    given: dict[str, str] = {}
    for name, text in request.passed_on():
        key = name.upper().replace("-", "_")
        given[key] = f"{given[key]},{text}" if key in given else text
    content_type = given.pop("CONTENT_TYPE", _DEFAULT_TYPE)
    return {
        **os.environ,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path or "/",
        "QUERY_STRING": request.target.partition("?")[2],
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": request.client_ip,
        "SERVER_NAME": "FCRUNTIME",
        "SERVER_PORT": "9000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "FCRUNTIME/1.0",
        **{f"HTTP_{key}": text for key, text in given.items()},
        "HTTP_X_FC_FUNCTION_HANDLER": handler,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": _errors(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "fc.request_uri": request.uri or request.target,
        "fc.context": context,
    }


def _errors() -> Any:
    import sys

    return sys.stderr
