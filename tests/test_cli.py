"""The commands as people type them: output, messages and exit statuses."""

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path

import pytest
from patience import CHILD_SECONDS
from running import fcemu, free_port, good, running, serving, wrong

from fcemu.cli import main
from fcemu.client import Client
from fcemu.commands.printing import program
from fcemu.core.times import offset
from fcemu.testing import LocalEmulator

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("FCEMU_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(ROOT)


@pytest.fixture
def emulator(monkeypatch):
    with LocalEmulator(FIXTURES / "flaky", strict=False) as emulator:
        monkeypatch.setenv("FCEMU_URL", emulator.url)
        yield emulator


# demo


def test_the_demo_tells_four_virtual_minutes_line_by_line():
    lines = good("demo").stdout.splitlines()
    timeline = [re.sub(r" \[[^]]+\]|(?<=instance ).*", "", line.strip()) for line in lines if line.startswith("   +")]
    assert [re.sub(r" {2,}", " | ", line) for line in timeline] == [
        "+0 s | charge (1) | accepted, due +200 s",
        "+200 s | charge (1) | dequeued",
        "+200 s | charge (1) | new instance ",
        "+200 s | charge (1) | attempt 1 starts",
        "+200 s | charge (1) | attempt 1 failed: BankIsSilent: no answer from the bank",
        "+200 s | charge (1) | retried after 0.5 s, at +200.5 s",
        "+200.5 s | charge (1) | attempt 2 starts",
        "+200.5 s | charge (1) | attempt 2 failed: BankIsSilent: no answer from the bank",
        "+200.5 s | charge (1) | retried after 1 s, at +201.5 s",
        "+201.5 s | charge (1) | attempt 3 starts",
        "+201.5 s | charge (1) | attempt 3 sleeps 30 s",
        "+231.5 s | charge (1) | attempt 3 returned 'charged'",
        "+231.5 s | charge (1) | Succeeded",
        "+231.5 s | receipt (1) | accepted from charge (1)",
        "+231.5 s | charge (1) | delivered to function:receipt",
        "+231.5 s | receipt (1) | dequeued",
        "+231.5 s | receipt (1) | new instance ",
        "+231.5 s | receipt (1) | attempt 1 starts",
        "+231.5 s | receipt (1) | attempt 1 returned 'charged after 3 attempts'",
        "+231.5 s | receipt (1) | Succeeded",
    ]
    virtual, real = (line for line in lines if " time  " in line)
    assert virtual == "virtual time  231.5 s"
    assert re.fullmatch(r"real time     \d+\.\d{3} s", real)
    assert lines[-1].endswith("fcemu serve fcemu/templates/demo")


@pytest.mark.parametrize("started", [[str(Path(sys.executable).with_name("fcemu"))], [sys.executable, "-m", "fcemu"]])
def test_the_last_line_of_the_demo_is_a_command_that_a_shell_runs_as_it_is(tmp_path, started):
    where = {"env": {"PATH": "/usr/bin:/bin"}, "cwd": tmp_path, "timeout": CHILD_SECONDS, "text": True}
    told = subprocess.run([*started, "demo"], capture_output=True, check=True, **where).stdout.splitlines()
    assert told[-3:-1] == ["Next, let any FC SDK call the same two functions:", ""]
    checked = re.sub(" serve ", " check --strict ", told[-1])
    done = subprocess.run(["sh", "-c", checked], capture_output=True, check=False, **where)
    assert done.returncode == 0
    assert done.stderr.endswith("/fcemu/templates/demo: good, 2 functions\n")


def test_a_program_that_the_shell_finds_by_its_name_is_called_by_that(tmp_path, monkeypatch):
    folder = tmp_path / "my bin"
    folder.mkdir()
    (folder / "fcemu").touch(0o755)
    monkeypatch.setattr(sys, "argv", [str(folder / "fcemu")])
    assert program() == f"'{folder}/fcemu'"
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("UV", raising=False)
    assert program() == "fcemu"
    monkeypatch.setenv("UV", "/usr/bin/uv")  # uvx has put it on the path of this process alone
    assert program() == f"'{folder}/fcemu'"


def test_the_demo_ignores_what_points_at_another_emulator(monkeypatch):
    monkeypatch.setenv("FCEMU_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert "virtual time  231.5 s" in good("demo").stdout


# Names


@pytest.mark.parametrize(("typed", "meant"), [("tmeline", "timeline"), ("srve", "serve"), ("exek", "exec")])
def test_a_mistyped_command_names_the_closest_one(typed, meant):
    assert f"there is no command {typed!r}; did you mean {meant!r}?" in wrong(2, typed)


def test_the_program_shows_every_command_that_it_has():
    shown = re.findall(r"^  ([a-z]\w*)  ", good("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    assert set(shown) == {*main.commands, *main.elsewhere}
    assert shown[:2] == ["demo", "init"]


def test_a_mistyped_move_names_the_closest_one():
    assert "did you mean 'pause'?" in wrong(2, "clock", "paus")


def test_python_m_fcemu_is_the_same_program():
    command = [sys.executable, "-m", "fcemu", "exec"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_SECONDS)
    assert done.returncode == 2
    assert "no command after it" in done.stderr


# check


def test_check_of_good_definitions_is_silent_on_stdout():
    result = good("check", "fixtures/hello", "fixtures/orders/fcemu.yaml")
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "fixtures/hello: good, 1 function",
        "fixtures/orders/fcemu.yaml: good, 2 functions",
    ]


def test_check_shows_all_problems_of_all_files():
    result = fcemu("check", "fixtures/broken/unknown-key", "fixtures/hello", "fixtures/broken/wrong-type")
    assert result.exit_code == 1
    assert "unknown key 'maxAsyncRetryAttempt'" in result.stdout
    assert "did you mean 'maxAsyncRetryAttempts'?" in result.stdout
    assert "unknown key 'deadLetters'" in result.stdout
    assert "fixtures/broken/unknown-key: 2 problems" in result.stderr
    assert "fixtures/hello: good" in result.stderr


def test_check_as_json_names_places():
    result = fcemu("check", "--json", "fixtures/broken/unknown-key", "fixtures/hello")
    assert result.exit_code == 1
    broken, fine = json.loads(result.stdout)
    assert [(one["line"], one["column"]) for one in broken["problems"]] == [(8, 11), (9, 11)]
    assert fine == {"file": "fixtures/hello", "problems": [], "warnings": []}


def test_a_report_to_nobody_is_a_warning_and_strictly_a_problem(tmp_path):
    definition = tmp_path / "fcemu.yaml"
    (tmp_path / "index.py").write_text("def handler(event, context): pass\n")
    definition.write_text(
        "functions: {a: {handler: index.handler, asyncInvokeConfig: {onSuccess: 'function:nobody'}}}\n"
    )
    result = good("check", str(definition))
    assert result.stdout == (
        f"{definition}:1:72: warning: onSuccess: a reports to the function nobody, which is not defined\n"
    )
    assert fcemu("check", "--strict", str(definition)).exit_code == 1


def test_check_of_nothing_is_wrong_use():
    wrong(2, "check")
    assert fcemu("check", "nowhere.yaml").stdout == "nowhere.yaml: no such file or directory\n"
    assert fcemu("check", "nowhere.yaml").exit_code == 1


# invoke


def test_invoke_prints_just_what_the_function_returns(emulator):
    result = good("invoke", "flaky", "--payload", "{}")
    assert json.loads(result.stdout) == {"failures": 0, "retry": 0}
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("returned", "shown"), [(b"done", b"done\r\n"), (b"done\n", b"done\r\n"), (b"", b""), (b"a\n\n", b"a\r\n\r\n")]
)
def test_what_a_function_returns_ends_its_line_on_a_terminal_and_stays_as_it_is_in_a_pipe(emulator, returned, shown):
    emulator.add("f", lambda event, context: returned)
    assert good("invoke", "f").stdout_bytes == returned
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal, os.fdopen(theirs, "wb") as stdout:
        command = [sys.executable, "-m", "fcemu", "invoke", "f"]
        subprocess.run(command, stdout=stdout, check=True, timeout=CHILD_SECONDS)
        stdout.write(b"|")
        stdout.flush()
        said = b""
        while not said.endswith(b"|"):
            said += terminal.read(100)
    assert said == shown + b"|"


def test_the_payload_comes_from_text_file_or_stdin(emulator, tmp_path):
    event = tmp_path / "event.json"
    event.write_bytes(b'{"failures": 0}')
    good("invoke", "flaky", "--payload", f"@{event}")
    good("invoke", "flaky", "--payload", "-", input=b'{"sleep": 0}')
    assert [one.payload for one in emulator.invocations] == [b'{"failures": 0}', b'{"sleep": 0}']
    assert "cannot read nowhere.json: No such file" in wrong(2, "invoke", "flaky", "--payload", "@nowhere.json")


def test_a_function_error_is_printed_and_is_status_1(emulator):
    result = fcemu("invoke", "flaky", "--payload", '{"failures": 1}')
    assert result.exit_code == 1
    assert json.loads(result.stdout)["errorType"] == "NotYet"
    assert "flaky failed: " in result.stderr


def test_an_asynchronous_invocation_prints_its_request_id(emulator):
    result = good("invoke", "flaky", "--async", "--delay", "3m20s")
    (invocation,) = emulator.invocations
    assert result.stdout == f"{invocation.request_id}\n"
    assert invocation.due == emulator.at("+200s")
    assert "the clock is paused" in result.stderr


def test_invoke_as_json(emulator):
    told = json.loads(good("invoke", "flaky", "--payload", "{}", "--json").stdout)
    assert (told["status_code"], told["error"]) == (200, None)
    assert json.loads(told["body"]) == {"failures": 0, "retry": 0}


def test_what_fc_refuses_is_one_message(emulator):
    assert wrong(1, "invoke", "flakey") == "Error: FunctionNotFound: function 'flakey' does not exist.\n"
    assert "AsyncDelay" in wrong(1, "invoke", "flaky", "--async", "--delay", "2d")
    assert "'nobody'" in wrong(1, "invoke", "flaky", "--qualifier", "nobody")


def test_a_delay_has_its_conditions(emulator):
    assert "add --async" in wrong(2, "invoke", "flaky", "--delay", "1")
    assert "add --async" in wrong(2, "invoke", "flaky", "--task-id", "a")
    assert "whole seconds, not 1.5" in wrong(2, "invoke", "flaky", "--async", "--delay", "1.5")
    assert "'soon' is not a duration" in wrong(2, "invoke", "flaky", "--async", "--delay", "soon")


def test_a_task_has_the_name_that_it_is_given(emulator):
    emulator.define(
        {
            "functions": {
                "convert": {
                    "code": str(FIXTURES / "hello"),
                    "handler": "handler.hello",
                    "asyncInvokeConfig": {"asyncTask": True},
                }
            }
        }
    )
    result = good("invoke", "convert", "--async", "--task-id", "video-42")
    assert emulator.invocations[-1].task_id == "video-42"
    assert "not in task mode" not in result.stderr
    assert "AsyncTaskAlreadyExists" in wrong(1, "invoke", "convert", "--async", "--task-id", "video-42")
    assert "not in task mode" in good("invoke", "flaky", "--async", "--task-id", "video-42").stderr
    shown = good("invocations", "--task-id", "video-42").stdout.splitlines()
    assert len(shown) == 2
    assert "task      video-42" in good("invocations", emulator.invocations[0].request_id).stdout


# clock


def test_the_clock_is_shown_for_people(emulator):
    assert good("clock").stdout == good("clock", "show").stdout
    assert good("clock").stdout.splitlines() == [
        "now        2026-01-01T00:00:00.000000Z (+0 s)",
        "clock      paused",
        "next due   nothing",
        "in flight  0",
    ]


def test_the_clock_is_shown_for_programs(emulator):
    emulator.function("flaky").invoke_async(delay=200)
    assert json.loads(good("clock", "--json").stdout) == {
        "now": "2026-01-01T00:00:00.000000Z",
        "started": "2026-01-01T00:00:00.000000Z",
        "rate": 0.0,
        "autojump": False,
        "next_due": "2026-01-01T00:03:20.000000Z",
        "in_flight": 0,
        "behind": 0,
    }


@pytest.mark.parametrize(
    ("move", "seconds"),
    [
        (("advance", "200"), 200),
        (("advance", "1h30m"), 5400),
        (("to", "+200s"), 200),
        (("to", "2026-01-01T08:03:20+08:00"), 200),
        (("next",), 200),
        (("run-until-idle",), 200),
    ],
)
def test_every_move_moves(emulator, move, seconds):
    emulator.function("flaky").invoke_async(b"{}", delay=200)
    result = good("clock", *move)
    assert emulator.now == emulator.at(f"+{seconds}s")
    assert f"({offset(emulator.now, emulator.started)})\n" in result.stdout


def test_a_move_as_json(emulator):
    emulator.function("flaky").invoke_async(b"{}", delay=200)
    assert json.loads(good("clock", "advance", "199", "--json").stdout) == {
        "now": "2026-01-01T00:03:19.000000Z",
        "after": 1,
        "facts": 0,
    }


def test_options_before_a_move_hold_for_it(emulator, monkeypatch):
    monkeypatch.setenv("FCEMU_URL", "http://127.0.0.1:1")
    assert json.loads(good("clock", "--json", "--url", emulator.url, "advance", "1").stdout)["facts"] == 0


def test_the_clock_runs_and_pauses(emulator):
    assert "flows at rate 2" in good("clock", "rate", "2").stdout
    assert "paused" in good("clock", "pause").stdout
    assert emulator._engine.rate == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("to", "2026-01-01T00:00:00"), "has no offset"),
        (("to", "noon"), "'noon' is not an instant"),
        (("advance", "soon"), "'soon' is not a duration"),
        (("rate", "fast"), "expected a number from 0 to 1000000, got 'fast'"),
        (("rate", "nan"), "expected a number from 0 to 1000000, got nan"),
        (("advance",), "Missing argument 'BY'"),
    ],
)
def test_a_wrong_value_is_wrong_use(emulator, args, says):
    assert says in wrong(2, "clock", *args)


