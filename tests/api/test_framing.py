"""How requests to the control plane may be framed: what real clients send, and what breaks on the way."""

import gzip
import json
import socket
from collections.abc import Callable
from dataclasses import replace

import pytest
from api.harness import Reply, parse, read_all
from api.plane import EACH_VERSION, FC3, SERVICE, VERSIONS, Plane, code, told

from fcemu.core.limits import STRICT
from fcemu.core.settings import Settings


def function(name: str = "rotate", **fields: object) -> bytes:
    return json.dumps(
        {"functionName": name, "runtime": "python3.10", "handler": "index.handler", "code": code(), **fields}
    ).encode()


def send(plane: Plane, method: str, path: str, lines: str = "", body: bytes = b"", *, end: bool = False) -> Reply:
    """One request as bytes; ``lines`` are headers, each ended. The connection closes after it."""
    head = f"{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{lines}\r\n"
    return parse(plane.raw(head.encode() + body, end=end))


def length(body: bytes) -> str:
    return f"Content-Length: {len(body)}\r\n"


def chunks(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


# Bodies.


@EACH_VERSION
def test_a_body_may_come_in_chunks(plane: Plane) -> None:
    reply = send(
        plane, "POST", plane.functions(), "Transfer-Encoding: chunked\r\n", chunks(function(description="ä" * 50), 7)
    )
    assert (reply.status, reply.json()["description"]) == (200, "ä" * 50)


@EACH_VERSION
@pytest.mark.parametrize("expect", ["100-continue", "100-Continue"])
def test_a_client_that_waits_for_a_go_gets_it(plane: Plane, expect: str) -> None:
    body = function()
    head = (
        f"POST {plane.functions()} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: {expect}\r\n{length(body)}\r\n"
    )
    with plane.socket() as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert parse(connection.recv(65536)).json()["functionName"] == "rotate"


@EACH_VERSION
def test_a_body_may_be_zipped(plane: Plane) -> None:
    body = gzip.compress(function())
    reply = send(plane, "POST", plane.functions(), f"Content-Encoding: GZip\r\n{length(body)}", body)
    assert (reply.status, reply.json()["functionName"]) == (200, "rotate")


@EACH_VERSION
@pytest.mark.parametrize(
    "body",
    [b"{}", gzip.compress(b"{}")[:-9], gzip.compress(b"{}")[:5], b""],
    ids=["not zipped", "without an end", "half a head", "nothing"],
)
def test_a_body_that_says_that_it_is_zipped_and_is_not_is_refused(plane: Plane, body: bytes) -> None:
    before = plane.state()
    reply = send(plane, "POST", plane.functions(), f"Content-Encoding: gzip\r\n{length(body)}", body)
    assert told(reply)[:2] == (400, "InvalidArgument")
    assert plane.state() == before


def test_a_zipped_body_has_a_largest_size_when_it_is_unzipped(open_plane: Callable[..., Plane]) -> None:
    plane = open_plane(FC3, Settings(limits=replace(STRICT, request_bytes=100_000)))
    body = gzip.compress(b" " * 100_001)
    reply = send(plane, "POST", plane.functions(), f"Content-Encoding: gzip\r\n{length(body)}", body)
    assert told(reply)[:2] == (400, "EntityTooLarge")


@EACH_VERSION
@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "", "application/json; charset=gbk"])
def test_the_content_type_of_a_body_means_nothing(plane: Plane, kind: str) -> None:
    body = function(description="店")
    assert send(plane, "POST", plane.functions(), f"Content-Type: {kind}\r\n{length(body)}", body).status == 200


@EACH_VERSION
@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"  ", b"\r\n"])
def test_an_empty_body_is_an_object_without_fields(plane: Plane, body: bytes) -> None:
    reply = send(plane, "POST", plane.owned("versions"), length(body), body)
    assert (reply.status, reply.json()["versionId"]) == (200, "1")


