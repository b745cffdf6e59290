"""Attempts end here: by themselves, at their timeout, when a caller stops them, or when they are stuck."""

from datetime import datetime
from math import inf
from typing import Final

from fcemu.core.facts import Finished
from fcemu.core.invocation import Invocation
from fcemu.core.outcome import FunctionError, Halted, Ran, Stuck, bounded
from fcemu.engine.clock import later
from fcemu.engine.crew import Crew
from fcemu.engine.dispatcher import Dispatcher
from fcemu.engine.inflight import WATCHDOG, debugged
from fcemu.engine.instances import reason_of
from fcemu.engine.lines import place, stack_of
from fcemu.engine.parking import Mover, Parking
from fcemu.engine.ports import Abandoned, Finish
from fcemu.engine.runs import STRANDS, CodeRun, Run, Strand
from fcemu.engine.world import World
from fcemu.handler.strands import Move, State

_STRUCK: Final = State.STRUCK


class Ending:
    """Ends attempts, and hooks. Every method is called with the baton held unless it says otherwise."""

    def __init__(self, mover: Mover, parking: Parking, world: World, crew: Crew, dispatcher: Dispatcher) -> None:
        self.mover = mover
        """Moves the clock, until ``Closing.let_go``."""
        self.parking: Final = parking
        self._baton: Final = world.baton
        self._clock: Final = world.clock
        self._agenda: Final = world.agenda
        self._journal: Final = world.journal
        self._crew: Final = crew
        self._dispatcher: Final = dispatcher

    def begin(self, run: CodeRun) -> None:
        """``run`` starts, and the clock waits for it. From here on it knows what ends it, and where it parks."""
        parking = self.parking
        run.ending, run.parking, run.counted = self, parking, True
        parking.in_flight += 1
        if isinstance(run, Run):
            parking.runs.add(run)

    def strike_due(self, run: Run, now: datetime) -> None:
        """The timeout of ``run`` strikes on a flowing clock. What is parked then ends by ``reach_deadline``, if its
        wait does not end before."""
        if run.over or not run.counted:
            return
        if self.stands_still(run, now):
            self.begin_timeout_anew(run, now)
        else:
            self.strike_timeout(run, run.deadline)

    def wake_up(self, run: CodeRun, now: datetime) -> None:
        """It is time for the wake-up of ``run``."""
        wait = run.take_wake_up(now)
        if wait is not None:
            self.parking.wake(self.parking.first_of(run, wait, now))
        # On a paused clock, what of it runs now parks or ends before anything else falls due.
        if run.table.first_wait() is not None and (wait is None or self._clock.rate or not run.counted):
            self.parking.expect(run)

    def reach_deadline(self, run: Run, now: datetime) -> None:
        """It is time for the timeout of ``run``, or for its end if it was stopped."""
        run.drop_timeout()
        halted = self._halted(run)
        # Its handler began later than its attempt, and has all of its time.
        if now < run.deadline and halted is None:
            self.parking.expect_timeout(run)
        # Its instance gets ready, or a debugger holds it: its time does not run.
        elif not run.struck and halted is None and self.stands_still(run, now):
            self.begin_timeout_anew(run, now)
        # Its thread computes, or never came back: it ends without that thread.
        elif run.struck or run.waits_in is None:
            if not run.struck:
                self._keep_lines(run)
            self._give_up(run, halted or self._dispatcher.timed_out(run.function.timeout), now)
        # It was stopped, and is parked: it wakes and unwinds.
        elif halted is not None:
            self.parking.abandon(run, halted)
        # It is parked: its timeout strikes in the middle of its wait.
        else:
            # ASSUMED: fcemu times out an attempt whose sleep ends exactly at the timeout, because the timeout was
            # scheduled first (timers-and-instances §3.5).
            self._explain_endless_wait(run, now)
            if told := run.place.instance.line():  # else its thread tells when it is ended where it waits
                self._dispatcher.traces.keep_lines(run.invocation.id, run.number, [told])
            self.parking.abandon(run, self._dispatcher.timed_out(run.function.timeout))

    def halt(self, invocation: Invocation, now: datetime, why: str) -> None:
        """``invocation``, which runs, is to be stopped: whatever it comes to no longer counts.

        It ends at the next step of the clock; what of it computes now is interrupted at once.
        """
        # The thread of an earlier attempt may still be there; that attempt is over, and another one runs.
        run = next(run for run in self.parking.runs if run.invocation is invocation and not run.over)
        run.tell(Halted(why))
        hooked = bool(run.function.pre_stop)
        if hooked and run.place.instance.answers_beside():
            # The hook comes first: whatever ends the attempt ends the instance with it. The clock does not wait for the
            # attempt any more, or the hook would never fall due.
            run.table.move(Move.HALT_BESIDE)
            self.parking.uncount(run)
            self._dispatcher.fleet.announce_end(run.place, now, lambda at: self._end_halted(run, at))
        elif hooked and run.parked:
            # Nothing of it runs that had to be interrupted: it wakes and unwinds, and then the hook runs.
            self._end_by(run, now)
        else:
            # Where there is a hook, what comes back soon ends by itself, and then the hook runs.
            until = later(now, run.function.pre_stop_timeout) if hooked else now
            self._end_by(run, until)
            self.interrupt(run)
        self.mover.pursue()

    def _end_by(self, run: Run, instant: datetime) -> None:
        """``run`` was stopped: it ends at ``instant``, unless its timeout would end it before."""
        if instant < run.deadline:
            run.deadline = instant
            run.drop_timeout()
        self.parking.expect_timeout(run)

    def _end_halted(self, run: Run, now: datetime) -> None:
        """The hook before the end of ``run`` has come back."""
        if not run.over:
            self._end_by(run, now)
        self.mover.pursue()

    def has_been_long(self, since: float) -> bool:
        """Whether a handler, or what it left behind, has computed since before that instant of ``Watchdog.time``."""
        runs = any(run.since < since for run in self.parking.runs if run.counted or run.verdict is not None)
        return runs or any(began < since for began in self.parking.left_behind.values())

    def any_debugged(self) -> bool:
        """Whether a debugger is attached to what one of the attempts runs in, outside this process. On any thread."""
        return any(run.place.instance.debugged() for run in list(self.parking.runs))

    def stands_still(self, run: Run, now: datetime) -> bool:
        """Whether the timeout of ``run`` stands still: while its instance gets ready, and while a user debugs it; a
        paused clock does so by itself while a debugger's user thinks, a flowing one goes on."""
        if run.ready_by is not None and now < run.ready_by:
            return True
        return bool(self._clock.rate) and (debugged() or run.place.instance.debugged())

    def begin_timeout_anew(self, run: Run, now: datetime) -> None:
        """Once ``run`` goes on it has all of its time again."""
        self._agenda.deadlines.forget(run)
        run.deadline = later(now, run.function.timeout)
        if self._clock.rate:
            self._agenda.watch(run)
        if run.table.waits():
            self.parking.expect(run)

    def prepare(self, run: CodeRun, ready_by: datetime) -> None:
        """The instance of ``run`` gets ready, by that instant at the latest; takes the baton itself."""
        with self._baton:
            run.ready_by = ready_by
            if not run.over:
                run.table.move(Move.PREPARE)

    def begin_handler(self, run: CodeRun) -> None:
        """The instance of ``run`` is ready, and its handler starts now; takes the baton itself."""
        with self._baton:
            run.ready_by = None
            if run.over:
                return
            run.table.move(Move.READY)
            if run.verdict is None and isinstance(run, Run):
                self.begin_timeout_anew(run, self._clock.now())

    def _halted(self, run: Run) -> Halted | None:
        """What ``run`` came to when a caller stopped it, before its timeout or the watchdog did."""
        return run.verdict if isinstance(run.verdict, Halted) else None

    def _explain_endless_wait(self, run: Run, now: datetime) -> None:
        """Say where a handler waited that nobody could have woken: without that, "timed out" tells nothing."""
        if not run.table.endless:
            return
        where = ",".join(place(strand.line(), run.function.code) for strand in run.table.strands())
        text = (
            f"{run.function.ref} waited{where} without a timeout, and nothing in it ran that could have ended the "
            f"wait, so it timed out after {run.function.timeout.total_seconds():g} virtual seconds"
        )
        self.parking.record_warning(run, text, now)

    # The end of a hook.

    def end_hook(self, run: CodeRun) -> None:
        """A hook has come back; what of it still runs is left behind."""
        if run.table.awake > 1:
            self.parking.let_rest(run)
        self.parking.uncount(run)
        run.end()
        if run.table.others:
            self.parking.dismiss(run)

    def close_hook(self, run: CodeRun) -> None:
        """A hook that runs comes to nothing, because the emulator is closed."""
        self.parking.abandon(run, Halted("the emulator was closed"))

    # The end of a run.

    def ended(self, run: Run, finish: Finish) -> None:
        """The handler of ``run`` has come back."""
        table, parking, dispatcher = run.table, self.parking, self._dispatcher
        # Threads of it still run: they have a moment to come to rest, so that each run leaves the same ones behind.
        if table.awake > 1:
            parking.let_rest(run)
        parking.steps += 1
        exception = finish.exception
        if isinstance(exception, Abandoned):  # it tells where the handler was when it was ended
            dispatcher.traces.keep(run.invocation.id, run.number, exception)
        # The watchdog has struck it: its end comes at its deadline, whatever it has come to by itself.
        if table.state is _STRUCK:
            return
        parking.runs.discard(run)
        # It was given up before, and its thread comes back late.
        if table.over:
            return
        parking.uncount(run)
        run.end()
        now = self._clock.now()
        if table.others:
            parking.dismiss(run)
        if exception is not None:
            dispatcher.traces.keep(run.invocation.id, run.number, exception)
            finish.exception = exception = None  # its traceback leads to the frames that have these names: a circle
        elif finish.lines:
            dispatcher.traces.keep_lines(run.invocation.id, run.number, finish.lines)
        if dispatcher.troubles and run.verdict is None and not finish.broken:
            died = dispatcher.dies(run, "after", now)
            if died is not None:
                run.tell(died)
        verdict = run.verdict
        if verdict is None and not finish.broken:
            dispatcher.fleet.give_back(run.place, now)
            dispatcher.end(run, bounded(finish.outcome), finish.output, now)
        else:
            self._end_with_instance(run, verdict or bounded(finish.outcome), finish.output, now)
        if not table.others:
            run.let_go()

    def _end_with_instance(self, run: Run, outcome: Ran, output: str, now: datetime) -> None:
        """``run`` has come back, and no other attempt is to run in its instance."""
        halted = isinstance(run.verdict, Halted)  # then it stops once its hook has run (task-mode §4.4)
        if not halted:
            run.place.instance.stop()
        self._dispatcher.end(run, outcome, output, now)
        self._dispatcher.fleet.lose(run.place, now, reason_of(outcome), hook=halted)

    def drop(self, invocation: Invocation, now: datetime, why: str) -> None:
        """End the attempt of an invocation that cannot be kept. Handlers begin after ``keep``, so it has not run."""
        run = next(run for run in self.parking.runs if run.invocation is invocation and not run.over)
        verdict = Halted(why)
        run.tell(verdict)
        run.end()
        self.parking.uncount(run)
        self.parking.runs.discard(run)
        self._journal.record(Finished(now, invocation.id, run.number, verdict, ""), invocation)
        self._dispatcher.fleet.give_back(run.place, now)

    def _give_up(self, run: Run, outcome: Ran, now: datetime) -> None:
        """End a run whose thread has not come back: whatever it still does no longer counts."""
        run.end()
        self.parking.uncount(run)
        if run.left:
            self.parking.runs.discard(run)
        self._dispatcher.end(run, outcome, run.call.output.text(), now)
        self._dispatcher.fleet.lose(run.place, now, reason_of(outcome))
        self.interrupt(run)
        self.parking.dismiss(run)
        self.mover.pursue()

    def leave_waiting(self, strand: Strand) -> None:
        """The thread of ``strand``, whose attempt is over, never comes back; takes the baton itself."""
        run = strand.run
        if strand is not run:
            strand.end()
            return
        self._crew.replace_me()
        with self._baton:
            run.leave()
            if not isinstance(run, Run):
                return  # a hook of an emulator that was closed
            if run.over:
                self.parking.runs.discard(run)
            elif not run.struck:  # else its end comes at its deadline
                assert run.verdict is not None, "only an attempt that is to end is left"
                self._give_up(run, run.verdict, self._clock.now())

    def fail(self, error: BaseException) -> None:
        """A thread of a runtime that works for an attempt has raised ``error``. Takes the baton itself."""
        with self._baton:
            self.mover.fail(error)

    def interrupt(self, run: CodeRun, *, again: bool = False) -> None:
        """End what of ``run`` computes; what waits is ended where it waits. ``again``: although it was told to end."""
        run.since = WATCHDOG.time()
        if not run.place.instance.interrupt():
            for strand in run.table.strands():
                if strand.waits_in is None:
                    strand.interrupt(again=again)

    def interrupt_again(self, told_before: float = inf) -> None:
        """Tell threads to end that still compute although they were told, by ``Watchdog.time``, before that."""
        for run in self.parking.runs:
            # What its pre-stop hook runs beside has not been told yet: it may go on until the hook has come back.
            told = run.verdict is not None and run.table.state is not State.HALTING
            if told and not run.left and run.since < told_before:
                self.interrupt(run, again=True)

    def _keep_lines(self, run: Run) -> None:
        """``run`` is to be ended: keep where it is now."""
        self._dispatcher.traces.keep_lines(run.invocation.id, run.number, self.lines_of(run))

    def lines_of(self, run: Run) -> list[str]:
        """Where ``run`` is now, the outermost line first. A process tells its innermost line alone."""
        told = run.place.instance.line()
        return stack_of(run.running().thread) if told is None else [told]

    def break_off(self) -> list[str]:
        """Somebody who waits was interrupted (Ctrl-C): end what computes now. Returns which handlers that were, and on
        which line."""
        told = []
        for run in [run for run in self.parking.runs if run.counted and not run.over]:
            line = run.running().line()
            told.append(f"the handler of {run.function.ref} ran{f' at {line}' if line else ''}, and was ended")
            self._keep_lines(run)
            verdict = Halted("the caller that waited for it was interrupted")
            run.tell(verdict)
            self._give_up(run, verdict, self._clock.now())
        return told

    def strike_timeout(self, run: Run, now: datetime) -> None:
        self._keep_lines(run)
        verdict = self._halted(run) or self._dispatcher.timed_out(run.function.timeout)
        run.tell(verdict)
        self._give_up(run, verdict, now)

    # Synchronous calls that a handler makes.

    def nest(self, caller: Run, invocation: Invocation) -> None:
        """The handler of ``caller`` waits for ``invocation``, so the clock need not wait for it."""
        if caller.counted and not caller.over:
            caller.calls = (*caller.calls, invocation)
            self.parking.callers[invocation.id] = caller
            caller.table.call()
            self.parking.expect_timeout(caller)
            if caller.table.awake <= 0:
                self.parking.expect(caller)
                self.parking.uncount(caller)
                self.mover.pursue()

    def go_on_calling(self, invocation: Invocation) -> None:
        """``invocation`` has ended: the handler that called it runs again, before the clock moves on."""
        caller = self.parking.callers.pop(invocation.id, None)
        if caller is not None:
            caller.calls = tuple(call for call in caller.calls if call is not invocation)
            caller.table.answered()
            self.parking.one_more_awake(caller)

    def running(self) -> Run | None:
        """The run that holds a paused clock, if any."""
        return next((run for run in self.parking.runs if run.counted), None)

    # Trouble.

    def exited(self, run: CodeRun) -> FunctionError:
        """The outcome of ``run``, whose handler ends its process now."""
        return self._dispatcher.exited(self._clock.now() - run.started)

    def held_up(self, run: Run, now: float, patience: float) -> str | None:
        """What of the virtual clock keeps ``run`` from going on, if that does; it would go on in FC."""
        awake = run.table.awake_ones()
        for strand in awake:
            holder = None if strand.wants is None else STRANDS.get(strand.wants.holder())
            if holder is not None and holder.waits_in is not None and holder.run.parking is not self.parking:
                where = place(strand.line(), run.function.code)
                return f"it waits{where} for a lock that {holder.run.function.ref} holds, parked on another clock"
        if run.place.instance.held_up():
            return (
                "a thread of it waits for something real, and so the clock stands still for another thread that waits "
                "for virtual time to pass"
            )
        if not all(strand.has_waited(now, patience / 2) for strand in awake):
            return None  # it computes
        for strand in run.table.strands():
            if strand.waits_in is not None and strand.waits_in.until is not None:
                code = run.function.code
                return (
                    f"it waits{place(run.running().line(), code)} for something real, and so the clock stands still "
                    f"for its thread that waits{place(strand.line(), code)} for virtual time to pass"
                )
        return None

    def end_stuck(self, run: Run, why: str) -> None:
        """End a run that cannot go on because time is virtual."""
        verdict = self._halted(run) or Stuck(why)
        self._keep_lines(run)
        run.tell(verdict)
        self._give_up(run, verdict, self._clock.now())

    def strike(self, run: Run, text: str) -> None:
        """The watchdog found no progress: the attempt ends as timed out at its timeout's virtual instant."""
        self.parking.record_warning(run, text)
        self._keep_lines(run)
        if (halted := self._halted(run)) is not None:
            self._give_up(run, halted, self._clock.now())
            return
        run.tell(self._dispatcher.timed_out(run.function.timeout))
        run.table.move(Move.STRIKE)
        self.parking.uncount(run)
        self.parking.expect_timeout(run)
        self.interrupt(run)
        self.mover.pursue()

    def strike_left_behind(self, now: float, patience: float) -> None:
        """Name and interrupt the threads that still run long after their attempt has ended."""
        for strand, since in list(self.parking.left_behind.items()):
            if now - since > patience:
                del self.parking.left_behind[strand]
                run = strand.run
                where = place(strand.line(), run.function.code)
                text = (
                    f"a thread that {run.function.ref} had started still ran{where} {patience:g} real seconds after "
                    "the attempt had ended, and was interrupted; a handler must join its threads before it returns"
                )
                self.parking.record_warning(run, text)
                strand.interrupt()
