"""Whatever a client does wrong: it is told so in FC's form, nothing is queued, and the server goes on."""

import json
import logging

import pytest
from api.harness import FC2, FC3, parse

BOTH = pytest.mark.parametrize("path", [FC2, FC3], ids=["2016-08-15", "2023-03-30"])
IN_SERVICE = FC2.format("echo").replace("media", "{}")
QUALIFIED = FC3.format("echo") + "?qualifier={}"
ASYNC = {"X_Fc_Invocation_Type": "Async"}


@pytest.fixture
def alive(served, caplog):
    """The server; afterwards nothing was accepted, nothing logged as a warning, and a good request is answered."""
    yield served
    assert not served.emulator.journal.invocations
    good = served.request("POST", FC3.format("echo"), b"still here")
    assert (good.status, good.body) == (200, b"still here")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def error(reply):
    """Code and message of an error in either form."""
    document = reply.json()
    assert reply.headers["content-type"] == "application/json"
    if "ErrorCode" in document:
        assert sorted(document) == ["ErrorCode", "ErrorMessage"]
        assert reply.headers["x-fc-request-id"].count("-") == 4
        return document["ErrorCode"], document["ErrorMessage"]
    assert sorted(document) == ["Code", "Message", "RequestId"]
    assert document["RequestId"] == reply.headers["x-fc-request-id"]
    return document["Code"], document["Message"]


@BOTH
@pytest.mark.parametrize("delay", ["-1", "3601", "abc", "1.5", "+5", "1e3", "٣", "9" * 30, "0x10"])
def test_a_delay_must_be_a_whole_number_of_seconds_up_to_an_hour(alive, path, delay):
    reply = alive.request("POST", path.format("echo"), b"x", X_Fc_Async_Delay=delay.encode(), **ASYNC)
    text = f"AsyncDelay is set to an invalid value (allowed: [0, 3600], actual: '{delay}')"
    assert (reply.status, error(reply)) == (400, ("InvalidArgument", text))


@BOTH
@pytest.mark.parametrize(
    ("headers", "name", "allowed", "actual"),
    [
        ({"X_Fc_Invocation_Type": "Later"}, "InvocationType", "Sync | Async", "Later"),
        ({"X_Fc_Log_Type": "Invalid"}, "LogType", "Tail | None", "Invalid"),
        ({"X_Fc_Log_Type": "Tail", **ASYNC}, "LogType", "None", "Tail"),
        ({"X_Fc_Log_Type": "Invalid", **ASYNC}, "LogType", "None", "Invalid"),
    ],
)
def test_a_header_takes_the_documented_values(alive, path, headers, name, allowed, actual):
    reply = alive.request("POST", path.format("echo"), b"x", **headers)
    text = f"{name} is set to an invalid value (allowed: {allowed}, actual: '{actual}')"
    assert (reply.status, error(reply)) == (400, ("InvalidArgument", text))


@pytest.mark.parametrize("headers", [{}, ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("path", "code", "what"),
    [
        (FC2.format("nope"), "FunctionNotFound", "function 'nope' does not exist in service 'media'"),
        (FC3.format("nope"), "FunctionNotFound", "function 'nope' does not exist."),
        (FC3.format("a%2Fb%20c"), "FunctionNotFound", "function 'a/b c' does not exist."),
        (IN_SERVICE.format("nope"), "ServiceNotFound", "service 'nope' does not exist"),
        (IN_SERVICE.format("media.3"), "VersionNotFound", "version '3' of service 'media' does not exist"),
        (IN_SERVICE.format("media.a.b"), "AliasNotFound", "alias 'a.b' of service 'media' does not exist"),
        (QUALIFIED.format("3"), "VersionNotFound", "version '3' of function 'echo' does not exist"),
        (QUALIFIED.format("a+b"), "AliasNotFound", "alias 'a b' of function 'echo' does not exist"),
        (QUALIFIED.format("%0d%0aX:1"), "AliasNotFound", "alias '\r\nX:1' of function 'echo' does not exist"),
    ],
)
def test_what_does_not_exist_is_named(alive, path, code, what, headers):
    reply = alive.request("POST", path, b"x", **headers)
    assert (reply.status, error(reply)) == (404, (code, what))


@BOTH
@pytest.mark.parametrize(
    ("kind", "limit"), [(ASYNC, 131_072), ({}, 33_554_432)], ids=["asynchronous: 128 KB", "synchronous: 32 MB"]
)
@pytest.mark.parametrize("chunked", [False, True], ids=["with length", "chunked"])
def test_an_event_has_a_largest_size(alive, path, kind, limit, chunked):
    body = [b"x" * limit, b"y"] if chunked else b"x" * (limit + 1)
    with alive.client() as ask:
        reply = ask("POST", path.format("echo"), body, **kind)
    text = f"payload size exceeds maximum allowed size ({limit} bytes)"
    assert (reply.status, error(reply)) == (400, ("EntityTooLarge", text))


def test_a_length_that_is_announced_is_refused_before_anything_is_sent(alive):
    head = f"POST {FC3.format('echo')} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
    with alive.socket() as connection:
        connection.sendall(head.encode())
        assert error(parse(connection.recv(65536)))[0] == "EntityTooLarge"


@pytest.mark.parametrize(
    ("headers", "path", "code"),
    [
        ({"X-Fc-Async-Delay": "abc"}, "/2016-08-15/nothing", "PathNotSupported"),
        ({"X-Fc-Async-Delay": "abc"}, FC2.format("nope"), "InvalidArgument"),
        ({}, FC2.format("nope").replace("media", "nope.3"), "ServiceNotFound"),
        ({}, FC2.format("nope").replace("media", "media.3"), "VersionNotFound"),
        ({}, FC2.format("nope"), "FunctionNotFound"),
        ({}, FC3.format("nope") + "?qualifier=3", "FunctionNotFound"),
        ({}, FC3.format("echo") + "?qualifier=3", "VersionNotFound"),
        ({}, FC3.format("echo"), "EntityTooLarge"),
    ],
)
@pytest.mark.parametrize("all_of_it", [True, False], ids=["body sent", "body announced"])
def test_of_several_mistakes_the_first_in_fcs_order_is_told(alive, headers, path, code, all_of_it):
    body = b"x" * 140_000
    lines = [f"{name}: {value}\r\n" for name, value in {"X-Fc-Invocation-Type": "Async", **headers}.items()]
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n{''.join(lines)}\r\n"
    )
    with alive.socket() as connection:
        connection.sendall(head.encode() + (body if all_of_it else b""))
        assert error(parse(connection.recv(65536)))[0] == code


