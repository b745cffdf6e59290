"""The handlers of fixtures/ do what the READMEs say; how they fare in an emulator is tested elsewhere."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

FIXTURES = Path(__file__).parents[2] / "fixtures"


def call(folder, function, payload, retry_count="0"):
    spec = importlib.util.spec_from_file_location(f"{folder}_handler", FIXTURES / folder / "handler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    event = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return getattr(module, function)(event, SimpleNamespace(retry_count=retry_count))


def raised(*arguments, **more):
    with pytest.raises(Exception) as caught:  # noqa: PT011  # the class lives in the fixture
        call(*arguments, **more)
    return type(caught.value).__name__, str(caught.value)


def test_hello_returns_its_event_or_a_greeting():
    assert call("hello", "hello", b"") == b"hello, world"
    assert call("hello", "hello", b"\x00raw") == b"\x00raw"


@pytest.mark.parametrize("payload", [{"order": 7}, {"order": 7, "card": "bad"}])
def test_charge_declines_every_card_but_the_good_one(payload):
    assert raised("orders", "charge", payload) == ("Declined", "the card for order 7 was declined")


def test_a_good_card_is_charged_and_gets_a_receipt():
    charged = call("orders", "charge", {"order": 7, "card": "good"})
    assert charged == {"order": 7, "charged": True}
    assert call("orders", "receipt", {"responsePayload": json.dumps(charged)}) == "receipt for order 7"


@pytest.mark.parametrize(
    ("failures", "retry", "fails"), [(0, "0", False), (2, "0", True), (2, "1", True), (2, "2", False)]
)
def test_flaky_fails_as_often_as_it_is_told(failures, retry, fails):
    payload = {"failures": failures, "sleep": 0}
    if fails:
        assert raised("flaky", "flaky", payload, retry_count=retry)[0] == "NotYet"
    else:
        assert call("flaky", "flaky", payload, retry_count=retry) == {"failures": failures, "retry": int(retry)}


def test_audit_logs_the_report(capsys):
    call("flaky", "audit", {"requestContext": {"requestId": "r", "approximateInvokeCount": 3}})
    assert capsys.readouterr().out == "attempts of r: 3\n"


@pytest.mark.parametrize(
    ("payload", "value"), [({"width": 21}, 42), ({"width": 1.5}, 3), ({"sleep": 0}, None), (b"", None)]
)
def test_resize_doubles_the_width_and_prints_a_line(payload, value, capsys):
    assert call("generations", "resize", payload) == value
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("width", [-1, 0])
def test_resize_refuses_what_is_no_width(width):
    assert raised("generations", "resize", {"width": width}) == ("ValueError", "width must be positive")
