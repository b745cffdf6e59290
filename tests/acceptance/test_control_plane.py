"""What the control plane makes is what runs: code, layers, versions, aliases, settings, on the virtual clock."""

import pytest
from acceptance.control import Api, zipped
from rules import rule

from fcemu.testing import FCError, LocalEmulator


def test_a_created_function_runs_its_own_code(emulator, api):
    api.function("one", "def handler(event, context):\n    return 'one'\n")
    api.function("two", "def handler(event, context):\n    return 'two'\n")
    assert [emulator.function(name).invoke().text for name in ("one", "two", "one")] == ["one", "two", "one"]


def test_new_code_runs_from_the_next_attempt_on_and_what_runs_goes_on_as_it_was(emulator, api):
    api.function("f", "import time\ndef handler(event, context):\n    time.sleep(10)\n    return 'old'\n", timeout=60)
    first = emulator.function("f").invoke_async()
    second = emulator.function("f").invoke_async(delay=20)
    emulator.advance(5)
    api.update("f", "def handler(event, context):\n    return 'new'\n")
    emulator.run_until_idle()
    assert [first.reply.text, second.reply.text] == ["old", "new"]
    assert [attempt.instance_id for attempt in first.attempts] != [each.instance_id for each in second.attempts]


@rule("retry-and-destinations §1.1", "documented")
def test_what_waits_for_a_function_that_is_deleted_becomes_invalid(emulator, api):
    api.function("f", "def handler(event, context):\n    return 1\n")
    invocation = emulator.function("f").invoke_async(delay=20)
    api("DELETE", "/functions/f")
    emulator.run_until_idle()
    assert (invocation.status, invocation.attempts) == ("Invalid", [])


def test_a_published_version_keeps_its_code_and_an_alias_leads_to_it(emulator, api):
    api.function("f", "def handler(event, context):\n    return 'v1'\n")
    api("POST", "/functions/f/versions", {})
    api.update("f", "def handler(event, context):\n    return 'v2'\n")
    api("POST", "/functions/f/versions", {})
    api.update("f", "def handler(event, context):\n    return 'latest'\n")
    api("POST", "/functions/f/aliases", {"aliasName": "prod", "versionId": "1"})
    waiting = emulator.function("f", "prod").invoke_async(delay=60)
    assert [emulator.function("f", each).invoke().text for each in ("1", "2", "LATEST", "prod")] == [
        "v1",
        "v2",
        "latest",
        "v1",
    ]
    api("PUT", "/functions/f/aliases/prod", {"versionId": "2"})
    emulator.run_until_idle()
    assert waiting.reply.text == "v2"


def test_an_alias_with_weights_asks_chance_and_the_same_seed_answers_the_same():
    def versions() -> list[str]:
        with LocalEmulator("", seed=3, strict=False) as emulator:
            api = Api(emulator)
            for version in ("1", "2"):
                code = f"def handler(event, context):\n    return '{version}'\n"
                api.function("f", code) if version == "1" else api.update("f", code)
                api("POST", "/functions/f/versions", {})
            weights = {"aliasName": "prod", "versionId": "1", "additionalVersionWeight": {"2": 0.2}}
            api("POST", "/functions/f/aliases", weights)
            return [emulator.function("f", "prod").invoke().text for _ in range(500)]

    first = versions()
    assert first == versions()
    assert 60 <= first.count("2") <= 140


def test_a_layer_is_where_the_runtime_looks_for_modules(emulator, api):
    layer = api("POST", "/layers/tools/versions", {"code": {"zipFile": zipped(python__tools_py="NAME = 'layer 1'\n")}})
    code = "import tools\ndef handler(event, context):\n    return tools.NAME\n"
    api.function("with", code, layers=[layer["layerVersionArn"]])
    api.function("without", code)
    assert emulator.function("with").invoke().text == "layer 1"
    assert emulator.function("without").invoke().error is not None
    newer = api("POST", "/layers/tools/versions", {"code": {"zipFile": zipped(python__tools_py="NAME = 'layer 2'\n")}})
    assert emulator.function("with").invoke().text == "layer 1"
    api("PUT", "/functions/with", {"layers": [newer["layerVersionArn"]]})
    assert emulator.function("with").invoke().text == "layer 2"


def test_nobody_invokes_a_function_that_is_disabled_until_it_is_enabled(emulator, api):
    api.function("f", "def handler(event, context):\n    return 1\n")
    api("POST", "/functions/f/invoke/disable", {"reason": "on fire"})
    with pytest.raises(FCError, match="on fire"):
        emulator.function("f").invoke()
    assert api("GET", "/functions/f")["invocationRestriction"]["disable"] is True
    api("POST", "/functions/f/invoke/enable")
    assert emulator.function("f").invoke().text == "1"


@rule("retry-and-destinations §1.4", "assumed")
def test_asynchronous_settings_hold_for_what_waits_already(emulator, api):
    api.function("f", "def handler(event, context):\n    raise ValueError\n")
    invocation = emulator.function("f").invoke_async(delay=20)
    api("PUT", "/functions/f/async-invoke-config", {"maxAsyncRetryAttempts": 0})
    emulator.run_until_idle()
    assert len(invocation.attempts) == 1
    api("DELETE", "/functions/f/async-invoke-config")
    again = emulator.function("f").invoke_async()
    emulator.run_until_idle()
    assert len(again.attempts) == 4


def test_times_are_those_of_the_virtual_clock(emulator, api):
    emulator.advance("1h")
    made = api.function("f", "def handler(event, context):\n    return 1\n")
    emulator.advance("1h")
    changed = api.update("f", "def handler(event, context):\n    return 2\n")
    assert (made["createdTime"], made["lastModifiedTime"]) == ("2026-01-01T01:00:00Z", "2026-01-01T01:00:00Z")
    assert (changed["createdTime"], changed["lastModifiedTime"]) == ("2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z")


def test_putting_asynchronous_settings_changes_only_what_is_given(api):
    api.function("f", "def handler(event, context):\n    return 1\n")
    path, queue = "/functions/f/async-invoke-config", "acs:mns:::/queues/q/messages"
    api("PUT", path, {"maxAsyncRetryAttempts": 0, "destinationConfig": {"onFailure": {"destination": queue}}})
    put = api("PUT", path, {"maxAsyncEventAgeInSeconds": 60, "asyncTask": True})
    assert (put["maxAsyncRetryAttempts"], put["maxAsyncEventAgeInSeconds"], put["asyncTask"]) == (0, 60, True)
    assert put["destinationConfig"] == {"onFailure": {"destination": queue}}
    cleared = api("PUT", path, {"destinationConfig": {}})
    assert (cleared["maxAsyncRetryAttempts"], cleared["destinationConfig"]) == (0, {})
