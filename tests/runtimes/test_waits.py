"""The contract of waits: inside a handler they are virtual, each to the microsecond; outside they are the originals."""

import json

import pytest

HANDLER = """
{body}

def handler(event, context):
    started = time.time()
    value = main()
    return [value, round(time.time() - started, 6)]
"""

# name: (code, what it returns, how many virtual seconds it takes)
WAITS = {
    "time.sleep": ("time.sleep(30)", None, 30),
    "Event.wait": ("return threading.Event().wait(30)", False, 30),
    "Event.wait of 0": ("return threading.Event().wait(0)", False, 0),
    "Event.wait, set before": ("event = threading.Event(); event.set(); return event.wait(30)", True, 0),
    "Event.wait, set by a timer": (
        "event = threading.Event(); threading.Timer(12.5, event.set).start(); return event.wait(30)",
        True,
        12.5,
    ),
    "Event.wait for ever, set by a timer": (
        "event = threading.Event(); threading.Timer(3600, event.set).start(); return event.wait()",
        True,
        3600,
    ),
    "Condition.wait": (
        "condition = threading.Condition()\n    with condition: return condition.wait(2)",
        False,
        2,
    ),
    "Condition.wait_for": (
        """
    condition, values = threading.Condition(), []
    def give():
        for n in range(3):
            time.sleep(1)
            with condition:
                values.append(n)
                condition.notify_all()
    threading.Thread(target=give).start()
    with condition:
        return condition.wait_for(lambda: len(values) == 3, timeout=10)
        """,
        True,
        3,
    ),
    "Condition.wait_for, in vain": (
        "condition = threading.Condition()\n    with condition: return condition.wait_for(lambda: False, timeout=7)",
        False,
        7,
    ),
    "Semaphore.acquire": ("return threading.Semaphore(0).acquire(timeout=4)", False, 4),
    "Semaphore.acquire, released by a timer": (
        "gate = threading.Semaphore(0); threading.Timer(3, gate.release).start(); return gate.acquire(timeout=4)",
        True,
        3,
    ),
    "Barrier.wait": (
        """
    barrier = threading.Barrier(2)
    threading.Timer(5, barrier.wait).start()
    barrier.wait(60)
        """,
        None,
        5,
    ),
    "Queue.get": (
        """
    try:
        queue.Queue().get(timeout=9)
    except queue.Empty:
        return "empty"
        """,
        "empty",
        9,
    ),
    "Queue.put": (
        """
    full = queue.Queue(1)
    full.put(1)
    try:
        full.put(2, timeout=9)
    except queue.Full:
        return "full"
        """,
        "full",
        9,
    ),
    "Queue.get, put by a thread": (
        "items = queue.Queue(); threading.Timer(6, items.put, ['item']).start(); return items.get(timeout=60)",
        "item",
        6,
    ),
    "Queue.join": (
        """
    items, done = queue.Queue(), []
    def work():
        while True:
            done.append(items.get())
            time.sleep(2)
            items.task_done()
    threading.Thread(target=work, daemon=True).start()
    for n in range(3):
        items.put(n)
    items.join()
    return done
        """,
        [0, 1, 2],
        6,
    ),
    "Thread.join": (
        "thread = threading.Thread(target=time.sleep, args=(8,)); thread.start(); thread.join(); "
        "return thread.is_alive()",
        False,
        8,
    ),
    "Thread.join with a time-out": (
        "thread = threading.Thread(target=time.sleep, args=(8,)); thread.start(); thread.join(3); "
        "return thread.is_alive()",
        True,
        3,
    ),
    "Timer, cancelled": (
        "timer = threading.Timer(30, print); timer.start(); timer.cancel(); timer.join()",
        None,
        0,
    ),
    "sched": (
        """
    seen, times = [], sched.scheduler(time.monotonic, time.sleep)
    for delay in (5, 1, 3):
        times.enter(delay, 1, seen.append, (delay,))
    times.run()
    return seen
        """,
        [1, 3, 5],
        5,
    ),
    "ThreadPoolExecutor": (
        """
    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(lambda s: [time.sleep(s), s][1], [3, 1, 2]))
        """,
        [3, 1, 2],
        3,
    ),
    "ThreadPoolExecutor with more items than threads": (
        """
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda s: [time.sleep(s), s][1], [4, 1, 2, 3]))
        """,
        [4, 1, 2, 3],
        6,
    ),
    "ThreadPoolExecutor.shutdown": (
        "pool = ThreadPoolExecutor(1); [pool.submit(time.sleep, 2) for _ in range(3)]; pool.shutdown()",
        None,
        6,
    ),
    "ThreadPoolExecutor.shutdown, the rest cancelled": (
        """
    pool = ThreadPoolExecutor(1)
    items = [pool.submit(time.sleep, 2) for _ in range(3)]
    items[1].cancel()
    pool.shutdown(cancel_futures=True)
    return [item.cancelled() for item in items]
        """,
        [False, True, True],
        2,
    ),
    "Future.result": ("return ThreadPoolExecutor(1).submit(lambda: [time.sleep(5), 1][1]).result()", 1, 5),
    "Future.result with a time-out": (
        """
    try:
        ThreadPoolExecutor(1).submit(time.sleep, 50).result(timeout=4)
    except concurrent.futures.TimeoutError:
        return "too late"
        """,
        "too late",
        4,
    ),
    "Future.exception": (
        "return str(ThreadPoolExecutor(1).submit(lambda: [time.sleep(5), 1 / 0]).exception())",
        "division by zero",
        5,
    ),
    "Future.add_done_callback": (
        """
    called = queue.Queue()
    ThreadPoolExecutor(1).submit(time.sleep, 1).add_done_callback(lambda _: [time.sleep(2), called.put(1)])
    return called.get()
        """,
        1,
        3,
    ),
    "concurrent.futures.wait": (
        """
    pool = ThreadPoolExecutor()
    done, rest = concurrent.futures.wait([pool.submit(time.sleep, s) for s in (1, 2, 50)], timeout=10)
    return [len(done), len(rest)]
        """,
        [2, 1],
        10,
    ),
    "concurrent.futures.wait for the first": (
        """
    pool = ThreadPoolExecutor()
    done, rest = concurrent.futures.wait(
        [pool.submit(time.sleep, s) for s in (7, 2, 50)], return_when=concurrent.futures.FIRST_COMPLETED)
    return [len(done), len(rest)]
        """,
        [1, 2],
        2,
    ),
    "as_completed": (
        """
    pool = ThreadPoolExecutor()
    items = [pool.submit(lambda s: [time.sleep(s), s][1], s) for s in (3, 1, 2)]
    return [item.result() for item in concurrent.futures.as_completed(items, timeout=50)]
        """,
        [1, 2, 3],
        3,
    ),
    "as_completed with a time-out": (
        """
    pool = ThreadPoolExecutor()
    items, seen = [pool.submit(lambda s: [time.sleep(s), s][1], s) for s in (3, 1, 40)], []
    try:
        seen += [item.result() for item in concurrent.futures.as_completed(items, timeout=20)]
    except concurrent.futures.TimeoutError:
        return "too late"
        """,
        "too late",
        20,
    ),
    "asyncio.sleep": ("asyncio.run(asyncio.sleep(15))", None, 15),
    "asyncio.wait_for": (
        """
    async def patient():
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 11)
        except asyncio.TimeoutError:
            return "too late"
    return asyncio.run(patient())
        """,
        "too late",
        11,
    ),
    "asyncio.timeout": (
        """
    async def patient():
        try:
            async with asyncio.timeout(12):
                await asyncio.sleep(50)
        except TimeoutError:
            return "too late"
    return asyncio.run(patient())
        """,
        "too late",
        12,
    ),
    "asyncio.to_thread": ("asyncio.run(asyncio.to_thread(time.sleep, 8))", None, 8),
    "asyncio.to_thread beside other tasks": (
        """
    seen = []
    async def beside(seconds):
        await asyncio.sleep(seconds)
        seen.append(seconds)
    async def all_of_it():
        await asyncio.gather(asyncio.to_thread(lambda: [time.sleep(3), seen.append(3)]), beside(2), beside(4))
    asyncio.run(all_of_it())
    return seen
        """,
        [2, 3, 4],
        4,
    ),
    "asyncio.run_coroutine_threadsafe": (
        """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    value = asyncio.run_coroutine_threadsafe(asyncio.sleep(20, "slept"), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    return value
        """,
        "slept",
        20,
    ),
    "a process, in real time": (
        "import subprocess; return subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True, "
        "timeout=60).stdout.decode().strip()",
        "1",
        0,
    ),
    "a pool of processes, in real time": (
        "import multiprocessing\n    with concurrent.futures.ProcessPoolExecutor(1, "
        "multiprocessing.get_context('spawn')) as pool: return [pool.submit(abs, -n).result(50) for n in (1, 2)]",
        [1, 2],
        0,
    ),
    "a pool of multiprocessing, in real time": (
        "import multiprocessing\n    with multiprocessing.get_context('spawn').Pool(1) as pool: "
        "return [pool.apply_async(abs, (-3,)).get(50), list(pool.imap(abs, [-4]))]",
        [3, [4]],
        0,
    ),
    "a lock, in real time": (
        "lock = threading.Lock(); lock.acquire(); return lock.acquire(timeout=0.001)",
        False,
        0,
    ),
    "a SimpleQueue, in real time": (
        """
    items = queue.SimpleQueue()
    threading.Thread(target=items.put, args=(1,)).start()
    return items.get(timeout=50)
        """,
        1,
        0,
    ),
}


def took(emulate, body):
    body = body if body.startswith("\n") else f"\n    {body}\n"
    emulated = emulate(HANDLER.format(body=f"def main():{body}"), timeout=86400)
    return json.loads(emulated.returned()), emulated


@pytest.mark.parametrize("name", WAITS)
def test_a_handlers_wait_takes_its_time_on_the_virtual_clock(emulate, name):
    body, value, seconds = WAITS[name]
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
