"""Local time inside a handler: UTC, or the zone that the function's ``TZ`` names."""

import calendar
import math
import re
import time
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

ZONE: Final[ContextVar[tzinfo]] = ContextVar("fcemu_zone", default=UTC)
"""The local zone of the handler that this context runs."""

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
    try:
        return ZoneInfo(name) if name else UTC
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError, caught below
        return UTC
    except KeyError:
        return UTC


def local_tuple(seconds: float, zone: tzinfo) -> time.struct_time:
    """What ``time.localtime(seconds)`` says in ``zone``."""
    moment = datetime.fromtimestamp(math.floor(seconds), zone)
    offset = moment.utcoffset() or timedelta()
    hidden = {"tm_zone": moment.tzname(), "tm_gmtoff": int(offset.total_seconds())}
    return time.struct_time(tuple(moment.timetuple()), hidden)


def seconds_of(local: "tuple[int, ...] | time.struct_time", zone: tzinfo) -> float:
    """What ``time.mktime(local)`` says in ``zone``."""
    return (_NAIVE_EPOCH + timedelta(seconds=calendar.timegm(tuple(local)))).replace(tzinfo=zone).timestamp()
