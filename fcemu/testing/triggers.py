"""What a test holds of a trigger of any kind: firing it with an event in FC's form."""

from typing import Any, Final

from fcemu.core.triggers import HTTP
from fcemu.core.triggers import Trigger as Definition
from fcemu.testing.access import Access
from fcemu.testing.coroutines import Aio, blocking, coroutine_of
from fcemu.testing.handles import Invocation
from fcemu.testing.records import Payload, UnknownName, encode


class Trigger:
    """A trigger of a function."""

    def __init__(self, access: Access, definition: Definition, url: str) -> None:
        self._access: Final = access
        self._definition: Final = definition
        self._url: Final = url

    @property
    def name(self) -> str:
        """``[service/]function/trigger``."""
        return f"{self._definition.function}/{self._definition.name}"

    @property
    def kind(self) -> str:
        """FC's word: ``oss``, ``mns_topic``, ``log``, ``eventbridge``, ``cdn_events``, ``tablestore``, ``timer``, …"""
        return self._definition.kind

    @property
    def url(self) -> str:
        """Where an HTTP trigger can be reached, as FC's ``urlInternet``. Raises ``LookupError`` for another kind."""
        if self.kind != HTTP:
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

    def __repr__(self) -> str:
        return f"<Trigger {self.name}>"


class TriggerAio(Aio[Trigger]):
    """``Trigger.aio``."""

    fire = coroutine_of(Trigger.fire)


def find_trigger(access: Access, name: str, url: str) -> Trigger:
    """``url`` is where the emulator can be reached. Raises ``UnknownName``."""
    known = {f"{each.function}/{each.name}": each for each in access.engine.triggers.all()}
    if name not in known:
        raise UnknownName.of("trigger", name, list(known))
    return Trigger(access, known[name], url)
