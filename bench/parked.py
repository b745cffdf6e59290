"""Attempts that are all parked at once: until 5,000 handlers that sleep an hour have ended, in seconds and in memory.

The baseline is as many bare threads, in a process that knows nothing of fcemu.
"""

import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

from common import apart, line, sized

PARKED = sized(50, 5_000, 5_000)
HANDLER = """
import time

def handler(event, context):
    time.sleep(3600)
"""


def attempts() -> float:
    """5,000 attempts of one function start, sleep an hour of virtual time side by side, and end."""
    from fcemu import host
    from fcemu.config import read_mapping
    from fcemu.core.names import FunctionRef
    from fcemu.engine.emulator import Asked

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "index.py").write_text(HANDLER)
        function = {"handler": "index.handler", "code": folder, "timeout": 86400}
        definition = read_mapping({"functions": {"sleeper": function}}, Path(folder))
        emulated = host.emulator_of(definition, host.settings_of({}), host.Runtimes({}))
        invocations = [emulated.accept(Asked(FunctionRef("sleeper"))) for _ in range(PARKED)]
        begin = time.perf_counter()
        emulated.wait(emulated.run_until_idle(None))
        seconds = time.perf_counter() - begin
        assert {(one.ended - one.attempts[0].started).total_seconds() for one in invocations if one.ended} == {3600}
        return seconds


def threads() -> float:
    """5,000 threads start, wait in real time for one event, are woken and end: what they cost without an emulator."""
    event = threading.Event()
    begin = time.perf_counter()
    waiting = [threading.Thread(target=event.wait) for _ in range(PARKED)]
    for thread in waiting:
        thread.start()
    event.set()
    for thread in waiting:
        thread.join()
    return time.perf_counter() - begin


def main() -> None:
    """Print medians and their ratios."""
    if len(sys.argv) > 1:
        seconds = {"attempts": attempts, "threads": threads}[sys.argv[1]]()
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(megabytes if "memory" in sys.argv else seconds)
        return
    rounds = sized(1, 5, 9)
    question = f"{PARKED:,} handlers that sleep an hour, to as many threads that wait for an event"
    for what, unit in (("seconds", "s"), ("memory", "MB")):
        pairs = [(apart("attempts", what), apart("threads", what)) for _ in range(rounds)]
        ours, baseline = [a for a, _ in pairs], [b for _, b in pairs]
        line(f"{question}, {what}", ours, baseline, unit)


if __name__ == "__main__":
    main()
