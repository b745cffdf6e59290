"""fcemu's own API: what is defined, as lists; and invocations that are run again."""

import asyncio
import base64
import json
from urllib.parse import quote

import pytest
from own_api.asking import ask

from fcemu.own_api.routes import PREFIX
from fcemu.testing import FCError, LocalEmulator


def echo(event, context):
    return event


def refuse(event, context):
    if event == b"bad":
        raise ValueError("bad")
    return event


@pytest.fixture
def emulator(tmp_path):
    (tmp_path / "handler.py").write_text(
        "def echo(event, context):\n    return event\n\n"
        "def answer(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    path, size = environ['PATH_INFO'], int(environ.get('CONTENT_LENGTH') or 0)\n"
        "    print(environ['REQUEST_METHOD'], path, environ['wsgi.input'].read(size).decode())\n"
        "    return [b'']\n"
    )
    code = {"code": str(tmp_path)}
    definition = {
        "functions": {
            "echo": {
                "handler": "handler.echo",
                **code,
                "asyncInvokeConfig": {"onFailure": "queue:declined", "onSuccess": "topic:done"},
                "triggers": {
                    "hourly": {"timer": "@every 1h", "payload": "p"},
                    "never": {"timer": "@every 1m", "enable": False},
                    "web": {"http": ["GET"], "authType": "anonymous"},
                    "pictures": {
                        "oss": {"events": ["oss:ObjectCreated:*"]},
                        "sourceArn": "acs:oss:cn-hangzhou:1234567890123456:pictures",
                    },
                    "news": {"mns_topic": {}, "sourceArn": "acs:mns:cn-hangzhou:1234567890123456:/topics/news"},
                },
            },
            "task": {"handler": "handler.echo", **code, "asyncInvokeConfig": {"asyncTask": True}},
        },
        "services": {
            "shop": {
                "functions": {
                    "page": {
                        "handler": "handler.answer",
                        **code,
                        "triggers": {"web": {"http": ["GET", "POST"], "authType": "anonymous"}},
                    }
                }
            }
        },
    }
    with LocalEmulator(definition, strict=False) as emulator:
        yield emulator


def get(emulator, path):
    reply = ask(emulator, "GET", f"{PREFIX}{path}")
    assert reply.status == 200, reply.body
    return reply.json()


def again(emulator, request_id, body=None):
    reply = ask(emulator, "POST", f"{PREFIX}/invocations/{request_id}/rerun", json.dumps(body or {}))
    assert reply.status == 200, reply.body
    return emulator.invocation(reply.json()["request_id"])


def test_functions_say_what_runs_and_what_invokes_them(emulator):
    echo, task, page = get(emulator, "/functions")
    assert (echo["name"], task["name"], page["name"]) == ("echo", "task", "shop/page")
    assert (echo["generation"], page["generation"]) == ("3.0", "2.0")
    assert (echo["task_mode"], task["task_mode"]) == (False, True)
    assert (echo["on_success"], echo["on_failure"]) == ("topic:done", "queue:declined")
    assert not echo["stubbed"]
    triggers = {each["name"]: each for each in echo["triggers"]}
    assert triggers["hourly"]["next"] == "2026-01-01T01:00:00.000000Z"
    assert triggers["never"]["next"] is None
    assert triggers["pictures"]["url"] is None


def test_the_url_of_an_http_trigger_reaches_the_function(emulator):
    functions = {each["name"]: each for each in get(emulator, "/functions")}
    (web,) = functions["shop/page"]["triggers"]
    assert web["url"].startswith(emulator.url)
    reply = ask(emulator, "GET", web["url"].removeprefix(emulator.url) + "/here")
    assert reply.status == 200
    assert emulator.invocations[-1].function == "shop/page"


def test_a_trigger_says_what_can_be_said_of_its_event(emulator):
    triggers = {each["name"]: each for each in get(emulator, "/functions")[0]["triggers"]}
    fields = {each["name"]: each for each in triggers["pictures"]["fields"]}
    assert fields["object"]["required"]
    assert (fields["bucket"]["required"], fields["bucket"]["default"]) == (False, "pictures")
    assert triggers["hourly"]["fields"] == []
    said = {name: "in/a.png" if each["required"] else each["default"] for name, each in fields.items()}
    fired = ask(emulator, "POST", f"{PREFIX}/triggers/echo/pictures/fire", json.dumps(said))
    assert fired.json()["reason"] is None


def test_a_stub_is_seen(emulator):
    emulator.function("echo").stub("x")
    assert [each["stubbed"] for each in get(emulator, "/functions")] == [True, False, False]


def test_timers_say_when_they_fire(emulator):
    hourly, never = get(emulator, "/timers")
    assert (hourly["function"], hourly["trigger"], hourly["cron"]) == ("echo", "hourly", "@every 1h")
    assert hourly["upcoming"] == [f"2026-01-01T0{hour}:00:00.000000Z" for hour in (1, 2, 3)]
    assert (hourly["next"], hourly["payload"]) == (hourly["upcoming"][0], "p")
    assert (never["enabled"], never["next"], never["upcoming"]) == (False, None, [])


