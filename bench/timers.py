"""Time triggers: 30 days of a 10-minute timer; firings a second of a 10-second one, and the bytes of a firing."""

import gc
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from common import ROOT, apart, line, sized

from fcemu import host
from fcemu.config import read_mapping
from fcemu.core.names import FunctionRef
from fcemu.core.resource_types import TRIGGERS
from fcemu.engine.emulator import Asked, Emulator

REPORT = FunctionRef("report")
MONTH = timedelta(days=30)
FEW, MANY = sized((10, 100), (10_000, 100_000), (10_000, 100_000))
PAYLOAD = b'{"triggerTime":"2026-01-01T00:00:10Z","triggerName":"often","payload":""}'
"""What a firing hands over; the baseline's invocations get the same."""


def emulator(every: str | None) -> Emulator:
    """One function whose code is a stub that returns nothing, with one timer or none."""
    triggers = {} if every is None else {"often": {"timer": every}}
    function = {"handler": "handler.hello", "code": str(ROOT / "fixtures/hello"), "triggers": triggers}
    runtimes = host.Runtimes({})
    made = host.emulator_of(
        read_mapping({"functions": {"report": function}}, Path.cwd()), host.settings_of({}), runtimes
    )
    made.setup.stub(REPORT, runtimes.stub([None]))
    return made


def fire(every: str, span: timedelta, firings: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds for ``span`` of a timer, all of whose firings have ended then."""
    emulated = emulator(every)
    begin = clock()
    emulated.wait(emulated.advance(span))
    seconds = clock() - begin
    _check(emulated, firings)
    return seconds


def defer(firings: int) -> float:
    """Seconds for as many invocations of the same function that a caller accepts one by one, each a while later."""
    emulated = emulator(None)
    begin = time.perf_counter()
    for n in range(firings):
        emulated.accept(Asked(REPORT, PAYLOAD, delay=timedelta(seconds=n % 3600)))
    emulated.wait(emulated.run_until_idle(None))
    seconds = time.perf_counter() - begin
    _check(emulated, firings)
    return seconds


def memory(firings: int) -> float:
    """Bytes for each firing of a 10-second timer, with its record and all its facts; what the stub remembers of its
    calls is not counted: it is let go with its last instance, once the clock has passed the end of its idle time."""
    emulated = emulator("@every 10s")
    emulated.wait(emulated.advance(timedelta(seconds=1000)))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    emulated.wait(emulated.advance(timedelta(seconds=10 * firings)))
    emulated.setup.unstub(REPORT)
    emulated.control.delete(TRIGGERS, (REPORT, "often"))
    emulated.wait(emulated.advance(2 * emulated.settings.idle))
    gc.collect()
    taken = (tracemalloc.get_traced_memory()[0] - before) / firings
    _check(emulated, firings + 100)
    return taken


def _check(emulated: Emulator, firings: int) -> None:
    ended = sum(each.finished for each in emulated.journal.invocations.values())
    assert ended == firings, f"{ended} of {firings}"


MEASURES = {
    "month": lambda: fire("0 */10 * * * *", MONTH, 4320),
    "month-deferred": lambda: defer(4320),
    "few": lambda: fire("@every 10s", timedelta(seconds=10 * FEW), FEW) / FEW,
    "many": lambda: fire("@every 10s", timedelta(seconds=10 * MANY), MANY) / MANY,
    "many-deferred": lambda: defer(MANY) / MANY,
    "processor": lambda: fire("@every 10s", timedelta(seconds=10 * MANY), MANY, time.process_time) / MANY,
    "memory": lambda: memory(MANY),
}


def main() -> None:
    """Print seconds, rates, ratios and bytes."""
    if len(sys.argv) > 1:
        print(MEASURES[sys.argv[1]]())
        return
    rounds = sized(1, 5, 9)
    found = {name: [apart(name) for _ in range(rounds)] for name in MEASURES if name != "memory"}
    line("30 days of a 10-minute timer, to as many deferred invocations", found["month"], found["month-deferred"], "s")
    line("a firing of a 10-second timer, to a deferred invocation", found["many"], found["many-deferred"], "s")
    line(f"a firing of {MANY:,}, to one of {FEW:,}", found["many"], found["few"], "s")
    a_second, of_processor = (1 / sorted(found[name])[rounds // 2] for name in ("many", "processor"))
    print(f"{a_second:,.0f} firings a second, {of_processor:,.0f} in a second of the processor's time")
    print(f"{apart('memory'):.0f} bytes for each")


if __name__ == "__main__":
    main()
