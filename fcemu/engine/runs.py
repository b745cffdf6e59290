"""A run is code of a user that runs: an attempt, or a hook; its strands are the threads and work items that it has."""

import concurrent.futures.thread  # noqa: F401 (waits for its threads at Python's exit, after what is below)
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from math import inf
from threading import get_ident
from typing import Final, NoReturn, Protocol

from fcemu.core.functions import Function
from fcemu.core.invocation import Invocation, State
from fcemu.core.outcome import FunctionError, Halted, Ran
from fcemu.core.times import later
from fcemu.engine import forks
from fcemu.engine.clock import Clock
from fcemu.engine.dial import Dial
from fcemu.engine.inflight import WATCHDOG
from fcemu.engine.instances import Place
from fcemu.engine.lines import line_of
from fcemu.engine.plans import Plan
from fcemu.engine.ports import Abandoned, Call, Finish, Held, Waiting
from fcemu.engine.threads import make_daemon, raise_in, wait_for_ever
from fcemu.handler import strands as table
from fcemu.handler.locks import RealLock, acquire

_GATE: Final = RealLock()
"""Keeps an exception that is sent into a strand's thread from arriving after the strand has ended."""

STRANDS: "Final[dict[int, Strand]]" = {}
"""Which strand each thread runs now, by the thread's identifier."""

DRIFTING: "Final[set[Strand]]" = set()
"""Strands that their attempts left behind while they waited without a time-out: they wait on until another strand wakes
them, as the threads of an instance do that is frozen between two invocations."""


def _let_python_exit() -> None:
    """Python waits for threads that are no daemons before it exits; nobody will wake these any more."""
    for strand in list(DRIFTING):
        make_daemon(strand.thread)
        if strand.waits_in is not None:
            strand.waits_in.rouse()


class Over(BaseException):
    """Raised in the engine where a strand waits whose attempt is over; its thread gets ``Abandoned``, or no answer."""


class _Stranger(threading.local, table.Strand):
    """A thread of which nothing is known but that it carries the context of an attempt."""


_STRANGER: Final = _Stranger()


class _Threads:
    """The strands of this process as a whole."""

    def after_fork(self) -> None:
        """See ``forks.Forked``: what a handler forks is no part of it."""
        STRANDS.clear()
        DRIFTING.clear()


_THREADS: Final = _Threads()
forks.tell(_THREADS)
threading._register_atexit(_let_python_exit)  # type: ignore[attr-defined]


class in_engine:  # noqa: N801 (reads as a function)
    """While this thread is in the engine no exception may be sent into it: that would lose the baton. One that is meant
    for it meanwhile comes when it leaves, unless it has noticed its end there by itself."""

    __slots__ = ("_strand",)

    def __enter__(self) -> None:
        self._strand = strand = STRANDS.get(get_ident())
        if strand is not None:
            with _GATE:
                strand.engine_calls += 1

    def __exit__(self, error: type[BaseException] | None, *more: object) -> None:
        strand = self._strand
        if strand is not None:
            strand.engine_calls -= 1
            if strand.held_back:
                strand.leave_engine(noticed=error in (Abandoned, Over))


class Wait(table.Wait["Strand", datetime]):
    """One virtual wait of one strand; implements ``Waiting``."""

    __slots__ = ("block", "rouse")

    def __init__(self, strand: "Strand", until: datetime | None = None) -> None:
        super().__init__(strand, until)
        self.block: Callable[[], object] | None = None
        """How the thread waits, where that is not for a wake-up by us: a loop waits for its sockets, too."""
        self.rouse: Callable[[], object] = strand.wake

    def release(self) -> None:
        """What the strand waits for has happened; on any thread, any number of times, also before it waits."""
        with in_engine():
            self.strand.run.parking.release(self)

    def wait(
        self,
        seconds: float | None,
        block: "Callable[[], object] | None" = None,
        rouse: "Callable[[], object] | None" = None,
    ) -> bool:
        """See ``Waiting``."""
        if block is not None and rouse is not None:
            self.block, self.rouse, self.real = block, rouse, True
        if self.strand.thread != get_ident():
            raise RuntimeError("a wait belongs to the thread that asked for it")
        try:
            with in_engine():
                return self.strand.run.parking.wait(self, seconds)
        except Over:
            self.strand.abandon()