def test_a_move_that_fails_says_why(emulator):
    good("clock", "advance", "10")
    assert "time does not go back" in wrong(1, "clock", "to", "+1s")
    emulator.function("flaky").invoke_async(b"{}", delay=200)
    told = wrong(1, "clock", "run-until-idle", "--at-most", "1m")
    assert "work is left" in told
    assert "due next" in told


# timeline and explain


def test_the_timeline_is_the_emulators(emulator):
    assert "nothing happened yet" in good("timeline").stderr
    emulator.function("flaky").invoke_async(b"{}", delay=200)
    emulator.run_until_idle()
    assert good("timeline").stdout == emulator.timeline() + "\n"
    facts = [json.loads(line) for line in good("timeline", "--json").stdout.splitlines()]
    assert [fact["kind"] for fact in facts] == [fact.kind for fact in emulator.journal]


def test_a_followed_timeline_goes_on(emulator):
    """As a process, because it ends when the emulator does."""
    emulator.function("flaky").invoke(b"{}")
    with running("timeline", "--follow") as process:
        assert re.split(" {2,}", process.stdout.readline().strip())[1] == "flaky (1)"
        seen = [process.stdout.readline() for _ in range(len(emulator.timeline().splitlines()) - 1)]
        assert "Succeeded" in seen[-1]
        emulator.function("flaky").invoke_async(b"{}")
        assert "flaky (2)" in process.stdout.readline()
        emulator.queue("flaky-failures").send("hello")
        assert "message arrives: 'hello'" in process.stdout.readline()
        emulator.reset()
        assert process.wait(CHILD_SECONDS) == 0
        assert "was reset or has stopped" in process.stderr.read()


