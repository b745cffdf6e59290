"""The readers of ``datetime`` and ``date``, which ask the handler's clock first; they stand in the classes themselves.

No class is replaced: whoever has bound a class, by whatever name, and every subclass of it finds them there. Only what
has kept a bound method of the class (``default_factory=datetime.now``) goes past them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from datetime import timezone, tzinfo
from typing import Any, Final

from fcemu.handler.time import readings
from fcemu.handler.time.builtin_classes import Functions, named
from fcemu.handler.time.readings import REAL_DATE, REAL_DATETIME
from fcemu.handler.time.switch import CLOCK

_UTCNOW_IS_DEPRECATED: Final = sys.version_info >= (3, 12)
_DEPRECATED: Final = (
    "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. Use timezone-aware "
    "objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC)."
)


def class_functions() -> Functions:
    """What is to stand in the two classes. Outside of handlers they call what stands there now."""
    current = CLOCK.get
    bound_now, bound_utcnow, bound_moment = (
        REAL_DATETIME.__dict__[name].__get__ for name in ("now", "utcnow", "fromtimestamp")
    )
    bound_today, bound_day = (REAL_DATE.__dict__[name].__get__ for name in ("today", "fromtimestamp"))
    plain_now, plain_utcnow = bound_now(None, REAL_DATETIME), bound_utcnow(None, REAL_DATETIME)
    plain_moment, plain_day = bound_moment(None, REAL_DATETIME), bound_day(None, REAL_DATE)
    plain_timestamp, plain_astimezone = (REAL_DATETIME.__dict__[name] for name in ("timestamp", "astimezone"))

    def now(cls: Any, tz: tzinfo | None = None) -> Any:
        clock = current()
        if clock is not None:
            return readings.now(clock, cls, tz)
        return (plain_now if cls is REAL_DATETIME else bound_now(None, cls))(tz)

    def utcnow(cls: Any) -> Any:
        clock = current()
        if clock is not None:
            return readings.utcnow(clock, cls)
        if _UTCNOW_IS_DEPRECATED:  # the original would name this line as the caller
            warnings.warn(_DEPRECATED, DeprecationWarning, stacklevel=2)
            return bound_now(None, cls)(timezone.utc).replace(tzinfo=None)
        return (plain_utcnow if cls is REAL_DATETIME else bound_utcnow(None, cls))()

    def today(cls: Any) -> Any:
        clock = current()
        if clock is not None:
            return readings.today(clock, cls)
        if cls is REAL_DATE or cls is REAL_DATETIME:
            moment = plain_now(None)
            return moment if cls is REAL_DATETIME else moment.date()
        return bound_today(None, cls)()

    def moment_from_timestamp(cls: Any, timestamp: float, tz: tzinfo | None = None) -> Any:
        if current() is not None:
            return readings.from_timestamp(cls, timestamp, tz)
        return (plain_moment if cls is REAL_DATETIME else bound_moment(None, cls))(timestamp, tz)

    def day_from_timestamp(cls: Any, timestamp: float, /) -> Any:
        if current() is not None:
            return readings.date_from_timestamp(cls, timestamp)
        return (plain_day if cls is REAL_DATE else bound_day(None, cls))(timestamp)

    def timestamp(self: Any) -> float:
        return readings.timestamp(self) if current() is not None else plain_timestamp(self)

    def astimezone(self: Any, tz: tzinfo | None = None) -> Any:
        return readings.as_timezone(self, tz) if current() is not None else plain_astimezone(self, tz)

    moments: dict[str, Callable[..., Any]] = {
        "now": now,
        "utcnow": utcnow,
        "fromtimestamp": moment_from_timestamp,
        "timestamp": timestamp,
        "astimezone": astimezone,
    }
    days: dict[str, Callable[..., Any]] = {"today": today, "fromtimestamp": day_from_timestamp}
    return named(REAL_DATETIME, moments) | named(REAL_DATE, days)
