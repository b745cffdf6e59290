"""What stands still in a process is named by a line of the handler, never by one of the emulator."""

import re

import pytest
from systems import needs

from fcemu.testing import LocalEmulator

pytestmark = needs("DUMPS")
CODE = """
import json, select, threading, time

def quick(event, context):
    pass

def spins(event, context):
    while True: pass  # spins

def waits_in_c(event, context):
    select.select([open("/proc/self/fd/0")], [], [])
    select.poll().poll()  # waits_in_c

def lets_a_thread_spin(event, context):
    def spin():
        while True: pass  # lets_a_thread_spin
    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    thread.join()

def sleeps(event, context):
    time.sleep(100)  # sleeps
"""
STUCK = ("spins", "waits_in_c", "lets_a_thread_spin")


def line_of(name):
    return 1 + next(n for n, line in enumerate(CODE.splitlines()) if line.endswith(f"# {name}"))


@pytest.fixture
def emulator(tmp_path):
    """An emulator with a function for each handler in ``CODE``."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/index.py").write_text(CODE)
    names = re.findall(r"^def (\w+)", CODE, re.MULTILINE)
    functions = {
        name: {
            "handler": f"index.{name}",
            "code": str(tmp_path / "code"),
            "timeout": 60,
            "asyncInvokeConfig": {"maxAsyncRetryAttempts": 0},
        }
        for name in names
    }
    with LocalEmulator({"functions": functions}, runtime="process", strict=False, watchdog=2) as made:
        yield made


def test_the_watchdog_names_the_line_of_a_handler_that_makes_no_progress(emulator):
    emulator.function("quick").invoke()  # the interpreter has started
    for name in STUCK:
        emulator.function(name).invoke_async()
    emulator.run_until_idle()
    told = emulator.timeline()
    for name in STUCK:
        assert f"made no progress for 2 real seconds at /code/index.py:{line_of(name)} in " in told


def test_explain_names_the_line_on_which_a_handler_sleeps(emulator, tmp_path):
    emulator.function("sleeps").invoke_async()
    emulator.advance(10)
    line = f"{tmp_path}/code/index.py:{line_of('sleeps')} in sleeps"
    assert f"is parked in a virtual sleep at {line}" in str(emulator.explain())