# journal and invocations


def columns(line):
    return re.split(" {2,}", line.strip())


def test_the_journal_is_a_table_of_all_facts(emulator):
    assert "nothing happened yet" in good("journal").stderr
    invocation = emulator.function("flaky").invoke_async(b'{"failures": 1}', delay=200)
    emulator.run_until_idle()
    lines = good("journal").stdout.splitlines()
    assert [int(columns(line)[0]) for line in lines] == [fact.n for fact in emulator.journal]
    kinds = {fact.kind for fact in emulator.journal}
    assert all(kinds.intersection(columns(line)) for line in lines)
    first, third = columns(lines[0]), columns(lines[3])
    assert first[:5] == ["1", "+0 s", "flaky", invocation.request_id, "Accepted"]
    assert 'due="2026-01-01T00:03:20.000000Z"' in first[5]
    assert third[1:6] == ["+200 s", "flaky", invocation.request_id, "#1", "Started"]


def test_the_journal_for_programs_is_the_apis(emulator):
    emulator.function("flaky").invoke(b"{}")
    facts = [json.loads(line) for line in good("journal", "--json").stdout.splitlines()]
    assert [(fact["n"], fact["kind"]) for fact in facts] == [(fact.n, fact.kind) for fact in emulator.journal]
    assert facts[0]["at"] == "2026-01-01T00:00:00.000000Z"


