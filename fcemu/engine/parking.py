"""Parking: whom of a handler the clock waits for; threads and work items that wait in virtual time and wake."""

import threading
from datetime import datetime, timedelta
from heapq import heappop, heappush
from math import inf
from threading import get_ident
from typing import Final

from fcemu.core.facts import Slept, Warned
from fcemu.core.outcome import Ran
from fcemu.engine import real
from fcemu.engine.background import has_waited, is_background, look_at
from fcemu.engine.clock import later
from fcemu.engine.crew import Crew
from fcemu.engine.dispatcher import Dispatcher
from fcemu.engine.inflight import WATCHDOG
from fcemu.engine.lines import place
from fcemu.engine.ports import Held
from fcemu.engine.runs import Run, Strands
from fcemu.engine.strands import DRIFTING, STRANDS, Over, Strand, Wait
from fcemu.engine.world import World
from fcemu.handler.locks import acquire

_LOCK_SECONDS: Final = 0.05
"""Real seconds between two looks at a lock whose holder does not park."""
_GATE_SECONDS: Final = 0.001
_REST_SECONDS: Final = 0.05
"""Real seconds that the threads of a handler which has returned have to come to rest, before they are left behind."""


def duration(seconds: float) -> timedelta:
    """At most the longest there is."""
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        return timedelta.max


