"""What a change through the API means for invocations that wait or run, and for instances that are warm."""

from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from api.harness import WAIT_SECONDS, Reply
from api.plane import EACH_VERSION, FC3, SERVICE, Words, code, zipped

from fcemu.testing import LocalEmulator

SAYS = "def handler(event, context):\n    return {!r}\n"
SLEEPS = """
import time

def handler(event, context):
    time.sleep(100)
    return "old"
"""
FAILS = """
import time

def handler(event, context):
    time.sleep(100)
    raise ValueError("old")
"""
COUNTS = """
import os

started = []

def handler(event, context):
    started.append(1)
    return f"{len(started)} {os.environ.get('SIZE')}"
"""


class Shop(Words):
    """A whole emulator with Python code of its own, asked through its API."""

    def __init__(self, emulator: LocalEmulator, version: str) -> None:
        self.emulator, self.version = emulator, version

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        connection = HTTPConnection(self.emulator.host, self.emulator.port, timeout=WAIT_SECONDS)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        reply = Reply(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return reply

    def function(self, qualifier: str | None = None) -> Any:
        return self.emulator.function(f"{SERVICE}/resize" if self.in_services else "resize", qualifier)

    def write(self, source: str, **fields: object) -> None:
        """Change the code."""
        self.ok("PUT", self.functions("resize"), {"code": code(zipped(source)), **fields})


@pytest.fixture
def shop(version: str) -> Iterator[Shop]:
    """One with the function ``resize``, which says ``old``."""
    with LocalEmulator("", strict=False, isolate=True) as emulator:
        shop = Shop(emulator, version)
        shop.make(code=code(zipped(SAYS.format("old"))), timeout=1000)
        yield shop


@EACH_VERSION
def test_what_waits_runs_the_code_that_is_there_when_it_starts(shop: Shop) -> None:
    waiting = shop.function().invoke_async(delay=100)
    shop.write(SAYS.format("new"))
    assert waiting.result() == "new"


@EACH_VERSION
def test_what_runs_goes_on_with_the_old_code_and_what_starts_next_has_the_new(shop: Shop) -> None:
    shop.write(SLEEPS)
    running = shop.function().invoke_async()
    shop.emulator.advance(50)
    shop.write(SAYS.format("new"), timeout=1)
    next_one = shop.function().invoke_async()
    assert next_one.result() == "new"
    assert running.status == "Running"
    assert running.result() == "old"
    assert (running.ended - running.accepted).total_seconds() == 100


@EACH_VERSION
def test_a_retry_runs_the_code_that_is_there_when_it_starts(shop: Shop) -> None:
    shop.write(FAILS)
    failing = shop.function().invoke_async()
    shop.emulator.advance(50)
    shop.write(SAYS.format("new"))
    assert failing.result() == "new"
    assert [attempt.outcome for attempt in failing.attempts] == ["function error", "returned"]


@EACH_VERSION
def test_what_waits_for_a_function_that_is_deleted_is_invalid_and_never_runs(shop: Shop) -> None:
    waiting = shop.function().invoke_async(delay=100)
    shop.ok("DELETE", shop.functions("resize"))
    shop.emulator.run_until_idle()
    assert (waiting.status, waiting.attempts) == ("Invalid", [])


@EACH_VERSION
def test_what_runs_when_its_function_is_deleted_ends_as_it_would(shop: Shop) -> None:
    shop.write(SLEEPS)
    running = shop.function().invoke_async()
    shop.emulator.advance(50)
    shop.ok("DELETE", shop.functions("resize"))
    assert running.result() == "old"


@EACH_VERSION
def test_what_fails_when_its_function_is_deleted_is_not_tried_again(shop: Shop) -> None:
    shop.write(FAILS)
    failing = shop.function().invoke_async()
    shop.emulator.advance(50)
    shop.ok("DELETE", shop.functions("resize"))
    shop.emulator.run_until_idle()
    assert (failing.status, len(failing.attempts)) == ("Invalid", 1)


@EACH_VERSION
def test_a_function_that_is_made_again_meanwhile_runs_what_waits(shop: Shop) -> None:
    waiting = shop.function().invoke_async(delay=100)
    shop.ok("DELETE", shop.functions("resize"))
    shop.make(code=code(zipped(SAYS.format("new"))))
    assert waiting.result() == "new"


def released(shop: Shop) -> None:
    """Version 1 says ``old``, version 2 ``new``; ``live`` leads to the first."""
    shop.publish()
    shop.write(SAYS.format("new"))
    shop.publish()
    shop.ok("POST", shop.owned("aliases"), {"aliasName": "live", "versionId": "1"})


@EACH_VERSION
def test_what_waits_runs_the_version_that_its_alias_leads_to_when_it_starts(shop: Shop) -> None:
    released(shop)
    waiting = shop.function("live").invoke_async(delay=100)
    shop.ok("PUT", shop.owned("aliases", "live"), {"versionId": "2"})
    assert waiting.result() == "new"


@EACH_VERSION
@pytest.mark.parametrize(("kind", "name"), [("aliases", "live"), ("versions", "1")])
def test_what_waits_for_an_alias_or_version_that_is_deleted_is_invalid(shop: Shop, kind: str, name: str) -> None:
    released(shop)
    waiting = [shop.function(qualifier).invoke_async(delay=100) for qualifier in ("live", "1")]
    shop.ok("DELETE", shop.owned(kind, name))
    shop.emulator.run_until_idle()
    gone = {"aliases": ["Invalid", "Succeeded"], "versions": ["Invalid", "Invalid"]}
    assert [one.status for one in waiting] == gone[kind]


@EACH_VERSION
def test_what_waits_for_a_version_is_not_touched_by_a_change_of_the_function(shop: Shop) -> None:
    released(shop)
    waiting = shop.function("1").invoke_async(delay=100)
    shop.write(SAYS.format("newest"), timeout=1)
    assert waiting.result() == "old"


@EACH_VERSION
def test_a_warm_instance_is_not_used_after_a_change_of_its_function(shop: Shop) -> None:
    shop.write(COUNTS, environmentVariables={"SIZE": "1"})
    replies = [shop.function().invoke() for _ in range(2)]
    shop.ok("PUT", shop.functions("resize"), {"environmentVariables": {"SIZE": "2"}})
    replies.append(shop.function().invoke())
    assert [reply.json() if reply.text.isdigit() else reply.text for reply in replies] == ["1 1", "2 1", "1 2"]
    instances = [reply.headers["x-fc-instance-id"] for reply in replies]
    assert instances[0] == instances[1] != instances[2]


@EACH_VERSION
def test_a_warm_instance_of_a_version_stays_when_the_function_changes(shop: Shop) -> None:
    shop.write(COUNTS)
    shop.publish()
    first = shop.function("1").invoke()
    shop.write(SAYS.format("new"))
    second = shop.function("1").invoke()
    assert [first.text, second.text] == ["1 None", "2 None"]


@EACH_VERSION
def test_a_warm_instance_stays_when_only_triggers_aliases_or_asynchronous_settings_change(shop: Shop) -> None:
    shop.write(COUNTS)
    shop.function().invoke()
    shop.ok("PUT", shop.functions("resize", "async-invoke-config"), {"maxAsyncRetryAttempts": 1})
    body = {"triggerName": "t", "triggerType": "http", "triggerConfig": '{"authType": "anonymous", "methods": ["GET"]}'}
    shop.ok("POST", shop.functions("resize", "triggers"), body)
    shop.publish()
    shop.ok("POST", shop.owned("aliases"), {"aliasName": "live", "versionId": "1"})
    assert shop.function().invoke().text == "2 None"


@EACH_VERSION
def test_what_waits_is_retried_as_the_settings_are_when_it_fails(shop: Shop) -> None:
    shop.write(FAILS)
    config = shop.functions("resize", "async-invoke-config")
    shop.ok("PUT", config, {"maxAsyncRetryAttempts": 5})
    failing = shop.function().invoke_async()
    shop.emulator.advance(50)
    shop.ok("PUT", config, {"maxAsyncRetryAttempts": 1})
    shop.emulator.run_until_idle()
    assert (failing.status, len(failing.attempts)) == ("Failed", 2)


@EACH_VERSION
def test_a_deleted_setting_is_fcs_default_again(shop: Shop) -> None:
    shop.write(FAILS)
    config = shop.functions("resize", "async-invoke-config")
    shop.ok("PUT", config, {"maxAsyncRetryAttempts": 0})
    failing = shop.function().invoke_async()
    shop.ok("DELETE", config)
    shop.emulator.run_until_idle()
    assert (failing.status, len(failing.attempts)) == ("Failed", 4)


def test_what_was_accepted_before_its_function_was_disabled_runs() -> None:
    with LocalEmulator("", strict=False) as emulator:
        shop = Shop(emulator, FC3)
        shop.make(code=code(zipped(SAYS.format("old"))))
        waiting = shop.function().invoke_async(delay=100)
        shop.ok("POST", shop.functions("resize", "invoke", "disable"), {"reason": "too dear"})
        assert waiting.result() == "old"


@EACH_VERSION
def test_the_same_changes_make_the_same_journal(version: str) -> None:
    """Uploaded code has no path of this machine in it, and its ids follow from the seed."""
    timelines = []
    for _ in range(2):
        with LocalEmulator("", seed=3, strict=False) as emulator:
            shop = Shop(emulator, version)
            shop.make(code=code(zipped(FAILS)), timeout=1000)
            shop.publish()
            body = {"aliasName": "live", "versionId": "1", "additionalVersionWeight": {"LATEST": 0.5}}
            reply = shop.ask("POST", shop.owned("aliases"), body)
            assert reply.status == 200, reply.body
            shop.write(SAYS.format("new"))
            for _ in range(5):
                shop.function("live").invoke_async()
            emulator.run_until_idle()
            timelines.append(emulator.timeline())
    assert timelines[0] == timelines[1]
