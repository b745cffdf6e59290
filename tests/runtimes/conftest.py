"""Functions from a few lines of code, run by the inline runtime; Python in a process of its own."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from patience import WAIT_SECONDS
from runtimes.emulated import Emulated
from runtimes.fake_clock import FakeClock

from fcemu.backends import FREEZEGUN, TIME_MACHINE, VARIABLE
from fcemu.core.functions import Function
from fcemu.core.names import Account, FunctionRef
from fcemu.core.outcome import FunctionError, Halted
from fcemu.core.settings import Settings
from fcemu.engine.ports import Call, Finish
from fcemu.runtimes import timeshift
from fcemu.runtimes.python_inline import PythonInline


@pytest.fixture
def runtime() -> Iterator[PythonInline]:
    runtime = PythonInline({"FCEMU_URL": "http://emulator"})
    yield runtime
    runtime.close()


@pytest.fixture(scope="session", autouse=True)
def _time_functions_as_before() -> Iterator[None]:
    yield
    timeshift.uninstall()


SEEN = pytest.StashKey[set[int]]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Which processes there are before anything is closed."""
    item.stash[SEEN] = set(descendants())


@pytest.fixture(autouse=True)
def _all_as_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test its processes, the threads that serve them, scratch directories, shared memory of its programs
    and the standard streams are as before. What fixtures of a wider scope keep is there before, or is a template."""
    before = left_over() | shared_by(None)
    streams = unwrapped(sys.stdout), unwrapped(sys.stderr)
    yield
    assert (unwrapped(sys.stdout), unwrapped(sys.stderr)) == streams
    seen = request.node.stash.get(SEEN, set())
    deadline = time.monotonic() + WAIT_SECONDS
    while new := (left_over() | shared_by(seen - set(descendants()))) - before:
        assert time.monotonic() < deadline, f"the test has left behind: {sorted(new)}"
        os.sched_yield()


def unwrapped(stream: Any) -> Any:
    """A standard stream without the view that handlers have of it."""
    return getattr(stream, "fcemu_stream", stream)


def left_over() -> set[str]:
    """What instances need as long as they live: their processes, threads beside them, and scratch directories."""
    commands = {pid: (parent, command_of(pid)) for pid, parent in descendants().items()}
    found = set()
    for pid, (parent, command) in commands.items():
        is_template = TEMPLATE in command and TEMPLATE not in commands.get(parent, (0, ""))[1]
        if not (is_template or any(name in command for name in KEPT)):
            found.add(f"process {pid}: {command}")
    found |= {f"thread {one.name} {one.ident}" for one in threading.enumerate() if one.name in OF_INSTANCES}
    for fd in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            path = os.readlink(f"/proc/self/fd/{fd}")
            if os.path.basename(path).startswith("fcemu-") and os.path.isdir(path):
                found.add(f"directory {path}")
    return found


TEMPLATE = "child/python_main.py"
KEPT = ("child/guardian.py", "multiprocessing.resource_tracker")
"""What lives as long as the process that has needed it once."""
OF_INSTANCES = frozenset({"fcemu-output", "fcemu-reaper", "fcemu-stop"})


def descendants() -> dict[int, int]:
    """All processes that this one has started, itself or through others, with their parents."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            stat = Path(f"/proc/{entry}/stat").read_text()
            parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    found: set[int] = set()
    new = {os.getpid()}
    while new := {pid for pid, parent in parents.items() if parent in new} - found:
        found |= new
    return {pid: parents[pid] for pid in found}


def command_of(pid: int) -> str:
    """The command of a process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def shared_by(pids: set[int] | None) -> set[str]:
    """Named shared memory that libfaketime has made for these processes, or for any."""
    names = [name for name in os.listdir("/dev/shm") if name.startswith(OF_FAKETIME)]
    return {f"shared memory {name}" for name in names if pids is None or _number(name) in pids}


OF_FAKETIME = ("faketime_shm_", "sem.faketime_sem_")


def _number(name: str) -> int | None:
    text = name.rpartition("_")[2]
    return int(text) if text.isdigit() else None


class Code:
    """One function over a directory of files."""

    def __init__(self, inline: PythonInline, directory: Path, **settings: Any) -> None:
        settings = {"ref": FunctionRef("shop"), "handler": "index.handler", **settings}
        self.runtime = inline
        self.directory = directory
        self.function = Function(code=str(directory), **settings)
        self.instance = inline.start(self.function, "i-1")

    def write(self, file: str, text: str) -> Path:
        path = self.directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def call(self, payload: bytes = b"", clock: FakeClock | None = None, **settings: Any) -> Call:
        given = {
            "qualifier": "LATEST",
            "version": "LATEST",
            "account": Account(),
            "instance_id": "i-1",
            "request_id": "req-1",
            "attempt": 1,
            "retry_count": 0,
        }
        clock = FakeClock() if clock is None else clock
        return Call(function=self.function, payload=payload, clock=clock, **{**given, **settings})

    def run(self, payload: bytes = b"", clock: FakeClock | None = None, **settings: Any) -> Finish:
        return self.instance.run(self.call(payload, clock, **settings))

    def returned(self, payload: bytes = b"", clock: FakeClock | None = None, **settings: Any) -> str:
        finish = self.run(payload, clock, **settings)
        if isinstance(finish.outcome, Halted | FunctionError):
            raise AssertionError(finish.outcome) from finish.exception
        return finish.outcome.payload.decode()


Define = Callable[..., Code]


@pytest.fixture
def define(runtime: PythonInline, tmp_path: Path) -> Define:
    """``define("def handler(event, context): …", **settings)``: a function over a new directory, or over ``at``."""
    count = iter(range(1000))

    def define(text: str = "", at: Path | None = None, **settings: Any) -> Code:
        directory = at or tmp_path / f"code{next(count)}"
        directory.mkdir(exist_ok=True)
        code = Code(runtime, directory, **settings)
        if text:
            code.write("index.py", text)
        return code

    return define


@pytest.fixture
def emulate(runtime: PythonInline, tmp_path: Path) -> Iterator[Callable[..., Emulated]]:
    """``emulate("def handler(event, context): …", timeout=60, settings=None, other="…")``: a real emulator."""
    made: list[Emulated] = []

    def emulate(f: str, timeout: float = 60, settings: Settings | None = None, **others: str) -> Emulated:
        made.append(Emulated(runtime, tmp_path, settings, timeout, f=f, **others))
        return made[-1]

    yield emulate
    for emulated in made:
        emulated.emulator.close()


@pytest.fixture(scope="session", params=[FREEZEGUN, TIME_MACHINE])
def python(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Run a program in a clean process; returns what it printed. It must not write to stderr. With both backends."""
    return in_process_of_its_own(request.param)


@pytest.fixture(scope="session")
def python_with_freezegun() -> Callable[[str], str]:
    """The same with one backend."""
    return in_process_of_its_own(FREEZEGUN)


@pytest.fixture(scope="session")
def python_with_time_machine() -> Callable[[str], str]:
    """The same with the other."""
    return in_process_of_its_own(TIME_MACHINE)


def in_process_of_its_own(backend: str) -> Callable[[str], str]:
    """Function that runs a program in a clean process."""

    def run(program: str) -> str:
        command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
        root = Path(__file__).parents[2]
        environment = {
            "PYTHONPATH": f"{root}:{root / 'tests'}",
            "TZ": "America/New_York",
            "PATH": "",
            VARIABLE: backend,
        }
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert (done.stderr, done.returncode) == ("", 0)
        return done.stdout

    return run
