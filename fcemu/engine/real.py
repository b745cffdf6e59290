"""Real time, for sockets and watchdogs only: the originals, kept from every patch of the time functions."""

import time as _time
from _thread import allocate_lock as _allocate_lock

monotonic = getattr(_time.monotonic, "fcemu_original", _time.monotonic)
"""Real seconds; never the handler's clock, also inside a handler."""
sleep = getattr(_time.sleep, "fcemu_original", _time.sleep)
"""Really sleeps; the engine uses it to give way to another thread, never to wait for something."""

_acquire = type(_allocate_lock()).acquire
acquire = getattr(_acquire, "fcemu_original", _acquire)
"""``acquire`` of a lock, which really waits, also on a handler's thread."""
