"""Clients that take too long."""

import asyncio

from fcemu.api.overdue import Overdue


def played(scene):
    return asyncio.run(asyncio.wait_for(scene(), 20))


def test_what_does_not_end_in_time_is_acted_on_in_its_order():
    async def scene():
        acted = asyncio.Queue()
        overdue = Overdue(asyncio.get_running_loop(), 0.01, acted.put_nowait)
        for one in "abc":
            overdue.begin(one)
        overdue.end("b")
        assert [await acted.get(), await acted.get()] == ["a", "c"]
        assert len(overdue) == 0
        overdue.begin("d")
        assert await acted.get() == "d"

    played(scene)


def test_of_too_many_the_oldest_is_acted_on_at_once():
    async def scene():
        acted = []
        overdue = Overdue(asyncio.get_running_loop(), 1000, acted.append, most=2)
        for one in "abab":
            overdue.begin(one)
        assert acted == []
        overdue.begin("c")
        assert acted == ["a"]
        assert overdue.close() == ["b", "c"]

    played(scene)


def test_nothing_happens_after_the_end():
    async def scene():
        acted = []
        overdue = Overdue(asyncio.get_running_loop(), 0, acted.append)
        overdue.begin("a")
        assert overdue.close() == ["a"]
        await asyncio.sleep(0.01)
        assert acted == []

    played(scene)
