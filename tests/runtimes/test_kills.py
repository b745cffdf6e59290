"""Instances that are killed from outside while an attempt runs: FC's outcome, a new instance, nothing left over."""

import gc
import os
import signal
import tempfile
from pathlib import Path

import pytest
from fakes import CREW, ask, s
from runtimes.every.custom import COMMAND, SERVER

from fcemu import host
from fcemu.core.catalog import Catalog
from fcemu.core.facts import Warned
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator
from fcemu.handler.system import SHARED_FILES

FULL = os.environ.get("FCEMU_EFFORT") == "full"
PYTHON = """
import os, time

def handler(event, context):
    how, path = event.decode().split(":")
    if how == "echo":
        return path
    helper = os.posix_spawnp("sleep", ["sleep", "1000"], os.environ)
    with open(path, "w") as file:
        file.write(f"{os.getpid()} {helper}")
    if how == "sleeps":
        time.sleep(3600)
    with open(path + ".fifo") as fifo:
        fifo.read()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A directory for temporary files that is only this test's."""
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setenv("TMPDIR", str(made))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return made


NODE = """
const { spawn } = require('node:child_process');
const fs = require('node:fs');

exports.handler = async (event) => {
  const [how, path] = event.toString().split(':');
  if (how === 'echo') return path;
  const helper = spawn('sleep', ['1000'], { stdio: 'ignore' });
  helper.unref();
  fs.writeFileSync(path, `${process.pid} ${helper.pid}`);
  if (how === 'sleeps') await new Promise((go) => setTimeout(go, 3_600_000));
  else fs.readFileSync(`${path}.fifo`);
};
"""
CUSTOM = f"{PYTHON}{SERVER}\nserve(lambda path, headers, event: (200, handler(event, None).encode()))\n"
EXITED = b"Process exited unexpectedly before completing request"
KINDS = {
    "process": ("python3.10", "index.py", PYTHON, ("UnhandledInvocationError", EXITED)),
    "node": ("nodejs20", "index.js", NODE, ("UnhandledInvocationError", EXITED)),
    "custom": ("custom", "index.py", CUSTOM, ("CAExited", b"It ended with signal 9.")),
}
"""Runtime, file, code, and how a killed attempt is reported."""


@pytest.fixture
def runtimes():
    made = host.Runtimes({})
    yield made
    made.close()


@pytest.fixture
def kind():
    """Which of ``KINDS`` runs."""
    return "process"


@pytest.fixture
def emulator(kind, runtimes, tmp_path):
    runtime, file, code, _ = KINDS[kind]
    (tmp_path / file).write_text(code)
    catalog, ref = Catalog(), FunctionRef("f")
    kept = {"customRuntimeConfig": {"command": COMMAND}}
    given = {"handler": "index.handler", "runtime": runtime, "timeout": s(7200), "kept": kept}
    catalog.add(Function(ref=ref, code=str(tmp_path), **given))
    catalog.set_async(ref, AsyncSettings(max_retries=0))
    made = Emulator(
        settings=Settings(),
        catalog=catalog,
        runtimes=lambda name: runtimes(name, process=True),
        chance=Chance(0),
        crew=CREW,
    )
    yield made
    made.close()


def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def descendants():
    """Process ids of all that this process has started and that is not reaped, with their states."""
    parents, states = {}, {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue
        state, parent = stat.rpartition(")")[2].split()[:2]
        parents[int(entry)], states[int(entry)] = int(parent), state
    found, new = set(), {os.getpid()}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    return {pid: states[pid] for pid in found}


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until(condition):
    """Real processes end in real time: look until it is so; the test's own timeout ends a wait in vain."""
    while not condition():
        os.sched_yield()


@pytest.mark.parametrize(
    ("kind", "how", "times"),
    [
        ("process", "sleeps", 100),
        ("process", "waits", 100),
        ("node", "sleeps", 100),
        ("node", "waits", 100),
        ("custom", "waits", 200),  # a program that sleeps on a paused clock waits for something real, too
    ],
)
def test_each_killed_attempt_ends_as_in_fc_and_the_next_one_works(
    temporary, emulator, runtimes, tmp_path, kind, how, times
):
    error_type, text = KINDS[kind][3]
    times = 200 if FULL else times

    def echo(text):
        invocation = emulator.accept(ask("f", f"echo:{text}".encode()))
        emulator.wait(emulator.run_until_idle(None))
        return invocation.attempts[0]

    assert echo("warm").outcome.payload == b"warm"
    before, known = descriptors(), set(descendants())
    instances = set()
    for number in range(times):
        path = tmp_path / f"pid{number}"
        os.mkfifo(f"{path}.fifo")
        invocation = emulator.accept(ask("f", f"{how}:{path}".encode()))
        moved = emulator.advance(s(1))
        wait_until(lambda path=path: path.exists() and path.read_text().count(" "))
        instance, helper = map(int, path.read_text().split())
        if how == "sleeps":
            emulator.wait(moved)
        os.kill(instance, signal.SIGKILL)
        emulator.wait(moved)
        emulator.wait(emulator.advance(s(0)))
        wait_until(lambda invocation=invocation: invocation.ended is not None)
        (attempt,) = invocation.attempts
        assert attempt.outcome.error_type == error_type
        assert text in attempt.outcome.document
        after = echo(str(number))
        assert after.outcome.payload == str(number).encode()
        assert after.instance_id != attempt.instance_id
        instances.add(after.instance_id)
        wait_until(lambda helper=helper: is_gone(helper))
    assert len(instances) == times
    # One warm instance was there before, and one is there now.
    wait_until(lambda: len(descendants()) == len(known))
    assert "Z" not in descendants().values()
    assert descriptors() <= before + 1  # the park of an instance needs one more
    shows_time = kind == "custom" or not SHARED_FILES  # to the instance that runs, by a file
    assert len(list(temporary.iterdir())) <= shows_time
    emulator.close()
    runtimes.close()
    wait_until(lambda: not set(descendants()) - known)
    assert list(temporary.iterdir()) == []


def test_an_instance_that_died_between_two_attempts_is_replaced_without_a_failure(emulator, tmp_path):
    (tmp_path / "index.py").write_text("import os\n\ndef handler(event, context):\n    return str(os.getpid())\n")

    def pid():
        invocation = emulator.accept(ask("f"))
        emulator.wait(emulator.run_until_idle(None))
        return int(invocation.attempts[0].outcome.payload)

    first = pid()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: is_gone(first))
    assert pid() != first
    assert [fact.text for fact in emulator.journal if isinstance(fact, Warned)] == [
        "the process of this instance had ended since its last attempt; a new process replaced it"
    ]
