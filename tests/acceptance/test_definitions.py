"""What is made through FC's API is shown as a native file that makes it again."""

import io
import json
import zipfile
from base64 import b64encode
from pathlib import Path

import pytest
import requests
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.models import Config
from darabonba.runtime import RuntimeOptions
from rules import rule

from fcemu.testing import LocalEmulator

MIGRATED = Path(__file__).parents[2] / "fixtures" / "foreign" / "devs-3-migrated"
THREE, TWO = "/2023-03-30", "/2016-08-15"


def package(text):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", text)
    return {"zipFile": b64encode(content.getvalue()).decode()}


HOOKS = "def begin(context): ...\n\n\ndef end(context): ...\n\n\n"
CODE = package(HOOKS + "def handler(event, context):\n    return 'first'\n")
NEXT = package(HOOKS + "def handler(event, context):\n    return 'second'\n")


@pytest.fixture
def emulator():
    with LocalEmulator({}) as made:
        yield made


def ask(emulator, method, path, body=None):
    answer = requests.request(method, emulator.url + path, json=body, timeout=30)
    assert answer.ok, (method, path, answer.text)
    return answer.json() if answer.content else None


def shown(emulator):
    return ask(emulator, "GET", "/_fcemu/definition")


def make_of_3_0(emulator):
    function = {"functionName": "resize", "runtime": "python3.10", "handler": "index.handler", "code": CODE}
    lifecycle = {"initializer": {"handler": "index.begin", "timeout": 9}, "preStop": {"handler": "index.end"}}
    kept = {"description": "shrinks", "cpu": 0.5, "vpcConfig": {"vpcId": "vpc-1"}, "internetAccess": False}
    more = {"timeout": 20, "memorySize": 1024, "environmentVariables": {"LEVEL": "INFO"}}
    ask(
        emulator,
        "POST",
        f"{THREE}/functions",
        {**function, **more, **kept, "instanceLifecycleConfig": lifecycle},
    )
    ask(emulator, "POST", f"{THREE}/functions/resize/versions", {"description": "the first"})
    ask(emulator, "PUT", f"{THREE}/functions/resize", {"timeout": 30, "code": NEXT})
    ask(emulator, "POST", f"{THREE}/functions/resize/versions", {})
    alias = {"aliasName": "prod", "versionId": "1", "additionalVersionWeight": {"2": 0.25}, "description": "live"}
    ask(emulator, "POST", f"{THREE}/functions/resize/aliases", alias)
    config = {
        "maxAsyncRetryAttempts": 1,
        "asyncTask": True,
        "destinationConfig": {"onFailure": {"destination": "acs:mns:cn-hangzhou::/queues/failed/messages"}},
    }
    ask(emulator, "PUT", f"{THREE}/functions/resize/async-invoke-config", config)
    ask(
        emulator,
        "PUT",
        f"{THREE}/functions/resize/async-invoke-config?qualifier=prod",
        {"maxAsyncEventAgeInSeconds": 60},
    )
    ask(emulator, "PUT", f"{THREE}/functions/resize/concurrency", {"reservedConcurrency": 3})
    timer = {"cronExpression": "@every 1h", "enable": False, "payload": "x"}
    http = {"authType": "anonymous", "methods": ["GET"], "disableURLInternet": True}
    bucket = {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": "in/", "suffix": ""}}}
    for name, kind, config in (("hourly", "timer", timer), ("web", "http", http), ("objects", "oss", bucket)):
        trigger = {"triggerName": name, "triggerType": kind, "triggerConfig": json.dumps(config), "qualifier": "prod"}
        extra = {"sourceArn": "acs:oss:cn-hangzhou:1:b", "invocationRole": "acs:ram::1:role/r"} if kind == "oss" else {}
        ask(emulator, "POST", f"{THREE}/functions/resize/triggers", {**trigger, **extra})
    routes = [{"path": "/*", "functionName": "resize", "qualifier": "prod", "methods": ["GET"]}]
    ask(
        emulator,
        "POST",
        f"{THREE}/custom-domains",
        {"domainName": "www.example.test", "protocol": "HTTP", "routeConfig": {"routes": routes}},
    )


def make_of_2_0(emulator):
    service = {"serviceName": "media", "description": "pictures", "role": "acs:ram::1:role/r"}
    ask(emulator, "POST", f"{TWO}/services", service)
    function = {"functionName": "convert", "runtime": "python3", "handler": "index.handler", "code": CODE}
    ask(
        emulator,
        "POST",
        f"{TWO}/services/media/functions",
        {**function, "initializer": "index.begin", "initializationTimeout": 7},
    )
    ask(emulator, "POST", f"{TWO}/services/media/versions", {"description": "frozen"})
    ask(emulator, "PUT", f"{TWO}/services/media/functions/convert", {"timeout": 44})
    ask(emulator, "POST", f"{TWO}/services/media/aliases", {"aliasName": "live", "versionId": "1"})
    ask(emulator, "PUT", f"{TWO}/services/media/functions/convert/on-demand-config", {"maximumInstanceCount": 2})


def test_what_fcs_api_has_made_can_be_made_again_from_the_definition(emulator):
    make_of_3_0(emulator)
    make_of_2_0(emulator)
    document = shown(emulator)
    with LocalEmulator(document) as again:
        assert shown(again) == document
        assert again.function("resize").invoke().text == "second"
        assert again.function("resize", "1").invoke().text == "first"
        assert again.function("media/convert", "live").invoke().text == "first"
        for path in (
            "/functions/resize/versions",
            "/functions/resize/aliases",
            "/functions/resize/triggers",
            "/functions/resize/async-invoke-config?qualifier=prod",
            "/custom-domains",
        ):
            one, other = (without_times(ask(each, "GET", THREE + path)) for each in (emulator, again))
            assert one == other, path


def without_times(value):
    """An answer without what is different in each emulator: times, ids, URLs, ETags."""
    if isinstance(value, dict):
        return {
            name: without_times(each)
            for name, each in value.items()
            if not name.endswith(("Time", "Id", "Internet", "Intranet")) or name == "versionId"
        }
    return [without_times(each) for each in value] if isinstance(value, list) else value


def test_a_definition_that_is_added_replaces_triggers_versions_and_aliases(emulator):
    make_of_3_0(emulator)
    code = shown(emulator)["functions"]["resize"]["code"]
    emulator.define({"functions": {"resize": {"handler": "index.handler", "code": code, "versions": {"3": {}}}}})
    now = shown(emulator)["functions"]["resize"]
    assert list(now["versions"]) == ["3"]
    assert "triggers" not in now
    assert "aliases" not in now
    assert "asyncInvokeConfig" not in now


@rule("yaml-formats §4", "from SDK")
def test_a_function_migrated_from_2_0_keeps_its_name_of_two_words(monkeypatch):
    """The converter names it ``service$function``; settings, reports, routes and FC's API know it by that."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with LocalEmulator(MIGRATED / "s.yaml") as emulator:
        address = emulator.url.removeprefix("http://")
        client = Client(Config(access_key_id="id", access_key_secret="secret", protocol="HTTP", endpoint=address))
        headers = models.InvokeFunctionHeaders(common_headers={"x-fc-async-delay": "60"}, x_fc_invocation_type="Async")
        request = models.InvokeFunctionRequest(body=io.BytesIO(b'{"order": 7}'))
        client.invoke_function_with_options("shop$charge", request, headers, RuntimeOptions())
        copied = models.CreateFunctionInput(
            function_name="shop$copy",
            runtime="python3.10",
            handler="index.receipt",
            code=models.InputCodeLocation(zip_file=package((MIGRATED / "code" / "index.py").read_text())["zipFile"]),
        )
        client.create_function(models.CreateFunctionRequest(body=copied))
        names = [each.function_name for each in client.list_functions(models.ListFunctionsRequest()).body.functions]
        assert names == ["shop$charge", "shop$copy", "shop$receipt"]
        assert client.get_function("shop$copy", models.GetFunctionRequest()).body.handler == "index.receipt"
        emulator.run_until_idle()
        [receipt] = emulator.function("shop$receipt").invocations
        assert receipt.result() == {"charged": 7, "by": "shop$charge"}
