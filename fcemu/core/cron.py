"""FC's cron and @every expressions over a cron library: next time after a given time.

Source: FC docs, "Configure a time trigger" (timers-and-instances §1.2).
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final, Protocol

_FIELDS: Final = ("Seconds", "Minutes", "Hours", "Day-of-month", "Month", "Day-of-week")
_ZONED: Final = r"(?s:CRON_TZ=(\S+)\s+(.*))"
_NUMBERS: Final = r"[0-9*,/-]+"
_ALLOWED: Final = (
    *[_NUMBERS] * 3,
    rf"{_NUMBERS}|\?",
    r"(?:[0-9*,/-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)+",
    r"(?:[0-9*,/-]|MON|TUE|WED|THU|FRI|SAT|SUN)+|\?",
)
"""What may stand in each field: FC documents none of the letters that other cron dialects have besides."""
_EVERY: Final = r"@every\s+((?:[0-9]+[hms])+)"
LONGEST_EXPRESSION: Final = 256
"""How many characters an expression may have. ASSUMED: fcemu takes expressions of up to 256 characters, because FC's
documents name no limit (timers-and-instances §1.2)."""
_UNITS: Final = {"h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
_WEEKDAYS: Final = {"MON": "1", "TUE": "2", "WED": "3", "THU": "4", "FRI": "5", "SAT": "6", "SUN": "7"}


def _field(value: str, also: str = "") -> str:
    """What a field may be, as a pattern: values, ranges and steps of them."""
    one = rf"(\*|({value})(-({value}))?)(/0*[1-9][0-9]*)?"
    return f"({one}(,{one})*{also})"


def _any_case(words: str) -> str:
    return "|".join("".join(f"[{letter}{letter.lower()}]" for letter in word) for word in words.split())


_SPACES: Final = r"\s+"
_PATTERNS: Final = (
    *[_field("0*[1-5]?[0-9]")] * 2,
    _field("0*(1?[0-9]|2[0-3])"),
    _field("0*([1-9]|[12][0-9]|3[01])", r"|\?"),
    _field("0*([1-9]|1[0-2])|" + _any_case("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")),
    _field(f"0*([0-7]|{_any_case(' '.join(_WEEKDAYS))})", r"|\?"),
)
SCHEDULE: Final = rf"^\s*(@every\s+(?=.*[1-9])([0-9]+[hms])+|(CRON_TZ=\S+\s+)?{_SPACES.join(_PATTERNS)})\s*$"
"""What ``read_schedule`` reads, as a pattern, which knows nothing of zones, of dates that there are not, and of ranges
that end before they begin."""
_DAY: Final = timedelta(days=1)
_LONGEST: Final = timedelta(days=366 * 29)
"""No expression rests longer between two days on which it fires: 29 February on one weekday, across a century."""
_ANY_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)


class Schedule(Protocol):
    """When a timer fires."""

    def after(self, instant: datetime, since: datetime) -> datetime | None:
        """The first firing after ``instant`` of a timer that was set at ``since``; ``None``: there is none. Times are
        aware, in UTC."""


class Every:
    """``@every 5m``: at a fixed distance. ASSUMED: fcemu counts ``@every`` from the moment at which the timer was set
    (timers-and-instances §1.2)."""

    def __init__(self, interval: timedelta) -> None:
        self.interval: Final = interval

    def after(self, instant: datetime, since: datetime) -> datetime | None:
        past = max((instant - since) // self.interval, 0)
        return _later(since, self.interval * (past + 1))


class Cron:
    """Six fields in a time zone. The library reads the fields and knows the days.

    Wall clock times are matched: what the clocks jump over does not fire, what they repeat fires twice.
    """

    def __init__(self, fields: Sequence[str], zone: tzinfo) -> None:
        """Raises ``ValueError``."""
        from cronsim import CronSim, CronSimError  # only where there are timers, as with the zones

        try:
            self._days: Final = CronSim(" ".join(fields), _ANY_DAY)
        except CronSimError as wrong:
            raise ValueError(f"{wrong} in {' '.join(fields)!r}") from None
        self._zone: Final = zone
        hours, minutes, seconds = (sorted(each) for each in (self._days.hours, self._days.minutes, self._days.seconds))
        self._offsets: Final = [
            timedelta(hours=hour, minutes=minute, seconds=second)
            for hour in hours
            for minute in minutes
            for second in seconds
        ]
        """Of one day, in order."""
        self._known: tuple[date, list[datetime]] = (date.min, [])
        """All firings of the day that was asked for last; exchanged as a whole, because threads share it."""

    def after(self, instant: datetime, since: datetime) -> datetime | None:
        try:
            day = instant.astimezone(self._zone).date()
        except OverflowError:  # the last hours of the year 9999
            return None
        last = min(day.toordinal() + _LONGEST.days, date.max.toordinal() - 1)
        for ordinal in range(day.toordinal(), last):
            found = self._of(date.fromordinal(ordinal))
            if found and found[-1] > instant:
                return found[bisect_right(found, instant)]
        return None

    def _of(self, day: date) -> list[datetime]:
        known, instants = self._known
        if day == known:
            return instants
        if day.month not in self._days.months or not self._days.match_day(day):
            return []
        begin, end = (datetime.combine(each, time(), self._zone) for each in (day, day + _DAY))
        if begin.utcoffset() == end.utcoffset():
            start = begin.astimezone(UTC)
            instants = [start + offset for offset in self._offsets]
        else:
            instants = self._of_day_of_change(day)
        self._known = (day, instants)
        return instants

    def _of_day_of_change(self, day: date) -> list[datetime]:
        """On a day on which the clocks are changed, each time of day is looked up for itself."""
        found = set()
        for offset in self._offsets:
            wall = datetime.combine(day, time()) + offset
            for fold in (0, 1):
                instant = wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)
                if instant.astimezone(self._zone).replace(tzinfo=None) == wall:
                    found.add(instant)
        return sorted(found)


@lru_cache(maxsize=1024)
def read_schedule(text: str) -> Schedule:
    """Read an expression of a time trigger: ``@every`` and a duration of hours, minutes and seconds, or six fields
    that ``CRON_TZ=zone`` may precede.

    Raises ``ValueError`` that says what is wrong, and what would be right.
    """
    text = text.strip()
    if text.startswith("@"):
        return _every(text)
    zone: tzinfo = UTC
    if zoned := re.fullmatch(_ZONED, text):
        zone, text = _zone(zoned[1]), zoned[2]
    fields = text.upper().split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"a cron expression has six fields ({' '.join(_FIELDS)}), got {len(fields)}"
            + ("; put the seconds first: '0 " + text.strip() + "'" if len(fields) == len(_FIELDS) - 1 else "")
        )
    for name, field, allowed in zip(_FIELDS, fields, _ALLOWED, strict=True):
        if not re.fullmatch(allowed, field):
            raise ValueError(f"{name} of the cron expression is {field!r}")
    schedule = Cron([*_plain(fields[:5]), _weekdays(fields[5])], zone)
    if schedule.after(_ANY_DAY, _ANY_DAY) is None:
        raise ValueError(f"the cron expression {text!r} never fires")
    return schedule


def _plain(fields: Sequence[str]) -> list[str]:
    return ["*" if field == "?" else field for field in fields]


def _weekdays(field: str) -> str:
    """The weekdays as numbers. ASSUMED: fcemu takes 1 for Monday and 7 for Sunday, and 0 for Sunday as well
    (timers-and-instances §1.2)."""
    for name, number in _WEEKDAYS.items():
        field = field.replace(name, number)
    return "*" if field == "?" else field


def _every(text: str) -> Every:
    found = re.fullmatch(_EVERY, text)
    if found is None:
        raise ValueError(f"expected '@every' and a duration such as 5m, 1h30m or 90s, got {text!r}")
    parts = re.findall(r"([0-9]+)([hms])", found[1])
    interval = timedelta(0)
    try:
        for number, unit in parts:
            interval += int(number) * _UNITS[unit]
    except OverflowError:
        raise ValueError(f"{text!r} is too long") from None
    if interval < timedelta(seconds=1):
        raise ValueError(f"{text!r} is shorter than a second")
    return Every(interval)


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; write one such as Asia/Shanghai") from None


def _later(instant: datetime, by: timedelta) -> datetime | None:
    try:
        return instant + by
    except OverflowError:
        return None
