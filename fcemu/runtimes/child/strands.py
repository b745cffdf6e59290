"""Virtual time inside a child: the clock that its handler sees, its threads as strands, and how all of them park.

The emulator sees one strand, the child as a whole: it is parked while none of the child's strands runs, until the first
of their waits ends. Here is decided which of them runs then. The words are those of ``engine/strands.py``.
"""

import mmap
import os
import select
import struct
import threading
from _thread import allocate_lock, get_ident, start_new_thread
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf
from signal import SIGALRM, pthread_kill, raise_signal
from typing import Any, Final, NoReturn

from fcemu.engine.ports import Abandoned, Held
from fcemu.handler.locks import RealLock, acquire
from fcemu.runtimes.child.background import Activity
from fcemu.runtimes.child.channel import Channel
from fcemu.runtimes.timeshift.loops import let_loop_look
from fcemu.runtimes.timeshift.originals import Originals

_FORM: Final = struct.Struct("<QqqqdQ")
"""As in ``engine/dial.py``."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_LOOK: Final = 60.0
_LONGEST_SLEEP: Final = 1e9
_REST_SECONDS: Final = 0.05
_TOLD_AT_MOST: Final = 2
_LOCK_SECONDS: Final = 0.05
_GATE_SECONDS: Final = 0.001
"""Real seconds between two looks at a lock, as in ``engine/parking.py``."""
_REAL: Final = Originals()
OF_ALARM: Final = -1
"""The order of the strand that waits for an alarm: at the same instant it goes on before those of the handler."""


def nanoseconds(seconds: float) -> int:
    """Nanoseconds, in whole microseconds as in the emulator."""
    return round(min(seconds, _LONGEST_SLEEP) * 1e6) * 1000


class Dial:
    """The emulator's clock, read from shared memory."""

    def __init__(self, fd: int) -> None:
        self._page: Final = mmap.mmap(fd, _FORM.size, prot=mmap.PROT_READ)

    def _read(self) -> tuple[int, int, int, float]:
        while True:
            begun, epoch, start, real, rate, done = _FORM.unpack_from(self._page)
            if begun == done:
                return epoch, start, real, rate

    def _past(self, real: int, rate: float) -> int:
        """Virtual nanoseconds since the dial was written, in whole microseconds as in the emulator."""
        return int((_REAL.monotonic_ns() - real) * rate) // 1000 * 1000 if rate else 0

    def epoch_ns(self) -> int:
        """Virtual nanoseconds since 1970."""
        epoch, _, real, rate = self._read()
        return epoch + self._past(real, rate)

    def elapsed_ns(self) -> int:
        """Virtual nanoseconds since the emulator's start."""
        _, start, real, rate = self._read()
        return start + self._past(real, rate)

    def flows(self) -> bool:
        """Whether the clock runs by itself."""
        return self._read()[3] != 0

    def real_seconds_to(self, elapsed_ns: int) -> float | None:
        """Real seconds until ``elapsed_ns`` will be there; ``None`` while the clock is paused."""
        _, start, real, rate = self._read()
        return max(0.0, (elapsed_ns - start - self._past(real, rate)) / rate / 1e9) if rate else None


