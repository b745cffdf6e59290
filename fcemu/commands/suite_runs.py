"""Runs of a user's test suite: pytest collects it once, and runs it with one setting of a definition changed."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, Final

import click

from fcemu.config import Change
from fcemu.core.values import dataclass

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
    """The runs of a suite by a pytest that waits for orders."""

    def __init__(self, orders: IO[str], answers: IO[str], collected: Mapping[str, Any]) -> None:
        self._orders: Final = orders
        self._answers: Final = answers
        self.failed: Final[Sequence[str]] = collected["failed"]
        """What pytest could not collect."""
        self.early: Final[Mapping[str, Any]] = collected["sources"]
        """The definitions that were read while pytest collected the tests, so that they cannot be changed any more."""

    def unchanged(self) -> Ran:
        """Run all tests with the definitions as they are."""
        return self._run({"only": None, "seconds": None})

    def changed(self, source: str, change: Change, tests: Sequence[str], seconds: float) -> Ran:
        """Run some of the tests with a change, until the first fails; killed after so many real ``seconds``."""
        said = {"way": change.way, "value": change.value}
        return self._run({"source": source, "change": said, "only": tests, "seconds": seconds})

    def _run(self, order: Mapping[str, Any]) -> Ran:
        print(json.dumps(order), file=self._orders, flush=True)
        line = self._answers.readline()
        if not line:
            raise click.ClickException("pytest ended before it had run the tests")
        told = json.loads(line)
        names = ("failed", "tests", "sources")
        return Ran("tests" in told, told["in_time"], *(told.get(name, {}) for name in names))


@contextmanager
def runs_of(arguments: Sequence[str]) -> Iterator[SuiteRuns]:
    """The runs of the tests that pytest finds by ``arguments``. Raises ``click.UsageError`` where it finds none."""
    if not hasattr(os, "fork"):
        raise click.UsageError("fcemu mutate runs tests in forks of a process, which this system does not have")
    heard, orders = os.pipe()
    answers, said = os.pipe()
    command = [sys.executable, "-m", "pytest", *arguments, "-p", "no:cacheprovider", *_one_process(arguments)]
    with (
        tempfile.TemporaryFile() as output,
        open(orders, "w", encoding="utf-8") as ask,
        open(answers, encoding="utf-8") as hear,
    ):
        process = subprocess.Popen(
            [*command, f"--fcemu-mutate={heard},{said}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(heard, said),
        )
        os.close(heard)
        os.close(said)
        try:
            collected = hear.readline()
            if not collected:
                raise _cannot_run(process.wait(), output)
            told = json.loads(collected)
            if not told["tests"] and not told["failed"]:
                raise click.UsageError(_NOTHING)
            yield SuiteRuns(ask, hear, told)
        finally:
            with suppress(BrokenPipeError):
                ask.close()
            process.wait()


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
