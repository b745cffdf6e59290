"""fcemu analyse and fcemu explore, as a user runs them."""

import json
import subprocess
import sys
from pathlib import Path

from running import good, wrong

ROOT = Path(__file__).parent.parent
LOOP = """
functions:
  a:
    handler: index.a
    asyncInvokeConfig: {onSuccess: "function:b", maxAsyncEventAgeInSeconds: 60}
  b:
    handler: index.b
    asyncInvokeConfig: {onFailure: "function:a"}
"""


def test_good_settings_are_a_table_and_status_0():
    result = good("analyse", str(ROOT / "fixtures/orders"))
    assert "orders/charge   3         10.5 s" in result.stdout


def test_contradictions_are_told_with_their_rules_and_status_1(tmp_path):
    (tmp_path / "fcemu.yaml").write_text(LOOP)
    (tmp_path / "index.py").write_text("def a(event, context): pass\ndef b(event, context): pass\n")
    run = [sys.executable, "-m", "fcemu", "analyse", str(tmp_path)]
    told = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (1, "2 functions, 2 contradictions\n")
    assert "a: the reports go in a loop: a → b → a; fcemu follows 16 of them (retry-and-destinations §2)" in told.stdout
    record = json.loads(subprocess.run([*run, "--json"], capture_output=True, text=True, check=False).stdout)
    assert [one["function"] for one in record["functions"]] == ["a", "b"]
    assert record["functions"][0]["seconds_to_failure_at_most"] == 15.5
    assert {one["rule"] for one in record["findings"]} == {"async-invocation §3", "retry-and-destinations §2"}


def test_a_definition_that_is_wrong_is_told_as_check_does(tmp_path):
    (tmp_path / "fcemu.yaml").write_text("functions: {f: {handler: 5}}")
    assert "fcemu.yaml:1:26: handler: expected module.function, got 5" in wrong(1, "analyse", str(tmp_path))


def test_explore_searches_one_test_and_has_pytests_status():
    file = ROOT / "fixtures/bugs/double-charge/test_double_charge.py"
    command = [sys.executable, "-m", "fcemu", "explore", f"{file}::test_an_order_is_charged_once", "--runs", "9"]
    run = subprocess.run([*command, "-q", "-p", "no:cacheprovider"], capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr
    assert "FAILED after 2 runs" in run.stdout
    assert "Missing option '--runs'" in wrong(2, "explore", "x")
