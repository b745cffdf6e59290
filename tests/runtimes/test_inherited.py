"""What handlers of a server inherit of its variables: what programs need, and what is named; never its secrets."""

import json
import shutil
import sys

import pytest
from running import serving
from runtimes.every.custom import SERVER

from fcemu.testing import LocalEmulator

NAMES = ["AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "DATABASE_USER", "PATH", "LC_ALL", "STAGE"]
GIVEN = {"AWS_SECRET_ACCESS_KEY": "secret", "DATABASE_URL": "here", "DATABASE_USER": "me", "LC_ALL": "C.UTF-8"}
READ = (
    "import json, os\n\ndef read(event):\n    return json.dumps([os.environ.get(name) for name in json.loads(event)])\n"
)
CODE = {
    "index.py": f"{READ}\ndef handler(event, context):\n    return read(event)\n",
    "index.js": "exports.handler = async (event) => JSON.parse(event).map((name) => process.env[name] ?? null);\n",
    "server.py": f"{READ}{SERVER}\nserve(lambda path, headers, event: (200, read(event).encode()))\n",
}


@pytest.fixture
def definition(tmp_path):
    """A function for each way in which handlers run in processes of their own."""
    for name, text in CODE.items():
        (tmp_path / name).write_text(text)
    every = {"handler": "index.handler", "code": ".", "environmentVariables": {"STAGE": "test"}}
    functions = {
        "python": every,
        "custom": every | {"runtime": "custom", "command": [sys.executable, "-S", "server.py"]},
    }
    if shutil.which("node"):
        functions["node"] = every | {"runtime": "nodejs20"}
    (tmp_path / "fcemu.yaml").write_text(json.dumps({"functions": functions}))
    return tmp_path / "fcemu.yaml", functions


@pytest.mark.parametrize(
    ("options", "variables", "database"),
    [
        (("--pass-env", "DATABASE_URL", "--pass-env", "NO_SUCH"), {}, ["here", None]),
        ((), {"FCEMU_PASS_ENV": "DATABASE_US* OTHER"}, [None, "me"]),
    ],
)
def test_handlers_of_a_server_have_what_programs_need_and_what_is_named(definition, options, variables, database):
    path, functions = definition
    with serving(str(path), "--rate", "0", *options, variables=GIVEN | variables) as (_, client, _):
        told = {name: json.loads(client.invoke(name, json.dumps(NAMES).encode()).body) for name in functions}
    for secret, url, user, search, language, stage in told.values():
        assert secret is None
        assert [url, user] == database
        assert search
        assert (language, stage) == ("C.UTF-8", "test")


def test_handlers_of_a_test_have_the_variables_of_the_test(definition, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "of the test")
    path, functions = definition
    with LocalEmulator(path, runtime="process") as emulator:
        for name in functions:
            assert emulator.function(name).invoke('["DATABASE_URL"]').json() == ["of the test"]
