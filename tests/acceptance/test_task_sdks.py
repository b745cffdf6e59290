"""Task mode through the unmodified SDKs: switched on, submitted, looked at, stopped, as their users do it."""

import logging
import time
from collections.abc import Iterator
from typing import Any

import fc2
import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc_open20210406 import models as open_models
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_util.models import RuntimeOptions as OpenRuntimeOptions
from darabonba.runtime import RuntimeOptions

from fcemu.testing import LocalEmulator

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def convert(event: bytes, context: Any) -> str:
    time.sleep(600)
    return f"converted {event.decode()}"


def fail(event: bytes, context: Any) -> None:
    raise ValueError("no such film")


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalEmulator]:
    """``convert`` takes ten minutes, ``fail`` fails; task mode is off until a client switches it on."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    with LocalEmulator(strict=False) as made:
        for owner in ("", "media/"):
            made.add(f"{owner}convert", convert, timeout=900)
            made.add(f"{owner}fail", fail)
        yield made


class TestFc3:
    """alibabacloud_fc20230330."""

    @pytest.fixture
    def client(self, emulator: LocalEmulator) -> Any:
        made = emulator.client("2023-03-30")
        for name in ("convert", "fail"):
            config = models.PutAsyncInvokeConfigInput(async_task=True, max_async_retry_attempts=1)
            made.put_async_invoke_config(name, models.PutAsyncInvokeConfigRequest(body=config))
        return made

    def submit(self, client: Any, name: str, task_id: str | None = None, body: bytes = b"Metropolis") -> Any:
        headers = models.InvokeFunctionHeaders(x_fc_invocation_type="Async", x_fc_async_task_id=task_id)
        request = models.InvokeFunctionRequest(body=body)
        return client.invoke_function_with_options(name, request, headers, RuntimeOptions())

    def get(self, client: Any, name: str, task_id: str) -> Any:
        return client.get_async_task(name, task_id, models.GetAsyncTaskRequest()).body

    def test_a_task_is_submitted_and_followed_until_it_has_succeeded(
        self, client: Any, emulator: LocalEmulator
    ) -> None:
        response = self.submit(client, "convert", "video-42")
        assert (response.status_code, response.headers["x-fc-async-task-id"]) == (202, "video-42")
        assert self.get(client, "convert", "video-42").status == "Enqueued"
        emulator.advance(60)
        assert self.get(client, "convert", "video-42").status == "Running"
        emulator.run_until_idle()
        task = self.get(client, "convert", "video-42")
        assert (task.status, task.return_payload, task.duration_ms) == ("Succeeded", "converted Metropolis", 600_000)
        assert task.end_time - task.started_time == 600_000
        assert (task.task_payload, task.request_id) == ("Metropolis", response.headers["x-fc-request-id"])
        assert [(event.event_id, event.status) for event in task.events] == [
            (1, "Enqueued"),
            (2, "Dequeued"),
            (3, "Running"),
            (4, "Succeeded"),
        ]

    def test_a_task_is_stopped_while_it_runs(self, client: Any, emulator: LocalEmulator) -> None:
        self.submit(client, "convert", "video-42")
        emulator.advance(300)
        stopped = client.stop_async_task("convert", "video-42", models.StopAsyncTaskRequest())
        assert stopped.status_code == 204
        assert self.get(client, "convert", "video-42").status == "Stopping"
        emulator.run_until_idle()
        task = self.get(client, "convert", "video-42")
        assert (task.status, task.end_time - task.started_time) == ("Stopped", 300_000)

    def test_a_task_that_failed_says_how_often_it_was_retried_and_why(
        self, client: Any, emulator: LocalEmulator
    ) -> None:
        self.submit(client, "fail", "video-42")
        emulator.run_until_idle()
        task = self.get(client, "fail", "video-42")
        assert (task.status, task.already_retried_times, task.task_error_message) == (
            "Failed",
            1,
            "UnhandledInvocationError",
        )
        with pytest.raises(ClientException) as raised:
            client.stop_async_task("fail", "video-42", models.StopAsyncTaskRequest())
        assert (raised.value.status_code, raised.value.code) == (400, "InvalidArgument")

    def test_a_second_task_of_the_same_id_is_refused(self, client: Any) -> None:
        self.submit(client, "convert", "video-42")
        with pytest.raises(ClientException) as raised:
            self.submit(client, "convert", "video-42")
        assert (raised.value.status_code, raised.value.code) == (409, "AsyncTaskAlreadyExists")

    def test_a_task_that_is_not_there_is_not_found(self, client: Any) -> None:
        with pytest.raises(ClientException) as raised:
            self.get(client, "convert", "video-42")
        assert (raised.value.status_code, raised.value.code) == (404, "AsyncTaskNotFound")

    def test_all_pages_of_a_list(self, client: Any, emulator: LocalEmulator) -> None:
        for n in range(7):
            self.submit(client, "convert", f"video-{n}")
            self.submit(client, "convert", f"audio-{n}")
            emulator.advance(1)
        found, token = [], None
        while token != "":
            request = models.ListAsyncTasksRequest(
                prefix="video-", limit=3, next_token=token, sort_order_by_time="asc", include_payload=True
            )
            page = client.list_async_tasks("convert", request).body
            found += [(task.task_id, task.task_payload) for task in page.tasks]
            token = page.next_token
        assert found == [(f"video-{n}", "Metropolis") for n in range(7)]


class TestOpenFc2:
    """alibabacloud_fc_open20210406."""

    @pytest.fixture
    def client(self, emulator: LocalEmulator) -> Any:
        made = emulator.client("2021-04-06")
        config = open_models.PutFunctionAsyncInvokeConfigRequest(stateful_invocation=True, max_async_retry_attempts=1)
        for name in ("convert", "fail"):
            made.put_function_async_invoke_config("media", name, config)
        return made

    def submit(self, client: Any, name: str, **headers: Any) -> Any:
        said = open_models.InvokeFunctionHeaders(x_fc_invocation_type="Async", **headers)
        request = open_models.InvokeFunctionRequest(body=b"Metropolis")
        return client.invoke_function_with_options("media", name, request, said, OpenRuntimeOptions())

    def get(self, client: Any, name: str, task_id: str) -> Any:
        request = open_models.GetStatefulAsyncInvocationRequest()
        return client.get_stateful_async_invocation("media", name, task_id, request).body

    def test_a_task_is_submitted_stopped_and_looked_at(self, client: Any, emulator: LocalEmulator) -> None:
        response = self.submit(client, "convert", x_fc_stateful_async_invocation_id="job-7")
        assert response.headers["x-fc-stateful-async-invocation-id"] == "job-7"
        emulator.advance(300)
        request = open_models.StopStatefulAsyncInvocationRequest()
        client.stop_stateful_async_invocation("media", "convert", "job-7", request)
        emulator.run_until_idle()
        task = self.get(client, "convert", "job-7")
        assert (task.service_name, task.function_name, task.invocation_id) == ("media", "convert", "job-7")
        assert (task.status, task.destination_status) == ("Stopped", "Stopped")
        assert [event.status for event in task.events][-2:] == ["Stopping", "Stopped"]

    def test_a_retry_is_an_event_with_its_error(self, client: Any, emulator: LocalEmulator) -> None:
        self.submit(client, "fail", x_fc_stateful_async_invocation_id="job-7")
        emulator.run_until_idle()
        task = self.get(client, "fail", "job-7")
        assert (task.invocation_error_message, task.already_retried_times) == ("UnhandledInvocationError", 1)
        assert task.events[3].status == "Retrying"
        assert task.events[3].event_detail == '{"Error":"UnhandledInvocationError","ErrorMessage":"no such film"}'

    def test_one_request_switches_task_mode_on(self, client: Any, emulator: LocalEmulator) -> None:
        emulator.add("media/plain", convert, timeout=900)
        self.submit(
            client,
            "plain",
            x_fc_stateful_async_invocation_enable="true",
            x_fc_stateful_async_invocation_id="job-8",
        )
        assert self.get(client, "plain", "job-8").status == "Enqueued"

    def test_lists_of_tasks_and_of_functions_in_task_mode(self, client: Any, emulator: LocalEmulator) -> None:
        for n in range(3):
            self.submit(client, "fail", x_fc_stateful_async_invocation_id=f"job-{n}")
        emulator.run_until_idle()
        request = open_models.ListStatefulAsyncInvocationsRequest(status="Failed", limit=2)
        page = client.list_stateful_async_invocations("media", "fail", request).body
        assert [task.invocation_id for task in page.invocations] == ["job-2", "job-1"]
        request.next_token = page.next_token
        rest = client.list_stateful_async_invocations("media", "fail", request).body
        assert ([task.invocation_id for task in rest.invocations], rest.next_token) == (["job-0"], "")
        found = client.list_stateful_async_invocation_functions(
            open_models.ListStatefulAsyncInvocationFunctionsRequest()
        ).body
        assert [(one.service_name, one.function_name, one.qualifier) for one in found.data] == [
            ("media", "convert", "LATEST"),
            ("media", "fail", "LATEST"),
        ]


def test_aliyun_fc2_switches_task_mode_on_and_is_told_the_id(
    emulator: LocalEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    """It has no operations for tasks; what it submits is seen through the others."""
    caplog.set_level(logging.CRITICAL)
    client = emulator.client("2016-08-15")
    client.put_function_async_invoke_config("media", "LATEST", "fail", {"statefulInvocation": True})
    headers = {"x-fc-invocation-type": "Async", "x-fc-stateful-async-invocation-id": "job-7"}
    response = client.invoke_function("media", "fail", headers=headers)
    assert response.headers["x-fc-stateful-async-invocation-id"] == "job-7"
    with pytest.raises(fc2.FcError) as raised:
        client.invoke_function("media", "fail", headers=headers)
    assert (raised.value.status_code, raised.value.err_code) == (409, "StatefulAsyncInvocationAlreadyExists")
    emulator.run_until_idle()
    assert emulator.function("media/fail").invocation("job-7").status == "Failed"
