"""URLs that a client is told have the scheme that it speaks."""

import base64
import io
import json
import re
import ssl
import zipfile
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPSConnection

import pytest
from patience import WAIT_SECONDS

from fcemu.endpoints.authority import authority
from fcemu.testing import LocalEmulator

Ask = Callable[..., bytes]


def code() -> dict[str, str]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return event\n")
    return {"zipFile": base64.b64encode(buffer.getvalue()).decode()}


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ask(scheme: str) -> Iterator[Ask]:
    """An empty emulator, asked over one connection."""
    with LocalEmulator("", strict=False) as emulator:
        connection: HTTPConnection
        if scheme == "https":
            context = ssl.create_default_context(cadata=authority().pem)
            connection = HTTPSConnection(emulator.host, emulator.port, timeout=WAIT_SECONDS, context=context)
        else:
            connection = HTTPConnection(emulator.host, emulator.port, timeout=WAIT_SECONDS)

        def asked(method: str, path: str, document: object = None) -> bytes:
            body = document if isinstance(document, str | None) else json.dumps(document)
            connection.request(method, path, body)
            answer = connection.getresponse()
            head = "".join(f"{name}: {text}\n" for name, text in answer.getheaders())
            return head.encode() + b"\n" + answer.read()

        yield asked
        connection.close()


def schemes(told: bytes) -> set[str]:
    """Of all the addresses of this machine in an answer."""
    return set(re.findall(r"(https?)://127\.0\.0\.1", told.decode()))


def test_addresses_of_triggers_and_of_code_have_the_callers_scheme(ask: Ask, scheme: str) -> None:
    function = {"functionName": "f", "runtime": "python3.10", "handler": "index.handler", "code": code()}
    ask("POST", "/2023-03-30/functions", function)
    trigger = {"triggerName": "web", "triggerType": "http", "triggerConfig": '{"authType": "anonymous"}'}
    assert schemes(ask("POST", "/2023-03-30/functions/f/triggers", trigger)) == {scheme}
    assert schemes(ask("GET", "/2023-03-30/functions/f/triggers")) == {scheme}
    assert schemes(ask("GET", "/2023-03-30/functions/f/code")) == {scheme}
    layer = {"code": code(), "compatibleRuntime": ["python3.10"]}
    assert schemes(ask("POST", "/2023-03-30/layers/tools/versions", layer)) == {scheme}


def test_addresses_of_queues_and_topics_have_the_callers_scheme(ask: Ask, scheme: str) -> None:
    for kind in ("queues", "topics"):
        assert schemes(ask("PUT", f"/{kind}/mine", "")) == {scheme}
        assert schemes(ask("GET", f"/{kind}")) == {scheme}
    assert schemes(ask("GET", "/queues/nobodys")) == {scheme}
