"""Who is let in by an HTTP trigger, by which address, and what does not come out: callers, limits, headers."""

import json
from typing import Any

import fc2
import httpx
import pytest
from acceptance.control import Api
from patience import WAIT_SECONDS as LONG
from rules import rule

from fcemu.config import DefinitionError
from fcemu.testing import LocalEmulator

ECHO = "def handler(event, context):\n    return event\n"


def opened(api: Api, code: str = ECHO, **config: Any) -> dict[str, str]:
    """The addresses of a function of 3.0 with an HTTP trigger."""
    api.function("f", code)
    config = {"authType": "anonymous", "methods": ["GET", "POST"]} | config
    body = {"triggerName": "web", "triggerType": "http", "triggerConfig": json.dumps(config)}
    addresses: dict[str, str] = api("POST", "/functions/f/triggers", body)["httpTrigger"]
    return addresses


def by_host(emulator: LocalEmulator, url: str, path: str = "/x", *, vpc: bool = False) -> httpx.Response:
    """A request by FC's own host name."""
    host = f"{url.rpartition('/')[2]}.cn-hangzhou{'-vpc' if vpc else ''}.fcapp.run"
    return httpx.get(f"{emulator.url}{path}", headers={"Host": host}, timeout=LONG)


# Callers.


@pytest.fixture
def guarded():
    with LocalEmulator("", auth=True, access_keys=["LTAIme:mine"], strict=False) as emulator:
        for auth_type in ("anonymous", "function", "jwt"):
            triggers = {"web": {"http": ["GET", "POST"], "authType": auth_type}}
            emulator.add(auth_type, lambda event, context: event, triggers=triggers)
        signed = {"web": {"http": ["POST"], "authType": "function"}}
        emulator.add("media/app", lambda environ, start: start("200 OK", []) and [b"in"], triggers=signed)
        yield emulator


@rule("http-triggers §1", "inferred")
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "MissingRequiredHeader"),
        ({"Authorization": "FC LTAIme:x", "Date": "Thu, 01 Jan 2026 00:00:00 GMT"}, "SignatureNotMatch"),
        ({"Authorization": "FC other:x", "Date": "Thu, 01 Jan 2026 00:00:00 GMT"}, "InvalidAccessKeyID"),
    ],
)
def test_a_caller_without_a_good_signature_is_not_let_in(guarded, headers, code):
    reply = httpx.get(guarded.trigger("function/web").url, headers=headers, timeout=LONG)
    assert (reply.status_code, reply.json()["Code"]) == (403, code)
    assert reply.headers["X-Fc-Error-Type"] == "FCCommonError"
    assert guarded.invocations == []


def test_a_caller_with_a_good_signature_is_let_in(guarded):
    for secret, status in (("mine", 200), ("theirs", 403)):
        client = fc2.Client(endpoint=guarded.url, accessKeyID="LTAIme", accessKeySecret=secret, Timeout=10)
        assert client.do_http_request("POST", "media", "app", "/x", body=b"").status_code == status


def test_who_need_not_say_his_name_is_let_in_and_tokens_are_refused_by_name(guarded):
    assert httpx.get(guarded.trigger("anonymous/web").url, timeout=LONG).status_code == 200
    reply = httpx.get(guarded.trigger("jwt/web").url, timeout=LONG)
    assert (reply.status_code, reply.json()["Code"]) == (501, "NotImplemented")
    assert "authType 'jwt'" in reply.json()["Message"]


# Addresses.


@rule("http-triggers §1", "documented")
def test_a_trigger_without_a_public_address_is_reached_by_its_internal_one(emulator, api):
    addresses = opened(api, disableURLInternet=True)
    assert httpx.get(addresses["urlInternet"], timeout=LONG).status_code == 403
    event = httpx.get(f"{addresses['urlIntranet']}/a?b=c", timeout=LONG).json()
    assert (event["rawPath"], event["queryParameters"]) == ("/a", {"b": "c"})
    assert event["requestContext"]["domainName"].endswith(".cn-hangzhou-vpc.fcapp.run")
    assert by_host(emulator, addresses["urlInternet"]).status_code == 403
    assert by_host(emulator, addresses["urlInternet"], vpc=True).status_code == 200


APK = "application/vnd.android.package-archive"


