"""The strands of attempts park here: they wait in virtual time, and are woken when their time comes."""

import threading
from datetime import datetime, timedelta
from math import inf
from threading import get_ident
from typing import Final, Protocol, TypeGuard

from fcemu.core.facts import Slept, Warned
from fcemu.core.outcome import Ran
from fcemu.engine import real
from fcemu.engine.clock import later
from fcemu.engine.crew import Crew
from fcemu.engine.dispatcher import RIVALS, Dispatcher
from fcemu.engine.inflight import WATCHDOG
from fcemu.engine.lines import place
from fcemu.engine.ports import Held
from fcemu.engine.runs import DRIFTING, STRANDS, CodeRun, Expected, Over, Run, Strand, Wait, in_engine
from fcemu.engine.world import World
from fcemu.handler.lock_waits import LOCK_SECONDS, LockWaits, pauses
from fcemu.handler.locks import acquire
from fcemu.handler.strands import REST_SECONDS, Beside, Doing, State
from fcemu.handler.threads import has_ended, is_of_pool, thread_of


def duration(seconds: float) -> timedelta:
    """At most the longest there is."""
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        return timedelta.max


def _is_background(strand: Strand) -> bool:
    """Whether its thread is one of the handler's own, not one of a pool."""
    return not is_of_pool(thread_of(strand.thread))


class Counted(Protocol):
    """What the clock can wait for."""

    counted: bool


class Mover(Protocol):
    """What moves the clock, as its parts see it. Every method is called with the baton held."""

    def fail(self, error: BaseException) -> None:
        """A thread that works for the emulator has raised ``error``, which closes it."""

    def pursue(self) -> None:
        """See to it that a thread moves the clock if it may move."""

    def wakes_itself(self, run: CodeRun, wait: Wait) -> bool:
        """Whether the end of ``wait`` is the next thing due and within the goal, so that no other thread is needed."""


