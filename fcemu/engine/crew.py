"""The emulator's own threads: they move paused clocks and run handlers; callers' threads do neither."""

import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context
from queue import Empty, SimpleQueue
from threading import get_ident
from typing import Final

from fcemu.engine import real

Job = Callable[[], None]

STALLED: Final = 0.003
"""Real seconds after which a queue of short jobs that does not move gets another thread."""
_IDLE_AT_MOST: Final = 64


class Crew:
    """Threads for many emulators of one process. They are daemons: what hangs in a handler must not keep the process.

    ``run`` gives a job a thread of its own at once; ``offer`` puts short jobs in one queue, because waking a thread
    for each halves the throughput of small handlers.
    """

    def __init__(self, name: str = "fcemu") -> None:
        self._name: Final = name
        self._lock: Final = threading.Lock()
        self._jobs: Final[SimpleQueue[Job | None]] = SimpleQueue()
        self._idle = 0
        self._made = 0
        self._short: Final[SimpleQueue[Job | None]] = SimpleQueue()
        self._short_threads = 0
        self._busy_since: float | None = None
        self._owed: Final[deque[Job]] = deque()
        self._short_idents: Final[set[int]] = set()
        self._closed = False

    def run(self, job: Job) -> None:
        """Run ``job`` at once on a thread of its own."""
        with self._lock:
            if self._idle:
                self._idle -= 1
                self._jobs.put(job)
                return
            self._made += 1
            name = f"{self._name}-{self._made}"
        thread = threading.Thread(target=self._live, args=(job,), name=name, daemon=True)
        Context().run(thread.start)  # also when a handler parks: our threads are no part of it

    def offer(self, job: Job) -> None:
        """Run ``job`` soon; it should be short. One thread takes all of them while none of them stalls."""
        self._short.put(job)
        if not self._short_threads:
            self._add_short_thread()

    def at_batch_end(self, call: Job) -> None:
        """Call ``call`` once the short jobs that wait are done, or when one of them stalls; at once from other threads.

        What wakes another thread is called in this way: waking it after each job makes the two fight for the
        interpreter.
        """
        if self._short.qsize() and get_ident() in self._short_idents:
            self._owed.append(call)
        else:
            call()

    @property
    def waits(self) -> bool:
        """Whether short jobs or calls wait that a job which stalls would hold up; then somebody has to call
        ``relieve`` soon."""
        return bool(self._short.qsize() or self._owed)

    def relieve(self) -> None:
        """Add a thread if the queue of short jobs stands still."""
        since = self._busy_since
        if since is not None and real.monotonic() - since > STALLED:
            self.replace_me()

    def replace_me(self) -> None:
        """A short job waits, or is about to: let another thread take the queue over."""
        self._pay()
        if self._short.qsize():
            self._busy_since = None
            self.run(self._help_out)

    def _pay(self) -> None:
        while self._owed:
            try:
                call = self._owed.popleft()
            except IndexError:  # another thread was faster
                return
            call()

    def close(self) -> None:
        """Let idle threads end; busy ones end with their job."""
        with self._lock:
            self._closed = True
            for _ in range(self._idle):
                self._jobs.put(None)
            self._idle = 0
            if self._short_threads:
                self._short.put(None)

    def _add_short_thread(self) -> None:
        with self._lock:
            if self._short_threads:
                return
            self._short_threads += 1
        self.run(self._serve_short)

    def _live(self, job: Job | None) -> None:
        while job is not None:
            job()
            with self._lock:
                if self._closed or self._idle >= _IDLE_AT_MOST:
                    return
                self._idle += 1
            job = self._jobs.get()

    def _serve_short(self) -> None:
        self._short_idents.add(get_ident())
        while (job := self._short.get()) is not None:
            self._busy_since = real.monotonic()
            job()
            self._busy_since = None
            if self._owed and not self._short.qsize():
                self._pay()

    def _help_out(self) -> None:
        while True:
            try:
                job = self._short.get_nowait()
            except Empty:
                return
            if job is None:
                self._short.put(None)
                return
            self._busy_since = real.monotonic()
            job()
            self._busy_since = None
