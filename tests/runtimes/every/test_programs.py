"""What handlers do that wait for each other, on every clock and in every place: the same as in plain Python."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from fakes import s
from patience import WAIT_SECONDS
from runtimes.every.conftest import World, seconds
from runtimes.every.kinds import INLINE, PROCESS
from runtimes.programs import PROGRAMS, code_of
from systems import needs

from fcemu.core.invocation import State
from fcemu.core.settings import Settings
from fcemu.engine.emulator import ClockStuck
from fcemu.runtimes import views

FULL = os.environ.get("FCEMU_EFFORT") == "full"
RATE = 60
SHORT = 12
"""Virtual seconds. Longer programs run on a flowing clock only where there is time."""
SLACK = 1200
"""Virtual seconds by which a program on a flowing clock may take longer on a busy machine. A wait that is real there
takes sixty times as long as it should."""
TRIES = 5
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
    world = World(*place, runtimes, Settings(io_grace=s(0.1), idle=s(0)), timeout=s(3600 * 24), memory_mb=3072)
    yield world
    world.emulator.close()


@pytest.fixture(scope="module")
def flowing(place, runtimes):
    world = World(*place, runtimes, Settings(rate=RATE, idle=s(0)), timeout=s(3600 * 24), memory_mb=3072)
    yield world
    world.emulator.close()


NOT_HEARD = pytest.mark.xfail(
    sys.version_info >= (3, 12),
    reason="on newer Pythons a loop of trio sometimes does not hear of its other threads on a paused clock",
    strict=False,
)


OF_TRIO = (NOT_HEARD, needs("EPOLL"))


@pytest.mark.parametrize("name", [pytest.param(name, marks=OF_TRIO) if "trio" in name else name for name in PROGRAMS])
def test_a_program_comes_to_the_same_in_the_same_time_on_a_paused_clock(paused, name):
    _, value, lasts = PROGRAMS[name]
    attempt = paused.attempt(FUNCTIONS[name])
    paused.move(0)  # its instance is idle for long enough at once, and no later test has to do with it
    assert attempt.word == "returned", attempt.outcome
    assert json.loads(attempt.outcome.payload) == [value, lasts]
    assert seconds(attempt) == lasts


@pytest.mark.parametrize("name", [name for name, (_, _, lasts) in PROGRAMS.items() if FULL or lasts <= SHORT])
def test_a_program_comes_to_the_same_in_the_same_time_on_a_flowing_clock(flowing, name):
    """What a program comes to by a narrow margin may differ when the machine is busy, but not each time."""
    _, value, lasts = PROGRAMS[name]
    for _ in range(TRIES):
        attempt = flowing.attempt(FUNCTIONS[name])
        assert attempt.word == "returned", attempt.outcome
        came_to, took = json.loads(attempt.outcome.payload)
        assert lasts <= round(took, 3) < lasts + SLACK
        if came_to == value:
            return
    assert came_to == value


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


STUCK = {
    "a read that ends when a thread has slept": """
    import os, pathlib, socket
    ours, theirs = socket.socketpair()
    pathlib.Path(__file__ + ".left").write_text(str(os.dup(theirs.fileno())))
    thread = threading.Timer(2, theirs.send, [b"x"])
    thread.start()
    try:
        ours.recv(1)
    finally:
        theirs.close()
        ours.close()
    """,
    "a pool's thread in recv that another one ends": """
    import os, pathlib, socket
    ours, theirs = socket.socketpair()
    pathlib.Path(__file__ + ".left").write_text(str(os.dup(theirs.fileno())))
    threading.Timer(5, theirs.send, [b"x"]).start()
    pool = ThreadPoolExecutor(1)
    work = pool.submit(ours.recv, 1)
    try:
        work.result()
    finally:
        theirs.close()
        ours.close()
        pool.shutdown(wait=False)
    """,
}

OTHERWISE = """
stuck = handler
def handler(event, context):
    return b"unharmed" if event == b"other" else stuck(event, context)
"""


@pytest.fixture(params=KINDS)
def quick(request, tmp_path, runtimes):
    """A world whose watchdog strikes soon."""
    kind = KINDS[request.param]
    handlers = {f"p{n}": code_of(body) + OTHERWISE for n, body in enumerate(STUCK.values())}
    settings = Settings(io_grace=s(0.1), watchdog=s(1), grace=s(0.05))
    world = World(replace(kind, handlers=handlers), tmp_path, runtimes, settings, memory_mb=3072)
    yield world
    world.emulator.close()
    if kind.process:
        return
    # A thread of this process reads on after its attempt, and its modules are in force until it comes back.
    for left in tmp_path.rglob("*.left"):
        os.write(int(left.read_text()), b"x")
        os.close(int(left.read_text()))
    until = time.monotonic() + WAIT_SECONDS
    while views._active:
        assert time.monotonic() < until


@pytest.mark.parametrize("name", STUCK)
def test_what_only_the_clock_holds_up_ends_as_stuck_and_the_move_says_so(quick, name):
    function = f"p{list(STUCK).index(name)}"
    assert quick.unhurried(function, b"other") == b"unharmed"
    invocation = quick.accept(function)
    with pytest.raises(ClockStuck, match=f"{function} made no progress for .* real seconds: .* virtual time to pass"):
        quick.move()
    (attempt,) = invocation.attempts
    assert (attempt.word, invocation.state, seconds(attempt)) == ("stuck", State.STOPPED, 0)
    assert quick.unhurried(function, b"other") == b"unharmed"
