"""The fixture 'fcemu' is an emulator of Function Compute, new for each test; its clock moves when a test says so."""

import pytest

pytestmark = pytest.mark.fcemu("fcemu.yaml")


def test_an_order_is_confirmed(fcemu):
    reply = fcemu.function("confirm").invoke({"number": 7, "email": "ada@example.com"})

    assert reply.json() == {"confirmed": 7}
    assert fcemu.seconds(fcemu.now) == 5


def test_a_deferred_confirmation_waits_for_its_time(fcemu):
    invocation = fcemu.function("confirm").invoke_async({"number": 7, "email": "ada@example.com"}, delay=200)

    fcemu.advance(199)
    assert invocation.status == "Enqueued"
    assert invocation.result() == {"confirmed": 7}
    assert invocation.ended == fcemu.at("+205s")


def test_an_order_without_an_address_is_tried_three_times_and_reported(fcemu):
    invocation = fcemu.function("confirm").invoke_async({"number": 8})

    fcemu.run_until_idle()
    assert invocation.status == "Failed"
    assert [attempt.outcome for attempt in invocation.attempts] == ["function error"] * 3
    report = fcemu.queue("unconfirmed").messages[0].json()
    assert report["requestContext"]["approximateInvokeCount"] == 3
