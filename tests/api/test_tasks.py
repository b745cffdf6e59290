"""Task mode over HTTP: the headers of InvokeFunction, and fcemu's own routes."""

import json

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


# FC's own operations. The examples of task-mode §6, each exact but for ids and instances.

TASKS = {
    FC2: "/2016-08-15/services/media/functions/{}/stateful-async-invocations",
    OPEN: "/2021-04-06/services/media/functions/{}/stateful-async-invocations",
    FC3: "/2023-03-30/functions/{}/async-tasks",
}
STOP = {FC2: "", OPEN: "", FC3: "/stop"}


def fails_once(call):
    call.clock.sleep(2)
    raise ValueError("boom")


def event(number, status, seconds, detail=""):
    return {"eventId": number, "status": status, "timestamp": START_MS + round(seconds * 1000), "eventDetail": detail}


START_MS = 1_767_225_600_000


@pytest.fixture
def studio(serve):
    """The same functions in 2.0 and 3.0, in task mode with one retry: ``resize`` takes ten minutes, ``boom`` fails."""
    handlers = {"echo": echo, "boom": fails_once, "resize": lambda call: call.clock.sleep(600)}
    handlers |= {f"media__{name}": handler for name, handler in handlers.items()}
    once = AsyncSettings(task_mode=True, max_retries=1)
    settings = {name.replace("__", "/"): once for name in handlers}
    return serve(make(settings, timeout=900, **handlers)[0])


def submit(studio, path, name, task_id, delay=0, payload=b"x"):
    more = {ID[path]: task_id, "X-Fc-Async-Delay": str(delay)}
    assert studio.request("POST", path.format(name), payload, **ASYNC, **more).status == 202


def advance(studio, seconds):
    studio.emulator.wait(studio.emulator.advance(s(seconds)))


def get(studio, path, name, task_id=""):
    reply = studio.request("GET", TASKS[path].format(name) + (f"/{task_id}" if task_id else ""))
    assert reply.status == 200, reply.body
    assert reply.headers["x-fc-request-id"]
    return reply.json()


def listed(studio, path, query, name="echo"):
    reply = studio.request("GET", f"{TASKS[path].format(name)}?{query}")
    assert reply.status == 200, reply.body
    document = reply.json()
    key = "tasks" if path is FC3 else "invocations"
    ids = [one["taskId" if path is FC3 else "invocationId"] for one in document[key] or ()]
    return ids, document.get("nextToken", "")


def test_example_6_1_a_running_task_of_2023_03_30(studio):
    submit(studio, FC3, "resize", "video-42_a", delay=200, payload=b'{"key":"value"}')
    advance(studio, 250)
    document = get(studio, FC3, "resize", "video-42_a")
    assert document.pop("requestId") in studio.emulator.journal.invocations
    assert document.pop("instanceId").startswith("c-")
    assert document == {
        "taskId": "video-42_a",
        "functionArn": "acs:fc:cn-hangzhou:1234567890123456:functions/resize",
        "qualifier": "LATEST",
        "status": "Running",
        "destinationStatus": "Succeeded",
        "startedTime": START_MS,
        "endTime": 0,
        "durationMs": 0,
        "alreadyRetriedTimes": 0,
        "taskPayload": '{"key":"value"}',
        "taskErrorMessage": "",
        "returnPayload": "",
        "events": [event(1, "Enqueued", 0), event(2, "Dequeued", 200), event(3, "Running", 200)],
    }


