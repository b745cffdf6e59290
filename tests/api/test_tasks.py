"""Task mode over HTTP: the headers of InvokeFunction, and fcemu's own routes."""

import pytest
from api.conftest import echo
from api.harness import FC2, FC3
from fakes import ask, make, s
from rules import rule

from fcemu.core.functions import AsyncSettings

OPEN = FC2.replace("2016-08-15", "2021-04-06")
TASK = AsyncSettings(task_mode=True)
ASYNC = {"X_Fc_Invocation_Type": "Async"}
ID = {
    FC2: "X-Fc-Stateful-Async-Invocation-Id",
    OPEN: "X-Fc-Stateful-Async-Invocation-Id",
    FC3: "X-Fc-Async-Task-Id",
}
VERSIONS = pytest.mark.parametrize("path", [FC2, OPEN, FC3], ids=["2016-08-15", "2021-04-06", "2023-03-30"])


@pytest.fixture
def tasks(serve):
    """Functions in task mode, ``plain`` ones that are not, and ``sleeps``, which takes ten minutes."""
    handlers = {"echo": echo, "plain": echo, "sleeps": lambda call: call.clock.sleep(600)}
    in_task_mode = dict.fromkeys(("echo", "media/echo", "sleeps"), TASK)
    emulator, _ = make(in_task_mode, timeout=900, **handlers, media__echo=echo, media__plain=echo)
    return serve(emulator)


def code(reply):
    told = reply.json()
    return reply.status, told.get("Code") or told.get("ErrorCode"), told.get("Message") or told.get("ErrorMessage")


@rule("async-invocation §1.3", "documented")
@VERSIONS
def test_the_answer_names_the_task(tasks, path):
    reply = tasks.request("POST", path.format("echo"), b"x", **ASYNC, **{ID[path]: "video-42"})
    assert (reply.status, reply.headers[ID[path].lower()]) == (202, "video-42")
    unnamed = tasks.request("POST", path.format("echo"), b"x", **ASYNC)
    assert unnamed.headers[ID[path].lower()] == unnamed.headers["x-fc-request-id"]


@rule("async-invocation §1.3", "assumed")
@VERSIONS
def test_the_answer_names_no_task_where_there_is_none(tasks, path):
    for name, more in (("plain", ASYNC), ("echo", {})):
        reply = tasks.request("POST", path.format(name), b"x", **more, **{ID[path]: "video-42"})
        assert reply.status in (200, 202)
        assert ID[path].lower() not in reply.headers


@VERSIONS
def test_a_task_id_that_is_taken_or_malformed_is_refused(tasks, path):
    word, kind = (
        ("AsyncTask", "async task") if path is FC3 else ("StatefulAsyncInvocation", "stateful async invocation")
    )
    tasks.request("POST", path.format("echo"), b"x", **ASYNC, **{ID[path]: "a"})
    taken = tasks.request("POST", path.format("echo"), b"x", **ASYNC, **{ID[path]: "a"})
    assert code(taken) == (409, f"{word}AlreadyExists", f"{kind} 'a' already exists")
    malformed = tasks.request("POST", path.format("echo"), b"x", **ASYNC, **{ID[path]: "1 is wrong"})
    allowed = "[A-Za-z_][A-Za-z0-9_-]{0,127}"
    assert code(malformed) == (
        400,
        "InvalidArgument",
        f"{word}Id is set to an invalid value (allowed: {allowed}, actual: '1 is wrong')",
    )
    assert len(tasks.emulator.journal.invocations) == 1


@rule("async-invocation §1.2", "documented")
def test_2021_04_06_switches_task_mode_on_for_one_request(tasks):
    switch = {"X_Fc_Stateful_Async_Invocation_Enable": "true", ID[OPEN]: "a"}
    reply = tasks.request("POST", OPEN.format("plain"), b"x", **ASYNC, **switch)
    assert reply.headers[ID[OPEN].lower()] == "a"
    off = tasks.request("POST", OPEN.format("plain"), b"x", **ASYNC, X_Fc_Stateful_Async_Invocation_Enable="False")
    assert ID[OPEN].lower() not in off.headers
    wrong = tasks.request("POST", OPEN.format("plain"), b"x", **ASYNC, X_Fc_Stateful_Async_Invocation_Enable="1")
    text = "StatefulAsyncInvocationEnable is set to an invalid value (allowed: true | false, actual: '1')"
    assert code(wrong) == (400, "InvalidArgument", text)


@pytest.mark.parametrize("path", [FC2, FC3], ids=["2016-08-15", "2023-03-30"])
def test_the_other_versions_have_no_such_switch(tasks, path):
    reply = tasks.request("POST", path.format("plain"), b"x", **ASYNC, X_Fc_Stateful_Async_Invocation_Enable="true")
    assert (reply.status, ID[path].lower() in reply.headers) == (202, False)


# fcemu's own routes.


def test_invocations_can_be_chosen_by_their_task_id(tasks):
    tasks.emulator.accept(ask("echo", task_id="a"))
    tasks.emulator.accept(ask("media/echo", task_id="a"))
    tasks.emulator.accept(ask("echo", task_id="b"))
    found = tasks.json("GET", "/invocations?task_id=a")
    assert [(one["function"], one["task_id"]) for one in found] == [("echo", "a"), ("media/echo", "a")]
    assert tasks.json("GET", "/invocations?task_id=c") == []


def test_an_invocation_can_be_stopped_whatever_it_does(tasks):
    waits = tasks.emulator.accept(ask("plain", delay=9))
    runs = tasks.emulator.accept(ask("sleeps"))
    tasks.emulator.wait(tasks.emulator.advance(s(1)))
    stopped = tasks.json("POST", f"/invocations/{waits.id}/stop")
    assert [event["status"] for event in stopped["events"]] == ["Enqueued", "Stopping", "Stopped"]
    assert tasks.json("POST", f"/invocations/{runs.id}/stop")["status"] == "Stopping"
    tasks.json("POST", "/clock/run-until-idle")
    record = tasks.json("GET", f"/invocations/{runs.id}")
    assert (record["status"], record["attempts"][0]["outcome"], record["ended"]) == (
        "Stopped",
        "stopped",
        "2026-01-01T00:00:01.000000Z",
    )


def test_what_has_ended_or_is_unknown_cannot_be_stopped(tasks):
    ended = tasks.emulator.accept(ask("echo"))
    tasks.emulator.wait(tasks.emulator.advance(s(0)))
    refused = tasks.request("POST", f"/_fcemu/invocations/{ended.id}/stop")
    assert (refused.status, refused.json()["type"]) == (409, "cannot-stop")
    assert refused.json()["detail"] == "async task in status 'Succeeded' can not be stopped"
    assert tasks.request("POST", "/_fcemu/invocations/nope/stop").status == 404
    body = tasks.request("POST", f"/_fcemu/invocations/{ended.id}/stop", b'{"now": true}')
    assert (body.status, body.json()["type"]) == (400, "unknown-field")