def test_the_journal_can_be_narrowed(emulator):
    emulator.function("flaky").invoke_async(b"{}")
    emulator.run_until_idle()
    of_audit = good("journal", "--function", "audit").stdout.splitlines()
    assert {columns(line)[2] for line in of_audit} == {"audit"}
    assert columns(good("journal", "--after", "3").stdout.splitlines()[0])[0] == "4"
    assert good("journal", "--function", "nobody").stderr == "there are no such facts\n"
    assert "parameter 'function': expected the name of a function" in wrong(1, "journal", "--function", "a/b/c")


def test_a_followed_journal_goes_on(emulator):
    """As a process, because it ends when the emulator does."""
    emulator.function("flaky").invoke(b"{}")
    with running("journal", "--follow") as process:
        seen = [process.stdout.readline() for _ in emulator.journal]
        assert "Succeeded" in seen[-1]
        emulator.function("flaky").invoke_async(b"{}")
        assert columns(process.stdout.readline())[0] == str(len(seen) + 1)
        emulator.reset()
        assert process.wait(CHILD_SECONDS) == 0
        assert "was reset or has stopped" in process.stderr.read()


def test_invocations_are_a_table_in_the_order_of_acceptance(emulator):
    assert "there are no such invocations" in good("invocations").stderr
    failed = emulator.function("flaky").invoke_async(b'{"failures": 9}', delay=200)
    waiting = emulator.function("flaky").invoke_async(b"{}", delay=1000)
    emulator.advance(500)
    heading, *lines = good("invocations").stdout.splitlines()
    assert heading.split() == ["REQUEST", "FUNCTION", "KIND", "STATUS", "ACCEPTED", "ENDED", "ATTEMPTS", "RESULT"]
    assert columns(lines[0])[:7] == [failed.request_id, "flaky", "async", "Failed", "+0 s", "+203.5 s", "4"]
    assert columns(lines[1]) == [waiting.request_id, "flaky", "async", "Enqueued", "+0 s", "0"]


def test_invocations_can_be_narrowed(emulator):
    ids = [emulator.function("flaky").invoke_async(b"{}", delay=delay).request_id for delay in (0, 10, 20)]
    emulator.advance(10)

    def listed(*args):
        return [columns(line)[0] for line in good("invocations", *args).stdout.splitlines()[1:]]

    assert listed("--function", "flaky", "--status", "Succeeded") == ids[:2]
    assert listed("--status", "succeeded") == listed("--status", "SUCCEEDED") == listed("--status", "Succeeded")
    assert listed("--function", "flaky", "--after", ids[0]) == ids[1:]
    assert listed("--limit", "1") == ids[:1]
    assert "parameter 'status': expected Enqueued" in wrong(1, "invocations", "--status", "Lost")


def test_one_invocation_is_shown_with_its_attempts_and_logs(emulator):
    request_id = emulator.function("flaky").invoke_async(b'{"failures": 1}', delay=200).request_id

    def shown():
        table, _, logs = good("invocations", request_id).stdout.partition("\n\n")
        return dict(columns(line)[:2] for line in table.splitlines()), logs

    assert shown()[0]["due"] == "2026-01-01T00:03:20.000000Z (+200 s)"
    emulator.run_until_idle()
    rows, logs = shown()
    assert rows["request"] == request_id
    assert rows["status"] == "Succeeded"
    assert rows["ended"] == "2026-01-01T00:03:20.500000Z (+200.5 s)"
    assert logs.startswith("logs of attempt 1:\nFC Invoke Start RequestId: ")
    assert rows["attempt 1"].startswith("function error (UnhandledInvocationError), started ")
    assert rows["attempt 2"].startswith("returned, started ")
    assert rows["delivered"].startswith("function:audit ")
    assert "leave REQUEST_ID out" in wrong(2, "invocations", request_id, "--limit", "1")
    assert "there is no invocation 'nope'" in wrong(1, "invocations", "nope")


def test_invocations_for_programs_are_the_apis_records(emulator):
    request_id = emulator.function("flaky").invoke_async(b"\xff", delay=200).request_id
    (told,) = json.loads(good("invocations", "--json").stdout)
    assert (told["request_id"], told["due"]) == (request_id, "2026-01-01T00:03:20.000000Z")
    assert told["payload"] == {"base64": "/w=="}
    assert json.loads(good("invocations", request_id, "--json").stdout) == told


# init


def test_a_new_folder_holds_a_definition_a_handler_and_a_test_that_passes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = good("init", "shop")
    assert result.stdout.splitlines() == ["shop/fcemu.yaml", "shop/handler.py", "shop/test_handler.py"]
    assert result.stderr == "Next: cd shop && python -m pytest\n"
    assert good("check", "--strict", "shop").stderr == "shop: good, 1 function\n"
    assert "\n3 passed" in suite(tmp_path / "shop")


def test_without_a_directory_the_files_are_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert good("init").stderr == "Next: python -m pytest\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fcemu.yaml", "handler.py", "test_handler.py"]


def test_files_that_are_there_stay_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "handler.py").write_text("mine")
    (tmp_path / "test_handler.py").symlink_to("nowhere")
    told = wrong(1, "init")
    assert told == "Error: handler.py and test_handler.py are already there; nothing was written\n"
    assert (tmp_path / "handler.py").read_text() == "mine"
    assert not (tmp_path / "fcemu.yaml").exists()


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")
    told = wrong(1, "init", str(tmp_path / "file" / "below"))
    assert "Not a directory; nothing was written" in told


