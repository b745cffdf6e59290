"""Functions of every runtime under a real emulator."""

import os
import sys
import textwrap
from collections.abc import Iterator
from functools import partial

import pytest
from fakes import CREW, ask, s
from runtimes.every.custom import COMMAND, CUSTOM
from runtimes.every.kinds import INLINE, PROCESS, Kind
from runtimes.every.node import NODE

from fcemu import host
from fcemu.core.catalog import Catalog
from fcemu.core.facts import to_json
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator
from fcemu.handler.system import PRELOADS
from fcemu.runtimes import faketime

KINDS = (
    INLINE,
    PROCESS,
    Kind("node", "nodejs20", process=True, handlers=NODE, file="index.js"),
    Kind(
        "custom",
        "custom.debian12",
        process=True,
        handlers=CUSTOM,
        error_type="HandledInvocationError",
        exit_text="The function either cannot be started or exited. It ended with exit code 3",
        exit_type="CAExited",
        hook_error="InitializationError",
        settings={"kept": {"customRuntimeConfig": {"command": COMMAND}}},
        rate=50,
        write_limit=None,
        keys_in_environment=False,
        takes_several=True,
    ),
)


class World:
    """An emulator with one function for each handler of a kind, by the handler's name."""

    def __init__(self, kind, directory, runtimes, settings=None, **function):
        self.kind = kind
        settings = settings or Settings()
        catalog = Catalog()
        for name, text in kind.handlers.items():
            code = directory / name
            if not code.exists():
                code.mkdir()
                (code / kind.file).write_text(textwrap.dedent(text))
            ref = FunctionRef(name)
            given = {"timeout": s(7200), "runtime": kind.runtime, **kind.settings, **function}
            catalog.add(Function(ref=ref, handler="index.handler", code=str(code), **given))
            catalog.set_async(ref, AsyncSettings(max_retries=0))
        self.emulator = Emulator(
            settings=settings,
            catalog=catalog,
            runtimes=partial(runtimes, process=kind.process),
            chance=Chance(settings.seed),
            crew=CREW,
        )

    def lasted(self, attempt, expected):
        """Whether an attempt took so many seconds; on a flowing clock at least, as what is real takes time there."""
        return self.is_as_late_as(seconds(attempt), expected)

    def is_as_late_as(self, passed, expected):
        """The same of any virtual time."""
        return passed >= expected if self.emulator.clock.rate else passed == expected

    def accept(self, name, payload=b""):
        return self.emulator.accept(ask(name, payload))

    def move(self, seconds=None):
        emulator = self.emulator
        emulator.wait(emulator.run_until_idle(None) if seconds is None else emulator.advance(s(seconds)))

    def attempt(self, name, payload=b""):
        """The only attempt of an invocation, after nothing was due any more."""
        invocation = self.accept(name, payload)
        self.move()
        (attempt,) = invocation.attempts
        return attempt

    def returned(self, name, payload=b""):
        attempt = self.attempt(name, payload)
        assert attempt.word == "returned", f"{attempt}\n{self.emulator.explain()}"
        return attempt.outcome.payload

    def unhurried(self, name, payload=b""):
        """The same on a clock that flows slowly: a busy machine may take its time to start the instance, and neither
        the watchdog nor a timeout ends that."""
        before, self.emulator.rate = self.emulator.rate, 0.001
        returned = self.returned(name, payload)
        self.emulator.rate = before
        return returned

    def journal(self):
        return [to_json(fact) for fact in self.emulator.journal]


def written(attempt):
    """What a handler wrote itself: without what its runtime says when it loads the code."""
    return without_loading(attempt.output)


def without_loading(output):
    """A log without what a runtime says when it loads the code."""
    lines = output.splitlines(keepends=True)
    return "".join(line for line in lines if "load code for handler:" not in line)


def seconds(attempt):
    """How long an attempt took."""
    return (attempt.ended - attempt.started).total_seconds()


@pytest.fixture(scope="session", params=KINDS, ids=str)
def kind(request):
    return request.param


@pytest.fixture
def rate(kind):
    """Of a clock on which handlers of the kind sleep virtually."""
    why = faketime.why_real(sys.executable, ".", kind.rate) if kind.rate else None
    if why is not None and (os.environ.get("CI") != "true" or not PRELOADS):
        pytest.skip(why)
    return kind.rate


@pytest.fixture(scope="session")
def runtimes() -> Iterator[host.Runtimes]:
    made = host.Runtimes({"FCEMU_URL": "http://emulator"})
    yield made
    made.close()


@pytest.fixture(scope="session")
def code(kind, tmp_path_factory):
    """Where the handlers of a kind are."""
    return tmp_path_factory.mktemp(kind.name)


@pytest.fixture
def make(kind, code, runtimes):
    """``make(settings=None, **function)``: a ``World`` of the kind."""
    made = []

    def make(settings=None, **function):
        made.append(World(kind, code, runtimes, settings, **function))
        return made[-1]

    yield make
    for world in made:
        world.emulator.close()


@pytest.fixture
def world(make):
    return make()
