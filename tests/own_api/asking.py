"""Requests to the server of an emulator."""

from http.client import HTTPConnection
from typing import Any

from api.harness import Reply
from patience import WAIT_SECONDS


def ask(emulator: Any, method: str, target: str, data: str | None = None, **headers: str) -> Reply:
    """One request on a connection of its own."""
    connection = HTTPConnection(emulator.host, emulator.port, timeout=WAIT_SECONDS)
    connection.request(method, target, data, headers)
    response = connection.getresponse()
    reply = Reply(response.status, dict(response.getheaders()), response.read())
    connection.close()
    return reply
