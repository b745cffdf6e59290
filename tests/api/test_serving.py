"""Connections: order, keep-alive, half-closed clients, the end of the server; and who counts as being served."""

import asyncio
import socket
import threading

import pytest
from api.harness import FC3, Served, parse, read_all
from fakes import make, s
from patience import WAIT_SECONDS

from fcemu.api.wakeups import Wakeups, resolve
from fcemu.core.settings import SPEC_START, Settings

CALL = f"POST {FC3.format('echo')} HTTP/1.1\r\nHost: x\r\n".encode()


def call(body: bytes, more: bytes = b"") -> bytes:
    return CALL + more + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def bodies(answers: bytes) -> list[bytes]:
    return [part[int(part.split(b"Content-Length: ")[1].split(b"\r\n")[0]) * -1 :] for part in split(answers)]


def split(answers: bytes) -> list[bytes]:
    return [b"HTTP/1.1" + part for part in answers.split(b"HTTP/1.1")[1:]]


def test_requests_that_come_together_are_answered_in_order(served):
    sent = b"".join(call(b"body %02d" % n) for n in range(100)) + call(b"the last", b"Connection: close\r\n")
    assert bodies(served.raw(sent)) == [b"body %02d" % n for n in range(100)] + [b"the last"]


def test_requests_that_come_byte_by_byte_are_answered(served):
    with served.socket() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in call(b"slowly", b"Connection: close\r\n"):
            connection.sendall(bytes([byte]))
        assert parse(read_all(connection)).body == b"slowly"


def test_a_client_that_sends_no_more_still_gets_all_its_answers(served):
    assert bodies(served.raw(call(b"one") + call(b"two"), end=True)) == [b"one", b"two"]


def test_what_follows_good_requests_and_is_not_http_is_answered_after_them(served):
    with served.socket() as connection:
        connection.sendall(call(b"one"))
        first = connection.recv(65536)
        connection.sendall(b"nonsense\r\n\r\n")
        assert (bodies(first), parse(read_all(connection)).status) == ([b"one"], 400)


def test_a_connection_is_kept_unless_the_client_asks_otherwise(served):
    with served.socket() as connection:
        for _ in range(3):
            connection.sendall(call(b"again"))
            assert "connection" not in parse(connection.recv(65536)).headers
        connection.sendall(call(b"end", b"Connection: close\r\n"))
        assert parse(read_all(connection)).headers["connection"] == "close"


def test_http_1_0_closes_unless_the_client_asks_otherwise(served):
    old = call(b"old", b"").replace(b"HTTP/1.1", b"HTTP/1.0")
    assert parse(served.raw(old)).headers["connection"] == "close"
    with served.socket() as connection:
        connection.sendall(old.replace(b"Host: x\r\n", b"Host: x\r\nConnection: keep-alive\r\n"))
        assert parse(connection.recv(65536)).headers["connection"] == "keep-alive"
        connection.sendall(old)
        assert parse(read_all(connection)).body == b"old"