class Wait:
    """One virtual wait of one strand; what the rules call ``Waiting``."""

    def __init__(self, strand: "Strand") -> None:
        self.strand: Final = strand
        self.until: int | None = None
        self.turn = 0
        """Among waits that end at the same instant, the order in which they do."""
        self.released = False
        self.over = False
        self.abandoned = False
        self.block: Callable[[], object] | None = None
        self.real = False
        self.sleeps = False
        self.lock: Held | None = None
        self.arrived = 0
        self.rouse: Callable[[], object] = self.open
        self.struck = False
        """Whether an alarm has gone off: its thread runs the handler of the signal, then it waits on."""
        self._gate: Final = allocate_lock()
        self._gate.acquire()

    def open(self) -> None:
        """Let the waiting thread look whether its wait is over."""
        if self._gate.locked():
            self._gate.release()

    def wait(
        self,
        seconds: float | None,
        block: Callable[[], object] | None = None,
        rouse: Callable[[], object] | None = None,
    ) -> bool:
        """Park this strand; whether it was released before the time was up. Raises ``Abandoned``."""
        if block is not None and rouse is not None:
            self.block, self.rouse, self.real = block, rouse, True
        household = self.strand.household
        try:
            if not household.park(self, seconds):
                return True
        except Abandoned:
            self.strand.abandon()
        while not self.over:
            if self.block is not None:
                self.block()
                if not self.struck:
                    household.release(self)
            else:
                acquire(self._gate, True, household.patience(self))
                household.look_at(self)
            if self.struck:
                self._run_signal_handler()
        if self.abandoned:
            self.strand.abandon()
        return self.released

    def _run_signal_handler(self) -> None:
        """Run the handler of the signal, on the main thread, which counts as running meanwhile. What it raises ends the
        wait: ``strike`` has withdrawn it. When it returns, the wait goes on to the same instant as before."""
        self.struck = False
        raise_signal(SIGALRM)
        let_loop_look()
        try:
            self.strand.household.wait_on(self)
        except Abandoned:
            self.strand.abandon()

    def await_lock(self, lock: Held) -> None:
        """Park this strand until ``lock`` may be free. Raises ``Abandoned``."""
        pause = _GATE_SECONDS if self.real else _LOCK_SECONDS
        while not self.over:
            if not acquire(self._gate, True, pause) and lock.is_free():
                self.release()
            if self.struck:
                self._run_signal_handler()
            pause = min(2 * pause, 2 * _LOCK_SECONDS)
        if self.abandoned:
            self.strand.abandon()

    def release(self) -> None:
        """What it waits for has happened."""
        self.strand.household.release(self)


class Strand:
    """A thread or work item of the handler, and the clock that it sees; what the rules call ``HandlerStrand``."""

    def __init__(self, household: "Household", order: int) -> None:
        self.household: Final = household
        self.order: Final = order
        self.attempt = household.attempt
        """The number of the attempt that it is a part of."""
        self.thread = 0
        self.told = 0
        """How often its thread has learnt that its attempt is over."""
        self.ended = False
        self.joined: list[Wait] = []
        self.activity: Activity | None = None
        """Of the thread on which it runs."""
        self.left_out = False
        """Whether the process parks although it does not wait in virtual time."""
        self.was_left_out = False
        self._before: Strand | None = None

    def now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.household.dial.epoch_ns() // 1000)

    def elapsed_ns(self) -> int:
        return self.household.dial.elapsed_ns()

    def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        strand = self.here()
        if strand is not None:
            wait = Wait(strand)
            wait.sleeps = True
            wait.wait(seconds)
            return
        text = f"a thread that the handler did not start with threading.Thread slept {seconds:g} real seconds"
        self.warn(text)
        _REAL.sleep(seconds)

    def abandon(self) -> NoReturn:
        """As in ``engine/strands.py``; the process ends by other ways than by waiting for its threads."""
        self.told += 1
        if self.told > _TOLD_AT_MOST:
            gate = allocate_lock()
            gate.acquire()
            while True:
                acquire(gate)
        raise Abandoned

    def here(self) -> "Strand | None":
        """The strand that this thread runs."""
        ident = get_ident()
        return self if self.thread == ident else self.household.strands.get(ident)

    def waiting(self) -> Wait | None:
        strand = self.here()
        return None if strand is None else Wait(strand)

    def wait_for_lock(self, lock: Held, seconds: float | None) -> float | None:
        strand = self.here()
        return inf if strand is None else strand.household.wait_for_lock(strand, lock, seconds)

    def strand(self) -> "Strand":
        return self.household.add(self.here() or self)

    def io_grace(self) -> float:
        return self.household.io_grace

    def prepare(self, seconds: float) -> None:
        """The emulator knows, it has started this process."""

    def begin_handler(self) -> None:
        self.household.channel.send({"kind": "begins"})

    def warn(self, text: str, *, once: bool = False) -> None:
        self.household.channel.send({"kind": "warn", "text": text, "once": once})

    def begin(self) -> None:
        self.thread = get_ident()
        self.activity = Activity()
        self._before = self.household.strands.get(self.thread)
        self.household.strands[self.thread] = self

    def end(self) -> None:
        strands = self.household.strands
        if self.thread == get_ident() and strands.get(self.thread) is self:
            if self._before is None:
                del strands[self.thread]
            else:
                strands[self.thread] = self._before
        self.household.end(self)

    def when_ended(self, waiting: Any) -> None:
        self.household.join(self, waiting)


