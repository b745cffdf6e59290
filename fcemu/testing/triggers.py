"""The handles of triggers: a test fires them with an event in FC's form, and asks when a time trigger fires."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from fcemu.core import triggers as core
from fcemu.testing.access import Access
from fcemu.testing.coroutines import Aio, blocking, coroutine_of
from fcemu.testing.handles import Invocation
from fcemu.testing.records import Payload, UnknownName, encode


class _Handle:
    """What every handle of a trigger has."""

    def __init__(self, access: Access, definition: core.Trigger) -> None:
        self._access: Final = access
        self._definition: Final = definition

    @property
    def name(self) -> str:
        """``[service/]function/trigger``."""
        return name_of(self._definition)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Timer(_Handle):
    """A time trigger of a function."""

    @property
    def next(self) -> datetime | None:
        """When it fires next, as it is set now; ``None``: it is disabled, or never fires again."""
        return next(iter(self.upcoming(1)), None)

    def upcoming(self, n: int) -> list[datetime]:
        """Its next ``n`` firings, as it is set now; none when it is disabled. Raises ``FCError`` once it is gone."""
        return self._access.engine.upcoming(self._definition.function, self._definition.name, n)

    @blocking
    async def fire(self) -> Invocation:
        """Fire it now, also when it is disabled. That is recorded; the invocation runs at the next move. Raises
        ``FCError`` when it was deleted."""
        record = self._access.engine.fire(self._definition.function, self._definition.name)
        return Invocation(self._access, record)

    @property
    def aio(self) -> "TimerAio":
        """``fire`` as a coroutine."""
        return TimerAio(self)


class TimerAio(Aio[Timer]):
    """``Timer.aio``."""

    fire = coroutine_of(Timer.fire)


class Trigger(_Handle):
    """A trigger of a function."""

    def __init__(self, access: Access, definition: core.Trigger, url: str) -> None:
        super().__init__(access, definition)
        self._url: Final = url

    @property
    def kind(self) -> str:
        """FC's word: ``oss``, ``mns_topic``, ``log``, ``eventbridge``, ``cdn_events``, ``tablestore``, ``timer``, …"""
        return self._definition.kind

    @property
    def url(self) -> str:
        """Where an HTTP trigger can be reached, as FC's ``urlInternet``. Raises ``LookupError`` for another kind."""
        if self.kind != core.HTTP:
            raise LookupError(f"trigger {self.name} is of type {self.kind}, which has no address; fire() it")
        return f"{self._url}/{self._definition.stamp.id}"

    @blocking
    async def fire(self, /, *, payload: Payload | None = None, **fields: Any) -> Invocation:
        """Let something happen of which the trigger hears: ``fire(object="in/a.csv", size=12)``. That is recorded;
        the invocation runs at the next move. The fields are those of the trigger's kind; ``payload`` in their place
        is the event as it is, which no filter sees.

        Raises ``NotFired``, which says why, where the trigger's filter keeps the event away: nothing is invoked.
        Raises ``ValueError`` for fields that are wrong or missing, ``FCError`` for what FC refuses.
        """
        event = None if payload is None else encode(payload)
        triggers = self._access.engine.triggers
        record = triggers.fire(self._definition.function, self._definition.name, fields, event)
        return Invocation(self._access, record)

    @property
    def aio(self) -> "TriggerAio":
        """``fire`` as a coroutine."""
        return TriggerAio(self)


class TriggerAio(Aio[Trigger]):
    """``Trigger.aio``."""

    fire = coroutine_of(Trigger.fire)


def name_of(trigger: core.Trigger) -> str:
    """``[service/]function/trigger``."""
    return f"{trigger.function}/{trigger.name}"


def find_timer(access: Access, name: str) -> Timer:
    """Raises ``UnknownName``."""
    return Timer(access, _found("timer", name, access.engine.control.timers()))


def find_trigger(access: Access, name: str, url: str) -> Trigger:
    """``url`` is where the emulator can be reached. Raises ``UnknownName``."""
    return Trigger(access, _found("trigger", name, access.engine.triggers.all()), url)


def _found(kind: str, name: str, triggers: Iterable[core.Trigger]) -> core.Trigger:
    known = {name_of(each): each for each in triggers}
    if name not in known:
        raise UnknownName.of(kind, name, list(known))
    return known[name]