LINE2, LINE3 = (f"POST {path.format('echo')} HTTP/1.1\r\nHost: x\r\n".encode() for path in (FC2, FC3))
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        LINE2 + b"Bro ken: 1\r\n\r\n",
        LINE3 + b"Bro ken: 1\r\n\r\n",
        LINE2 + b"no colon\r\n\r\n",
        LINE2 + b"Content-Length: -1\r\n\r\n",
        LINE2 + b"Content-Length: ten\r\n\r\n",
        LINE2 + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        LINE2 + b"Content-Length: 1\r\n" + CHUNKED,
        LINE2 + CHUNKED + b"zz\r\nhi\r\n0\r\n\r\n",
        LINE3 + CHUNKED + b"zz\r\nhi\r\n0\r\n\r\n",
        LINE2 + CHUNKED + b"5\r\nhello, world\r\n0\r\n\r\n",
        b"POST /2016-08-15/services HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST /2016-08-15/services HTTP\r\n\r\n",
        b"POST\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /_fcemu/clock HTTP/1.1\r\nBro ken: 1\r\n\r\n",
    ],
    ids=lambda value: value[-24:],
)
def test_what_is_not_http_is_answered_in_the_form_of_the_newest_version(alive, sent):
    """aiohttp tells it, without a path. Heads that are too long are in ``test_hostile.py``."""
    reply = parse(alive.raw(sent))
    document = reply.json()
    assert reply.status == 400
    assert reply.headers["connection"] == "close"
    assert document["Code"] == "InvalidArgument"
    assert b"<" not in reply.body
    assert "Traceback" not in json.dumps(document)


@pytest.mark.parametrize("chunk", ["zz\r\n", "5\r\nhelloXX", "5"])
@pytest.mark.parametrize("line", [LINE2, LINE3])
def test_a_body_that_breaks_later_is_answered_and_not_waited_for(alive, line, chunk):
    with alive.socket() as connection:
        connection.sendall(line + b"Expect: 100-continue\r\n" + CHUNKED)
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"3\r\nabc\r\n")
        connection.sendall(chunk.encode())
        if chunk == "5":
            connection.shutdown(1)
        assert error(parse(connection.recv(65536)))[0] == "InvalidArgument"


@pytest.mark.parametrize("rest", [b"Content-Length: 10\r\n\r\nhi", CHUNKED + b"5\r\nhi"])
def test_a_body_that_is_cut_off_is_answered(alive, rest):
    assert error(parse(alive.raw(LINE2 + rest, end=True))) == ("InvalidArgument", "the body ends before it is complete")


@pytest.mark.parametrize(
    "sent", [b"", b"POST", LINE2, LINE2 + b"Content-Length: 10\r\n\r\nhi", LINE2 + CHUNKED + b"5\r\nh"]
)
def test_a_client_that_leaves_in_the_middle_is_forgotten(alive, sent):
    with alive.socket() as connection:
        connection.sendall(sent)


def test_a_client_that_is_slow_to_read_gets_its_answer_although_it_sends_too_much(alive):
    with alive.socket() as connection:
        connection.sendall(LINE3 + b"Content-Length: 50000000\r\n\r\n")
        sent = 0
        while sent < 50_000_000:
            connection.sendall(b"x" * 1_000_000)
            sent += 1_000_000
        assert error(parse(connection.recv(65536)))[0] == "EntityTooLarge"
