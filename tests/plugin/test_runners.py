"""Suites of users whose tests are run by other plugins and runners, each with the plugin itself."""

import pytest
from patience import CHILD_SECONDS


def test_pytest_xdist_has_an_emulator_in_each_worker(suite):
    suite(
        """
        import os
        import urllib.request

        @pytest.mark.parametrize("n", range(20))
        @pytest.mark.fcemu("orders", seed=7)
        def test_it(fcemu, fcemu_env, n):
            invocation = fcemu.function("orders/charge").invoke_async({"order": n})
            assert len(fcemu.invocations) == 1
            fcemu.run_until_idle()
            assert invocation.status == "Failed"
            assert urllib.request.urlopen(os.environ["FCEMU_URL"] + "/_fcemu/health").status == 200
        """,
        "-n2",
        plugins=["xdist"],
    ).assert_outcomes(passed=20)


ASYNC = """
    import asyncio

    {import_}

    {mark}
    @pytest.mark.fcemu("orders", seed=7)
    async def test_a_declined_card_is_reported(fcemu):
        invocation = await fcemu.function("orders/charge").aio.invoke_async({{"order": 7}}, delay=200)
        await fcemu.aio.advance(199)
        assert invocation.status == "Enqueued"
        await fcemu.aio.run_until_idle()
        assert fcemu.queue("declined").messages[0].json()["requestContext"]["approximateInvokeCount"] == 3
        with pytest.raises(RuntimeError, match="aio"):
            fcemu.advance(1)

    {mark}
    async def test_one_of_its_own():
        from fcemu.testing import LocalEmulator
        async with LocalEmulator("orders") as emulator:
            assert (await emulator.function("orders/receipt").aio.invoke("x")).status_code == 200

    {fixture}
    async def charged(fcemu):
        await fcemu.function("orders/charge").aio.invoke_async({{"order": 7, "card": "good"}})
        yield fcemu.invocations[0]
        await fcemu.aio.run_until_idle()
        assert fcemu.invocations[0].status == "Succeeded"

    {mark}
    @pytest.mark.fcemu("orders")
    async def test_an_async_fixture_may_use_it(charged, fcemu):
        assert charged.status == "Enqueued"
        await charged.aio.result()

    @pytest.mark.fcemu("orders")
    def test_a_plain_test_beside_them(fcemu):
        fcemu.function("orders/charge").invoke_async({{"order": 7, "card": "good"}}).result()
"""


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_pytest_asyncio_runs_coroutines_in_both_modes(suite, mode):
    names = {"import_": "", "mark": "", "fixture": "@pytest.fixture"}
    if mode == "strict":
        names = {
            "import_": "import pytest_asyncio",
            "mark": "@pytest.mark.asyncio",
            "fixture": "@pytest_asyncio.fixture",
        }
    suite(
        ASYNC.format(**names),
        ini=f"""
            asyncio_mode = {mode}
            asyncio_default_fixture_loop_scope = function
        """,
        plugins=["asyncio"],
    ).assert_outcomes(passed=4)


def test_pytest_asyncio_with_a_loop_for_the_whole_run_and_virtual_time(suite):
    suite(
        """
        import asyncio
        from datetime import UTC, datetime

        pytestmark = pytest.mark.asyncio(loop_scope="session")

        @pytest.fixture
        def virtual(fcemu):
            with fcemu.virtual_time():
                yield

        @pytest.mark.parametrize("n", range(3))
        async def test_inside(fcemu, n):
            with fcemu.virtual_time():
                async with asyncio.timeout(60):
                    await asyncio.sleep(3600)
                assert datetime.now(UTC) == fcemu.at("+3600s")

        async def test_outside(fcemu):
            await asyncio.sleep(0.001)
            assert fcemu.now == fcemu.started

        def test_a_fixture_may_hold_it(fcemu, virtual):
            assert datetime.now(UTC) == fcemu.started

        def test_and_lets_go_of_it(fcemu):
            assert datetime.now(UTC) != fcemu.started
        """,
        ini="asyncio_default_fixture_loop_scope = function",
        plugins=["asyncio"],
    ).assert_outcomes(passed=6)


def test_anyios_plugin_runs_coroutines_on_asyncio_and_on_trio(suite):
    names = {"import_": "", "mark": "@pytest.mark.anyio", "fixture": "@pytest.fixture"}
    suite(ASYNC.format(**names), "-W", "ignore::pytest.PytestDeprecationWarning", plugins=["anyio"]).assert_outcomes(
        passed=7
    )


def test_anyios_sleep_follows_virtual_time_on_asyncio(suite):
    suite(
        """
        import anyio
        from datetime import UTC, datetime

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_it(fcemu):
            with fcemu.virtual_time():
                with anyio.fail_after(60):
                    await anyio.sleep(3600)
                assert datetime.now(UTC) == fcemu.at("+3600s")
        """,
        plugins=["anyio"],
    ).assert_outcomes(passed=1)


def test_pytest_randomly_may_shuffle_tests_and_seed_random_numbers(suite, pytester):
    text = """
        import random

        @pytest.mark.parametrize("n", range(5))
        @pytest.mark.fcemu("orders", seed=3)
        def test_it(fcemu, n):
            charge = fcemu.function("orders/charge")
            [charge.invoke_async({"order": one}, delay=one % 3) for one in range(5)]
            fcemu.run_until_idle()
            [one.status for one in fcemu.invocations]
            open(f"timeline-{n}-{random.getrandbits(64)}.txt", "w").write(fcemu.timeline())
    """
    for seed in (1, 2):
        suite(text, f"--randomly-seed={seed}", plugins=["randomly"]).assert_outcomes(passed=5)
    written = {path.read_text() for path in pytester.path.glob("timeline-*.txt")}
    assert len(list(pytester.path.glob("timeline-*.txt"))) > 5, "the seeds differ, so random numbers do"
    assert len(written) == 1


