"""Task mode in a test's hand: ids, events, stop, with and without an event loop."""

import asyncio
import contextlib
import http.client
import json
import os
import threading
import time
import urllib.request
from functools import partial

import pytest
from rules import rule

from fcemu.core.facts import Stopped
from fcemu.testing import FCError, InvocationFailed, LocalEmulator, UnknownName

WAIT_SECONDS = 30
TASK = {"asyncInvokeConfig": {"asyncTask": True, "maxAsyncRetryAttempts": 1, "onFailure": "queue:broken"}}


def sleeps(event, context):
    time.sleep(600)
    return "converted"


def breaks(event, context):
    raise ValueError("no such film")


@pytest.fixture
def studio():
    with LocalEmulator(strict=False) as emulator:
        emulator.add("convert", sleeps, timeout=900, **TASK)
        emulator.add("media/convert", breaks, **TASK)
        emulator.add("plain", sleeps, timeout=900)
        yield emulator


def test_a_task_is_found_by_its_id(studio):
    convert = studio.function("convert")
    task = convert.invoke_async({"film": 1}, task_id="video-42")
    assert (task.task_id, convert.invocation("video-42"), convert.invocation(task.request_id)) == (
        "video-42",
        task,
        task,
    )
    unnamed = convert.invoke_async()
    assert unnamed.task_id == unnamed.request_id
    with pytest.raises(UnknownName, match="no invocation of convert 'video-24'; did you mean 'video-42'"):
        convert.invocation("video-24")
    with pytest.raises(UnknownName, match="there is no invocation of plain at all"):
        studio.function("plain").invocation(task.request_id)


@pytest.mark.parametrize("name", ["plain", "media/plain"])
def test_without_task_mode_a_task_id_is_refused_and_nothing_is_kept(studio, name):
    plain = studio.add(name, sleeps, timeout=900)
    for ask in (plain.invoke_async, partial(plain.http_async, "POST")):
        with pytest.raises(ValueError, match=f"fcemu ignores the task id 'video-42': function '{name}' is not in task"):
            ask(task_id="video-42")
    for ask in (plain.aio.invoke_async, partial(plain.aio.http_async, "POST")):
        with pytest.raises(ValueError, match="not in task mode"):
            asyncio.run(ask(task_id="video-42"))
    assert studio.invocations == []


@pytest.mark.parametrize(
    ("name", "path", "header"),
    [
        ("plain", "/2023-03-30/functions/plain/invocations", "X-Fc-Async-Task-Id"),
        (
            "media/plain",
            "/2016-08-15/services/media/functions/plain/invocations",
            "X-Fc-Stateful-Async-Invocation-Id",
        ),
    ],
)
def test_without_task_mode_the_header_of_a_task_id_is_a_warning_of_the_journal(studio, name, path, header):
    plain = studio.add(name, sleeps, timeout=900)
    asked = urllib.request.Request(
        studio.url + path, b"", {header: "video-42", "X-Fc-Invocation-Type": "Async"}, method="POST"
    )
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 202
    (over_http,) = studio.invocations
    by_handle = plain.invoke_async(headers={header: "video-42"})
    assert (over_http.task_id, by_handle.task_id) == (None, None)
    assert [
        (fact.request_id, fact.data["text"].partition(":")[0]) for fact in studio.journal if fact.kind == "Warned"
    ] == [(one.request_id, "fcemu ignores the task id 'video-42'") for one in (over_http, by_handle)]
    assert studio.timeline().count("warning: fcemu ignores the task id 'video-42'") == 2


def test_the_headers_of_fc_do_the_same(studio):
    assert studio.function("convert").invoke_async(headers={"X-Fc-Async-Task-Id": "a"}).task_id == "a"
    media = studio.function("media/convert")
    assert media.invoke_async(headers={"x-fc-stateful-async-invocation-id": "a"}).task_id == "a"
    studio.add("media/plain", breaks)
    headers = {"X-Fc-Stateful-Async-Invocation-Enable": "true"}
    assert studio.function("media/plain").invoke_async(task_id="b", headers=headers).task_id == "b"


def test_an_id_that_is_taken_or_malformed_is_refused(studio):
    studio.function("convert").invoke_async(task_id="a")
    with pytest.raises(FCError, match="AsyncTaskAlreadyExists: async task 'a' already exists"):
        studio.function("convert").invoke_async(task_id="a")
    with pytest.raises(FCError, match="AsyncTaskId is set to an invalid value"):
        studio.function("convert").invoke_async(task_id="not one")


def test_the_events_of_an_invocation_have_fcs_words_also_without_task_mode(studio):
    failing, plain = studio.function("media/convert").invoke_async(), studio.function("plain").invoke_async()
    studio.run_until_idle()
    error = {"Error": "UnhandledInvocationError", "ErrorMessage": "no such film"}
    assert [(event.status, studio.seconds(event.at)) for event in failing.events] == [
        ("Enqueued", 0),
        ("Dequeued", 0),
        ("Running", 0),
        ("Retrying", 0),
        ("Running", 0.5),
        ("Failed", 0.5),
    ]
    assert [event.detail and json.loads(event.detail) for event in failing.events] == ["", "", "", error, "", error]
    assert [event.status for event in plain.events] == ["Enqueued", "Dequeued", "Running", "Succeeded"]


