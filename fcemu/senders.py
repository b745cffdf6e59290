"""Where reports go besides the emulator: posted to a URL, as stand-ins for MNS and others."""

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

POST_SECONDS: Final = 10.0
"""Real seconds that each step of one posting may take."""


def post(url: str, body: bytes, headers: Mapping[str, str]) -> str | None:
    """Post ``body`` and wait, in real time, for the answer; returns why that failed, ``None`` for any 2xx.

    Proxy variables are ignored and redirects not followed: the URL is somewhere near. Raises nothing.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=POST_SECONDS)
        try:
            connection.request("POST", target, body, {**headers, "Connection": "close"})
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as broken:
        return f"{url}: {str(broken) or type(broken).__name__}"
    return None if 200 <= answer.status < 300 else f"{url} answers {answer.status} {answer.reason}".rstrip()
