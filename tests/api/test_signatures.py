"""Signatures: the vectors of wire-api §7.6, unmodified SDKs, and what was changed, kept or sent again on the way."""

import base64
import hashlib
import hmac
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import fc2
import pytest
import requests
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config
from darabonba.exceptions import UnretryableException
from fakes import ask, make
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from patience import WAIT_SECONDS as LONG

from fcemu.api import signatures
from fcemu.core.errors import FCError
from fcemu.core.keys import PREDICTABLE, Nonces, Signer
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine import real
from fcemu.testing import LocalEmulator

DATE = "Mon, 02 Jan 2023 03:04:05 GMT"
NOW = datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC)


class Ring:
    """The key ``testAkId`` and its secret, for a signer with these clocks."""

    def __init__(self, *now: datetime) -> None:
        self.now, self._nonces = now or (NOW,), Nonces()

    def signer(self, access_key_id: str) -> Signer | None:
        return Signer("testSecret", self.now) if access_key_id == "testAkId" else None

    def use(self, access_key_id: str, nonce: str, date: datetime) -> bool:
        return self._nonces.use(access_key_id, nonce, date, self.now)


class Request:
    """What a verifier looks at."""

    def __init__(self, method: str, target: str, **headers: str) -> None:
        self.method, self.target, self.check_body = method, target, lambda body: None
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.headers = CIMultiDictProxy(CIMultiDict(named))


def verify(request: Request, ring: Ring | None = None, **more: Any) -> None:
    signatures.verify(request, ring or Ring(), **more)  # type: ignore[arg-type]


def refused(request: Request, ring: Ring | None = None, **more: Any) -> str:
    """The code with which a request is refused; ``""`` when it is not."""
    try:
        verify(request, ring, **more)
    except FCError as why:
        return why.code
    return ""


V1 = {
    "Authorization": "FC testAkId:KgjHf0tJWGjfas5EIgLJHLHSs3cXsUSnMvmVQ27GLrE=",
    "Date": DATE,
    "Content_Type": "application/json",
}
V2 = {
    "Authorization": "FC testAkId:M3vfcRrfgSyPLGhYW9eDw9LqJS3uMxJ2nouB9EMwxTY=",
    "Date": DATE,
    "Content_MD5": "NWQ0MTQwMmFiYzRiMmE3NmI5NzE5ZDkxMTAxN2M1OTI=",
    "Content_Type": "application/octet-stream",
    "x_fc_account_id": "1234567890123456",
    "x_fc_async_delay": "200",
    "x_fc_invocation_type": "Async",
    "x_fc_stateful_async_invocation_id": "order-1",
}
V3 = V1 | {"Authorization": "FC testAkId:2ukduyqohp6VtQHXLv34vpcSElhtY8hexsXnynmjEuI="}
V4 = V1 | {"Authorization": "FC testAkId:zav7VvYwXjXhAEdZK+PCYcwq5iSR5tT3aU4YcX26grI="}
V5 = "/2016-08-15/proxy/svc.LATEST/f/a%20b?q=2&q=1&x-fc-access-key-id=testAkId&x-fc-expires=1700000000"
V5 += "&x-fc-signature=Brm6Y7P84PbzOLXKl1XSGI1HMS79tmlHkVgvd9Ryfb0%3D"
SIGNED = "accept;host;user-agent;x-acs-action;x-acs-content-sha256;"
SIGNED += "x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version"
V6 = {
    "accept": "application/json",
    "host": "127.0.0.1:9000",
    "user_agent": "demo",
    "x_acs_action": "ListFunctions",
    "x_acs_content_sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "x_acs_credentials_provider": "static_ak",
    "x_acs_date": "2023-01-02T03:04:05Z",
    "x_acs_signature_nonce": "00000000000000000000000000000001",
    "x_acs_version": "2023-03-30",
    "Authorization": f"ACS3-HMAC-SHA256 Credential=testAkId,SignedHeaders={SIGNED},"
    "Signature=2b21eb662d69226023f79f7359e7cac8881009d73b514c9d3b1acb1418ee352a",
}
V8 = {
    "Accept": "application/json",
    "Date": DATE,
    "x_acs_action": "ListFunctions",
    "x_acs_signature_method": "HMAC-SHA1",
    "x_acs_signature_nonce": "n1",
    "x_acs_signature_version": "1.0",
    "x_acs_version": "2023-03-30",
    "Authorization": "acs testAkId:gVxIj9+/wE1bStrZSUpB38f6c34=",
}
GOOD = [
    (Request("GET", "/2016-08-15/services", **V1), False),
    (Request("POST", "/2016-08-15/services/svc.LATEST/functions/f/invocations", **V2), False),
    (Request("GET", "/2016-08-15/proxy/svc/f/a%20b/c?q=2&q=1&e=x+y", **V3), True),
    (Request("GET", "/2016-08-15/proxy/svc/f/", **V4), True),
    (Request("GET", V5), True),
    (Request("GET", "/2023-03-30/functions?limit=3&prefix=a%20b%2Bc", **V6), False),
    (Request("GET", "/2023-03-30/functions?limit=3&prefix=a", **V8), False),
]


