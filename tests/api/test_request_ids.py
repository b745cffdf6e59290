"""Ids that callers choose for their requests, and the checksum of the code that answered."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from api.plane import EACH_VERSION, VERSIONS, Plane, code, told, zipped
from patience import WAIT_SECONDS
from rules import rule

from fcemu.testing import LocalEmulator

V2021 = VERSIONS[1]
LATER = {"x_fc_invocation_type": "Async"}


@pytest.fixture
def v2021(open_plane: Callable[..., Plane]) -> Plane:
    plane = open_plane(V2021)
    plane.make()
    return plane


@rule("async-invocation §1.2", "documented")
@pytest.mark.parametrize("headers", [{}, LATER], ids=["sync", "async"])
def test_the_trace_id_of_a_call_is_the_id_of_its_answer_and_of_the_invocation(v2021: Plane, headers: Any) -> None:
    reply = v2021.invoke(payload=b"x", x_fc_trace_id="order-7.A_b", **headers)
    assert reply.headers["x-fc-request-id"] == "order-7.A_b"
    assert v2021.emulator.journal.invocations["order-7.A_b"].accepted.payload == b"x"


def test_the_trace_id_is_the_id_of_every_other_answer_too(v2021: Plane) -> None:
    shown = v2021.request("GET", v2021.functions("resize"), x_fc_trace_id="shown")
    refused = v2021.request("GET", v2021.functions("nobody"), x_fc_trace_id="refused")
    assert (shown.status, shown.headers["x-fc-request-id"]) == (200, "shown")
    assert (refused.status, refused.headers["x-fc-request-id"], refused.json()["RequestId"]) == (
        404,
        "refused",
        "refused",
    )


def test_an_id_that_an_invocation_has_is_not_given_twice(v2021: Plane) -> None:
    ids = [v2021.invoke(x_fc_trace_id="twice", **LATER).headers["x-fc-request-id"] for _ in range(2)]
    assert ids[0] == "twice"
    assert len(set(ids)) == 2
    assert list(v2021.emulator.journal.invocations) == ids


@pytest.mark.parametrize("wrong", ["a b", "a/b", "a:b", "x" * 129, "é", "a\tb"])
def test_what_cannot_be_an_id_is_refused_and_nothing_happens(v2021: Plane, wrong: str) -> None:
    headers = {"x_fc_trace_id": wrong.encode().decode("latin-1")}
    for reply in (
        v2021.invoke(**headers),
        v2021.request("DELETE", v2021.functions("resize"), **headers),
        v2021.request("GET", v2021.functions("nobody"), **headers),
    ):
        assert told(reply)[:2] == (400, "InvalidArgument")
        assert told(reply)[2].startswith("TraceId is set to an invalid value (allowed: 1 to 128 letters, digits,")
        assert reply.headers["x-fc-request-id"]
    assert list(v2021.emulator.journal.invocations) == []
    assert v2021.request("GET", v2021.functions("resize")).status == 200


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[2]])
def test_the_other_versions_do_not_know_trace_ids(plane: Plane) -> None:
    reply = plane.invoke(x_fc_trace_id="order-7")
    assert (reply.status, reply.headers["x-fc-request-id"] == "order-7") == (200, False)
    assert plane.invoke(x_fc_trace_id="a b").status == 200


# The checksum of the code.


@rule("async-invocation §6.1", "documented")
@EACH_VERSION
def test_a_synchronous_answer_has_the_checksum_of_the_functions_code(plane: Plane) -> None:
    first = plane.ok("GET", plane.functions("resize"))["codeChecksum"]
    assert plane.invoke().headers["x-fc-code-checksum"] == first
    plane.ok("PUT", plane.functions("resize"), {"code": code(zipped("def handler(event, context): return 'new'\n"))})
    second = plane.ok("GET", plane.functions("resize"))["codeChecksum"]
    assert first != second
    assert plane.invoke().headers["x-fc-code-checksum"] == second
    assert "x-fc-code-checksum" not in plane.invoke(**LATER).headers


@EACH_VERSION
def test_the_checksum_is_that_of_the_version_that_ran(plane: Plane) -> None:
    checksums = {}
    for number in (1, 2):
        plane.ok("PUT", plane.functions("resize"), {"code": code(zipped(f"version = {number}\n"))})
        version = plane.publish()
        checksums[version] = plane.ok("GET", plane.functions("resize", qualifier=version))["codeChecksum"]
    for version, checksum in checksums.items():
        assert plane.invoke(qualifier=version).headers["x-fc-code-checksum"] == checksum
    one, two = checksums
    alias = {"aliasName": "live", "versionId": one, "additionalVersionWeight": {two: 1.0}}
    plane.ok("POST", plane.owned("aliases"), alias)
    assert plane.invoke(qualifier="live").headers["x-fc-code-checksum"] == checksums[two]


@pytest.mark.parametrize("many", [0, 300], ids=["few files", "many files"])
def test_code_from_a_directory_has_its_checksum_unless_the_package_would_take_a_while(
    tmp_path: Path, many: int
) -> None:
    (tmp_path / "index.py").write_text("def handler(event, context):\n    return event\n")
    for number in range(many):
        (tmp_path / f"{number}.txt").touch()
    function = {"handler": "index.handler", "runtime": "python3.10", "code": str(tmp_path)}
    with LocalEmulator({"functions": {"f": function}}) as emulator:
        path = f"{emulator.url}/2023-03-30/functions/f"
        checksums = []
        for _ in range(2):
            answer = requests.post(f"{path}/invocations", b"x", timeout=WAIT_SECONDS)
            checksums.append(answer.headers.get("x-fc-code-checksum"))
        shown = requests.get(path, timeout=WAIT_SECONDS).json()["codeChecksum"]
    assert checksums == ([None] * 2 if many else [shown] * 2)
