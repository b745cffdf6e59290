import os
import sys
import zipfile
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fcemu.assembly import settings_of
from fcemu.config import EMPTY, Definition, DefinitionError, document_of, native_form, read_definition, read_mapping
from fcemu.core.catalog import Catalog
from fcemu.core.destinations import FunctionDestination, QueueDestination
from fcemu.core.functions import AsyncSettings, Function, Service
from fcemu.core.generation import FC2, FC3
from fcemu.core.names import FunctionRef
from fcemu.testing import LocalEmulator

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
    assert said(text) == "fcemu.yaml:1:7: code: no directory 'sourc'\n  did you mean 'source'?"


@pytest.mark.parametrize("text", ["code: no\\such", "services: {s: {code: no\\such}}"])
def test_a_missing_directory_is_a_problem_even_where_nobody_uses_it(here, text):
    assert said(text).endswith("code: no directory 'no\\\\such'")


def test_a_hook_that_only_2_0_has_is_refused_in_3_0(here):
    write("index.py", "def handler(event, context): pass\ndef freeze(context): pass\n")
    hook = "{handler: index.handler, preFreeze: index.freeze}"
    told = said(f"functions: {{f: {hook}}}\nservices: {{s: {{functions: {{f: {hook}}}}}}}")
    assert told.splitlines() == [
        "fcemu.yaml:1:52: preFreeze: FC 3.0 has no PreFreeze hook",
        "  remove it, or put the function into a service, which makes it one of 2.0",
    ]


def test_code_that_is_a_file_is_refused(here):
    write("code.tar")
    assert said("code: code.tar") == "fcemu.yaml:1:7: code: expected a directory or a zip, found the file 'code.tar'"


def test_code_that_is_no_zip_is_refused(here):
    write("code.zip")
    assert said("code: code.zip") == (
        "fcemu.yaml:1:7: code: 'code.zip': the code is not a zip that can be unpacked: File is not a zip file"
    )


def test_code_that_is_a_zip_is_unpacked(here):
    with zipfile.ZipFile("code.zip", "w") as archive:
        archive.writestr("index.py", "def handler(event, context): ...\n")
    Path("fcemu.yaml").write_text("functions: {f: {code: code.zip, handler: index.handler}}\n")
    (function,) = read_definition(Path()).functions
    assert (Path(function.code) / "index.py").is_file()


# Where handlers are


@pytest.mark.parametrize(
    ("handler", "files"),
    [
        ("index.handler", ["index.py"]),
        ("index.handler", ["index/__init__.py"]),
        ("jobs/nightly.run", ["jobs/nightly.py"]),
        ("jobs.d/deep/nightly.run", ["jobs.d/deep/nightly.py"]),
        ("./index.handler", ["index.py"]),
        ("test.pkg.main.func", ["test/__init__.py", "test/pkg/__init__.py", "test/pkg/main.py"]),
        ("jobs/pkg.main.func", ["jobs/pkg/__init__.py", "jobs/pkg/main.py"]),
        ("my-job.run", ["my-job.py"]),
    ],
)
def test_the_file_of_a_handler_is_found(here, handler, files):
    for file in files:
        write(f"src/{file}", "raise RuntimeError('user code is never imported here')")
    write("fcemu.yaml", f"functions: {{f: {{handler: {handler}, code: src}}}}")
    assert read_definition(here).functions[0].handler == handler


