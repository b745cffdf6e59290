"""A test that is copied from an emulator passes, and fails where something else happens."""

import json
from argparse import Namespace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from running import serving

from fcemu.testing import FCError, LocalEmulator, Step

WEB = Path(__file__).parents[2] / "fixtures" / "web"
PARTS = {
    "handler.py": """
import json, time, uuid
from datetime import datetime, UTC

def event(event, context):
    asked = json.loads(event or b"{}")
    time.sleep(asked.get("sleep", 0))
    if asked.get("fail"):
        raise ValueError(asked["fail"])
    return {"id": context.request_id, "also": f"of {context.request_id}", "drawn": str(uuid.uuid4()), "asked": asked,
            "at": datetime.now(UTC).isoformat(), "since": time.time(), "sum": 0.5}

def raw(event, context):
    return event

def chain(event, context):
    return "chained"
""",
    "fcemu.yaml": """
functions:
  one:
    handler: handler.event
    timeout: 60
    asyncInvokeConfig: {maxAsyncRetryAttempts: 2, onFailure: 'queue:failed', onSuccess: 'function:chain'}
    triggers:
      hourly: {timer: '@every 60m', payload: tick}
      files: {oss: {events: ['oss:ObjectCreated:*']}, sourceArn: 'acs:oss:cn-hangzhou:1234567890123456:films'}
      web: {http: [GET, POST]}
  task:
    handler: handler.event
    timeout: 60
    asyncInvokeConfig: {asyncTask: true, maxAsyncRetryAttempts: 0}
  chain:
    handler: handler.chain
    asyncInvokeConfig: {onSuccess: 'topic:chained'}
services:
  old:
    functions:
      raw:
        handler: handler.raw
""",
}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "shop"
    place.mkdir()
    for name, text in PARTS.items():
        (place / name).write_text(text)
    return place


@pytest.fixture
def emulator(folder):
    with LocalEmulator(folder, strict=False) as made:
        yield made


def test_text(url, request_id):
    with urlopen(f"{url}/_fcemu/invocations/{request_id}/test") as reply:
        assert reply.headers["Content-Type"].startswith("text/x-python")
        return reply.read().decode()


test_text.__test__ = False


@pytest.fixture
def run(pytester):
    """Runs the text of a test in a process of its own, which has none of the modules of this one."""

    def _run(text):
        pytester.makepyfile(test_copied=text)
        return pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:asyncio")

    return _run


@pytest.fixture
def copied(run):
    """The text of the test about an invocation, which passes."""

    def _copied(emulator, invocation):
        text = test_text(emulator.url, invocation.request_id)
        result = run(text)
        assert result.ret == 0, f"{text}\n{result.stdout}"
        result.assert_outcomes(passed=1)
        return text

    return _copied


def test_a_retried_and_reported_invocation(emulator, copied):
    failed = emulator.function("one").invoke_async({"fail": "no", "sleep": 3}, delay=200)
    emulator.run_until_idle()
    text = copied(emulator, failed)
    assert "delay=200" in text
    assert "fcemu.times('+200s', '+203.5s', '+207.5s')" in text
    assert "fcemu.queue('failed')" in text
    assert "['errorMessage'] == 'no'" in text


def test_what_happens_otherwise_makes_it_fail(emulator, folder, copied, pytester):
    failed = emulator.function("one").invoke_async({"fail": "no"})
    emulator.run_until_idle()
    text = copied(emulator, failed)
    handler = folder / "handler.py"
    handler.write_text(handler.read_text().replace('asked["fail"]', '"something else"'))
    pytester.makepyfile(test_copied=text)
    result = pytester.runpytest_subprocess("-q", "-p", "no:randomly")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*something else*")


def test_what_differs_from_run_to_run_is_not_asserted_and_the_rest_is(emulator, copied):
    one = emulator.function("one").invoke_async({"x": 1})
    emulator.run_until_idle()
    text = copied(emulator, one)
    assert "'also': 'of ' + invocation.request_id, " in text
    assert "'id': invocation.request_id" in text
    assert "'drawn': ANY" in text
    assert "'at': '2026-01-01T00:00:00+00:00'" in text


