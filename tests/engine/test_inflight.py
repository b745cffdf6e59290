"""What the watchdog's patience is measured by."""

from itertools import pairwise
from queue import SimpleQueue

import pytest
from patience import WAIT_SECONDS

from fcemu.engine.inflight import Watchdog

STOOD_STILL = 3600.0


class Looked:
    """An emulator that notes by which time it was looked at; meanwhile real time goes on by ``takes`` seconds."""

    check_every = 0.001

    def __init__(self, takes: float) -> None:
        self.real = 1000.0
        self.times: SimpleQueue[float] = SimpleQueue()
        self._takes = takes

    def monotonic(self) -> float:
        return self.real

    def check_progress(self, now: float) -> None:
        self.times.put(now)
        self.real += self._takes


@pytest.mark.parametrize(("takes", "counts"), [(0.0005, 0.0005), (0.001, 0.001), (STOOD_STILL, 0.001)])
def test_time_in_which_the_process_stood_still_counts_as_one_look_at_most(takes, counts):
    """A suspended machine, or one that is too busy to let the watchdog look, must not cost a handler its attempt."""
    looked = Looked(takes)
    watchdog = Watchdog(looked.monotonic)
    watchdog.watch(looked)
    seen = [looked.times.get(timeout=WAIT_SECONDS) for _ in range(5)]
    watchdog.forget(looked)
    assert [later - before for before, later in pairwise(seen)] == pytest.approx([counts] * 4)