@pytest.mark.parametrize(("request_", "with_query"), GOOD, ids=["v1", "v2", "v3", "v4", "v5", "v6", "v8"])
def test_a_vector_is_accepted_and_nothing_else_in_its_place(request_, with_query):
    verify(request_, with_query=with_query)
    request_.method = "DELETE"
    with pytest.raises(FCError, match="SignatureNotMatch"):
        verify(request_, with_query=with_query)


def test_a_key_that_nobody_has_and_a_request_without_a_signature_are_refused():
    with pytest.raises(FCError, match=r"InvalidAccessKeyID: invalid access key ID 'other'\."):
        verify(Request("GET", "/2016-08-15/services", Authorization="FC other:x"))
    with pytest.raises(FCError, match="MissingRequiredHeader: required HTTP header Authorization"):
        verify(Request("GET", "/2016-08-15/services"))


# Dates.


def fc_signed(date: str, *, secret: str = "testSecret", name: str = "Date", **headers: str) -> Request:
    """A request in the scheme ``FC`` with whatever stands for its date; the signature is right."""
    signed = "".join(
        f"{key.lower().replace('_', '-')}:{text}\n"
        for key, text in sorted({**headers, name.replace("-", "_"): date}.items())
        if key.lower().startswith("x_fc_")
    )
    plain = "" if name != "Date" else date
    text = f"POST\n{headers.get('Content_MD5', '')}\n\n{plain}\n{signed}/2016-08-15/services"
    mac = base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()
    given = {"Authorization": f"FC testAkId:{mac}", **headers} | ({name.replace("-", "_"): date} if date else {})
    return Request("POST", "/2016-08-15/services", **given)


EMPTY = hashlib.sha256(b"").hexdigest()


def acs3_signed(
    signed: str | None = None, *, secret: str = "testSecret", key_id: str = "testAkId", **headers: str
) -> Request:
    """A request in the scheme ``ACS3``; ``signed``: which headers are, if not all."""
    names = ";".join(sorted(name.replace("_", "-") for name in headers)) if signed is None else signed
    canonical = [
        "POST",
        "/2023-03-30/functions",
        "",
        *(f"{name}:{headers[name.replace('-', '_')]}" for name in names.split(";") if name),
        *([":"] if not names else []),
        "",
        names,
        headers.get("x_acs_content_sha256", ""),
    ]
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    mac = hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()
    said = f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={names},Signature={mac}"
    return Request("POST", "/2023-03-30/functions", Authorization=said, **headers)


def acs3(date: str = "2023-01-02T03:04:05Z", nonce: str = "1", **more: str) -> Request:
    return acs3_signed(x_acs_date=date, x_acs_signature_nonce=nonce, x_acs_content_sha256=EMPTY, **more)


