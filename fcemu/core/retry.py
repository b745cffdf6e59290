"""RetryPolicy and decide(): succeed, fail or retry at."""

from dataclasses import field
from datetime import datetime, timedelta
from typing import Final, assert_never

from fcemu.core.functions import DEFAULT_EVENT_AGE, DEFAULT_RETRIES, AsyncSettings
from fcemu.core.generation import FC3, Generation
from fcemu.core.outcome import FunctionError, Halted, Outcome, Returned, Stuck, SystemFailed, Throttled, TimedOut
from fcemu.core.settings import Settings
from fcemu.core.times import later
from fcemu.core.values import dataclass, value

FIRST_BACKOFF: Final = timedelta(seconds=0.5)
"""Wait after the first refused attempt; doubles each time, no cap, no jitter. Source: FC docs, "Retry policies"."""
BACKOFF_WINDOW: Final = timedelta(hours=5)
"""How long refused attempts are retried. Source: FC docs, "Retry policies"."""


@value
class Tally:
    """What happened before this decision.

    ``aged_from``: from when the event's age counts. ``executions``: attempts that ran. ``refusals``: refused attempts
    since the last execution. ``first_refused``: when the first refused attempt of this invocation was.
    """

    aged_from: datetime
    executions: int = 0
    refusals: int = 0
    first_refused: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The rules for one function and qualifier. ``intervals``: wait before retry 1, 2, …; the last one repeats."""

    max_retries: int = DEFAULT_RETRIES
    max_age: timedelta = DEFAULT_EVENT_AGE
    intervals: tuple[timedelta, ...] = field(default_factory=lambda: Settings().retry_seconds)
    window: timedelta = BACKOFF_WINDOW
    retried_refusals: frozenset[int] = FC3.retried_refusals

    @classmethod
    def of(cls, asked: AsyncSettings, generation: Generation, settings: Settings) -> "RetryPolicy":
        """The policy that a qualifier's settings, its generation and the emulator's settings come to."""
        retried = generation.retried_refusals
        return cls(
            max_retries=DEFAULT_RETRIES if asked.max_retries is None else asked.max_retries,
            max_age=DEFAULT_EVENT_AGE if asked.max_age is None else asked.max_age,
            intervals=settings.retry_seconds,
            retried_refusals=retried if settings.retry_server_errors else retried & {429},
        )


@value
class Succeed:
    """The invocation ends well."""


@value
class Fail:
    """The invocation ends; ``reason`` names the rule."""

    reason: str


@value
class RetryAt:
    """Another attempt at ``due``."""

    due: datetime


@value
class Stop:
    """The invocation was stopped; nobody hears of it."""


Decision = Succeed | Fail | RetryAt | Stop


def decide(outcome: Outcome, tally: Tally, policy: RetryPolicy, now: datetime) -> Decision:
    """What follows an attempt that ended ``now`` with ``outcome``; ``tally`` includes that attempt.

    Function errors use up ``max_retries``; refusals do not, they have five hours (retry-and-destinations §1). The
    age is not looked at here: it is checked when the event is dequeued, also before each retry (§1.5).
    """
    match outcome:
        case Returned():
            return Succeed()
        case FunctionError() | TimedOut():
            return _after_function_error(outcome, tally, policy, now)
        case Throttled() | SystemFailed():
            return _after_refusal(outcome, tally, policy, now)
        case Halted() | Stuck():
            # ASSUMED: fcemu says Stopped on the wire of an invocation whose attempt was stuck, because FC has no word
            # for it (task-mode §2).
            return Stop()
        case unreachable:
            assert_never(unreachable)


def _after_function_error(
    outcome: FunctionError | TimedOut, tally: Tally, policy: RetryPolicy, now: datetime
) -> Decision:
    retry = tally.executions
    if retry > policy.max_retries:
        what = "timed out" if isinstance(outcome, TimedOut) else "function error"
        return Fail(f"{what}, {policy.max_retries} retries used up")
    return RetryAt(later(now, policy.intervals[min(retry, len(policy.intervals)) - 1]))


def _after_refusal(outcome: Throttled | SystemFailed, tally: Tally, policy: RetryPolicy, now: datetime) -> Decision:
    """ASSUMED: fcemu counts the time in which refusals are retried from the first refused attempt of an invocation,
    restarts the back-off when an attempt really ran, and starts no retry after the end of that time
    (retry-and-destinations §1.3)."""
    if outcome.status not in policy.retried_refusals:
        why = f": {outcome.message}" if isinstance(outcome, SystemFailed) and outcome.message else ""
        return Fail(f"{outcome.status} {outcome.code}, not retried{why}")
    due = later(now, FIRST_BACKOFF * 2 ** (tally.refusals - 1))
    begin = now if tally.first_refused is None else tally.first_refused
    if due - begin > policy.window:
        return Fail(f"{outcome.status} {outcome.code} for {policy.window.total_seconds() / 3600:g} hours")
    return RetryAt(due)


def is_too_old(tally: Tally, policy: RetryPolicy, now: datetime) -> bool:
    """Whether an event that is dequeued ``now`` is dropped: strictly older than its maximum age ("exceeds", §1.5)."""
    return now - tally.aged_from > policy.max_age
