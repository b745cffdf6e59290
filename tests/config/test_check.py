"""fcemu check, as a user sees it."""

import base64
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from patience import CHILD_SECONDS

from fcemu.cli import main
from fcemu.config import read_definition

FIXTURES = Path(__file__).parents[2] / "fixtures"


def check(*args):
    return CliRunner().invoke(main, ["check", *map(str, args)])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name, text=""):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def warned(here):
    write("s.yaml", (FIXTURES / "foreign/devs-3-kept/s.yaml").read_text())
    write("code/index.py", "def handler(event, context): ...\n")


def test_warnings_are_status_0_and_with_strict_1(here):
    warned(here)
    result = check("s.yaml")
    assert result.exit_code == 0
    assert result.stdout.startswith("s.yaml:3:9: warning: {{ access }} is a placeholder that 's init' fills in\n")
    assert result.stderr == "s.yaml: good, 1 function, 5 warnings\n"
    assert check("s.yaml", "--strict").exit_code == 1


def test_problems_and_warnings_are_told_in_the_order_of_the_file(here):
    warned(here)
    write("code/index.py", "def hanlder(event, context): ...\n")
    result = check("s.yaml")
    assert result.exit_code == 1
    lines = [line for line in result.stdout.splitlines() if not line.startswith("  ")]
    numbers = [int(line.split(":")[1]) for line in lines]
    assert numbers == sorted(numbers)
    assert "handler: ./code/index.py has no 'handler'\n  did you mean 'hanlder'?\n" in result.stdout


def test_as_json_it_has_problems_warnings_and_the_definition(here):
    warned(here)
    [found] = json.loads(check("s.yaml", "--json", "--print").stdout)
    assert (found["file"], found["problems"]) == ("s.yaml", [])
    first = found["warnings"][0]
    assert (first["line"], first["column"], first["path"]) == (3, 9, "access")
    assert found["definition"]["functions"]["kept"]["reservedConcurrency"] == 3


def test_printed_it_goes_to_stdout_alone_and_can_be_read_again(here):
    warned(here)
    result = check("s.yaml", "--print")
    assert "warning: unknown key 'runtimeConfig'" in result.stderr
    write("fcemu.yaml", result.stdout)
    again = read_definition(Path("fcemu.yaml"))
    assert [str(function.ref) for function in again.functions] == ["kept"]
    assert check("fcemu.yaml").exit_code == 0


def test_several_files_are_printed_as_one(here):
    write("a/fcemu.yaml", "functions: {a: {handler: index.handler}}\n")
    write("b/fcemu.yaml", "services: {s: {functions: {b: {handler: index.handler}}}}\n")
    for folder in ("a", "b"):
        write(f"{folder}/index.py", "def handler(event, context): ...\n")
    printed = yaml.safe_load(check("a", "b", "--print").stdout)
    assert printed["functions"]["a"].get("code", ".") == "."
    assert printed["services"]["s"]["functions"]["b"]["code"] == "../b"


def test_code_that_is_a_zip_is_printed_as_one(here):
    write("code/index.py", "def handler(event, context): ...\n")
    shutil.make_archive("app", "zip", "code")
    write("code/more.py")
    text = base64.b64encode(Path(shutil.make_archive("more", "zip", "code")).read_bytes()).decode()
    functions = {"a": {"code": "app.zip"}, "b": {"code": {"zipFile": text}}}
    write("fcemu.yaml", json.dumps({"functions": {n: {"handler": "index.handler", **f} for n, f in functions.items()}}))
    printed = yaml.safe_load(check("fcemu.yaml", "--print").stdout)["functions"]
    assert (printed["a"]["code"], printed["b"]["code"]) == ("app.zip", {"zipFile": text})


@pytest.mark.parametrize(
    ("zipped", "message"),
    [("x", "'x': is not base64: "), ("aGVsbG8=", "'aGVsbG8=': fcemu cannot unpack the code as a zip: ")],
)
def test_code_that_is_no_zip_is_a_problem(here, zipped, message):
    write("fcemu.yaml", f"functions:\n  a:\n    handler: index.handler\n    code: {{zipFile: {zipped}}}\n")
    result = check("fcemu.yaml")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"fcemu.yaml:4:21: code: {message}")