def test_example_6_2_a_task_of_2021_04_06_that_failed_after_one_retry(studio):
    submit(studio, OPEN, "boom", "job-7")
    advance(studio, 60)
    document = get(studio, OPEN, "boom", "job-7")
    assert document.pop("requestId") in studio.emulator.journal.invocations
    assert len(document.pop("instanceId")) == 36
    error = '{"Error":"UnhandledInvocationError","ErrorMessage":"boom"}'
    assert document == {
        "serviceName": "media",
        "functionName": "boom",
        "qualifier": "LATEST",
        "invocationId": "job-7",
        "status": "Failed",
        "destinationStatus": "Succeeded",
        "startedTime": START_MS,
        "endTime": START_MS + 4500,
        "durationMs": 2000,
        "alreadyRetriedTimes": 1,
        "invocationErrorMessage": "UnhandledInvocationError",
        "invocationPayload": "x",
        "returnPayload": "",
        "events": [
            event(1, "Enqueued", 0),
            event(2, "Dequeued", 0),
            event(3, "Running", 0),
            event(4, "Retrying", 2, error),
            event(5, "Running", 2.5),
            event(6, "Failed", 4.5, error),
        ],
    }


@rule("task-mode §3.1", "documented")
def test_a_record_of_2016_08_15_has_no_events_instance_duration_or_result(studio):
    submit(studio, FC2, "echo", "job-7")
    advance(studio, 0)
    assert set(get(studio, FC2, "echo", "job-7")) == {
        *("serviceName", "functionName", "qualifier", "invocationId", "requestId", "status", "startedTime"),
        *("endTime", "destinationStatus", "invocationErrorMessage", "invocationPayload", "alreadyRetriedTimes"),
    }


def test_example_6_3_a_list_of_2023_03_30_by_prefix_status_and_page(studio):
    for n in range(10):
        submit(studio, FC3, "echo", f"video-{n}")
        submit(studio, FC3, "echo", f"audio-{n}")
        advance(studio, 1)
    submit(studio, FC3, "echo", "video-later", delay=60)
    query = "prefix=video-&status=Succeeded&sortOrderByTime=desc&limit=2&includePayload=false"
    ids, token = listed(studio, FC3, query)
    assert (ids, bool(token)) == (["video-9", "video-8"], True)
    found = list(ids)
    while token:
        ids, token = listed(studio, FC3, f"{query}&nextToken={token}")
        found += ids
    assert found == [f"video-{n}" for n in reversed(range(10))]


@VERSIONS
def test_example_6_4_a_running_task_is_stopped_with_204_and_one_that_has_failed_is_not(studio, path):
    submit(studio, path, "resize", "a")
    submit(studio, path, "boom", "job-7")
    advance(studio, 60)
    stopped = studio.request("PUT", f"{TASKS[path].format('resize')}/a{STOP[path]}")
    assert (stopped.status, stopped.body) == (204, b"")
    found = get(studio, path, "resize", "a")
    assert (found["status"], found["destinationStatus"], found["endTime"]) == ("Stopping", "Stopped", 0)
    advance(studio, 0)
    found = get(studio, path, "resize", "a")
    assert (found["status"], found["endTime"]) == ("Stopped", START_MS + 60_000)
    refused = studio.request("PUT", f"{TASKS[path].format('boom')}/job-7{STOP[path]}")
    kind = "async task" if path is FC3 else "stateful async invocation"
    assert code(refused) == (400, "InvalidArgument", f"{kind} in status 'Failed' can not be stopped")


@rule("task-mode §4.1", "inferred")
@VERSIONS
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_task_that_is_not_there_is_404(studio, path, method):
    reply = studio.request(method, f"{TASKS[path].format('echo')}/nope{STOP[path] if method == 'PUT' else ''}")
    word, kind = (
        ("AsyncTask", "async task") if path is FC3 else ("StatefulAsyncInvocation", "stateful async invocation")
    )
    assert code(reply) == (404, f"{word}NotFound", f"{kind} 'nope' does not exist")


@rule("task-mode §4.2", "documented")
@VERSIONS
def test_a_list_has_the_payload_only_where_it_is_asked_for_and_get_always_does(studio, path):
    key, payload = ("tasks", "taskPayload") if path is FC3 else ("invocations", "invocationPayload")
    submit(studio, path, "echo", "a", payload=b"hello")
    assert get(studio, path, "echo", "a")[payload] == "hello"
    for query, shown in (("", ""), ("?includePayload=false", ""), ("?includePayload=true", "hello")):
        document = studio.request("GET", TASKS[path].format("echo") + query).json()
        assert [one[payload] for one in document[key]] == [shown]


