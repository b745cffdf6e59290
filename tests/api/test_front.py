"""One port for HTTP and TLS; clients that say nothing."""

import asyncio
import socket
import ssl

import pytest

from fcemu.api import front as fronts
from fcemu.api.front import Front
from fcemu.endpoints.authority import authority
from fcemu.testing import LocalEmulator

HELLO = b"\x16\x03\x01\x02\x00\x01"
"""The beginning of a handshake."""
REQUEST = b"GET /_fcemu/health HTTP/1.0\r\n\r\n"


@pytest.fixture
def emulator():
    with LocalEmulator() as emulator:
        yield emulator


def connected(emulator):
    return socket.create_connection((emulator.host, emulator.port), timeout=20)


def read_all(connection):
    return b"".join(iter(lambda: connection.recv(65536), b""))


def trusting():
    return ssl.create_default_context(cadata=authority().pem)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "1.cn-shanghai.fc.aliyuncs.com"])
def test_the_port_answers_http_and_tls(emulator, name):
    with connected(emulator) as plain:
        plain.sendall(REQUEST)
        assert b'"ok"' in read_all(plain)
    with connected(emulator) as plain, trusting().wrap_socket(plain, server_hostname=name) as secure:
        secure.sendall(REQUEST)
        assert b'"ok"' in read_all(secure)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_handshake_may_come_in_pieces(emulator, size):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secure = trusting().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with connected(emulator) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def exchange(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    data = outgoing.read()
                    for start in range(0, len(data), size):
                        plain.sendall(data[start : start + size])
                    incoming.write(plain.recv(65536))

        exchange(secure.do_handshake)
        secure.write(REQUEST)
        assert b'"ok"' in exchange(lambda: secure.read(65536))


def test_many_requests_go_over_one_connection(emulator):
    request = b"GET /_fcemu/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(emulator) as plain, trusting().wrap_socket(plain, server_hostname="localhost") as secure:
        for _ in range(3):
            secure.sendall(request)
            assert b'"ok"' in secure.recv(65536)


def test_what_only_begins_like_tls_is_hung_up(emulator):
    with connected(emulator) as plain:
        plain.sendall(b"\x16 this is no handshake\r\n\r\n")
        assert b"HTTP" not in read_all(plain)
    with connected(emulator) as plain:
        plain.sendall(REQUEST)
        assert b'"ok"' in read_all(plain)


def test_the_server_stops_although_clients_say_nothing_or_hang_in_a_handshake(emulator):
    with connected(emulator) as silent, connected(emulator) as shaking, connected(emulator) as asking:
        shaking.sendall(b"\x16\x03\x01")
        asking.sendall(REQUEST)
        assert b'"ok"' in read_all(asking)  # so the others have arrived, too
        emulator.close()
        for left in (silent, shaking):
            assert ended(left)


def ended(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


# Clients that say nothing, and those that say it slowly.


class Once(asyncio.Protocol):
    """Says hello to who has spoken."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(b"hello " + data)
        self.transport.close()


async def listening(front):
    listener = await asyncio.get_running_loop().create_server(front, "127.0.0.1", 0)
    return listener, listener.sockets[0].getsockname()[1]


async def silent(front, number):
    while front.silent != number:  # noqa: ASYNC110 - the listener tells nobody
        await asyncio.sleep(0)


def test_who_says_nothing_in_time_is_dropped(monkeypatch):
    monkeypatch.setattr(fronts, "SILENT_SECONDS", 0.01)

    async def scene():
        front = Front(Once, None)
        listener, port = await listening(front)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()
        assert front.silent == 0
        listener.close()
        front.close()

    asyncio.run(asyncio.wait_for(scene(), 20))


async def handshakes(front, number):
    while front.shaking != number:  # noqa: ASYNC110 - the listener tells nobody
        await asyncio.sleep(0)


def test_of_too_many_handshakes_the_oldest_are_dropped():
    """A client that does not finish its handshake keeps nobody from finishing his."""

    async def scene():
        front = Front(Once, authority, most=3)
        listener, port = await listening(front)
        clients = []
        for number in range(5):
            clients.append(await asyncio.open_connection("127.0.0.1", port))
            clients[-1][1].write(HELLO)
            await handshakes(front, min(number + 1, 3))
        for reader, _ in clients[:2]:
            assert await reader.read() == b""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(), server_hostname="localhost")
        writer.write(b"you")
        assert await reader.read() == b"hello you"
        assert front.shaking == 2
        clients.append((reader, writer))
        for _, client in clients:
            client.close()
        listener.close()
        front.close()

    asyncio.run(asyncio.wait_for(scene(), 20))


def test_a_handshake_that_is_not_done_in_time_is_dropped(monkeypatch):
    monkeypatch.setattr(fronts, "HANDSHAKE_SECONDS", 0.01)

    async def scene():
        front = Front(Once, authority)
        listener, port = await listening(front)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HELLO)
        assert await reader.read() == b""
        assert front.shaking == 0
        writer.close()
        listener.close()
        front.close()

    asyncio.run(asyncio.wait_for(scene(), 20))


def test_of_too_many_that_say_nothing_the_oldest_are_dropped():
    async def scene():
        front = Front(Once, None, most=3)
        listener, port = await listening(front)
        clients = []
        for number in range(5):
            clients.append(await asyncio.open_connection("127.0.0.1", port))
            await silent(front, min(number + 1, 3))
        for reader, _ in clients[:2]:
            assert await reader.read() == b""
        for reader, writer in clients[2:]:
            writer.write(b"you")
            assert await reader.read() == b"hello you"
        for _, writer in clients:
            writer.close()
        listener.close()
        front.close()

    asyncio.run(asyncio.wait_for(scene(), 20))
