"""What the caller of an invocation gets."""

from datetime import timedelta

import pytest

from fcemu.core.answers import answer_of, http_answer_of, recorded_answer_of
from fcemu.core.facts import Accepted, AttemptRefused, Failed, Finished, Started
from fcemu.core.http import HttpAnswer
from fcemu.core.invocation import Invocation
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import (
    HUNG_UP,
    NO_CAPACITY,
    UNHANDLED,
    FunctionError,
    Halted,
    Returned,
    Stuck,
    SystemFailed,
    Throttled,
    TimedOut,
    error_document,
)
from fcemu.core.settings import SPEC_START

FC2, FC3 = FunctionRef("f", "shop"), FunctionRef("f")
BODY = error_document("it has ended")
EXITED = FunctionError("CAExited", BODY)
TEAPOT = HttpAnswer(418, (("X-Own", "1"), ("x-fc-own", "2")))


def ended(outcome, function=FC3, synchronous=True):
    """An invocation whose only attempt came to ``outcome``; ``None``: the attempt still runs."""
    accepted = Accepted(SPEC_START, "r-1", function, "LATEST", synchronous, "api", b"", SPEC_START, "r-1", 0)
    invocation = Invocation(accepted)
    if isinstance(outcome, Throttled | SystemFailed):
        invocation.apply(AttemptRefused(SPEC_START, "r-1", 1, outcome))
    else:
        invocation.apply(Started(SPEC_START, "r-1", 1, "i-1"))
        if outcome is None:
            return invocation
        invocation.apply(Finished(SPEC_START + timedelta(seconds=1), "r-1", 1, outcome, ""))
    invocation.apply(Failed(SPEC_START + timedelta(seconds=1), "r-1", "why"))
    return invocation


def seen(answer):
    return answer.status, dict(answer.headers).get("Content-Type"), answer.body, answer.error


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Returned(b"x"), (200, "application/octet-stream", b"x", None)),
        (FunctionError("HandledInvocationError", BODY), (200, "application/json", BODY, "HandledInvocationError")),
        (TimedOut(BODY), (200, "application/json", BODY, UNHANDLED)),
    ],
)
def test_what_the_code_returns_or_raises_is_the_answer_of_fcs_api(outcome, expected):
    answer = answer_of(ended(outcome))
    assert (*seen(answer), answer.refusal) == (*expected, None)


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        (Throttled(), 429, "ResourceExhausted"),
        (NO_CAPACITY, 503, "ResourceThrottled"),
        (SystemFailed(500, "InternalServerError"), 500, "InternalServerError"),
        (SystemFailed(412, "FunctionNotStarted", "no such program"), 412, "FunctionNotStarted"),
        (Halted(HUNG_UP), 499, "ClientClosedRequest"),
        (Halted("the emulator was closed"), 503, "ResourceThrottled"),
        (Stuck("it waits for real time"), 500, "InternalServerError"),
    ],
)
@pytest.mark.parametrize("asked", [answer_of, http_answer_of])
def test_where_no_handler_came_to_an_end_fc_refuses_under_the_id_of_the_invocation(asked, outcome, status, code):
    answer = asked(ended(outcome))
    assert (answer.status, answer.error, answer.body) == (status, code, b"")
    assert (answer.refusal.status, answer.refusal.code, answer.refusal.request_id) == (status, code, "r-1")


@pytest.mark.parametrize(
    ("function", "synchronous", "refused"), [(FC3, True, True), (FC3, False, False), (FC2, True, False)]
)
def test_a_program_that_has_ended_is_a_refusal_for_synchronous_callers_of_3_0(function, synchronous, refused):
    invocation = ended(EXITED, function, synchronous)
    answer = answer_of(invocation)
    assert (answer.refusal is not None, answer.body, answer.error) == (refused, BODY, "CAExited")
    assert answer.status == (answer.refusal.status if refused else 200)
    assert http_answer_of(invocation).status == 502


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Returned(b"x"), (200, "text/plain; charset=utf-8", b"x", None)),
        (Returned(b'{"statusCode": 404, "body": "no"}'), (404, None, b"no", None)),
        (Returned(b"x", TEAPOT), (418, None, b"x", None)),
        (FunctionError(UNHANDLED, b"x", http=TEAPOT), (418, None, b"x", UNHANDLED)),
        (FunctionError(UNHANDLED, BODY), (502, "application/json", BODY, UNHANDLED)),
        (TimedOut(BODY), (502, "application/json", BODY, UNHANDLED)),
    ],
)
def test_an_http_trigger_passes_on_what_a_function_answers_and_hides_its_failure(outcome, expected):
    answer = http_answer_of(ended(outcome))
    assert (*seen(answer), answer.refusal) == (*expected, None)
    assert answer.by_function == (answer.status != 502)
    assert "x-fc-own" not in dict(answer.headers)


def test_what_an_http_trigger_cannot_pass_on_is_refused():
    answer = http_answer_of(ended(Returned(b'{"statusCode": "ok"}')))
    assert (answer.status, answer.error) == (answer.refusal.status, answer.refusal.code)
    assert answer.error == "BadResponse"


@pytest.mark.parametrize("outcome", [None, Halted("stopped as asked"), Stuck("it waits for real time")])
def test_a_record_shows_no_answer_before_the_end_and_where_the_emulator_has_ended_the_attempt(outcome):
    assert recorded_answer_of(ended(outcome)) is None


def test_a_record_shows_the_answer_that_a_caller_gets():
    for outcome in (Returned(b"x"), EXITED, Throttled()):
        assert seen(recorded_answer_of(ended(outcome))) == seen(answer_of(ended(outcome)))
