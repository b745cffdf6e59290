"""Parks the threads of a handler in a child, and tells the emulator until when all of them wait.

The emulator sees one strand, the child as a whole: it is parked while none of the child's strands runs, until the first
of their waits ends. Which of them runs then is decided by the table in ``handler/strands.py``; here it is carried out.
"""

from __future__ import annotations

import threading
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from math import inf
from typing import Any, Final, NoReturn

from fcemu.handler.child.channel import Channel
from fcemu.handler.child.dial import Dial, nanoseconds
from fcemu.handler.child.listening import Listener
from fcemu.handler.child.own_threads import start_own
from fcemu.handler.child.strikes import strike_here, strike_main_thread
from fcemu.handler.clock import Abandoned, Held
from fcemu.handler.lock_waits import LOCK_SECONDS, LockWaits, pauses
from fcemu.handler.locks import RealLock, acquire
from fcemu.handler.strands import END, REST_SECONDS, Attempt, Beside, Doing, Move
from fcemu.handler.strands import Strand as StrandOfTable
from fcemu.handler.strands import Wait as WaitOfTable
from fcemu.handler.threads import computed_ns, has_ended, is_of_pool
from fcemu.handler.time.loops import let_loop_look
from fcemu.handler.time.originals import Originals

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LONGEST_LOOK: Final = 60.0
_UNWIND_SECONDS: Final = 0.5
"""Real seconds that an attempt waits for ``finally`` blocks of threads that it has ended."""
_REAL: Final = Originals()


class Wait(WaitOfTable["Strand", int]):
    """One virtual wait of one strand; what the rules call ``Waiting``."""

    def __init__(self, strand: Strand) -> None:
        super().__init__(strand)
        self.abandoned = False
        self.block: Callable[[], object] | None = None
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
        parking = self.strand.parking
        try:
            if not parking.park(self, seconds):
                return True
        except Abandoned:
            self.strand.abandon()
        while not self.over:
            if self.block is not None:
                self.block()
                if not self.struck:
                    parking.release(self)
            else:
                acquire(self._gate, True, parking.patience(self))
                parking.look_at(self)
            if self.struck:
                self._run_signal_handler()
        if self.abandoned:
            self.strand.abandon()
        return self.released

    def _run_signal_handler(self) -> None:
        """Run the handler of the signal, on the main thread, which counts as running meanwhile. What it raises ends the
        wait: ``strike`` has withdrawn it. When it returns, the wait goes on to the same instant as before."""
        self.struck = False
        strike_here()
        let_loop_look()
        try:
            self.strand.parking.wait_on(self)
        except Abandoned:
            self.strand.abandon()

    def await_lock(self, lock: Held) -> None:
        """Park this strand until ``lock`` may be free. Raises ``Abandoned``."""
        looks = pauses(gate=self.real)
        while not self.over:
            if not acquire(self._gate, True, next(looks)) and lock.is_free():
                self.strand.parking.release_first(self)
            if self.struck:
                self._run_signal_handler()
        if self.abandoned:
            self.strand.abandon()

    def release(self) -> None:
        """What it waits for has happened."""
        self.strand.parking.release(self)


class Strand(StrandOfTable):
    """A thread or work item of the handler, and the clock that it sees; what the rules call ``HandlerStrand``."""

    attempt: Table
    """The attempt that it is a part of."""
    waits_in: Wait | None = None

    def __init__(self, parking: Parking) -> None:
        self.parking: Final = parking
        self.thread = 0
        self.native = 0
        """What the system calls its thread; 0: it has not begun."""
        self.joined: list[Wait] = []
        self._before: Strand | None = None

    def now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.parking.dial.epoch_ns() // 1000)

    def elapsed_ns(self) -> int:
        return self.parking.dial.elapsed_ns()

    def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        strand = self.here()
        if strand is not None:
            wait = Wait(strand)
            wait.sleeps = True
            wait.wait(seconds)
            return
        self.warn(f"a thread that the handler did not start with threading.Thread slept {seconds:g} real seconds")
        _REAL.sleep(seconds)

    def abandon(self) -> NoReturn:
        """As in ``engine/runs.py``; the process ends by other ways than by waiting for its threads."""
        if not self.learn():
            gate = allocate_lock()
            gate.acquire()
            while True:
                acquire(gate)
        raise Abandoned

    def here(self) -> Strand | None:
        """The strand that this thread runs."""
        ident = get_ident()
        return self if self.thread == ident else self.parking.strands.get(ident)

    def waiting(self) -> Wait | None:
        strand = self.here()
        return None if strand is None else Wait(strand)

    def wait_for_lock(self, lock: Held, seconds: float | None) -> float | None:
        strand = self.here()
        return inf if strand is None else strand.parking.wait_for_lock(strand, lock, seconds)

    def strand(self) -> Strand:
        return self.parking.add(self.here() or self)

    def io_grace(self) -> float:
        return self.parking.io_grace

    def prepare(self, seconds: float) -> None:
        """The emulator knows, it has started this process."""

    def begin_handler(self) -> None:
        self.parking.channel.send({"kind": "begins"})

    def warn(self, text: str, *, once: bool = False) -> None:
        self.parking.channel.send({"kind": "warn", "text": text, "once": once})

    def begin(self) -> None:
        self.thread = get_ident()
        self.native = threading.get_native_id()
        self._known = threading.current_thread()
        self._before = self.parking.strands.get(self.thread)
        self.parking.strands[self.thread] = self

    def end(self) -> None:
        strands = self.parking.strands
        if self.thread == get_ident() and strands.get(self.thread) is self:
            if self._before is None:
                del strands[self.thread]
            else:
                strands[self.thread] = self._before
        self.parking.end(self)

    def when_ended(self, waiting: Any) -> None:
        self.parking.join(self, waiting)

    def is_background(self) -> bool:
        """Whether its thread is one of the handler's own, not one of a pool."""
        return not is_of_pool(self._known)


