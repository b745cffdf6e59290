"""Instances that are killed from outside while an attempt runs: FC's outcome, a new instance, nothing left over."""

import gc
import os
import signal
import tempfile
from pathlib import Path

import pytest
from fakes import CREW, ask, s

from fcemu import assembly
from fcemu.core.catalog import Catalog
from fcemu.core.facts import Warned
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator

TIMES = 200 if os.environ.get("FCEMU_EFFORT") == "full" else 20
CODE = """
import os, subprocess, time

def handler(event, context):
    how, path = event.decode().split(":")
    if how == "echo":
        return path
    helper = subprocess.Popen(["sleep", "1000"])
    with open(path, "w") as file:
        file.write(f"{os.getpid()} {helper.pid}")
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


@pytest.fixture
def runtimes():
    made = assembly.Runtimes({})
    yield made
    made.close()


@pytest.fixture
def emulator(runtimes, tmp_path):
    (tmp_path / "index.py").write_text(CODE)
    catalog, ref = Catalog(), FunctionRef("f")
    catalog.add(Function(ref=ref, handler="index.handler", code=str(tmp_path), timeout=s(7200)))
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
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def wait_until(condition):
    """Real processes end in real time: look until it is so; the test's own timeout ends a wait in vain."""
    while not condition():
        os.sched_yield()


@pytest.mark.parametrize("how", ["sleeps", "waits"])
def test_each_killed_attempt_ends_as_in_fc_and_the_next_one_works(temporary, emulator, runtimes, tmp_path, how):
    def echo(text):
        invocation = emulator.accept(ask("f", f"echo:{text}".encode()))
        emulator.wait(emulator.run_until_idle(None))
        return invocation.attempts[0]

    assert echo("warm").outcome.payload == b"warm"
    before, known = descriptors(), set(descendants())
    instances = set()
    for number in range(TIMES):
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
        assert attempt.outcome.error_type == "UnhandledInvocationError"
        assert b"Process exited unexpectedly before completing request" in attempt.outcome.document
        after = echo(str(number))
        assert after.outcome.payload == str(number).encode()
        assert after.instance_id != attempt.instance_id
        instances.add(after.instance_id)
        wait_until(lambda helper=helper: is_gone(helper))
    assert len(instances) == TIMES
    # One warm instance was there before, and one is there now.
    wait_until(lambda: len(descendants()) == len(known))
    assert "Z" not in descendants().values()
    assert descriptors() <= before + 1  # the park of an instance needs one more
    assert list(temporary.iterdir()) == []
    emulator.close()
    runtimes.close()
    wait_until(lambda: not set(descendants()) - known)


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
        "the process of this instance had ended since its last attempt; another one took its place"
    ]
