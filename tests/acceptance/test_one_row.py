"""A field of a function is one row: a program that adds the row finds the field wherever functions are told of."""

import subprocess
import sys
import textwrap
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path

from fcemu.core.fields.functions import FUNCTION
from fcemu.core.fields.kinds import Choice
from fcemu.core.fields.rows import keeps

ROW = keeps("colour", Choice(("red", "green")), "What it looks like.", key="colour")
FUNCTION.fields = (*FUNCTION.fields, ROW)
FUNCTION.keys["colour"] = ROW

import jsonschema
import requests

from fcemu.config import DefinitionError, read_mapping
from fcemu.config.json_schema import json_schema
from fcemu.testing import LocalEmulator

SERVICES = "/services/s/functions/g"
PATHS = {"2016-08-15": SERVICES, "2021-04-06": SERVICES, "2023-03-30": "/functions/f"}


def definition(colour):
    function = {"handler": "index.handler", "colour": colour}
    return {"functions": {"f": function}, "services": {"s": {"functions": {"g": function}}}}


def asked(emulator, path, **body):
    answer = requests.request("PUT" if body else "GET", emulator.url + path, json=body or None, timeout=30)
    return answer.status_code, answer.json()


with LocalEmulator(definition("red"), data="kept.db") as emulator:
    for version, path in PATHS.items():
        place = f"/{version}{path}"
        assert asked(emulator, place)[1]["colour"] == "red", place
        status, refusal = asked(emulator, place, colour="blue")
        assert (status, "(allowed: red | green, actual: 'blue')" in str(refusal)) == (400, True), refusal
        assert asked(emulator, place, colour="green")[0] == 200
        emulator.restart()
        assert asked(emulator, place)[1]["colour"] == "green", "the store has lost it"
        assert asked(emulator, place, colour="red")[0] == 200
    assert asked(emulator, "/2023-03-30/functions/f", colour="green")[0] == 200
    shown = asked(emulator, "/_fcemu/definition")[1]
with LocalEmulator(shown) as again:
    assert asked(again, "/2023-03-30/functions/f")[1]["colour"] == "green"
    assert asked(again, f"/2021-04-06{SERVICES}")[1]["colour"] == "red"

try:
    read_mapping(definition("gren"), Path())
except DefinitionError as wrong:
    assert "functions.f.colour: expected red or green, got 'gren'" in str(wrong), wrong
    assert "did you mean 'green'?" in str(wrong)
else:
    raise AssertionError("a file may say anything of it")

schema = jsonschema.Draft202012Validator(json_schema())
assert schema.is_valid(definition("red")) and not schema.is_valid(definition("blue"))

sys.path.insert(0, sys.argv[1])
import generate

assert "| `colour` | red or green |  | What it looks like. |" in generate.definition()
assert "| `colour` | all | red or green | keeps | What it looks like. |" in generate.resources()
print("found everywhere")
"""


def test_a_row_that_is_added_is_found_in_api_file_schema_definition_store_and_pages(tmp_path):
    (tmp_path / "index.py").write_text("def handler(event, context): ...\n")
    docs = Path(__file__).parents[2] / "docs"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(docs)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "found everywhere\n"), done.stderr
