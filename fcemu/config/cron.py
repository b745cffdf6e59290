"""What is wrong with the expression of a timer, found before anything is scheduled."""

import re
from typing import Final
from zoneinfo import ZoneInfo

from fcemu.config.problems import closest, quoted

_EVERY: Final = re.compile(r"@every (?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:h|m|s))+")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: Final[tuple[tuple[str, int, int, tuple[str, ...]], ...]] = (
    ("seconds", 0, 59, ()),
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
"""Source: FC docs, "Configure a time trigger" (timers-and-instances §1.2)."""


def wrong_with(expression: str) -> list[str]:
    """A message and hints; empty for a right one."""
    if expression.startswith("@"):
        if _EVERY.fullmatch(expression) and re.search("[1-9]", expression):
            return []
        return [f"{quoted(expression)} is no interval", "write @every 5m, @every 1h30m or @every 10s"]
    zone, _, rest = expression.partition(" ") if expression.startswith("CRON_TZ=") else ("", "", expression)
    if zone and (wrong := _wrong_zone(zone.removeprefix("CRON_TZ="))):
        return wrong
    fields = rest.split()
    if len(fields) != len(_FIELDS):
        hints = ["six fields: seconds, minutes, hours, day of month, month, day of week"]
        if len(fields) == 5:
            prefix = f"{zone} " if zone else ""
            hints.insert(0, f"did you mean {f'{prefix}0 {rest}'!r}? FC's cron begins with the seconds")
        return [f"{quoted(expression)} has {len(fields)} fields", *hints]
    for field, (name, least, most, words) in zip(fields, _FIELDS, strict=True):
        if not _is_field(field, least, most, words):
            named = f", {words[0]}-{words[-1]}" if words else ""
            return [f"{quoted(field)} is no {name}", f"allowed: {least}-{most}{named}, lists, ranges, steps, *"]
    return []


def _wrong_zone(name: str) -> list[str]:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        from zoneinfo import available_timezones

        near = closest(name, available_timezones())
        return [f"there is no time zone {quoted(name)}", *([f"did you mean {near!r}?"] if near else [])]
    return []


def _is_field(field: str, least: int, most: int, words: tuple[str, ...]) -> bool:
    return all(_is_part(part, least, most, words) for part in field.split(","))


def _is_part(part: str, least: int, most: int, words: tuple[str, ...]) -> bool:
    span, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and 0 < int(step[:6]) <= most):
        return False
    if span in {"*", "?"}:
        return True
    ends = [_number(end, words) for end in span.split("-")]
    return len(ends) <= 2 and all(end is not None and least <= end <= most for end in ends) and ends == sorted(ends)


def _number(text: str, words: tuple[str, ...]) -> int:
    if text.upper() in words:
        return words.index(text.upper()) + (1 if len(words) == 12 else 0)
    return int(text[:6]) if text.isascii() and text.isdecimal() else -1
