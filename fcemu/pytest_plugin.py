"""The plugin of pytest: its options, its marker and the fixtures; everything else is in ``fcemu.testing``.

Every pytest run where fcemu is installed imports this module, so it imports the rest of fcemu inside of functions.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fcemu.pytest_served import Served
    from fcemu.search.tokens import Repeat
    from fcemu.testing import LocalEmulator
    from fcemu.testing.suite import Suite

_PARTS = "fcemu.testing.taking_part"
"""This module is used where something has imported it; it is never imported here."""
FIXTURES = frozenset({"fcemu", "fcemu_env", "fcemu_factory", "fcemu_options"})
_SUITE: pytest.StashKey[Suite] = pytest.StashKey()
_STDERR: pytest.StashKey[int] = pytest.StashKey()
"""Where the process's stderr leads while nothing is captured."""
_MADE: pytest.StashKey[list[LocalEmulator]] = pytest.StashKey()
_COMMANDED: pytest.StashKey[dict[str, Any]] = pytest.StashKey()
_REPEAT: pytest.StashKey[Repeat] = pytest.StashKey()
_SERVED: pytest.StashKey[Served] = pytest.StashKey()
"""The test that another process asks for, in a process that a worker of a search has started."""
_REFUSED: pytest.StashKey[str] = pytest.StashKey()
"""Why a test cannot run as its options of a search, or a token, want it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    from fcemu.core.options import INI, OPTIONS, options_in

    group = parser.getgroup("fcemu", "emulated Function Compute")
    for option in OPTIONS.values():
        if option.of_pytest:
            about = f"{option.help} This wins over markers and the ini file, for every emulator."
            group.addoption(f"--fcemu-{option.name}", metavar=option.kind.metavar, help=about)
    group.addoption(
        "--fcemu-timeline",
        choices=(*OPTIONS["timeline"].kind.words, "all"),
        default=OPTIONS["timeline"].default,
        help="choose when the report of a test gets the timelines of its emulators; all is like failed, but leaves "
        "nothing out (default: failed)",
    )
    group.addoption(
        "--fcemu-report",
        metavar="DIR",
        help=(
            "write two files for each failing test to this directory: NAME.html, a page of what happened, and "
            "NAME.jsonl, the journal"
        ),
    )
    group.addoption(
        "--fcemu-determinism",
        action="store_true",
        help="run each test that uses fcemu twice; the test fails if the journals of the two runs differ",
    )
    for name, kind in (("mutate", str), ("serve", str), ("scheduler", str), ("workers", int)):
        group.addoption(f"--fcemu-{name}", type=kind, help=argparse.SUPPRESS)  # for commands of fcemu
    parser.addini("fcemu_env", "set the variables of fcemu_env before anything is imported", type="bool", default=False)
    for name, option in options_in(INI).items():
        parser.addini(f"fcemu_{name}", option.help, default=None)
    parser.addini(
        "fcemu_backend", "choose what replaces the time functions: auto, freezegun or time-machine", default="auto"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """With the ini option ``fcemu_env``: variables for settings that are read at import, by conftest files too."""
    if early_config.getini("fcemu_env"):
        _backend(early_config)
        environment = _suite(early_config).environment()
        if isinstance(environment, str):
            raise pytest.UsageError(environment)
        patch = pytest.MonkeyPatch()
        early_config.add_cleanup(patch.undo)
        _set(patch, environment)


def pytest_configure(config: pytest.Config) -> None:
    with suppress(OSError):  # the process has no stderr
        config.stash[_STDERR] = stderr = os.dup(2)
        config.add_cleanup(lambda: os.close(stderr))
    _backend(config)
    try:
        commanded = _commanded(config)
    except ValueError as wrong:
        raise pytest.UsageError(str(wrong)) from None
    if commanded.get("repeat"):
        from fcemu.pytest_explore import repeat_of

        config.stash[_REPEAT] = repeat_of(commanded["repeat"])
    if (orders := config.getoption("--fcemu-mutate")) is not None:
        from fcemu.pytest_mutate import Mutating

        config.pluginmanager.register(Mutating.of(orders), "fcemu-mutate")
    if (orders := config.getoption("--fcemu-serve")) is not None:
        from fcemu.pytest_served import Served

        config.stash[_SERVED] = Served.of(orders)
    config.addinivalue_line(
        "markers", "fcemu(definition, **options): configure the emulator that the fixture 'fcemu' provides"
    )


def pytest_report_header(config: pytest.Config) -> str:
    return f"fcemu: handlers read time by {_backend(config)}"


def _backend(config: pytest.Config) -> str:
    """The backend in force, found out without importing it: only tests that use it do."""
    from fcemu.backends import backend_for

    try:
        return backend_for(str(config.getini("fcemu_backend")))
    except ValueError as wrong:
        raise pytest.UsageError(str(wrong)) from None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Patch the time functions once, before the first test, in runs where a test uses fcemu."""
    if any(not FIXTURES.isdisjoint(getattr(item, "fixturenames", ())) for item in session.items):
        from fcemu.collecting import no_collector

        with no_collector():
            from fcemu.testing.suite import prepare

            prepare(str(session.config.getini("fcemu_backend")))
        if "FCEMU_REDIRECT_TO" in os.environ:  # below 'fcemu exec --intercept', whose proxy leads to its emulator
            patch = pytest.MonkeyPatch()
            session.config.add_cleanup(patch.undo)
            _set(patch, {})