def test_a_definition_that_is_there_gets_a_test(tmp_path, monkeypatch):
    shutil.copytree(FIXTURES / "generations", tmp_path / "media", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    assert good("init", "--from", "media").stdout == "media/conftest.py\nmedia/test_functions.py\n"
    test = tmp_path / "media" / "test_functions.py"
    test.write_text(test.read_text().replace("{}", '{"width": 21}'))
    assert "\n4 passed" in suite(tmp_path / "media")
    assert "is already there" in wrong(1, "init", "--from", "media/fcemu.yaml")


def test_a_test_may_stand_elsewhere_and_calls_functions_that_report_once_more(tmp_path):
    good("init", str(tmp_path / "tests"), "--from", str(FIXTURES / "flaky"))
    written = (tmp_path / "tests" / "test_functions.py").read_text()
    names = ["test_flaky_returns", "test_flaky_succeeds_later", "test_audit_hears_of_flaky"]
    assert sorted(re.findall(r"def (\w+)", written)) == sorted(names)
    assert "\n3 passed" in suite(tmp_path / "tests")


def test_a_conftest_that_is_there_stays_and_the_test_names_the_definition(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(FIXTURES / "hello", "hello", ignore=shutil.ignore_patterns("__pycache__"))
    Path("hello/conftest.py").write_text("# mine\n")
    assert good("init", "--from", "hello").stdout == "hello/test_functions.py\n"
    assert 'pytestmark = pytest.mark.fcemu("fcemu.yaml")' in Path("hello/test_functions.py").read_text()
    assert Path("hello/conftest.py").read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("folder", "file", "tests"),
    [
        ("funcraft-domains", "template.yml", ["test_forms_page_answers"]),
        (
            "devs-3-dotenv",
            "s.yaml",
            ["test_env_returns"],
        ),
    ],
)
def test_a_foreign_definition_gets_tests_that_pass(tmp_path, monkeypatch, folder, file, tests):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(FIXTURES / "foreign" / folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    good("init", "--from", f"{folder}/{file}")
    written = Path(folder, "test_functions.py").read_text()
    assert re.findall(r"def (\w+)", written) == tests


def test_a_timer_gets_a_test_that_fires_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(FIXTURES / "foreign" / "funcraft-events", "events", ignore=shutil.ignore_patterns("__pycache__"))
    good("init", "--from", "events/template.yml")
    written = Path("events/test_functions.py").read_text()
    assert re.findall(r"def (\w+)", written) == [
        "test_events_all_answers",
        "test_events_all_runs_when_hourly_fires",
        "test_events_all_runs_when_nightly_fires",
        "test_events_all_runs_when_objects_fires",
    ]
    assert 'fire(object="in/object.csv")' in written
    assert "\n3 passed" in suite(tmp_path / "events", "-k", "fires")


def test_every_function_gets_a_test_also_one_to_which_others_report_and_each_trigger_of_oss(tmp_path):
    (tmp_path / "index.py").write_text("def handler(event, context): ...\n")
    functions = {
        "charge": {"asyncInvokeConfig": {"onSuccess": "function:receipt", "onFailure": "function:apology"}},
        "receipt": {},
        "apology": {"asyncInvokeConfig": {"onSuccess": "function:page"}},
        "page": {"triggers": {"web": {"http": "any"}}},
        "again": {"asyncInvokeConfig": {"onFailure": "function:again"}},
        "objects": {
            "triggers": {
                "made": {"oss": {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"suffix": ".png"}}}},
                "gone": {"oss": {"events": ["oss:ObjectRemoved:*"]}, "sourceArn": "acs:oss:cn-hangzhou:1:b"},
                "any": {"oss": {}},
            }
        },
    }
    document = {"functions": {name: {"handler": "index.handler", **more} for name, more in functions.items()}}
    (tmp_path / "fcemu.yaml").write_text(json.dumps(document))
    good("init", "--from", str(tmp_path))
    written = (tmp_path / "test_functions.py").read_text()
    assert re.findall(r"def test_(\w+)", written) == [
        *("charge_returns", "charge_succeeds_later", "receipt_hears_of_charge"),
        *("apology_hears_of_charge", "apology_succeeds_later", "page_answers", "again_returns", "again_succeeds_later"),
        *("objects_returns", "objects_runs_when_made_fires", "objects_runs_when_gone_fires"),
        "objects_runs_when_any_fires",
    ]
    assert "\n12 passed" in suite(tmp_path)


def test_functions_whose_names_read_alike_get_a_test_each(tmp_path):
    folder = tmp_path / 'a "b"'
    folder.mkdir()
    (folder / "index.py").write_text("def handler(event, context): pass\n")
    (folder / "fcemu.yaml").write_text("functions: {a-b: {handler: index.handler}, a_b: {handler: index.handler}}\n")
    good("init", str(tmp_path), "--from", str(folder))
    assert "\n2 passed" in suite(tmp_path)


def test_a_definition_that_cannot_be_used_gets_no_test(tmp_path):
    assert "unknown key" in wrong(1, "init", str(tmp_path), "--from", "fixtures/broken/unknown-key")
    empty = tmp_path / "fcemu.yaml"
    empty.write_text("functions: {}\n")
    assert "defines no functions" in wrong(1, "init", "--from", str(empty))


