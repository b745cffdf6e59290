"""Which requests are let in: none that a web page of others sent, and beyond loopback only those with the token."""

import json
import re
from dataclasses import replace
from http.client import HTTPConnection

import pytest
from api.harness import FC2, FC3
from api.plane import Plane
from patience import WAIT_SECONDS

from fcemu.api.fc import DIALECTS
from fcemu.api.guard import Guard
from fcemu.api.paths import ANY_METHOD
from fcemu.endpoints.hosts import is_fc_host
from fcemu.mns.wire.routes import ROUTES
from fcemu.own_api.routes import PREFIX
from fcemu.own_api.routes import ROUTES as OWN
from fcemu.testing import LocalEmulator

CHANGES = [
    ("PATCH", "/_fcemu/clock"),
    ("POST", "/_fcemu/clock/run-next"),
    ("POST", "/_fcemu/reset"),
    ("DELETE", "/_fcemu/faults"),
    ("PUT", "/_fcemu/stubs/echo"),
    ("POST", "/%5Ffcemu/clock/run-next"),
    ("POST", "/_fcemu/clock/run-next?x=1"),
    ("POST", FC2.format("echo")),
    ("POST", FC3.format("echo")),
    ("POST", "/topics/t/messages"),
]
READS = [
    ("GET", "/_fcemu/clock"),
    ("GET", "/_fcemu/definition"),
    ("GET", "/_fcemu/health"),
    ("GET", "/2023-03-30/functions"),
    ("GET", "/2016-08-15/services"),
    ("GET", "/queues/q/messages"),
    ("GET", "/2023-03-30/no-such-path"),
]


@pytest.fixture
def ask(served):
    """A request with exactly these headers; its status and what it is told."""

    def ask(method, path, **headers):
        lines = {"Host": f"127.0.0.1:{served.port}"} | {name.replace("_", "-"): text for name, text in headers.items()}
        head = "".join(f"{name}: {text}\r\n" for name, text in lines.items() if text is not None)
        answer = served.raw(
            f"{method} {path} HTTP/1.1\r\n{head}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode()
        )
        return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2].decode()

    return ask


# Every route.

FOREIGN = "evil.example:9527"
SENDERS = {
    "foreign Host": {"Host": FOREIGN},
    "Origin is the foreign Host": {"Host": FOREIGN, "Origin": f"http://{FOREIGN}"},
    "foreign Origin": {"Origin": f"http://{FOREIGN}"},
    "Origin null": {"Origin": "null"},
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
}
NAMES = {"svc": "media", "function": "echo", "name": "q", "domain": "shop.example.com"}
BY_FUNCTIONS = re.compile("/2016-08-15/proxy/")
"""Where HTTP triggers answer among the paths of FC's API."""


def routes():
    """Method and path of every route that there is, with names of things that there are."""
    of_fc = [
        (each.method, f"/{version}{each.path}")
        for version, (dialect, _) in DIALECTS.items()
        for each in dialect.operations
    ]
    of_mns = list(ROUTES)
    own = [("GET", f"{PREFIX}/"), *((route.method, f"{PREFIX}{route.path}") for route in OWN)]
    for method, path in [*of_fc, *of_mns, *own]:
        filled = re.sub(r"\{(\w+)…?\}", lambda found: NAMES.get(found[1], "x"), path)
        yield ("POST" if method == ANY_METHOD else method), filled


@pytest.mark.parametrize("sender", SENDERS)
def test_no_route_but_those_of_triggers_and_domains_acts_for_a_web_page(served, sender):
    """It is asked by GET, by POST, and by the method that it has."""
    told = {}
    connection = HTTPConnection("127.0.0.1", served.port, timeout=WAIT_SECONDS)
    headers = {"Host": f"127.0.0.1:{served.port}", "Content-Length": "0"} | SENDERS[sender]
    asked = {(each, path) for method, path in routes() for each in (method, "GET", "POST")}
    for method, path in sorted(each for each in asked if not BY_FUNCTIONS.match(each[1])):
        connection.putrequest(method, path, skip_host=True)
        for name, text in headers.items():
            connection.putheader(name, text)
        connection.endheaders()
        response = connection.getresponse()
        response.read()
        told[method, path] = response.status
    connection.close()
    assert len(told) > 350
    assert {asked: status for asked, status in told.items() if status != 403} == {}
    assert len(served.emulator.journal) == 0
    assert served.emulator.queues.names() == served.emulator.topics.names() == []


