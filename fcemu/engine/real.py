"""These functions tell real time, for sockets and watchdogs only: they are the originals, kept from every patch."""

import time as _time
from datetime import UTC, datetime, timedelta

from fcemu.handler.threads import computed_ns as _computed_ns
from fcemu.handler.threads import thread_of as _thread_of

monotonic = getattr(_time.monotonic, "fcemu_original", _time.monotonic)
"""Real seconds; never the handler's clock, also inside a handler."""
sleep = getattr(_time.sleep, "fcemu_original", _time.sleep)
"""Really sleeps; the engine uses it to give way to another thread, never to wait for something."""
time = getattr(_time.time, "fcemu_original", _time.time)
"""Real seconds since 1970; while time-machine travels it shows the time of the journey, which replaces it in C."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The real time of day, aware, UTC."""
    return _EPOCH + timedelta(seconds=time())


def cpu_ns(thread: int) -> int | None:
    """Nanoseconds that a thread of this process has computed; ``None`` where the system does not tell."""
    known = _thread_of(thread)
    return None if known is None else _computed_ns(known.native_id)