class Parks(Protocol):
    """Where strands wait in virtual time: ``parking.Parking``. Takes the baton itself, but for ``clock`` and
    ``may_reorder``."""

    @property
    def clock(self) -> Clock: ...
    @property
    def io_grace(self) -> timedelta: ...
    def wait(self, wait: Wait, seconds: float | None) -> bool: ...
    def release(self, wait: Wait) -> None: ...
    def wait_for_lock(self, strand: "Strand", lock: Held, seconds: float | None) -> float | None: ...
    def sleep_really(self, run: "CodeRun", seconds: float) -> None: ...
    def add_strand(self, run: "CodeRun") -> "Strand": ...
    def adopt(self, strand: "Strand", run: "CodeRun") -> None: ...
    def end_strand(self, strand: "Strand") -> None: ...
    def joins(self, strand: "Strand", wait: Wait) -> bool: ...
    def may_reorder(self, run: "CodeRun") -> bool: ...
    def first_task(self, run: "CodeRun", tasks: int) -> int: ...
    def warn(self, run: "CodeRun", text: str, *, once: bool = False) -> None: ...


class Ends(Protocol):
    """What ends code that runs: ``ending.Ending``. It takes the baton itself, but for ``wake_up`` and
    ``reach_deadline``."""

    @property
    def parking(self) -> Parks: ...
    def wake_up(self, run: "CodeRun", now: datetime) -> None: ...
    def reach_deadline(self, run: "Run", now: datetime) -> None: ...
    def prepare(self, run: "CodeRun", ready_by: datetime) -> None: ...
    def begin_handler(self, run: "CodeRun") -> None: ...
    def exited(self, run: "CodeRun") -> FunctionError: ...
    def leave_waiting(self, strand: "Strand") -> None: ...
    def fail(self, error: BaseException) -> None: ...


def abandon(strand: "Strand | None") -> NoReturn:
    """``Strand.abandon``, also for a thread of which nothing is known but that it carries the context of an attempt."""
    if strand is not None:
        strand.abandon()
    if not _STRANGER.learn():
        make_daemon(get_ident())
        wait_for_ever()
    raise Abandoned