@EACH_VERSION
@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "the request body is not valid JSON: Expecting property name"),
        (b'{"functionName": "rotate"', "the request body is not valid JSON: "),
        (b"[1]", "the request body must be a JSON object, got [1]"),
        (b"5", "the request body must be a JSON object, got 5"),
        (b'"x"', "the request body must be a JSON object, got x"),
        (b"\xff\xfe\x00", "the request body is not valid JSON: "),
        (b"[" * 100_000, "the request body is not valid JSON: "),
    ],
)
def test_a_body_that_is_no_object_is_refused(plane: Plane, body: bytes, text: str) -> None:
    before = plane.state()
    reply = send(plane, "POST", plane.functions(), length(body), body)
    assert told(reply)[:2] == (400, "InvalidArgument")
    assert told(reply)[2].startswith(text)
    assert plane.state() == before


@EACH_VERSION
@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ("Content-Length: 500\r\n", b'{"functionName":'),
        ("Transfer-Encoding: chunked\r\n", b"10\r\n{"),
        ("Transfer-Encoding: chunked\r\n", b"zz\r\n{}\r\n0\r\n\r\n"),
    ],
    ids=["cut off", "cut off in a chunk", "a chunk that is none"],
)
def test_a_body_that_breaks_is_refused(plane: Plane, lines: str, body: bytes) -> None:
    before = plane.state()
    reply = send(plane, "POST", plane.functions(), lines, body, end=True)
    assert told(reply)[:2] == (400, "InvalidArgument")
    assert plane.state() == before


def test_a_delete_may_have_a_body(open_plane: Callable[..., Plane]) -> None:
    """2016-08-15 takes tags away like that."""
    plane = open_plane(VERSIONS[0])
    plane.make()
    plane.ok("POST", plane.at("tag"), {"resourceArn": f"services/{SERVICE}", "tags": {"team": "film", "cost": "9"}})
    plane.ok("DELETE", plane.at("tag"), {"resourceArn": f"services/{SERVICE}", "tagKeys": ["team"]})
    tags = plane.ok("GET", plane.at("tag", resourceArn=f"services/{SERVICE}"))["tags"]
    assert tags == {"cost": "9"}


@EACH_VERSION
def test_a_body_that_nobody_asked_for_is_left_alone(plane: Plane) -> None:
    with plane.client() as ask:
        assert ask("DELETE", plane.functions("resize"), b'{"why": "because"}').status == 204
        assert ask("GET", plane.functions(), b"anything").json()["functions"] == []


@EACH_VERSION
def test_a_checksum_that_a_client_sends_of_its_body_is_not_looked_at(plane: Plane) -> None:
    body = function()
    lines = f"Content-MD5: no\r\nx-acs-content-sha256: no\r\n{length(body)}"
    assert send(plane, "POST", plane.functions(), lines, body).status == 200


# Fields.


@EACH_VERSION
def test_fields_come_in_any_letter_case(plane: Plane) -> None:
    shown = plane.ok(
        "PUT", plane.functions("resize"), {"TIMEOUT": 7, "MemorySize": 256, "environmentvariables": {"Ab": "c"}}
    )
    assert (shown["timeout"], shown["memorySize"], shown["environmentVariables"]) == (7, 256, {"Ab": "c"})


@EACH_VERSION
def test_null_is_as_if_the_field_were_not_there(plane: Plane) -> None:
    nothing = dict.fromkeys(
        ("description", "timeout", "memorySize", "environmentVariables", "layers", "handler", "code")
    )
    made = plane.ok("POST", plane.functions(), json.loads(function()) | {"timeout": None, "description": None})
    assert (made["timeout"], made["description"]) == (3, "")
    plane.ok("PUT", plane.functions("rotate"), {"timeout": 9, "description": "turns"})
    kept = plane.ok("PUT", plane.functions("rotate"), nothing)
    assert (kept["timeout"], kept["description"], kept["handler"]) == (9, "turns", "index.handler")


@EACH_VERSION
def test_fields_and_parameters_that_nobody_knows_are_left_alone(plane: Plane) -> None:
    body = function(shoeSize=44, nested={"a": [1]})
    reply = send(plane, "POST", f"{plane.functions()}?shoe=44", f"X-Shoe: 44\r\n{length(body)}", body)
    assert reply.status == 200
    assert "shoeSize" not in reply.json()