def test_what_two_files_define_cannot_be_printed_as_one(here):
    write("fcemu.yaml", "functions: {a: {handler: index.handler}}\n")
    write("index.py", "def handler(event, context): ...\n")
    result = check("fcemu.yaml", "fcemu.yaml", "--print")
    assert result.exit_code == 1
    assert "function a is already defined in" in result.stderr
    assert result.stdout == ""


def test_nothing_is_printed_of_a_file_with_problems(here):
    write("fcemu.yaml", "functions: {a: {handler: index.handler}}\n")
    result = check("fcemu.yaml", "--print")
    assert (result.exit_code, result.stdout) == (1, "")


def test_the_schema_is_printed_without_any_file():
    result = check("--schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["title"] == "fcemu.yaml"


def test_an_environment_is_chosen_by_its_name():
    folder = FIXTURES / "foreign/devs-3-environments"
    assert "timeout: 7" in check(folder, "--env", "testing", "--print").stdout.replace("expected", "")
    refused = check(folder / "s.yaml", "--env", "tseting")
    assert refused.exit_code == 1
    assert "there is no environment 'tseting'\n  did you mean 'testing'?" in refused.stdout


def on_a_terminal():
    """What a check of fcemu.yaml, which must find something, prints on a terminal, with its colours."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "fcemu", "check", "fcemu.yaml"]
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(command, stdout=follower, stderr=subprocess.PIPE, timeout=CHILD_SECONDS, env=environment)
    os.close(follower)
    shown = b""
    with suppress(OSError):  # the end, as a terminal says it
        while piece := os.read(leader, 65536):
            shown += piece
    os.close(leader)
    assert done.returncode == 1
    return shown.decode().replace("\r\n", "\n")


def test_on_a_terminal_the_line_is_shown_with_a_caret_below_the_word(here):
    write("fcemu.yaml", "functions:\n  hello:\n    handler: index.handler\n    timeuot: 3\n")
    write("index.py", "def handler(event, context): ...\n")
    plain = on_a_terminal()
    for code in ("\x1b[31m", "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[0m"):
        assert code in plain
        plain = plain.replace(code, "")
    assert plain.startswith(
        "fcemu.yaml:4:5: problem: unknown key 'timeuot' in function hello\n"
        " 4 |     timeuot: 3\n"
        "   |     ^~~~~~~\n"
        "  hint: did you mean 'timeout'?\n"
    )


CARETS = {
    "description: ab, timeuot: 3}": " " * 42 + "^~~~~~~",
    "description: 图片, timeuot: 3}": " " * 44 + "^~~~~~~",
    "description: Ｔ😀, timeuot: 3}": " " * 44 + "^~~~~~~",
    "description: ｶe\u0301, timeuot: 3}": " " * 42 + "^~~~~~~",
    "超时: 3}": " " * 25 + "^~~~",
}
"""Lines of a definition, and the caret's below them: narrow, wide, full width and emoji, half width and combining; and
a word that is wide itself."""


def test_the_caret_stands_below_the_word_whatever_is_before_it(here):
    """Columns of a terminal are counted: wide characters take two of them."""
    lines = [f"  {name}: {{handler: index.handler, {rest}" for name, rest in zip("abcde", CARETS, strict=True)]
    write("fcemu.yaml", "functions:\n" + "\n".join(lines) + "\n")
    write("index.py", "def handler(event, context): ...\n")
    shown = re.sub(r"\x1b\[\d+m", "", on_a_terminal())
    for number, (line, caret) in enumerate(zip(lines, CARETS.values(), strict=True), 2):
        assert f" {number} | {line}\n   | {len('  a: ') * ' '}{caret}\n" in shown


# Whether a file has the function


@pytest.mark.parametrize(
    "source",
    [
        "def run(event, context): ...",
        "async def run(event, context): ...",
        "class run: ...",
        "run = print",
        "a, (run, *b) = 1, (2, 3)",
        "run: object = print",
        "from other import run",
        "from other import *",
        "import other.thing as run",
        "import run.deep",
        "if True:\n    def run(e, c): ...\nelse:\n    run = None",
        "try:\n    import x\nexcept ImportError:\n    run = None",
        "with open('x') as run: ...",
        "for run in (): ...",
        "match 1:\n    case run: ...",
        "(run := print)",
        "globals()['run'] = print",
        "exec('run = print')",
        "def __getattr__(name): ...",
    ],
)
def test_a_function_is_found_however_it_is_bound(here, source):
    write("fcemu.yaml", "functions: {f: {handler: a.run}}\n")
    write("a.py", source + "\n")
    assert check("fcemu.yaml").exit_code == 0


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def Run(event, context): ...", "a.py has no 'run'\n  did you mean 'Run'?"),
        ("def outer():\n    def run(): ...\n    run = 1", "a.py has no 'run'\n"),
        ("class A:\n    def run(self): ...", "a.py has no 'run'\n"),
        ("run()", "a.py has no 'run'\n"),
        ("x = lambda run: (y := run)", "a.py has no 'run'\n"),
        ("", "a.py has no 'run'\n"),
        ("x = 1\ndef run(:", "a.py:2 is not valid Python: "),
        ("x = '\x00'", "a.py"),
    ],
)
def test_a_function_that_is_not_there_is_a_problem(here, source, message):
    write("fcemu.yaml", "functions: {f: {handler: a.run}}\n")
    write("a.py", source + "\n")
    result = check("fcemu.yaml")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"fcemu.yaml:1:26: handler: {message}")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("async def run(event, context): ...", "run() is an async def, and FC's Python does not await it"),
        ("def run(event, context):\n    yield 1", "run() is a generator, and FC's Python does not run it"),
        ("def run(event): ...", "run() cannot be called as run(event, context), which is how FC calls it"),
        (
            "def run(event, context, more): ...",
            "run() cannot be called as run(event, context), which is how FC calls it",
        ),
        (
            "def run(event, context, *, more): ...",
            "run() cannot be called as run(event, context), which is how FC calls it",
        ),
    ],
)
def test_a_handler_of_which_every_call_fails_is_a_warning_with_its_line(here, source, message):
    write("fcemu.yaml", "functions: {f: {handler: a.run}}\n")
    write("a.py", f"\n{source}\n")
    told = check("fcemu.yaml")
    assert (told.exit_code, check("--strict", "fcemu.yaml").exit_code) == (0, 1)
    assert f"fcemu.yaml:1:26: warning: handler: a.py:2: {message}" in told.stdout + told.stderr


@pytest.mark.parametrize(
    "source",
    [
        "def run(event, context=None, *more): ...",
        "def run(*both): ...",
        "def run(environ, start_response):\n    yield b''",
        "def run(event, context):\n    return [x for x in (lambda: (yield))()]",
        "@decorated\ndef run(event): ...",
        "def run(event): ...\nrun = wrapped(run)",
    ],
)
def test_a_handler_that_may_be_called_is_no_warning(here, source):
    write("fcemu.yaml", "functions: {f: {handler: a.run}}\n")
    write("a.py", f"{source}\n")
    assert check("--strict", "fcemu.yaml").exit_code == 0


def test_handlers_are_not_imported(here):
    write("fcemu.yaml", "functions: {f: {handler: a.run}}\n")
    write("a.py", "open('ran', 'w')\n\n\ndef run(event, context): ...\n")
    assert check("fcemu.yaml").exit_code == 0
    assert not Path("ran").exists()


def test_a_hook_that_is_not_there_is_a_problem(here):
    write("fcemu.yaml", "functions: {f: {handler: a.run, initializer: a.begin, preStop: {handler: b.end}}}\n")
    write("a.py", "def run(event, context): ...\n")
    result = check("fcemu.yaml")
    assert "fcemu.yaml:1:46: handler: a.py has no 'begin'" in result.stdout
    assert "fcemu.yaml:1:74: handler: there is no file for 'b.end'" in result.stdout
