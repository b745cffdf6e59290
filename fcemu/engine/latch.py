"""A latch is what one caller waits for in real time."""

from _thread import allocate_lock

from fcemu.handler.locks import acquire


class Latch:
    """Set once, from any thread, and waited for by one thread.

    Unlike a ``threading.Event`` it is one lock, which is taken in C: Ctrl-C while the caller waits arrives as
    ``KeyboardInterrupt`` and nothing else. In an ``Event`` it can arrive while a lock is being taken back, and then the
    caller sees "release unlocked lock".
    """

    def __init__(self) -> None:
        self._is_set = False
        self._lock = allocate_lock()
        acquire(self._lock)

    def set(self) -> None:
        """Let the waiting thread go on; repeatable."""
        if not self._is_set:
            self._is_set = True
            self._lock.release()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def wait(self, real_seconds: float) -> bool:
        """Wait at most ``real_seconds``; whether it was set."""
        if not self._is_set:
            acquire(self._lock, True, real_seconds)
        return self._is_set
