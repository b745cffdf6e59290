"""The runs of a search on many cores and many machines, by Dask: batches go to its workers, and come back in order.

A worker starts pytest in a process of its own, which collects the test once and then runs it by each recipe. A worker
that dies loses the batch that it had, which another one runs then: a run is told once, when its batch came back whole.
"""

import os
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from fcemu import __version__
from fcemu.core.script import Script
from fcemu.engine.real import monotonic
from fcemu.pytest_orders import Ordered
from fcemu.search.explorer import Made, RunOnce, Take
from fcemu.search.recipes import hear, recipe_of

_FIRST_BATCH: Final = 4
_LARGEST_BATCH: Final = 500
_BATCH_SECONDS: Final = 0.5
"""How long a batch is to take: long beside what its way costs, short beside a search."""
_AHEAD: Final = 3
"""How many batches there are for each thread of the workers, so that none waits for its next one."""
_DEATHS: Final = 5
"""How many times a batch is given out again whose workers die of it: by then it is the batch."""
_SECONDS_FOR_WORKERS: Final = 60
_SECONDS_TO_CONNECT: Final = 10
_KEPT_SECONDS: Final = 60
"""How long a process of a worker waits for another batch, once the search that it is for has come to its end."""
_SHOWN_CHARACTERS: Final = 4000


class CannotSearch(Exception):
    """The workers cannot run the test; the text says why."""


class Job(NamedTuple):
    """Which test the workers run: by which arguments pytest finds it, in which directory, and by which fcemu."""

    nodeid: str
    arguments: tuple[str, ...]
    directory: str
    version: str = __version__


