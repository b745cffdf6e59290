"""How pytest runs a test many times for one report: its function-scoped fixtures are set up anew for each run.

Only runs in which a test is explored, or repeated by a token, import this module.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from dataclasses import replace
from typing import Any, Final

import pytest
from _pytest.runner import call_and_report, runtestprotocol

from fcemu.core.options import EXPLORING, OPTIONS
from fcemu.core.questions import START
from fcemu.core.script import Script
from fcemu.core.settings import SPEC_START
from fcemu.engine import real
from fcemu.search.calendar import special_in
from fcemu.search.difference import difference
from fcemu.search.explorer import (
    Bounds,
    Made,
    Result,
    Runner,
    RunOnce,
    Take,
    crashes,
    dates,
    explore,
    one_by_one,
    sweep,
)
from fcemu.search.telling import lines_of, reasons, repeat_line, told
from fcemu.search.tokens import Repeat, WrongToken, decode
from fcemu.testing.escapes import watched
from fcemu.testing.exploring import Story, governed

SECTION: Final = "fcemu explore"
CRASHES: Final = "crashes"
SWEEPS: Final = (CRASHES, "calendar")
"""What else a search may be than so many runs."""
_SHOWN_EVERY: Final = 0.2
"""Real seconds between two looks at the progress of a search."""


class Exploration:
    """The search for what breaks one test."""

    def __init__(
        self,
        item: pytest.Item,
        options: Mapping[str, Any],
        forget: Callable[[pytest.Item], None],
        made: tuple[Story, list[pytest.TestReport]] | None = None,
        runner: Runner = one_by_one,
    ) -> None:
        """``options``: those of a search, checked, and ``seed``. ``forget``: forgets the emulators of a run. ``made``:
        the calm run, where it was made before it was known that there is a search. ``runner``: makes the runs."""
        self._made = made
        self._item: Final = item
        self._options: Final = options
        self._forget: Final = forget
        self._runner: Final = runner
        self._first: list[pytest.TestReport] = []
        """The reports of the calm run."""
        self._skipped = False
        self._facts = 0
        """How many facts the emulator of the calm run had come to, for a crash sweep."""
        self._zones: list[str] = []
        self._journals: list[list[list[str]]] = []
        """Of the run that failed, and of the same run once more."""
        self._properties: Final = list(item.user_properties)
        self._progress: Final = _Progress(item)

    def run(self, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        """The reports of the test, once all its runs are made."""
        options = self._options
        seconds = options["explore_seconds"]
        until = real.monotonic() + seconds
        bounds = Bounds(
            runs=0 if options["explore"] in SWEEPS else options["explore"],
            exhaustive=options["exhaustive"],
            exhaust_retries=options["exhaust_retries"],
            over=lambda: self._skipped or bool(seconds and real.monotonic() > until),
        )
        if options["explore"] in SWEEPS:
            result = self._sweep(bounds)
        else:
            result = explore(self.run_once, bounds, options["seed"], self._progress.show, self._runner)
        self._progress.end()
        if result.choices is not None:
            return self._failed(result, nextitem)
        reports = self._first
        if not self._skipped:
            _tell(reports, lines_of(result)[0])
        return [*reports, *self._tear_down(nextitem)]

    def run_once(self, script: Script) -> bool:
        """Run the test once, from the setup of its fixtures to their end; whether it failed."""
        calm = not self._first
        if self._made is not None:
            story, reports = self._made
            self._made = None
            script.asked.extend(story.script.asked)
            failed = any(map(_has_failed, reports))
        else:
            with governed(Story(script)) as story:
                failed, reports = _run_once(self._item)
        if calm and self._options["explore"] in SWEEPS:
            self._facts, self._zones = story.facts, story.zones
        if failed or len(self._journals) == 1:
            self._journals = [*self._journals, story.journals][:2]
        self._forget(self._item)
        self._item.user_properties[:] = self._properties
        if calm:
            self._first = reports
            self._skipped = any(report.skipped and not hasattr(report, "wasxfail") for report in reports)
        return failed and not self._skipped

    def _sweep(self, bounds: Bounds) -> Result:
        calm = Script(exhaust_retries=bounds.exhaust_retries)
        if self.run_once(calm):
            return Result(runs=1, distinct=1, complete=False, exhaustive=0, choices=(), asked=tuple(calm.asked))
        if self._options["explore"] == CRASHES:
            return sweep(self.run_once, calm, crashes(calm, self._facts), bounds.over)
        whys = special_in(self._zones, SPEC_START.year)
        return replace(sweep(self.run_once, calm, dates(whys), bounds.over), whys=whys)

    def _failed(self, result: Result, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        """Run what was found once more, for the report of it."""
        assert result.choices is not None
        script = Script.of(result.choices, exhaust_retries=self._options["exhaust_retries"])
        _clean(self._item)
        with governed(Story(script)) as story, watched() as escapes:
            reports = runtestprotocol(self._item, log=False, nextitem=nextitem)
            token, journals = story.token(self._item.nodeid), story.journals
        repeats = any(report.failed or hasattr(report, "wasxfail") for report in reports)
        final = result if repeats or result.doubt else replace(result, doubt="the last run with it passed")
        differs = difference(*self._journals) if result.doubt and len(self._journals) == 2 else ""
        lines = lines_of(final, escapes.told(journals), differs)
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


class Examples:
    """The searches for what breaks the examples of a Hypothesis test: its own examples outside, ours inside.

    For each example, the body of the test is run as often as the search needs, and the emulators that it makes get
    their answers from that.
    """

    def __init__(self, item: pytest.Item, options: Mapping[str, Any], hypothesis: Any) -> None:
        self._item: Final = item
        self._options: Final = options
        self._hypothesis: Final = hypothesis
        self._found: tuple[Result, str | None] | None = None
        """What was found last, which is the example that Hypothesis shows, and its token."""
        self._escapes: list[str] = []
        """What handlers did in the run of it that no seed decides."""
        self._runs = 0

    def run(self, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        """The reports of the test."""
        with _around(self._hypothesis, self._search):
            reports = runtestprotocol(self._item, log=False, nextitem=nextitem)
        for report in reports:
            if report.failed and self._found is not None:
                result, token = self._found
                lines = [
                    *lines_of(result, self._escapes),
                    *([] if token is None else [repeat_line(self._item.nodeid, token)]),
                ]
                report.sections.append((SECTION, "\n".join(lines)))
                return reports
        if not any(report.failed for report in reports):
            _tell(reports, f"no failure in {self._runs} runs of all examples")
        return reports

    def _search(self, inner: Callable[..., object], *args: Any, **given: Any) -> None:
        """Search for what breaks one example; raises what the test raises then."""
        options = self._options

        def fails(script: Script) -> bool:
            self._runs += 1
            try:
                with governed(Story(script)):
                    inner(*args, **given)
            except Exception as error:  # whatever a test raises is its failure
                if type(error).__module__.startswith("hypothesis") or isinstance(error, pytest.skip.Exception):
                    raise  # the example is not to be looked at
                return True
            return False

        bounds = Bounds(
            runs=options["explore"], exhaustive=options["exhaustive"], exhaust_retries=options["exhaust_retries"]
        )
        result = explore(fails, bounds, options["seed"])
        if result.choices is None:
            return
        script = Script.of(result.choices, exhaust_retries=options["exhaust_retries"])
        with governed(Story(script)) as story, watched() as escapes:
            try:
                inner(*args, **given)
            finally:
                self._found = result, story.token(self._item.nodeid)
                self._escapes = escapes.told(story.journals)
        raise AssertionError("\n".join(lines_of(replace(result, doubt="the last run with it passed"))))


def _hypothesis(item: pytest.Item) -> Any:
    """What Hypothesis keeps at a test of its own; ``None`` at others."""
    return getattr(getattr(item, "obj", None), "hypothesis", None)


@contextmanager
def _around(hypothesis: Any, run: Callable[..., None]) -> Iterator[None]:
    """Inside the block ``run`` gets the body of a Hypothesis test, with its arguments, for each example."""
    inner = hypothesis.inner_test

    @functools.wraps(inner)
    def example(*args: Any, **given: Any) -> None:
        run(inner, *args, **given)

    hypothesis.inner_test = example
    try:
        yield
    finally:
        hypothesis.inner_test = inner


def options_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a search, from what was given by name. Raises ``ValueError``."""
    names = (*EXPLORING, "seed")
    return {name: OPTIONS[name].check(given[name]) if name in given else OPTIONS[name].default or 0 for name in names}


