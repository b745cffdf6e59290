"""Computes what the class methods of ``datetime`` and ``date`` answer in a handler, for any subclass as well."""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final

from fcemu.handler.clock import HandlerClock
from fcemu.handler.time.zones import UTC, ZONE

_FREEZEGUN: Final = sys.modules.get("freezegun.api")  # where time is frozen now, it knows the real classes
REAL_DATETIME: Final[type[datetime]] = getattr(_FREEZEGUN, "real_datetime", datetime)
REAL_DATE: Final[type[date]] = getattr(_FREEZEGUN, "real_date", date)
_EPOCH: Final = REAL_DATETIME(1970, 1, 1)
_SOON: Final = 1 << 35
_from_timestamp: Final = REAL_DATETIME.__dict__["fromtimestamp"].__get__(None, REAL_DATETIME)
_timestamp: Final = REAL_DATETIME.__dict__["timestamp"]
_astimezone: Final = REAL_DATETIME.__dict__["astimezone"]
_combine: Final = REAL_DATETIME.combine
"""Kept, because the classes themselves may be patched."""


def now(clock: HandlerClock, cls: Any, tz: tzinfo | None) -> Any:
    """``cls.now(tz)``."""
    moment = clock.now()
    zone = ZONE.get() if tz is None else tz
    if zone is not UTC:
        moment = _astimezone(moment, zone)
    if tz is not None and cls is REAL_DATETIME:
        return moment
    return cls.combine(moment.date(), moment.time() if tz is None else moment.timetz())


def utcnow(clock: HandlerClock, cls: Any) -> Any:
    """``cls.utcnow()``, without its warning."""
    moment = clock.now()
    return cls.combine(moment.date(), moment.time())


def today(clock: HandlerClock, cls: Any) -> Any:
    """``cls.today()`` of a date; that of a datetime is ``now``."""
    if issubclass(cls, REAL_DATETIME):
        return now(clock, cls, None)
    moment = now(clock, REAL_DATETIME, None)
    return cls(moment.year, moment.month, moment.day)


def from_timestamp(cls: Any, seconds: float, tz: tzinfo | None) -> Any:
    """``cls.fromtimestamp(seconds, tz)`` of a datetime."""
    zone = ZONE.get() if tz is None else tz
    if tz is None and zone is UTC and cls is REAL_DATETIME and type(seconds) is int and 0 <= seconds < _SOON:
        return _EPOCH + timedelta(0, seconds)  # time-machine's functions come this way, for each read
    moment = _from_timestamp(seconds, zone)
    if tz is None:
        moment = _combine(moment.date(), moment.time())
    if cls is REAL_DATETIME:
        return moment
    made = cls.combine(moment.date(), moment.timetz())
    return made.replace(fold=1) if moment.fold else made


def date_from_timestamp(cls: Any, seconds: float) -> Any:
    """``cls.fromtimestamp(seconds)`` of a date."""
    day = _from_timestamp(seconds, ZONE.get())
    return cls(day.year, day.month, day.day)


def timestamp(moment: datetime) -> float:
    """``moment.timestamp()``; naive means local."""
    seconds: float = _timestamp(_aware(moment))
    return seconds


def as_timezone(moment: datetime, tz: tzinfo | None) -> Any:
    """``moment.astimezone(tz)``; naive means local, and so does no ``tz``."""
    return _astimezone(_aware(moment), ZONE.get() if tz is None else tz)


def _aware(moment: datetime) -> datetime:
    """A naive moment is in the handler's zone. ``replace`` would take ten times as long."""
    return moment if moment.tzinfo is not None else _combine(moment.date(), moment.time(), ZONE.get())


def seconds(clock: HandlerClock) -> float:
    """``time.time()``."""
    since: float = _timestamp(clock.now())
    return since
