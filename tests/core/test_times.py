"""Durations and instants as people write them."""

from datetime import UTC, datetime, timedelta

import pytest

from fcemu.core.times import parse_duration, parse_instant

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (200, 200),
        (0.25, 0.25),
        ("200", 200),
        ("1.5", 1.5),
        ("500ms", 0.5),
        ("90s", 90),
        ("2m", 120),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1d2h3m4s5ms", 93_784.005),
        (" 1h ", 3600),
        (".5s", 0.5),
        ("-5s", -5),
        (-5, -5),
        (timedelta(seconds=7), 7),
    ],
)
def test_a_duration_is_read(written, seconds):
    assert parse_duration(written) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "written",
    ["", "s", "1x", "30m1h", "1h1h", "--5", "1e5", "nan", "١s", True, float("inf"), float("nan"), "9999999999d"],
)
def test_what_is_no_duration_is_refused_with_its_text(written):
    with pytest.raises(ValueError, match="duration") as refused:
        parse_duration(written)
    assert repr(written).strip("'") in str(refused.value)


@pytest.mark.parametrize(
    ("written", "after_start"),
    [
        ("+200s", timedelta(seconds=200)),
        ("+200", timedelta(seconds=200)),
        ("+1h30m", timedelta(minutes=90)),
        ("2026-01-01T00:00:00Z", timedelta(0)),
        ("2026-01-01T09:00:00+08:00", timedelta(hours=1)),
        (datetime(2026, 1, 2, tzinfo=UTC), timedelta(days=1)),
    ],
)
def test_an_instant_is_read_in_utc(written, after_start):
    instant = parse_instant(written, START)
    assert instant == START + after_start
    assert instant.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("2026-01-01", "has no offset"),
        ("2026-01-01T00:00:00", "has no offset"),
        (datetime(2026, 1, 1), "has no offset"),
        ("tomorrow", "is not an instant"),
        ("+tomorrow", "is not a duration"),
        ("+9999999d", "beyond the year 9999"),
        ("0001-01-01T00:00:00+08:00", "outside the years"),
    ],
)
def test_what_is_no_instant_is_refused_with_the_reason(written, why):
    with pytest.raises(ValueError, match=why):
        parse_instant(written, START)
