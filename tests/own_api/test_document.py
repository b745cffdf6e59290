"""The OpenAPI document says what a running emulator does: each route is called, and its answer checked."""

import json
import re
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from api.harness import Reply
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from own_api.asking import ask
from patience import CHILD_SECONDS
from running import good

from fcemu import __version__
from fcemu.core.destinations import MAIL_KINDS
from fcemu.engine import faults
from fcemu.own_api import records
from fcemu.own_api.openapi import document
from fcemu.own_api.problems import PROBLEMS
from fcemu.own_api.routes import PLURALS, PREFIX, ROUTES
from fcemu.testing import LocalEmulator

DOCUMENT = document(__version__)
EVERYTHING = Path(__file__).parent.parent.parent / "fixtures/everything"
NAMED = {route.name: route for route in ROUTES}
REQUEST_ID = "$id"
"""Stands for the request id of a new invocation."""
GREETER = {"function": "greeter"}
QUEUE, TOPIC, BUS = {"name": "failed"}, {"name": "greeted"}, {"name": "bus"}

# Name of the route, parameters of the path, query, body; in an order in which each is good.
GOOD = [
    ("show_health", {}, {}, None),
    ("show_document", {}, {}, None),
    ("show_authority", {}, {}, None),
    ("change_clock", {}, {}, {"rate": 0, "autojump": False}),
    ("show_clock", {}, {}, None),
    ("fire_timer", {**GREETER, "trigger": "nightly"}, {}, None),
    ("advance", {}, {}, {"by": "1m"}),
    ("advance", {}, {}, {"seconds": 0.5}),
    ("advance", {}, {}, {"to": "+2m"}),
    ("fire_trigger", {**GREETER, "trigger": "pictures"}, {}, {"object": "in/a.png"}),
    ("fire_trigger", {**GREETER, "trigger": "pictures"}, {}, {"object": "elsewhere.txt"}),
    ("fire_trigger", {**GREETER, "trigger": "bus"}, {}, {"payload": {"any": 1}}),
    ("run_next", {}, {}, {}),
    ("run_until_idle", {}, {}, {"at_most_seconds": 86400}),
    ("show_page", {}, {}, None),
    ("show_metrics", {}, {}, None),
    ("explain", {}, {}, None),
    ("follow_journal", {}, {"after": 1, "function": "greeter", "follow": 0}, None),
    ("show_timeline", {}, {"format": "text"}, None),
    ("show_timeline", {}, {"format": "chrome"}, None),
    ("show_timeline", {}, {"format": "otlp"}, None),
    ("list_invocations", {}, {}, None),
    ("list_invocations", {}, {"status": "Succeeded", "limit": 1, "function": "greeter"}, None),
    ("list_invocations", {}, {"status": "Failed"}, None),
    ("show_invocation", {"id": REQUEST_ID}, {}, None),
    ("retell_invocation", {"id": REQUEST_ID}, {}, None),
    ("send_message", QUEUE, {}, {"body": "x", "delay_seconds": 0, "priority": 1}),
    ("send_message", QUEUE, {}, {"body": {"base64": "AP8="}}),
    ("list_queue_messages", QUEUE, {}, None),
    ("list_queue_messages", QUEUE, {"waiting": 1}, None),
    ("clear_queue_messages", QUEUE, {}, None),
    ("publish_message", TOPIC, {}, {"body": "y", "tag": "t"}),
    ("list_topic_messages", TOPIC, {}, None),
    ("clear_topic_messages", TOPIC, {}, None),
    ("list_eventbus_messages", BUS, {}, None),
    ("clear_eventbus_messages", BUS, {}, None),
    ("add_fault", {}, {}, {"fault": "throttle", "function": "greeter", "times": 2}),
    ("add_fault", {}, {}, {"fault": "fail", "function": "greeter", "status": 503}),
    ("add_fault", {}, {}, {"fault": "crash", "function": "greeter", "when": "before"}),
    ("add_fault", {}, {}, {"fault": "delay", "function": "greeter", "by": "1m"}),
    ("add_fault", {}, {}, {"fault": "deliver_twice", "function": "desk/counter", "again": 2}),
    ("list_faults", {}, {}, None),
    ("remove_faults", {}, {"n": 1}, None),
    ("remove_faults", {}, {}, None),
    (
        "put_stub",
        {"function": "desk/counter"},
        {},
        {"steps": [{"raises": {"errorType": "E"}, "seconds": 1, "logs": "l"}, {"returns": [1]}, {"status": 429}]},
    ),
    ("add_definition", {}, {}, {"functions": {"more": {"handler": "handler.greet", "code": str(EVERYTHING)}}}),
    ("show_definition", {}, {}, None),
    ("list_problems", {}, {}, None),
    ("show_code", GREETER, {"qualifier": "live"}, None),
    ("show_layer", {"layer": "words", "version": "3"}, {}, None),
    ("show_stub", {"function": "desk/counter"}, {}, None),
    ("remove_stub", {"function": "desk/counter"}, {}, None),
    ("stop_invocation", {"id": REQUEST_ID}, {}, {}),
    ("rerun_invocation", {"id": REQUEST_ID}, {}, {}),
    (
        "rerun_invocation",
        {"id": REQUEST_ID},
        {},
        {"payload": {"base64": "AP8="}, "delay_seconds": 60, "task_id": "again"},
    ),
    ("show_account", {}, {}, None),
    ("list_functions", {}, {}, None),
    ("list_timers", {}, {}, None),
    ("list_queues", {}, {}, None),
    ("list_topics", {}, {}, None),
    ("reset", {}, {}, {"seed": 3, "start": "2027-01-01T00:00:00Z"}),
]