@pytest.fixture
def shop():
    """A function with an HTTP trigger and a domain in 2.0, as programs made them; where its doors are."""
    plane = Plane("2016-08-15")
    plane.make("f")
    config = json.dumps({"authType": "anonymous", "methods": ["GET", "POST"]})
    trigger = {"triggerName": "web", "triggerType": "http", "triggerConfig": config}
    trigger_id = plane.ok("POST", plane.functions("f", "triggers"), trigger)["triggerId"]
    route = {"path": "/*", "serviceName": "shop", "functionName": "f"}
    domain = {"domainName": "shop.example.com", "routeConfig": {"routes": [route]}}
    plane.ok("POST", plane.at("custom-domains"), domain)
    doors = [
        (f"/{trigger_id}/x", {}),
        ("/2016-08-15/proxy/shop/f/x", {}),
        ("/x", {"Host": "shop.example.com"}),
        ("/_fcemu/reset", {"Host": "shop.example.com"}),
        ("/2016-08-15/services", {"Host": f"{trigger_id}.cn-hangzhou.fcapp.run"}),
    ]
    yield plane, doors
    plane.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("sender", SENDERS)
def test_triggers_and_domains_may_be_called_by_any_web_page(shop, sender, method):
    plane, doors = shop
    for path, host in doors:
        reply = plane.request(method, path, b"", **(SENDERS[sender] | host))
        assert reply.status == 200, (path, host)


@pytest.mark.parametrize("sender", SENDERS)
def test_a_function_without_a_trigger_is_not_called_by_its_proxy_path_from_a_web_page(shop, sender):
    plane, _ = shop
    plane.ok("DELETE", plane.functions("f", "triggers", "web"))
    before = len(plane.emulator.journal)
    assert plane.request("POST", "/2016-08-15/proxy/shop/f/x", b"", **SENDERS[sender]).status == 403
    assert len(plane.emulator.journal) == before


# Names.


@pytest.mark.parametrize(("method", "path"), CHANGES + READS)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9527", "127.0.0.1.evil.example", "192.168.1.5", "", "[", "0x7f.1"]
)
def test_under_a_name_that_is_not_this_machines_nothing_is_changed_and_nothing_told(ask, served, method, path, host):
    status, told = ask(method, path, Host=host)
    assert status in (400, 403)
    assert status == 400 or ("is not this machine" in told and "--allow-host" in told)
    assert len(served.emulator.journal) == 0


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.8.8.8", "[::1]:9527", "LOCALHOST.", "a.localhost"])
def test_names_of_this_machine_are_good(ask, host):
    assert ask("POST", "/_fcemu/clock/run-next", Host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "1234567890123456.cn-shanghai.fc.aliyuncs.com",
        "1234567890123456.cn-shanghai-internal.fc.aliyuncs.com:443",
        "fcv3.cn-hangzhou.aliyuncs.com",
        "fcv3-vpc.cn-hangzhou.aliyuncs.com",
        "fc.cn-hangzhou.aliyuncs.com",
        "1234567890123456.mns.cn-hangzhou-internal.aliyuncs.com",
    ],
)
def test_names_of_fc_and_mns_are_good(ask, served, host):
    served.api.guard = Guard(is_fc_host=is_fc_host)
    assert ask("POST", FC3.format("echo"), Host=host)[0] == 200
    assert ask("GET", "/_fcemu/clock", Host=host)[0] == 200
    assert ask("GET", "/queues", Host=host)[0] == 200


def test_a_name_that_was_allowed_is_good_and_no_other(ask, served):
    served.api.guard = Guard(hosts=["emulator.lan"], allowed=["Host.Docker.Internal"])
    for host in ("host.docker.internal:9527", "HOST.docker.internal", "emulator.lan", "127.0.0.1"):
        assert ask("GET", "/_fcemu/clock", Host=host)[0] == 200
        assert ask("POST", FC3.format("echo"), Host=host)[0] == 200
    assert ask("GET", "/_fcemu/clock", Host="docker.internal")[0] == 403


def test_a_client_of_http_1_0_needs_no_name(served):
    assert served.raw(b"POST /_fcemu/clock/run-next HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_test_allows_names_by_an_option():
    with LocalEmulator("", allow_host=["host.docker.internal"]) as emulator:
        for host, status in (("host.docker.internal", 200), ("evil.example", 403)):
            connection = HTTPConnection(emulator.host, emulator.port, timeout=WAIT_SECONDS)
            connection.request("GET", "/queues", headers={"Host": host})
            assert connection.getresponse().status == status
            connection.close()


@pytest.mark.parametrize("wrong", ["http://a.example", ["a.example:80"], [""], [7], 7, {"a"}])
def test_what_is_no_host_name_cannot_be_allowed(wrong):
    with pytest.raises(ValueError, match="option allow_host: expected a list of host names without scheme and port"):
        LocalEmulator("", allow_host=wrong)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "emulator.lan", "fcv3.cn-hangzhou.aliyuncs.com"])
