"""What was accepted, defined and delivered is there again after a restart, and goes on from where it was."""

import pytest
from acceptance.control import Api

from fcemu.core.errors import StoreError
from fcemu.testing import LocalEmulator

ECHO = "def handler(event, context): return event\n"
SLEEPS = "import time\ndef handler(event, context):\n    time.sleep(100)\n    return event\n"
FAILS = "def handler(event, context): raise ValueError('no')\n"


@pytest.fixture(params=["file", "memory"])
def kept(request, tmp_path):
    """Options of an emulator whose state is kept in a file, or only as long as the process lives."""
    return {"data": tmp_path / "kept.db"} if request.param == "file" else {}


def code(folder, text):
    (folder / "index.py").write_text(text)
    return {"functions": {"one": {"handler": "index.handler", "code": str(folder), "timeout": 600}}}


def kinds(emulator, after=0):
    return [fact.kind for fact in emulator.journal[after:]]


def test_a_deferred_invocation_is_executed_after_a_restart_at_its_own_time(kept, tmp_path):
    with LocalEmulator(code(tmp_path, ECHO), **kept) as emulator:
        there = emulator.function("one").invoke_async({"n": 1}, delay=200)
        emulator.advance(100)
        before = emulator.timeline()
        emulator.restart()
        assert emulator.timeline() == before
        assert emulator.seconds(emulator.now) == 100
        emulator.run_until_idle()
        again = emulator.invocation(there.request_id)
        assert (again.status, again.json(), emulator.seconds(again.ended)) == ("Succeeded", {"n": 1}, 200)


def test_an_attempt_that_had_not_ended_is_delivered_again_and_marked(kept, tmp_path):
    with LocalEmulator(code(tmp_path, SLEEPS), **kept) as emulator:
        there = emulator.function("one").invoke_async(b"x")
        emulator.advance(10)
        assert there.status == "Running"
        before = len(emulator.journal)
        emulator.restart()
        assert kinds(emulator, before) == ["Finished", "Redelivered"]
        emulator.run_until_idle()
        again = emulator.invocation(there.request_id)
        assert [attempt.outcome for attempt in again.attempts] == ["stopped", "returned"]
        assert (again.status, emulator.seconds(again.ended)) == ("Succeeded", 110)


def test_a_redelivery_uses_up_no_retry(kept, tmp_path):
    definition = code(tmp_path, SLEEPS.replace("return event", "raise ValueError('no')"))
    definition["functions"]["one"]["asyncInvokeConfig"] = {"maxAsyncRetryAttempts": 1}
    with LocalEmulator(definition, **kept, strict=False) as emulator:
        there = emulator.function("one").invoke_async(b"x")
        emulator.advance(10)
        emulator.restart()
        emulator.run_until_idle()
        again = emulator.invocation(there.request_id)
        assert [attempt.outcome for attempt in again.attempts] == ["stopped", "function error", "function error"]


def test_a_retry_that_was_planned_happens_when_it_was_planned(kept, tmp_path):
    with LocalEmulator(code(tmp_path, FAILS), **kept, strict=False) as emulator:
        there = emulator.function("one").invoke_async(b"x")
        emulator.advance(0.2)
        assert there.status == "Retrying"
        emulator.restart()
        emulator.run_until_idle()
        again = emulator.invocation(there.request_id)
        assert [emulator.seconds(one.started) for one in again.attempts] == [0, 0.5, 1.5, 3.5]


def test_what_was_being_stopped_is_stopped(kept, tmp_path):
    with LocalEmulator(code(tmp_path, SLEEPS), **kept) as emulator:
        there = emulator.function("one").invoke_async(b"x")
        emulator.advance(10)
        there.stop()
        emulator._engine.save()
        emulator.restart()
        again = emulator.invocation(there.request_id)
        assert again.status == "Stopped"
        emulator.run_until_idle()
        assert len(again.attempts) == 1


def test_ids_are_never_given_twice(kept, tmp_path):
    with LocalEmulator(code(tmp_path, ECHO), **kept) as emulator:
        one = emulator.function("one")
        ids = [one.invoke_async(b"x").request_id]
        for _ in range(3):
            emulator.restart()
            ids += [emulator.function("one").invoke_async(b"x").request_id for _ in range(3)]
        emulator.run_until_idle()
        assert len(set(ids)) == len(ids) == len(emulator.invocations)
        assert {invocation.status for invocation in emulator.invocations} == {"Succeeded"}


def test_what_was_defined_through_the_api_is_there_again_with_its_code(kept):
    with LocalEmulator(**kept) as emulator:
        api = Api(emulator)
        api.function("made", ECHO.replace("return event", "return b'first'"))
        api("POST", "/functions/made/versions", {"description": "one"})
        api("POST", "/functions/made/aliases", {"aliasName": "live", "versionId": "1"})
        api.update("made", ECHO.replace("return event", "return b'second'"))
        shown = api("GET", "/functions/made")
        for _ in range(2):
            emulator.restart()
            assert api("GET", "/functions/made") == shown
            assert emulator.function("made").invoke().text == "second"
            assert emulator.function("made", "live").invoke().text == "first"


