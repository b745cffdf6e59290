"""``signal.alarm`` and ``signal.setitimer`` in a process: they count virtual time, and strike virtual waits."""

import json
import textwrap
from datetime import timedelta

import pytest
from fakes import CREW, ask, s
from systems import needs

from fcemu.core.catalog import Catalog
from fcemu.core.facts import Warned
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator
from fcemu.runtimes.python_process import PythonProcess

pytestmark = needs("ALARMS")
HEAD = """
import asyncio, json, os, queue, signal, socket, sys, threading, time
from signal import ITIMER_REAL, SIGALRM, alarm, getitimer, setitimer
started, struck = time.time(), []
def now(): return round(time.time() - started, 6)
def note(number, frame): struck.append(now())
class TooLate(Exception): pass
def refuse(number, frame): raise TooLate
def handler(event, context):
    global started
    started = time.time()
    struck.clear()
    return [main(), now()]
"""


@pytest.fixture(scope="module")
def runtime():
    made = PythonProcess()
    yield made
    made.close()


@pytest.fixture
def emulated(runtime, tmp_path):
    """``emulated("def main(): …", settings)``: an emulator with function ``f``, and how its next attempt ends."""
    made = []

    def emulated(code, settings=None, timeout=600):
        (tmp_path / "index.py").write_text(HEAD + textwrap.dedent(code))
        catalog, ref = Catalog(), FunctionRef("f")
        catalog.add(Function(ref=ref, handler="index.handler", timeout=s(timeout), code=str(tmp_path)))
        catalog.set_async(ref, AsyncSettings(max_retries=0))
        settings = settings or Settings(watchdog=s(5))
        emulator = Emulator(settings=settings, catalog=catalog, runtimes=lambda _: runtime, chance=Chance(0), crew=CREW)
        made.append(emulator)

        def run():
            invocation = emulator.accept(ask("f"))
            emulator.wait(emulator.run_until_idle(None))
            return invocation.attempts[0]

        return emulator, run

    yield emulated
    for emulator in made:
        emulator.close()


@pytest.fixture
def returned(emulated):
    """What ``main()`` returns, the seconds that it has measured, and the seconds that its attempt took."""

    def returned(code, settings=None):
        _, run = emulated(code, settings)
        attempt = run()
        assert attempt.word == "returned", attempt
        value, measured = json.loads(attempt.outcome.payload)
        assert (attempt.ended - attempt.started).total_seconds() == pytest.approx(measured, abs=1e-4)
        return value, measured

    return returned


RAISING = """
    signal.signal(SIGALRM, refuse)
    try:
        alarm(5); {wait}
    except TooLate: pass
    return now()
"""
NOTING = """
    signal.signal(SIGALRM, note)
    alarm(5); {wait}
    return struck
"""
WAITS = {
    "a sleep": "time.sleep(20)",
    "an event": "threading.Event().wait(20)",
    "a queue": "catch(queue.Empty, queue.Queue().get, True, 20)",
    "a join": "thread = threading.Thread(target=time.sleep, args=(20,)); thread.start(); thread.join()",
    "a lock": "holder = hold(); gate.acquire(); gate.release(); holder.join()",
    "a loop": "asyncio.run(asyncio.sleep(20))",
    "a loop with sockets": "asyncio.run(with_sockets())",
}
MORE = """
gate, got = threading.Lock(), threading.Event()
def catch(error, function, *args):
    try: function(*args)
    except error: pass
def hold():
    def hold():
        with gate: got.set(); time.sleep(20)
    thread = threading.Thread(target=hold)
    thread.start(); got.wait()
    return thread
async def with_sockets():
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    await asyncio.sleep(20)
    writer.close(); theirs.close()
"""


@pytest.mark.parametrize("wait", WAITS)
def test_an_alarm_strikes_a_virtual_wait_at_its_instant_and_what_it_raises_ends_the_wait(returned, wait):
    settings = Settings(watchdog=s(5), io_grace=s(0.05))
    value, _ = returned(f"{MORE}\ndef main():\n    {RAISING.format(wait=WAITS[wait])}", settings)
    assert value == 5


