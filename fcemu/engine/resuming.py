"""Resuming: what was going on when the emulator before this one ended goes on, as its facts say."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from fcemu.core.facts import (
    Accepted,
    Delivered,
    DeliveryFailed,
    DeliveryStarted,
    Fact,
    Failed,
    Finished,
    Redelivered,
    Stopped,
)
from fcemu.core.invocation import Invocation, State
from fcemu.core.outcome import Halted
from fcemu.engine.deliveries import Deliveries
from fcemu.engine.intake import Intake
from fcemu.engine.world import World

ENDED: Final = "the emulator ended while it ran"
CALLER_GONE: Final = "the emulator ended before the attempt, and its caller is gone"


class Resuming:
    """Used once, while the journal is folded and after that, before anybody else has the emulator."""

    def __init__(self, world: World, intake: Intake, deliveries: Deliveries) -> None:
        self._journal: Final = world.journal
        self._agenda: Final = world.agenda
        self._caused: Final = intake.caused
        self._deliveries: Final = deliveries
        self._on_the_way: Final[dict[str, DeliveryStarted]] = {}

    def watch(self, facts: Iterator[Fact]) -> Iterator[Fact]:
        """The facts that are folded, as they come."""
        on_the_way = self._on_the_way
        for fact in facts:
            if isinstance(fact, Accepted):
                if fact.root != fact.request_id:
                    self._caused[fact.root] = self._caused.get(fact.root, 0) + 1
            elif isinstance(fact, DeliveryStarted):
                on_the_way[fact.request_id] = fact
            elif fact.request_id in on_the_way and isinstance(fact, Delivered | DeliveryFailed):
                del on_the_way[fact.request_id]
            yield fact

    def resume(self, now: datetime) -> None:
        """What waits is due again, what ran is delivered once more, what set out is posted once more."""
        for invocation in list(self._journal.invocations.values()):
            if isinstance(invocation, Invocation) and not invocation.finished:
                self._go_on(invocation, now)
        for started in self._on_the_way.values():
            reported = self._journal.whole(self._journal.invocations[started.request_id])
            failures = sum(
                isinstance(one, DeliveryFailed) and one.destination == started.destination
                for one in reported.deliveries
            )
            self._deliveries.resume(started, reported, failures, now)

    def _go_on(self, invocation: Invocation, now: datetime) -> None:
        if invocation.accepted.synchronous:
            self._break_off(invocation, now)
            # FC would have answered; whoever waited for that answer has lost his connection.
            self._journal.record(Failed(now, invocation.id, CALLER_GONE), invocation)
        elif invocation.state is State.STOPPING:
            self._break_off(invocation, now)
            self._journal.record(Stopped(now, invocation.id), invocation)
        elif invocation.state is State.RUNNING:
            number = self._break_off(invocation, now)
            self._journal.record(Redelivered(now, invocation.id, number, now), invocation)
        else:
            self._agenda.push(max(invocation.due, now), invocation)

    def _break_off(self, invocation: Invocation, now: datetime) -> int:
        """The attempt that ran, if one did, ended with the emulator; returns its number."""
        last = invocation.last
        if last is None:
            return 0
        if last.outcome is None:
            self._journal.record(Finished(now, invocation.id, last.number, Halted(ENDED), ""), invocation)
        return last.number
