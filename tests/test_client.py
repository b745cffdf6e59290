"""The client against a real server: what it reads, what it says when something is wrong."""

import socket
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fcemu.client import Client, ClientError
from fcemu.testing import LocalEmulator

FIXTURES = Path(__file__).parent.parent / "fixtures"
START = datetime(2026, 1, 1, tzinfo=UTC)


def s(seconds):
    return timedelta(seconds=seconds)


@pytest.fixture
def emulator():
    with LocalEmulator(FIXTURES / "flaky", strict=False) as emulator:
        yield emulator


@pytest.fixture
def client(emulator):
    return Client(emulator.url)


def test_health_names_the_version(client):
    assert client.health().status == "ok"
    assert client.health().version


def test_the_clock_is_read_and_changed(client):
    clock = client.clock()
    assert (clock.now, clock.started, clock.rate, clock.autojump) == (START, START, 0, False)
    assert (clock.next_due, clock.in_flight) == (None, 0)
    assert client.set_clock(autojump=True).autojump is True
    assert client.set_clock(autojump=False, rate=0).autojump is False


@pytest.mark.parametrize("by", [200, 200.0, timedelta(seconds=200), "200", "3m20s"])
def test_every_form_of_a_duration_advances_as_far(client, by):
    assert client.advance(by).now == START + s(200)


@pytest.mark.parametrize("instant", ["+200s", "2026-01-01T00:03:20Z", START + s(200)])
def test_every_form_of_an_instant_leads_to_the_same_time(client, instant):
    assert client.to(instant).now == START + s(200)


def test_a_deferred_invocation_is_followed_to_its_end(client):
    reply = client.invoke("flaky", b'{"failures": 1}', asynchronous=True, delay=200)
    assert (reply.status_code, reply.body, reply.error) == (202, b"", None)
    assert client.clock().next_due == START + s(200)

    move = client.run_next()
    assert (move.now, move.after) == (START + s(200), 1)
    assert client.invocation(reply.request_id).status == "Retrying"

    move = client.run_until_idle()
    record = client.invocation(reply.request_id)
    assert (move.now, record.status, record.ended) == (START + s(200.5), "Succeeded", START + s(200.5))
    assert [(attempt.number, attempt.outcome) for attempt in record.attempts] == [
        (1, "function error"),
        (2, "returned"),
    ]
    assert [delivery.destination for delivery in record.deliveries] == ["function:audit"]
    assert record.payload == b'{"failures": 1}'
    assert record.reply is not None
    assert record.reply.status_code == 200


def test_an_invocation_is_stopped_and_its_events_are_read(client):
    reply = client.invoke("flaky", asynchronous=True, delay=200)
    stopped = client.stop(reply.request_id)
    assert (stopped.status, stopped.task_id) == ("Stopped", None)
    assert [(event.status, event.at, event.detail) for event in stopped.events] == [
        ("Enqueued", START, ""),
        ("Stopping", START, ""),
        ("Stopped", START, ""),
    ]
    with pytest.raises(ClientError, match="can not be stopped"):
        client.stop(reply.request_id)


def test_a_limit_of_zero_is_not_no_limit(client):
    client.invoke("flaky", asynchronous=True, delay=1)
    with pytest.raises(ClientError) as refused:
        client.run_until_idle(at_most=0)
    assert (refused.value.status, refused.value.code) == (409, "not-idle")
    assert "due next" in refused.value.explain


def test_a_synchronous_reply_has_body_and_error(client):
    good = client.invoke("flaky", b"{}")
    assert (good.status_code, good.error) == (200, None)
    bad = client.invoke("flaky", b'{"failures": 9}')
    assert bad.error is not None
    assert b"NotYet" in bad.body
    assert bad.request_id == bad.headers["x-fc-request-id"]


def test_a_function_of_a_service_is_invoked_by_its_own_api():
    with LocalEmulator(FIXTURES / "orders", strict=False) as emulator:
        client = Client(emulator.url)
        assert b"charged" in client.invoke("orders/charge", b'{"order": 7, "card": "good"}').body
        with pytest.raises(ClientError, match="ServiceNotFound: service 'nobody' does not exist"):
            client.invoke("nobody/charge")


def test_lists_are_filtered_and_read(client):
    client.invoke("flaky", b"{}", asynchronous=True)
    client.invoke("flaky", b'{"failures": 9}', asynchronous=True)
    client.run_until_idle()
    assert [one.function for one in client.invocations()] == ["flaky", "flaky", "audit"]
    (failed,) = client.invocations(function="flaky", status="Failed")
    (message,) = client.messages("queue:flaky-failures")
    assert message.request_id == failed.request_id
    assert message.at == failed.ended
    assert b"NotYet" in message.body


def test_messages_are_sent_read_and_cleared(client):
    sent = client.send("flaky-failures", b"\xff", delay=s(5))
    client.send("flaky-failures", "grüße".encode())
    assert [message.body for message in client.messages("queue:flaky-failures")] == [b"\xff", "grüße".encode()]
    first, _ = client.messages("queue:flaky-failures", waiting=True)
    assert (first.message_id, first.request_id, first.dequeue_count) == (sent.message_id, None, 0)
    assert (first.visible, first.at) == (START + s(5), START)
    client.clear("queue:flaky-failures")
    assert client.messages("queue:flaky-failures") == []
    with pytest.raises(ClientError, match=r"expected a whole number, got 0\.5 \(a number\)"):
        client.send("flaky-failures", b"x", delay=0.5)


