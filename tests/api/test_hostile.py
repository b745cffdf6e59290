"""Clients that want too much, or never come to an end: they are told so or dropped, and others are served."""

import logging
import re
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from api.harness import FC3

from fcemu.api import serving, wire
from fcemu.client import Client

MANY = 10_000
"""Half-open connections."""
PATH = FC3.format("echo")


def echo(call):
    return bytes(call.payload)


@pytest.fixture
def alive(served, caplog):
    """Afterwards a good request is answered, and nothing is logged."""
    yield served
    good = served.request("POST", PATH, b"still here")
    assert (good.status, good.body) == (200, b"still here")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


# Too much.

BIG = 300_000


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + b"a" * BIG + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /?" + b"a=b&" * BIG + b" HTTP/1.1\r\n\r\n",
        b"G" * BIG + b" / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * BIG + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a" * BIG + b": x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * BIG + b"\r\n",
        b"POST "
        + PATH.encode()
        + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        + b"T: x\r\n" * BIG
        + b"\r\n",
        b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n",
        b"\0" * BIG,
        b"\r\n" * BIG,
    ],
    ids=[
        "path",
        "query",
        "method",
        "value",
        "name",
        "headers",
        "trailers",
        "digits",
        "length",
        "zeros",
        "lines",
    ],
)
def test_it_is_refused_or_hung_up(alive, request_):
    with alive.socket() as client:
        answer = b""
        with suppress(ConnectionError):
            client.sendall(request_)
            with suppress(OSError):  # the server has hung up already
                client.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer == b"" or re.match(rb"HTTP/1\.1 4\d\d ", answer), answer[:200]
        assert len(answer) < 64_000


def test_a_note_on_a_chunk_is_not_kept_however_long(alive):
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = alive.raw(head.encode() + b"5;" + b"e" * BIG + b"\r\nhello\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"a":' * 150_000,
        b'{"rate": ' + b"9" * 100_000 + b"}",
        b'{"rate": 1' + b"0" * 4000 + b"}",
        b'"' + b"\\u0000" * 100_000 + b'"',
        b"{" + b",".join(b'"%d":1' % n for n in range(50_000)) + b"}",
        b" " * 1_100_000,
        b"\xff\xfe" * 1000,
    ],
    ids=["arrays", "objects", "digits", "number", "text", "members", "blanks", "bytes"],
)
@pytest.mark.parametrize(("method", "path"), [("PATCH", "/clock"), ("POST", "/definition"), ("PUT", "/stubs/echo")])
def test_a_document_that_is_too_large_or_deep_is_a_problem(alive, method, path, body):
    reply = alive.request(method, f"/_fcemu{path}", body)
    assert reply.status in (400, 413, 501), reply.body[:300]
    assert reply.headers["content-type"] == "application/problem+json"
    assert len(reply.body) < 5_000


def test_requests_without_end_on_one_connection_wait_for_their_answers(alive):
    """A client that sends and never reads is not read any more."""
    one = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode() + b"x" * 1000
    with alive.socket() as client:
        client.settimeout(1)
        sent = 0
        with suppress(TimeoutError):
            while sent < 200_000_000:
                sent += client.send(one[sent % len(one) :])
        assert sent < 100_000_000


# Never an end.


def test_a_head_that_does_not_end_is_hung_up(alive, monkeypatch, serve):
    monkeypatch.setattr(serving, "IDLE_SECONDS", 0.02)
    assert serve(echo=echo).raw(f"POST {PATH} HTTP/1.1\r\nHost: x\r\n".encode()) == b""


def test_a_body_that_does_not_end_is_answered(alive, monkeypatch, serve):
    monkeypatch.setattr(wire, "BODY_SECONDS", 0.02)
    answer = serve(echo=echo).raw(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel".encode())
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"its body took longer than 0.02 seconds" in answer


def test_a_connection_that_rests_between_requests_is_kept(alive, monkeypatch, serve):
    monkeypatch.setattr(wire, "BODY_SECONDS", 0.02)
    server = serve(echo=echo)
    with server.client() as ask:
        for _ in range(3):
            assert ask("POST", PATH, b"hello").body == b"hello"
            assert ask("POST", PATH, b"x" * 100_000).status == 200
            half = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhel"
            server.raw(half.encode())  # which takes longer than a body may


def files():
    """As many as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def memory_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


@pytest.fixture
def process(tmp_path):
    """A server of its own."""
    ready = tmp_path / "ready"
    command = [sys.executable, "-m", "fcemu", "serve", "fixtures/hello", "--port", "0", "--ready-file", str(ready)]
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True) as process:
        line = process.stderr.readline()
        yield process, re.search(r"http://([\d.]+):(\d+)", line)
        process.terminate()


HALVES = [
    b"",
    b"POST /2023-03-30/functions/hello/invocations HTTP/1.1\r\nHost: x\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
]
"""Nothing, half a head, and half a handshake."""


def test_ten_thousand_that_say_nothing_or_half_of_something_keep_nobody_from_being_served(process, capsys):
    process, address = process
    many = min(MANY, files() - 500)
    client, before = Client(address[0]), memory_mb(process.pid)
    client.health()
    with ExitStack() as stack:
        for number in range(many):
            half_open = stack.enter_context(socket.create_connection((address[1], int(address[2])), timeout=60))
            half_open.sendall(HALVES[number % len(HALVES)])
            if number % 1000 == 0:
                assert client.invoke("hello", b"me").body == b"me"
        assert client.invoke("hello", b"me too").body == b"me too"
        used = memory_mb(process.pid) - before
    assert used < 200
    assert client.health().status == "ok"
    with capsys.disabled():
        print(f"\n{many:,} half-open connections: {used:.0f} MB, all others were served")
