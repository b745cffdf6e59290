"""The table of the ``emulator:`` block: settings of the emulator itself.

Its attributes are the names of the fixture's options.
"""

from datetime import timedelta
from typing import Any, Final

from fcemu.config.file_kinds import Instant, Numbers, Places, Secrets
from fcemu.core.fields.kinds import FLAG, Choice, Kind, Number, Whole, always
from fcemu.core.fields.rows import Field, Nested, Table, said
from fcemu.core.limits import STRICT
from fcemu.core.settings import BOUNDS, THROTTLE_MODES, Settings

_USUAL: Final = Settings()


def _number(option: str, what: str = "seconds") -> Number:
    bounds = BOUNDS[option]
    return Number(what, bounds.least, bounds.most, above=bounds.above)


def _whole(option: str) -> Whole:
    bounds = BOUNDS[option]
    return Whole("", always(int(bounds.least), int(bounds.most)))


def _seconds(duration: timedelta) -> float:
    """A duration as files write it."""
    seconds = duration.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def _option(key: str, option: str, kind: Kind, about: str, **more: Any) -> Field:
    return said(key, kind, about, option, **more)


CLOCK: Final = Table(
    "Clock",
    "``clock``: how virtual time passes.",
    _option("rate", "rate", _number("rate", "a number"), "Virtual seconds per second; 0 is paused.", default=1),
    _option("start", "start", Instant(), "Virtual time at the start.", default="now"),
    _option("autojump", "autojump", FLAG, "Jump to what is due next instead of waiting for it.", default=False),
)
AUTH: Final = Table(
    "Auth",
    "``auth``: who may use the emulator.",
    _option("verify", "auth", FLAG, "Whether signatures are verified.", default=_USUAL.auth),
    _option(
        "accessKeys",
        "access_keys",
        Secrets(),
        "The keys that are good, with their secrets.",
        default=dict(_USUAL.access_keys),
    ),
)
EMULATOR: Final = Table(
    "Emulator",
    "``emulator``: settings of the emulator itself.",
    said("clock", Nested(CLOCK), "How virtual time passes.", "clock"),
    said("auth", Nested(AUTH), "Who may use the emulator.", "auth"),
    _option("seed", "seed", _whole("seed"), "Decides ids and every draw.", default=_USUAL.seed),
    _option(
        "limits",
        "limits",
        Choice(("strict", "relaxed")),
        "FC's quotas as documented, or wider for quick tests.",
        default="strict",
    ),
    _option(
        "strictRuntimes",
        "strict_runtimes",
        FLAG,
        "Refuse functions of runtimes that are not here and would run as others do, such as python2.7.",
        default=_USUAL.strict_runtimes,
    ),
    _option(
        "retrySeconds",
        "retry_seconds",
        Numbers(_number("retry_seconds")),
        "Wait before retry 1, 2, …; the last one repeats.",
        default=tuple(map(_seconds, _USUAL.retry_seconds)),
    ),
    _option(
        "retryServerErrors",
        "retry_server_errors",
        FLAG,
        "Whether FC's own 500 and 503 are retried.",
        default=_USUAL.retry_server_errors,
    ),
    _option(
        "ageExcludesDelay",
        "age_excludes_delay",
        FLAG,
        "Count an event's age from the end of its delay.",
        default=_USUAL.age_excludes_delay,
    ),
    _option(
        "destinationDepth",
        "destination_depth",
        _whole("destination_depth"),
        "How many destinations may follow each other.",
        default=_USUAL.destination_depth,
    ),
    _option("deliverTo", "deliver_to", Places(), "URLs to which reports are posted besides, by destination."),
    _option(
        "deliveryRetrySeconds",
        "delivery_retry_seconds",
        Numbers(_number("delivery_retry_seconds")),
        "Wait before retry 1, 2, … of a report that could not be posted.",
    ),
    _option(
        "taskRetentionSeconds",
        "task_retention_seconds",
        _number("task_retention_seconds"),
        "How long FC's API shows a task that has ended.",
        default=_seconds(_USUAL.task_retention),
    ),
    _option(
        "watchdogSeconds",
        "watchdog",
        _number("watchdog"),
        "Real time without progress that ends an attempt.",
        default=_seconds(_USUAL.watchdog),
    ),
    _option(
        "graceSeconds",
        "grace_seconds",
        _number("grace_seconds"),
        "Real time an outside call waits for the running attempt.",
        default=_seconds(_USUAL.grace),
    ),
    _option(
        "ioGraceSeconds",
        "io_grace_seconds",
        _number("io_grace_seconds"),
        "Real time an event loop, or a thread beside a sleeping handler, waits for its sockets.",
        default=_seconds(_USUAL.io_grace),
    ),
    _option(
        "throttleMode",
        "throttle_mode",
        Choice(THROTTLE_MODES),
        "What an asynchronous invocation does while no instance can be had.",
        default=_USUAL.throttle_mode,
    ),
    _option(
        "idleSeconds",
        "idle_seconds",
        _number("idle_seconds"),
        "How long an instance without work is kept.",
        default=_seconds(_USUAL.idle),
    ),
    _option(
        "coldStartSeconds",
        "cold_start_seconds",
        _number("cold_start_seconds"),
        "How long a new instance takes to start.",
        default=0,
    ),
    _option(
        "instanceLimit",
        "instance_limit",
        _whole("instance_limit"),
        "How many instances the account may have.",
        default=STRICT.instances,
    ),
    _option(
        "instancesPerMinute",
        "instances_per_minute",
        _whole("instances_per_minute"),
        "How many instances may start within a minute.",
        default=_USUAL.instances_per_minute,
    ),
)
