"""Turns timer triggers into invocations."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

from fcemu.core.catalog import Catalog
from fcemu.core.names import FunctionRef
from fcemu.core.triggers import TIMER, Timer, Trigger, read_timer, timer_event
from fcemu.engine.due import Due

Fire = Callable[[Trigger, bytes], object]
"""Accepts the invocation of a timer that fires now."""


class Tick:
    """The next firing of one timer; ``over`` once the timer was changed or deleted."""

    __slots__ = ("over", "timer", "trigger")

    def __init__(self, trigger: Trigger, timer: Timer) -> None:
        self.trigger = trigger
        self.timer = timer
        self.over = False


class Timers:
    """All timers of an emulator. Every method is called with the baton held.

    Their firings go on for ever, so they stand beside what else is due: nobody becomes idle by them, and nobody waits
    for them alone (design: idle).
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog: Final = catalog
        self._due: Final[Due[Tick]] = Due()
        self._ticks: Final[dict[FunctionRef, dict[str, Tick]]] = {}
        self.next_due: datetime | None = None
        """When the next timer fires; ``None`` when none does."""
        self.moves = 0
        """Grows when the next firing of some timer changes."""
        self.fire: Fire
        """Set by the emulator: makes an invocation of a firing."""
        self.on_due: Callable[[datetime], None] = lambda instant: None
        """Called when a timer is due at an instant that may be earlier than all before."""

    @property
    def functions(self) -> list[FunctionRef]:
        """Those that have, or had, timers."""
        return list(self._ticks)

    def set(self, ref: FunctionRef, now: datetime) -> None:
        """The triggers of a function appeared, changed or went."""
        wanted = {} if ref not in self._catalog.names else self._catalog.triggers(ref)
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
                    there[name] = tick = Tick(trigger, timer)
                    self._push(tick, now)
        self._look()

    def fire_next(self) -> None:
        """Fire the timer that is due first, which is due now, and see to its next firing."""
        due = self.next_due
        assert due is not None
        tick = self._due.pop()
        self._push(tick, due)
        self._look()
        self.fire(tick.trigger, timer_event(tick.trigger, tick.timer.payload, due))

    def upcoming(self, trigger: Trigger, now: datetime) -> Iterator[datetime]:
        """When a timer fires from now on, as it is set now; nothing where it is disabled."""
        timer = read_timer(trigger.config)
        instant = timer.schedule.after(now, trigger.stamp.modified) if timer.enabled else None
        while instant is not None:
            yield instant
            instant = timer.schedule.after(instant, trigger.stamp.modified)

    def in_order(self, at_most: int) -> list[tuple[datetime, Tick]]:
        """The next firings, one of each timer."""
        return [(due, tick) for due, tick in self._due.in_order(at_most) if not tick.over]

    def standing(self) -> list[list[str]]:
        """Function, name, time of the last change and next firing of each timer, for ``resume``."""
        return [
            [str(tick.trigger.function), tick.trigger.name, tick.trigger.stamp.modified.isoformat(), due.isoformat()]
            for due, tick in self.in_order(len(self._due))
        ]

    def resume(self, standing: Sequence[Sequence[str]]) -> None:
        """Let timers that are as they were fire next when they would have, had the emulator not ended."""
        for function, name, modified, due in standing:
            tick = self._ticks.get(FunctionRef.parse(function), {}).get(name)
            if tick is not None and tick.trigger.stamp.modified.isoformat() == modified:
                tick.over = True
                again = Tick(tick.trigger, tick.timer)
                self._ticks[tick.trigger.function][name] = again
                self._put(again, datetime.fromisoformat(due))
        self._look()

    def _push(self, tick: Tick, after: datetime) -> None:
        due = tick.timer.schedule.after(after, tick.trigger.stamp.modified)
        self.moves += 1
        if due is not None:
            self._put(tick, due)

    def _look(self) -> None:
        """See who is next, past those that are over."""
        while (first := self._due.first()) is not None and first[1].over:
            self._due.pop()
        self.next_due = None if first is None else first[0]

    def _put(self, tick: Tick, due: datetime) -> None:
        self._due.push(due, tick)
        self.on_due(due)