def test_a_body_in_pieces_is_asked_for_and_read(served):
    with served.socket() as connection:
        connection.sendall(CALL + b"Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"3\r\nabc\r\n")
        connection.sendall(b"4\r\ndefg\r\n0\r\n\r\n")
        assert parse(connection.recv(65536)).body == b"abcdefg"
        connection.sendall(call(b"next"))
        assert parse(connection.recv(65536)).body == b"next"


def test_a_request_that_asks_for_another_protocol_is_answered_and_the_connection_ends(served):
    upgrade = b"GET /2016-08-15/services/a/functions/b/instances/c/exec HTTP/1.1\r\nHost: x\r\n"
    upgrade += (
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
    )
    assert parse(served.raw(upgrade + b"\x81\x00")).status == 501


def test_a_large_answer_reaches_a_client_that_reads_late(served):
    body = b"x" * 20_000_000
    with served.socket() as connection:
        connection.sendall(call(body, b"Connection: close\r\n") + b"")
        assert parse(read_all(connection)).body == body


def test_requests_wait_while_their_client_does_not_read_the_answers_before_them(serve):
    served = serve(large=lambda call: b"x" * 20_000_000, echo=lambda call: call.payload)
    one = f"POST {FC3.format('large')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with served.socket() as connection:
        connection.sendall(one * 3 + call(b"", b"Connection: close\r\n"))
        assert served.request("POST", FC3.format("echo"), b"others are served").body == b"others are served"
        assert len(served.emulator.journal.invocations) == 2
        assert read_all(connection).count(b"HTTP/1.1 200 OK") == 4


def test_the_server_stops_while_clients_are_connected_and_waiting():
    begun = threading.Event()

    def sleeps(call):
        begun.set()
        call.clock.sleep(3600)

    emulator, _ = make(settings=Settings(rate=1), timeout=7200, sleeps=sleeps)
    served = Served(emulator)
    with served.socket() as idle, served.socket() as waiting:
        waiting.sendall(f"POST {FC3.format('sleeps')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert begun.wait(WAIT_SECONDS)
        emulator.close()
        served.close()
        assert read_all(idle) == b""
        assert parse(read_all(waiting)).status == 503
    with pytest.raises(OSError, match="refused"):
        served.request("GET", "/_fcemu/health")


def test_the_server_drops_clients_that_wait_for_what_does_not_end():
    begun = threading.Event()

    def sleeps(call):
        begun.set()
        call.clock.sleep(3600)

    emulator, _ = make(settings=Settings(rate=1), timeout=7200, sleeps=sleeps)
    served = Served(emulator)
    with served.socket() as waiting:
        waiting.sendall(f"POST {FC3.format('sleeps')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert begun.wait(WAIT_SECONDS)
        served.close()
        assert read_all(waiting) == b""


def test_a_clock_that_jumps_waits_for_requests_and_jumps_after_their_answers(serve):
    ran = threading.Event()
    served = serve(settings=Settings(autojump=True), late=lambda call: ran.set() or b"")
    reply = served.request("POST", FC3.format("late"), x_fc_invocation_type="Async", x_fc_async_delay="3600")
    assert reply.status == 202
    assert ran.wait(WAIT_SECONDS)
    assert served.emulator.clock.now() == SPEC_START + s(3600)


HALF = CALL + b"Content-Length: 5\r\n\r\nx"


@pytest.mark.parametrize("sent", [call(b"x"), b"nonsense\r\n\r\n", HALF, call(b"x") * 5])
@pytest.mark.parametrize("reads", [True, False])
def test_whoever_is_answered_or_gone_is_not_served_any_more(served, sent, reads):
    with served.socket() as connection:
        connection.sendall(sent)
        if reads:
            connection.shutdown(socket.SHUT_WR)
            read_all(connection)
    served.stop()
    assert served.emulator.serving == 0


def test_a_wake_up_makes_all_calls_that_came_before_it_in_order():
    made = []

    async def main():
        wakeups = Wakeups(asyncio.get_running_loop())
        threads = [threading.Thread(target=wakeups.call, args=(made.append, n)) for n in range(10)]
        for thread in threads:
            thread.start()
            thread.join()
        future = asyncio.get_running_loop().create_future()
        wakeups.call(resolve, future, "first")
        wakeups.call(resolve, future, "second")
        assert await future == "first"
        return wakeups

    wakeups = asyncio.run(main())
    assert made == list(range(10))
    wakeups.call(made.append, "nobody is there")
    assert made == list(range(10))


def test_a_call_that_raises_keeps_no_other_from_being_made():
    made, raised = [], []

    def broken():
        raise RuntimeError("a defect")

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, told: raised.append(told["exception"].args))
        wakeups, done = Wakeups(loop), loop.create_future()
        wakeups.call(made.append, 1)
        wakeups.call(broken)
        wakeups.call(made.append, 2)
        wakeups.call(broken)
        wakeups.call(done.set_result, None)
        await asyncio.wait_for(done, WAIT_SECONDS)

    asyncio.run(main())
    assert (made, raised) == ([1, 2], [("a defect",)] * 2)


@pytest.mark.parametrize("path", ["/_fcemu/invocations", FC3.format("echo")])
def test_a_defect_of_the_emulator_is_logged_and_answered(served, caplog, path):
    def broken(*of):
        raise RuntimeError("a defect")

    served.emulator.memory_mb = broken
    served.emulator.invoke = broken if path != "/_fcemu/invocations" else served.emulator.invoke
    if path == "/_fcemu/invocations":
        served.request("POST", FC3.format("echo"))
        reply = served.request("GET", path)
    else:
        reply = served.request("POST", path)
    assert reply.status == 500
    assert b"a defect" not in reply.body
    assert [record.exc_info[1].args for record in caplog.records if record.exc_info] == [("a defect",)]
