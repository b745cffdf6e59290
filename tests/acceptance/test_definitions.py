"""What is made through FC's API is shown as a native file that makes it again."""

import io
import json
import os
import zipfile
from base64 import b64encode
from pathlib import Path

import pytest
import requests
import yaml
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.models import Config
from darabonba.runtime import RuntimeOptions
from rules import rule

from fcemu.core.errors import FCError
from fcemu.testing import LocalEmulator

MIGRATED = Path(__file__).parents[2] / "fixtures" / "foreign" / "devs-3-migrated"
THREE, ONE, TWO = "/2023-03-30", "/2021-04-06", "/2016-08-15"


def package(text):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", text)
    return {"zipFile": b64encode(content.getvalue()).decode()}


HOOKS = "def begin(context): ...\n\n\ndef end(context): ...\n\n\n"
CODE = package(HOOKS + "def handler(event, context):\n    return 'first'\n")
NEXT = package(HOOKS + "def handler(event, context):\n    return 'second'\n")
LAYER = package("SHARED = True\n")
MOST = {"maximumInstanceCount": 4}
SOURCE = "acs:oss:cn-hangzhou:1:bucket"


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


def furnish_3_0(emulator):
    """What a function of 3.0 has besides, and a layer."""
    layer = {"code": {"zipFile": LAYER["zipFile"]}, "description": "shared", "compatibleRuntime": ["python3.10"]}
    arn = ask(emulator, "POST", f"{THREE}/layers/words/versions", layer)["layerVersionArn"]
    ask(emulator, "PUT", f"{THREE}/layers/words/acl?public=true")
    ask(emulator, "PUT", f"{THREE}/functions/resize", {"layers": [arn]})
    ask(emulator, "PUT", f"{THREE}/functions/resize/provision-config?qualifier=prod", {"defaultTarget": 2})
    ask(emulator, "PUT", f"{THREE}/functions/resize/scaling-config?qualifier=prod", {"minInstances": 1})
    ask(emulator, "POST", f"{THREE}/functions/resize/vpc-bindings", {"vpcId": "vpc-1"})
    tags = {"ResourceType": "function", "ResourceId": ["resize"], "Tag": [{"Key": "team", "Value": "media"}]}
    ask(emulator, "POST", f"{THREE}/tags-v2", tags)
    function = {"functionName": "halted", "runtime": "python3.10", "handler": "index.handler", "code": CODE}
    ask(emulator, "POST", f"{THREE}/functions", function)
    ask(emulator, "POST", f"{THREE}/functions/halted/invoke/disable", {"reason": "maintenance"})


def furnish_2_0(emulator):
    """What a service and its functions have besides, versions without functions among them."""
    ask(emulator, "PUT", f"{TWO}/services/media/functions/convert/on-demand-config?qualifier=live", MOST)
    ask(emulator, "PUT", f"{TWO}/services/media/functions/convert/provision-config?qualifier=live", {"target": 1})
    ask(emulator, "POST", f"{TWO}/tag", {"resourceArn": "services/media", "tags": {"team": "media", "empty": ""}})
    ask(emulator, "POST", f"{TWO}/services/media/binding", {"vpcId": "vpc-2"})
    ask(emulator, "POST", f"{ONE}/services/media/functions/convert/event-sources", {"sourceArn": SOURCE})
    ask(emulator, "POST", f"{TWO}/services", {"serviceName": "bare"})
    ask(emulator, "POST", f"{TWO}/services/bare/versions", {"description": "of nothing"})
    ask(emulator, "POST", f"{TWO}/services/bare/aliases", {"aliasName": "live", "versionId": "1"})


