"""A full disk: whoever asks gets an error that names the file, and what was refused did not run."""

import json
import sqlite3
from contextlib import closing
from http.client import HTTPConnection

import pytest
from api.harness import FC3
from fakes import ask, make, s
from patience import WAIT_SECONDS

from fcemu.client import Client, ClientError
from fcemu.core.functions import AsyncSettings
from fcemu.core.invocation import State
from fcemu.core.settings import Settings
from fcemu.engine.emulator import FCError
from fcemu.stores.sqlite import SqliteStore

RATES = pytest.mark.parametrize("rate", [0, 1, 600])


class Disk(SqliteStore):
    """A file on a disk that can be full."""

    full = False

    def written(self, rows, notes, code):
        if self.full:
            refused = sqlite3.OperationalError("database or disk is full")
            refused.sqlite_errorname = "SQLITE_FULL"
            raise self._error(refused, "written")
        super().written(rows, notes, code)


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path / "a.db")


@pytest.fixture
def shop(serve, disk):
    """A server for the functions ``f`` and ``sleeps``, and what they were invoked with."""

    def serving(rate):
        ran = []

        def f(call):
            ran.append(call.payload)
            return call.payload

        def sleeps(call):
            ran.append(call.payload)
            disk.full = True
            call.clock.sleep(2)

        emulator, _ = make(
            {"f": AsyncSettings(task_mode=True)}, Settings(rate=rate), store=disk, timeout=86400, f=f, sleeps=sleeps
        )
        return serve(emulator), ran

    return serving


@RATES
def test_a_synchronous_call_is_answered_with_the_reason_and_does_not_run(shop, disk, rate):
    served, ran = shop(rate)
    disk.full = True
    for _ in range(3):
        reply = served.request("POST", FC3.format("f"), b"lost")
        assert reply.status == 500
        assert f"data file {disk.path} cannot be written: the disk is full" in reply.json()["Message"]
    disk.full = False
    assert served.request("POST", FC3.format("f"), b"kept").body == b"kept"
    assert ran == [b"kept"]


@RATES
def test_a_task_that_was_refused_did_not_run_and_its_id_is_free_for_the_next_try(shop, disk, rate):
    served, ran = shop(rate)
    headers = {"X_Fc_Invocation_Type": "Async", "X_Fc_Async_Task_Id": "video-42"}
    disk.full = True
    for _ in range(3):
        reply = served.request("POST", FC3.format("f"), b"lost", **headers)
        assert (reply.status, "the disk is full" in reply.json()["Message"]) == (500, True)
    disk.full = False
    assert served.request("POST", FC3.format("f"), b"kept", **headers).status == 202
    emulator = served.emulator
    emulator.wait(emulator.run_until_idle(None))
    assert ran == [b"kept"]
    *refused, last = [one.state for one in emulator.journal.invocations.values()]
    assert (len(refused), last) == (3, State.SUCCEEDED)
    assert set(refused) <= {State.INVALID, State.FAILED}


@RATES
def test_a_caller_whose_function_runs_when_the_disk_becomes_full_gets_an_answer(shop, disk, rate):
    served, ran = shop(rate)
    reply = served.request("POST", FC3.format("sleeps"), b"x")
    assert (reply.status, "the disk is full" in reply.json()["Message"]) == (500, True)
    assert ran == [b"x"]
    disk.full = False


def test_who_waits_in_this_process_gets_the_error_too(disk):
    emulator, _ = make(store=disk, f=lambda call: b"")
    disk.full = True
    invocation = emulator.accept(ask("f"))
    with pytest.raises(FCError, match="the disk is full"):
        emulator.save()
    assert invocation.state is State.INVALID
    with pytest.raises(FCError, match="the disk is full"):
        emulator.wait(emulator.advance(s(1)))
    disk.full = False
    emulator.wait(emulator.advance(s(1)))
    emulator.close()


@pytest.mark.parametrize("follow", [0, 1])
def test_the_journal_ends_with_the_reason(shop, disk, follow):
    served, _ = shop(0)
    served.emulator.accept(ask("f"))
    client = Client(f"http://127.0.0.1:{served.port}")
    facts = client.journal(follow=True)
    assert next(facts).kind == "Accepted"
    disk.full = True
    served.emulator.accept(ask("f"))
    with pytest.raises(ClientError, match="the disk is full"):
        next(facts)
    reply = served.request("GET", f"/_fcemu/journal?follow={follow}")
    assert (reply.status, "the disk is full" in reply.json()["detail"]) == (500, True)
    disk.full = False


def test_a_stream_of_events_ends_with_the_reason(shop, disk):
    served, _ = shop(0)
    served.emulator.accept(ask("f"))
    with closing(HTTPConnection("127.0.0.1", served.port, timeout=WAIT_SECONDS)) as connection:
        connection.request("GET", "/_fcemu/journal", headers={"Accept": "text/event-stream"})
        answer = connection.getresponse()
        assert answer.readline().startswith(b"id: 1")
        disk.full = True
        served.emulator.accept(ask("f"))
        rest = answer.read().decode()
    *_, event, data = rest.strip().splitlines()
    assert event == "event: problem"
    assert "the disk is full" in json.loads(data.removeprefix("data: "))["detail"]
    disk.full = False
