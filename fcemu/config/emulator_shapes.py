"""The shapes of the ``emulator:`` block: settings of the emulator itself.

Their fields have the names of the fixture's options.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

from fcemu.config.kinds import Choice, Key, Nested, Number, Numbers, Plain, Shape, Whole, seconds_of
from fcemu.core.limits import STRICT
from fcemu.core.settings import THROTTLE_MODES, UNBOUNDED, Settings
from fcemu.core.values import dataclass

_USUAL: Final = Settings()
_DAY: Final = 86_400
_SEED: Final = Whole("", lambda _: (0, 2**63 - 1))
_DEPTH: Final = Whole("", lambda _: (0, 1000))
_WAITS: Final = Numbers(Number("seconds", 0, 30 * _DAY))
_ABOVE_0: Final = Number("seconds", 0, _DAY, above=True)
_GRACE: Final = Number("seconds", 0, _DAY)
_USUAL_WAITS: Final = tuple(seconds_of(wait) for wait in _USUAL.retry_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockShape(Shape):
    """``clock``: how virtual time passes."""

    rate: Annotated[
        float | None, Key("rate", Number("a number", 0, 1_000_000), "Virtual seconds per second; 0 is paused.", 1)
    ] = None
    start: Annotated[datetime | None, Key("start", Plain.INSTANT, "Virtual time at the start.", "now")] = None
    autojump: Annotated[
        bool | None, Key("autojump", Plain.FLAG, "Jump to what is due next instead of waiting for it.", False)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthShape(Shape):
    """``auth``: who may use the emulator."""

    auth: Annotated[bool | None, Key("verify", Plain.FLAG, "Whether signatures are verified.", _USUAL.auth)] = None
    access_keys: Annotated[
        Mapping[str, str] | None,
        Key("accessKeys", Plain.SECRETS, "The keys that are good, with their secrets.", dict(_USUAL.access_keys)),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorShape(Shape):
    """``emulator``: settings of the emulator itself. Its fields, and those of ``clock`` and ``auth``, have the names of
    the fixture's options."""

    clock: Annotated[ClockShape | None, Key("clock", Nested(ClockShape), "How virtual time passes.")] = None
    authentication: Annotated[AuthShape | None, Key("auth", Nested(AuthShape), "Who may use the emulator.")] = None
    seed: Annotated[int | None, Key("seed", _SEED, "Decides ids and every draw.", _USUAL.seed)] = None
    limits: Annotated[
        str | None,
        Key("limits", Choice(("strict", "relaxed")), "FC's quotas as documented, or wider for quick tests.", "strict"),
    ] = None
    strict_runtimes: Annotated[
        bool | None,
        Key(
            "strictRuntimes",
            Plain.FLAG,
            "Refuse functions of runtimes that are not here and would run as others do, such as python2.7.",
            _USUAL.strict_runtimes,
        ),
    ] = None
    retry_seconds: Annotated[
        tuple[float, ...] | None,
        Key("retrySeconds", _WAITS, "Wait before retry 1, 2, …; the last one repeats.", _USUAL_WAITS),
    ] = None
    retry_server_errors: Annotated[
        bool | None,
        Key("retryServerErrors", Plain.FLAG, "Whether FC's own 500 and 503 are retried.", _USUAL.retry_server_errors),
    ] = None
    age_excludes_delay: Annotated[
        bool | None,
        Key(
            "ageExcludesDelay", Plain.FLAG, "Count an event's age from the end of its delay.", _USUAL.age_excludes_delay
        ),
    ] = None
    destination_depth: Annotated[
        int | None,
        Key("destinationDepth", _DEPTH, "How many destinations may follow each other.", _USUAL.destination_depth),
    ] = None
    deliver_to: Annotated[
        Mapping[str, str] | None,
        Key("deliverTo", Plain.PLACES, "URLs to which reports are posted besides, by destination."),
    ] = None
    delivery_retry_seconds: Annotated[
        tuple[float, ...] | None,
        Key("deliveryRetrySeconds", _WAITS, "Wait before retry 1, 2, … of a report that could not be posted."),
    ] = None
    task_retention_seconds: Annotated[
        float | None,
        Key(
            "taskRetentionSeconds",
            Number("seconds", 0, 30 * _DAY),
            "How long FC's API shows a task that has ended.",
            seconds_of(_USUAL.task_retention),
        ),
    ] = None
    watchdog: Annotated[
        float | None,
        Key(
            "watchdogSeconds", _ABOVE_0, "Real time without progress that ends an attempt.", seconds_of(_USUAL.watchdog)
        ),
    ] = None
    grace_seconds: Annotated[
        float | None,
        Key(
            "graceSeconds", _GRACE, "Real time an outside call waits for the running attempt.", seconds_of(_USUAL.grace)
        ),
    ] = None
    io_grace_seconds: Annotated[
        float | None,
        Key(
            "ioGraceSeconds",
            _GRACE,
            "Real time an event loop, or a thread beside a sleeping handler, waits for its sockets.",
            seconds_of(_USUAL.io_grace),
        ),
    ] = None
    throttle_mode: Annotated[
        str | None,
        Key(
            "throttleMode",
            Choice(THROTTLE_MODES),
            "What an asynchronous invocation does while no instance can be had.",
            _USUAL.throttle_mode,
        ),
    ] = None
    idle_seconds: Annotated[
        float | None,
        Key(
            "idleSeconds",
            Number("seconds", 0, 365 * _DAY),
            "How long an instance without work is kept.",
            seconds_of(_USUAL.idle),
        ),
    ] = None
    cold_start_seconds: Annotated[
        float | None,
        Key("coldStartSeconds", Number("seconds", 0, _DAY), "How long a new instance takes to start.", 0),
    ] = None
    instance_limit: Annotated[
        int | None,
        Key(
            "instanceLimit",
            Whole("", lambda _: (0, UNBOUNDED)),
            "How many instances the account may have.",
            STRICT.instances,
        ),
    ] = None
    instances_per_minute: Annotated[
        int | None,
        Key(
            "instancesPerMinute",
            Whole("", lambda _: (0, UNBOUNDED)),
            "How many instances may start within a minute.",
            _USUAL.instances_per_minute,
        ),
    ] = None