class Strand(table.Strand):
    """A thread or work item of a handler, beside the handler's own thread, which is the ``Run`` itself.

    It is the ``HandlerClock`` of its context, and counts as running from its making on. ``run`` changes when a strand
    that an attempt left behind is woken by a later one: then it goes on as a part of that.
    """

    thread = 0
    left = False
    engine_calls = 0
    waits_in: Wait | None = None
    wants: Held | None = None
    """The lock for which it has waited really."""
    held_back = False
    """Whether an exception waits for it to leave the engine."""
    turn: "threading.Lock | None" = None
    """Released when it goes on after another strand has woken it."""
    _sent = False
    _wake_up: "threading.Lock | None" = None

    def __init__(self, run: "CodeRun") -> None:
        self._run = run
        self._joined: list[Wait] = []
        self._before: Strand | None = None

    @property
    def run(self) -> "CodeRun":
        """The attempt that it is a part of."""
        return self._run

    def line(self) -> str | None:
        """Where its code is now, as ``file:line in function``; ``None`` where that is not known."""
        told = self.run.place.instance.line()
        return line_of(self.thread) if told is None else told or None

    def join(self, run: "CodeRun") -> None:
        """Become a part of ``run``, which has woken it; called with the baton held."""
        self._run = run
        run.table.join(self)

    def here(self) -> "Strand | None":
        """The strand that this thread runs; a context may have been carried to another thread than its own."""
        ident = get_ident()
        return self if self.thread == ident else STRANDS.get(ident)

    # What its context sees: ports.HandlerClock.

    def now(self) -> datetime:
        return self.run.parking.clock.now()

    def elapsed_ns(self) -> int:
        return self.run.parking.clock.elapsed_ns()

    def dial(self) -> Dial:
        return self.run.parking.clock.dial()

    def sleep(self, seconds: float) -> None:
        strand = self.here()
        run = self.run if strand is None else strand.run
        if run.verdict is not None or run.over:
            abandon(strand)
        if seconds <= 0:
            return
        if strand is None:
            run.parking.sleep_really(run, seconds)
            return
        wait = Wait(strand)
        wait.sleeps = True
        wait.wait(seconds)

    def waiting(self) -> Waiting | None:
        strand = self.here()
        return None if strand is None else Wait(strand)

    def wait_for_lock(self, lock: Held, seconds: float | None) -> float | None:
        strand = self.here()
        if strand is None or strand.engine_calls:
            return inf
        try:
            with in_engine():
                return strand.run.parking.wait_for_lock(strand, lock, seconds)
        except Over:
            strand.abandon()

    def strand(self) -> "Strand":
        strand = self.here()
        run = self.run if strand is None else strand.run
        try:
            with in_engine():
                return run.parking.add_strand(run)
        except Over:
            raise Abandoned from None

    def io_grace(self) -> float:
        return self.run.parking.io_grace.total_seconds()

    def chooses(self) -> Callable[[int], int] | None:
        strand = self.here()
        if strand is None or not strand.run.parking.may_reorder(strand.run):
            return None
        return partial(strand.run.parking.first_task, strand.run)

    def prepare(self, seconds: float) -> None:
        with in_engine():
            self.run.ending.prepare(self.run, later(self.now(), timedelta(seconds=seconds)))

    def begin_handler(self) -> None:
        if self.run.ready_by is not None:
            with in_engine():
                self.run.ending.begin_handler(self.run)

    def exited(self) -> FunctionError:
        return self.run.ending.exited(self.run)

    def warn(self, text: str, *, once: bool = False) -> None:
        with in_engine():
            self.run.parking.warn(self.run, text, once=once)

    # Its life: ports.HandlerStrand.

    def begin(self) -> None:
        ident = get_ident()
        with _GATE:
            self.thread = ident
        self._before = STRANDS.get(ident)
        STRANDS[ident] = self

    def end(self) -> None:
        ident = get_ident()
        if self.thread == ident:
            self.leave()
            if self._before is None:
                STRANDS.pop(ident, None)
            else:
                STRANDS[ident] = self._before
        with in_engine():
            self.run.parking.end_strand(self)

    def when_ended(self, waiting: Waiting) -> None:
        assert isinstance(waiting, Wait), "the emulator's own"
        with in_engine():
            ended = self.run.parking.joins(self, waiting)
        if ended:
            waiting.release()

    # What the movers do with it.

    def joined_by(self, wait: Wait) -> None:
        """Called with the baton held: release ``wait`` when this strand ends."""
        self._joined = [*(one for one in self._joined if not one.over), wait]

    def take_joined(self) -> list[Wait]:
        """Who waits for the end of this strand; called with the baton held, once."""
        joined, self._joined = self._joined, []
        return joined

    def abandon(self) -> NoReturn:
        """Called on its thread where it waits although its attempt is over. Raises ``Abandoned``, so that ``finally``
        blocks run; a thread that goes on to wait all the same waits for ever."""
        if not self.learn():
            make_daemon(get_ident())
            self.run.ending.leave_waiting(self)
            wait_for_ever()
        raise Abandoned

    def leave(self) -> None:
        """The strand's code has come back on this thread: nothing is sent into the thread from now on."""
        try:
            with _GATE:
                self.left = True
            if self._sent:
                for _ in range(1000):  # what was sent and not yet raised arrives here, not in the engine
                    pass
        except Abandoned:
            self.left = True

    def interrupt(self, *, again: bool = False) -> None:
        """Raise ``Abandoned`` in the strand's thread: ends a busy loop, not a call into C. Once at most, but for
        ``again``: the first may have been swallowed, by the handler or by a finalizer that happened to run there.

        Not while that thread is in the engine, but when it leaves.
        """
        with _GATE:
            if self.thread and not (self.left or (self._sent and not again)):
                self.held_back = True
                if not self.engine_calls:
                    self._send()

    def leave_engine(self, *, noticed: bool) -> None:
        """Its thread leaves the engine, and was to be interrupted meanwhile; ``noticed``: it has raised that itself."""
        with _GATE:
            if noticed:
                self.held_back = False
            if self.held_back and not (self.left or self.engine_calls):
                self._send()

    def _send(self) -> None:
        self.held_back, self._sent, self.told = False, True, max(self.told, 1)
        raise_in(self.thread, Abandoned)

    def prepare_wait(self) -> None:
        """Called with the baton held before ``wait_for_wake``, so that a wake-up cannot come too early."""
        if self._wake_up is None:
            self._wake_up = threading.Lock()
            self._wake_up.acquire()

    def wait_for_wake(self) -> None:
        """Wait, without the baton, until ``wake`` is called."""
        assert self._wake_up is not None, "prepare_wait comes first"
        acquire(self._wake_up)

    def wakes_within(self, seconds: float) -> bool:
        """The same for so many real seconds at most; whether ``wake`` was called."""
        assert self._wake_up is not None, "prepare_wait comes first"
        return bool(acquire(self._wake_up, True, seconds))

    def is_its_turn_within(self, seconds: float) -> bool:
        """Wait, without the baton, until it is this strand's turn, or for so many real seconds; whether it is."""
        turn = self.turn
        if turn is None:
            return True
        comes = bool(acquire(turn, True, seconds))
        if comes:
            self.turn = None
        return comes

    def wake(self) -> None:
        """Let the waiting thread go on."""
        if self._wake_up is not None:
            self._wake_up.release()


