"""fcemu mutate, as a user runs it: which changes of settings his tests notice."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from patience import CHILD_SECONDS
from running import wrong
from systems import needs

from fcemu.config import Change, read_mapping, written_settings
from fcemu.core.fields.asynchronous import ASYNC
from fcemu.core.fields.functions import FUNCTION
from fcemu.core.limits import STRICT
from fcemu.search.mutants import other_values

pytestmark = needs("FORKS")
SHOP = """
functions:
  charge:
    handler: shop.charge
    timeout: 20
    asyncInvokeConfig:
      maxAsyncRetryAttempts: 1
      maxAsyncEventAgeInSeconds: 600
      onFailure: queue:declined
  receipt:
    handler: shop.receipt
"""
HANDLERS = """
import time

def charge(event, context):
    time.sleep(int(event))
    raise ValueError("declined")

def receipt(event, context):
    return "thank you"
"""
WEAK = """
    @pytest.mark.fcemu("fcemu.yaml", strict=False)
    def test_something_fails(fcemu):
        charge = fcemu.function("charge").invoke_async(0)
        fcemu.run_until_idle()
        assert charge.status == "Failed"

    @pytest.mark.fcemu("fcemu.yaml")
    def test_a_receipt(fcemu):
        with open("receipts", "a") as file:
            file.write("x")
        assert fcemu.function("receipt").invoke().text == "thank you"