def roa_signed(date: str, nonce: str = "n1") -> Request:
    """A request in the legacy scheme of the same SDKs."""
    text = f"POST\n\n\n\n{date}\nx-acs-signature-nonce:{nonce}\n/2023-03-30/functions"
    mac = base64.b64encode(hmac.digest(b"testSecret", text.encode(), "sha1")).decode()
    given = {"Date": date} if date else {}
    return Request(
        "POST", "/2023-03-30/functions", Authorization=f"acs testAkId:{mac}", x_acs_signature_nonce=nonce, **given
    )


SCHEMES = {
    "FC": lambda date: fc_signed(format_datetime(date, usegmt=True)),
    "FC, by X-Fc-Date": lambda date: fc_signed(date.strftime("%Y-%m-%dT%H:%M:%SZ"), name="X-Fc-Date"),
    "ACS3": lambda date: acs3(date.strftime("%Y-%m-%dT%H:%M:%SZ")),
    "acs": lambda date: roa_signed(format_datetime(date, usegmt=True)),
}
MINUTES = timedelta(minutes=15)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_date_is_good_within_15_minutes_of_any_of_its_signers_clocks(scheme):
    for by in (MINUTES, -MINUTES, MINUTES + SECOND, -MINUTES - SECOND, timedelta(days=6000), -timedelta(days=6000)):
        code = "" if abs(by) <= MINUTES else "InvalidTimeStamp.Expired"
        assert refused(SCHEMES[scheme](NOW + by)) == code, by
        later = NOW + timedelta(days=1000)
        assert refused(SCHEMES[scheme](later + by), Ring(NOW, later)) == code, by


@pytest.mark.parametrize(
    ("request_", "header"),
    [
        (fc_signed(""), "Date"),
        (acs3_signed(x_acs_content_sha256=EMPTY), "x-acs-date"),
        (roa_signed(""), "Date"),
    ],
    ids=["FC", "ACS3", "acs"],
)
def test_a_request_without_a_date_says_which_header_it_lacks(request_, header):
    with pytest.raises(FCError, match=f"MissingRequiredHeader: required HTTP header {header} was not specified"):
        verify(request_)


@given(
    st.one_of(
        st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
        st.from_regex(r"[0-9]+(-[0-9]+)*", fullmatch=True),
    )
)
def test_what_is_no_date_is_refused_and_breaks_nothing(text):
    assert refused(fc_signed(text)) in ("InvalidArgument", "InvalidTimeStamp.Expired")
    assert refused(acs3(text)) in ("InvalidArgument", "InvalidTimeStamp.Expired")


def test_a_date_in_another_form_says_what_is_expected():
    with pytest.raises(
        FCError, match=r"The Date is not in UTC time format \(example: '2023-01-02T03:04:05Z', actual: 'soon"
    ):
        verify(fc_signed("soon"))


# Nonces.


@pytest.mark.parametrize("make", [lambda nonce: acs3(nonce=nonce), lambda nonce: roa_signed(DATE, nonce)])
def test_a_nonce_counts_once(make):
    ring = Ring()
    assert refused(make("a"), ring) == ""
    assert refused(make("a"), ring) == "SignatureNonceUsed"
    assert refused(make("b"), ring) == ""
    assert refused(make("b"), ring) == "SignatureNonceUsed"
    assert refused(make("a"), ring) == "SignatureNonceUsed"


def test_a_nonce_with_a_wrong_signature_or_date_is_not_used_up():
    ring = Ring()
    assert refused(acs3_signed(secret="theirs", x_acs_date="2023-01-02T03:04:05Z", x_acs_signature_nonce="1"), ring)
    assert refused(acs3("2006-01-02T03:04:05Z"), ring) == "InvalidTimeStamp.Expired"
    assert refused(acs3(), ring) == ""


def test_nonces_are_forgotten_once_their_dates_are_not_good_any_more():
    nonces = Nonces()
    for minute in range(1000):
        date = NOW + timedelta(minutes=minute)
        assert nonces.use("k", "once", date, (date,)) is (minute % 16 == 0)
    assert len(nonces._used) <= 16


