"""The published JSON Schema and the loader say the same."""

import json
import re
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml

from fcemu.config import DefinitionError, read_mapping
from fcemu.config.function_shapes import (
    AliasShape,
    CodeShape,
    FunctionShape,
    HookShape,
    OnDemandShape,
    SourceShape,
    TriggerShape,
)
from fcemu.config.json_schema import json_schema
from fcemu.config.kinds import Named, Plain, below, keys_of
from fcemu.config.schema import FileShape, LayerShape, LayerVersionShape, RaisesShape, RouteShape

ROOT = Path(__file__).parents[2]
SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
GOOD = [
    *sorted(ROOT.glob("fixtures/*/fcemu.yaml")),
    *sorted(ROOT.glob("fixtures/foreign/*/expected.yaml")),
    *sorted(ROOT.glob("fcemu/templates/*/fcemu.yaml")),
]
STRUCTURE = {
    "bad-names",
    "foreign-words",
    "missing-handler",
    "out-of-range",
    "triggers",
    "unknown-key",
    "versions",
    "wrong-case",
    "wrong-level",
    "wrong-type",
}
"""Folders of fixtures/broken whose problems are of the kind that a schema knows."""


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("place", ["docs/reference/fcemu.schema.json", "fcemu/config/fcemu.schema.json"])
def test_what_is_published_is_what_is_generated(place):
    assert json.loads((ROOT / place).read_text()) == SCHEMA, "run docs/generate.py"


def test_it_is_in_the_package():
    assert json.loads((files("fcemu.config") / "fcemu.schema.json").read_text()) == SCHEMA


@pytest.mark.parametrize("file", GOOD, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_the_loader_reads_is_valid(file):
    assert list(VALIDATOR.iter_errors(yaml.safe_load(file.read_text()))) == []


@pytest.mark.parametrize("name", sorted(STRUCTURE))
def test_what_the_loader_refuses_for_its_structure_is_not_valid(name):
    document = yaml.safe_load((ROOT / "fixtures" / "broken" / name / "fcemu.yaml").read_text())
    assert not VALIDATOR.is_valid(document)


# Each key of the schema, with a value of the wrong kind.

WRONG = {"a text": "\x01", "a number": 1e99, "a flag": True, "a list": [[]], "a map": {"\x01": {}}, "nothing": None}
NAMES = {"versions": "1", "customDomains": "www.example.test", "routes": "/*"}
COMPANIONS = {
    FunctionShape: {"handler": "index.handler"},
    CodeShape: {"src": "."},
    HookShape: {"handler": "index.handler"},
    AliasShape: {"version": "LATEST"},
    RouteShape: {"function": "f"},
    RaisesShape: {"errorType": "Declined"},
    LayerShape: {"versions": {}},
    LayerVersionShape: {"code": "."},
    OnDemandShape: {"maximumInstanceCount": 1},
    SourceShape: {"sourceArn": "acs:oss:cn-hangzhou:1:b"},
}
"""What must be there, too."""
EVERY_KEY = [
    pytest.param(("services.NAME." if "onDemandConfig" in way else "") + way, key, id=f"{way}.{key.name}".lstrip("."))
    for shape, way in {shape: way for way, _, shape in reversed([("", 0, FileShape), *below(FileShape)])}.items()
    for key in keys_of(shape).values()
]
"""Each shape at the first place where it is found."""


def document_with(way, key, value):
    """A definition that has this value at this place, and whatever else must be there."""
    document, shape, name = {}, FileShape, ""
    current = document
    for part in way.split(".") if way else ():
        if part != "NAME":
            kind = keys_of(shape)[part].value
            shape, name = kind.shape, NAMES.get(part, "n")
        companions = {} if part != "NAME" and isinstance(kind, Named) else dict(COMPANIONS.get(shape, {}))
        current[name if part == "NAME" else part] = companions
        current = companions
    if shape is TriggerShape and key.name not in TriggerShape.one_of:
        kind = TriggerShape.only_with.get(key.name, "timer")
        current[kind] = "any" if kind == "http" else "@every 5m"
    current[key.name] = value
    if way.startswith("stubs"):
        document["functions"] = {"n": {"handler": "index.handler"}}
    return document


def takes(key, what):
    """Whether the key takes any value of that kind."""
    kind = key.value
    return kind is Plain.FREE or (what, kind) in {("a flag", Plain.FLAG), ("a text", Plain.PAYLOAD)}


def problems_of(document, root):
    (root / "index.py").write_text("def handler(event, context): ...\n")
    try:
        read_mapping(document, root)
    except DefinitionError as wrong:
        return wrong.problems
    return ()


@pytest.mark.parametrize(("way", "key"), EVERY_KEY)
def test_a_value_of_the_wrong_kind_is_refused_by_both_at_its_place(way, key, tmp_path):
    for what, value in WRONG.items():
        document = document_with(way, key, value)
        if takes(key, what):
            continue
        problems = problems_of(document, tmp_path)
        assert problems, (what, document)
        assert all(re.search(rf"\b{key.name}\b", f"{one.path} {one.key}") for one in problems), (what, problems)
        assert not VALIDATOR.is_valid(document), (what, document)


@pytest.mark.parametrize(("way", "key"), EVERY_KEY)
def test_a_key_that_is_misspelt_is_refused_by_both_with_the_right_one(way, key, tmp_path):
    document = document_with(way, key._replace(name=f"{key.name}X"), None)
    problems = [one for one in problems_of(document, tmp_path) if one.message.startswith("unknown key")]
    assert [f"'{key.name}'" in one.hints[0] for one in problems] == [True]
    assert not VALIDATOR.is_valid(document)
