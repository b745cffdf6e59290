"""The instants at which programs that reckon with dates break: changes of clocks, ends of months and years, 2038."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)


def special_instants(zone: str, year: int = 2026) -> list[tuple[datetime, str]]:
    """The instants in a zone, in UTC and in order, each with what is special about it; from ``year`` on.

    Raises ``ZoneInfoNotFoundError``.
    """
    found: dict[datetime, str] = {}
    for instant, why in _all(ZoneInfo(zone), year):
        found.setdefault(instant.astimezone(UTC), why)
    return sorted(found.items())


def _all(zone: ZoneInfo, year: int) -> Iterator[tuple[datetime, str]]:
    for change, why in _changes(zone, year):
        yield change.astimezone(zone).replace(hour=0, minute=0, second=0, fold=0), f"the day on which {why}"
        yield change - _SECOND, f"the second before {why}"
    yield datetime(year, 1, 1, tzinfo=zone), "midnight"
    for month in (2, 3, 5):
        yield datetime(year, month, 1, tzinfo=zone) - _SECOND, "the last second of a month"
    leap = next(one for one in range(year, year + 9) if one % 4 == 0 and (one % 100 or one % 400 == 0))
    yield datetime(leap, 2, 29, tzinfo=zone), "a leap day"
    yield datetime(leap, 2, 29, tzinfo=zone) - _SECOND, "the second before a leap day"
    yield datetime(leap, 12, 31, tzinfo=zone), "day 366 of a year"
    yield datetime(year + 1, 1, 1, tzinfo=zone) - _SECOND, "the last second of a year"
    yield datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC), "the last second of a 32-bit clock"


def _changes(zone: ZoneInfo, year: int) -> Iterator[tuple[datetime, str]]:
    """When the clocks of a zone change within a year, in UTC."""
    instant = datetime(year, 1, 1, tzinfo=UTC)
    while instant.year == year:
        before, after = instant.astimezone(zone).utcoffset(), (instant + _HOUR).astimezone(zone).utcoffset()
        if before is not None and after is not None and before != after:
            yield instant + _HOUR, f"the clocks of {zone.key} go {'forward' if after > before else 'back'}"
        instant += _HOUR
