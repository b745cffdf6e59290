"""A clock that cannot keep up lags: whoever asks gets an answer, everything happens in order and in its time."""

import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from patience import WAIT_SECONDS, wait_until
from running import good, serving

from fcemu.client import Client
from fcemu.core.names import FunctionRef
from fcemu.core.resource_types import TRIGGERS
from fcemu.testing import LocalEmulator

FUNCTIONS = 100
EVERY_SECOND = {"every": {"timer": "@every 1s"}}
MUCH_TOO_FAST = 2000
CROWD = 2000
"""With what has fallen due before it is noticed. Every second as many firings fall due a hundred times over."""


def with_timers(emulator, functions=FUNCTIONS):
    """``emulator`` with so many functions that a timer invokes every second, and one that is called."""
    for number in range(functions):
        emulator.add(f"f{number}", lambda event, context: "", triggers=EVERY_SECOND)
    emulator.add("echo", lambda event, context: event.decode())
    return emulator


@contextmanager
def overloaded():
    # At that rate a moment of real time is a function's whole timeout, so some of the attempts may time out.
    with with_timers(LocalEmulator(rate=MUCH_TOO_FAST, strict=False)) as emulator:
        yield emulator
        emulator._engine.rate = 0  # what runs comes to its end
        emulator._engine.wait(emulator._engine.stand_still())


@pytest.fixture
def behind():
    with overloaded() as emulator:
        wait_until(lambda: emulator._engine.behind > timedelta(minutes=1))
        yield emulator


def test_everybody_is_answered_while_more_falls_due_than_can_be_run(behind):
    client = Client(behind.url)
    for number in range(20):
        assert behind.function("echo").invoke(str(number)).text == str(number)
        assert client.health().status == "ok"
        assert client.clock().behind > 60
        assert "it is behind by" in client.explain().text
        assert len(behind.function("f7").invocations) > 0


def test_what_waits_is_bounded(behind):
    begun = time.monotonic()
    for _ in range(20):
        behind.function("echo").invoke("x")
        unfinished = [one for one in behind.invocations if one.status not in ("Succeeded", "Failed")]
        # On a busy machine a crowd waits for instances, and from then on no more falls due than at real speed.
        at_real_speed = FUNCTIONS * (time.monotonic() - begun)
        assert len(unfinished) <= 3 * FUNCTIONS + CROWD + at_real_speed


def test_each_firing_is_accepted_at_its_instant(behind):
    """But for those that had fallen due before the clock knew that it would be behind."""

    def lateness(firing):
        return firing.accepted - datetime.fromisoformat(firing.json()["triggerTime"])

    def firings():
        return behind.function("f3").invocations

    wait_until(lambda: firings() and lateness(firings()[-1]) < timedelta(seconds=1))
    there = len(firings())
    wait_until(lambda: len(firings()) > there + 20)
    assert max(map(lateness, firings()[there:])) < timedelta(seconds=1)


def test_it_keeps_its_rate_again_when_less_falls_due(behind):
    for number in range(FUNCTIONS):
        behind._engine.control.delete(TRIGGERS, (FunctionRef(f"f{number}"), "every"))
    lost = behind._engine.behind
    behind._engine.rate = 1
    assert behind._engine.behind < timedelta(seconds=1)
    assert lost > timedelta(minutes=1)
    assert behind.function("echo").invoke("x").text == "x"


def test_a_move_by_hand_over_millions_of_firings_lets_others_ask_and_ends_when_the_timer_goes():
    with with_timers(LocalEmulator(), 1) as emulator:
        engine = emulator._engine
        goal = engine.advance(timedelta(days=365))
        wait_until(lambda: len(engine.journal) > 1000)
        for number in range(20):
            assert emulator.function("echo").invoke(str(number)).text == str(number)
            assert emulator._engine.explain().waiting_for
        engine.control.delete(TRIGGERS, (FunctionRef("f0"), "every"))
        engine.wait(goal)
        assert emulator.now == emulator.started + timedelta(days=365)


def test_a_move_by_hand_that_nobody_waits_for_any_more_stops():
    with with_timers(LocalEmulator(), 1) as emulator:
        engine = emulator._engine
        goal = engine.advance(timedelta(days=365))
        wait_until(lambda: len(engine.journal) > 1000)
        engine.forget(goal)
        engine.wait(engine.stand_still())
        assert emulator.now < emulator.started + timedelta(days=365)


def test_what_fell_due_in_a_long_stop_is_caught_up_in_order_while_others_ask(tmp_path):
    from fcemu.stores import sqlite as stores

    data = tmp_path / "kept.db"
    definition = {"functions": {"f": {"handler": "app.handler", "code": str(tmp_path), "triggers": EVERY_SECOND}}}
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return event\n")
    with LocalEmulator(definition, data=data, strict=False) as emulator:
        emulator.advance(3)
    real = stores.time.time
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores.time, "time", lambda: real() + 10_000_000)
        with LocalEmulator(definition, data=data, rate=1, while_down="catch-up", strict=False) as emulator:
            engine = emulator._engine
            assert engine.behind > timedelta(days=100)
            assert "what fell due while no emulator ran" in emulator.explain()
            wait_until(lambda: len(engine.journal) > 500)
            for number in range(5):
                assert emulator.function("f").invoke(str(number)).text == str(number)
            firings = [one for one in emulator.function("f").invocations if one.source == "timer"][:100]
            assert [round(emulator.seconds(one.accepted)) for one in firings] == list(range(1, 101))
            engine.control.delete(TRIGGERS, (FunctionRef("f"), "every"))
            wait_until(lambda: engine.behind < timedelta(seconds=5))
            assert emulator.seconds(emulator.now) > 10_000_000


def test_a_server_that_is_behind_ends_by_a_signal(tmp_path):
    functions = "".join(
        f"  f{number}: {{handler: app.handler, code: ., triggers: {{every: {{timer: '@every 1s'}}}}}}\n"
        for number in range(FUNCTIONS)
    )
    (tmp_path / "fcemu.yaml").write_text(f"functions:\n{functions}")
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return ''\n")
    with serving("--rate", "100000", "--runtime", "inline", str(tmp_path)) as (process, client, _):
        wait_until(lambda: client.clock().behind > 60)
        assert "behind" in good("clock", "--url", client.url).output
        process.terminate()
        assert process.wait(WAIT_SECONDS) == 0


def test_what_was_kept_is_told_while_timers_fire(tmp_path):
    """The greeting of a server counts invocations while its clock makes more of them."""
    from types import SimpleNamespace

    from fcemu.commands.serve import _tell_what_was_kept

    with overloaded() as emulator:
        plan = {"data": str(tmp_path / "a.db")}
        running = SimpleNamespace(host=SimpleNamespace(emulator=emulator._engine))
        errors = []

        def tell():
            try:
                for _ in range(300):
                    _tell_what_was_kept(plan, running)
            except RuntimeError as changed:
                errors.append(changed)

        telling = threading.Thread(target=tell)
        telling.start()
        telling.join(WAIT_SECONDS)
        assert not errors