@EACH_VERSION
def test_a_number_is_not_a_truth_value_nor_a_text(plane: Plane) -> None:
    for wrong in (True, "5", 5.5, [], {}):
        status, told_code, text = plane.refused("PUT", plane.functions("resize"), {"timeout": wrong})
        assert (status, told_code) == (400, "InvalidArgument")
        assert text.startswith("Timeout is set to an invalid value (allowed: [1, 86400], actual: '")


# Paths and queries.


@EACH_VERSION
def test_a_name_in_a_path_is_decoded_after_the_path_is_split(plane: Plane) -> None:
    assert plane.request("GET", plane.functions().replace("functions", "functions/r%65size")).status == 200
    status, told_code, text = told(plane.request("GET", plane.functions("a/b c")))
    assert (status, told_code) == (404, "FunctionNotFound")
    assert "'a/b c'" in text


@pytest.mark.parametrize("version", VERSIONS[1:])
@pytest.mark.parametrize("space", ["+", "%20"])
def test_a_space_in_a_query_has_two_forms(plane: Plane, space: str) -> None:
    status, told_code, text = told(plane.request("GET", f"{plane.functions('resize')}?qualifier=a{space}b"))
    assert (status, told_code, "'a b'" in text) == (404, "AliasNotFound", True)


@EACH_VERSION
@pytest.mark.parametrize("text", ["True", "true", "TRUE"])
def test_a_truth_value_in_a_query_comes_in_any_letter_case(plane: Plane, text: str) -> None:
    plane.ok("POST", plane.at("layers", "tools", "versions"), {"code": code()})
    path = plane.at("layers", "tools", "acl")
    plane.ok("PUT", f"{path}?public={text}")
    listed = plane.ok("GET", plane.at("layers", public=text))
    assert [layer["layerName"] for layer in listed["layers"]] == ["tools"]


@EACH_VERSION
@pytest.mark.parametrize("query", ["limit=2", "limit=2&limit=5", "junk&limit=2&&=", "limit=2#there"])
def test_the_first_of_several_values_counts(plane: Plane, query: str) -> None:
    for name in ("a", "b", "c"):
        plane.make(name)
    assert len(plane.ok("GET", f"{plane.functions()}?{query}")["functions"]) == 2


# Methods and headers.


@EACH_VERSION
def test_head_is_a_get_without_its_body(plane: Plane) -> None:
    path = plane.functions("resize")
    whole, head = send(plane, "GET", path), send(plane, "HEAD", path)
    assert (head.status, head.body) == (200, b"")
    for name in ("content-length", "etag", "content-type"):
        assert head.headers[name] == whole.headers[name]
    assert send(plane, "HEAD", plane.functions("nobody")).status == 404


@EACH_VERSION
def test_a_method_that_an_operation_does_not_have_is_refused_with_the_path(plane: Plane) -> None:
    path = plane.functions("resize")
    assert plane.refused("PATCH", path, {}) == (400, "PathNotSupported", f"'PATCH' against '{path}' is not supported")


@EACH_VERSION
def test_headers_come_in_any_letter_case_and_more_than_once(plane: Plane) -> None:
    etag = plane.ask("GET", plane.functions("resize")).headers["etag"]
    body = b'{"timeout": 8}'
    lines = f"IF-MATCH: {etag}\r\nX-Fc-Trace-Id: a\r\nX-Fc-Trace-Id: b\r\n{length(body)}"
    assert send(plane, "PUT", plane.functions("resize"), lines, body).json()["timeout"] == 8
    assert told(send(plane, "PUT", plane.functions("resize"), lines, body))[:2] == (412, "PreconditionFailed")


@EACH_VERSION
def test_every_answer_has_a_request_id_and_only_one_with_a_body_has_a_type(plane: Plane) -> None:
    shown = plane.ask("GET", plane.functions("resize"))
    gone = plane.ask("DELETE", plane.functions("resize"))
    refused = plane.ask("DELETE", plane.functions("resize"))
    ids = [reply.headers["x-fc-request-id"] for reply in (shown, gone, refused)]
    assert len(set(ids)) == 3
    assert [reply.headers.get("content-type") for reply in (shown, gone, refused)] == [
        "application/json",
        None,
        "application/json",
    ]
    assert (gone.status, gone.body, "content-length" in gone.headers) == (204, b"", False)


