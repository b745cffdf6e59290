"""Analysis: what the settings of a function come to at worst, and which of them contradict each other."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from fcemu.core.destinations import FunctionDestination
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import TimedOut
from fcemu.core.retry import RetryAt, RetryPolicy, Tally, decide, is_too_old
from fcemu.core.settings import Settings
from fcemu.core.values import dataclass, value

_START: Final = datetime(2026, 1, 1)  # any instant: only differences of it count


@value
class Finding:
    """Settings of a function that contradict each other. ``rule``: what that follows from."""

    function: FunctionRef
    text: str
    rule: str


@dataclass(frozen=True, slots=True)
class Worst:
    """What an asynchronous invocation of a function comes to at worst, counted from its acceptance.

    ``attempts``: how often the handler runs; refusals and repeated deliveries come on top. ``success``: when it
    succeeds at the latest, in its last attempt. ``failure``: when it has failed at the latest, and its failure
    destination hears of it. ``held``: how long it waits at most while it is refused, without one attempt.
    ``gigabyte_seconds``: what all attempts use at most.
    """

    function: FunctionRef
    attempts: int
    success: timedelta
    failure: timedelta
    held: timedelta
    gigabyte_seconds: float


def worst(function: Function, asked: AsyncSettings, settings: Settings) -> Worst:
    """Every attempt takes as long as it may and fails, by the same rules as in a run."""
    policy = RetryPolicy.of(asked, function.generation, settings)
    attempts, now = 0, _START
    outcome = TimedOut(b"")
    while True:
        attempts += 1
        now += function.timeout
        decided = decide(outcome, Tally(_START, attempts), policy, now)
        if not isinstance(decided, RetryAt):
            break
        if is_too_old(Tally(_START, attempts), policy, decided.due):
            return _worst(function, attempts, now, decided.due, policy)
        now = decided.due
    return _worst(function, attempts, now, now, policy)


def _worst(function: Function, attempts: int, last: datetime, failed: datetime, policy: RetryPolicy) -> Worst:
    return Worst(
        function.ref,
        attempts,
        last - _START,
        failed - _START,
        min(policy.max_age, policy.window),
        round(attempts * function.timeout.total_seconds() * function.memory_mb / 1024, 3),
    )


def findings(
    functions: Sequence[Function], asked: Mapping[FunctionRef, AsyncSettings], settings: Settings
) -> Iterator[Finding]:
    """What contradicts itself, function by function."""
    known = {function.ref for function in functions}
    for function in functions:
        of = asked.get(function.ref, AsyncSettings())
        yield from _of_times(function, of, settings)
        for kind, destination in (("onSuccess", of.on_success), ("onFailure", of.on_failure)):
            if isinstance(destination, FunctionDestination) and destination.ref not in known:
                text = f"{kind} leads to the function {destination.ref}, which is not defined: no report arrives"
                yield Finding(function.ref, text, "retry-and-destinations §3.4")
    yield from _loops(functions, asked, settings)


def _of_times(function: Function, asked: AsyncSettings, settings: Settings) -> Iterator[Finding]:
    policy, ref = RetryPolicy.of(asked, function.generation, settings), function.ref
    age, longest = policy.max_age, settings.limits.delay_max
    if age < longest and not settings.age_excludes_delay:
        text = (
            f"a message that is delayed by more than {age.total_seconds():g} s expires before it runs, although FC "
            f"takes delays of up to {longest.total_seconds():g} s: the age counts from the acceptance"
        )
        yield Finding(ref, text, "async-invocation §3")
    if function.timeout > age and policy.max_retries:
        text = (
            f"the timeout of {function.timeout.total_seconds():g} s is longer than the age of {age.total_seconds():g} "
            "s: an attempt that times out is never retried"
        )
        yield Finding(ref, text, "retry-and-destinations §1.5")
    quick = timedelta(0)
    for retry in range(1, policy.max_retries + 1):
        quick += policy.intervals[min(retry, len(policy.intervals)) - 1]
        if quick > age:
            text = (
                f"retry {retry} of {policy.max_retries} can never happen: even if every attempt fails at once it is "
                f"due after {quick.total_seconds():g} s, and the age ends after {age.total_seconds():g} s"
            )
            yield Finding(ref, text, "retry-and-destinations §1.5")
            break
    if asked.task_mode and settings.task_retention < age:
        text = (
            f"the id of a task is free {settings.task_retention.total_seconds():g} s after its end, and the age is "
            f"{age.total_seconds():g} s: a client that submits a task again within that age may start it a second time"
        )
        yield Finding(ref, text, "async-invocation §4")


def _loops(
    functions: Sequence[Function], asked: Mapping[FunctionRef, AsyncSettings], settings: Settings
) -> Iterator[Finding]:
    """Functions whose reports come back to them; each loop once."""
    told: set[frozenset[FunctionRef]] = set()
    for function in functions:
        for way in _ways_back(function.ref, (function.ref,), asked):
            if frozenset(way) not in told:
                told.add(frozenset(way))
                names = " → ".join(map(str, (*way, function.ref)))
                text = f"the reports go in a loop: {names}; fcemu follows {settings.destination_depth} of them"
                yield Finding(function.ref, text, "retry-and-destinations §2")


def _ways_back(
    start: FunctionRef, way: tuple[FunctionRef, ...], asked: Mapping[FunctionRef, AsyncSettings]
) -> Iterator[tuple[FunctionRef, ...]]:
    of = asked.get(way[-1], AsyncSettings())
    for destination in {of.on_success, of.on_failure}:
        if isinstance(destination, FunctionDestination):
            if destination.ref == start:
                yield way
            elif destination.ref not in way:
                yield from _ways_back(start, (*way, destination.ref), asked)
