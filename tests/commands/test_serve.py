"""The terminal of ``serve``: what is said at the start, and while something happens."""

import asyncio
import fcntl
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import termios
import threading
from io import StringIO
from pathlib import Path

import pytest
from patience import CHILD_SECONDS, WAIT_SECONDS, wait_until
from running import good, running, serving, wrong

from fcemu.client import Client, ClientError
from fcemu.commands import terminal
from fcemu.commands.log import Writer
from fcemu.commands.terminal import without_error
from fcemu.testing import LocalEmulator

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
REAL_HOST = "1234567890123456.cn-hangzhou.fc.aliyuncs.com"
HANDLER = """
import json, logging, socket, sys, time

def inner(order):
    return order["card"]

def charge(event, context):
    order = json.loads(event)
    print("charging", order.get("order"))
    logging.getLogger().info("logged")
    time.sleep(order.get("sleep", 0))
    print("no end of line", end="")
    return inner(order)

def call(event, context):
    for _ in "12":
        try:
            socket.getaddrinfo(event.decode(), 443, flags=socket.AI_NUMERICHOST)
        except OSError:
            pass
"""
DEFINITION = """
functions:
  charge:
    handler: handler.charge
    timeout: 600
    asyncInvokeConfig: {maxAsyncRetryAttempts: 1, onFailure: 'queue:declined'}
    triggers:
      hourly: {timer: '@every 1h'}
      web: {http: [GET], authType: anonymous}
  call: {handler: handler.call}
"""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("FCEMU_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "handler.py").write_text(HANDLER)
    (tmp_path / "fcemu.yaml").write_text(DEFINITION)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines_until(process, text):
    """The lines on stderr up to the one that has ``text``."""
    lines = []
    while not lines or text not in lines[-1]:
        lines.append(process.stderr.readline())
        assert lines[-1], f"the server ended without a line that has {text!r}: {lines}"
    return lines


def rest(process):
    """What the server says until it has stopped."""
    process.send_signal(signal.SIGTERM)
    said = process.stderr.read()
    assert process.wait(CHILD_SECONDS) == 0
    return said


# The start.


def test_the_start_tells_of_functions_of_what_invokes_them_and_of_where_to_look(folder):
    with serving("--rate", "0", "--start", "2026-01-01T00:00:00Z") as (process, client, line):
        assert "serves 2 functions from fcemu.yaml at" in line
        said = "".join(lines_until(process, "SECRET"))
        assert re.search(r"^  charge +timer hourly, next at \+1h$", said, re.MULTILINE)
        (web,) = [each.url for each in client.functions()[0].triggers if each.url]
        assert f"{web}/\n" in said
        assert re.search(r"^  call$", said, re.MULTILINE)
        assert f"page: {client.url}/_fcemu/\n" in said
        assert f"  export FC_ENDPOINT={client.url}\n" in said
        assert "not intercepted" in process.stderr.readline()


def test_the_export_lines_are_a_shells(folder):
    with serving("--rate", "0") as (process, client, _):
        exports = "".join(line for line in lines_until(process, "SECRET") if line.startswith("  export "))
        shown = subprocess.run(
            ["sh", "-c", f"{exports}\necho $FC_ENDPOINT $FC_ACCOUNT_ID $FC_REGION $ALIBABA_CLOUD_ACCESS_KEY_ID"],
            capture_output=True,
            text=True,
            check=True,
            timeout=CHILD_SECONDS,
        )
        assert shown.stdout.split() == [client.url, "1234567890123456", "cn-hangzhou", "test"]


@pytest.mark.parametrize("name", ["fcemu.yaml", "s.yaml"])
def test_the_definition_of_the_working_directory_is_used(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "handler.py").write_text(HANDLER)
    text = "functions: {f: {handler: handler.charge}}\n"
    if name == "s.yaml":
        text = (
            "edition: 3.0.0\nname: app\naccess: default\nresources:\n  f:\n    component: fc3\n    props:\n"
            "      region: cn-hangzhou\n      functionName: f\n      handler: handler.charge\n"
            "      runtime: python3.10\n      code: .\n"
        )
    (tmp_path / name).write_text(text)
    with serving() as (_, client, line):
        assert f"serves 1 function from {name} at" in line
        assert [each.name for each in client.functions()] == ["f"]


def test_the_server_starts_empty_where_that_is_wanted(folder):
    with serving("--empty") as (_, client, line):
        assert "serves no functions at" in line
        assert client.functions() == []
    assert "leave one of them out" in wrong(2, "serve", "fcemu.yaml", "--empty")


def test_what_is_intercepted_is_said_at_the_start(folder):
    with serving("--rate", "0", "--intercept") as (process, _, _):
        assert "intercepted: *.fc.aliyuncs.com" in lines_until(process, "reach it after")[-1]
    with running("exec", "--intercept-only", "--", "true") as process:
        said = process.communicate(timeout=CHILD_SECONDS)[1]
    assert "intercepted, and other hosts are refused: *.fc.aliyuncs.com" in said


# While something happens.


def happened(process, client):
    """The lines of three invocations on a paused clock, without those of the start."""
    lines_until(process, "not intercepted")
    client.invoke("charge", b'{"order": 7, "card": "visa", "sleep": 5}', asynchronous=True)
    client.invoke("charge", b'{"order": 8}', asynchronous=True, delay=10)
    client.run_until_idle()
    return lines_until(process, "delivered")


def test_each_request_attempt_retry_and_report_is_a_line_with_virtual_time(folder):
    with serving("--rate", "0") as (process, client, _):
        text = re.sub(r"\[1-\S+\]|\S+Z \S+ \[INFO\] ", "", "".join(happened(process, client)))
        lines = [re.sub(r" +", " ", line).strip() for line in text.splitlines()]
        assert lines == [
            "+0 s charge (1) accepted",
            "+0 s charge (2) accepted, due +10 s",
            "+0 s charge (1) | charging 7",
            "+0 s charge (1) | logged",
            "+5 s charge (1) | no end of line",
            "+5 s charge (1) attempt 1 returned 'visa'",
            "+10 s charge (2) | charging 8",
            "+10 s charge (2) | logged",
            "+10 s charge (2) | no end of line",
            "+10 s charge (2) attempt 1 failed: KeyError: 'card'",
            "Traceback (most recent call last):",
            'File "handler.py", line 13, in charge',
            "return inner(order)",
            'File "handler.py", line 5, in inner',
            'return order["card"]',
            "KeyError: 'card'",
            "+10 s charge (2) retried after 0.5 s, at +10.5 s",
            "+10.5 s charge (2) | charging 8",
            "+10.5 s charge (2) | logged",
            "+10.5 s charge (2) | no end of line",
            "+10.5 s charge (2) attempt 2 failed: KeyError: 'card'",
            "the same traceback as the attempt before",
            "+10.5 s charge (2) Failed: function error, 1 retries used up",
            "+10.5 s charge (2) delivered to queue:declined",
        ]


@pytest.mark.parametrize("runtime", ["process", "inline"])
def test_on_a_flowing_clock_lines_have_the_time_of_day_and_a_running_attempt_is_heard(folder, runtime):
    with serving("--rate", "1", "--runtime", runtime) as (process, client, _):
        lines_until(process, "not intercepted")
        client.invoke("charge", b'{"order": 7, "sleep": 500}', asynchronous=True)
        for line in lines_until(process, "| charging 7"):
            assert re.match(r"\d\d:\d\d:\d\d  \+", line)
        assert client.invocations()[0].status == "Running"
        assert "returned" not in rest(process)
        assert process.stdout.read() == ""


def test_quiet_tells_of_failures_only(folder):
    with serving("--rate", "0", "-q") as (process, client, _):
        client.invoke("charge", b'{"order": 7, "card": "visa"}', asynchronous=True)
        client.invoke("charge", b'{"order": 8}', asynchronous=True)
        client.run_until_idle()
        lines = rest(process).splitlines()
        assert re.search(r"Failed: function error, 1 retries used up$", lines[0])
        assert lines[1] == "    Traceback (most recent call last):"
        assert lines[-1] == "    KeyError: 'card'"
    assert "leave one of them out" in wrong(2, "serve", "-q", "-v", "--empty")


def test_verbose_tells_of_every_fact(folder):
    with serving("--rate", "0", "-v") as (process, client, _):
        text = "".join(happened(process, client))
        for detail in ("dequeued", "new instance", "attempt 1 starts", "sleeps 5 s", "Succeeded"):
            assert detail in text


def test_what_follows_a_reset_is_told_too(folder):
    with serving("--rate", "0") as (process, client, _):
        client.invoke("charge", b'{"order": 1}', asynchronous=True)
        lines_until(process, "accepted")
        client.reset()
        client.invoke("charge", b'{"order": 2, "card": 1}', asynchronous=True)
        client.run_until_idle()
        lines = lines_until(process, "returned")
        assert "charge (1)  accepted" in lines[0]
        assert any("| charging 2" in line for line in lines)


def test_a_server_whose_stderr_nobody_reads_goes_on(folder):
    with serving("--rate", "0") as (process, client, _):
        for _ in range(5):
            client.invoke("charge", b'{"order": "%b", "card": 1}' % (b"x" * 20_000), asynchronous=True)
            assert client.run_until_idle().facts
        assert len(client.invocations()) == 5
        said = rest(process)
        assert said.count("| charging") == 5


def held_by(pipe):
    """How many bytes nobody has read yet."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


def test_a_server_whose_stderr_is_a_full_pipe_logs_answers_and_ends_by_a_signal(folder):
    with serving("--rate", "0") as (process, client, _):
        for _ in range(5):
            client.invoke("charge", b'{"order": "%b", "card": 1}' % (b"x" * 20_000), asynchronous=True)
            assert client.run_until_idle().facts
        wait_until(lambda: held_by(process.stderr) > 40_000)  # of more than a pipe holds
        for _ in range(3):  # each of these is a line of the log, written on the event loop
            with pytest.raises(ClientError):
                client.invoke("nothing")
        process.terminate()
        assert process.wait(WAIT_SECONDS) == 0


def test_a_busy_server_leaves_lines_out_and_says_so(monkeypatch):
    monkeypatch.setattr(terminal, "_BURST", 100)
    monkeypatch.setattr(terminal, "_A_SECOND", 0)
    monkeypatch.setattr(terminal, "_PAUSE_SECONDS", 3600)  # all of it is told at the end
    written = StringIO()
    writer = Writer(written)

    async def story():
        with LocalEmulator(strict=False) as emulator:
            told = terminal.Terminal(writer, quiet=False, verbose=True, as_json=False)
            told.hear(emulator._access.engine)
            echo = emulator.add("echo", lambda event, context: event).aio
            for _ in range(100):
                await echo.invoke_async("x")
            await emulator.aio.run_until_idle()
            facts = len(emulator.journal)
            await asyncio.to_thread(told.close)
            return facts

    facts = asyncio.run(story())
    writer.close()
    first, *lines = written.getvalue().splitlines()
    assert first == f"… {facts - 100} more facts are not shown here; 'fcemu timeline' shows all"
    assert len(lines) == 100
    assert lines[-1].endswith("Succeeded")


class Texts:
    """A writer that keeps what it is to write."""

    def __init__(self):
        self.portions = []
        self.came = asyncio.Event()

    def write(self, text):
        self.portions.append(text.splitlines())
        self.came.set()


def test_many_facts_are_told_in_portions_so_that_requests_come_in_between(monkeypatch):
    monkeypatch.setattr(terminal, "_PORTION", 10)
    monkeypatch.setattr(terminal, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(terminal, "_BREATH_SECONDS", 0)
    texts = Texts()

    def invoke(emulator):
        echo = emulator.add("echo", lambda event, context: event)
        for _ in range(20):
            echo.invoke_async("x")
        emulator.run_until_idle()

    async def story(emulator):
        told = terminal.Terminal(texts, quiet=False, verbose=True, as_json=False)
        told.hear(emulator._access.engine)
        thread = threading.Thread(target=invoke, args=(emulator,))
        thread.start()
        thread.join()  # the loop waits, so that all of it is there when the first is told
        async with asyncio.timeout(WAIT_SECONDS):
            while sum(map(len, texts.portions)) < len(emulator.journal):
                texts.came.clear()
                await texts.came.wait()

    with LocalEmulator() as emulator:
        asyncio.run(story(emulator))
    assert max(map(len, texts.portions)) == 10
    lines = [line for portion in texts.portions for line in portion]
    ends = [line.split("  ")[1] for line in lines if line.endswith("Succeeded")]
    assert ends == [f"echo ({number})" for number in range(1, 21)]


# As JSON.


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def test_as_json_every_line_is_an_object(folder):
    with serving("--rate", "0", "--log-format", "json") as (process, client, line):
        first = json.loads(line)
        assert (first["event"], first["url"], first["functions"]) == ("serving", client.url, 2)
        assert first["variables"]["FC_ENDPOINT"] == client.url
        assert {each["name"] for each in first["triggers"]} == {"hourly", "web"}
        client.invoke("charge", b'{"order": 8}', asynchronous=True)
        client.run_until_idle()
        told = objects(rest(process))
        facts = [each["fact"]["kind"] for each in told if "fact" in each]
        assert facts == ["Accepted", "Finished", "RetryPlanned", "Finished", "Failed", "Delivered"]
        (failed, _) = [each for each in told if each.get("fact", {}).get("kind") == "Finished"]
        assert 'File "handler.py", line 5, in inner' in failed["traceback"]
        output = [each for each in told if each.get("event") == "output"]
        assert {(each["attempt"], each["message"]) for each in output} >= {(1, "charging 8"), (2, "charging 8")}
        assert [each["level"] for each in told if each.get("fact", {}).get("kind") == "Failed"] == ["error"]


def test_as_json_what_is_wrong_is_an_object_too(folder):
    (folder / "fcemu.yaml").write_text("functions: {f: {handler: 1}}\n")
    for command in (
        ["serve", "--port", "0", "--log-format", "json"],
        ["exec", ".", "--log-format", "json", "--", "true"],
    ):
        with running(*command) as process:
            said = process.communicate(timeout=CHILD_SECONDS)[1]
            assert process.returncode == 1
        first, last = objects(said)
        assert "handler" in first["message"]
        assert "cannot be used: 1 problem" in last["message"]


def test_as_json_exec_says_nothing_else(folder):
    command = ["exec", "--log-format", "json", "--timeline", "always", "--intercept", "--"]
    with running(*command, "true") as process:
        told = objects(process.communicate(timeout=CHILD_SECONDS)[1])
    assert [each["message"].partition(":")[0] for each in told] == ["intercepted", "fcemu timeline"]
    with running(*command, "no-such-program") as process:
        told = objects(process.communicate(timeout=CHILD_SECONDS)[1])
        assert process.returncode == 127
    assert "there is no program 'no-such-program'" in told[-1]["message"]


# Definitions that are edited.


@pytest.fixture
def watched(folder):
    with running("serve", "--port", "0", "--rate", "0", "--watch") as process:
        client = Client(re.search(r"http://[\w.:]+", lines_until(process, "serves")[-1])[0])
        lines_until(process, "watching")
        yield folder, process, client


def write(path, text):
    """In one change: there is no moment at which half of it is there."""
    new = path.with_name("new~")
    new.write_text(text)
    new.replace(path)


def test_an_edited_definition_is_read_again(watched):
    folder, process, client = watched
    write(folder / "fcemu.yaml", "functions: {charge: {handler: handler.call}, more: {handler: handler.call}}\n")
    lines_until(process, "read again")
    assert [(each.name, each.handler, each.triggers) for each in client.functions()] == [
        ("charge", "handler.call", []),
        ("more", "handler.call", []),
    ]
    client.reset()
    assert [each.name for each in client.functions()] == ["charge", "more"]


def test_the_last_good_definition_stays_and_its_problems_are_told(watched):
    folder, process, client = watched
    write(folder / "fcemu.yaml", "functions: {charge: {handlr: handler.charge}}\n")
    said = "".join(lines_until(process, "fcemu keeps the previous definition"))
    assert "handlr" in said
    assert len(client.functions()) == 2
    assert client.invoke("charge", b'{"card": 1}').body == b"1"
    write(folder / "fcemu.yaml", DEFINITION)
    lines_until(process, "read again")


def test_options_of_an_edited_definition_are_told_of(watched):
    folder, process, client = watched
    write(folder / "fcemu.yaml", f"{DEFINITION}emulator: {{idleSeconds: 5}}\n")
    lines_until(process, "cannot change the options of the emulator: idle")
    assert len(client.functions()) == 2


def test_code_of_a_new_directory_is_watched_from_then_on(watched):
    folder, process, client = watched
    (folder / "new").mkdir()
    (folder / "new" / "other.py").write_text("def f(event, context):\n    return 'one'\n")
    write(folder / "fcemu.yaml", f"{DEFINITION}  other: {{handler: other.f, code: new}}\n")
    lines_until(process, "watching")
    assert client.invoke("other", b"").body == b"one"
    write(folder / "new" / "other.py", "def f(event, context):\n    return 'two'\n")
    lines_until(process, "new instances for")
    assert client.invoke("other", b"").body == b"two"


# Calls of FC itself.


@pytest.mark.parametrize("runtime", ["process", "inline"])
def test_a_handler_that_calls_fc_itself_is_told_of_once(folder, runtime):
    with serving("--rate", "0", "--runtime", runtime) as (process, client, _):
        client.invoke("call", REAL_HOST.encode())
        said = rest(process)
        assert said.count(f"a handler calls {REAL_HOST}, which fcemu does not intercept") == 1
        assert "warning: a handler calls" in said
        assert "fcemu: warning" not in said


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_a_handler_in_node_that_calls_fc_itself_is_told_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "index.js").write_text(
        "exports.handler = (event, context, callback) => {\n"
        "  const lookup = (host, options, done) => done(new Error('no names here'));\n"
        "  const socket = require('net').connect({host: event.toString(), port: 443, lookup});\n"
        "  socket.on('error', (error) => callback(null, error.message));\n"
        "};\n"
    )
    (tmp_path / "fcemu.yaml").write_text("functions: {f: {handler: index.handler, runtime: nodejs20}}\n")
    with serving("--rate", "0", "-q") as (process, client, _):
        assert client.invoke("f", REAL_HOST.encode()).body == b"no names here"
        assert f"warning: a handler calls {REAL_HOST}" in rest(process)


def test_with_intercept_nothing_is_told_of_that(folder):
    with serving("--rate", "0", "--intercept") as (process, client, _):
        client.invoke("call", REAL_HOST.encode())
        assert "which fcemu does not intercept" not in rest(process)


# How errors are shown.


def test_an_error_that_fcs_runtime_logs_is_not_shown_twice():
    logged = '2026-01-01T00:00:00.000Z id [ERROR] {\n  "errorMessage": "m"\n}\n'
    assert without_error(f"before{logged}after") == "beforeafter"
    assert without_error("2026-01-01T00:00:00.000Z id [ERROR] my own") == "2026-01-01T00:00:00.000Z id [ERROR] my own"
    own = '2026-01-01T00:00:00.000Z id [ERROR] {"a": 1}'
    assert without_error(own) == own


def test_serve_says_what_the_options_are():
    text = good("serve", "--help").stdout
    assert "-q, --quiet" in text
    assert "--empty" in text
