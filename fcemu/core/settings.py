"""What the engine knows of the options of a whole emulator."""

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from fcemu.core.limits import RELAXED, STRICT, Limits
from fcemu.core.names import Account
from fcemu.core.options import OPTIONS, UNBOUNDED, Option, checked
from fcemu.core.values import dataclass

SPEC_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Where a test's clock starts unless it says otherwise."""


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
    odds: Mapping[str, float] = field(default_factory=dict)
    """How often ``seeded`` draws something, where it is not as often as ``core.odds`` says."""
    start: datetime = SPEC_START
    rate: float = 0.0
    autojump: bool = False
    retry_seconds: tuple[timedelta, ...] = _seconds(0.5, 1, 2, 4, 8, 16, 32, 64)
    """Wait before retry 1, 2, … of a function error; the last one repeats.

    ASSUMED: fcemu retries a function error on the only schedule that FC's documents know, that of refusals; no page
    prints one for function errors (retry-and-destinations §1.2).
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
    """How many destinations may follow each other. ASSUMED: fcemu refuses chains of more than 16 destinations unless it
    is told another number, although FC documents no bound (retry-and-destinations §2)."""
    deliver_to: Mapping[str, str] = field(default_factory=dict)
    """URLs to which reports are posted, by destination (``queue:declined``)."""
    delivery_retry_seconds: tuple[timedelta, ...] = ()
    """Wait before retry 1, 2, … of a report that could not be posted. ASSUMED: fcemu does not retry a report that could
    not be posted unless it is told to, because FC documents no retry of deliveries (retry-and-destinations §3.4)."""
    caused_at_most: int = 10_000
    """How many invocations one outside request may cause, through handlers and destinations."""
    task_retention: timedelta = timedelta(days=7)
    """How long FC's API shows the record of a task that has ended. Source: FC docs, "Asynchronous tasks".

    ASSUMED: fcemu counts the retention of a task's record from the end of the task, and keeps the record of a task that
    has not ended (async-invocation §4).
    """
    throttle_mode: str = "wait"
    """What an asynchronous invocation does that is due while no instance can be had: ``wait`` in the queue, or be
    refused and come back after a ``backoff`` (retry-and-destinations §1.3)."""
    instance_limit: int | None = None
    """How many instances the account may have; ``None``: as ``limits`` say."""
    instances_per_minute: int = UNBOUNDED
    """How many instances may start within a minute. Source: errors-and-limits §4: 300 in 3.0. ASSUMED: fcemu does not
    limit how fast instances start unless it is told to (errors-and-limits §4)."""
    idle: timedelta = timedelta(seconds=300)
    """How long an instance without work is kept. ASSUMED: fcemu keeps an idle instance for 300 s, because FC prints no
    number (timers-and-instances §3.3)."""
    cold_start: timedelta = timedelta(0)
    """How long a new instance takes to start, before its initializer. ASSUMED: fcemu lets an instance start in no time
    unless it is told a duration (timers-and-instances §3.4)."""
    max_memory_usage_mb: float = 64.0
    """What every report of used memory says; measuring it would make two runs differ."""
    watchdog: timedelta = timedelta(seconds=30)
    """Real time without progress after which a running attempt is ended as timed out."""
    grace: timedelta = timedelta(seconds=1)
    """Real time that a synchronous call from an unknown caller waits for the running attempt."""
    io_grace: timedelta = timedelta(seconds=1)
    """Real time that a handler's event loop waits for its sockets before it jumps."""
    in_memory: int | None = None
    """How many invocations that have ended stay in memory as a whole, where no data file keeps them; ``None``: all."""

    @property
    def instances(self) -> int:
        """How many instances the account may have."""
        return self.limits.instances if self.instance_limit is None else self.instance_limit


USUAL: Final = Settings()
"""The settings of an emulator without options."""


def settings_of(options: Mapping[str, object], base: Settings | None = None) -> Settings:
    """Settings from options; those that are not given are those of ``base``, or the defaults.

    Raises ``ValueError`` that names the option and says what is expected, also for options that do not exist.
    """
    default = base or USUAL
    fields: dict[str, Any] = {}
    of_account: dict[str, Any] = {}
    for name, value in checked(options).items():
        option = OPTIONS[name]
        whole, _, part = option.field.partition(".")
        if whole:
            (of_account if part else fields)[part or whole] = option.kind.enter(value)
    if of_account:
        fields["account"] = replace(default.account, **of_account)
    return replace(default, **fields) if fields else default


def default_of(option: Option) -> Any:
    """The value that an option has where nobody says another; ``None`` where its row tells of it in words."""
    return setting_of(option, USUAL) if option.field else option.default


def setting_of(option: Option, settings: Settings) -> Any:
    """The value of an option that sets a field of ``Settings``."""
    return _plain(attrgetter(option.field)(settings))


def _plain(value: object) -> Any:
    """A field of ``Settings`` as an option that sets it."""
    match value:
        case timedelta():
            return _plain(value.total_seconds())
        case float() if value.is_integer():
            return int(value)
        case tuple():
            return tuple(map(_plain, value))
        case Limits():
            return "relaxed" if value == RELAXED else "strict"
    return value
