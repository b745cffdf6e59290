"""Addresses of functions: whatever stands in the query, the function sees the path behind its own address."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from api.plane import FC3, SERVICE, VERSIONS, Plane
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcemu.core.http import HttpRequest
from fcemu.engine.ports import Call

EFFORT = settings(
    max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
CONFIG = {"authType": "anonymous", "methods": ["GET"]}
ADDRESSES = ("its own", "its own, inside", "the host name", "a domain", "the proxy path", "the proxy path, qualified")
PIECES = st.lists(
    st.sampled_from(["a", "home", "/", "/", "?", "&", "=", "%2F", "%3F", ":", "//", ".", "x=1"]), max_size=6
)


def shows(call: Call) -> bytes:
    """What the function of either generation is told of its request."""
    if call.http is None:
        event = json.loads(call.payload)
        return json.dumps([event["rawPath"], event["queryParameters"]]).encode()
    http = call.http
    queries = {name: text if isinstance(text, str) else ",".join(text) for name, text in http.queries.items()}
    return json.dumps([http.target.partition("?")[0], queries]).encode()


@pytest.fixture
def addresses(open_plane: Callable[..., Plane]) -> tuple[Plane, dict[str, tuple[str, str]]]:
    """A host and the beginning of a path for every way to a function."""
    plane = open_plane(FC3)
    plane.runtime.handlers.default_factory = lambda: shows
    plane.make()
    trigger = {"triggerName": "web", "triggerType": "http", "triggerConfig": json.dumps(CONFIG)}
    made = plane.ok("POST", plane.functions("resize", "triggers"), trigger)["httpTrigger"]
    name = made["urlInternet"].rpartition("/")[2]
    routes = [{"path": "/shop/*", "functionName": "resize"}]
    plane.ok("POST", plane.at("custom-domains"), {"domainName": "a.example.com", "routeConfig": {"routes": routes}})
    plane.version = VERSIONS[0]
    plane.make()
    plane.ok("POST", plane.functions("resize", "triggers"), {**trigger, "triggerConfig": CONFIG})
    return (
        plane,
        {
            "its own": ("localhost", f"/{name}"),
            "its own, inside": ("localhost", f"/{name}-vpc"),
            "the host name": (f"{name}.cn-hangzhou.fcapp.run", ""),
            "a domain": ("a.example.com", ""),
            "the proxy path": ("localhost", f"/2016-08-15/proxy/{SERVICE}/resize"),
            "the proxy path, qualified": ("localhost", f"/2016-08-15/proxy/{SERVICE}.LATEST/resize"),
        },
    )


def asked(plane: Plane, host: str, target: str) -> Any:
    reply = plane.request("GET", target, host=host)
    assert reply.status == 200, (target, reply.body)
    return reply.json()


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("path", ["", "/", "/deep/er"])
def test_a_query_may_hold_slashes(addresses: Any, address: str, path: str) -> None:
    plane, ways = addresses
    host, base = ways[address]
    if address == "a domain":
        base = "/shop"
    seen = path if address != "a domain" else f"{base}{path}"
    if base or path:
        expected = [seen or "/", {"next": "/home/x", "y": "2"}]
        assert asked(plane, host, f"{base}{path}?next=/home/x&y=2") == expected


@EFFORT
@given(st.sampled_from(ADDRESSES), st.one_of(st.just([]), PIECES), PIECES)
def test_the_query_is_cut_off_before_the_path_is_split(
    addresses: Any, address: str, path: list[str], query: list[str]
) -> None:
    plane, ways = addresses
    host, base = ways[address]
    behind = "/" + "".join(path).replace("?", "").lstrip("/") if path or not base else ""
    if address == "a domain":
        behind = f"/shop{behind}"
    query_text = "".join(query)
    expected = HttpRequest.of("GET", f"/?{query_text}", ())
    queries = {name: text if isinstance(text, str) else ",".join(text) for name, text in expected.queries.items()}
    assert asked(plane, host, f"{base}{behind}?{query_text}") == [behind or "/", queries]


@pytest.mark.parametrize(
    ("uri", "target", "base"),
    [
        ("", "/x?y=/z", "/"),
        ("/2016-08-15/proxy/s/web", "/", "/2016-08-15/proxy/s/web/"),
        ("/2016-08-15/proxy/s/web?next=/home", "/?next=/home", "/2016-08-15/proxy/s/web/"),
        ("/2016-08-15/proxy/s/web/?next=/home", "/?next=/home", "/2016-08-15/proxy/s/web/"),
        ("/2016-08-15/proxy/s/web/a/b?next=/a/b", "/a/b?next=/a/b", "/2016-08-15/proxy/s/web/"),
    ],
)
def test_the_base_of_a_functions_paths_has_no_query(uri: str, target: str, base: str) -> None:
    assert HttpRequest.of("GET", target, (), uri=uri).base_path == base
