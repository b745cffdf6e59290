"""The movers move the clock from due time to due time, one thread at a time, and run what falls due."""

import logging
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import partial
from typing import Concatenate, Final, ParamSpec, cast

from fcemu.core.errors import StoreError
from fcemu.core.facts import Failed, Invalid
from fcemu.core.invocation import Invocation, State
from fcemu.engine import real
from fcemu.engine.agenda import Entry, Falling, First, Rank
from fcemu.engine.callers import Callers
from fcemu.engine.clock import later
from fcemu.engine.closing import Closing
from fcemu.engine.collector import PATIENT_COLLECTOR
from fcemu.engine.crew import STALLED, Crew
from fcemu.engine.dispatcher import RIVALS, Dispatcher
from fcemu.engine.ending import Ending
from fcemu.engine.errands import Errand
from fcemu.engine.goals import Answered, CatchUp, Ended, Goal
from fcemu.engine.outside import Outside
from fcemu.engine.parking import Parking, duration
from fcemu.engine.plans import Plan
from fcemu.engine.polls import Polls
from fcemu.engine.runs import CodeRun, Run, Wait
from fcemu.engine.saving import Saving
from fcemu.engine.world import World

_LOG: Final = logging.getLogger("fcemu.engine")
_LARGE_BACKLOG: Final = 500
"""Waiting invocations from which on the collector waits; at a thousand it takes a tenth of the time of a move."""
_LONGEST_WAIT: Final = 3600.0
_SOON: Final = 0.01
_GATHERED: Final = 0.001
"""Real seconds in which what is accepted at about the same time is gathered for one commit."""
_SLICE: Final = 0.003
"""Real seconds for which a flowing clock that is behind holds the baton."""
_BREATH: Final = 0.001
"""Real seconds for which it then lets others have it, and attempts begin."""
_QUEUED: Final = 64
"""Attempts that may wait for a thread before nothing more is begun."""
_CROWD: Final = 1000
"""Invocations that may wait for instances before a clock that is faster than real time goes no faster than that."""
_REAL_SPEED: Final = 1.0
_DEADLINE: Final = Rank.DEADLINE
_ANSWERS: Final = frozenset({Rank.MESSAGE, Rank.POLL})
_NONE: Final = timedelta(0)


P = ParamSpec("P")


def _job(method: Callable[Concatenate["Movers", P], None]) -> Callable[Concatenate["Movers", P], None]:
    """A job for a thread of the crew, or for a poller. It takes the baton itself; the emulator owns the thread for as
    long as the job lasts, so an error of the job is the emulator's."""

    def owned(self: "Movers", /, *of: P.args, **more: P.kwargs) -> None:
        try:
            method(self, *of, **more)
        except BaseException as error:  # whatever it is, no thread of ours may end while callers wait for it
            with self._baton:
                self.fail(error)

    return owned