@rule("task-mode §4.2", "from SDK")
def test_an_empty_list_is_null_in_2016_08_15_and_empty_in_the_others(studio):
    assert get(studio, FC2, "echo") == {"invocations": None}
    assert get(studio, OPEN, "echo") == {"invocations": [], "nextToken": ""}
    assert get(studio, FC3, "echo") == {"tasks": [], "nextToken": ""}


@VERSIONS
def test_a_list_takes_a_window_of_start_times_and_an_order(studio, path):
    for n in range(4):
        submit(studio, path, "echo", f"t{n}")
        advance(studio, 1)
    window = f"startedTimeBegin={START_MS + 1000}&startedTimeEnd={START_MS + 2000}"
    assert listed(studio, path, window) == (["t2", "t1"], "")
    assert listed(studio, path, f"{window}&sortOrderByTime=asc") == (["t1", "t2"], "")
    prefix = "prefix" if path is FC3 else "invocationIdPrefix"
    assert listed(studio, path, f"{prefix}=t3") == (["t3"], "")


@rule("task-mode §4.2", "inferred")
@VERSIONS
@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("limit=0", "Limit is set to an invalid value (allowed: [1, 100], actual: '0')"),
        ("limit=101", "Limit is set to an invalid value (allowed: [1, 100], actual: '101')"),
        ("limit=many", "Limit is set to an invalid value (allowed: a whole number, actual: 'many')"),
        ("sortOrderByTime=up", "SortOrderByTime is set to an invalid value (allowed: asc | desc, actual: 'up')"),
        ("startedTimeEnd=now", "StartedTimeEnd is set to an invalid value (allowed: a whole number, actual: 'now')"),
        ("includePayload=1", "IncludePayload is set to an invalid value (allowed: true | false, actual: '1')"),
        ("nextToken=MQ%3D%3D", "NextToken is set to an invalid value (actual: '1')"),
        ("nextToken=%2A", "NextToken is set to an invalid value (actual: '*')"),
    ],
)
def test_a_wrong_parameter_of_a_list_is_refused(studio, path, query, text):
    assert code(studio.request("GET", f"{TASKS[path].format('echo')}?{query}")) == (400, "InvalidArgument", text)


def test_a_status_that_is_none_is_refused_with_all_that_there_are(studio):
    status, word, text = code(studio.request("GET", f"{TASKS[FC3].format('echo')}?status=Done"))
    assert (status, word) == (400, "InvalidArgument")
    assert text.startswith("Status is set to an invalid value (allowed: Enqueued | Dequeued | Running | ")
    assert listed(studio, FC3, "status=") == ([], "")


@rule("task-mode §4.2", "documented")
def test_a_page_has_20_tasks_unless_another_limit_is_given(studio):
    for n in range(25):
        submit(studio, FC3, "echo", f"t{n}")
    ids, token = listed(studio, FC3, "")
    assert (len(ids), len(listed(studio, FC3, f"nextToken={token}")[0])) == (20, 5)
    assert len(listed(studio, FC3, "limit=100")[0]) == 25


@rule("task-mode §4.3", "documented")
@pytest.mark.parametrize("version", ["2016-08-15", "2021-04-06"])
def test_the_functions_of_2_0_in_task_mode_are_listed(studio, version):
    path = f"/{version}/stateful-async-invocation-functions"
    found = studio.request("GET", f"{path}?limit=2").json()
    expected = [{"serviceName": "media", "functionName": name, "qualifier": "LATEST"} for name in ("boom", "echo")]
    assert found["data"] == expected
    rest = studio.request("GET", f"{path}?limit=2&nextToken={found['nextToken']}").json()
    assert ([one["functionName"] for one in rest["data"]], rest["nextToken"]) == (["resize"], "")
    studio.request("DELETE", "/2016-08-15/services/media/functions/boom/async-invoke-config")
    assert [one["functionName"] for one in studio.request("GET", path).json()["data"]] == ["echo", "resize"]


