"""fcemu's own API: journal, timeline, explain, invocations, messages."""

import json
import socket
from pathlib import Path

import pytest
from api.conftest import echo
from api.harness import FC3, Served
from fakes import ask, make, s
from patience import WAIT_SECONDS

from fcemu.core.destinations import QueueDestination, TopicDestination
from fcemu.core.functions import AsyncSettings
from fcemu.core.settings import SPEC_START
from fcemu.core.timeline import render
from fcemu.engine.shown import shown


def boom(call):
    raise ValueError("no")


def decline(call):
    call.clock.sleep(1)
    raise ValueError("declined")


@pytest.fixture
def shop(serve):
    """One invocation that succeeded, one that failed and was reported, one that waits; +10 s."""
    emulator, _ = make(
        {
            "pay": AsyncSettings(max_retries=1, on_failure=QueueDestination("declined")),
            "echo": AsyncSettings(on_success=TopicDestination("done")),
        },
        echo=echo,
        pay=decline,
        shop__echo=echo,
    )
    served = serve(emulator)
    emulator.accept(ask("echo", b"\x00\xff"))
    emulator.accept(ask("pay", b'{"order": 7}', delay=2))
    emulator.accept(ask("shop/echo", b"later", delay=100))
    emulator.wait(emulator.advance(s(10)))
    return served


def lines(reply):
    return [json.loads(line) for line in reply.body.decode().splitlines()]


def test_the_journal_is_one_fact_a_line(shop):
    reply = shop.request("GET", "/_fcemu/journal")
    assert reply.headers["content-type"] == "application/x-ndjson"
    facts = lines(reply)
    assert [fact["n"] for fact in facts] == list(range(1, len(shop.emulator.journal) + 1))
    assert facts[0] == {
        "n": 1,
        "at": "2026-01-01T00:00:00.000000Z",
        "kind": "Accepted",
        "request_id": facts[0]["request_id"],
        "attempt": None,
        "data": facts[0]["data"],
        "function": "echo",
    }
    assert facts[0]["data"]["payload"] == {"base64": "AP8="}


def test_the_journal_can_begin_later_and_keep_to_one_function(shop):
    total = len(shop.emulator.journal)
    assert [fact["n"] for fact in lines(shop.request("GET", f"/_fcemu/journal?after={total - 2}"))] == [
        total - 1,
        total,
    ]
    assert lines(shop.request("GET", "/_fcemu/journal?after=100000")) == []
    kinds = [fact["kind"] for fact in lines(shop.request("GET", "/_fcemu/journal?function=shop%2Fecho"))]
    assert kinds == ["Accepted"]
    assert lines(shop.request("GET", "/_fcemu/journal?function=nobody")) == []