HERE: "Final[dict[int, Strand]]" = {}
"""Which strand each thread of this process runs."""


def strand_here() -> "Strand | None":
    """The strand that this thread runs."""
    return HERE.get(get_ident())


class Household:
    """All strands of this process. What changes is changed under ``_lock``; waits are roused without it."""

    def __init__(self, channel: Channel, dial: Dial, io_grace: float) -> None:
        self.channel: Final = channel
        self.dial: Final = dial
        self.io_grace: Final = io_grace
        self.attempt = 0
        self.strands: Final = HERE
        """Which strand each thread runs."""
        self._lock: Final = RealLock()
        self._running = False
        self._awake = 0
        self._made = 0
        self._waits: Final[list[Wait]] = []
        self._fresh: Final[list[Wait]] = []
        """Waits for an instant that have no turn yet."""
        self._turns = 0
        self._abandoned = False
        """Whether the attempt that runs is over for the emulator."""
        self._parked = False
        """Whether the emulator knows this process as parked."""
        self._number = 0
        self._listen: Final = allocate_lock()
        self._listen.acquire()
        self._interrupt: int | None = None
        self._at_rest: Any = None
        self._looks_at_locks = 0
        self._watching = False
        self._sleeps_beside = False
        """Whether the process has parked already without threads that waited for something real."""
        self._held_up = False

    # An attempt as a whole.

    def begin(self) -> Strand:
        """An attempt begins on this thread; its first strand, and its clock."""
        with self._lock:
            self.attempt += 1
            self._running = True
            self._abandoned = False
            self._awake = 1
            self._made = 0
            strand = Strand(self, 0)
        strand.begin()
        return strand

    def finish(self, strand: Strand) -> None:
        """The handler has returned. Its threads come to rest; what sleeps then ends, and what waits stays frozen."""
        if self._awake > 1:
            self._let_rest()
        with self._lock:
            strand.ended = True
            self.strands.pop(strand.thread, None)
            self._running = False
            self._awake = 0
            if self._parked:  # without the main thread, which waited for something real
                self._stop_listening()
            sleeping = [wait for wait in self._waits if wait.until is not None or wait.lock is not None]
            for wait in sleeping:
                wait.abandoned = wait.lock is None  # else it waits on, in real time
                self._wake(wait)
        rouse(sleeping)

    def _let_rest(self) -> None:
        with self._lock:
            if self._awake <= 1:
                return
            self._at_rest = at_rest = allocate_lock()
            acquire(at_rest)
        acquire(at_rest, True, _REST_SECONDS)
        with self._lock:
            self._at_rest = None

    def counts(self, strand: Strand) -> bool:
        """Whether ``strand`` is a part of the attempt that runs now."""
        return self._running and strand.attempt == self.attempt

    # Strands.

    def add(self, by: Strand, order: int | None = None) -> Strand:
        """Another strand begins, made by one that is there; it counts from now on. Raises ``Abandoned``."""
        with self._lock:
            if not self.counts(by):
                raise Abandoned
            if order is None:
                self._made += 1
                order = self._made
            self._awake += 1
            return Strand(self, order)

    def end(self, strand: Strand) -> None:
        """It has ended, or will never begin; repeatable."""
        with self._lock:
            if strand.ended:
                return
            strand.ended = True
            roused = [wait for wait in strand.joined if self._release(wait)]
            if self.counts(strand):
                self._count_again(strand)
                roused += self._one_less()
        rouse(roused)

    def join(self, strand: Strand, wait: Wait) -> None:
        """Release ``wait`` when ``strand`` has ended."""
        with self._lock:
            if not strand.ended:
                strand.joined.append(wait)
                return
        self.release(wait)

    # Waits.

    def park(self, wait: Wait, seconds: float | None) -> bool:
        """A strand begins to wait; ``False``: it need not, it was released before. Raises ``Abandoned``."""
        with self._lock:
            if wait.released:
                return False
            strand = wait.strand
            counts = self.counts(strand)
            if counts and self._abandoned:
                raise Abandoned
            if seconds is not None:
                if not counts:
                    raise Abandoned
                wait.until = self.dial.elapsed_ns() + nanoseconds(seconds)
                self._fresh.append(wait)
            next_one = self._begin_to_wait(wait)
        rouse(next_one)
        return True

    def _begin_to_wait(self, wait: Wait) -> list[Wait]:
        """Returns what goes on because of that."""
        self._waits.append(wait)
        strand = wait.strand
        if not self.counts(strand):
            return []
        if strand.activity is not None:
            strand.activity.waits_since = None
        self._count_again(strand)
        next_one = self._one_less()
        if self._awake > 0 and wait.until is not None and not self.dial.flows():
            next_one += self._watch(wait)
        return next_one

    # Alarms.

    def strike(self, is_cancelled: Callable[[], bool]) -> None:
        """An alarm goes off: the main thread runs the handler of the signal, where it is or where it waits."""
        with self._lock:
            if is_cancelled() or not self._running:
                return
            self.look_anew_at_main_thread()
            wait = next((wait for wait in self._own_waits() if wait.strand.order == 0), None)
            if wait is None:
                # The main thread runs, or waits for something real. It cannot be in a method that changes what is
                # counted here: these hold the lock. So what the handler of the signal raises leaves no wait behind.
                pthread_kill(threading.main_thread().ident or 0, SIGALRM)
                return
            self._waits.remove(wait)
            wait.struck = True
            self._awake += 1
        wait.rouse()

    def wait_on(self, wait: Wait) -> None:
        """The handler of a signal has returned that struck its thread in ``wait``. Raises ``Abandoned``."""
        with self._lock:
            if wait.released:
                wait.over = True
                return
            if self._abandoned:
                raise Abandoned
            next_one = self._begin_to_wait(wait)
        rouse(next_one)

    def look_anew_at_main_thread(self) -> None:
        """Whatever the main thread has waited for until now, it has computed since."""
        strand = self.strands.get(threading.main_thread().ident or 0)
        if strand is not None and strand.activity is not None:
            strand.activity.waits_since = None

    # Threads that wait for something real while others wait for virtual time to pass.

    def _count_again(self, strand: Strand) -> None:
        if strand.left_out:
            strand.left_out = False
            if self.counts(strand):
                self._awake += 1

    def _watch(self, wait: Wait) -> list[Wait]:
        """A strand waits for an instant while others run. Returns what goes on because the process parks without
        these, as it has done before."""
        if not self._watching:
            try:
                start_new_thread(self._look_now_and_then, ())
                self._watching = True
            except RuntimeError:  # there is no memory for another thread
                return []
        return self._look_beside() if self._sleeps_beside and wait.sleeps else []

    def _look_now_and_then(self) -> None:
        while True:
            _REAL.sleep(min(max(self.io_grace / 4, 0.01), 1.0))
            with self._lock:
                waits = any(wait.until is not None for wait in self._own_waits())
                if not (self._running and self._awake > 0 and waits) or self.dial.flows():
                    self._watching = False
                    self._tell_held_up(False)
                    return
                roused = self._look_beside()
            rouse(roused)

    def _look_beside(self) -> list[Wait]:
        waits = self._own_waits()
        asleep = {wait.strand for wait in waits}
        strands = [one for one in list(self.strands.values()) if self.counts(one) and one not in asleep]
        awake = [(one, one.activity) for one in strands if not one.left_out]
        now = _REAL.monotonic()
        for _, activity in awake:
            if activity is not None:
                activity.look(now)
        still = [one for _, one in awake if one is not None and one.has_waited(now, self.io_grace)]
        if not awake or len(still) != self._awake:
            self._tell_held_up(False)
            return []
        if not any(wait.sleeps and wait.strand.order <= 0 for wait in waits) or not all(
            one.is_background() for one in still
        ):
            self._tell_held_up(True)
            return []
        self._sleeps_beside = True
        roused = []
        for strand, _ in awake:
            strand.left_out = True
            if not strand.was_left_out:
                strand.was_left_out = True
                text = (
                    f"the handler waited for something real; after {self.io_grace:g} real seconds the clock moved on "
                    "to its alarm"
                    if strand.order == 0
                    else "a thread of the handler waited for something real while the handler slept; after "
                    f"{self.io_grace:g} real seconds the clock moved on without it"
                )
                self.channel.send({"kind": "warn", "text": text})
            roused += self._one_less()
        return roused

    def _tell_held_up(self, held_up: bool) -> None:
        """Say whether what runs waits for something real, and others for virtual time to pass."""
        if held_up != self._held_up:
            self._held_up = held_up
            self.channel.send({"kind": "held up", "held_up": held_up})

    # Locks.

    def wait_for_lock(self, strand: Strand, lock: Held, seconds: float | None) -> float | None:
        """See ``HandlerClock``."""
        ident = lock.holder()
        if not self.counts(strand):
            return inf
        if self.dial.flows():
            until = None if seconds is None else self.dial.elapsed_ns() + nanoseconds(seconds)
            left = None if until is None else self.dial.real_seconds_to(until)
            return _LOCK_SECONDS if left is None else min(left, _LOCK_SECONDS)
        with self._lock:
            if lock.is_free():
                return 0.0
            holder = self.strands.get(ident)
            gate = holder is strand or (holder is None and ident not in threading._active)  # type: ignore[attr-defined]
            parked = holder is not None and any(wait.strand is holder for wait in self._waits)
            if not self.counts(strand) or not (gate or parked):
                return _LOCK_SECONDS
            wait = Wait(strand)
            wait.real, wait.lock, wait.arrived = gate, lock, self._looks_at_locks
            if seconds is not None:
                wait.until = self.dial.elapsed_ns() + nanoseconds(seconds)
                self._fresh.append(wait)
            self._waits.append(wait)
            self._count_again(strand)
            next_one = self._one_less()
        rouse(next_one)
        wait.await_lock(lock)
        return None

    def _free_locks(self) -> None:
        """No strand runs: let those go on that wait for a lock which is free by now, one for each lock, in the order of
        the strands; their threads look by themselves."""
        self._looks_at_locks += 1
        waits = [wait for wait in self._waits if wait.lock is not None]
        woken: set[int] = set()
        for wait in sorted(waits, key=lambda wait: (wait.arrived, wait.strand.order)):
            lock = wait.lock
            assert lock is not None
            ident = lock.holder()
            outside = ident not in self.strands and ident in threading._active  # type: ignore[attr-defined]
            if lock.key not in woken and (lock.is_free() or outside):
                woken.add(lock.key)
                self._wake(wait)
                wait.open()

    def release(self, wait: Wait) -> None:
        """What it waits for has happened; on any thread, any number of times, also before it waits."""
        with self._lock:
            released = self._release(wait)
        if released:
            wait.rouse()

    def _release(self, wait: Wait) -> bool:
        """Whether it is to be roused."""
        if wait.released or wait.over:
            return False
        wait.released = True
        if wait not in self._waits:
            return False
        self._wake(wait)
        return True

    def _wake(self, wait: Wait) -> None:
        """The strand runs again, as a part of the attempt that runs now, if one does."""
        self._waits.remove(wait)
        wait.over = True
        if not self._running:
            wait.strand.attempt = 0
            return
        wait.strand.attempt = self.attempt
        wait.strand.told = 0
        self._awake += 1
        if wait.sleeps and wait.strand.order <= 0:
            for strand in list(self.strands.values()):
                self._count_again(strand)
        if self._parked:
            self.channel.send({"kind": "roused", "number": self._number})
            self._stop_listening()
        self._let_others_look()

    def _let_others_look(self) -> None:
        """With a flowing clock, who waits has to look by itself while others run."""
        for wait in self._waits:
            if wait.until is not None and self.dial.flows():
                wait.open()

    def patience(self, wait: Wait) -> float:
        """Real seconds that a strand waits before it looks by itself whether its time is up; -1: for ever."""
        if wait.until is None or self._parked:
            return -1
        seconds = self.dial.real_seconds_to(wait.until)
        return -1 if seconds is None else min(seconds, _LONGEST_LOOK)

    def look_at(self, wait: Wait) -> None:
        """A strand has waited for some time, with the clock flowing while others of the attempt run."""
        with self._lock:
            is_asleep = not (wait.over or wait.struck or self._parked)
            if is_asleep and wait.until is not None and wait.until <= self.dial.elapsed_ns():
                self._wake(wait)

    def _one_less(self) -> list[Wait]:
        """A strand does not run any more. Returns the wait that is over because of that, to be roused."""
        self._awake -= 1
        if self._awake == 1 and self._at_rest is not None:
            self._at_rest.release()
            self._at_rest = None
        if self._awake <= 0:
            self._free_locks()
        return self._go_on() if self._awake <= 0 else []

    def _go_on(self) -> list[Wait]:
        """No strand runs. Strands whose time is up go on one after the other, each once the one before it waits or has
        ended, so that they do the same in each run; the first of them is returned. Without any, the process parks."""
        for wait in sorted(self._fresh, key=lambda wait: wait.strand.order):
            self._turns += 1
            wait.turn = self._turns
        self._fresh.clear()
        now = self.dial.elapsed_ns()
        due = [wait for wait in self._own_waits() if wait.until is not None and wait.until <= now]
        if not due:
            self._park_all()
            return []
        first = min(due, key=lambda wait: (wait.until, wait.turn))
        self._wake(first)
        return [first]

    def _own_waits(self) -> list[Wait]:
        """Where strands of the attempt that runs now wait."""
        return [wait for wait in self._waits if wait.strand.attempt == self.attempt]

    def _park_all(self) -> None:
        """Tell the emulator until when all strands wait, and listen."""
        if self._interrupt is None:
            self._interrupt = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            start_new_thread(self._listen_for_ever, ())
        self._number += 1
        self._parked, self._held_up = True, False
        now = self.dial.elapsed_ns()
        waits = self._own_waits()
        ends = [wait.until for wait in waits if wait.until is not None]
        header = {
            "kind": "park",
            "number": self._number,
            "seconds": max(0, min(ends) - now) / 1e9 if ends else None,
            "real": any(wait.real for wait in waits),
        }
        self.channel.send(header)
        if self._listen.locked():
            self._listen.release()

    # The thread that listens while all strands are parked.

    def _listen_for_ever(self) -> None:
        assert self._interrupt is not None, "made before"
        poll = select.poll()
        for fd in (self.channel.fileno(), self._interrupt):
            poll.register(fd, select.POLLIN)
        while True:
            self._listen.acquire()
            while self._parked:
                ready = [] if self.channel.has_more() else [fd for fd, _ in poll.poll()]
                if self._interrupt in ready:
                    os.eventfd_read(self._interrupt)
                elif self._parked:
                    header, _ = self.channel.receive()
                    if header["kind"] == "abandon":
                        self._abandon()
                    else:
                        self._woken(header["number"])

    def _stop_listening(self) -> None:
        self._parked = False
        assert self._interrupt is not None, "it has parked before"
        os.eventfd_write(self._interrupt, 1)

    def _abandon(self) -> None:
        """The emulator says that the attempt is over: whatever of it waits wakes and unwinds."""
        with self._lock:
            self._parked = False
            self._abandoned = True
            waits = self._own_waits()
            for wait in waits:
                wait.abandoned = True
                self._wake(wait)
        rouse(waits)

    def _woken(self, number: int) -> None:
        """The emulator says that so much time has passed."""
        with self._lock:
            if not self._parked or number != self._number:
                return
            self._parked = False
            due = self._go_on()
        rouse(due)


def rouse(waits: list[Wait]) -> None:
    """Let threads go on whose waits are over."""
    for wait in waits:
        wait.rouse()
