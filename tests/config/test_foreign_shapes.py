"""What of a foreign file is a function, where its code is, and what survives ``check --print``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcemu.config import native_text, read_definition
from fcemu.core.destinations import named, parse_destination
from fcemu.core.fields.functions import FUNCTION
from fcemu.core.fields.rows import V2023, Effect

DEVS_3 = """
edition: 3.0.0
resources:
  own:
    component: {component}
    props: {{functionName: f, runtime: python3.10, handler: index.handler, code: .}}
"""
DEVS_1 = """
edition: 1.0.0
services:
  own:
    component: {component}
    props:
      service: {{name: s}}
      function: {{name: f, runtime: python3, handler: index.handler, codeUri: .}}
"""
ASYNC_3 = """
edition: 3.0.0
resources:
  f:
    component: fc3
    props:
      functionName: f
      runtime: python3.10
      handler: index.handler
      code: .
      asyncInvokeConfig: {{destinationConfig: {{onFailure: {{destination: '{arn}'}}}}}}
"""
ASYNC_1 = """
edition: 1.0.0
services:
  f:
    component: fc
    props:
      service: {{name: s}}
      function:
        {{name: f, runtime: python3, handler: index.handler, codeUri: ., asyncConfiguration: {{destination: {{
          onFailure: '{arn}'}}}}}}
"""
ARNS = [
    "acs:mns:cn-hangzhou:{please_replace_me}:/queues/{please_replace_me}/messages",
    "acs:mns:::/topics/{please_replace_me}/messages",
    "acs:fc:::services/{please_replace_me}/functions/{please_replace_me}",
    "acs:fc:cn-hangzhou:{please_replace_me}:functions/{please_replace_me}",
    "acs:eventbridge:::eventbus/{please_replace_me}",
    "acs:mq:::/instances/{please_replace_me}/topics/a b/messages",
    "acs:mns:::/queues/plain/messages",
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.py").write_text("def handler(event, context): ...\n")
    return tmp_path


def read(folder, text, name="s.yaml"):
    (folder / name).write_text(text)
    return read_definition(folder / name)


@pytest.mark.parametrize("form", [DEVS_3, DEVS_1], ids=["3", "1"])
@pytest.mark.parametrize("component", ["${path('../..')}", "./components/x", "../../..", "/opt/components/fc"])
def test_a_component_that_is_a_path_is_a_function_if_it_has_what_a_function_has(folder, form, component):
    definition = read(folder, form.format(component=component))
    assert [function.handler for function in definition.functions] == ["index.handler"]
    assert definition.warnings == ()


@pytest.mark.parametrize(
    ("form", "lacks"),
    [
        (DEVS_3, "handler: index.handler, "),
        (DEVS_3, "runtime: python3.10, "),
        (DEVS_1, "handler: index.handler, "),
        (DEVS_1, "runtime: python3, "),
    ],
)
def test_what_has_not_is_left_out_as_before(folder, form, lacks):
    definition = read(folder, form.format(component="./components/x").replace(lacks, ""))
    assert definition.functions == ()
    assert "own: './components/x' is not a function" in definition.warnings[0].message


@pytest.mark.parametrize(
    ("uri", "where"),
    [("index.py", "."), ("./index.py", "."), ("src/index.py", "src"), ("src", "src"), (".", ".")],
)
def test_code_of_funcraft_may_be_a_single_file(folder, uri, where):
    (folder / "src").mkdir()
    (folder / "src" / "index.py").write_text("def handler(event, context): ...\n")
    text = f"""
ROSTemplateFormatVersion: '2015-09-01'
Transform: 'Aliyun::Serverless-2018-04-03'
Resources:
  s:
    Type: 'Aliyun::Serverless::Service'
    f:
      Type: 'Aliyun::Serverless::Function'
      Properties: {{Handler: index.handler, Runtime: python3, CodeUri: {uri}}}
"""
    [function] = read(folder, text, "template.yml").functions
    assert function.code == str((folder / where).resolve())


@pytest.mark.parametrize("arn", ARNS)
@pytest.mark.parametrize("form", [ASYNC_3, ASYNC_1], ids=["3", "1"])
def test_a_destination_with_placeholders_survives_being_printed(folder, form, arn):
    definition = read(folder, form.format(arn=arn))
    [settings] = definition.async_settings.values()
    assert settings.on_failure == parse_destination(arn)
    assert read(folder, native_text(definition), "fcemu.yaml").async_settings == definition.async_settings


WORDS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters=":/"), min_size=1, max_size=6)


@given(
    st.sampled_from(
        [
            "acs:mns:::/queues/{}/messages",
            "acs:fc:::functions/{}",
            "acs:fc:::functions/{}/live",
            "acs:fc:::services/{}.LATEST/functions/{}",
            "acs:eventbridge:::eventbus/{}",
            "acs:mq:::/instances/{}/topics/{}/messages",
        ]
    ),
    WORDS,
    WORDS,
)
def test_every_destination_has_a_name_that_reads_as_itself(form, first, second):
    arn = form.format(first, second)
    try:
        destination = parse_destination(arn)
    except ValueError:
        return
    assert parse_destination(named(destination)) == destination


@pytest.mark.parametrize("name", [row.name for row in FUNCTION.of(V2023) if row.effect is Effect.KEEPS and not row.key])
def test_whatever_fc_keeps_of_a_function_an_s_yaml_may_have_and_it_is_kept(folder, name):
    text = DEVS_3.format(component="fc3").replace("code: .", f"code: ., {name}: {{a: 1}}")
    definition = read(folder, text)
    assert [function.kept for function in definition.functions] == [{name: {"a": 1}}]
    assert [warning.message for warning in definition.warnings] == [
        f"fcemu keeps these settings, but they have no effect here: {name} (line 6)"
    ]