@rule("task-mode §4.4", "documented")
def test_a_task_that_is_stopped_while_it_runs_is_stopping_then_stopped_and_sends_no_message(studio):
    task = studio.function("convert").invoke_async(task_id="video-42")
    studio.advance(300)
    task.stop()
    assert task.status == "Stopping"
    studio.run_until_idle()
    assert task.status == "Stopped"
    assert (task.ended, task.attempts[0].outcome) == (studio.at("+300s"), "stopped")
    assert [event.status for event in task.events][-2:] == ["Stopping", "Stopped"]
    assert studio.queue("broken").messages == []
    with pytest.raises(InvocationFailed, match="is Stopped"):
        task.result()


def test_a_task_that_waits_is_stopped_at_once(studio):
    task = studio.function("convert").invoke_async(delay=60)
    task.stop()
    assert (task.status, task.ended, task.attempts) == ("Stopped", studio.now, [])
    with pytest.raises(FCError, match="async task in status 'Stopped' can not be stopped"):
        task.stop()


def test_a_handler_stops_its_own_task_over_http(studio):
    """It never hears the answer."""
    seen = []

    def stops_itself(event, context):
        with contextlib.closing(http.client.HTTPConnection(studio.host, studio.port)) as connection:
            connection.request("POST", f"/_fcemu/invocations/{context.request_id}/stop")
            seen.append(connection.getresponse().status)
        time.sleep(1)
        seen.append("slept")

    task = studio.add("own", stops_itself, **TASK).invoke_async()
    studio.run_until_idle()
    assert (task.status, "slept" in seen) == ("Stopped", False)


def test_stop_has_its_coroutine(studio):
    async def scenario():
        task = await studio.function("convert").aio.invoke_async(task_id="video-42")
        with pytest.raises(RuntimeError, match=r"\.aio"):
            task.stop()
        await studio.aio.advance(300)
        await task.aio.stop()
        await studio.aio.run_until_idle()
        return task.status

    assert asyncio.run(scenario()) == "Stopped"


def test_a_stopped_task_is_no_failure_that_somebody_must_look_at():
    with LocalEmulator() as emulator:
        task = emulator.add("convert", sleeps, timeout=900, **TASK).invoke_async()
        emulator.advance(1)
        task.stop()
        emulator.run_until_idle()


HANDLER = """
import os
import time


def sleeps(event, context):
    begin(event)
    try:
        print("begun")
        time.sleep(600)
    finally:
        print("cleaned up")


def works(event, context):
    begin(event)
    while True:
        pass


def begin(event):
    if event:
        os.close(os.open(event, os.O_WRONLY))  # whoever reads goes on
"""


def recorded(emulator, kind):
    """Set when the next fact of that kind is recorded."""
    seen, journal = threading.Event(), emulator._engine.journal
    journal.follow(lambda: seen.set() if isinstance(journal[-1], kind) else None)
    return seen


@pytest.mark.parametrize("runtime", ["inline", "process"])
@pytest.mark.parametrize("name", ["sleeps", "works"])
def test_a_task_is_stopped_wherever_its_handler_runs(tmp_path, runtime, name):
    (tmp_path / "film.py").write_text(HANDLER)
    function = {"handler": f"film.{name}", "code": str(tmp_path), "timeout": 900, **TASK}
    with LocalEmulator({"functions": {"convert": function}}, runtime=runtime, rate=1) as emulator:
        stopped = recorded(emulator, Stopped)
        os.mkfifo(begun := tmp_path / "begun")
        task = emulator.function("convert").invoke_async(bytes(begun), task_id="video-42")
        os.close(os.open(begun, os.O_RDONLY))
        task.stop()
        assert stopped.wait(WAIT_SECONDS)
        assert [event.status for event in task.events][-3:] == ["Running", "Stopping", "Stopped"]
        assert "Invocation canceled by client" in task.attempts[0].logs


@pytest.mark.parametrize("runtime", ["inline", "process"])
def test_a_task_that_sleeps_is_stopped_on_a_paused_clock(tmp_path, runtime):
    (tmp_path / "film.py").write_text(HANDLER)
    function = {"handler": "film.sleeps", "code": str(tmp_path), "timeout": 900, **TASK}
    with LocalEmulator({"functions": {"convert": function}}, runtime=runtime) as emulator:
        task = emulator.function("convert").invoke_async(task_id="video-42")
        emulator.advance(300)
        task.stop()
        emulator.run_until_idle()
        assert (task.status, emulator.seconds(task.ended)) == ("Stopped", 300)
        assert "begun\n" in task.attempts[0].logs
