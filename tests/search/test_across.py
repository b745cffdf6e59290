"""Searches on several workers, by a real cluster: they find what one process finds, also when a worker is killed."""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import warnings
from contextlib import closing, contextmanager, suppress

import pytest
from patience import CHILD_SECONDS, wait_until
from running import free_port, wrong

from fcemu.across import Across, Job, run_batch
from fcemu.core.script import Script
from fcemu.search.recipes import hear, recipe_of, script_of, told_of

TWO = """
    @pytest.mark.fcemu("")
    def test_it(fcemu):
        seen = []
        fcemu.add("f", lambda event, context: seen.append(event))
        for name in ("a", "b"):
            fcemu.function("f").invoke_async(name)
        fcemu.run_until_idle()
        stop_here()
        assert not seen.count(b"a") == seen.count(b"b") == 2
"""
NEVER = TWO.partition("        assert")[0]
HEAD = '''
import os
import time
import pytest
from pathlib import Path

RUNS = []

def stop_here():
    """In the worker that is to be killed: wait for that in the middle of a batch."""
    RUNS.append(1)
    if os.environ.get("VICTIM") and len(RUNS) == 6:
        worker = os.getppid()
        Path("here").touch()
        while os.getppid() == worker:
            time.sleep(0.01)
'''


@pytest.fixture
def explore(tmp_path, monkeypatch):
    """Run ``fcemu explore`` on the given text as a test file; without the plugins that others have installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    def start(text, runs, *arguments):
        (tmp_path / "test_it.py").write_text(HEAD + textwrap.dedent(text))
        command = [sys.executable, "-m", "fcemu", "explore", "test_it.py::test_it", "--runs", str(runs), *arguments]
        more = ["-q", "-p", "no:cacheprovider", "-p", "fcemu.pytest_plugin"]
        return subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    return start


def told(process):
    """What a search has printed of its result, and its status."""
    output, _ = process.communicate(timeout=CHILD_SECONDS)
    lines = re.findall(r"^(?:FAILED after .*|  choice \d.*|repeat: .*|test_it.py::test_it  .*)$", output, re.MULTILINE)
    assert lines, output
    return lines, process.returncode


@contextmanager
def dask(*words, **variables):
    """A process of Dask's, and what it writes."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@contextmanager
def worker(url, **variables):
    command = ["distributed.cli.dask_worker", url, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    with dask(*command, **variables) as process:
        yield process


@pytest.mark.parametrize(("text", "runs"), [(TWO, 900), (NEVER, 75)])
def test_two_workers_of_this_machine_find_what_one_process_finds(explore, text, runs):
    alone, together = told(explore(text, runs)), told(explore(text, runs, "--workers", "2"))
    assert alone == together
    assert alone[1] == (text is TWO)
    assert len(alone[0]) == (4 if text is TWO else 1)


@pytest.mark.parametrize(("text", "runs"), [(TWO, 900), (NEVER, 120)])
def test_a_worker_that_is_killed_in_the_middle_of_a_batch_changes_nothing(explore, tmp_path, text, runs):
    alone = told(explore(text, runs))
    with dask("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard") as scheduler:
        url = ""
        while not url:
            line = scheduler.stderr.readline()
            assert line, "the scheduler ended"
            url = "".join(re.findall(r"Scheduler at:\s+(tcp://\S+)", line))
        with worker(url, VICTIM="1") as victim:
            search = explore(text, runs, "--scheduler", url)
            wait_until((tmp_path / "here").exists)
            with worker(url):
                os.kill(victim.pid, signal.SIGKILL)
                assert told(search) == alone


def test_what_is_missing_is_told(explore, monkeypatch):
    """The extra, a scheduler, one of two options."""
    assert "leave one of them out" in wrong(
        2, "explore", "x", "--runs", "1", "--workers", "1", "--scheduler", "tcp://x"
    )
    assert "x>=1" in wrong(2, "explore", "x", "--runs", "1", "--workers", "0")
    for url, why in ((f"tcp://127.0.0.1:{free_port()}", "Connection refused"), ("nowhere", "expected a URL such as")):
        process = explore(NEVER, 5, "--scheduler", url)
        output = process.communicate(timeout=CHILD_SECONDS)[0]
        assert re.search(rf"ERROR: there is no scheduler of Dask at {url}: .*{why}", output)
        assert process.returncode == pytest.ExitCode.USAGE_ERROR
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "distributed" else find_spec(name, *more)
    )
    assert "install fcemu[distributed]" in wrong(2, "explore", "x", "--runs", "1", "--workers", "2")


def test_a_test_that_the_workers_cannot_run_is_told_with_what_pytest_says(explore):
    """Here they collect another test than the search has."""
    text = """
        @pytest.mark.parametrize("who", [os.environ.get("PYTEST_CURRENT_TEST") or os.getpid()])
        @pytest.mark.fcemu("")
        def test_it(fcemu, who):
            fcemu.add("f", lambda event, context: None)
            fcemu.function("f").invoke_async()
            fcemu.run_until_idle()
    """
    process = explore(text, 30, "--workers", "1")
    output = process.communicate(timeout=CHILD_SECONDS)[0]
    assert "pytest ended on a worker, with status" in output
    assert process.returncode == pytest.ExitCode.USAGE_ERROR


def test_a_search_does_not_warn_where_the_usual_port_of_dask_is_taken(tmp_path):
    with closing(socket.socket()) as taken, warnings.catch_warnings():
        with suppress(OSError):  # another program has it
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        warnings.simplefilter("error")
        with Across(Job("test_it.py", (), str(tmp_path)), "", 1)._client() as client:
            assert list(client.nthreads().values()) == [1]


def test_a_script_comes_to_another_process_as_it_is_and_what_was_asked_comes_back():
    choices = {("late", "f#1.1"): (1, 0), ("again", "s/f#2.1"): (2, 12_345)}
    sent = Script(choices=choices, points={3: 7}, exhaust_retries=True)
    there = script_of(json.loads(json.dumps(recipe_of(sent))))
    assert there == sent
    there.answer("late", "f#1.1", 1)
    there.answer("again", "s/f#2.1", 2)
    hear(sent, json.loads(json.dumps(told_of(there))))
    assert sent.asked == there.asked
    assert [one.milliseconds for one in sent.made] == [0, 12_345]


def test_a_worker_with_another_fcemu_refuses_the_batch():
    with pytest.raises(RuntimeError, match=r"a worker has fcemu .*, and the search is by 0\.0\.0; install the same"):
        run_batch(Job("test_it.py::test_it", (), ".", "0.0.0"), [])
