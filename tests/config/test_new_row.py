"""A field that gets a row is a key of the file, of its JSON Schema and of its page, and is written again."""

import sys
from pathlib import Path

import jsonschema
import pytest

from fcemu.config import DefinitionError, document_of, read_mapping
from fcemu.config.json_schema import json_schema
from fcemu.core.fields.functions import FUNCTION
from fcemu.core.fields.kinds import Choice
from fcemu.core.fields.rows import keeps

ROW = keeps("colour", Choice(("red", "green")), "What it looks like.", key="colour")


@pytest.fixture
def row(monkeypatch):
    monkeypatch.setattr(FUNCTION, "fields", (*FUNCTION.fields, ROW))
    monkeypatch.setattr(FUNCTION, "keys", {**FUNCTION.keys, ROW.key: ROW})


def functions(colour):
    return {"functions": {"f": {"handler": "index.handler", "colour": colour}}}


def test_a_row_that_is_added_is_found_wherever_a_definition_is_read_written_or_told(tmp_path, row, monkeypatch):
    (tmp_path / "index.py").write_text("def handler(event, context): ...\n")
    definition = read_mapping(functions("red"), tmp_path)
    [function] = definition.functions
    assert function.kept == {"colour": "red"}
    assert read_mapping(document_of(definition), tmp_path).functions == definition.functions
    with pytest.raises(DefinitionError, match=r"functions\.f\.colour: expected red or green, got 'gren'\n.*'green'"):
        read_mapping(functions("gren"), tmp_path)
    schema = jsonschema.Draft202012Validator(json_schema())
    assert schema.is_valid(functions("red"))
    assert not schema.is_valid(functions("blue"))
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "docs"))
    monkeypatch.delitem(sys.modules, "generate", raising=False)
    import generate

    assert "| `colour` | red or green |  | What it looks like. |" in generate.definition()
