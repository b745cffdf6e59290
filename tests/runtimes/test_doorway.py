"""A child that cannot inherit a socket: only the one that knows the secret comes in."""

import socket
import threading
import time

from fcemu.runtimes.doorway import VARIABLE, Doorway


def connect(doorway, said):
    connection = socket.create_connection(("127.0.0.1", doorway.port))
    connection.sendall(said)
    return connection


def test_the_child_with_the_secret_comes_in_and_learns_the_emulators_clock():
    doorway = Doorway()
    secret = doorway.environment()[VARIABLE].encode()
    before = time.monotonic_ns()
    with connect(doorway, secret) as child, doorway.enter(lambda: True) as ours:
        assert before <= int.from_bytes(child.recv(8), "little") <= time.monotonic_ns()
        ours.sendall(b"x")
        assert child.recv(1) == b"x"


def test_others_are_hung_up_on_until_the_child_comes():
    doorway = Doorway()
    secret = doorway.environment()[VARIABLE].encode()
    with (
        connect(doorway, b"0" * len(secret)) as wrong,
        connect(doorway, secret[:-1]) as short,
    ):
        short.shutdown(socket.SHUT_WR)
        with connect(doorway, secret) as child, doorway.enter(lambda: True) as ours:
            assert ours.getpeername() == child.getsockname()
        assert wrong.recv(8) == b""
        assert short.recv(8) == b""


def test_no_more_is_waited_for_a_child_that_has_gone():
    doorway = Doorway()
    gone = threading.Event()
    gone.set()
    assert doorway.enter(lambda: not gone.is_set()) is None
    with socket.socket() as late:
        assert late.connect_ex(("127.0.0.1", doorway.port)) != 0
