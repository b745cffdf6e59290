"""An emulator that intercepts, and addresses of functions as programs have them written down."""

import os

import pytest

from fcemu.testing import LocalEmulator


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def emulator(tmp_path):
    """With echo as a function of both generations."""
    with LocalEmulator(intercept=True) as emulator:
        emulator.add("echo", lambda event, context: event)
        emulator.add("media/echo", lambda event, context: event)
        yield emulator