def test_queues_say_how_many_messages_are_where(emulator):
    assert get(emulator, "/queues") == [{"name": "declined", "arrived": 0, "visible": 0, "in_flight": 0, "delayed": 0}]
    messages = f"{PREFIX}/queues/declined/messages"
    ask(emulator, "POST", messages, json.dumps({"body": "now"}))
    ask(emulator, "POST", messages, json.dumps({"body": "later", "delay_seconds": 60}))
    emulator._access.engine.queues.receive("declined", 1, 0, lambda messages: None)
    ask(emulator, "POST", messages, json.dumps({"body": "too"}))
    (queue,) = get(emulator, "/queues")
    assert queue == {"name": "declined", "arrived": 3, "visible": 1, "in_flight": 1, "delayed": 1}


def test_topics_say_who_hears_of_them(emulator):
    emulator._access.engine.queues.create("inbox")
    from fcemu.mns.topic import Subscription

    emulator._access.engine.topics.subscribe("news", Subscription("s", "inbox", "t"))
    done, news = get(emulator, "/topics")
    assert (done["name"], done["triggers"], done["subscriptions"]) == ("done", [], [])
    assert (news["name"], news["triggers"]) == ("news", ["echo/news"])
    assert news["subscriptions"] == [{"name": "s", "queue": "inbox", "filter_tag": "t"}]
    ask(emulator, "POST", f"{PREFIX}/topics/news/messages", json.dumps({"body": "x"}))
    assert get(emulator, "/topics")[1]["arrived"] == 1


# Running again.


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        ("text", b"text"),
        ({"base64": base64.b64encode(b"\xff\0").decode()}, b"\xff\0"),
        ({"order": 7, "ö": [1, None]}, '{"order":7,"ö":[1,null]}'.encode()),
        ({"base64": "AAAA", "more": 1}, b'{"base64":"AAAA","more":1}'),
        (None, b"null"),
        (7, b"7"),
    ],
)
def test_an_invocation_runs_again_with_another_event(emulator, payload, event):
    first = emulator.function("echo").invoke_async("first")
    second = again(emulator, first.request_id, {"payload": payload})
    assert (second.payload, second.kind, second.source, second.status) == (event, "async", "api", "Enqueued")
    emulator.run_until_idle()
    assert second.reply.body == event
    assert first.payload == b"first"


def test_it_runs_again_with_the_same_event_where_none_is_said(emulator):
    first = emulator.function("echo").invoke("same")
    second = again(emulator, first.request_id)
    assert second.result() == "same"


def test_it_runs_again_after_a_delay(emulator):
    first = emulator.function("echo").invoke_async("x")
    second = again(emulator, first.request_id, {"delay_seconds": 60})
    emulator.run_until_idle()
    assert [attempt.started for attempt in second.attempts] == emulator.times("+60s")


def test_a_task_becomes_a_task_again(emulator):
    first = emulator.function("task").invoke_async("x", task_id="once")
    assert again(emulator, first.request_id, {"task_id": "twice"}).task_id == "twice"
    third = again(emulator, first.request_id)
    assert third.task_id == third.request_id
    taken = ask(emulator, "POST", f"{PREFIX}/invocations/{first.request_id}/rerun", '{"task_id": "once"}')
    assert (taken.status, taken.json()["type"]) == (409, "invalid-request")


def test_a_task_id_that_would_not_be_looked_at_is_refused(emulator):
    first = emulator.function("echo").invoke_async("x")
    reply = ask(emulator, "POST", f"{PREFIX}/invocations/{first.request_id}/rerun", '{"task_id": "t"}')
    assert (reply.status, reply.json()["type"], reply.json()["field"]) == (400, "invalid-field", "task_id")
    assert "not in task mode" in reply.json()["detail"]
    with pytest.raises(ValueError, match="not in task mode"):
        first.rerun(task_id="t")
    assert len(emulator.invocations) == 1


def test_a_request_that_the_function_got_as_it_was_is_handed_on_again(emulator):
    functions = {each["name"]: each for each in get(emulator, "/functions")}
    path = functions["shop/page"]["triggers"][0]["url"].removeprefix(emulator.url)
    assert ask(emulator, "POST", f"{path}/order", "seven").status == 200
    (first,) = emulator.invocations
    second = again(emulator, first.request_id, {"payload": "number eight"})
    emulator.run_until_idle()
    assert second.source == "http"
    assert "POST /order seven" in first.attempts[0].logs
    assert "POST /order number eight" in second.attempts[0].logs


def test_a_handle_runs_its_invocation_again(tmp_path):
    with LocalEmulator(strict=False) as emulator:
        function = emulator.add("refuse", refuse, asyncInvokeConfig={"maxAsyncRetryAttempts": 0})
        first = function.invoke_async("bad")
        emulator.run_until_idle()
        second = first.rerun("good", delay="1m")
        assert (first.status, second.status) == ("Failed", "Enqueued")
        assert second.result() == "good"
        assert second.attempts[0].started == emulator.at("+60s")
        assert first.rerun({"order": 7}).result() == {"order": 7}
        with pytest.raises(FCError, match="AsyncDelay"):
            first.rerun(delay=4000)


def test_a_handle_runs_its_invocation_again_in_a_coroutine():
    async def story():
        async with LocalEmulator(strict=False) as emulator:
            first = await emulator.add("echo", echo).aio.invoke_async("x")
            second = await first.aio.rerun("y")
            assert await second.aio.result() == "y"

    asyncio.run(story())


def test_what_has_left_memory_runs_again(tmp_path):
    with LocalEmulator(strict=False, data=tmp_path / "data", data_keep="0s") as emulator:
        first = emulator.add("echo", echo).invoke_async("kept")
        emulator.run_until_idle()
        emulator.advance(1)
        assert again(emulator, quote(first.request_id)).payload == b"kept"
