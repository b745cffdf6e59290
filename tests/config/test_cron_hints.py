"""A wrong expression of a timer is answered with the closest one that is right, else with what its fields may be."""

import pytest

from fcemu.config.cron_hints import RANGES, hints


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("0 2 * * *", "0 0 2 * * *"),
        ("0 0 2 * * ? 2026", "0 0 2 * * ?"),
        ("@hourly", "0 0 * * * *"),
        ("@every 5min", "@every 5m"),
        ("@every 30 seconds", "@every 30s"),
        ("every 2 hours", "@every 2h"),
        ("@every 1hr", "@every 1h"),
        ("every 1h30m", "@every 1h30m"),
        ("TZ=Asia/Shanghai 0 0 2 * * *", "CRON_TZ=Asia/Shanghai 0 0 2 * * *"),
        ("CRON_TZ=Asia/Shangai 0 0 2 * * *", "CRON_TZ=Asia/Shanghai 0 0 2 * * *"),
    ],
)
def test_the_closest_right_expression_is_named(wrong, right):
    assert hints(wrong) == [f"did you mean {right!r}?"]


@pytest.mark.parametrize("wrong", ["nonsense", "0 0 25 * * *", "@every 5 months", "0 0 0 31 2 *", ""])
def test_where_none_is_close_the_fields_are_explained(wrong):
    assert hints(wrong) == [RANGES]
