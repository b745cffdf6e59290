"""Threads of a handler that are due at the same instant go on one after the other, inline and in a process."""

import json
import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcemu.testing import LocalEmulator

FULL = os.environ.get("FCEMU_EFFORT") == "full"
HANDLER = """
import json, threading, time
from concurrent.futures import ThreadPoolExecutor

said = []

def work(name, pauses):
    for number, pause in enumerate(pauses):
        time.sleep(pause)
        said.append((name, number, time.monotonic()))
        print(name, number)

def handler(event, context):
    said.clear()
    asked = json.loads(event)
    if asked["pool"]:
        with ThreadPoolExecutor(len(asked["pauses"])) as pool:
            list(pool.map(work, range(len(asked["pauses"])), asked["pauses"]))
    else:
        threads = [threading.Thread(target=work, args=one) for one in enumerate(asked["pauses"])]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    begun = said[0][2]
    return json.dumps([(name, number, round(at - begun, 3)) for name, number, at in said])
"""
PAUSES = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=4), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def invoke(tmp_path_factory):
    """``invoke(runtime, asked)``: what the handler returned, and what it printed."""
    code = tmp_path_factory.mktemp("code")
    (code / "index.py").write_text(HANDLER)
    function = {"handler": "index.handler", "code": str(code), "timeout": 600}
    made = {
        runtime: LocalEmulator({"functions": {"f": function}}, runtime=runtime) for runtime in ("inline", "process")
    }

    def invoke(runtime, asked):
        answer = made[runtime].function("f").invoke(json.dumps(asked))
        return answer.json(), re.findall(r"^\d+ \d+$", answer.logs, re.MULTILINE)

    for runtime in made:
        invoke(runtime, {"pool": False, "pauses": [[1]]})
    yield invoke
    for emulator in made.values():
        emulator.close()


@pytest.mark.parametrize("pool", [False, True])
def test_threads_that_are_due_at_once_go_on_in_the_order_in_which_they_were_started(invoke, pool):
    for _ in range(5):
        said, output = invoke("process", {"pool": pool, "pauses": [[1] * 4] * 12})
        assert said == [[name, number, number] for number in range(4) for name in range(12)]
        assert output == [f"{name} {number}" for number in range(4) for name in range(12)]


@settings(max_examples=300 if FULL else 100, deadline=None)
@given(st.booleans(), PAUSES)
def test_threads_take_turns_in_a_process_as_they_do_inline(invoke, pool, pauses):
    asked = {"pool": pool, "pauses": pauses}
    assert invoke("process", asked) == invoke("inline", asked)


WOKEN = {
    "a queue": """
    items, seen = queue.Queue(), []
    def work(n):
        while (item := items.get()) is not None:
            seen.append((n, item))
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads: thread.start()
    time.sleep(1)
    for item in [*range(24), *[None] * 8]: items.put(item)
    """,
    "notify": """
    ready, seen = threading.Condition(), []
    def work(n):
        for turn in range(3):
            with ready: ready.wait()
            seen.append((n, turn))
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads: thread.start()
    for _ in range(3):
        time.sleep(1)
        with ready: ready.notify(8)
    """,
    "an event": """
    event, seen = threading.Event(), []
    def work(n):
        event.wait()
        seen.append(n)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads: thread.start()
    time.sleep(1)
    event.set()
    """,
    "a thread that ends": """
    slow, seen = threading.Thread(target=time.sleep, args=(2,)), []
    slow.start()
    def work(n):
        slow.join()
        seen.append(n)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads: thread.start()
    """,
}


@pytest.mark.parametrize("by", WOKEN)
def test_threads_that_another_one_wakes_go_on_one_after_the_other(emulate, by):
    emulated = emulate(f"""
def handler(event, context):
{WOKEN[by]}
    for thread in threads: thread.join()
    return str(seen)
""")
    orders = {emulated.returned() for _ in range(10)}
    assert len(orders) == 1
    if by != "a queue":
        (order,) = orders
        assert order in (str(list(range(8))), str([(n, turn) for turn in range(3) for n in range(8)]))
