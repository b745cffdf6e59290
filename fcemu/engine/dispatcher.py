"""The dispatcher takes due invocations, starts attempts, and records what each attempt comes to."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, assert_never, cast

from fcemu.core import outcome as outcomes
from fcemu.core.errors import FCError
from fcemu.core.facts import (
    AttemptRefused,
    Delayed,
    Dequeued,
    Expired,
    Failed,
    FaultStruck,
    Finished,
    Held,
    InstanceStarted,
    Invalid,
    Redelivered,
    RetryPlanned,
    Started,
    Stopped,
    Succeeded,
    Warned,
)
from fcemu.core.invocation import Invocation, State
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import Outcome, Ran, Refusal
from fcemu.core.output import Output
from fcemu.core.questions import NEW, RECYCLED
from fcemu.core.retry import Fail, RetryAt, RetryPolicy, Stop, Succeed, decide, is_too_old
from fcemu.engine.chance import Moment
from fcemu.engine.clock import later
from fcemu.engine.faults import When
from fcemu.engine.fleet import Fleet
from fcemu.engine.instances import Place
from fcemu.engine.plans import Plan, Plans
from fcemu.engine.ports import Call, Runtime
from fcemu.engine.runs import Run, in_engine
from fcemu.engine.traces import Traces
from fcemu.engine.world import World

_ENQUEUED: Final = State.ENQUEUED
_MOMENT: Final = timedelta(microseconds=1)
RIVALS: Final = 16
"""How many things that are due at the same instant are looked at when messages may overtake each other."""


class Boot:
    """An attempt that begins when its instance has started."""

    over = False

    def __init__(self, dispatcher: "Dispatcher", invocation: Invocation, plan: Plan, place: Place) -> None:
        self._dispatcher: Final = dispatcher
        self._invocation: Final = invocation
        self._plan: Final = plan
        self._place: Final = place

    def fall_due(self, now: datetime) -> Run | None:
        return self._dispatcher.booted(self._invocation, self._plan, self._place, now)

    def __str__(self) -> str:
        return f"start of an instance for {self._invocation.accepted.function} {self._invocation.id}"


class Dispatcher:
    """Turns due invocations into runs and outcomes into facts. Every method is called with the baton held."""

    def __init__(self, world: World, runtime_of: Callable[[str], Runtime]) -> None:
        self._settings: Final = world.settings
        self._chance: Final = world.chance
        self.troubles: Final = world.chance.troubles
        self._keys: Final = world.keys
        self._journal: Final = world.journal
        self._agenda: Final = world.agenda
        self.plans: Final = Plans(world, runtime_of)
        self.fleet: Final = Fleet(world, self.plans)
        self.traces: Final = Traces(world.catalog)
        """Where attempts failed."""
        self._late: set[str] = set()
        """Request ids of invocations whose next attempt was held up already."""
        self._warned: Final[set[FunctionRef]] = set()
        """Functions of which it was said that they run in another runtime than they were written for."""

    # Attempts.

    def begin(self, invocation: Invocation, now: datetime, plan: Plan | None = None) -> Run | None:
        """Start the next attempt of a due invocation; ``None`` when nothing runs, because it expired, is invalid or
        was refused. ``plan``: that of its function, where the caller has just looked it up."""
        accepted, journal = invocation.accepted, self._journal
        try:
            if plan is None or plan.resolved.shares:
                plan = self.plans.plan(accepted.function, accepted.qualifier, choose_for=invocation)
        except FCError as gone:
            self._dequeue(invocation, now)
            journal.record(Invalid(now, accepted.request_id, gone.message), invocation)
            return None
        if self._chance.rerouted:
            self._struck(invocation, invocation.last_attempt + 1, self._chance.rerouted, now)
            self._chance.rerouted = ""
        if now - accepted.at > plan.policy.max_age and self._too_old(invocation, plan.policy, now):
            return None
        pool = plan.pool
        if (not pool.free or pool.backlog.waiting) and self._waits(invocation, plan, now):
            return None
        troubled = self.troubles or self._late
        moment = Moment(invocation, plan.policy, now) if troubled else None
        if moment is not None and self._held_up(moment):
            return None
        if invocation.state is _ENQUEUED:
            self._dequeue(invocation, now)
        refusal = self._refusal(invocation, plan, moment) if troubled or plan.stand_in is not None else None
        another = self._another_instance(plan, moment) if moment is not None and refusal is None else False
        place = refusal or self.fleet.ask(pool, now, another=another)
        if not isinstance(place, Place):
            self._refused(invocation, plan, place, now)
            return None
        if place.cold:
            self._cold_start(invocation, place, now, moment)
        if place.ready_at is not None:
            self._agenda.push(place.ready_at, Boot(self, invocation, plan, place))
            return None
        return self._started(invocation, plan, place, now)

    def _waits(self, invocation: Invocation, plan: Plan, now: datetime) -> bool:
        """Whether an attempt that is due does not start now, because no instance can be had for it, or because others
        wait for one. What is asynchronous then waits; the rest is refused."""
        fleet, backlog = self.fleet, plan.pool.backlog
        waits = not invocation.accepted.synchronous and self._settings.throttle_mode == "wait"
        serving = backlog.serving
        is_next = serving is not None and serving.invocation is invocation
        overtakes = waits and not is_next and backlog.first is not None
        if not overtakes and not fleet.is_full(plan.pool):
            return False
        if not waits:
            self._dequeue(invocation, now)
            self._refused(invocation, plan, outcomes.Throttled(), now)
        elif is_next:
            backlog.serving = None
        else:
            self._hold(invocation, plan, now)
        return True

    def _hold(self, invocation: Invocation, plan: Plan, now: datetime) -> None:
        self._journal.record(Held(now, invocation.id, invocation.last_attempt + 1), invocation)
        aged_from = invocation.tally(age_excludes_delay=self._settings.age_excludes_delay).aged_from
        # ASSUMED: fcemu drops an event that has grown too old at once, not when an instance becomes free
        # (retry-and-destinations §1.5).
        end = later(later(aged_from, plan.policy.max_age), _MOMENT)
        self.fleet.hold(plan.pool.backlog, invocation, end, self.begin)

    def _another_instance(self, plan: Plan, moment: Moment) -> bool:
        """Whether the attempt needs a new instance although one is idle."""
        if not self.fleet.has_idle(plan.pool):
            return False
        answer = self._chance.instance(moment)
        if answer is None:
            return False
        number = moment.invocation.last_attempt + 1
        self._struck(moment.invocation, number, "another instance" if answer == NEW else "recycled early", moment.now)
        if answer == RECYCLED:
            self.fleet.recycle_idle(plan.pool, moment.now)
        return True

    def _cold_start(self, invocation: Invocation, place: Place, now: datetime, moment: Moment | None) -> None:
        """The first attempt in an instance: it waits until that has started, with all that come meanwhile."""
        place.cold = False
        takes = self._settings.cold_start
        slower = None if moment is None else self._chance.slow_start(moment)
        if slower is not None:
            self._struck(invocation, invocation.last_attempt + 1, "slow start", now)
            takes += slower
        self._journal.record(InstanceStarted(now, invocation.id, place.id, takes.total_seconds()), invocation)
        if takes:
            place.ready_at = later(now, takes)

    def booted(self, invocation: Invocation, plan: Plan, place: Place, now: datetime) -> Run | None:
        """The instance for this attempt has started; ``None`` when its invocation was stopped meanwhile."""
        place.ready_at = None
        if invocation.finished:
            self.fleet.give_back(place, now)
            return None
        return self._started(invocation, plan, place, now)

    def _started(self, invocation: Invocation, plan: Plan, place: Place, now: datetime) -> Run | None:
        accepted, number = invocation.accepted, invocation.last_attempt + 1
        self._journal.record(Started(now, accepted.request_id, number, place.id), invocation)
        if plan.runs_as is not None:
            self._warn_of_runtime(invocation, plan, number, now)
        run = Run(invocation, plan, place, now)
        run.call = Call(
            plan.resolved.function,
            plan.resolved.qualifier,
            plan.resolved.version,
            self._settings.account,
            place.id,
            accepted.request_id,
            number,
            number - invocation.refusals - invocation.repeats - 1,
            accepted.payload,
            run,
            Output(),
            accepted.http,
            run,
            in_engine,
            self._keys,
            run.fail,
        )
        if self.fleet.hear is not None:
            run.call.output.heard = partial(self.fleet.hear, accepted.request_id, number)
        died = self.dies(run, "before", now) if self.troubles else None
        if died is None:
            return run
        place.instance.stop()
        self.end(run, died, "", now)
        self.fleet.lose(place, now, "its process exited")
        return None

    def _warn_of_runtime(self, invocation: Invocation, plan: Plan, number: int, now: datetime) -> None:
        """Say once of each function that its code runs in another runtime than it was written for."""
        ref = plan.resolved.function.ref
        if ref not in self._warned:
            self._warned.add(ref)
            text = f"function {ref}: {plan.runs_as}"
            self._journal.record(Warned(now, invocation.id, number, text), invocation)

    @property
    def permutes(self) -> bool:
        """Whether chance may hand messages over in another order than the first in, first out."""
        return self._chance.permutes

    def first_of(self, things: Sequence[object], now: datetime) -> int:
        """Which of the things that are due at the same instant comes first: messages may overtake messages."""
        messages = [n for n, thing in enumerate(things) if isinstance(thing, Invocation) and _is_message(thing)]
        if len(messages) < 2 or messages[0] != 0:
            return 0
        oldest = cast(Invocation, things[messages[0]])
        overtaken = self._chance.first_of(len(messages), oldest)
        chosen = messages[overtaken]
        first = things[chosen]
        if overtaken and isinstance(first, Invocation):
            self._struck(first, first.last_attempt + 1, f"overtake {overtaken}", now)
        return chosen

    def first_strand(self, run: Run, strands: int, now: datetime) -> int:
        """Which of so many strands of ``run`` that wake at the same instant goes on first, counted from 0."""
        overtaken = self._chance.first_strand(strands, run.invocation)
        if overtaken:
            self._struck(run.invocation, run.number, f"strand {overtaken}", now)
        return overtaken

    def _dequeue(self, invocation: Invocation, now: datetime) -> None:
        """The queue hands it over, once; a synchronous invocation waits in no queue."""
        if invocation.state is _ENQUEUED and not invocation.accepted.synchronous:
            self._journal.record(Dequeued(now, invocation.accepted.request_id), invocation)

    def _held_up(self, moment: Moment) -> bool:
        """Whether the attempt that is due starts late; then it is due again."""
        late, invocation, now = self._late, moment.invocation, moment.now
        if late and invocation.id in late:
            late.discard(invocation.id)
            return False
        by = self._chance.hold_up(moment)
        if by is None:
            return False
        late.add(invocation.id)
        number, due = invocation.last_attempt + 1, later(now, by)
        self._struck(invocation, number, "delay", now)
        self._journal.record(Delayed(now, invocation.id, number, due), invocation)
        return True

    def _refusal(self, invocation: Invocation, plan: Plan, moment: Moment | None) -> Refusal | None:
        """``moment``: ``None`` where nothing but a stub can refuse."""
        refusal = None if moment is None else self._chance.refusal(moment)
        if moment is not None and refusal is not None:
            name = "throttle" if isinstance(refusal, outcomes.Throttled) else "fail"
            self._struck(invocation, invocation.last_attempt + 1, name, moment.now)
        elif plan.stand_in is not None:
            refusal = plan.stand_in.refuses(invocation.id, invocation.last_attempt + 1)
        return refusal

    def _too_old(self, invocation: Invocation, policy: RetryPolicy, now: datetime) -> bool:
        tally = invocation.tally(age_excludes_delay=self._settings.age_excludes_delay)
        if invocation.accepted.synchronous or not is_too_old(tally, policy, now):
            return False
        if invocation.executions:
            # ASSUMED: fcemu fails an event that ran and then grew too old, because Expired means that nothing was
            # executed (retry-and-destinations §1.5).
            reason = f"older than {policy.max_age.total_seconds():g} s before its next retry"
            self._journal.record(Failed(now, invocation.id, reason), invocation)
        else:
            self._dequeue(invocation, now)
            self._journal.record(Expired(now, invocation.id), invocation)
        return True

    def _refused(self, invocation: Invocation, plan: Plan, refusal: Refusal, now: datetime) -> None:
        number = invocation.last_attempt + 1
        self._journal.record(AttemptRefused(now, invocation.id, number, refusal), invocation)
        self._journal.record(self._decided(invocation, plan, refusal, now), invocation)

    def end(self, run: Run, outcome: Ran, output: str, now: datetime) -> None:
        """An attempt came to ``outcome``: record it and do what follows."""
        invocation, call = run.invocation, run.call
        self._journal.record(Finished(now, call.request_id, call.attempt, outcome, output), invocation)
        if self.troubles and self._repeats(run, outcome, now):
            return
        returned = type(outcome) is outcomes.Returned
        decided = Succeeded(now, call.request_id) if returned else self._decided(invocation, run.plan, outcome, now)
        self._journal.record(decided, invocation)

    def _repeats(self, run: Run, outcome: Ran, now: datetime) -> bool:
        """Whether the queue does not hear that an attempt has ended, and delivers once more."""
        invocation = run.invocation
        if invocation.accepted.synchronous or isinstance(outcome, outcomes.Halted | outcomes.Stuck):
            return False
        again = self._chance.again(Moment(invocation, run.plan.policy, now))
        if again is None:
            return False
        self._struck(invocation, run.number, "deliver_twice", now)
        self._journal.record(Redelivered(now, invocation.id, run.number, later(now, again)), invocation)
        return True

    def dies(self, run: Run, when: When, now: datetime) -> outcomes.FunctionError | None:
        """The outcome of an attempt whose instance dies at this moment; ``None`` when it lives."""
        if not self.troubles or not self._chance.dies(Moment(run.invocation, run.plan.policy, now), when):
            return None
        self._struck(run.invocation, run.number, f"crash {when}", now)
        return self.exited(now - run.started)

    def _struck(self, invocation: Invocation, number: int, fault: str, now: datetime) -> None:
        self._journal.record(FaultStruck(now, invocation.id, number, fault, self._chance.told()), invocation)

    def due_again(self, fact: Delayed | Redelivered | RetryPlanned, invocation: Invocation) -> None:
        """There will be another attempt, at the instant that ``fact`` says."""
        self._agenda.push(fact.due, invocation)

    def exited(self, duration: timedelta) -> outcomes.FunctionError:
        """The outcome of an attempt whose handler ended its process."""
        return outcomes.exited(duration, self._settings.max_memory_usage_mb)

    def timed_out(self, timeout: timedelta) -> outcomes.TimedOut:
        """The outcome of an attempt whose timeout strikes."""
        return outcomes.timed_out(timeout, self._settings.max_memory_usage_mb)

    def _decided(
        self, invocation: Invocation, plan: Plan, outcome: Outcome, now: datetime
    ) -> RetryPlanned | Failed | Stopped:
        """The fact that an outcome leads to, unless the handler has returned."""
        request_id = invocation.accepted.request_id
        if invocation.accepted.synchronous:
            # FC never retries a synchronous call; its caller does (retry-and-destinations §1).
            if isinstance(outcome, outcomes.Halted | outcomes.Stuck):
                return Stopped(now, request_id)
            return Failed(now, request_id, f"{outcome.word}; a synchronous call is not retried")
        match decide(outcome, invocation.tally(), self._policy_now(invocation, plan), now):
            case RetryAt(due):
                return RetryPlanned(now, request_id, due)
            case Fail(reason):
                return Failed(now, request_id, reason)
            case Stop():
                return Stopped(now, request_id)
            case Succeed():
                raise AssertionError("only a handler that returned succeeds")
            case unreachable:
                assert_never(unreachable)

    def _policy_now(self, invocation: Invocation, plan: Plan) -> RetryPolicy:
        """ASSUMED: fcemu decides by the configuration as it is when an attempt ends or is dequeued, not as it was when
        the invocation was accepted; where the function is gone, by the one with which the attempt started
        (async-invocation §7)."""
        try:
            return self.plans.plan(invocation.accepted.function, invocation.accepted.qualifier).policy
        except FCError:
            return plan.policy


def _is_message(invocation: Invocation) -> bool:
    """Whether it waits in the queue."""
    return not (invocation.accepted.synchronous or invocation.finished)
