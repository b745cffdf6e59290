"""Input that would stall or break a careless reader: each is one problem with a place."""

import os
from pathlib import Path

import pytest

from fcemu.config import Choices, DefinitionError, read_definition

LONG_CHAIN = "".join(f"  v{n}: ${{vars.v{n + 1}}}\n" for n in range(20_000))
DOUBLING = "".join(f"  v{n}: ${{vars.v{n + 1}}}${{vars.v{n + 1}}}\n" for n in range(40))
DOUBLING_MAPS = "".join(f"  v{n}: {{a: '${{vars.v{n + 1}}}', b: '${{vars.v{n + 1}}}'}}\n" for n in range(40))
NESTING_MAPS = "".join(f"  v{n}: {{a: '${{vars.v{n + 1}}}'}}\n" for n in range(80))
USES = "".join(f"  u{n}: ${{vars.wide}}\n" for n in range(2000))
WIDE = "  wide: {" + ", ".join(f"k{n}: {n}" for n in range(200)) + "}\n"
DEVS = "edition: 3.0.0\nresources: {f: {component: fc3, props: {functionName: f, runtime: python3.10, handler: a.b}}}\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.py").write_text("def b(event, context): ...\n")
    return tmp_path


def said(text, name="fcemu.yaml"):
    Path(name).write_text(text)
    with pytest.raises(DefinitionError) as caught:
        read_definition(Path(name), Choices(variables={}))
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"vars:\n{LONG_CHAIN}  v20000: 1\n",
            "fcemu.yaml:53:8: the chain of variables that refer to each other is too long",
        ),
        (f"vars:\n{DOUBLING}  v40: x\n", "a string becomes too long once its variables are replaced"),
        (f"vars:\n{DOUBLING_MAPS}  v40: x\n", "more than 100000 values once the variables are replaced"),
        (f"vars:\n{NESTING_MAPS}  v80: x\n", "the chain of variables that refer to each other is too long"),
        (f"vars:\n{WIDE}{USES}", "more than 100000 values once the variables are replaced"),
        (
            "vars: {a: 1}\nregion: '" + "${vars.a}" * 1001 + "'",
            "fcemu.yaml:2:9: more than 1000 variables in one string",
        ),
        ("vars: {a: '${vars.a}'}", "fcemu.yaml:1:11: ${vars.a} refers to itself"),
        ("vars: {a: {b: '${vars.a}'}}", "fcemu.yaml:1:15: ${vars.a} refers to itself"),
        ("vars: {a: '${vars}'}", "${vars}: write ${vars.NAME}"),
        ("vars: {a: 'x${vars.m}', m: {}}", "${vars.m} is a map, which cannot be part of a string"),
        ("vars: {a: '${env()}'}", "${env()}: expected the name of a variable and optionally a default"),
        ("vars: {a: '${env(" + "f(" * 50 + ")" * 50 + ")}'}", "cannot be read"),
        ("region: '${vars." + "a." * 5000 + "}'", "there is no vars in this file"),
    ],
)
def test_variables_that_would_never_end_end(here, text, message):
    assert message in said(text)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("${file('nothing.txt')}", "there is no file 'nothing.txt'"),
        ("${file('.')}", ". is not a file"),
        ("${file('/dev/zero')}", "/dev/zero is not a file"),
        ("${json('{')}", "is not valid JSON"),
        ("${json('" + "[" * 100_000 + "')}", "is not valid JSON"),
        ("${yaml('- - [')}", "not valid YAML"),
        ("${path('nothing')}", "there is no file 'nothing'"),
        ("${regex('x')}", "regex() works only in the names of actions"),
        ("${resources.g.props.x}", "there is no resource 'g'"),
        ("${resources.f.props.x}", "there is no 'x' in resource f"),
        ("${this.props.environmentVariables.A}", "refers to itself"),
        ("${env.init('A', 'x')}", "expected a whole number, got 'x'"),
        ("${nothing.at.all}", "that name does not exist"),
        ("${1+1}", "that name does not exist"),
    ],
)
def test_expressions_of_s_yaml_that_mean_nothing(here, value, message):
    text = DEVS.replace("handler: a.b", "handler: a.b, environmentVariables: {A: " + f'"{value}"' + "}")
    problems = said(text, "s.yaml")
    assert problems.startswith("s.yaml:2:")
    assert message in problems


