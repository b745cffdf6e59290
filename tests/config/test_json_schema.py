"""The published JSON Schema and the loader say the same."""

import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fcemu.config import DefinitionError, read_mapping
from fcemu.config.json_schema import json_schema
from fcemu.config.schema import FILE, RAISES, below
from fcemu.core.fields.capacity import ON_DEMAND
from fcemu.core.fields.domains import ROUTE
from fcemu.core.fields.functions import FUNCTION, HOOK
from fcemu.core.fields.kinds import ANYTHING, FLAG, LIST, OBJECT, TEXT, Kind
from fcemu.core.fields.layers import LAYER, LAYER_VERSION
from fcemu.core.fields.releases import ALIAS
from fcemu.core.fields.rows import Named
from fcemu.core.fields.shared import CODE
from fcemu.core.fields.triggers import EVENT_SOURCE, TRIGGER

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
    FUNCTION: {"handler": "index.handler"},
    CODE: {"src": "."},
    HOOK: {"handler": "index.handler"},
    ALIAS: {"version": "LATEST"},
    ROUTE: {"function": "f"},
    RAISES: {"errorType": "Declined"},
    LAYER: {"versions": {}},
    LAYER_VERSION: {"code": "."},
    ON_DEMAND: {"maximumInstanceCount": 1},
    EVENT_SOURCE: {"sourceArn": "acs:oss:cn-hangzhou:1:b"},
}
"""What must be there, too."""
EVERY_KEY = [
    pytest.param(("services.NAME." if "onDemandConfig" in way else "") + way, key, id=f"{way}.{key.key}".lstrip("."))
    for table, way in {table: way for way, _, table in reversed([("", 0, FILE), *below(FILE)])}.items()
    for key in table.keys.values()
]
"""Each table at the first place where it is found."""


def document_with(way, key, value):
    """A definition that has this value at this place, and whatever else must be there."""
    document, table, name = {}, FILE, ""
    current = document
    for part in way.split(".") if way else ():
        if part != "NAME":
            kind = table.keys[part].in_file
            table, name = kind.table, NAMES.get(part, "n")
        companions = {} if part != "NAME" and isinstance(kind, Named) else dict(COMPANIONS.get(table, {}))
        current[name if part == "NAME" else part] = companions
        current = companions
    if table is TRIGGER and key.key not in TRIGGER.one_of:
        kind = TRIGGER.only_with.get(key.key, "timer")
        current[kind] = "any" if kind == "http" else "@every 5m"
    current[key.key] = value
    if way.startswith("stubs"):
        document["functions"] = {"n": {"handler": "index.handler"}}
    return document


def takes(key, what):
    """Whether the key takes any value of that kind."""
    kind = key.in_file
    takes = {ANYTHING: WRONG, FLAG: ("a flag",), TEXT: ("a text",), OBJECT: ("a map",), LIST: ("a list",)}
    return what in takes.get(kind, ()) if isinstance(kind, Kind) else False


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
        assert all(re.search(rf"\b{key.key}\b", f"{one.path} {one.key}") for one in problems), (what, problems)
        assert not VALIDATOR.is_valid(document), (what, document)


@pytest.mark.parametrize(("way", "key"), EVERY_KEY)
def test_a_key_that_is_misspelt_is_refused_by_both_with_the_right_one(way, key, tmp_path):
    document = document_with(way, replace(key, key=f"{key.key}X"), None)
    problems = [one for one in problems_of(document, tmp_path) if one.message.startswith("unknown key")]
    assert [f"'{key.key}'" in one.hints[0] for one in problems] == [True]
    assert not VALIDATOR.is_valid(document)


# What a value may be: both judge it in the same way.


def function_with(**more):
    return {"functions": {"f": {"handler": "index.handler", **more}}}


def of_service(**more):
    return {"services": {"s": function_with(**more)}}


def timer(expression):
    return function_with(triggers={"t": {"timer": expression}})


def step(**said):
    return {**function_with(), "stubs": {"f": {"steps": [said]}}}


def emulator(**options):
    return {**function_with(), "emulator": options}


