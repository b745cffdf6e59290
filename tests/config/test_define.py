import os
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fcemu.config import EMPTY, Definition, DefinitionError, read_definition, read_mapping
from fcemu.core.destinations import FunctionDestination, QueueDestination
from fcemu.core.functions import AsyncSettings, Function, Service
from fcemu.core.names import FunctionRef

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory, by its real path, in which ``write`` makes files."""
    monkeypatch.chdir(tmp_path)
    return Path(os.path.realpath(tmp_path))


def write(path, text=""):
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def said(text):
    write("fcemu.yaml", text)
    with pytest.raises(DefinitionError) as caught:
        read_definition(Path("fcemu.yaml"))
    return str(caught.value)


def handler_said(handler, code=None):
    return said(f"functions: {{f: {{handler: {handler}{f', code: {code}' if code else ''}}}}}").partition(
        ": handler: "
    )[2]


# What comes out


def test_the_smallest_file_has_every_default_of_the_core(here):
    write("hello.py")
    write("fcemu.yaml", "functions:\n  hello:\n    handler: hello.handler\n")
    assert read_definition(Path("fcemu.yaml")) == Definition(
        services=(),
        functions=(Function(ref=FunctionRef("hello"), handler="hello.handler", code=str(here)),),
        async_settings={},
        options={},
        path=here / "fcemu.yaml",
    )


def test_a_file_with_everything(here):
    write("src/jobs/charge.py")
    write("receipt/__init__.py")
    text = """
    region: cn-beijing
    accountId: '0123456789'
    services:
      shop:
        code: src
        functions:
          charge:
            handler: jobs/charge.run
            runtime: python3.12
            timeout: 10
            memorySize: 1024
            environmentVariables: {CURRENCY: CNY, LEVEL: 2}
            asyncInvokeConfig:
              maxAsyncRetryAttempts: 0
              maxAsyncEventAgeInSeconds: 900
              onSuccess: function:shop/receipt
              onFailure: queue:charge-failed
      empty: {}
    functions:
      receipt: {handler: receipt.run, asyncInvokeConfig: {}}
    emulator:
      clock: {rate: 0, start: 2026-01-01T08:00:00+08:00, autojump: false}
      seed: 7
      limits: strict
      retrySeconds: [0.5, 1]
      retryServerErrors: false
      ageExcludesDelay: true
      destinationDepth: 3
      watchdogSeconds: 5
      graceSeconds: 0
      ioGraceSeconds: 0.5
    """
    write("fcemu.yaml", text)
    charge, receipt = FunctionRef("charge", "shop"), FunctionRef("receipt")
    definition = read_definition(here)
    assert definition.services == (Service("shop"), Service("empty"))
    assert {function.ref: function for function in definition.functions} == {
        receipt: Function(ref=receipt, handler="receipt.run", code=str(here)),
        charge: Function(
            ref=charge,
            handler="jobs/charge.run",
            code=str(here / "src"),
            runtime="python3.12",
            timeout=timedelta(seconds=10),
            memory_mb=1024,
            environment={"CURRENCY": "CNY", "LEVEL": "2"},
        ),
    }
    assert definition.async_settings == {
        (receipt, "LATEST"): AsyncSettings(),
        (charge, "LATEST"): AsyncSettings(
            max_retries=0,
            max_age=timedelta(minutes=15),
            on_success=FunctionDestination(FunctionRef("receipt", "shop")),
            on_failure=QueueDestination("charge-failed"),
        ),
    }
    assert definition.options == {
        "region": "cn-beijing",
        "account_id": "0123456789",
        "rate": 0,
        "start": datetime(2026, 1, 1, tzinfo=UTC),
        "autojump": False,
        "seed": 7,
        "limits": "strict",
        "retry_seconds": (0.5, 1),
        "retry_server_errors": False,
        "age_excludes_delay": True,
        "destination_depth": 3,
        "watchdog": 5,
        "grace_seconds": 0,
        "io_grace_seconds": 0.5,
    }
    assert isinstance(definition.options["rate"], float)


def test_a_mapping_gives_what_its_file_gives(here):
    write("src/hello.py")
    mapping = {
        "code": Path("src"),
        "functions": {"hello": {"handler": "hello.handler", "environmentVariables": {"A": 1, "B": True}}},
        "emulator": {"clock": {"start": datetime(2026, 1, 1, tzinfo=UTC)}, "retrySeconds": (1, 2)},
    }
    definition = read_mapping(mapping, here)
    (function,) = definition.functions
    assert (function.code, function.environment) == (str(here / "src"), {"A": "1", "B": "true"})
    assert definition.options == {"start": datetime(2026, 1, 1, tzinfo=UTC), "retry_seconds": (1, 2)}
    assert definition.path is None


def test_an_empty_mapping_is_the_empty_definition(here):
    assert read_mapping({}, here) == EMPTY


def test_a_definition_cannot_be_changed(here):
    definition = read_mapping({"region": "cn-beijing"}, here)
    with pytest.raises(FrozenInstanceError):
        definition.path = here
    with pytest.raises(TypeError):
        definition.options["region"] = "elsewhere"


def test_each_qualifier_may_have_settings_of_its_own(here):
    write("a.py")
    write(
        "fcemu.yaml",
        """
        functions:
          f:
            handler: a.b
            versions: {'3': {}}
            aliases: {stable: 3}
            asyncInvokeConfig:
              - {asyncTask: true, maxAsyncRetryAttempts: 0}
              - {qualifier: stable, onFailure: queue:broken}
              - {qualifier: 3, asyncTask: false}
        """,
    )
    f = FunctionRef("f")
    assert read_definition(here).async_settings == {
        (f, "LATEST"): AsyncSettings(task_mode=True, max_retries=0),
        (f, "stable"): AsyncSettings(on_failure=QueueDestination("broken")),
        (f, "3"): AsyncSettings(task_mode=False),
    }


def test_a_destination_may_be_defined_elsewhere(here):
    write("a.py")
    write("fcemu.yaml", "functions: {f: {handler: a.b, asyncInvokeConfig: {onSuccess: function:nobody}}}")
    (settings,) = read_definition(here).async_settings.values()
    assert settings.on_success == FunctionDestination(FunctionRef("nobody"))


# Where code is


@pytest.mark.parametrize(
    ("top", "service", "function", "directory"),
    [
        ("", "", "", "."),
        ("one", "", "", "one"),
        ("one", "two", "", "two"),
        ("one", "two", "three", "three"),
        ("", "", "../beside", "../beside"),
    ],
)
def test_the_nearest_code_key_counts_and_paths_are_relative_to_the_file(here, top, service, function, directory):
    for name in (".", "one", "two", "three", "../beside"):
        write(f"app/{name}/a.py")
    code = [f"code: {each}," if each else "" for each in (top, service, function)]
    text = f"{{{code[0]} services: {{s: {{{code[1]} functions: {{f: {{{code[2]} handler: a.b}}}}}}}}}}"
    write("app/fcemu.yaml", text)
    (made,) = read_definition(here / "app").functions
    assert made.code == os.path.realpath(here / "app" / directory)


def test_code_may_be_anywhere(here, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write(elsewhere / "a.py")
    write("fcemu.yaml", f"functions: {{f: {{handler: a.b, code: {elsewhere}}}}}")
    assert read_definition(here).functions[0].code == os.path.realpath(elsewhere)


def test_code_may_be_a_link(here):
    write("real/a.py")
    Path("link").symlink_to("real")
    write("fcemu.yaml", "functions: {f: {handler: a.b, code: link}}")
    assert read_definition(here).functions[0].code == str(here / "real")


def test_a_missing_directory_is_one_problem_however_many_functions_share_it(here):
    write("source/a.py")
    text = "code: sourc\nfunctions:\n  f: {handler: a.b}\n  g: {handler: a.c}\n"
    assert said(text) == "fcemu.yaml:1:7: code: there is no directory 'sourc'\n  did you mean 'source'?"


@pytest.mark.parametrize("text", ["code: no\\such", "services: {s: {code: no\\such}}"])
def test_a_missing_directory_is_a_problem_even_where_nobody_uses_it(here, text):
    assert said(text).endswith("code: there is no directory 'no\\\\such'")


@pytest.mark.parametrize(
    "function",
    [
        "{Handler: nothing.b}",
        "{handler: a.b, Code: nowhere}",
        "{handler: a.b, code: {Src: nowhere}}",
        "{handler: a.b, Python: nowhere}",
        "{handler: a.b, asyncInvokeConfig: {Qualifier: gone, OnSuccess: 'function:gone'}}",
        "{handler: a.b, initializer: {Handler: nothing.b}}",
        "{handler: a.b, aliases: {live: {Version: '7'}}}",
    ],
)
def test_a_key_that_is_misspelt_and_wrong_besides_is_two_problems_or_a_problem_and_a_warning(tmp_path, function):
    (tmp_path / "a.py").write_text("def b(event, context): ...\n")
    file = tmp_path / "fcemu.yaml"
    file.write_text(f"functions: {{f: {function}}}\n")
    with pytest.raises(DefinitionError) as caught:
        read_definition(file)
    found = [*caught.value.problems, *caught.value.warnings]
    assert found[0].message.startswith("unknown key")
    assert len(found) > 1