# What is refused: the same, and the type of the problem.
REFUSED = [
    ("show_health", {}, {"x": 1}, None, "unknown-parameter"),
    ("follow_journal", {}, {"after": "x"}, None, "invalid-parameter"),
    ("show_timeline", {}, {"format": "pdf"}, None, "invalid-parameter"),
    ("list_invocations", {}, {"after": "nobody"}, None, "invalid-parameter"),
    ("show_invocation", {"id": "nobody"}, {}, None, "not-found"),
    ("stop_invocation", {"id": "nobody"}, {}, {}, "not-found"),
    ("rerun_invocation", {"id": "nobody"}, {}, {}, "not-found"),
    ("rerun_invocation", {"id": REQUEST_ID}, {}, {"task_id": "9"}, "invalid-request"),
    ("rerun_invocation", {"id": REQUEST_ID}, {}, {"payload": "x" * 140_000}, "too-large"),
    ("rerun_invocation", {"id": REQUEST_ID}, {}, {"payload": {"base64": "!"}}, "invalid-field"),
    ("advance", {}, {}, "{", "invalid-json"),
    ("advance", {}, {}, "x" * 2_000_000, "too-large"),
    ("advance", {}, {}, {}, "invalid-body"),
    ("advance", {}, {}, {"second": 1}, "unknown-field"),
    ("advance", {}, {}, {"seconds": "1"}, "invalid-field"),
    ("advance", {}, {}, {"seconds": -1}, "backwards"),
    ("run_until_idle", {}, {}, {"at_most_seconds": 0}, "not-idle"),
    ("list_queue_messages", {"name": "nobody"}, {}, None, "not-found"),
    ("clear_topic_messages", {"name": "nobody"}, {}, None, "not-found"),
    ("send_message", {"name": "nobody"}, {}, {"body": "x"}, "not-found"),
    ("add_fault", {}, {}, {"fault": "throttle", "function": "nobody"}, "not-found"),
    ("remove_faults", {}, {"n": 9}, None, "not-found"),
    ("put_stub", GREETER, {}, {"steps": []}, "invalid-field"),
    ("show_stub", GREETER, {}, None, "not-found"),
    ("remove_stub", GREETER, {}, None, "not-found"),
    ("add_definition", {}, {}, {"functions": {"f": {"handler": 1}}}, "invalid-definition"),
    ("show_code", {"function": "nobody"}, {}, None, "not-found"),
    ("show_layer", {"layer": "nobody", "version": "1"}, {}, None, "not-found"),
    ("fire_timer", {**GREETER, "trigger": "nobody"}, {}, None, "not-found"),
    ("fire_trigger", {**GREETER, "trigger": "nobody"}, {}, {}, "not-found"),
    ("fire_trigger", {**GREETER, "trigger": "pictures"}, {}, {"objekt": 1}, "invalid-field"),
]


def closed(schemas):
    """The schemas of records, as if they allowed no other members: an answer has only those of the document."""
    schemas = deepcopy(schemas)
    for schema in schemas.values():
        schema.setdefault("additionalProperties", False)
    return schemas


COMPONENTS = {"schemas": closed(DOCUMENT["components"]["schemas"])}


def check(schema, value):
    Draft202012Validator({**schema, "components": COMPONENTS}).validate(value)


