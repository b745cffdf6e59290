"""Flask and Django behind HTTP triggers of 2.0, an event handler of 3.0 behind one of its own; asked by requests and
httpx, and as a browser sends a form with files. In processes of their own, as ``serve`` runs them."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import requests
from acceptance.control import Api, zipped
from patience import WAIT_SECONDS as LONG

from fcemu.testing import LocalEmulator

FLASK = """
import hashlib
from flask import Flask, jsonify, redirect, request

app = Flask(__name__)

@app.route("/items/<int:number>", methods=["GET", "POST"])
def items(number):
    asked = dict(number=number, queries=request.args.getlist("q"), method=request.method)
    asked["cookie"] = request.cookies.get("who")
    answer = jsonify(asked | {"body": request.get_json(silent=True), "agent": request.user_agent.string})
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer, 201, {"X-Own": "yes"}

@app.post("/upload")
def upload():
    sent = [(name, one.filename, one.read()) for name, one in request.files.items(multi=True)]
    files = [[name, filename, hashlib.md5(content).hexdigest()] for name, filename, content in sent]
    return jsonify(note=request.form["note"], files=files)

@app.get("/old")
def old():
    return redirect("items/7?q=new")
"""
DJANGO = """
import django
from django.conf import settings
settings.configure(ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"], SECRET_KEY="x")
django.setup()
from django.core.wsgi import get_wsgi_application
app = get_wsgi_application()
"""
URLS = """
import hashlib
import json
from django.http import HttpResponseRedirect, JsonResponse
from django.urls import path

def items(request, number):
    body = json.loads(request.body) if request.content_type == "application/json" else None
    asked = dict(number=number, queries=request.GET.getlist("q"), method=request.method)
    asked["cookie"] = request.COOKIES.get("who")
    asked |= {"body": body, "agent": request.headers["User-Agent"]}
    answer = JsonResponse(asked, status=201, headers={"X-Own": "yes"})
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer

def upload(request):
    sent = [(name, one.name, one.read()) for name in request.FILES for one in request.FILES.getlist(name)]
    files = [[name, filename, hashlib.md5(content).hexdigest()] for name, filename, content in sent]
    return JsonResponse({"note": request.POST["note"], "files": files})

urlpatterns = [
    path("items/<int:number>", items),
    path("upload", upload),
    path("old", lambda request: HttpResponseRedirect("items/7?q=new")),
]
"""
EVENTS = """
import base64
import hashlib
import json
from email import message_from_bytes
from http.cookies import SimpleCookie

def handler(event, context):
    event = json.loads(event)
    body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
    path, headers = event["requestContext"]["http"]["path"], event["headers"]
    if path == "/old":
        return {"statusCode": 302, "headers": {"Location": "items/7?q=new"}}
    if path == "/upload":
        return uploaded(headers, body)
    who = SimpleCookie(headers.get("Cookie", "")).get("who")
    asked = {
        "number": int(path.rpartition("/")[2]),
        "queries": event["queryParameters"].get("q", "").split(","),
        "method": event["requestContext"]["http"]["method"],
        "cookie": who and who.value,
        "body": json.loads(body) if headers.get("Content-Type") == "application/json" else None,
        "agent": event["requestContext"]["http"]["userAgent"],
    }
    own = {"Content-Type": "application/json", "X-Own": "yes", "Set-Cookie": ["a=1; Path=/", "b=2; Path=/"]}
    return {"statusCode": 201, "headers": own, "body": json.dumps(asked)}

def uploaded(headers, body):
    form = message_from_bytes(b"Content-Type: " + headers["Content-Type"].encode() + b"\\r\\n\\r\\n" + body)
    files, note = [], None
    for part in form.get_payload():
        name = part.get_param("name", header="Content-Disposition")
        content = part.get_payload(decode=True)
        filename = part.get_param("filename", header="Content-Disposition")
        if filename is None:
            note = content.decode()
        else:
            files.append([name, filename, hashlib.md5(content).hexdigest()])
    return {"note": note, "files": files}
"""

PHOTO = bytes(range(256)) * 300 + b"\r\n--not-the-boundary\r\n"
TEXT = "Grüße\r\n".encode()
SENT = [("photos", "a b.png", PHOTO), ("photos", "notes.txt", TEXT)]
BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "de-DE,de;q=0.9,en;q=0.8",
    "Cache-Control": "max-age=0",
    "Origin": "null",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Upgrade-Insecure-Requests": "1",
}


def form_of_a_browser() -> bytes:
    """A form with a text and two files of one name, byte for byte as Chrome writes it."""
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="note"\r\n\r\nsüß & sauer\r\n'.encode()]
    for (name, filename, content), kind in zip(SENT, ("image/png", "text/plain"), strict=True):
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        parts.append(f"{head}Content-Type: {kind}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def by_requests(url: str) -> Any:
    files = [(name, (filename, content)) for name, filename, content in SENT]
    return requests.post(f"{url}/upload", files=files, data={"note": "süß & sauer"}, timeout=LONG)


def by_httpx(url: str) -> Any:
    files = [(name, (filename, content)) for name, filename, content in SENT]
    return httpx.post(f"{url}/upload", files=files, data={"note": "süß & sauer"}, timeout=LONG)


def by_a_browser(url: str) -> Any:
    headers = BROWSER | {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return httpx.post(f"{url}/upload", content=form_of_a_browser(), headers=headers, timeout=LONG)


@pytest.fixture
def emulator():
    with LocalEmulator("", runtime="process", strict=False) as emulator:
        yield emulator


def wsgi(emulator: LocalEmulator, **files: str) -> str:
    """A 2.0 function with an HTTP trigger; returns the address of its proxy path."""
    old = f"{emulator.url}/2016-08-15/services"
    function = {"functionName": "app", "runtime": "python3.10", "handler": "index.app", "timeout": 60}
    function["code"] = {"zipFile": zipped(**files)}
    config = {"authType": "anonymous", "methods": ["GET", "POST"]}
    for path, body in [
        ("", {"serviceName": "web"}),
        ("/web/functions", function),
        ("/web/functions/app/triggers", {"triggerName": "t", "triggerType": "http", "triggerConfig": config}),
    ]:
        requests.post(f"{old}{path}", json=body, timeout=LONG).raise_for_status()
    return f"{emulator.url}/2016-08-15/proxy/web/app"


def flask(emulator: LocalEmulator) -> str:
    return wsgi(emulator, index_py=FLASK)


def django(emulator: LocalEmulator) -> str:
    return wsgi(emulator, index_py=DJANGO, urls_py=URLS)


def events(emulator: LocalEmulator) -> str:
    """A 3.0 event handler with an HTTP trigger; returns its local address."""
    api = Api(emulator)
    api.function("app", EVENTS)
    config = json.dumps({"authType": "anonymous", "methods": ["GET", "POST"]})
    body = {"triggerName": "web", "triggerType": "http", "triggerConfig": config}
    url: str = api("POST", "/functions/app/triggers", body)["httpTrigger"]["urlInternet"]
    return url


applications = pytest.mark.parametrize("application", [flask, django, events])


@applications
@pytest.mark.parametrize("upload", [by_requests, by_httpx, by_a_browser])
def test_a_form_with_files_arrives_byte_for_byte(emulator, application: Callable[..., str], upload: Callable[..., Any]):
    reply = upload(application(emulator))
    assert (reply.status_code, reply.json()["note"]) == (200, "süß & sauer")
    assert reply.json()["files"] == [[name, file, hashlib.md5(content).hexdigest()] for name, file, content in SENT]


@applications
@pytest.mark.parametrize("client", [requests, httpx])
def test_queries_cookies_and_json_go_in_status_headers_and_cookies_come_out(emulator, application, client):
    url = application(emulator)
    got = client.get(
        f"{url}/items/7?q=x%20y&q=%C3%A9", headers={"Cookie": "who=me", "User-Agent": "me/1"}, timeout=LONG
    )
    assert (got.status_code, got.headers["X-Own"]) == (201, "yes")
    assert sorted(got.cookies.items()) == [("a", "1"), ("b", "2")]
    asked = {"number": 7, "queries": ["x y", "é"], "method": "GET", "cookie": "me", "body": None, "agent": "me/1"}
    assert got.json() == asked
    posted = client.post(f"{url}/items/8?q=", json={"x": [1, "é"]}, timeout=LONG)
    assert (posted.json()["body"], posted.json()["method"]) == ({"x": [1, "é"]}, "POST")


@applications
def test_a_redirect_is_followed_inside_of_the_application(emulator, application):
    reply = requests.get(f"{application(emulator)}/old", timeout=LONG)
    assert (reply.status_code, reply.json()["queries"]) == (201, ["new"])


@pytest.mark.parametrize("application", [flask, django])
def test_what_the_application_does_not_know_is_its_own_404(emulator, application):
    reply = requests.get(f"{application(emulator)}/nowhere", timeout=LONG)
    assert reply.status_code == 404
    assert reply.headers["Content-Type"].startswith("text/html")


@applications
def test_an_upload_that_is_accepted_is_read_when_the_clock_gets_there(emulator, application):
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "X-Fc-Invocation-Type": "Async"}
    url = f"{application(emulator)}/upload"
    reply = requests.post(url, data=form_of_a_browser(), headers=headers | {"X-Fc-Async-Delay": "5"}, timeout=LONG)
    assert (reply.status_code, reply.content) == (202, b"")
    emulator.run_until_idle()
    invocation = emulator.invocation(reply.headers["X-Fc-Request-Id"])
    assert (invocation.status, emulator.seconds(invocation.ended)) == ("Succeeded", 5)
    assert [file for _, file, _ in invocation.reply.json()["files"]] == ["a b.png", "notes.txt"]