class Across:
    """The runner of a search on many processes. ``scheduler``: the URL of Dask's; ``""`` for a cluster of its own on
    this machine, with so many ``workers``."""

    def __init__(self, job: Job, scheduler: str, workers: int) -> None:
        self._job: Final = job
        self._scheduler: Final = scheduler
        self._workers: Final = workers

    def runs(self, take: Take, run_once: RunOnce) -> Made:
        """The runner; see ``explorer.Runner``. The calm run is made here. Raises ``CannotSearch``."""
        calm = take()
        assert calm is not None, "a search has a calm run"
        yield calm, run_once(calm)
        taken = _batch(take, _FIRST_BATCH)
        if taken:
            with self._client() as client:
                yield from _in_order(client, self._job, take, taken)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """A client of Dask, which has workers."""
        distributed: Any = import_module("distributed")  # much of it has no types
        if not self._scheduler:
            # Without a dashboard, Dask's scheduler still listens for HTTP. On its usual port it would warn of others.
            quiet = {
                "dashboard_address": "127.0.0.1:0",
                "scheduler_kwargs": {"dashboard": False},
                "silence_logs": "CRITICAL",
            }
            with (
                distributed.LocalCluster(n_workers=self._workers, threads_per_worker=1, **quiet) as cluster,
                distributed.Client(cluster, set_as_default=False) as client,
            ):
                yield client
            return
        try:
            _demand_listener(self._scheduler)
            client = distributed.Client(self._scheduler, timeout=_SECONDS_FOR_WORKERS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise CannotSearch(f"there is no scheduler of Dask at {self._scheduler}: {error}") from None
        with client:
            try:
                client.wait_for_workers(1, timeout=_SECONDS_FOR_WORKERS)
            except TimeoutError:
                raise CannotSearch(f"the scheduler at {self._scheduler} has no workers") from None
            try:
                yield client
            finally:
                with suppress(OSError, TimeoutError):  # a worker that has just died has nothing to end
                    client.run(end_idle, on_error="ignore")


def _demand_listener(url: str) -> None:
    """Raise ``OSError`` or ``ValueError`` where nothing listens: a client of Dask that cannot connect takes minutes to
    be gone."""
    parts = urlsplit(url if "://" in url else f"tcp://{url}")
    if not parts.hostname or parts.port is None:
        raise ValueError("expected a URL such as tcp://10.0.0.5:8786")
    with socket.create_connection((parts.hostname, parts.port), _SECONDS_TO_CONNECT):
        pass


def _batch(take: Take, most: int) -> list[Script]:
    """So many scripts at most, as far as they can be known now."""
    scripts: list[Script] = []
    while len(scripts) < most and (script := take()) is not None:
        scripts.append(script)
    return scripts


def _in_order(client: Any, job: Job, take: Take, first: list[Script]) -> Made:
    """Hand out batches, as many as keep the workers busy, and yield their runs in the order of the scripts."""
    pending: deque[tuple[list[Script], Any]] = deque([(first, _submit(client, job, first))])
    size = _FIRST_BATCH

    def fill() -> None:
        threads = max(1, sum(client.nthreads().values()))
        while len(pending) < _AHEAD * threads and (more := _batch(take, size)):
            pending.append((more, _submit(client, job, more)))

    try:
        fill()
        while pending:
            scripts, future = pending.popleft()
            told, seconds = _result(client, job, scripts, future)
            for script, (asked, failed) in zip(scripts, told, strict=True):
                hear(script, asked)
                yield script, failed
            fitting = int(len(scripts) * _BATCH_SECONDS / max(seconds, 1e-6))
            size = max(1, min(fitting, 2 * size, _LARGEST_BATCH))
            fill()
    finally:
        client.cancel([future for _, future in pending], force=True)


def _submit(client: Any, job: Job, scripts: list[Script]) -> Any:
    return client.submit(run_batch, job, [recipe_of(script) for script in scripts], pure=False)


def _result(client: Any, job: Job, scripts: list[Script], future: Any) -> tuple[list[Any], float]:
    """What came of a batch. Dask gives it to another worker where one dies. Raises ``CannotSearch``."""
    distributed: Any = import_module("distributed")
    deaths = 0
    while deaths < _DEATHS:
        try:
            told: tuple[list[Any], float] = future.result(_SECONDS_FOR_WORKERS)
            return told
        except TimeoutError:  # tests take their time, but without workers it never ends
            if not client.nthreads():
                raise CannotSearch("no worker is left to continue the search") from None
        except (distributed.KilledWorker, distributed.CancelledError):  # the scheduler has given it up
            deaths += 1
            future = _submit(client, job, scripts)
        except (RuntimeError, OSError) as error:
            raise CannotSearch(str(error)) from None
    raise CannotSearch(f"each worker that runs {job.nodeid} dies; 'pytest {job.nodeid}' may say why")


# What runs on a worker.


class _Child:
    """The process of pytest that runs the test for a worker; it ends when the worker does, which closes its orders."""

    def __init__(self, job: Job) -> None:
        self._output: Final = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
        self._pytest: Final = Ordered(job.arguments, "--fcemu-serve", self._output, cwd=job.directory, env=environment)
        self._pytest.tell(job.nodeid)

    def run(self, recipes: list[Any]) -> list[Any]:
        """Run the test by each recipe. Raises ``RuntimeError`` where pytest has ended instead."""
        self._pytest.tell(recipes)
        told: list[Any] | None = self._pytest.answer()
        if told is not None:
            return told
        self.end()
        self._output.seek(0)
        said = self._output.read().decode(errors="replace").strip()[-_SHOWN_CHARACTERS:]
        raise RuntimeError(f"pytest ended on a worker, with status {self._pytest.process.returncode}:\n{said}")

    def end(self) -> None:
        """Let it end its fixtures, and wait for it."""
        self._pytest.dismiss()
        self._pytest.process.wait()
        self._pytest.answers.close()


_IDLE: Final[dict[Job, list[tuple[float, _Child]]]] = {}
"""Of this worker: processes that wait for a batch, each with since when. A worker of several threads has one for each
of them."""
_LOCK: Final = threading.Lock()


def run_batch(job: Job, recipes: list[Any]) -> tuple[list[Any], float]:
    """What came of each recipe, and how many seconds that took. Raises ``RuntimeError`` where pytest cannot run it."""
    if job.version != __version__:
        raise RuntimeError(f"a worker has fcemu {__version__}, and the search is by {job.version}; install the same")
    with _LOCK:
        waiting = _IDLE.get(job)
        child = waiting.pop()[1] if waiting else None
    if child is None:
        end_idle(monotonic() - _KEPT_SECONDS)
        child = _Child(job)
        child.run([])  # the time that pytest takes to start is not the batch's
    begin = monotonic()
    told = child.run(recipes)
    with _LOCK:
        _IDLE.setdefault(job, []).append((monotonic(), child))
    return told, monotonic() - begin


def end_idle(before: float | None = None) -> None:
    """End the processes that wait; those that do since ``before``, where that is said."""
    ended: list[_Child] = []
    with _LOCK:
        for job, waiting in _IDLE.items():
            ended += [child for since, child in waiting if before is None or since < before]
            _IDLE[job] = [(since, child) for since, child in waiting if before is not None and since >= before]
    for child in ended:
        child.end()
