import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcemu.config import FILE_NAMES, DefinitionError, find_definition, read_definition, read_mapping
from fcemu.config.formats import Format, format_of
from fcemu.config.mapping import from_mapping
from fcemu.config.parse import MOST_BYTES, parse, read_file
from fcemu.config.problems import Report
from fcemu.config.tree import Items, Kind, Scalar, Table

ROOT = Path(__file__).parents[2]


def tree(text):
    report = Report("f")
    made = parse(text, report)
    report.check()
    return made


def plain(node):
    match node:
        case Table():
            return {entry.key.text: plain(entry.value) for entry in node.entries}
        case Items():
            return [plain(value) for value in node.values]
    return node.text


def wrong(text):
    with pytest.raises(DefinitionError) as caught:
        tree(text)
    return str(caught.value)


# Finding the file


@pytest.mark.parametrize("first", range(len(FILE_NAMES)))
def test_a_directory_is_searched_in_the_promised_order(tmp_path, first):
    for name in FILE_NAMES[first:]:
        (tmp_path / name).touch()
    assert find_definition(tmp_path) == tmp_path / FILE_NAMES[first]


def test_a_file_is_taken_as_it_is(tmp_path):
    (tmp_path / "other.yaml").touch()
    assert find_definition(tmp_path / "other.yaml") == tmp_path / "other.yaml"


def test_a_directory_without_a_definition_says_what_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    with pytest.raises(DefinitionError) as caught:
        find_definition(tmp_path / "app")
    assert str(caught.value) == (
        "app: there is no definition in this directory\n  fcemu looked for "
        "fcemu.yaml, s.yaml, s.yml, template.yml, template.yaml"
    )


def test_a_missing_file_is_one_problem():
    with pytest.raises(DefinitionError) as caught:
        find_definition(Path("no/such.yaml"))
    assert [str(problem) for problem in caught.value.problems] == ["no/such.yaml: no such file or directory"]


@pytest.mark.parametrize(
    ("given_path", "shown"),
    [
        ("app/fcemu.yaml", "app/fcemu.yaml"),
        ("../here/app/fcemu.yaml", "../here/app/fcemu.yaml"),
        (None, "app/fcemu.yaml"),
    ],
)
def test_messages_name_the_file_as_the_user_did(tmp_path, monkeypatch, given_path, shown):
    here = tmp_path / "here"
    (here / "app").mkdir(parents=True)
    (here / "app" / "fcemu.yaml").write_text("nonsense: 1\n")
    monkeypatch.chdir(here)
    with pytest.raises(DefinitionError) as caught:
        read_definition(Path(given_path) if given_path else here / "app" / "fcemu.yaml")
    assert str(caught.value).startswith(f"{shown}:1:1: unknown key 'nonsense'")


def test_a_file_outside_the_working_directory_keeps_its_absolute_path(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "fcemu.yaml").write_text("nonsense: 1\n")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(DefinitionError) as caught:
        read_definition(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/fcemu.yaml:1:1: ")


# Reading it


def test_every_value_knows_its_line_column_and_path():
    report = Report("f")
    hello = parse("functions:\n  hello:\n    handler: hello.handler\n", report).entries[0].value.entries[0]
    handler = hello.value.entries[0]
    assert report.place(hello.key.place) == (2, 3, "functions.hello", "")
    assert report.place(handler.key.place) == (3, 5, "functions.hello.handler", "")
    assert report.place(handler.value.place) == (3, 14, "functions.hello.handler", "")


def test_a_value_that_is_not_there_is_placed_at_its_key():
    report = Report("f")
    value = parse("a: 1\nfunctions:\n", report).get("functions")
    assert (value.kind, report.place(value.place)) == (Kind.NOTHING, (2, 1, "functions", ""))


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("word", Kind.TEXT),
        ("'1'", Kind.TEXT),
        ("!!str 1", Kind.TEXT),
        ("=", Kind.TEXT),
        ("1", Kind.NUMBER),
        ("017", Kind.NUMBER),
        ("1:30", Kind.NUMBER),
        ("1e3", Kind.NUMBER),
        ("!!str 1e3", Kind.TEXT),
        (".5", Kind.NUMBER),
        ("yes", Kind.TRUTH),
        ("OFF", Kind.TRUTH),
        ("~", Kind.NOTHING),
        ("2026-01-01", Kind.MOMENT),
    ],
)
def test_a_scalar_keeps_its_text_and_what_yaml_takes_it_for(written, kind):
    scalar = tree(f"a: {written}").get("a")
    assert (scalar.kind, scalar.text) == (kind, written.removeprefix("!!str ").strip("'"))


