"""Who moves the clock: one mover at a time, leader and followers; parking, nesting, and ending what is stuck."""

import logging
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from fcemu.core.errors import StoreError
from fcemu.core.facts import Finished
from fcemu.core.invocation import Invocation
from fcemu.core.outcome import Halted
from fcemu.engine import real
from fcemu.engine.backlog import Turn
from fcemu.engine.baton import Baton
from fcemu.engine.clock import Clock, later
from fcemu.engine.collector import patient_collector
from fcemu.engine.crew import STALLED, Crew
from fcemu.engine.dispatcher import RIVALS, Dispatcher
from fcemu.engine.due import Due
from fcemu.engine.ending import Ending
from fcemu.engine.errands import Errand
from fcemu.engine.goals import Answered, CatchUp, Ended, Goal
from fcemu.engine.hooks import HookRun
from fcemu.engine.instances import Place
from fcemu.engine.journal import Journal
from fcemu.engine.outside import Outside
from fcemu.engine.parking import Parking, duration
from fcemu.engine.plans import Plan
from fcemu.engine.polls import Polls
from fcemu.engine.runs import CodeRun, Run
from fcemu.engine.strands import Wait
from fcemu.engine.timers import Timers

_LOG: Final = logging.getLogger("fcemu.engine")
_LARGE_BACKLOG: Final = 10_000
_LONGEST_WAIT: Final = 3600.0
_SOON: Final = 0.01
_GATHERED: Final = 0.001
"""Real seconds in which what is accepted at about the same time is gathered for one commit."""
_MOMENT: Final = timedelta(microseconds=1)
_SLICE: Final = 0.003
"""Real seconds for which a flowing clock that is behind holds the baton."""
_BREATH: Final = 0.001
"""Real seconds for which it then lets others have it, and attempts begin."""
_QUEUED: Final = 64
"""Attempts that may wait for a thread before nothing more is begun."""
_CROWD: Final = 1000
"""Invocations that may wait for instances before a clock that is faster than real time goes no faster than that."""
_REAL_SPEED: Final = 1.0
_NONE: Final = timedelta(0)


