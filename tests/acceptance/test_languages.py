"""Functions in Node.js and behind custom runtimes, as a user defines and calls them."""

import json
import textwrap
import urllib.error
import urllib.request

import pytest

from fcemu.core.errors import FCError
from fcemu.testing import LocalEmulator

SLOW = """
import time

def handler(event, context):
    time.sleep(100)
    return event + b" at last"
"""

NODE = """
exports.handler = async (event) => {
  const answer = await fetch(`${process.env.FCEMU_URL}/2023-03-30/functions/slow/invocations`, {
    method: 'POST',
    body: event,
    headers: { Authorization: `FC ${process.env.ALIBABA_CLOUD_ACCESS_KEY_ID}:x` },
  });
  return `${await answer.text()} after ${(Date.now() - Date.parse('2026-01-01T00:00:00Z')) / 1000} s`;
};
"""

CUSTOM = """
import os, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        url = os.environ["FCEMU_URL"] + "/2023-03-30/functions/slow/invocations"
        keys = {"Authorization": f"FC {self.headers['x-fc-access-key-id']}:x"}
        answered = urllib.request.urlopen(urllib.request.Request(url, body, keys)).read()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answered)

    def log_message(self, *_): pass

HTTPServer(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Server).serve_forever()
"""


NODE_WEB = """
exports.handler = (req, resp, context) => {
  resp.setStatusCode(201);
  resp.setHeader('X-Kind', 'node');
  resp.send(`${req.method} ${req.path} ${req.queries.x} ${req.body}`);
};
"""

CUSTOM_WEB = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Server(BaseHTTPRequestHandler):
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = 404 if body == b"nothing" else 201
        self.send_response(status)
        self.send_header("X-Kind", "custom")
        if status == 404: self.send_header("x-fc-status", "404")
        self.end_headers()
        self.wfile.write(f"PUT {self.path} {body.decode()}".encode())

    def log_message(self, *_): pass

HTTPServer(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Server).serve_forever()
"""


@pytest.fixture
def emulator(tmp_path):
    files = {"slow.py": SLOW, "caller.js": NODE, "server.py": CUSTOM, "web.js": NODE_WEB, "web.py": CUSTOM_WEB}
    for name, text in files.items():
        (tmp_path / name).write_text(textwrap.dedent(text))
    definition = {
        "code": str(tmp_path),
        "functions": {
            "slow": {"handler": "slow.handler", "timeout": 300},
            "node": {"runtime": "nodejs20", "handler": "caller.handler", "timeout": 300},
            "custom": {"runtime": "custom", "command": ["python3", "server.py"], "timeout": 300},
            "web": {"runtime": "custom", "command": ["python3", "web.py"]},
        },
        "services": {"shop": {"functions": {"web": {"runtime": "nodejs16", "handler": "web.handler"}}}},
    }
    with LocalEmulator(definition) as emulator:
        yield emulator


@pytest.mark.parametrize(("name", "text"), [("node", "done at last after 100 s"), ("custom", "done at last")])
def test_a_caller_in_a_process_of_its_own_waits_as_long_as_its_callee_sleeps(emulator, name, text):
    reply = emulator.function(name).invoke("done")
    assert (reply.error, reply.text) == (None, text)
    assert emulator.now == emulator.at("+100s")
    assert "was called without" not in emulator.timeline()


def test_an_http_handler_of_2_0_in_node_answers_the_request_of_a_trigger(emulator):
    reply = emulator.function("shop/web").http("PUT", "/a b", params={"x": 1}, data="body")
    assert (reply.status_code, reply.headers["X-Kind"], reply.text) == (201, "node", "PUT /a b 1 body")


def test_a_custom_runtime_answers_the_request_of_a_trigger_as_it_came(emulator):
    web = emulator.function("web")
    reply = web.http("PUT", "/a b", params={"x": 1}, data="body")
    assert (reply.status_code, reply.headers["X-Kind"], reply.text) == (201, "custom", "PUT /a%20b?x=1 body")
    missing = web.http("PUT", "/", data="nothing")
    assert (missing.status_code, missing.text) == (404, "PUT / nothing")


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["./nowhere"], "CAFileNotFound", "The function cannot be started. nowhere: No such file or directory"),
        (["false"], "CAExited", "The function either cannot be started or exited. It ended with exit code 1."),
    ],
)
def test_a_program_that_cannot_be_started_is_refused_and_retried(command, code, message):
    with LocalEmulator({"functions": {"f": {"runtime": "custom", "command": command}}}, strict=False) as emulator:
        function = emulator.function("f")
        with pytest.raises(FCError) as refused:
            function.invoke()
        assert (refused.value.code, refused.value.status) == (code, 412)
        assert refused.value.message.startswith(message)
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(f"{emulator.url}/2023-03-30/functions/f/invocations", b"")
        with answer.value:
            assert (answer.value.code, json.load(answer.value)["Code"]) == (412, code)
        invocation = function.invoke_async()
        emulator.run_until_idle()
        assert (invocation.status, len(invocation.attempts)) == ("Failed", 4)


def test_where_there_is_no_node_the_caller_hears_what_to_install(emulator, monkeypatch):
    monkeypatch.setenv("FCEMU_NODE", "/nowhere/node")
    with pytest.raises(FCError, match=r"needs Node\.js on this machine: install") as refused:
        emulator.function("node").invoke()
    assert (refused.value.code, refused.value.status) == ("FunctionNotStarted", 412)
    invocation = emulator.function("node").invoke_async()
    emulator.run_until_idle()
    assert invocation.status == "Failed"
    assert len(invocation.attempts) == 1, "another attempt would come to the same"
    assert "needs Node.js on this machine" in emulator.timeline()


def test_the_module_of_a_function_in_another_language_is_not_here(emulator):
    with pytest.raises(LookupError, match="nodejs20"):
        _ = emulator.function("node").module


def test_a_container_without_a_command_is_refused_with_advice(tmp_path):
    definition = {"functions": {"image": {"runtime": "custom-container"}}}
    with LocalEmulator(definition) as emulator, pytest.raises(FCError, match="write 'command'"):
        emulator.function("image").invoke()