@pytest.mark.parametrize(
    ("handler", "code", "message"),
    [
        ("hallo.f", None, "no file for 'hallo.f': looked for hallo.py and hallo/__init__.py"),
        ("hallo.f", "./src/", "no file for 'hallo.f': looked for ./src/hallo.py and ./src/hallo/__init__.py"),
        (
            "jobs/hallo.f",
            "src",
            "no file for 'jobs/hallo.f': looked for src/jobs/hallo.py and src/jobs/hallo/__init__.py",
        ),
        ("pkg.mod.f", "src", "no package for 'pkg.mod.f': src/pkg/__init__.py is missing"),
        ("inits.mod.f", "src", "no file for 'inits.mod.f': looked for src/inits/mod.py and src/inits/mod/__init__.py"),
        ("plain.mod.f", "src", "no package for 'plain.mod.f': src/plain/__init__.py is missing"),
        ("../src/hello.f", "src", "expected a path inside the code directory, found '../src/hello.f'"),
        ("jobs/../hello.f", "src", "expected a path inside the code directory, found 'jobs/../hello.f'"),
        ("/etc/passwd.f", "src", "expected a path inside the code directory, found '/etc/passwd.f'"),
        ("jobs/..", "src", "expected a path inside the code directory, found 'jobs/..'"),
        ("hello", "src", "expected module.function, found 'hello'"),
        ("hello.", "src", "expected module.function, found 'hello.'"),
        (".f", "src", "expected module.function, found '.f'"),
        ("hello..f", "src", "expected module.function, found 'hello..f'"),
        ("jobs/.f", "src", "expected module.function, found 'jobs/.f'"),
        ("hello.f/g", "src", "expected module.function, found 'hello.f/g'"),
        (f"{'x' * 5000}.f", "src", f"no file for '{'x' * 59}…': looked for src/{'x' * 5000}.py"),
    ],
)
def test_a_handler_without_a_file_names_the_path_as_the_user_would_write_it(here, handler, code, message):
    for file in ("hello.py", "jobs/other.py", "inits/__init__.py", "plain/mod.py"):
        write(f"src/{file}")
    first = handler_said(handler, code).partition("\n")[0]
    assert first == message or (first.startswith(message) and "x" * 5000 in message)


def test_files_close_by_are_named(here):
    for name in "abcdefg":
        write(f"src/{name}.py")
    write("src/notes.txt")
    write("src/hello.py")
    assert handler_said("jobs.hallo.f", "src").endswith("is missing")
    assert handler_said("hallo.f", "src").partition("\n")[2] == (
        "  did you mean 'hello.f'?\n  found there: a.py, b.py, c.py, d.py, e.py, …"
    )
    assert handler_said("other.f", "src").partition("\n")[2] == "  found there: a.py, b.py, c.py, d.py, e.py, …"
    assert handler_said("none/hello.f", "src").partition("\n")[2] == "  there is no such directory"


def test_a_guess_keeps_the_directory_of_the_handler(here):
    write("src/jobs/nightly.py")
    assert "did you mean 'jobs/nightly.run'?" in handler_said("jobs/nightli.run", "src")


def test_a_directory_in_place_of_a_module_is_no_module(here):
    Path("src/hello.py").mkdir(parents=True)
    assert handler_said("hello.f", "src").startswith("no file for 'hello.f'")


@pytest.mark.parametrize("link", ["hello.py", "hello", "pkg"])
def test_a_link_that_leads_out_of_the_code_directory_is_refused(here, link):
    write("outside/__init__.py")
    write("outside/mod.py")
    Path("src").mkdir()
    Path("src", link).symlink_to(here / "outside" / ("mod.py" if link.endswith(".py") else ""))
    handler = "pkg.mod.f" if link == "pkg" else "hello.f"
    assert handler_said(handler, "src").endswith("is a link that leads out of the code directory")


def test_a_link_within_the_code_directory_is_fine(here):
    write("src/real.py")
    Path("src/hello.py").symlink_to("real.py")
    write("fcemu.yaml", "functions: {f: {handler: hello.f, code: src}}")
    assert read_definition(here).functions[0].handler == "hello.f"


def test_a_directory_whose_name_begins_alike_is_outside(here):
    write("src-other/mod.py")
    Path("src").mkdir()
    Path("src/hello.py").symlink_to(here / "src-other/mod.py")
    assert handler_said("hello.f", "src").endswith("leads out of the code directory")


# The fixtures


