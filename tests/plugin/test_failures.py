"""What the report of a failing test says: of each typical failure the handler, the real file and line, and the remedy.

The reports lie beside this file, in ``failures/``, to be read. With ``FCEMU_WRITE_REPORTS=1`` they are written anew.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from patience import CHILD_SECONDS, WAIT_SECONDS
from plugin.failing_suite import BROKEN, FUNCTIONS, HANDLERS, NEEDS_STRIPE, NODE, PRICES, TESTS
from running import serving

REPORTS = Path(__file__).parent / "failures"
WITHOUT = [f"-pno:{name}" for name in ("cacheprovider", "randomly", "xdist", "timeout", "asyncio", "anyio")]


def line_of(text, code, file="shop/handlers.py"):
    """Where the line ``text`` of a file is."""
    return f"{file}:{next(n for n, line in enumerate(code.splitlines(), 1) if text in line)}"


LOOP = line_of("while True", HANDLERS).partition(":")[2]

EMAIL = line_of('return order["email"]', HANDLERS)
EXPECT = "correct that line, or expect the error"

# The failure: what the handler is called in its report, the real line, and what is to be done.
TABLE = {
    "key_error": ("key_error (1)", EMAIL, EXPECT),
    "chained": ("chained (1)", line_of("raise ValueError", HANDLERS), EXPECT),
    "missing_module": (
        "stripe (1)",
        line_of("import strype", NEEDS_STRIPE, "shop/needs_stripe.py"),
        "install the module 'strype' where this test runs, or put it into the code directory",
    ),
    "syntax_error": ("broken (1)", "shop/broken.py:1", "correct the syntax of that file"),
    "missing_handler": (
        "missing_handler (1)",
        "shop/handlers.py:1",
        "define the function that the handler 'shop/handlers.missing_handler' names, or correct that name",
    ),
    "asynchronous": (
        "asynchronous (1)",
        line_of("async def asynchronous", HANDLERS),
        "make the handler a plain function that calls asyncio.run(…)",
    ),
    "generator": ("generator (1)", line_of("def generator", HANDLERS), "let the handler return a value"),
    "one_parameter": (
        "one_parameter (1)",
        line_of("def one_parameter", HANDLERS),
        "def one_parameter(event, context)",
    ),
    "not_json": ("not_json (1)", line_of("def not_json", HANDLERS), "return a string, bytes, or values of JSON"),
    "sys_exit": ("sys_exit (1)", line_of("sys.exit(3)", HANDLERS), "let it return a value or raise an exception"),
    "sleeps": ("sleeps (1)", line_of("time.sleep(60)", HANDLERS), "raise the timeout of 3 s in the definition"),
    "loop": ("loop (1)", f"shop/handlers.py:(?:{LOOP}|{int(LOOP) + 1})", "a handler must not wait for something that"),
    "lock": (
        "lock (1)",
        f"shop/handlers.py:{int(line_of('        with LOCK:', HANDLERS).partition(':')[2])}",
        "raise the timeout of 3 s in the definition",
    ),
    "recursion": ("recursion (1)", line_of("return recursion(", HANDLERS), EXPECT),
    "in_a_process": ("key_error (1)", EMAIL, EXPECT),
    "sys_exit_in_a_process": (
        "sys_exit (1)",
        line_of("sys.exit(3)", HANDLERS),
        "let it return a value or raise an exception",
    ),
    "node": (
        "node (1)",
        line_of("order.items.length", NODE, "shop/index.js"),
        EXPECT,
    ),
    "expired": ("old (1)", None, "raise maxAsyncEventAgeInSeconds, or let the event run earlier"),
    "throttled": ("good (1)", None, "retry in the caller, or raise the function's instance limit"),
    "nobody_looked": ("key_error (1)", EMAIL, EXPECT),
    "nobody_looked_at_the_reply": ("key_error (1)", EMAIL, EXPECT),
    "variable_is_missing": (
        "reads_url (1)",
        line_of('os.environ["URL"]', HANDLERS),
        EXPECT,
    ),
    "emulator_of_a_module": ("key_error (1)", EMAIL, EXPECT),
    "emulator_of_unittest": ("key_error (1)", EMAIL, EXPECT),
}


def write_suite(directory):
    (directory / "shop").mkdir()
    for name, text in {
        "shop/__init__.py": "",
        "shop/handlers.py": HANDLERS,
        "shop/prices.py": PRICES,
        "shop/broken.py": BROKEN,
        "shop/needs_stripe.py": NEEDS_STRIPE,
        "shop/index.js": NODE,
        "fcemu.yaml": json.dumps({"functions": FUNCTIONS}),
        "test_shop.py": TESTS,
        "pytest.ini": "[pytest]\n",
    }.items():
        (directory / name).write_text(text)


def command(*arguments):
    return [sys.executable, "-m", "pytest", *WITHOUT, *arguments]


def environment():
    return {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", "FCEMU_", "COV_"))}


def run(directory, *arguments):
    return subprocess.run(
        command(*arguments),
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """What pytest says of the whole suite."""
    directory = tmp_path_factory.mktemp("suite")
    write_suite(directory)
    without_node = [] if shutil.which("node") else ["--deselect=test_shop.py::test_node"]
    return run(directory, *without_node).stdout


def report(output, name):
    """The report of one test, without its own source: the error and the sections of the emulators."""
    found = re.search(
        rf"^_+ (?:TestCase\.)?(?:ERROR at setup of )?test_{name} _+$(.*?)(?=^_{{3,}} |^=+ )", output, re.M | re.S
    )
    assert found is not None, output
    return found[1]


def sections(text):
    """The sections of the emulators, without what differs from machine to machine."""
    kept, inside = [], False
    for line in text.splitlines():
        title = re.fullmatch(r"-+ (.*) -+", line)
        if title is not None:
            inside = title[1].startswith("fcemu")
            line = f"--- {title[1]} ---"
        if inside:
            kept.append(line.rstrip())
    kept = [re.sub(r"repeated \d+ more times", "repeated N more times", line) for line in kept]  # less our own frames
    told = re.sub(r"/(?:[^\s:'\"]+/)+pytest-of-[^\s:'\"]*?/suite\d+", "/SUITE", "\n".join(kept))
    return told + "\n"


@pytest.mark.parametrize("name", TABLE)
def test_the_report_names_handler_line_and_remedy(output, name):
    if name == "node" and not shutil.which("node"):
        pytest.skip("there is no Node here")
    handler, location, remedy = TABLE[name]
    told = sections(report(output, name))
    failures = told.partition("--- fcemu timeline ---")[0]
    assert failures.startswith(f"--- fcemu failures ---\n{handler} "), told
    if location is not None:
        assert re.search(rf" at {location}[ ,]", failures), told
    assert remedy in failures, told
    assert "/code/" not in failures, told


def test_the_table_has_twenty_failures_and_more():
    assert len(TABLE) >= 20


@pytest.mark.parametrize("name", [*TABLE, "swallowed", "nobody_moved_the_clock", "never_true"])
def test_the_report_is_the_one_that_is_kept_beside_the_test(output, name):
    if name == "node" and not shutil.which("node"):
        pytest.skip("there is no Node here")
    told, file = sections(report(output, name)), REPORTS / f"{name}.txt"
    if os.environ.get("FCEMU_WRITE_REPORTS"):
        file.write_text(told)
    kept = file.read_text()
    if name in ("loop", "node"):  # which line of a loop, which lines a version of Node adds
        told, kept = told.splitlines()[0][:40], kept.splitlines()[0][:40]
    assert told == kept


def test_the_assertion_shows_error_line_and_attempts(output):
    assert f"<Invocation key_error Failed: KeyError: 'email' at {EMAIL}, 4 attempts>" in report(output, "represented")


def test_result_raises_from_the_handlers_own_exception(output):
    told = report(output, "chained")
    assert "ValueError: the catalogue has no apple" in told
    assert "InvocationFailed: chained " in told


def test_a_swallowed_refusal_is_in_the_timeline(output):
    assert (
        "(refused)  POST /2023-03-30/functions/chrage/invocations was refused: FunctionNotFound: function 'chrage' "
        "does not exist."
    ) in report(output, "swallowed")


def test_what_has_not_run_says_who_must_move_the_clock(output):
    told = report(output, "nobody_moved_the_clock")
    assert re.search(
        r"IndexError: good \S+ is Enqueued and has not run yet; the clock is paused at \+0 s, and what is due next is "
        r"due at \+1h: call run_until_idle\(\), advance\(\) or result\(\), since nothing else moves it",
        told,
    )
    assert re.search(
        r"NotEnded: good \S+ is Enqueued and has no reply yet; the clock is paused", report(output, "no_reply_yet")
    )


def test_never_true_shows_what_it_asked(output):
    told = report(output, "never_true")
    assert 'NeverTrue: lambda: invocation.status == "Failed" is still not true, and nothing is due any more' in told


def test_replies_that_nobody_looked_at_are_named_with_their_error(output):
    told = report(output, "nobody_looked_at_the_reply")
    assert "the test did not look at the replies of these failed synchronous invocations:" in told
    assert f"KeyError: 'email' at {EMAIL}" in told


def test_an_emulator_that_took_no_part_is_not_shown(output):
    assert "fcemu" not in report(output, "that_does_not_use_it")


def test_the_report_is_coloured_where_pytest_is(tmp_path):
    write_suite(tmp_path)
    told = run(tmp_path, "--color=yes", "-k", "test_key_error").stdout
    assert f"\033[31mkey_error (1) Failed: KeyError: 'email' at {EMAIL}, 4 attempts" in told
    assert "\033[1m  what to do: correct that line" in told


def test_a_fixture_of_a_wider_scope_is_told_what_to_use(output):
    assert "with LocalEmulator(" in report(output, "wide")


def test_no_frames_of_ours_are_shown(output):
    assert not re.search(r"^\S*fcemu/\w+/\w+\.py:\d+", output, re.MULTILINE)
    assert "AsyncDelay is set to an invalid value" in output


def test_a_handler_that_calls_os_exit_leaves_a_last_line(tmp_path):
    write_suite(tmp_path)
    (tmp_path / "test_shop.py").write_text("def test_it(fcemu):\n    fcemu.function('os_exit').invoke('x')\n")
    ended = run(tmp_path)
    assert ended.returncode == 3
    line = line_of("os._exit(3)", HANDLERS)
    assert re.search(
        rf"fcemu: the handler of os_exit has called os._exit\(3\) at \S*{line}, which ends this whole process",
        ended.stderr,
    )


INTERRUPTED = """
import pathlib

