"""--fcemu-determinism: a test runs twice, and the first fact that differs is named with its cause."""

import pytest

ESCAPES = {
    "output": "print(os.urandom(4).hex())",
    "outcome": "return os.urandom(4).hex()",
    "until": "time.sleep(1 + os.urandom(1)[0] / 1000)",
}
TEST = """
    import os, time

    @pytest.fixture
    def runs():
        with open("runs", "a") as file:
            file.write("x")

    def test_it(fcemu, runs):
        def handler(event, context):
            {body}
        fcemu.add("f", handler)
        fcemu.function("f").invoke_async()
        fcemu.run_until_idle()
"""


@pytest.mark.parametrize("member", ESCAPES)
def test_what_escapes_is_named_with_the_member_that_differs_and_its_cause(suite, member):
    result = suite(TEST.format(body=ESCAPES[member]), "--fcemu-determinism")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "not deterministic: fact * of emulator 1 is another one when the test runs again",
            f"  {member}: *, then *",
            "  cause: *real randomness*",
        ]
    )
    suite(None).assert_outcomes(passed=1)


def test_a_test_that_repeats_itself_passes_and_has_run_twice(suite, pytester):
    body = "import random; print(time.time(), random.Random(1).random()); time.sleep(1)"
    suite(TEST.format(body=body), "--fcemu-determinism").assert_outcomes(passed=1)
    assert (pytester.path / "runs").read_text() == "xx"


def test_what_happens_only_once_is_told_as_the_fact_that_is_missing(suite):
    text = """
        MADE = []

        def test_it(fcemu):
            fcemu.add("f", lambda event, context: None)
            for _ in range(2 - len(MADE)):
                fcemu.function("f").invoke_async()
            MADE.append(1)
    """
    result = suite(text, "--fcemu-determinism")
    result.stdout.fnmatch_lines(["not deterministic: emulator 1 came to 2 facts, and to 1 when the test ran again; *"])


def test_a_failing_test_fails_as_ever(suite):
    result = suite(
        TEST.format(body="return 1").replace("run_until_idle()", "run_until_idle(); assert 0"), "--fcemu-determinism"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 0*"])


def test_chance_that_is_seeded_repeats_itself(suite):
    text = TEST.format(body="return 1").replace(
        "def test_it", '@pytest.mark.fcemu("", chance="seeded", strict=False)\n    def test_it'
    )
    suite(text, "--fcemu-determinism").assert_outcomes(passed=1)
