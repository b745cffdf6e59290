"""A test's own freezers: fixtures and decorators of freezegun and time-machine, before and after ours.

Each test is a suite of its own, with either backend.
"""

import textwrap
import urllib.error
import urllib.request

import pytest
from freezegun import freeze_time
from patience import CHILD_SECONDS, WAIT_SECONDS

from fcemu.testing import LocalEmulator

HANDLER = """
    import datetime
    import time

    def handler(event, context):
        if event == b"sleep":
            time.sleep(3600)
        return datetime.datetime.now(datetime.UTC).isoformat()
"""
HEAD = """
    import datetime, time
    import pytest, time_machine
    from freezegun import freeze_time
    from fcemu.testing import ClockConflict, LocalEmulator

    DEFINITION = {"functions": {"clock": {"handler": "index.handler", "code": "code", "timeout": 7200}}}
    T0 = datetime.datetime(2031, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)
    own = pytest.mark.fcemu(DEFINITION)
    follow = pytest.mark.fcemu(DEFINITION, clock="follow")

    def s(seconds):
        return datetime.timedelta(seconds=seconds)

    def is_real():
        return abs(time.time() - datetime.datetime.now().timestamp()) < 5 and time.time() > 1.7e9

"""


@pytest.fixture(params=["freezegun", "time-machine"])
def suite(pytester, request):
    """Run the given text as a test file with a function that says what time it is."""
    code = pytester.path / "code"
    code.mkdir()
    (code / "index.py").write_text(textwrap.dedent(HANDLER))
    pytester.makeini(f"[pytest]\nfcemu_backend = {request.param}\n")

    def run(text, *arguments):
        pytester.makepyfile(test_it=textwrap.dedent(HEAD) + textwrap.dedent(text))
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments, timeout=CHILD_SECONDS)
        result.stdout.fnmatch_lines([f"fcemu: handlers read time by {request.param}"])
        return result

    return run


def test_handlers_read_virtual_time_and_the_test_its_own(suite):
    suite("""
        @own
        def test_it(fcemu):
            assert fcemu.function("clock").invoke().text == "2026-01-01T00:00:00+00:00"
            assert is_real()

        def test_an_unused_fixture_changes_nothing():
            assert is_real()
    """).assert_outcomes(passed=2)


CONFLICTS = {
    "freezegun_fixture_first": ("", "freezer, fcemu", "freezer.move_to(T0)"),
    "freezegun_fixture_last": ("", "fcemu, freezer", "freezer.move_to(T0)"),
    "freezegun_decorator": ("@freeze_time(T0)", "fcemu", "pass"),
    "time_machine_fixture_first": ("", "time_machine, fcemu", "time_machine.move_to(T0)"),
    "time_machine_fixture_last": ("", "fcemu, time_machine", "time_machine.move_to(T0)"),
    "time_machine_marker": ("@pytest.mark.time_machine(T0)", "fcemu", "pass"),
    "time_machine_decorator": ("@time_machine.travel(T0)", "fcemu", "pass"),
}
IN_CONFLICT = """
@own
{decorator}
def test_{name}({fixtures}):
    {begin}
    assert datetime.datetime.now(datetime.UTC).year == 2031 == datetime.date.today().year
    assert time.gmtime().tm_year == 2031 and abs(time.time() - T0.timestamp()) < 5
    fcemu.advance(10)
    invocation = fcemu.function("clock").invoke_async(delay=10)
    fcemu.advance(9)
    for move in (
        lambda: fcemu.advance(1), lambda: fcemu.advance_to("+20s"), fcemu.run_next, fcemu.run_until_idle,
        invocation.result, lambda: fcemu.function("clock").invoke(),
    ):
        with pytest.raises(ClockConflict) as refused:
            move()
    assert {freezer!r} in str(refused.value) and "clock='follow'" in str(refused.value)
    assert invocation.status == "Enqueued" and fcemu.now == fcemu.at("+19s")
    assert len(fcemu.invocations) == 1

@own
def test_{name}_leaves_the_next_test_alone(fcemu):
    assert is_real()
    assert fcemu.function("clock").invoke().text == "2026-01-01T00:00:00+00:00"
"""


def test_an_attempt_in_frozen_time_is_refused_with_both_remedies(suite):
    text = ""
    for name, (decorator, fixtures, begin) in CONFLICTS.items():
        freezer = "freezegun's freeze_time" if name.startswith("freezegun") else "time_machine.travel"
        text += IN_CONFLICT.format(name=name, decorator=decorator, fixtures=fixtures, begin=begin, freezer=freezer)
    suite(text).assert_outcomes(passed=2 * len(CONFLICTS))


