"""Clients that break off at any point of head, body or answer: every other client gets its answer."""

import logging
import os
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from api.harness import FC3, Served
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from patience import WAIT_SECONDS

from fcemu.api.wire import Answer
from fcemu.endpoints.authority import authority

FULL = os.environ.get("FCEMU_EFFORT") == "full"
EFFORT = settings(
    max_examples=2_000 if FULL else 40,
    deadline=None,
    derandomize=not FULL,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),  # a client that is stranded waits long, and would for each smaller case
)
pytestmark = pytest.mark.timeout(3600 if FULL else 300)
TRUSTING = ssl.create_default_context(cadata=authority().pem)
RESET = struct.pack("ii", 1, 0)
LARGE = 400_000


def post(path: str, body: bytes, more: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


BREAKING: list[bytes] = [
    post(FC3.format("echo"), b"echo" * 50),
    post(FC3.format("large"), b""),
    post(FC3.format("nobody"), b"refused" * 50),
    post(FC3.format("echo"), b"unread" * 50, "X-Fc-Invocation-Type: Sideways\r\n"),
    post("/_fcemu/clock", b"{" * 200),
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n" + b"nonsense" * 30,
    b"GET /_fcemu/journal?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n",
]


class Breaking(NamedTuple):
    """A client that sends a share of a request, reads so much of the answer, and is gone."""

    request: bytes
    share: float
    reads: int
    ends: str


CLIENTS = st.lists(
    st.one_of(
        st.just(None),
        st.builds(
            Breaking,
            st.sampled_from(BREAKING),
            st.one_of(st.just(1.0), st.floats(0.01, 1), st.floats(0.5, 0.99)),
            st.sampled_from([0, 0, 0, 0, 0, 1, 200, 100_000]),
            st.sampled_from(["close", "reset", "half"]),
        ),
    ),
    min_size=8,
    max_size=40,
)


@pytest.fixture
def busy(serve: Callable[..., Served]) -> Served:
    return serve(server={"tls": authority}, echo=lambda call: bytes(call.payload), large=lambda call: b"x" * LARGE)


def connected(server: Served, secure: bool) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_SECONDS)
    return TRUSTING.wrap_socket(client, server_hostname="localhost") if secure else client


def end(client: socket.socket, how: str) -> None:
    if how == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    elif how == "half":
        client.shutdown(socket.SHUT_WR)
    client.close()


def answer_to(client: socket.socket, length: int) -> bytes:
    """The body of the answer that comes next, which has a known length."""
    data = b""
    while len(data.partition(b"\r\n\r\n")[2]) < length:
        piece = client.recv(65536)
        assert piece, f"the connection ended after {data[:300]!r}"
        data += piece
    return data.partition(b"\r\n\r\n")[2]


def all_at_once(server: Served, clients: list[Breaking | None], *, secure: bool = False) -> None:
    """Let all of them come to the server in one turn of its loop; whoever does not break off gets its answers."""
    there = [connected(server, secure) for _ in clients]
    try:
        with server.held():
            for number, (client, breaking) in enumerate(zip(there, clients, strict=True)):
                if breaking is None:
                    client.sendall(post(FC3.format("echo"), b"%04d" % number))
                    continue
                client.sendall(breaking.request[: max(1, int(len(breaking.request) * breaking.share))])
                if not breaking.reads:
                    end(client, breaking.ends)
        for again in (False, True):
            for number, (client, breaking) in enumerate(zip(there, clients, strict=True)):
                if breaking is None:
                    if again:
                        client.sendall(post(FC3.format("echo"), b"%04d" % number))
                    assert answer_to(client, 4) == b"%04d" % number
                elif breaking.reads and breaking.share == 1 and not again:
                    client.recv(breaking.reads)
                    end(client, breaking.ends)
    finally:
        for client in there:
            client.close()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
@given(clients=CLIENTS)
@EFFORT
def test_each_of_the_others_gets_its_answer(
    busy: Served, caplog: pytest.LogCaptureFixture, secure: bool, clients: list[Breaking | None]
) -> None:
    all_at_once(busy, clients, secure=secure)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("request_", BREAKING[2:6], ids=["no function", "no such type", "no document", "no HTTP"])
def test_a_refused_client_that_does_not_wait_leaves_the_others_their_answers(busy: Served, request_: bytes) -> None:
    all_at_once(busy, [Breaking(request_[:-100], 1.0, 0, "close"), None, None])


def test_a_defect_that_one_client_meets_ends_its_connection_and_no_other(
    busy: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is raised while its answer is written."""
    prepare = Answer.prepare

    async def broken(answer: Answer, *of: Any, **how: Any) -> None:
        if answer.status == 404:
            raise RuntimeError("a defect")
        await prepare(answer, *of, **how)

    monkeypatch.setattr(Answer, "prepare", broken)
    met = post(FC3.format("nobody"), b"")
    good = post(FC3.format("echo"), b"good")
    with busy.socket() as first, busy.socket() as client, busy.socket() as last:
        with busy.held():
            first.sendall(good)
            client.sendall(met)
            last.sendall(good)
        assert (answer_to(first, 4), answer_to(last, 4)) == (b"good", b"good")
        with suppress(ConnectionError):
            assert client.recv(65536) == b""
    assert [record.exc_info[1].args for record in caplog.records if record.exc_info] == [("a defect",)]
