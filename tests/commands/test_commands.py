"""Commands that look at and act on a running emulator: output, messages and exit statuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from patience import CHILD_SECONDS
from running import fcemu, good, running, wrong

from fcemu.cli import main
from fcemu.config.dotenv import environment
from fcemu.testing import LocalEmulator

ORDER = {"order": 7}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("FCEMU_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def code(tmp_path):
    (tmp_path / "handler.py").write_text(
        "import json\n\ndef charge(event, context):\n    return json.loads(event)['card']\n"
    )
    return {"code": str(tmp_path)}


@pytest.fixture
def emulator(code, monkeypatch):
    charge = {
        "handler": "handler.charge",
        **code,
        "asyncInvokeConfig": {"maxAsyncRetryAttempts": 1, "onFailure": "queue:declined", "onSuccess": "topic:paid"},
        "triggers": {
            "nightly": {"timer": "@every 1h", "payload": "p"},
            "never": {"timer": "@every 1m", "enable": False},
            "web": {"http": ["GET"], "authType": "anonymous"},
            "pictures": {
                "oss": {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": "in/", "suffix": ".png"}}},
                "sourceArn": "acs:oss:cn-hangzhou:1234567890123456:pictures",
            },
            "rows": {"tablestore": {}, "sourceArn": "acs:ots:cn-hangzhou:1234567890123456:instance/i/table/t"},
        },
    }
    functions = {"task": {"handler": "handler.charge", **code, "asyncInvokeConfig": {"asyncTask": True}}}
    definition = {"services": {"orders": {"functions": {"charge": charge}}}, "functions": functions}
    with LocalEmulator(definition, strict=False) as emulator:
        monkeypatch.setenv("FCEMU_URL", emulator.url)
        yield emulator


def told(*args):
    return json.loads(good(*args, "--json").stdout)


# functions


def test_functions_are_listed_with_what_invokes_them(emulator):
    head, *lines = good("functions").stdout.splitlines()
    assert head.split() == ["FUNCTION", "RUNTIME", "HANDLER", "INVOKED", "BY"]
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["task", "orders/charge"]
    text = "\n".join(lines)
    assert "timer nightly, next at +1h" in text
    assert "timer never, off" in text
    assert f"{emulator.url}/" in text
    assert [each["name"] for each in told("functions")] == ["task", "orders/charge"]
    good("stub", "task", "--returns", "1")
    assert "(stub)" in good("functions").stdout


def test_no_functions_are_none(monkeypatch):
    with LocalEmulator(strict=False) as emulator:
        monkeypatch.setenv("FCEMU_URL", emulator.url)
        assert good("functions").stderr == "there are no functions\n"
        assert good("timers").stderr == "there are no timers\n"
        assert good("trigger").stderr == "there are no triggers\n"
        assert good("queue").stderr == "there are no queues\n"
        assert good("topic").stderr == "there are no topics\n"
        assert good("faults").stderr == "there are no faults\n"


# queue, topic


def test_a_queue_is_sent_to_looked_at_and_emptied(emulator, tmp_path):
    assert good("queue", "declined").stderr == "there are no messages\n"
    sent = good("queue", "declined", "--send", "one\ntwo").stdout.strip()
    (tmp_path / "body").write_bytes(b"from a file")
    told("queue", "declined", "--send", f"@{tmp_path / 'body'}", "--delay", "1m")
    head, first, second = good("queue", "declined").stdout.splitlines()
    assert head.split() == ["AT", "FROM", "MESSAGE"]
    assert first.endswith("a client  one two")
    assert second.endswith("from a file")
    assert told("queue", "declined")[0]["message_id"] == sent
    assert good("queue").stdout.splitlines()[1].split() == ["declined", "2", "1", "0", "1"]
    good("queue", "declined", "--clear")
    assert told("queue", "declined") == []


def test_a_report_in_a_queue_names_its_invocation(emulator):
    failed = emulator.function("orders/charge").invoke_async(ORDER)
    emulator.run_until_idle()
    (line,) = good("queue", "declined", "--waiting").stdout.splitlines()[1:]
    assert line.split()[2] == failed.request_id
    assert failed.request_id in good("queue", "declined").stdout


def test_a_topic_is_published_to_and_looked_at(emulator):
    good("topic", "paid", "--publish", "x", "--tag", "t")
    assert good("topic", "paid").stdout.splitlines()[1].endswith("a client  x")
    assert good("topic").stdout.splitlines()[1].split() == ["paid", "1"]
    assert [each["body"] for each in told("topic", "paid")] == ["x"]
    good("topic", "paid", "--clear")
    assert told("topic")[0]["arrived"] == 0


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (("queue", "--send", "x"), 2, "name the queue"),
        (("queue", "declined", "--delay", "1m"), 2, "add --send"),
        (("queue", "declind"), 1, "did you mean 'declined'?"),
        (("queue", "declined", "--send", "@nowhere"), 2, "cannot read nowhere"),
        (("topic", "--publish", "x"), 2, "name the topic"),
        (("topic", "paid", "--tag", "x"), 2, "add --publish"),
        (("topic", "payd", "--publish", "x"), 1, "did you mean 'paid'?"),
    ],
)
def test_what_is_said_wrong_of_messages(emulator, args, status, says):
    assert says in wrong(status, *args)


# timers, trigger


def test_timers_are_listed_and_fired(emulator):
    head, nightly, never = good("timers").stdout.splitlines()
    assert head.split() == ["TIMER", "SCHEDULE", "NEXT"]
    assert "orders/charge/nightly" in nightly
    assert nightly.endswith("+1h  2026-01-01 01:00:00 UTC")
    assert never.endswith("off")
    request_id = good("timers", "fire", "orders/charge/nightly").stdout.strip()
    assert emulator.invocation(request_id).json()["triggerName"] == "nightly"
    assert emulator.invocation(told("timers", "fire", "orders/charge/never")["request_id"]).source == "timer"
    assert [each["trigger"] for each in told("timers")] == ["nightly", "never"]
    assert "did you mean 'orders/charge/nightly'?" in wrong(1, "timers", "fire", "orders/charge/nightl")
    assert "is not the name of a trigger" in wrong(2, "timers", "fire", "nightly")


def test_triggers_are_listed_with_what_can_be_said_of_their_events(emulator):
    lines = {line.split()[0]: line for line in good("trigger").stdout.splitlines()[1:]}
    assert lines["orders/charge/pictures"].endswith("object [bucket] [event] [size] [etag]")
    assert lines["orders/charge/nightly"].endswith("nothing")
    assert f"a request to {emulator.url}/" in lines["orders/charge/web"]
    assert {each["function"] for each in told("trigger")} == {"orders/charge"}


def test_a_trigger_is_fired_with_fields(emulator):
    request_id = good("trigger", "fire", "orders/charge/pictures", "object=in/a=b.png", "size=12").stdout.strip()
    (event,) = emulator.invocation(request_id).json()["events"]
    assert (event["oss"]["object"]["key"], event["oss"]["object"]["size"]) == ("in/a=b.png", 12)
    assert told("trigger", "fire", "orders/charge/rows", 'key={"id": 7}')["reason"] is None
    fired = told("trigger", "fire", "orders/charge/rows", "--payload", "as it is")
    assert emulator.invocation(fired["request_id"]).payload == b"as it is"


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        (["object=else.txt"], 1, "nothing is invoked:"),
        (["objekt=x"], 1, "did you mean 'object'?"),
        ([], 1, "needs object"),
        (["object"], 2, "'object' is not of the form FIELD=VALUE"),
        (["object=in/a.png", "size=big"], 2, "size: expected a whole number of 0 or more, got 'big'"),
    ],
)
def test_what_is_said_wrong_of_an_event(emulator, fields, status, says):
    assert says in wrong(status, "trigger", "fire", "orders/charge/pictures", *fields)
    assert emulator.invocations == []


# stop, rerun


def test_an_invocation_is_stopped_by_its_id_or_the_beginning_of_it(emulator):
    first, second = (emulator.function("orders/charge").invoke_async(ORDER, delay=60) for _ in "12")
    assert good("stop", first.request_id).stdout == f"orders/charge {first.request_id} is Stopped\n"
    assert told("stop", second.request_id[:13])["status"] == "Stopped"
    assert "can not be stopped" in wrong(1, "stop", first.request_id)
    assert "there is no invocation 'nobody'" in wrong(1, "stop", "nobody")


def test_the_beginning_of_several_ids_names_none(emulator):
    first, second = (emulator.function("task").invoke_async(ORDER, delay=60) for _ in "12")
    common = first.request_id[:10]
    assert second.request_id.startswith(common)
    assert "2 request ids begin with it" in wrong(1, "stop", common)


def test_an_invocation_runs_again_repaired(emulator, tmp_path):
    failed = emulator.function("orders/charge").invoke_async(ORDER)
    emulator.run_until_idle()
    again = good("rerun", failed.request_id, "--payload", '{"card": "visa"}', "--delay", "1m").stdout.strip()
    assert emulator.invocation(again).result() == "visa"
    assert emulator.seconds(emulator.invocation(again).attempts[0].started) == emulator.seconds(failed.ended) + 60
    (tmp_path / "event").write_bytes(b'{"card": "\xc3\xb6"}')
    request_id = told("rerun", failed.request_id, "--payload", f"@{tmp_path / 'event'}")["request_id"]
    assert emulator.invocation(request_id).payload == b'{"card": "\xc3\xb6"}'
    assert emulator.invocation(good("rerun", failed.request_id).stdout.strip()).payload == failed.payload
    assert "not in task mode" in wrong(1, "rerun", failed.request_id, "--task-id", "t")


# faults, stub, reset


def test_faults_are_put_listed_and_removed(emulator):
    assert good("faults", "put", "Fail", "orders/charge", "status=503", "times=2").stdout == (
        "fault 1: fail orders/charge status=503 times=2, occurred 0 times\n"
    )
    good("faults", "put", "deliver-twice", "task", "again=1m")
    assert good("faults", "list").stdout == good("faults").stdout
    assert good("faults").stdout.endswith("2  deliver_twice task again=60 times=1, occurred 0 times\n")
    assert [each["fault"] for each in told("faults")] == ["fail", "deliver_twice"]
    good("faults", "remove", "1")
    assert [each["n"] for each in told("faults")] == [2]
    good("faults", "remove")
    assert told("faults") == []


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (("put", "throtle", "task"), 2, "did you mean 'throttle'?"),
        (("put", "thr", "task"), 2, "did you mean 'throttle'?"),
        (("put", "throttle", "tsk"), 1, "did you mean 'task'?"),
        (("put", "fail", "task", "status=many"), 2, "status: expected a whole number, got 'many'"),
        (("put", "fail", "task", "stats=500"), 1, "did you mean 'status'?"),
        (("remove", "one"), 2, "is not the number of a fault"),
        (("remove", "9"), 1, "there is no fault '9'"),
    ],
)
def test_what_is_said_wrong_of_faults(emulator, args, status, says):
    assert says in wrong(status, "faults", *args)


def test_a_stub_runs_its_steps_in_the_order_of_the_command_line(emulator):
    steps = ["--raises", "Timeout: no answer", "--returns", '{"card": 1}', "--status", "503", "--returns=null"]
    good("stub", "orders/charge", *steps)
    charge = emulator.function("orders/charge")
    first, second = charge.invoke(ORDER), charge.invoke(ORDER)
    assert (first.json()["errorType"], first.json()["errorMessage"]) == ("Timeout", "no answer")
    assert second.json() == {"card": 1}
    refused = charge.invoke_async(ORDER)
    emulator.run_until_idle()
    assert [attempt.outcome for attempt in refused.attempts] == ["system error", "returned"]
    head, *calls = good("stub", "orders/charge").stdout.splitlines()
    assert head.split() == ["AT", "REQUEST", "ATTEMPT", "PAYLOAD"]
    assert calls[0].endswith('{"order":7}')
    assert len(told("stub", "orders/charge")) == len(calls)
    good("stub", "orders/charge", "--remove")
    assert charge.invoke({"card": "own"}).text == "own"


def test_what_is_said_wrong_of_a_stub(emulator):
    assert "expected JSON" in wrong(2, "stub", "task", "--returns", "text")
    assert "--remove cannot be combined with steps" in wrong(2, "stub", "task", "--returns", "1", "--remove")
    assert "there is no stub of task" in wrong(1, "stub", "task")
    assert "did you mean 'task'?" in wrong(1, "stub", "tsk", "--returns", "1")


def test_a_reset_begins_anew(emulator):
    emulator.function("task").invoke_async(ORDER)
    assert good("reset", "--start", "2027-01-01T00:00:00Z").stdout == "now  2027-01-01T00:00:00.000000Z (+0 s)\n"
    assert emulator.invocations == []
    assert told("reset", "--seed", "3")["now"] == "2026-01-01T00:00:00.000000Z"


# env


def test_the_variables_are_those_of_the_emulator(emulator):
    assert told("env") == told("env", "--format", "json") == emulator.env


def test_a_shell_and_a_dotenv_file_read_the_variables(tmp_path, monkeypatch):
    secret = 'a "b" $HOME \\ #'
    with LocalEmulator(auth=True, access_keys={"AK": secret}, region="cn-beijing", strict=False) as emulator:
        monkeypatch.setenv("FCEMU_URL", emulator.url)
        text = good("env").stdout
        shell = subprocess.run(
            ["sh", "-c", f'{text}\nprintf \'%s|%s\' "$ACCESS_KEY_ID_SECRET" "$FC_REGION"'],
            capture_output=True,
            text=True,
            timeout=CHILD_SECONDS,
            check=True,
        )
        assert shell.stdout == f"{secret}|cn-beijing"
        (tmp_path / ".env").write_text(good("env", "--format", "dotenv").stdout)
        assert environment({}, tmp_path, [tmp_path]) == emulator.env


# invocations


def test_what_was_returned_is_shown(emulator):
    emulator.function("orders/charge").invoke_async({"card": "visa"})
    emulator.function("orders/charge").invoke_async(ORDER)
    emulator.run_until_idle()
    returned, failed = good("invocations").stdout.splitlines()[1:]
    assert returned.endswith("1         visa")
    assert failed.endswith("2         KeyError: 'card'")


def test_invocations_go_on_with_each_that_ends(emulator):
    first = emulator.function("task").invoke({"card": "before"})
    later = emulator.function("orders/charge").invoke_async(ORDER, delay=60)
    with running("invocations", "--follow") as process:
        process.stdout.readline()
        assert process.stdout.readline().startswith(first.request_id)
        assert later.request_id in process.stdout.readline()
        emulator.run_until_idle()
        assert process.stdout.readline().split()[:4] == [later.request_id, "orders/charge", "async", "Failed"]
        good("reset")
        assert "was reset or has stopped" in process.stderr.read()


def test_invocations_that_end_can_be_followed_by_programs(emulator):
    with running("invocations", "--follow", "--json", "--status", "failed") as process:
        failed = None
        import threading

        def work():
            nonlocal failed
            emulator.function("orders/charge").invoke({"card": 1})
            failed = emulator.function("orders/charge").invoke(ORDER).request_id

        # the command may begin before or after that: what ended before is listed, too
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert json.loads(process.stdout.readline())["request_id"] == failed
    assert "leave --after and --limit out" in wrong(2, "invocations", "--follow", "--limit", "1")


def test_a_table_fits_the_terminal(emulator, monkeypatch):
    monkeypatch.setattr("fcemu.commands.printing.terminal_width", lambda: 80)
    monkeypatch.setattr("fcemu.commands.invocations.terminal_width", lambda: 80)
    failed = emulator.function("orders/charge").invoke_async({"order": "x" * 200})
    emulator.function("orders/charge").invoke_async({"card": "y" * 200})
    emulator.run_until_idle()
    head, first, second = lines = good("invocations").stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert head.split() == ["REQUEST", "FUNCTION", "STATUS", "ACCEPTED", "ATTEMPTS", "RESULT"]
    assert failed.request_id.startswith(first.split()[0])
    assert second.endswith("…")
    assert told("invocations", first.split()[0])["request_id"] == failed.request_id
    assert all(len(line) <= 80 for line in good("queue", "declined").stdout.splitlines())


# What is said of commands


def every_command(group=main, path=()):
    with click.Context(group, info_name="fcemu") as ctx:
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            yield (*path, name), command
            if isinstance(command, click.Group):
                yield from every_command(command, (*path, name))


@pytest.mark.parametrize("path", [(), *(path for path, _ in every_command())], ids=" ".join)
def test_help_fits_80_columns_and_nothing_of_it_is_cut_off(path):
    lines = good(*path, "--help", terminal_width=78).stdout.splitlines()  # what click leaves of 80
    assert [line for line in lines if line.endswith("...") and not line.startswith("Usage")] == []
    begin = lines.index("  Examples:") if "  Examples:" in lines else len(lines)
    assert [line for line in lines[:begin] if len(line) > 80] == []


def test_commands_have_examples_and_json():
    with_neither = {"demo", "init", "serve", "exec", "check"}
    for path, command in every_command():
        if path[0] in with_neither or path[0] == "event":
            continue
        if len(path) == 1:
            assert "Examples:" in (command.epilog or ""), path
        assert path[0] == "explore" or any("--json" in param.opts for param in command.params), path


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("func", "'functions'"), ("FUNCTIONSS", "'functions'"), ("inv", "'invoke' or 'invocations'"), ("que", "'queue'")],
)
def test_slips_are_answered_with_the_closest_words(typed, meant):
    assert f"did you mean {meant}?" in wrong(2, typed)


def test_the_case_of_a_command_does_not_matter(emulator):
    assert good("FUNCTIONS").stdout == good("functions").stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("clock", "advance", "-5"), "write how far the clock is to move, as in: fcemu clock advance 5"),
        (("clock", "advance", "-1h"), "time does not go back"),
        (("exec", "true"), "write: fcemu exec -- true"),
        (("exec", "--port", "0", "sh", "-c", "exit 1"), "write: fcemu exec --port 0 -- sh -c 'exit 1'"),
    ],
)
def test_what_is_often_written_wrong_is_answered_with_what_to_write(args, says, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["fcemu"])
    assert says in wrong(2, *args)


# Completion


def completed(words, emulator):
    """What bash is offered for the last of the words."""
    variables = {
        "_FCEMU_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "FCEMU_URL": emulator.url,
    }
    ran = subprocess.run(
        [Path(sys.executable).with_name("fcemu")],
        env=dict(os.environ) | variables,
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
        check=True,
    )
    assert not ran.stderr
    return [line.partition(",")[2] for line in ran.stdout.splitlines() if line]


def test_a_shell_completes_commands_and_the_names_that_the_emulator_knows(emulator):
    failed = emulator.function("orders/charge").invoke_async(ORDER)
    assert completed(["fcemu", "que"], emulator) == ["queue"]
    assert completed(["fcemu", "invoke", "orders/"], emulator) == ["orders/charge"]
    assert completed(["fcemu", "queue", "d"], emulator) == ["declined"]
    assert completed(["fcemu", "topic", ""], emulator) == ["paid"]
    assert completed(["fcemu", "timers", "fire", ""], emulator) == ["orders/charge/nightly", "orders/charge/never"]
    assert "orders/charge/web" not in completed(["fcemu", "trigger", "fire", ""], emulator)
    assert completed(["fcemu", "stop", failed.request_id[:4]], emulator) == [failed.request_id]
    assert completed(["fcemu", "faults", "put", "thr"], emulator) == ["throttle"]
    assert completed(["fcemu", "faults", "put", "throttle", "t"], emulator) == ["task"]


def test_a_shell_is_offered_nothing_where_no_emulator_answers(emulator):
    assert completed(["fcemu", "invoke", "--url", "http://127.0.0.1:1", ""], emulator) == []


def test_the_emulator_of_the_command_line_is_asked(emulator):
    with LocalEmulator(strict=False) as other:
        assert completed(["fcemu", "invoke", "--url", emulator.url, ""], other) == ["task", "orders/charge"]


def test_the_program_gives_the_script_that_installs_completion():
    for shell in ("bash", "zsh", "fish"):
        script = fcemu(env={"_FCEMU_COMPLETE": f"{shell}_source"}, prog_name="fcemu").stdout
        assert "_FCEMU_COMPLETE" in script
