"""serve --watch: edited code runs from the next attempt on; broken code does not."""

import re
import shutil

import pytest
from patience import CHILD_SECONDS
from running import running

from fcemu.client import Client

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
        assert f"{code}:1: " in line_with(process, "the code before it stays")
        assert client.invoke("f", b"").body == b"two"

        code.write_text(handler.format("four"))
        line_with(process, "changed: ")
        assert client.invoke("f", b"").body == b"four"
        process.terminate()
        assert process.wait(CHILD_SECONDS) == 0


def test_without_functions_there_is_nothing_to_watch():
    with running("serve", "--port", "0", "--watch") as process:
        line_with(process, "there is no code to watch")
