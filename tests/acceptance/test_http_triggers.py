"""HTTP triggers: events of 3.0, WSGI applications of 2.0, domains; synchronous and asynchronous; real frameworks."""

import base64
import json
from typing import Any

import httpx
import pytest
import requests
from acceptance.control import Api, zipped
from patience import WAIT_SECONDS as LONG

from fcemu.testing import LocalEmulator

ECHO = "import json\ndef handler(event, context):\n    return event\n"
FLASK = """
from flask import Flask, jsonify, request

app = Flask(__name__)

@app.route("/hello/<name>", methods=["GET", "POST"])
def hello(name):
    file = request.files.get("photo")
    size = len(file.read()) if file else None
    return jsonify(name=name, query=request.args.getlist("q"), size=size), 201, {"X-Own": "yes"}

@app.route("/cookies")
def cookies():
    response = app.make_response("ok")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response
"""
DJANGO = """
import django
from django.conf import settings
settings.configure(ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"], SECRET_KEY="x")
django.setup()
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
URLS = """
from django.http import JsonResponse
from django.urls import path
def show(request, number):
    return JsonResponse({"number": number, "query": request.GET["q"], "body": request.body.decode()})
urlpatterns = [path("items/<int:number>", show)]
"""


def open_door(api: Api, function: str, **config: Any) -> Any:
    """Give a 3.0 function an HTTP trigger; returns its address."""
    config = {"authType": "anonymous", "methods": ["GET", "POST"]} | config
    body = {"triggerName": "web", "triggerType": "http", "triggerConfig": json.dumps(config)}
    return api("POST", f"/functions/{function}/triggers", body)["httpTrigger"]["urlInternet"]


def wsgi(emulator: LocalEmulator, handler: str, **files: str) -> str:
    """A 2.0 function ``web/app`` with an HTTP trigger; returns the address of its proxy path."""
    old = f"{emulator.url}/2016-08-15/services"
    requests.post(old, json={"serviceName": "web"}, timeout=LONG).raise_for_status()
    function = {"functionName": "app", "runtime": "python3.10", "handler": handler, "timeout": 60}
    function["code"] = {"zipFile": zipped(**files)}
    requests.post(f"{old}/web/functions", json=function, timeout=LONG).raise_for_status()
    trigger = {
        "triggerName": "t",
        "triggerType": "http",
        "triggerConfig": {"authType": "anonymous", "methods": ["GET", "POST"]},
    }
    requests.post(f"{old}/web/functions/app/triggers", json=trigger, timeout=LONG).raise_for_status()
    return f"{emulator.url}/2016-08-15/proxy/web/app"


def test_a_request_becomes_fcs_event(emulator, api):
    api.function("f", ECHO)
    url = open_door(api, "f")
    event = requests.post(
        f"{url}/hello%20you?name=a&name=b", data="Hi", headers={"Content-Type": "text/plain"}, timeout=LONG
    ).json()
    assert (event["version"], event["rawPath"], event["body"], event["isBase64Encoded"]) == (
        "v1",
        "/hello%20you",
        "Hi",
        False,
    )
    assert event["queryParameters"] == {"name": "a,b"}
    assert event["headers"]["Content-Type"] == "text/plain"
    context = event["requestContext"]
    assert context["http"]["path"] == "/hello you"
    assert context["requestId"] == emulator.invocations[0].request_id
    assert (context["time"], context["timeEpoch"]) == ("2026-01-01T00:00:00Z", "1767225600000")
    assert context["domainName"] == f"{url.rpartition('/')[2]}.cn-hangzhou.fcapp.run"


def test_a_binary_body_is_base64(emulator, api):
    api.function("f", ECHO)
    body = b"\x00\xff"
    event = requests.post(open_door(api, "f"), data=body, headers={"Content-Type": "image/png"}, timeout=LONG).json()
    assert (event["isBase64Encoded"], base64.b64decode(event["body"])) == (True, body)


@pytest.mark.parametrize(
    ("returned", "status", "content_type", "body"),
    [
        ({"statusCode": 201, "headers": {"Content-Type": "text/plain"}, "body": "ok"}, 201, "text/plain", b"ok"),
        ({"statusCode": 200, "isBase64Encoded": True, "body": "AP8="}, 200, None, b"\x00\xff"),
        ({"statusCode": 200, "isBase64Encoded": "true", "body": "AP8="}, 200, None, b"\x00\xff"),
        ({"statusCode": 302, "headers": {"Location": "/x"}}, 302, None, b""),
        ({"statusCode": 200, "headers": {"Content-Type": None}, "body": "ok"}, 200, None, b"ok"),
        ({"a": 1}, 200, "application/json", b'{"a":1}'),
        ("plain", 200, "text/plain; charset=utf-8", b"plain"),
        ({"statusCode": "many"}, 502, "application/json", None),
        ({"statusCode": 200, "isBase64Encoded": True, "body": "?"}, 502, "application/json", None),
    ],
)
def test_what_a_handler_returns_becomes_the_response(api, returned, status, content_type, body):
    api.function("f", f"import json\ndef handler(event, context):\n    return {returned!r}\n")
    reply = requests.get(open_door(api, "f"), timeout=LONG, allow_redirects=False)
    assert (reply.status_code, reply.headers.get("Content-Type")) == (status, content_type)
    if body is not None:
        assert reply.content.translate(None, b" \n") == body


def test_a_function_error_is_a_502_with_the_error_document(api):
    api.function("f", "def handler(event, context):\n    raise ValueError('no')\n")
    reply = requests.get(open_door(api, "f"), timeout=LONG)
    assert (reply.status_code, reply.headers["X-Fc-Error-Type"]) == (502, "UnhandledInvocationError")
    assert reply.json()["errorMessage"] == "no"


def test_a_method_that_the_trigger_does_not_allow_is_refused(api):
    api.function("f", ECHO)
    reply = requests.delete(open_door(api, "f"), timeout=LONG)
    assert (reply.status_code, reply.json()["Code"]) == (405, "InvalidArgument")


def test_a_trigger_whose_public_address_is_off_refuses(api):
    api.function("f", ECHO)
    assert requests.get(open_door(api, "f", disableURLInternet=True), timeout=LONG).status_code == 403


def test_fcs_own_host_name_leads_to_the_trigger_and_forbids_redirects_elsewhere(emulator, api):
    code = "def handler(event, context):\n    return {'statusCode': 302, 'headers': {'Location': 'https://example.com/'}}\n"
    api.function("f", code)
    trigger_id = open_door(api, "f").rpartition("/")[2]
    host = {"Host": f"{trigger_id}.cn-hangzhou.fcapp.run"}
    reply = requests.get(f"{emulator.url}/2023-03-30/functions", headers=host, timeout=LONG, allow_redirects=False)
    assert (reply.status_code, reply.json()["Code"]) == (400, "ExternalRedirectForbidden")
    api.update("f", ECHO)
    reply = requests.get(f"{emulator.url}/x?y=1", headers=host, timeout=LONG)
    assert (reply.json()["rawPath"], reply.headers["Content-Disposition"]) == ("/x", "attachment")


def test_a_custom_domain_leads_by_its_longest_route_and_rewrites(emulator, api):
    api.function("all", "def handler(event, context):\n    return 'all'\n")
    api.function("some", ECHO)
    routes = [
        {"path": "/*", "functionName": "all"},
        {
            "path": "/api/*",
            "functionName": "some",
            "rewriteConfig": {"wildcardRules": [{"match": "/api/*", "replacement": "/$1"}]},
        },
    ]
    api("POST", "/custom-domains", {"domainName": "shop.example.com", "routeConfig": {"routes": routes}})
    host = {"Host": "shop.example.com:8080"}
    assert requests.get(f"{emulator.url}/x", headers=host, timeout=LONG).text == "all"
    assert requests.get(f"{emulator.url}/api/v1/y", headers=host, timeout=LONG).json()["rawPath"] == "/v1/y"


def test_a_request_that_is_accepted_runs_when_the_clock_gets_there(emulator, api):
    api.function("f", ECHO)
    headers = {"X-Fc-Invocation-Type": "Async", "X-Fc-Async-Delay": "30"}
    reply = requests.post(f"{open_door(api, 'f')}/start", data="x", headers=headers, timeout=LONG)
    assert (reply.status_code, reply.content) == (202, b"")
    invocation = emulator.invocation(reply.headers["X-Fc-Request-Id"])
    assert (invocation.source, invocation.status) == ("http", "Enqueued")
    emulator.advance(30)
    assert invocation.reply.json()["rawPath"] == "/start"


def test_a_flask_application_behind_a_trigger_of_20(emulator):
    url = wsgi(emulator, "index.app", index_py=FLASK)
    reply = requests.get(f"{url}/hello/you?q=1&q=2", timeout=LONG)
    assert (reply.status_code, reply.json()) == (201, {"name": "you", "query": ["1", "2"], "size": None})
    assert reply.headers["X-Own"] == "yes"
    reply = httpx.post(
        f"{url}/hello/me", files={"photo": ("p.png", b"\x00" * 1000, "image/png")}, data={"a": "b"}, timeout=LONG
    )
    assert reply.json()["size"] == 1000
    cookies = httpx.get(f"{url}/cookies", timeout=LONG).headers.get_list("set-cookie")
    assert [cookie.partition(";")[0] for cookie in cookies] == ["a=1", "b=2"]
    assert requests.get(f"{url}/nowhere", timeout=LONG).status_code == 404


def test_a_django_application_behind_a_trigger_of_20(emulator):
    url = wsgi(emulator, "index.application", index_py=DJANGO, urls_py=URLS)
    reply = requests.get(f"{url}/items/7?q=x", timeout=LONG)
    assert reply.json() == {"number": 7, "query": "x", "body": ""}


def test_a_wsgi_application_is_called_later_with_the_same_request(emulator):
    url = wsgi(emulator, "index.app", index_py=FLASK)
    headers = {"X-Fc-Invocation-Type": "Async", "X-Fc-Async-Delay": "5"}
    reply = requests.post(f"{url}/hello/later", headers=headers, timeout=LONG)
    emulator.run_until_idle()
    invocation = emulator.invocation(reply.headers["X-Fc-Request-Id"])
    assert (invocation.status, invocation.reply.json()["name"]) == ("Succeeded", "later")


def test_the_handle_sends_requests_without_a_socket(emulator, api):
    api.function("f", ECHO)
    reply = emulator.function("f").http("POST", "/a b", params={"q": [1, 2]}, json={"x": 1}, headers={"X-Me": "y"})
    event = reply.json()
    assert (reply.status_code, event["rawPath"], event["queryParameters"]) == (200, "/a%20b", {"q": "1,2"})
    assert (json.loads(event["body"]), event["headers"]["X-Me"]) == ({"x": 1}, "y")
    later = emulator.function("f").http_async("GET", "/later", delay=10)
    assert later.source == "http"
    emulator.run_until_idle()
    assert later.reply.json()["rawPath"] == "/later"


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_has_none_for_the_handle_either(emulator, api, status):
    api.function("f", f"def handler(event, context):\n    return {{'statusCode': {status}, 'body': 'nothing'}}\n")
    url = open_door(api, "f")
    by_handle, by_wire = emulator.function("f").http("GET"), requests.get(url, timeout=LONG)
    assert (by_handle.status_code, by_handle.body) == (by_wire.status_code, by_wire.content) == (status, b"")


def test_the_handle_never_raises_for_what_is_refused(emulator, api):
    api.function("f", "def handler(event, context):\n    raise ValueError\n")
    assert emulator.function("f").http("GET").status_code == 502
    api("POST", "/functions/f/invoke/disable", {"reason": "closed"})
    assert emulator.function("f").http("GET").status_code == 403


def test_there_is_one_http_trigger_for_a_qualifier(api):
    api.function("f", ECHO)
    open_door(api, "f")
    with pytest.raises(AssertionError, match="only one is allowed"):
        api("POST", "/functions/f/triggers", {"triggerName": "b", "triggerType": "http", "triggerConfig": "{}"})
