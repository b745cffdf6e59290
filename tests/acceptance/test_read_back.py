"""What FC's API accepts, ``GET /_fcemu/definition`` shows as a file that makes it again."""

import io
import json
import os
import zipfile
from base64 import b64encode

import pytest
import requests
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcemu.cli import main
from fcemu.config.write import text_of
from fcemu.core.functions import RUNTIMES
from fcemu.core.triggers import KINDS
from fcemu.testing import LocalEmulator

FULL = os.environ.get("FCEMU_EFFORT") == "full"
BOUNDED = settings(
    max_examples=2000 if FULL else 15,
    derandomize=not FULL,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
THREE, TWO = "/2023-03-30", "/2021-04-06"


def package(text="def handler(event, context): ...\n"):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", text)
    return {"zipFile": b64encode(content.getvalue()).decode()}


CODE = package()

# What a client may send: odd texts, odd documents, numbers at their bounds, and what files give a meaning to.

TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", " ", "\0", "a\nb", "yes", "1.10", "017", "null", "~", "中文", "${vars.x}", "${env('HOME')}", "\ud800", "#"]
    ),
)
WHOLE = st.one_of(st.integers(-2, 70), st.integers(-(2**65), 2**65), st.sampled_from([100, 128, 512, 99_999, 10**6]))
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), WHOLE, st.floats(), TEXTS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from(["my-var", "1A", "FC_X", "A", "LEVEL_2", "topic", "", "a=b"]) | TEXTS
HANDLERS = (
    st.sampled_from(["index.handler", "nodot", "missing.handler", "a/b.c", "../x.y", "", "a.b.c", "/a.b"]) | TEXTS
)
VARIABLES = st.dictionaries(NAMES, TEXTS, max_size=2)
HOOK = st.fixed_dictionaries({"handler": HANDLERS}, optional={"timeout": WHOLE})
QUALIFIERS = st.sampled_from(["LATEST", "1", "2", "live", "gone"])
RUNTIME = st.sampled_from(RUNTIMES)
SETTINGS = {
    "timeout": WHOLE,
    "memorySize": WHOLE,
    "environmentVariables": VARIABLES,
    "instanceConcurrency": WHOLE,
    "description": TEXTS,
    "cpu": PLAIN,
    "diskSize": WHOLE,
    "internetAccess": st.booleans(),
    "role": TEXTS,
    "vpcConfig": st.dictionaries(TEXTS, PLAIN, max_size=2),
    "customRuntimeConfig": st.fixed_dictionaries({}, optional={"command": st.lists(TEXTS, max_size=2), "port": WHOLE})
    | st.dictionaries(TEXTS, PLAIN, max_size=1),
    "idleTimeout": WHOLE,
    "layers": st.lists(st.sampled_from(["acs:fc:cn-hangzhou:official:layers/Python/versions/1"]) | TEXTS, max_size=2),
    "handler": HANDLERS,
    "runtime": RUNTIME,
}


def few(members):
    """One or two of the members of a request: of many, one would be wrong, and all be refused."""
    one = st.sampled_from(sorted(members)).flatmap(lambda name: members[name].map(lambda value: {name: value}))
    return st.lists(one, min_size=1, max_size=2).map(lambda parts: {k: v for part in parts for k, v in part.items()})