def test_a_synchronous_invocation_and_its_refusal(emulator, copied):
    reply = emulator.function("one").invoke({"sleep": 2})
    assert ".invoke({'sleep': 2})" in copied(emulator, emulator.invocation(reply.request_id))
    emulator.faults.throttle("one")
    with pytest.raises(FCError):
        emulator.function("one").invoke(b"\xff\x00")
    text = copied(emulator, emulator.invocations[-1])
    assert "pytest.raises(FCError)" in text
    assert r"b'\xff\x00'" in text


def test_http_requests(emulator, copied):
    reply = emulator.function("old/raw").invoke(b"\xff\x00")
    assert r"reply.body == b'\xff\x00'" in copied(emulator, emulator.invocation(reply.request_id))
    sent = {"params": {"a": "1"}, "json": {"x": 1}}
    reply = emulator.function("one").http("POST", "/p", **sent)
    text = copied(emulator, emulator.invocation(reply.request_id))
    assert ".http('POST', '/p?a=1'" in text
    later = emulator.function("one").http_async("POST", "/p", delay=5, **sent)
    emulator.run_until_idle()
    assert "delay=5" in copied(emulator, later)


def test_what_a_web_application_remembers_of_earlier_requests(copied):
    with LocalEmulator(WEB, strict=False) as emulator:
        guests = emulator.function("guestbook")
        guests.http("POST", "/entries", json={"name": "Ann", "text": "hello"})
        emulator.advance(60)
        reply = guests.http("GET", "/entries")
        assert reply.json()[0]["name"] == "Ann"
        text = copied(emulator, emulator.invocation(reply.request_id))
    assert "fcemu.advance_to('+60s')" in text
    assert text.count(".http(") == 2


def test_timers_triggers_and_what_they_cause(emulator, copied):
    fired = emulator.timer("one/hourly").fire()
    sent = emulator.trigger("one/files").fire(payload={"events": []})
    emulator.run_until_idle()
    assert "fcemu.timer('one/hourly').fire()" in copied(emulator, fired)
    assert "fcemu.trigger('one/files').fire(payload=" in copied(emulator, sent)
    effect = emulator.function("chain").invocations[1]
    text = copied(emulator, effect)
    assert "cause = fcemu.trigger('one/files')" in text
    assert "fcemu.topic('chained')" in text
    emulator.advance("1h")
    by_clock = [each for each in emulator.function("one").invocations if each.source == "timer"][-1]
    assert by_clock != fired
    copied(emulator, by_clock)


def test_tasks_and_stopped_ones(emulator, copied):
    task = emulator.function("task").invoke_async({"sleep": 30}, task_id="film-7")
    emulator.advance(4)
    running = copied(emulator, task)
    assert "task_id='film-7'" in running
    assert "status == 'Running'" in running
    task.stop()
    emulator.run_until_idle()
    stopped = copied(emulator, task)
    assert "fcemu.advance_to('+4s')" in stopped
    assert "invocation.stop()" in stopped
    assert "status == 'Stopped'" in stopped
    waiting = emulator.function("task").invoke_async({}, delay=60)
    assert "status == 'Enqueued'" in copied(emulator, waiting)
    waiting.stop()
    copied(emulator, waiting)


def test_what_ran_again(emulator, copied):
    failed = emulator.function("one").invoke_async({"fail": "no"})
    emulator.run_until_idle()
    again = failed.rerun({"fail": ""}, delay=3)
    emulator.run_until_idle()
    text = copied(emulator, again)
    assert "invoke_async({'fail': ''}, delay=3)" in text
    assert "status == 'Succeeded'" in text


