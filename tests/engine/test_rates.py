"""A clock that is paused, flows and jumps in any order answers whoever waits for a function."""

import os
import threading

from fakes import ask, make, s
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from patience import WAIT_SECONDS

from fcemu.core.invocation import State
from fcemu.core.settings import Settings

FULL = os.environ.get("FCEMU_EFFORT") == "full"
BOUNDED = settings(
    phases=(Phase.explicit, Phase.generate),
    max_examples=2000 if FULL else 60,
    deadline=None,
    database=None,
    derandomize=not FULL,
)
FAST = 100_000
LONG = 86400 * 365


def sleeper(call):
    call.clock.sleep(int(call.payload))
    return call.payload


def caller_of(emulators):
    """A handler that calls ``sleeper`` and waits for it, with its own sleeps around that call."""

    def caller(call):
        [emulator] = emulators
        ended = threading.Event()
        call.clock.sleep(3)
        inner = emulator.invoke(ask("sleeper", call.payload, access_key_id=call.access_key_id), lambda _: ended.set())
        assert ended.wait(WAIT_SECONDS)
        call.clock.sleep(3)
        return inner.ending().payload

    return caller


class Callers:
    """Synchronous callers of an emulator, none of which has a thread."""

    def __init__(self, rate=0.0):
        emulators = []
        self.emulator, _ = make(
            settings=Settings(rate=rate), timeout=LONG, sleeper=sleeper, caller=caller_of(emulators)
        )
        emulators.append(self.emulator)
        self.waiting = []

    def call(self, name, seconds):
        answered = threading.Event()
        record = self.emulator.invoke(ask(name, b"%d" % seconds), lambda _: answered.set())
        self.waiting.append((record, answered))

    def all_are_answered(self):
        for record, answered in self.waiting:
            assert answered.wait(WAIT_SECONDS), str(self.emulator.explain())
            assert (record.state, record.ending().payload) == (State.SUCCEEDED, record.accepted.payload)


def test_pausing_a_flowing_clock_answers_whose_handler_sleeps():
    callers = Callers(rate=1)
    callers.call("sleeper", 1000)
    callers.emulator.rate = 0
    callers.all_are_answered()
    assert callers.emulator.clock.now() < callers.emulator.clock.started + s(1100), "it moves no farther than that"
    callers.emulator.close()


def test_pausing_a_flowing_clock_answers_whose_handler_waits_for_another_one():
    inside, emulators = threading.Event(), []

    def long_sleeper(call):
        inside.set()
        return sleeper(call)

    emulator, _ = make(settings=Settings(rate=FAST), timeout=LONG, sleeper=long_sleeper, caller=caller_of(emulators))
    emulators.append(emulator)
    answered = threading.Event()
    record = emulator.invoke(ask("caller", b"20000000"), lambda _: answered.set())
    assert inside.wait(WAIT_SECONDS)
    emulator.rate = 0
    assert answered.wait(WAIT_SECONDS), str(emulator.explain())
    assert record.state is State.SUCCEEDED
    emulator.close()


seconds = st.integers(0, 10_000)
changes = st.one_of(
    st.tuples(st.just("rate"), st.sampled_from([0, 0, 1, FAST])),
    st.tuples(st.just("autojump"), st.booleans()),
    st.tuples(st.just("sleeper"), seconds),
    st.tuples(st.just("caller"), seconds),
    st.tuples(st.just("advance"), seconds),
)


@BOUNDED
@given(st.sampled_from([0, FAST]), st.lists(changes, min_size=2, max_size=12), st.sampled_from([0, FAST]))
def test_whatever_happens_to_the_clock_every_caller_is_answered(begins, happens, ends):
    callers = Callers(begins)
    emulator = callers.emulator
    moves = []
    for what, value in happens:
        if what == "rate":
            emulator.rate = value
        elif what == "autojump":
            emulator.autojump = value
        elif what == "advance":
            moves.append(emulator.advance(s(value)))
        else:
            callers.call(what, value)
    emulator.rate = ends
    callers.all_are_answered()
    for move in moves:
        emulator.wait(move)
    emulator.close()