def test_after_the_freeze_attempts_run(suite):
    suite("""
        @own
        @pytest.mark.parametrize("freeze", [freeze_time, time_machine.travel])
        def test_it(fcemu, freeze):
            with freeze(T0):
                invocation = fcemu.function("clock").invoke_async(delay=10)
                assert datetime.datetime.now().year == 2031
            assert is_real()
            assert invocation.result() == "2026-01-01T00:00:10+00:00"
            assert is_real()
    """).assert_outcomes(passed=2)


FOLLOWED = {
    "freezegun_fixture_first": ("", "freezer, fcemu", "freezer.move_to(T0)", "freezer.tick(s({}))"),
    "freezegun_fixture_last": ("", "fcemu, freezer", "freezer.move_to(T0)", "freezer.tick(s({}))"),
    "freezegun_marker": ("@pytest.mark.freeze_time(T0)", "fcemu, freezer", "pass", "freezer.tick(s({}))"),
    "time_machine_fixture_first": (
        "", "time_machine, fcemu", "time_machine.move_to(T0, tick=False)", "time_machine.shift({})"),
    "time_machine_fixture_last": (
        "", "fcemu, time_machine", "time_machine.move_to(T0, tick=False)", "time_machine.shift({})"),
    "time_machine_marker": (
        "@pytest.mark.time_machine(T0, tick=False)", "fcemu, time_machine", "pass", "time_machine.shift({})"),
}  # fmt: skip


AS_FOLLOWED = """
@follow
{decorator}
def test_{name}({fixtures}):
    def now():
        return datetime.datetime.now(datetime.UTC)

    {begin}
    clock = fcemu.function("clock")
    assert fcemu.now == fcemu.started == now() == T0
    first, second, third = [clock.invoke_async(delay=delay) for delay in (10, 20, 500)]
    assert first.due == T0 + s(10) and clock.invoke().text == T0.isoformat()

    {plus_100}                                       # both fall due, and wait for a move
    assert fcemu.now == now() == T0 + s(100)
    assert first.status == second.status == "Enqueued"
    late = clock.invoke_async()
    assert late.accepted == T0 + s(100)
    fcemu.advance(0)
    assert [one.attempts[0].started for one in (first, second, late)] == [T0 + s(10), T0 + s(20), T0 + s(100)]
    assert [one.result() for one in (first, second)] == [(T0 + s(10)).isoformat(), (T0 + s(20)).isoformat()]

    fcemu.advance(50)                                        # takes the test's time along
    assert fcemu.now == now() == T0 + s(150) and abs(time.time() - now().timestamp()) < 0.001
    seen = []
    fcemu.run_until(lambda: seen.append(now()) or third.status == "Succeeded")
    assert seen[-1] == now() == T0 + s(500)
    assert clock.invoke(b"sleep").text == now().isoformat() and now() == T0 + s(4100)

    {plus_60}
    assert clock.invoke().text == now().isoformat() == (T0 + s(4160)).isoformat()
    fcemu.run_until_idle()
    {back}
    for use in (lambda: fcemu.now, clock.invoke_async, lambda: fcemu.advance(1), clock.invoke):
        with pytest.raises(ValueError, match="time does not go back"):
            use()

@own
def test_{name}_leaves_the_next_test_alone(fcemu):
    assert is_real() and fcemu.now.year == 2026
"""


def test_a_clock_that_follows_is_the_tests_clock(suite):
    text = ""
    for name, (decorator, fixtures, begin, tick) in FOLLOWED.items():
        ticks = {"plus_100": tick.format(100), "plus_60": tick.format(60), "back": tick.format(-1)}
        text += AS_FOLLOWED.format(name=name, decorator=decorator, fixtures=fixtures, begin=begin, **ticks)
    suite(text).assert_outcomes(passed=2 * len(FOLLOWED))


def test_a_clock_that_follows_nobody_is_its_own(suite):
    suite("""
        @follow
        def test_it(fcemu):
            assert fcemu.now == fcemu.started == fcemu.at("2026-01-01T00:00:00Z")
            assert fcemu.function("clock").invoke_async(delay=5).result() == "2026-01-01T00:00:05+00:00"
            with freeze_time("2026-01-01T00:01:00Z") as frozen:
                assert fcemu.now == fcemu.at("+60s")
                fcemu.advance(10)
                assert frozen() == datetime.datetime(2026, 1, 1, 0, 1, 10)
            assert fcemu.now == fcemu.at("+70s") and is_real()
            fcemu.advance(1)
            assert fcemu.now == fcemu.at("+71s") and is_real()
            with time_machine.travel("2025-01-01T00:00:00Z"):
                with pytest.raises(ValueError, match="time_machine.travel shows 2025"):
                    fcemu.now

        def test_reset_follows_anew():
            with LocalEmulator(DEFINITION, clock="follow") as emulator, freeze_time(T0) as frozen:
                emulator.advance(10)
                frozen.move_to("2002-02-02")
                emulator.reset()
                assert emulator.now == emulator.started == emulator.at("2002-02-02T00:00:00Z")
    """).assert_outcomes(passed=2)


