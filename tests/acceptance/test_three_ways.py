"""Every key of a function acts, or is refused, in whichever way it is given: to ``add()``, to ``define()``, to FC's
API; and it is shown the same afterwards."""

import io
import json
import time
import zipfile
from base64 import b64encode
from dataclasses import dataclass, field

import pytest
import requests

from fcemu.core.fields.functions import FUNCTION
from fcemu.testing import FCError, LocalEmulator

THREE, TWO, ONE = "/2023-03-30", "/2016-08-15", "/2021-04-06"
NAMES_CODE = {"code", "handler", "python", "initializer", "preFreeze", "preStop"}
"""Keys that say which code runs, so that they contradict a callable."""
NOT_IN_API = {"python"}
SHOWN_AS = {"onDemandConfig": "reservedConcurrency"}
"""A key that is shown as another, which says the same."""
SOURCE = "acs:oss:cn-hangzhou:1:bucket"
HTTP = {"authType": "anonymous", "methods": ["GET"]}
TIMER = {"cronExpression": "@every 1h", "enable": False, "payload": "x"}


def package():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): ...\n\n\ndef hook(context): ...\n")
    return {"zipFile": b64encode(content.getvalue()).decode()}


CODE = package()


@dataclass(frozen=True)
class Way:
    """A key with a value, and how FC's API is told the same: members of the function's own request, and requests
    after it, below the function. ``beside``: keys without which it means nothing."""

    value: object
    body: dict = field(default_factory=dict)
    then: tuple = ()
    beside: dict = field(default_factory=dict)
    is_of_2_0: bool = False


PUBLISHED = ("POST", "/versions", {"description": "first"})
VERSION = {"versions": {"1": {"description": "first"}}}
CUSTOM = {"runtime": "custom.debian11"}
WAYS = {
    "code": Way(CODE, {"code": CODE}),
    "handler": Way("index.handler", {"handler": "index.handler"}),
    "python": Way("python3"),
    "runtime": Way("python3.12", {"runtime": "python3.12"}),
    "timeout": Way(77, {"timeout": 77}),
    "memorySize": Way(1024, {"memorySize": 1024}),
    "environmentVariables": Way({"LEVEL": "info"}, {"environmentVariables": {"LEVEL": "info"}}),
    "initializer": Way(
        {"handler": "index.hook", "timeout": 5},
        {"instanceLifecycleConfig": {"initializer": {"handler": "index.hook", "timeout": 5}}},
    ),
    "preStop": Way(
        {"handler": "index.hook", "timeout": 5},
        {"instanceLifecycleConfig": {"preStop": {"handler": "index.hook", "timeout": 5}}},
    ),
    "preFreeze": Way(
        {"handler": "index.hook", "timeout": 5},
        {"instanceLifecycleConfig": {"preFreeze": {"handler": "index.hook", "timeout": 5}}},
        is_of_2_0=True,
    ),
    "instanceConcurrency": Way(7, {"instanceConcurrency": 7}, beside=CUSTOM),
    "command": Way(["python3", "a.py"], {"customRuntimeConfig": {"command": ["python3", "a.py"]}}, beside=CUSTOM),
    "port": Way(9001, {"customRuntimeConfig": {"port": 9001}}, beside=CUSTOM),
    "layers": Way(["acs:fc:cn-hangzhou:1234567890123456:layers/words/versions/1"], {}),
    "description": Way("for people", {"description": "for people"}),
    "kept": Way({"cpu": 0.5}, {"cpu": 0.5}),
    "reservedConcurrency": Way(3, then=(("PUT", "/concurrency", {"reservedConcurrency": 3}),)),
    "asyncInvokeConfig": Way(
        {"maxAsyncRetryAttempts": 1, "asyncTask": True},
        then=(("PUT", "/async-invoke-config", {"maxAsyncRetryAttempts": 1, "asyncTask": True}),),
    ),
    "triggers": Way(
        {"hourly": {"timer": "@every 1h", "enable": False, "payload": "x"}, "web": {"http": ["GET"]}},
        then=tuple(
            ("POST", "/triggers", {"triggerName": name, "triggerType": kind, "triggerConfig": json.dumps(config)})
            for name, kind, config in (("hourly", "timer", TIMER), ("web", "http", HTTP))
        ),
    ),
    "versions": Way(VERSION["versions"], then=(PUBLISHED,)),
    "aliases": Way(
        {"live": {"version": "1", "description": "used"}},
        then=(PUBLISHED, ("POST", "/aliases", {"aliasName": "live", "versionId": "1", "description": "used"})),
        beside=VERSION,
    ),
    "provisionConfig": Way(
        {"qualifier": "1", "defaultTarget": 2},
        then=(PUBLISHED, ("PUT", "/provision-config?qualifier=1", {"defaultTarget": 2})),
        beside=VERSION,
    ),
    "scalingConfig": Way({"minInstances": 1}, then=(("PUT", "/scaling-config?qualifier=LATEST", {"minInstances": 1}),)),
    "onDemandConfig": Way(
        {"maximumInstanceCount": 4}, then=(("PUT", "/on-demand-config", {"maximumInstanceCount": 4}),), is_of_2_0=True
    ),
    "eventSources": Way(
        [{"sourceArn": SOURCE}], then=(("POST", "/event-sources", {"sourceArn": SOURCE}),), is_of_2_0=True
    ),
    "tags": Way(
        {"team": "media", "empty": ""},
        then=(
            (
                "POST",
                "tags-v2",
                {
                    "ResourceType": "function",
                    "ResourceId": ["f"],
                    "Tag": [{"Key": "team", "Value": "media"}, {"Key": "empty", "Value": ""}],
                },
            ),
        ),
    ),
    "vpcBindings": Way(["vpc-1"], then=(("POST", "/vpc-bindings", {"vpcId": "vpc-1"}),)),
    "disabled": Way("maintenance", then=(("POST", "/invoke/disable", {"reason": "maintenance"}),)),
}
SHOWN_3_0 = (
    *("", "/versions", "/aliases", "/triggers", "/concurrency", "/provision-config", "/scaling-config"),
    *("/async-invoke-config", "/vpc-bindings"),
)
SHOWN_2_0 = ("", "/on-demand-config", "/provision-config", "/triggers", "/event-sources", "/async-invoke-config")
DIFFERENT = ("Time", "Id", "Internet", "Intranet", "codeSize", "codeChecksum", "handler")
"""Ends of keys whose values are different in each emulator, or are those of the code."""


