"""Triggers of other services: fired by a test, by a request, by what is published to a topic."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from rules import rule

from fcemu.cli import main
from fcemu.testing import FCError, LocalEmulator, NotFired, UnknownName

ACCOUNT = "1234567890123456"
OSS = {
    "oss": {"events": ["oss:ObjectCreated:*", "oss:ObjectRemoved:DeleteObject"], "filter": {"key": {"prefix": "in/"}}},
    "sourceArn": f"acs:oss:cn-hangzhou:{ACCOUNT}:films",
}
NEWS = {"mns_topic": {"filterTag": "urgent"}, "sourceArn": f"acs:mns:cn-hangzhou:{ACCOUNT}:/topics/news"}
TRIGGERS = {
    "files": OSS,
    "news": NEWS,
    "told": {"mns_topic": {"notifyContentFormat": "JSON"}, "sourceArn": f"acs:mns:cn-hangzhou:{ACCOUNT}:/topics/news"},
    "rows": {"tablestore": {}, "sourceArn": "acs:ots:cn-hangzhou:1:instance/shop/table/orders"},
    "lines": {"log": {"sourceConfig": {"logstore": "access"}}, "sourceArn": "acs:log:cn-hangzhou:1:project/site"},
    "bus": {"eventbridge": {"eventRuleFilterPattern": json.dumps({"source": ["shop"]})}},
    "edge": {"cdn_events": {"eventName": "CachedObjectsPushed", "filter": {"domain": ["cdn.example.com"]}}},
    "stream": {"kafka": {}},
    "often": {"timer": "@every 10m"},
    "page": {"http": ["GET"]},
}


@pytest.fixture
def emulator():
    with LocalEmulator("", strict=False) as emulator:
        emulator.add("work", lambda event, context: event.decode("utf-8", "replace"), triggers=TRIGGERS)
        yield emulator


def invoked(emulator: LocalEmulator) -> list[bytes]:
    return [invocation.payload for invocation in emulator.function("work").invocations]


# By a test.


@rule("async-invocation §1", "assumed")
def test_a_fired_trigger_invokes_asynchronously_at_the_next_move(emulator):
    invocation = emulator.trigger("work/files").fire(object="in/a.mov", size=7)
    assert (invocation.kind, invocation.source, invocation.status) == ("async", "trigger", "Enqueued")
    emulator.advance(0)
    assert invocation.status == "Succeeded"


def test_an_event_of_oss_names_the_bucket_of_the_trigger_and_what_was_said(emulator):
    emulator.advance(90)
    [event] = emulator.trigger("work/files").fire(object="in/a.mov", size=7, etag="E1").json()["events"]
    assert (event["eventName"], event["eventTime"]) == ("ObjectCreated:PutObject", "2026-01-01T00:01:30.000Z")
    assert event["oss"]["bucket"] == {
        "arn": f"acs:oss:cn-hangzhou:{ACCOUNT}:films",
        "name": "films",
        "ownerIdentity": ACCOUNT,
        "virtualBucket": "",
    }
    assert event["oss"]["object"] == {"deltaSize": 7, "eTag": "E1", "key": "in/a.mov", "size": 7}


@pytest.mark.parametrize(
    ("trigger", "said", "why"),
    [
        ("files", {"object": "out/a.mov"}, "does not begin with its prefix 'in/'"),
        ("files", {"object": "in/a.mov", "event": "ObjectModified:UpdateObjectMeta"}, "is not one of its events"),
        ("files", {"object": "in/a.mov", "bucket": "other"}, "the bucket is 'other', but its sourceArn names 'films'"),
        ("news", {"body": "x"}, "the message's tag '' is not its filterTag 'urgent'"),
        ("bus", {"source": "bank"}, 'source is "bank", but its pattern requires ["shop"]'),
        ("edge", {"domain": "cdn.example.com", "event": "CachedObjectsRefreshed"}, "is not its eventName"),
        ("edge", {"domain": "example.com"}, "is not one of its domains: cdn.example.com"),
    ],
)
def test_an_event_that_does_not_pass_the_filter_invokes_nothing_and_says_so(emulator, trigger, said, why):
    with pytest.raises(NotFired) as passed:
        emulator.trigger(f"work/{trigger}").fire(**said)
    assert str(passed.value).startswith(f"trigger work/{trigger}: ")
    assert why in str(passed.value)
    assert emulator.invocations == []


@pytest.mark.parametrize(
    ("trigger", "said", "message"),
    [
        ("files", {}, "an event of oss needs object (the key of the object)"),
        ("files", {"objct": "a"}, "has no field 'objct'; did you mean 'object'?"),
        ("files", {"object": 1}, "object: expected text, got 1"),
        ("files", {"object": "in/a", "size": -1}, "size: expected a whole number of 0 or more, got -1"),
        ("rows", {}, "an event of tablestore needs key"),
        ("rows", {"key": {"id": 1}, "type": "Put"}, "type: expected PutRow, UpdateRow or DeleteRow, got 'Put'"),
        ("stream", {}, "is of type kafka, whose events fcemu cannot make; give a payload"),
        ("often", {"payload": "x", "object": "a"}, "expected fields or a payload, got both: object"),
        ("often", {"object": "a"}, "a timer's event has no fields, got: object"),
    ],
)
def test_fields_that_are_wrong_or_missing_are_named(emulator, trigger, said, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        emulator.trigger(f"work/{trigger}").fire(**said)
    assert emulator.invocations == []


def test_a_payload_is_handed_over_as_it_is_past_the_filter(emulator):
    emulator.trigger("work/stream").fire(payload=[{"value": "é"}])
    emulator.trigger("work/files").fire(payload=b"\xff")
    assert invoked(emulator) == ['[{"value":"é"}]'.encode(), b"\xff"]


EACH: dict[str, tuple[str, dict[str, Any]]] = {
    "files": ("oss", {"object": "in/a.mov", "size": 7}),
    "rows": ("tablestore", {"key": {"id": 1}, "columns": {"state": "paid"}}),
    "lines": ("log", {}),
    "bus": ("eventbridge", {"source": "shop", "data": {"stock": 3}}),
    "edge": ("cdn_events", {"domain": "cdn.example.com"}),
    "told": ("mns_topic", {"body": "hello"}),
}
"""An event of each kind that its trigger lets through."""


def by_test(emulator: LocalEmulator, trigger: str, kind: str, said: dict[str, Any]) -> str:
    return emulator.trigger(f"work/{trigger}").fire(**said).request_id


def by_request(emulator: LocalEmulator, trigger: str, kind: str, said: dict[str, Any]) -> str:
    request_id: str = fire(emulator, trigger, **said).json()["request_id"]
    return request_id


def by_command(emulator: LocalEmulator, trigger: str, kind: str, said: dict[str, Any]) -> str:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in said.items()}
    options = [word for name, text in texts.items() for word in (f"--{name}", text)]
    ran = CliRunner().invoke(main, ["event", kind, *options, "--fire", f"work/{trigger}", "--url", emulator.url])
    assert ran.exit_code == 0, ran.output
    return ran.stdout.strip()


@pytest.mark.parametrize("trigger", EACH)
def test_each_kind_is_fired_by_a_test_by_a_request_and_by_command_with_the_same_event(emulator, trigger):
    kind, said = EACH[trigger]
    fired = [ways(emulator, trigger, kind, said) for ways in (by_test, by_request, by_command)]
    emulator.run_until_idle()
    assert [(one.request_id, one.kind, one.status) for one in emulator.invocations] == [
        (request_id, "async", "Succeeded") for request_id in fired
    ]
    first, *others = (_without_ids(payload) for payload in invoked(emulator))
    assert others == [first, first]


def _without_ids(event: bytes) -> bytes:
    """Each event has ids of its own."""
    return re.sub(rb"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){4}[0-9a-fA-F]{0,8}", b"ID", event)


def test_what_is_said_of_an_event_is_in_it(emulator):
    events = {name: emulator.trigger(f"work/{name}").fire(**said) for name, (_, said) in EACH.items()}
    assert events["rows"].payload.startswith(b"\xa2gVersiongSync-v1gRecords\x81")
    assert events["lines"].json()["source"]["logstoreName"] == "access"
    assert events["bus"].json()["data"] == {"stock": 3}
    assert events["edge"].json()["events"][0]["eventName"] == "CachedObjectsPushed"
    assert events["told"].json()["Message"] == "hello"


def test_a_timer_fires_too_and_an_http_trigger_has_an_address(emulator):
    assert emulator.trigger("work/often").fire().source == "timer"
    page = emulator.trigger("work/page")
    assert httpx.get(f"{page.url}/x").status_code == 200
    with pytest.raises(FCError, match="send it a request"):
        page.fire()
    with pytest.raises(LookupError, match="which has no address"):
        emulator.trigger("work/often").url  # noqa: B018


def test_a_trigger_that_there_is_not_is_named_with_the_closest(emulator):
    with pytest.raises(UnknownName, match="did you mean 'work/files'"):
        emulator.trigger("work/fils")


def test_what_is_fired_is_retried_and_reported_like_any_asynchronous_invocation(emulator):
    settings: dict[str, Any] = {"maxAsyncRetryAttempts": 1, "onFailure": "queue:broken"}
    fails = emulator.add("fails", lambda event, context: 1 / 0, asyncInvokeConfig=settings, triggers={"files": OSS})
    invocation = emulator.trigger("fails/files").fire(object="in/a")
    emulator.run_until_idle()
    assert (len(invocation.attempts), fails.invocations) == (2, [invocation])
    assert emulator.queue("broken").messages[0].invocation == invocation


def test_in_an_event_loop_its_coroutine_fires():
    async def main() -> None:
        async with LocalEmulator("", strict=False) as emulator:
            emulator.add("work", lambda event, context: 1, triggers={"files": OSS})
            invocation = await emulator.trigger("work/files").aio.fire(object="in/a")
            await emulator.aio.run_until_idle()
            assert (invocation.source, invocation.status) == ("trigger", "Succeeded")

    asyncio.run(main())


# By what is published.


def test_a_message_of_a_topic_fires_the_triggers_that_hear_of_it_if_its_tag_is_theirs(emulator):
    emulator.topic("news").publish("storm", tag="urgent")
    emulator.topic("news").publish("sun")
    stream, told, later = invoked(emulator)
    assert stream == b"storm"
    assert [json.loads(each)["Message"] for each in (told, later)] == ["storm", "sun"]
    assert json.loads(told)["MessageTag"] == "urgent"
    assert json.loads(later)["TopicName"] == "news"


def test_a_report_of_an_invocation_published_to_a_topic_fires_them(emulator):
    done = emulator.add("done", lambda event, context: 1, asyncInvokeConfig={"onSuccess": "topic:news"})
    invocation = done.invoke_async()
    emulator.run_until_idle()
    [told] = emulator.function("work").invocations
    report = json.loads(told.json()["Message"])
    assert report["requestContext"]["requestId"] == invocation.request_id
    assert told.source == "trigger"
    assert "accepted from done" in emulator.timeline()


def test_a_loop_of_a_topic_and_a_trigger_ends_and_is_named():
    listens = {"mns_topic": {}, "sourceArn": f"acs:mns:cn-hangzhou:{ACCOUNT}:/topics/echo"}
    with LocalEmulator("", destination_depth=4) as emulator:
        settings = {"onSuccess": "topic:echo"}
        echo = emulator.add("echo", lambda event, context: 1, asyncInvokeConfig=settings, triggers={"again": listens})
        echo.invoke_async()
        emulator.run_until_idle()
        assert len(echo.invocations) == 5
        lost = (
            "warning: trigger echo/again did not take the message from echo: TooManyRequests: 5 destinations in a row"
        )
        assert lost in emulator.timeline()


def test_a_topic_is_there_when_a_trigger_names_it_and_forgotten_with_it(emulator):
    assert emulator.topic("news").messages == []
    httpx.delete(f"{emulator.url}/2023-03-30/functions/work/triggers/news").raise_for_status()
    httpx.delete(f"{emulator.url}/2023-03-30/functions/work/triggers/told").raise_for_status()
    with pytest.raises(UnknownName):
        emulator.topic("news")


# By a request.


def fire(emulator: LocalEmulator, trigger: str, **said: Any) -> httpx.Response:
    return httpx.post(f"{emulator.url}/_fcemu/triggers/work/{trigger}/fire", json=said)


def test_a_request_fires_a_trigger_and_answers_the_request_id_or_why_not(emulator):
    fired = fire(emulator, "files", object="in/a.mov").json()
    assert fired == {"request_id": emulator.invocations[0].request_id, "reason": None}
    passed = fire(emulator, "files", object="a.mov").json()
    assert passed["request_id"] is None
    assert "prefix" in passed["reason"]
    assert fire(emulator, "stream", payload={"a": 1}).json()["reason"] is None
    assert invoked(emulator)[1] == b'{"a":1}'


@pytest.mark.parametrize(
    ("trigger", "said", "status", "kind"),
    [("fils", {}, 404, "not-found"), ("files", {}, 400, "invalid-field"), ("page", {}, 400, "invalid-request")],
)
def test_a_request_that_is_wrong_is_a_problem(emulator, trigger, said, status, kind):
    answer = fire(emulator, trigger, **said)
    assert (answer.status_code, answer.json()["type"]) == (status, kind)


def test_a_request_publishes_to_a_topic(emulator):
    url = f"{emulator.url}/_fcemu/topics/news/messages"
    assert httpx.post(url, json={"body": "storm", "tag": "urgent"}).json()["body"] == "storm"
    assert invoked(emulator)[0] == b"storm"
    assert httpx.post(url, json={"tag": "urgent"}).status_code == 400


# Definitions.


def test_a_function_that_is_defined_anew_without_its_timer_does_not_fire(emulator):
    emulator.add("work", lambda event, context: 1)
    emulator.advance("1h")
    assert emulator.invocations == []
