"""Connections of this process to FC's hosts: every library, both schemes, clients of any age, and nobody else's."""

import asyncio
import json
import logging
import socket
import ssl
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import aiohttp
import fc2
import httpx
import pytest
import requests
import trio
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_fc_open20210406 import models as open_models
from alibabacloud_fc_open20210406.client import Client as OpenClient
from alibabacloud_tea_openapi.models import Config

from fcemu.endpoints.authority import Authority, authority
from fcemu.endpoints.redirect import STAND_IN
from fcemu.testing import LocalEmulator

HOST = "1234567890123456.cn-shanghai.fc.aliyuncs.com"
PATH = "/2023-03-30/functions/echo/invocations"
SESSION, HTTPX, CONTEXT = requests.Session(), httpx.Client(), ssl.create_default_context()
"""Made before any emulator."""


@pytest.fixture(autouse=True, scope="module")
def the_old_ones_end():
    yield
    SESSION.close()
    HTTPX.close()


def by_requests(url):
    return requests.post(url, b"hello", timeout=20).content


def by_an_older_session(url):
    return SESSION.post(url, b"hello", timeout=20).content


def by_httpx(url):
    return httpx.post(url, content=b"hello", timeout=20).content


def by_an_older_httpx(url):
    return HTTPX.post(url, content=b"hello", timeout=20).content


def by_urllib(url):
    with urllib.request.urlopen(url, b"hello", timeout=20) as answer:
        return answer.read()


def by_urllib_with_an_older_context(url):
    context = CONTEXT if url.startswith("https") else None
    with urllib.request.urlopen(url, b"hello", timeout=20, context=context) as answer:
        return answer.read()


def by_httpx_on_asyncio(url):
    async def call():
        async with httpx.AsyncClient(timeout=20) as client:
            return (await client.post(url, content=b"hello")).content

    return asyncio.run(call())


def by_httpx_on_trio(url):
    async def call():
        async with httpx.AsyncClient(timeout=20) as client:
            return (await client.post(url, content=b"hello")).content

    return trio.run(call)


def by_aiohttp(url):
    async def call():
        async with aiohttp.ClientSession() as client, client.post(url, data=b"hello") as answer:
            return await answer.read()

    return asyncio.run(call())


def by_asyncio_streams(url):
    async def call():
        secure = url.startswith("https")
        reader, writer = await asyncio.open_connection(HOST, 443 if secure else 80, ssl=secure or None)
        writer.write(b"POST %s HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello" % PATH.encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer.partition(b"\r\n\r\n")[2]

    return asyncio.run(call())


LIBRARIES = [
    by_requests,
    by_an_older_session,
    by_httpx,
    by_an_older_httpx,
    by_urllib,
    by_urllib_with_an_older_context,
    by_httpx_on_asyncio,
    by_httpx_on_trio,
    by_aiohttp,
    by_asyncio_streams,
]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("call", LIBRARIES)
def test_every_library_reaches_the_emulator(emulator, call, scheme):
    assert call(f"{scheme}://{HOST}{PATH}") == b"hello"
    assert len(emulator.invocations) == 1


@pytest.mark.parametrize(
    "host",
    ["fcv3.cn-hangzhou.aliyuncs.com", "fc-vpc.eu-central-1.aliyuncs.com", "echo-x.cn-beijing.fcapp.run", HOST.upper()],
)
def test_every_host_has_its_certificate(emulator, host):
    assert "x-fc-request-id" in requests.get(f"https://{host}/", timeout=20).headers


# The SDKs, as their documents show them: no scheme, hosts of FC, certificates verified.


@pytest.mark.parametrize("endpoint", [HOST, f"http://{HOST}", f"https://{HOST}"])
def test_aliyun_fc2(emulator, endpoint, caplog):
    caplog.set_level(logging.CRITICAL)
    client = fc2.Client(endpoint=endpoint, accessKeyID="test", accessKeySecret="test")
    assert client.invoke_function("media", "echo", payload=b"hello").data == b"hello"


EARLIER = fc2.Client(endpoint=HOST, accessKeyID="test", accessKeySecret="test")
"""Made before any emulator, as a module of an application does."""


def test_an_sdk_client_of_an_earlier_time_reaches_each_emulator_in_its_turn():
    for answer in (b"first", b"second"):
        with LocalEmulator(intercept=True) as emulator:
            emulator.add("media/say", lambda event, context, answer=answer: answer)
            assert EARLIER.invoke_function("media", "say").data == answer


def tea(**more):
    return Config(access_key_id="test", access_key_secret="test", region_id="cn-hangzhou", **more)


@pytest.mark.parametrize("more", [{}, {"protocol": "http"}, {"protocol": "https"}], ids=str)
def test_the_sdk_of_2023(emulator, more):
    client = Client(tea(**more))
    assert client.invoke_function("echo", models.InvokeFunctionRequest(body=b"hello")).body.read() == b"hello"


@pytest.mark.parametrize("more", [{}, {"protocol": "http"}, {"protocol": "https"}], ids=str)
def test_the_sdk_of_2023_asynchronously(emulator, more):
    async def call():
        client = Client(tea(**more))
        return (await client.invoke_function_async("echo", models.InvokeFunctionRequest(body=b"hello"))).body.read()

    assert asyncio.run(call()) == b"hello"


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_the_sdk_of_2021(emulator, protocol):
    client = OpenClient(tea(protocol=protocol, endpoint=HOST))
    assert client.invoke_function("media", "echo", open_models.InvokeFunctionRequest(body=b"hello")).body == b"hello"


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_the_sdk_of_2021_asynchronously(emulator, protocol):
    async def call():
        client = OpenClient(tea(protocol=protocol, endpoint=HOST))
        request = open_models.InvokeFunctionRequest(body=b"hello")
        return (await client.invoke_function_async("media", "echo", request)).body

    assert asyncio.run(call()) == b"hello"


# What is not FC's, and what else one can do with a socket.


class Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"host": self.headers["Host"]}).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def elsewhere():
    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def test_other_hosts_are_where_they_were(emulator, elsewhere):
    assert requests.get(f"http://{elsewhere}/", timeout=20).json() == {"host": elsewhere}
    assert httpx.get(f"http://{elsewhere}/", timeout=20).json() == {"host": elsewhere}


