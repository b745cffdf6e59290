"""A client that a public generator makes of the document talks to a running emulator."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from patience import CHILD_SECONDS

from fcemu import __version__
from fcemu.own_api.openapi import document
from fcemu.testing import LocalEmulator

FLAKY = Path(__file__).parent.parent.parent / "fixtures/flaky"
NAME = "generated_from_openapi"
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """The package of the client."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "document.json").write_text(json.dumps(document(__version__)))
    (folder / "config.json").write_text('{"post_hooks": []}')
    options = ["--path", "document.json", "--config", "config.json", "--output-path", NAME, "--meta", "none"]
    made = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield import_module(NAME)
    sys.path.remove(str(folder))


@pytest.fixture
def emulator():
    with LocalEmulator(FLAKY, strict=False) as emulator:
        yield emulator


@pytest.fixture
def ask(generated, emulator):
    """``ask(operation, …)``: what the operation of that name answers."""
    client = generated.Client(base_url=emulator.url)

    def ask(operation, *path, **given):
        return import_module(f"{NAME}.api.default.{operation}").sync(*path, client=client, **given)

    with client:
        yield ask


@pytest.fixture
def models(generated):
    return import_module(f"{NAME}.models")


def test_the_clock_is_moved(ask, models):
    moved = ask("advance", body=models.Advance(seconds=200))
    assert (moved.now, moved.facts) == (START + timedelta(seconds=200), 0)
    clock = ask("show_clock")
    assert (clock.now, clock.started, clock.next_due) == (START + timedelta(seconds=200), START, None)


def test_invocations_are_listed_with_all_that_is_known_of_them(ask, models, emulator):
    request_id = emulator.function("flaky").invoke_async({"failures": 9}).request_id
    assert ask("run_until_idle", body=models.IdleBound()).facts > 0
    (failed,) = ask("list_invocations")
    assert failed == ask("show_invocation", request_id)
    assert (failed.request_id, failed.status, failed.payload) == (request_id, "Failed", '{"failures":9}')
    assert [attempt.outcome for attempt in failed.attempts] == ["function error"] * len(failed.attempts)
    assert failed.deliveries[0].destination == "queue:flaky-failures"
    (only,) = ask("list_invocations", status=models.ListInvocationsStatus.FAILED, limit=1)
    assert only.ended == failed.ended


def test_messages_are_sent_and_read(ask, models):
    sent = ask("send_message", "flaky-failures", body=models.NewMessage(body=models.Base64(base64="AP8=")))
    (message,) = ask("list_queue_messages", "flaky-failures", waiting=True)
    assert (message.message_id, message.body, message.visible) == (sent.message_id, models.Base64(base64="AP8="), START)
    assert ask("clear_queue_messages", "flaky-failures") is None
    assert ask("list_queue_messages", "flaky-failures") == []


def test_a_problem_is_read_as_one(ask, models):
    problem = ask("advance", body=models.Advance(seconds=-1))
    assert isinstance(problem, models.ProblemDocument)
    assert (problem.type_, problem.status) == ("backwards", 409)
    assert "nothing is due" in problem.explain
    assert "did you mean 'flaky-failures'" in ask("list_queue_messages", "flaky-failure").detail


def test_text_is_read_as_text(ask):
    assert ask("show_timeline") == ""
    assert "fcemu_clock_seconds" in ask("show_metrics")
