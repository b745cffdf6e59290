"""Threads, work items and loops that a handler starts: its clock, its timeout, and what becomes of them afterwards."""

import socket
import sys
import threading
from types import SimpleNamespace

import pytest
from fakes import ask, s
from patience import WAIT_SECONDS, wait_until

from fcemu.core.asking import never_ran
from fcemu.core.invocation import State
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.core.timeline import render
from fcemu.engine.emulator import ClockStuck
from fcemu.engine.ports import Abandoned
from fcemu.engine.runs import STRANDS
from fcemu.handler.time.locks import HOLDERS
from fcemu.testing import LocalEmulator

QUICK = Settings(watchdog=s(1), grace=s(0.05))


@pytest.fixture
def shared():
    """What the test and its handlers have in common: ``sys.modules["shared"]``."""
    shared = sys.modules["shared"] = SimpleNamespace(seen=[], done=threading.Event(), leave=[])
    yield shared
    shared.leave.append(True)
    del sys.modules["shared"]


SHARED = """
        shared = sys.modules["shared"]
"""


def test_a_thread_reads_the_handlers_clock_environment_and_output(emulate):
    emulated = emulate("""
        def work():
            os.environ["SEEN"] = str(time.time())
            time.sleep(5)
            print("in the thread at", time.monotonic())

        def handler(event, context):
            time.sleep(10)
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            return os.environ["SEEN"] + f" {time.time()}"
    """)
    attempt = emulated.run()
    assert attempt.outcome.payload == b"1767225610.0 1767225615.0"
    assert "in the thread at 15.0" in attempt.output


def test_an_attempt_is_parked_only_when_all_its_threads_are(emulate):
    emulated = emulate("""
        def handler(event, context):
            threads = [threading.Thread(target=time.sleep, args=(n,)) for n in (3, 1, 2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    """)
    emulated.returned()
    assert emulated.sleeps == [(0, 1), (1, 2), (2, 3)]


def test_threads_due_at_the_same_instant_wake_one_after_another_in_the_order_of_their_making(emulate):
    emulated = emulate("""
        def handler(event, context):
            seen, ready = [], threading.Barrier(20)
            def work(n):
                ready.wait()
                time.sleep(1)
                seen.append(n)
                time.sleep(1)
            threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return str(seen)
    """)
    assert emulated.returned() == str(list(range(20)))


