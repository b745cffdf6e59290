"""serve --watch: edited code runs from the next attempt on; broken code does not."""

import re
import shutil
import sys

import pytest
from patience import CHILD_SECONDS
from running import running

from fcemu.client import Client
from fcemu.commands.watching import edited

HANDLERS = {
    "inline": ("index.py", "def handler(event, context):\n    return {!r}\n"),
    "process": ("index.py", "def handler(event, context):\n    return {!r}\n"),
    "node": ("index.js", "exports.handler = async () => {!r};\n"),
}
BROKEN = {
    "index.py": "def handler(event, context)\n    return 3\n",
    "index.js": "exports.handler = async () => 1,,2;\n",
}


def line_with(process, text):
    """The next line on stderr that has ``text``."""
    while text not in (line := process.stderr.readline()):
        assert line, f"the server ended without a line that has {text!r}"
    return line


@pytest.mark.parametrize("runtime", HANDLERS)
def test_edited_code_runs_from_the_next_attempt_on_and_broken_code_does_not(tmp_path, runtime):
    if runtime == "node" and shutil.which("node") is None:
        pytest.skip("needs Node.js")
    name = "nodejs20" if runtime == "node" else "python3.10"
    (tmp_path / "fcemu.yaml").write_text(f"functions:\n  f: {{handler: index.handler, runtime: {name}}}\n")
    file, handler = HANDLERS[runtime]
    code = tmp_path / file
    code.write_text(handler.format("one"))
    options = ("--port", "0", "--rate", "0", "--watch", "--runtime", "inline" if runtime == "inline" else "process")
    with running("serve", str(tmp_path), *options) as process:
        client = Client(re.search(r"http://[\w.:]+", line_with(process, "serves"))[0])
        line_with(process, "watching")
        assert client.invoke("f", b"").body == b"one"

        code.write_text(handler.format("two"))
        assert "new instances for f" in line_with(process, "changed: ")
        assert client.invoke("f", b"").body == b"two"

        code.write_text(BROKEN[file])
        assert f"{code}:1: " in line_with(process, "fcemu keeps the previous code")
        assert client.invoke("f", b"").body == b"two"

        code.write_text(handler.format("four"))
        line_with(process, "changed: ")
        assert client.invoke("f", b"").body == b"four"
        process.terminate()
        assert process.wait(CHILD_SECONDS) == 0


ADDED, MODIFIED, DELETED = 1, 2, 3
SAVED = {
    "in place": [(MODIFIED, "index.py")],
    "twice": [(MODIFIED, "index.py"), (ADDED, "index.py")],
    "by a file that takes its place": [(ADDED, "gone"), (DELETED, "gone"), (ADDED, "index.py")],
    "by vim": [(ADDED, "4913"), (DELETED, "4913"), (ADDED, "index.py~"), (DELETED, "index.py~"), (ADDED, "index.py")],
    "by Emacs": [(ADDED, ".#index.py"), (ADDED, "#index.py#"), (MODIFIED, "index.py"), (DELETED, "#index.py#")],
    "beside what Python compiles": [(ADDED, "__pycache__/index.cpython-313.pyc"), (MODIFIED, "index.py")],
    "with a backup": [
        (ADDED, "index.py.bak"),
        (MODIFIED, "index.py"),
        (ADDED, ".index.py.swp"),
        (ADDED, "index.tmp.8123"),
    ],
}


@pytest.mark.parametrize("how", SAVED)
def test_a_file_that_is_saved_is_named_once_and_nothing_else_is(tmp_path, how):
    for name in ("index.py", ".env", "index.py.bak", ".index.py.swp", ".#index.py", "index.tmp.8123"):
        (tmp_path / name).touch()
    found = {(change, str(tmp_path / name)) for change, name in SAVED[how]}
    assert edited(found) == [str(tmp_path / "index.py")]


def test_files_that_are_removed_or_begin_with_a_dot_are_edited_files_too(tmp_path):
    (tmp_path / ".env").touch()
    found = {(DELETED, str(tmp_path / "prices.json")), (MODIFIED, str(tmp_path / ".env"))}
    assert edited(found) == [str(tmp_path / ".env"), str(tmp_path / "prices.json")]


@pytest.mark.parametrize("where", ["beside the code", "above the code"])
def test_a_definition_that_is_edited_is_read_again_and_is_no_change_of_code(tmp_path, tmp_path_factory, where):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "new"  # one change: no moment at which half of it is there
    code = tmp_path if where == "beside the code" else tmp_path / "src"
    code.mkdir(exist_ok=True)
    definition, handler = tmp_path / "fcemu.yaml", code / "index.py"
    text = f"functions: {{f: {{handler: index.handler, code: {code}}}}}\n"
    definition.write_text(text)
    handler.write_text("def handler(event, context):\n    return 'one'\n")
    with running("serve", str(tmp_path), "--port", "0", "--watch", "--runtime", "inline") as process:
        line_with(process, "watching")
        elsewhere.write_text(f"{text}vars: {{}}\n")
        elsewhere.replace(definition)
        assert line_with(process, "read again") == f"read again: {definition}\n"
        elsewhere.write_text("def handler(event, context):\n    return 'two'\n")
        elsewhere.replace(handler)
        assert line_with(process, "changed") == "changed: index.py; new instances for f\n"


def test_exec_watches_too(tmp_path):
    (tmp_path / "fcemu.yaml").write_text("functions: {f: {handler: index.handler}}\n")
    code = tmp_path / "index.py"
    code.write_text("def handler(event, context):\n    return 'one'\n")
    command = [sys.executable, "-c", "input()"]
    with running("exec", str(tmp_path), "--watch", "--", *command, stdin=True) as process:
        line_with(process, "watching")
        code.write_text("def handler(event, context):\n    return 'two'\n")
        line_with(process, "changed: index.py")
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(CHILD_SECONDS) == 0


def test_without_functions_there_is_nothing_to_watch():
    with running("serve", "--port", "0", "--watch") as process:
        line_with(process, "there is no code to watch")
