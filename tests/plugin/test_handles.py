"""What handles say of themselves: what has not run, what failed, what a test has looked at, which variables it sees."""

import json
import os
import re
import urllib.request
from pathlib import Path

import pytest
from plugin.conftest import ORDERS

from fcemu.testing import FCError, InvocationFailed, LocalEmulator, NotEnded


def decline(event, context):
    raise KeyError("email")


def url(event, context):
    return os.environ.get("URL", "none")


@pytest.fixture
def emulator():
    emulator = LocalEmulator()
    emulator.add("decline", decline, asyncInvokeConfig={"maxAsyncRetryAttempts": 0})
    emulator.add("url", url, environmentVariables={"URL": "http://defined"})
    yield emulator
    emulator.close()


SOURCE = Path(__file__).read_text()
LINE = next(n for n, text in enumerate(SOURCE.splitlines(), 1) if 'raise KeyError("email")' in text)


def test_an_attempt_tells_where_it_failed(emulator):
    invocation = emulator.function("decline").invoke_async("x")
    emulator.run_until_idle()
    (attempt,) = invocation.attempts
    assert attempt.location == f"tests/plugin/test_handles.py:{LINE}"
    assert attempt.traceback.splitlines() == [
        "Traceback (most recent call last):",
        f'  File "tests/plugin/test_handles.py", line {LINE}, in decline',
        '    raise KeyError("email")',
        "KeyError: 'email'",
    ]
    assert repr(invocation) == (
        f"<Invocation decline Failed: KeyError: 'email' at tests/plugin/test_handles.py:{LINE}, 1 attempt>"
    )
    assert "/work" not in json.dumps([dict(fact.data) for fact in emulator.journal])


def test_what_returned_has_no_traceback(emulator):
    emulator.function("url").invoke("x")
    (attempt,) = emulator.invocations[0].attempts
    assert (attempt.traceback, attempt.location) == (None, None)


def test_what_has_not_run_says_who_must_move_the_clock(emulator):
    emulator.add("report", url, asyncInvokeConfig={"onSuccess": "queue:done"})
    invocation = emulator.function("report").invoke_async("x", delay=7)
    with pytest.raises(
        NotEnded, match=r"is Enqueued and has no reply yet; the clock is paused at \+0 s.*run_until_idle"
    ):
        _ = invocation.reply
    with pytest.raises(IndexError, match=r"is Enqueued and has not run yet; .* due at \+7 s: call run_until_idle"):
        _ = invocation.attempts[0]
    with pytest.raises(IndexError, match=r"queue done has no message; the clock is paused"):
        _ = emulator.queue("done").messages[0]
    assert (invocation.attempts, emulator.queue("done").messages) == ([], [])

    emulator.run_until_idle()
    assert invocation.reply.text == "none"
    with pytest.raises(IndexError, match=r"is Succeeded after 1 attempt, and will have no more"):
        _ = invocation.attempts[1]
    with pytest.raises(IndexError, match=r"queue done has 1 message; .* nothing is due"):
        _ = emulator.queue("done").messages[1]


def test_who_moves_a_clock_that_jumps_or_flows_is_said_as_well(emulator):
    invocation = emulator.function("url").invoke_async("x", delay=3000)
    with emulator.flowing(), pytest.raises(NotEnded, match="flows: wait for it, or call result"):
        _ = invocation.reply


def test_a_reply_raises_what_the_invocation_would(emulator):
    reply = emulator.function("decline").invoke("x")
    with pytest.raises(InvocationFailed, match=r"decline .* is Failed") as failed:
        reply.result()
    assert isinstance(failed.value.__cause__, KeyError)
    assert emulator.function("url").invoke("x").result() == "http://defined"


def test_a_refused_http_reply_raises_the_refusal(emulator):
    emulator.faults.throttle("url")
    with pytest.raises(FCError) as refused:
        emulator.function("url").http("GET").result()
    assert refused.value.code == "ResourceExhausted"


