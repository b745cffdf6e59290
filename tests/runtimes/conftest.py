"""Functions from a few lines of code, run by the inline runtime; Python in a process of its own."""

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
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