@pytest.mark.parametrize(
    ("folder", "functions"),
    [
        ("hello", {"hello": FC3}),
        ("orders", {"orders/charge": FC2, "orders/receipt": FC2}),
        ("flaky", {"flaky": FC3, "audit": FC3}),
        ("generations", {"media/resize": FC2, "resize": FC3}),
    ],
)
def test_the_fixtures_load_into_a_catalog(folder, functions):
    definition = read_definition(FIXTURES / folder)
    catalog = Catalog(definition.services, definition.functions)
    assert {str(function.ref): function.generation for function in catalog} == functions
    assert (FIXTURES / folder / "README.md").is_file()


# Which Python


def test_the_python_of_a_function_is_a_path_from_the_file_whose_links_are_kept(here):
    write("index.py")
    (here / "env/bin").mkdir(parents=True)
    (here / "env/bin/python").symlink_to(sys.executable)
    write("fcemu.yaml", "functions: {f: {handler: index.handler, python: env/bin/python}}\n")
    (function,) = read_definition(Path("fcemu.yaml")).functions
    assert function.python == str(here / "env/bin/python")
    assert native_form([], [function], {})["functions"]["f"]["python"] == function.python


def test_a_name_without_a_slash_is_looked_for_as_a_shell_does(here, monkeypatch):
    write("index.py")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    write("fcemu.yaml", f"functions: {{f: {{handler: index.handler, python: {Path(sys.executable).name}}}}}\n")
    (function,) = read_definition(Path("fcemu.yaml")).functions
    assert Path(function.python) == Path(sys.executable)


@pytest.mark.parametrize(
    ("python", "says"),
    [("env", "no program 'env/'\n  did you mean 'env/bin/python'?"), ("nowhere", "no program 'nowhere/'")],
)
def test_a_python_that_is_not_there_is_named(here, python, says):
    write("index.py")
    write("env/bin/python")
    text = f"functions: {{f: {{handler: index.handler, python: {python}/}}}}"
    assert said(text) == f"fcemu.yaml:1:{text.index(python + '/') + 1}: python: {says}"


def test_the_auth_block_gives_two_options(here):
    write(
        "fcemu.yaml",
        "emulator: {auth: {verify: true, accessKeys: {LTAIexample: secret}}, deliverTo: {'queue:q': 'http://a/'}}\n",
    )
    definition = read_definition(here)
    assert definition.options == {
        "auth": True,
        "access_keys": {"LTAIexample": "secret"},
        "deliver_to": {"queue:q": "http://a/"},
    }
    assert document_of(definition)["emulator"] == {
        "auth": {"verify": True, "accessKeys": {"LTAIexample": "secret"}},
        "deliverTo": {"queue:q": "http://a/"},
    }


def test_an_emulator_takes_the_auth_block(here):
    write("fcemu.yaml", "emulator: {auth: {verify: true, accessKeys: {LTAIexample: secret}}}\n")
    settings = settings_of(read_definition(here).options)
    assert (settings.auth, dict(settings.access_keys)) == (True, {"LTAIexample": "secret"})


def test_an_emulator_takes_the_settings_of_instances_by_both_names(here):
    block = "throttleMode: backoff, idleSeconds: 60, coldStartSeconds: 1.5, instanceLimit: 5, instancesPerMinute: 9"
    write("fcemu.yaml", f"emulator: {{{block}}}\n")
    settings = settings_of(read_definition(here).options)
    assert (settings.throttle_mode, settings.idle.total_seconds(), settings.cold_start.total_seconds()) == (
        "backoff",
        60,
        1.5,
    )
    assert (settings.instance_limit, settings.instances_per_minute) == (5, 9)
    with pytest.raises(ValueError, match="option throttle_mode: expected 'wait' or 'backoff', found 'later'"):
        settings_of({"throttle_mode": "later"})
    with pytest.raises(ValueError, match="option instance_limit: expected 0 or more, found -1"):
        settings_of({"instance_limit": -1})


def test_the_reserved_concurrency_of_a_definition_is_in_force():
    functions = {"f": {"handler": "handler.hello", "code": str(FIXTURES / "hello"), "reservedConcurrency": 0}}
    with LocalEmulator({"functions": functions}, strict=False) as emulator:
        waiting = emulator.function("f").invoke_async()
        emulator.advance("1h")
        assert waiting.status == "Enqueued"
