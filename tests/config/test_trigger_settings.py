"""The settings of triggers are checked as everything else is, in every format, with the closest right word."""

import json

import pytest
from rules import rule

from fcemu.config import DefinitionError, read_definition, read_mapping
from fcemu.core.fields.rows import Nested
from fcemu.core.fields.triggers import TRIGGER
from fcemu.testing import LocalEmulator

DEVS_3 = """
edition: 3.0.0
resources:
  f:
    component: fc3
    props:
      {{functionName: f, runtime: python3.10, handler: index.handler, code: ., triggers: [
        {{triggerName: t, triggerType: {kind}, triggerConfig: {config}}}]}}
"""
DEVS_1 = """
edition: 1.0.0
services:
  f:
    component: fc
    props:
      service: {{name: s}}
      function: {{name: f, runtime: python3, handler: index.handler, codeUri: .}}
      triggers: [{{name: t, type: {kind}, config: {config}}}]
"""
FUNCRAFT = """
ROSTemplateFormatVersion: '2015-09-01'
Transform: 'Aliyun::Serverless-2018-04-03'
Resources:
  s:
    Type: 'Aliyun::Serverless::Service'
    f:
      Type: 'Aliyun::Serverless::Function'
      Properties: {{Handler: index.handler, Runtime: python3, CodeUri: .}}
      Events: {{t: {{Type: {kind}, Properties: {config}}}}}
"""
FUNCRAFT_KINDS = {"mns_topic": "MNSTopic", "cdn_events": "CDN", "oss": "OSS", "tablestore": "TableStore", "rds": "RDS"}
KINDS = {
    kind: TRIGGER.keys[kind].in_file.table for kind in TRIGGER.one_of if isinstance(TRIGGER.keys[kind].in_file, Nested)
}


def ways_of(table, way=()):
    for key, field in table.keys.items():
        yield (*way, key)
        if isinstance(field.in_file, Nested):
            yield from ways_of(field.in_file.table, (*way, key))


def slip(word):
    """A word without its second letter."""
    return word[:1] + word[2:]


def nested(way, value):
    for word in reversed(way):
        value = {word: value}
    return value


def capital(word):
    return word[:1].upper() + word[1:]