LOOKS = {
    "error": lambda reply: reply.error,
    "status_code": lambda reply: reply.status_code,
    "body": lambda reply: reply.body,
    "text": lambda reply: reply.text,
    "json": lambda reply: reply.json(),
    "logs": lambda reply: reply.logs,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("way", ["invoke", "http"])
def test_a_failed_reply_counts_as_looked_at_once_something_of_it_was_read(emulator, look, way):
    function = emulator.function("decline")
    reply = function.invoke("x") if way == "invoke" else function.http("GET")
    assert reply.request_id
    assert reply.headers
    with pytest.raises(
        AssertionError,
        match=(
            r"the test did not look at the "
            r"replies(.|\n)*KeyError: 'email' at tests/plugin"
        ),
    ):
        emulator.check()
    look(reply)
    emulator.check()


def test_a_reply_over_http_was_looked_at(emulator):
    path = f"{emulator.url}/2023-03-30/functions/decline/invocations"
    with urllib.request.urlopen(urllib.request.Request(path, data=b"{}")) as answer:
        assert answer.headers["X-Fc-Error-Type"] == "UnhandledInvocationError"
    emulator.check()


def test_a_timeout_that_nobody_looked_at_says_so(emulator):
    import time

    emulator.add("slow", lambda event, context: time.sleep(60), timeout=3)
    emulator.function("slow").invoke("x")
    with pytest.raises(AssertionError, match="timed out: Function timed out after 3 seconds"):
        emulator.check()


def test_what_is_no_json_shows_how_it_begins(emulator):
    reply = emulator.function("url").invoke("<xml>")
    with pytest.raises(ValueError, match=r"the body of the reply is not JSON .*it begins with 'http://defined'"):
        reply.json()
    with pytest.raises(ValueError, match=r"the payload is not JSON .*it begins with '<xml>'"):
        emulator.invocations[0].json()


# Variables.


def test_a_variable_changes_for_attempts_that_start_from_then_on(emulator):
    function = emulator.function("url")
    assert function.environment == {"URL": "http://defined"}
    assert function.invoke("x").text == "http://defined"
    function.environment["URL"] = "http://changed"
    assert function.invoke("x").text == "http://changed"
    del function.environment["URL"]
    assert function.invoke("x").text == "none"
    function.environment = {"URL": "http://all"}
    assert (function.invoke("x").text, dict(function.environment)) == ("http://all", {"URL": "http://all"})
    with pytest.raises(TypeError, match="expected a name and a value that are strings, got 'URL': 7"):
        function.environment["URL"] = 7


def test_variables_are_put_back_at_the_end_of_with(emulator):
    function = emulator.function("url")
    with function.environ(URL="http://inside", MORE="x") as environment:
        assert dict(environment) == {"URL": "http://inside", "MORE": "x"}
        assert function.invoke("x").text == "http://inside"
    assert dict(function.environment) == {"URL": "http://defined"}
    assert function.invoke("x").text == "http://defined"


def test_the_option_environment_is_there_from_the_start_and_after_a_reset():
    function = {"handler": "handler.charge", "runtime": "python3.12", "code": str(ORDERS)}
    with LocalEmulator({"functions": {"f": function}}, environment={"f": {"URL": "http://option"}}) as emulator:
        assert emulator.function("f").environment["URL"] == "http://option"
        emulator.function("f").environment["URL"] = "http://test"
        emulator.reset()
        assert emulator.function("f").environment["URL"] == "http://option"


def test_the_option_environment_names_what_is_wrong():
    with pytest.raises(ValueError, match="option environment: there is no function 'g'"):
        LocalEmulator({}, environment={"g": {}})
    with pytest.raises(ValueError, match="option environment: expected a map from functions"):
        LocalEmulator({}, environment={"g": {"URL": 7}})


# Under pytest.


def test_emulators_of_every_scope_are_in_the_report_and_their_variables_are_put_back(suite):
    result = suite("""
        import unittest
        from fcemu.testing import LocalEmulator
        from hypothesis import given, settings, strategies as st

        @pytest.fixture(scope="session")
        def shared():
            with LocalEmulator("orders", strict=False) as emulator:
                yield emulator

        def test_one(shared):
            shared.function("orders/charge").environment["URL"] = "changed"
            assert shared.function("orders/charge").invoke({"order": 1}).error is None

        def test_two(shared):
            assert "URL" not in shared.function("orders/charge").environment
            assert shared.invocations == []

        def test_three():
            assert False

        class TestUnit(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.emulator = cls.enterClassContext(LocalEmulator("orders", strict=False))

            def test_four(self):
                self.assertIsNone(self.emulator.function("orders/charge").invoke({"order": 4}).error)

        @settings(max_examples=3, database=None, deadline=None)
        @given(st.integers())
        def test_five(n):
            with LocalEmulator("orders", strict=False) as emulator:
                assert emulator.function("orders/charge").invoke({"order": 5}).error is None

        @pytest.mark.fcemu("orders", environment={"orders/charge": {"URL": "marked"}})
        def test_six(fcemu):
            assert fcemu.function("orders/charge").environment["URL"] == "marked"
    """)
    result.assert_outcomes(failed=5, passed=1)
    told = result.stdout.str()
    reports = {name: told.split(f" test_{name} _")[-1].split("\n___")[0] for name in ("one", "two", "three", "five")}
    reports["four"] = told.split(" TestUnit.test_four _")[-1].split("\n___")[0]
    for name in ("one", "four", "five"):
        assert "orders/charge (1) Failed: Declined: the card for order" in reports[name], told
        assert "at orders/handler.py:15, 1 attempt" in reports[name]
    assert "orders/charge (1) Failed" in reports["two"], "it used an emulator in which that had happened"
    assert "fcemu" not in reports["three"]


def test_a_definition_is_looked_for_beside_the_test_then_upward(suite, pytester):
    for place, name in {".": "root", "a": "above", "a/b/c": "beside"}.items():
        (pytester.path / place).mkdir(parents=True, exist_ok=True)
        function = {"handler": "handler.charge", "runtime": "python3.12", "code": str(ORDERS)}
        (pytester.path / place / "fcemu.yaml").write_text(json.dumps({"functions": {name: function}}))
    for place, name in {".": "root", "a": "above", "a/b": "above", "a/b/c": "beside"}.items():
        file = pytester.path / place / f"test_in_{place.replace('/', '').replace('.', '')}.py"
        file.write_text(f"def test_it(fcemu):\n    assert fcemu.function('{name}')\n")
    suite("").assert_outcomes(passed=4)


def test_a_long_timeline_is_capped_and_all_shows_it(suite):
    text = """
        @pytest.mark.fcemu("orders")
        def test_it(fcemu):
            good = fcemu.function("orders/charge")
            for n in range(200):
                good.invoke_async({"order": n, "card": "good"})
            bad = good.invoke_async({"order": 200})
            fcemu.run_until_idle()
            for n in range(200):
                good.invoke_async({"order": n, "card": "good"})
            fcemu.run_until_idle()
            assert bad.status == "Succeeded"
    """
    capped = suite(text).stdout.str()
    timeline = capped.split("- fcemu timeline -")[1].split("the clock is at")[0].strip().splitlines()[1:]
    assert len(timeline) < 80
    assert any(re.search(r"orders/charge \(201\) +attempt 3 failed", line) for line in timeline)
    assert any("… " in line and line.endswith(" more") for line in timeline)
    assert re.fullmatch(r"… [\d,]+ more, --fcemu-timeline=all", timeline[-1])
    whole = suite(text, "--fcemu-timeline=all").stdout.str()
    assert len(re.findall(r"orders/charge \(\d+\) +Succeeded", whole)) == 400
    assert "--fcemu-timeline=all" not in whole.split("- fcemu timeline -")[1]