@pytest.mark.parametrize(
    "signed", ["", "x-acs-signature-nonce", "x-acs-date", "x-acs-content-sha256", "x-acs-date;x-acs-content-sha256"]
)
def test_a_date_or_nonce_that_is_not_signed_is_refused(signed):
    headers = {"x_acs_date": "2023-01-02T03:04:05Z", "x_acs_signature_nonce": "1", "x_acs_content_sha256": EMPTY}
    assert refused(acs3_signed(signed, **headers)) == "SignatureNotMatch"


# Bodies.


def md5_forms(body: bytes) -> dict[str, str]:
    digest = hashlib.md5(body).digest()
    go = hashlib.md5(b'"' + base64.b64encode(body) + b'"').hexdigest()
    return {
        "base64": base64.b64encode(digest).decode(),
        "hex": digest.hex(),
        "HEX": digest.hex().upper(),
        "base64 of hex": base64.b64encode(digest.hex().encode()).decode(),
        "hex of the JSON of Go": go,
    }


@pytest.mark.parametrize("body", [b"", b"pay 1", bytes(range(256))])
@pytest.mark.parametrize("form", md5_forms(b""))
def test_a_signed_md5_is_that_of_the_body_in_any_form_that_clients_send(form, body):
    request = fc_signed(DATE, Content_MD5=md5_forms(body)[form])
    verify(request)
    request.check_body(body)
    with pytest.raises(FCError, match="SignatureNotMatch"):
        request.check_body(body + b"!")


def test_an_md5_that_is_none_fits_no_body():
    request = fc_signed(DATE, Content_MD5="nonsense")
    verify(request)
    with pytest.raises(FCError, match="SignatureNotMatch"):
        request.check_body(b"")


def test_an_empty_hash_is_for_an_empty_body_only():
    for more in ({}, {"x_acs_content_sha256": ""}):
        request = acs3_signed(x_acs_date="2023-01-02T03:04:05Z", **more)
        verify(request)
        request.check_body(b"")
        with pytest.raises(FCError, match="SignatureNotMatch"):
            request.check_body(b"pay 1")


# Signed URLs.


def url(expires: str | None) -> Request:
    """A signed URL of the function ``svc/f``."""
    items = ["x-fc-access-key-id=testAkId", *([] if expires is None else [f"x-fc-expires={expires}"])]
    path = "/2016-08-15/proxy/svc/f/"
    text = "\n".join(["GET", "", "", expires or "", path, *items])
    mac = base64.b64encode(hmac.digest(b"testSecret", text.encode(), "sha256")).decode()
    return Request("GET", f"{path}?{'&'.join(items)}&x-fc-signature={requests.utils.quote(mac, safe='')}")


@pytest.mark.parametrize(
    ("expires", "code"),
    [
        (int(NOW.timestamp()), ""),
        (int(NOW.timestamp()) + 86400, ""),
        (int(NOW.timestamp()) - 1, "InvalidTimeStamp.Expired"),
        (0, "InvalidTimeStamp.Expired"),
        ("abc", "InvalidArgument"),
        ("-1", "InvalidArgument"),
        ("1e99", "InvalidArgument"),
        ("9" * 400, "InvalidArgument"),
        ("\u0663", "InvalidArgument"),
        (None, "InvalidArgument"),
    ],
)
def test_a_signed_url_is_good_until_it_expires(expires, code):
    assert refused(url(None if expires is None else str(expires)), with_query=True) == code


def test_a_signed_url_is_good_as_long_as_one_of_its_signers_clocks_says_so():
    request, year = url(str(int(NOW.timestamp()))), timedelta(days=365)
    assert refused(request, Ring(NOW + year, NOW), with_query=True) == ""
    assert refused(request, Ring(NOW + year, NOW + SECOND), with_query=True) == "InvalidTimeStamp.Expired"


# What is no signature.


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Basic x",
        "FC",
        "FC testAkId",
        "ACS3-HMAC-SHA256 x",
        "ACS3-HMAC-SHA256 Credential=,SignedHeaders=,Signature=",
    ],
)
def test_what_is_no_signature_is_refused(text):
    with pytest.raises(FCError):
        verify(Request("GET", "/2016-08-15/services", Authorization=text))