HANGS = """
    @pytest.mark.timeout(2, func_only=True)
    @pytest.mark.fcemu({"functions": {"f": {"handler": "stuck.handler"}}})
    def test_it(fcemu):
        fcemu.function("f").invoke()

    def test_the_next_one(fcemu):
        assert fcemu.now == fcemu.started
"""
STUCK = """
    import threading

    def handler(event, context):
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
"""


def test_pytest_timeout_by_signal_ends_a_test_that_waits_for_a_handler(suite, pytester):
    pytester.makepyfile(stuck=STUCK)
    result = suite(HANGS, "--timeout-method=signal", plugins=["timeout"])
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*Failed: Timeout (>2.0s) from pytest-timeout.", "*- fcemu timeline -*"])


def test_pytest_timeout_by_thread_shows_the_line_where_the_handler_is(suite, pytester):
    pytester.makepyfile(stuck=STUCK)
    result = suite(HANGS, "--timeout-method=thread", plugins=["timeout"])
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*Timeout*", '*stuck.py", line 6, in handler'])


def test_unittest_cases_use_the_class(suite):
    suite("""
        import unittest
        from fcemu.testing import LocalEmulator

        class TestOrders(unittest.TestCase):
            def setUp(self):
                self.emulator = self.enterContext(LocalEmulator("orders", seed=7))

            def test_a_declined_card(self):
                charge = self.emulator.function("orders/charge")
                invocation = charge.invoke_async({"order": 7}, delay=200)
                self.emulator.run_until_idle()
                self.assertEqual(invocation.status, "Failed")

            def test_each_has_a_new_one(self):
                self.assertEqual(self.emulator.invocations, [])

        class TestInALoop(unittest.IsolatedAsyncioTestCase):
            async def asyncSetUp(self):
                self.emulator = await self.enterAsyncContext(LocalEmulator("orders", seed=7))

            async def test_a_good_card(self):
                charge = self.emulator.function("orders/charge")
                invocation = await charge.aio.invoke_async({"order": 7, "card": "good"}, delay=200)
                await invocation.aio.result()
                self.assertEqual(self.emulator.seconds(self.emulator.now), 200)

            async def test_the_plain_form_works_too(self):
                emulator = self.enterContext(LocalEmulator("orders"))
                await emulator.aio.advance(5)

        class TestClassWide(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.emulator = cls.enterClassContext(LocalEmulator("orders"))

            def test_one(self):
                self.emulator.advance(1)
    """).assert_outcomes(passed=5)


def test_unittest_itself_needs_no_pytest(suite, pytester):
    pytester.makepyfile(
        test_plain="""
        import unittest
        from fcemu.testing import LocalEmulator

        class TestOrders(unittest.TestCase):
            def test_it(self):
                emulator = self.enterContext(LocalEmulator("orders", seed=7))
                emulator.function("orders/charge").invoke_async({"order": 7})
                emulator.run_until_idle()
    """
    )
    suite("")
    result = pytester.run(*pytester._getpytestargs()[:1], "-m", "unittest", "test_plain", timeout=CHILD_SECONDS)
    result.stderr.fnmatch_lines(
        ["*AssertionError: the test looked neither at these failed invocations*", "FAILED (failures=1)"]
    )


def test_hypothesis_makes_an_emulator_for_each_example(suite):
    suite(
        """
        from fcemu.testing import LocalEmulator
        from hypothesis import given, settings, strategies as st

        @settings(max_examples=20, deadline=None)
        @given(st.lists(st.integers(0, 3600), min_size=1, max_size=5))
        def test_attempts_start_when_they_are_due(delays):
            with LocalEmulator("orders", seed=1) as emulator:
                charge = emulator.function("orders/charge")
                made = [charge.invoke_async({"order": 1, "card": "good"}, delay=delay) for delay in delays]
                emulator.run_until_idle()
                assert [emulator.seconds(one.attempts[0].started) for one in made] == delays
        """,
        plugins=["hypothesispytest"],
    ).assert_outcomes(passed=1)


def test_strict_in_three_ways(suite):
    text = """
        FAILS, WAITS = {"order": 7}, {"order": 7, "card": "good"}

        def charge(fcemu, payload, **more):
            return fcemu.function("orders/charge").invoke_async(payload, **more)

        @pytest.mark.fcemu("orders", strict=%s)
        class Test:
            def test_unread_failure(self, fcemu):
                charge(fcemu, FAILS)
                fcemu.run_until_idle()

            def test_unfinished(self, fcemu):
                charge(fcemu, WAITS, delay=5)

            def test_read_and_finished(self, fcemu):
                charge(fcemu, WAITS)
                fcemu.run_until_idle()
    """
    for strict, failed in (("False", 0), ("True", 1), ("'idle'", 2)):
        result = suite(text % strict)
        result.assert_outcomes(passed=3 - failed, failed=failed)
    result.stdout.fnmatch_lines(["*set strict=False*", "*set strict=True*"])
