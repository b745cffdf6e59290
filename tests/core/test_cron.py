"""FC's cron expressions, beside an independent reading by a second library and by the calendar."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter

from fcemu.core.cron import read_schedule

START = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "Asia/Shanghai", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]
DAYS = 400


def firings(expression: str, start: datetime = START, days: float = DAYS) -> list[datetime]:
    """All within ``days`` after ``start``."""
    schedule, end, found, instant = read_schedule(expression), start + timedelta(days=days), [], start
    while (instant := schedule.after(instant, start)) is not None and instant <= end:
        found.append(instant)
    return found


def by_the_other_library(fields: str, days: int = DAYS, zone: str = "UTC") -> list[datetime]:
    """In UTC; its sixth field is the second."""
    second, *rest = fields.replace("?", "*").split()
    found = croniter(" ".join([*rest, second]), START.astimezone(ZoneInfo(zone)), day_or=True)
    instants = (found.get_next(datetime).astimezone(UTC) for _ in itertools.count())
    end = START + timedelta(days=days)
    return list(itertools.takewhile(lambda at: at <= end, instants))


EXPRESSIONS = [
    "0 0 4 1 * *",
    "0 0 0 * * *",
    "30 15,45 */6 * * *",
    "0 0 0 31 * *",
    "0 0 0 28-31 * *",
    "0 30 23 30,31 * *",
    "0 0 0 29 2 *",
    "0 0 9 ? * MON-FRI",
    "0 0 9 * * 1,3,5",
    "0 0 12 ? JAN,JUL SAT",
    "0 0 0 1,15 * FRI",
    "0 30 2 28-31 2 *",
    "*/20 59 23 31 12 ?",
    # At the hours in which clocks are changed.
    "0 30 1 * * *",
    "0 45 1 * * *",
    "0 */30 0-3 * * *",
    "0 0 2 * * *",
    "0 30 2 * * *",
    "0 15 2 ? * 7",
    "0 0 3 * * *",
]
THE_OTHERS_OWN = {
    "America/New_York": ("2026-03-08T03:00-04:00", {"0 0 2 * * *", "0 30 2 * * *", "0 15 2 ? * 7"}),
    "Europe/Berlin": ("2026-03-29T03:00+02:00", {"0 0 2 * * *", "0 30 2 * * *", "0 15 2 ? * 7"}),
    "Australia/Lord_Howe": ("2026-10-04T02:30+11:00", {"0 0 2 * * *", "0 15 2 ? * 7"}),
}
"""Where FC's rule is another: what the clocks jump over does not fire in FC ("may be skipped", §1.2); the other library
makes up for it with a firing right after the jump."""


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("fields", EXPRESSIONS)
def test_an_expression_means_what_a_second_library_makes_of_it(fields, zone):
    made_up, of = THE_OTHERS_OWN.get(zone, ("", set()))
    theirs = by_the_other_library(fields, zone=zone)
    if fields in of:
        theirs.remove(datetime.fromisoformat(made_up))
    assert firings(f"CRON_TZ={zone} {fields}") == theirs


@pytest.mark.parametrize("fields", ["0 */10 8-17 * * *", "0 5/20 * * * *", "*/7 * 0 1 * *"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_so_does_one_that_fires_often(fields, zone):
    assert firings(f"CRON_TZ={zone} {fields}", days=40) == by_the_other_library(fields, 40, zone)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("hour", [0, 1, 2, 3])
def test_a_daily_timer_matches_the_wall_clock_of_its_zone(zone, hour):
    """Every half hour is looked at: what the clocks jump over does not fire, what they repeat fires twice."""
    there = ZoneInfo(zone)
    wanted, instant = [], START
    for _ in range(DAYS * 24 * 2 + 1):
        local = instant.astimezone(there)
        if (local.hour, local.minute) == (hour, 30) and instant > START:
            wanted.append(instant)
        instant += timedelta(minutes=30)
    assert firings(f"CRON_TZ={zone} 0 30 {hour} * * *") == wanted


def test_what_the_clocks_jump_over_does_not_fire_and_what_they_repeat_fires_twice():
    def days(at: list[datetime], month: int) -> list[int]:
        return [each.day for each in at if each.month == month]

    at = firings("CRON_TZ=Europe/Berlin 0 30 2 * * *", datetime(2026, 3, 28, tzinfo=UTC), 3)
    assert days(at, 3) == [28, 30]
    at = firings("CRON_TZ=Europe/Berlin 0 30 2 * * *", datetime(2026, 10, 24, tzinfo=UTC), 3)
    assert days(at, 10) == [24, 25, 25, 26]


def test_every_counts_from_when_the_timer_was_set():
    schedule, since = read_schedule("@every 1h30m"), START + timedelta(minutes=7)
    assert schedule.after(since, since) == since + timedelta(minutes=90)
    assert schedule.after(since + timedelta(minutes=90), since) == since + timedelta(minutes=180)
    assert schedule.after(START, since) == since + timedelta(minutes=90)


@pytest.mark.parametrize(("text", "seconds"), [("@every 5m", 300), ("@every 90s", 90), ("@every 1h1m1s", 3661)])
def test_every_takes_hours_minutes_and_seconds(text, seconds):
    assert read_schedule(text).after(START, START) == START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("* * * * *", "six fields .* got 5; put the seconds first: '0 \\* \\* \\* \\* \\*'"),
        ("", "six fields"),
        ("0 0 25 * * *", "Bad hour in"),
        ("60 0 0 * * *", "Bad second in"),
        ("0 0 0 0 * *", "Bad day-of-month in"),
        ("0 0 0 30 2 *", "Bad day-of-month in|never fires"),
        ("0 0 0 * 13 *", "Bad month in"),
        ("0 0 0 * * 8", "Bad day-of-week in"),
        ("0s 0 0 * * *", "Bad second in|Seconds of the cron expression is '0S'"),
        ("? 0 0 * * *", "Seconds of the cron expression is '\\?'"),
        ("0 0 0 L * *", "Day-of-month|Bad"),
        ("0 0 0 * * MON#2", "Day-of-week of the cron expression"),
        ("0 */0 0 * * *", "Bad minute"),
        ("0 5-1 0 * * *", "Bad minute"),
        ("CRON_TZ=Mars/Olympus 0 0 0 * * *", "no time zone 'Mars/Olympus'"),
        ("CRON_TZ=../../etc 0 0 0 * * *", "no time zone"),
        ("@every", "'@every' and a duration"),
        ("@every 0s", "shorter than a second"),
        ("@every 5", "'@every' and a duration"),
        ("@every 99999999999999999999h", "too long"),
        ("@daily", "'@every' and a duration"),
    ],
)
def test_a_wrong_expression_says_what_is_wrong(text, why):
    with pytest.raises(ValueError, match=why):
        read_schedule(text)
