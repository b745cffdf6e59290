"""Real time, for sockets and watchdogs only: the originals, kept from every patch of the time functions."""

import time as _time

monotonic = getattr(_time.monotonic, "fcemu_original", _time.monotonic)
"""Real seconds; never the handler's clock, also inside a handler."""
sleep = getattr(_time.sleep, "fcemu_original", _time.sleep)
"""Really sleeps; the engine uses it to give way to another thread, never to wait for something."""