FUNCTION_3_0 = few(
    {
        **SETTINGS,
        "instanceLifecycleConfig": st.fixed_dictionaries({}, optional={"initializer": HOOK, "preStop": HOOK}),
    },
)
FUNCTION_2_0 = few(
    {
        **SETTINGS,
        "initializer": HANDLERS,
        "initializationTimeout": WHOLE,
        "caPort": WHOLE,
        "instanceLifecycleConfig": st.fixed_dictionaries({}, optional={"preFreeze": HOOK, "preStop": HOOK}),
    },
)
CONFIGS = st.one_of(
    st.fixed_dictionaries(
        {"cronExpression": st.sampled_from(["@every 5m", "0 0 4 * * *", "0  0 4 * *\t*", "0 0 4 * *  1"]) | TEXTS},
        optional={"enable": st.booleans() | PLAIN, "payload": TEXTS | PLAIN, "more": PLAIN},
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "methods": st.lists(st.sampled_from(["GET", "POST", "any"]), max_size=3),
            "authType": st.sampled_from(["anonymous", "function", "jwt", ""]),
            "disableURLInternet": st.booleans() | st.none(),
        },
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "events": st.lists(TEXTS, max_size=2) | PLAIN,
            "filter": st.fixed_dictionaries({"key": st.dictionaries(st.sampled_from(["prefix", "prfix"]), TEXTS)})
            | st.fixed_dictionaries({"domain": st.lists(TEXTS, max_size=2)})
            | PLAIN,
            "notifyContentFormat": st.sampled_from(["JSON", "XML"]) | TEXTS,
            "jobConfig": st.fixed_dictionaries({"maxRetryTime": WHOLE, "triggerInterval": WHOLE}),
            "triggerEnable": st.booleans() | TEXTS,
            "more": PLAIN,
        },
    ),
    st.dictionaries(TEXTS, PLAIN, max_size=2),
)
TRIGGER = st.fixed_dictionaries(
    {"triggerType": st.sampled_from(KINDS), "triggerConfig": CONFIGS.map(json.dumps)},
    optional={"sourceArn": TEXTS, "invocationRole": TEXTS, "description": TEXTS, "qualifier": QUALIFIERS},
)
DESTINATIONS = st.sampled_from(
    [
        "acs:mns:cn-hangzhou::/queues/failed/messages",
        "acs:fc:cn-hangzhou:1234567890123456:functions/f",
        "acs:fc:cn-hangzhou:1234567890123456:functions/f/live",
        "queue:x",
        "acs:mns:::/queues/{please_replace_me}/messages",
        "acs:mq:::/instances/a b/topics/a\nb/messages",
        "nothing",
    ]
)
ASYNC = st.fixed_dictionaries(
    {},
    optional={
        "maxAsyncRetryAttempts": WHOLE,
        "maxAsyncEventAgeInSeconds": WHOLE,
        "asyncTask": st.booleans(),
        "statefulInvocation": st.booleans(),
        "destinationConfig": st.fixed_dictionaries(
            {},
            optional={
                "onSuccess": st.fixed_dictionaries({"destination": DESTINATIONS}),
                "onFailure": st.fixed_dictionaries({"destination": DESTINATIONS}),
            },
        ),
    },
)
ALIAS = st.fixed_dictionaries(
    {"versionId": st.sampled_from(["1", "2", "LATEST", "9"])},
    optional={
        "description": TEXTS,
        "additionalVersionWeight": st.dictionaries(
            st.sampled_from(["1", "2", "LATEST"]), st.sampled_from([0.0, 0.25, 1.0, 7.0])
        ),
        "resolvePolicy": TEXTS,
        "routePolicy": st.dictionaries(TEXTS, PLAIN, max_size=1),
    },
)
ROUTE = st.fixed_dictionaries(
    {
        "path": st.sampled_from(["/*", "/a/*", "/a b", "/${vars.x}", "x"]),
        "functionName": st.sampled_from(["f", "s$f", "1"]),
    },
    optional={
        "qualifier": QUALIFIERS | TEXTS,
        "methods": st.lists(st.sampled_from(["GET", "post", "PUSH"]), max_size=2),
        "rewriteConfig": st.dictionaries(TEXTS, PLAIN, max_size=1),
    },
)
CAPACITY = st.dictionaries(
    st.sampled_from(
        [
            *("reservedConcurrency", "target", "defaultTarget", "minInstances", "residentPoolId", "scheduledActions"),
            *("maximumInstanceCount", "alwaysAllocateCPU"),
        ]
    ),
    WHOLE | TEXTS | st.lists(PLAIN, max_size=1),
    max_size=2,
)
TAGS = st.dictionaries(TEXTS, TEXTS, max_size=2)


def step(*parts):
    return st.tuples(*(part if isinstance(part, st.SearchStrategy) else st.just(part) for part in parts))