PLAIN = {
    "sleeps": "time.sleep(600)",
    "pool": """
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(time.sleep, [10, 20, 10, 30, 5]))
            """,
    "asyncio": """
            async def parts():
                await asyncio.gather(asyncio.sleep(5), asyncio.to_thread(time.sleep, 7), asyncio.sleep(6))
            asyncio.run(parts())
            """,
    "worker": """
            items, results = queue.Queue(), queue.Queue()
            def work():
                while (item := items.get()) is not None:
                    time.sleep(item)
                    results.put(item)
            for _ in range(2):
                threading.Thread(target=work).start()
            for item in (4, 3, 2, 1):
                items.put(item)
            for _ in range(4):
                results.get(timeout=60)
            items.put(None)
            items.put(None)
            """,
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_programs_have_the_same_timeline_every_time(emulate, name):
    code = f"""
        def handler(event, context):
            {PLAIN[name].strip()}
            return time.time()
    """
    timelines = set()
    for _ in range(25):
        emulated = emulate(code, timeout=3600)
        emulated.returned()
        timelines.add(render(emulated.emulator.journal, emulated.emulator.clock.started))
    assert len(timelines) == 1


FOR_EVER = {
    "Event.wait": "threading.Event().wait()",
    "Queue.get": "queue.Queue().get()",
    "Future.result": "concurrent.futures.Future().result()",
    "a thread that waits": "thread = threading.Thread(target=threading.Event().wait); thread.start(); thread.join()",
    "an event loop": "asyncio.run(asyncio.Event().wait())",
}


@pytest.mark.parametrize("name", FOR_EVER)
def test_a_wait_for_ever_ends_at_the_timeout_and_is_explained(emulate, name):
    emulated = emulate(
        f"""
        def handler(event, context):
            try:
                {FOR_EVER[name]}
            finally:
                print("cleaned up at", time.time())
    """,
        timeout=90,
    )
    invocation = emulated.emulator.accept(ask("f"))
    emulated.emulator.wait(emulated.emulator.advance(s(89)))
    assert invocation.state is State.RUNNING
    assert "nothing in it runs that could end the wait, so its timeout ends it" in str(emulated.emulator.explain())
    emulated.emulator.wait(emulated.emulator.advance(s(1)))
    [attempt] = invocation.attempts
    assert (attempt.word, (attempt.ended - attempt.started).total_seconds()) == ("timed out", 90)
    assert attempt.output == "cleaned up at 1767225690.0\n"
    [warning] = emulated.warnings
    assert "f waited at /code/index.py:7 in handler" in warning
    assert "without a timeout" in warning


@pytest.mark.parametrize(
    "wait",
    [
        "threading.Event().wait(100)",
        "queue.Queue().get(timeout=100)",
        "threading.Thread(target=time.sleep, args=(100,)).start(); time.sleep(100)",
        "ThreadPoolExecutor().submit(time.sleep, 100).result()",
        "list(ThreadPoolExecutor().map(time.sleep, [100] * 50))",
        "asyncio.run(asyncio.to_thread(time.sleep, 100))",
    ],
)
def test_a_timeout_strikes_in_the_middle_of_any_wait(emulate, wait):
    emulated = emulate(f"def handler(event, context):\n    {wait}", timeout=42.5)
    attempt = emulated.run()
    assert (attempt.word, (attempt.ended - attempt.started).total_seconds()) == ("timed out", 42.5)


def test_an_abandoned_thread_runs_its_finally_and_is_silent(emulate, shared, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda args: shared.seen.append(args.exc_type))
    emulated = emulate(
        f"""
        {SHARED.strip()}
        def work():
            try:
                time.sleep(1000)
            finally:
                shared.done.set()

        def handler(event, context):
            threading.Thread(target=work).start()
            time.sleep(1000)
    """,
        timeout=5,
    )
    assert emulated.run().word == "timed out"
    assert shared.done.wait(WAIT_SECONDS)
    assert shared.seen == []


def test_what_a_thread_raises_is_reported_as_ever(emulate, shared, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda args: shared.seen.append(args.exc_type))
    emulated = emulate("""
        def handler(event, context):
            thread = threading.Thread(target=lambda: 1 / 0)
            thread.start()
            thread.join()
    """)
    emulated.returned()
    assert shared.seen == [ZeroDivisionError]


def test_a_thread_that_sleeps_when_its_attempt_ends_is_abandoned_at_once(emulate, shared):
    emulated = emulate(f"""
        {SHARED.strip()}
        def work():
            try:
                time.sleep(50)
            except BaseException as error:
                shared.seen.append(error)
                shared.done.set()

        def handler(event, context):
            threading.Thread(target=work).start()
            time.sleep(1)
    """)
    emulated.returned()
    assert shared.done.wait(WAIT_SECONDS)
    assert [type(error) for error in shared.seen] == [Abandoned]
    assert emulated.emulator.clock.now() == emulated.emulator.clock.started + s(1)


@pytest.mark.parametrize(
    "later",
    ["time.sleep(1)", "threading.Event().wait(1)", "asyncio.run(asyncio.sleep(1))", "threading.Thread().start()"],
)
def test_a_thread_left_behind_cannot_wait_or_start_threads_later(emulate, shared, later):
    shared.gate = queue_of_one()
    emulated = emulate(f"""
        {SHARED.strip()}
        def work():
            shared.gate.get()                        # in real time, until the attempt is over
            try:
                {later}
            except BaseException as error:
                shared.seen.append(error)
            shared.done.set()

        def handler(event, context):
            threading.Thread(target=work).start()
    """)
    emulated.returned()
    shared.gate.put(1)
    assert shared.done.wait(WAIT_SECONDS)
    assert [type(error) for error in shared.seen] == [Abandoned]


def queue_of_one():
    import queue

    return queue.SimpleQueue()


def test_a_worker_that_waits_for_work_goes_on_in_the_next_attempt_and_the_next_emulator(emulate):
    code = """
        items, results = queue.Queue(), queue.Queue()
        started = []

        def work():
            while True:
                seconds = items.get()
                time.sleep(seconds)
                results.put(time.time())

        def handler(event, context):
            if not started:
                started.append(threading.Thread(target=work, daemon=True))
                started[0].start()
            items.put(int(event))
            return results.get()
    """
    emulated = emulate(code)
    assert emulated.returned(payload=b"5") == "1767225605.0"
    assert emulated.returned(payload=b"7") == "1767225612.0"
    again = emulate(code, other="def handler(event, context): return 1")
    assert again.returned(payload=b"20") == "1767225620.0"
    assert again.returned("other") == "1"


def test_a_loop_in_a_thread_goes_on_in_the_next_attempt(emulate):
    emulated = emulate("""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()

        def handler(event, context):
            if event == b"last":
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
                return loop.close()
            return asyncio.run_coroutine_threadsafe(asyncio.sleep(30, time.time()), loop).result()
    """)
    assert emulated.returned() == "1767225600.0"
    assert emulated.returned() == "1767225630.0"
    emulated.returned(payload=b"last")


def test_somebody_outside_wakes_a_handler_without_the_clock_moving(emulate, shared):
    emulated = emulate(f"""
        {SHARED.strip()}
        def handler(event, context):
            return str(shared.done.wait(50)) + " " + str(time.time())
    """)
    invocation = emulated.emulator.accept(ask("f"))
    emulated.emulator.wait(emulated.emulator.advance(s(10)))
    assert invocation.state is State.RUNNING
    shared.done.set()
    emulated.emulator.wait(emulated.emulator.run_until_ended(invocation))
    assert invocation.ending().payload == b"True 1767225610.0"


def test_threads_that_call_functions_wait_for_them_side_by_side(emulate, shared):
    def call(context):
        ended = threading.Lock()
        ended.acquire()
        asked = ask("callee", access_key_id=context.credentials.access_key_id)
        emulated.emulator.invoke(asked, lambda _: ended.release())
        ended.acquire()

    shared.call = call
    emulated = emulate(
        f"""
        {SHARED.strip()}
        def handler(event, context):
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(shared.call, [context] * 8))
            return time.time()
    """,
        callee="def handler(event, context): time.sleep(7)",
    )
    assert emulated.returned() == "1767225607.0"


def test_a_thread_that_does_not_start_is_not_waited_for(emulate):
    emulated = emulate("""
        class Broken(threading.Thread):
            _started = property(lambda self: threading.Event(), lambda self, value: None)

            def _bootstrap(self):
                raise AssertionError("never")

        def handler(event, context):
            thread = threading.Thread(target=time.sleep, args=(1,))
            thread.start()
            try:
                thread.start()
            except RuntimeError as error:
                thread.join()
                return str(error)
    """)
    assert emulated.returned() == "threads can only be started once"


def test_a_context_carried_to_a_thread_that_nobody_knows_sleeps_really_and_says_so(emulate):
    emulated = emulate("""
        import _thread
        def handler(event, context):
            done = queue.SimpleQueue()
            carried = contextvars.copy_context()
            _thread.start_new_thread(lambda: done.put(carried.run(time.sleep, 0.001)), ())
            done.get()
            return time.time()
    """)
    assert emulated.returned() == "1767225600.0"
    [warning] = emulated.warnings
    assert "a thread that the handler did not start with threading.Thread slept 0.001 real seconds" in warning


# The watchdog.

STUCK = {
    "a busy thread": (
        """
            def work():
                while not shared.leave: pass
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        """,
        "in work",
    ),
    "a socket": (
        """
            while not shared.leave:
                try: shared.socket.recv(1)
                except TimeoutError: pass
        """,
        "in handler",
    ),
    "an event loop": (
        """
            async def busy():
                while not shared.leave: await asyncio.sleep(0)
            asyncio.run(busy())
        """,
        "in handler",
    ),
    "a thread that swallows everything": (
        """
            def work():
                while not shared.leave:
                    try: time.sleep(1)
                    except BaseException: pass
            thread = threading.Thread(target=work)
            thread.start()
            while not shared.leave:
                try:
                    while not shared.leave: pass
                except BaseException: pass
        """,
        "in handler",
    ),
}


@pytest.mark.parametrize("name", STUCK)
def test_what_is_stuck_is_named_by_its_line_and_harms_no_other(emulate, shared, name):
    body, where = STUCK[name]
    ours, theirs = socket.socketpair()
    ours.settimeout(0.01)
    shared.socket = ours
    emulated = emulate(
        f"""
        {SHARED.strip()}
        def handler(event, context):{body}
    """,
        settings=QUICK,
        other="def handler(event, context): time.sleep(5); return 'unharmed'",
    )
    attempt, warnings, other = emulated.run(), emulated.warnings, emulated.run("other")
    emulated.emulator.close()
    fresh = emulate("def handler(event, context): time.sleep(5); return 'unharmed'").run()
    theirs.send(b"x")
    shared.leave.append(True)
    ours.close()
    theirs.close()
    assert (attempt.word, (attempt.ended - attempt.started).total_seconds()) == ("timed out", 60)
    [warning] = warnings
    assert "f made no progress for 1 real seconds at " in warning
    assert "/code/index.py:" in warning or name == "an event loop"
    assert where in warning or name == "an event loop"
    assert other.outcome.payload == fresh.outcome.payload == b"unharmed"


@pytest.mark.parametrize("how", ["with shared.lock: pass", "while not shared.lock.acquire(timeout=0.5): pass"])
def test_an_attempt_that_waits_for_a_lock_of_a_parked_one_goes_on_when_that_one_lets_go(emulate, shared, how):
    shared.lock = threading.Lock()
    emulated = emulate(
        f"""
        {SHARED.strip()}
        def handler(event, context):
            with shared.lock:
                time.sleep(100)
            time.sleep(50)
    """,
        timeout=300,
        second=f"""
        {SHARED.strip()}
        def handler(event, context):
            {how}
            return str(time.time())
    """,
    )
    first = emulated.emulator.accept(ask("f"))
    second = emulated.emulator.accept(ask("second", delay=1))
    emulated.emulator.wait(emulated.emulator.run_until_idle(None))
    assert (first.attempts[0].word, second.attempts[0].word) == ("returned", "returned")
    started = emulated.emulator.clock.started
    assert ((first.ended - started).total_seconds(), (second.ended - started).total_seconds()) == (150, 100)
    assert emulated.warnings == []


def test_attempts_that_share_the_lock_of_a_module_take_it_in_their_order(emulate):
    emulated = emulate("""
        lock = threading.Lock()
        def handler(event, context):
            with lock:
                time.sleep(2)
            return str(time.time())
    """)
    invocations = [emulated.emulator.accept(ask("f")) for _ in range(4)]
    emulated.emulator.wait(emulated.emulator.run_until_idle(None))
    started = emulated.emulator.clock.started
    assert [(one.ended - started).total_seconds() for one in invocations] == [2, 4, 6, 8]


def test_threads_that_wait_for_a_lock_take_it_in_the_order_in_which_they_were_started(emulate):
    emulated = emulate("""
        def handler(event, context):
            lock, seen = threading.Lock(), []
            def work(n):
                time.sleep(1)
                with lock:
                    seen.append(n)
                    time.sleep(1)
            threads = [threading.Thread(target=work, args=(n,)) for n in range(10)]
            with lock:
                for thread in threads: thread.start()
                time.sleep(2)
            for thread in threads: thread.join()
            return str(seen)
    """)
    for _ in range(5):
        assert emulated.returned() == str(list(range(10)))


@pytest.mark.parametrize(
    "waits",
    ["lock.acquire()", "threading.Thread(target=lock.acquire).start(); time.sleep(1); lock.acquire()"],
)
def test_a_lock_that_nobody_can_release_is_waited_for_until_the_timeout(emulate, waits):
    emulated = emulate(
        f"""
        def handler(event, context):
            lock = threading.Lock()
            lock.acquire()
            {waits}
    """,
        settings=QUICK,
        other="def handler(event, context): time.sleep(5); return 'unharmed'",
    )
    attempt = emulated.run()
    assert (attempt.word, (attempt.ended - attempt.started).total_seconds()) == ("timed out", 60)
    assert emulated.returned("other") == "unharmed"


def test_a_lock_that_is_held_on_the_clock_of_another_emulator_is_waited_for_in_vain_and_the_caller_hears_why(
    emulate, shared
):
    shared.lock = threading.Lock()
    code = f"""
        {SHARED.strip()}
        def handler(event, context):
            with shared.lock:
                time.sleep(100)
    """
    holds, waits = emulate(code), emulate(code, settings=QUICK)
    holds.emulator.accept(ask("f"))
    holds.emulator.wait(holds.emulator.advance(s(1)))
    invocation = waits.emulator.accept(ask("f"))
    with pytest.raises(ClockStuck, match=r"it waits at /code/index.py:.* for a lock that f holds, parked on another"):
        waits.emulator.wait(waits.emulator.run_until_idle(None))
    assert (invocation.attempts[0].word, invocation.state) == ("stuck", State.STOPPED)


def test_the_caller_of_what_is_stuck_hears_why(emulate, shared):
    """Its wait is a move of the clock."""
    ours, theirs = socket.socketpair()
    shared.socket = ours
    emulated = emulate(
        f"""
        {SHARED.strip()}
        def handler(event, context):
            threading.Thread(target=time.sleep, args=(30,)).start()
            shared.socket.recv(1)
    """,
        settings=QUICK,
    )
    heard = []
    emulated.emulator.invoke(ask("f"), heard.append)
    with pytest.raises(ClockStuck, match="made no progress for 1 real seconds"):
        emulated.emulator.wait(emulated.emulator.run_until_idle(None))
    theirs.close()
    ours.close()
    [invocation] = heard
    refused = never_ran(FunctionRef("f"), invocation.attempts[0].outcome)
    assert (refused.status, refused.code) == (500, "InternalServerError")
    assert "for something real, and so the clock stands still" in refused.message


@pytest.mark.parametrize("locks", [0, 20_000])
def test_a_thread_outside_holds_a_lock_for_as_long_as_it_takes(emulate, shared, locks):
    """The clock stands still meanwhile, although something else is due, and however many other locks were taken."""
    shared.lock = threading.Lock()
    emulated = emulate(
        f"""
        {SHARED.strip()}
        def handler(event, context):
            threading.Thread(target=time.sleep, args=(50,)).start()
            with shared.lock:
                return str(time.time())
    """,
        other="def handler(event, context): time.sleep(5)",
        another="def handler(event, context): pass",
    )
    shared.lock.acquire()
    for _ in range(locks):
        shared.seen.append(threading.Lock())
        shared.seen[-1].acquire()
    emulated.returned("another")
    invocation = emulated.emulator.accept(ask("f"))
    emulated.emulator.accept(ask("other", delay=3))
    goal = emulated.emulator.run_until_idle(None)
    wait_until(lambda: any(strand.wants for strand in list(STRANDS.values())))
    shared.lock.release()
    emulated.emulator.wait(goal)
    assert invocation.attempts[0].outcome.payload == b"1767225600.0"


def test_locks_that_are_gone_take_no_memory(emulate):
    emulated = emulate("""
        kept = []

        def handler(event, context):
            for _ in range(1_000):
                kept.append(threading.Lock())
                with kept[-1]: pass
    """)
    for _ in range(30):
        emulated.returned()
    assert len(HOLDERS) < 25_000


def test_a_thread_that_still_runs_long_after_its_attempt_is_named_and_interrupted(emulate, shared):
    emulated = emulate(
        f"""
        {SHARED.strip()}
        def work():
            while not shared.leave: pass

        def handler(event, context):
            thread = threading.Thread(target=work)
            thread.start()
            shared.seen.append(thread)
    """,
        settings=QUICK,
    )
    emulated.returned()
    shared.seen[0].join(WAIT_SECONDS)
    assert not shared.seen[0].is_alive()
    [warning] = emulated.warnings
    assert "a thread that f had started still ran at /code/index.py:" in warning
    assert "in work" in warning
    assert emulated.returned() == "null"


def test_threads_of_an_attempt_on_a_flowing_clock(emulate):
    emulated = emulate(
        """
        def handler(event, context):
            with ThreadPoolExecutor(3) as pool:
                list(pool.map(time.sleep, [3000, 1000, 2000]))
            started = time.time()
            threading.Event().wait(5000)
            return time.time() - started >= 5000
    """,
        settings=Settings(rate=100_000),
        timeout=86400 * 365,
    )
    invocation = emulated.emulator.accept(ask("f"))
    emulated.emulator.wait(emulated.emulator.run_until_ended(invocation))
    [attempt] = invocation.attempts
    assert attempt.outcome.payload == b"true"
    assert attempt.ended - attempt.started >= s(8000)


def test_a_thread_left_waiting_does_not_keep_python_from_exiting(python):
    out = python("""
        import pathlib, tempfile
        from runtimes.emulated import Emulated
        from fcemu.runtimes.python_inline import PythonInline

        code = (
            "def work(): queue.Queue().get()\\n"
            "def handler(event, context):\\n"
            "    threading.Thread(target=work).start()\\n"
            "    return 'left behind'"
        )
        with tempfile.TemporaryDirectory() as folder:
            emulated = Emulated(PythonInline(), pathlib.Path(folder), None, 60, f=code)
            print(emulated.returned())
    """)
    assert out == "left behind\n"


NO_THREADS = """
import threading, time
from concurrent.futures import ThreadPoolExecutor

STARTS = "_start_joinable_thread" if hasattr(threading, "_start_joinable_thread") else "_start_new_thread"


def cannot(*args, **more):
    raise RuntimeError("can't start new thread")


def handler(event, context):
    refused = 0
    starts = getattr(threading, STARTS)
    setattr(threading, STARTS, cannot)
    try:
        for start in (threading.Thread(target=print).start, lambda: ThreadPoolExecutor(2).submit(time.sleep, 1)):
            try:
                start()
            except RuntimeError:
                refused += 1
    finally:
        setattr(threading, STARTS, starts)
    begun = time.time()
    time.sleep(5)
    return {"refused": refused, "slept": time.time() - begun}
"""


@pytest.mark.parametrize("runtime", ["inline", "process"])
def test_a_thread_that_could_not_start_is_not_waited_for(tmp_path, runtime):
    (tmp_path / "app.py").write_text(NO_THREADS)
    definition = {"functions": {"f": {"handler": "app.handler", "code": str(tmp_path), "timeout": 60}}}
    with LocalEmulator(definition, runtime=runtime) as emulator:
        assert emulator.function("f").invoke().json() == {"refused": 2, "slept": 5}
