"""Searches in suites of users: fixtures set up anew, one report, what it says, and that its token repeats it."""

import re

import pytest

from fcemu.search.tokens import Repeat, decode, encode
from fcemu.testing import LocalEmulator

DOUBLE_CHARGE = """
    @pytest.fixture
    def bank():
        return []

    @pytest.mark.fcemu("", explore=500)
    def test_an_order_is_charged_once(fcemu, bank):
        fcemu.add("charge", lambda event, context: bank.append(event))
        fcemu.function("charge").invoke_async({"order": 7})
        fcemu.run_until_idle()
        assert len(bank) == 1
"""
REPAIRED = """
    @pytest.mark.fcemu("", exhaustive=2)
    def test_an_order_is_charged_once(fcemu):
        bank = set()
        fcemu.add("charge", lambda event, context: bank.add(event))
        fcemu.function("charge").invoke_async({"order": 7})
        fcemu.run_until_idle()
        assert len(bank) == 1
"""
TWO = """
    @pytest.mark.fcemu("", explore=400)
    def test_both_messages_are_not_repeated_together(fcemu):
        seen = []
        fcemu.add("f", lambda event, context: seen.append(event))
        for name in ("a", "b"):
            fcemu.function("f").invoke_async(name)
        fcemu.run_until_idle()
        assert not seen.count(b"a") == seen.count(b"b") == 2
"""


def token_in(result):
    found = re.search(r'^repeat: pytest "([^"]+)" --fcemu-repeat=([\w-]+)$', result.stdout.str(), re.MULTILINE)
    assert found, result.stdout.str()
    return found.groups()


def test_a_failure_is_told_with_its_runs_its_choices_and_the_line_that_repeats_it(suite):
    result = suite(DOUBLE_CHARGE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*test_an_order_is_charged_once*",
            "E*assert 2 == 1",
            "*attempt 1 meets a fault: crash after",
            "*- fcemu explore -*",
            "FAILED after 2 runs, shrunk from * choices to 1",
            "  choice 1: attempt 1 of charge ended, then its instance died before the reply was heard",
            'repeat: pytest "test_it.py::test_an_order_is_charged_once" --fcemu-repeat=AXic*',
        ]
    )
    assert result.stdout.str().count("FAILED after") == 1


