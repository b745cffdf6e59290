"""The shapes of the ``emulator:`` block: settings of the emulator itself.

Their fields have the names of the fixture's options.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

from fcemu.config.kinds import Choice, Key, Nested, Number, Numbers, Plain, Shape, Whole, seconds_of
from fcemu.core.limits import STRICT
from fcemu.core.settings import BOUNDS, THROTTLE_MODES, Settings
from fcemu.core.values import dataclass

_USUAL: Final = Settings()


def _number(option: str, what: str = "seconds") -> Number:
    bounds = BOUNDS[option]
    return Number(what, bounds.least, bounds.most, above=bounds.above)


def _whole(option: str) -> Whole:
    bounds = BOUNDS[option]
    return Whole("", lambda _: (int(bounds.least), int(bounds.most)))


_RETRIES: Final = Numbers(_number("retry_seconds"))
_POSTINGS: Final = Numbers(_number("delivery_retry_seconds"))
_DEPTH: Final = _whole("destination_depth")
_WATCHDOG: Final = _number("watchdog")
_GRACE: Final = _number("grace_seconds")
_IO_GRACE: Final = _number("io_grace_seconds")
_RETENTION: Final = _number("task_retention_seconds")
_IDLE: Final = _number("idle_seconds")
_COLD_START: Final = _number("cold_start_seconds")
_USUAL_WAITS: Final = tuple(seconds_of(wait) for wait in _USUAL.retry_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockShape(Shape):
    """``clock``: how virtual time passes."""

    rate: Annotated[
        float | None, Key("rate", _number("rate", "a number"), "Virtual seconds per second; 0 is paused.", 1)
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
    seed: Annotated[int | None, Key("seed", _whole("seed"), "Decides ids and every draw.", _USUAL.seed)] = None
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
        Key(
            "retrySeconds",
            _RETRIES,
            "Wait before retry 1, 2, …; the last one repeats.",
            _USUAL_WAITS,
        ),
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
        Key(
            "destinationDepth",
            _DEPTH,
            "How many destinations may follow each other.",
            _USUAL.destination_depth,
        ),
    ] = None
    deliver_to: Annotated[
        Mapping[str, str] | None,
        Key("deliverTo", Plain.PLACES, "URLs to which reports are posted besides, by destination."),
    ] = None
    delivery_retry_seconds: Annotated[
        tuple[float, ...] | None,
        Key(
            "deliveryRetrySeconds",
            _POSTINGS,
            "Wait before retry 1, 2, … of a report that could not be posted.",
        ),
    ] = None
    task_retention_seconds: Annotated[
        float | None,
        Key(
            "taskRetentionSeconds",
            _RETENTION,
            "How long FC's API shows a task that has ended.",
            seconds_of(_USUAL.task_retention),
        ),
    ] = None
    watchdog: Annotated[
        float | None,
        Key(
            "watchdogSeconds",
            _WATCHDOG,
            "Real time without progress that ends an attempt.",
            seconds_of(_USUAL.watchdog),
        ),
    ] = None
    grace_seconds: Annotated[
        float | None,
        Key(
            "graceSeconds",
            _GRACE,
            "Real time an outside call waits for the running attempt.",
            seconds_of(_USUAL.grace),
        ),
    ] = None
    io_grace_seconds: Annotated[
        float | None,
        Key(
            "ioGraceSeconds",
            _IO_GRACE,
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
            _IDLE,
            "How long an instance without work is kept.",
            seconds_of(_USUAL.idle),
        ),
    ] = None
    cold_start_seconds: Annotated[
        float | None,
        Key("coldStartSeconds", _COLD_START, "How long a new instance takes to start.", 0),
    ] = None
    instance_limit: Annotated[
        int | None,
        Key(
            "instanceLimit",
            _whole("instance_limit"),
            "How many instances the account may have.",
            STRICT.instances,
        ),
    ] = None
    instances_per_minute: Annotated[
        int | None,
        Key(
            "instancesPerMinute",
            _whole("instances_per_minute"),
            "How many instances may start within a minute.",
            _USUAL.instances_per_minute,
        ),
    ] = None
