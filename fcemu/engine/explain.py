"""``explain`` says why time is not moving: what is in flight, on which line, who holds the clock, what is due next."""

from datetime import datetime, timedelta

from fcemu.core.invocation import Invocation
from fcemu.core.values import dataclass
from fcemu.engine.agenda import Rank
from fcemu.engine.clock import Clock
from fcemu.engine.movers import Movers
from fcemu.engine.runs import Run, Strand
from fcemu.engine.world import World

_DUE_SHOWN = 5
_BEHIND_AT_LEAST = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "why is time not moving?" at one moment; ``str`` is the text for people."""

    in_flight: list[str]
    waiting_for: list[str]
    next_due: datetime | None
    text: str

    def __str__(self) -> str:
        return self.text


def explain(world: World, movers: Movers) -> Explanation:
    """Called with the baton held."""
    clock, agenda = world.clock, world.agenda
    now = clock.now()
    in_flight = [line for run in _in_order(movers) if run.counted for line in _describe(run)]
    in_flight += [str(errand) for errand in movers.outside.errands]
    still = [line for run in _in_order(movers) if not run.counted and not run.over for line in _describe(run)]
    waiting_for = [str(goal) for goal in movers.goals if not goal.reached]
    coming = [(at, _name(entry)) for at, entry in agenda.in_order(Rank.WORK, _DUE_SHOWN)]
    lines = [
        f"the clock is at {_at(now, clock)}, " + ("paused" if not clock.rate else f"flowing at rate {clock.rate:g}")
    ]
    if movers.closing.error is not None:
        lines.append(str(movers.closing.refusal("the emulator was closed")))
    if clock.rate and (behind := movers.behind) >= _BEHIND_AT_LEAST:
        lines.append(
            f"it is behind by {behind.total_seconds():.3f} s: more work fell due than the emulator could run by now, "
            "and the rate is only an upper limit"
        )
    if in_flight:
        lines.append("in flight, so the clock waits for it:")
        lines += [f"  {line}" for line in in_flight]
    if still:
        lines.append("parked or waiting, so the clock may move:")
        lines += [f"  {line}" for line in still]
    if waiting_for:
        lines.append("moving for:")
        lines += [f"  {line}" for line in waiting_for]
    for backlog in movers.fleet.waiting():
        first = backlog.first
        assert first is not None
        waits = f"{_title(first.invocation)} and {len(backlog.waiting) - 1} more" if len(backlog.waiting) > 1 else ""
        lines.append(f"no instance is available for {waits or _title(first.invocation)}")
    lines += [
        f"a consumer waits for a message of queue:{one.inbox.name} until {_at(one.end, clock)}" for one in movers.polls
    ]
    fires = [(at, str(tick)) for at, tick in agenda.in_order(Rank.TIMER, _DUE_SHOWN)]
    if fires:
        lines.append("timers (they do not count as pending work):")
        lines += [f"  {_at(at, clock)}  {name}" for at, name in fires]
    lines += _what_next(coming, clock, movers, bool(in_flight), bool(waiting_for))
    return Explanation(in_flight, waiting_for, agenda.next_stop, "\n".join(lines))


def _what_next(
    coming: list[tuple[datetime, str]], clock: Clock, movers: Movers, in_flight: bool, goals: bool
) -> list[str]:
    if not coming:
        return ["nothing is due"]
    lines = ["due next:"] + [f"  {_at(at, clock)}  {name}" for at, name in coming]
    if not clock.rate and not in_flight and not goals and movers.autojump is None:
        lines.append(
            "nothing moves the clock: a paused clock stands still until advance(), run_until_idle(), result(), "
            "'fcemu clock advance' or POST /_fcemu/clock/advance moves it; autojump or a rate moves it by itself"
        )
    return lines


def _in_order(movers: Movers) -> list[Run]:
    return sorted(movers.parking.runs, key=lambda run: (run.invocation.accepted.at, run.invocation.id))


def _at(instant: datetime, clock: Clock) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S.%f} (+{(instant - clock.started).total_seconds():.15g} s)"


def _name(thing: object) -> str:
    if isinstance(thing, Invocation):
        return f"{_title(thing)} #{thing.last_attempt + 1}"
    return str(thing)


def _title(invocation: Invocation) -> str:
    return f"{invocation.accepted.function} {invocation.id}"


def _describe(run: Run) -> list[str]:
    """A line for each strand of an attempt: the handler's own thread, then those that it started."""
    title = f"{_title(run.invocation)} #{run.number}"
    lines = [f"{title} {_doing(run, run)}"]
    lines += [f"{title}, a thread that it started, {_doing(run, strand)}" for strand in run.table.strands()[1:]]
    if run.parked and not run.struck and run.table.endless:
        lines[0] += f"; nothing in it runs that could end the wait, so its timeout ends it ({run.deadline:%H:%M:%S.%f})"
    return lines


def _doing(run: Run, strand: Strand) -> str:
    line = strand.line()
    where = f" at {line}" if line else ""
    if run.struck:
        state = "was ended by the watchdog, but its thread is still"
    elif strand.waits_in is not None:
        lock = " for a lock" if strand.waits_in.lock is not None else ""
        state = "is parked in a virtual sleep" if strand.waits_in.until else f"waits{lock} without a timeout"
    elif strand is run and run.calls:
        state = f"waits for {', '.join(_title(call) for call in run.calls)}, which it called,"
    elif strand.left_out:
        state = "waits for something real, and the clock moves on without it,"
    else:
        state = "runs"
    return f"{state}{where}"