def test_a_token_repeats_the_failure_byte_for_byte_in_another_process_with_another_hash_seed(suite, monkeypatch):
    told = set()
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    nodeid, token = token_in(suite(DOUBLE_CHARGE, "--fcemu-timeline=always"))
    for seed in ("2", "3"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        result = suite(None, nodeid, f"--fcemu-repeat={token}")
        result.assert_outcomes(failed=1)
        text = result.stdout.str()
        told.add(text[text.index("- fcemu timeline -") : text.index("nothing is due")])
        assert "choice 1: attempt 1 of charge ended, then its instance died before the reply was heard" in text
    assert len(told) == 1
    monkeypatch.setenv("PYTHONHASHSEED", "4")
    xdist = suite(None, nodeid, f"--fcemu-repeat={token}", "-n1", plugins=["xdist"])
    xdist.assert_outcomes(failed=1)
    assert re.sub(r"-+", "-", told.pop())[:400] in re.sub(r"-+", "-", xdist.stdout.str())


def test_two_deviations_are_found_and_removing_either_passes(suite, pytester):
    result = suite(TWO)
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines([r"FAILED after \d+ runs, shrunk from \d+ choices to 2", "  choice 1: "])

    nodeid, token = token_in(result)
    suite(None, nodeid, f"--fcemu-repeat={token}").assert_outcomes(failed=1)
    whole = decode(token)
    for left in whole.choices:
        fewer = tuple(one for one in whole.choices if one != left)
        weaker = encode(Repeat(whole.seed, fewer, whole.definition, whole.test))
        suite(None, nodeid, f"--fcemu-repeat={weaker}").assert_outcomes(passed=1)


def test_a_complete_search_says_what_it_has_proved(suite):
    result = suite(REPAIRED)
    result.assert_outcomes(passed=1)
    text = result.stdout.str()
    assert re.search(r"test_once|charged_once  complete: \d+ runs with at most 2 deviations, no failure$", text, re.M)


def test_fixtures_of_the_function_are_set_up_anew_for_each_run_and_others_once(suite, pytester):
    text = """
        import pathlib

        LOG = pathlib.Path("log")

        def note(word):
            with LOG.open("a") as log:
                log.write(word + "\\n")

        @pytest.fixture(scope="module")
        def shared():
            note("module")
            yield
            note("end of module")

        @pytest.fixture
        def own(shared, tmp_path):
            note("function")
            assert not list(tmp_path.iterdir())
            (tmp_path / "there").touch()
            yield
            note("end of function")

        @pytest.mark.fcemu("", explore=7)
        def test_it(fcemu, own, monkeypatch):
            import os
            assert "OF_ONE_RUN" not in os.environ
            monkeypatch.setenv("OF_ONE_RUN", "1")
            fcemu.add("f", lambda event, context: None)
            fcemu.function("f").invoke_async()
            fcemu.run_until_idle()
            note("run")

        def test_next(shared):
            note("next")
    """
    result = suite(text)
    result.assert_outcomes(passed=2)
    log = (pytester.path / "log").read_text().split("\n")
    assert log.count("module") == log.count("end of module") == 1
    assert log.count("run") == log.count("function") == log.count("end of function") == 7
    assert log[-4:] == ["end of function", "next", "end of module", ""]
    result.stdout.fnmatch_lines(["*test_it.py::test_it  no failure in 7 runs"])


def test_each_parameter_is_a_search_of_its_own(suite):
    text = """
        @pytest.mark.fcemu("", explore=40)
        @pytest.mark.parametrize("most", [1, 9])
        def test_it(fcemu, most):
            runs = []
            fcemu.add("f", lambda event, context: runs.append(event))
            fcemu.function("f").invoke_async()
            fcemu.run_until_idle()
            assert len(runs) <= most
    """
    result = suite(text)
    result.assert_outcomes(passed=1, failed=1)
    nodeid, token = token_in(result)
    assert nodeid == "test_it.py::test_it[1]"
    suite(None, nodeid, f"--fcemu-repeat={token}").assert_outcomes(failed=1)


@pytest.mark.parametrize(("plugin", "mark"), [("asyncio", "asyncio"), ("anyio", "anyio")])
def test_async_tests_are_searched(suite, plugin, mark):
    text = f"""
        @pytest.fixture
        async def bank():
            yield []

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.{mark}
        @pytest.mark.fcemu("", explore=40)
        async def test_it(fcemu, bank):
            fcemu.add("f", lambda event, context: bank.append(event))
            await fcemu.function("f").aio.invoke_async()
            await fcemu.aio.run_until_idle()
            assert len(bank) == 1
    """
    ini = "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function" if plugin == "asyncio" else ""
    result = suite(text, plugins=[plugin], ini=ini)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAILED after 2 runs, shrunk from * choices to 1"])
    nodeid, token = token_in(result)
    suite(None, nodeid, f"--fcemu-repeat={token}", plugins=[plugin], ini=ini).assert_outcomes(failed=1)


def test_under_xdist_a_search_is_what_it_is_alone(suite):
    text = DOUBLE_CHARGE + REPAIRED.replace("def test_an_order_is", "def test_a_repaired_order_is")
    alone, workers = suite(text), suite(text, "-n2", plugins=["xdist"])
    for result in (alone, workers):
        result.assert_outcomes(failed=1, passed=1)
        result.stdout.fnmatch_lines(["*charged_once  complete: * runs with at most 2 deviations, no failure"])
    assert token_in(alone) == token_in(workers)


def test_an_emulator_that_the_test_makes_itself_gets_its_answers_too(suite):
    text = """
        from fcemu.testing import LocalEmulator

        @pytest.mark.fcemu(explore=60)
        def test_it(fcemu_factory):
            runs = []
            with LocalEmulator() as first:
                second = fcemu_factory("")
                for emulator in (first, second):
                    emulator.add("f", lambda event, context, emulator=emulator: runs.append(emulator))
                    emulator.function("f").invoke_async()
                    emulator.run_until_idle()
            assert runs.count(second) == 1
    """
    result = suite(text)
    result.stdout.fnmatch_lines(["  choice 1: attempt 1 of f of emulator 2 ended, *"])
    nodeid, token = token_in(result)
    suite(None, nodeid, f"--fcemu-repeat={token}").assert_outcomes(failed=1)


def test_the_command_line_searches_marked_tests_only(suite, pytester):
    text = """
        import pathlib

        def test_plain(fcemu):
            with open("plain", "a") as file: file.write("x")

        @pytest.mark.fcemu("")
        def test_marked(fcemu):
            fcemu.add("f", lambda event, context: None)
            fcemu.function("f").invoke_async()
            fcemu.run_until_idle()
            with open("marked", "a") as file: file.write("x")
    """
    result = suite(text, "--fcemu-explore=9")
    result.assert_outcomes(passed=2)
    assert [len((pytester.path / name).read_text()) for name in ("plain", "marked")] == [1, 9]


def test_a_calm_failure_is_a_failure_without_a_choice(suite):
    result = suite(DOUBLE_CHARGE.replace("== 1", "== 5"))
    result.stdout.fnmatch_lines(["FAILED after 1 runs, shrunk from * choices to 0", "*the calm run fails*"])


def test_a_skip_ends_the_search_at_once(suite, pytester):
    text = """
        @pytest.mark.fcemu("", explore=50)
        def test_it(fcemu):
            with open("runs", "a") as file: file.write("x")
            pytest.skip("not today")
    """
    suite(text).assert_outcomes(skipped=1)
    assert len((pytester.path / "runs").read_text()) == 1


def test_an_expected_failure_stays_expected(suite):
    result = suite(
        "    @pytest.mark.xfail"
        + DOUBLE_CHARGE.partition("def bank():\n        return []\n")[2]
        .replace("fcemu, bank", "fcemu")
        .replace("fcemu.add", "bank = []; fcemu.add")
    )
    result.assert_outcomes(xfailed=1)


def test_a_token_says_that_it_is_of_another_test_or_of_another_definition(suite, pytester):
    (pytester.path / "index.py").write_text("def g(event, context): pass")
    _, token = token_in(suite(DOUBLE_CHARGE))
    other = DOUBLE_CHARGE.replace("test_an_order_is_charged_once", "test_other")
    result = suite(other, f"--fcemu-repeat={token}")
    result.stdout.fnmatch_lines(["*--fcemu-repeat: the token belongs to another test than test_it.py::test_other*"])
    other = DOUBLE_CHARGE.replace('fcemu("",', 'fcemu({"functions": {"g": {"handler": "index.g"}}},')
    result = suite(other, f"--fcemu-repeat={token}")
    result.stdout.fnmatch_lines(["*the token belongs to another definition or other options*"])
    result = suite(DOUBLE_CHARGE, "--fcemu-repeat=AXnonsense")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--fcemu-repeat: expected a token that a search has printed, got 'AXnonsense'*"])


def test_an_emulator_by_itself_repeats_a_run_by_its_token(suite):
    _, token = token_in(suite(DOUBLE_CHARGE))
    for given, charges in (({"repeat": token}, 2), ({}, 1)):
        with LocalEmulator("", intercept=False, **given) as emulator:
            bank = []
            emulator.add("charge", lambda event, context, bank=bank: bank.append(event))
            emulator.function("charge").invoke_async({"order": 7})
            emulator.run_until_idle()
            assert len(bank) == charges


def test_a_failure_that_does_not_repeat_is_told_as_such(suite):
    text = """
        RUNS = []

        @pytest.mark.fcemu("", explore=50)
        def test_it(fcemu):
            RUNS.append(1)
            fcemu.add("f", lambda event, context: None)
            fcemu.function("f").invoke_async()
            fcemu.run_until_idle()
            assert len(RUNS) != 3
    """
    result = suite(text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["FAILED after 3 runs*", "*may not repeat: the same choices did not fail a second time*"]
    )


def test_a_wrong_option_of_a_search_fails_the_test_and_nothing_else(suite):
    text = """
        @pytest.mark.fcemu("", explore=-1)
        def test_wrong(fcemu): pass

        def test_right(fcemu): pass
    """
    result = suite(text)
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["*option explore: expected a whole number *"])


