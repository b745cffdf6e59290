"""What in a handler escapes the search is named in the report as the reason why a run may not repeat."""

import os
import random
import re
import secrets
import socket
import subprocess
import sys
import uuid

import pytest

from fcemu.testing import LocalEmulator
from fcemu.testing.escapes import watched

CHARGE = """
        import os, random, subprocess, sys, threading, time, uuid

        @pytest.mark.fcemu("", explore=60)
        def test_it(fcemu):
            bank = []

            def charge(event, context):
                {what}
                bank.append(event)

            fcemu.add("charge", charge)
            fcemu.function("charge").invoke_async()
            fcemu.run_until_idle()
            assert len(bank) == 1
"""


def seen(code):
    """What is noted of a handler that runs ``code``."""
    with LocalEmulator("", intercept=False, strict=False) as emulator, watched() as escapes:
        emulator.add("charge", lambda event, context: code() and None)
        emulator.function("charge").invoke_async()
        emulator.run_until_idle()
        return escapes.told([list(emulator._engine.journal.lines())])


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (random.random, "drew real randomness by the module random"),
        (lambda: random.random(), "drew real randomness by the module random"),
        (lambda: random.choice([1, 2]), "drew real randomness by the module random"),
        (lambda: random.shuffle([1, 2, 3]), "drew real randomness by the module random"),
        (lambda: random.uniform(1, 2), "drew real randomness by the module random"),
        (lambda: random.SystemRandom().random(), "drew real randomness by os.urandom"),
        (lambda: os.urandom(3), "drew real randomness by os.urandom"),
        (uuid.uuid4, "drew real randomness by os.urandom"),
        (lambda: secrets.token_hex(3), "drew real randomness by os.urandom"),
        (lambda: subprocess.run([sys.executable, "--version"], capture_output=True), "started a program"),
    ],
)
def test_what_a_handler_draws_or_starts_is_noted(code, what):
    told = seen(code)
    if code is random.random:  # bound before the watching began, as by ``from random import random``
        assert told == []
    else:
        assert told
        assert all(one.startswith(f"charge {what}") for one in told)


def test_whom_a_handler_asks_on_the_network_is_noted_but_not_its_own_emulator():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def ask():
            socket.create_connection(("127.0.0.1", port)).close()

        told = seen(ask)
    assert [re.sub(r" at .*", "", one) for one in told] == [f"charge asked the network: 127.0.0.1:{port}"]
    assert re.search(r" at test_escapes\.py:\d+$", told[0])

    with LocalEmulator("", intercept=False) as emulator, watched() as escapes:
        emulator.add("charge", lambda event, context: socket.create_connection((emulator.host, emulator.port)).close())
        emulator.function("charge").invoke_async()
        emulator.run_until_idle()
        assert escapes.told([]) == []


def test_what_repeats_is_not_noted_nor_what_the_test_does():
    def handler():
        random.Random(7).random()
        uuid.uuid5(uuid.NAMESPACE_DNS, "a")

    random.random()
    os.urandom(2)
    assert seen(handler) == []


def test_everything_is_as_it_was_afterwards():
    before = (random.random, random.getrandbits, random._urandom, os.urandom, dict(vars(random._inst)))
    with watched():
        pass
    assert before == (random.random, random.getrandbits, random._urandom, os.urandom, dict(vars(random._inst)))


def test_a_thread_outside_of_the_promise_is_told_by_its_warning():
    import _thread
    import time

    def handler():
        import contextvars

        context, done = contextvars.copy_context(), _thread.allocate_lock()
        done.acquire()

        def work():
            context.run(time.sleep, 0.01)
            done.release()

        _thread.start_new_thread(work, ())
        done.acquire()

    assert any("a thread that the handler did not start with threading.Thread slept" in one for one in seen(handler))


def test_the_report_of_a_search_and_of_a_repeat_name_it(suite):
    result = suite(CHARGE.format(what="uuid.uuid4()"))
    result.assert_outcomes(failed=1)
    named = "  this run may not repeat because charge drew real randomness by os.urandom at test_it.py:*"
    result.stdout.fnmatch_lines(["FAILED after *", "  choice 1: *", named, "repeat: *"])
    nodeid, token = re.search(r'^repeat: pytest "([^"]+)" --fcemu-repeat=([\w-]+)$', result.stdout.str(), re.M).groups()
    again = suite(None, nodeid, f"--fcemu-repeat={token}")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["choice 1: *", named])
    calm = suite(CHARGE.format(what="pass"))
    calm.assert_outcomes(failed=1)
    calm.stdout.no_fnmatch_line("*may not repeat*")


def test_a_repeat_that_does_not_come_to_its_choice_says_why(suite, pytester):
    text = """
        import os, random

        NAME = "other" if os.path.exists("odd") else "charge"

        @pytest.mark.fcemu("", explore=60)
        def test_it(fcemu):
            bank = []
            fcemu.add(NAME, lambda event, context: bank.append(random.random()))
            fcemu.function(NAME).invoke_async()
            fcemu.run_until_idle()
            assert len(bank) == 1 and NAME == "charge"
    """
    result = suite(text)
    nodeid, token = re.search(r'^repeat: pytest "([^"]+)" --fcemu-repeat=([\w-]+)$', result.stdout.str(), re.M).groups()
    (pytester.path / "odd").touch()
    again = suite(None, nodeid, f"--fcemu-repeat={token}")
    again.assert_outcomes(failed=1)
    named = "  this run did not repeat because other drew real randomness by the module random at test_it.py:*"
    again.stdout.fnmatch_lines(["choice 1: *", "  the run did not reach choice 1", named])


def test_a_failure_that_does_not_come_again_names_the_first_fact_that_differs(suite):
    text = """
        RUNS = []

        @pytest.mark.fcemu("", explore=50)
        def test_it(fcemu):
            RUNS.append(1)
            fcemu.add("f", lambda event, context: len(RUNS))
            fcemu.function("f").invoke_async()
            fcemu.run_until_idle()
            assert len(RUNS) != 3
    """
    result = suite(text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "  the failure may not repeat: the same choices did not fail a second time",
            "    not deterministic: fact * of emulator 1 is another one when the test runs again",
            "      outcome: *",
            "      cause: the outcome of a handler differs: the handler reads real time or real randomness, *",
        ]
    )
