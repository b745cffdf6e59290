"""The forward proxy: FC's hosts come to the emulator, others go where they went, also through another proxy."""

import asyncio
import http.client
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fcemu.endpoints import proxy as proxies
from fcemu.endpoints.authority import authority
from fcemu.endpoints.proxy import Asked, Proxy, Refused
from fcemu.testing import LocalEmulator

HOST = "1234567890123456.cn-shanghai.fc.aliyuncs.com"
PATH = "/2023-03-30/functions/echo/invocations"


@contextmanager
def proxied(emulator, **how):
    """A proxy in a thread of its own; its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def call(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    async def made():
        proxy = Proxy((emulator.host, emulator.port), **how)
        return proxy, await proxy.start()

    proxy, port = call(made())
    try:
        yield port
    finally:
        call(proxy.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def emulator():
    with LocalEmulator() as emulator:
        emulator.add("echo", lambda event, context: event)
        yield emulator


@pytest.fixture
def port(emulator):
    with proxied(emulator) as port:
        yield port


class Elsewhere(BaseHTTPRequestHandler):
    """Tells what it was asked; its server may also be a proxy, for plain requests and tunnels."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = (
            f"{self.command} {self.path} {self.headers['Host']} {self.headers['Proxy-Authorization']} ".encode() + body
        )
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def do_GET(self):
        self.do_POST()

    def do_CONNECT(self):
        self.server.tunnels.append((self.path, self.headers["Proxy-Authorization"]))
        self.send_response(self.server.status)
        self.end_headers()
        line = self.rfile.readline().decode().split(" ")[0]
        self.wfile.write(f"HTTP/1.0 200 OK\r\n\r\ntunnelled {line}".encode())
        self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def elsewhere():
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        server.tunnels, server.status = [], 200
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def by_proxy(port, url, body=b"hello", method="POST", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, url, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data


def tunnelled(port, host, path=PATH, *, tls=False, body=b"hello"):
    kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    how = {"context": ssl.create_default_context(cadata=authority().pem)} if tls else {}
    connection = kind("127.0.0.1", port, timeout=20, **how)
    connection.set_tunnel(host)
    try:
        connection.request("POST", path, body)
        return connection.getresponse().read()
    finally:
        connection.close()


# FC's hosts.


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_plain_request_for_a_host_of_fc_reaches_the_emulator(port, scheme):
    """Some clients ask a proxy for https URLs like that, and leave TLS to it."""
    assert by_proxy(port, f"{scheme}://{HOST}{PATH}") == (200, b"hello")


@pytest.mark.parametrize("tls", [False, True])
def test_a_tunnel_to_a_host_of_fc_reaches_the_emulator(port, tls):
    assert tunnelled(port, f"{HOST}:443" if tls else f"{HOST}:80", tls=tls) == b"hello"


def test_large_bodies_pass_both_ways(port):
    body = bytes(range(256)) * 8000
    assert by_proxy(port, f"http://{HOST}{PATH}", body) == (200, body)
    assert tunnelled(port, f"{HOST}:443", tls=True, body=body) == body


def test_a_body_that_waits_for_its_continue_is_sent(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(
            f"POST http://{HOST}{PATH} HTTP/1.1\r\nHost: {HOST}\r\n"
            "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.endswith(b"\r\n\r\nhello")


def test_each_request_of_a_connection_goes_where_it_says(port, elsewhere):
    """Clients that know they talk to a proxy send requests for different hosts one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for url, wanted in [
        (f"http://{HOST}{PATH}", b"hello"),
        (f"http://127.0.0.1:{elsewhere.server_port}/x", b"POST /x"),
        (f"http://{HOST}{PATH}", b"hello"),
    ]:
        connection.request("POST", url, b"hello")
        assert connection.getresponse().read().startswith(wanted)
    connection.close()


# Others.


def test_other_hosts_are_where_they_were(port, elsewhere):
    there = f"localhost:{elsewhere.server_port}"
    assert by_proxy(port, f"http://{there}/a?b=c") == (200, f"POST /a?b=c {there} None hello".encode())
    assert tunnelled(port, there, "/t") == f"POST /t {there} None hello".encode()


def test_what_was_meant_for_the_proxy_is_not_passed_on(port, elsewhere):
    status, told = by_proxy(
        port,
        f"http://localhost:{elsewhere.server_port}/",
        **{"Proxy-Authorization": "Basic x", "Proxy-Connection": "y"},
    )
    assert status == 200
    assert b" None " in told


def test_with_only_other_hosts_are_refused_but_this_machine(emulator, elsewhere):
    with proxied(emulator, only=True) as port:
        assert by_proxy(port, f"http://{HOST}{PATH}") == (200, b"hello")
        assert by_proxy(port, f"http://127.0.0.1:{elsewhere.server_port}/")[0] == 200
        status, text = by_proxy(port, "http://bank.example/payments")
        assert (status, text) == (
            403,
            b"fcemu: bank.example is not a host of FC, and --intercept-only refuses all other hosts\n",
        )
        with pytest.raises(OSError, match="403"):
            tunnelled(port, "bank.example:443", tls=True)


def test_who_cannot_be_reached_is_named(port):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        status, text = by_proxy(port, f"http://127.0.0.1:{unused.getsockname()[1]}/")
        assert status == 502
        assert f"127.0.0.1:{unused.getsockname()[1]} cannot be reached".encode() in text


# Through the proxy that the variables named before.


@pytest.fixture
def chained(emulator, elsewhere, monkeypatch):
    """A proxy that was started where the variables name ``elsewhere`` as a proxy."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://me:s%3Acret@127.0.0.1:{elsewhere.server_port}")
    monkeypatch.setenv("no_proxy", "direct.example")
    with proxied(emulator) as port:
        yield port


AUTHORIZED = "Basic bWU6czpjcmV0"  # me:s:cret


def test_plain_requests_go_through_it(chained):
    assert by_proxy(chained, "http://bank.example/pay?x=1") == (
        200,
        f"POST http://bank.example:80/pay?x=1 bank.example {AUTHORIZED} hello".encode(),
    )


def test_tunnels_go_through_it(chained, elsewhere):
    assert tunnelled(chained, "bank.example:443") == b"tunnelled POST"
    assert elsewhere.tunnels == [("bank.example:443", AUTHORIZED)]


def test_hosts_of_fc_and_this_machine_do_not(chained, elsewhere):
    assert by_proxy(chained, f"http://{HOST}{PATH}") == (200, b"hello")
    assert tunnelled(chained, f"{HOST}:443", tls=True) == b"hello"
    assert by_proxy(chained, f"http://localhost:{elsewhere.server_port}/x")[1].startswith(b"POST /x")
    assert elsewhere.tunnels == []


def test_what_no_proxy_names_does_not(chained, elsewhere):
    status, text = by_proxy(chained, "http://direct.example/")
    assert status == 502
    assert b"direct.example:80 cannot be reached" in text


def test_what_it_refuses_is_told(chained, elsewhere):
    elsewhere.status = 407
    with pytest.raises(OSError, match="502"):
        tunnelled(chained, "bank.example:443")


def test_a_proxy_of_another_kind_is_named(emulator, monkeypatch):
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1080")
    with proxied(emulator) as port:
        status, text = by_proxy(port, "http://bank.example/")
        assert (status, text) == (502, b"fcemu: the proxy socks5://127.0.0.1 is not an HTTP proxy\n")


# What is no request to a proxy.


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"this is a proxy"),
        (b"CONNECT nowhere:port HTTP/1.1\r\n\r\n", b"does not name a host and a port"),
        (b"CONNECT :443 HTTP/1.1\r\n\r\n", b"does not name a host and a port"),
        (b"GET http:// HTTP/1.1\r\n\r\n", b"does not name a host and a port"),
        (b"GET http://x:99999999/ HTTP/1.1\r\n\r\n", b"does not name a host and a port"),
        (b"what is this\r\n\r\n", b"this is not an HTTP request"),
        (b"\x16\x03\x01\r\n\r\n", b"this is not an HTTP request"),
        (b"GET http://x/ HTTP/1.1\r\nA: " + b"a" * 100_000 + b"\r\n\r\n", b"the request's head is too large"),
    ],
    ids=lambda value: value[:24],
)
def test_it_is_refused_in_words(port, head, says):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(head)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 4")
        assert says in answer


def test_who_says_nothing_is_dropped(emulator, monkeypatch):
    monkeypatch.setattr(proxies, "HEAD_SECONDS", 0.01)
    with proxied(emulator) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        assert client.recv(1) == b""


def test_open_tunnels_end_with_the_proxy(emulator):
    with proxied(emulator) as port:
        client = socket.create_connection(("127.0.0.1", port), timeout=20)
        client.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    with client, suppress(ConnectionResetError):
        assert client.recv(1) == b""


def test_an_upgrade_is_passed_on():
    head = b"GET http://x.example/s HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    asked = Asked.of(head)
    passed = asked.passed_on(proxies.Place(asked.host, asked.port))
    assert passed == (b"GET /s HTTP/1.1\r\nHost: x.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")


def test_an_address_of_version_6_keeps_its_brackets():
    asked = Asked.of(b"GET http://[2001:db8::1]:8080/ HTTP/1.1\r\n\r\n")
    assert (asked.host, asked.port, asked.authority) == ("2001:db8::1", 8080, "[2001:db8::1]")
    with pytest.raises(Refused):
        Asked.of(b"GET http://[nonsense/ HTTP/1.1\r\n\r\n")