def test_faults_alone_do_not_use_up_retries_unless_that_is_asked_for(suite, pytester):
    (pytester.path / "index.py").write_text("def f(event, context): pass")
    text = """
        @pytest.mark.fcemu({{"functions": {{"f": {{"handler": "index.f", "asyncInvokeConfig": {{
            "maxAsyncRetryAttempts": {retries}, "maxAsyncEventAgeInSeconds": {age}}}}}}}}},
            explore=300, exhaust_retries={exhausts})
        def test_it(fcemu):
            fcemu.function("f").stub(1)
            invocation = fcemu.function("f").invoke_async()
            fcemu.run_until_idle()
            assert invocation.status == "Succeeded"
    """
    for retries, age in ((0, 86400), (1, 86400), (3, 1)):
        suite(text.format(retries=retries, age=age, exhausts=False)).assert_outcomes(passed=1)
    result = suite(text.format(retries=0, age=86400, exhausts=True))
    result.stdout.fnmatch_lines(["FAILED after *, shrunk from * choices to 1"])


def test_examples_of_hypothesis_are_outside_and_ours_inside(suite):
    text = """
        from hypothesis import given, settings, strategies as st
        from fcemu.testing import LocalEmulator

        @pytest.mark.fcemu(explore=20)
        @settings(max_examples=15, deadline=None, derandomize=True, database=None)
        @given(st.integers(0, 9))
        def test_it(order):
            charges = []
            with LocalEmulator("") as emulator:
                emulator.add("charge", lambda event, context: charges.append(event))
                emulator.function("charge").invoke_async(str(order))
                emulator.run_until_idle()
            assert len(charges) == 1 or order < 4
    """
    result = suite(text, plugins=["hypothesispytest"])
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*order=4*", "FAILED after 2 runs, shrunk from * choices to 1", "  choice 1: *"])
    nodeid, token = token_in(result)
    again = suite(None, nodeid, f"--fcemu-repeat={token}", plugins=["hypothesispytest"])
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*order=4*"])
    passing = suite(text.replace("order < 4", "order < 10"), plugins=["hypothesispytest"])
    passing.assert_outcomes(passed=1)
    passing.stdout.re_match_lines([r"test_it.py::test_it  no failure in [1-3]\d\d runs of all examples"])