def test_a_journey_that_ticks_is_followed_too(suite):
    suite("""
        @follow
        @pytest.mark.parametrize("freeze", [lambda t: freeze_time(t, tick=True), time_machine.travel])
        def test_it(fcemu, freeze):
            with freeze(T0):
                assert T0 <= fcemu.now <= datetime.datetime.now(datetime.UTC) < T0 + s(20)
                invocation = fcemu.function("clock").invoke_async(delay=100)
                fcemu.advance(200)
                assert invocation.due == invocation.attempts[0].started
                assert T0 + s(200) <= fcemu.now <= datetime.datetime.now(datetime.UTC) < T0 + s(230)
    """).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"clock": "theirs"}, "expected own or follow, got 'theirs'"),
        ({"clock": "follow", "rate": 2}, "'follow' needs a paused clock"),
    ],
)
def test_what_cannot_be_followed_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        LocalEmulator("", **options)


def test_the_users_own_freezers_work_around_before_and_after_ours(suite):
    suite("""
        @own
        def test_it(fcemu):
            for freeze in (freeze_time, time_machine.travel, freeze_time, time_machine.travel):
                assert is_real()
                with freeze(T0):
                    with freeze(T0 + s(60)):
                        assert datetime.datetime.now(datetime.UTC).minute == 9
                    assert datetime.datetime.now(datetime.UTC).minute == 8
                    assert time.strftime("%Y") == "2031" == datetime.datetime.today().strftime("%Y")
                assert is_real()
                assert fcemu.function("clock").invoke().text.startswith("2026")

        @freeze_time(T0)
        def test_ours_inside_theirs():
            with LocalEmulator(DEFINITION) as emulator:
                with pytest.raises(ClockConflict):
                    emulator.function("clock").invoke()
            assert datetime.date.today().year == 2031
    """).assert_outcomes(passed=2)


def post(url, **headers):
    request = urllib.request.Request(url, b"{}", headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_over_http_the_conflict_is_an_error_that_says_so(tmp_path):
    (tmp_path / "index.py").write_text(textwrap.dedent(HANDLER))
    definition = {"functions": {"clock": {"handler": "index.handler", "code": str(tmp_path)}}}
    with LocalEmulator(definition) as emulator, freeze_time("2031-05-06"):
        url = f"{emulator.url}/2023-03-30/functions/clock/invocations"
        assert post(url, **{"X-Fc-Invocation-Type": "Async"})[0] == 202
        status, body = post(url)
        assert status == 400
        assert "ClockConflict" in body
        assert "clock='follow'" in body
        status, body = post(f"{emulator.url}/_fcemu/clock/run-next")
        assert status == 400
        assert "clock='follow'" in body
        assert [one.status for one in emulator.invocations] == ["Enqueued"]


def test_a_clock_does_not_begin_to_flow_either_while_something_is_due(tmp_path):
    (tmp_path / "index.py").write_text(textwrap.dedent(HANDLER))
    definition = {"functions": {"clock": {"handler": "index.handler", "code": str(tmp_path)}}}
    with LocalEmulator(definition) as emulator, freeze_time("2031-05-06"):
        emulator.function("clock").invoke_async(delay=5)
        flow = urllib.request.Request(f"{emulator.url}/_fcemu/clock", b'{"rate": 60}', method="PATCH")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(flow, timeout=WAIT_SECONDS)
        with refused.value as answer:
            assert "clock='follow'" in answer.read().decode()
        assert emulator.invocations[0].status == "Enqueued"


@pytest.mark.parametrize(("word", "says"), [("both", "expected auto, freezegun or time-machine, got 'both'")])
def test_a_backend_that_is_not_there_is_refused(pytester, word, says):
    pytester.makeini(f"[pytest]\nfcemu_backend = {word}\n")
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.stderr.fnmatch_lines([f"*ERROR: fcemu_backend: {says}"])


def test_neither_backend_is_imported_where_no_test_uses_fcemu(pytester):
    pytester.makepyfile("""
        import sys

        def test_it():
            assert not {"freezegun", "time_machine", "fcemu.runtimes", "fcemu.testing"} & sys.modules.keys()
    """)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:time_machine", "-p", "no:freezer")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["fcemu: handlers read time by time-machine"])
