"""Answers of HTTP triggers as a strict client reads them: each ends where the next one begins."""

import base64
import json
import os
import socket
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import h11
import pytest
from api.plane import FC3, SERVICE, VERSIONS, Plane
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from patience import WAIT_SECONDS

from fcemu.core.http import HttpAnswer
from fcemu.core.outcome import Returned
from fcemu.core.triggers import METHODS
from fcemu.engine.ports import Call

FULL = os.environ.get("FCEMU_EFFORT") == "full"
STATUSES = range(200, 600) if FULL else (200, 201, 202, 204, 205, 206, 299, 301, 302, 304, 400, 404, 418, 500, 502, 599)
BODIES = [b"", b"text", b"\x00\xff" * 40_000]
WITHOUT_BODY = {204, 304}
EFFORT = settings(
    max_examples=3000 if FULL else 200,
    deadline=None,
    derandomize=not FULL,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TEXTS = st.one_of(
    st.sampled_from(["", "a", "X-A", "X Y", "X Y:z", "a:b", "Content-Length", "transfer-encoding", "a\r\nb", "\udcff"]),
    st.text(st.characters(), max_size=6),
)


class Answered(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """A client that keeps to the letter of HTTP, on one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._http = h11.Connection(h11.CLIENT)

    def ask(self, method: str, target: str, body: bytes = b"") -> Answered:
        headers = [("Host", "localhost"), ("Content-Length", str(len(body)))]
        events = [h11.Request(method=method, target=target, headers=headers), h11.Data(data=body), h11.EndOfMessage()]
        self._connection.sendall(b"".join(self._http.send(event) or b"" for event in events))
        head, pieces = None, []
        while not isinstance(event := self._next(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                head = event
            else:
                pieces.append(bytes(event.data))
        self._http.start_next_cycle()
        return Answered(head.status_code, {n.decode(): v.decode() for n, v in head.headers}, b"".join(pieces))

    def _next(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(self._connection.recv(65536))
        return event


class Scene(NamedTuple):
    client: Client
    targets: dict[str, str]


def answers(call: Call) -> Any:
    """What the request's body says: status, headers, and the body as base64."""
    payload = call.payload
    if call.http is None:
        payload = json.loads(payload)["body"].encode()
    status, headers, body = json.loads(payload)
    if call.http is not None:
        return Returned(base64.b64decode(body), HttpAnswer(status, tuple(map(tuple, headers))))
    several: dict[str, list[str]] = {}
    for name, text in headers:
        several.setdefault(name, []).append(text)
    answer = {"statusCode": status, "headers": several, "body": body, "isBase64Encoded": True}
    return json.dumps(answer).encode()


@pytest.fixture
def scene(open_plane: Callable[..., Plane]) -> Iterator[Scene]:
    """A connection to a function of either generation."""
    plane = open_plane(FC3)
    plane.runtime.handlers.default_factory = lambda: answers
    plane.make()
    config = {"authType": "anonymous", "methods": list(METHODS)}
    trigger = {"triggerName": "web", "triggerType": "http", "triggerConfig": json.dumps(config)}
    made = plane.ok("POST", plane.functions("resize", "triggers"), trigger)["httpTrigger"]
    name = made["urlInternet"].rpartition("/")[2]
    plane.version = VERSIONS[0]
    plane.make()
    plane.ok("POST", plane.functions("resize", "triggers"), {**trigger, "triggerConfig": config})
    with socket.create_connection(("127.0.0.1", plane.port), timeout=WAIT_SECONDS) as connection:
        targets = {"3.0": f"/{name}/", "2.0": f"/2016-08-15/proxy/{SERVICE}/resize/"}
        yield Scene(Client(connection), targets)


def wanted(status: int, headers: list[list[str]], body: bytes) -> bytes:
    return json.dumps([status, headers, base64.b64encode(body).decode()]).encode()


@pytest.mark.parametrize("generation", ["3.0", "2.0"])
def test_each_answer_ends_where_a_strict_client_expects_it(scene: Scene, generation: str) -> None:
    for status, body, method in product(STATUSES, BODIES, METHODS):
        answered = scene.client.ask(method, scene.targets[generation], wanted(status, [["X-Own", "yes"]], body))
        nothing = method == "HEAD" or status in WITHOUT_BODY
        assert (answered.status, answered.body) == (status, b"" if nothing else body), (status, method, len(body))
        assert answered.headers["x-own"] == "yes"
        if nothing and status not in WITHOUT_BODY and method == "HEAD":
            assert int(answered.headers["content-length"]) == len(body)


@EFFORT
@given(st.sampled_from(["3.0", "2.0"]), st.lists(st.tuples(TEXTS, TEXTS).map(list), max_size=3))
def test_whatever_headers_a_function_answers_the_client_reads_an_answer(
    scene: Scene, generation: str, headers: list[list[str]]
) -> None:
    answered = scene.client.ask("GET", scene.targets[generation], wanted(200, headers, b"body"))
    if answered.status != 200:
        error = json.loads(answered.body)
        assert (answered.status, error.get("Code", error.get("ErrorCode"))) == (502, "BadResponse")


@pytest.mark.parametrize("generation", ["3.0", "2.0"])
@pytest.mark.parametrize(
    "header",
    [["X Y:z", "a"], ["X Y", "a"], ["a:b", "c"], ["", "a"], ["X-A", "\ud800"], ["X-A", "b\udcffc"], ["é", "a"]],
)
def test_a_header_that_cannot_be_sent_is_a_bad_response(scene: Scene, generation: str, header: list[str]) -> None:
    answered = scene.client.ask("GET", scene.targets[generation], wanted(200, [header], b"body"))
    assert answered.status == 502
    assert "a header that cannot be sent" in answered.body.decode()