class Movers:
    """Moves the clock from due time to due time, and never past one while anything is in flight.

    On a paused clock the thread that moves it also runs the handlers, one at a time: an attempt that does not sleep
    costs no change of threads. When a handler parks, another of our threads goes on moving. On a flowing clock one
    thread waits for real time and hands each attempt to a thread of the crew.

    Every method is called with the baton held unless it says otherwise.
    """

    def __init__(
        self,
        *,
        baton: Baton,
        clock: Clock,
        due: "Due[Invocation | Errand | Turn]",
        crew: Crew,
        dispatcher: Dispatcher,
        journal: Journal,
        io_grace: timedelta,
        timers: Timers,
    ) -> None:
        self._baton: Final = baton
        self.clock: Final = clock
        self._due: Final = due
        self._crew: Final = crew
        self._dispatcher: Final = dispatcher
        self._journal: Final = journal
        self.fleet: Final = dispatcher.fleet
        self.parking: Final = Parking(
            self,
            baton=baton,
            clock=clock,
            due=due,
            crew=crew,
            dispatcher=dispatcher,
            journal=journal,
            io_grace=io_grace,
        )
        self.ending: Final = Ending(self, self.parking, baton=baton, clock=clock, crew=crew, dispatcher=dispatcher)
        self._permutes: Final = dispatcher.permutes
        self._timers: Final = timers
        timers.on_due = self._look_by
        self.fleet.on_idle = self._look_by
        self.fleet.clock = clock
        self.outside: Final = Outside(self.ending)
        self.fleet.make_hook = partial(HookRun, self.ending)
        self.polls: Final = Polls()
        self.goals: deque[Goal] = deque()
        self._answered: Final[dict[str, Answered]] = {}
        """What callers of synchronous invocations wait for, by request id. On a paused clock these are goals, too."""
        self.autojump: Goal | None = None
        self.save: Callable[[], None] | None = None
        """Keeps what has happened; ``None`` where nothing is kept."""
        self.withdraw: Callable[[StoreError], None] = lambda failed: None
        """Set by the emulator: ends what was accepted and cannot be kept."""
        self.tell_callers: Callable[[Exception, Invocation | None], None] = lambda error, only: None
        """Set by the emulator: answers whoever waits for an invocation, or for any, with an error."""
        self._to_begin: list[Run] = []
        """On a flowing clock: attempts that begin once the acceptance of their invocations is kept."""
        self._failed_at = -1
        """Which step was the last one that failed."""
        self._says_why = True
        self._saves_soon = False
        self.closed = False
        self._driving = False
        self._ticking = False
        self._wakes_at: datetime | None = None
        """When whoever waits for real time looks again by itself."""
        self._deadlines: dict[timedelta, deque[Run]] = {}
        """On a flowing clock: what runs, by timeout, in the order in which the timeouts strike."""
        dispatcher.make_run = self._make_run
        dispatcher.look_by = self._look_by

    def _make_run(self, invocation: Invocation, plan: Plan, place: Place, started: datetime) -> Run:
        return Run(self.ending, invocation, plan, place, started)

    # Goals: how far the clock may go.

    def post(self, goal: Goal) -> None:
        """Move for ``goal`` once those before it are reached."""
        self.goals.append(goal)
        self.pursue()

    def cancel(self, goal: Goal) -> None:
        """Nobody waits for ``goal`` any more."""
        goal.finish()

    def expect_answer(self, invocation: Invocation) -> None:
        """A caller waits for a synchronous invocation: while the clock is paused, it moves for that."""
        goal = self._answered[invocation.id] = Answered(invocation)
        if not self.clock.rate:
            self.post(goal)

    def cancel_answer(self, invocation: Invocation) -> None:
        """The caller of a synchronous invocation does not wait any more: it has its answer, or is gone."""
        goal = self._answered.pop(invocation.id, None)
        if goal is not None and not goal.reached:
            goal.finish()

    def put(self, due: datetime, thing: Invocation | Errand | Turn) -> None:
        """``thing`` is due at that instant, maybe before everything else."""
        self._due.push(due, thing)
        # On a flowing clock, whoever waits for real time waits long enough, unless this is the first thing due.
        if self._due.next_due == due if self.clock.rate else self.goals or self.autojump:
            self.pursue()

    def pursue(self) -> None:
        """See to it that somebody moves the clock if it may move."""
        if self.closed:
            return
        if self.clock.rate:
            self._look_by(None)
            if not self._ticking:
                self._ticking = True
                self._crew.run(self._tick)
        elif not self.parking.in_flight and not self._driving and self._goal() is not None:
            self._crew.run(self._drive_on)

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
        return self.clock.behind + sum((max(_NONE, (goal.at_end() or now) - now) for goal in missed), _NONE)

    def next_due(self) -> datetime | None:
        """When the next thing is due that still matters."""
        while (first := self._due.first()) is not None:
            due, thing = first
            if thing.finished if isinstance(thing, Invocation) else thing.over:
                self._due.pop()  # it was stopped, or a deadline was not needed
                continue
            return due
        return None

    def next_stop(self, goal: Goal) -> datetime | None:
        """When the clock stops next on its way to ``goal``: for what is due, and for timers, unless nothing else is due
        and the goal does not move for them alone."""
        due, fires = self.next_due(), self._timers.next_due
        if fires is None or (due is None and not goal.moves_for_timers):
            return due
        return fires if due is None or fires < due else due

    def invocation_ended(self, invocation: Invocation) -> None:
        """Reach the goals that wait for it, and let a handler that called it run again before the clock moves on."""
        self.cancel_answer(invocation)
        for goal in self.goals:
            if isinstance(goal, Ended) and goal.invocation is invocation and not goal.reached:
                goal.finish()
        self.outside.take_back(invocation)
        self.ending.go_on_calling(invocation)

    def _recycled(self, until: datetime | None) -> bool:
        """Look after an instance that has been idle, where that comes before ``until``; nobody moves for that alone."""
        idle = self.fleet.next_idle
        if until is None or idle is None or idle > until:
            return False
        self.clock.set(max(idle, self.clock.now()))
        self.parking.steps += 1
        self.fleet.recycle(idle)
        return True

    def _reach(self, goal: Goal) -> None:
        end = goal.at_end()
        if end is not None:
            self.clock.set(end)
        if self.save is not None:
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
        if self.save is None:
            return None
        failed = None
        try:
            self.save()
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
        self.withdraw(failed)
        for goal in self.goals:
            if not goal.reached and not isinstance(goal, Answered):
                goal.finish(failed)

    def drop(self, invocation: Invocation, now: datetime, why: str) -> None:
        """End the attempt of an invocation that cannot be kept. Handlers begin after ``keep``, so it has not run."""
        run = next(run for run in self.parking.runs if run.invocation is invocation and not run.over)
        verdict = Halted(why)
        run.tell(verdict)
        run.end()
        self.parking.uncount(run)
        self.parking.runs.discard(run)
        self._journal.record(Finished(now, invocation.id, run.number, verdict, ""), invocation)
        run.place.pool.give_back(run.place, now)

    def begin_what_waits(self) -> None:
        """Begin the attempts that waited until their invocations are kept."""
        waiting, self._to_begin = self._to_begin, []
        for run in waiting:
            if not run.over:
                self._begin(run)

    def keep_and_begin(self) -> None:
        """One commit for all attempts that wait for it. Takes the baton itself."""
        if self._to_begin:
            with self._baton:
                self._guarded(self.keep)

    def _keep_and_begin_soon(self) -> None:
        """A job for the crew: the server's loop, or whoever accepted them, has most often kept them by then."""
        real.sleep(_GATHERED)
        self.keep_and_begin()

    # Defects.

    def fail(self, error: Exception, only: Invocation | None = None) -> None:
        """The emulator, a runtime or a store failed while the clock moved: whoever waits hears of it now, and the clock
        goes on with the next step. ``only``: the failure concerns the callers of one invocation, and who moves."""
        _LOG.error("the emulator failed while its clock moved", exc_info=error)
        for goal in self.goals:
            if not goal.reached:
                goal.finish(error)
        self.tell_callers(error, only)
        # Where no step was made since, it fails at once again: it waits until a caller asks for something.
        if self.parking.steps != self._failed_at:
            self._failed_at = self.parking.steps
            self.pursue()

    def _guarded(self, job: Callable[[], object]) -> None:
        try:
            job()
        except Exception as error:  # whatever it is, no thread of ours may end while callers wait
            self.fail(error)

    def _keep_soon(self) -> None:
        """Takes the baton itself. What ends meanwhile is kept with it: nobody outside waits for that."""
        real.sleep(_SOON)
        with self._baton:
            self._saves_soon = False
            self._guarded(self.keep)

    def _keep_after_batch(self) -> None:
        """Keep what has happened once the short jobs that wait are done.

        On a thread of its own: the end of a batch may come with the baton held.
        """
        if self.save is not None and not self._saves_soon:
            self._saves_soon = True
            self._crew.at_batch_end(lambda: self._crew.run(self._keep_soon))

    # The paused clock.

    def _drive_on(self) -> None:
        """A job for the crew; takes the baton itself."""
        self._baton.acquire()
        try:
            with patient_collector() if self._has_much_to_do() else nullcontext():
                self._guarded(self._drive)
        finally:
            self._baton.release()

    def _has_much_to_do(self) -> bool:
        return len(self._due) > _LARGE_BACKLOG or self._timers.next_due is not None

    def _drive(self) -> None:
        """Move the paused clock until every goal is reached or something is in flight that is not ours."""
        if self._driving:
            return
        self._driving = leads = True
        try:
            while not self.parking.in_flight and not self.clock.rate and not self.closed:
                if self.parking.lock_waits and self.parking.free_locks():
                    continue
                goal = self._goal()
                if goal is None:
                    break
                due, now = self.next_stop(goal), self.clock.now()
                if self.polls and self._serve_polls(goal, due, now):
                    continue
                if not goal.wants(due, now) or due is None:
                    if self._recycled(goal.at_end()):
                        continue
                    if goal is self.autojump:
                        break
                    self._reach(goal)
                    continue
                if self._baton.give_way():
                    continue  # somebody may have changed something
                if due > now and self._recycled(due - _MOMENT):
                    continue  # ASSUMED: what is due as soon as an instance has been idle for long enough still has it
                if due > now:
                    self.clock.set(due)
                    now = due
                self.parking.steps += 1
                if due == self._timers.next_due:
                    self._timers.fire_next()
                    continue
                thing = self._take(now) if self._permutes else self._due.pop()
                if isinstance(thing, Invocation):
                    doing: Run | Errand | None = self._dispatcher.begin(thing, now)
                elif isinstance(thing, Turn):
                    doing = thing.begin(now)
                else:
                    doing = thing
                if doing is not None:
                    self._driving = leads = False
                    self._execute(doing)
                    if self._driving:
                        return
                    self._driving = leads = True
        finally:
            if leads:
                self._driving = False
        if self.save is not None:
            self.keep()
        if self.clock.rate:
            self.pursue()

    def _take(self, now: datetime) -> Invocation | Errand | Turn:
        """What comes first of all that is due first, where chance may say so."""
        return self._due.pop(self._dispatcher.first_of(self._due.first_ones(RIVALS), now))

    def wakes_itself(self, run: CodeRun, wait: Wait) -> bool:
        """Whether the end of ``wait`` is the next thing due and within the goal, so that no other thread is needed."""
        if self.clock.rate or self._driving or self.parking.in_flight or self.closed:
            return False
        first = self._due.first()
        if first is None or first[1] is not run.wakes or not run.goes_on_with(wait):
            return False
        goal, now = self._goal(), self.clock.now()
        if goal is None or goal is self.autojump or not goal.wants(first[0], now):
            return False
        fires, idle = self._timers.next_due, self.fleet.next_idle
        if (fires is not None and fires <= first[0]) or (idle is not None and idle < first[0]):
            return False
        served = self.polls.next_at(now) if self.polls else None
        if served is not None and served < first[0]:
            return False  # the clock stops for a consumer on the way
        self._due.pop()
        self.clock.set(first[0])
        self.parking.steps += 1
        run.take_wake_up(first[0])
        self.parking.unpark(wait)
        return True

    def _serve_polls(self, goal: Goal, due: datetime | None, now: datetime) -> bool:
        """Stop for a client that waits for a message, if its instant comes before what is due and the clock gets there
        for ``goal``; whether it did. An autojumping clock gets there for a message, not for the end of a wait."""
        soon = self.polls.next_at(now)
        if soon is None:
            return False
        reach = due if goal.wants(due, now) else goal.at_end()
        if due is not None and reach == due and due <= soon:
            return False
        if goal is self.autojump and self.polls.next_message(now) == soon and goal.wants(soon, now):
            reach = soon
        if soon > now and (reach is None or soon > reach):
            return False
        self.clock.set(soon)
        self.parking.steps += 1
        self.polls.serve(max(soon, now))
        return True

    def _execute(self, doing: Run | Errand) -> None:
        """Run the handler, or an errand, on this thread; the baton is free meanwhile."""
        if isinstance(doing, Errand):
            self.outside.send(doing)
            if self.save is not None:
                self.keep()
            self._baton.release()
            try:
                failed = doing.go()
            finally:
                self._baton.acquire()
            self.outside.back(doing, failed)
            return
        run = doing
        self.parking.count(run)
        self.parking.runs.add(run)
        if self.save is not None:
            self.keep()
            if run.over:
                return  # its invocation could not be kept, so its handler must not run
        self._baton.release()
        try:
            finish = run.handle()
        finally:
            self._baton.acquire()
        self.ending.ended(run, finish)

    # The flowing clock.

    def _tick(self) -> None:
        """Wait for real time, as a job of the crew, while the clock flows; takes the baton itself."""
        with self._baton.changed:
            failed: Exception | None = None
            try:
                self._flow()
            except Exception as error:  # as in ``_guarded``, but the clock flows on by another job
                failed = error
            self._ticking = False
            if failed is None:
                self.pursue()
            else:
                self.fail(failed)

    def _flow(self) -> None:
        while (self.clock.rate or self._crew.waits) and not self.closed:
            if not self.clock.rate:
                # It was paused. What had been handed to the crew before runs nevertheless.
                self._baton.changed.wait(STALLED)
                self._crew.relieve()
                continue
            keeps_up = self._run_what_is_due()
            if self.save is not None:
                self.keep()
            goal = self._goal()
            if goal is not None and goal is not self.autojump and not self.parking.in_flight:
                # A move by hand: to the next thing that is due, whenever nothing is in flight.
                due = self.next_stop(goal)
                if goal.wants(due, self.clock.now()):
                    if due is not None and not self._recycled(due - _MOMENT):
                        self.clock.set(due)
                elif not self._recycled(goal.at_end()):
                    self._reach(goal)
                self._baton.give_way()
                continue
            # A clock that is behind waits only to let others have the baton, or attempts begin.
            self._baton.changed.wait(self._real_wait() if keeps_up else _BREATH)
            self._crew.relieve()

    def _next_instant(self) -> datetime | None:
        """When a flowing clock has to do something next; ``None``: it has nothing to do."""
        for runs in self._deadlines.values():
            while runs and (runs[0].over or runs[0].left):
                runs.popleft()
        soon = self.polls.next_at(self.clock.now()) if self.polls else None
        strikes = [runs[0].deadline for runs in self._deadlines.values() if runs]
        instants = (self.next_due(), self._timers.next_due, self.fleet.next_idle, soon, *strikes)
        return min((instant for instant in instants if instant is not None), default=None)

    def _real_wait(self) -> float:
        due = self._next_instant()
        seconds = _LONGEST_WAIT if due is None else min(self.clock.real_seconds_to(due), _LONGEST_WAIT)
        if self._crew.waits:
            seconds = min(seconds, STALLED)
        self._wakes_at = later(self.clock.now(), duration(seconds * self.clock.rate))
        return seconds

    def _look_by(self, instant: datetime | None) -> None:
        """See to it that whoever waits for real time looks again at ``instant`` at the latest; ``None``: now."""
        if instant is None or (self._wakes_at is not None and instant < self._wakes_at):
            self._wakes_at = instant
            self._baton.changed.notify()

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
            reach, instant = clock.reach(_REAL_SPEED if crowded else clock.rate), self._next_instant()
            if instant is None or instant > reach:
                # All that its rate has let fall due has begun.
                if crowded:
                    clock.step(reach)
                    return False
                clock.go_on(reach)
                return True
            if real.monotonic() > until:
                break  # what falls due takes longer to look after than until the next falls due
            clock.step(instant)
        clock.hold()
        return False

    def _is_crowded(self) -> bool:
        """Whether many invocations wait for instances in which handlers compute, faster than real time: what falls due
        then only makes the queue longer."""
        return self.clock.rate > _REAL_SPEED and self.parking.in_flight > 0 and self.fleet.held > _CROWD

    def _run_until(self, now: Callable[[], datetime], until: float) -> bool:
        """Run what is due by ``now()``, in order; whether there was time for all of it, and a thread."""
        parked = [run for run in self._struck_by(now()) if not run.counted]
        done = self._begin_all_due(now, until)
        for run in parked:
            if run.counted and not run.over:
                self.watch_deadline(run)  # it was woken late, and goes on
        if self.polls:
            self.polls.serve(now())
        return done

    def _begin_all_due(self, now: Callable[[], datetime], until: float) -> bool:
        while True:
            due, fires, idle = self.next_due(), self._timers.next_due, self.fleet.next_idle
            first = min((instant for instant in (due, fires, idle) if instant is not None), default=None)
            if first is None or first > now():
                return True
            if self._crew.queued > _QUEUED or real.monotonic() > until:
                return False
            self.parking.steps += 1
            # What fires late is accepted now, so it is due after what has fired before. Work begins before more is
            # fired, or a clock that is behind would fire all that it missed before the first of it runs.
            if due is not None and due <= now():
                self._begin_due(due)
            elif first == fires:
                self._timers.fire_next()
            else:
                self.fleet.recycle(first)

    def _begin_due(self, due: datetime) -> None:
        thing = self._take(due) if self._permutes else self._due.pop()
        if isinstance(thing, Invocation):
            self.start_at_once(thing, self.clock.now())
        elif isinstance(thing, Turn):
            self._hand_over(thing.begin(self.clock.now()), self.clock.now())
        else:
            self.outside.send(thing)
            self._crew.run(partial(self._do, thing))

    def _struck_by(self, now: datetime) -> list[Run]:
        """Let the timeouts strike that are over; the runs whose timeouts those were. What is parked ends elsewhere, if
        its wait does not end before: ``_fall_due``."""
        late: list[Run] = []
        for runs in self._deadlines.values():
            while runs and (runs[0].over or runs[0].deadline <= now):
                late.append(runs.popleft())
        for run in late:
            if run.over or not run.counted:
                continue
            if self.ending.stands_still(run, now):
                self.ending.begin_timeout_anew(run, now)
            else:
                self.ending.strike_timeout(run, run.deadline)
        return late

    def start_at_once(self, invocation: Invocation, now: datetime, plan: Plan | None = None) -> None:
        """Hand an invocation that is due on a flowing clock to the crew."""
        self._hand_over(self._dispatcher.begin(invocation, now, plan), now)

    def _hand_over(self, run: Run | None, now: datetime) -> None:
        if run is None:
            if not self._ticking:  # it may be due again later
                self.pursue()
            return
        self.parking.count(run)
        self.parking.runs.add(run)
        self.watch_deadline(run)
        if self.save is None:
            self._begin(run)
        else:
            self._to_begin.append(run)
            if len(self._to_begin) == 1:
                self._crew.run(self._keep_and_begin_soon)
        if not self._ticking:
            self.pursue()
        elif self._crew.waits:
            self._look_by(later(now, duration(STALLED * self.clock.rate)))

    def _begin(self, run: Run) -> None:
        """Let the instance of ``run``, or a thread of the crew, run its handler."""
        job = partial(self._work, run)
        if not run.place.instance.begin(run.call, job, partial(self._crew.run, job)):
            self._crew.offer(job)

    def _work(self, run: Run) -> None:
        """A job for the crew: run the handler of ``run``; takes the baton itself."""
        finish = run.handle()
        self._baton.acquire()
        try:
            try:
                self.ending.ended(run, finish)
            except Exception as error:  # as in ``_guarded``; on a flowing clock other attempts go on beside this one
                self.fail(error, run.invocation)
            self._pursue_at_rest()
        finally:
            self._baton.release()
        if self.save is not None:
            self._keep_after_batch()

    def _do(self, errand: Errand) -> None:
        """A job for the crew; takes the baton itself."""
        failed = errand.go()
        with self._baton:
            self._guarded(partial(self.outside.back, errand, failed))
            self._guarded(self.keep)
            self._pursue_at_rest()

    def _pursue_at_rest(self) -> None:
        """An attempt or errand has ended that began on a flowing clock, which may be paused now."""
        if not self.parking.in_flight and (self.goals or not self.clock.rate):
            self.pursue()

    def watch_deadline(self, run: Run, *, anew: bool = False) -> None:
        timeout = run.function.timeout
        runs = self._deadlines.get(timeout)
        if runs is None:
            runs = self._deadlines[timeout] = deque()
        while runs and runs[0].over:
            runs.popleft()
        if anew and run in runs:
            runs.remove(run)
        if not runs:
            self._look_by(run.deadline)
        runs.append(run)

    def set_rate(self, rate: float) -> None:
        """Pause the clock (0) or let it flow."""
        if rate == self.clock.rate:
            return
        self.clock.rate = rate
        # Callers wait for answers whatever the clock does. A flowing one moves nothing for them, a paused one does.
        waiting = [goal for goal in self.goals if not (goal.reached or isinstance(goal, Answered))]
        self.goals = deque(waiting if rate else [*waiting, *self._answered.values()])
        if rate:
            for wait in list(self.parking.lock_waits):
                self.parking.wake(wait)  # from now on it waits in real time, as its holder does
            for run in sorted(self.parking.runs, key=lambda run: run.deadline):
                self.watch_deadline(run)
                self.parking.expect_waits(run)
            self.outside.expect_all()
        else:
            self._deadlines.clear()
        self._baton.changed.notify_all()
        self.pursue()

    def close(self) -> list[Run]:
        """End what is parked and let no more happen. Returns the runs whose threads have not come back yet."""
        self.closed = True
        self.autojump = None
        alive = list(self.parking.runs)
        for run in alive:
            if not run.over:
                run.tell(run.verdict or Halted("the emulator was closed"))
                run.end()
            self.parking.uncount(run)
            self.ending.interrupt(run)
            self.parking.dismiss(run)
        for strand in self.parking.left_behind:
            strand.interrupt()
        self.outside.close()
        self._baton.changed.notify_all()
        return alive