@pytest.mark.parametrize(
    ("make", "good", "bad"),
    [
        (
            lambda text: function_with(asyncInvokeConfig={"onSuccess": text}),
            [
                *("queue:q", "topic:t", "topic:instance/a topic", "eventbus:b", "function:f", "function:s/f:prod"),
                *(
                    "acs:fc:::functions/f",
                    "acs:fc:cn-hangzhou:1:services/s.q/functions/f",
                    "acs:mns:::/queues/q/messages",
                ),
                *("acs:eventbridge:::eventbus/b", "acs:mq:::/instances/i/topics/t/messages"),
            ],
            [
                "que:q",
                "queue:",
                "queue:a b",
                "function:",
                "function:a/b/c",
                "topic:/t",
                "acs:oss:::b",
                "q",
                "queue:" + "q" * 600,
            ],
        ),
        (
            timer,
            [
                *("@every 5m", "@every 1h30m", " 0 0 0 * * * ", "0 0/5 8-18 ? * mon-fri", "*/7 00 01 1,15 JAN-DEC/2 0"),
                *("CRON_TZ=Asia/Shanghai 0 0 4 1 * *", "0 0 0 L * *".replace("L", "31"), "0 0 0 ? * ?"),
            ],
            [
                *(
                    "@every 0s",
                    "@every 5",
                    "@daily",
                    "every 5m",
                    "0 0 0 * *",
                    "0 0 0 * * * *",
                    "60 0 0 * * *",
                    "0 0 24 * * *",
                ),
                *(
                    "0 0 0 0 * *",
                    "0 0 0 32 * *",
                    "0 0 0 * 13 *",
                    "0 0 0 * * 8",
                    "0 0 0 L * *",
                    "0 0 0 * * MON#1",
                    "0/0 0 0 * * *",
                ),
                *("", "0 0 0 * MONDAY *", "CRON_TZ= 0 0 0 * * *", "0 0 0 1- * *", "0 0 0 1,,2 * *"),
            ],
        ),
        (
            lambda text: emulator(clock={"start": text}),
            ["2026-01-01T00:00:00Z", "2026-01-01 08:00:00.5+08:00", "20260101T000000Z", "2026-01-01T00:00:00-0330"],
            ["2026-01-01", "2026-01-01T00:00:00", "tomorrow", "T00:00:00Z", "now"],
        ),
        (
            lambda address: emulator(deliverTo={address: "http://127.0.0.1:8080/hook"}),
            ["queue:q", "topic:t", "eventbus:b", "acs:mns:::/queues/q/messages"],
            ["function:f", "acs:fc:::functions/f", "q", "acs:oss:::b"],
        ),
        (
            lambda url: emulator(deliverTo={"queue:q": url}),
            ["http://h", "HTTPS://h:1/x?y"],
            ["ftp://h", "h/x", "http://h/a b", "http://h/\u00e4"],
        ),
        (
            lambda name: function_with(environmentVariables={name: "x"}),
            ["A", "a_1", "topic"],
            ["1A", "A-B", "FC_X", "_A", "A\x00"],
        ),
        (lambda name: of_service(environmentVariables={name: "x"}), ["A", "topics"], ["topic", "accessKeyID", "FC_A"]),
        (lambda text: function_with(environmentVariables={"A": text}), ["", "a\nb", 1, True, 0.5], ["\x00", None, []]),
        (
            lambda more: function_with(**more),
            [
                {"versions": {"1": {}}, "aliases": {"a": "1"}},
                {"tags": {"a": ""}},
                {"runtime": "custom", "command": ["./run"], "port": 8080},
                {"runtime": "custom.debian10", "port": 1},
                {"runtime": "micro-sandbox", "port": 1},
                {"python": "/bin/sh"},
                {"runtime": "custom", "versions": {"1": {"port": 9}, "2": {"runtime": "custom", "port": 9}}},
            ],
            [
                {"preFreeze": "index.handler"},
                {"onDemandConfig": {"maximumInstanceCount": 1}},
                {"command": ["./run"]},
                {"port": 9},
                {"runtime": "python3.10", "port": 9},
                {"runtime": "custom", "python": "/bin/sh"},
                {"versions": {"1": {"runtime": "python3.10", "port": 9}}},
                {"versions": {"1": {"preFreeze": "index.handler"}}},
            ],
        ),
        (
            lambda more: of_service(**more),
            [
                {"preFreeze": "index.handler"},
                {"reservedConcurrency": 1, "provisionConfig": {"target": 1}},
                {"onDemandConfig": {"maximumInstanceCount": 1}},
            ],
            [
                {"versions": {}},
                {"tags": {}},
                {"disabled": "x"},
                {"scalingConfig": {}},
                {"reservedConcurrency": 1, "onDemandConfig": {"maximumInstanceCount": 1}},
                {"reservedConcurrency": 1, "onDemandConfig": [{"qualifier": "LATEST", "maximumInstanceCount": 1}]},
            ],
        ),
        (
            lambda said: step(**said),
            [
                {},
                {"returns": 1},
                {"returns": None, "raises": {"errorType": "E"}},
                {"status": 429},
                {"status": 200, "seconds": 3},
            ],
            [
                {"returns": 1, "raises": {"errorType": "E"}},
                {"status": 404},
                {"status": 503, "returns": 1},
                {"status": 429, "seconds": 1},
                {"status": 500, "logs": "x"},
            ],
        ),
        (
            lambda more: {**function_with(memorySize=more["mb"]), "emulator": {"limits": more["limits"]}},
            [{"mb": 128, "limits": "strict"}, {"mb": 1, "limits": "relaxed"}, {"mb": 130, "limits": "relaxed"}],
            [{"mb": 1, "limits": "strict"}, {"mb": 130, "limits": "strict"}, {"mb": 0, "limits": "relaxed"}],
        ),
        (
            lambda age: function_with(asyncInvokeConfig=[{"maxAsyncEventAgeInSeconds": age}]),
            [1, 604_800],
            [0, 604_801, 2_592_000],
        ),
        (
            lambda trigger: function_with(triggers={"t": trigger}),
            [
                {"http": ["GET", "post"], "authType": "jwt"},
                {"oss": {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": "a"}}}},
                {"log": {"jobConfig": {"maxRetryTime": 3}}},
                {"tablestore": {}},
            ],
            [
                {"timer": "@every 5m", "authType": "jwt"},
                {"http": "any", "payload": "x"},
                {"oss": {"evnts": []}},
                {"oss": {"filter": {"key": {"prefx": "a"}}}},
                {"log": {"jobConfig": {"maxRetryTime": 101}}},
                {"tablestore": {"table": "t"}},
                {"timer": "@every 5m", "http": "any"},
                {"description": "of nothing"},
            ],
        ),
    ],
)
def test_the_schema_judges_values_as_the_loader_does(make, good, bad, tmp_path):
    for value in good:
        assert (problems_of(make(value), tmp_path), [*VALIDATOR.iter_errors(make(value))]) == ((), []), value
    for value in bad:
        assert problems_of(make(value), tmp_path), value
        assert not VALIDATOR.is_valid(make(value)), value


CANNOT_BE_SAID = re.compile("never fires|no time zone|Bad (second|minute|hour|day-of-month|month|day-of-week)|too long")
"""What no pattern says of a timer: dates that there are not, zones, ranges that end before they begin."""


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(
    st.from_regex(SCHEMA["$defs"]["Trigger"]["properties"]["timer"]["anyOf"][0]["pattern"], fullmatch=True)
    | st.lists(st.sampled_from("0123456789*,-/? @LJANMON "), max_size=30).map("".join)
)
def test_what_the_schema_takes_for_a_timer_the_loader_takes_but_for_what_no_pattern_says(tmp_path_factory, text):
    document = timer(text)
    problems = [one.message for one in problems_of(document, tmp_path_factory.getbasetemp())]
    if not problems:
        assert VALIDATOR.is_valid(document)
    elif VALIDATOR.is_valid(document):
        assert CANNOT_BE_SAID.search(problems[0]), problems
