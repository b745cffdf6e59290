"""Durations and instants as people write them: ``1h30m``, ``+200s``, ISO 8601 with an offset."""

import re
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Final

_NUMBER: Final = r"(\d+(?:\.\d*)?|\.\d+)"
_DURATION: Final = re.compile(
    rf"([+-]?)(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m(?!s))?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?", re.ASCII
)
_SECONDS: Final = re.compile(rf"[+-]?{_NUMBER}", re.ASCII)
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_HOUR: Final = timedelta(hours=1)
_UNITS: Final = ("days", "hours", "minutes", "seconds", "milliseconds")


def parse_duration(value: str | float | timedelta) -> timedelta:
    """A duration from seconds (a number, or text without a unit) or from text like ``1h30m``, ``500ms``, ``2d``.

    Negative ones are returned as such: whoever moves a clock says that time does not go back. Raises ``ValueError``.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{value!r} is not a duration; write a number of seconds, or a string like '1h30m'")
    return _timedelta(repr(value), seconds=value)


def _from_text(text: str) -> timedelta:
    stripped = text.strip()
    if _SECONDS.fullmatch(stripped):
        return _timedelta(text, seconds=float(stripped))
    found = _DURATION.fullmatch(stripped)
    if found is None or not any(found.groups()[1:]):
        raise ValueError(f"{text!r} is not a duration; write seconds, or a string like '1h30m', '500ms' or '2d'")
    sign = -1 if found[1] == "-" else 1
    parts = {unit: sign * float(number) for unit, number in zip(_UNITS, found.groups()[1:], strict=True) if number}
    return _timedelta(text, **parts)


def _timedelta(written: str, **parts: float) -> timedelta:
    try:
        return timedelta(**parts)
    except OverflowError:
        raise ValueError(f"{written} is too long a duration") from None


def parse_instant(value: str | datetime, started: datetime) -> datetime:
    """An instant in UTC from ISO 8601 with an offset, or from ``+200s``, which counts from ``started``.

    Raises ``ValueError``, also for a time without an offset: it would mean something else on another machine.
    """
    if isinstance(value, str) and value.strip().startswith("+"):
        try:
            return started + _from_text(value)
        except OverflowError:
            raise ValueError(f"{value!r} is beyond the year 9999") from None
    instant = value if isinstance(value, datetime) else _from_iso(value)
    if instant.tzinfo is None:
        raise ValueError(f"{str(value)!r} has no offset; write it like '2026-01-01T00:00:00Z', or '+200s'")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{str(value)!r} is outside the years 1 to 9999") from None


def _from_iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{text!r} is not an instant; write it like '2026-01-01T00:00:00Z', or '+200s' from the start"
        ) from None


def milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970, as FC's records, reports and events write instants."""
    return (at - _START) // _MILLISECOND


def text_of(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as FC's events write instants."""
    return f"{at.isoformat('T', 'milliseconds').removesuffix('+00:00')}Z"


def later(at: datetime, by: timedelta) -> datetime:
    """``at + by``, at most the last instant there is."""
    try:
        return at + by
    except OverflowError:
        return datetime.max.replace(tzinfo=at.tzinfo)


def offset(at: datetime, started: datetime) -> str:
    """``+200.5 s``: seconds from ``started``, without needless digits."""
    return f"+{seconds(at - started)}"


def spoken_offset(at: datetime, started: datetime) -> str:
    """What ``for_people`` makes of ``offset``: ``+14h55m31s``."""
    return f"+{spoken(at - started)}"


_LONG: Final = re.compile(r"([0-9](?<![^\s(+][0-9])(?<![^\s(]\+[0-9])[0-9]{3,}(?:\.[0-9]+)?) s(?!\w)")
"""A long time that is no part of a word. The pattern begins with a digit and looks back from there, which takes half
the time; most lines that ``serve`` writes are searched."""


def for_people(text: str) -> str:
    """A text in which times of an hour and more, ``+53731 s``, are written as ``spoken`` does: ``+14h55m31s``."""
    if " s" not in text:
        return text
    return _LONG.sub(lambda found: spoken(_timedelta(found[1], seconds=float(found[1]))), text)


def spoken(duration: timedelta) -> str:
    """A duration for people: ``200.5 s`` below an hour, from there on ``14h55m31s`` or ``3d2h``. It loses nothing."""
    if duration < _HOUR:
        return seconds(duration)
    days, (minutes, left) = duration.days, divmod(duration.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    shown = seconds(timedelta(seconds=left, microseconds=duration.microseconds)).removesuffix(" s")
    parts = ((str(days), "d"), (str(hours), "h"), (str(minutes), "m"), (shown, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number != "0")


def seconds(duration: timedelta) -> str:
    """``200.5 s``, exact to the microsecond, without needless digits."""
    text = f"{duration.total_seconds():.6f}".rstrip("0").rstrip(".")
    return f"{text} s"
