"""Every number that can be given is taken or refused by name, and an emulator that is asked afterwards works."""

import json
import math
import os
from contextlib import ExitStack
from datetime import timedelta

import pytest
from api.harness import FC3, Served
from fakes import ask, make, s
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from running import wrong

from fcemu.config import DefinitionError, read_mapping
from fcemu.core.invocation import State
from fcemu.core.option_kinds import Number, Waits
from fcemu.core.options import OPTIONS
from fcemu.core.settings import settings_of
from fcemu.engine.clock import LAST
from fcemu.testing import LocalEmulator

FULL = os.environ.get("FCEMU_EFFORT") == "full"
BOUNDED = settings(
    phases=(Phase.explicit, Phase.generate),
    max_examples=3000 if FULL else 150,
    deadline=None,
    database=None,
    derandomize=not FULL,
)
LISTS = {name: option for name, option in OPTIONS.items() if isinstance(option.kind, Waits)}
NUMBERS = {name: option for name, option in OPTIONS.items() if isinstance(option.kind, Number) and option.field}
BOUNDS = {name: option.kind for name, option in NUMBERS.items()} | {name: row.kind.each for name, row in LISTS.items()}
"""The bounds of the options that are numbers, or lists of them."""


def beyond(name):
    bounds = BOUNDS[name]
    odd = [math.nan, math.inf, -math.inf, 1e300, -1e300, 2**200, -(2**200), bounds.least - 1, bounds.most + 1, True]
    return [*odd, 0.5] if bounds.what == "a whole number" else odd


def given_as(name, value):
    return [value] if name in LISTS else value


def block(name, value):
    """A definition that says it."""
    for key in reversed(OPTIONS[name].key.split(".")):
        value = {key: value}
    return value


OUTSIDE = [(name, value) for name in BOUNDS for value in beyond(name)]
INSIDE = [(name, value) for name, bounds in BOUNDS.items() for value in (bounds.least + bounds.above, bounds.most)]


@pytest.mark.parametrize(("name", "value"), OUTSIDE)
def test_a_number_out_of_bounds_is_refused_by_the_name_of_its_option(name, value):
    with pytest.raises(ValueError, match=rf"option {name}: expected"):
        settings_of({name: given_as(name, value)})
    with pytest.raises(DefinitionError, match=OPTIONS[name].key):
        read_mapping(block(name, given_as(name, value)), ".")


@pytest.mark.parametrize(("name", "value"), INSIDE)
def test_an_emulator_works_with_the_numbers_at_its_bounds(name, value):
    emulator, _ = make(settings=settings_of({name: given_as(name, value)}), f=lambda call: b"", timeout=86400)
    if name in ("instance_limit", "instances_per_minute") and value == 0:
        return  # nothing can run
    invocation = emulator.accept(ask("f"))
    emulator.wait(emulator.run_until_ended(invocation))
    assert invocation.state is State.SUCCEEDED
    assert read_mapping(block(name, given_as(name, value)), ".")
    emulator.close()


def test_the_keywords_of_an_emulator_are_refused_by_name():
    for name, value in (("seed", -1), ("watchdog", math.inf), ("idle_seconds", 1e300), ("rate", 1e12)):
        with pytest.raises(ValueError, match=f"option {name}: expected"):
            LocalEmulator(**{name: value})


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z"])
def test_a_start_that_no_clock_can_have_is_refused(start):
    with pytest.raises(ValueError, match="option start: expected an instant from 1970 to 9998"):
        settings_of({"start": start})


def test_durations_beyond_the_calendar_are_refused_or_mean_all_the_time_there_is():
    emulator, _ = make(f=lambda call: b"")
    emulator.wait(emulator.run_until_idle(timedelta(days=4_000_000)))
    with pytest.raises(ValueError, match="beyond the year 9999"):
        emulator.advance(timedelta(days=4_000_000))
    emulator.close()
    with LocalEmulator() as local:
        local.run_until_idle("4000000d")
        for rate in (0, -1, 1e12, math.nan):
            with pytest.raises(ValueError, match="flowing: rate: expected a number above 0 and at most 1000000"):
                local.flowing(rate)


@pytest.mark.parametrize("rate", [0, 1_000_000])
def test_a_clock_at_the_end_of_the_calendar_stands_still_and_answers(rate):
    emulator, _ = make(settings=settings_of({"rate": rate}), timeout=600, f=lambda call: call.clock.sleep(60))
    emulator.clock.dial()
    emulator.wait(emulator.advance_to(LAST - s(100)))
    late = emulator.accept(ask("f", delay=3600))
    emulator.wait(emulator.advance_to(LAST))
    emulator.wait(emulator.run_until_ended(late))
    assert late.finished
    assert emulator.clock.now() == LAST
    assert "the clock is at 9999-12-31 23:59:59.999999" in emulator.explain().text
    emulator.close()


@pytest.mark.parametrize(
    ("option", "values"), [("rate", BOUNDS["rate"]), ("seed", BOUNDS["seed"]), ("watchdog", BOUNDS["watchdog"])]
)
def test_the_command_line_and_its_variables_refuse_what_is_out_of_bounds(option, values):
    for value in ("nan", "inf", "-1", "1e300", str(values.most + 1), "x"):
        assert f"--{option}" in wrong(2, "serve", f"--{option}={value}")
        assert f"--{option}" in wrong(2, "serve", env={f"FCEMU_{option.upper()}": value})


# The API.


numbers = st.one_of(
    st.sampled_from([0, -1, 1, 0.5, 1e12, 1e300, -1e300, 2**53, 2**63, 2**200, -(2**200), 1e9, 3e11, True, None, "x"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
)
DOORS = [
    ("PATCH", "/clock", "rate", {}),
    ("POST", "/clock/advance", "seconds", {}),
    ("POST", "/clock/advance", "by", {}),
    ("POST", "/clock/run-until-idle", "at_most_seconds", {}),
    ("POST", "/reset", "seed", {}),
    ("POST", "/faults", "times", {"fault": "throttle", "function": "faulty"}),
    ("POST", "/faults", "status", {"fault": "fail", "function": "faulty"}),
    ("POST", "/faults", "by", {"fault": "delay", "function": "faulty"}),
    ("POST", "/faults", "again", {"fault": "deliver_twice", "function": "faulty"}),
    ("POST", "/queues/q/messages", "delay_seconds", {"body": "x"}),
    ("POST", "/queues/q/messages", "priority", {"body": "x"}),
]


@pytest.fixture(scope="module")
def served():
    with ExitStack() as ends:
        emulator, _ = make(timeout=600, f=lambda call: call.payload, faulty=lambda call: b"")
        server = Served(emulator, reset=lambda options: settings_of(options) and None)
        ends.callback(server.close)
        yield server


@BOUNDED
@given(door=st.sampled_from(DOORS), number=numbers)
def test_whatever_number_the_api_is_sent_it_answers_and_so_it_does_afterwards(served, door, number):
    method, path, field, more = door
    body = json.dumps({**more, field: number}).encode()
    reply = served.request(method, f"/_fcemu{path}", body)
    assert reply.status < 500, reply.body
    if reply.status >= 400:
        assert field in reply.json()["detail"] or reply.status in (404, 409), reply.body
    assert served.request("GET", "/_fcemu/clock").status == 200
    assert served.request("POST", FC3.format("f"), b"still there").body == b"still there"
    assert served.request("PATCH", "/_fcemu/clock", b'{"rate": 0}').status == 200
