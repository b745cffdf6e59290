"""Who moves the clock: one mover at a time, leader and followers; parking, nesting, and ending what is stuck."""

import gc
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from fcemu.core.errors import StoreError
from fcemu.core.invocation import Invocation
from fcemu.core.outcome import FunctionError, Halted, Ran
from fcemu.engine.backlog import Turn
from fcemu.engine.baton import Baton
from fcemu.engine.clock import Clock, later
from fcemu.engine.crew import STALLED, Crew
from fcemu.engine.dispatcher import RIVALS, Dispatcher, Plan
from fcemu.engine.due import Due
from fcemu.engine.errands import Errand
from fcemu.engine.goals import Ended, Goal
from fcemu.engine.hooks import HookWait
from fcemu.engine.inflight import debugged
from fcemu.engine.instances import Place, reason_of
from fcemu.engine.journal import Journal
from fcemu.engine.lines import line_of, place
from fcemu.engine.parking import Parking, duration
from fcemu.engine.polls import Polls
from fcemu.engine.ports import Abandoned, Finish
from fcemu.engine.runs import Run
from fcemu.engine.strands import Wait
from fcemu.engine.timers import Timers

_LOG: Final = logging.getLogger("fcemu.engine")
_LARGE_BACKLOG: Final = 10_000
_LONGEST_WAIT: Final = 3600.0
_MOMENT: Final = timedelta(microseconds=1)


