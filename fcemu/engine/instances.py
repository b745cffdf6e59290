"""The pool: instances of one function, reused when free, given up when broken."""

from dataclasses import dataclass
from datetime import datetime

from fcemu.core.functions import Function
from fcemu.core.outcome import Refusal
from fcemu.engine.chance import Chance
from fcemu.engine.ports import Instance, Runtime


@dataclass(slots=True)
class Place:
    """An instance with its id; ``cold`` until an attempt has run in it."""

    id: str
    instance: Instance
    cold: bool = True


class Pool:
    """Instances of one function as it is defined now; the one that was used last is used first."""

    __slots__ = ("_chance", "_closed", "_free", "_runtime", "function")

    def __init__(self, function: Function, runtime: Runtime, chance: Chance) -> None:
        self.function = function
        self._runtime = runtime
        self._chance = chance
        self._free: list[Place] = []
        self._closed = False

    def take(self, now: datetime) -> Place | Refusal:
        """A free instance, or a new one, or why there is none."""
        if self._free:
            return self._free.pop()
        instance_id = self._chance.instance_id(self.function.generation, now)
        started = self._runtime.start(self.function, instance_id)
        return started if isinstance(started, Refusal) else Place(instance_id, started)

    def give_back(self, place: Place) -> None:
        """The attempt is over and the instance is fit for another."""
        if self._closed:
            place.instance.stop()
        else:
            self._free.append(place)

    def close(self) -> None:
        """Stop the free instances; those in use are stopped when they are given back."""
        self._closed = True
        for place in self._free:
            place.instance.stop()
        self._free.clear()
