"""Nothing that a handler has started outlives its instance, wherever it has gone, and nothing that it has shared."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import requests
from acceptance.control import zipped
from patience import CHILD_SECONDS
from running import serving
from runtimes.every.custom import COMMAND, SERVER
from runtimes.test_kills import is_gone, wait_until
from systems import needs

from fcemu.handler.system import LOCKS, SHARED_FILES
from fcemu.testing import LocalEmulator

LEAVES = """
import json, mmap, os, subprocess

def leave(event):
    asked = json.loads(event)
    said = subprocess.check_output(["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!"])
    with open(asked["shared"], "w+b") as file:
        file.truncate(4096)
        globals()["kept"] = mmap.mmap(file.fileno(), 4096)
    with open(asked["told"], "w") as told:
        told.write(json.dumps([os.getpid(), int(said)]))
    if asked["how"] == "dies":
        os.kill(os.getpid(), 9)
    return "left"
"""
NODE = """
const { execFileSync } = require('node:child_process');
exports.handler = async (event) => {
  const asked = JSON.parse(event);
  const said = execFileSync('sh', ['-c', 'setsid sleep 1000 >/dev/null 2>&1 & echo $!']);
  require('node:fs').writeFileSync(asked.told, JSON.stringify([process.pid, Number(said)]));
  if (asked.how === 'dies') process.kill(process.pid, 9);
  return 'left';
};
"""
CODE = {
    "process": ("index.py", f"{LEAVES}\ndef handler(event, context):\n    return leave(event)\n", {}),
    "node": ("index.js", NODE, {"runtime": "nodejs20"}),
    "custom": (
        "index.py",
        f"{LEAVES}{SERVER}\nserve(lambda path, headers, event: (200, leave(event).encode()))\n",
        {"runtime": "custom", "command": COMMAND},
    ),
}


@pytest.fixture(params=CODE)
def definition(request, tmp_path):
    """One function, of each runtime that starts processes."""
    if request.param == "node" and shutil.which("node") is None:
        pytest.skip("there is no Node.js here")
    once = {"maxAsyncRetryAttempts": 0}
    file, text, more = CODE[request.param]
    (tmp_path / file).write_text(text)
    return {
        "functions": {
            "f": {"handler": "index.handler", "code": str(tmp_path), "timeout": 60, "asyncInvokeConfig": once, **more}
        }
    }


@pytest.fixture
def asked(tmp_path):
    """What the handler is asked; removes what it has shared, whoever has forgotten to."""
    shared = Path("/dev/shm") / f"fcemu-test-{os.getpid()}"
    yield {"how": "returns", "told": str(tmp_path / "told"), "shared": str(shared)}
    shared.unlink(missing_ok=True)


def left_by(asked):
    """The process of the instance, and what it has started; once both are known."""
    told = Path(asked["told"])
    wait_until(lambda: told.exists() and told.read_text().endswith("]"))
    return json.loads(told.read_text())


THERE_BEFORE = frozenset(os.listdir("/dev/shm"))
"""Whatever else has run on this machine may have left a file with the number of a process of today."""


def shared_files(pid):
    return [name for name in {*os.listdir("/dev/shm")} - THERE_BEFORE if name.endswith(f"_{pid}")]


@pytest.mark.parametrize("how", ["returns", "dies"])
def test_what_has_left_its_session_ends_with_the_instance_however_that_ends(definition, asked, how):
    with LocalEmulator(definition, runtime="process", strict=False) as emulator:
        emulator.function("f").invoke_async(json.dumps(asked | {"how": how}))
        emulator.advance(1)
        instance, helper = left_by(asked)
        if how == "dies":
            wait_until(lambda: is_gone(helper))
        else:
            assert not is_gone(helper)
    wait_until(lambda: is_gone(instance) and is_gone(helper))
    wait_until(lambda: not shared_files(instance))


@needs("PROC")
def test_shared_memory_of_a_program_goes_with_it_unless_another_process_has_it(definition, asked):
    if definition["functions"]["f"].get("runtime") != "custom":
        pytest.skip("only a program's shared memory is looked after")
    with LocalEmulator(definition, runtime="process") as emulator:
        emulator.function("f").invoke(json.dumps(asked))
        assert os.path.exists(asked["shared"])
    wait_until(lambda: not os.path.exists(asked["shared"]))


SERVES = """
    import json, sys
    from fcemu.testing import LocalEmulator

    emulator = LocalEmulator(json.loads(sys.argv[1]), runtime="process")
    emulator.function("f").invoke(sys.argv[2])
    print("invoked", flush=True)
    sys.stdin.read()
"""


def test_all_ends_with_an_emulator_that_is_killed_also_what_somebody_has_stopped(definition, asked):
    command = [sys.executable, "-c", textwrap.dedent(SERVES), json.dumps(definition), json.dumps(asked)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as emulator:
        assert emulator.stdout.readline() == b"invoked\n"
        instance, helper = left_by(asked)
        parent = int(Path(f"/proc/{instance}/stat").read_text().rpartition(")")[2].split()[1])
        if parent != emulator.pid:
            os.kill(parent, signal.SIGSTOP)
        os.kill(instance, signal.SIGSTOP)
        emulator.kill()
    wait_until(lambda: is_gone(instance) and is_gone(helper))
    wait_until(lambda: is_gone(parent))
    wait_until(lambda: not shared_files(instance))


ECHOES = {
    "inline": ("index.py", "def handler(event, context):\n    return event\n", {"runtime": "python3.10"}),
    "process": ("index.py", "def handler(event, context):\n    return event\n", {"runtime": "python3.10"}),
    "custom": (
        "index.py",
        f"{SERVER}\nserve(lambda path, headers, event: (200, event))\n",
        {"runtime": "custom", "customRuntimeConfig": {"command": COMMAND}},
    ),
}


@pytest.mark.parametrize("kind", ECHOES)
def test_no_directory_is_left_by_a_server_with_uploaded_code_that_is_killed(kind, tmp_path):
    file, text, more = ECHOES[kind]
    given = {"functionName": "f", "handler": "index.handler", "code": {"zipFile": zipped(**{file: text})}, **more}
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    runtime = "inline" if kind == "inline" else "process"
    with serving("--runtime", runtime, "--rate", "1", variables={"TMPDIR": str(temporary)}) as (process, client, _):
        assert requests.post(f"{client.url}/2023-03-30/functions", json=given, timeout=CHILD_SECONDS).ok
        assert client.invoke("f", b"here").body == b"here"
        assert {"fcemu-code-"} <= {name[:11] for name in os.listdir(temporary)}
        process.kill()
        small = () if LOCKS and SHARED_FILES else (".lock", "fcemu-clock-")  # which stay behind without these
        wait_until(lambda: not [name for name in os.listdir(temporary) if not any(part in name for part in small)])