@rule("http-triggers §1", "documented")
@pytest.mark.parametrize(("path", "kind"), [("/x", APK), ("/x", f"{APK}; a=b"), ("/app.APK", "application/zip")])
def test_an_apk_does_not_come_out_by_fcs_own_public_host(emulator, api, path, kind):
    code = f"def handler(event, context):\n    return {{'statusCode': 200, 'headers': {{'Content-Type': {kind!r}}}}}\n"
    url = opened(api, code)["urlInternet"]
    refused = by_host(emulator, url, path)
    assert (refused.status_code, refused.json()["Code"]) == (400, "ApkDownloadForbidden")
    assert by_host(emulator, url, path, vpc=True).headers["Content-Type"] == kind
    domain = {"domainName": "a.example.com", "routeConfig": {"routes": [{"path": "/*", "functionName": "f"}]}}
    api("POST", "/custom-domains", domain)
    own = httpx.get(f"{emulator.url}{path}", headers={"Host": "a.example.com"}, timeout=LONG)
    assert (own.status_code, own.headers["Content-Type"]) == (200, kind)


def with_doors(folder, *, doors: bool) -> dict[str, Any]:
    """A definition of the function ``f`` in native form, with a trigger and a domain or without."""
    (folder / "index.py").write_text(ECHO)
    function = {"handler": "index.handler", "runtime": "python3.10", "code": str(folder)}
    if not doors:
        return {"functions": {"f": function}}
    triggers = {"web": {"http": ["GET"], "authType": "anonymous"}}
    domain = {"routes": {"/*": "f"}}
    return {"functions": {"f": function | {"triggers": triggers}}, "customDomains": {"shop.example.com": domain}}


@pytest.mark.parametrize("path", ["/", "//", "//x", "/?a=b", "/-vpc", "/-vpc/x", "/%20", "/f"])
def test_a_path_that_names_no_trigger_runs_none(tmp_path, path):
    with LocalEmulator(with_doors(tmp_path, doors=True), strict=False) as emulator:
        assert httpx.get(emulator.trigger("f/web").url, timeout=LONG).status_code == 200
        before = len(emulator.journal)
        reply = httpx.get(f"{emulator.url}{path}", timeout=LONG)
        assert (reply.status_code, reply.json()["Code"]) == (400, "PathNotSupported")
        assert len(emulator.journal) == before


def test_a_trigger_that_was_defined_away_does_not_answer_any_more(tmp_path):
    with LocalEmulator(with_doors(tmp_path, doors=True), strict=False) as emulator:
        url = emulator.trigger("f/web").url
        assert httpx.get(url, timeout=LONG).status_code == 200
        emulator.define(with_doors(tmp_path, doors=False))
        assert httpx.get(url, timeout=LONG).status_code == 400
        assert by_host(emulator, url).status_code == 400
        emulator.define(with_doors(tmp_path, doors=True))
        assert httpx.get(url, timeout=LONG).status_code == 200


def test_what_another_definition_lacks_does_not_answer_after_a_restart(tmp_path):
    kept = {"data": tmp_path / "kept.db", "strict": False}
    with LocalEmulator(with_doors(tmp_path, doors=True), **kept) as emulator:
        path = emulator.trigger("f/web").url.removeprefix(emulator.url)
    with LocalEmulator(with_doors(tmp_path, doors=True), **kept) as emulator:
        assert httpx.get(f"{emulator.url}{path}", timeout=LONG).status_code == 200
        assert httpx.get(f"{emulator.url}/x", headers={"Host": "shop.example.com"}, timeout=LONG).status_code == 200
    with LocalEmulator(with_doors(tmp_path, doors=False), **kept) as emulator:
        assert httpx.get(f"{emulator.url}{path}", timeout=LONG).status_code == 400
        assert httpx.get(f"{emulator.url}/x", headers={"Host": "shop.example.com"}, timeout=LONG).status_code == 400


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "10.0.0.1", "[::1]", "0x7f.1", "1.2", "a.1"])
def test_an_address_is_no_custom_domain(emulator, api, tmp_path, name):
    api.function("f", ECHO)
    route = {"path": "/*", "functionName": "f"}
    document = {"domainName": name, "routeConfig": {"routes": [route]}}
    reply = httpx.post(f"{emulator.url}/2023-03-30/custom-domains", json=document, timeout=LONG)
    assert (reply.status_code, reply.json()["Code"]) == (400, "InvalidArgument")
    assert "a domain name that is no address" in reply.json()["Message"]
    definition = with_doors(tmp_path, doors=True)
    definition["customDomains"][name] = {"routes": {"/*": "f"}}
    with pytest.raises(DefinitionError, match="neither an address nor localhost"):
        LocalEmulator(definition)
    assert api.own("GET", "/health")["status"] == "ok"


