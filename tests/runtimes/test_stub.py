"""A stub in place of code: its steps, and callables that run as handlers do."""

import functools
import json
import os
import subprocess
import time
import traceback
from datetime import datetime
from pathlib import Path
from unittest.mock import Mock

import pytest
from runtimes.fake_clock import EXITED, START, FakeClock

from fcemu.core.functions import Function
from fcemu.core.names import Account, FunctionRef
from fcemu.core.outcome import FunctionError, Halted, Returned, Throttled
from fcemu.core.stubs import Step, StubCall, step_of
from fcemu.engine.ports import Call
from fcemu.runtimes.stub import Stub, code_of, module_of


class Played:
    """A stub, and attempts that the engine would ask it for."""

    def __init__(self, runtime, *steps, **function):
        self.stub = Stub([step_of(step) for step in steps], runtime)
        settings = {
            "ref": FunctionRef("charge", "orders"),
            "handler": "index.handler",
            "code": str(Path(__file__).parent),
        }
        self.function = Function(**{**settings, **function})
        self.instance = self.stub.start(self.function, "i-1")
        self.attempt = 0

    def call(self, payload=b"", clock=None):
        return Call(
            function=self.function,
            qualifier="LATEST",
            version="LATEST",
            account=Account(),
            instance_id="i-1",
            request_id="r",
            attempt=self.attempt,
            retry_count=0,
            payload=payload,
            clock=clock or FakeClock(),
        )

    def run(self, payload=b"", clock=None):
        self.attempt += 1
        refusal = self.stub.refuses("r", self.attempt)
        return refusal if refusal is not None else self.instance.run(self.call(payload, clock))


@pytest.fixture
def play(runtime):
    return functools.partial(Played, runtime)


def payload(finish):
    assert isinstance(finish.outcome, Returned), finish.outcome
    return finish.outcome.payload


def test_each_attempt_takes_the_next_step_and_the_last_one_repeats(play):
    played = play("one", b"\xff", {"b": [1], "a": "ü"}, None)
    given = [payload(played.run()) for _ in range(6)]
    assert given == [
        b"one",
        b"\xff",
        b'{\n    "a": "\\u00fc",\n    "b": [\n        1\n    ]\n}',
        b"null",
        b"null",
        b"null",
    ]


def test_no_step_at_all_returns_nothing(play):
    assert payload(play().run()) == b"null"


@pytest.mark.parametrize("step", [ValueError("too wide"), Step(raises=ValueError("too wide"))])
def test_what_is_raised_is_the_handlers_own_exception(play, step):
    played = play(step)
    first, second = played.run(), played.run()
    assert first.exception is second.exception is (step.raises if isinstance(step, Step) else step)
    assert first.outcome == second.outcome
    assert isinstance(first.outcome, FunctionError)
    assert first.outcome.name == "ValueError"
    assert json.loads(first.outcome.document) == {"errorMessage": "too wide", "errorType": "ValueError"}
    assert not first.broken


def test_an_exception_that_is_raised_again_and_again_does_not_grow(play):
    played = play(ValueError("no"))
    depths = [len(traceback.extract_tb(played.run().exception.__traceback__)) for _ in range(3)]
    assert len(set(depths)) == 1


def test_a_class_of_exceptions_is_raised_anew_each_time(play):
    played = play(KeyError)
    first, second = played.run().exception, played.run().exception
    assert isinstance(first, KeyError)
    assert first is not second


def test_a_step_that_ends_the_process_breaks_the_instance(play):
    finish = play(Step(raises=SystemExit)).run()
    assert (finish.outcome, finish.broken) == (EXITED, True)


def test_a_step_takes_virtual_time_and_writes_a_log(play):
    clock = FakeClock()
    finish = play(Step(returns=1, seconds=90, logs="half way")).run(clock=clock)
    assert (payload(finish), clock.sleeps, finish.output) == (b"1", [90], "half way\n")


def test_a_step_whose_attempt_ends_while_it_takes_its_time_returns_nothing(play):
    finish = play(Step(returns=1, seconds=90)).run(clock=FakeClock(ends_after=10))
    assert (finish.outcome, finish.broken) == (Halted("abandoned"), True)


def test_a_refused_attempt_uses_up_its_step_and_is_no_call(play):
    played = play(Step(status=429), "ok")
    assert played.run() == Throttled()
    assert payload(played.run()) == b"ok"
    assert [call.attempt for call in played.stub.calls] == [2]


def test_calls_say_who_called_with_what_and_when(play):
    played = play("ok")
    played.run(b'{"n": 1}')
    [call] = played.stub.calls
    assert call == StubCall(b'{"n": 1}', START, "r", 1)
    assert call.json() == {"n": 1}


def test_attempts_that_overlap_keep_the_steps_they_were_given_when_they_began(play):
    played = play("one", "two")
    for played.attempt in (1, 2):
        assert played.stub.refuses("r", played.attempt) is None
    second, first = (played.call() for played.attempt in (2, 1))
    assert payload(played.instance.run(second)) == b"two"
    assert payload(played.instance.run(first)) == b"one"


def test_a_callable_gets_event_and_context(play):
    got = []
    payload(play(lambda event, context: got.append((event, context.request_id, context.function.name))).run(b"x"))
    assert got == [(b"x", "r", "charge")]


def test_a_callable_sees_virtual_time_also_by_names_bound_before(play):
    clock = FakeClock()

    def handler(event, context):
        time.sleep(5)
        return f"{time.time():.0f} {datetime.now():%Y-%m-%d}"

    finish = play(handler).run(clock=clock)
    assert payload(finish).decode() == f"{START.timestamp() + 5:.0f} 2026-01-01"
    assert clock.sleeps == [5]


def test_a_callable_sees_the_functions_variables_and_writes_into_the_log(play, capsys):
    def handler(event, context):
        print("hello")
        return os.environ["COLOUR"] + os.environ["FC_FUNCTION_NAME"]

    finish = play(handler, environment={"COLOUR": "red"}).run()
    assert (payload(finish), finish.output) == (b"redcharge", "hello\n")
    assert "COLOUR" not in os.environ
    assert capsys.readouterr().out == "hello\n"


def test_the_error_of_a_callable_names_its_file_as_fc_would(play):
    def handler(event, context):
        raise ValueError("no")

    finish = play(handler).run()
    [frame] = json.loads(finish.outcome.document)["stackTrace"]
    assert frame[0] == 'File "/code/test_stub.py"'


def test_a_mock_may_be_the_handler(play):
    handler = Mock(return_value={"ok": True}, side_effect=None)
    assert json.loads(payload(play(handler).run(b"in"))) == {"ok": True}
    assert handler.call_args.args[0] == b"in"


class Bound:
    def method(self, event, context):
        return event


def test_a_callable_is_named_by_where_its_source_is():
    here = str(Path(__file__).parent)
    assert code_of(test_no_step_at_all_returns_nothing) == (here, "test_stub.test_no_step_at_all_returns_nothing")
    assert code_of(Bound().method) == (here, "test_stub.method")
    assert code_of(functools.partial(Bound().method, b"")) == (here, "test_stub.method")
    assert code_of(lambda event, context: 1) == (here, "test_stub.handler")
    assert code_of(Mock()) == (os.getcwd(), "handler.Mock")


def test_only_modules_of_the_test_are_its_callables_modules():
    assert module_of(Bound().method).__file__ == __file__
    assert module_of(subprocess.run) is None
    assert module_of(pytest.raises) is None
    assert module_of(len) is None
