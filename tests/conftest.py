"""pytester runs suites of users in tests of the plugin. A test that hangs fails, is reported, and the run goes on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import pytest_timeout

pytest_plugins = ["pytester"]

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


@contextmanager
def bounded(item: pytest.Item) -> Iterator[None]:
    """pytest-timeout bounds tests (``timeout_func_only``), so that no report is interrupted; this bounds fixtures."""
    settings = pytest_timeout.get_env_settings(item.config)
    if settings.timeout:
        item.ihook.pytest_timeout_set_timer(item=item, settings=settings)
    try:
        yield
    finally:
        item.ihook.pytest_timeout_cancel_timer(item=item)
