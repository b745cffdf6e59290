"""Runs of a user's test suite: pytest collects it once, and runs it with one setting of a definition changed."""

import importlib.util
import os
import select
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, Final

import click

from fcemu.config import Change
from fcemu.core.values import dataclass
from fcemu.handler.system import IS_HIDDEN
from fcemu.pytest_orders import Ordered

_NO_TESTS: Final = 5
"""The status of pytest where it has found no test."""
_NOTHING: Final = "pytest has found no test"


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of one run. ``ended``: whether it came to its end; ``in_time``: whether it was not killed before.
    ``failed``: the tests that did. ``tests``: what each test used, and how long it took. ``sources``: the definitions
    that were read."""

    ended: bool
    in_time: bool
    failed: Sequence[str]
    tests: Mapping[str, Mapping[str, Any]]
    sources: Mapping[str, Mapping[str, Any]]

    def using(self, source: str, function: str) -> list[str]:
        """The tests that used a function of a definition, as far as that is known."""
        return [
            name
            for name, test in self.tests.items()
            if source in test["sources"] and (test["all"] or function in test["functions"])
        ]

    def seconds(self, tests: Sequence[str]) -> float:
        """How long some of its tests took."""
        return sum(float(self.tests[name]["seconds"]) for name in tests)


class SuiteRuns:
    """The runs of the tests that pytest finds by the user's arguments.

    One pytest collects the tests, and waits for orders: each is a run in a fork of it. Where that is not possible, a
    pytest makes one run, and the next run has another pytest.
    """

    def __init__(self, arguments: Sequence[str], output: IO[bytes]) -> None:
        """``output`` gets what pytest prints. Raises ``click.UsageError`` where it finds no test."""
        own = ["-p", "no:cacheprovider", *_one_process(arguments)]
        self._arguments: Final = [*arguments, *own]
        self._output: Final = output
        self._pytest: _Pytest | None = None
        told = self._begun().collected
        self.failed: Final[Sequence[str]] = told["failed"]
        """What pytest could not collect."""
        self.early: Final[Mapping[str, Any]] = told["sources"]
        """The definitions that were read while pytest collected the tests, so that they cannot be changed any more."""
        if not told["tests"] and not self.failed:
            raise click.UsageError(_NOTHING)

    def _begun(self) -> "_Pytest":
        """A pytest that has collected the tests."""
        if self._pytest is not None and not self._pytest.is_used_up:
            return self._pytest
        self.end()
        self._pytest = begun = _Pytest(self._arguments, self._output)
        if begun.collected is None:
            raise _cannot_run(begun.end(), self._output)
        return begun

    def end(self) -> None:
        """End pytest."""
        if self._pytest is not None:
            self._pytest.end()
            self._pytest = None

    def unchanged(self) -> Ran:
        """Run all tests with the definitions as they are."""
        return self._run({"only": None, "seconds": None})

    def changed(self, source: str, change: Change, tests: Sequence[str], seconds: float) -> Ran:
        """Run some of the tests with a change, until the first fails; killed after so many real ``seconds``."""
        said = {"way": change.way, "value": change.value}
        return self._run({"source": source, "change": said, "only": tests, "seconds": seconds})

    def _run(self, order: Mapping[str, Any]) -> Ran:
        told = self._begun().run(order)
        names = ("failed", "tests", "sources")
        return Ran("tests" in told, told["in_time"], *(told.get(name, {}) for name in names))


class _Pytest:
    """A pytest that has collected the tests and waits for orders."""

    def __init__(self, arguments: Sequence[str], output: IO[bytes]) -> None:
        self._pytest: Final = Ordered(arguments, "--fcemu-mutate", output, start_new_session=True)
        self.is_used_up = False
        """Whether it can make no other run."""
        self.collected: Final[Any] = self._pytest.answer()
        """What it has collected; ``None`` where it has ended instead."""

    def run(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Let it carry out an order; returns its answer, as ``pytest_mutate`` says it."""
        self._pytest.tell(order)
        if not self.collected["forks"]:
            self.is_used_up = True
            if not select.select([self._pytest.answers], [], [], order["seconds"])[0]:
                return {"in_time": False}
        told: dict[str, Any] | None = self._pytest.answer()
        if told is None:
            self.is_used_up = True
        return {"in_time": True} if told is None else told

    def end(self) -> int:
        """End it with what it has started; returns its status."""
        self._pytest.dismiss()
        if self.collected is not None:  # else it ends by itself
            with suppress(ProcessLookupError):
                os.killpg(self._pytest.process.pid, signal.SIGKILL)
        status = self._pytest.process.wait()
        self._pytest.answers.close()
        return status


@contextmanager
def runs_of(arguments: Sequence[str]) -> Iterator[SuiteRuns]:
    """The runs of the tests that pytest finds by ``arguments``. Raises ``click.UsageError`` where it finds none."""
    if IS_HIDDEN or not hasattr(os, "fork"):
        raise click.UsageError("fcemu mutate runs tests in forks of a process, which this system does not have")
    with tempfile.TemporaryFile() as output:
        runs = SuiteRuns(arguments, output)
        try:
            yield runs
        finally:
            runs.end()


def _one_process(arguments: Sequence[str]) -> list[str]:
    """The tests of a run are tried one after the other, because the first that fails ends it: pytest-xdist, if pytest
    loads it, is to start no workers."""
    is_there = importlib.util.find_spec("xdist") is not None
    is_left_out = "PYTEST_DISABLE_PLUGIN_AUTOLOAD" in os.environ or "no:xdist" in " ".join(arguments)
    return ["-n0"] if is_there and not is_left_out else []


def _cannot_run(status: int, output: IO[bytes]) -> click.UsageError:
    if status == _NO_TESTS:
        return click.UsageError(_NOTHING)
    output.seek(0)
    said = output.read().decode(errors="replace").strip()
    return click.UsageError(f"pytest ended with status {status} before it had run a test:\n{said}")