@pytest.mark.parametrize("wait", WAITS)
def test_a_wait_goes_on_to_its_end_when_the_handler_of_the_signal_returns(returned, wait):
    settings = Settings(watchdog=s(5), io_grace=s(0.05))
    assert returned(f"{MORE}\ndef main():\n    {NOTING.format(wait=WAITS[wait])}", settings) == ([5], 20)


CASES = {
    "an interval": (
        "signal.signal(SIGALRM, note); setitimer(ITIMER_REAL, 2, 3); time.sleep(12); setitimer(ITIMER_REAL, 0)\n"
        "    time.sleep(10); return struck",
        [2, 5, 8, 11],
        22,
    ),
    "a wait after a wait that was ended": (
        "signal.signal(SIGALRM, refuse)\n"
        "    for _ in range(3):\n"
        "        alarm(5); catch(TooLate, time.sleep, 100); time.sleep(1)\n"
        "    thread = threading.Thread(target=time.sleep, args=(4,)); thread.start(); thread.join()",
        None,
        22,
    ),
    "no wait": ("signal.signal(SIGALRM, refuse); alarm(5); alarm(0); time.sleep(9)", None, 9),
    "what is left": (
        "return [alarm(5), time.sleep(2.25), alarm(0), alarm(1), time.sleep(0.9), alarm(0), alarm(0)]",
        [0, None, 3, 0, None, 1, 0],
        3.15,
    ),
    "what a timer tells": (
        "signal.signal(SIGALRM, lambda *_: struck.append(getitimer(ITIMER_REAL)))\n"
        "    told = [getitimer(ITIMER_REAL), setitimer(ITIMER_REAL, 5, 2), getitimer(ITIMER_REAL)]\n"
        "    time.sleep(4); told.append(getitimer(ITIMER_REAL)); time.sleep(2)\n"
        "    told += [*struck, setitimer(ITIMER_REAL, 1), *(time.sleep(2), struck[1:])[1]]\n"
        "    return told",
        [[0, 0], [0, 0], [5, 2], [1, 2], [2, 2], [1, 2], [0, 0]],
        8,
    ),
    "the handler of a signal that sleeps": (
        "signal.signal(SIGALRM, lambda *_: (time.sleep(3), note(0, 0))); alarm(5); time.sleep(6); return struck",
        [8],
        8,
    ),
    "the same instant": ("signal.signal(SIGALRM, refuse); alarm(5); catch(TooLate, time.sleep, 5); return now()", 5, 5),
    "an alarm of a thread": (
        "signal.signal(SIGALRM, lambda *_: struck.append(threading.current_thread() is threading.main_thread()))\n"
        "    threading.Thread(target=lambda: (time.sleep(1), alarm(2))).start(); time.sleep(9); return struck",
        [True],
        9,
    ),
    "a handler of a loop": (
        "async def waited():\n"
        "        done = asyncio.Event()\n"
        "        asyncio.get_running_loop().add_signal_handler(SIGALRM, done.set)\n"
        "        alarm(4); await done.wait(); return now()\n"
        "    return asyncio.run(waited())",
        4,
        4,
    ),
    "the other timers": (
        "setitimer(signal.ITIMER_VIRTUAL, 1000); return setitimer(signal.ITIMER_VIRTUAL, 0)[0] > 900",
        True,
        0,
    ),
    "what is no time": (
        "for wrong in ((-1,), (1, -1)): catch(signal.ItimerError, setitimer, ITIMER_REAL, *wrong)\n"
        "    catch(TypeError, alarm, 1.5); catch(TypeError, setitimer, ITIMER_REAL, '1')\n"
        "    return getitimer(ITIMER_REAL)",
        [0, 0],
        0,
    ),
    "a fork": (
        "signal.signal(SIGALRM, note); alarm(5); child = os.fork()\n"
        "    if child == 0: os._exit(alarm(0))\n"
        "    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), alarm(0)]",
        [0, 5],
        0,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_alarms_count_virtual_time(returned, case):
    code, value, took = CASES[case]
    assert returned(f"{MORE}\ndef main():\n    {code}") == (value, took)


@pytest.mark.parametrize("wait", [*WAITS.values(), "spin()", "ours.recv(1)", "signal.pause()"])
def test_alarms_strike_while_the_clock_flows(emulated, wait):
    code = f"""{MORE.replace("20", "100_000")}
ours, theirs = socket.socketpair()
def spin():
    while True: pass
def third(number, frame):
    note(number, frame)
    if len(struck) == 3:
        setitimer(ITIMER_REAL, 0)
        raise TooLate
def until_the_third():
    while True: {wait.replace("20", "100_000")}
def main():
    signal.signal(SIGALRM, third); setitimer(ITIMER_REAL, 2, 3)
    catch(TooLate, until_the_third)
    return struck
"""
    _, run = emulated(code, Settings(rate=1000.0, io_grace=s(0.05)), timeout=86_400)
    attempt = run()
    assert attempt.word == "returned", attempt
    struck, _ = json.loads(attempt.outcome.payload)
    assert len(struck) == 3
    assert all(one >= due for one, due in zip(struck, (2, 5, 8), strict=True))


def test_an_alarm_ends_with_its_attempt(emulated):
    _, run = emulated("""
        def main():
            left = getitimer(ITIMER_REAL)
            signal.signal(SIGALRM, note)
            time.sleep(9)
            setitimer(ITIMER_REAL, 3, 1)
            return [left, list(struck)]
        """)
    assert [json.loads(run().outcome.payload)[0] for _ in range(3)] == [[[0, 0], []]] * 3


def test_a_time_out_strikes_before_a_later_alarm(emulated):
    _, run = emulated("def main(): alarm(50); time.sleep(90)", timeout=30)
    attempt = run()
    assert (attempt.word, attempt.ended - attempt.started) == ("timed out", timedelta(seconds=30))


def test_an_alarm_without_a_handler_ends_the_process(emulated):
    _, run = emulated("def main(): alarm(5); time.sleep(90)")
    attempt = run()
    assert attempt.word != "returned"
    assert attempt.ended - attempt.started == timedelta(seconds=5)


@pytest.mark.parametrize("wait", ["ours.recv(1)", "signal.pause()", "signal.sigwaitinfo([signal.SIGUSR1])"])
def test_an_alarm_strikes_what_waits_for_something_real_and_the_timeline_says_so(emulated, wait):
    emulator, run = emulated(
        f"""{MORE}
def main():
    ours, theirs = socket.socketpair()
    signal.signal(SIGALRM, refuse)
    for _ in range(2):
        alarm(5); catch(TooLate, lambda: {wait})
    time.sleep(1)
    return threading.active_count()
""",
        Settings(watchdog=s(5), io_grace=s(0.05)),
    )
    assert json.loads(run().outcome.payload) == [1, 11]
    assert json.loads(run().outcome.payload) == [1, 11]
    warning = "the handler waited for something real; after 0.05 real seconds the clock moved on to its alarm"
    assert {fact.text for fact in emulator.journal if isinstance(fact, Warned)} == {warning}


def test_an_attempt_ends_well_whose_alarm_was_waited_for_when_the_real_wait_ended(emulated):
    _, run = emulated(
        f"""{MORE}
def main():
    ours, theirs = socket.socketpair()
    signal.signal(SIGALRM, lambda *_: theirs.send(b"x"))
    alarm(5)
    return ours.recv(1).decode()
""",
        Settings(watchdog=s(5), io_grace=s(0.05)),
    )
    assert [json.loads(run().outcome.payload) for _ in range(3)] == [["x", 5]] * 3
