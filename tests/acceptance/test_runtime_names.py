"""Runtimes that FC does not offer any more, or not yet, run on what is installed; it is said, and can be refused."""

import io
import os
import shutil
import signal
import zipfile
from base64 import b64encode

import pytest
import requests
from patience import CHILD_SECONDS
from running import serving

from fcemu.config import read_mapping
from fcemu.core.languages import RUNS_AS, is_modern_node, runs_as
from fcemu.testing import FCError, LocalEmulator

FILES = {
    "index.py": "def handler(event, context):\n    return 'ran'\n",
    "index.js": "exports.handler = (event, context, callback) => callback(null, 'ran');\n",
}
NODE = pytest.mark.skipif(shutil.which("node") is None and "FCEMU_NODE" not in os.environ, reason="needs Node.js")
NAMES = [pytest.param(name, marks=NODE if name.startswith("node") else ()) for name in RUNS_AS]


def package():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in FILES.items():
            archive.writestr(name, text)
    return {"zipFile": b64encode(content.getvalue()).decode()}


CODE = package()


def defined(runtime, **more):
    return {"functions": {"f": {"handler": "index.handler", "code": CODE, "runtime": runtime}}, **more}


def warnings_of(emulator):
    return [fact.data["text"] for fact in emulator.journal if fact.kind == "Warned"]


@pytest.mark.parametrize("name", NAMES)
def test_a_function_of_an_old_or_a_next_runtime_runs_and_it_is_said_once(name):
    with LocalEmulator({}) as emulator:
        body = {"functionName": "f", "runtime": name, "handler": "index.handler", "code": CODE}
        requests.post(f"{emulator.url}/2023-03-30/functions", json=body, timeout=30).raise_for_status()
        function = emulator.function("f")
        assert [function.invoke().text for _ in range(2)] == ["ran", "ran"]
        assert warnings_of(emulator) == [f"function f: {runs_as(name)}"]
    assert name in runs_as(name)
    assert RUNS_AS[name] in runs_as(name)


@pytest.mark.parametrize("name", RUNS_AS)
def test_a_definition_says_it_too(name, tmp_path):
    [warning] = read_mapping(defined(name), tmp_path).warnings
    assert (warning.message, warning.path) == (runs_as(name), "functions.f.runtime")


def test_an_ordinary_runtime_a_stub_and_a_callable_warn_of_nothing():
    with LocalEmulator(defined("python3.9")) as emulator:
        emulator.function("f").invoke()
        emulator.add("g", lambda event, context: "called", runtime="python2.7").invoke()
        assert warnings_of(emulator) == []


def test_the_next_names_are_like_the_newest_and_the_old_ones_like_the_oldest():
    modern = {name for name in RUNS_AS if is_modern_node(name)}
    assert modern == {"nodejs22", "nodejs24"}


@pytest.mark.parametrize("name", RUNS_AS)
def test_strict_runtimes_refuse_them_by_name(name):
    with LocalEmulator(defined(name), strict_runtimes=True) as emulator:
        with pytest.raises(FCError, match=f"runtime '{name}' is not installed, and strict_runtimes") as refused:
            emulator.function("f").invoke()
        assert refused.value.status == 501


def test_the_definition_the_marker_and_the_server_can_be_strict(pytester, tmp_path):
    with (
        LocalEmulator(defined("python2.7", emulator={"strictRuntimes": True})) as emulator,
        pytest.raises(FCError, match="strict_runtimes"),
    ):
        emulator.function("f").invoke()
    with pytest.raises(ValueError, match="option strict_runtimes"):
        LocalEmulator({}, strict_runtimes="yes")
    (pytester.path / "index.py").write_text(FILES["index.py"])
    (pytester.path / "fcemu.yaml").write_text("functions: {f: {handler: index.handler, runtime: python2.7}}\n")
    pytester.makepyfile(
        """
        import pytest
        from fcemu.testing import FCError

        @pytest.mark.fcemu("fcemu.yaml", strict_runtimes=True)
        def test_refused(fcemu):
            with pytest.raises(FCError, match="strict_runtimes"):
                fcemu.function("f").invoke()
        """
    )
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


@pytest.mark.parametrize(("option", "variable"), [(("--strict-runtimes",), "false"), ((), "true")])
def test_serve_refuses_them_by_option_or_by_variable(option, variable, tmp_path):
    (tmp_path / "index.py").write_text(FILES["index.py"])
    (tmp_path / "fcemu.yaml").write_text("functions: {f: {handler: index.handler, runtime: python2.7}}\n")
    variables = {"FCEMU_STRICT_RUNTIMES": variable}
    with serving(str(tmp_path), *option, variables=variables) as (process, client, _):
        answer = requests.post(f"{client.url}/2023-03-30/functions/f/invocations", timeout=CHILD_SECONDS)
        assert (answer.status_code, "strict_runtimes" in answer.text) == (501, True)
        process.send_signal(signal.SIGTERM)
        process.wait(CHILD_SECONDS)
