"""Timer triggers become invocations here."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, cast

from fcemu.core.errors import InvalidArgument
from fcemu.core.facts import Deviated, FaultStruck
from fcemu.core.invocation import Invocation
from fcemu.core.names import FunctionRef
from fcemu.core.times import later
from fcemu.core.triggers import TIMER, Timer, Trigger, read_timer, timer_event
from fcemu.engine.agenda import Rank
from fcemu.engine.world import World

Fire = Callable[[Trigger, bytes], Invocation]
"""Accepts the invocation of a timer that fires now."""


class Tick:
    """The next firing of one timer; ``over`` once the timer was changed or deleted."""

    __slots__ = ("_timers", "due", "over", "timer", "trigger")

    def __init__(self, timers: "Timers", trigger: Trigger, timer: Timer, due: datetime | None) -> None:
        self._timers = timers
        self.trigger = trigger
        self.timer = timer
        self.due = due
        self.over = False

    def fall_due(self, now: datetime) -> None:
        """The timer fires, as at its instant where the clock is late."""
        self._timers.fires(self, now)

    def __str__(self) -> str:
        return f"timer {self.trigger.function}/{self.trigger.name}"


class Late:
    """A timer that fires later than it was due."""

    over = False

    def __init__(self, timers: "Timers", trigger: Trigger, event: bytes) -> None:
        self._timers: Final = timers
        self._trigger: Final = trigger
        self._event: Final = event

    def fall_due(self, now: datetime) -> None:
        """The timer fires."""
        self._timers.fires_late(self._trigger, self._event, now)

    def __str__(self) -> str:
        return f"timer {self._trigger.function}/{self._trigger.name}, which is late"


class Timers:
    """All timers of an emulator. Every method is called with the baton held.

    Their firings go on for ever, so they stand beside what else is due: nobody becomes idle by them, and nobody waits
    for them alone (design: idle).
    """

    def __init__(self, world: World, fire: Fire) -> None:
        self._catalog: Final = world.catalog
        self._agenda: Final = world.agenda
        self._chance: Final = world.chance
        self._journal: Final = world.journal
        self._fire: Final = fire
        self._ticks: Final[dict[FunctionRef, dict[str, Tick]]] = {}
        self.moves = 0
        """Grows when the next firing of some timer changes."""

    @property
    def next_due(self) -> datetime | None:
        """When the next timer fires; ``None`` when none does."""
        return self._agenda.next(Rank.TIMER)

    @property
    def functions(self) -> list[FunctionRef]:
        """Those that have, or had, timers."""
        return list(self._ticks)

    def set(self, ref: FunctionRef, now: datetime) -> None:
        """The triggers of a function appeared, changed or went."""
        wanted = self._catalog.triggers.of(ref)
        there = self._ticks.setdefault(ref, {})
        for name, tick in list(there.items()):
            if wanted.get(name) is not tick.trigger:
                tick.over = True
                self.moves += 1
                del there[name]
        for name, trigger in wanted.items():
            if trigger.kind == TIMER and name not in there:
                timer = read_timer(trigger.config)
                if timer.enabled:
                    there[name] = self._next(trigger, timer, now)

    def fires(self, tick: Tick, now: datetime) -> None:
        """A timer fires that was due at ``tick.due``; its next firing is put on the agenda."""
        due, trigger = tick.due, tick.trigger
        assert due is not None, "it was on the agenda"
        self._ticks[trigger.function][trigger.name] = self._next(trigger, tick.timer, due)
        event = timer_event(trigger, tick.timer.payload, due)
        by = self._chance.timer_late(f"{trigger.function}/{trigger.name}") if self._chance.troubles else None
        if by is None:
            self._fire(trigger, event)
            return
        if (told := self._chance.told()) is not None:
            self._journal.note(Deviated(now, "", told))
        self._agenda.push(later(due, by), Late(self, trigger, event))

    def fires_late(self, trigger: Trigger, event: bytes, now: datetime) -> None:
        """A timer fires that was due before. What it started is pending work, unlike the timer itself."""
        invocation = self._fire(trigger, event)
        self._journal.record(FaultStruck(now, invocation.id, 1, "timer late"), invocation)

    def fire_now(self, ref: FunctionRef, name: str, now: datetime) -> Invocation:
        """Fire a time trigger, whether it is enabled or not. Raises as ``upcoming``, and what accepting raises."""
        trigger = self._named(ref, name)
        return self._fire(trigger, timer_event(trigger, read_timer(trigger.config).payload, now))

    def _named(self, ref: FunctionRef, name: str) -> Trigger:
        trigger = self._catalog.trigger(ref, name)
        if trigger.kind != TIMER:
            raise InvalidArgument(f"trigger '{name}' of function '{ref}' is of type '{trigger.kind}', not a timer")
        return trigger

    def upcoming(self, ref: FunctionRef, name: str, now: datetime) -> Iterator[datetime]:
        """When a timer fires from now on, as it is set now; nothing where it is disabled.

        Raises ``ServiceNotFound``, ``FunctionNotFound``, ``TriggerNotFound``, ``InvalidArgument`` for a trigger of
        another type.
        """
        trigger = self._named(ref, name)
        timer = read_timer(trigger.config)
        instant = timer.schedule.after(now, trigger.stamp.modified) if timer.enabled else None
        while instant is not None:
            yield instant
            instant = timer.schedule.after(instant, trigger.stamp.modified)

    def in_order(self, at_most: int | None = None) -> list[tuple[datetime, Tick]]:
        """The next firings, one of each timer."""
        return cast("list[tuple[datetime, Tick]]", self._agenda.in_order(Rank.TIMER, at_most))

    def standing(self) -> list[list[str]]:
        """Function, name, time of the last change and next firing of each timer, for ``resume``."""
        return [
            [str(tick.trigger.function), tick.trigger.name, tick.trigger.stamp.modified.isoformat(), due.isoformat()]
            for due, tick in self.in_order()
        ]

    def resume(self, standing: Sequence[Sequence[str]]) -> None:
        """Let timers that are as they were fire next when they would have, had the emulator not ended."""
        for function, name, modified, due in standing:
            tick = self._ticks.get(FunctionRef.parse(function), {}).get(name)
            if tick is not None and tick.trigger.stamp.modified.isoformat() == modified:
                tick.over = True
                again = Tick(self, tick.trigger, tick.timer, datetime.fromisoformat(due))
                self._ticks[tick.trigger.function][name] = self._put(again)

    def _next(self, trigger: Trigger, timer: Timer, after: datetime) -> Tick:
        self.moves += 1
        return self._put(Tick(self, trigger, timer, timer.schedule.after(after, trigger.stamp.modified)))

    def _put(self, tick: Tick) -> Tick:
        if tick.due is not None:
            self._agenda.push(tick.due, tick, Rank.TIMER)
        return tick
