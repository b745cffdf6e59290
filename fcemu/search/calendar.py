"""The instants at which programs that reckon with dates break: changes of clocks, ends of months and years, 2038."""

from collections.abc import Iterable, Iterator
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


def special_in(zones: Iterable[str], year: int) -> dict[str, str]:
    """The instants of several zones as ISO text, in order, each with what is special about it in each of them."""
    found: dict[datetime, dict[str, None]] = {}
    for zone in zones:
        for instant, why in special_instants(zone, year):
            found.setdefault(instant, {}).setdefault(why)
    return {instant.isoformat(): " and ".join(found[instant]) for instant in sorted(found)}


def _all(zone: ZoneInfo, year: int) -> Iterator[tuple[datetime, str]]:
    here = f"in {zone.key}"
    for change, why in _changes(zone, year):
        yield change.astimezone(zone).replace(hour=0, minute=0, second=0, fold=0), f"the day on which {why}"
        yield change - _SECOND, f"the second before {why}"
    yield datetime(year, 1, 1, tzinfo=zone), f"midnight {here}"
    for month in (2, 3, 5):
        last = datetime(year, month, 1, tzinfo=zone) - _SECOND
        yield last, f"the last second of {last:%B} {last.year} {here}"
    leap = next(one for one in range(year, year + 9) if one % 4 == 0 and (one % 100 or one % 400 == 0))
    yield datetime(leap, 2, 29, tzinfo=zone), f"29 February {leap} {here}, a leap day"
    yield datetime(leap, 2, 29, tzinfo=zone) - _SECOND, f"the second before 29 February {leap} {here}, a leap day"
    yield datetime(leap, 12, 31, tzinfo=zone), f"31 December {leap} {here}, day 366 of a leap year"
    yield datetime(year + 1, 1, 1, tzinfo=zone) - _SECOND, f"the last second of the year {year} {here}"
    yield datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC), "the last second of a signed 32-bit clock, in 2038"


def _changes(zone: ZoneInfo, year: int) -> Iterator[tuple[datetime, str]]:
    """When the clocks of a zone change within a year, in UTC."""
    instant = datetime(year, 1, 1, tzinfo=UTC)
    while instant.year == year:
        before, after = instant.astimezone(zone).utcoffset(), (instant + _HOUR).astimezone(zone).utcoffset()
        if before is not None and after is not None and before != after:
            yield instant + _HOUR, f"the clocks of {zone.key} go {'forward' if after > before else 'back'}"
        instant += _HOUR
