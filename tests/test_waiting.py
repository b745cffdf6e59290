"""Who waits on a paused clock hears why it does not move, once, and nobody else hears anything."""

import asyncio
import time

import pytest

from fcemu.client import Client
from fcemu.commands import waiting
from fcemu.commands.waiting import Waiting, telling_who_waits
from fcemu.host import api_server
from fcemu.testing import LocalEmulator


@pytest.fixture
def emulator():
    with LocalEmulator(strict=False) as emulator:
        emulator.add("echo", lambda event, context: event)
        yield emulator


def server_of(emulator):
    ask(emulator)  # the server is made for its first client
    return emulator._host._thread._server


@pytest.fixture
def watched(emulator):
    return Waiting(server_of(emulator))


def ask(emulator):
    before = emulator._engine.serving
    Client(emulator.url).health()
    while emulator._engine.serving > before:  # it is, for a moment after the answer is there
        time.sleep(0)


def test_a_client_that_still_asks_after_two_seconds_is_told(emulator, watched):
    emulator.function("echo").invoke_async(delay=200)
    assert watched.look(100.0) is None
    ask(emulator)
    assert watched.look(101.9) is None
    assert watched.look(102.1) is None  # nobody has asked since
    ask(emulator)
    told = watched.look(102.3)
    assert told.startswith("a client has been waiting for 2 real seconds, but the clock does not move:\n")
    assert "nothing moves the clock" in told


def test_a_move_begins_anew(emulator, watched):
    emulator.function("echo").invoke_async(delay=200)
    emulator.function("echo").invoke_async(delay=300)
    watched.look(100.0)
    emulator.advance(200)
    ask(emulator)
    assert watched.look(103.0) is None
    ask(emulator)
    assert watched.look(104.9) is None
    ask(emulator)
    assert watched.look(105.1) is not None


@pytest.mark.parametrize("how", ["nothing is due", "the clock flows", "the clock jumps"])
def test_there_is_nothing_to_tell_where(emulator, watched, how):
    if how != "nothing is due":
        emulator.function("echo").invoke_async(delay=200)
    if how == "the clock flows":
        emulator._engine.rate = 1e-6
    elif how == "the clock jumps":
        emulator._engine.serving += 1  # autojump waits for it, so that it stays due
        emulator._engine.autojump = True
    for at in (100.0, 103.0, 106.0):
        ask(emulator)
        assert watched.look(at) is None
    emulator._engine.autojump = False


def test_it_is_told_once(emulator, monkeypatch, capsys):
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "_LOOK_SECONDS", 0.0)
    emulator.function("echo").invoke_async(delay=200)

    async def scene():
        async with telling_who_waits(server_of(emulator)):
            for _ in range(20):
                await asyncio.to_thread(ask, emulator)

    asyncio.run(scene())
    assert capsys.readouterr().err.count("the clock does not move") == 1


def test_a_server_without_an_emulator_is_nobodys_concern():
    assert Waiting(api_server()).look(100.0) is None