@pytest.fixture(scope="module")
def emulator():
    with LocalEmulator(EVERYTHING, strict=False) as emulator:
        emulator.function("greeter").invoke_async("x", delay=1)
        emulator.function("greeter").invoke_async(b"\xff", delay=3600)
        asked = {"maxAsyncRetryAttempts": 0, "onFailure": "eventbus:bus", "onSuccess": "eventbus:bus"}
        emulator.add("told", lambda event, context: event, asyncInvokeConfig=asked).invoke_async("y")
        yield emulator


@pytest.fixture
def call(emulator):
    """``call(name, path, query, body)``: the operation of the document, and the reply."""

    def call(name, path, query, body) -> tuple[dict, Reply]:
        route = NAMED[name]
        ids = {}
        if path.get("id") == REQUEST_ID:
            ids["id"] = emulator.function("greeter").invoke_async(b"\xff", delay=3600).request_id
        filled = {each: quote(value, safe="") for each, value in {**path, **ids}.items()}
        target = f"{PREFIX}{route.path.format(**filled)}{'?' + urlencode(query) if query else ''}"
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        return DOCUMENT["paths"][f"{PREFIX}{route.path}"][route.method.lower()], ask(
            emulator, route.method, target, data
        )

    return call


def test_the_document_is_valid():
    validate(DOCUMENT)


def test_the_command_prints_what_the_server_answers(emulator):
    assert json.loads(good("openapi").output) == json.loads(good("openapi", "--json").output) == DOCUMENT
    assert ask(emulator, "GET", f"{PREFIX}/openapi.json").json() == DOCUMENT


def test_every_route_is_called_here():
    assert {name for name, *_ in GOOD} == NAMED.keys()


@pytest.mark.parametrize(("name", "path", "query", "body"), GOOD)
def test_an_answer_is_what_the_document_says(call, name, path, query, body):
    operation, reply = call(name, path, query, body)
    parameters = {each["name"]: each for each in operation.get("parameters", [])}
    assert {each for each, about in parameters.items() if about["in"] == "path"} == path.keys()
    assert query.keys() <= parameters.keys()
    if body is not None:
        check(operation["requestBody"]["content"]["application/json"]["schema"], body)
    assert 200 <= reply.status < 300, reply.body
    described = operation["responses"][str(reply.status)]
    if reply.status == 204:
        assert reply.body == b""
        assert "content" not in described
        return
    content = reply.headers["content-type"].partition(";")[0]
    schema = described["content"][content]["schema"]
    if content == "application/json":
        check(schema, reply.json())
    elif content == "application/x-ndjson":
        for line in reply.body.splitlines():
            check({"$ref": "#/components/schemas/Fact"}, json.loads(line))


def test_events_of_the_journal_are_facts(emulator):
    reply = ask(emulator, "GET", f"{PREFIX}/journal?follow=0", Accept="text/event-stream")
    assert reply.headers["content-type"] in DOCUMENT["paths"][f"{PREFIX}/journal"]["get"]["responses"]["200"]["content"]
    for data in re.findall(rb"^data: (.*)$", reply.body, re.MULTILINE):
        check({"$ref": "#/components/schemas/Fact"}, json.loads(data))


@pytest.mark.parametrize(("name", "path", "query", "body", "kind"), REFUSED)
def test_a_problem_is_what_the_document_says(emulator, call, name, path, query, body, kind):
    emulator.function("greeter").invoke_async(delay=3600)
    operation, reply = call(name, path, query, body)
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert (problem["type"], problem["status"]) == (kind, reply.status) == (kind, PROBLEMS[kind][0])
    described = operation["responses"][str(reply.status)]
    assert kind in described["description"].rstrip(".").split(", ")
    check(described["content"]["application/problem+json"]["schema"], problem)


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.takes not in (None, dict)], ids=lambda each: each.name
)
def test_a_member_that_the_document_does_not_have_is_refused(call, route):
    """Also by the document."""
    body = {"no_such_member": 1}
    operation, reply = call(route.name, dict.fromkeys(route.parameters, "x"), {}, body)
    assert reply.json()["type"] == "unknown-field"
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert not Draft202012Validator({**schema, "components": DOCUMENT["components"]}).is_valid(body)


def test_words_that_other_modules_know_too_are_the_same():
    assert tuple(PLURALS) == MAIL_KINDS
    assert records.When.__args__ == faults.WHEN


@pytest.mark.parametrize("words", [["--help"], ["openapi"]])
def test_the_program_says_what_it_can_do_without_loading_a_server(words):
    run = f"from fcemu.cli import main; main({words!r}, standalone_mode=False)"
    code = f"import sys; {run}; print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=CHILD_SECONDS, check=True
    )
    assert not {"aiohttp", "asyncio", "yaml", "fcemu.engine", "fcemu.api"} & set(ran.stderr.split())