def test_anchors_repeat_a_value_and_merge_keys_fill_in_what_is_not_there():
    text = """
    a: &a {x: 1, y: 2}
    b: &b {y: 3, z: 4}
    same: *a
    one: {<<: *a, x: 9}
    both: {<<: [*a, *b], w: 0}
    nested: {<<: {<<: *b, z: 5}}
    """
    read = plain(tree(text))
    assert read["same"] == {"x": "1", "y": "2"}
    assert read["one"] == {"x": "9", "y": "2"}
    assert read["both"] == {"w": "0", "x": "1", "y": "2", "z": "4"}
    assert read["nested"] == {"z": "5", "y": "3"}


def test_what_an_alias_repeats_is_where_it_is_written():
    report = Report("f")
    value = parse("a: &a {x: 1}\nb: *a\n", report).get("b").get("x")
    assert report.place(value.place) == (1, 11, "a.x", "")


def test_duplicate_keys_are_reported_in_every_map_and_keep_the_rest_readable():
    assert wrong("a: 1\nb: {c: 1, c: 2}\na: 2\n") == (
        "f:2:11: duplicate key 'c', first on line 2\nf:3:1: duplicate key 'a', first on line 1"
    )


def test_a_key_of_its_own_beside_a_merged_one_is_no_duplicate():
    assert plain(tree("a: &a {x: 1}\nb: {x: 2, <<: *a}"))["b"] == {"x": "2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n\tb: 2", "f:2:1: there is a tab where YAML requires spaces\n  indent with spaces"),
        ("a: [1, 2\nb: 3", "f:2:2: not valid YAML: expected ',' or ']', but got "),
        ("a: b: c", "f:1:5: not valid YAML: mapping values are not allowed here\n  check the indentation"),
        ("a: @every", "f:1:4: not valid YAML: found character '@' that cannot start any token\n  put quotes around"),
        (
            "a: *.py",
            "f:1:5: not valid YAML: expected alphabetic or numeric character, but found '.'\n  put quotes around",
        ),
        ("a: *b", "f:1:4: not valid YAML: found undefined alias 'b'\n  put quotes around"),
        ("a: 1\n---\nb: 1", "f:2:1: the file has a second document"),
        ("a: '", "f:1:5: not valid YAML: found unexpected end of stream\n  while scanning a quoted scalar, line 1"),
        ("a: \x07", "f:1:4: not valid YAML: the character 0x0007 is not allowed"),
        ('a: "\\UFFFFFFFF"', "f:1:7: not valid YAML: found invalid Unicode character escape code"),
        ("", "f:1:1: the file is empty"),
        ("# nothing\n", "f:1:1: the file is empty"),
        ("- a", "f:1:1: expected a map, got a list"),
        ("hello", "f:1:1: expected a map, got 'hello'"),
        ("{}: 1", "f:1:1: expected a string as the key, got a map"),
        ("? [a]\n: 1", "f:1:3: expected a string as the key, got a list"),
        (
            "on: 1",
            "f:1:1: expected a string as the key, got on, which YAML reads as true\n  put quotes around it: 'on'",
        ),
        ("12: 1", "f:1:1: expected a string as the key, got 12\n  put quotes around it: '12'"),
        ("a: !!python/object:os.system {}", "f:1:4: the tag !!python/object:os.system is not allowed"),
        ("a: !mine 1", "f:1:4: the tag !mine is not allowed"),
        ("a: !!binary aGk=", "f:1:4: the tag !!binary is not allowed"),
        ("a: !!set {b}", "f:1:4: the tag !!set is not allowed"),
        ("!mine k: 1", "f:1:1: the tag !mine is not allowed"),
        ("!mine {}", "f:1:1: the tag !mine is not allowed"),
        ("<<: 1", "f:1:5: <<: expected a map or a list of maps, got 1"),
        ("<<: [a, {}]", "f:1:6: <<: expected a map or a list of maps, got 'a'"),
    ],
)
def test_what_is_no_definition_in_yaml_is_said_with_its_place(text, message):
    assert wrong(text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [*a]", "f:1:4: contains itself"),
        ("a: &a {b: {c: *a}}", "f:1:4: contains itself"),
        ("a: &a {<<: *a}", "f:1:4: contains itself"),
        ("a: " + "[" * 70 + "]" * 70, "f:1:67: nested deeper than 64 levels"),
        ("[" * 1_000_000, "f:1:1001: nested deeper than 64 levels"),
        ("- " * 500_000, "f:1:1999: nested deeper than 64 levels"),
        (
            "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(12)),
            "f:5:4: more than 100000 values once its aliases are expanded",
        ),
        (
            "a: &a {x: {y: 1}}\n"
            + "".join(
                f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [{', '.join(['*' + chr(97 + n)] * 10)}]}}\n" for n in range(12)
            ),
            "f:6:12: more than 100000",
        ),
    ],
)
def test_a_text_that_would_never_end_ends(text, message):
    assert wrong(text).startswith(message)


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("big.yaml").write_text("#" * (MOST_BYTES + 1))
    with pytest.raises(
        DefinitionError,
        match=(
            r"^big\.yaml: is larger than 1024 KB, which "
            r"is too large for a definition$"
        ),
    ):
        read_definition(Path("big.yaml"))