def test_the_journal_is_read_from_a_position_and_for_one_function(client):
    client.invoke("flaky", b"{}", asynchronous=True)
    client.run_until_idle()
    facts = list(client.journal())
    assert [fact.n for fact in facts] == list(range(1, len(facts) + 1))
    assert facts[0].kind == "Accepted"
    assert list(client.journal(after=3)) == facts[3:]
    assert {fact.function for fact in client.journal(function="audit")} == {"audit"}


def test_a_followed_journal_goes_on_until_the_emulator_is_reset(client):
    facts = client.journal(follow=True)
    client.invoke("flaky", b"{}", asynchronous=True)
    assert next(facts).kind == "Accepted"
    client.advance(0)
    assert next(facts).kind == "Dequeued"
    client.reset()
    list(facts)


def test_reset_begins_anew_with_what_it_is_given(client):
    client.invoke("flaky", b"{}", asynchronous=True)
    clock = client.reset(seed=3, start=datetime(2027, 1, 1, tzinfo=UTC))
    assert clock.started == datetime(2027, 1, 1, tzinfo=UTC)
    assert client.timeline() == ""


def test_explain_says_what_is_due(client):
    client.invoke("flaky", b"{}", asynchronous=True, delay=5)
    found = client.explain()
    assert found.next_due == START + s(5)
    assert "due next" in found.text


def test_going_back_is_refused(client):
    client.advance(10)
    with pytest.raises(ClientError, match="time does not go back") as refused:
        client.to("+1s")
    assert refused.value.code == "backwards"


def test_a_name_that_nobody_knows_is_refused_by_name(client):
    with pytest.raises(ClientError, match="FunctionNotFound: function 'flakey' does not exist"):
        client.invoke("flakey")
    with pytest.raises(ClientError, match="did you mean 'flaky-failures'"):
        client.messages("queue:flaky-failure")
    with pytest.raises(ClientError, match="write queue:NAME, topic:NAME or eventbus:NAME"):
        client.messages("flaky-failures")


def test_proxy_variables_are_ignored(client, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert client.health().status == "ok"


def test_a_refused_connection_says_what_to_do():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ClientError) as refused:
        Client(url).health()
    assert str(refused.value) == (
        f"no emulator at {url}: connection refused. Start one with 'fcemu serve', or name its URL with --url or "
        "FCEMU_URL"
    )


class Elsewhere:
    """A server that is no emulator: it answers everything with ``body``."""

    def __init__(self):
        self.body = b""
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(200)
                self.send_header("Content-Length", str(len(ours.body)))
                self.end_headers()
                self.wfile.write(ours.body)

            do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def elsewhere():
    there = Elsewhere()
    thread = threading.Thread(target=there.server.serve_forever)
    thread.start()
    yield there
    there.server.shutdown()
    thread.join()
    there.server.server_close()


ASKED = {
    "health": Client.health,
    "clock": Client.clock,
    "set_clock": partial(Client.set_clock, rate=0),
    "advance": partial(Client.advance, by=1),
    "to": partial(Client.to, instant="+1s"),
    "run_next": Client.run_next,
    "run_until_idle": Client.run_until_idle,
    "explain": Client.explain,
    "reset": Client.reset,
    "journal": lambda client: list(client.journal()),
    "invocations": Client.invocations,
    "invocation": partial(Client.invocation, request_id="1"),
    "stop": partial(Client.stop, request_id="1"),
    "account": Client.account,
    "functions": Client.functions,
    "timers": Client.timers,
    "queues": Client.queues,
    "topics": Client.topics,
    "faults": Client.faults,
    "add_fault": partial(Client.add_fault, fault="throttle", function="f"),
    "stub_calls": partial(Client.stub_calls, function="f"),
    "publish": partial(Client.publish, topic="t", body=b"x"),
    "messages": partial(Client.messages, address="queue:q"),
    "send": partial(Client.send, queue="q", body=b"x"),
    "fire": partial(Client.fire, trigger="f/t", fields={}),
}
NOT_OURS = [
    b"hello",
    b"1",
    b"null",
    b'"x"',
    b"[1]",
    b"[[]]",
    b"[{}]",
    b"{}",
    b'{"error": "x"}',
    b'{"now": 5, "facts": []}',
]
NOT_OURS += [b'{"now": "x"}', b'[{"n": 1}]', b'[{"message_id": "1", "at": 3}]', b'{"request_id": "1"}', b"\xff"]


def test_every_question_that_expects_json_is_asked_here():
    others = {"clear", "invoke", "timeline", "remove_faults", "put_stub", "remove_stub"}
    others |= {"rerun", "fire_timer"}  # whose whole answer is a request id, which another server may have, too
    methods = {name for name, found in vars(Client).items() if callable(found) and not name.startswith("_")}
    assert ASKED.keys() | others == methods


@pytest.mark.parametrize("name", ASKED)
def test_something_else_that_listens_there_is_told_apart(elsewhere, name):
    for elsewhere.body in NOT_OURS:
        with pytest.raises(ClientError, match=f"{elsewhere.url} answers .*; is (it an emulator|one of this version)"):
            ASKED[name](Client(elsewhere.url))


@pytest.mark.parametrize("url", ["", "http://", "ftp://host", "http://host:port", "http://host:99999", "https://host"])
def test_what_is_no_url_of_an_emulator_is_refused(url):
    with pytest.raises(ClientError):
        Client(url)


@pytest.mark.parametrize(("written", "url"), [("127.0.0.1:1", "http://127.0.0.1:1"), ("http://h/", "http://h")])
def test_urls_are_completed(written, url):
    assert Client(written).url == url
