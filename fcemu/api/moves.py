"""Handlers under /_fcemu/clock: show the clock, change how it runs, move it."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from fcemu.api.state import ServerState
from fcemu.api.wakeups import resolve
from fcemu.api.wire import WireRequest
from fcemu.engine.emulator import Emulator, NotIdle
from fcemu.engine.goals import Goal
from fcemu.own_api import records
from fcemu.own_api.codec import given_in, instant_after, read_member
from fcemu.own_api.problems import Problem, about

_LONGEST_MOVE: Final = timedelta(days=30)
_LOOK_SECONDS: Final = 0.5


class Moves:
    """Shows the clock and moves it."""

    def __init__(self, state: ServerState) -> None:
        self._state: Final = state

    async def show_clock(self, request: WireRequest) -> records.Clock:
        return clock_record(request.emulator)

    async def change_clock(self, request: WireRequest, change: records.ClockChange) -> records.Clock:
        emulator = request.emulator
        if change.rate is not None:
            emulator.rate = change.rate
        if change.autojump is not None:
            emulator.autojump = change.autojump
        return clock_record(emulator)

    async def advance(self, request: WireRequest, how_far: records.Advance) -> records.Move:
        emulator = request.emulator
        ((name, value),) = given_in(how_far).items()
        if name == "to":
            instant = read_member(name, value, instant_after(emulator.clock.started), "field")
            begin = partial(emulator.advance_to, instant)
        else:
            begin = partial(emulator.advance, value)
        try:
            return await self._move(emulator, begin)
        except ValueError as refused:
            if name != "to" and value.total_seconds() >= 0:
                raise about("field", name, "invalid", f"field {name!r}: {refused}") from None
            raise Problem("backwards", str(refused), explain=emulator.explain().text) from None

    async def run_next(self, request: WireRequest) -> records.Move:
        return await self._move(request.emulator, request.emulator.run_next)

    async def run_until_idle(self, request: WireRequest, bound: records.IdleBound) -> records.Move:
        at_most = _LONGEST_MOVE if bound.at_most_seconds is None else bound.at_most_seconds
        return await self._move(request.emulator, partial(request.emulator.run_until_idle, at_most))

    async def _move(self, emulator: Emulator, begin: Callable[[], Goal]) -> records.Move:
        """Move the clock and answer when all that fell due has run. Raises ``Problem``, and what ``begin`` raises."""
        after = len(emulator.journal)
        try:
            goal = begin()
            await self._until(emulator, goal)
            if goal.error is not None:
                raise goal.error
        except NotIdle as not_idle:
            summary, _, explanation = str(not_idle).partition("\n")
            raise Problem("not-idle", summary, explain=explanation) from None
        return records.Move(now=emulator.clock.shown(), after=after, facts=len(emulator.journal) - after)

    async def _until(self, emulator: Emulator, goal: Goal) -> None:
        """Wait for ``goal`` without blocking the event loop; a clock that is stuck in real time is a ``Problem``."""
        reached = asyncio.get_running_loop().create_future()
        goal.when_reached(partial(self._state.wakeups.call, resolve, reached, None))
        patience = emulator.new_patience()
        try:
            while not (await asyncio.wait({reached}, timeout=min(_LOOK_SECONDS, emulator.patience)))[0]:
                if patience.is_over():
                    detail = f"no progress for {emulator.patience:g} real seconds"
                    raise Problem("clock-stuck", detail, explain=emulator.explain().text)
        finally:
            if not goal.reached:
                emulator.forget(goal)


def clock_record(emulator: Emulator) -> records.Clock:
    """The clock at this moment."""
    return records.Clock(
        now=emulator.clock.shown(),
        started=emulator.clock.started,
        rate=emulator.rate,
        autojump=emulator.autojump,
        next_due=emulator.next_due(),
        in_flight=emulator.in_flight,
        behind=emulator.behind.total_seconds(),
    )
