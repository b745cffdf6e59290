"""What is written of a definition in native form gives the same definition again."""

import os
from pathlib import Path

import pytest
import yaml

from fcemu.config import composed, document_of, native_text, read_definition, read_mapping


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (".", "old"):
        Path(folder).mkdir(exist_ok=True)
        Path(folder, "a.py").write_text("def b(event, context): ...\n")
    return Path(os.path.realpath(tmp_path))


def read(text, name="fcemu.yaml"):
    Path(name).write_text(text)
    return read_definition(Path(name))


def written_again(text):
    """What is written, after it was read again and found the same."""
    definition = read(text)
    again = read(native_text(definition))
    assert again.functions == definition.functions
    assert again.services == definition.services
    assert again.extras == definition.extras
    return document_of(definition)


# Versions: what differs from what the function is now.


@pytest.mark.parametrize(
    ("now", "version", "written"),
    [
        ("{}", "{}", {}),
        ("{timeout: 9}", "{timeout: 5}", {"timeout": 5}),
        ("{code: old}", "{code: .}", {"code": "."}),
        ("{}", "{code: old, description: first}", {"code": "old", "description": "first"}),
        ("{initializer: a.b}", "{timeout: 5}", {"timeout": 5}),
        ("{environmentVariables: {A: b}}", "{environmentVariables: {A: c}}", {"environmentVariables": {"A": "c"}}),
    ],
)
def test_of_a_version_is_written_what_differs(here, now, version, written):
    function = f"{{handler: a.b, versions: {{'1': {version}}}, {now[1:-1]}}}"
    document = written_again(f"functions: {{f: {function}}}\n")
    assert document["functions"]["f"]["versions"]["1"] == written


@pytest.mark.parametrize(
    "now",
    [
        "initializer: a.b",
        "preStop: a.b",
        "layers: ['acs:fc:cn-hangzhou:official:layers/x/versions/1']",
        "environmentVariables: {A: b}",
        "instanceConcurrency: 5",
        "description: newer",
        "kept: {cpu: 2}",
        "runtime: custom, command: [./run], kept: {customRuntimeConfig: {healthCheckConfig: {httpGetUrl: /}}}",
    ],
)
def test_what_a_function_has_only_now_its_version_has_not(here, now):
    document = written_again(f"functions: {{f: {{handler: a.b, {now}, versions: {{'1': {{whole: true}}}}}}}}\n")
    version = document["functions"]["f"]["versions"]["1"]
    assert version.pop("whole") is True
    assert version == {"handler": "a.b", "runtime": "python3.10", "timeout": 3, "memorySize": 512}


def test_a_service_may_have_versions_of_functions_that_are_gone(here):
    text = "services: {s: {versions: {'1': {functions: {gone: {handler: a.b, code: old, timeout: 7}}}}}}\n"
    document = written_again(text)
    gone = document["services"]["s"]["versions"]["1"]["functions"]["gone"]
    assert (gone["code"], gone["timeout"], "whole" in gone) == ("old", 7, False)


# What services and functions have besides.

BESIDES = """
services:
  s:
    tags: {team: media, empty: ''}
    vpcBindings: [vpc-1]
    functions:
      f:
        handler: a.b
        provisionConfig: {qualifier: live, target: 2}
        onDemandConfig: {qualifier: live, maximumInstanceCount: 0}
        reservedConcurrency: 3
    versions: {'1': {}}
    aliases: {live: '1'}
functions:
  g:
    handler: a.b
    disabled: ''
    tags: {team: web}
    layers: ['acs:fc:cn-hangzhou:1234567890123456:layers/words/versions/2']
    provisionConfig:
      - {defaultTarget: 1, scheduledActions: [{name: night, target: 0}]}
      - {qualifier: '1', target: 3}
    scalingConfig: {minInstances: 1, enableMixMode: false}
    eventSources:
      - {sourceArn: 'acs:oss:cn-hangzhou:1:one'}
      - {sourceArn: 'acs:oss:cn-hangzhou:1:two', qualifier: '1'}
    vpcBindings: [vpc-1, vpc-2]
    versions: {'1': {}}
layers:
  words:
    versions: {'2': old, '3': {code: old, license: MIT, compatibleRuntime: [python3.10]}}
    public: true
"""


def test_all_that_there_is_besides_is_written_as_it_was(here):
    document = written_again(BESIDES)
    given = yaml.safe_load(BESIDES)
    for name in ("tags", "vpcBindings"):
        assert document["services"]["s"][name] == given["services"]["s"][name]
    f, g = document["services"]["s"]["functions"]["f"], document["functions"]["g"]
    for name in ("provisionConfig", "onDemandConfig", "reservedConcurrency"):
        assert f[name] == given["services"]["s"]["functions"]["f"][name]
    for name in set(given["functions"]["g"]) - {"versions"}:
        assert g[name] == given["functions"]["g"][name], name
    assert document["layers"]["words"]["versions"]["2"] == {"code": "old"}
    assert document["layers"]["words"]["public"] is True


def test_qualifiers_of_capacities_and_event_sources_are_looked_up(here):
    text = "functions: {f: {handler: a.b, provisionConfig: {qualifier: prod, target: 1}}}\n"
    with pytest.raises(ValueError, match="function 'f' has no version or alias 'prod'"):
        read(text)


def test_several_definitions_are_one_with_all_that_they_have(here):
    other = "functions: {h: {handler: a.b, tags: {team: back}, eventSources: {sourceArn: 'acs:oss:::x'}}}\n"
    whole = composed([read(BESIDES), read(other, "other.yaml")])
    document = document_of(whole)
    assert [document["functions"][name]["tags"]["team"] for name in ("g", "h")] == ["web", "back"]
    assert document["layers"].keys() == {"words"}
    assert read_mapping(document, here).extras == whole.extras