@contextmanager
def patient_collector() -> Iterator[None]:
    """Let the garbage collector look less often while a large backlog turns into facts, nearly all of which stay.

    Measured at a million pending invocations: the collector's repeated walks over all of them took a third of the
    time.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], 50_000), max(before[1], 50), max(before[2], 1_000))
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Movers(Parking):
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
        due: "Due[Invocation | Run | Wait | Errand | Turn]",
        crew: Crew,
        dispatcher: Dispatcher,
        journal: Journal,
        io_grace: timedelta,
        timers: Timers,
    ) -> None:
        super().__init__(
            baton=baton,
            clock=clock,
            due=due,
            crew=crew,
            dispatcher=dispatcher,
            journal=journal,
            io_grace=io_grace,
        )
        self._permutes: Final = dispatcher.permutes
        self._timers: Final = timers
        timers.on_due = self._look_by
        self.fleet: Final = dispatcher.fleet
        self.fleet.on_idle = self._look_by
        self.fleet.clock = clock
        self.fleet.parks = self
        self._hook_waits: Final[set[HookWait]] = set()
        self.runs: set[Run] = set()
        self.errands: dict[Errand, bool] = {}
        """What is done outside at the moment, and whether the clock waits for it."""
        self._lent: dict[str, list[Errand]] = {}
        """Errands that the clock does not wait for because of an invocation, by its id."""
        self.polls: Final = Polls()
        self.goals: deque[Goal] = deque()
        self.autojump: Goal | None = None
        self.save: Callable[[], None] | None = None
        """Keeps what has happened; ``None`` where nothing is kept."""
        self._says_why = True
        self._saves_soon = False
        self.closed = False
        self._driving = False
        self._ticking = False
        self._wakes_at: datetime | None = None
        """When whoever waits for real time looks again by itself."""
        self._deadlines: dict[timedelta, deque[Run]] = {}
        """On a flowing clock: what runs, by timeout, in the order in which the timeouts strike."""
        self._callers: dict[str, Run] = {}
        """Who waits for which synchronous invocation that it made itself."""
        dispatcher.make_run = self._make_run
        dispatcher.look_by = self._look_by

    def _make_run(self, invocation: Invocation, plan: Plan, place: Place, started: datetime) -> Run:
        return Run(self, invocation, plan, place, started)

    # Goals: how far the clock may go.

    def post(self, goal: Goal) -> None:
        """Move for ``goal`` once those before it are reached."""
        self.goals.append(goal)
        self.pursue()

    def cancel(self, goal: Goal) -> None:
        """Nobody waits for ``goal`` any more."""
        goal.finish()

    def pursue(self) -> None:
        """See to it that somebody moves the clock if it may move."""
        if self.closed:
            return
        if self.clock.rate:
            self._look_by(None)
            if not self._ticking:
                self._ticking = True
                self._crew.run(self._tick)
        elif not self.in_flight and not self._driving and self._goal() is not None:
            self._crew.run(self._drive_on)

    def _goal(self) -> Goal | None:
        while self.goals:
            if not self.goals[0].reached:
                return self.goals[0]
            self.goals.popleft()
        return self.autojump

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
        for goal in self.goals:
            if isinstance(goal, Ended) and goal.invocation is invocation and not goal.reached:
                goal.finish()
        if self._lent:
            self._take_errands_back(invocation)
        caller = self._callers.pop(invocation.id, None)
        if caller is not None:
            caller.calls = tuple(call for call in caller.calls if call is not invocation)
            self._one_more_awake(caller)

    def _recycled(self, until: datetime | None) -> bool:
        """Look after an instance that has been idle, where that comes before ``until``; nobody moves for that alone."""
        idle = self.fleet.next_idle
        if until is None or idle is None or idle > until:
            return False
        self.clock.set(max(idle, self.clock.now()))
        self.steps += 1
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

    def keep(self) -> None:
        """Keep what has happened, before a handler or somebody outside learns of it.

        What cannot be kept is said once, and is an error for who moves the clock; work goes on, because whatever is
        lost in a crash then was not acknowledged to anybody, or happens once more.
        """
        if self.save is None:
            return
        try:
            self.save()
            self._says_why = True
        except StoreError as failed:
            if self._says_why:
                self._says_why = False
                _LOG.error("%s", failed)
            for goal in self.goals:
                if not goal.reached:
                    goal.finish(failed)

    def _keep_soon(self) -> None:
        """Takes the baton itself."""
        with self._baton:
            self._saves_soon = False
            self.keep()

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
            with patient_collector() if len(self._due) > _LARGE_BACKLOG else nullcontext():
                self._drive()
        finally:
            self._baton.release()

    def _drive(self) -> None:
        """Move the paused clock until every goal is reached or something is in flight that is not ours."""
        if self._driving:
            return
        self._driving = True
        while not self.in_flight and not self.clock.rate and not self.closed:
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
            self.steps += 1
            if due == self._timers.next_due:
                self._timers.fire_next()
                continue
            thing = self._take(now) if self._permutes else self._due.pop()
            if isinstance(thing, Invocation):
                doing: Run | Errand | None = self._dispatcher.begin(thing, now)
            elif isinstance(thing, Turn):
                doing = thing.begin(now)
            else:
                doing = self._fall_due(thing, now)
            if doing is not None:
                self._driving = False
                self._execute(doing)
                if self._driving:
                    return
                self._driving = True
        self._driving = False
        if self.save is not None:
            self.keep()
        if self.clock.rate:
            self.pursue()

    def _take(self, now: datetime) -> Invocation | Run | Wait | Errand | Turn:
        """What comes first of all that is due first, where chance may say so."""
        return self._due.pop(self._dispatcher.first_of(self._due.first_ones(RIVALS), now))

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
        self.steps += 1
        self.polls.serve(max(soon, now))
        return True

    def _execute(self, doing: Run | Errand) -> None:
        """Run the handler, or an errand, on this thread; the baton is free meanwhile."""
        if isinstance(doing, Errand):
            self._send(doing)
            if self.save is not None:
                self.keep()
            self._baton.release()
            failed = doing.go()
            self._baton.acquire()
            self._back(doing, failed)
            return
        run = doing
        self._count(run)
        self.runs.add(run)
        if self.save is not None:
            self.keep()
        self._baton.release()
        finish = run.handle()
        self._baton.acquire()
        self._ended(run, finish)

    # The flowing clock.

    def _tick(self) -> None:
        """Wait for real time, as a job of the crew, while the clock flows; takes the baton itself."""
        with self._baton.changed:
            while self.clock.rate and not self.closed:
                self._run_what_is_due()
                if self.save is not None:
                    self.keep()
                goal = self._goal()
                if goal is not None and goal is not self.autojump and not self.in_flight:
                    due = self.next_stop(goal)
                    if goal.wants(due, self.clock.now()):
                        if due is not None:
                            self.clock.set(due)
                    else:
                        self._reach(goal)
                    continue
                self._baton.changed.wait(self._real_wait())
                self._crew.relieve()
            self._ticking = False
        with self._baton:
            self.pursue()

    def _real_wait(self) -> float:
        due, fires = self.next_due(), self._timers.next_due
        if fires is not None and (due is None or fires < due):
            due = fires
        idle = self.fleet.next_idle
        if idle is not None and (due is None or idle < due):
            due = idle
        soon = self.polls.next_at(self.clock.now()) if self.polls else None
        if soon is not None and (due is None or soon < due):
            due = soon
        for runs in self._deadlines.values():
            while runs and (runs[0].over or runs[0].left):
                runs.popleft()
            if runs and (due is None or runs[0].deadline < due):
                due = runs[0].deadline
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

    def _run_what_is_due(self) -> None:
        now = self.clock.now()
        parked = [run for run in self._struck_by(now) if not run.counted]
        while (fires := self._timers.next_due) is not None and fires <= now:
            self._timers.fire_next()
        while (idle := self.fleet.next_idle) is not None and idle <= now:
            self.fleet.recycle(idle)
        while (due := self.next_due()) is not None and due <= self.clock.now():
            self.steps += 1
            thing = self._take(due) if self._permutes else self._due.pop()
            if isinstance(thing, Invocation):
                self.start_at_once(thing, self.clock.now())
            elif isinstance(thing, Turn):
                self._hand_over(thing.begin(self.clock.now()), self.clock.now())
            elif (errand := self._fall_due(thing, due)) is not None:
                self._send(errand)
                self._crew.run(partial(self._do, errand))
        for run in parked:
            if run.counted and not run.over:
                self._watch_deadline(run)  # it was woken late, and goes on
        if self.polls:
            self.polls.serve(self.clock.now())

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
            if self._stands_still(run):
                self._begin_timeout_anew(run, now)
            else:
                self._strike_timeout(run, run.deadline)
        return late

    def start_at_once(self, invocation: Invocation, now: datetime, plan: Plan | None = None) -> None:
        """Hand an invocation that is due on a flowing clock to the crew."""
        self._hand_over(self._dispatcher.begin(invocation, now, plan), now)

    def _hand_over(self, run: Run | None, now: datetime) -> None:
        if run is None:
            if not self._ticking:  # it may be due again later
                self.pursue()
            return
        self._count(run)
        self.runs.add(run)
        self._watch_deadline(run)
        job = partial(self._work, run)
        if not run.place.instance.begin(run.call, job, partial(self._crew.run, job)):
            self._crew.offer(job)
        if not self._ticking:
            self.pursue()
        elif self._crew.waits:
            self._look_by(now + timedelta(seconds=STALLED * self.clock.rate))

    def _work(self, run: Run) -> None:
        """A job for the crew: run the handler of ``run``; takes the baton itself."""
        finish = run.handle()
        self._baton.acquire()
        try:
            self._ended(run, finish)
            if not self.in_flight and self.goals:
                self.pursue()
        finally:
            self._baton.release()
        if self.save is not None:
            self._keep_after_batch()

    def _do(self, errand: Errand) -> None:
        """A job for the crew; takes the baton itself."""
        failed = errand.go()
        with self._baton:
            self._back(errand, failed)
            self.keep()
            if not self.in_flight and self.goals:
                self.pursue()

    def _watch_deadline(self, run: Run) -> None:
        timeout = run.function.timeout
        runs = self._deadlines.get(timeout)
        if runs is None:
            runs = self._deadlines[timeout] = deque()
        while runs and runs[0].over:
            runs.popleft()
        if not runs:
            self._look_by(run.deadline)
        runs.append(run)

    def set_rate(self, rate: float) -> None:
        """Pause the clock (0) or let it flow."""
        self.clock.rate = rate
        if rate:
            for run in sorted(self.runs, key=lambda run: run.deadline):
                self._watch_deadline(run)
                self._expect_all(run)
        else:
            self._deadlines.clear()
        self._baton.changed.notify_all()
        self.pursue()

    # What is done outside.

    def _send(self, errand: Errand) -> None:
        self.errands[errand] = True
        self.in_flight += 1

    def _back(self, errand: Errand, failed: str | None) -> None:
        if self.errands.pop(errand):
            self.in_flight -= 1
        self.steps += 1
        if not self.closed:
            errand.done(failed, self.clock.now())

    def park_errand(self, errand: Errand, wait: HookWait, seconds: float | None) -> None:
        """A hook waits in virtual time; takes the baton itself. Raises ``Abandoned``."""
        with self._baton:
            if self.closed:
                raise Abandoned
            if wait.released:
                wait.rouse()
                return
            if self.errands.get(errand):
                self.errands[errand] = False
                self.in_flight -= 1
            self._hook_waits.add(wait)
            if seconds is not None:
                self._due.push(later(self.clock.now(), duration(seconds)), wait)
            self.pursue()

    def end_wait(self, wait: HookWait, *, released: bool = False) -> None:
        """A hook goes on, because its time is over, or because what it waits for has happened (``released``): then this
        takes the baton itself."""
        with self._baton if released else nullcontext():
            if wait.over or wait.released:
                return
            wait.over = True
            wait.released = released
            if wait not in self._hook_waits:
                return  # it has not begun to wait
            self._hook_waits.discard(wait)
            self.steps += 1
            if self.errands.get(wait.errand) is False:
                self.errands[wait.errand] = True
                self.in_flight += 1
            wait.rouse()

    def lend_errands(self, invocation: Invocation) -> None:
        """Somebody outside calls a function and waits for it: it may be who does one of the errands, so the clock does
        not wait for them until that invocation has ended."""
        lent = [errand for errand, counted in self.errands.items() if counted]
        for errand in lent:
            self.errands[errand] = False
            self.in_flight -= 1
        if lent:
            self._lent[invocation.id] = lent

    def _take_errands_back(self, invocation: Invocation) -> None:
        parked = {wait.errand for wait in self._hook_waits}
        for errand in self._lent.pop(invocation.id, ()):
            if self.errands.get(errand) is False and errand not in parked:
                self.errands[errand] = True
                self.in_flight += 1

    # What falls due while an attempt is parked, and its end before.

    def _wakes_itself(self, run: Run, wait: Wait) -> bool:
        """Whether the end of ``wait`` is the next thing due and within the goal, so that no other thread is needed."""
        if self.clock.rate or self._driving or self.in_flight or self.closed:
            return False
        first = self._due.first()
        if first is None or first[1] is not wait:
            return False
        goal, now = self._goal(), self.clock.now()
        if goal is None or goal is self.autojump or not goal.wants(first[0], now):
            return False
        fires, idle = self._timers.next_due, self.fleet.next_idle
        if (fires is not None and fires <= first[0]) or (idle is not None and idle < first[0]):
            return False
        self._due.pop()
        self.clock.set(first[0])
        self.steps += 1
        self._unpark(wait)
        return True

    def _fall_due(self, thing: Run | Wait | Errand, now: datetime) -> Errand | None:
        """A wait is over, a deadline is there; or it is time for an errand, which is given back."""
        if isinstance(thing, Errand):
            return thing
        if thing.over:
            return None
        if isinstance(thing, Wait):
            self._wake(thing)
            return None
        thing.deadline_expected = False
        if not thing.struck and self._halted(thing) is None and self._stands_still(thing):
            self._begin_timeout_anew(thing, now)
        elif thing.struck or thing.waits_in is None:
            self._give_up(thing, self._halted(thing) or self._dispatcher.timed_out(thing.function.timeout), now)
        elif (halted := self._halted(thing)) is not None:
            self._abandon(thing, halted)
        else:
            # ASSUMED: a sleep that ends exactly at the timeout has timed out: the timeout was scheduled first.
            self._explain_endless_wait(thing, now)
            self._abandon(thing, self._dispatcher.timed_out(thing.function.timeout))
        return None

    def halt(self, invocation: Invocation, now: datetime) -> None:
        """Somebody asked for ``invocation``, which runs, to be stopped: whatever it comes to no longer counts.

        It ends at the next step of the clock; what of it computes now is interrupted at once.
        """
        run = next(run for run in self.runs if run.invocation is invocation)
        run.verdict = Halted("stopped as asked")
        self._due.push(now, run)
        self._interrupt(run)
        self.pursue()

    def any_debugged(self) -> bool:
        """Whether a debugger is attached to what one of the attempts runs in, outside this process. On any thread."""
        return any(run.place.instance.debugged() for run in list(self.runs))

    def _stands_still(self, run: Run) -> bool:
        """Whether the timeout of ``run`` stands still: a paused clock does so by itself while a debugger's user
        thinks, a flowing one goes on."""
        return bool(self.clock.rate) and (debugged() or run.place.instance.debugged())

    def _begin_timeout_anew(self, run: Run, now: datetime) -> None:
        """Once nobody debugs ``run`` any more it has at most all of its time again."""
        run.deadline = later(now, run.function.timeout)
        self._watch_deadline(run)
        for strand in (run, *run.others()):
            if strand.waits_in is not None:
                self._expect(run, strand.waits_in)

    def _halted(self, run: Run) -> Halted | None:
        """What ``run`` came to when somebody stopped it, before its timeout or the watchdog did."""
        return run.verdict if isinstance(run.verdict, Halted) else None

    def _explain_endless_wait(self, run: Run, now: datetime) -> None:
        """Say where a handler waited that nobody could have woken: without that, "timed out" tells nothing."""
        if not run.endless:
            return
        where = ",".join(place(line_of(strand.thread), run.function.code) for strand in (run, *run.others()))
        text = (
            f"{run.function.ref} waited{where} without a time-out, and nothing of it ran that could have ended that "
            f"wait, so it timed out after {run.function.timeout.total_seconds():g} virtual seconds"
        )
        self._warn(run, text, now)

    # The end of a run.

    def _ended(self, run: Run, finish: Finish) -> None:
        """The handler of ``run`` has come back."""
        if run.strands is not None and run.awake > 1:
            self._let_rest(run, run.strands)
        self.steps += 1
        if run.struck and not run.over:
            return  # its end comes at its deadline
        self.runs.discard(run)
        if run.over:
            return
        self._uncount(run)
        self._finish(run, run.verdict or finish.outcome, finish)

    def _finish(self, run: Run, outcome: Ran, finish: Finish) -> None:
        run.over = True
        now = self.clock.now()
        if run.strands is not None:
            self._dismiss(run)
        if finish.exception is not None:
            self._dispatcher.keep_exception(run.invocation.id, run.number, finish.exception)
        if run.verdict is None and not finish.broken:
            run.verdict = self._dispatcher.dies(run, "after", now)
            outcome = run.verdict or outcome
        broken = finish.broken or run.verdict is not None
        if broken:
            run.place.instance.stop()
        else:
            run.place.pool.give_back(run.place, now)
        self._dispatcher.end(run, outcome, finish.output, now)
        if broken:
            self.fleet.lose(run.place, now, reason_of(outcome))

    def _give_up(self, run: Run, outcome: Ran, now: datetime) -> None:
        """End a run whose thread has not come back: whatever it still does no longer counts."""
        run.over = True
        self._uncount(run)
        if run.left:
            self.runs.discard(run)
        self._dispatcher.end(run, outcome, "".join(run.call.output), now)
        self.fleet.lose(run.place, now, reason_of(outcome))
        self._interrupt(run)
        self._dismiss(run)
        self.pursue()

    def _interrupt(self, run: Run) -> None:
        """End what of ``run`` computes; what waits is ended where it waits."""
        if not run.place.instance.interrupt():
            self.interrupt_strands(run)

    def interrupt_strands(self, run: Run, *, again: bool = False) -> None:
        """End the threads of ``run`` that compute; ``again``: although they were told to end."""
        for strand in (run, *run.others()):
            if strand.waits_in is None:
                strand.interrupt(again=again)

    def _strike_timeout(self, run: Run, now: datetime) -> None:
        run.verdict = self._halted(run) or self._dispatcher.timed_out(run.function.timeout)
        self._give_up(run, run.verdict, now)

    # Synchronous calls that a handler makes.

    def nest(self, caller: Run, invocation: Invocation) -> None:
        """The handler of ``caller`` waits for ``invocation``, so the clock need not wait for it."""
        if caller.counted and not caller.over and not self.clock.rate:
            caller.calls = (*caller.calls, invocation)
            self._callers[invocation.id] = caller
            caller.awake -= 1
            self._expect_deadline(caller)
            if caller.awake <= 0:
                self._expect_all(caller)
                self._uncount(caller)
                self.pursue()

    def running(self) -> Run | None:
        """The run that holds a paused clock, if any."""
        return next((run for run in self.runs if run.counted), None)

    # Trouble.

    def exited(self, run: Run) -> FunctionError:
        """The outcome of ``run``, whose handler ends its process now."""
        return self._dispatcher.exited(self.clock.now() - run.started)

    def strike(self, run: Run, text: str) -> None:
        """The watchdog found no progress: the attempt ends as timed out at its timeout's virtual instant."""
        self._warn(run, text)
        if (halted := self._halted(run)) is not None:
            self._give_up(run, halted, self.clock.now())
            return
        run.struck = True
        run.verdict = self._dispatcher.timed_out(run.function.timeout)
        self._uncount(run)
        self._expect_deadline(run)
        self._interrupt(run)
        self.pursue()

    def strike_left_behind(self, now: float, patience: float) -> None:
        """Name and interrupt the threads that still run long after their attempt has ended."""
        for strand, since in list(self.left_behind.items()):
            if now - since > patience:
                del self.left_behind[strand]
                run = strand.run
                where = place(line_of(strand.thread), run.function.code)
                text = (
                    f"a thread that {run.function.ref} had started still ran{where} {patience:g} real seconds after "
                    "the attempt had ended, and was interrupted; a handler must join its threads before it returns"
                )
                self._warn(run, text)
                strand.interrupt()

    def close(self) -> list[Run]:
        """End what is parked and let no more happen. Returns the runs whose threads have not come back yet."""
        self.closed = True
        self.autojump = None
        alive = list(self.runs)
        for run in alive:
            run.over = True
            run.verdict = run.verdict or Halted("the emulator was closed")
            self._uncount(run)
            self._interrupt(run)
            self._dismiss(run)
        for strand in self.left_behind:
            strand.interrupt()
        for wait in self._hook_waits:
            wait.over = wait.abandoned = True
            wait.rouse()
        self._hook_waits.clear()
        self._baton.changed.notify_all()
        return alive