STEPS_3_0 = st.lists(
    st.one_of(
        step("PUT", "", FUNCTION_3_0),
        step("POST", "/versions", st.fixed_dictionaries({}, optional={"description": TEXTS})),
        step("DELETE", "/versions/1", None),
        step("POST", "/aliases", ALIAS.map(lambda one: {"aliasName": "live", **one})),
        step("DELETE", "/aliases/live", None),
        step("POST", "/triggers", TRIGGER.map(lambda one: {"triggerName": "t", **one})),
        step("PUT", QUALIFIERS.map(lambda one: f"/async-invoke-config?qualifier={one}"), ASYNC),
        step("PUT", "/concurrency", CAPACITY),
        step("PUT", QUALIFIERS.map(lambda one: f"/provision-config?qualifier={one}"), CAPACITY),
        step("PUT", QUALIFIERS.map(lambda one: f"/scaling-config?qualifier={one}"), CAPACITY),
        step("POST", "/vpc-bindings", st.fixed_dictionaries({"vpcId": TEXTS})),
        step("POST", "/invoke/disable", st.fixed_dictionaries({"reason": TEXTS})),
        step(
            "POST",
            "tags-v2",
            TAGS.map(
                lambda tags: {"ResourceId": ["f"], "Tag": [{"Key": key, "Value": value} for key, value in tags.items()]}
            ),
        ),
        step(
            "POST",
            "custom-domains",
            st.fixed_dictionaries(
                {
                    "domainName": st.sampled_from(["www.example.test", "-a.b", "*.example.test"]),
                    "protocol": st.sampled_from(["HTTP", "HTTPS", "http"]),
                    "routeConfig": st.fixed_dictionaries({"routes": st.lists(ROUTE, max_size=2)}),
                },
                optional={"tlsConfig": st.dictionaries(TEXTS, PLAIN, max_size=1)},
            ),
        ),
        step(
            "POST",
            "layers/words/versions",
            st.fixed_dictionaries(
                {"code": st.just(CODE)},
                optional={"description": TEXTS, "license": TEXTS, "compatibleRuntime": st.lists(TEXTS, max_size=2)},
            ),
        ),
    ),
    max_size=6,
)
STEPS_2_0 = st.lists(
    st.one_of(
        step("PUT", "/functions/f", FUNCTION_2_0),
        step("PUT", "", st.fixed_dictionaries({}, optional={"description": TEXTS, "role": TEXTS, "logConfig": PLAIN})),
        step("POST", "/versions", st.fixed_dictionaries({}, optional={"description": TEXTS})),
        step("DELETE", "/versions/1", None),
        step("POST", "/aliases", ALIAS.map(lambda one: {"aliasName": "live", **one})),
        step("DELETE", "/aliases/live", None),
        step("POST", "/functions/f/triggers", TRIGGER.map(lambda one: {"triggerName": "t", **one})),
        step("PUT", QUALIFIERS.map(lambda one: f"/functions/f/async-invoke-config?qualifier={one}"), ASYNC),
        step("PUT", QUALIFIERS.map(lambda one: f"/functions/f/on-demand-config?qualifier={one}"), CAPACITY),
        step("PUT", QUALIFIERS.map(lambda one: f"/functions/f/provision-config?qualifier={one}"), CAPACITY),
        step(
            "POST", "/functions/f/event-sources", st.fixed_dictionaries({"sourceArn": TEXTS, "qualifier": QUALIFIERS})
        ),
        step("POST", "/bindings", st.fixed_dictionaries({"vpcId": TEXTS})),
        step("POST", "tag", TAGS.map(lambda tags: {"resourceArn": "services/s", "tags": tags})),
    ),
    max_size=6,
)


def send(emulator, method, path, body):
    """Whether FC's API accepts it; it never breaks over it."""
    answer = requests.request(method, emulator.url + path, data=None if body is None else json.dumps(body), timeout=30)
    assert answer.status_code < 500 or answer.status_code == 501, (method, path, body, answer.text)
    return answer.ok


def tell(emulator, first, steps, root):
    """Send all; what is refused changes nothing."""
    base = {"functionName": "f", "runtime": "python3.10", "handler": "index.handler", "code": CODE}
    below = f"{TWO}/services/s" if root == TWO else f"{THREE}/functions/f"
    if root == TWO:
        assert send(emulator, "POST", f"{TWO}/services", {"serviceName": "s"})
    make = f"{below}/functions" if root == TWO else f"{THREE}/functions"
    send(emulator, "POST", make, base | first) or send(emulator, "POST", make, base)
    for method, path, body in steps:
        send(emulator, method, below + path if path[:1] in ("", "/") else f"{root}/{path}", body)


def assert_read_back(emulator, folder):
    document = requests.get(f"{emulator.url}/_fcemu/definition", timeout=30).json()
    file = folder / "fcemu.yaml"
    file.write_text(text_of(document))
    checked = CliRunner().invoke(main, ["check", str(file)])
    assert checked.exit_code == 0, (checked.output, document)
    with LocalEmulator(file) as again:
        shown = requests.get(f"{again.url}/_fcemu/definition", timeout=30).json()
    assert shown == document
    with LocalEmulator({}, limits=(emulator._settings.limits.strict and "strict") or "relaxed") as other:
        answer = requests.post(f"{other.url}/_fcemu/definition", json=document, timeout=30)
        assert answer.ok, answer.text