def test_uploaded_code_is_in_the_file_not_only_in_this_process(tmp_path):
    with LocalEmulator(data=tmp_path / "kept.db") as emulator:
        Api(emulator).function("made", ECHO)
    with LocalEmulator(data=tmp_path / "kept.db") as emulator:
        assert emulator.function("made").invoke(b"there").body == b"there"


def test_timers_fire_on(kept, tmp_path):
    definition = code(tmp_path, ECHO)
    with LocalEmulator(definition, **kept) as emulator:
        config = '{"cronExpression": "@every 10m", "enable": true, "payload": "p"}'
        trigger = {"triggerName": "often", "triggerType": "timer", "triggerConfig": config}
        Api(emulator)("POST", "/functions/one/triggers", trigger)
        emulator.advance("15m")
        emulator.restart()
        emulator.advance("15m")
        assert [emulator.seconds(one.accepted) for one in emulator.invocations] == [600, 1200, 1800]


def test_messages_that_a_consumer_holds_stay_hidden_and_those_deleted_stay_away(kept, tmp_path):
    definition = code(tmp_path, ECHO)
    definition["functions"]["one"]["asyncInvokeConfig"] = {"onSuccess": "queue:done"}
    with LocalEmulator(definition, **kept) as emulator:
        for n in range(3):
            emulator.function("one").invoke_async({"n": n})
        emulator.run_until_idle()
        got = []
        emulator._engine.queues.receive("done", 2, 0, got.extend)
        emulator._engine.queues.delete("done", got[0].handle)
        emulator._engine.save()
        emulator.restart()
        left = emulator._engine.queues.waiting("done")
        assert [one.message_id for one in left if one.handle == got[1].handle] == [got[1].message_id]
        assert len(left) == 2
        emulator._engine.queues.delete("done", got[1].handle)


def test_a_function_made_of_a_callable_runs_after_a_restart(kept):
    with LocalEmulator(**kept) as emulator:
        emulator.add("twice", lambda event, context: event * 2)
        there = emulator.function("twice").invoke_async(b"ab", delay=5)
        emulator.restart()
        assert emulator.invocation(there.request_id).result() == "abab"


def test_a_task_keeps_its_id_for_itself(kept, tmp_path):
    definition = code(tmp_path, ECHO)
    definition["functions"]["one"]["asyncInvokeConfig"] = {"asyncTask": True}
    with LocalEmulator(definition, **kept) as emulator:
        there = emulator.function("one").invoke_async(b"x", task_id="mine", delay=5)
        emulator.restart()
        assert emulator.function("one").invocation("mine").request_id == there.request_id
        with pytest.raises(Exception, match="already exists"):
            emulator.function("one").invoke_async(b"x", task_id="mine")


def test_a_reset_forgets_what_was_kept(tmp_path):
    data = tmp_path / "kept.db"
    with LocalEmulator(code(tmp_path, ECHO), data=data) as emulator:
        emulator.function("one").invoke_async(b"x", delay=5)
        first = emulator.timeline()
        emulator.reset()
        assert not emulator.journal
        emulator.function("one").invoke_async(b"x", delay=5)
        assert emulator.timeline() == first
    with LocalEmulator(code(tmp_path, ECHO), data=data) as emulator:
        assert emulator.timeline() == first


def test_another_definition_wins_for_what_it_defines(tmp_path):
    data = tmp_path / "kept.db"
    definition = code(tmp_path, ECHO)
    with LocalEmulator(definition, data=data) as emulator:
        Api(emulator).function("made", ECHO)
        there = emulator.function("one").invoke_async(b"x", delay=5)
    definition["functions"] = {"two": definition["functions"]["one"]}
    with LocalEmulator(definition, data=data, strict=False) as emulator:
        assert sorted(str(function.ref) for function in emulator._engine.functions()) == ["made", "two"]
        emulator.run_until_idle()
        assert emulator.invocation(there.request_id).status == "Invalid"


def test_the_clock_stands_still_while_nobody_has_the_file_unless_it_catches_up(tmp_path):
    from fcemu.stores import sqlite as stores

    data = tmp_path / "kept.db"
    with LocalEmulator(data=data) as emulator:
        emulator.advance(100)
    real = stores.time.time
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores.time, "time", lambda: real() + 1000)
        with LocalEmulator(data=data, rate=2) as emulator:
            assert 100 <= emulator.seconds(emulator.now) < 1000
        patch.setattr(stores.time, "time", lambda: real() + 10_000)
        with LocalEmulator(data=data, rate=2, while_down="catch-up") as emulator:
            assert 18_000 < emulator.seconds(emulator.now) < 19_000


def test_a_file_that_another_emulator_has_is_refused(tmp_path):
    with LocalEmulator(data=tmp_path / "kept.db"), pytest.raises(StoreError, match="in use by another emulator"):
        LocalEmulator(data=tmp_path / "kept.db")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data": 7}, "option data: expected the path of a file"),
        ({"data": "x.db", "data_sync": "sometimes"}, "option data_sync: expected normal or full"),
        ({"data": "x.db", "while_down": "sleep"}, "option while_down: expected stand-still or catch-up"),
        ({"data": "x.db", "clock": "follow"}, "option data: a clock that follows"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        LocalEmulator(**options)