def test_the_table_has_every_key_of_a_function():
    assert WAYS.keys() == FUNCTION.keys.keys()


def name_of(way):
    return "shop/f" if way.is_of_2_0 else "f"


def ask(emulator, method, path, body=None):
    answer = requests.request(method, emulator.url + path, json=body, timeout=30)
    assert answer.ok, (method, path, answer.text)
    return answer.json() if answer.content else None


def made():
    """An emulator with the layer that functions may use."""
    emulator = LocalEmulator({})
    layer = {"code": CODE, "compatibleRuntime": ["python3.10"]}
    ask(emulator, "POST", f"{THREE}/layers/words/versions", layer)
    return emulator


def defined(emulator, way, function):
    functions = {"f": function}
    emulator.define({"services": {"shop": {"functions": functions}}} if way.is_of_2_0 else {"functions": functions})


def created(emulator, key, way):
    """The function as FC's API is told."""
    body = {"functionName": "f", "runtime": "python3.10", "handler": "index.handler", "code": CODE}
    body |= way.beside if way.beside is CUSTOM else {}
    body |= {"layers": way.value} if key == "layers" else {}
    root = THREE
    if way.is_of_2_0:
        root = f"{ONE}/services/shop"
        ask(emulator, "POST", f"{ONE}/services", {"serviceName": "shop"})
        body["memorySize"] = 512
    ask(emulator, "POST", f"{root}/functions", body | way.body)
    for method, path, more in way.then:
        ask(emulator, method, f"{THREE}/{path}" if path == "tags-v2" else f"{root}/functions/f{path}", more)


def shown(emulator, way):
    """The function in the definition, without its code, and what FC's API says of it."""
    document = ask(emulator, "GET", "/_fcemu/definition")
    function = (document["services"]["shop"] if way.is_of_2_0 else document)["functions"]["f"]
    root = f"{ONE}/services/shop" if way.is_of_2_0 else THREE
    answers = {}
    for path in SHOWN_2_0 if way.is_of_2_0 else SHOWN_3_0:
        answer = requests.get(f"{emulator.url}{root}/functions/f{path}", timeout=30)
        answers[path] = without_what_differs(answer.json()) if answer.ok else answer.status_code
    return {name: value for name, value in function.items() if name not in ("code", "handler")}, answers


def without_what_differs(value):
    if isinstance(value, dict):
        return {
            name: without_what_differs(each)
            for name, each in value.items()
            if not name.endswith(DIFFERENT) or name == "versionId"
        }
    return [without_what_differs(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("key", WAYS)
def test_a_key_is_shown_the_same_whichever_way_it_was_given(key):
    way = WAYS[key]
    settings = {**way.beside, key: way.value}
    with made() as emulator:
        defined(emulator, way, {"handler": "index.handler", "code": CODE, **settings})
        by_definition = shown(emulator, way)
    if key not in ("code", "handler"):
        assert SHOWN_AS.get(key, key) in by_definition[0], "define() left it out"
    if key not in NOT_IN_API:
        with made() as emulator:
            created(emulator, key, way)
            assert shown(emulator, way) == by_definition
    with made() as emulator:
        if key in NAMES_CODE:
            with pytest.raises((ValueError, TypeError), match=f"leave out {key}: the callable is|argument '{key}'"):
                emulator.add(name_of(way), lambda event, context: None, **settings)
        else:
            emulator.add(name_of(way), lambda event, context: None, **settings)
            assert shown(emulator, way) == by_definition


@pytest.mark.parametrize("key", sorted(NAMES_CODE - {"preFreeze"}))
def test_a_version_of_a_callable_has_no_code_of_its_own(key):
    with (
        made() as emulator,
        pytest.raises(ValueError, match=rf"f: leave out versions\.1\.{key}: the callable is the code"),
    ):
        emulator.add("f", lambda event, context: None, versions={"1": {key: WAYS[key].value}})


def test_what_a_callable_is_given_acts():
    def work(event, context):
        time.sleep(5)
        return "done"

    with LocalEmulator({}) as emulator:
        emulator.add("f", work, versions={"1": {"timeout": 9}}, aliases={"live": "1"})
        assert emulator.function("f", "live").invoke().text == "done"
        assert "timed out" in emulator.function("f").invoke().text
        emulator.add("g", lambda event, context: 1, reservedConcurrency=0, asyncInvokeConfig={})
        with pytest.raises(FCError, match="concurrency limit"):
            emulator.function("g").invoke()
        emulator.add("h", lambda event, context: 1, disabled="maintenance")
        with pytest.raises(FCError, match="maintenance"):
            emulator.function("h").invoke()


def test_a_callable_leaves_the_service_that_it_joins_as_it_is():
    with LocalEmulator({"services": {"shop": {"description": "sells", "tags": {"team": "shop"}}}}) as emulator:
        emulator.add("shop/f", lambda event, context: 1)
        service = ask(emulator, "GET", "/_fcemu/definition")["services"]["shop"]
        assert (service["description"], service["tags"]) == ("sells", {"team": "shop"})