def test_limits_that_are_wider_are_in_the_definition(tmp_path):
    with LocalEmulator({}, limits="relaxed") as emulator:
        tell(emulator, {"memorySize": 100}, [], THREE)
        assert requests.get(f"{emulator.url}/_fcemu/definition", timeout=30).json()["emulator"] == {"limits": "relaxed"}
        assert_read_back(emulator, tmp_path)


@pytest.mark.parametrize("handler", ["nodot", "missing.handler", "a/b.c", "../x.y"])
def test_a_handler_that_is_not_there_is_odd_in_the_file_and_an_error_when_it_is_called(handler, tmp_path):
    with LocalEmulator({}) as emulator:
        tell(emulator, {"handler": handler}, [], THREE)
        refused = emulator.function("f").invoke()
        assert refused.error
        assert_read_back(emulator, tmp_path)
    checked = CliRunner().invoke(main, ["check", "--strict", str(tmp_path / "fcemu.yaml")])
    assert (checked.exit_code, f"'{handler}'" in checked.output) == (1, True)
    with LocalEmulator(tmp_path / "fcemu.yaml") as again:
        assert again.function("f").invoke().text == refused.text


@pytest.mark.parametrize("root", [THREE, TWO])
@pytest.mark.parametrize("name", ["my-var", "1A", "FC_X", "a b", "", "ä"])
def test_variables_that_fcs_documents_rule_out_are_refused_as_a_file_refuses_them(name, root):
    with LocalEmulator({}) as emulator:
        tell(emulator, {}, [], root)
        path = f"{TWO}/services/s/functions/f" if root == TWO else f"{THREE}/functions/f"
        answer = requests.put(emulator.url + path, json={"environmentVariables": {name: "x"}}, timeout=30)
        assert (answer.status_code, "a letter followed by letters, digits and '_'" in answer.text) == (400, True)
        is_taken = send(emulator, "PUT", path, {"environmentVariables": {"topic": "x"}})
        assert is_taken == (root == THREE)


def test_texts_that_look_like_variables_or_have_zero_bytes_stay_as_they_are(tmp_path):
    text = "${vars.x} ${env('HOME')} \0 ${this} ~"
    with LocalEmulator({}) as emulator:
        tell(emulator, {"description": text, "environmentVariables": {"A": "${env('HOME')}"}}, [], THREE)
        document = requests.get(f"{emulator.url}/_fcemu/definition", timeout=30).json()
        assert document["expand"] is False
        assert document["functions"]["f"]["description"] == text
        assert_read_back(emulator, tmp_path)


@pytest.mark.parametrize("text", ["0E0", "1e3", "-1e-3", "0o17", "1.5", "yes", "2026-01-01"])
def test_texts_that_would_be_something_else_without_quotes_stay_texts(text, tmp_path):
    with LocalEmulator({}) as emulator:
        tell(emulator, {"description": text}, [], THREE)
        assert_read_back(emulator, tmp_path)


def test_what_led_to_a_version_that_was_deleted_is_left_out_and_the_rest_is_shown(tmp_path):
    with LocalEmulator({}) as emulator:
        below = f"{THREE}/functions/f"
        tell(emulator, {}, [("POST", "/versions", {}), ("PUT", "", {"timeout": 9}), ("POST", "/versions", {})], THREE)
        weighted = {"aliasName": "live", "versionId": "1", "additionalVersionWeight": {"2": 0.5}}
        for alias in (weighted, {"aliasName": "old", "versionId": "1"}):
            assert send(emulator, "POST", f"{below}/aliases", alias)
        for qualifier in ("live", "old"):
            path = f"{below}/async-invoke-config?qualifier={qualifier}"
            assert send(emulator, "PUT", path, {"maxAsyncRetryAttempts": 1})
        assert send(emulator, "DELETE", f"{below}/versions/1", None)
        shown = requests.get(f"{emulator.url}/_fcemu/definition", timeout=30).json()["functions"]["f"]
        assert shown["aliases"] == {"live": {"version": "2"}}
        assert shown["asyncInvokeConfig"] == {"qualifier": "live", "maxAsyncRetryAttempts": 1}
        assert_read_back(emulator, tmp_path)


@pytest.mark.parametrize("root", [THREE, TWO])
@BOUNDED
@given(data=st.data())
def test_whatever_the_api_accepts_can_be_read_back(root, data, tmp_path):
    first = data.draw(FUNCTION_2_0 if root == TWO else FUNCTION_3_0)
    steps = data.draw(STEPS_2_0 if root == TWO else STEPS_3_0)
    with LocalEmulator({}, limits=data.draw(st.sampled_from(["strict", "relaxed"]))) as emulator:
        tell(emulator, first, steps, root)
        assert_read_back(emulator, tmp_path)
