"""Whatever a client sends to a live socket: no 500, no hang, nothing in the log, and a refusal changes nothing."""

import json
import logging
import os
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from api.harness import WAIT_SECONDS, Reply, parse, read_all
from api.plane import SERVICE, VERSIONS, Plane, code, told, zipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcemu.api.fc import DIALECTS
from fcemu.core.names import FunctionRef
from fcemu.core.releases import Owner
from fcemu.core.resource_types import ALIASES, ASYNC, DOMAINS, FUNCTIONS, SERVICES, TRIGGERS

FULL = os.environ.get("FCEMU_EFFORT") == "full"
REQUESTS = 20_000 if FULL else 2_000
A_TIME = 20
EFFORT = settings(
    max_examples=REQUESTS // A_TIME,
    deadline=None,
    derandomize=not FULL,
    database=None,
    suppress_health_check=list(HealthCheck),
)
pytestmark = pytest.mark.timeout(3600 if FULL else 300)
FORBIDDEN = {500, 502, 504}
"""What an SDK repeats for half a minute; 501 says that an operation is not there, 503 that there is no capacity."""

# What is sent.

NAMES = st.sampled_from([SERVICE, "resize", "rotate", "live", "beta", "t1", "t2", "1", "2", "LATEST", "nobody", "a.b"])
ODD_NAMES = st.one_of(
    st.sampled_from(["", ".", "..", "a b", "a/b", "ä", "%", "a%2Fb", "x" * 129, "-a", "9", "shop.LATEST", "shop.live"]),
    st.text(max_size=8),
)
JSON: Any = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("x" * 300)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
TEXTS = st.text(max_size=6)
OBJECTS = st.dictionaries(TEXTS, TEXTS, max_size=2)
NO_ZIPS = [code(b"no zip"), code(b""), {"zipFile": "!"}, {"ossBucketName": "b"}, {}]
ZIPS = st.sampled_from([code(), code(), code(), code(zipped(more="x")), code(zipped(other="y")), *NO_ZIPS])
ARNS = st.sampled_from(
    [
        f"services/{SERVICE}",
        f"acs:fc:cn-hangzhou:123456789:services/{SERVICE}",
        "acs:fc:cn-hangzhou:123456789:layers/tools/versions/1",
        "acs:mns:cn-hangzhou:123456789:/queues/q/messages",
        "acs:fc:::functions/resize",
        "nonsense",
    ]
)
DESTINATIONS = st.one_of(st.none(), st.builds(lambda arn: {"destination": arn}, ARNS))
COUNTS = ("maximumInstanceCount", "target", "defaultTarget", "minInstances", "reservedConcurrency")
CONFIGS = ("tags", "logConfig", "vpcConfig", "nasConfig", "tracingConfig", "certConfig", "gpuConfig")
FIELDS: dict[str, Any] = {
    **dict.fromkeys(("serviceName", "functionName", "aliasName", "triggerName", "layerName", "versionId"), NAMES),
    **dict.fromkeys(("description", "role", "reason", "sourceArn", "invocationRole", "initializer"), TEXTS),
    **dict.fromkeys(("qualifier",), NAMES),
    **dict.fromkeys(("resourceArn", "destination", "layerArn"), ARNS),
    "runtime": st.sampled_from(["python3.10", "python3.9", "nodejs18", "custom", "custom-container", "cobol"]),
    "handler": st.sampled_from(["index.handler", "handler", ""]),
    "code": ZIPS,
    "timeout": st.sampled_from([1, 3, 86400, 0, -1, 86401]),
    "memorySize": st.sampled_from([128, 256, 129, 32768, 64, 10**9]),
    "instanceConcurrency": st.integers(-1, 201),
    "environmentVariables": st.one_of(OBJECTS, st.just({"BIG": "x" * 5000}), st.just({"A=B": "c"})),
    "additionalVersionWeight": st.dictionaries(NAMES, st.floats(-0.5, 1.5), max_size=2),
    "triggerType": st.sampled_from(["timer", "http", "oss", "eventbridge", "pigeon"]),
    "triggerConfig": st.sampled_from(
        [
            {},
            "{}",
            "{",
            {"cronExpression": "@every 1m", "enable": True, "payload": "p"},
            '{"cronExpression": "0 0 12 * * *", "enable": true}',
            {"cronExpression": "never"},
            {"authType": "anonymous", "methods": ["GET"]},
        ]
    ),
    "maxAsyncRetryAttempts": st.integers(-1, 9),
    "maxAsyncEventAgeInSeconds": st.sampled_from([1, 60, 604800, 604801, 0]),
    "statefulInvocation": st.booleans(),
    "asyncTask": st.booleans(),
    "destinationConfig": st.fixed_dictionaries({}, optional=dict.fromkeys(("onSuccess", "onFailure"), DESTINATIONS)),
    "domainName": st.sampled_from(["a.example.com", "b.example.com", "localhost", "a b", ""]),
    "protocol": st.sampled_from(["HTTP", "HTTPS", "HTTP,HTTPS", "FTP"]),
    "routeConfig": st.sampled_from(
        [
            {"routes": [{"path": "/*", "functionName": "resize", "serviceName": SERVICE, "methods": ["GET"]}]},
            {"routes": [{"path": "x"}]},
            {"routes": [5]},
            {},
        ]
    ),
    "layers": st.lists(ARNS, max_size=2),
    "compatibleRuntime": st.lists(TEXTS, max_size=2),
    **dict.fromkeys(COUNTS, st.integers(-2, 9)),
    **dict.fromkeys(CONFIGS, OBJECTS),
    "tagKeys": st.lists(TEXTS, max_size=2),
    "TagKey": st.lists(TEXTS, max_size=2),
    "ResourceId": st.lists(NAMES, max_size=2),
    "ResourceType": st.sampled_from(["function", "service", "FUNCTION", "x"]),
    "Tag": st.lists(st.fixed_dictionaries({"Key": TEXTS, "Value": TEXTS}), max_size=2),
    "instanceLifecycleConfig": st.sampled_from(
        [{"initializer": {"handler": "index.init", "timeout": 5}}, {"preStop": {"timeout": 9999}}, {"preStop": 5}]
    ),
    **dict.fromkeys(("internetAccess", "public", "all", "alwaysAllocateCPU", "abortOngoingRequest"), st.booleans()),
    **dict.fromkeys(("vpcId",), st.sampled_from(["vpc-1", "vpc-2", ""])),
    **dict.fromkeys(("cpu", "diskSize", "instanceSoftConcurrency", "initializationTimeout"), st.integers(-1, 400)),
}


