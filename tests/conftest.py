"""pytester runs suites of users in tests of the plugin. A test that hangs fails, is reported, and the run goes on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import pytest_timeout

pytest_plugins = ["pytester"]

SECONDS = 300
"""How long a test may take: far beyond what one takes on a busy machine. It raises in the test, which fails and is
reported; pytest's ``--timeout`` says another time. Not in pyproject.toml, which pytest reads without the plugin too."""
QUICK_SWITCHES = 1e-5
"""Real seconds between two switches of threads while a failure is reported.

A handler that a failed test left in a busy loop takes Python's lock whenever the report lets go of it, which is at each
of some twenty thousand looks at a file: with the usual 5 ms that made a report of two minutes.
"""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Iterator[None]:
    if call.excinfo is None:
        return (yield)
    before = sys.getswitchinterval()
    sys.setswitchinterval(QUICK_SWITCHES)
    try:
        return (yield)
    finally:
        sys.setswitchinterval(before)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with bounded(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    with bounded(item):
        return (yield)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        own = item.get_closest_marker("timeout")
        seconds = _seconds(config) if own is None else own.args[0]
        item.add_marker(pytest.mark.timeout(seconds, method="signal", func_only=True), append=False)


def _seconds(config: pytest.Config) -> float:
    asked: float | None = pytest_timeout.get_env_settings(config).timeout
    return SECONDS if asked is None else asked


@contextmanager
def bounded(item: pytest.Item) -> Iterator[None]:
    """pytest-timeout bounds tests alone (``func_only``), so that no report is interrupted; this bounds fixtures."""
    settings = pytest_timeout.get_env_settings(item.config)._replace(timeout=_seconds(item.config), method="signal")
    if settings.timeout:
        item.ihook.pytest_timeout_set_timer(item=item, settings=settings)
    try:
        yield
    finally:
        item.ihook.pytest_timeout_cancel_timer(item=item)