@pytest.mark.parametrize(
    ("arrange", "said"),
    [
        (lambda faults: faults.throttle("one", times=2), "fcemu.faults.throttle('one', times=2)"),
        (lambda faults: faults.fail("one", 503), "fcemu.faults.fail('one', status=503)"),
        (lambda faults: faults.crash("one"), "fcemu.faults.crash('one', when='after')"),
        (lambda faults: faults.crash("one", "before", times=3), "fcemu.faults.crash('one', when='before', times=3)"),
        (lambda faults: faults.crash("one", "sleeping"), "fcemu.faults.crash('one', when='sleeping')"),
        (lambda faults: faults.delay("one", 7.5), "fcemu.faults.delay('one', by='7.5s')"),
        (lambda faults: faults.deliver_twice("one", 3), "fcemu.faults.deliver_twice('one', again='3s')"),
    ],
)
def test_faults(emulator, copied, arrange, said):
    arrange(emulator.faults)
    one = emulator.function("one").invoke_async({"sleep": 1})
    emulator.run_until_idle()
    assert said in copied(emulator, one)


def test_a_fault_that_came_between_two_attempts(emulator, copied):
    one = emulator.function("one").invoke_async({"fail": "no"})
    emulator.advance(0)
    emulator.faults.crash("one", "before")
    emulator.run_until_idle()
    text = copied(emulator, one)
    assert "fcemu.run_until(lambda: ended(fcemu, 'one') == 1)" in text


def test_stubs(emulator, copied):
    stub = emulator.function("one").stub(Step(raises=KeyError("email")), Step(returns={"paid": True}, seconds=2))
    one = emulator.function("one").invoke_async({"fail": "no"})
    emulator.run_until_idle()
    text = copied(emulator, one)
    assert "Step(raises=KeyError(" in text
    assert "Step(returns={'paid': True}, seconds=2)" in text
    stub.remove()
    assert copied(emulator, one) == text
    two = emulator.function("one").invoke_async({"fail": "no"})
    emulator.advance(0)
    stub = emulator.function("one").stub(Step(returns="ok"))
    emulator.run_until_idle()
    stub.remove()
    assert "run_until(lambda: ended(fcemu, 'one') == 1)" in copied(emulator, two)


def test_what_was_defined_by_an_api_stands_in_the_test(emulator, folder, copied):
    document = {"functions": {"one": {"handler": "handler.event", "code": str(folder), "timeout": 5}}}
    with urlopen(Request(f"{emulator.url}/_fcemu/definition", json.dumps(document).encode(), method="POST")):
        pass
    one = emulator.function("one").invoke_async({"sleep": 9})
    emulator.run_until_idle()
    assert "timed out" in copied(emulator, one)


def test_what_no_test_can_let_happen_is_a_problem(emulator):
    gone = emulator.function("chain").invoke_async({}, delay=60)
    with urlopen(Request(f"{emulator.url}/2023-03-30/functions/chain", method="DELETE")):
        pass
    emulator.run_until_idle()
    assert gone.status == "Invalid"
    with pytest.raises(HTTPError) as refused:
        test_text(emulator.url, gone.request_id)
    with refused.value as answer:
        assert json.load(answer)["type"] == "not-retold"
    with pytest.raises(HTTPError) as missing:
        test_text(emulator.url, "nobody")
    with missing.value as answer:
        assert answer.code == 404


def test_on_a_server_whose_clock_flows(folder, copied):
    with serving(str(folder), "--rate", "30") as (_, client, _):
        functions = {
            "failed": {"fail": "no", "sleep": 2},
            "good": {"x": 1, "sleep": 1},
        }
        ids = {}
        for name, payload in functions.items():
            request = Request(f"{client.url}/2023-03-30/functions/one/invocations", json.dumps(payload).encode())
            request.add_header("X-Fc-Invocation-Type", "Async")
            with urlopen(request) as reply:
                ids[name] = reply.headers["X-Fc-Request-Id"]
        with urlopen(f"{client.url}/_fcemu/clock") as reply:
            assert json.load(reply)["rate"] == 30
        with urlopen(Request(f"{client.url}/_fcemu/clock/run-until-idle", b"{}")):
            pass
        failed = copied(client, Namespace(request_id=ids["failed"]))
        assert "waits" in failed
        assert "runtime='process'" in failed
        good = copied(client, Namespace(request_id=ids["good"]))
        assert "'at': ANY" in good
        with urlopen(Request(f"{client.url}/2023-03-30/functions/one/invocations", b"{}")) as reply:
            request_id = reply.headers["X-Fc-Request-Id"]
        assert "'at': ANY" in copied(client, Namespace(request_id=request_id))
