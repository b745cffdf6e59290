"""The contract of waits: inside a handler they are virtual, each to the microsecond; outside they are the originals."""

import json

import pytest
from runtimes.programs import BACKGROUND, PROGRAMS, code_of
from systems import needs


def took(emulate, body):
    emulated = emulate(code_of(body), timeout=86400)
    return json.loads(emulated.returned()), emulated


NAMES = [name for name in PROGRAMS if name not in BACKGROUND and name != "a socket in trio"]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs("EPOLL")) if name.startswith("trio.") else name for name in NAMES]
)
def test_a_handlers_wait_takes_its_time_on_the_virtual_clock(emulate, name):
    body, value, seconds = PROGRAMS[name]
    got, emulated = took(emulate, body)
    assert got == [value, seconds]
    assert emulated.warnings == []


LIBRARIES = {
    "anyio": (
        """
    import anyio
    async def parts():
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.to_thread.run_sync, time.sleep, 5)
            with anyio.move_on_after(3) as scope:
                await anyio.sleep(50)
        return scope.cancelled_caught
    return anyio.run(parts)
        """,
        True,
        5,
    ),
    "tenacity": (
        """
    import tenacity
    tries = []
    @tenacity.retry(wait=tenacity.wait_exponential(), stop=tenacity.stop_after_delay(20))
    def call():
        tries.append(time.time())
        raise ConnectionError
    try:
        call()
    except tenacity.RetryError:
        return len(tries)
        """,
        6,
        31,
    ),
    "backoff": (
        """
    import backoff
    tries = []
    @backoff.on_exception(backoff.expo, ConnectionError, max_tries=5, jitter=None)
    def call():
        tries.append(time.time())
        raise ConnectionError
    try:
        call()
    except ConnectionError:
        return len(tries)
        """,
        5,
        15,
    ),
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_libraries_that_wait_by_these_means_wait_in_virtual_time(emulate, name):
    pytest.importorskip(name)
    body, value, seconds = LIBRARIES[name]
    got, _ = took(emulate, body)
    assert got == [value, seconds]


def test_what_a_wait_raises_is_what_the_original_raises(emulate):
    emulated = emulate("""
        def handler(event, context):
            try:
                threading.Condition().wait(5)
            except RuntimeError as error:
                return str(error)
    """)
    assert emulated.returned() == "cannot wait on un-acquired lock"


def test_the_replacements_know_their_place_outside_of_handlers(python):
    python("""
        import concurrent.futures, queue, sched, threading, time
        from fcemu.runtimes import timeshift
        timeshift.install()

        def real(wait, least, most=5.0):
            started = time.perf_counter()
            value = wait()
            took = time.perf_counter() - started
            assert least <= took < most, took
            return value

        event, condition, full = threading.Event(), threading.Condition(), queue.Queue(1)
        full.put(1)
        assert real(lambda: event.wait(0.02), 0.02) is False
        with condition:
            assert real(lambda: condition.wait(0.02), 0.02) is False
            assert real(lambda: condition.wait_for(lambda: False, 0.02), 0.02) is False
        assert real(lambda: threading.Semaphore(0).acquire(timeout=0.02), 0.02) is False
        for call, error in ((lambda: queue.Queue().get(timeout=0.02), queue.Empty),
                            (lambda: full.put(2, timeout=0.02), queue.Full)):
            try:
                real(call, 0)
                raise AssertionError("no time-out")
            except error:
                pass
        thread = threading.Thread(target=time.sleep, args=(0.02,))
        thread.start()
        thread.join(0.001)
        assert thread.is_alive()
        real(thread.join, 0)
        threading.Timer(0.02, event.set).start()
        assert real(event.wait, 0)
        seen, times = [], sched.scheduler()
        times.enter(0.02, 1, seen.append, (1,))
        real(times.run, 0.02)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            item = pool.submit(time.sleep, 0.02)
            assert not concurrent.futures.wait([item], timeout=0.001).done
            assert real(item.result, 0) is None
            assert "fcemu_item" not in vars(concurrent.futures.thread._WorkItem(item, None, (), {}))
        assert "run" not in vars(thread)
    """)


def test_a_handlers_wait_is_no_wait_of_a_thread_beside_it(emulate):
    """The test's own threads use the same condition in real time, while a handler waits on it in virtual time."""
    import sys
    import threading

    shared = threading.Condition()
    emulated = emulate("""
        def handler(event, context):
            shared = sys.modules["fcemu_test_shared"]
            with shared:
                return str(shared.wait(30))
    """)
    sys.modules["fcemu_test_shared"] = shared
    try:
        waited = []

        def waits_really():
            with shared:
                waited.append(shared.wait(60))

        thread = threading.Thread(target=waits_really)
        thread.start()
        assert emulated.returned() == "False"
        while thread.is_alive():
            with shared:
                shared.notify_all()
        assert waited == [True]
    finally:
        del sys.modules["fcemu_test_shared"]