def test_a_custom_domain_takes_no_name_over_under_which_fcs_api_answers(emulator, api):
    api.function("f", ECHO)
    route = {"path": "/*", "functionName": "f"}
    for name in ("fcv3.cn-hangzhou.aliyuncs.com", "1.mns.cn-hangzhou.aliyuncs.com", "f.localhost"):
        api("POST", "/custom-domains", {"domainName": name, "routeConfig": {"routes": [route]}})
        own = httpx.get(f"{emulator.url}/_fcemu/health", headers={"Host": name}, timeout=LONG)
        assert ("status" in own.json()) is (name != "f.localhost")


# Limits.


@rule("http-triggers §1", "documented")
@pytest.mark.parametrize(
    ("path", "headers", "body", "why"),
    [
        ("/" + "a" * 4100, {}, b"", "the path and the query are longer than 4096 bytes"),
        ("/", {"X-Long": "a" * 8200}, b"", "the headers are longer than 8192 bytes"),
        ("/", {"X-Fc-Invocation-Type": "Async"}, b"x" * (128 * 1024 + 1), "maximum allowed size (131072 bytes)"),
        ("/", {"X-Fc-Invocation-Type": "Async"}, b"x" * 1_000_000, "maximum allowed size (131072 bytes)"),
        ("/", {}, b"x" * (32 * 1024 * 1024 + 1), "maximum allowed size (33554432 bytes)"),
    ],
    ids=["path", "headers", "async", "far over", "sync"],
)
def test_a_request_over_a_limit_is_an_invalid_argument(emulator, api, path, headers, body, why):
    reply = httpx.post(f"{opened(api)['urlInternet']}{path}", headers=headers, content=body, timeout=LONG)
    assert (reply.status_code, reply.json()["Code"]) == (400, "InvalidArgument")
    assert why in reply.json()["Message"]
    assert emulator.invocations == []


def test_what_is_just_within_the_limits_gets_in(emulator, api):
    url = opened(api)["urlInternet"]
    later = httpx.post(url, headers={"X-Fc-Invocation-Type": "Async"}, content=b"x" * (128 * 1024), timeout=LONG)
    assert later.status_code == 202
    assert httpx.get(f"{url}/{'a' * (4000 - len(url))}", timeout=LONG).status_code == 200


@rule("http-triggers §1", "documented")
def test_a_response_with_more_than_8_kb_of_headers_is_a_bad_response(api):
    code = "def handler(event, context):\n    return {'statusCode': 200, 'headers': {'X': 'x' * 9000}}\n"
    reply = httpx.get(opened(api, code)["urlInternet"], timeout=LONG)
    assert (reply.status_code, reply.json()["Code"]) == (502, "BadResponse")


# Headers.


@rule("http-triggers §1", "assumed")
def test_headers_that_a_caller_cannot_send_are_dropped_and_control_headers_go_no_further(api):
    url = opened(api)["urlInternet"]
    sent = {"X-Fc-Own": "1", "X-Fc-Log-Type": "Tail", "Keep-Alive": "5", "x-other": "yes", "Accept": "*/*"}
    reply = httpx.get(url, headers=sent, timeout=LONG)
    assert reply.json()["headers"] == {
        "Host": url.split("/")[2],
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
        "User-Agent": f"python-httpx/{httpx.__version__}",
        "X-Other": "yes",
    }
    assert "X-Fc-Log-Result" in reply.headers


@rule("http-triggers §1", "assumed")
def test_headers_that_a_function_cannot_set_are_dropped(api):
    own = {
        "X-Fc-Own": "1",
        "x-fc-request-id": "mine",
        "Connection": "close",
        "Content-Length": "7",
        "Date": "today",
        "Keep-Alive": "5",
        "Server": "mine",
        "Content-Disposition": "attachment",
        "X-Mine": "yes",
    }
    code = f"def handler(event, context):\n    return {{'statusCode': 200, 'headers': {own!r}, 'body': 'ok'}}\n"
    reply = httpx.get(opened(api, code)["urlInternet"], timeout=LONG)
    assert reply.text == "ok"
    assert {*map(str.lower, reply.headers)} == {"x-mine", "x-fc-request-id", "date", "content-length"}
    assert reply.headers["X-Fc-Request-Id"] != "mine"
