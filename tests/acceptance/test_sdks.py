"""The unmodified SDKs against a real socket: what their users see of invocations, errors, logs and request ids."""

import asyncio
import base64
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import fc2
import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_fc_open20210406 import models as open_models
from alibabacloud_fc_open20210406.client import Client as OpenClient
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions as OpenRuntimeOptions
from api.harness import Served
from darabonba.runtime import RuntimeOptions
from fakes import FakeRuntime, make, s

from fcemu.core.outcome import NO_CAPACITY, Throttled
from fcemu.core.settings import SPEC_START
from fcemu.engine.emulator import Emulator

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def echo(call: Any) -> bytes:
    return bytes(call.payload)


def talk(call: Any) -> bytes:
    call.output.append("half way\n")
    return b"done"


def boom(call: Any) -> None:
    raise ValueError("width must be positive")


@pytest.fixture
def made() -> tuple[Emulator, FakeRuntime]:
    handlers = {"echo": echo, "talk": talk, "boom": boom}
    return make(**handlers, **{f"media__{name}": handler for name, handler in handlers.items()})


@pytest.fixture
def runtime(made: tuple[Emulator, FakeRuntime]) -> FakeRuntime:
    return made[1]


@pytest.fixture
def server(made: tuple[Emulator, FakeRuntime], monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    served = Served(made[0])
    yield served
    served.close()


def accepted(server: Served, request_id: str) -> SimpleNamespace:
    invocation = server.emulator.journal.invocations[request_id]
    return SimpleNamespace(
        payload=invocation.accepted.payload,
        delay=(invocation.due - SPEC_START).total_seconds(),
        state=str(invocation.state),
    )


class TestFc2:
    """aliyun-fc2, 2016-08-15."""

    @pytest.fixture(autouse=True)
    def quiet(self, caplog: pytest.LogCaptureFixture) -> None:
        """The SDK logs every error on the root logger."""
        caplog.set_level(logging.CRITICAL)

    @pytest.fixture
    def client(self, server: Served) -> Any:
        return fc2.Client(
            endpoint=f"http://127.0.0.1:{server.port}", accessKeyID="test", accessKeySecret="test", Timeout=10
        )

    def test_a_synchronous_call(self, client: Any) -> None:
        response = client.invoke_function("media", "echo", payload=b"\x00hello\xff", qualifier="LATEST")
        assert response.data == b"\x00hello\xff"
        assert response.headers["X-Fc-Invocation-Service-Version"] == "LATEST"
        assert response.headers["x-fc-request-id"]

    def test_a_call_without_a_payload(self, client: Any) -> None:
        assert client.invoke_function("media", "echo").data == b""

    def test_a_log_tail(self, client: Any) -> None:
        response = client.invoke_function("media", "talk", headers={"x-fc-log-type": "Tail"})
        log = base64.b64decode(response.headers["x-fc-log-result"]).decode().splitlines()
        request_id = response.headers["x-fc-request-id"]
        assert log[:3] == [
            f"FC Invoke Start RequestId: {request_id}",
            "half way",
            f"FC Invoke End RequestId: {request_id}",
        ]

    def test_an_asynchronous_call_with_a_delay(self, client: Any, server: Served) -> None:
        headers = {"x-fc-invocation-type": "Async", "x-fc-async-delay": "200"}
        response = client.invoke_function("media", "echo", payload=b"later", headers=headers)
        assert response.data == b""
        kept = accepted(server, response.headers["x-fc-request-id"])
        assert (kept.payload, kept.delay, kept.state) == (b"later", 200, "Enqueued")
        server.emulator.wait(server.emulator.advance(s(200)))
        assert accepted(server, response.headers["x-fc-request-id"]).state == "Succeeded"

    def test_a_function_error_is_an_error_with_status_200(self, client: Any) -> None:
        with pytest.raises(fc2.FcError) as raised:
            client.invoke_function("media", "boom")
        error = raised.value
        assert (error.status_code, error.err_code) == (200, "")
        assert json.loads(error.message) == {"errorMessage": "width must be positive", "RequestId": error.request_id}

    @pytest.mark.parametrize(
        ("service", "function", "headers", "status", "code", "text"),
        [
            ("nope", "echo", {}, 404, "ServiceNotFound", "service 'nope' does not exist"),
            ("media", "nope", {}, 404, "FunctionNotFound", "function 'nope' does not exist in service 'media'"),
            ("media.3", "echo", {}, 404, "VersionNotFound", "version '3' of service 'media' does not exist"),
            ("media.prod", "echo", {}, 404, "AliasNotFound", "alias 'prod' of service 'media' does not exist"),
            (
                "media",
                "echo",
                {"x-fc-invocation-type": "Async", "x-fc-async-delay": "3601"},
                400,
                "InvalidArgument",
                "AsyncDelay is set to an invalid value (allowed: [0, 3600], actual: '3601')",
            ),
        ],
    )
    def test_what_is_refused(
        self, client: Any, service: str, function: str, headers: dict[str, str], status: int, code: str, text: str
    ) -> None:
        with pytest.raises(fc2.FcError) as raised:
            client.invoke_function(service, function, payload=b"x", headers=headers)
        error = raised.value
        assert (error.status_code, error.err_code) == (status, code)
        assert error.request_id
        assert json.loads(error.message) == {"ErrorCode": code, "ErrorMessage": text, "RequestId": error.request_id}

    def test_an_event_that_is_too_large(self, client: Any, server: Served) -> None:
        with pytest.raises(fc2.FcError) as raised:
            client.invoke_function("media", "echo", payload=b"x" * 131_073, headers={"x-fc-invocation-type": "Async"})
        assert (raised.value.status_code, raised.value.err_code) == (400, "EntityTooLarge")
        assert not server.emulator.journal.invocations

    def test_a_throttled_call(self, client: Any, runtime: FakeRuntime) -> None:
        runtime.refusals.append(Throttled())
        with pytest.raises(fc2.FcError) as raised:
            client.invoke_function("media", "echo")
        assert (raised.value.status_code, raised.value.err_code) == (429, "ResourceExhausted")

    def test_the_instances_of_a_function(self, client: Any) -> None:
        assert client.list_instances("media", "LATEST", "echo").data == {"instances": []}
        client.invoke_function("media", "echo")
        (there,) = client.list_instances("media", "LATEST", "echo").data["instances"]
        assert there["versionId"] == "LATEST"


class TestOpenFc2:
    """alibabacloud_fc_open20210406, 2021-04-06."""

    @pytest.fixture
    def invoke(self, server: Served) -> Any:
        config = Config(
            access_key_id="test",
            access_key_secret="test",
            endpoint=f"127.0.0.1:{server.port}",
            protocol="http",
            region_id="cn-hangzhou",
        )
        client = OpenClient(config)

        def call(
            function: str, body: Any = b"", qualifier: str | None = None, service: str = "media", **headers: Any
        ) -> Any:
            return client.invoke_function_with_options(
                service,
                function,
                open_models.InvokeFunctionRequest(body=body, qualifier=qualifier),
                open_models.InvokeFunctionHeaders(**headers),
                OpenRuntimeOptions(read_timeout=10_000, connect_timeout=10_000),
            )

        call.client = client  # type: ignore[attr-defined]
        return call

    def test_a_synchronous_call(self, invoke: Any) -> None:
        response = invoke("echo", b"\x00hello\xff", qualifier="LATEST")
        assert (response.status_code, response.body) == (200, b"\x00hello\xff")
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["x-fc-invocation-service-version"] == "LATEST"
        assert len(response.headers["x-fc-request-id"]) == 36

    def test_a_call_without_a_payload(self, invoke: Any) -> None:
        assert invoke.client.invoke_function("media", "echo", open_models.InvokeFunctionRequest()).body == b""

    def test_a_log_tail(self, invoke: Any) -> None:
        headers = invoke("talk", x_fc_log_type="Tail").headers
        log = base64.b64decode(headers["x-fc-log-result"]).decode().splitlines()
        request_id = headers["x-fc-request-id"]
        assert log[:3] == [
            f"FC Invoke Start RequestId: {request_id}",
            "half way",
            f"FC Invoke End RequestId: {request_id}",
        ]

    def test_an_asynchronous_call_with_a_delay(self, invoke: Any, server: Served) -> None:
        response = invoke("echo", b"later", x_fc_invocation_type="Async", common_headers={"x-fc-async-delay": "200"})
        assert (response.status_code, response.body) == (202, b"")
        kept = accepted(server, response.headers["x-fc-request-id"])
        assert (kept.payload, kept.delay, kept.state) == (b"later", 200, "Enqueued")
        server.emulator.wait(server.emulator.advance(s(200)))
        assert accepted(server, response.headers["x-fc-request-id"]).state == "Succeeded"

    def test_a_call_from_a_coroutine(self, invoke: Any) -> None:
        async def call() -> Any:
            headers = open_models.InvokeFunctionHeaders(x_fc_invocation_type="Async")
            request = open_models.InvokeFunctionRequest(body=b"later")
            return await invoke.client.invoke_function_with_options_async(
                "media", "echo", request, headers, OpenRuntimeOptions()
            )

        assert asyncio.run(call()).status_code == 202

    def test_a_function_error_is_an_answer_with_a_header(self, invoke: Any) -> None:
        response = invoke("boom")
        assert (response.status_code, response.headers["x-fc-error-type"]) == (200, "UnhandledInvocationError")
        assert json.loads(response.body) == {"errorMessage": "width must be positive"}

    @pytest.mark.parametrize(
        ("service", "function", "qualifier", "delay", "status", "code", "text"),
        [
            ("nope", "echo", None, "0", 404, "ServiceNotFound", "service 'nope' does not exist"),
            ("media.LATEST", "echo", None, "0", 404, "ServiceNotFound", "service 'media.LATEST' does not exist"),
            (
                "media",
                "a b/c",
                None,
                "0",
                404,
                "FunctionNotFound",
                "function 'a b/c' does not exist in service 'media'",
            ),
            ("media", "echo", "3", "0", 404, "VersionNotFound", "version '3' of service 'media' does not exist"),
            ("media", "echo", "prod", "0", 404, "AliasNotFound", "alias 'prod' of service 'media' does not exist"),
            (
                "media",
                "echo",
                None,
                "3601",
                400,
                "InvalidArgument",
                "AsyncDelay is set to an invalid value (allowed: [0, 3600], actual: '3601')",
            ),
        ],
    )
    def test_what_is_refused(
        self,
        invoke: Any,
        service: str,
        function: str,
        qualifier: str | None,
        delay: str,
        status: int,
        code: str,
        text: str,
    ) -> None:
        headers = {"x-fc-async-delay": delay}
        with pytest.raises(ClientException) as raised:
            invoke(function, b"x", qualifier, service, x_fc_invocation_type="Async", common_headers=headers)
        error = raised.value
        assert (error.status_code, error.code) == (status, code)
        assert error.message == f"code: {status}, {text} request id: {error.request_id}"
        assert len(error.request_id) == 36

    def test_an_event_that_is_too_large(self, invoke: Any, server: Served) -> None:
        with pytest.raises(ClientException) as raised:
            invoke("echo", b"x" * 131_073, x_fc_invocation_type="Async")
        assert (raised.value.status_code, raised.value.code) == (400, "EntityTooLarge")
        assert not server.emulator.journal.invocations

    def test_a_call_for_which_there_is_no_capacity(self, invoke: Any, runtime: FakeRuntime) -> None:
        runtime.refusals.append(NO_CAPACITY)
        with pytest.raises(ServerException) as raised:
            invoke("echo")
        assert (raised.value.status_code, raised.value.code) == (503, "ResourceThrottled")

    def test_a_throttled_call(self, invoke: Any, runtime: FakeRuntime) -> None:
        runtime.refusals.append(Throttled())
        with pytest.raises(ClientException) as raised:
            invoke("echo")
        assert (raised.value.status_code, raised.value.code) == (429, "ResourceExhausted")

    def test_what_comes_later_is_refused_by_name(self, invoke: Any) -> None:
        with pytest.raises(ServerException) as raised:
            invoke.client.release_gpuinstance("i-1")
        assert (raised.value.status_code, raised.value.code) == (501, "NotImplemented")
        assert "ReleaseGPUInstance is not supported yet" in raised.value.message


class TestFc3:
    """alibabacloud_fc20230330, 2023-03-30."""

    @pytest.fixture
    def invoke(self, server: Served) -> Any:
        config = Config(
            access_key_id="test",
            access_key_secret="test",
            endpoint=f"127.0.0.1:{server.port}",
            protocol="http",
            region_id="cn-hangzhou",
        )
        client = Client(config)

        def call(function: str, body: Any = b"", qualifier: str | None = None, **headers: Any) -> Any:
            return client.invoke_function_with_options(
                function,
                models.InvokeFunctionRequest(body=body, qualifier=qualifier),
                models.InvokeFunctionHeaders(**headers),
                RuntimeOptions(read_timeout=10_000, connect_timeout=10_000),
            )

        call.client = client  # type: ignore[attr-defined]
        return call

    def test_a_synchronous_call(self, invoke: Any) -> None:
        response = invoke("echo", b"\x00hello\xff", qualifier="LATEST")
        assert (response.status_code, response.body.read()) == (200, b"\x00hello\xff")
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["x-fc-request-id"].startswith("1-6955b900-")

    def test_a_log_tail(self, invoke: Any) -> None:
        headers = invoke("talk", x_fc_log_type="Tail").headers
        log = base64.b64decode(headers["x-fc-log-result"]).decode()
        assert log.startswith(f"FC Invoke Start RequestId: {headers['x-fc-request-id']}\nhalf way\n")

    def test_an_asynchronous_call_with_a_delay(self, invoke: Any, server: Served) -> None:
        response = invoke("echo", b"later", x_fc_invocation_type="Async", common_headers={"x-fc-async-delay": "200"})
        assert (response.status_code, response.body.read()) == (202, b"")
        kept = accepted(server, response.headers["x-fc-request-id"])
        assert (kept.payload, kept.delay, kept.state) == (b"later", 200, "Enqueued")

    def test_a_function_error_is_an_answer_with_a_header(self, invoke: Any) -> None:
        response = invoke("boom")
        assert (response.status_code, response.headers["x-fc-error-type"]) == (200, "UnhandledInvocationError")
        assert json.loads(response.body.read()) == {"errorMessage": "width must be positive"}

    @pytest.mark.parametrize(
        ("function", "qualifier", "delay", "status", "code", "text"),
        [
            ("nope", None, "0", 404, "FunctionNotFound", "function 'nope' does not exist."),
            ("a b/c", None, "0", 404, "FunctionNotFound", "function 'a b/c' does not exist."),
            ("echo", "3", "0", 404, "VersionNotFound", "version '3' of function 'echo' does not exist"),
            ("echo", "a b", "0", 404, "AliasNotFound", "alias 'a b' of function 'echo' does not exist"),
            (
                "echo",
                None,
                "-1",
                400,
                "InvalidArgument",
                "AsyncDelay is set to an invalid value (allowed: [0, 3600], actual: '-1')",
            ),
        ],
    )
    def test_what_is_refused(
        self, invoke: Any, function: str, qualifier: str | None, delay: str, status: int, code: str, text: str
    ) -> None:
        with pytest.raises(ClientException) as raised:
            invoke(function, b"x", qualifier, x_fc_invocation_type="Async", common_headers={"x-fc-async-delay": delay})
        error = raised.value
        assert (error.status_code, error.code) == (status, code)
        assert error.message == f"code: {status}, {text} request id: {error.request_id}"
        assert error.request_id.startswith("1-6955b900-")

    def test_an_event_that_is_too_large(self, invoke: Any, server: Served) -> None:
        with pytest.raises(ClientException) as raised:
            invoke("echo", b"x" * 131_073, x_fc_invocation_type="Async")
        assert (raised.value.status_code, raised.value.code) == (400, "EntityTooLarge")
        assert not server.emulator.journal.invocations

    def test_a_call_for_which_there_is_no_capacity(self, invoke: Any, runtime: FakeRuntime) -> None:
        runtime.refusals.append(NO_CAPACITY)
        with pytest.raises(ServerException) as raised:
            invoke("echo")
        assert (raised.value.status_code, raised.value.code) == (503, "ResourceThrottled")

    def test_what_comes_later_is_refused_by_name(self, invoke: Any) -> None:
        with pytest.raises(ServerException) as raised:
            invoke.client.list_sessions("echo", models.ListSessionsRequest())
        assert (raised.value.status_code, raised.value.code) == (501, "NotImplemented")
        assert "ListSessions is not supported yet" in raised.value.message
