"""The order in which threads and tasks of a handler go on that wake at the same instant."""

import asyncio
import os
import random
import threading
import time

import pytest

from fcemu.core.questions import Choice
from fcemu.core.script import Script
from fcemu.host import LocalHost
from fcemu.search.explorer import Bounds, explore
from fcemu.testing import LocalEmulator
from fcemu.testing.exploring import Story, governed

FULL = os.environ.get("FCEMU_EFFORT") == "full"
SCENARIOS = 500 if FULL else 20


@pytest.fixture(scope="module")
def host():
    host = LocalHost()
    yield host
    host.close()


def in_threads(waits, order):
    """A thread for each list of waits; after each of them it notes its number."""

    def work(number):
        for seconds in waits[number]:
            time.sleep(seconds)
            order.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(waits))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def in_tasks(waits, order):
    """The same with a task for each list."""

    async def work(number):
        for seconds in waits[number]:
            await asyncio.sleep(seconds)
            order.append(number)

    async def main():
        await asyncio.gather(*map(work, range(len(waits))))

    asyncio.run(main())


WAYS = [pytest.param(in_threads, id="threads"), pytest.param(in_tasks, id="tasks")]


def told(host, way, waits, script=None, **options):
    """The orders in which a handler went on, and the journal."""
    orders = []

    def handler(event, context):
        orders.append([])
        way(waits, orders[-1])

    def run():
        with LocalEmulator("", server=host, intercept=False, **options) as emulator:
            emulator.add("f", handler, timeout=600)
            emulator.function("f").invoke_async()
            emulator.run_until_idle()
            return orders, list(emulator._engine.journal.lines())

    if script is None:
        return run()
    with governed(Story(script)):
        return run()


@pytest.mark.parametrize("way", WAYS)
def test_a_search_finds_each_order_and_each_is_one_choice_by_a_fact(host, way):
    seen = {}

    def fails(script):
        orders, journal = told(host, way, [[1], [1], [1]], script)
        order = tuple(orders[0])
        if order not in seen and [one.question for one in script.made] in (["strands"], ["strands"] * 2):
            seen[order] = script.made
            assert sum('"fault":"strand ' in line for line in journal) == len(script.made)
        return False

    result = explore(fails, Bounds(exhaustive=2), 0)
    assert result.complete
    assert sorted(seen) == [(0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    assert {order for order, choices in seen.items() if len(choices) == 2} == {(1, 2, 0), (2, 1, 0)}


@pytest.mark.parametrize("way", WAYS)
def test_a_choice_is_told_in_words_and_only_that_instant_differs(host, way):
    choice = Choice("strands", "f#1.1~2", 1)
    assert choice.words() == (
        "in attempt 1 of f, time 2, thread or task 1 behind the first that woke at the same instant continued before it"
    )
    waits = [[1, 1], [1, 1]]
    assert told(host, way, waits, Script.of([choice]))[0] == [[0, 1, 1, 0]]
    assert told(host, way, waits, Script())[0] == [[0, 1, 0, 1]]


@pytest.mark.parametrize("way", WAYS)
def test_waits_that_end_at_different_instants_are_not_asked_about(host, way):
    script = Script()
    told(host, way, [[1], [2], [3]], script)
    assert "strands" not in {one.question for one in script.asked}


def test_threads_and_the_loop_of_one_of_them_are_asked_about_apart(host):
    def both(waits, order):
        thread = threading.Thread(target=in_tasks, args=(waits, order))
        thread.start()
        time.sleep(1)
        order.append("handler")
        thread.join()

    script = Script()
    assert told(host, both, [[1], [1]], script)[0] == [["handler", 0, 1]]
    assert [one.answers for one in script.asked if one.question == "strands"] == [1, 1]
    choices = [Choice("strands", "f#1.1", 1), Choice("strands", "f#1.1~2", 1)]
    assert told(host, both, [[1], [1]], Script.of(choices))[0] == [[1, 0, "handler"]]


def test_a_handler_that_is_cut_off_by_its_timeout_is_asked_about_no_more(host):
    def handler(event, context):
        in_threads([[1] * 5, [1] * 5], [])

    for points in ({n: 1} for n in range(14)):
        options = {"intercept": False, "strict": False}
        with governed(Story(Script(points=points))), LocalEmulator("", server=host, **options) as emulator:
            emulator.add("f", handler, timeout=3)
            invocation = emulator.function("f").invoke_async()
            emulator.run_until_idle()
            assert invocation.status == "Failed"
            assert "timed out" in emulator.timeline()


def scenario(number):
    chance = random.Random(number)
    waits = [[chance.choice([0.5, 1, 2]) for _ in range(chance.randint(1, 4))] for _ in range(chance.randint(2, 5))]
    return chance.choice([in_threads, in_tasks]), waits


def test_random_handlers_have_the_journal_of_a_calm_run_and_each_run_repeats_by_its_choices(host):
    deviated = 0
    for number in range(SCENARIOS):
        way, waits = scenario(number)
        assert told(host, way, waits) == told(host, way, waits, Script()), number
        chance = random.Random(f"points {number}")
        points = {chance.randrange(25): chance.randint(1, 5) for _ in range(8)}
        scripts = [Script(points=points) for _ in range(2)]
        first, again = (told(host, way, waits, script) for script in scripts)
        assert first == again, number
        assert told(host, way, waits, Script.of(scripts[0].made)) == first, number
        deviated += any(one.question == "strands" for one in scripts[0].made)
    assert deviated > SCENARIOS // 4


def test_what_is_inside_of_a_process_is_not_asked_about(host, tmp_path):
    (tmp_path / "index.py").write_text(
        "import threading, time\n"
        "def f(event, context):\n"
        "    threads = [threading.Thread(target=time.sleep, args=(1,)) for _ in range(2)]\n"
        "    [thread.start() for thread in threads]\n"
        "    [thread.join() for thread in threads]\n"
    )
    definition = tmp_path / "fcemu.yaml"
    definition.write_text("functions: {f: {handler: index.f}}\n")
    for runtime, asked in (("inline", True), ("process", False)):
        script = Script()
        with governed(Story(script)), LocalEmulator(definition, runtime=runtime, intercept=False) as emulator:
            emulator.function("f").invoke_async()
            emulator.run_until_idle()
        assert ("strands" in {one.question for one in script.asked}) is asked