def suite(directory, *more):
    """What pytest says of a directory as its user runs it: all passed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(directory), *more]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=CHILD_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# doctor


def test_the_doctor_says_what_is_installed_and_what_is_virtual():
    result = good("doctor", "--port", str(free_port()))
    assert result.stderr == "all is well\n"
    head, *lists = result.stdout.split("\n\n")
    found = {line.split()[0]: columns(line)[1] for line in head.splitlines()}
    assert found["python"] == f"{'.'.join(map(str, sys.version_info[:3]))}, {sys.executable}"
    assert found["port"] == "free"
    assert found["backend"] in ("freezegun", "time-machine")
    assert {"fcemu", "freezegun", "time-machine", "pytest", "node", "libfaketime"} <= found.keys()
    titles = [text.splitlines()[0] for text in lists]
    assert titles[0] == "virtual in handlers:"
    assert "real on purpose:" in titles
    virtual = lists[0].split("\n  ")
    assert {"time.time", "time.sleep", "datetime.now", "date.today", "asyncio.sleep", "time.monotonic"} <= set(virtual)


def test_the_doctor_begins_with_its_verdict_and_fits_80_columns():
    result = good("doctor", "--port", "0")
    verdict, *lines = result.output.splitlines()
    assert verdict == "all is well"
    assert [line for line in lines if len(line) > 80 and sys.executable not in line] == []


def test_the_doctor_for_programs():
    told = json.loads(good("doctor", "--json", "--port", str(free_port())).stdout)
    assert told["problems"] == []
    assert told["virtual"]["time.time"] is True
    assert told["virtual_in_processes"].keys() == told["virtual"].keys()
    assert all(told["virtual_in_processes"].values())
    assert told["found"]["freezegun"] == version("freezegun")
    assert all(each["what"] and each["why"] for each in told["real_on_purpose"])


def test_the_doctor_says_what_is_virtual_for_handlers_in_other_languages_that_can_run_here(monkeypatch):
    told = {each["of"]: each for each in json.loads(good("doctor", "--json", "--port", "0").stdout)["other_languages"]}
    assert ("Node.js handlers" in told) == (shutil.which("node") is not None)
    if "Node.js handlers" in told:
        assert any("setTimeout" in what for what in told["Node.js handlers"]["virtual"])
    if "programs on a paused clock" in told:
        assert any("Go programs" in each["what"] for each in told["programs on a paused clock"]["real"])
    monkeypatch.setenv("FCEMU_NODE", "no-such-node")
    assert "Node.js handlers" not in good("doctor", "--port", "0").stdout


@pytest.mark.parametrize("backend", ["freezegun", "time-machine"])
def test_the_doctor_names_the_backend_in_force(backend):
    """As a process, because a process has one backend."""
    with running("doctor", "--json", "--port", "0", variables={"FCEMU_BACKEND": backend}) as process:
        told = json.loads(process.stdout.read())
    assert (told["found"]["backend"], told["problems"]) == (backend, [])


def test_a_backend_that_there_is_not_is_wrong():
    with running("doctor", "--port", "0", variables={"FCEMU_BACKEND": "sundial"}) as process:
        assert process.wait(CHILD_SECONDS) == 1
        assert "wrong: backend: FCEMU_BACKEND: expected" in process.stderr.read()


def test_a_port_that_something_else_has_is_wrong():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        threading.Thread(target=hang_up, args=(taken,)).start()
        port = taken.getsockname()[1]
        told = wrong(1, "doctor", "--port", str(port))
    assert told.splitlines() == [
        (
            f"wrong: port {port}: choose another --port for fcemu serve (0 chooses "
            "any), or stop the program that listens there"
        ),
        "1 problem",
    ]


def hang_up(server):
    server.accept()[0].close()


def test_a_port_that_an_emulator_has_is_well(emulator):
    result = good("doctor", "--port", str(emulator.port))
    assert f"in use by an emulator, fcemu {version('fcemu')}" in result.stdout


def test_a_time_function_that_something_else_has_replaced_is_wrong(monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1_000_000_000.0)
    told = wrong(1, "doctor", "--port", str(free_port()))
    assert "virtual time: handlers get real time from time.time" in told


def test_explain_says_what_the_emulator_says(emulator):
    assert good("explain").stdout == emulator.explain() + "\n"
    assert json.loads(good("explain", "--json").stdout)["text"] == emulator.explain()


# Where the emulator is


@pytest.mark.parametrize("command", [("clock",), ("timeline",), ("explain",), ("invoke", "flaky"), ("clock", "next")])
def test_without_an_emulator_every_command_says_what_to_do(command):
    url = f"http://127.0.0.1:{free_port()}"
    told = wrong(1, *command, "--url", url)
    assert told.startswith(f"Error: no emulator at {url}: connection refused. Start one with 'fcemu serve'")
    assert told.count("\n") == 1


def test_another_server_is_told_apart_from_an_emulator():
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer():
            connection, _ = other.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"time": 12}')

        thread = threading.Thread(target=answer)
        thread.start()
        said = wrong(1, "clock", "--url", f"http://127.0.0.1:{other.getsockname()[1]}")
        thread.join()
    assert said.splitlines()[-1].endswith(
        "answers /_fcemu/clock with JSON that is not an emulator's; is one of this version running there?"
    )


def test_the_option_wins_over_the_variable(emulator, monkeypatch):
    monkeypatch.setenv("FCEMU_URL", "http://127.0.0.1:1")
    good("clock", "--url", emulator.url)


def test_a_url_that_is_none_is_wrong_use():
    assert "is not the URL of an emulator" in wrong(2, "clock", "--url", "http://host:port")


# serve


def test_serve_runs_until_it_is_told_to_stop(tmp_path):
    ready = tmp_path / "ready"
    ready.write_text("http://stale")
    with serving("fixtures/orders", "--rate", "0", "--ready-file", str(ready)) as (process, client, line):
        assert f"serves 2 functions from fixtures/orders/fcemu.yaml at {client.url}" in line
        assert ready.read_text() == client.url
        told = process.stderr.readline()
        assert "paused" in told
        assert "fcemu clock advance 1h --url" in told
        assert client.invoke("orders/charge", b'{"order": 7, "card": "good"}').error is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(CHILD_SECONDS) == 0
        assert "stopping\n" in process.stderr.read()
        assert not ready.exists()


def test_serve_stops_cleanly_on_ctrl_c_with_a_handler_asleep():
    with serving("fixtures/flaky", "--rate", "1") as (process, client, _):
        client.invoke("flaky", b'{"sleep": 50}', asynchronous=True)
        facts = client.journal(follow=True)
        assert any(fact.kind == "Slept" for fact in facts)
        process.send_signal(signal.SIGINT)
        assert process.wait(CHILD_SECONDS) == 0
        assert "Traceback" not in process.stderr.read()


def test_serve_fires_the_timers_of_a_definition_by_itself_on_a_flowing_clock(tmp_path):
    data = str(tmp_path / "nights.db")
    for _ in range(2):
        with serving("fixtures/nightly", "--rate", "1000000", "--data", data) as (_, client, _):
            already = sum(1 for _ in client.journal())
            facts = client.journal(after=already, follow=True)
            assert any(fact.kind == "Accepted" and fact.data["source"] == "timer" for fact in facts)


def test_serve_without_a_definition_starts_empty_in_real_time():
    with serving() as (process, client, line):
        assert "serves no functions at" in line
        assert "real speed" in process.stderr.readline()
        clock = client.clock()
        assert (clock.rate, clock.autojump) == (1, False)


def test_a_reset_begins_anew():
    with serving("fixtures/flaky", "--rate", "0", "--start", "2026-03-01T00:00:00Z") as (_, client, _):
        client.invoke("flaky", b"{}", asynchronous=True)
        first = client.invocations()[0].request_id
        assert client.reset().now.isoformat() == "2026-03-01T00:00:00+00:00"
        assert client.invocations() == []
        assert client.invoke("flaky", b"{}", asynchronous=True).request_id == first


def test_the_command_line_wins_over_the_variable_over_the_block(tmp_path):
    (tmp_path / "index.py").write_text("def handler(event, context): pass\n")
    (tmp_path / "fcemu.yaml").write_text(
        "functions: {a: {handler: index.handler}}\n"
        "emulator: {clock: {rate: 3, start: 2026-03-03T00:00:00Z, autojump: false}}\n"
    )
    with serving(str(tmp_path)) as (_, client, _):
        assert client.clock().rate == 3
    variables = {"FCEMU_RATE": "0", "FCEMU_START": "2026-05-05T00:00:00Z", "FCEMU_AUTOJUMP": "true"}
    with serving(str(tmp_path), "--start", "2026-06-06T00:00:00Z", variables=variables) as (_, client, _):
        clock = client.clock()
        assert (clock.rate, clock.autojump) == (0, True)
        assert clock.started.isoformat() == "2026-06-06T00:00:00+00:00"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FCEMU_PORT", "many"),
        ("FCEMU_RATE", "-1"),
        ("FCEMU_START", "noon"),
        ("FCEMU_SEED", "x"),
        ("FCEMU_RUNTIME", "jvm"),
        ("FCEMU_ACCOUNT", "me"),
        ("FCEMU_LIMITS", "none"),
        ("FCEMU_WATCHDOG", "0"),
        ("FCEMU_LOG_FORMAT", "xml"),
        ("FCEMU_AUTOJUMP", "perhaps"),
        ("FCEMU_VERBOSE", "perhaps"),
    ],
)
def test_each_option_of_serve_has_its_variable(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    assert f"env var: '{variable}'" in wrong(2, "serve")


def test_every_option_of_serve_has_a_variable_of_its_name():
    for option in main.commands["serve"].params:
        if option.param_type_name == "option" and "--help" not in option.opts:
            longest = max(option.opts, key=len)
            assert option.envvar == "FCEMU_" + longest[2:].replace("-", "_").upper()


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--start", "2026-01-01T00:00:00", "expected a date and time with a zone"),
        ("--start", "+200s", "expected a date and time with a zone"),
        ("--rate", "inf", "expected a number from 0 to 1000000, got inf"),
        ("--ready-file", "nowhere/ready", "there is no directory"),
    ],
)
def test_a_wrong_option_of_serve_is_wrong_use(option, value, says):
    assert says in " ".join(wrong(2, "serve", option, value).split())


def test_a_broken_definition_is_shown_with_all_its_problems():
    told = wrong(1, "serve", "fixtures/broken/unknown-key")
    assert "unknown key 'maxAsyncRetryAttempt'" in told
    assert "unknown key 'deadLetters'" in told
    assert "fixtures/broken/unknown-key cannot be used: 2 problems" in told


def test_relaxed_limits_of_the_server_do_not_widen_a_definition():
    told = wrong(1, "serve", "fixtures/broken/out-of-range", "--limits", "relaxed")
    assert "to widen the limits of a definition, write 'emulator: {limits: relaxed}' in it" in told
    assert "--limits" not in wrong(1, "serve", "fixtures/broken/out-of-range")


def test_a_port_in_use_is_one_message():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running("serve", "--port", str(port)) as process:
            assert process.wait(CHILD_SECONDS) == 1
            assert process.stderr.read() == (
                f"Error: cannot listen on 127.0.0.1:{port}: it is in use. Stop the "
                "program that listens there, or choose another "
                "--port (0 chooses any)\n"
            )


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid"])
def test_a_host_that_is_not_here_is_one_message(host):
    with running("serve", "--port", "0", "--host", host) as process:
        assert process.wait(CHILD_SECONDS) == 1
        told = process.stderr.read()
        assert told.startswith(f"Error: cannot listen on {host}:0: ")
        assert told.count("\n") == 1


def test_other_hosts_are_warned_of():
    with serving("--host", "0.0.0.0") as (process, client, _):
        assert client.url.startswith("http://127.0.0.1:")
        process.stderr.readline()
        assert process.stderr.readline().startswith("warning: --host 0.0.0.0: anyone who reaches this machine")


def status_for(url, host):
    """What a request for the clock that names ``host`` is answered."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=CHILD_SECONDS)
    connection.request("GET", "/_fcemu/clock", headers={"Host": host})
    status = connection.getresponse().status
    connection.close()
    return status