@pytest.fixture
def emulator(caplog):
    caplog.set_level(logging.CRITICAL)
    with LocalEmulator("", auth=True, access_keys=["LTAIme:mine"], strict=False) as emulator:
        emulator.add("echo", lambda event, context: event)
        emulator.add("media/echo", lambda event, context: event)
        yield emulator


def old(emulator: LocalEmulator, secret: str) -> Any:
    return fc2.Client(endpoint=emulator.url, accessKeyID="LTAIme", accessKeySecret=secret, Timeout=10)


def new(emulator: LocalEmulator, secret: str) -> Client:
    config = Config(access_key_id="LTAIme", access_key_secret=secret, endpoint=emulator.endpoint, protocol="http")
    return Client(config)


def test_released_sdks_are_accepted_with_the_right_secret_only(emulator):
    assert old(emulator, "mine").invoke_function("media", "echo", payload=b"x").data == b"x"
    with pytest.raises(fc2.FcError) as raised:
        old(emulator, "theirs").list_services()
    assert (raised.value.status_code, raised.value.err_code) == (403, "SignatureNotMatch")
    asked = models.InvokeFunctionRequest(body=b"x")
    assert new(emulator, "mine").invoke_function("echo", asked).body.read() == b"x"
    with pytest.raises(ClientException) as refused:
        new(emulator, "theirs").list_functions(models.ListFunctionsRequest())
    assert refused.value.code == "SignatureNotMatch"


def test_a_definition_says_whether_signatures_are_verified_and_by_which_keys(caplog):
    caplog.set_level(logging.CRITICAL)
    auth = {"verify": True, "accessKeys": {"LTAIme": "mine"}}
    with LocalEmulator({"emulator": {"auth": auth}}, strict=False) as emulator:
        emulator.add("media/echo", lambda event, context: event)
        assert old(emulator, "mine").invoke_function("media", "echo", payload=b"x").data == b"x"
        with pytest.raises(fc2.FcError):
            old(emulator, "theirs").list_services()
    with LocalEmulator({"emulator": {"auth": auth}}, auth=False) as emulator:
        assert old(emulator, "theirs").list_services().data["services"] == []


def test_the_variables_have_a_key_that_is_accepted(emulator):
    assert emulator.env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] == "mine"
    assert emulator.client("2023-03-30").list_functions(models.ListFunctionsRequest()).status_code == 200


def signed_by_the_sdk(emulator: LocalEmulator, body: bytes) -> requests.PreparedRequest:
    """A request that the SDK would have sent."""
    kept: list[requests.PreparedRequest] = []

    def keep(session: requests.Session, request: requests.PreparedRequest, **more: Any) -> None:
        kept.append(request)
        raise requests.ConnectionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", keep)
        with pytest.raises(UnretryableException):
            new(emulator, "mine").invoke_function("echo", models.InvokeFunctionRequest(body=body))
    return kept[0]


def send(request: requests.PreparedRequest, body: bytes) -> requests.Response:
    return requests.post(request.url, data=body, headers=dict(request.headers), timeout=LONG)


def test_a_body_that_was_changed_on_the_way_is_refused(emulator):
    assert send(signed_by_the_sdk(emulator, b"pay 1"), b"pay 9").json()["Code"] == "SignatureNotMatch"
    assert send(signed_by_the_sdk(emulator, b"pay 1"), b"pay 1").content == b"pay 1"
    assert len(emulator.invocations) == 1


def test_a_request_that_is_sent_again_is_refused(emulator):
    request = signed_by_the_sdk(emulator, b"pay 1")
    assert send(request, b"pay 1").content == b"pay 1"
    again = send(request, b"pay 1")
    assert (again.status_code, again.json()["Code"]) == (400, "SignatureNonceUsed")
    emulator.reset()
    emulator.add("echo", lambda event, context: event)
    assert send(request, b"pay 1").content == b"pay 1"


