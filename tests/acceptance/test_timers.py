"""Time triggers on the virtual clock: made by API, fired by time and by hand."""

import json
from typing import Any

import pytest
from acceptance.control import Api

from fcemu.testing import FCError, LocalEmulator, UnknownName

CODE = "def handler(event, context):\n    return event\n"
NIGHTLY = {"cronExpression": "CRON_TZ=Asia/Shanghai 0 30 2 * * *", "enable": True, "payload": "full"}


@pytest.fixture
def api(emulator: LocalEmulator) -> Api:
    api = Api(emulator)
    api.function("report", CODE)
    return api


def set_timer(api: Api, name: str = "nightly", **config: Any) -> Any:
    body = {"triggerName": name, "triggerType": "timer", "triggerConfig": json.dumps(NIGHTLY | config)}
    return api("POST", "/functions/report/triggers", body)


def change(api: Api, name: str = "nightly", **config: Any) -> None:
    api("PUT", f"/functions/report/triggers/{name}", {"triggerConfig": json.dumps(NIGHTLY | config)})


def times(emulator: LocalEmulator) -> list[str]:
    return [f"{invocation.accepted:%m-%d %H:%M:%S}" for invocation in emulator.invocations]


def test_a_timer_invokes_its_function_at_the_exact_instant_with_fcs_event(emulator, api):
    set_timer(api)
    emulator.advance("2d")
    assert times(emulator) == ["01-01 18:30:00", "01-02 18:30:00"]
    first = emulator.invocations[0]
    assert first.json() == {"triggerTime": "2026-01-01T18:30:00Z", "triggerName": "nightly", "payload": "full"}
    assert (first.kind, first.source, first.status) == ("async", "timer", "Succeeded")


def test_nobody_becomes_idle_later_because_of_a_timer_but_it_fires_on_the_way(emulator, api):
    set_timer(api, cronExpression="@every 1m")
    assert emulator.run_until_idle() == []
    assert emulator.now == emulator.started
    emulator.function("report").invoke_async(delay=150)
    emulator.run_until_idle()
    assert emulator.seconds(emulator.now) == 150
    assert [invocation.source for invocation in emulator.invocations] == ["api", "timer", "timer"]


def test_a_move_to_the_next_due_instant_goes_to_a_timer_too(emulator, api):
    set_timer(api, cronExpression="@every 7s")
    emulator.run_next()
    emulator.run_next()
    assert emulator.seconds(emulator.now) == 14


def test_waiting_for_something_that_a_timer_does_moves_the_clock_there(emulator, api):
    set_timer(api)
    emulator.run_until(lambda: emulator.invocations and emulator.invocations[0].status == "Succeeded")
    assert f"{emulator.now:%m-%d %H:%M}" == "01-01 18:30"


def test_a_disabled_timer_does_not_fire_and_makes_nothing_up_when_it_is_enabled_again(emulator, api):
    set_timer(api, enable=False)
    emulator.advance("2d")
    assert emulator.invocations == []
    change(api, enable=True)
    emulator.advance("1d")
    assert times(emulator) == ["01-03 18:30:00"]


def test_a_timer_that_is_changed_or_deleted_fires_as_it_is_then(emulator, api):
    set_timer(api, cronExpression="@every 10m")
    emulator.advance("15m")
    change(api, cronExpression="@every 1h")
    emulator.advance("1h")
    api("DELETE", "/functions/report/triggers/nightly")
    emulator.advance("1d")
    assert times(emulator) == ["01-01 00:10:00", "01-01 01:15:00"]


def test_several_timers_of_one_function_fire_each_in_its_order(emulator, api):
    set_timer(api, "a", cronExpression="@every 30s")
    set_timer(api, "b", cronExpression="@every 20s")
    emulator.advance(60)
    fired = [
        (invocation.json()["triggerName"], emulator.seconds(invocation.accepted)) for invocation in emulator.invocations
    ]
    assert fired == [("b", 20), ("a", 30), ("b", 40), ("a", 60), ("b", 60)]


def test_a_wrong_expression_is_refused_when_the_trigger_is_made(emulator, api):
    with pytest.raises(AssertionError, match=r"InvalidArgument.*six fields"):
        set_timer(api, cronExpression="0 30 2 * *")


def test_a_timer_of_a_qualifier_runs_that_version_with_its_settings(emulator, api):
    api("POST", "/functions/report/versions", {})
    api("POST", "/functions/report/aliases", {"aliasName": "prod", "versionId": "1"})
    api.update("report", "def handler(event, context):\n    raise ValueError\n")
    body = {"triggerName": "t", "triggerType": "timer", "qualifier": "prod", "triggerConfig": json.dumps(NIGHTLY)}
    api("POST", "/functions/report/triggers", body)
    emulator.advance("1d")
    assert emulator.invocations[0].status == "Succeeded"


def test_the_handle_shows_what_is_coming_and_fires_now(emulator, api):
    set_timer(api)
    timer = emulator.timer("report/nightly")
    assert timer.next == emulator.at("2026-01-01T18:30:00Z")
    assert [f"{at:%d}" for at in timer.upcoming(3)] == ["01", "02", "03"]
    invocation = timer.fire()
    assert (invocation.status, invocation.json()["triggerTime"]) == ("Enqueued", "2026-01-01T00:00:00Z")
    assert timer.next == emulator.at("2026-01-01T18:30:00Z")
    change(api, enable=False)
    assert (timer.next, timer.upcoming(2)) == (None, [])
    assert timer.fire().source == "timer"
    emulator.run_until_idle()
    assert [each.status for each in emulator.invocations] == ["Succeeded", "Succeeded"]
    api("DELETE", "/functions/report/triggers/nightly")
    with pytest.raises(FCError, match="nightly"):
        timer.fire()


def test_a_timer_that_nobody_made_names_the_closest_one(emulator, api):
    set_timer(api)
    with pytest.raises(UnknownName, match=r"report/nightly"):
        emulator.timer("report/nightli")


def test_a_timer_is_fired_over_http_and_the_invocation_waits_for_the_clock(emulator, api):
    set_timer(api)
    fired = api.own("POST", "/timers/report/nightly/fire")
    assert emulator.invocation(fired["request_id"]).status == "Enqueued"
    with pytest.raises(AssertionError, match="not-found"):
        api.own("POST", "/timers/report/daily/fire")


def test_explain_lists_timers(emulator, api):
    set_timer(api)
    assert "timer report/nightly" in emulator.explain()


def test_a_flowing_clock_fires_timers():
    with LocalEmulator("", rate=10_000, strict=False) as emulator:
        api = Api(emulator)
        api.function("report", CODE, timeout=86_400)  # real seconds: none of it strikes while the code is imported
        set_timer(api, cronExpression="@every 10m")
        emulator.run_until(lambda: len(emulator.invocations) >= 3, at_most="30d")
        assert {invocation.source for invocation in emulator.invocations} == {"timer"}
