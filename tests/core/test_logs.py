"""The log of one attempt."""

import base64
from datetime import timedelta

import pytest

from fcemu.core.facts import AttemptRefused, Finished, Started
from fcemu.core.invocation import Attempt
from fcemu.core.logs import log_of, tail
from fcemu.core.outcome import HANDLED, UNHANDLED, FunctionError, Halted, Returned, Throttled, TimedOut
from fcemu.core.settings import SPEC_START


def attempt(outcome=None, output="", milliseconds=2.96):
    began = Started(SPEC_START, "r-1", 1, "i-1")
    if isinstance(outcome, Throttled):
        return Attempt(AttemptRefused(SPEC_START, "r-1", 1, outcome))
    if outcome is None:
        return Attempt(began)
    return Attempt(began, Finished(SPEC_START + timedelta(milliseconds=milliseconds), "r-1", 1, outcome, output))


def test_markers_stand_around_the_output_and_a_summary_follows():
    assert log_of(attempt(Returned(b""), "hello\n"), "r-1", 128, 10.83) == (
        "FC Invoke Start RequestId: r-1\n"
        "hello\n"
        "FC Invoke End RequestId: r-1\n"
        "\n"
        "Duration: 2.96 ms, Billed Duration: 3 ms, Memory Size: 128 MB, Max Memory Used: 10.83 MB"
    )


@pytest.mark.parametrize(
    ("outcome", "suffix"),
    [
        (Returned(b""), ""),
        (FunctionError(UNHANDLED, b"{}"), ", Error: Unhandled function error"),
        (FunctionError(HANDLED, b"{}"), ", Error: Handled function error"),
        (TimedOut(b"{}"), ", Error: Unhandled function error"),
        (
            Halted("stopped as asked"),
            ", Error: Invocation canceled by client (duration: 3ms, maxMemoryUsage: 1.00MB)",
        ),
    ],
)
def test_the_end_marker_says_that_the_attempt_failed(outcome, suffix):
    log = log_of(attempt(outcome, "no line end"), "r-1", 128, 1)
    assert log.splitlines()[:3] == [
        "FC Invoke Start RequestId: r-1",
        "no line end",
        f"FC Invoke End RequestId: r-1{suffix}",
    ]


def test_an_attempt_that_runs_has_no_end_yet_and_a_refused_one_no_log():
    assert log_of(attempt(), "r-1", 128, 1) == "FC Invoke Start RequestId: r-1\n"
    assert log_of(attempt(Throttled()), "r-1", 128, 1) == ""


@pytest.mark.parametrize(
    ("milliseconds", "billed"), [(0, "0 ms"), (1, "1 ms"), (1.001, "2 ms"), (3_600_000, "3600000 ms")]
)
def test_the_billed_duration_is_rounded_up(milliseconds, billed):
    log = log_of(attempt(Returned(b""), milliseconds=milliseconds), "r-1", 128, 1)
    assert f"Billed Duration: {billed}," in log


def test_the_tail_is_the_last_bytes_in_base64():
    assert base64.b64decode(tail("ab" * 5000, 4096)) == b"ab" * 2048
    assert base64.b64decode(tail("short", 4096)) == b"short"
    assert base64.b64decode(tail("é\udcff", 2)) == b"\xa9?"
