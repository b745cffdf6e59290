"""Handlers that wait for time and for each other, and what plain Python comes to with them: the corpus of waits.

Each is the body of ``main()``: what it returns, and how many seconds it takes. Whatever clock it runs on, and whether in
a process of its own, a handler must come to the same; ``FCEMU_EFFORT=full`` runs all of them in plain Python, too.
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
    "a SimpleQueue into which a thread puts something": (
        """
    items = queue.SimpleQueue()
    threading.Thread(target=items.put, args=(1,)).start()
    return items.get(timeout=50)
        """,
        1,
        0,
    ),
}

LOCKS = {
    "threads that share a lock whose holder sleeps": (
        """
    lock, seen = threading.Lock(), []
    def work(n):
        with lock:
            time.sleep(2)
            seen.append(n)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return sorted(seen)
        """,
        [0, 1, 2, 3],
        8,
    ),
    "an RLock that is taken twice": (
        """
    lock = threading.RLock()
    def work():
        with lock, lock:
            time.sleep(3)
    threads = [threading.Thread(target=work) for n in range(3)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
        """,
        None,
        9,
    ),
    "Lock.acquire with a time-out, in vain": (
        "lock = threading.Lock(); lock.acquire(); return lock.acquire(timeout=30)",
        False,
        30,
    ),
    "RLock.acquire with a time-out, in vain": (
        """
    lock, held = threading.RLock(), threading.Event()
    def hold():
        with lock:
            held.set()
            time.sleep(50)
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    got = lock.acquire(timeout=20)
    thread.join()
    return got
        """,
        False,
        50,
    ),
    "Lock.acquire with a time-out, in time": (
        """
    lock = threading.Lock()
    lock.acquire()
    threading.Timer(7, lock.release).start()
    return lock.acquire(timeout=30)
        """,
        True,
        7,
    ),
    "a lock as a gate": (
        """
    gate = threading.Lock()
    gate.acquire()
    threading.Timer(9, gate.release).start()
    gate.acquire()
        """,
        None,
        9,
    ),
    "a gate whose maker has ended": (
        """
    gate = threading.Lock()
    maker = threading.Thread(target=gate.acquire)
    maker.start()
    maker.join()
    threading.Timer(4, gate.release).start()
    with gate:
        return "through"
        """,
        "through",
        4,
    ),
    "two threads that hand a turn to each other": (
        """
    turns, seen = [threading.Lock(), threading.Lock()], []
    turns[1].acquire()
    def play(mine):
        for n in range(3):
            turns[mine].acquire()
            time.sleep(1)
            seen.append(mine)
            turns[1 - mine].release()
    threads = [threading.Thread(target=play, args=(n,)) for n in (0, 1)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return seen
        """,
        [0, 1, 0, 1, 0, 1],
        6,
    ),
    "a lock that is polled": (
        """
    lock, tries = threading.Lock(), 0
    def work():
        with lock:
            time.sleep(5.5)
    threading.Thread(target=work).start()
    time.sleep(0.5)
    while not lock.acquire(timeout=1):
        tries += 1
    return tries in (4, 5)
        """,
        True,
        5.5,
    ),
    "a condition whose lock is held by who sleeps": (
        """
    ready, items = threading.Condition(), []
    def give():
        with ready:
            items.append(1)
            ready.notify()
            time.sleep(6)
    with ready:
        threading.Timer(1, give).start()
        ready.wait_for(lambda: items)
        return items
        """,
        [1],
        7,
    ),
    "a lock in a pool of threads": (
        """
    lock = threading.Lock()
    def work(n):
        with lock:
            time.sleep(n)
        return n
    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(work, [1, 2, 3, 4]))
        """,
        [1, 2, 3, 4],
        10,
    ),
    "a lock that an event loop awaits in a thread": (
        """
    lock = threading.Lock()
    def work():
        with lock:
            time.sleep(4)
    async def both():
        await asyncio.gather(asyncio.to_thread(work), asyncio.to_thread(work), asyncio.sleep(1))
    asyncio.run(both())
        """,
        None,
        8,
    ),
    "readers and a writer behind each other": (
        """
    lock, seen = threading.RLock(), []
    class Account:
        def __init__(self):
            self.money = 0
        def add(self, n):
            with lock:
                before = self.money
                time.sleep(1)
                self.money = before + n
    account = Account()
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(account.add, [1] * 5))
    return account.money
        """,
        5,
        5,
    ),
    "SimpleQueue.get": (
        """
    items = queue.SimpleQueue()
    threading.Timer(6, items.put, ["item"]).start()
    return items.get()
        """,
        "item",
        6,
    ),
    "SimpleQueue.get with a time-out": (
        """
    items = queue.SimpleQueue()
    try:
        items.get(timeout=40)
    except queue.Empty:
        return "empty"
        """,
        "empty",
        40,
    ),
    "a worker that waits at a SimpleQueue": (
        """
    items, done = queue.SimpleQueue(), []
    def work():
        while (item := items.get()) is not None:
            time.sleep(item)
            done.append(item)
    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(5)
    for item in (3, 1, None): items.put(item)
    thread.join()
    return done
        """,
        [3, 1],
        9,
    ),
    "a worker that waits at a SimpleQueue while the handler sleeps": (
        """
    items = queue.SimpleQueue()
    threading.Thread(target=items.get, daemon=True).start()
    time.sleep(25)
    items.put(None)
        """,
        None,
        25,
    ),
    "multiprocessing.pool.ThreadPool": (
        """
    from multiprocessing.pool import ThreadPool
    with ThreadPool(2) as pool:
        return pool.map(lambda n: [time.sleep(n), n][1], [3, 3, 2, 2])
        """,
        [3, 3, 2, 2],
        5,
    ),
    "ThreadPool.imap, apply_async and a time-out": (
        """
    import multiprocessing
    from multiprocessing.pool import ThreadPool
    with ThreadPool(2) as pool:
        seen = list(pool.imap(lambda n: [time.sleep(n), n][1], [2, 1]))
        late = pool.apply_async(time.sleep, (5,))
        try:
            late.get(timeout=3)
        except multiprocessing.TimeoutError:
            seen.append("too late")
        late.wait()
    return seen
        """,
        [2, 1, "too late"],
        7,
    ),
    "ThreadPool.close and join": (
        """
    from multiprocessing.pool import ThreadPool
    pool, seen = ThreadPool(1), []
    for n in (1, 2, 3):
        pool.apply_async(lambda n=n: [time.sleep(n), seen.append(n)])
    pool.close()
    pool.join()
    return seen
        """,
        [1, 2, 3],
        6,
    ),
}

IMPORTS = {
    "threads that import the same slow module": (
        """
    import importlib, pathlib
    name = f"slow_{os.urandom(4).hex()}"
    file = pathlib.Path(__file__).with_name(f"{name}.py")
    file.write_text("import time; time.sleep(3); value = 7")
    importlib.invalidate_caches()
    with ThreadPoolExecutor(3) as pool:
        seen = list(pool.map(lambda _: importlib.import_module(name).value, range(3)))
    file.unlink()
    return seen
        """,
        [7, 7, 7],
        3,
    ),
    "threads that import the same slow module from somewhere else": (
        """
    import importlib, pathlib, tempfile
    name = f"slow_{os.urandom(4).hex()}"
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, f"{name}.py").write_text("import time; time.sleep(3); value = 7")
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        with ThreadPoolExecutor(3) as pool:
            seen = list(pool.map(lambda _: __import__(name).value, range(3)))
        sys.path[:] = [entry for entry in sys.path if entry != folder]
    return seen
        """,
        [7, 7, 7],
        3,
    ),
}

PROGRAMS = {**WAITS, **LOCKS, **IMPORTS}

HEAD = """
import asyncio, concurrent.futures, contextvars, json, os, queue, sched, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
"""

HANDLER = """
{body}

def handler(event, context):
    started = time.time()
    value = main()
    return json.dumps([value, round(time.time() - started, 6)])
"""


def code_of(body):
    """A handler's code that runs a program and returns what it came to, and after how many seconds."""
    body = body if body.startswith("\n") else f"\n    {body}\n"
    return HEAD + HANDLER.format(body=f"def main():{body}")
