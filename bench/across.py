"""Runs of a search a second of real time on two workers of Dask, to those on one; cores must be free for both.

A run is the test of ``MARKED``: two messages and an inline handler, fixtures set up anew. The time that workers take to
start is not measured.
"""

import random
import tempfile
import time
from pathlib import Path

from common import ROOT, in_turn, sized
from explore import MARKED, definition_in, two_messages

from fcemu.across import Across, Job
from fcemu.host import LocalHost
from fcemu.search.explorer import Bounds, explore

RUNS = sized(200, 6000, 20_000)
BEFORE = sized(100, 1500, 3000)
"""So many runs are made before the clock starts: by then all workers have started, and batches have their size."""
ROUNDS = sized(1, 3, 5)


def rate(host: LocalHost, folder: Path, workers: int) -> float:
    """Runs a second on so many workers."""
    (folder / "fcemu.yaml").write_text("functions: {charge: {handler: index.charge}}\n")
    (folder / "test_it.py").write_text(MARKED.format(folder=str(folder), runs=RUNS))
    arguments = ("test_it.py", "-q", "-p", "no:cacheprovider", f"--fcemu-explore={RUNS}")
    job = Job("test_it.py::test_it", (*arguments, "--rootdir", str(folder)), str(folder))
    begin = end = 0.0

    def progress(runs: int) -> None:
        nonlocal begin, end
        end = time.perf_counter()
        if runs <= BEFORE:
            begin = end

    calm = two_messages(host, definition_in(folder))
    runner = Across(job, "", workers).runs
    result = explore(calm, Bounds(runs=RUNS), random.randrange(2**32), progress, runner)
    assert result.runs == RUNS, result
    return (RUNS - BEFORE) / (end - begin)


def main() -> None:
    host = LocalHost()
    with tempfile.TemporaryDirectory(dir=ROOT) as name:
        folder = Path(name)
        in_turn(
            "two workers of Dask, to one",
            lambda: rate(host, folder, 2),
            lambda: rate(host, folder, 1),
            ROUNDS,
            "runs a second",
        )
    host.close()


if __name__ == "__main__":
    main()