def test_other_names_are_allowed_one_by_one():
    with serving("--allow-host", "host.docker.internal", "--allow-host", "fcemu.lan") as (_, client, _):
        asked = ["host.docker.internal:9527", "fcemu.lan", "localhost", "fcv3.cn-hangzhou.aliyuncs.com", "evil.example"]
        assert [status_for(client.url, host) for host in asked] == [200, 200, 200, 200, 403]


def test_other_names_are_allowed_by_the_variable():
    with serving(variables={"FCEMU_ALLOW_HOST": "host.docker.internal fcemu.lan"}) as (_, client, _):
        asked = ["host.docker.internal", "fcemu.lan", "evil.example"]
        assert [status_for(client.url, host) for host in asked] == [200, 200, 403]


@pytest.mark.parametrize("command", [["serve"], ["exec"]])
@pytest.mark.parametrize("host", ["http://a.example", "a.example:80", ""])
def test_what_is_no_host_name_cannot_be_allowed(command, host):
    told = wrong(2, *command, "--allow-host", host, *(["--", "true"] if command == ["exec"] else []))
    assert "expected a list of host names without scheme and port, got" in told
    assert repr(host) in told


WHERE = """
import os

def handler(event, context):
    if event == b"leave":
        os._exit(1)
    return str(os.getppid()) + " " + str(os.getpid())
"""


