"""One story, told by every client: what a program does with the control plane."""

import base64
import io
import json
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from clients import node, sdk_go
from clients.asked import ACCOUNT, REGION, Answered, Asked, Client
from clients.python import Fc2Python, fc3_python, open_python

from fcemu.testing import LocalEmulator

STORY = yaml.safe_load((Path(__file__).parent / "story.yaml").read_text())
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
FC2, FC3 = "FC2", "FC3"
SERVICE = "shop"
OWNED = ("PublishFunctionVersion", "ListFunctionVersions", "DeleteFunctionVersion")
ASYNC = ("GetAsyncInvokeConfig", "PutAsyncInvokeConfig", "DeleteAsyncInvokeConfig")
IN_FUNCTIONS = {name: name.replace("Async", "FunctionAsync") for name in ASYNC}
NAMES = {
    "2016-08-15": {name: name.replace("Function", "") for name in OWNED}
    | IN_FUNCTIONS
    | {"CreateLayerVersion": "PublishLayerVersion"},
    "2021-04-06": {name: name.replace("Function", "Service") for name in OWNED} | IN_FUNCTIONS,
    "2023-03-30": {},
}
"""Where a version has another name for an operation."""
PATHS = {
    "service": "serviceName",
    "function": "functionName",
    "alias": "aliasName",
    "trigger": "triggerName",
    "version": "versionId",
    "domain": "domainName",
    "layer": "layerName",
    "layer_version": "version",
}
WITHOUT_SERVICE = ("CreateService", "ListServices", "CustomDomain", "Layer", "TagResource", "ResourceTags", "Untag")
"""Operations of 2.0 whose path names no service."""
CLIENTS: dict[str, tuple[str, Callable[[str], Client]]] = {
    "aliyun-fc2 in Python": ("2016-08-15", Fc2Python),
    "alibabacloud-fc-open20210406": ("2021-04-06", open_python),
    "alibabacloud-fc20230330": ("2023-03-30", fc3_python),
    "fc2 in Node": ("2016-08-15", node.fc2),
    "fc20230330 in Node": ("2023-03-30", node.fc3),
    "fc-go-sdk": ("2016-08-15", sdk_go.client),
}


@pytest.fixture(params=CLIENTS)
def told(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.CRITICAL, logger="root")  # aliyun-fc2 logs every error there
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    version, open_client = CLIENTS[request.param]
    with LocalEmulator("", account_id=ACCOUNT, region=REGION, auth=True) as emulator:
        client = open_client(emulator.endpoint)
        yield Telling(emulator, client, version, request.param)
        client.close()


def test_the_story(told: Any) -> None:
    steps = [step for step in STORY["steps"] if told.knows(step)]
    for step in steps:
        told.tell(step)
    assert told.refused == sum("refused" in step for step in steps)


def test_the_program_in_go_signs_as_the_sdk_does() -> None:
    """The vector V2 of the wire format, computed with two SDKs."""
    headers = {
        "Content-MD5": "NWQ0MTQwMmFiYzRiMmE3NmI5NzE5ZDkxMTAxN2M1OTI=",
        "Content-Type": "application/octet-stream",
        "Date": "Mon, 02 Jan 2023 03:04:05 GMT",
        "X-Fc-Account-Id": "1234567890123456",
        "X-Fc-Async-Delay": "200",
        "X-Fc-Invocation-Type": "Async",
        "X-Fc-Stateful-Async-Invocation-Id": "order-1",
    }
    path = "/2016-08-15/services/svc.LATEST/functions/f/invocations"
    sign = {"method": "POST", "path": path, "headers": headers, "id": "testAkId", "secret": "testSecret"}
    program = sdk_go.client("nobody")
    assert program.exchange({"sign": sign}) == "FC testAkId:M3vfcRrfgSyPLGhYW9eDw9LqJS3uMxJ2nouB9EMwxTY="
    program.close()