@rule("task-mode §5", "assumed")
def test_deleting_the_configuration_keeps_the_records(studio):
    submit(studio, FC3, "echo", "a")
    advance(studio, 0)
    assert studio.request("DELETE", "/2023-03-30/functions/echo/async-invoke-config").status == 204
    assert get(studio, FC3, "echo", "a")["status"] == "Succeeded"


@rule("task-mode §5", "documented")
def test_a_queued_task_of_a_function_that_is_deleted_over_the_api_is_invalid(studio):
    submit(studio, FC3, "echo", "a", delay=60)
    assert studio.request("DELETE", "/2023-03-30/functions/echo").status == 204
    advance(studio, 60)
    [task] = studio.emulator.journal.invocations.values()
    assert task.state == "Invalid"
    assert code(studio.request("GET", f"{TASKS[FC3].format('echo')}/a"))[:2] == (404, "FunctionNotFound")


@rule("async-invocation §7", "documented")
def test_a_task_belongs_to_the_qualifier_by_which_it_was_submitted(studio):
    studio.request("POST", "/2023-03-30/functions/echo/versions", b"{}")
    studio.request("POST", "/2023-03-30/functions/echo/aliases", b'{"aliasName": "prod", "versionId": "1"}')
    config = "/2023-03-30/functions/echo/async-invoke-config?qualifier=prod"
    assert studio.request("PUT", config, b'{"asyncTask": true}').status == 200
    reply = studio.request("POST", FC3.format("echo") + "?qualifier=prod", b"x", **ASYNC, **{ID[FC3]: "a"})
    assert reply.headers["x-fc-async-task-id"] == "a"
    path = TASKS[FC3].format("echo")
    document = studio.request("GET", f"{path}/a?qualifier=prod").json()
    assert (document["qualifier"], document["functionArn"][-10:]) == ("prod", "/echo/prod")
    assert studio.request("GET", f"{path}/a").status == 404
    assert listed(studio, FC3, "qualifier=prod") == (["a"], "")
    assert listed(studio, FC3, "") == ([], "")


def test_a_task_that_was_read_over_the_api_is_a_failure_that_somebody_looked_at(studio):
    submit(studio, FC3, "boom", "a")
    advance(studio, 60)
    [task] = studio.emulator.journal.invocations
    assert task not in studio.emulator.read_outside
    get(studio, FC3, "boom", "a")
    assert task in studio.emulator.read_outside


@rule("async-invocation §1.2", "documented")
@pytest.mark.parametrize(
    ("owner", "header", "code"),
    [
        ("media/", "X-Fc-Stateful-Async-Invocation-Id", "StatefulAsyncInvocationAlreadyExists"),
        ("", "X-Fc-Async-Task-Id", "AsyncTaskAlreadyExists"),
    ],
)
def test_an_http_trigger_takes_the_task_id_in_the_header_of_the_functions_generation(studio, owner, header, code):
    version, service = ("2021-04-06", "/services/media") if owner else ("2023-03-30", "")
    route = {"path": "/*", "functionName": "echo"} | ({"serviceName": "media"} if owner else {})
    trigger = {"authType": "anonymous", "methods": ["POST"]}
    made = studio.request(
        "POST",
        f"/{version}{service}/functions/echo/triggers",
        json.dumps({"triggerName": "web", "triggerType": "http", "triggerConfig": json.dumps(trigger)}).encode(),
    )
    assert made.status == 200, made.body
    domain = {"domainName": "films.example.com", "routeConfig": {"routes": [route]}}
    assert studio.request("POST", f"/{version}/custom-domains", json.dumps(domain).encode()).status == 200
    said = {**ASYNC, header: "video-42", "Host": "films.example.com"}
    reply = studio.request("POST", "/convert", b"x", **said)
    assert (reply.status, reply.headers[header.lower()]) == (202, "video-42")
    again = studio.request("POST", "/convert", b"x", **said)
    assert (again.status, again.json()["Code"]) == (409, code)
