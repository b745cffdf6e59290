"""This module guesses which timer expression a wrong one was meant to be."""

import re
from collections.abc import Iterator
from typing import Final
from zoneinfo import available_timezones

from fcemu.config.problems import closest
from fcemu.core.cron import read_schedule

_NAMED: Final = {
    "@hourly": "0 0 * * * *",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@weekly": "0 0 0 * * SUN",
    "@monthly": "0 0 0 1 * *",
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
}
"""What other cron dialects know."""
RANGES: Final = (
    "seconds 0-59, minutes 0-59, hours 0-23, day of month 1-31, month 1-12 or JAN-DEC, day of week 1-7 or MON-SUN"
)


def hints(expression: str) -> list[str]:
    """The closest expression that is right, else what the fields may be."""
    for repaired in _repairs(expression.strip()):
        try:
            read_schedule(repaired)
        except ValueError:
            continue
        return [f"did you mean {repaired!r}?"]
    return [RANGES]


def _repairs(expression: str) -> Iterator[str]:
    zone, text = "", expression
    if found := re.fullmatch(r"(?:CRON_)?TZ=(\S+)\s+(.*)", expression, re.DOTALL):
        near = found[1] if found[1] in available_timezones() else closest(found[1], available_timezones())
        zone, text = f"CRON_TZ={near} " if near else "", found[2]
    yield zone + text
    if text.lower() in _NAMED:
        yield zone + _NAMED[text.lower()]
    if found := re.fullmatch(
        r"@?every\s*([0-9]+)\s*(s|m|h)(?:ecs?|econds?|ins?|inutes?|rs?|ours?)?|@?every\s*([0-9hms]+)", text.lower()
    ):
        yield f"@every {found[3] or found[1] + found[2]}"
    fields = text.split()
    if len(fields) == 5:
        yield f"{zone}0 {text}"
    if len(fields) == 7:  # with a year
        yield zone + " ".join(fields[:6])
    if len(fields) == 6:
        seconds = re.sub(r"[^0-9*,/-]", "", fields[0])
        yield zone + " ".join([seconds or "0", *fields[1:]])
        yield zone + " ".join(["0", *(field.replace("?", "*") for field in fields[1:])])
