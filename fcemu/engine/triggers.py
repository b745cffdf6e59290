"""Triggers of other services fire here: by hand, or whenever a message is published to an MNS topic."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from fcemu.core import event_filters
from fcemu.core.errors import FCError, InvalidArgument
from fcemu.core.event_filters import NotFired
from fcemu.core.events import KINDS, Field, Occasion, Published, complete, event_bytes, message_event, refused
from fcemu.core.facts import Warned
from fcemu.core.invocation import Invocation
from fcemu.core.names import FunctionRef
from fcemu.core.triggers import HTTP, TIMER, Trigger, read_timer, timer_event, topic_of
from fcemu.engine.intake import Intake
from fcemu.engine.world import World


class Triggers:
    """All triggers that fire because something happened, not because of the time.

    ASSUMED: fcemu lets the triggers of all services invoke asynchronously, so that retries, age, destinations and task
    mode of the trigger's qualifier hold; FC's documents say so of some services, and of Log Service, Table Store and
    EventBridge that those retry by their own rules.
    """

    def __init__(self, world: World, intake: Intake) -> None:
        self._baton: Final = world.baton
        self._catalog: Final = world.catalog
        self._chance: Final = world.chance
        self._clock: Final = world.clock
        self._journal: Final = world.journal
        self._account: Final = world.settings.account
        self._accept: Final = intake.take_event

    def fire(
        self, ref: FunctionRef, name: str, said: Mapping[str, Any] | None = None, payload: bytes | None = None
    ) -> Invocation:
        """Fire a trigger now with an event of which ``said`` tells the fields; the invocation runs when the clock
        moves. ``payload``: the event as it is, which no filter sees.

        Raises ``NotFired`` where the trigger's filter keeps the event away: nothing is invoked. Raises ``ValueError``
        for fields that are wrong or missing, ``ServiceNotFound``, ``FunctionNotFound``, ``TriggerNotFound``, and
        what accepting an invocation raises.
        """
        with self._baton, self._chance.unless_refused():
            trigger = self._catalog.trigger(ref, name)
            if trigger.kind == HTTP:
                raise InvalidArgument(f"trigger '{name}' of function '{ref}' is of type 'http'; send it a request")
            if payload is not None:
                if said:
                    raise ValueError(f"expected fields or a payload, got both: {', '.join(said)}")
                return self._accept(trigger, payload, source=_source(trigger), cause=None)
            event = self._timer_event(trigger, said) if trigger.kind == TIMER else self._event(trigger, said or {})
            return self._accept(trigger, event, source=_source(trigger), cause=None)

    def all(self) -> list[Trigger]:
        """All triggers of all functions, in the order of definition."""
        with self._baton:
            return list(self._catalog.triggers.values())

    def form(self, trigger: Trigger) -> dict[str, tuple[Field, Any]]:
        """What can be said of the trigger's event, each with what it is where nothing is said; ``None``: it must be
        said. Nothing where the form of such events is not known."""
        if trigger.kind not in KINDS:
            return {}
        occasion = self._occasion(trigger, self._clock.shown(), "")
        return {name: (each, each.known(occasion) or each.default) for name, each in KINDS[trigger.kind].fields.items()}

    def _timer_event(self, trigger: Trigger, said: Mapping[str, Any] | None) -> bytes:
        if said:
            raise ValueError(f"a timer's event has no fields, got: {', '.join(said)}")
        return timer_event(trigger, read_timer(trigger.config).payload, self._clock.shown())

    def _event(self, trigger: Trigger, given: Mapping[str, Any]) -> bytes:
        where = f"trigger {trigger.function}/{trigger.name}"
        if trigger.kind not in KINDS:
            raise ValueError(f"{where} is of type {trigger.kind}, whose events fcemu cannot make; give a payload")
        occasion = self._occasion(trigger, self._clock.shown(), self._chance.message_id())
        said = complete(trigger.kind, given, occasion)
        why = refused(trigger.kind, said, occasion)
        if why is not None:
            raise NotFired(f"{where}: {why}")
        return event_bytes(trigger.kind, said, occasion)

    def _occasion(self, trigger: Trigger, at: datetime, name: str) -> Occasion:
        return Occasion(
            at=at,
            id=name,
            account=self._account,
            source_arn=trigger.source_arn,
            config=trigger.config,
            trigger=trigger.name,
        )

    # MNS topics, with the baton held.

    def published(self, message: Published, request_id: str) -> None:
        """A message, the report of an invocation where there is a request id, has arrived at a topic: the triggers that
        hear of it fire, if its tag is theirs.

        ASSUMED: fcemu drops a message that a function cannot take because it is disabled, the message is too large, or
        there is a loop.
        """
        known = self._journal.invocations.get(request_id)
        cause = None if known is None else self._journal.whole(known)
        for trigger in list(self._catalog.triggers.values()):
            if topic_of(trigger) == message.topic and event_filters.tag(trigger.config, message.tag) is None:
                self._hand_on(trigger, message, cause)

    def _hand_on(self, trigger: Trigger, message: Published, cause: Invocation | None) -> None:
        try:
            event = message_event(message, self._occasion(trigger, message.at, message.message_id))
            self._accept(trigger, event, source=_source(trigger), cause=cause)
        except (FCError, ValueError) as lost:
            if cause is not None:
                text = (
                    f"trigger {trigger.function}/{trigger.name} did not take the message from {message.topic}: {lost}"
                )
                self._journal.record(Warned(message.at, cause.id, 0, text), cause)


def _source(trigger: Trigger) -> str:
    return "timer" if trigger.kind == TIMER else "trigger"
