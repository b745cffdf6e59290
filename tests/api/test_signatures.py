"""Signatures: the vectors of wire-api §7.6, unmodified SDKs, and what was changed on the way."""

import logging
from typing import Any

import fc2
import pytest
import requests
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config
from multidict import CIMultiDict, CIMultiDictProxy

from fcemu.api import signatures
from fcemu.core.errors import FCError
from fcemu.testing import LocalEmulator

SECRETS = {"testAkId": "testSecret"}
DATE = "Mon, 02 Jan 2023 03:04:05 GMT"


class Request:
    """What a verifier looks at."""

    def __init__(self, method: str, target: str, **headers: str) -> None:
        self.method, self.target, self.body_sha256 = method, target, ""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.headers = CIMultiDictProxy(CIMultiDict(named))


def verify(request: Request, **more: Any) -> None:
    signatures.verify(request, SECRETS.get, **more)  # type: ignore[arg-type]


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


def test_a_body_that_was_changed_on_the_way_is_refused(emulator):
    kept: list[Any] = []
    original = requests.Session.send

    def send(session, request, **more):
        kept.append(request)
        return original(session, request, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", send)
        new(emulator, "mine").invoke_function("echo", models.InvokeFunctionRequest(body=b"pay 1"))
    headers = dict(kept[0].headers)
    assert requests.post(kept[0].url, data=b"pay 1", headers=headers, timeout=10).content == b"pay 1"
    changed = requests.post(kept[0].url, data=b"pay 9", headers=headers, timeout=10)
    assert changed.json()["Code"] == "SignatureNotMatch"


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
    with pytest.raises(ValueError, match="option access_keys: expected texts 'ID:SECRET'"):
        LocalEmulator("", access_keys=keys)