Table = Attempt[Strand, Wait, int]
HERE: Final[dict[int, Strand]] = {}
"""Which strand each thread of this process runs."""


def strand_here() -> Strand | None:
    """The strand that this thread runs."""
    return HERE.get(get_ident())


class Parking:
    """All strands of this process. What changes is changed under ``_lock``; waits are roused without it."""

    _attempt: Table
    """The attempt that runs now, or was the last one."""

    def __init__(self, channel: Channel, dial: Dial, io_grace: float) -> None:
        self.channel: Final = channel
        self.dial: Final = dial
        self.io_grace: Final = io_grace
        self.strands: Final = HERE
        """Which strand each thread runs."""
        self._lock: Final = RealLock()
        self._locks: Final[LockWaits[Wait]] = LockWaits()
        self._number = 0
        self._listener: Final = Listener(channel, self._hear)
        self._at_rest: Any = None
        self._unwinds: Final[set[Strand]] = set()
        """Strands of the attempt before that were ended where they slept, and still run their ``finally`` blocks."""
        self._unwound: Any = None
        self._watching = self._held_up = False

    # An attempt as a whole.

    def begin(self) -> Strand:
        """An attempt begins on this thread; its first strand, and its clock."""
        strand = Strand(self)
        with self._lock:
            strand.attempt = self._attempt = Attempt(strand)
        strand.begin()
        return strand

    def finish(self, strand: Strand) -> None:
        """The handler has returned. Its threads come to rest; what sleeps then ends, as good as always before the next
        attempt begins, and what waits stays frozen."""
        attempt, unwound = strand.attempt, None
        if attempt.awake > 1:
            self._let_rest(attempt)
        with self._lock:
            self.strands.pop(strand.thread, None)
            attempt.move(END)
            if self._listener.parked:  # without the main thread, which waited for something real
                self._listener.stop()
            if not attempt.others and strand.waits_in is None:
                attempt.end(strand)
                del attempt.first  # it holds the attempt, and only the collector would find the two
                return
            ended = attempt.dismiss()
            for wait in ended:
                wait.abandoned = wait.lock is None  # else it waits on, in real time
            attempt.end(strand)
            self._unwinds.update(wait.strand for wait in ended if wait.abandoned)
            if self._unwinds:
                self._unwound = unwound = allocate_lock()
                acquire(unwound)
        rouse(ended)
        if unwound is not None:
            acquire(unwound, True, _UNWIND_SECONDS)
            with self._lock:
                self._unwinds.clear()
                self._unwound = None

    def _let_rest(self, attempt: Table) -> None:
        with self._lock:
            if attempt.awake <= 1:
                return
            self._at_rest = at_rest = allocate_lock()
            acquire(at_rest)
        acquire(at_rest, True, REST_SECONDS)
        with self._lock:
            self._at_rest = None

    def counts(self, strand: Strand) -> bool:
        """Whether ``strand`` is a part of the attempt that runs now."""
        return strand.attempt is self._attempt and not strand.attempt.over

    # Strands.

    def add(self, by: Strand, order: int | None = None) -> Strand:
        """Another strand begins, made by one that is there; it counts from now on. Raises ``Abandoned``."""
        with self._lock:
            if not self.counts(by):
                raise Abandoned
            strand = Strand(self)
            strand.attempt = self._attempt
            self._attempt.add(strand, order)
            return strand

    def end(self, strand: Strand) -> None:
        """It has ended, or will never begin; repeatable."""
        with self._lock:
            if strand.ended:
                return
            roused = [wait for wait in strand.joined if self._release(wait)]
            strand.attempt.end(strand)
            self._unwinds.discard(strand)
            if self._unwound is not None and not self._unwinds:
                self._unwound.release()
                self._unwound = None
            if self.counts(strand):
                roused += self._settle()
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
            counts = self.counts(wait.strand)
            if self._attempt.told if counts else seconds is not None:
                raise Abandoned
            if seconds is not None:
                wait.until = self.dial.elapsed_ns() + nanoseconds(seconds)
            next_one = self._begin_to_wait(wait)
        rouse(next_one)
        return True

    def _begin_to_wait(self, wait: Wait) -> list[Wait]:
        """Returns what goes on because of that."""
        strand = wait.strand
        strand.attempt.wait(wait)
        if not self.counts(strand):
            return []
        next_one = self._settle()
        if self._attempt.awake > 0 and wait.until is not None and not self.dial.flows():
            next_one += self._watch(wait)
        return next_one

    # Alarms.

    def strike(self, is_cancelled: Callable[[], bool]) -> None:
        """An alarm goes off: the main thread runs the handler of the signal, where it is or where it waits."""
        with self._lock:
            if is_cancelled() or self._attempt.over:
                return
            self.look_anew_at_main_thread()
            wait = self._attempt.first.waits_in
            if wait is None:
                # The main thread runs, or waits for something real. It cannot be in a method that changes what is
                # counted here: these hold the lock. So what the handler of the signal raises leaves no wait behind.
                strike_main_thread()
                return
            self._attempt.interrupt(wait)
            wait.struck = True
        wait.rouse()

    def wait_on(self, wait: Wait) -> None:
        """The handler of a signal has returned that struck its thread in ``wait``. Raises ``Abandoned``."""
        with self._lock:
            if wait.released:
                wait.over = True
                return
            if self._attempt.told:
                raise Abandoned
            next_one = self._begin_to_wait(wait)
        rouse(next_one)

    def look_anew_at_main_thread(self) -> None:
        """Whatever the main thread has waited for until now, it has computed since."""
        strand = self.strands.get(threading.main_thread().ident or 0)
        if strand is not None:
            strand.looked = None

    # Threads that wait for something real while others wait for virtual time to pass.

    def _watch(self, wait: Wait) -> list[Wait]:
        """A strand waits for an instant while others run. Returns what goes on because the process parks without
        these, as it has done before."""
        if not self._watching:
            try:
                start_own(self._look_now_and_then)
                self._watching = True
            except RuntimeError:  # there is no memory for another thread
                return []
        return self._look_beside() if self._attempt.sleeps_beside and wait.sleeps else []

    def _look_now_and_then(self) -> None:
        while True:
            _REAL.sleep(min(max(self.io_grace / 4, 0.01), 1.0))
            with self._lock:
                attempt = self._attempt
                over = attempt.over or attempt.awake <= 0 or self.dial.flows()
                if over or all(wait.until is None for wait in attempt.waits()):
                    self._watching = False
                    self._tell_held_up(False)
                    return
                roused = self._look_beside()
            rouse(roused)

    def _look_beside(self) -> list[Wait]:
        attempt, now = self._attempt, _REAL.monotonic()
        awake = attempt.awake_ones()
        for strand in awake:
            strand.look(now, computed_ns(strand.native) if strand.native else None)
        keeps = attempt.beside(now, self.io_grace, Strand.is_background)
        if keeps is not Beside.IN_BACKGROUND:
            self._tell_held_up(keeps is Beside.HELD_UP)
            return []
        for strand in awake:
            if not strand.was_left_out:
                text = (
                    f"the handler waited for something real; after {self.io_grace:g} real seconds the clock moved on "
                    "to its alarm"
                    if strand.order == 0
                    else "a thread of the handler waited for something real while the handler slept; after "
                    f"{self.io_grace:g} real seconds the clock moved on without it"
                )
                self.channel.send({"kind": "warn", "text": text})
            attempt.leave_out(strand)
        return self._settle()

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
            return LOCK_SECONDS if left is None else min(left, LOCK_SECONDS)
        with self._lock:
            if lock.is_free():
                return 0.0
            holder = self.strands.get(ident)
            gate = holder is strand or (holder is None and has_ended(ident))
            parked = holder is not None and holder.waits_in is not None
            if not self.counts(strand) or not strand.attempt.parks_for_lock(gate=gate, held_up=parked):
                return LOCK_SECONDS
            wait = Wait(strand)
            self._locks.add(wait, lock, gate=gate)
            if seconds is not None:
                wait.until = self.dial.elapsed_ns() + nanoseconds(seconds)
            strand.attempt.wait(wait)
            next_one = self._settle()
        rouse(next_one)
        wait.await_lock(lock)
        return None

    def _free_locks(self) -> None:
        """No strand runs: let those go on that wait for a lock which is free by now."""
        for wait in self._locks.freed(self._may_be_taken):
            self._wake(wait)
            wait.open()

    def _may_be_taken(self, lock: Held) -> bool:
        """Whether a lock is free, or a thread has it that is no strand."""
        ident = lock.holder()
        return lock.is_free() or (ident not in self.strands and not has_ended(ident))

    def release_first(self, seen: Wait) -> None:
        """The strand of ``seen`` has found its lock free: the first that waits for it may go on by that."""
        with self._lock:
            first = self._locks.first_of(seen)
            released = first is not None and self._release(first)
        if first is not None and released:
            first.rouse()

    def release(self, wait: Wait) -> None:
        """What it waits for has happened; on any thread, any number of times, also before it waits."""
        with self._lock:
            released = self._release(wait)
        if released:
            wait.rouse()

    def _release(self, wait: Wait) -> bool:
        """Whether it is to be roused."""
        released = wait.happened()
        if released:
            self._wake(wait)
        return released

    def _wake(self, wait: Wait) -> None:
        """The strand runs again, as a part of the attempt that runs now, if one does."""
        strand = wait.strand
        strand.attempt.wake(wait)
        if self._attempt.over:
            return
        if strand.doing is Doing.LEFT_BEHIND:
            self._attempt.join(strand)
            strand.attempt = self._attempt
        if self._listener.parked:
            self.channel.send({"kind": "roused", "number": self._number})
            self._listener.stop()
        if self.dial.flows():  # then strands that wait have to look by themselves while others run
            for other in self._attempt.waits():
                if other.until is not None:
                    other.open()

    def patience(self, wait: Wait) -> float:
        """Real seconds that a strand waits before it looks by itself whether its time is up; -1: for ever."""
        if wait.until is None or self._listener.parked:
            return -1
        seconds = self.dial.real_seconds_to(wait.until)
        return -1 if seconds is None else min(seconds, _LONGEST_LOOK)

    def look_at(self, wait: Wait) -> None:
        """A strand has waited for some time, with the clock flowing while others of the attempt run."""
        with self._lock:
            is_asleep = not (wait.over or wait.struck or self._listener.parked)
            if is_asleep and wait.until is not None and wait.until <= self.dial.elapsed_ns():
                self._wake(wait)

    def _settle(self) -> list[Wait]:
        """A strand does not run any more. Returns the wait that is over because of that, to be roused."""
        if self._attempt.awake == 1 and self._at_rest is not None:
            self._at_rest.release()
            self._at_rest = None
        if self._attempt.awake <= 0:
            self._free_locks()
        return self._go_on() if self._attempt.awake <= 0 else []

    def _go_on(self) -> list[Wait]:
        """No strand runs. The strand whose time is up goes on; without any, the process parks."""
        due = self._attempt.due(self.dial.elapsed_ns())
        if due is None:
            self._park_all()
            return []
        self._wake(due)
        return [due]

    def _park_all(self) -> None:
        """Tell the emulator until when all strands wait, and listen."""
        self._listener.prepare()
        self._number += 1
        self._held_up = False
        now, first = self.dial.elapsed_ns(), self._attempt.first_wait()
        header = {
            "kind": "park",
            "number": self._number,
            "seconds": None if first is None or first.until is None else max(0, first.until - now) / 1e9,
            "real": self._attempt.blocked > 0,
        }
        self.channel.send(header)
        self._listener.listen()

    def _hear(self, header: Mapping[str, Any]) -> None:
        """The emulator says something while all strands are parked."""
        if header["kind"] == "abandon":
            self._abandon()
        else:
            self._woken(header["number"])

    def _abandon(self) -> None:
        """The emulator says that the attempt is over: whatever of it waits wakes and unwinds."""
        with self._lock:
            self._listener.parked = False
            self._attempt.move(Move.TELL)
            waits = self._attempt.waits()
            for wait in waits:
                wait.abandoned = True
                self._wake(wait)
        rouse(waits)

    def _woken(self, number: int) -> None:
        """The emulator says that so much time has passed."""
        with self._lock:
            if not self._listener.parked or number != self._number:
                return
            self._listener.parked = False
            due = self._go_on()
        rouse(due)


def rouse(waits: list[Wait]) -> None:
    """Let threads go on whose waits are over."""
    for wait in waits:
        wait.rouse()
