"""fcemu runs on systems that lack what Linux offers: what it uses of that is a table, and each row has a way around."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import CHILD_SECONDS

from fcemu.handler import system
from fcemu.handler.system import FACILITIES

TESTS = Path(__file__).parent
ROOT = TESTS.parent
ONLY_WHERE = {
    "fcemu/handler/child/template.py": "FORKS",
    "fcemu/handler/child/alarms.py": "ALARMS",
    "fcemu/handler/time/trio_loops.py": "EPOLL",
}
"""Modules that are imported only where a facility is there, so that nothing in them is guarded."""


def test_each_facility_is_a_constant_and_a_row():
    constants = {name for name, value in vars(system).items() if isinstance(value, bool) and name.isupper()}
    assert {each.name for each in FACILITIES} | {"IS_HIDDEN"} == {name for name in constants if name[0] != "_"}
    for each in FACILITIES:
        assert each.offered == getattr(system, each.name)
        assert all((each.what, each.used_for, each.instead))


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_no_function_of_another_system_is_used_without_a_guard(platform):
    """mypy knows which names each system has, and takes what a facility guards for unreachable."""
    never = [word for each in FACILITIES for word in ("--always-false", each.name)]
    command = [sys.executable, "-m", "mypy", "--platform", platform, "--no-warn-unreachable", "--no-error-summary"]
    run = subprocess.run([*command, *never], cwd=ROOT, capture_output=True, text=True, timeout=CHILD_SECONDS * 3)
    assert run.stderr == ""
    found = [line for line in run.stdout.splitlines() if line.partition(":")[0] not in ONLY_WHERE]
    assert found == []


def test_text_is_read_and_written_in_an_encoding_that_the_code_names():
    """Windows takes another than UTF-8 where none is named."""
    found = []
    for file in sorted((ROOT / "fcemu").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _reads_text(node):
                named = {keyword.arg for keyword in node.keywords}
                if "encoding" not in named and not _is_named_in_place(node):
                    found.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def _reads_text(call):
    name = ast.unparse(call.func)
    if name.endswith((".read_text", ".write_text")):
        return True
    modes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return name == "open" and not any(isinstance(mode, ast.Constant) and "b" in mode.value for mode in modes)


def _is_named_in_place(call):
    """``path.read_text("ascii")``, ``path.write_text(text, "ascii")``."""
    name = ast.unparse(call.func)
    return len(call.args) > (1 if name.endswith(".write_text") else 0) and not name.endswith("open")


def portable(*command, **more):
    environment = {**os.environ, "FCEMU_SYSTEM": "portable", **more}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=CHILD_SECONDS)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_portable_mode_hides_every_facility_and_the_doctor_says_what_is_used_instead():
    told = json.loads(portable(sys.executable, "-m", "fcemu", "doctor", "--json", "--port", "0"))
    assert {each["name"]: each["offered"] for each in told["system"]} == {each.name: False for each in FACILITIES}
    assert told["problems"] == []
    assert "0 of" in told["found"]["system"]
    assert all(told["virtual"].values())
    text = portable(sys.executable, "-m", "fcemu", "doctor", "--port", "0")
    listed = " ".join(text.partition("this system does not offer:")[2].partition("\n\n")[0].split())
    for each in FACILITIES:
        assert each.what.replace("`", "") in listed


def test_another_value_of_the_variable_is_wrong():
    environment = {**os.environ, "FCEMU_SYSTEM": "plan9"}
    command = [sys.executable, "-m", "fcemu", "doctor", "--port", "0"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=CHILD_SECONDS)
    assert run.returncode == 1
    assert "wrong: system: FCEMU_SYSTEM: expected 'portable' or nothing, got 'plan9'" in run.stderr


# What Windows has not is really taken away.


def stripped(directory, **variables):
    """Run ``stripped/program.py`` where fcemu finds nothing that Windows has not, nor does its Python children's."""
    path = str(TESTS / "stripped")
    python = directory / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{path}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    code = directory / "code"
    code.mkdir()
    environment = {**os.environ, **variables, "PYTHONPATH": path}
    command = [sys.executable, f"{path}/program.py", str(code), str(python)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=CHILD_SECONDS)


def test_every_runtime_a_data_file_and_the_server_work_with_what_windows_has(tmp_path):
    run = stripped(tmp_path, FCEMU_SYSTEM="portable")
    assert run.returncode == 0, run.stdout + run.stderr
    told = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    replies = {(each["runtime"], each["function"]): each for each in told if "function" in each}
    wanted = {"program", *(["node"] if shutil.which("node") else [])}
    assert replies.keys() == {
        *(("inline", name) for name in {"sleeps", *wanted}),
        *(("process", name) for name in {"alone", *wanted}),
    }
    assert {each["error"] for each in replies.values()} == {None}
    for (_, name), reply in replies.items():
        assert float(reply["text"]) == 60 if name != "program" else reply["text"] == "ok"
        assert re.search(r"^.*(served|woken)$", reply["log"], re.MULTILINE)
    assert [each["server"] for each in told if "server" in each] == [200, 200]


def test_without_portable_mode_what_was_taken_away_is_missed(tmp_path):
    run = stripped(tmp_path, FCEMU_SYSTEM="")
    assert run.returncode != 0
    assert "Windows has no" in run.stderr