def any_case(name: str, upper: bool) -> str:
    return name.upper() if upper else name


def field(name: str, odd: bool) -> Any:
    """A field of a body and a value for it; the odd ones have any value, or a name in other letters."""
    values = st.one_of(FIELDS[name], JSON) if odd else FIELDS[name]
    return st.tuples(st.sampled_from([name, name.upper()] if odd else [name]), values)


GOOD_FIELD = st.sampled_from(sorted(FIELDS)).flatmap(lambda name: field(name, odd=False))
ODD_FIELD = st.sampled_from(sorted(FIELDS)).flatmap(lambda name: field(name, odd=True))
THERE = {"svc": SERVICE, "function": "resize", "alias": "live", "version": "1", "trigger": "t1", "layer": "tools"} | {
    "domain": "a.example.com",
    "vpc": "vpc-1",
}
"""What a path parameter is called most of the time, so that the request comes through to the operation."""
REQUIRED = {
    "CreateService": ("serviceName",),
    "CreateFunction": ("functionName", "runtime", "handler", "code"),
    "CreateAlias": ("aliasName", "versionId"),
    "CreateTrigger": ("triggerName", "triggerType", "triggerConfig"),
    "CreateCustomDomain": ("domainName",),
    "PublishLayerVersion": ("code",),
    "CreateLayerVersion": ("code",),
    "TagResource": ("resourceArn", "tags"),
    "TagResources": ("ResourceType", "ResourceId", "Tag"),
}
BODIES = st.sampled_from(
    [b'{"description":"\\ud800"}', b'{"timeout":NaN}', b'{"timeout":1e999}', b'{"a":' * 2000, b"[" * 5000]
)
LITTLE = st.sampled_from([b"", b"null", b"[]", b"5", b'"x"', b"{", b"{}", b"\xff\xfe"])
PARAMETERS = """
limit nextToken prefix startKey qualifier direction startVersion public official acl functionName serviceName
resourceArn ResourceType ResourceId TagKey All Limit NextToken tag_a tags status includePayload instanceIds
sortOrderByTime
""".split()  # noqa: SIM905
VALUES = """
1 2 100 101 0 -1 x True false FORWARD BACKWARD MQ== cmVzaXpl ٣ 1e3 99999999999999999 [] [5] { null
""".split()  # noqa: SIM905
PARAMETER_VALUES = st.one_of(
    st.sampled_from(VALUES),
    st.sampled_from(['["resize"]', '[{"Key":"a","Value":"b"}]']),
    NAMES,
    ARNS,
    st.text(max_size=6),
)
QUERIES = st.dictionaries(st.sampled_from(PARAMETERS), PARAMETER_VALUES, max_size=3)
HEADER_NAMES = """
If-Match Content-Type X-Fc-Code-Checksum X-Fc-Invocation-Type X-Fc-Async-Delay Content-Encoding Accept-Encoding
X-Fc-Account-Id Authorization Host X-Fc-Log-Type
""".split()  # noqa: SIM905
HEADER_VALUES = ["", "*", '"x"', 'W/"x"', "gzip", "Async", "5", "text/plain", "Tail", "FC a:b", "a, b", "\xe4"]
HEADERS = st.dictionaries(st.sampled_from(HEADER_NAMES), st.sampled_from(HEADER_VALUES), max_size=3)