def test_a_name_resolves_to_what_only_leads_here(emulator):
    assert socket.gethostbyname(HOST) == STAND_IN
    assert socket.gethostbyname_ex(HOST)[2] == [STAND_IN]
    assert {found[4] for found in socket.getaddrinfo(HOST, "https")} == {(STAND_IN, 443)}
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(HOST, 443, socket.AF_INET6)
    with socket.socket() as direct:
        assert direct.connect_ex((HOST, 443)) == 0
        assert direct.getpeername() == (emulator.host, emulator.port)


def handshake(context, port, name):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        context.wrap_socket(plain, server_hostname=name).close()


def test_certificates_are_verified_and_trust_is_for_fcs_hosts_only(emulator):
    context = ssl.create_default_context()
    handshake(context, emulator.port, HOST)  # trusts from now on
    with pytest.raises(ssl.SSLCertVerificationError, match=r"example\.com"):
        handshake(context, emulator.port, "example.com")
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://{emulator.endpoint}/_fcemu/health", timeout=20)


def test_without_interception_nobody_trusts_the_emulator():
    with LocalEmulator() as emulator, pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
        handshake(ssl.create_default_context(), emulator.port, HOST)


def test_the_authority_cannot_vouch_for_anybody_else():
    other = Authority()
    server, client = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.create_default_context(cadata=other.pem)
    ours = other._context("bank.example").wrap_bio(client, server, server_side=True)
    theirs = trusting.wrap_bio(server, client, server_hostname="bank.example")
    for end in (theirs, ours):
        with pytest.raises(ssl.SSLWantReadError):
            end.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        theirs.do_handshake()


def test_the_key_of_the_authority_is_nowhere_in_the_file_that_is_trusted():
    assert authority().pem.count("-----BEGIN") == 1
    assert "PRIVATE" not in authority().pem


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("call", [by_an_older_session, by_an_older_httpx])
def test_a_connection_that_a_client_kept_does_not_lead_to_an_emulator_that_intercepts_no_more(call, scheme):
    with LocalEmulator(intercept=True) as first, LocalEmulator() as elsewhere:
        for emulator, answer in ((first, b"first"), (elsewhere, b"elsewhere")):
            emulator.add("echo", lambda event, context, answer=answer: answer)
        assert call(f"{scheme}://{HOST}{PATH}") == b"first"
        first._redirection.end()  # and is still there
        with LocalEmulator(intercept=True) as second:
            second.add("echo", lambda event, context: b"second")
            assert call(f"{scheme}://{HOST}{PATH}") == b"second"


# One at a time, and gone without a trace.


def replaced():
    return (
        socket.getaddrinfo,
        socket.gethostbyname,
        vars(socket.socket).get("connect"),
        vars(socket.socket).get("connect_ex"),
        ssl.SSLContext.wrap_socket,
        ssl.SSLContext.wrap_bio,
    )


def test_afterwards_everything_is_as_it_was():
    before = replaced()
    with LocalEmulator(intercept=True):
        assert not set(before) & set(replaced())
    assert replaced() == before


def test_what_somebody_else_has_replaced_meanwhile_stays_his(monkeypatch):
    before = socket.getaddrinfo
    with LocalEmulator(intercept=True):
        under = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: under(*args, **kwargs))
        his = socket.getaddrinfo
    assert socket.getaddrinfo is his
    assert socket.getaddrinfo("127.0.0.1", 80) == before("127.0.0.1", 80)
    with LocalEmulator(intercept=True):
        assert socket.gethostbyname(HOST) == STAND_IN


def test_a_second_emulator_that_asks_for_it_is_refused_and_leaves_nothing(emulator):
    threads = threading.active_count()
    with pytest.raises(ValueError, match="another emulator of this process already intercepts"):
        LocalEmulator(intercept=True)
    assert threading.active_count() == threads
    assert by_requests(f"http://{HOST}{PATH}") == b"hello"


def test_it_is_off_unless_asked_for():
    before = replaced()
    with LocalEmulator():
        assert replaced() == before
    with pytest.raises(ValueError, match="option intercept: expected true or false, got 1"):
        LocalEmulator(intercept=1)


def test_a_reset_keeps_it(emulator):
    emulator.reset()
    emulator.add("echo", lambda event, context: event)
    assert by_requests(f"https://{HOST}{PATH}") == b"hello"
