"""Steps of a stub: what they may say, and how a test may write them."""

import pytest

from fcemu.core.outcome import SystemFailed, Throttled
from fcemu.core.stubs import Step, step_of


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"status": 404}, "status: expected 200, 429, 500 or 503, got 404"),
        ({"seconds": -1}, "seconds: expected a number of 0 or more, got -1"),
        ({"seconds": float("nan")}, "seconds: expected a number of 0 or more, got nan"),
        ({"logs": b"x"}, "logs: expected a string, got b'x'"),
        ({"raises": "no"}, "raises: expected an exception, got 'no'"),
        ({"raises": int}, "raises: expected an exception, got <class 'int'>"),
        ({"raises": ValueError, "returns": 1}, "a step either returns or raises; it cannot do both"),
        (
            {"status": 429, "returns": 1, "seconds": 2, "logs": "x"},
            "an attempt that is refused with 429 does not run; leave out returns, seconds, logs",
        ),
    ],
)
def test_a_step_that_contradicts_itself_is_refused(step, text):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (the whole text is compared)
        Step(**step)
    assert str(refused.value) == text


def test_a_status_is_a_refusal():
    assert [Step(status=status).refusal for status in (200, 429, 503)] == [
        None,
        Throttled(),
        SystemFailed(503, "ResourceThrottled"),
    ]


def test_an_exception_is_raised_a_callable_is_the_handler_anything_else_is_returned():
    error, step = KeyError("k"), Step(seconds=1)
    assert step_of(error) == Step(raises=error)
    assert step_of(KeyError) == Step(raises=KeyError)
    assert step_of(step) is step
    assert step_of(len) is len
    assert step_of({"a": 1}) == Step(returns={"a": 1})
    assert step_of(None) == Step()