class Parking:
    """Counts the attempts that hold the clock. An attempt is parked when all its strands wait in virtual time; the end
    of the first of these waits, or its timeout, then falls due.

    The base of ``Movers``, which moves the clock there. Every method is called with the baton held unless it says
    otherwise.
    """

    def __init__(self, world: World, crew: Crew, dispatcher: Dispatcher) -> None:
        self._baton: Final = world.baton
        self.clock: Final = world.clock
        self._agenda: Final = world.agenda
        self._journal: Final = world.journal
        self.io_grace: Final = world.settings.io_grace
        self._crew: Final = crew
        self._dispatcher: Final = dispatcher
        self.in_flight = 0
        self.steps = 0
        """Grows with every step; real time without growth is no progress."""
        self.fleet: Final = dispatcher.fleet
        self.runs: set[Run] = set()
        self._callers: dict[str, Run] = {}
        """Who waits for which synchronous invocation that it made itself."""
        self.left_behind: dict[Strand, float] = {}
        """Threads that still run although their attempt has ended, and since when, by the watchdog's time."""
        self.lock_waits: list[Wait] = []
        """Strands that are parked because the holder of a lock is."""
        self._looks_at_locks = 0

    # What who moves the clock does.

    def leave_waiting(self, strand: Strand) -> None:
        """The thread of ``strand``, whose attempt is over, never comes back; takes the baton itself."""
        raise NotImplementedError

    def pursue(self) -> None:
        """See to it that somebody moves the clock if it may move."""
        raise NotImplementedError

    def _wakes_itself(self, run: Run, wait: Wait) -> bool:
        """Whether the end of ``wait`` is the next thing due and within the goal, so that no other thread is needed."""
        raise NotImplementedError

    # Counting what is in flight.

    def _count(self, run: Run) -> None:
        if not run.counted:
            run.counted = True
            self.in_flight += 1

    def _uncount(self, run: Run) -> None:
        if run.counted:
            run.counted = False
            self.in_flight -= 1

    # Parking.

    def wait(self, wait: Wait, seconds: float | None) -> bool:
        """Wait until ``wait`` is released or ``seconds`` of virtual time have passed; whether it was released.

        Called on the strand's thread, without the baton. Raises ``Over``.
        """
        strand = wait.strand
        self._baton.acquire()
        try:
            run = strand.run
            if run.verdict is not None or (run.over and seconds is not None):
                raise Over
            if wait.released:
                return True
            strand.looked = None
            self._count_again(strand)
            if run.over:
                self._drift(strand, wait)
            else:
                now = self.clock.now()
                wait.until = None if seconds is None else later(now, duration(seconds))
                strand.waits_in = wait
                strand.prepare_wait()
                self._park(run, wait, now)
                if self._wakes_itself(run, wait):
                    return False
                self.pursue()
        finally:
            self._baton.release()
        if strand is run:
            self._crew.replace_me()  # at any rate: the clock may have flowed when this attempt began
        if wait.block is None:
            strand.wait_for_wake()
        else:
            wait.block()
            self.release(wait)
        if not strand.is_its_turn_within(_REST_SECONDS):
            with self._baton:
                if run.strands is not None:
                    run.strands.turns[:] = [one for one in run.strands.turns if one[0] is not strand]
        return self._woken(wait)

    def _abandon(self, run: Run, verdict: Ran) -> None:
        """``run`` comes to ``verdict``: whatever of it waits wakes and unwinds."""
        run.verdict = verdict
        for strand in (run, *run.others()):
            if strand.waits_in is not None:
                self.wake(strand.waits_in)

    def _woken(self, wait: Wait) -> bool:
        run = wait.strand.run
        # In an attempt that is to end, a wait may also be released because the thread it waits for is left for ever.
        if run.verdict is not None or (run.over and not wait.released):
            raise Over
        return wait.released

    def _park(self, run: Run, wait: Wait, now: datetime) -> None:
        """One strand of ``run`` waits; if it was the last that ran, the clock need not wait for ``run``."""
        if wait.real:
            run.blocked += 1
        if run.strands is None:
            run.awake -= 1
            self._expect(run, wait)
            self._settle(run, wait.until, now)
            return
        self._one_less_awake(run, run.strands)
        run.strands.fresh.append(wait)
        if run.awake > 0 and wait.sleeps and run.strands.sleeps_beside and not self.clock.rate:
            self._look_beside(run, WATCHDOG.time())
            if run.awake <= 0:
                return
        if run.awake > 0:
            run.since = WATCHDOG.time()
            if self.clock.rate:
                self._expect_all(run)
            return
        self._settle_all(run, run.strands, now)

    def _settle_all(self, run: Run, strands: Strands, now: datetime) -> None:
        """No strand of ``run`` runs any more."""
        self._expect_all(run)
        instants = strands.instants
        while instants and instants[0][2].over:
            heappop(instants)
        self._settle(run, instants[0][0] if instants else None, now)

    def _settle(self, run: Run, until: datetime | None, now: datetime) -> None:
        """``run`` is parked as a whole until an instant, or for ever; unless it waits for something real only, or a
        strand of it goes on because a lock is free."""
        self.free_locks()
        if run.awake > 0 or (run.blocked and until is None):
            return
        until = run.deadline if until is None else until
        if run.strands is None or (until > now and run.strands.slept != (now, until)):
            if run.strands is not None:
                run.strands.slept = (now, until)
            self._journal.record(Slept(now, run.invocation.id, run.number, until), run.invocation)
        died = self._dispatcher.dies(run, "sleeping", now)
        if died is not None:
            self._abandon(run, died)
        else:
            self._uncount(run)

    def _expect(self, run: Run, wait: Wait) -> None:
        """Let the end of ``wait`` fall due, or the timeout of ``run`` if that comes first."""
        wait.expected = True
        if wait.until is not None and wait.until < run.deadline:
            self._agenda.push(wait.until, wait)
        else:
            self._expect_deadline(run)

    def _expect_deadline(self, run: Run) -> None:
        if not run.deadline_expected:
            run.deadline_expected = True
            self._agenda.push(run.deadline, run)

    def _expect_all(self, run: Run) -> None:
        """Let the new waits of all strands fall due in the order of the strands, not in that in which their threads
        happened to get here."""
        strands = run.strands
        if strands is None or not strands.fresh:
            return
        for wait in sorted(strands.fresh, key=lambda wait: wait.strand.order):
            if not wait.over:
                self._expect(run, wait)
                if wait.until is not None:
                    strands.timed += 1
                    heappush(strands.instants, (wait.until, strands.timed, wait))
        strands.fresh.clear()

    def _unpark(self, wait: Wait) -> None:
        """A strand runs again; its thread is not woken yet."""
        self._end_wait(wait)
        self._one_more_awake(wait.strand.run)

    def _end_wait(self, wait: Wait) -> None:
        wait.over = True
        wait.strand.waits_in = None
        if wait.real:
            wait.strand.run.blocked -= 1
        if wait.lock is not None:
            self.lock_waits.remove(wait)
        if wait.sleeps and wait.strand is wait.strand.run and wait.strand.run.strands is not None:
            for strand in wait.strand.run.others():
                self._count_again(strand)

    def _one_more_awake(self, run: Run) -> None:
        run.awake += 1
        run.since = WATCHDOG.time()
        if run.awake > 0 and not run.over and not run.struck:
            self._count(run)

    def wake(self, wait: Wait) -> None:
        """A strand goes on."""
        self._unpark(wait)
        wait.rouse()

    def _wake_in_turn(self, wait: Wait) -> None:
        """Wake a strand because of what another one did. On a paused clock those that are woken go on in their order,
        each once no other of the attempt runs, so that a handler does the same in each run; but not later than after a
        moment of real time, as that other one may wait for them by means of which nothing is known."""
        strand, run = wait.strand, wait.strand.run
        if run.strands is not None and not self.clock.rate and not run.over and run.verdict is None:
            strand.turn = turn = threading.Lock()
            acquire(turn)
            run.strands.turns.append((strand, turn))
        self.wake(wait)
        if run.strands is not None:
            self._next_turn(run, run.strands)

    def _next_turn(self, run: Run, strands: Strands) -> None:
        turns = strands.turns
        if turns and run.awake <= len(turns):
            first = min(turns, key=lambda one: one[0].order)
            turns.remove(first)
            first[1].release()

    def release(self, wait: Wait) -> None:
        """What ``wait`` waits for has happened; on any thread, without the baton."""
        left_behind = None
        with self._baton:
            if wait.released or wait.over:
                return
            wait.released = True
            if wait.strand.waits_in is wait:
                if wait.strand.run.over:
                    left_behind = wait
                    self._end_wait(wait)
                    DRIFTING.discard(wait.strand)
                else:
                    self.steps += 1
                    self._wake_in_turn(wait)
        if left_behind is not None:
            self._take_over(left_behind)

    # Locks.

    def wait_for_lock(self, strand: Strand, lock: Held, seconds: float | None) -> float | None:
        """See ``HandlerClock``; called on the strand's thread, without the baton."""
        with self._baton:
            run, now = strand.run, self.clock.now()
            if run.over and run.verdict is None:
                return inf  # its thread was left behind, and goes on in real time
            if self.clock.rate:
                if run.verdict is not None and not run.over:
                    raise Over
                until = None if seconds is None else later(now, duration(seconds))
                return _LOCK_SECONDS if until is None else min(_LOCK_SECONDS, self.clock.real_seconds_to(until))
            if lock.is_free():
                return 0.0
            holder = STRANDS.get(lock.holder())
            gate = holder is strand or (holder is None and lock.holder() not in threading._active)  # type: ignore[attr-defined]
            self._count_again(strand)
            strand.wants = lock
            if not (gate or self._is_held_up(holder)):
                return _LOCK_SECONDS
            if gate and run.calls:
                return _LOCK_SECONDS  # that call may end by it
            if run.over or run.verdict is not None:
                raise Over
            wait = Wait(strand, None if seconds is None else later(now, duration(seconds)))
            # The thread that has taken such a lock will not release it, so what does may be something real.
            wait.real, wait.lock, wait.arrived = gate, lock, self._looks_at_locks
            self.lock_waits.append(wait)
            strand.waits_in = wait
            strand.prepare_wait()
            self._park(run, wait, now)
            if self._wakes_itself(run, wait):
                return None
            self.pursue()
        self._await_lock(wait, lock)
        if run.verdict is not None:
            raise Over
        return None

    def _await_lock(self, wait: Wait, lock: Held) -> None:
        """Wait until ``wait`` is over, without the baton. The thread that releases the lock may not park for long, or
        be no strand: so this one looks by itself, seldom enough that on a paused clock others park first."""
        pause = _GATE_SECONDS if wait.real else _LOCK_SECONDS
        while not wait.strand.wakes_within(pause):
            if lock.is_free():
                self.release(wait)
            pause = min(2 * pause, 2 * _LOCK_SECONDS)

    def _count_again(self, strand: Strand) -> None:
        """A strand that the clock did not wait for is back."""
        if strand.left_out:
            strand.left_out = False
            self._one_more_awake(strand.run)

    def look_at_threads(self, now: float) -> None:
        """Called by the watchdog, by its time, on a paused clock: leave background threads out of the count that have
        waited for something real long enough while their handler slept."""
        for run in list(self.runs):
            if run.counted:
                self._look_beside(run, now)

    def _look_beside(self, run: Run, now: float) -> None:
        awake = run.awake_ones()
        for strand in awake:
            look_at(strand, now)
        if run.waits_in is None or not run.waits_in.sleeps or run.calls or run.verdict is not None:
            return
        grace = self.io_grace.total_seconds()
        if not awake or not all(has_waited(one, now, grace) and is_background(one) for one in awake):
            return
        strands = run.strands
        assert strands is not None, "there are others than the handler's thread"
        strands.sleeps_beside = True
        for strand in awake:
            strand.left_out = True
            if not strand.was_left_out:
                strand.was_left_out = True
                text = (
                    f"a thread of {run.function.ref} waited{place(strand.line(), run.function.code)} for something "
                    f"real while the handler slept; after {grace:g} real seconds the clock moved on without it"
                )
                self._warn(run, text)
            self._one_less_awake(run, strands)
        self.steps += 1
        self._settle_all(run, strands, self.clock.now())
        self.pursue()

    def _is_held_up(self, holder: Strand | None) -> bool:
        """Whether it is the clock that keeps the holder of a lock from releasing it."""
        if holder is None:
            return False
        run = holder.run
        return run.movers is self and not run.struck and (holder.waits_in is not None or run.awake <= 0)

    def free_locks(self) -> bool:
        """Before the clock moves: let those go on that wait for a lock which is free by now, one for each lock; whether
        there was one. Those that parked between the same two moves go on in the order of the strands."""
        if not self.lock_waits:
            return False
        self._looks_at_locks += 1
        woken: set[int] = set()
        for wait in sorted(self.lock_waits, key=lambda wait: (wait.arrived, wait.strand.order)):
            lock = wait.lock
            assert lock is not None
            if lock.key not in woken and (lock.is_free() or self._is_taken_outside(lock)):
                woken.add(lock.key)
                self.steps += 1
                self.wake(wait)
        return bool(woken)

    def _is_taken_outside(self, lock: Held) -> bool:
        """Whether a thread has taken the lock meanwhile that is no strand of ours."""
        ident = lock.holder()
        holder = STRANDS.get(ident)
        if holder is None:
            return ident in threading._active  # type: ignore[attr-defined]
        return holder.run.movers is not self

    def sleep_really(self, run: Run, seconds: float) -> None:
        """A thread of which nothing is known, but that carries the context of ``run``, sleeps."""
        self.warn(run, f"a thread that the handler did not start with threading.Thread slept {seconds:g} real seconds")
        real.sleep(seconds)

    # Threads and work items of a handler.

    def add_strand(self, run: Run) -> Strand:
        """Another strand of ``run`` begins; takes the baton itself. Raises ``Over``."""
        with self._baton:
            if run.over or run.verdict is not None:
                raise Over
            strand = Strand(run, self._join(run))
            strands = run.strands
            assert strands is not None
            strands.alive.add(strand)
            self._one_more_awake(run)
            return strand

    def _join(self, run: Run) -> int:
        if run.strands is None:
            run.strands = Strands()
        run.strands.made += 1
        return run.strands.made

    def end_strand(self, strand: Strand) -> None:
        """A thread or work item has ended, or will never begin; takes the baton itself. Repeatable."""
        with self._baton:
            run = strand.run
            joined = strand.take_joined()
            ours = [wait for wait in joined if wait.strand.run.movers is self and not wait.strand.run.over]
            for wait in ours:
                wait.released = True
                if wait.strand.waits_in is wait:
                    self._wake_in_turn(wait)
            self.left_behind.pop(strand, None)
            self._count_again(strand)
            if run.strands is not None and strand in run.strands.alive:
                run.strands.alive.discard(strand)
                self._one_less_awake(run, run.strands)
                self.steps += 1
                if not run.over and run.awake <= 0 and run.counted:
                    self._settle_all(run, run.strands, self.clock.now())
                    self.pursue()
            strand.ended = True
        for wait in joined:
            wait.release()

    def joins(self, strand: Strand, wait: Wait) -> bool:
        """Whether ``strand`` has ended; else ``wait`` is released when it does. Takes the baton itself."""
        with self._baton:
            if not strand.ended:
                strand.joined_by(wait)
            return strand.ended

    def _drift(self, strand: Strand, wait: Wait) -> None:
        """A strand waits whose attempt has returned: as in an instance that is frozen, until somebody wakes it."""
        strand.waits_in = wait
        strand.prepare_wait()
        DRIFTING.add(strand)

    def _take_over(self, wait: Wait) -> None:
        """Somebody has woken a strand that an attempt left behind: it goes on as a part of the attempt that did.

        Called without the baton: that attempt may belong to another emulator.
        """
        waker = STRANDS.get(get_ident())
        if waker is not None:
            run = waker.run
            run.movers.adopt(wait.strand, run)
        wait.rouse()

    def adopt(self, strand: Strand, run: Run) -> None:
        """Make a strand that runs on its own a part of ``run``; takes the baton itself."""
        with self._baton:
            if run.over or run.verdict is not None:
                return
            strand.join(run)
            strand.order = self._join(run)
            assert run.strands is not None
            run.strands.alive.add(strand)
            self._one_more_awake(run)

    def _dismiss(self, run: Run) -> None:
        """``run`` is over: what of it waits for an instant, or was not left in peace, ends; the rest is left behind."""
        in_peace = run.verdict is None
        for strand in (run, *run.others()):
            wait = strand.waits_in
            if wait is None or (in_peace and wait.lock is not None):
                if strand is not run:
                    self.left_behind[strand] = WATCHDOG.time()
                if wait is not None:  # it waits on in real time
                    self._end_wait(wait)
                    wait.rouse()
            elif in_peace and wait.until is None:
                DRIFTING.add(strand)
            else:
                self._end_wait(wait)
                wait.rouse()

    def _let_rest(self, run: Run, strands: Strands) -> None:
        """Threads that are about to end or to wait for more work do so before the attempt is over, as good as always
        in the same order as everywhere; others are left behind as they are."""
        if run.over or run.struck:
            return
        strands.at_rest = at_rest = threading.Lock()
        at_rest.acquire()
        run.since = WATCHDOG.time()
        self._baton.release()
        at_rest.acquire(timeout=_REST_SECONDS)
        self._baton.acquire()
        strands.at_rest = None

    def _one_less_awake(self, run: Run, strands: Strands) -> None:
        run.awake -= 1
        if strands.at_rest is not None and run.awake == 1:
            strands.at_rest.release()
        self._next_turn(run, strands)

    # Warnings.

    def warn(self, run: Run, text: str, *, once: bool = False) -> None:
        """Record a warning about ``run``; takes the baton itself."""
        with self._baton:
            if run.over or (once and text in run.warned_once):
                return
            if once:
                run.warned_once = (*run.warned_once, text)
            self._warn(run, text)

    def _warn(self, run: Run, text: str, at: datetime | None = None) -> None:
        self._journal.record(Warned(at or self.clock.now(), run.invocation.id, run.number, text), run.invocation)