def test_a_file_that_is_not_utf8_says_where(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("latin.yaml").write_bytes(b"a: 1\nbc: \xff")
    with pytest.raises(DefinitionError, match=r"^latin\.yaml:2:5: the file is not UTF-8 text$"):
        read_definition(Path("latin.yaml"))


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    (tmp_path / "fcemu.yaml").write_bytes(b"\xef\xbb\xbfregion: cn-beijing\n")
    assert read_definition(tmp_path).options == {"region": "cn-beijing"}


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(DefinitionError, match=r"^f: cannot be read: Is a directory$"):
        read_file(tmp_path, Report("f"))


@given(
    st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("&*!<{[:]},-?'\"\n\t #|>%@0123abc"), max_size=60)
)
@settings(deadline=None, database=None)
def test_any_text_is_either_read_or_refused_with_problems(text):
    assert_read_or_refused(lambda: tree(text))


def assert_read_or_refused(read):
    """Anything but success or problems that can be printed is an error of the test."""
    with contextlib.suppress(DefinitionError):
        try:
            read()
        except DefinitionError as error:
            str(error).encode()
            raise


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=3)
    | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=10,
)
KEYS = st.sampled_from(
    ["functions", "services", "emulator", "clock", "handler", "code", "environmentVariables", "Timeout", "env", "f"]
)
NESTED = st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, max_size=4), max_leaves=20)


@given(st.dictionaries(KEYS, NESTED, max_size=4))
@settings(deadline=None, database=None)
def test_any_mapping_is_either_read_or_refused_with_problems(mapping):
    assert_read_or_refused(lambda: read_mapping(mapping, ROOT))


# Mappings


def test_a_mapping_gives_the_tree_that_its_yaml_gives():
    report = Report("definition", positions=False)
    read = from_mapping({"a": {"b": [1, True, None, "x", 0.5]}, "p": Path("code")}, report)
    assert plain(read) == {"a": {"b": ["1", "true", "", "x", "0.5"]}, "p": "code"}
    assert read.get("a").get("b").values[1] == Scalar((read.get("a").get("b").values[1].place), "true", Kind.TRUTH)


def loop():
    mapping = {}
    mapping["functions"] = mapping
    return mapping


def deep():
    value = "x"
    for _ in range(70):
        value = [value]
    return {"region": value}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"region": b"x"}, "definition: region: expected plain data, got an object of type bytes"),
        ({"functions": {"f": print}}, "definition: functions.f: expected plain data, got an object of type builtin"),
        ({"functions": {7: {}}}, "definition: functions.7: expected a string as the key, got 7"),
        ({"accountId": 10**5000}, "definition: accountId: is a number of more than 64 bits"),
        (loop(), "definition: functions: contains itself"),
        (deep(), "definition: region[0][0]"),
    ],
)
def test_what_is_no_plain_data_is_said_with_its_path(mapping, message):
    with pytest.raises(DefinitionError) as caught:
        read_mapping(mapping, ROOT)
    assert str(caught.value).startswith(message)


