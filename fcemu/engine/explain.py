"""Why time is not moving: what is in flight and on which line, who holds the clock, what is due next."""

import sys
from dataclasses import dataclass
from datetime import datetime
from types import FrameType

from fcemu.core.invocation import Invocation
from fcemu.engine.clock import Clock
from fcemu.engine.due import Due
from fcemu.engine.movers import Movers
from fcemu.engine.runs import Run

_DUE_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "why is time not moving?" at one moment; ``str`` is the text for people."""

    in_flight: list[str]
    waiting_for: list[str]
    next_due: datetime | None
    text: str

    def __str__(self) -> str:
        return self.text


def explain(clock: Clock, due: "Due[Invocation | Run]", movers: Movers) -> Explanation:
    """Called with the baton held."""
    now = clock.now()
    in_flight = [_describe(run) for run in _in_order(movers) if run.counted]
    still = [_describe(run) for run in _in_order(movers) if not run.counted and not run.over]
    waiting_for = [str(goal) for goal in movers.goals if not goal.reached]
    coming = [
        (at, _name(thing)) for at, thing in due.in_order(_DUE_SHOWN) if not (isinstance(thing, Run) and thing.over)
    ]
    lines = [
        f"the clock is at {_at(now, clock)}, " + ("paused" if not clock.rate else f"flowing at rate {clock.rate:g}")
    ]
    if in_flight:
        lines.append("in flight, so the clock waits for it:")
        lines += [f"  {line}" for line in in_flight]
    if still:
        lines.append("parked or waiting, so the clock may move:")
        lines += [f"  {line}" for line in still]
    if waiting_for:
        lines.append("moving for:")
        lines += [f"  {line}" for line in waiting_for]
    lines += _what_next(coming, clock, movers, bool(in_flight), bool(waiting_for))
    return Explanation(in_flight, waiting_for, movers.next_due(), "\n".join(lines))


def _what_next(
    coming: list[tuple[datetime, str]], clock: Clock, movers: Movers, in_flight: bool, goals: bool
) -> list[str]:
    if not coming:
        return ["nothing is due"]
    lines = ["due next:"] + [f"  {_at(at, clock)}  {name}" for at, name in coming]
    if not clock.rate and not in_flight and not goals and movers.autojump is None:
        lines.append(
            "nobody moves the clock: a paused clock stands still until advance(), run_until_idle(), result(), "
            "'fcemu clock advance' or POST /_fcemu/clock/advance moves it; autojump or a rate moves it by itself"
        )
    return lines


def _in_order(movers: Movers) -> list[Run]:
    return sorted(movers.runs, key=lambda run: (run.invocation.accepted.at, run.invocation.id))


def _at(instant: datetime, clock: Clock) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S.%f} (+{(instant - clock.started).total_seconds():g} s)"


def _name(thing: Invocation | Run) -> str:
    if isinstance(thing, Run):
        what = "wake-up or timeout of" if thing.parked else "timeout of"
        return f"{what} {_title(thing.invocation)} #{thing.number}"
    return f"{_title(thing)} #{len(thing.attempts) + 1}"


def _title(invocation: Invocation) -> str:
    return f"{invocation.accepted.function} {invocation.id}"


def _describe(run: Run) -> str:
    line = line_of(run.thread)
    where = f" at {line}" if line else ""
    if run.struck:
        state = "was ended by the watchdog, its thread is still"
    elif run.calls is not None:
        state = f"waits for {_title(run.calls)}, which it called,"
    else:
        state = "is parked in a virtual sleep" if run.parked else "runs"
    return f"{_title(run.invocation)} #{run.number} {state}{where}"


def line_of(thread: int) -> str | None:
    """Where a thread is now, as ``file:line in function``: its innermost line that is neither ours nor Python's own."""
    frame: FrameType | None = sys._current_frames().get(thread)
    innermost = None
    while frame is not None:
        file = frame.f_code.co_filename
        if not _is_inside(file):
            return f"{file}:{frame.f_lineno} in {frame.f_code.co_name}"
        innermost = innermost or f"{file}:{frame.f_lineno} in {frame.f_code.co_name}"
        frame = frame.f_back
    return innermost


_OURS = __file__.rpartition("/engine/")[0] or __file__.rpartition("\\engine\\")[0]
_PYTHON = threading_file.rpartition("/")[0] if (threading_file := sys.modules["threading"].__file__ or "") else ""


def _is_inside(file: str) -> bool:
    own = file.startswith(_OURS) and "templates" not in file[len(_OURS) :]
    standard = bool(_PYTHON) and file.startswith(_PYTHON) and "site-packages" not in file
    return own or standard or file.startswith("<frozen")