class Listener:
    """Reads a stream of the server line by line."""

    def __init__(self, served: Served, path: str, headers: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", served.port), timeout=WAIT_SECONDS)
        self._socket.sendall(f"GET /_fcemu{path} HTTP/1.0\r\nHost: x\r\n{headers}\r\n".encode())
        self._file = self._socket.makefile("rb")
        self.head = []
        while line := self._file.readline().strip():
            self.head.append(line.decode())

    def lines(self, count):
        return [self._file.readline().decode().rstrip("\n") for _ in range(count)]

    def rest(self):
        return self._file.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._socket.close()


def test_who_follows_the_journal_hears_of_facts_as_they_happen(served):
    with Listener(served, "/journal?follow=1") as listener:
        assert "Content-Type: application/x-ndjson" in listener.head
        served.emulator.accept(ask("echo", b"1"))
        assert json.loads(listener.lines(1)[0])["kind"] == "Accepted"
        served.json("POST", "/clock/run-until-idle")
        kinds = [json.loads(line)["kind"] for line in listener.lines(5)]
        assert kinds == ["Dequeued", "InstanceStarted", "Started", "Finished", "Succeeded"]


def test_events_have_ids_from_which_a_browser_goes_on(served):
    served.request("POST", FC3.format("echo"))
    headers = "Accept: text/event-stream\r\nLast-Event-ID: 4\r\n"
    with Listener(served, "/journal", headers) as listener:
        assert "Content-Type: text/event-stream" in listener.head
        served.emulator.accept(ask("echo"))
        identity, kind, data, end = listener.lines(4)
        assert (identity, kind, end) == ("id: 5", "event: Succeeded", "")
        assert json.loads(data.removeprefix("data: "))["n"] == 5
        assert listener.lines(4)[:2] == ["id: 6", "event: Accepted"]
    last = served.request("GET", "/_fcemu/journal?follow=0&after=5", Accept="text/event-stream").body.decode()
    assert last.startswith("id: 6\nevent: Accepted\ndata: {")


def test_a_follower_does_not_hold_a_jumping_clock_and_is_forgotten_when_it_leaves(served):
    with Listener(served, "/journal?follow=1") as listener:
        served.emulator.accept(ask("echo", delay=3600))
        listener.lines(1)
        served.json("PATCH", "/clock", {"autojump": True})
        assert json.loads(listener.lines(5)[-1])["kind"] == "Succeeded"
        assert len(served.emulator.journal._followers) == 1
    served.stop()
    assert served.emulator.journal._followers == []


def test_a_stream_ends_when_another_emulator_takes_over(served):
    other, _ = make(echo=echo)
    before = served.emulator
    with Listener(served, "/journal?follow=1") as listener:
        before.accept(ask("echo"))
        served.api.state.put(other, None)
        assert listener.rest().count(b"\n") == 1
    before.close()


def test_a_stream_ends_with_the_server_and_the_connection_may_be_kept(served):
    with served.client() as request:
        assert request("GET", "/_fcemu/journal?follow=0").status == 200
        assert request("GET", "/_fcemu/journal").headers["transfer-encoding"] == "chunked"
    with Listener(served, "/journal?follow=1") as listener:
        served.stop()
        assert listener.rest() == b""


def test_the_timeline_is_text_for_people(shop):
    reply = shop.request("GET", "/_fcemu/timeline?format=text")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.body.decode() == render(shop.emulator.journal, SPEC_START)


def test_explain_says_what_is_due(shop):
    found = shop.json("GET", "/explain")
    assert (found["in_flight"], found["waiting_for"]) == ([], [])
    assert found["next_due"] == "2026-01-01T00:01:40.000000Z"
    assert "nothing moves the clock" in found["text"]


def test_a_record_tells_the_whole_life(shop):
    record = shop.json("GET", "/invocations?function=pay")[0]
    request_id, logs = record["request_id"], [attempt.pop("logs") for attempt in record["attempts"]]
    instance = record["attempts"][0]["instance_id"]
    line = next(n for n, text in enumerate(Path(__file__).read_text().splitlines(), 1) if text.endswith('("declined")'))
    for attempt in record["attempts"]:
        assert attempt.pop("location") == f"{shown(__file__)}:{line}"
        assert attempt.pop("traceback").splitlines()[-3:] == [
            f'  File "{shown(__file__)}", line {line}, in decline',
            '    raise ValueError("declined")',
            "ValueError: declined",
        ]
    (delivery,) = record.pop("deliveries")
    document = '{"errorMessage": "declined"}'
    failed = '{"Error":"UnhandledInvocationError","ErrorMessage":"declined"}'
    assert record == {
        "request_id": request_id,
        "task_id": None,
        "function": "pay",
        "qualifier": "LATEST",
        "kind": "async",
        "source": "api",
        "status": "Failed",
        "accepted": "2026-01-01T00:00:00.000000Z",
        "due": "2026-01-01T00:00:03.500000Z",
        "ended": "2026-01-01T00:00:04.500000Z",
        "reason": record["reason"],
        "caused_by": None,
        "payload": '{"order": 7}',
        "attempts": [
            {
                "number": number,
                "started": f"2026-01-01T00:00:{start}Z",
                "ended": f"2026-01-01T00:00:{end}Z",
                "outcome": "function error",
                "error": "UnhandledInvocationError",
                "instance_id": instance,
            }
            for number, start, end in ((1, "02.000000", "03.000000"), (2, "03.500000", "04.500000"))
        ],
        "events": [
            {"status": status, "at": f"2026-01-01T00:00:{at}Z", "detail": detail}
            for status, at, detail in (
                ("Enqueued", "00.000000", ""),
                ("Dequeued", "02.000000", ""),
                ("Running", "02.000000", ""),
                ("Retrying", "03.000000", failed),
                ("Running", "03.500000", ""),
                ("Failed", "04.500000", failed),
            )
        ],
        "reply": {"status_code": 200, "error": "UnhandledInvocationError", "body": document},
    }
    assert f"FC Invoke End RequestId: {request_id}, Error: Unhandled function error" in logs[0]
    assert (delivery["destination"], delivery["at"]) == ("queue:declined", "2026-01-01T00:00:04.500000Z")
    assert json.loads(delivery["body"])["responsePayload"] == document
    assert shop.json("GET", f"/invocations/{request_id}")["request_id"] == request_id


def test_records_can_be_chosen(shop):
    records = shop.json("GET", "/invocations")
    assert [record["function"] for record in records] == ["echo", "pay", "shop/echo"]
    assert records[0]["payload"] == records[0]["reply"]["body"] == {"base64": "AP8="}
    assert (records[2]["ended"], records[2]["reply"], records[2]["attempts"]) == (None, None, [])
    for query, functions in {
        "function=shop/echo": ["shop/echo"],
        "status=Failed": ["pay"],
        "status=failed": ["pay"],
        "status=FAILED": ["pay"],
        "status=Running": [],
        "limit=2": ["echo", "pay"],
        "limit=0": [],
        f"after={records[0]['request_id']}": ["pay", "shop/echo"],
        f"after={records[0]['request_id']}&limit=1": ["pay"],
    }.items():
        assert [record["function"] for record in shop.json("GET", f"/invocations?{query}")] == functions
    assert shop.request("GET", "/_fcemu/invocations/nope").status == 404


def test_synchronous_calls_and_refused_attempts_have_records_too(served):
    served.request("POST", FC3.format("echo"), b"x")
    (record,) = served.json("GET", "/invocations")
    assert (record["kind"], record["status"], record["reply"]["body"]) == ("sync", "Succeeded", "x")


def test_what_was_read_here_need_not_be_read_by_the_test(shop):
    assert shop.emulator.read_outside == set()
    messages = shop.json("GET", "/queues/declined/messages")
    assert shop.emulator.read_outside == {messages[0]["request_id"]}
    shop.json("GET", "/invocations")
    assert shop.emulator.read_outside == set(shop.emulator.journal.invocations)


def test_messages_stay_until_they_are_cleared_and_the_facts_for_ever(shop):
    (message,) = shop.json("GET", "/queues/declined/messages")
    assert sorted(message) == ["at", "body", "message_id", "request_id"]
    assert json.loads(message["body"])["requestContext"]["requestId"] == message["request_id"]
    facts = len(shop.emulator.journal)
    assert shop.json("DELETE", "/queues/declined/messages") is None
    assert shop.json("GET", "/queues/declined/messages") == []
    assert len(shop.json("GET", "/topics/done/messages")) == 1
    assert [type(fact).__name__ for fact in shop.emulator.journal[facts:]] == ["Cleared"]
    shop.emulator.accept(ask("pay"))
    shop.json("POST", "/clock/advance", {"seconds": 10})
    assert len(shop.json("GET", "/queues/declined/messages")) == 1


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/queues/decline/messages", "there is no queue 'decline'; did you mean 'declined'?"),
        ("/queues/done/messages", "there is no queue 'done'; known: declined"),
        ("/topics/xyz/messages", "there is no topic 'xyz'; known: done"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_queue_that_nobody_defined_or_used_is_a_problem_with_the_closest_one(shop, method, path, detail):
    reply = shop.request(method, f"/_fcemu{path}")
    assert (reply.status, reply.json()["detail"]) == (404, detail)