# Formats


READ = "  fcemu reads fcemu.yaml, Serverless Devs files (s.yaml) and Funcraft templates (template.yml)"


@pytest.mark.parametrize(
    ("text", "line", "kind"),
    [
        ("ROSTemplateFormatVersion: '2015-09-01'\nResources: {}", 1, "a plain ROS template"),
        ("Resources: {a: {Type: 'ALIYUN::FC::Function'}}", 1, "a plain ROS template"),
        ("Transform: AWS::Serverless-2016-10-31\nResources: {a: !Ref b}", 1, "an AWS SAM template"),
        ("Transform: [AWS::Serverless-2016-10-31]", 1, "an AWS SAM template"),
        ("AWSTemplateFormatVersion: '2010-09-09'", 1, "an AWS CloudFormation template"),
        ("Resources: {a: {Type: 'AWS::SNS::Topic'}}", 1, "an AWS CloudFormation template"),
        ("service: x\nprovider: {name: aliyun}", 1, "a Serverless Framework file (serverless.yml)"),
        ("functions: {}\nprovider: {name: aws}", 2, "a Serverless Framework file (serverless.yml)"),
        ("version: '3'\nservices: {db: {image: postgres}}", 2, "a Docker Compose file"),
        ("kind: Pod\napiVersion: v1", 2, "a Kubernetes manifest"),
        ("openapi: 3.1.0\npaths: {}", 1, "an OpenAPI document"),
        ("name: ci\njobs: {}", 2, "a CI workflow"),
        ("a: {Component: fc, Properties: {}}", 1, "a Serverless Devs file of its first form (Component, Properties)"),
        ("version: 1.0\nprovider: {name: openfaas}\nfunctions: {}", 2, "an OpenFaaS stack"),
        ("resource: {alicloud_fcv3_function: {}}", 1, "a Terraform file"),
        ("name: a\nruns: {using: node20}", 2, "a GitHub action"),
    ],
)
def test_a_foreign_format_is_refused_by_name_and_nothing_else_is_said_of_it(tmp_path, monkeypatch, text, line, kind):
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(text)
    with pytest.raises(DefinitionError) as caught:
        read_definition(Path())
    assert str(caught.value) == f"s.yaml:{line}:1: this looks like {kind}, which fcemu does not read\n{READ}"


def test_an_edition_that_there_is_not_is_refused_with_those_that_there_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text("edition: 2.0.0\nresources: {}\n")
    with pytest.raises(DefinitionError) as caught:
        read_definition(Path())
    assert str(caught.value) == (
        "s.yaml:1:10: this looks like a Serverless Devs file of edition '2.0.0', which fcemu does not read\n"
        "  fcemu reads editions '1.0.0' and '3.0.0'"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("functions: {}", Format.NATIVE),
        ("services: {shop: {functions: {component: {}}}}", Format.NATIVE),
        ("resources: {}", Format.NATIVE),
        ("edition: 3.0.0\nresources: {a: {component: fc3}}", Format.DEVS_3),
        ("name: x\nresources: {a: {component: fc3}}", Format.DEVS_3),
        ("edition: 3.0.0\nservices: {}", Format.DEVS_3),
        ("edition: '1.0.0'", Format.DEVS_1),
        ("services: {a: {component: fc, props: {}}}", Format.DEVS_1),
        ("Transform: 'Aliyun::Serverless-2018-04-03'\nResources: {}", Format.FUNCRAFT),
        ("Transform: ['Aliyun::Serverless-2018-04-03']", Format.FUNCRAFT),
    ],
)
def test_the_format_is_decided_by_the_content(text, found):
    assert format_of(tree(text)) is found


def test_yaml_is_imported_only_when_a_text_is_read():
    program = (
        "import sys, pathlib, fcemu.config as config; "
        "config.read_mapping({'region': 'cn-beijing'}, pathlib.Path('.')); assert 'yaml' not in sys.modules; "
        "config.read_definition(pathlib.Path('fixtures/hello')); assert 'yaml' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
