"""What a user can set for a whole emulator: the ``emulator:`` block, the options of the fixture and of ``serve``."""

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Final

from fcemu.core.limits import STRICT, Limits
from fcemu.core.names import Account
from fcemu.core.values import dataclass

THROTTLE_MODES: Final = ("wait", "backoff")
UNBOUNDED: Final = 1_000_000
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which numbers a setting may be. ``above``: not the least one itself; ``whole``: without a fraction."""

    least: float
    most: float
    above: bool = False
    whole: bool = False

    def refusal(self, value: object) -> str | None:
        """What was expected instead of ``value``; ``None`` where it is within these bounds."""
        kinds = int if self.whole else int | float
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        # A number that is none, ``nan``, is not between any others.
        if is_number and self.least <= value <= self.most and not (self.above and value == self.least):  # type: ignore[operator]
            return None
        lower = f"above {self.least:,}" if self.above else f"from {self.least:,}"
        return f"expected {'a whole number' if self.whole else 'a number'} {lower} to {self.most:,}"


BOUNDS: Final[Mapping[str, Bounds]] = {
    "seed": Bounds(0, 2**63 - 1, whole=True),
    "rate": Bounds(0, 1_000_000),
    "destination_depth": Bounds(0, 1000, whole=True),
    "task_retention_seconds": Bounds(0, 30 * _DAY),
    "idle_seconds": Bounds(0, 365 * _DAY),
    "cold_start_seconds": Bounds(0, _DAY),
    "instance_limit": Bounds(0, UNBOUNDED, whole=True),
    "instances_per_minute": Bounds(0, UNBOUNDED, whole=True),
    "watchdog": Bounds(0, _DAY, above=True),
    "grace_seconds": Bounds(0, _DAY),
    "io_grace_seconds": Bounds(0, _DAY),
    "retry_seconds": Bounds(0, 30 * _DAY),
    "delivery_retry_seconds": Bounds(0, 30 * _DAY),
}
"""The numbers that options take, of lists each of them; every place where an option is given looks here."""
SPEC_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Where a test's clock starts unless it says otherwise."""
FIRST_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST_START: Final = datetime(9998, 12, 31, tzinfo=UTC)
"""Between which instants a clock may start."""


def _seconds(*values: float) -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=value) for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings with their defaults. Durations are virtual unless their docstring says real."""

    account: Account = field(default_factory=Account)
    limits: Limits = STRICT
    seed: int = 0
    chance: str = "calm"
    """``seeded``: whatever FC leaves open (order, repeats, inexact delays, refusals, crashes) is drawn by the seed."""
    start: datetime = SPEC_START
    rate: float = 0.0
    autojump: bool = False
    retry_seconds: tuple[timedelta, ...] = _seconds(0.5, 1, 2, 4, 8, 16, 32, 64)
    """Wait before retry 1, 2, … of a function error; the last one repeats.

    ASSUMED: no page prints this schedule; it is the only one FC's documents know (retry-and-destinations §1.2).
    """
    auth: bool = False
    """Whether FC's signatures are verified; without it, any key is accepted, and none."""
    access_keys: Mapping[str, str] = field(default_factory=lambda: {"test": "test"})
    """Secrets by access key id, for ``auth``."""
    strict_runtimes: bool = False
    """Whether functions of runtimes that only run as others do are refused."""
    retry_server_errors: bool = True
    """Whether refusals with 500 and 503 are retried; ``False`` is the other reading of FC 3.0's page."""
    age_excludes_delay: bool = False
    """``True``: the age of an event runs from the end of its ``x-fc-async-delay``."""
    destination_depth: int = 16
    """How many destinations may follow each other. ASSUMED: FC documents no bound."""
    deliver_to: Mapping[str, str] = field(default_factory=dict)
    """URLs to which reports are posted, by destination (``queue:declined``)."""
    delivery_retry_seconds: tuple[timedelta, ...] = ()
    """Wait before retry 1, 2, … of a report that could not be posted. ASSUMED: FC documents no retry of deliveries
    (retry-and-destinations §3.4)."""
    caused_at_most: int = 10_000
    """How many invocations one outside request may cause, through handlers and destinations."""
    task_retention: timedelta = timedelta(days=7)
    """How long FC's API shows the record of a task that has ended. Source: FC docs, "Asynchronous tasks".

    ASSUMED: from its end, and what has not ended stays.
    """
    throttle_mode: str = "wait"
    """What an asynchronous invocation does that is due while no instance can be had: ``wait`` in the queue, or be
    refused and come back after a ``backoff`` (retry-and-destinations §1.3)."""
    instance_limit: int | None = None
    """How many instances the account may have; ``None``: as ``limits`` say."""
    instances_per_minute: int = UNBOUNDED
    """How many instances may start within a minute. Source: errors-and-limits §4: 300 in 3.0. ASSUMED: unbounded."""
    idle: timedelta = timedelta(seconds=300)
    """How long an instance without work is kept. ASSUMED: FC prints no number (timers-and-instances §3.3)."""
    cold_start: timedelta = timedelta(0)
    """How long a new instance takes to start, before its initializer. ASSUMED: no time (timers-and-instances §3.4)."""
    max_memory_usage_mb: float = 64.0
    """What every report of used memory says; measuring it would make two runs differ."""
    watchdog: timedelta = timedelta(seconds=30)
    """Real time without progress after which a running attempt is ended as timed out."""
    grace: timedelta = timedelta(seconds=1)
    """Real time that a synchronous call from an unknown caller waits for the running attempt."""
    io_grace: timedelta = timedelta(seconds=1)
    """Real time that a handler's event loop waits for its sockets before it jumps."""

    @property
    def instances(self) -> int:
        """How many instances the account may have."""
        return self.limits.instances if self.instance_limit is None else self.instance_limit
