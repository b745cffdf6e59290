"""Debuggers, coverage and monkeypatch reach a handler that runs inline, whichever thread runs it."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from debug_adapter import DebugAdapterClient
from other_plugins import OTHERS
from patience import CHILD_SECONDS

LEFT_OUT = ("cacheprovider", *OTHERS)

HANDLER = """
    import os
    import time

    def price(order):
        return 7 * order

    def handler(event, context):
        order = int(event)
        {stop}
        time.sleep(3600)
        if order > 100:
            return b"too many"
        return f"{{price(order)}} {{os.environ.get('CURRENCY')}}".encode()
"""
TEST = """
    @pytest.mark.fcemu({"functions": {"f": {"handler": "shop.handler", "timeout": 7200}}}, watchdog=1)
    def test_it(fcemu):
        invocation = fcemu.function("f").invoke_async("6", delay=200)
        fcemu.run_until_idle()
        assert invocation.reply.text == "42 None"
"""
LONGER_THAN_THE_WATCHDOG = "__import__('fcemu.engine.real').engine.real.sleep(1.5)"


def handler(pytester, stop="pass"):
    return pytester.makepyfile(shop=HANDLER.format(stop=stop))


def test_a_breakpoint_in_a_handler_stops_in_pytests_pdb_and_the_watchdog_waits(suite, pytester):
    handler(pytester, stop="breakpoint()")
    commands = f"p order * 1000\n{LONGER_THAN_THE_WATCHDOG}\nn\nn\np context.request_id\nc\n"
    result = suite(TEST, stdin=commands.encode())
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*PDB set_trace*", "*shop.py*handler()", "(Pdb)*6000", "*-> if order > 100:", "(Pdb)*-*-*"]
    )


def test_a_breakpoint_that_pytest_does_not_manage_stops_too(suite, pytester):
    handler(pytester, stop="import pdb; pdb.Pdb().set_trace()")
    commands = f"p order * 1000\n{LONGER_THAN_THE_WATCHDOG}\nc\n"
    result = suite(TEST, "-s", stdin=commands.encode())
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*shop.py*handler()", "(Pdb)*6000"])


def test_after_a_failure_the_emulator_is_still_there_to_be_asked(suite, pytester):
    handler(pytester)
    result = suite(
        """
        @pytest.mark.fcemu({"functions": {"f": {"handler": "shop.handler", "timeout": 7200}}})
        def test_it(fcemu):
            fcemu.function("f").invoke_async("6", delay=200)
            fcemu.advance(300)
            assert False
        """,
        "--pdb",
        stdin=b"print(fcemu.timeline())\nfcemu.advance(3600)\np fcemu.invocations[0].status\nq\n",
    )
    result.stdout.fnmatch_lines(["(Pdb)*+0 s*f*accepted, due +200 s*", "*+200 s*attempt 1*", "(Pdb) 'Succeeded'"])


@pytest.mark.parametrize("core", ["ctrace", "pytrace", "sysmon"])
def test_coverage_counts_the_lines_of_a_handler(pytester, core):
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("sys.monitoring came with Python 3.12")
    handler(pytester)
    pytester.makepyfile(test_it="import pytest\n" + textwrap.dedent(TEST))
    (pytester.path / ".coveragerc").write_text(f"[run]\ncore = {core}\nsource = .\n")
    run = [sys.executable, "-m", "coverage", "run", "-m", "pytest", "-q", *(f"-pno:{name}" for name in LEFT_OUT)]
    pytester.run(*run, timeout=CHILD_SECONDS).assert_outcomes(passed=1)
    pytester.run(sys.executable, "-m", "coverage", "json", "-q", timeout=CHILD_SECONDS)
    files = json.loads((pytester.path / "coverage.json").read_text())["files"]
    lines = Path("shop.py").read_text().splitlines()
    missing = [lines[number - 1].strip() for number in files["shop.py"]["missing_lines"]]
    assert missing == ['return b"too many"']


def test_monkeypatch_and_mock_reach_a_handler_by_module_name_and_environment(suite, pytester):
    handler(pytester)
    suite("""
        import os
        from unittest import mock

        import shop

        pytestmark = pytest.mark.fcemu({"functions": {"f": {"handler": "shop.handler", "timeout": 7200}}})

        def test_monkeypatch(fcemu, monkeypatch):
            monkeypatch.setattr("shop.price", lambda order: 1)
            monkeypatch.setenv("CURRENCY", "CNY")
            assert fcemu.function("f").invoke("6").text == "1 CNY"

        def test_mock(fcemu):
            with mock.patch.object(shop, "price", return_value=2) as price, mock.patch.dict(os.environ, CURRENCY="EUR"):
                assert fcemu.function("f").invoke("6").text == "2 EUR"
            price.assert_called_once_with(6)

        def test_nothing_is_left(fcemu):
            assert fcemu.function("f").invoke("6").text == "42 None"
    """).assert_outcomes(passed=3)


WAITS_FOR_AN_EDITOR = """
    import debugpy
    import pytest

    _, port = debugpy.listen(("127.0.0.1", 0))
    print(port, flush=True)
    debugpy.wait_for_client()
    # Plain assertions: pydevd and pytest must not both parse syntax trees, which CPython 3.11 cannot do in two threads.
    raise SystemExit(pytest.main(["-q", "-s", "--assert=plain", *(f"-pno:{{name}}" for name in {others})]))
"""


def test_an_editor_attaches_with_debugpy_and_stops_in_a_handler(pytester):
    path = handler(pytester)
    pytester.makepyfile(test_it="import pytest\n" + textwrap.dedent(TEST))
    pytester.makepyfile(waits=WAITS_FOR_AN_EDITOR.format(others=LEFT_OUT))
    command = [sys.executable, "-Xfrozen_modules=off", "waits.py"]
    pytest_run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    client = None
    try:
        client = DebugAdapterClient(int(pytest_run.stdout.readline()))
        line = client.attach(path, "time.sleep(3600)")
        stop = client.stop()
        assert (stop.reason, stop.name, stop.line) == ("breakpoint", "handler", line)
        client.evaluate(stop, LONGER_THAN_THE_WATCHDOG)
        assert client.evaluate(stop, "order * 1000") == "6000"
        client.go_on(stop)
        client.event("terminated")
        client.close()
        client = None
        assert pytest_run.wait(timeout=CHILD_SECONDS) == 0
    finally:
        if client is not None:
            client.close()
        pytest_run.kill()
        pytest_run.wait()
        pytest_run.stdout.close()