class Telling:
    """One client that goes through the steps."""

    def __init__(self, emulator: LocalEmulator, client: Client, version: str, name: str) -> None:
        self._name = name
        self.generation = FC3 if version == "2023-03-30" else FC2
        self.refused = 0
        self._emulator, self._client, self._version = emulator, client, version
        self._kept: dict[str, Any] = {}

    def knows(self, step: dict[str, Any]) -> bool:
        """Whether the step is about this client."""
        return step.get("only", self.generation) == self.generation and self._name not in step.get("lacks", ())

    def tell(self, step: dict[str, Any]) -> None:
        if "move" in step:
            self._move(step)
        elif "pages" in step:
            self._pages(step)
        else:
            self._check(step, self._client.ask(self._asked(step)))

    def _move(self, step: dict[str, Any]) -> None:
        self._emulator.advance(step["move"])
        if "results" in step:
            ended = [one for one in self._emulator.invocations if one.kind == "async" and one.ended]
            ended.sort(key=lambda one: one.ended)
            assert [one.result() for one in ended] == step["results"], step

    def _pages(self, step: dict[str, Any]) -> None:
        pages, token = step["pages"], ""
        for wanted in pages["are"]:
            query = {**step.get("query", {}), **({"nextToken": token} if token else {})}
            answered = self._client.ask(self._asked({**step, "query": query}))
            assert not answered.is_error, (step["it"], answered)
            assert [one[pages["by"]] for one in answered.document[pages["of"]]] == wanted, step["it"]
            token = answered.document.get("nextToken") or answered.document.get("NextToken") or ""
        assert not token, step["it"]

    def _asked(self, step: dict[str, Any]) -> Asked:
        call, at = step["call"], dict(step.get("at", {}))
        if self.generation == FC2:
            if "FunctionVersion" in call or "Alias" in call:
                at.pop("function")  # they belong to the service
            if not any(word in call for word in WITHOUT_SERVICE):
                at = {"service": SERVICE, **at}
        body = self._filled({**step.get("body", {}), **step.get(f"body_{self.generation[-1]}", {})})
        if "code" in body:
            body["code"] = {"zipFile": zipped(STORY["sources"][body["code"]])}
        return Asked(
            NAMES[self._version].get(call, call),
            {PATHS[name]: value for name, value in at.items()},
            step.get("query", {}),
            body,
            self._filled(step.get("headers", {})),
            step.get("event"),
        )

    def _check(self, step: dict[str, Any], answered: Answered) -> None:
        what = (step["it"], answered)
        if "refused" in step:
            assert [answered.status, answered.code] == step["refused"], what
            self.refused += 1
            return
        assert not answered.is_error, what
        if "reply" in step:
            assert answered.text == step["reply"], what
        if "failed" in step:
            assert answered.headers["x-fc-error-type"], what
            shows(answered.document or json.loads(answered.text), step["failed"], what)
        document = answered.document or {}
        if isinstance(document.get("triggerConfig"), str):
            document["triggerConfig"] = json.loads(document["triggerConfig"])
        extra = step.get(f"answer_{self.generation[-1]}", {})
        shows(document, self._filled({**step.get("answer", {}), **extra}), what)
        for name, source in step.get("keep", {}).items():
            self._kept[name] = answered.headers["etag"] if source == "ETag" else document[source]

    def _filled(self, given: Any) -> Any:
        """``<name>`` is what was kept under the name."""
        if isinstance(given, dict):
            return {name: self._filled(value) for name, value in given.items()}
        kept = isinstance(given, str) and given.startswith("<")
        return self._kept[given.strip("<>")] if kept else given


def shows(found: Any, wanted: Any, what: Any) -> None:
    """Whether all that is wanted is among what was found."""
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            assert name in found, (name, *what)
            shows(found[name], value, what)
    else:
        assert found == wanted, what


def zipped(source: str) -> str:
    """A zip with one module, as base64."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), source)
    return base64.b64encode(buffer.getvalue()).decode()
