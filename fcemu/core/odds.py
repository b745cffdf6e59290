"""Odds: how often a seeded chance answers otherwise than a calm one, a row for each draw."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from fcemu.core.values import dataclass
from fcemu.core.wording import did_you_mean


@dataclass(frozen=True, slots=True)
class Odds:
    """How often a seeded chance answers otherwise than a calm one; each is asked for each attempt it can befall.

    ASSUMED: fcemu draws with odds of its own, because FC prints no numbers; these let a test of a few dozen attempts
    see some of each.
    """

    overtake: float = 0.25
    """The oldest of several messages that are due at the same instant is not delivered first."""
    late: float = 0.2
    """A delayed message is delivered late, by up to ``LATE_AT_MOST``."""
    throttle: float = 0.04
    """An attempt is refused with 429."""
    fail: float = 0.01
    """An attempt is refused with 500, and with the same odds with 503."""
    crash: float = 0.01
    """An instance dies before its handler runs, and with the same odds while it sleeps or after it has run."""
    repeat: float = 0.03
    """The queue does not learn that an asynchronous attempt ended, and delivers once more, by up to
    ``AGAIN_AT_MOST`` later."""
    instance: float = 0.0
    """An attempt does not get the idle instance, but equally often an additional one or one in its place."""
    start: float = 0.0
    """A new instance takes longer to start, by up to ``SLOWER_AT_MOST``."""
    report: float = 0.0
    """A report to a destination is late by up to ``LATE_AT_MOST``, comes twice, or is lost and sent once more,
    each as often as the others."""
    timer: float = 0.0
    """A timer fires late, by up to ``LATE_AT_MOST``."""
    strands: float = 0.0
    """The first of several threads or tasks of a handler that wake at the same instant does not continue first."""


ODDS: Final = Odds()
NAMES: Final = tuple(one.name for one in fields(Odds))
"""What may have odds of its own."""


def check_odds(given: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` where a name is unknown, a number is no probability, or refusals come to more than all."""
    for name, odds in given.items():
        if name not in NAMES:
            question = did_you_mean(name, NAMES)
            hint = f"; {question}" if question else "."
            raise ValueError(f"{name!r} has no odds{hint} These have: {', '.join(NAMES)}")
        if isinstance(odds, bool) or not isinstance(odds, int | float) or not 0 <= odds <= 1:
            raise ValueError(f"{name}: expected a number from 0 to 1, got {odds!r}")
    refused = given.get("throttle", ODDS.throttle) + 2 * given.get("fail", ODDS.fail)
    if refused > 1:
        raise ValueError(f"the odds of throttle and twice those of fail add up to {refused:g}; expected at most 1")