@EACH_VERSION
def test_several_requests_come_at_once_and_are_answered_in_turn(plane: Plane) -> None:
    requests = b""
    for name in ("a", "b", "c"):
        body = function(name)
        requests += f"POST {plane.functions()} HTTP/1.1\r\nHost: h\r\n{length(body)}\r\n".encode() + body
    requests += f"GET {plane.functions()} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
    answered = plane.raw(requests)
    assert answered.count(b"HTTP/1.1 200 OK") == 4
    last = parse(answered[answered.rindex(b"HTTP/1.1 200 OK") :])
    assert [one["functionName"] for one in last.json()["functions"]] == ["a", "b", "c", "resize"]


def test_the_target_may_name_the_host_as_for_a_proxy(open_plane: Callable[..., Plane]) -> None:
    plane = open_plane(FC3)
    assert send(plane, "GET", f"http://fc.example.com{plane.functions()}").json()["functions"] == []


# What is no HTTP: aiohttp tells it, so it has no path that says in which version's form it is refused.


@pytest.mark.parametrize(
    "data",
    [
        b"POST /2016-08-15/services HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        b"PUT /2021-04-06/tag HTTP/1.1\r\nno colon\r\n\r\n",
        b"PUT /2023-03-30/tags-v2 HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\x00\xff\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_in_the_form_of_the_newest_version(
    open_plane: Callable[..., Plane], data: bytes
) -> None:
    reply = parse(open_plane().raw(data))
    assert (reply.status, reply.headers["connection"]) == (400, "close")
    assert reply.json()["Code"] == "InvalidArgument"
    assert reply.json()["Message"].startswith("the request is not valid HTTP: ")


HIDDEN = [
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{}",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{}",
    "Content-Length: 5\r\nContent-Length: 6\r\n\r\n\r\n{}",
    "no colon\r\n{}",
    "{}",
]


@pytest.mark.parametrize(
    "hidden_in", HIDDEN, ids=["both", "both, turned", "two lengths", "behind a header", "a header"]
)
@pytest.mark.parametrize("inner", VERSIONS)
@EACH_VERSION
def test_a_request_that_is_hidden_in_a_broken_one_has_no_answer(
    open_plane: Callable[..., Plane], version: str, inner: str, hidden_in: str
) -> None:
    hidden = hidden_in.format(f"GET /{inner}/functions HTTP/1.1\r\nHost: h\r\n\r\n")
    answered = open_plane().raw(f"POST /{version}/tags HTTP/1.1\r\nHost: h\r\n{hidden}".encode())
    assert answered.count(b"HTTP/1.1") == 1
    assert (parse(answered).status, parse(answered).json()["Code"]) == (400, "InvalidArgument")


@EACH_VERSION
@pytest.mark.parametrize("size", [1, 7, 100_000], ids=["byte by byte", "in pieces", "at once"])
@pytest.mark.parametrize("body", [b"", b"{}\r\n\r\n", b"\r\nPUT /2016-08-15/x HTTP/1.0\r\n\r\n"])
def test_requests_before_a_broken_one_are_answered(plane: Plane, version: str, body: bytes, size: int) -> None:
    """However they came, and whatever stands in their bodies."""
    path = plane.functions("resize", "invocations")
    good = f"POST {path} HTTP/1.1\r\nHost: h\r\n{length(body)}\r\n".encode() + body
    with plane.socket() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(good * 3), size):
            connection.sendall((good * 3)[start : start + size])
        received = b""
        while received.count(b"HTTP/1.1 200 OK") < 3:
            received += connection.recv(65536)
        connection.sendall(f"PUT /{version}/tags HTTP/1.1\r\nno colon\r\n\r\n".encode())
        received += read_all(connection)
    *answers, refusal = (parse(b"HTTP/1.1" + answer) for answer in received.split(b"HTTP/1.1")[1:])
    assert [answer.body for answer in answers] == [body] * 3
    assert (refusal.status, refusal.json()["Code"]) == (400, "InvalidArgument")
