"""Quotas count instances and say whether one more may start."""

from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from fcemu.core.capacity import InstanceNumbers
from fcemu.core.names import FunctionRef
from fcemu.core.options import UNBOUNDED
from fcemu.core.settings import Settings
from fcemu.engine.instances import Key, Place, Pool

_MINUTE: Final = timedelta(minutes=1)


class Quotas:
    """Counts instances against the limits of functions, of the account and of growth (timers-and-instances §2)."""

    def __init__(self, settings: Settings, numbers: InstanceNumbers) -> None:
        self._settings: Final = settings
        self._numbers: Final = numbers
        self._limit: Final = settings.instances
        self._of_function: Final[Counter[FunctionRef]] = Counter()
        self._on_demand: Final[Counter[Key]] = Counter()
        self._count = 0
        self._starts: Final[deque[datetime]] = deque()
        """When instances were started in the last minute, where their growth is limited."""

    def count(self, place: Place, by: int) -> None:
        """An instance is there (1), or is not any more (-1)."""
        self._count += by
        self._of_function[place.pool.key[0]] += by
        if not place.provisioned:
            self._on_demand[place.pool.key] += by

    def full(self, pool: Pool, more: int = 1, *, provisioned: bool = False) -> Callable[[Pool], bool] | None:
        """The pools that share the limit which ``more`` instances of this one would exceed; ``None``: they would not.

        The narrowest limit comes first: an instance that is given up for it counts for the wider ones as well.
        """
        (ref, _), most, reserved = pool.key, self._numbers.on_demand(*pool.key), self._numbers.reserved
        if most is not None and not provisioned and self._on_demand[pool.key] + more > most:
            return lambda other: other.key == pool.key
        own = reserved.get(ref)
        if own is not None and self._of_function[ref] + more > own:
            return lambda other: other.key[0] == ref
        if own is None and reserved:
            others = self._count - sum(self._of_function[one] for one in reserved)
            if others + more > self._limit - sum(reserved.values()):
                return lambda other: other.key[0] not in reserved
        return None if self._count + more <= self._limit else lambda other: True

    def may_grow(self, now: datetime) -> bool:
        """Whether another instance may start now, which then counts. Source: errors-and-limits §4, creation speed.
        ASSUMED: fcemu counts the instances that started within the last 60 s: the minute slides
        (errors-and-limits §4)."""
        most = self._settings.instances_per_minute
        if most >= UNBOUNDED:
            return True
        while self._starts and self._starts[0] <= now - _MINUTE:
            self._starts.popleft()
        if len(self._starts) >= most:
            return False
        self._starts.append(now)
        return True
