"""``fcemu exec``: a command beside an emulator; its environment, its status, its signals, and nothing left behind."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from test_cli import good, wrong

from fcemu.client import Client

ROOT = Path(__file__).parent.parent
HELLO = str(ROOT / "fixtures/hello")
FLAKY = str(ROOT / "fixtures/flaky")
EXEC = [sys.executable, "-m", "fcemu", "exec"]


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FCEMU_", "FC_"))}
    return kept | {"PYTHONUNBUFFERED": "1"} | more


def run(*args, status=0, **more):
    done = subprocess.run([*EXEC, *args], env=environment(**more), capture_output=True, text=True, timeout=100)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def python(text):
    return ["--", sys.executable, "-c", text]


@contextmanager
def running(*args, **more):
    """A started ``exec``; killed with all that is below it when the test fails."""
    process = subprocess.Popen(
        [*EXEC, *args],
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # its command may have outlived it, and has its pipes
            process.communicate(timeout=10)


def gone(pid):
    """Whether a process has ended; one that init has not reaped yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


# What the command sees.


def test_the_command_finds_the_emulator_by_variables():
    text = "import json, os; print(json.dumps(dict(os.environ)))"
    proxies = {"http_proxy": "http://p:1", "HTTPS_PROXY": "http://p:1", "NO_PROXY": "x", "all_proxy": "socks5://p:1"}
    seen = json.loads(run("--account", "42", "--region", "cn-beijing", *python(text), **proxies).stdout)
    url = seen["FCEMU_URL"]
    host = url.removeprefix("http://")
    assert re.fullmatch(r"127\.0\.0\.1:\d+", host)
    told = {
        "FC_ENDPOINT": url,
        "MNS_ENDPOINT": url,
        "FC_HOST": host,
        "FC_ACCOUNT_ID": "42",
        "ACCOUNT_ID": "42",
        "FC_REGION": "cn-beijing",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "test",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test",
        "ACCESS_KEY_ID": "test",
        "ACCESS_KEY_ID_SECRET": "test",
    }
    assert told.items() <= seen.items()
    assert not [name for name in seen if name.lower().endswith("_proxy")]
    assert not [name for name in seen if name.startswith("FCEMU_REDIRECT")]


def test_the_clock_is_paused_and_the_command_moves_it():
    text = """
import os
from fcemu.client import Client
emulator = Client(os.environ["FCEMU_URL"])
assert emulator.clock().rate == 0
emulator.invoke("hello", b"late", asynchronous=True, delay=200)
emulator.advance(200)
print([each.status for each in emulator.invocations()])
"""
    assert run(HELLO, *python(text)).stdout == "['Succeeded']\n"


def test_options_are_those_of_serve():
    text = "import os, urllib.request; print(urllib.request.urlopen(os.environ['FCEMU_URL'] + '/_fcemu/clock').read())"
    done = run("--rate", "60", "--start", "2026-03-01T00:00:00Z", *python(text))
    assert '"rate":60' in done.stdout
    assert '"started":"2026-03-01' in done.stdout
    assert '"rate":2' in run(*python(text), FCEMU_RATE="2").stdout


def test_the_ready_file_is_there_while_the_command_runs(tmp_path):
    ready = tmp_path / "ready"
    text = f"import os; assert open({str(ready)!r}).read() == os.environ['FCEMU_URL']"
    run("--ready-file", str(ready), *python(text))
    assert not ready.exists()


def test_input_and_output_are_the_commands_own():
    command = [*EXEC, "--", "tr", "a-z", "A-Z"]
    done = subprocess.run(command, env=environment(), input="words\n", capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("WORDS\n", "")


def test_pytest_inside_has_its_own_emulator(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import os\n"
        "def test_it(fcemu, fcemu_env):\n"
        "    assert fcemu.url != OUTER\n"
        "    assert os.environ['FCEMU_URL'] == fcemu.url\n"
        "OUTER = os.environ['FCEMU_URL']\n"
    )
    run("--", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path))


# Status and timeline.


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "exit 255"], 255),
        (["sh", "-c", "kill -USR1 $$"], 128 + signal.SIGUSR1),
        (["no-such-program"], 127),
        ([str(ROOT / "README.md")], 126),
        ([str(ROOT)], 126),
    ],
    ids=str,
)
def test_the_status_is_the_commands(command, status):
    done = run("--timeline", "never", "--", *command, status=status)
    if status in (126, 127):
        assert done.stderr.startswith("Error: ")
        assert "Traceback" not in done.stderr


