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


class _Worker(threading.Thread):
    """A thread of a crew. A ``target`` would be called by C code, which takes more of the thread's stack."""

    def __init__(self, live: Job, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._live: Final = live

    def run(self) -> None:
        self._live()


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
        """How many threads wait for a job; below 0, how many jobs wait for a thread."""
        self._made = 0
        self._alive = 0
        """How many threads there are."""
        self._wanted: RealQueue | None = None
        """What wakes the thread that starts the others, once there is one."""
        self._short: RealQueue = RealQueue()
        self._leader: object | None = None
        self._leads_on = 0
        """The thread of the leader."""
        self._busy_since: float | None = None
        """Since when the leader runs its job."""
        self._owed: deque[Job] = deque()

    def after_fork(self) -> None:
        """See ``forks.Forked``: its threads are not here, and what they were to do is done where they are."""
        self._begin()

    def run(self, job: Job) -> None:
        """Run ``job`` at once on a thread of its own. Raises ``RuntimeError`` if the system has no thread for it, and
        no thread of the crew will be free."""
        if not self._alive:
            self._start()
        with self._lock:
            self._idle -= 1
            self._jobs.put(job)
            short = self._idle < 0
        if short:
            self._start_soon()

    def _start_soon(self) -> None:
        """Let another thread start one more. ``run`` may be called deep in a handler that is about to park, and to
        start a thread there takes two more pages of memory, for as long as the handler is parked."""
        with self._lock:
            if self._wanted is None:
                wanted = RealQueue()
                try:
                    self._launch(partial(self._start_what_is_wanted, wanted), "starter")
                except RuntimeError:  # the system has no more threads: the next one that is free takes the job
                    return
                self._wanted = wanted
            self._wanted.put(None)

    def _start_what_is_wanted(self, wanted: RealQueue) -> None:
        while True:
            wanted.get()
            try:
                self._start()
            except RuntimeError:  # the same
                continue

    def _start(self) -> None:
        """Start a thread, unless no job waits for one any more. Raises ``RuntimeError``."""
        with self._lock:
            if self._alive and self._idle >= 0:
                return
            self._made += 1
            self._alive += 1
            self._idle += 1
        try:
            self._launch(self._live, str(self._made))
        except RuntimeError:
            with self._lock:
                self._alive -= 1
                self._idle -= 1
            raise

    def _launch(self, life: Callable[[], None], name: str) -> None:
        """Start a thread in a context of its own, also where a handler parks: our threads are no part of it."""
        Context().run(_Worker(life, f"{self._name}-{name}").start)

    def offer(self, job: Job) -> None:
        """Run ``job`` soon; it should be short. One thread takes all of them while none of them stalls."""
        self._short.put(job)
        if self._leader is None:
            self._lead_instead_of(None)

    def at_batch_end(self, call: Job) -> None:
        """Call ``call`` once the short jobs that wait are done, this one too, or when one of them stalls; at once from
        other threads.

        What wakes another thread is called in this way: waking it after each job makes the two fight for the
        interpreter. Without it, 0.93 × as many echoes a second through the server at 64 connections.
        """
        if get_ident() == self._leads_on:
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
        while self._leader is me:
            job = self._short.get()
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

    def _live(self) -> None:
        while True:
            _do(self._jobs.get())
            with self._lock:
                if self._idle >= _IDLE_AT_MOST:
                    self._alive -= 1
                    return
                self._idle += 1


def _do(job: Job) -> None:
    """Do a job. One that fails must not take the thread with it: other jobs, of other emulators too, wait for it."""
    try:
        job()
    except Exception:  # jobs tell those who wait for them by themselves; what comes here is a defect of one of them
        _LOG.exception("a job of the emulator failed")