NEVER: Final = datetime.max.replace(tzinfo=UTC)
Table = table.Attempt[Strand, Wait, datetime]


class Expected:
    """Code that runs, among what is due: where its first wait ends, or the timeout of an attempt strikes. It is there
    once at most for each; when the instant changes, another one takes its place, and this one is over."""

    __slots__ = ("_run", "at", "over", "turns")

    def __init__(self, run: "CodeRun", at: datetime, turns: int | None = None) -> None:
        self.over = False
        self._run: Final = run
        self.at: Final = at
        self.turns: Final = turns
        """It stands for the waits that had one of the first turns; ``None``: for the timeout."""

    def fall_due(self, now: datetime) -> None:
        """A flowing clock may be late, and what happens does so at its instant all the same."""
        run = self._run
        instant = self.at if run.parking.clock.rate else now
        if self.turns is not None:
            run.ending.wake_up(run, instant)
        elif isinstance(run, Run):  # hooks have no timeout
            run.ending.reach_deadline(run, instant)

    def __str__(self) -> str:
        run, what = self._run, "timeout of" if self.turns is None else "wake-up of"
        stopped = self.turns is None and isinstance(run, Run) and run.invocation.state is State.STOPPING
        return f"{'end of stopped' if stopped else what} {run.title}"


class CodeRun(Strand):
    """Code of a user between its start and its end; as a strand it is the thread on which it began.

    Its ``table`` knows its state and its strands. What is ``counted`` is among that for which the clock waits.
    """

    call: Call
    counted = False
    since = inf
    """From when on, by the watchdog's time, it may be expected to get on; it has not begun to run before."""
    warned_once: tuple[str, ...] = ()
    """What is not to be said again about it."""
    ready_by: datetime | None = None
    """When its instance is ready at the latest; until then its handler has not started."""
    at_rest: "threading.Lock | None" = None
    """Released when only the thread runs on which it began, and which has returned."""

    ending: Ends
    parking: Parks

    def __init__(self, place: Place, started: datetime, deadline: datetime) -> None:
        self.place = place
        self.started = started
        self.deadline = deadline
        """When it ends if it has not ended before."""
        self.wakes: Expected | None = None
        self.times_out: Expected | None = None
        """The places of its first wait and of its timeout among what is due, if it has such."""
        self.verdict: Ran | None = None
        self.held_back = self._sent = False
        self.table: Final[Table] = table.Attempt(self)

    @property
    def run(self) -> "CodeRun":
        return self

    @property
    def title(self) -> str:
        """What it is, for people."""
        raise NotImplementedError

    @property
    def function(self) -> Function:
        return self.call.function

    @property
    def over(self) -> bool:
        return self.table.over

    @property
    def struck(self) -> bool:
        """Whether the watchdog has struck it, so that it ends at the instant of its timeout."""
        return self.table.state is table.State.STRUCK

    @property
    def parked(self) -> bool:
        """Whether no strand runs, and the thread on which it began is among those that wait."""
        return self.table.awake <= 0 and self.waits_in is not None

    def tell(self, verdict: Ran) -> None:
        """It comes to ``verdict``, whatever it still does."""
        self.verdict = verdict
        self.table.move(table.Move.TELL)

    def end(self) -> None:
        """It is over; its strands may still be there."""
        self.table.move(table.END)
        if self.wakes is not None:
            self.drop_wake_up()
        if self.times_out is not None:
            self.drop_timeout()

    def let_go(self) -> None:
        """It is over, and no other strand of it is left: its call and its first strand are not asked for any more.
        They hold it, and it holds them, so that only the garbage collector would find them."""
        del self.call, self.table.first

    def fail(self, error: BaseException) -> None:
        """What works for it beside its threads has raised ``error``. On any thread, without the baton."""
        self.ending.fail(error)

    def take_wake_up(self, now: datetime) -> Wait | None:
        """Its wake-up falls due; the wait that is over by that, if there still is one."""
        wakes = self.wakes
        self.drop_wake_up()
        return None if wakes is None or wakes.turns is None else self.table.fall_due(now, wakes.turns)

    def drop_wake_up(self) -> None:
        """No wait of it falls due."""
        if self.wakes is not None:
            self.wakes.over = True
            self.wakes = None

    def drop_timeout(self) -> None:
        """Its timeout does not fall due."""
        if self.times_out is not None:
            self.times_out.over = True
            self.times_out = None

    def running(self) -> Strand:
        """The first strand that does not wait, where there is one."""
        return next(iter(self.table.awake_ones()), self)

    def goes_on_with(self, wait: Wait) -> bool:
        """Whether the end of ``wait`` is what its wake-up stands for."""
        return self.wakes is not None and self.wakes.at == wait.until and self.table.first_wait() is wait

    def run_here(self, code: Callable[[Call], Finish]) -> Finish:
        """Run ``code`` on the calling thread, without the baton."""
        ident = get_ident()
        STRANDS[ident] = self
        self.engine_calls = 1  # until it enters user's code
        try:
            self.thread = ident
            self.since = WATCHDOG.time()
            return code(self.call)
        except Abandoned:
            return Finish(Halted("abandoned"), broken=True)
        except Exception as error:  # a runtime that fails itself must not stop the clock
            return Finish(self.exited(), exception=error, broken=True)
        finally:
            self.left = True
            STRANDS.pop(ident, None)

    def __enter__(self) -> None:
        """User's code begins on its thread, which may be interrupted from here on. Raises ``Abandoned``."""
        self.engine_calls = 0
        if self.held_back:  # it was to be interrupted before
            self.engine_calls, self.held_back, self.told = 1, False, max(self.told, 1)
            raise Abandoned

    def __exit__(self, *_error: object) -> None:
        """It has come back: nothing is sent into its thread from now on."""
        with _GATE:
            self.engine_calls += 1
        if self._sent:
            for _ in range(1000):  # what was sent and not yet raised arrives here, and leaves nothing half done
                pass


class Run(CodeRun):
    """An attempt."""

    calls: tuple[Invocation, ...] = ()
    """The invocations that it made and waits for."""
    slept: tuple[datetime, datetime] | None = None
    """The last virtual sleep of it that was recorded, where it has other strands as well."""

    def __init__(self, invocation: Invocation, plan: Plan, place: Place, started: datetime) -> None:
        CodeRun.__init__(self, place, started, later(started, plan.resolved.function.timeout))  # faster than ``super``
        self.invocation = invocation
        self.plan = plan

    @property
    def title(self) -> str:
        return f"{self.invocation.accepted.function} {self.invocation.id} #{self.number}"

    @property
    def timeout(self) -> timedelta:
        return self.call.function.timeout

    @property
    def number(self) -> int:
        return self.call.attempt