SLIPS = [
    pytest.param(kind, way, id=f"{kind}.{'.'.join(way)}") for kind, table in KINDS.items() for way in ways_of(table)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("triggers")
    (path / "index.py").write_text("def handler(event, context): ...\n")
    return path


def foreign(folder, name, form, kind, config):
    (folder / name).write_text(form.format(kind=kind, config=json.dumps(config)))
    return read_definition(folder / name)


def said(problems):
    return [(problem.message.partition(" in ")[0], problem.hints[:1]) for problem in problems]


@pytest.mark.parametrize(("kind", "way"), SLIPS)
def test_a_slip_in_any_setting_of_any_kind_is_named_in_every_format(folder, kind, way):
    *outer, right = way
    wrong = slip(right)
    config = nested((*outer, wrong), "x")
    expected = [(f"unknown key {wrong!r}", (f"did you mean {right!r}?",))]
    with pytest.raises(DefinitionError) as caught:
        read_mapping({"functions": {"f": {"handler": "index.handler", "triggers": {"t": {kind: config}}}}}, folder)
    assert said(caught.value.problems) == expected
    for name, form in (("s3.yaml", DEVS_3), ("s1.yaml", DEVS_1)):
        assert said(foreign(folder, name, form, kind, config).warnings)[:1] == expected
    capitals = nested([*map(capital, outer), capital(wrong)], "x")
    shouted = [(f"unknown key {capital(wrong)!r}", (f"did you mean {capital(right)!r}?",))]
    definition = foreign(folder, "template.yml", FUNCRAFT, FUNCRAFT_KINDS.get(kind, capital(kind)), capitals)
    assert said(definition.warnings)[:1] == shouted


def test_settings_without_keys_take_none(folder):
    functions = {"f": {"handler": "index.handler", "triggers": {"t": {"tablestore": {"table": "t"}}}}}
    with pytest.raises(DefinitionError, match=r"unknown key 'table'.*\n.*no key is allowed there"):
        read_mapping({"functions": functions}, folder)


def test_an_event_of_oss_that_is_not_known_is_odd(folder):
    functions = {"f": {"handler": "index.handler", "triggers": {"t": {"oss": {"events": ["oss:ObjectCreatd:*"]}}}}}
    [warning] = read_mapping({"functions": functions}, folder).warnings
    assert warning.message == "'oss:ObjectCreatd:*' is not known"
    assert warning.hints == ("did you mean 'oss:ObjectCreated:*'?",)


def test_what_is_said_is_what_fcs_api_shows(folder):
    config = {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": "in/", "suffix": ""}}}
    functions = {"f": {"handler": "index.handler", "triggers": {"t": {"oss": config}}}}
    [trigger] = read_mapping({"functions": functions}, folder).extras.triggers
    assert trigger.config == config
    log = {"sourceConfig": {"logstore": "l"}, "jobConfig": {"maxRetryTime": 3, "triggerInterval": 60}, "enable": False}
    functions = {"f": {"handler": "index.handler", "triggers": {"t": {"log": log}}}}
    [trigger] = read_mapping({"functions": functions}, folder).extras.triggers
    assert trigger.config == log


@rule("yaml-formats §1.4", "documented")
@pytest.mark.parametrize(
    ("kind", "config", "words"),
    [
        ("timer", {"cronExpresion": "@every 1m"}, ("cronExpression", "cronExpresion", "timer, http, oss")),
        ("http", {"method": ["GET"]}, ("methods", "method", "timer, http, oss")),
    ],
)
def test_what_a_timer_or_an_http_trigger_lacks_is_said_in_the_words_of_the_file(folder, kind, config, words):
    right, wrong, native = words
    for name, form in (("s3.yaml", DEVS_3), ("s1.yaml", DEVS_1)):
        with pytest.raises(DefinitionError, match=f"{right} is missing in trigger t") as caught:
            foreign(folder, name, form, kind, config)
        assert native not in str(caught.value)
        assert said(caught.value.warnings) == [(f"unknown key {wrong!r}", (f"did you mean {right!r}?",))]
    with pytest.raises(DefinitionError, match=f"{capital(right)} is missing in event t"):
        foreign(folder, "template.yml", FUNCRAFT, capital(kind), {capital(word): config[word] for word in config})


@pytest.mark.parametrize(
    ("form", "kind", "right"),
    [
        (DEVS_3, "os", "oss"),
        (DEVS_3, "mnstopics", "mns_topic"),
        (DEVS_1, "tiner", "timer"),
        (FUNCRAFT, "Tmer", "Timer"),
    ],
)
def test_a_type_of_triggers_that_is_not_known_gets_its_closest_word(folder, form, kind, right):
    [warning, *_] = foreign(folder, "template.yml" if form is FUNCRAFT else "s.yaml", form, kind, {}).warnings
    assert warning.message.startswith(f"fcemu leaves out the trigger of type {kind!r}")
    assert warning.hints == (f"did you mean {right!r}?",)


@pytest.mark.parametrize(
    ("word", "right"),
    [("function", "functions"), ("service", "services"), ("Function", "functions"), ("stub", "stubs")],
)
def test_a_slip_at_the_top_is_not_taken_for_a_key_far_below(folder, word, right):
    with pytest.raises(DefinitionError, match=f"unknown key '{word}' at the top level\n  did you mean '{right}'"):
        read_mapping({word: {}}, folder)


def test_a_trigger_of_the_api_may_have_any_settings_and_is_shown_as_a_file_may_have_them(folder):
    """FC's API takes what a file may not say; then it is ``kept``."""
    functions = {"f": {"handler": "index.handler", "code": str(folder)}}
    with LocalEmulator({"functions": functions}) as emulator:
        import requests

        config = {"events": ["x"], "filter": {"key": {"prfix": "in/"}}, "more": [1]}
        body = {"triggerName": "t", "triggerType": "oss", "triggerConfig": json.dumps(config)}
        requests.post(f"{emulator.url}/2023-03-30/functions/f/triggers", json=body, timeout=30).raise_for_status()
        document = requests.get(f"{emulator.url}/_fcemu/definition", timeout=30).json()
        [trigger] = read_mapping(document, folder).extras.triggers
        assert trigger.config == config
