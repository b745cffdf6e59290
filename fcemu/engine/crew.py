"""The emulator's own threads move paused clocks and run handlers; callers' threads do neither."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context
from functools import partial
from threading import get_ident
from typing import Final

from fcemu.engine import forks, real
from fcemu.handler.locks import RealLock, RealQueue

_LOG: Final = logging.getLogger("fcemu.engine")
Job = Callable[[], None]

STALLED: Final = 0.003
"""Real seconds after which a queue of short jobs that does not move gets another thread."""
_IDLE_AT_MOST: Final = 64


class Crew:
    """Threads for many emulators of one process. They are daemons: what hangs in a handler must not keep the process.

    ``run`` gives a job a thread of its own at once; ``offer`` puts short jobs in one queue, because waking a thread
    for each halves the throughput of small handlers. One thread at a time, the leader, takes jobs from that queue;
    when its job stalls or parks, another thread becomes the leader.
    """

    def __init__(self, name: str = "fcemu") -> None:
        self._name: Final = name
        self._begin()
        forks.tell(self)

    def _begin(self) -> None:
        self._lock = RealLock()
        self._jobs: RealQueue = RealQueue()
        self._idle = 0
        self._made = 0
        self._alive = 0
        """How many threads there are."""
        self._short: RealQueue = RealQueue()
        self._leader: object | None = None
        self._leads_on = 0
        """The thread of the leader."""
        self._busy_since: float | None = None
        """Since when the leader runs its job."""
        self._owed: deque[Job] = deque()
        self._closed = False

    def after_fork(self) -> None:
        """See ``forks.Forked``: its threads are not here, and what they were to do is done where they are."""
        self._begin()

    def run(self, job: Job) -> None:
        """Run ``job`` at once on a thread of its own."""
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
                self._jobs.put(job)
                return
            self._made += 1
            self._alive += 1
            name = f"{self._name}-{self._made}"
        thread = threading.Thread(target=self._live, args=(job,), name=name, daemon=True)
        try:
            Context().run(thread.start)  # also when a handler parks: our threads are no part of it
        except RuntimeError:  # the system has no more threads: the next one that is free does it
            with self._lock:
                self._alive -= 1
                if not self._alive:
                    raise
                self._idle -= 1
                self._jobs.put(job)

    def offer(self, job: Job) -> None:
        """Run ``job`` soon; it should be short. One thread takes all of them while none of them stalls."""
        self._short.put(job)
        if self._leader is None:
            self._lead_instead_of(None)

    def at_batch_end(self, call: Job) -> None:
        """Call ``call`` once the short jobs that wait are done, or when one of them stalls; at once from other threads.

        What wakes another thread is called in this way: waking it after each job makes the two fight for the
        interpreter. Without it, 0.93 × as many echoes a second through the server at 64 connections.
        """
        if self._short.qsize() and get_ident() == self._leads_on:
            self._owed.append(call)
        else:
            call()

    @property
    def queued(self) -> int:
        """How many short jobs wait for a thread."""
        return self._short.qsize()

    @property
    def waits(self) -> bool:
        """Whether short jobs or calls wait that a job which stalls would hold up; then another thread has to call
        ``relieve`` soon."""
        return bool(self._short.qsize() or self._owed)

    def relieve(self) -> None:
        """Let another thread lead if the queue of short jobs stands still."""
        leader, since = self._leader, self._busy_since
        # Its job takes long, so that those behind it, and the calls that are owed, must not wait for it.
        if since is not None and real.monotonic() - since > STALLED:
            self._pay()
            if self._short.qsize():
                self._lead_instead_of(leader)

    def replace_me(self) -> None:
        """The job of this thread is about to wait: if this thread leads, another one does so from now on."""
        if get_ident() == self._leads_on:
            leader = self._leader
            self._pay()
            self._lead_instead_of(leader)

    def close(self) -> None:
        """Let idle threads end; busy ones end with their job."""
        with self._lock:
            self._closed = True
            for _ in range(max(0, self._idle)):
                self._jobs.put(None)
            self._idle = 0
            if self._leader is not None:
                self._short.put(None)

    def _lead_instead_of(self, leader: object | None) -> None:
        """Make a new leader, unless another thread has done so."""
        with self._lock:
            if self._leader is not leader:
                return
            self._leader = new = object()
            self._busy_since = None
            self._leads_on = 0
        self.run(partial(self._lead, new))

    def _lead(self, me: object) -> None:
        """Take short jobs until another thread leads."""
        if self._leader is me:
            self._leads_on = get_ident()
        while self._leader is me and (job := self._short.get()) is not None:
            self._busy_since = real.monotonic()
            _do(job)
            if self._leader is not me:
                return
            self._busy_since = None
            if self._owed and not self._short.qsize():
                self._pay()

    def _pay(self) -> None:
        while self._owed:
            try:
                call = self._owed.popleft()
            except IndexError:  # another thread was faster
                return
            _do(call)

    def _live(self, job: Job | None) -> None:
        while job is not None:
            _do(job)
            with self._lock:
                if self._closed or self._idle >= _IDLE_AT_MOST:
                    self._alive -= 1
                    return
                self._idle += 1
            job = self._jobs.get()


def _do(job: Job) -> None:
    """Do a job. One that fails must not take the thread with it: other jobs, of other emulators too, wait for it."""
    try:
        job()
    except Exception:  # jobs tell those who wait for them by themselves; what comes here is a defect of one of them
        _LOG.exception("a job of the emulator failed")
