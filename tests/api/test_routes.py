"""Which path leads where."""

import re

import pytest
from api.conftest import echo
from api.harness import FC3
from fakes import make

from fcemu.api import v2016_08_15, v2021_04_06, v2023_03_30
from fcemu.api.dialect import Operation
from fcemu.api.fc import DIALECTS, HANDLERS, answered
from fcemu.api.paths import ANY_METHOD, Paths, split_target

LATER = [
    (dialect.version, operation)
    for dialect in (v2016_08_15.DIALECT, v2021_04_06.DIALECT, v2023_03_30.DIALECT)
    for operation in dialect.operations
    if not operation.handler
]


def test_every_operation_of_every_version_is_known():
    assert len(v2016_08_15.OPERATIONS) == 65
    assert len(v2021_04_06.OPERATIONS) == 66
    assert len(v2023_03_30.OPERATIONS) == 73


def test_an_operation_without_a_handler_is_no_part_of_a_server():
    lost = Operation("GetColour", "GET", "/colours/{colour}", "get_colour")
    with pytest.raises(LookupError, match="GetColour needs get_colour"):
        answered([lost])


def test_every_handler_answers_an_operation():
    named = {operation.handler for dialect, _ in DIALECTS.values() for operation in dialect.operations}
    assert HANDLERS.keys() - named == set()


def test_every_operation_that_comes_later_says_its_name(served):
    with served.client() as ask:
        for version, operation in LATER:
            path = re.sub(r"\{\w+…?\}", "x", operation.path)
            reply = ask("GET" if operation.method == ANY_METHOD else operation.method, f"/{version}{path}")
            code, text = [value for name, value in reply.json().items() if name != "RequestId"]
            assert (reply.status, code) == (501, "NotImplemented")
            assert text.startswith(f"{operation.name} is not supported yet")

            assert reply.headers["x-fc-request-id"]


def test_who_wants_to_upload_code_to_a_bucket_is_told_what_to_do_instead(served):
    with served.client() as ask:
        for path in ("/2016-08-15/tempBucketToken", "/2016-08-15/services/x/tempCodeBucketToken"):
            assert "fcemu has no object storage; send the code itself as zipFile" in str(ask("GET", path).json())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "//"),
        ("OPTIONS", "*"),
        ("GET", "/2016-08-15"),
        ("GET", "/2016-08-15/"),
        ("DELETE", "/2016-08-15/services"),
        ("GET", "/2021-04-06"),
        ("DELETE", "/2021-04-06/tag"),
        ("GET", "/2021-04-06/reservedCapacities"),
        ("POST", "/2021-04-06/proxy/media/echo/"),
        ("POST", "/2016-08-15/services//functions/echo/invocations"),
        ("POST", "/2023-03-30/functions/echo/invocations/"),
        ("POST", "/2023-03-30/functions//invocations"),
        ("POST", "/2023-03-30%2Ffunctions/echo/invocations"),
        ("GET", "/2023-03-30/functions/echo/invocations"),
        ("PUT", "/2024-01-01/functions"),
        ("GET", "/favicon.ico"),
        ("GET", "/2023-03-30/caf%C3%A9/%ff"),
    ],
)
def test_what_no_operation_has_is_refused_with_method_and_path(served, method, path):
    reply = served.request(method, f"{path}?query=left-out" if path != "*" else path)
    document = reply.json()
    text = document.get("ErrorMessage", document.get("Message"))
    assert (reply.status, text) == (400, f"'{method}' against '{path}' is not supported")
    assert ("ErrorCode" in document) == path.startswith("/2016-08-15")


def test_an_answer_to_head_has_no_body(served):
    reply = served.request("HEAD", FC3.format("echo"))
    assert (reply.status, reply.body) == (400, b"")
    assert int(reply.headers["content-length"]) > 0


def test_the_emulator_behind_the_server_can_be_exchanged(serve):
    first, _ = make(first=echo)
    second, _ = make(second=echo)
    served = serve(first)
    with served.client() as ask:
        assert ask("POST", FC3.format("first"), b"x").status == 200
        served.api.state.put(second, None)
        assert ask("POST", FC3.format("first"), b"x").status == 404
        assert ask("POST", FC3.format("second"), b"x").status == 200
    first.close()


def test_without_an_emulator_every_request_is_refused():
    from api.harness import Served

    served = Served(None)
    try:
        assert served.request("POST", FC3.format("echo")).json()["Code"] == "ResourceThrottled"
        assert served.request("GET", "/_fcemu/health").status == 503
        assert served.raw(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    finally:
        served.close()


def test_refusals_draw_their_ids_from_the_seed_and_their_time_from_the_clock(serve):
    ids = [serve(echo=echo).request("POST", FC3.format("nope")).headers["x-fc-request-id"] for _ in range(2)]
    assert ids[0] == ids[1]
    assert ids[0].startswith(f"1-{1767225600:08x}-")


def test_a_path_is_split_before_it_is_decoded():
    assert split_target("/a%2Fb/%65?q=1+2&q=3&r=%20#x") == (["a/b", "e"], {"q": "1 2", "r": " "})
    assert split_target("") == ([""], {})


def test_a_pattern_may_take_the_rest_of_a_path():
    paths = Paths([("*", "/proxy/{name}/{path…}", "proxy"), ("GET", "/{other}", "other")])
    assert paths.find("PUT", ["proxy", "f", "a", "b"]) == ("proxy", {"name": "f"})
    assert paths.find("PUT", ["proxy", "f"]) == ("proxy", {"name": "f"})
    assert paths.find("PUT", ["proxy"]) is None
    assert paths.find("GET", ["proxy"]) == ("other", {"other": "proxy"})
