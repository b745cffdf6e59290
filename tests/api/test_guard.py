"""Who may ask: not web pages of others, and beyond loopback only who knows the token."""

import pytest
from api.harness import FC2, FC3

from fcemu.api.guard import Guard

CHANGES = [
    ("PATCH", "/_fcemu/clock"),
    ("POST", "/_fcemu/clock/run-next"),
    ("POST", "/_fcemu/reset"),
    ("DELETE", "/_fcemu/faults"),
    ("PUT", "/_fcemu/stubs/echo"),
    ("POST", "/%5Ffcemu/clock/run-next"),
    ("POST", "/_fcemu/clock/run-next?x=1"),
]


@pytest.fixture
def ask(served):
    """A request with exactly these headers; its status and what it is told."""

    def ask(method, path, **headers):
        lines = {"Host": f"127.0.0.1:{served.port}"} | {name.replace("_", "-"): text for name, text in headers.items()}
        head = "".join(f"{name}: {text}\r\n" for name, text in lines.items() if text is not None)
        answer = served.raw(
            f"{method} {path} HTTP/1.1\r\n{head}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode()
        )
        return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2].decode()

    return ask


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9527", "127.0.0.1.evil.example", "192.168.1.5", "", "["]
)
def test_a_name_that_is_not_this_machines_changes_nothing(ask, method, path, host):
    status, told = ask(method, path, Host=host)
    assert status in (400, 403)
    assert status == 400 or ("access-denied" in told and "is not this machine's" in told)


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.8.8.8", "[::1]:9527", "LOCALHOST.", "a.localhost"])
def test_names_of_this_machine_do(ask, host):
    assert ask("POST", "/_fcemu/clock/run-next", Host=host)[0] == 200


@pytest.mark.parametrize(("method", "path"), [*CHANGES, ("POST", FC2.format("echo")), ("POST", FC3.format("echo"))])
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1", "http://[", "file://"]
)
def test_a_page_of_others_changes_nothing(ask, served, method, path, origin):
    status, told = ask(method, path, Origin=origin)
    assert (status, "may not change this emulator" in told) == (403, True)
    assert len(served.emulator.journal) == 0


def test_our_own_page_does(ask, served):
    assert ask("POST", "/_fcemu/clock/run-next", Origin=f"http://127.0.0.1:{served.port}")[0] == 200


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}], ids=str)
def test_reading_is_as_free_as_it_was(ask, headers):
    assert ask("GET", "/_fcemu/clock", **headers)[0] == 200


def test_fcs_api_answers_under_any_name(ask):
    assert ask("POST", FC3.format("echo"), Host="1.cn-shanghai.fc.aliyuncs.com")[0] == 200


def test_a_client_of_http_1_0_needs_no_name(served):
    assert served.raw(b"POST /_fcemu/clock/run-next HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")


# The token.

TOKEN = "s3cret"


@pytest.fixture
def guarded(ask, served):
    served.api.guard = Guard(TOKEN)
    return ask


ASKED = [
    ("GET", "/_fcemu/clock"),
    ("POST", "/_fcemu/clock/run-next"),
    ("POST", FC2.format("echo")),
    ("POST", FC3.format("echo")),
]


@pytest.mark.parametrize(("method", "path"), [*ASKED, ("GET", "/%5ffcemu/journal"), ("GET", "/anything"), ("GET", "/")])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN},
        {"X_Fcemu_Token": TOKEN[:-1]},
        {"X_Fcemu_Token": "\u00e9"},
        {"X_Fc_Security_Token": ""},
        {"Authorization": "FC other:signature"},
    ],
    ids=str,
)
def test_without_it_nothing_is_told(guarded, served, method, path, headers):
    status, told = guarded(method, path, **headers)
    assert (status, "wants its token" in told) == (403, True)
    assert len(served.emulator.journal) == 0


@pytest.mark.parametrize(("method", "path"), ASKED)
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"bearer  {TOKEN}"},
        {"X_Fcemu_Token": TOKEN},
        {"X_Fc_Security_Token": TOKEN},
        {"X_Acs_Security_Token": TOKEN},
        {"Authorization": f"FC {TOKEN}:signature"},
        {"Authorization": f"ACS3-HMAC-SHA256 Credential={TOKEN},SignedHeaders=host,Signature=x"},
    ],
    ids=str,
)
def test_with_it_everything_is_as_on_loopback(guarded, method, path, headers):
    assert guarded(method, path, **headers)[0] == 200


def test_health_and_the_certificate_tell_nothing(guarded):
    assert guarded("GET", "/_fcemu/health")[0] == 200
    assert guarded("GET", "/_fcemu/ca.pem")[0] == 404  # this server speaks no TLS


def test_with_it_any_name_leads_here_but_no_page_of_others(guarded):
    headers = {"X_Fcemu_Token": TOKEN, "Host": "fcemu.internal:9527"}
    assert guarded("POST", "/_fcemu/clock/run-next", **headers)[0] == 200
    assert guarded("POST", "/_fcemu/clock/run-next", Origin="http://evil.example", **headers)[0] == 403


def test_a_trigger_that_is_called_by_its_host_name_has_no_open_paths(guarded):
    status, told = guarded("GET", "/_fcemu/health", Host="resize-x.cn-hangzhou.fcapp.run")
    assert (status, "wants its token" in told) == (403, True)