def test_an_md5_of_the_2016_sdk_is_compared_with_the_body(emulator):
    mac, date = hmac.new(b"mine", digestmod="sha256"), format_datetime(real.now(), usegmt=True)
    md5 = base64.b64encode(hashlib.md5(b"pay 1").digest()).decode()
    path = "/2016-08-15/services/media/functions/echo/invocations"
    mac.update(f"POST\n{md5}\n\n{date}\n{path}".encode())
    headers = {
        "Date": date,
        "Content-MD5": md5,
        "Authorization": f"FC LTAIme:{base64.b64encode(mac.digest()).decode()}",
    }
    assert requests.post(f"{emulator.url}{path}", data=b"pay 1", headers=headers, timeout=LONG).content == b"pay 1"
    changed = requests.post(f"{emulator.url}{path}", data=b"pay 9", headers=headers, timeout=LONG)
    assert (changed.status_code, changed.json()["ErrorCode"]) == (403, "SignatureNotMatch")


def signed_get(url: str, date: str) -> requests.Response:
    path = "/2016-08-15/services"
    mac = base64.b64encode(hmac.digest(b"mine", f"GET\n\n\n{date}\n{path}".encode(), "sha256")).decode()
    return requests.get(f"{url}{path}", headers={"Date": date, "Authorization": f"FC LTAIme:{mac}"}, timeout=LONG)


def test_a_caller_from_outside_has_real_time_or_the_emulators(emulator):
    for date, status in ((real.now(), 200), (emulator.now, 200), (datetime(2006, 1, 2, tzinfo=UTC), 400)):
        assert signed_get(emulator.url, format_datetime(date, usegmt=True)).status_code == status
    emulator.advance("1h")
    old = signed_get(emulator.url, format_datetime(emulator.started, usegmt=True))
    assert (old.status_code, old.json()["ErrorCode"]) == (400, "InvalidTimeStamp.Expired")


def test_a_test_whose_frozen_time_the_emulator_follows_signs_with_that(caplog):
    caplog.set_level(logging.CRITICAL)
    options: dict[str, Any] = {"auth": True, "access_keys": ["LTAIme:mine"], "strict": False, "clock": "follow"}
    with LocalEmulator("", **options) as emulator, freeze_time("2031-05-05T05:05:05Z"):
        emulator.add("media/echo", lambda event, context: event)
        assert old(emulator, "mine").invoke_function("media", "echo", payload=b"x").data == b"x"
        asked = models.InvokeFunctionRequest(body=b"x")
        emulator.add("echo", lambda event, context: event)
        assert new(emulator, "mine").invoke_function("echo", asked).body.read() == b"x"


# Keys of attempts.


def test_the_keys_of_an_attempt_cannot_be_worked_out(emulator):
    """A caller of an anonymous trigger knows the request id of an attempt that runs."""
    guessed: list[str] = []

    def handler(event, context):
        for number in (1, 2):
            key_id = f"STS.{context.request_id}.{number}"
            client = fc2.Client(
                endpoint=emulator.url, accessKeyID=key_id, accessKeySecret=PREDICTABLE.secret_of(key_id), Timeout=10
            )
            try:
                client.create_service("mine-now")
            except fc2.FcError as why:
                guessed.append(why.err_code)
        return json.dumps(vars(context.credentials))

    emulator.add("open", handler, triggers={"web": {"http": ["GET"], "authType": "anonymous"}}, timeout=60)
    reply = requests.get(emulator.trigger("open/web").url, timeout=LONG)
    assert guessed == ["InvalidAccessKeyID"] * 2
    keys = reply.json()
    assert len({*keys.values()}) == 3
    assert not any(
        text in keys["access_key_secret"] for text in (keys["access_key_id"], reply.headers["X-Fc-Request-Id"])
    )


def keys_of(**options: Any) -> dict[str, str]:
    with LocalEmulator("", strict=False, **options) as emulator:
        emulator.add("f", lambda event, context: vars(context.credentials))
        keys: dict[str, str] = emulator.function("f").invoke(b"").json()
        return keys


