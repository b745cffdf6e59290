"""Prints runs a second of the toy of ``explore.py`` for simloom, by its own explorer, in the time of the processor.

A process of its own, which imports simloom and nothing of fcemu: simloom collects garbage after each run, which takes
the longer the more there is in memory. The argument: how many runs.
"""

import asyncio
import sys
import time

import simloom


async def message(booked: list[str], name: str) -> None:
    for attempt in range(4):
        if simloom.sometimes("late"):
            await asyncio.sleep(1.0)
        booked.append(name)
        if not simloom.sometimes("died"):
            return
        await asyncio.sleep(0.5 * 2**attempt)


async def story() -> None:
    booked: list[str] = []
    await asyncio.gather(message(booked, "a"), message(booked, "b"))
    assert {*booked} == {"a", "b"}


def main(runs: int) -> None:
    begin = time.process_time()
    found = simloom.explore(story, runs=runs, world=False)
    took = time.process_time() - begin
    assert (found.runs, found.failed) == (runs, False), found.summary()
    print(runs / took)


if __name__ == "__main__":
    main(int(sys.argv[1]))