def test_a_custom_domain_of_the_emulators_own_name_takes_nothing_over(shop, name):
    plane, _ = shop
    plane.api.guard = Guard(hosts=["emulator.lan"], is_fc_host=is_fc_host)
    there = plane.catalog.domains.find("shop.example.com")
    plane.catalog.domains.put(name, replace(there, name=name))  # as kept by an emulator that took such names
    assert plane.json("GET", "/health", Host=f"{name}:9527")["status"] == "ok"
    assert plane.request("GET", plane.at("services"), Host=name).json()["services"]


# Pages.


@pytest.mark.parametrize(("method", "path"), CHANGES + READS)
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1", "http://[", "file://", ""]
)
def test_a_page_of_others_changes_nothing_and_reads_nothing(ask, served, method, path, origin):
    status, told = ask(method, path, Origin=origin)
    assert (status, "may not use this emulator" in told) == (403, True)
    assert len(served.emulator.journal) == 0


def test_the_emulators_own_page_does(ask, served):
    assert ask("POST", "/_fcemu/clock/run-next", Origin=f"http://127.0.0.1:{served.port}")[0] == 200


@pytest.mark.parametrize("site", ["same-origin", "none", "same-site"])
def test_what_the_user_or_a_page_of_this_machine_asks_for_is_answered(ask, site):
    assert ask("GET", "/_fcemu/clock", Sec_Fetch_Site=site)[0] == 200


def test_a_page_whose_host_was_allowed_may_use_the_emulator(ask, served):
    served.api.guard = Guard(allowed=["app.test"])
    page = {"Origin": "http://app.test:3000", "Sec_Fetch_Site": "cross-site"}
    assert ask("POST", "/_fcemu/clock/run-next", **page)[0] == 200


# The token.

TOKEN = "s3cret"


@pytest.fixture
def guarded(ask, served):
    served.api.guard = Guard(TOKEN)
    return ask


ASKED = [
    ("GET", "/_fcemu/clock"),
    ("POST", "/_fcemu/clock/run-next"),
    ("POST", FC2.format("echo")),
    ("POST", FC3.format("echo")),
]


@pytest.mark.parametrize(("method", "path"), [*ASKED, ("GET", "/%5ffcemu/journal"), ("GET", "/anything"), ("GET", "/")])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN},
        {"X_Fcemu_Token": TOKEN[:-1]},
        {"X_Fcemu_Token": "\u00e9"},
        {"X_Fc_Security_Token": ""},
        {"Authorization": "FC other:signature"},
    ],
    ids=str,
)
def test_without_it_nothing_is_told(guarded, served, method, path, headers):
    status, told = guarded(method, path, **headers)
    assert (status, "requires its token" in told) == (403, True)
    assert len(served.emulator.journal) == 0


@pytest.mark.parametrize(("method", "path"), ASKED)
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"bearer  {TOKEN}"},
        {"X_Fcemu_Token": TOKEN},
        {"X_Fc_Security_Token": TOKEN},
        {"X_Acs_Security_Token": TOKEN},
        {"Authorization": f"FC {TOKEN}:signature"},
        {"Authorization": f"ACS3-HMAC-SHA256 Credential={TOKEN},SignedHeaders=host,Signature=x"},
    ],
    ids=str,
)
def test_with_it_everything_is_as_on_loopback(guarded, method, path, headers):
    assert guarded(method, path, **headers)[0] == 200


def test_health_and_the_certificate_tell_nothing(guarded):
    assert guarded("GET", "/_fcemu/health")[0] == 200
    assert guarded("GET", "/_fcemu/ca.pem")[0] == 404  # this server speaks no TLS


def test_with_it_any_name_leads_here_but_no_page_of_others(guarded):
    headers = {"X_Fcemu_Token": TOKEN, "Host": "fcemu.internal:9527"}
    assert guarded("POST", "/_fcemu/clock/run-next", **headers)[0] == 200
    assert guarded("POST", "/_fcemu/clock/run-next", Origin="http://evil.example", **headers)[0] == 403


def test_a_trigger_that_is_called_by_its_host_name_has_no_open_paths(guarded):
    status, told = guarded("GET", "/_fcemu/health", Host="resize-x.cn-hangzhou.fcapp.run")
    assert (status, "requires its token" in told) == (403, True)


@pytest.mark.parametrize(("method", "path"), [("GET", "/queues"), ("PUT", "/topics/t")])
def test_mns_without_it_says_so_as_mns_does(guarded, served, method, path):
    status, told = guarded(method, path)
    assert (status, "<Code>AccessDenied</Code>" in told, "requires its token" in told) == (403, True, True)
    assert "<RequestId>" in told
    assert served.emulator.topics.names() == []


@pytest.mark.parametrize("headers", [{"Authorization": f"MNS {TOKEN}:signature"}, {"security_token": TOKEN}], ids=str)
def test_mns_with_it_answers_its_sdk(guarded, headers):
    assert guarded("PUT", "/queues/q", **headers)[0] == 400  # its body is no document
    assert guarded("GET", "/queues", **headers)[0] == 200