def test_the_keys_of_attempts_follow_from_the_seed_without_auth_and_not_with_it():
    assert keys_of() == keys_of()
    assert keys_of()["access_key_id"].endswith(".1")
    with_auth, again = keys_of(auth=True), keys_of(auth=True)
    assert all(with_auth[name] != again[name] for name in with_auth)


@pytest.mark.parametrize("runtime", ["inline", "process"])
def test_a_handler_signs_with_the_emulators_time_and_not_with_real_time(tmp_path, caplog, runtime):
    caplog.set_level(logging.CRITICAL)
    (tmp_path / "index.py").write_text(SIGNS)
    function = {"handler": "index.handler", "runtime": "python3.10", "code": str(tmp_path), "timeout": 60}
    with LocalEmulator({"functions": {"f": function}}, auth=True, strict=False, runtime=runtime) as emulator:
        real_date, own = format_datetime(real.now(), usegmt=True), emulator.function("f")
        assert own.invoke({"date": ""}).json() == [200, ""]
        assert own.invoke({"date": real_date}).json() == [400, "InvalidTimeStamp.Expired"]


def test_the_keys_of_a_program_are_good_with_real_time_too_because_it_may_read_that():
    seen = []

    def handler(call):
        seen.append(emulator.keyring.signer(call.credentials.access_key_id))
        return b""

    emulator, _ = make(settings=Settings(auth=True), f=handler)
    function = emulator.function(FunctionRef("f"))
    for runtime in ("python3.10", "custom.debian10"):
        emulator.setup.define([], [replace(function, runtime=runtime)], {})
        ask_and_wait(emulator)
    of_python, of_program = seen
    assert {*of_python.now} == {emulator.clock.now()}
    assert len({*of_program.now}) == 2
    emulator.close()


def ask_and_wait(emulator):
    emulator.invoke(ask("f"), lambda _: None)
    emulator.wait(emulator.run_until_idle(timedelta(days=1)))


def test_a_function_without_a_trigger_is_not_called_by_its_proxy_path_without_a_signature(emulator):
    emulator.add("media/plain", lambda event, context: b"ran")
    path = "/2016-08-15/proxy/media/plain/x"
    reply = requests.get(f"{emulator.url}{path}", timeout=LONG)
    assert (reply.status_code, reply.json()["ErrorCode"]) == (400, "MissingRequiredHeader")
    assert emulator.invocations == []


SIGNS = """
import base64, hmac, http.client, json, os, time
from email.utils import formatdate


def handler(event, context):
    date = json.loads(event)["date"] or formatdate(time.time(), usegmt=True)
    keys = context.credentials
    text = "GET\\n\\n\\n" + date + "\\n/2016-08-15/services"
    mac = base64.b64encode(hmac.digest(keys.access_key_secret.encode(), text.encode(), "sha256")).decode()
    connection = http.client.HTTPConnection(os.environ["FCEMU_URL"].partition("//")[2])
    headers = {"Date": date, "Authorization": "FC " + keys.access_key_id + ":" + mac}
    connection.request("GET", "/2016-08-15/services", headers=headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return [answer.status, told.get("ErrorCode", "")]
"""


def test_a_handler_calls_back_with_its_own_keys_until_its_attempt_is_over(emulator):
    kept: list[Any] = []

    def call_back(event, context):
        client = fc2.Client(
            endpoint=emulator.url,
            accessKeyID=context.credentials.access_key_id,
            accessKeySecret=context.credentials.access_key_secret,
            securityToken=context.credentials.security_token,
            Timeout=10,
        )
        kept.append(client)
        return client.invoke_function("media", "echo", payload=b"back").data

    emulator.add("caller", call_back, timeout=60)
    assert emulator.function("caller").invoke().body == b"back"
    with pytest.raises(fc2.FcError) as raised:
        kept[0].invoke_function("media", "echo")
    assert raised.value.err_code == "InvalidAccessKeyID"


@pytest.mark.parametrize("keys", [["LTAIme"], [":x"], {"a": ""}])
def test_keys_that_are_none_are_refused(keys):
    with pytest.raises(ValueError, match="option access_keys: expected a map from access keys to their secrets"):
        LocalEmulator("", access_keys=keys)