INVOKES = """
import os, sys
from fcemu.client import Client
emulator = Client(os.environ["FCEMU_URL"])
emulator.invoke("hello", b"now")
emulator.invoke("hello", b"late", asynchronous=True, delay=200)
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("when", "status", "shown"),
    [("failed", 0, False), ("failed", 3, True), ("always", 0, True), ("never", 3, False), (None, 3, True)],
)
def test_the_timeline_is_shown(when, status, shown):
    done = run(HELLO, *([] if when is None else ["--timeline", when]), *python(INVOKES), str(status), status=status)
    assert ("hello (1)  attempt 1 returned 'now'" in re.sub(" {2,}", "  ", done.stderr)) is shown
    assert ("due next:" in done.stderr) is shown  # what still waits, and why
    assert done.stdout == ""


def test_a_timeline_of_nothing_says_so():
    assert "nothing happened" in run("--", "false", status=1).stderr


# Wrong use.


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "write: fcemu exec [DEFINITION] -- COMMAND"),
        (["--"], "there is no command after --"),
        (["fixtures/hello"], "there is no --"),
        (["one", "two", "--", "true"], "unexpected extra argument"),
        (["--port", "x", "--", "true"], "expected a whole number"),
        (["--timeline", "sometimes", "--", "true"], "expected failed, always or never"),
        (["--intercept", "--host", "::1", "--", "true"], "--intercept needs an IPv4 address"),
    ],
)
def test_wrong_use_is_one_message(args, says):
    assert says in wrong(2, "exec", *args)


def test_help_is_shown_without_a_command():
    assert "[DEFINITION] -- COMMAND…" in good("exec", "--help").stdout


def test_a_broken_definition_keeps_the_command_from_running(tmp_path):
    (tmp_path / "fcemu.yaml").write_text("functions: 7")
    assert "ran" not in run(str(tmp_path), "--", "echo", "ran", status=1).stdout


# Signals.

HANDLES = """
import os, signal, sys, time
def told(number, frame):
    print(signal.Signals(number).name, flush=True)
    sys.exit(5)
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), told)
print(os.getpid(), flush=True)
while True:
    time.sleep(60)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"])
def test_signals_are_passed_on_once(name):
    with running("--timeline", "never", *python(HANDLES), name) as process:
        process.stdout.readline()
        process.send_signal(getattr(signal, name))
        out, _ = process.communicate(timeout=60)
        assert (out, process.returncode) == (f"{name}\n", 5)


LEAVES = """
import signal, subprocess, sys, time
below = subprocess.Popen([sys.executable, "-c", "import time\\nwhile True: time.sleep(60)"])
if "deaf" in sys.argv:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
print(below.pid, flush=True)
while "ends" not in sys.argv:
    time.sleep(60)
"""


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    ready = tmp_path / "ready"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with running("--intercept", "--ready-file", str(ready), *python(LEAVES), TMPDIR=str(temporary)) as process:
        below = int(process.stdout.readline())
        url = ready.read_text()
        assert list(temporary.iterdir())
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 128 + signal.SIGINT
        assert "fcemu timeline" in said
        assert gone(below)
        assert not ready.exists()
        assert list(temporary.iterdir()) == []
        with pytest.raises(Exception, match="no emulator at"):
            Client(url).health()


def test_a_command_that_is_deaf_is_killed_by_the_third():
    with running("--timeline", "never", *python(LEAVES), "deaf") as process:
        below = int(process.stdout.readline())
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            select.select([], [], [], 0.05)  # signals of one kind that come at once are one
        process.communicate(timeout=60)
        assert process.returncode == 128 + signal.SIGKILL
        assert gone(below)


def test_a_command_that_ends_by_itself_leaves_nothing_either():
    done = run(*python(LEAVES), "ends")
    assert gone(int(done.stdout))


def test_ctrl_c_at_a_terminal_reaches_the_command_once():
    here, there = pty.openpty()

    def own_terminal():
        os.setsid()
        fcntl.ioctl(there, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [*EXEC, "--timeline", "never", *python(HANDLES), "SIGINT"],
        env=environment(),
        stdin=there,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=own_terminal,
    )
    try:
        process.stdout.readline()
        os.write(here, b"\x03")
        out, _ = process.communicate(timeout=60)
        assert (out, process.returncode) == ("SIGINT\n", 5)
    finally:
        process.kill()
        process.communicate()
        os.close(here)
        os.close(there)


ASKS = """
import os
from http.client import HTTPConnection

def status(host):
    connection = HTTPConnection(os.environ["FC_HOST"])
    connection.request("GET", "/_fcemu/clock", headers={"Host": host})
    return connection.getresponse().status

print(status("host.docker.internal:9527"), status("evil.example"))
"""


def test_other_names_are_allowed_one_by_one():
    assert run("--allow-host", "host.docker.internal", *python(ASKS)).stdout == "200 403\n"
