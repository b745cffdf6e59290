"""``fcemu event``: events printed, and sent to the triggers of a running emulator."""

import json

import pytest
from click.testing import CliRunner

from fcemu.cli import main
from fcemu.core.events import KINDS
from fcemu.testing import LocalEmulator

FILES = {"oss": {"filter": {"key": {"prefix": "in/"}}}, "sourceArn": "acs:oss:cn-hangzhou:1:films"}


@pytest.fixture
def emulator(monkeypatch):
    with LocalEmulator("", strict=False) as emulator:
        emulator.add("work", lambda event, context: None, triggers={"files": FILES})
        monkeypatch.setenv("FCEMU_URL", emulator.url)
        yield emulator


def event(*args, status=0):
    result = CliRunner().invoke(main, ["event", *args])
    assert result.exit_code == status, result.output
    return result


def test_an_event_is_printed_without_any_emulator(monkeypatch):
    monkeypatch.setenv("FCEMU_URL", "http://127.0.0.1:1")
    [printed] = json.loads(event("oss", "--bucket", "films", "--object", "in/a.mov", "--size", "7").stdout)["events"]
    assert printed["oss"]["bucket"]["name"] == "films"
    assert printed["oss"]["object"]["size"] == 7
    assert printed["eventTime"] == "2026-01-01T00:00:00.000Z"


def test_when_it_happens_can_be_said_in_any_zone():
    printed = json.loads(event("cdn", "--domain", "a.example", "--at", "2026-07-01T02:00:00+02:00").stdout)
    assert printed["events"][0]["eventTime"] == "2026-07-01T08:00:00+08:00"


def test_fields_that_are_data_are_given_as_json_and_rows_are_printed_as_cbor():
    assert json.loads(event("eventbridge", "--data", '{"stock": 3}').stdout)["data"] == {"stock": 3}
    assert event("tablestore", "--key", '{"id": 1}').stdout_bytes.endswith(b"jColumnNamebideValue\x01gColumns\x80")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["oss", "--bucket", "films"], "an event of oss needs object (the key of the object)"),
        (["eventbridge", "--data", "{"], "'{' is not JSON"),
        (["tablestore", "--key", "[]"], "key: expected a JSON object, got []"),
        (["os"], "there is no command 'os'; did you mean 'oss'?"),
        (
            ["oss", "--object", "a", "--fire", "work"],
            "--fire: 'work' is not the name of a trigger; write FUNCTION/TRIGGER",
        ),
        (["oss", "--object", "a", "--fire", "work/files", "--at", "2026-07-01T08:00:00Z"], "--at applies to events"),
    ],
)
def test_what_is_said_wrong_is_wrong_use(args, message):
    assert message in event(*args, status=2).stderr


def test_a_trigger_is_fired_and_its_request_id_printed(emulator):
    printed = event("oss", "--object", "in/a.mov", "--fire", "work/files").stdout
    [invocation] = emulator.invocations
    assert printed == f"{invocation.request_id}\n"
    assert invocation.json()["events"][0]["oss"]["bucket"]["name"] == "films"
    fired = json.loads(event("oss", "--object", "in/b.mov", "--fire", "work/files", "--json").stdout)
    assert fired == {"request_id": emulator.invocations[1].request_id, "reason": None}


def test_an_event_that_a_trigger_lets_pass_by_is_status_1_and_says_why(emulator):
    stderr = event("oss", "--object", "a.mov", "--fire", "work/files", status=1).stderr
    assert "nothing is invoked: trigger work/files: the object 'a.mov' does not begin with its prefix 'in/'" in stderr
    assert "there is no trigger 'work/fils'" in event("oss", "--object", "a", "--fire", "work/fils", status=1).stderr
    assert emulator.invocations == []


def test_every_kind_has_a_command_with_an_option_for_each_field():
    for kind, form in KINDS.items():
        helped = event(kind, "--help").stdout
        assert all(f"--{name} " in helped for name in form.fields)