def explored(
    item: pytest.Item, nextitem: pytest.Item | None, options: Mapping[str, Any], forget: Callable[[pytest.Item], None]
) -> None:
    """Run a test as its options of a search say, and report it once."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    hypothesis = _hypothesis(item)
    if hypothesis is None:
        reports = Exploration(item, options, forget, runner=_runner(item)).run(nextitem)
    else:
        reports = Examples(item, options, hypothesis).run(nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def asked(item: pytest.Item, nextitem: pytest.Item | None, forget: Callable[[pytest.Item], None]) -> None:
    """Run a test as always; where ``fcemu_options`` asks for a search meanwhile, that is its calm run, and others
    follow."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    properties = list(item.user_properties)
    story = Story(Script(), governs=False, hears=True)
    reports = _run_and_hear(item, nextitem, story)
    if story.options is not None:
        forget(item)
        item.user_properties[:] = properties
        reports = Exploration(item, story.options, forget, (story, reports), _runner(item)).run(nextitem)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _run_and_hear(item: pytest.Item, nextitem: pytest.Item | None, story: Story) -> list[pytest.TestReport]:
    """What pytest's ``runtestprotocol`` does. Where the test turns out to be searched, its reports are not logged, and
    what the next test needs as well stays set up."""
    _clean(item)
    with governed(story):
        reports = [call_and_report(item, "setup", log=False)]
        if reports[0].passed and not item.config.getoption("setuponly", default=False):
            reports.append(call_and_report(item, "call", log=False))
        if story.options is None:
            for report in reports:
                item.ihook.pytest_runtest_logreport(report=report)
            if item.session.shouldfail or item.session.shouldstop:
                nextitem = None
        else:
            nextitem = copy(item)
        reports.append(call_and_report(item, "teardown", log=story.options is None, nextitem=nextitem))
    if hasattr(item, "_request"):
        item._request = False
        item.funcargs = None  # type: ignore[attr-defined]  # as in pytest's runtestprotocol
    return reports


