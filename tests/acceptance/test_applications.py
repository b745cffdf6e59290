"""Two plain applications that know nothing of the emulator: the same timeline, however often they run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import CHILD_SECONDS

ROOT = Path(__file__).parent.parent.parent

FULL = os.environ.get("FCEMU_EFFORT") == "full"
TIMES = 1000 if FULL else 25


@pytest.mark.parametrize("n", range(TIMES))
@pytest.mark.fcemu("fixtures/registration", seed=3)
def test_the_mail_is_sent_later_although_the_server_is_away_for_two_attempts(fcemu, n):
    welcome = fcemu.function("registration/welcome")
    server = welcome.module.mail.SERVER
    server.outages, server.taken[:] = 2, []
    invocation = welcome.invoke_async({"name": "Ada", "address": "ada@example.org"}, delay=3600)

    sent = invocation.result()

    assert [attempt.outcome for attempt in invocation.attempts] == ["function error", "function error", "returned"]
    started = [attempt.started for attempt in invocation.attempts]
    assert started == fcemu.times("+3600s", "+3605.5s", "+3611.5s")
    assert sent == {"sent": 2, "at": "2026-01-01T01:01:16.500000+00:00"}
    assert [text for _, text in server.taken] == [
        "greeting for Ada, written 01:00:13",
        "terms for Ada, written 01:00:16",
    ]
    fcemu.run_until_idle()
    assert len(fcemu.topic("welcomed").messages) == 1
    same_as_before("registration", fcemu)


@pytest.mark.parametrize("n", range(TIMES))
@pytest.mark.fcemu("fixtures/conversion", seed=3)
def test_a_film_is_converted_in_ten_minutes(fcemu, n):
    invocation = fcemu.function("convert").invoke_async({"film": "Metropolis", "pieces": 4})

    assert invocation.result() == {"film": "Metropolis", "pieces": [0, 1, 2, 3], "seconds": 600.0}

    assert invocation.ended == fcemu.at("+600s")
    fcemu.run_until_idle()
    assert fcemu.queue("converted").messages[0].invocation == invocation
    same_as_before("conversion", fcemu)


@pytest.mark.timeout(CHILD_SECONDS + TIMES + 60)
@pytest.mark.parametrize("backend", ["freezegun", "time-machine"])
def test_they_do_so_in_two_processes_and_in_any_order(backend):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "xdist",
        "-p",
        "randomly",
        "-n",
        "2",
    ]
    deselected = ["-o", f"fcemu_backend={backend}", "-k", "not two_processes", str(Path(__file__).relative_to(ROOT))]
    patience = CHILD_SECONDS + TIMES
    done = subprocess.run([*command, *deselected], cwd=ROOT, capture_output=True, text=True, timeout=patience)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{2 * TIMES} passed" in done.stdout


def same_as_before(name, fcemu):
    """Threads of a handler may interleave; what the timeline says may not depend on how."""
    assert fcemu.timeline() + "\n" == (Path(__file__).parent / "recorded" / f"{name}.txt").read_text()
