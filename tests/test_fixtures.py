"""Every folder of fixtures/ loads, and behaves as its README says."""

from pathlib import Path

import pytest

from fcemu.core.errors import FCError
from fcemu.testing import LocalEmulator

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.mark.parametrize(
    "folder", [one for one in sorted(FIXTURES.iterdir()) if one.name not in {"broken", "bugs", "foreign"}], ids=str
)
def test_every_fixture_has_a_definition_a_handler_and_a_readme_and_loads(folder):
    assert {"README.md", "fcemu.yaml", "handler.py"} <= {file.name for file in folder.iterdir()}
    with LocalEmulator(folder) as emulator:
        assert emulator.invocations == []


def test_hello_answers_with_what_it_got_or_with_a_greeting():
    with LocalEmulator(FIXTURES / "hello") as emulator:
        hello = emulator.function("hello")
        assert hello.invoke().body == b"hello, world"
        assert hello.invoke("you").body == b"you"


def test_orders_reports_a_declined_card_to_a_queue_and_a_good_one_to_a_function():
    with LocalEmulator(FIXTURES / "orders") as emulator:
        charge = emulator.function("orders/charge")
        declined, good = charge.invoke_async({"order": 1}), charge.invoke_async({"order": 2, "card": "good"})
        emulator.run_until_idle()
        assert (declined.status, len(declined.attempts), good.status) == ("Failed", 3, "Succeeded")
        assert [message.invocation for message in emulator.queue("declined").messages] == [declined]
        [receipt] = emulator.function("orders/receipt").invocations
        assert (receipt.source, receipt.status) == ("destination", "Succeeded")


def test_flaky_fails_as_often_as_it_is_told_then_sleeps_and_returns():
    with LocalEmulator(FIXTURES / "flaky") as emulator:
        invocation = emulator.function("flaky").invoke_async({"failures": 2, "sleep": 30}, delay=200)
        invocation.result()
        assert [emulator.seconds(attempt.started) for attempt in invocation.attempts] == [200, 200.5, 201.5]
        assert emulator.seconds(invocation.ended) == 231.5
        emulator.run_until_idle()
        assert [one.source for one in emulator.function("audit").invocations] == ["destination"]


@pytest.mark.parametrize("name", ["resize", "media/resize"])
def test_generations_is_one_handler_for_both(name):
    with LocalEmulator(FIXTURES / "generations") as emulator:
        resize = emulator.function(name)
        assert resize.invoke({"width": 21}).json() == 42
        failed = resize.invoke({"width": -1})
        assert (failed.error, failed.json()["errorType"]) == ("UnhandledInvocationError", "ValueError")
        resize.invoke({"width": 1, "sleep": 20})
        assert emulator.seconds(emulator.now) == 20


def test_languages_reminds_after_hours_and_converts_behind_a_server():
    with LocalEmulator(FIXTURES / "languages") as emulator:
        reminder = emulator.function("remind").invoke_async({"hours": 3, "text": "tea"})
        emulator.run_until_idle()
        assert reminder.result() == {"text": "tea", "at": "2026-01-01T03:00:00.000Z"}
        assert [one.source for one in emulator.function("audit").invocations] == ["destination"]
        assert emulator.function("remind").invoke({"text": "tea"}).error == "HandledInvocationError"
        convert = emulator.function("convert")
        assert convert.invoke({"amount": 2, "currency": "CNY"}).json() == {"cents": 1560}
        unknown = convert.invoke({"amount": 2, "currency": "XXX"})
        assert (unknown.error, unknown.json()["errorType"]) == ("HandledInvocationError", "UnknownCurrency")


def test_nightly_reports_at_the_same_time_in_berlin_in_winter_and_in_summer():
    with LocalEmulator(FIXTURES / "nightly") as emulator:
        emulator.advance_to("2026-06-30T00:00:00Z")
        reports = emulator.function("report").invocations
        assert {one.reply.json()["here"][11:] for one in reports} == {"02:30", "07:00"}
        assert {one.accepted.hour for one in reports} == {0, 1, 5, 6}
        assert len(emulator.queue("reports").messages) == len(reports)


def test_web_answers_with_a_page_and_with_json():
    with LocalEmulator(FIXTURES / "web") as emulator:
        guestbook = emulator.function("guestbook")
        entry = guestbook.http("POST", "/entries", json={"name": "Ada", "text": "hi"}).json()
        assert entry in guestbook.http("GET", "/entries", params={"name": "Ada"}).json()
        assert "<li>Ada: hi</li>" in guestbook.http("GET", "/").text
        assert guestbook.http("POST", "/sign", data="text=hi").status_code == 400


def test_everything_greets_by_version_refuses_what_is_closed_and_has_moods():
    with LocalEmulator(FIXTURES / "everything") as emulator:
        greeter = emulator.function("greeter")
        assert greeter.invoke("you").json() == {"by": "greeter", "tone": "soft", "whom": "you"}
        assert emulator.function("greeter", "live").invoke("you").json()["tone"] == "loud"
        assert emulator.function("greeter", "2").invoke("you").json()["tone"] == "plain"
        assert emulator.function("desk/counter", "open").invoke("you").json()["by"] == "counter"
        with pytest.raises(FCError, match="maintenance"):
            emulator.function("closed").invoke()
        moody = emulator.function("moody")
        assert [moody.invoke().text for _ in range(2)][1] == "fine"
        assert emulator.seconds(emulator.now) == 2
