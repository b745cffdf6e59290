"""Attempts in processes that a server waits for on its event loop: short and long ones, crashes, large answers."""

import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest
from running import serving

HANDLER = """
    import os, time

    def handler(event, context):
        what, _, number = event.decode().partition(" ")
        if what == "sleep": time.sleep(600)
        if what == "work":
            end = time.process_time() + 0.05
            while time.process_time() < end: pass
        if what == "exit": os._exit(int(number))
        if what == "print": print("said", number)
        return number * 100_000 if what == "large" else number
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    code = tmp_path_factory.mktemp("served")
    (code / "index.py").write_text(textwrap.dedent(HANDLER))
    (code / "fcemu.yaml").write_text("functions:\n  f: {handler: index.handler, timeout: 86400}\n")
    with serving(str(code), "--rate", "10000") as (_, client, _):
        yield client


def ask(client, what):
    reply = client.invoke("f", what.encode())
    return reply.error, reply.body


def test_each_of_many_callers_at_once_gets_its_own_answer(client):
    asked = [f"{what} {number}" for number in range(8) for what in ("quick", "sleep", "work", "print")]
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda what: ask(client, what), asked))
    assert answers == [(None, what.split()[1].encode()) for what in asked]


def test_an_answer_may_be_longer_than_what_a_socket_takes_at_once(client):
    assert ask(client, "large 7") == (None, b"7" * 100_000)


def test_what_a_handler_writes_belongs_to_its_attempt(client):
    with ThreadPoolExecutor(4) as callers:
        list(callers.map(lambda number: ask(client, f"print x{number}x"), range(8)))
    logs = [one.attempts[0].logs for one in client.invocations() if b"print x" in one.payload]
    said = [[line for line in log.splitlines() if line.startswith("said")] for log in logs]
    assert sorted(said) == [[f"said x{number}x"] for number in range(8)]


def test_a_process_that_ends_fails_its_attempt_only(client):
    with ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(lambda what: ask(client, what), ["exit 3", "quick 1", "sleep 2"] * 4))
    assert [body for error, body in answers if error is None] == [b"1", b"2"] * 4
    assert all(b"Process exited unexpectedly" in body for error, body in answers if error is not None)
    assert ask(client, "quick 5") == (None, b"5")
