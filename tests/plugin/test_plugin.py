"""The plugin as a user's suite meets it: each test is a suite of its own."""

import pytest

PASSES = """
    @pytest.mark.fcemu("orders", seed=7)
    def test_a_declined_card_is_tried_three_times_and_reported(fcemu):
        charge = fcemu.function("orders/charge")
        invocation = charge.invoke_async({"order": 7}, delay=200)

        fcemu.advance(199)
        assert invocation.status == "Enqueued"
        fcemu.run_until_idle()

        assert invocation.status == "Failed"
        assert [attempt.started for attempt in invocation.attempts] == fcemu.times("+200s", "+200.5s", "+201.5s")
        assert fcemu.queue("declined").messages[0].json()["requestContext"]["approximateInvokeCount"] == 3
"""


def test_the_example_of_the_front_page_passes(suite):
    suite(PASSES).assert_outcomes(passed=1)


def test_a_failure_shows_the_timeline_what_is_waiting_and_the_line_that_repeats_it(suite):
    result = suite("""
        @pytest.mark.fcemu("orders", seed=7)
        def test_fails(fcemu):
            invocation = fcemu.function("orders/charge").invoke_async({"order": 7}, delay=200)
            fcemu.advance(200)
            assert invocation.status == "Succeeded"
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- fcemu timeline -*",
            "+0 s*orders/charge (1)*accepted, due +200 s*",
            "+200 s*orders/charge (1)*attempt 1 failed: Declined: *",
            "+200 s*orders/charge (1)*retried after 0.5 s, at +200.5 s",
            "*due next:",
            "*(+200.5 s)  orders/charge *#2",
            'repeat it with: pytest "test_it.py::test_fails" --fcemu-seed=7',
        ]
    )


@pytest.mark.parametrize(("when", "shown"), [("never", 0), ("failed", 1), ("always", 2)])
def test_the_timeline_is_shown_when_asked_for(suite, when, shown):
    result = suite(
        """
        def test_fails(fcemu):
            assert False
        def test_passes(fcemu):
            pass
        """,
        f"--fcemu-timeline={when}",
        "-rA",
    )
    assert result.stdout.str().count("- fcemu timeline -") == shown


def test_a_failure_that_nobody_looked_at_fails_the_test(suite):
    result = suite("""
        @pytest.mark.fcemu("orders")
        def test_unread(fcemu):
            fcemu.function("orders/charge").invoke_async({"order": 7})
            fcemu.run_until_idle()

        @pytest.mark.fcemu("orders", strict=False)
        def test_lenient(fcemu):
            fcemu.function("orders/charge").invoke_async({"order": 7})
            fcemu.run_until_idle()

        @pytest.mark.fcemu("orders")
        def test_its_report_was_read(fcemu):
            fcemu.function("orders/charge").invoke_async({"order": 7})
            fcemu.run_until_idle()
            assert fcemu.queue("declined").messages

        @pytest.mark.fcemu("orders", strict="idle")
        def test_unfinished(fcemu):
            fcemu.function("orders/charge").invoke_async({"order": 7}, delay=5)
    """)
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*the test looked neither at these failed invocations nor at their reports:",
            "*orders/charge * is Failed: function error, 2 retries used up",
            "*strict=False*",
            "*these invocations have not ended (strict='idle'):",
        ]
    )


def test_the_emulator_is_new_for_each_test_behind_one_url(suite):
    suite("""
        urls = set()

        @pytest.mark.parametrize("n", range(3))
        @pytest.mark.fcemu("orders")
        def test_fresh(fcemu, n):
            assert fcemu.invocations == []
            assert fcemu.now == fcemu.started
            fcemu.function("orders/charge").invoke_async({"order": 1, "card": "good"})
            fcemu.advance(100)
            urls.add(fcemu.url)
            assert len(urls) == 1
    """).assert_outcomes(passed=3)


def test_options_have_a_precedence(suite):
    text = """
        @pytest.fixture
        def fcemu_options():
            return {"region": "from-fixture", "account_id": "2", "seed": 2}

        @pytest.mark.fcemu(region="from-class", account_id="1")
        class TestAll:
            @pytest.mark.fcemu("", region="from-test")
            def test_closest_marker(self, fcemu):
                assert (fcemu.region, fcemu.account_id, fcemu.seed) == ("from-test", "1", 9)

            def test_outer_marker(self, fcemu):
                assert (fcemu.region, fcemu.account_id, fcemu.seed) == ("from-class", "1", 9)

        def test_options_fixture(fcemu):
            assert (fcemu.region, fcemu.account_id, fcemu.seed) == ("from-fixture", "2", 9)
            assert str(fcemu.started) == "2027-05-05 00:00:00+00:00"
    """
    ini = """
        fcemu_region = from-ini
        fcemu_start = 2027-05-05T00:00:00Z
    """
    suite(text, "--fcemu-seed=9", ini=ini).assert_outcomes(passed=3)


def test_the_emulator_block_comes_after_the_ini_file_and_before_the_default(suite, pytester):
    (pytester.path / "fcemu.yaml").write_text("emulator: {seed: 5, destinationDepth: 3, clock: {rate: 60}}\n")
    suite(
        """
        def test_found_at_the_rootdir(fcemu):
            assert fcemu.seed == 6
            before = fcemu.now
            assert fcemu.now == before, "the clock block does not apply to a test's emulator"
        """,
        ini="fcemu_seed = 6",
    ).assert_outcomes(passed=1)


def test_host_names_are_allowed_for_the_run_or_for_one_test(suite):
    suite(
        """
        import urllib.error, urllib.request

        def status(fcemu, host):
            asked = urllib.request.Request(fcemu.url + "/_fcemu/clock", headers={"Host": host})
            try:
                with urllib.request.urlopen(asked) as reply:
                    return reply.status
            except urllib.error.HTTPError as refused:
                with refused:
                    return refused.code

        @pytest.mark.fcemu("", allow_host=["one.example"])
        def test_by_the_marker(fcemu):
            assert [status(fcemu, host) for host in ("one.example", "a.example")] == [200, 403]

        def test_by_the_ini_file(fcemu):
            assert [status(fcemu, host) for host in ("one.example", "a.example", "b.example")] == [403, 200, 200]
        """,
        ini="fcemu_allow_host = a.example, b.example",
    ).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("sed=7", "there is no option 'sed'; did you mean 'seed'?*"),
        ("seed='7'", "option seed: expected a whole number *, got '7'"),
        ("intercept=1", "*option intercept: expected true or false, got 1"),
        ("'nowhere'", "*nowhere: no such file or directory"),
        ("rate=-1", "option rate: expected a number from 0 to 1000000, got -1"),
        ("strict='yes'", "option strict: expected true, false or idle, got 'yes'"),
        ("allow_host='a:1'", "option allow_host: expected a list of host names without scheme and port, got 'a:1'"),
        ("runtime='docker'", "option runtime: expected inline or process, got 'docker'"),
        ("'a', 'b'", "marker fcemu takes one positional argument, the definition"),
        ("{'functions': {'f': {'handlr': 'x.y'}}}", "*unknown key 'handlr'*"),
    ],
)
def test_a_wrong_option_is_named_without_a_traceback(suite, marker, message):
    result = suite(f"""
        @pytest.mark.fcemu({marker})
        def test_it(fcemu):
            pass
    """)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*During handling*")


def test_the_factory_makes_emulators_on_ports_of_their_own_and_closes_them(suite):
    suite("""
        def test_two(fcemu_factory):
            one, two = fcemu_factory("orders", seed=1), fcemu_factory("orders", seed=2)
            assert one.port != two.port
            first = one.function("orders/charge").invoke_async({"order": 1, "card": "good"})
            second = two.function("orders/charge").invoke_async({"order": 1, "card": "good"})
            assert first.request_id != second.request_id
            one.advance(5)
            assert (one.seconds(one.now), two.seconds(two.now)) == (5, 0)
            assert first.status == "Succeeded" and second.status == "Enqueued"
    """).assert_outcomes(passed=1)


def test_the_same_test_has_the_same_timeline_byte_for_byte(suite, pytester):
    text = """
        @pytest.mark.fcemu("orders", seed=3)
        def test_it(fcemu):
            charge = fcemu.function("orders/charge")
            [charge.invoke_async({"order": n}, delay=n % 3) for n in range(9)]
            charge.invoke_async({"card": "good"})
            fcemu.run_until_idle()
            [one.status for one in fcemu.invocations]
            open("timeline.txt", "ab").write(fcemu.timeline().encode() + b"--")
    """
    suite(text)
    suite(text)
    first, second, rest = (pytester.path / "timeline.txt").read_bytes().split(b"--")
    assert first == second
    assert first.count(b"\n") > 60
    assert rest == b""


def test_a_suite_that_does_not_use_fcemu_imports_next_to_nothing_of_it(suite):
    suite(
        """
        import sys, time

        CORE = ("option_kinds", "options", "wording")

        def test_without():
            assert {"aiohttp", "freezegun", "time_machine", "yaml"} & sys.modules.keys() == set()
            options = {"fcemu.backends", "fcemu.core"} | {"fcemu.core." + name for name in CORE}
            ours = {name for name in sys.modules if name.partition(".")[0] == "fcemu"}
            assert ours == {"fcemu", "fcemu.pytest_plugin", *options}
        """,
        "-p",
        "no:freezer",
        "-p",
        "no:time_machine",
    ).assert_outcomes(passed=1)


def test_monkeypatch_and_capsys_reach_the_handler_and_breakpoints_would(suite):
    suite("""
        import orders.handler as application

        @pytest.mark.fcemu("orders")
        def test_patched(fcemu, monkeypatch, capsys):
            monkeypatch.setattr(application, "receipt", lambda event, context: b"patched")
            assert fcemu.function("orders/receipt").invoke("x").body == b"patched"
    """).assert_outcomes(passed=1)


def test_a_handler_may_not_move_its_own_clock(suite, pytester):
    (pytester.path / "selfish.py").write_text("move = None\ndef handler(event, context):\n    move()\n")
    suite("""
        import selfish

        @pytest.mark.fcemu({"functions": {"f": {"handler": "selfish.handler"}}})
        def test_it(fcemu):
            selfish.move = lambda: fcemu.advance(1)
            reply = fcemu.function("f").invoke()
            assert reply.json()["errorType"] == "RuntimeError"
            assert "a handler cannot move the clock" in reply.json()["errorMessage"]
    """).assert_outcomes(passed=1)


def test_the_emulator_of_a_test_does_not_outlive_it(suite):
    suite("""
        import gc
        import weakref

        earlier = []

        @pytest.mark.fcemu("orders")
        def test_one(fcemu):
            assert fcemu.function("orders/charge").invoke({"order": 7}).error
            earlier.append(weakref.ref(fcemu))

        def test_two():
            gc.collect()
            assert earlier[0]() is None
    """).assert_outcomes(passed=2)