def pytest_unconfigure(config: pytest.Config) -> None:
    suite = config.stash.get(_SUITE, None)
    if suite is not None:
        suite.close()


@pytest.fixture(scope="session")
def fcemu_options() -> Mapping[str, Any]:
    """Options that a marker cannot know; override or parametrise it."""
    return {}


@pytest.fixture
def fcemu(request: pytest.FixtureRequest, fcemu_options: Mapping[str, Any]) -> Iterator[LocalEmulator]:
    """The test's emulator: new state each test, one URL for the whole run."""
    emulator = _open(request, _marked(request.node), fcemu_options, shared=True)
    yield emulator
    _suite(request.config).end(emulator)


@pytest.fixture
def fcemu_env(fcemu: LocalEmulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Sets the variables that point a program at the test's emulator, removes proxy variables; returns the former."""
    environment = fcemu.env
    _set(monkeypatch, environment)
    return environment


@pytest.fixture
def fcemu_factory(
    request: pytest.FixtureRequest, fcemu_options: Mapping[str, Any]
) -> Iterator[Callable[..., LocalEmulator]]:
    """``fcemu_factory(definition=None, **options)``: an emulator on a port of its own, closed after the test."""
    made: list[LocalEmulator] = []

    def make(definition: Any = None, **options: Any) -> LocalEmulator:
        if definition is not None:
            options["definition"] = definition
        emulator = _open(request, options, fcemu_options, shared=False)
        made.append(emulator)
        return emulator

    yield make
    for emulator in reversed(made):
        _suite(request.config).end(emulator)


def _set(patch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name in list(os.environ):
        if name.lower() in {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}:
            patch.delenv(name)
    for name, value in environment.items():
        patch.setenv(name, value)


def _suite(config: pytest.Config) -> Suite:
    """What this run shares."""
    suite = config.stash.get(_SUITE, None)
    if suite is None:
        from fcemu.testing.suite import Suite

        suite = config.stash[_SUITE] = Suite(config.rootpath, lambda name: config.getini(f"fcemu_{name}"))
    return suite


def _commanded(config: pytest.Config) -> dict[str, Any]:
    """The options on pytest's command line, which are read once for a run. Raises ``ValueError``."""
    commanded = config.stash.get(_COMMANDED, None)
    if commanded is None:
        from fcemu.core.options import OPTIONS

        given = {name: config.getoption(f"--fcemu-{name}") for name, option in OPTIONS.items() if option.of_pytest}
        commanded = {name: OPTIONS[name].read(text) for name, text in given.items() if text is not None}
        config.stash[_COMMANDED] = commanded
    return commanded


def _marked(item: pytest.Item) -> dict[str, Any]:
    """The options of all markers ``fcemu``, the closest one first."""
    options: dict[str, Any] = {}
    for marker in item.iter_markers("fcemu"):
        given = dict(marker.kwargs)
        if len(marker.args) > 1:
            pytest.fail("marker fcemu takes one positional argument, the definition", pytrace=False)
        if marker.args:
            given["definition"] = marker.args[0]
        options = given | options
    return options


def _open(
    request: pytest.FixtureRequest, options: Mapping[str, Any], more: Mapping[str, Any], *, shared: bool
) -> LocalEmulator:
    config = request.config
    given = {**options, **_commanded(config)}
    given.pop("repeat" if _REPEAT in config.stash else "", None)  # it governs all emulators of its test
    try:
        _hear(request.node, more)
    except ValueError as wrong:
        pytest.fail(str(wrong), pytrace=False)
    emulator = _suite(config).open(request.path.parent, given, more, shared=shared)
    if isinstance(emulator, str):
        pytest.fail(emulator, pytrace=False)
    request.node.stash.setdefault(_MADE, []).append(emulator)
    return emulator


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """A marked test runs once, or as often as a search needs, each time with fixtures of its own; one report."""
    uses = not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
    marked, options, tells = item.get_closest_marker("fcemu") is not None, None, uses and _tells_options(item)
    if marked:
        try:
            options = _searched(item, {})
            if options is not None and _is_of_hypothesis(item):
                options = _for_examples(item, options)
        except (ValueError, pytest.fail.Exception) as wrong:
            item.stash[_REFUSED] = str(wrong)
    if _SERVED in item.config.stash:
        item.config.stash[_SERVED].serve(item, options, _forget)
        return True
    if marked or tells:
        if _REPEAT in item.config.stash:
            from fcemu.pytest_explore import other_test

            other = other_test(item, item.config.stash[_REPEAT])
            if other is not None:
                item.stash[_REFUSED] = f"--fcemu-repeat: {other}"
        if _REFUSED in item.stash:
            return None  # its setup says so
    if item.config.option.fcemu_determinism and (uses or marked):
        from fcemu.pytest_explore import twice

        twice(item, nextitem, _forget)
        return True
    if (marked or tells) and _REPEAT in item.config.stash:
        from fcemu import pytest_explore

        pytest_explore.repeated(item, nextitem, item.config.stash[_REPEAT])
        return True
    if options is None and not tells:
        return None
    from fcemu import pytest_explore

    if tells:
        pytest_explore.asked(item, nextitem, _forget)
    elif options is not None:
        pytest_explore.explored(item, nextitem, options, _forget)
    return True


def _searched(item: pytest.Item, more: Mapping[str, Any]) -> dict[str, Any] | None:
    """The options of the search that a test asks for; ``None`` where it asks for none. ``more``: what ``fcemu_options``
    says. Raises ``ValueError``."""
    from fcemu.core.options import EXPLORING

    options = {**_suite(item.config).of_ini(), **more, **_marked(item), **_commanded(item.config)}
    if not any(options.get(name) for name in EXPLORING[:2]):
        return None
    from fcemu.pytest_explore import options_of

    return options_of(options)


def _tells_options(item: pytest.Item) -> bool:
    """Whether the test gets ``fcemu_options`` from another fixture than this plugin's, or as a parameter, so that they
    may ask for a search; a test of Hypothesis cannot be searched so late."""
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).get("fcemu_options", ())
    said = len(known) > 1 or "fcemu_options" in getattr(getattr(item, "callspec", None), "params", ())
    return said and not _is_of_hypothesis(item)


def _for_examples(item: pytest.Item, options: dict[str, Any]) -> dict[str, Any] | None:
    """The options of a search of Hypothesis's examples. Where they cannot be searched, because they share what is made
    outside of the test's body, or because a sweep is one of a single story: ``None`` if only the command line asks for
    it, else ``ValueError`` is raised."""
    wrong = ""
    if "fcemu" in getattr(item, "fixturenames", ()):
        wrong = (
            "a test of Hypothesis makes its emulators itself, by LocalEmulator(…), because the fixture fcemu is set up "
            "once for all its examples"
        )
    elif isinstance(options["explore"], str):
        found = options["explore"]
        wrong = f"a test of Hypothesis is searched by a number of runs, not by {found!r}; write a test of one example"
    if wrong and _marked(item).keys() & {"explore", "exhaustive"}:
        raise ValueError(f"option explore: {wrong}")
    return None if wrong else options


def _is_of_hypothesis(item: pytest.Item) -> bool:
    return hasattr(getattr(item, "obj", None), "hypothesis")


def _hear(item: pytest.Item, more: Mapping[str, Any]) -> None:
    """``fcemu_options`` is known when a run has begun: it may make that the first run of a search. Raises
    ``ValueError``."""
    from fcemu.core.options import EXPLORING
    from fcemu.testing.exploring import story

    asks, going_on = any(more.get(name) for name in EXPLORING[:2]), story()
    if asks and _is_of_hypothesis(item):
        raise ValueError("a test of Hypothesis asks for a search by its marker; fcemu_options is known too late")
    if going_on is None or not going_on.hears or going_on.options is not None:
        return
    if asks or item.get_closest_marker("fcemu") is not None:
        options = _searched(item, more)
        if options is not None:
            going_on.search(options)


def _forget(item: pytest.Item) -> None:
    """A run of a search has ended, and its emulators with it."""
    item.stash.setdefault(_MADE, []).clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """What is made or used from here on takes part in the test, also where no fixture of this plugin has made it."""
    if _REFUSED in item.stash:
        pytest.fail(item.stash[_REFUSED], pytrace=False)
    if (parts := sys.modules.get(_PARTS)) is not None:
        _tell_who_runs(item.config, parts)
        parts.begin_test()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """After a passed test, before its fixtures are torn down: did a failure go unnoticed?"""
    __tracebackhide__ = True
    result = yield
    for emulator in item.stash.get(_MADE, []):
        emulator.check()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The failures and the timeline of every emulator that took part in the test, and the line that repeats it."""
    parts = sys.modules.get(_PARTS)
    if call.when == "call" and call.excinfo is not None and parts is not None and not item.config.option.fulltrace:
        from fcemu.testing.reports import end_in_the_test

        end_in_the_test(call.excinfo.value)
    report = yield
    if parts is not None:
        wanted = item.config.option.fcemu_timeline
        if report.failed or wanted == "always":
            _tell_who_runs(item.config, parts)  # another pytest may have run inside of the test
        is_wanted = wanted != "never" and report.failed
        if is_wanted or (wanted == "always" and report.when == "call"):
            from fcemu.testing.reports import coloured, sections

            found = sections(item.nodeid, whole=wanted == "all")
            if _shows_colours(item.config):
                found = [(title, coloured(title, text)) for title, text in found]
            report.sections += found
        if report.failed and (directory := item.config.getoption("--fcemu-report")) is not None:
            from fcemu.testing.pages import leave

            leave(item.config.invocation_params.dir / directory, item.nodeid, report.longreprtext)
        if report.when == "teardown":
            parts.end_test()
    if report.when == "setup" and report.failed and call.excinfo is not None:
        report.sections += _about_scope(str(call.excinfo.value))
    if report.when == "teardown":
        item.stash.setdefault(_MADE, []).clear()  # items live as long as the run
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What searches that found nothing have proved."""
    reports = [one for some in terminalreporter.stats.values() for one in some if hasattr(one, "fcemu_explored")]
    if reports:
        terminalreporter.section("fcemu explore")
        for report in reports:
            terminalreporter.line(f"{report.nodeid}  {report.fcemu_explored}")


def _tell_who_runs(config: pytest.Config, parts: Any) -> None:
    parts.run_by(config.rootpath, config.stash.get(_STDERR, 2))


def _shows_colours(config: pytest.Config) -> bool:
    """Whether the terminal does; a worker of xdist has none."""
    return config.pluginmanager.hasplugin("terminalreporter") and config.get_terminal_writer().hasmarkup


def _about_scope(error: str) -> list[tuple[str, str]]:
    """What to use where a fixture of a wider scope has asked for one of this plugin's."""
    if not error.startswith("ScopeMismatch") or not any(name in error for name in FIXTURES):
        return []
    text = (
        "the fixture fcemu is new for each test; a fixture of a wider scope makes an emulator of its own:\n"
        "    from fcemu.testing import LocalEmulator\n\n"
        "    with LocalEmulator('fixtures/orders', seed=7) as emulator:\n"
        "        yield emulator"
    )
    return [("fcemu", text)]
