"""Holds the local zone of each handler: UTC, or what the function's ``TZ`` names."""

from __future__ import annotations

import calendar
import math
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache, partial
from typing import Final

UTC: Final = timezone.utc


class ZoneVariable:
    """A variable of the context: the local zone of the handler that runs in it."""

    def __init__(self) -> None:
        self._variable: Final[ContextVar[tzinfo]] = ContextVar("fcemu_zone")
        self.set: Final = self._variable.set
        self.fall_back_on(UTC)

    def fall_back_on(self, zone: tzinfo) -> None:
        """Let contexts in which nothing was set have ``zone``."""
        self.get: Callable[[], tzinfo] = partial(self._variable.get, zone)


ZONE: Final = ZoneVariable()

_OFFSET: Final = re.compile(r"(?:[A-Za-z]{3,}|<[^>]+>)([+-]?)(\d{1,2})(?::(\d{2}))?")
_NAIVE_EPOCH: Final = datetime(1970, 1, 1)


@lru_cache(64)
def zone_named(text: str | None) -> tzinfo:
    """The zone that ``TZ=text`` means: a name of the zone database, or POSIX's ``CST-8``.

    Anything else is UTC, as in the C library; so are POSIX forms with daylight saving rules, which are not read.
    """
    name = (text or "").removeprefix(":")
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        sign, hours, minutes = offset.groups()
        west = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(west if sign == "-" else -west)
    if not name:
        return UTC
    from zoneinfo import ZoneInfo  # it reads Python's configuration: 3 ms and 0.5 MB of a start that names no zone

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return UTC


def local_tuple(seconds: float, zone: tzinfo) -> time.struct_time:
    """What ``time.localtime(seconds)`` says in ``zone``."""
    moment = datetime.fromtimestamp(math.floor(seconds), zone)
    offset = moment.utcoffset() or timedelta()
    hidden = {"tm_zone": moment.tzname(), "tm_gmtoff": int(offset.total_seconds())}
    return time.struct_time(tuple(moment.timetuple()), hidden)


def seconds_of(local: tuple[int, ...] | time.struct_time, zone: tzinfo) -> float:
    """What ``time.mktime(local)`` says in ``zone``."""
    return (_NAIVE_EPOCH + timedelta(seconds=calendar.timegm(tuple(local)))).replace(tzinfo=zone).timestamp()