SHOWN = (
    f"{THREE}/layers/words/versions/1",
    f"{THREE}/functions/resize",
    f"{THREE}/functions/resize/versions",
    f"{THREE}/functions/resize/aliases",
    f"{THREE}/functions/resize/triggers",
    f"{THREE}/functions/resize/async-invoke-config?qualifier=prod",
    f"{THREE}/functions/resize/concurrency",
    f"{THREE}/functions/resize/provision-config?qualifier=prod",
    f"{THREE}/functions/resize/scaling-config?qualifier=prod",
    f"{THREE}/functions/resize/vpc-bindings",
    f"{THREE}/tags-v2?ResourceType=function",
    f"{THREE}/functions/halted",
    f"{THREE}/custom-domains",
    f"{TWO}/services",
    f"{TWO}/services/media/functions/convert",
    f"{TWO}/services/media/functions/convert?qualifier=live",
    f"{TWO}/services/media/functions/convert/on-demand-config?qualifier=live",
    f"{TWO}/services/media/functions/convert/provision-config?qualifier=live",
    f"{TWO}/tag?resourceArn=services/media",
    f"{TWO}/services/media/bindings",
    f"{ONE}/services/media/functions/convert/event-sources",
    f"{TWO}/services/bare/aliases",
    f"{TWO}/services/bare/versions",
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


def test_what_fcs_api_has_made_can_be_made_again_from_the_definition(emulator, tmp_path):
    make_of_3_0(emulator)
    make_of_2_0(emulator)
    furnish_3_0(emulator)
    furnish_2_0(emulator)
    ask(emulator, "PUT", "/_fcemu/stubs/halted", {"steps": [{"raises": {"errorType": "Declined"}, "seconds": 2}]})
    document, answers = shown(emulator), [without_times(ask(emulator, "GET", path)) for path in SHOWN]
    emulator.close()
    file = tmp_path / "fcemu.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    with LocalEmulator(file) as again:
        assert shown(again) == document
        assert again.function("resize").invoke().text == "second"
        assert again.function("resize", "1").invoke().text == "first"
        assert again.function("media/convert", "live").invoke().text == "first"
        for path, answer in zip(SHOWN, answers, strict=True):
            assert without_times(ask(again, "GET", path)) == answer, path
        with pytest.raises(FCError, match="maintenance"):
            again.function("halted").invoke()


def test_a_layer_of_a_definition_is_there_for_its_functions(tmp_path):
    arn = "acs:fc:cn-hangzhou:1234567890123456:layers/words/versions/2"
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "greeting.txt").write_text("hello")
    (tmp_path / "index.py").write_text(
        "import os\n\n\ndef handler(event, context):\n    return os.environ['PYTHONPATH'] if event else ''\n"
    )
    functions = {"f": {"handler": "index.handler", "layers": [arn]}}
    layers = {"words": {"versions": {"2": str(tmp_path / "words")}}}
    file = tmp_path / "fcemu.yaml"
    file.write_text(yaml.safe_dump({"functions": functions, "layers": layers}))
    with LocalEmulator(file) as emulator:
        [layer] = ask(emulator, "GET", f"{THREE}/functions/f")["layers"]
        assert (layer["arn"], layer["size"] > 0) == (arn, True)
        assert shown(emulator)["functions"]["f"]["layers"] == [arn]
        content = requests.get(f"{emulator.url}/_fcemu/layers/words/2", timeout=30).content
        assert zipfile.ZipFile(io.BytesIO(content)).read("greeting.txt") == b"hello"
        published = ask(emulator, "POST", f"{THREE}/layers/words/versions", {"code": LAYER})
        assert published["version"] == 3


def test_another_account_and_region_are_in_the_definition():
    with LocalEmulator({}, account_id="42", region="cn-beijing") as emulator:
        document = shown(emulator)
        assert (document["accountId"], document["region"]) == ("42", "cn-beijing")
        assert ask(emulator, "POST", "/_fcemu/definition", document) == document


def test_much_uploaded_code_is_named_by_where_it_is_so_that_the_definition_stays_a_file(emulator):
    noise = package(f"X = {os.urandom(150_000).hex()!r}\n")
    for name in ("a", "b", "c"):
        function = {"functionName": name, "runtime": "python3.10", "handler": "index.handler", "code": noise}
        ask(emulator, "POST", f"{THREE}/functions", function)
    codes = [type(each["code"]) for each in shown(emulator)["functions"].values()]
    assert codes == [dict, str, str]


def without_times(value):
    """An answer without what is different in each emulator: times, ids, URLs, ETags."""
    if isinstance(value, dict):
        return {
            name: without_times(each)
            for name, each in value.items()
            if not name.endswith(("Time", "Id", "Internet", "Intranet", "location")) or name == "versionId"
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