def from_options(asks, test=DOUBLE_CHARGE, mark='@pytest.mark.fcemu("")'):
    """The same test, whose search ``fcemu_options`` asks for."""
    override = f"""
    @pytest.fixture
    def fcemu_options(tmp_path):
        assert not list(tmp_path.iterdir())
        (tmp_path / "there").touch()
        return {asks}
"""
    return override + test.replace('@pytest.mark.fcemu("", explore=500)', mark)


def test_fcemu_options_asks_for_a_search_as_a_marker_does(suite):
    by_marker = suite(DOUBLE_CHARGE)
    told, token = (
        [line for line in by_marker.outlines if line.startswith(("FAILED after", "  choice"))],
        token_in(by_marker),
    )
    for mark in ('@pytest.mark.fcemu("")', ""):
        asks = {"explore": 500} if mark else {"explore": 500, "definition": ""}
        result = suite(from_options(asks, mark=mark))
        result.assert_outcomes(failed=1)
        assert [line for line in result.outlines if line.startswith(("FAILED after", "  choice"))] == told
        assert token_in(result) == token
        assert result.stdout.str().count("FAILED after") == 1
    nodeid, token = token
    suite(None, nodeid, f"--fcemu-repeat={token}").assert_outcomes(failed=1)


def test_a_complete_search_that_fcemu_options_asks_for_says_what_it_has_proved(suite):
    repaired = REPAIRED.replace('@pytest.mark.fcemu("", exhaustive=2)', '@pytest.mark.fcemu("")')
    proved = re.search(r"complete: \d+ runs with at most 2 deviations", suite(REPAIRED).stdout.str())[0]
    result = suite(from_options({"exhaustive": 2}, repaired))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"*charged_once  {proved}, no failure"])


def test_a_parameter_asks_for_a_search_and_another_one_for_none(suite, pytester):
    text = """
        @pytest.mark.fcemu("")
        @pytest.mark.parametrize(
            "fcemu_options", [{"explore": 6}, {"explore": "crashes"}, {}], ids=["n", "crashes", "none"]
        )
        def test_it(fcemu, request):
            with open(request.node.callspec.id, "a") as file: file.write("x")
            fcemu.add("f", lambda event, context: None)
            fcemu.function("f").invoke_async()
            fcemu.run_until_idle()
    """
    suite(text).assert_outcomes(passed=3)
    lengths = {name: len((pytester.path / name).read_text()) for name in ("n", "crashes", "none")}
    assert (lengths["n"], lengths["none"]) == (6, 1)
    assert lengths["crashes"] > 6


def test_options_of_a_search_come_from_marker_and_fixture_together_and_the_marker_wins(suite, pytester):
    text = """
        @pytest.fixture
        def fcemu_options():
            return {"explore": 9, "exhaust_retries": True}

        @pytest.mark.fcemu("", explore=5, strict=False)
        def test_it(fcemu):
            with open("runs", "a") as file: file.write("x")
            fcemu.add("f", lambda event, context: None)
            try:
                fcemu.function("f").invoke()
            except Exception:  # refused
                pass
            fcemu.run_until_idle()
    """
    suite(text).assert_outcomes(passed=1)
    assert len((pytester.path / "runs").read_text()) == 5, "a synchronous invocation alone is asked about, too"


def test_a_test_whose_options_ask_for_nothing_runs_as_ever(suite, pytester):
    text = (
        from_options({"seed": 7})
        + """
    def test_next(fcemu): pass
    """
    )
    result = suite(text, "-v")
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*fcemu explore*")
    result = suite(from_options({"seed": 7}), "--fcemu-explore=500")
    result.assert_outcomes(failed=1)
    result = suite(from_options({"seed": 7, "definition": ""}, mark=""), "--fcemu-explore=500")
    result.assert_outcomes(passed=1)