@pytest.mark.parametrize(
    ("arguments", "here"), [((), False), (("--runtime", "process"), False), (("--runtime", "inline"), True)]
)
def test_serve_runs_handlers_in_processes_of_their_own_unless_told_otherwise(tmp_path, arguments, here):
    (tmp_path / "index.py").write_text(WHERE)
    (tmp_path / "fcemu.yaml").write_text("functions: {where: {handler: index.handler, code: .}}\n")
    with serving(str(tmp_path), *arguments) as (process, client, _):
        parent, pid = map(int, client.invoke("where", b"").body.split())
        assert (pid == process.pid) is here
        if not here:
            assert "Process exited unexpectedly" in client.invoke("where", b"leave").body.decode()
            assert client.invoke("where", b"").body.split()[1] != str(pid).encode()
        process.terminate()
        assert process.wait(60) == 0
        if not here:
            with pytest.raises(ProcessLookupError):
                os.kill(parent, 0)


def test_a_python_that_is_not_there_is_wrong_use():
    told = " ".join(wrong(2, "serve", "--port", "0", "--python", "no/such/python").split())
    assert "option python: there is no program 'no/such/python'" in told


def test_verbose_logs_facts_as_json():
    with serving("fixtures/flaky", "--rate", "0", "-v", "--log-format", "json") as (process, client, line):
        assert json.loads(line)["url"] == client.url
        assert "paused" in json.loads(process.stderr.readline())["message"]
        request_id = client.invoke("flaky", b"{}", asynchronous=True).request_id
        fact = json.loads(process.stderr.readline())["fact"]
        assert (fact["kind"], fact["request_id"]) == ("Accepted", request_id)


@pytest.mark.parametrize(
    "command", [("demo",), ("serve", "--port", "0"), ("serve", str(ROOT / "fixtures/hello"), "--port", "0")]
)
def test_a_backend_that_there_is_not_is_wrong_use(command):
    environment = os.environ | {"FCEMU_BACKEND": "sundial"}
    whole = [sys.executable, "-m", "fcemu", *command]
    told = subprocess.run(whole, env=environment, capture_output=True, text=True, timeout=CHILD_SECONDS)
    assert told.returncode == 2
    assert "FCEMU_BACKEND: expected auto, freezegun or time-machine, got 'sundial'" in told.stderr
    assert "Traceback" not in told.stderr


def test_serve_makes_one_application_of_several_definitions(tmp_path):
    definitions = []
    for name, reports in (("charge", ", asyncInvokeConfig: {onSuccess: 'function:receipt'}"), ("receipt", "")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "index.py").write_text(f"def handler(event, context):\n    return '{name}'\n")
        (folder / "fcemu.yaml").write_text(f"functions:\n  {name}: {{handler: index.handler, code: .{reports}}}\n")
        definitions.append(str(folder))
    with running("serve", "--port", "0", "--rate", "0", definitions[0]) as process:
        assert "charge reports to the function receipt, which is not defined" in process.stderr.readline()
    with running("serve", "--port", "0", "--rate", "0", *definitions) as process:
        greeting = process.stderr.readline()
        assert f"serves 2 functions from {', '.join(definitions)} at " in greeting
        client = Client(re.search(r"http://[\w.:]+", greeting)[0])
        client.invoke("charge", asynchronous=True)
        client.run_until_idle()
        assert {one.function: one.status for one in client.invocations()} == {
            "charge": "Succeeded",
            "receipt": "Succeeded",
        }


def test_a_function_that_two_definitions_have_is_refused():
    with running("serve", "fixtures/hello", "fixtures/hello") as process:
        said = process.communicate(timeout=CHILD_SECONDS)[1]
    assert process.returncode == 1
    assert "function hello is already defined in" in said
    assert "cannot be used: 1 problem" in said