@st.composite
def requests(draw: Any) -> tuple[str, str, bytes | None, dict[str, str]]:
    """Method, path, body and headers, most of them of an operation that there is."""
    version, odd = draw(st.sampled_from(VERSIONS)), draw(st.integers(0, 2)) == 0
    operations = [one for one in DIALECTS[version][0].operations if one.handler or odd]
    operation = draw(st.sampled_from(operations))
    segments = [draw(segment_of(segment, odd)) for segment in operation.path.split("/")]
    queries = draw(QUERIES) if odd or operation.name.startswith("List") else {}
    query = "&".join(f"{name}={quote(value)}" for name, value in queries.items())
    path = f"/{version}{'/'.join(segments)}{'?' + query if query else ''}"
    method = operation.method.replace("*", "GET")
    if odd and draw(st.integers(0, 9)) == 0:
        method = draw(st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS", "BREW"]))
    return method, path, draw(bodies(operation.name, method, odd)), draw(HEADERS) if odd else {}


def segment_of(pattern: str, odd: bool) -> Any:
    if not pattern.startswith("{"):
        return st.just(pattern)
    if odd:
        return st.one_of(NAMES, ODD_NAMES).map(lambda name: quote(name, safe=""))
    usual = THERE.get(pattern[1:-1], "1")
    return st.one_of(*[st.just(usual)] * 7, NAMES)


@st.composite
def bodies(draw: Any, operation: str, method: str, odd: bool) -> bytes | None:
    if method in ("GET", "HEAD") and not odd:
        return None
    if odd and draw(st.integers(0, 4)) == 0:
        return bytes(draw(st.one_of(BODIES, LITTLE, st.binary(max_size=30))))
    document = dict(draw(st.lists(ODD_FIELD, max_size=4) if odd else st.lists(GOOD_FIELD, max_size=2)))
    needed = {name: draw(FIELDS[name]) for name in REQUIRED.get(operation, ())}
    return json.dumps({**document, **needed}).encode()


# What must hold.


@pytest.fixture
def plane(caplog: pytest.LogCaptureFixture) -> Iterator[Plane]:
    """A server; nothing is in the log afterwards, and it still answers."""
    plane = Plane()
    yield plane
    assert plane.request("GET", "/_fcemu/health").status == 200
    plane.close()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def check(plane: Plane, request: tuple[str, str, bytes | None, dict[str, str]], reply: Reply, before: object) -> None:
    assert reply.status not in FORBIDDEN, (request, reply.body)
    if reply.status >= 400:
        assert plane.state() == before, request
        if request[0] != "HEAD":
            assert all(told(reply)), (request, reply.body)
    elif request[0] in ("GET", "HEAD"):
        assert plane.state() == before, request
    if reply.status == 204:
        assert reply.body == b""
        assert "content-type" not in reply.headers
    elif reply.headers.get("content-type") == "application/json" and request[0] != "HEAD":
        assert isinstance(reply.json(), dict), (request, reply.body)


def begin(plane: Plane) -> None:
    """A service and two functions with versions and aliases, so that most of what is asked for is there."""
    plane.renew()
    control = plane.emulator.control
    control.create(SERVICES, SERVICE, {})
    for ref in (FunctionRef("resize", SERVICE), FunctionRef("resize")):
        control.create(FUNCTIONS, ref, {"handler": "index.handler", "runtime": "python3.10", "zip": zipped()})
        control.publish(Owner.of(ref))
        control.create(ALIASES, (Owner.of(ref), "live"), {"version": "1"})
        hourly = {"kind": "timer", "config": {"cronExpression": "@every 1h", "enable": False}}
        control.create(TRIGGERS, (ref, "t1"), hourly)
        control.put(ASYNC, (ref, "LATEST"), {"max_retries": 1})
        control.change(FUNCTIONS, ref, {"handler": "index.other"})  # so that there is something to publish
    control.publish_layer("tools", zipped(), {})
    control.create(DOMAINS, "a.example.com", {})


@EFFORT
@given(data=st.data())
def test_an_operation_takes_or_refuses_whatever_it_is_sent(plane: Plane, data: Any) -> None:
    begin(plane)
    with plane.client() as ask:
        for _ in range(A_TIME):
            request = data.draw(requests())
            method, path, body, headers = request
            before = plane.state()
            reply = ask(method, path, body, **{name: value.encode("latin-1") for name, value in headers.items()})  # type: ignore[arg-type]
            check(plane, request, reply, before)


LINES = st.sampled_from(
    [
        b"POST /2016-08-15/services HTTP/1.1",
        b"GET /2023-03-30/functions HTTP/1.0",
        b"PUT /2021-04-06/tag HTTP/1.1",
        b"POST http://h/2023-03-30/functions HTTP/1.1",
        b"DELETE * HTTP/1.1",
        b"GET / HTTP/2.0",
        b"get / http/1.1",
    ]
)
RESTS = st.sampled_from(
    [
        b"Host: h\r\nContent-Length: 9\r\n\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\nzz",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}",
        b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
        b"Host: a\r\nHost: b\r\n\r\n",
        b"A: " + b"b" * 20_000,  # more than a line may have, less than Hypothesis is willing to print
        b"\r\n",
        b": \r\n\r\n",
    ]
)
BYTES = st.binary(max_size=60)
GARBAGE = st.one_of(BYTES, st.builds(lambda line, rest: line + b"\r\n" + rest, LINES, st.one_of(BYTES, RESTS)))


@settings(EFFORT, max_examples=EFFORT.max_examples * 3)
@given(garbage=GARBAGE)
def test_bytes_that_mean_nothing_are_refused_or_the_connection_ends(plane: Plane, garbage: bytes) -> None:
    begin(plane)
    before = plane.state()
    with socket.create_connection(("127.0.0.1", plane.port), timeout=WAIT_SECONDS) as connection:
        try:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            answered = read_all(connection).replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
        except (BrokenPipeError, ConnectionResetError):  # refused and closed before all of it had been sent
            answered = b""
    if answered:
        reply = parse(answered)
        assert reply.status not in FORBIDDEN, (garbage, reply.body)
        assert reply.status < 400 or plane.state() == before