@__import__("pytest").mark.parametrize("runtime", ["{runtime}"])
def test_it(fcemu_factory, runtime):
    emulator = fcemu_factory(runtime=runtime)
    pathlib.Path("begun").touch()
    emulator.function("loop").invoke("x")
"""


@pytest.mark.parametrize("runtime", ["inline", "process"])
def test_ctrl_c_ends_a_loop_at_once_and_names_its_line(tmp_path, runtime):
    write_suite(tmp_path)
    (tmp_path / "shop" / "handlers.py").write_text(
        HANDLERS.replace("    while True:\n", "    open('looping', 'w').close()\n    while True:\n")
    )
    (tmp_path / "test_shop.py").write_text(INTERRUPTED.format(runtime=runtime))
    ours = environment() | {"PYTHONUNBUFFERED": "1"}
    child = subprocess.Popen(
        command(), cwd=tmp_path, env=ours, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    until = time.monotonic() + WAIT_SECONDS
    while not list(tmp_path.rglob("looping")) and time.monotonic() < until:
        time.sleep(0.02)
    begun = time.monotonic()
    child.send_signal(signal.SIGINT)
    told, _ = child.communicate(timeout=WAIT_SECONDS)
    assert re.search(r"the handler of loop ran at \S*shop/handlers\.py:\d+ in loop, and was ended", told), told
    assert time.monotonic() - begun < 20, "the watchdog has thirty seconds"


def test_a_server_tells_lines_relative_to_where_it_was_started(tmp_path, monkeypatch):
    write_suite(tmp_path)
    monkeypatch.chdir(tmp_path)
    with serving("fcemu.yaml") as (_process, _client, line):
        url = re.search(r"http://[\w.:]+", line)[0]
        asked = urllib.request.Request(f"{url}/2023-03-30/functions/key_error/invocations", data=b"{}")
        with urllib.request.urlopen(asked) as answer:
            request_id = answer.headers["X-Fc-Request-Id"]
        with urllib.request.urlopen(f"{url}/_fcemu/invocations/{request_id}") as answer:
            (attempt,) = json.load(answer)["attempts"]
    assert attempt["location"] == EMAIL
    file, _, line = EMAIL.partition(":")
    assert attempt["traceback"].splitlines()[1:] == [
        f'  File "{file}", line {line}, in key_error',
        '    return order["email"]',
        "KeyError: 'email'",
    ]


PLAIN = """
from fcemu.testing import LocalEmulator

with LocalEmulator(".", strict=False) as emulator:
    assert emulator.function("key_error").invoke("{}").error is None
"""


def test_plain_code_has_the_sections_in_its_exception(tmp_path):
    write_suite(tmp_path)
    (tmp_path / "plain.py").write_text(PLAIN)
    ended = subprocess.run(
        [sys.executable, "plain.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
        check=False,
    )
    assert ended.returncode == 1
    assert "fcemu failures:\nkey_error (1) Failed: KeyError: 'email' at " in ended.stderr
    assert f"{line_of('return order', HANDLERS)}, 1 attempt" in ended.stderr
    assert "fcemu timeline:\n+0 s  key_error (1)  invoked" in ended.stderr
