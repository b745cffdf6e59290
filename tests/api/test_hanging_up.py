"""Callers that hang up before they have their answer: what they called for is canceled (timers-and-instances §3.5)."""

import socket
import threading

import pytest
from api.harness import FC2, FC3, Served, parse, read_all
from fakes import ask, make, s
from patience import WAIT_SECONDS
from rules import rule

from fcemu.api import serving
from fcemu.core.facts import InstanceStopped, Stopped
from fcemu.core.invocation import State
from fcemu.core.logs import log_of
from fcemu.core.settings import Settings


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """A client that sends no more, and has no answer, is gone at once."""
    monkeypatch.setattr(serving, "HANG_UP_SECONDS", 0)


@pytest.fixture
def begun():
    return threading.Event()


@pytest.fixture
def slow(serve, begun) -> Served:
    def sleeps(call):
        begun.set()
        call.clock.sleep(3600)

    return serve(settings=Settings(rate=1), timeout=7200, slow=sleeps, media__slow=sleeps)


def seen(served: Served, kind: type) -> threading.Event:
    """Set when a fact of this kind is recorded."""
    there = threading.Event()
    journal = served.emulator.journal
    journal.follow(lambda: there.set() if type(journal[-1]) is kind else None)
    return there


@rule("timers-and-instances §3.5", "documented")
@pytest.mark.parametrize("path", [FC3.format("slow"), FC2.format("slow")])
def test_a_synchronous_invocation_is_canceled_when_its_caller_hangs_up(slow, begun, path):
    stopped = seen(slow, InstanceStopped)
    with slow.socket() as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        assert begun.wait(WAIT_SECONDS)
    assert stopped.wait(WAIT_SECONDS)
    (invocation,) = slow.emulator.journal.invocations.values()
    (attempt,) = invocation.attempts
    assert (invocation.state, attempt.word) == (State.STOPPED, "stopped")
    assert ", Error: Invocation canceled by client (duration: " in log_of(attempt, invocation.id, 512, 64)
    assert slow.emulator.fleet.shown(invocation.accepted.function) == []


def test_who_only_sends_no_more_hears_that_he_hung_up(slow, begun):
    with slow.socket() as connection:
        connection.sendall(f"POST {FC3.format('slow')} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        assert begun.wait(WAIT_SECONDS)
        connection.shutdown(socket.SHUT_WR)
        answer = parse(read_all(connection))
    assert (answer.status, answer.json()["Code"]) == (499, "ClientClosedRequest")


def test_one_that_waits_for_its_instance_never_runs(serve, begun):
    served = serve(settings=Settings(rate=1, cold_start=s(3600)), slow=lambda call: begun.set())
    stopped = seen(served, Stopped)
    with served.socket() as connection:
        connection.sendall(f"POST {FC3.format('slow')} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        started = threading.Event()
        served.emulator.journal.follow(started.set)
        assert served.emulator.journal.invocations or started.wait(WAIT_SECONDS)
    assert stopped.wait(WAIT_SECONDS)
    assert not begun.is_set()


def test_what_is_asynchronous_goes_on(serve):
    served = serve(echo=lambda call: call.payload)
    with served.socket() as connection:
        head = f"POST {FC3.format('echo')} HTTP/1.1\r\nHost: x\r\nX-Fc-Invocation-Type: Async\r\n"
        connection.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())
        assert b"202" in connection.recv(65536)
    served.stop()
    served.emulator.wait(served.emulator.run_until_idle(None))
    assert [one.state for one in served.emulator.journal.invocations.values()] == [State.SUCCEEDED]


def test_nothing_is_canceled_because_the_server_stops(slow, begun):
    with slow.socket() as connection:
        connection.sendall(f"POST {FC3.format('slow')} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        assert begun.wait(WAIT_SECONDS)
        slow.stop()
        assert [one.state for one in slow.emulator.journal.invocations.values()] == [State.RUNNING]


def test_one_that_a_handler_called_goes_on(begun):
    def caller(call):
        called.append(emulator.invoke(ask("slow", access_key_id=call.access_key_id), lambda ended: None))

    called = []
    emulator, _ = make(settings=Settings(rate=1), timeout=7200, caller=caller, slow=lambda call: call.clock.sleep(3600))
    ended = threading.Event()
    emulator.invoke(ask("caller"), lambda invocation: ended.set())
    assert ended.wait(WAIT_SECONDS)
    emulator.tasks.hang_up(called[0])
    assert called[0].state is State.RUNNING
    emulator.close()
