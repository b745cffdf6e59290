"""How pytest runs a test many times for one report: its function-scoped fixtures are set up anew for each run.

Only runs in which a test is explored, or repeated by a token, import this module.
"""

import functools
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from typing import Any, Final

import pytest
from _pytest.runner import runtestprotocol

from fcemu.core.options import EXPLORING, OPTIONS
from fcemu.core.script import Script
from fcemu.engine import real
from fcemu.search.explorer import Bounds, Result, explore
from fcemu.search.telling import lines_of, repeat_line
from fcemu.search.tokens import Repeat, WrongToken, decode
from fcemu.testing.exploring import Story, governed

SECTION: Final = "fcemu explore"
_SHOWN_EVERY: Final = 0.2
"""Real seconds between two looks at the progress of a search."""


class Exploration:
    """The search for what breaks one test."""

    def __init__(self, item: pytest.Item, options: Mapping[str, Any], forget: Callable[[pytest.Item], None]) -> None:
        """``options``: those of a search, checked, and ``seed``. ``forget``: forgets the emulators of a run."""
        self._item: Final = item
        self._options: Final = options
        self._forget: Final = forget
        self._first: list[pytest.TestReport] = []
        """The reports of the calm run."""
        self._skipped = False
        self._properties: Final = list(item.user_properties)
        self._progress: Final = _Progress(item)

    def run(self, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        """The reports of the test, once all its runs are made."""
        options = self._options
        seconds = options["explore_seconds"]
        until = real.monotonic() + seconds
        bounds = Bounds(
            runs=options["explore"],
            exhaustive=options["exhaustive"],
            exhaust_retries=options["exhaust_retries"],
            over=lambda: self._skipped or bool(seconds and real.monotonic() > until),
        )
        result = explore(self._run, bounds, options["seed"], self._progress.show)
        self._progress.end()
        if result.choices is not None:
            return self._failed(result, nextitem)
        reports = self._first
        if not self._skipped:
            _tell(reports, lines_of(result)[0])
        return [*reports, *self._tear_down(nextitem)]

    def _run(self, script: Script) -> bool:
        """Run the test once, from the setup of its fixtures to their end; whether it failed."""
        calm = not self._first
        with governed(Story(script)):
            failed, reports = _run_once(self._item)
        self._forget(self._item)
        self._item.user_properties[:] = self._properties
        if calm:
            self._first = reports
            self._skipped = any(report.skipped and not hasattr(report, "wasxfail") for report in reports)
        return failed and not self._skipped

    def _failed(self, result: Result, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        """Run what was found once more, for the report of it."""
        assert result.choices is not None
        script = Script.of(result.choices, exhaust_retries=self._options["exhaust_retries"])
        _clean(self._item)
        with governed(Story(script)) as story:
            reports = runtestprotocol(self._item, log=False, nextitem=nextitem)
            token = story.token(self._item.nodeid)
        repeats = any(report.failed or hasattr(report, "wasxfail") for report in reports)
        told = result if repeats or result.doubt else replace(result, doubt="the last of the runs with it passed")
        lines = lines_of(told)
        if token is not None:
            lines.append(repeat_line(self._item.nodeid, token))
        report = next((one for one in reports if one.failed), reports[min(1, len(reports) - 1)])
        if not repeats:
            report.outcome = "failed"
            report.longrepr = "\n".join(lines)
        if result.asked:  # else it failed before chance was asked anything
            report.sections.append((SECTION, "\n".join(lines)))
        return reports

    def _tear_down(self, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        """End the fixtures that the next test does not need; the reports of what that raised."""
        state = self._item.session._setupstate
        call = pytest.CallInfo.from_call(functools.partial(state.teardown_exact, nextitem), "teardown")
        if call.excinfo is None:
            return []
        return [self._item.ihook.pytest_runtest_makereport(item=self._item, call=call)]


def _run_once(item: pytest.Item) -> tuple[bool, list[pytest.TestReport]]:
    """Set up, call and tear down; whether something was raised, skips apart, and the reports.

    pytest's own ``runtestprotocol`` would let debuggers stop in each run that fails, while a search only begins.
    """
    _clean(item)
    failed = False
    reports: list[pytest.TestReport] = []
    sibling = copy(item)  # what both belong to stays set up, the test itself does not

    def phase(when: Any, **more: Any) -> bool:
        nonlocal failed
        hook = getattr(item.ihook, f"pytest_runtest_{when}")
        call = pytest.CallInfo.from_call(
            lambda: hook(item=item, **more), when, reraise=(pytest.exit.Exception, KeyboardInterrupt)
        )
        # Plugins count on a report of each phase: tmp_path's end needs it, and unittest's errors come to light in it.
        reports.append(item.ihook.pytest_runtest_makereport(item=item, call=call))
        if call.excinfo is None:
            return True
        failed = failed or not isinstance(call.excinfo.value, pytest.skip.Exception)
        return False

    if phase("setup"):
        phase("call")
    phase("teardown", nextitem=sibling)
    if hasattr(item, "_request"):
        item._request = False
        item.funcargs = None  # type: ignore[attr-defined]  # as in pytest's runtestprotocol
    return failed, reports


def _clean(item: pytest.Item) -> None:
    """A run begins: what the run before has left at the test is gone."""
    item._report_sections.clear()
    if hasattr(item, "_request") and not item._request:
        item._initrequest()  # type: ignore[attr-defined]  # as in pytest's runtestprotocol


def _tell(reports: list[pytest.TestReport], text: str) -> None:
    """Tell what a search has proved, in the summary at the end; xdist hands the report on as it is."""
    for report in reports:
        if report.when == "call":
            report.fcemu_explored = text  # type: ignore[attr-defined]  # reports keep what plugins add


class _Progress:
    """How far a search is, on a terminal."""

    def __init__(self, item: pytest.Item) -> None:
        reporter = item.config.pluginmanager.get_plugin("terminalreporter")
        self._reporter: Final = reporter if reporter is not None and reporter.isatty else None
        self._name: Final = item.name
        self._shown = 0.0

    def show(self, runs: int) -> None:
        """So many runs were made."""
        if self._reporter is not None and real.monotonic() - self._shown > _SHOWN_EVERY:
            self._shown = real.monotonic()
            self._reporter.rewrite(f"exploring {self._name}: {runs} runs", erase=True)

    def end(self) -> None:
        """The line is free for others."""
        if self._reporter is not None and self._shown:
            self._reporter.rewrite("", erase=True)


def options_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a search, from what was given by name. Raises ``ValueError``."""
    names = (*EXPLORING, "seed")
    return {name: OPTIONS[name].check(given[name]) if name in given else OPTIONS[name].default or 0 for name in names}


def explored(
    item: pytest.Item, nextitem: pytest.Item | None, options: Mapping[str, Any], forget: Callable[[pytest.Item], None]
) -> None:
    """Run a test as its options of a search say, and report it once."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in Exploration(item, options, forget).run(nextitem):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def repeated(item: pytest.Item, nextitem: pytest.Item | None, repeat: Repeat) -> None:
    """Run a test with the answers of chance that a token says."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    with governed(Story.of(repeat)) as story:
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        met = set(story.script.made)
    for report in reports:
        if report.failed and story.script.asked:
            lines = [f"choice {n}: {one.words()}" for n, one in enumerate(repeat.choices, 1)]
            lines += [f"  it did not come to choice {n}" for n, one in enumerate(repeat.choices, 1) if one not in met]
            report.sections.append((SECTION, "\n".join(lines)))
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def repeat_of(token: str) -> Repeat:
    """What a token says. Raises ``pytest.UsageError``."""
    try:
        return decode(token)
    except WrongToken as wrong:
        raise pytest.UsageError(f"--fcemu-repeat: {wrong}") from None


def other_test(item: pytest.Item, repeat: Repeat) -> str | None:
    """Why a token does not belong to a test; ``None`` where it does."""
    try:
        repeat.demand_test(item.nodeid)
    except WrongToken as wrong:
        return str(wrong)
    return None
