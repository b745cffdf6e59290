"""What handlers do that wait for each other, on every clock and in every place: the same as in plain Python."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from fakes import s
from runtimes.every.conftest import World, seconds
from runtimes.every.kinds import INLINE, PROCESS
from runtimes.programs import PROGRAMS, code_of

from fcemu.core.settings import Settings

FULL = os.environ.get("FCEMU_EFFORT") == "full"
RATE = 60
SHORT = 12
"""Virtual seconds. Longer programs run on a flowing clock only where there is time."""
SLACK = 1200
"""Virtual seconds by which a program on a flowing clock may take longer on a busy machine. A wait that is real there
takes sixty times as long as it should."""
KINDS = {
    str(kind): replace(kind, handlers={f"p{n}": code_of(body) for n, (body, _, _) in enumerate(PROGRAMS.values())})
    for kind in (INLINE, PROCESS)
}
FUNCTIONS = {name: f"p{n}" for n, name in enumerate(PROGRAMS)}


@pytest.fixture(scope="module", params=KINDS)
def place(request, tmp_path_factory):
    return KINDS[request.param], tmp_path_factory.mktemp(request.param)


@pytest.fixture(scope="module")
def paused(place, runtimes):
    world = World(*place, runtimes, timeout=s(3600 * 24), memory_mb=3072)
    yield world
    world.emulator.close()


@pytest.fixture(scope="module")
def flowing(place, runtimes):
    world = World(*place, runtimes, Settings(rate=RATE), timeout=s(3600 * 24), memory_mb=3072)
    yield world
    world.emulator.close()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_comes_to_the_same_in_the_same_time_on_a_paused_clock(paused, name):
    _, value, lasts = PROGRAMS[name]
    attempt = paused.attempt(FUNCTIONS[name])
    assert attempt.word == "returned", attempt.outcome
    assert json.loads(attempt.outcome.payload) == [value, lasts]
    assert seconds(attempt) == lasts


@pytest.mark.parametrize("name", [name for name, (_, _, lasts) in PROGRAMS.items() if FULL or lasts <= SHORT])
def test_a_program_comes_to_the_same_in_the_same_time_on_a_flowing_clock(flowing, name):
    _, value, lasts = PROGRAMS[name]
    attempt = flowing.attempt(FUNCTIONS[name])
    assert attempt.word == "returned", attempt.outcome
    came_to, took = json.loads(attempt.outcome.payload)
    assert came_to == value
    assert lasts <= round(took, 3) < lasts + SLACK


@pytest.mark.skipif(not FULL, reason="it takes as long as its longest program")
def test_plain_python_comes_to_the_same_in_the_same_time(tmp_path):
    running = {}
    for name, (body, _, lasts) in PROGRAMS.items():
        if lasts <= 120:
            program = code_of(body) + "\nif __name__ == '__main__': print(handler(None, None))\n"
            path = tmp_path / f"{FUNCTIONS[name]}.py"
            path.write_text(program)
            running[name] = subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True)
    came_to = {name: json.loads(process.communicate()[0]) for name, process in running.items()}
    for name, (value, took) in came_to.items():
        assert (value, took >= PROGRAMS[name][2] - 0.01) == (PROGRAMS[name][1], True), name
