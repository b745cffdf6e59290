"""Reads the time and waits in every usual way, and says which of them went by the emulator's clock."""

import asyncio
import calendar
import concurrent.futures
import contextlib
import json
import queue
import threading
import time
import uuid
import warnings
from datetime import UTC, date, datetime

WAIT = 0.01
"""Seconds, because a wait that is not virtual takes them in earnest."""
_UUID_EPOCH = 0x01B21DD213814000
"""1970 in the time of a UUID, which counts tenths of a microsecond since 1582."""


def _utcnow():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return datetime.utcnow().replace(tzinfo=UTC).timestamp()


def _written(text, form):
    return time.mktime(time.strptime(text, form))


READS = {
    "time.time": lambda: time.time(),  # looked up when asked
    "time.time_ns": lambda: time.time_ns() / 1e9,
    **(
        {"time.clock_gettime": lambda: time.clock_gettime(time.CLOCK_REALTIME)}
        if hasattr(time, "clock_gettime")
        else {}
    ),
    "time.localtime": lambda: time.mktime(time.localtime()),
    "time.gmtime": lambda: calendar.timegm(time.gmtime()),
    "time.strftime": lambda: _written(time.strftime("%Y-%m-%d %H:%M:%S"), "%Y-%m-%d %H:%M:%S"),
    "time.ctime": lambda: _written(time.ctime(), "%a %b %d %H:%M:%S %Y"),
    "datetime.now": lambda: datetime.now().timestamp(),
    "datetime.utcnow": _utcnow,
    "datetime.today": lambda: datetime.today().timestamp(),
    "date.today": lambda: calendar.timegm(date.today().timetuple()),
    "uuid.uuid1": lambda: (uuid.uuid1().time - _UUID_EPOCH) / 1e7,
}


def _end(call, *ends):
    """Wait until the time-out strikes."""
    with contextlib.suppress(*ends):
        call()


def _in_a_loop(wait):
    async def run():
        await wait()

    return lambda: asyncio.run(run())


async def _wait_for():
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), WAIT)


def _condition():
    condition = threading.Condition()
    with condition:
        condition.wait(WAIT)


def _join():
    leave = threading.Event()
    thread = threading.Thread(target=leave.wait)
    thread.start()
    thread.join(WAIT)
    leave.set()
    thread.join()


def _other_threads_sleep():
    thread = threading.Thread(target=time.sleep, args=(WAIT,))
    thread.start()
    thread.join()


WAITS = {
    "time.sleep": lambda: time.sleep(WAIT),
    "asyncio.sleep": _in_a_loop(lambda: asyncio.sleep(WAIT)),
    "asyncio.wait_for": _in_a_loop(_wait_for),
    "threading.Event.wait": lambda: threading.Event().wait(WAIT),
    "threading.Condition.wait": _condition,
    "threading.Semaphore.acquire": lambda: threading.Semaphore(0).acquire(timeout=WAIT),
    "threading.Thread.join": _join,
    "time.sleep in a thread of the handler": _other_threads_sleep,
    "queue.get": lambda: _end(lambda: queue.Queue().get(timeout=WAIT), queue.Empty),
    "Future.result": lambda: _end(lambda: concurrent.futures.Future().result(WAIT), concurrent.futures.TimeoutError),
}
COUNTERS = {"time.monotonic": lambda: time.monotonic(), "time.perf_counter": lambda: time.perf_counter()}


def look(event, context):
    """``{name: whether it is virtual}``; the event is the emulator's time in seconds since 1970."""
    now = json.loads(event)
    found = {name: abs(read() - now) < 2 * 86_400 for name, read in READS.items()}
    for name, count in COUNTERS.items():
        before = count()
        time.sleep(WAIT)
        found[name] = abs(count() - before - WAIT) < 1e-6
    for name, wait in WAITS.items():
        before = time.time()
        wait()
        found[name] = time.time() - before > WAIT / 2
    return found