class Movers:
    """Moves the clock from due time to due time, and never past one while anything is in flight.

    On a paused clock the thread that moves it also runs the handlers, one at a time: an attempt that does not sleep
    costs no change of threads. When a handler parks, another of our threads goes on moving. On a flowing clock one
    thread waits for real time and hands each attempt to a thread of the crew.

    Every method is called with the baton held unless it says otherwise.
    """

    def __init__(self, world: World, crew: Crew, dispatcher: Dispatcher, callers: Callers) -> None:
        self._baton: Final = world.baton
        self.clock: Final = world.clock
        self._agenda: Final = world.agenda
        self._journal: Final = world.journal
        self._crew: Final = crew
        self._dispatcher: Final = dispatcher
        self.fleet: Final = dispatcher.fleet
        self.parking: Final = Parking(self, world, crew, dispatcher)
        self.ending: Final = Ending(self, self.parking, world, crew, dispatcher)
        self._permutes: Final = dispatcher.permutes
        self.callers: Final = callers
        self.outside: Final = Outside(self.ending)
        self.polls: Final = Polls(world.agenda, world.clock, self.pursue)
        self.goals: Final[deque[Goal]] = deque()
        self.closing: Final = Closing(world, self.ending, self.outside, self.polls, self.fleet, callers, self.goals)
        self.autojump: Goal | None = None
        self.saving: Saving | None = None
        """Keeps what has happened; ``None`` where nothing is kept."""
        self._to_begin: list[Run] = []
        """On a flowing clock: attempts that begin once the acceptance of their invocations is kept."""
        self._says_why = True
        self._saves_soon = False
        self._driving = False
        self._ticking = False
        self._looks_soon = False
        """Whether that thread looks again in time for a job that stalls."""
        self._looked_after = 0
        """How many steps there were when the thread that waits for real time looked last."""

    def fail(self, error: BaseException) -> None:
        """See ``Mover``."""
        self.closing.fail(error)

    # Goals: how far the clock may go.

    def post(self, goal: Goal) -> Goal:
        """Move for ``goal`` once those before it are reached; returns it."""
        self.goals.append(goal)
        self.pursue()
        return goal

    def reach_end_of(self, invocation: Invocation, of: type[Ended] = Ended) -> None:
        """The goals ``of`` this kind are reached that wait for the end of ``invocation``."""
        for goal in self.goals:
            if isinstance(goal, of) and goal.invocation is invocation and not goal.reached:
                goal.finish()

    def put(self, due: datetime, thing: Entry) -> None:
        """``thing`` is due at that instant, maybe before everything else."""
        self._agenda.push(due, thing)
        if self.goals or self.autojump or self.clock.rate:
            self.pursue()

    def pursue(self) -> None:
        """See to it that a thread moves the clock if it may move."""
        if self.closing.closed:
            return
        # Paused: a thread drives, unless one does already, or the end of what is in flight will set one going.
        if not self.clock.rate:
            if not self.parking.in_flight and not self._driving and self._goal() is not None:
                self._crew.run(self._drive_on)
        # Flowing: one thread waits for real time as long as the clock flows.
        elif not self._ticking:
            self._ticking = True
            self._crew.run(self._tick)
        # Flowing, and a move by hand goes on, because nothing is in flight any more: that thread is to look at once.
        elif self.goals and not self.parking.in_flight:
            self._agenda.look_now()

    def defined(self, _fact: object, _invocation: object) -> None:
        """A definition has changed: more may run now, and timers fire at other instants."""
        self.pursue()

    def _goal(self) -> Goal | None:
        while self.goals:
            if not self.goals[0].reached:
                return self.goals[0]
            self.goals.popleft()
        return self.autojump

    @property
    def behind(self) -> timedelta:
        """How much less a flowing clock shows than it should."""
        missed = [goal for goal in self.goals if isinstance(goal, CatchUp) and not goal.reached]
        now = self.clock.now()
        return self.clock.behind + sum((max(_NONE, (goal.end or now) - now) for goal in missed), _NONE)

    def invocation_ended(self, _fact: object, invocation: Invocation) -> None:
        """Reach the goals that wait for it, and let a handler that called it run again before the clock moves on."""
        if self.goals:
            self.reach_end_of(invocation)
        if invocation.accepted.synchronous:
            if self.outside.lent:
                self.outside.take_back(invocation)
            self.ending.go_on_calling(invocation)

    def _move_to(self, instant: datetime) -> datetime:
        """The clock shows ``instant``, unless it is past that already; returns what it shows. Nothing else sets it, but
        what holds a flowing clock back that is behind."""
        self.parking.steps += 1
        return self.clock.set(instant)

    def _next(self, goal: Goal) -> First | None:
        """What comes first, if that lies within the horizon of ``goal``; else the clock has been moved to the horizon,
        and the goal is reached."""
        now = self.clock.now()
        first = self._agenda.first()
        horizon = goal.horizon(self._agenda, now, first)
        if first is not None:
            at, rank, _ = first
            # A consumer whose time has come is answered, even for a goal that starts nothing more.
            if at <= horizon if horizon is not None else at <= now and rank in _ANSWERS:
                return first
        if horizon is not None:
            self._move_to(horizon)
        return None

    def _reach(self, goal: Goal) -> None:
        """The caller of ``goal`` goes on, once what it learns of is kept."""
        if self.saving is not None:
            self.keep()
        if goal is not self.autojump and not goal.reached:
            self.goals.popleft()
            goal.finish()

    def keep(self) -> StoreError | None:
        """Keep what has happened, before a handler or a caller learns of it; returns why that was not possible.

        What cannot be kept is logged once, and is an error for whoever moves the clock. An invocation whose acceptance
        is not kept ends before it runs, and its caller gets the error. The rest goes on: it is not acknowledged to
        anybody, and happens once more after a crash.
        """
        if self.saving is None:
            return None
        failed = None
        try:
            self.saving.save()
            self._says_why = True
        except StoreError as error:
            failed = error
            self._not_kept(error)
        self.begin_what_waits()
        return failed

    def _not_kept(self, failed: StoreError) -> None:
        if self._says_why:
            self._says_why = False
            _LOG.error("%s", failed)
        self._withdraw(failed)
        for goal in self.goals:
            if not goal.reached and not isinstance(goal, Answered):
                goal.finish(failed)

    def _withdraw(self, failed: StoreError) -> None:
        """End what was accepted and cannot be kept: it does not run, its caller gets the error, no report is sent, and
        a task's id is free for another try."""
        now = self.clock.now()
        for invocation in self.saving.lost() if self.saving is not None else ():
            ran = invocation.state is State.RUNNING
            if ran:
                self.ending.drop(invocation, now, failed.message)
            self.callers.withdraw(invocation, failed)
            end = Failed if ran or invocation.accepted.synchronous else Invalid
            self._journal.record(end(now, invocation.id, failed.message), invocation)
            self._journal.forget_task(invocation)

    def begin_what_waits(self) -> None:
        """Begin the attempts that waited until their invocations are kept."""
        waiting, self._to_begin = self._to_begin, []
        for run in waiting:
            if not run.over:
                self._begin(run)

    @_job
    def _keep_and_begin_soon(self) -> None:
        """One commit for all attempts that wait for it: the server's loop, or whoever accepted them, has most often
        kept them by then."""
        real.sleep(_GATHERED)
        if self._to_begin:
            with self._baton:
                self.keep()

    @_job
    def _keep_soon(self) -> None:
        """What ends meanwhile is kept with it: nobody outside waits for that."""
        real.sleep(_SOON)
        with self._baton:
            self._saves_soon = False
            self.keep()

    def _keep_after_batch(self) -> None:
        """Keep what has happened once the short jobs that wait are done.

        On a thread of its own: the end of a batch may come with the baton held.
        """
        if self.saving is not None and not self._saves_soon:
            self._saves_soon = True
            self._crew.at_batch_end(lambda: self._crew.run(self._keep_soon))

    # The paused clock.

    @_job
    def _drive_on(self) -> None:
        self._baton.acquire()
        try:
            with PATIENT_COLLECTOR if self._agenda.holds_more_than(_LARGE_BACKLOG) else nullcontext():
                self._drive()
        finally:
            self._baton.release()

    def _drive(self) -> None:
        """Move the paused clock until every goal is reached or something is in flight that is not ours."""
        if self._driving:
            return  # another thread moves it already, and sees what has changed
        self._driving = leads = True
        parking, clock, closing, goals = self.parking, self.clock, self.closing, self.goals
        try:
            while not parking.in_flight and not clock.rate and not closing.closed:
                # A lock is free that a parked strand waits for: that strand runs again, and the clock waits for it.
                if parking.lock_waits.all and parking.free_locks():
                    continue
                goal = goals[0] if goals and not goals[0].reached else self._goal()
                # No caller waits: a paused clock stands still.
                if goal is None:
                    break
                first = self._next(goal)
                # Nothing is due within the horizon, to which the clock has been moved: the next goal has its turn.
                # Autojump has no end; it goes on when something comes on the agenda.
                if first is None:
                    if goal is self.autojump:
                        break
                    self._reach(goal)
                    continue
                # A caller wants the baton. A move of a million steps must not keep it waiting, and what it does may
                # change what comes first.
                if self._baton.awaited and self._baton.give_way():
                    continue
                doing = self._fall_due(first[1], self._move_to(first[0]))
                # A handler runs on this thread, without the baton. If it parks, another thread has begun to drive by
                # the time it comes back, and this one is not needed any more; else this one drives on. An emulator that
                # was killed at the last fact runs nothing.
                if doing is not None and not closing.closed:
                    self._driving = leads = False
                    leads = self._execute(doing)
                    if not leads:
                        return
        finally:
            if leads:
                self._driving = False
        if self.saving is not None:
            self.keep()
        # It was set flowing meanwhile: from now on the thread that waits for real time looks after what is due.
        if self.clock.rate:
            self.pursue()

    def _fall_due(self, rank: Rank, now: datetime) -> Run | Errand | None:
        """The instant of the first entry of ``rank`` is there; returns what is to be done now without the baton."""
        # Among work of one instant, chance may choose.
        chooses = self._permutes and rank is Rank.WORK
        entry = self._agenda.pop(rank, self._dispatcher.first_of(self._agenda.rivals(RIVALS), now) if chooses else 0)
        if isinstance(entry, Invocation):
            return self._dispatcher.begin(entry, now)
        if rank is _DEADLINE:
            self.ending.strike_due(cast(Run, entry), now)
            return None
        return cast("Run | Errand | None", cast(Falling, entry).fall_due(now))

    def wakes_itself(self, run: CodeRun, wait: Wait) -> bool:
        """Whether the end of ``wait`` is what comes next, so that its thread moves the clock there itself."""
        goal = self._goal()
        # A flowing clock is never set. While another thread drives, or something is in flight, that decides what comes
        # next. Autojump moves the clock to messages as well.
        if (
            self.clock.rate
            or self._driving
            or self.parking.in_flight
            or self.closing.closed
            or goal is None
            or goal is self.autojump
        ):
            return False
        first = self._agenda.first()
        # Something else comes first, or another strand of the attempt.
        if first is None or first[2] is not run.wakes or not run.goes_on_with(wait):
            return False
        # Chance may have another strand of the attempt go on first: it is asked where the wake-up falls due.
        if self._permutes and not run.table.alone:
            return False
        horizon = goal.horizon(self._agenda, self.clock.now(), first)
        # It lies beyond the goal: the strand stays parked, and the caller goes on.
        if horizon is None or first[0] > horizon:
            return False
        self._agenda.pop(first[1])
        self._move_to(first[0])
        run.take_wake_up(first[0])
        self.parking.unpark(wait)
        return True

    def _execute(self, doing: Run | Errand) -> bool:
        """Run the handler, or an errand, on this thread; the baton is free meanwhile. Returns whether this thread moves
        the clock again. If it does, it begins before the end is recorded: what follows from that end, such as a report
        that is due now, would wake another thread otherwise."""
        if isinstance(doing, Errand):
            self.outside.send(doing)
            if self.saving is not None:
                self.keep()
            self._baton.release()
            try:
                failed = doing.go()
            finally:
                self._baton.acquire()
            leads = self._leads_again()
            self.outside.back(doing, failed)
            return leads
        run = doing
        self.ending.begin(run)
        if self.saving is not None:
            self.keep()
            if run.over:
                return self._leads_again()  # its invocation could not be kept, so its handler must not run
        self._baton.release()
        try:
            finish = run.run_here(run.place.instance.run)
        finally:
            self._baton.acquire()
        leads = self._leads_again()
        self.ending.ended(run, finish)
        return leads

    def _leads_again(self) -> bool:
        """This thread moves the clock from now on, unless another one does; whether it moves it."""
        if self._driving:
            return False
        self._driving = True
        return True

    # The flowing clock.

    @_job
    def _tick(self) -> None:
        """Wait for real time while the clock flows."""
        with self._baton.changed:
            self._flow()
            self._ticking = False
            self.pursue()

    def _flow(self) -> None:
        while (self.clock.rate or self._crew.waits) and not self.closing.closed:
            # It was paused. What had been handed to the crew before runs nevertheless, and may stall there.
            if not self.clock.rate:
                self._baton.changed.wait(STALLED)
                self._crew.relieve()
                continue
            keeps_up = self._run_what_is_due()
            if self.saving is not None:
                self.keep()
            goal = self._goal()
            # A move by hand: to what comes next, whenever nothing is in flight. It is run as what is due then.
            if goal is not None and goal is not self.autojump and not self.parking.in_flight:
                first = self._next(goal)
                if first is None:
                    self._reach(goal)
                else:
                    self._move_to(first[0])
                self._baton.give_way()
                continue
            # A clock that is behind waits only to let others have the baton, or attempts begin.
            self._baton.changed.wait(self._real_wait() if keeps_up else _BREATH)
            self._agenda.wakes_at = None
            self._crew.relieve()

    def _real_wait(self) -> float:
        """Real seconds until this thread looks again by itself."""
        now = self.clock.now()
        look = self._agenda.next_look(now)
        seconds = _LONGEST_WAIT if look is None else min(self.clock.real_seconds_to(look), _LONGEST_WAIT)
        # Where attempts end, others may follow that no thread takes: it looks again soon, and is not woken by each.
        if self._crew.waits or self._looked_after != self.parking.steps:
            seconds = min(seconds, STALLED)
        self._looked_after = self.parking.steps
        self._looks_soon = seconds <= STALLED
        self._agenda.wakes_at = later(now, duration(seconds * self.clock.rate))
        return seconds

    def _run_what_is_due(self) -> bool:
        """Run what is due by now, for a few milliseconds at most; whether that was all.

        Where it was not, the clock is held at the instant it has come to, and goes on from there instant by instant,
        never farther than its rate has it: it is behind, and everything still happens in order and in its time.
        """
        clock, until = self.clock, real.monotonic() + _SLICE
        crowded = self._is_crowded()
        if crowded:
            clock.hold()
        while self._run_until(clock.now, until):
            if not clock.held:
                return True
            reach, first = clock.reach(_REAL_SPEED if crowded else clock.rate), self._agenda.first()
            # All that its rate has let fall due has begun. A crowd of invocations keeps the clock at real speed, held
            # for the next look; else it has caught up, and flows again.
            if first is None or first[0] > reach:
                if crowded:
                    clock.step(reach)
                    return False
                clock.go_on(reach)
                return True
            # What falls due takes longer to look after than until the next falls due: others get the baton first.
            if real.monotonic() > until:
                break
            # It is still behind: on to the next instant, which has its own time as if the clock had been punctual.
            clock.step(first[0])
        clock.hold()
        return False

    def _is_crowded(self) -> bool:
        """Whether many invocations wait for instances in which handlers compute, faster than real time: what falls due
        then only makes the queue longer."""
        return self.clock.rate > _REAL_SPEED and self.parking.in_flight > 0 and self.fleet.held > _CROWD

    def _run_until(self, now: Callable[[], datetime], until: float) -> bool:
        """Run what is due by ``now()``, in order; whether there was time for all of it, and a thread."""
        while (first := self._agenda.first()) is not None and first[0] <= now():
            # No thread is free for one more attempt, or callers have waited for the baton for long enough.
            if self._crew.queued > _QUEUED or real.monotonic() > until:
                return False
            self.parking.steps += 1
            doing = self._fall_due(first[1], self.clock.now())
            if isinstance(doing, Errand):
                self.outside.send(doing)
                self._crew.run(partial(self._do, doing))
            else:
                self._hand_over(doing, self.clock.now())
        return True

    def start_at_once(self, invocation: Invocation, now: datetime, plan: Plan | None = None) -> None:
        """Hand an invocation that is due on a flowing clock to the crew."""
        self._hand_over(self._dispatcher.begin(invocation, now, plan), now)

    def _hand_over(self, run: Run | None, now: datetime) -> None:
        if run is None:
            if not self._ticking:  # it may be due again later
                self.pursue()
            return
        self.ending.begin(run)
        self._agenda.watch(run)
        if self.saving is None:
            self._begin(run)
        else:
            self._to_begin.append(run)
            if len(self._to_begin) == 1:
                self._crew.run(self._keep_and_begin_soon)
        if not self._ticking:
            self.pursue()
        elif not self._looks_soon and self._crew.waits:
            self._agenda.look_by(later(now, duration(STALLED * self.clock.rate)))

    def _begin(self, run: Run) -> None:
        """Let the instance of ``run``, or a thread of the crew, run its handler."""
        job = partial(self._work, run)
        if not run.place.instance.begin(run.call, job, partial(self._crew.run, job)):
            self._crew.offer(job)

    @_job
    def _work(self, run: Run) -> None:
        """Run the handler of ``run``."""
        finish = run.run_here(run.place.instance.run)
        self._baton.acquire()
        try:
            self.ending.ended(run, finish)
            self._pursue_at_rest()
        finally:
            self._baton.release()
        if self.saving is not None:
            self._keep_after_batch()

    @_job
    def _do(self, errand: Errand) -> None:
        failed = errand.go()
        with self._baton:
            self.outside.back(errand, failed)
            self.keep()
            self._pursue_at_rest()

    def _pursue_at_rest(self) -> None:
        """An attempt or errand has ended that began on a flowing clock, which may be paused now."""
        if not self.parking.in_flight and (self.goals or not self.clock.rate):
            self.pursue()

    def set_rate(self, rate: float) -> None:
        """Pause the clock (0) or let it flow."""
        if rate == self.clock.rate:
            return
        self.clock.set_rate(rate)
        # Callers wait for answers whatever the clock does. A flowing one moves nothing for them, a paused one does.
        waiting = [goal for goal in self.goals if not (goal.reached or isinstance(goal, Answered))]
        self.goals.clear()
        self.goals.extend(waiting if rate else [*waiting, *map(Answered, self.callers.waiting(nested=False))])
        if rate:
            for wait in list(self.parking.lock_waits):
                self.parking.wake(wait)  # from now on it waits in real time, as its holder does
            for run in sorted(self.parking.runs, key=lambda run: run.deadline):
                self._agenda.watch(run)
                self.parking.expect_waits(run)
            self.outside.expect_all()
        else:
            self._agenda.deadlines.clear()
        self._baton.changed.notify_all()
        self.pursue()
