"""What reading time costs while the time functions are replaced: outside of handlers, and inside; for each backend."""

import contextvars
import datetime
import json
import os
import subprocess
import sys
import time
import timeit
from typing import Any

from common import line, sized

from fcemu.runtimes import timeshift

BACKENDS = ("freezegun", "time-machine")
READS = {
    "time.time()": lambda: time.time,
    "time.monotonic()": lambda: time.monotonic,
    "time.perf_counter()": lambda: time.perf_counter,
    "time.localtime()": lambda: time.localtime,
    "datetime.now()": lambda: datetime.datetime.now,
    "datetime.now(UTC)": lambda: lambda now=datetime.datetime.now: now(datetime.UTC),
    "datetime.fromtimestamp(0)": lambda: lambda of=datetime.datetime.fromtimestamp: of(0),
    "date.today()": lambda: datetime.date.today,
}
KEPT = {name: READS[name]() for name in ("time.time()", "datetime.now()", "date.today()")}
"""Bound before anything is replaced."""
NUMBER = sized(50, 5_000, 5_000)


class Clock:
    """What a handler reads."""

    started = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

    def now(self) -> datetime.datetime:
        """A paused clock."""
        return self.started

    def elapsed_ns(self) -> int:
        """At its start."""
        return 0


def cost(read: Any) -> float:
    """Nanoseconds a call."""
    return min(timeit.repeat(read, number=NUMBER, repeat=10)) / NUMBER * 1e9


def in_handler(read: Any) -> float:
    """The same in a handler."""

    def enter() -> float:
        timeshift.CLOCK.set(Clock())  # type: ignore[arg-type]
        timeshift.enter()
        try:
            return cost(read)
        finally:
            timeshift.leave()

    return contextvars.Context().run(enter)


def measure(rounds: int) -> dict[str, dict[str, list[float]]]:
    """All reads before and after the replacement, in this process."""
    before = {name: [cost(make()) for _ in range(rounds)] for name, make in READS.items()}
    timeshift.install()
    found = {
        name: {
            "unpatched": before[name],
            "outside": [cost(make()) for _ in range(rounds)],
            "inside": [in_handler(make()) for _ in range(rounds)],
        }
        for name, make in READS.items()
    }
    for name, kept in KEPT.items():
        outside = [cost(kept) for _ in range(rounds)]
        found[f"{name}, bound before"] = {
            "unpatched": before[name],
            "outside": outside,
            "inside": [in_handler(kept) for _ in range(rounds)],
        }
    return found


def main() -> None:
    """Print ratios for each backend."""
    rounds = sized(1, 7, 15)
    if len(sys.argv) > 1:
        print(json.dumps(measure(rounds)))
        return
    for backend in BACKENDS:
        environment = {**os.environ, "FCEMU_BACKEND": backend}
        command = [sys.executable, __file__, "measure"]
        answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout
        for name, costs in json.loads(answer).items():
            line(f"{backend}: {name} outside", costs["outside"], costs["unpatched"], "ns")
            inside = sorted(costs["inside"])[rounds // 2]
            print(f"{backend}: {name} in a handler: {inside / 1000:.2f} µs", flush=True)


if __name__ == "__main__":
    main()
