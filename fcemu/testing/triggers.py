"""What a test holds of a trigger of any kind: firing it with an event in FC's form."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fcemu.core.triggers import HTTP
from fcemu.core.triggers import Trigger as Definition
from fcemu.testing.aio import TriggerAio, blocking
from fcemu.testing.handles import Invocation, Payload, UnknownName, encode

if TYPE_CHECKING:
    from fcemu.engine.emulator import Emulator
    from fcemu.testing.emulator import LocalEmulator


class Trigger:
    """A trigger of a function."""

    def __init__(self, emulator: "LocalEmulator", definition: Definition) -> None:
        self._emulator: Final = emulator
        self._definition: Final = definition

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
        return f"{self._emulator.url}/{self._definition.stamp.id}"

    @blocking
    def fire(self, /, *, payload: Payload | None = None, **fields: Any) -> Invocation:
        """Let something happen of which the trigger hears: ``fire(object="in/a.csv", size=12)``. That is recorded;
        the invocation runs at the next move. The fields are those of the trigger's kind; ``payload`` in their place
        is the event as it is, which no filter sees.

        Raises ``NotFired``, which says why, where the trigger's filter keeps the event away: nothing is invoked.
        Raises ``ValueError`` for fields that are wrong or missing, ``FCError`` for what FC refuses.
        """
        return self._fire(payload, fields)

    def _fire(self, payload: Payload | None, fields: Mapping[str, Any]) -> Invocation:
        event = None if payload is None else encode(payload)
        triggers = self._emulator._engine.triggers
        record = triggers.fire(self._definition.function, self._definition.name, fields, event)
        return Invocation(self._emulator, record)

    @property
    def aio(self) -> TriggerAio:
        """The same as coroutines."""
        return TriggerAio(self)

    def __repr__(self) -> str:
        return f"<Trigger {self.name}>"


def find_trigger(emulator: "LocalEmulator", engine: "Emulator", name: str) -> Trigger:
    """Raises ``UnknownName``."""
    known = {f"{each.function}/{each.name}": each for each in engine.triggers.all()}
    if name not in known:
        raise UnknownName.of("trigger", name, list(known))
    return Trigger(emulator, known[name])