def _has_failed(report: pytest.TestReport) -> bool:
    """Whether something was raised, expected or not; skips apart. A strict xfail that passes has raised nothing."""
    if report.failed:
        return not str(report.longrepr).startswith("[XPASS")
    return report.skipped and hasattr(report, "wasxfail")


def _runner(item: pytest.Item) -> Runner:
    """What makes the runs of a search: this process, or those that the command line asks for."""
    config = item.config
    scheduler, workers = config.getoption("--fcemu-scheduler"), config.getoption("--fcemu-workers")
    if not (scheduler or workers):
        return one_by_one
    from fcemu.across import Across, CannotSearch, Job

    asked = config.invocation_params
    across = Across(Job(item.nodeid, tuple(map(str, asked.args)), str(asked.dir)), scheduler or "", workers or 0)

    def runner(take: Take, run_once: RunOnce) -> Made:
        try:
            yield from across.runs(take, run_once)
        except CannotSearch as wrong:
            raise pytest.UsageError(str(wrong)) from None

    return runner


def repeated(item: pytest.Item, nextitem: pytest.Item | None, repeat: Repeat) -> None:
    """Run a test with the answers of chance that a token says."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    stories: list[Story] = []
    hypothesis = _hypothesis(item)
    with watched() as escapes:
        if hypothesis is None:
            with _next(stories, repeat):
                reports = runtestprotocol(item, log=False, nextitem=nextitem)
        else:

            def example(inner: Callable[..., object], *args: Any, **given: Any) -> None:
                with _next(stories, repeat):
                    inner(*args, **given)

            with _around(hypothesis, example):
                reports = runtestprotocol(item, log=False, nextitem=nextitem)
    seen = escapes.told([lines for story in stories for lines in story.journals])
    starts = any(one.question == START for one in repeat.choices)
    whys = special_in(stories[0].zones, SPEC_START.year) if starts and stories else {}
    met = {one for story in stories for one in story.script.made}
    for report in reports:
        if report.failed and any(story.script.asked for story in stories):
            lines = [f"choice {n}: {told(one, whys)}" for n, one in enumerate(repeat.choices, 1)]
            missed = [
                f"  the run did not reach choice {n}" for n, one in enumerate(repeat.choices, 1) if one not in met
            ]
            lines += [*missed, *reasons(seen, f"this run {'did' if missed else 'may'} not repeat")]
            report.sections.append((SECTION, "\n".join(lines)))
        elif report.when == "call" and report.passed and seen:
            _tell([report], f"the run that the token repeats passed, but this run may not repeat because {seen[0]}")
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _next(stories: list[Story], repeat: Repeat) -> AbstractContextManager[Story]:
    """Another run of what a token says."""
    stories.append(Story.of(repeat))
    return governed(stories[-1])


def twice(item: pytest.Item, nextitem: pytest.Item | None, forget: Callable[[pytest.Item], None]) -> None:
    """Run a test twice; where the journals of its emulators differ, it fails, and the first fact that differs is
    named."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    properties = list(item.user_properties)
    with governed(Story(Script(), governs=False)) as first:
        _run_once(item)
        before = first.journals
    forget(item)
    item.user_properties[:] = properties
    _clean(item)
    with governed(Story(Script(), governs=False)) as second:
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        after = second.journals
    found = difference(before, after)
    for report in reports:
        if report.when == "call" and report.passed and found:
            report.outcome = "failed"
            report.longrepr = found
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
