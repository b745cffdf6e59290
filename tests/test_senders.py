"""Reports posted to a URL over a real socket."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fcemu.senders import post
from fcemu.testing import LocalEmulator


class Hook(HTTPServer):
    """Keeps what is posted; answers ``status``."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 204
        self.posted = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook?to=me"

    def close(self):
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *of):
        pass


@pytest.fixture
def hook():
    server = Hook()
    yield server
    server.close()


def boom(event, context):
    raise ValueError("no")


def definition(url, **more):
    return {"emulator": {"deliverTo": {"acs:mns:::/queues/declined/messages": url}, **more}}


FAILS = {"maxAsyncRetryAttempts": 0, "onFailure": "queue:declined"}


def test_a_failure_is_posted_before_the_move_ends(hook):
    with LocalEmulator(definition(hook.url)) as emulator:
        invocation = emulator.add("pay", boom, asyncInvokeConfig=FAILS).invoke_async("x")
        emulator.run_until_idle()
        [(path, headers, body)] = hook.posted
        [message] = emulator.queue("declined").messages
        assert (path, body) == ("/hook?to=me", message.body)
        assert headers["X-Fc-Request-Id"] == invocation.request_id
        assert json.loads(body)["requestContext"]["condition"] == "UnhandledInvocationError"


def test_a_hook_that_fails_is_asked_again_on_the_virtual_clock(hook):
    hook.status = 503
    with LocalEmulator(definition(hook.url, deliveryRetrySeconds=[60]), strict=False) as emulator:
        emulator.add("pay", boom, asyncInvokeConfig=FAILS).invoke_async("x")
        emulator.advance(59)
        assert (len(hook.posted), emulator.queue("declined").messages) == (1, [])
        hook.status = 200
        emulator.advance(1)
        assert (len(hook.posted), len(emulator.queue("declined").messages)) == (2, 1)
        [failed] = [fact for fact in emulator.journal if fact.kind == "DeliveryFailed"]
        assert failed.data["reason"] == f"{hook.url} answers 503 Service Unavailable; tried again after 60 s"


@pytest.mark.parametrize(("status", "good"), [(200, True), (204, True), (302, False), (404, False), (500, False)])
def test_any_answer_but_a_good_one_is_a_failure(hook, status, good):
    hook.status = status
    assert (post(hook.url, b"x", {}) is None) is good


def test_nobody_there_is_a_failure_that_names_the_url():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    failed = post(f"http://127.0.0.1:{port}/", b"x", {})
    assert failed.startswith(f"http://127.0.0.1:{port}/: ")
    assert "refused" in failed


def test_an_answer_that_is_not_http_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"hello\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert "hello" in post(f"http://127.0.0.1:{port}", b"x", {})
        thread.join()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"deliver_to": {"queue:q": "nowhere"}}, "option deliver_to: 'nowhere' is not a URL"),
        ({"deliver_to": {"function:f": "http://a/"}}, "option deliver_to: 'function:f' is a function"),
        ({"deliver_to": {"q": "http://a/"}}, "option deliver_to: 'q' is not a destination"),
        ({"deliver_to": "queue:q"}, "option deliver_to: expected a map from destinations to URLs, got 'queue:q'"),
        (
            {"delivery_retry_seconds": [-1]},
            "option delivery_retry_seconds: expected a list of values, each a number of seconds from 0 to 2592000",
        ),
    ],
)
def test_wrong_options_are_named(options, text):
    with pytest.raises(ValueError, match=text.replace("(", r"\(")):
        LocalEmulator("", **options)