def test_fixtures_of_a_wider_scope_are_set_up_once_in_a_search_that_fcemu_options_asks_for(suite, pytester):
    text = """
        @pytest.fixture(scope="module")
        def shared():
            with open("log", "a") as log: log.write("module ")
            yield
            with open("log", "a") as log: log.write("end ")

        @pytest.fixture
        def fcemu_options(shared):
            return {"explore": 7}

        @pytest.mark.fcemu("")
        def test_it(fcemu):
            with open("log", "a") as log: log.write("run ")
            fcemu.add("f", lambda event, context: None)
            fcemu.function("f").invoke_async()
            fcemu.run_until_idle()
    """
    suite(text).assert_outcomes(passed=1)
    assert (pytester.path / "log").read_text().split() == ["module", *["run"] * 7, "end"]


def test_a_wrong_search_in_fcemu_options_fails_the_test(suite):
    result = suite(from_options({"explore": -1}))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*option explore: expected a whole number *"])


def test_hypothesis_asks_by_the_marker_only(suite):
    text = """
        from hypothesis import HealthCheck, given, settings, strategies as st

        @pytest.fixture
        def fcemu_options():
            return {"explore": 5, "definition": ""}

        @settings(suppress_health_check=list(HealthCheck))
        @given(st.integers())
        def test_it(fcemu, n): pass
    """
    result = suite(text)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*a test of Hypothesis asks for a search by its marker*"])


EXAMPLES = """
        from hypothesis import HealthCheck, assume, given, settings, strategies as st
        from fcemu.testing import LocalEmulator

        @pytest.mark.fcemu({options})
        @settings(max_examples={examples}, deadline=None, derandomize=True, database=None,
                  suppress_health_check=list(HealthCheck))
        @given(st.integers(0, 9))
        def test_it({fixtures}order):
            with open("runs", "a") as file: file.write("x")
            with LocalEmulator("") as emulator:
                emulator.add("charge", lambda event, context: {handler})
                emulator.function("charge").invoke_async(str(order))
                emulator.run_until_idle()
"""


@pytest.mark.parametrize(
    ("options", "fixtures", "told"),
    [
        ("'', explore=9", "fcemu, ", "a test of Hypothesis makes its emulators itself, by LocalEmulator(…)"),
        ("explore='crashes'", "", "a test of Hypothesis is searched by a number of runs, not by 'crashes'"),
        ("explore='calendar'", "", "a test of Hypothesis is searched by a number of runs, not by 'calendar'"),
    ],
)
def test_what_hypothesis_cannot_search_is_refused_and_not_passed_over(suite, options, fixtures, told):
    result = suite(EXAMPLES.format(options=options, fixtures=fixtures, examples=3, handler="None"))
    result.assert_outcomes(errors=1)
    assert told in result.stdout.str()


def test_the_command_line_passes_over_what_hypothesis_cannot_search(suite, pytester):
    suite(
        EXAMPLES.format(options="''", fixtures="fcemu, ", examples=3, handler="None"), "--fcemu-explore=9"
    ).assert_outcomes(passed=1)
    assert len((pytester.path / "runs").read_text()) == 3


def test_each_example_has_all_runs_of_its_own_and_the_time_is_that_of_the_whole_test(suite, pytester):
    result = suite(EXAMPLES.format(options="explore=8", fixtures="", examples=4, handler="None"))
    result.assert_outcomes(passed=1)
    runs = len((pytester.path / "runs").read_text())
    assert runs == 4 * 8
    result.stdout.fnmatch_lines(["*test_it  no failure in 32 runs of all examples"])
    (pytester.path / "runs").unlink()
    text = EXAMPLES.format(options="explore=8, explore_seconds=0.000001", fixtures="", examples=4, handler="None")
    suite(text).assert_outcomes(passed=1)
    assert len((pytester.path / "runs").read_text()) == 4, "the calm run of each example"


def test_a_token_of_hypothesis_is_tried_with_each_example(suite, pytester):
    text = (
        EXAMPLES.format(options="explore=20", fixtures="", examples=6, handler="SEEN.append(event)")
        + """
            assert SEEN.count(str(order).encode()) <= 1 or order < 5
            SEEN.clear()
        SEEN = []
    """
    )
    text = text.replace('            with open("runs"', '            SEEN.clear()\n            with open("runs"')
    nodeid, token = token_in(suite(text))
    (pytester.path / "runs").unlink()
    suite(None, nodeid, f"--fcemu-repeat={token}").assert_outcomes(failed=1)
    assert len((pytester.path / "runs").read_text()) > 1