class Parking:
    """Counts the attempts that hold the clock. An attempt is parked when all its strands wait in virtual time; the end
    of the first of these waits, or its timeout, then falls due.

    Every method is called with the baton held unless it says otherwise.
    """

    def __init__(self, mover: Mover, world: World, crew: Crew, dispatcher: Dispatcher) -> None:
        self.mover = mover
        """Moves the clock, until ``Closing.let_go``."""
        self._baton: Final = world.baton
        self.clock: Final = world.clock
        self._agenda: Final = world.agenda
        self._journal: Final = world.journal
        self.io_grace: Final = world.settings.io_grace
        self._crew: Final = crew
        self._dispatcher: Final = dispatcher
        self._permutes: Final = dispatcher.permutes
        self.in_flight = 0
        self.steps = 0
        """Grows with every step; real time without growth is no progress."""
        self.runs: set[Run] = set()
        self.callers: dict[str, Run] = {}
        """Who waits for which synchronous invocation that it made itself."""
        self.left_behind: dict[Strand, float] = {}
        """Threads that still run although their attempt has ended, and since when, by the watchdog's time."""
        self.lock_waits: Final[LockWaits[Wait]] = LockWaits()
        """Strands that are parked because the holder of a lock is."""

    # Counting what is in flight.

    def count(self, run: Counted) -> None:
        """The clock waits for ``run``."""
        if not run.counted:
            run.counted = True
            self.in_flight += 1

    def uncount(self, run: Counted) -> None:
        """The clock does not wait for ``run`` any more."""
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
            # The attempt is to end, or has ended: no wait for an instant comes to its end any more.
            if run.verdict is not None or (run.over and seconds is not None):
                raise Over
            # What it waits for has happened before it waited.
            if wait.released:
                return True
            # Its attempt has returned: it waits on as the threads of an instance that is frozen.
            if run.over:
                self._drift(strand, wait)
            else:
                now = self.clock.now()
                wait.until = None if seconds is None else later(now, duration(seconds))
                strand.prepare_wait()
                self._park(run, wait, now)
                if self.mover.wakes_itself(run, wait):
                    return False
                self.mover.pursue()
        finally:
            self._baton.release()
        if strand is run:
            self._crew.replace_me()  # at any rate: the clock may have flowed when this attempt began
        if wait.block is None:
            strand.wait_for_wake()
        else:
            wait.block()
            self.release(wait)
        if not strand.is_its_turn_within(REST_SECONDS):
            with self._baton:
                run.table.skip_turn(strand)
                strand.turn = None
        return self._woken(wait)

    def abandon(self, run: CodeRun, verdict: Ran) -> None:
        """``run`` comes to ``verdict``: whatever of it waits wakes and unwinds."""
        run.tell(verdict)
        for wait in run.table.waits():
            self.wake(wait)

    def _woken(self, wait: Wait) -> bool:
        run = wait.strand.run
        # In an attempt that is to end, a wait may also be released because the thread it waits for is left for ever.
        if run.verdict is not None or (run.over and not wait.released):
            raise Over
        return wait.released

    def _park(self, run: CodeRun, wait: Wait, now: datetime) -> None:
        """One strand of ``run`` waits; if it was the last that ran, the clock need not wait for ``run``."""
        table = run.table
        if table.count_again(wait.strand):
            self.one_more_awake(run)
        table.wait(wait)
        self._one_less_awake(run)
        # The handler sleeps once more beside threads that have been left out before: they are looked at anew, at once.
        if table.awake > 0 and wait.sleeps and table.sleeps_beside and not self.clock.rate:
            self.look_beside(run, WATCHDOG.time())
        # It was the last strand that ran.
        elif table.awake <= 0:
            self._settle(run, now)
            return
        # Others run on. On a flowing clock this wait falls due beside them, on a paused one the clock waits for them.
        if table.awake > 0:
            run.since = WATCHDOG.time()
            if self.clock.rate:
                self.expect_waits(run)

    def _settle(self, run: CodeRun, now: datetime) -> None:
        """No strand of ``run`` runs any more: it is parked as a whole until an instant, or for ever; unless it waits
        for something real only, or a strand of it goes on because a lock is free or because its time is up as well."""
        table = run.table
        first = table.first_wait()
        self.free_locks()
        # A strand goes on that waited for a lock, or something real alone can end the waits: the clock still waits.
        if table.holds_clock:
            return
        # A fault of chance or of a test may end the instance while it sleeps; hooks have no faults.
        if isinstance(run, Run):
            self._record_sleep(run, now, run.deadline if first is None or first.until is None else first.until)
            died = self._dispatcher.dies(run, "sleeping", now)
            if died is not None:
                self.abandon(run, died)
                return
        # The time of another strand is up at the same instant: it goes on before anything else of that instant does.
        due = None if self.clock.rate else table.next_due(now)
        if due is not None and due.until is not None and due.until < run.deadline:
            self.steps += 1
            self.wake(self.first_of(run, due, now))
            return
        self.expect(run)
        self.uncount(run)

    def first_of(self, run: CodeRun, due: Wait, now: datetime) -> Wait:
        """The wait of ``run`` whose strand goes on at ``now``: ``due``, unless chance has another strand go on before
        it whose time is up at the same instant."""
        if not self._permutes or run.table.alone or not self.may_reorder(run):
            return due
        rivals = run.table.rivals(due)[:RIVALS]
        chosen = self._dispatcher.first_strand(run, len(rivals), now) if len(rivals) > 1 else 0
        if chosen:
            run.table.put_first(rivals[chosen])
            return rivals[chosen]
        return due

    def first_task(self, run: CodeRun, tasks: int) -> int:
        """Which of so many tasks of a strand of ``run`` that wake at the same instant goes on first, counted from 0;
        takes the baton itself, on the strand's thread."""
        with in_engine(), self._baton:
            return self._dispatcher.first_strand(run, tasks, self.clock.now()) if self.may_reorder(run) else 0

    def may_reorder(self, run: CodeRun) -> TypeGuard[Run]:
        """Whether chance may have what wakes at the same instant in ``run`` go on in another order than its own. On a
        flowing clock real time decides; hooks have no questions. Called with the baton held or without it."""
        return self._permutes and isinstance(run, Run) and not (run.over or run.verdict is not None or self.clock.rate)

    def _record_sleep(self, run: Run, now: datetime, until: datetime) -> None:
        alone = run.table.alone
        if alone or (until > now and run.slept != (now, until)):
            if not alone:
                run.slept = (now, until)
            self._journal.record(Slept(now, run.invocation.id, run.number, until), run.invocation)

    def expect_waits(self, run: CodeRun) -> None:
        """Let the waits of ``run`` fall due, also where another strand of it runs: the clock flows now."""
        if run.table.first_wait() is not None:
            self.expect(run)

    def expect(self, run: CodeRun) -> None:
        """Let the first wait of ``run`` fall due. Its timeout does, too, where a wait of it may last until then: it is
        put there once, so that it strikes before what was put there later for the same instant."""
        first = run.table.first_wait()
        ends = first is not None and first.until is not None and first.until < run.deadline
        if ends and first is not None and first.until is not None:
            self._expect_wake_up(run, first.until)
        if not ends or not run.table.alone:
            self.expect_timeout(run)

    def _expect_wake_up(self, run: CodeRun, instant: datetime) -> None:
        if run.wakes is None or run.wakes.at != instant:
            run.drop_wake_up()
            run.wakes = wakes = Expected(run, instant, run.table.turns)
            self._agenda.push(instant, wakes)

    def expect_timeout(self, run: CodeRun) -> None:
        if run.times_out is None and isinstance(run, Run):
            run.times_out = times_out = Expected(run, run.deadline)
            self._agenda.push(run.deadline, times_out)

    def unpark(self, wait: Wait) -> None:
        """A strand runs again; its thread is not woken yet."""
        self._end_wait(wait)
        self.one_more_awake(wait.strand.run)

    def _end_wait(self, wait: Wait) -> None:
        run = wait.strand.run
        run.table.wake(wait)
        at = None if run.wakes is None else run.wakes.at
        if (
            at is not None
            and at == wait.until
            and (run.table.alone or all(one.until != at for one in run.table.waits()))
        ):
            run.drop_wake_up()  # it ends before its time, and the clock need not stop then for another strand

    def one_more_awake(self, run: CodeRun) -> None:
        run.since = WATCHDOG.time()
        if run.table.holds_clock:
            self.count(run)

    def wake(self, wait: Wait) -> None:
        self.unpark(wait)
        wait.rouse()

    def _wake_in_turn(self, wait: Wait) -> None:
        """Wake a strand because of what another one did. On a paused clock those that are woken go on in their order,
        each once no other of the attempt runs, so that a handler does the same in each run; but not later than after a
        moment of real time, as that other one may wait for them by means of which nothing is known."""
        strand, run = wait.strand, wait.strand.run
        if run.table.others and not self.clock.rate and not run.over and run.verdict is None:
            strand.turn = turn = threading.Lock()
            acquire(turn)
            run.table.woken(strand)
        self.wake(wait)
        self._next_turn(run)

    def _next_turn(self, run: CodeRun) -> None:
        first = run.table.next_woken()
        if first is not None and first.turn is not None:
            first.turn.release()

    def release(self, wait: Wait) -> None:
        """What ``wait`` waits for has happened; on any thread, without the baton."""
        left_behind = None
        with self._baton:
            # It was released before, or its strand does not wait in it yet.
            if not wait.happened():
                return
            # Its attempt is over: it goes on as a part of the attempt that has woken it, if that was one.
            if wait.strand.run.over:
                left_behind = wait
                self._end_wait(wait)
                DRIFTING.discard(wait.strand)
            # The order of those that wait for a lock is kept by the lock.
            elif wait.lock is not None:
                self.steps += 1
                self.wake(wait)
            # What one strand wakes goes on in turn, so that a handler does the same in each run.
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
            # Its thread was left behind, and goes on in real time.
            if run.over and run.verdict is None:
                return inf
            # On a flowing clock it waits really, for a moment at a time, so that it hears of the end of its attempt.
            if self.clock.rate:
                if run.verdict is not None and not run.over:
                    raise Over
                until = None if seconds is None else later(now, duration(seconds))
                return LOCK_SECONDS if until is None else min(LOCK_SECONDS, self.clock.real_seconds_to(until))
            if lock.is_free():
                return 0.0
            holder = STRANDS.get(lock.holder())
            gate = holder is strand or (holder is None and has_ended(lock.holder()))
            self._count_again(strand)
            strand.wants = lock
            # The holder computes, and will release the lock without the clock: the strand waits really, as it would.
            if not run.table.parks_for_lock(gate=gate, held_up=self._is_held_up(holder)):
                return LOCK_SECONDS
            if run.over or run.verdict is not None:
                raise Over
            wait = Wait(strand, None if seconds is None else later(now, duration(seconds)))
            self.lock_waits.add(wait, lock, gate=gate)
            strand.prepare_wait()
            self._park(run, wait, now)
            if self.mover.wakes_itself(run, wait):
                return None
            self.mover.pursue()
        self._await_lock(wait, lock)
        if run.verdict is not None:
            raise Over
        return None

    def _await_lock(self, wait: Wait, lock: Held) -> None:
        """Wait until ``wait`` is over, without the baton."""
        looks = pauses(gate=wait.real)
        while not wait.strand.wakes_within(next(looks)):
            if lock.is_free():
                with self._baton:
                    first = self.lock_waits.first_of(wait)
                if first is not None:
                    self.release(first)

    def _count_again(self, strand: Strand) -> None:
        """A strand that the clock did not wait for is back."""
        if strand.run.table.count_again(strand):
            self.one_more_awake(strand.run)

    def look_at_threads(self, now: float) -> None:
        """Called by the watchdog, by its time, on a paused clock: leave background threads out of the count that have
        waited for something real long enough while their handler slept."""
        for run in list(self.runs):
            if run.counted:
                self.look_beside(run, now)

    def look_beside(self, run: CodeRun, now: float) -> None:
        """Leave threads of ``run`` out of the count that have waited in its background for long enough by ``now``."""
        table, grace = run.table, self.io_grace.total_seconds()
        awake = table.awake_ones()
        for strand in awake:
            strand.look(now, real.cpu_ns(strand.thread))
        if table.beside(now, grace, _is_background) is not Beside.IN_BACKGROUND:
            return
        for strand in awake:
            if not strand.was_left_out:
                text = (
                    f"a thread of {run.function.ref} waited{place(strand.line(), run.function.code)} for something "
                    f"real while the handler slept; after {grace:g} real seconds the clock moved on without it"
                )
                self.record_warning(run, text)
            table.leave_out(strand)
            self._one_less_awake(run)
        self.steps += 1
        self._settle(run, self.clock.now())
        self.mover.pursue()

    def _is_held_up(self, holder: Strand | None) -> bool:
        """Whether it is the clock that keeps the holder of a lock from releasing it."""
        if holder is None:
            return False
        run = holder.run
        return run.parking is self and not run.struck and (holder.waits_in is not None or run.table.awake <= 0)

    def free_locks(self) -> bool:
        """Before the clock moves: let those go on that wait for a lock which is free by now, one for each lock; whether
        there was one. Those that parked between the same two moves go on in the order of the strands."""
        freed = self.lock_waits.freed(self._may_be_taken)
        for wait in freed:
            self.steps += 1
            self.wake(wait)
        return bool(freed)

    def _may_be_taken(self, lock: Held) -> bool:
        """Whether a lock is free, or a thread has taken it meanwhile that is no strand of ours."""
        if lock.is_free():
            return True
        holder = STRANDS.get(lock.holder())
        if holder is None:
            return not has_ended(lock.holder())
        return holder.run.parking is not self

    def sleep_really(self, run: CodeRun, seconds: float) -> None:
        """A thread of which nothing is known, but that carries the context of ``run``, sleeps."""
        self.warn(run, f"a thread that the handler did not start with threading.Thread slept {seconds:g} real seconds")
        real.sleep(seconds)

    # Threads and work items of a handler.

    def add_strand(self, run: CodeRun) -> Strand:
        """Another strand of ``run`` begins; takes the baton itself. Raises ``Over``."""
        with self._baton:
            if run.over or run.verdict is not None:
                raise Over
            strand = Strand(run)
            run.table.add(strand)
            self.one_more_awake(run)
            return strand

    def end_strand(self, strand: Strand) -> None:
        """A thread or work item has ended, or will never begin; takes the baton itself. Repeatable."""
        with self._baton:
            run = strand.run
            joined = strand.take_joined()
            ours = [wait for wait in joined if wait.strand.run.parking is self and not wait.strand.run.over]
            for wait in ours:
                if wait.happened():
                    self._wake_in_turn(wait)
            self.left_behind.pop(strand, None)
            if run.table.end(strand):
                self._one_less_awake(run)
                self.steps += 1
                if not run.over and run.table.awake <= 0 and run.counted:
                    self._settle(run, self.clock.now())
                    self.mover.pursue()
        for wait in joined:
            wait.release()

    def joins(self, strand: Strand, wait: Wait) -> bool:
        """Whether ``strand`` has ended; else ``wait`` is released when it does. Takes the baton itself."""
        with self._baton:
            if not strand.ended:
                strand.joined_by(wait)
            return strand.ended

    def _drift(self, strand: Strand, wait: Wait) -> None:
        """A strand waits on whose attempt has returned, as in a frozen instance, until another strand wakes it."""
        strand.run.table.wait(wait)
        strand.prepare_wait()
        DRIFTING.add(strand)

    def _take_over(self, wait: Wait) -> None:
        """A strand that an attempt left behind was woken: it goes on as a part of the attempt that woke it.

        Called without the baton: that attempt may belong to another emulator.
        """
        waker = STRANDS.get(get_ident())
        if waker is not None:
            run = waker.run
            run.parking.adopt(wait.strand, run)
        wait.rouse()

    def adopt(self, strand: Strand, run: CodeRun) -> None:
        """Make a strand that runs on its own a part of ``run``; takes the baton itself."""
        with self._baton:
            if run.over or run.verdict is not None:
                return
            strand.join(run)
            self.one_more_awake(run)

    def dismiss(self, run: CodeRun) -> None:
        """``run`` is over: what of it waits for an instant, or was not left in peace, ends; the rest is left behind."""
        table = run.table
        for strand in table.others:
            wait = strand.waits_in
            if wait is None or (wait.lock is not None and table.state is State.ENDED):  # it goes on in real time
                self.left_behind[strand] = WATCHDOG.time()
        for wait in table.dismiss():
            wait.rouse()
        DRIFTING.update(strand for strand in table.strands() if strand.doing is Doing.FROZEN)

    def let_rest(self, run: CodeRun) -> None:
        """Threads that are about to end or to wait for more work do so before the attempt is over, as good as always
        in the same order as everywhere; others are left behind as they are."""
        if run.over or run.struck:
            return
        run.at_rest = at_rest = threading.Lock()
        at_rest.acquire()
        run.since = WATCHDOG.time()
        self._baton.release()
        at_rest.acquire(timeout=REST_SECONDS)
        self._baton.acquire()
        run.at_rest = None

    def _one_less_awake(self, run: CodeRun) -> None:
        if run.at_rest is not None and run.table.awake == 1:
            run.at_rest.release()
        self._next_turn(run)

    # Warnings.

    def warn(self, run: CodeRun, text: str, *, once: bool = False) -> None:
        """Record a warning about ``run``; takes the baton itself."""
        with self._baton:
            if run.over or (once and text in run.warned_once):
                return
            if once:
                run.warned_once = (*run.warned_once, text)
            self.record_warning(run, text)

    def record_warning(self, run: CodeRun, text: str, at: datetime | None = None) -> None:
        if not isinstance(run, Run):
            return  # the timeline is that of invocations, and a hook has none
        self._journal.record(Warned(at or self.clock.now(), run.invocation.id, run.number, text), run.invocation)