"""
STRONG = """
    @pytest.mark.fcemu("fcemu.yaml")
    def test_a_charge_is_tried_twice_and_reported(fcemu):
        charge = fcemu.function("charge").invoke_async(0)
        fcemu.run_until_idle()
        assert len(charge.attempts) == 2
        assert len(fcemu.queue("declined").messages) == 1

    @pytest.mark.fcemu("fcemu.yaml")
    @pytest.mark.parametrize(("seconds", "outcome"), [(19, "function error"), (20.5, "timed out")])
    def test_a_charge_may_take_20_seconds(fcemu, seconds, outcome):
        charge = fcemu.function("charge")
        charge.stub(lambda event, context: __import__("time").sleep(seconds) or 1 / 0)
        assert charge.invoke_async().attempts == []
        fcemu.run_until_idle()
        assert charge.invocations[0].attempts[0].outcome == outcome
        assert fcemu.queue("declined").messages

    @pytest.mark.fcemu("fcemu.yaml")
    @pytest.mark.parametrize(("delay", "status"), [(599, "Failed"), (601, "Expired")])
    def test_a_charge_is_forgotten_after_ten_minutes(fcemu, delay, status):
        charge = fcemu.function("charge").invoke_async(0, delay=delay)
        fcemu.run_until_idle()
        assert charge.status == status
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "fcemu.yaml").write_text(SHOP)
    (tmp_path / "shop.py").write_text(HANDLERS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


@pytest.fixture
def mutate(folder, monkeypatch):
    """Run ``fcemu mutate`` there on the given text as a test file; without the plugins that others have installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(text, *arguments):
        (folder / "test_it.py").write_text("import pytest\n" + textwrap.dedent(text))
        command = [sys.executable, "-m", "fcemu", "mutate", "test_it.py", "-pfcemu.pytest_plugin", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=CHILD_SECONDS)

    return run


def test_changes_that_no_test_notices_are_named_with_their_places_and_status_1(mutate, folder):
    done = mutate(WEAK)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines() == [
        "fcemu.yaml:5: NOT NOTICED: charge timeout 20 → 10",
        "fcemu.yaml:7: NOT NOTICED: charge maxAsyncRetryAttempts 1 → 0",
        "fcemu.yaml:8: NOT NOTICED: charge maxAsyncEventAgeInSeconds 600 → 300",
        "fcemu.yaml:9: NOT NOTICED: charge onFailure queue:declined → not set",
        "fcemu.yaml:5: NOT NOTICED: charge timeout 20 → 1",
        "fcemu.yaml:7: NOT NOTICED: charge maxAsyncRetryAttempts 1 → 2",
        "fcemu.yaml:8: NOT NOTICED: charge maxAsyncEventAgeInSeconds 600 → 1",
    ]
    assert done.stderr == "7 changes: 0 noticed, 7 not noticed\n"
    assert (folder / "receipts").read_text() == "x", "a test that does not use the function has run again"


def test_a_suite_that_checks_everything_notices_every_change(mutate):
    done = mutate(STRONG)
    assert (done.returncode, done.stderr) == (0, "7 changes: 7 noticed, 0 not noticed\n"), done.stdout
    twice = "test_it.py::test_a_charge_is_tried_twice_and_reported"
    assert f"fcemu.yaml:7: noticed by {twice}: charge maxAsyncRetryAttempts 1 → 2" in done.stdout.splitlines()


def test_a_program_reads_the_same_as_json(mutate):
    done = mutate(WEAK + STRONG, "--json", "-k", "something or twice")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert (told["noticed"], told["not_noticed"], told["not_tried"]) == (3, 4, 0)
    retries = next(one for one in told["changes"] if one["setting"] == "maxAsyncRetryAttempts")
    assert retries == {
        "place": "fcemu.yaml:7",
        "function": "charge",
        "qualifier": "LATEST",
        "setting": "maxAsyncRetryAttempts",
        "before": 1,
        "after": 0,
        "noticed": True,
        "noticed_by": "test_it.py::test_a_charge_is_tried_twice_and_reported",
        "reason": None,
    }


def test_tests_that_fail_without_a_change_are_told_and_nothing_is_changed(mutate):
    done = mutate(WEAK.replace('"Failed"', '"Succeeded"'))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: 1 test failed without any change, so nothing was changed:\n  test_it.py::test_something_fails\n"
    )


def test_a_change_with_which_the_tests_hang_is_noticed_and_the_next_ones_are_tried(mutate):
    text = """
        @pytest.mark.fcemu("fcemu.yaml", strict=False)
        def test_it(fcemu):
            charge = fcemu.function("charge").invoke_async(0)
            while len(charge.attempts) < 2:
                fcemu.run_next()
    """
    done = mutate(text, "--each", "8")
    lines = done.stdout.splitlines()
    assert done.returncode == 1, done.stderr
    hung = "noticed because the tests did not end within 8 s: charge maxAsyncRetryAttempts 1 → 0"
    assert f"fcemu.yaml:7: {hung}" in lines
    assert lines[-2] == "fcemu.yaml:7: NOT NOTICED: charge maxAsyncRetryAttempts 1 → 2"


def test_what_a_run_has_left_behind_is_not_there_in_the_next_one(mutate):
    text = """
        import os
        from fcemu.testing import LocalEmulator
        RUNS = []

        @pytest.fixture(scope="module")
        def emulator():
            with LocalEmulator("fcemu.yaml", strict=False) as emulator:
                yield emulator

        def test_it(emulator):
            RUNS.append(1)
            assert len(RUNS) == 1
            charge = emulator.function("charge").invoke_async(0)
            emulator.run_until_idle()
            assert len(charge.attempts) == 2
    """
    done = mutate(text)
    noticed = [line for line in done.stdout.splitlines() if " noticed by " in line]
    assert len(noticed) == 2, done.stdout  # no retries, and one more; in one process RUNS would grow
    assert done.returncode == 1


@pytest.mark.parametrize("is_set_early", [False, True])
def test_programs_that_read_their_settings_when_they_are_imported_find_the_emulator(mutate, folder, is_set_early):
    """Then each run has a pytest of its own, and one that hangs is killed as well."""
    (folder / "pytest.ini").write_text(f"[pytest]\nfcemu_env = {str(is_set_early).lower()}\n")
    text = """
        import os, urllib.request
        EARLY = os.environ.get("FCEMU_URL")

        @pytest.mark.fcemu("fcemu.yaml", strict=False)
        def test_it(fcemu):
            url = f"{EARLY or fcemu.url}/2023-03-30/functions/charge/invocations"
            request = urllib.request.Request(url, b"0", {"X-Fc-Invocation-Type": "Async"})
            with urllib.request.urlopen(request):
                [charge] = fcemu.invocations
            while len(charge.attempts) < 2:
                fcemu.run_next()
            assert not fcemu.explain().count("attempt 3")
    """
    done = mutate(text, "--each", "10", "-pno:cacheprovider")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert (
        "fcemu.yaml:7: noticed because the tests did not end within 10 s: charge maxAsyncRetryAttempts 1 → 0" in lines
    )
    assert "fcemu.yaml:9: NOT NOTICED: charge onFailure queue:declined → not set" in lines
    assert len(lines) == 7


def test_definitions_of_tests_and_of_other_formats_are_changed_too(mutate, folder):
    (folder / "s.yaml").write_text(
        textwrap.dedent("""
            edition: 3.0.0
            resources:
              one:
                component: fc3
                props:
                  functionName: charge
                  region: cn-hangzhou
                  runtime: python3.10
                  handler: shop.charge
                  code: .
                  asyncInvokeConfig:
                    maxAsyncRetryAttempts: 0
        """)
    )
    text = """
        @pytest.mark.fcemu({"functions": {"charge": {"handler": "shop.charge", "timeout": 3}}}, strict=False)
        def test_a_mapping(fcemu):
            fcemu.function("charge").invoke(2)

        @pytest.mark.fcemu("s.yaml", strict=False)
        def test_of_a_tool(fcemu):
            fcemu.function("charge").invoke(2)
    """
    done = mutate(text)
    assert done.stdout.splitlines() == [
        "functions.charge.timeout: NOT NOTICED: charge timeout 3 → 1",
        "s.yaml:13: NOT NOTICED: charge maxAsyncRetryAttempts 0 → 1",
    ]


def test_a_setting_of_a_function_that_no_test_runs_is_not_noticed(mutate):
    done = mutate(WEAK, "-k", "receipt")
    assert done.returncode == 1
    assert "fcemu.yaml:7: NOT NOTICED: charge maxAsyncRetryAttempts 1 → 0 (no test runs charge)" in done.stdout


def test_a_budget_ends_it_early_and_says_what_was_not_tried(mutate):
    done = mutate(STRONG, "--seconds", "0.001")
    assert (done.returncode, done.stderr) == (0, "7 changes: 0 noticed, 0 not noticed, 7 not tried\n")
    assert "fcemu.yaml:7: not tried: charge maxAsyncRetryAttempts 1 → 0 (the time was up)" in done.stdout


def test_a_definition_that_a_test_writes_elsewhere_each_time_is_not_called_unnoticed(mutate, folder):
    text = """
        import shutil

        @pytest.mark.parametrize("stays", [True, False])
        def test_it(fcemu_factory, tmp_path, stays):
            shutil.copy("fcemu.yaml", tmp_path)
            shutil.copy("shop.py", tmp_path)
            emulator = fcemu_factory(tmp_path, strict=False)
            emulator.function("charge").invoke(0)
            if not stays:
                (tmp_path / "fcemu.yaml").unlink()
    """
    done = mutate(text)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout
    assert len(lines) == 7
    assert all(line.endswith("(the tests have read another file this time)") for line in lines)
    assert "this definition cannot be read any more, so that it is left as it is: " in done.stderr


def test_a_definition_that_is_read_when_tests_are_imported_cannot_be_changed(mutate):
    text = """
        from fcemu.testing import LocalEmulator

        EMULATOR = LocalEmulator("fcemu.yaml", strict=False)
        EMULATOR.close()

        @pytest.mark.fcemu("fcemu.yaml", strict=False)
        def test_it(fcemu):
            fcemu.function("charge").invoke(0)
    """
    done = mutate(text)
    assert "(the tests read the definition when they are imported)" in done.stdout
    assert done.returncode == 0


def test_without_tests_it_is_wrong_use(mutate):
    for arguments, said in (
        (["-k", "nothing_at_all"], "pytest has found no test"),
        (["--no-such-option"], "unrecognized arguments: --no-such-option"),
        (["no_such_file.py"], "file or directory not found: no_such_file.py"),
    ):
        done = mutate(WEAK, *arguments)
        assert done.returncode == 2, (arguments, done.stdout)
        assert said in done.stderr
    assert "Missing argument 'TESTS...'" in wrong(2, "mutate")


def test_a_test_file_that_cannot_be_imported_is_told(mutate):
    done = mutate("import no_such_module")
    assert (done.returncode, "  test_it.py" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize(
    ("table", "key", "value", "others"),
    [
        (ASYNC, "maxAsyncRetryAttempts", 2, [0, 3]),
        (ASYNC, "maxAsyncRetryAttempts", 0, [1]),
        (ASYNC, "maxAsyncRetryAttempts", 8, [0, 7]),
        (ASYNC, "maxAsyncEventAgeInSeconds", 86400, [43200, 1]),
        (ASYNC, "maxAsyncEventAgeInSeconds", 1, [2]),
        (ASYNC, "onSuccess", "queue:good", [None, "queue:bad"]),
        (FUNCTION, "timeout", 2, [1]),
        (FUNCTION, "timeout", 60, [30, 1]),
        (FUNCTION, "memorySize", 512, []),
        (FUNCTION, "handler", "a.b", []),
        (ASYNC, "asyncTask", True, []),
    ],
)
def test_the_values_that_a_setting_is_tried_with(table, key, value, others):
    beside = {"onFailure": "queue:bad", "maxAsyncRetryAttempts": 1}
    assert other_values(table.keys[key], value, beside, STRICT) == others


def test_settings_of_versions_qualifiers_and_hooks_are_found_and_changed():
    definition = {
        "functions": {
            "f": {
                "handler": "index.f",
                "preStop": {"handler": "index.stop", "timeout": 4},
                "asyncInvokeConfig": [
                    {"maxAsyncRetryAttempts": 1},
                    {"qualifier": "live", "maxAsyncRetryAttempts": 2},
                ],
                "versions": {"1": {"timeout": 7}},
                "aliases": {"live": {"version": "1"}},
            }
        },
        "services": {"s": {"functions": {"g": {"handler": "index.g", "timeout": 9}}, "versions": {"1": {}}}},
        "stubs": {"f": {"steps": [{"returns": 1}]}, "s/g": {"steps": [{"returns": 1}]}},
    }
    found = {
        (str(one.function), one.qualifier, one.name): one
        for one, _ in written_settings(definition)
        if isinstance(one.value, int)
    }
    assert {key: one.value for key, one in found.items()} == {
        ("f", "LATEST", "preStop.timeout"): 4,
        ("f", "LATEST", "maxAsyncRetryAttempts"): 1,
        ("f", "live", "maxAsyncRetryAttempts"): 2,
        ("f", "LATEST", "versions.1.timeout"): 7,
        ("s/g", "LATEST", "timeout"): 9,
    }

    def changed(*key, value):
        read = read_mapping(definition, Path(), change=Change(found[key].way, value))
        return read, {str(one.ref): one for one in read.functions}

    read, _ = changed("f", "live", "maxAsyncRetryAttempts", value=5)
    assert {qualifier: one.max_retries for (_, qualifier), one in read.async_settings.items()} == {
        "LATEST": 1,
        "live": 5,
    }
    read, functions = changed("s/g", "LATEST", "timeout", value=1)
    assert functions["s/g"].timeout.total_seconds() == 1
    read, functions = changed("f", "LATEST", "versions.1.timeout", value=2)
    assert functions["f"].timeout.total_seconds() == 3
