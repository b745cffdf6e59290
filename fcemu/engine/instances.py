"""A pool has the instances of one function, qualifier and version, and reuses those that are free."""

from datetime import datetime, timedelta
from typing import Final

from fcemu.core.functions import Function, requests_at_once
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Halted, Ran, Stuck
from fcemu.core.values import dataclass
from fcemu.engine.backlog import Backlog
from fcemu.engine.ports import Instance, Runtime

Key = tuple[FunctionRef, str]
"""A function and a qualifier of it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An instance as it is shown outside. ``ready``: it has started."""

    id: str
    qualifier: str
    version: str
    born: datetime
    ready: bool


def reason_of(outcome: Ran) -> str:
    """Why an instance is given up whose attempt came to ``outcome``."""
    match outcome:
        case FunctionError(error_type, _, name):
            return f"an attempt in it failed: {name or error_type}"
        case Halted(why) | Stuck(why):
            return f"an attempt in it was {outcome.word}: {why}"
        case _:
            return f"an attempt in it {outcome.word}"


class Place:
    """An instance with its id; ``cold`` until an attempt has run in it.

    ``used``: how many attempts run in it now. ``ready_at``: until when it starts, ``None`` once it has started.
    ``watched``: whether the fleet will look whether it is idle. ``gone``: it is not to be used again.
    """

    __slots__ = (
        "announced",
        "born",
        "cold",
        "gone",
        "id",
        "idle_since",
        "instance",
        "pool",
        "provisioned",
        "ready_at",
        "used",
        "watched",
    )

    def __init__(self, pool: "Pool", instance_id: str, instance: Instance, now: datetime) -> None:
        self.pool: Final = pool
        self.id: Final = instance_id
        self.instance: Final = instance
        self.born: Final = now
        self.idle_since = now
        self.ready_at: datetime | None = None
        self.used = 0
        self.cold = True
        self.gone = False
        self.provisioned = False
        self.watched = False
        self.announced = False
        """Whether its pre-stop hook was called already, before its attempt ended."""


class Pool:
    """Instances of a function as one qualifier means it now; the one that was used last is used first, provisioned
    ones before all others.

    ASSUMED: fcemu has instances of their own for each qualifier and version of a function, because each instance knows
    its qualifier by ``FC_QUALIFIER`` (runtimes §1.7).
    """

    __slots__ = (
        "at_once",
        "backlog",
        "checksum",
        "closed",
        "free",
        "function",
        "idle",
        "key",
        "places",
        "runtime",
        "version",
    )

    def __init__(
        self, key: Key, version: str, function: Function, runtime: Runtime, idle: timedelta, backlog: Backlog
    ) -> None:
        self.at_once: Final = requests_at_once(function)
        """How many attempts run in one instance at the same time."""
        self.key: Final = key
        self.version: Final = version
        self.function: Final = function
        self.runtime: Final = runtime
        self.idle: Final = idle
        """How long an instance without work is kept."""
        self.backlog: Final = backlog
        """What waits for an instance of this function and qualifier."""
        self.free: Final[list[Place]] = []
        """Instances that can take one more attempt."""
        self.places: Final[dict[str, Place]] = {}
        """All instances by id, in the order in which they were started."""
        self.checksum: str | None = None
        """That of the code, once a caller has asked for it; ``""`` where it has none."""
        self.closed = False

    def add(self, place: Place) -> None:
        """A new instance, which is free."""
        self.places[place.id] = place
        self.make_free(place)

    def make_free(self, place: Place) -> None:
        """An instance can take one more attempt."""
        if place.provisioned or not self.free or not self.free[-1].provisioned:
            self.free.append(place)
        else:
            self.free.insert(sum(not one.provisioned for one in self.free), place)

    def occupy(self, place: Place) -> None:
        """Let nothing run in an instance that is free, until the fleet has it ready."""
        self.free.remove(place)
        place.used = self.at_once

    def remove(self, place: Place) -> None:
        """It is gone."""
        place.gone = True
        self.places.pop(place.id, None)
        if place in self.free:
            self.free.remove(place)

    def spare(self) -> Place | None:
        """The instance without work that was used longest ago, and may be given up for another."""
        return next((place for place in self.free if not place.used and not place.provisioned), None)
