"""Handlers that swallow their end and go on to wait: they learn of it twice, then their threads wait for ever."""

import os
import random
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import ask, s
from patience import CHILD_SECONDS, WAIT_SECONDS, wait_until

from fcemu.core.names import LATEST, FunctionRef

FULL = os.environ.get("FCEMU_EFFORT") == "full"
TWICE = ["Abandoned", "Abandoned"]

WAITS = {
    "time.sleep": "time.sleep(5)",
    "a shorter sleep": "time.sleep(0.5)",
    "Event.wait": "threading.Event().wait(5)",
    "Condition.wait": "(lambda c: (c.acquire(), c.wait(5)))(threading.Condition())",
    "queue": "queue.Queue().get(timeout=5)",
    "a lock": "(lambda lock: (lock.acquire(), lock.acquire(timeout=5)))(threading.Lock())",
    "a future": "concurrent.futures.Future().result(5)",
    "a thread": "(lambda t: (t.start(), t.join()))(threading.Thread(target=time.sleep, args=(5,)))",
}
"""Each waits on and on until something ends it; what ends it is noted in ``shared.seen`` and swallowed."""

LOOP = """
    shared = sys.modules["shared"]
    def work():
        while not shared.leave:
            try:
                {wait}
            except Exception:
                pass
            except BaseException as error:
                shared.seen.append(type(error).__name__)
    def handler(event, context):
        {body}
"""
BODIES = {
    "handler": "work()",
    "thread": "thread = threading.Thread(target=work); thread.start(); thread.join()",
    "pool": "with ThreadPoolExecutor(1) as pool: pool.submit(work).result()",
    "left behind": "threading.Thread(target=work).start(); time.sleep(1)",
}


@pytest.fixture
def shared():
    """What the test and its handlers have in common: ``sys.modules["shared"]``."""
    shared = sys.modules["shared"] = SimpleNamespace(seen=[], leave=[], done=threading.Event())
    yield shared
    shared.leave.append(True)
    del sys.modules["shared"]


def seconds(emulated, attempt):
    return (attempt.ended - emulated.emulator.clock.started).total_seconds()


@pytest.mark.parametrize("wait", WAITS)
def test_a_handler_that_swallows_its_timeout_ends_at_that_instant_and_its_thread_waits_for_ever(emulate, shared, wait):
    emulated = emulate(
        LOOP.format(wait=WAITS[wait], body=BODIES["handler"]), other="def handler(event, context): time.sleep(5)"
    )
    attempt = emulated.run()
    assert (attempt.word, seconds(emulated, attempt)) == ("timed out", 60)
    assert set(shared.seen) == {"Abandoned"}
    seen = len(shared.seen)
    assert seen <= 3  # one more where a ``finally`` block of the wait itself has waited
    assert emulated.run("other").word == "returned"
    emulated.emulator.close()
    assert len(shared.seen) == seen


@pytest.mark.parametrize("body", BODIES)
def test_it_makes_no_difference_on_which_thread_it_does_so(emulate, shared, body):
    emulated = emulate(LOOP.format(wait="time.sleep(5)", body=BODIES[body]))
    attempt = emulated.run()
    left_behind = body == "left behind"
    assert (attempt.word, seconds(emulated, attempt)) == (("returned", 1) if left_behind else ("timed out", 60))
    emulated.emulator.close()
    wait_until(lambda: shared.seen == TWICE)


def test_finally_blocks_run_although_they_wait(emulate, shared):
    emulated = emulate("""
        shared = sys.modules["shared"]
        def handler(event, context):
            try:
                time.sleep(1000)
            finally:
                shared.seen.append("outer")
                try:
                    time.sleep(1)
                finally:
                    shared.seen.append("inner")
    """)
    assert emulated.run().word == "timed out"
    assert shared.seen == ["outer", "inner"]


def test_a_handler_that_is_stopped_and_goes_on_to_wait_is_given_up(emulate, shared):
    emulated = emulate(LOOP.format(wait="time.sleep(5)", body="shared.done.set(); work()"), timeout=600)
    emulator = emulated.emulator
    invocation = emulator.accept(ask("f", task_mode=True, task_id="a"))
    emulator.wait(emulator.advance(s(12)))
    emulator.tasks.stop(FunctionRef("f"), LATEST, "a")
    emulator.wait(emulator.run_until_idle(None))
    assert (invocation.attempts[0].word, seconds(emulated, invocation.attempts[0])) == ("stopped", 12)
    assert shared.seen == TWICE


@pytest.mark.parametrize("seed", range(60 if FULL else 6))
def test_random_ways_to_go_on_after_the_end_neither_stick_nor_change_the_outcome(emulate, shared, seed):
    draw = random.Random(seed)
    waits = draw.choices(list(WAITS.values()), k=draw.randint(1, 3))
    body = draw.choice(["handler", "thread", "pool"])
    lines = "; ".join(f"{wait}" for wait in waits)
    emulated = emulate(LOOP.format(wait=lines, body=BODIES[body]), other="def handler(event, context): time.sleep(5)")
    attempts = [emulated.run() for _ in range(2)]
    assert [one.word for one in attempts] == ["timed out"] * 2
    assert [seconds(emulated, one) for one in attempts] == [60, 120]
    assert emulated.run("other").word == "returned"
    emulated.emulator.close()


def test_threads_that_swallow_everything_do_not_keep_python_from_exiting(tmp_path):
    program = """
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        from fcemu.testing import LocalEmulator

        def loop():
            while True:
                try: time.sleep(5)
                except: pass
        def drift(gate=threading.Event()):
            while True:
                try: gate.wait()
                except: pass
        def handler(event, context):
            pool = ThreadPoolExecutor(2)
            for work in (loop, drift):
                threading.Thread(target=work).start()
                pool.submit(work)
            time.sleep(1)
            if event == b"on": loop()

        with LocalEmulator("", strict=False) as emulator:
            function = emulator.add("f", handler)
            print(function.invoke("off").error, function.invoke("on").error)
    """
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False, env=environment, cwd=tmp_path
    )
    assert (done.stdout, done.stderr, done.returncode) == ("None UnhandledInvocationError\n", "", 0)


def test_a_pool_whose_items_are_left_over_when_its_attempt_ends_serves_the_next_attempt(emulate, shared):
    emulated = emulate("""
        POOL = ThreadPoolExecutor(2)
        shared = sys.modules["shared"]
        def handler(event, context):
            if event == b"first":
                for n in range(2): POOL.submit(shared.done.wait)
                for n in range(20): POOL.submit(shared.seen.append, n)
                return "left"
            shared.done.set()
            return str(POOL.submit(lambda: "served").result())
    """)
    assert emulated.returned(payload=b"first") == "left"
    assert emulated.returned(payload=b"second") == "served"
    assert sorted(shared.seen) == list(range(20))


def test_whoever_joins_a_thread_that_waits_for_ever_goes_on(emulate, shared):
    """As Python does with the threads of pools when it exits."""
    emulated = emulate(
        LOOP.format(
            wait="time.sleep(5)",
            body="shared.thread = threading.Thread(target=work); shared.thread.start(); shared.thread.join()",
        )
    )
    assert emulated.run().word == "timed out"
    shared.thread.join(WAIT_SECONDS)
    assert not shared.thread.is_alive()
    assert shared.seen == TWICE