def test_files_that_extend_each_other_in_a_circle(here):
    Path("b.yaml").write_text("extend: s.yaml\n")
    assert "more than 8 files extend each other; check for a cycle" in said(DEVS + "extend: b.yaml\n", "s.yaml")


def test_a_file_that_is_extended_has_its_own_places(here):
    Path("base.yaml").write_text("vars: {x: 1\n")
    assert said(DEVS + "extend: base.yaml\n", "s.yaml").startswith("base.yaml:2:1: not valid YAML: ")


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        ("../a.b", "expected a path inside the code directory"),
        ("/etc/passwd.b", "expected a path inside the code directory"),
        ("sub/../../a.b", "expected a path inside the code directory"),
        ("a.b.c.d" * 200, "no package for"),
        ("link.b", "is a link that leads out of the code directory"),
    ],
)
def test_handlers_stay_inside_the_code_directory(here, handler, message):
    Path("code").mkdir()
    os.symlink(here / "a.py", here / "code" / "link.py")
    assert message in said(f"code: code\nfunctions: {{f: {{handler: {handler}}}}}")


@pytest.mark.parametrize("name", ["s.yaml", "template.yml"])
@pytest.mark.parametrize(
    "text",
    [
        "edition: 3.0.0\nresources: []",
        "edition: 3.0.0\nresources: {a: }",
        "edition: 3.0.0\nresources: {a: {component: fc3, props: []}}",
        "edition: 3.0.0\nresources: {a: {component: [fc3], props: {}}}",
        "edition: 3.0.0\nresources: {a: {component: fc3, props: {functionName: [], triggers: {}}}}",
        "edition: 3.0.0\nservices: {a: {component: fc}}",
        "edition: 1.0.0\nservices: [a]",
        "edition: 1.0.0\nservices: {a: {component: fc, props: {service: x, function: y, triggers: z}}}",
        "Transform: Aliyun::Serverless-2018-04-03\nResources: 1",
        "Transform: Aliyun::Serverless-2018-04-03\nResources: {s: {Type: [x]}}",
        "Transform: Aliyun::Serverless-2018-04-03\nResources: {s: {Type: Aliyun::Serverless::Service, f: 1}}",
    ],
)
def test_foreign_files_of_a_wrong_shape_are_problems_with_a_place(here, name, text):
    assert said(text, name).startswith(f"{name}:")


def test_a_file_that_is_wrong_in_thousands_of_places_says_so(here):
    text = "functions:\n  f:\n    handler: a.b\n" + "".join(f"    timeout{n}: 1\n" for n in range(20_000))
    lines = [line for line in said(text).splitlines() if not line.startswith("  ")]
    assert lines[0] == "fcemu.yaml:4:5: unknown key 'timeout0' in function f"
    assert lines[-1] == "fcemu.yaml: there are more than 500 problems and warnings; fcemu did not check the rest"
    assert len(lines) == 501


def test_thousands_of_reports_to_nobody_are_not_compared_with_every_function(here):
    text = "functions:\n" + "".join(
        f"  f{n}: {{handler: a.b, asyncInvokeConfig: {{onSuccess: 'function:g{n}'}}}}\n" for n in range(400)
    )
    Path("fcemu.yaml").write_text(text)
    warnings = read_definition(Path("fcemu.yaml")).warnings
    assert len(warnings) == 400
    assert warnings[10].hints == ("did you mean 'f10'?",)
    assert warnings[-1].hints == ()
