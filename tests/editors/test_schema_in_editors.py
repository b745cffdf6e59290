"""What an editor shows of a ``fcemu.yaml`` by the JSON Schema, tried with yaml-language-server."""

import json
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from editors.language_server import LanguageServer
from fcemu.commands.check import SCHEMA

ROOT = Path(__file__).parent.parent.parent
MISSPELT = """\
functions:
  charge:
    handler: handler.charge
    timeoutt: 5
    asyncInvokeConfig:
      maxAsyncRetryAttempts: many
"""
DEFINITIONS = sorted(path for path in (ROOT / "fixtures").rglob("fcemu.yaml") if "broken" not in path.parts)


PAGE = (ROOT / "docs/howto/editors.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def server():
    """With the setting of the page on editors, and the schema where the page puts it."""
    (setting,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    ((place, pattern),) = json.loads(setting)["yaml.schemas"].items()
    assert place == "./fcemu.schema.json"
    with LanguageServer({"schemas": {SCHEMA.as_uri(): pattern}, "schemaStore": {"enable": False}}) as running:
        yield running


def test_a_misspelt_key_and_a_wrong_value_are_underlined_as_the_page_shows(server, tmp_path):
    problems = dict(server.problems(tmp_path / "fcemu.yaml", MISSPELT))
    assert set(problems) == {4, 6}
    shown = re.findall(r"⊗ (.*?) +\[Ln (\d+)\]", PAGE)
    assert {int(line): message for message, line in shown} == problems


def test_the_keys_of_a_function_are_offered(server, tmp_path):
    path = tmp_path / "fcemu.yaml"
    server.problems(path, "functions:\n  charge:\n    handler: handler.charge\n    \n")
    offered = server.offers(path, 3, 4)
    assert {"timeout", "memorySize", "asyncInvokeConfig", "triggers"} <= offered
    assert "handler" not in offered


def test_a_key_is_explained_where_the_pointer_rests(server, tmp_path):
    path = tmp_path / "fcemu.yaml"
    server.problems(path, MISSPELT)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    about = schema["$defs"]["Function-3.0"]["properties"]["handler"]["description"]
    assert about in server.explains(path, 2, 6)


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.parent.relative_to(ROOT / "fixtures").as_posix())
def test_nothing_is_underlined_in_a_definition_that_is_good(server, path):
    assert server.problems(path, path.read_text(encoding="utf-8")) == []


def test_the_first_line_of_a_file_names_the_schema(tmp_path):
    (tmp_path / "fcemu.schema.json").write_bytes(SCHEMA.read_bytes())
    with LanguageServer({"schemaStore": {"enable": False}}) as server:
        named = f"# yaml-language-server: $schema=fcemu.schema.json\n{MISSPELT}"
        assert {line for line, _ in server.problems(tmp_path / "one.yaml", named)} == {5, 7}
        assert server.problems(tmp_path / "two.yaml", MISSPELT) == []


def test_the_entry_of_the_schema_store_leads_to_the_schema(tmp_path):
    """With a store of one entry, on this machine."""
    (tmp_path / "fcemu.schema.json").write_bytes(SCHEMA.read_bytes())
    entry = json.loads((ROOT / "docs/schemastore.json").read_text(encoding="utf-8"))
    assert entry.keys() == {"name", "description", "fileMatch", "url"}
    assert entry["url"].endswith("/reference/fcemu.schema.json")
    handler = partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        here = f"http://127.0.0.1:{http.server_port}"
        catalog = {"version": 1, "schemas": [{**entry, "url": f"{here}/fcemu.schema.json"}]}
        (tmp_path / "catalog.json").write_text(json.dumps(catalog), encoding="utf-8")
        threading.Thread(target=http.serve_forever, daemon=True).start()
        with LanguageServer({"schemaStore": {"enable": True, "url": f"{here}/catalog.json"}}) as server:
            problems = server.problems(tmp_path / "fcemu.yaml", MISSPELT)
            others = server.problems(tmp_path / "other.yaml", MISSPELT)
        http.shutdown()
    assert {line for line, _ in problems} == {4, 6}
    assert others == []


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *told: object) -> None:
        pass
