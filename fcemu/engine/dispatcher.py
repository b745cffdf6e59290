"""Takes due invocations, starts attempts, acts on decisions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, assert_never

from fcemu.core import outcome as outcomes
from fcemu.core.catalog import Catalog, Resolved
from fcemu.core.errors import FCError
from fcemu.core.facts import (
    Dequeued,
    Expired,
    Failed,
    Finished,
    InstanceStarted,
    Invalid,
    Refused,
    RetryPlanned,
    Started,
    Stopped,
    Succeeded,
)
from fcemu.core.functions import AsyncSettings
from fcemu.core.invocation import Invocation, State
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import Outcome, Ran, Refusal
from fcemu.core.retry import Fail, RetryAt, RetryPolicy, Stop, Succeed, decide, is_too_old
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.due import Due
from fcemu.engine.instances import Place, Pool
from fcemu.engine.journal import Journal
from fcemu.engine.ports import Call, Runtime
from fcemu.engine.runs import Run
from fcemu.engine.strands import Wait

EXCEPTIONS_KEPT: Final = 1000


class Plan:
    """All that an attempt of one function and qualifier needs, looked up once per definition."""

    __slots__ = ("asked", "policy", "pool", "resolved")

    def __init__(self, resolved: Resolved, asked: AsyncSettings, policy: RetryPolicy, pool: Pool) -> None:
        self.resolved = resolved
        self.asked = asked
        self.policy = policy
        self.pool = pool


class Dispatcher:
    """Turns due invocations into runs and outcomes into facts. Every method is called with the baton held."""

    def __init__(
        self,
        *,
        settings: Settings,
        catalog: Catalog,
        runtime_of: Callable[[str], Runtime],
        chance: Chance,
        journal: Journal,
        due: "Due[Invocation | Run | Wait]",
        on_end: Callable[[Invocation, datetime], None],
    ) -> None:
        self._settings: Final = settings
        self._catalog: Final = catalog
        self._runtime_of: Final = runtime_of
        self._chance: Final = chance
        self._journal: Final = journal
        self._due: Final = due
        self._on_end: Final = on_end
        self._plans: dict[tuple[FunctionRef, str], Plan] = {}
        self._pools: dict[FunctionRef, Pool] = {}
        self._exceptions: dict[tuple[str, int], BaseException] = {}

    def plan(self, ref: FunctionRef, qualifier: str) -> Plan:
        """Raises what ``Catalog.find`` raises."""
        plan = self._plans.get((ref, qualifier))
        if plan is None:
            resolved = self._catalog.find(ref, qualifier)
            function, asked = resolved.function, self._catalog.async_settings(ref, qualifier)
            pool = self._pools.get(ref)
            if pool is None:
                pool = self._pools[ref] = Pool(function, self._runtime_of(function.runtime), self._chance)
            plan = Plan(resolved, asked, RetryPolicy.of(asked, function.generation, self._settings), pool)
            self._plans[ref, qualifier] = plan
        return plan

    def definitions_changed(self) -> None:
        """Look everything up again; instances of the old definitions are given up."""
        self._plans.clear()
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def begin(self, invocation: Invocation, now: datetime, plan: Plan | None = None) -> Run | None:
        """Start the next attempt of a due invocation; ``None`` when nothing runs, because it expired, is invalid or
        was refused. ``plan``: that of its function, where the caller has just looked it up."""
        accepted, journal = invocation.accepted, self._journal
        try:
            if plan is None:
                plan = self.plan(accepted.function, accepted.qualifier)
        except FCError as gone:
            journal.record(Invalid(now, accepted.request_id, gone.message), invocation)
            self._on_end(invocation, now)
            return None
        if now - accepted.at > plan.policy.max_age and self._too_old(invocation, plan.policy, now):
            return None
        if invocation.state is State.ENQUEUED and not accepted.synchronous:
            journal.record(Dequeued(now, accepted.request_id), invocation)
        refusal = self._chance.refusal(invocation)
        place = plan.pool.take(now) if refusal is None else refusal
        if not isinstance(place, Place):
            self._refused(invocation, plan.policy, place, now)
            return None
        return self._start(invocation, plan, place, now)

    def _too_old(self, invocation: Invocation, policy: RetryPolicy, now: datetime) -> bool:
        tally = invocation.tally(age_excludes_delay=self._settings.age_excludes_delay)
        if invocation.accepted.synchronous or not is_too_old(tally, policy, now):
            return False
        if invocation.executions:
            # ASSUMED: Expired means "not executed", so an event that ran and then grew too old has failed (§1.5).
            reason = f"older than {policy.max_age.total_seconds():g} s before its next retry"
            self._journal.record(Failed(now, invocation.id, reason), invocation)
        else:
            self._journal.record(Expired(now, invocation.id), invocation)
        self._on_end(invocation, now)
        return True

    def _start(self, invocation: Invocation, plan: Plan, place: Place, now: datetime) -> Run:
        request_id = invocation.accepted.request_id
        attempts = invocation.attempts
        number = len(attempts) + 1
        if place.cold:
            place.cold = False
            self._journal.record(InstanceStarted(now, request_id, place.id), invocation)
        self._journal.record(Started(now, request_id, number, place.id), invocation)
        run = self.make_run(invocation, plan, place, now)
        run.call = Call(
            plan.resolved.function,
            plan.resolved.qualifier,
            plan.resolved.version,
            self._settings.account,
            place.id,
            request_id,
            number,
            invocation.executions - 1,
            invocation.accepted.payload,
            run,
        )
        return run

    make_run: Callable[[Invocation, Plan, Place, datetime], Run]
    """Set by the movers, which own what runs."""

    def _refused(self, invocation: Invocation, policy: RetryPolicy, refusal: Refusal, now: datetime) -> None:
        number = len(invocation.attempts) + 1
        self._journal.record(Refused(now, invocation.id, number, refusal), invocation)
        self._act(invocation, policy, refusal, now)

    def end(self, run: Run, outcome: Ran, output: str, now: datetime) -> None:
        """An attempt came to ``outcome``: record it and do what follows."""
        invocation = run.invocation
        self._journal.record(Finished(now, invocation.id, run.number, outcome, output), invocation)
        self._act(invocation, run.plan.policy, outcome, now)

    def keep_exception(self, request_id: str, attempt: int, error: BaseException) -> None:
        """Keep what a handler raised, for ``raise … from`` in a test; never part of the journal. The newest ones only,
        because each holds its whole stack."""
        self._exceptions[request_id, attempt] = error
        if len(self._exceptions) > EXCEPTIONS_KEPT:
            del self._exceptions[next(iter(self._exceptions))]

    def exception(self, request_id: str, attempt: int) -> BaseException | None:
        """What the handler raised in that attempt, if it is still kept."""
        return self._exceptions.get((request_id, attempt))

    def exited(self, duration: timedelta) -> outcomes.FunctionError:
        """The outcome of an attempt whose handler ended its process."""
        return outcomes.exited(duration, self._settings.max_memory_usage_mb)

    def timed_out(self, timeout: timedelta) -> outcomes.TimedOut:
        """The outcome of an attempt whose timeout strikes."""
        return outcomes.timed_out(timeout, self._settings.max_memory_usage_mb)

    def _act(self, invocation: Invocation, policy: RetryPolicy, outcome: Outcome, now: datetime) -> None:
        if type(outcome) is outcomes.Returned:
            self._journal.record(Succeeded(now, invocation.id), invocation)
            self._on_end(invocation, now)
            return
        if invocation.accepted.synchronous:
            self._end_synchronous(invocation, outcome, now)
            return
        match decide(outcome, invocation.tally(), policy, now):
            case RetryAt(due):
                self._journal.record(RetryPlanned(now, invocation.id, due), invocation)
                self._due.push(due, invocation)
                return
            case Fail(reason):
                self._journal.record(Failed(now, invocation.id, reason), invocation)
            case Stop():
                self._journal.record(Stopped(now, invocation.id), invocation)
            case Succeed():
                raise AssertionError("only a handler that returned succeeds")
            case unreachable:
                assert_never(unreachable)
        self._on_end(invocation, now)

    def _end_synchronous(self, invocation: Invocation, outcome: Outcome, now: datetime) -> None:
        """FC never retries a synchronous call; its caller does (retry-and-destinations §1)."""
        if isinstance(outcome, outcomes.Halted):
            self._journal.record(Stopped(now, invocation.id), invocation)
        else:
            reason = f"{outcomes.word(outcome)}; a synchronous call is not retried"
            self._journal.record(Failed(now, invocation.id, reason), invocation)
        self._on_end(invocation, now)
