"""``fcemu serve --data`` as a process that is killed, and programs that ask it over sockets until it is gone."""

import json
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from acceptance import dying

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "fcemu.cli",
        "fcemu.commands.serve",
        "fcemu.config.core_values",
        "fcemu.config.parse",
        "fcemu.config.reading",
        "fcemu.config.serverless_devs_3",
        "fcemu.config.funcraft",
        "fcemu.packages",
        "fcemu.runtimes.python_inline",
        "fcemu.runtimes.timeshift.patches",
        "fcemu.runtimes.timeshift.freezers",
        "fcemu.stores.sqlite",
        "freezegun",
        "time_machine",
    ]
)
"""Whatever takes long to import: a life is to begin in a few milliseconds."""
PATIENCE = 60.0
GONE = (OSError, HTTPException)

HANDLERS = """
import time

def good(event, context):
    return event

def bad(event, context):
    raise ValueError("no")

def slow(event, context):
    time.sleep(20)
    return event
"""
# Time-outs that do not strike at fifty times real speed on a busy machine.
DEFINITION = """
functions:
  good: {handler: index.good, timeout: 36000, asyncInvokeConfig: {onSuccess: 'queue:done', asyncTask: true}}
  bad: {handler: index.bad, timeout: 36000, asyncInvokeConfig: {onFailure: 'queue:broken', maxAsyncRetryAttempts: 1}}
  slow: {handler: index.slow, timeout: 36000, asyncInvokeConfig: {onSuccess: 'function:good'}}
"""
REPORTED = {"good": "queue:done", "bad": "queue:broken", "slow": "function:good"}


def _serve(arguments: list[str], die: str) -> None:
    if die:
        dying.die(die)
    from fcemu.cli import main
    from fcemu.engine import journal

    journal.TAIL = 200  # most of what happened is to have left memory
    main(arguments)


class Served:
    """One life of the process."""

    def __init__(self, folder: Path, die: str = "") -> None:
        self._ready = folder / "ready"
        self._ready.unlink(missing_ok=True)
        arguments = ["serve", str(folder), "--data", str(folder / "kept.db"), "--port", "0", "--rate", "50"]
        arguments += ["--runtime", "inline", "--start", "2026-01-01T00:00:00Z", "--ready-file", str(self._ready)]
        self._process = _CONTEXT.Process(target=_serve, args=(arguments, die))
        self._process.start()
        self.port = self._port()

    def _port(self) -> int:
        """0 where it died before it was ready."""
        end = time.monotonic() + PATIENCE
        while not self._ready.exists():
            if not self._process.is_alive():
                return 0
            assert time.monotonic() < end, "the process does not become ready"
            self._process.join(0.002)
        return int(self._ready.read_text().rpartition(":")[2])

    def kill(self) -> None:
        """By SIGKILL, whatever it does; waits until it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid or 0, signal.SIGKILL)
        self._process.join(PATIENCE)

    def gone(self, within: float | None) -> None:
        """Wait until it is gone, at most ``within`` seconds; ``None``: it will be, by itself."""
        self._process.join(PATIENCE if within is None else within)
        assert within is not None or not self._process.is_alive(), "the process does not die"

    @property
    def status(self) -> int | None:
        return self._process.exitcode

    def ask(self, method: str, path: str, document: Any = None, headers: dict[str, str] | None = None) -> Any:
        """Raises ``OSError`` or ``HTTPException`` when it is gone."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, None if document is None else json.dumps(document), headers or {})
            response = connection.getresponse()
            body = response.read()
        assert response.status < 300, (response.status, body)
        return json.loads(body) if body else None

    def journal(self, after: int = 0) -> list[str]:
        """The lines of the journal."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request("GET", f"/_fcemu/journal?after={after}")
            return connection.getresponse().read().decode().splitlines()


class Callers:
    """Programs that send one request after the other until the process is gone, and keep what they were told."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.accepted: dict[str, str] = {}
        """The function of each id that was in a 202."""
        self.other_ids: list[str] = []
        """Ids of other answers."""
        self.defined: set[str] = set()
        """Functions whose creation was confirmed."""
        self.seen: list[str] = []
        """The journal, as far as somebody has read it."""
        self.sent = 0

    @contextmanager
    def calling(self, served: Served) -> Iterator[None]:
        """Inside the block, and until it is gone, from several connections at once."""
        threads = [threading.Thread(target=self._run, args=(served, n)) for n in range(3)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for thread in threads:
                thread.join()

    def _run(self, served: Served, number: int) -> None:
        connection = HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
        with closing(connection), suppress(*GONE):
            while True:
                self.sent += 1
                if number == 2 and self.sent % 5 == 0:
                    self._look(served)
                elif number == 1 and self.sent % 7 == 0:
                    self._define(connection)
                else:
                    self._invoke(connection)

    def _invoke(self, connection: HTTPConnection) -> None:
        function = self._random.choice(["good", "good", "bad", "slow"])
        headers = {"x-fc-invocation-type": "Async"}
        if self._random.random() < 0.5:
            headers["x-fc-async-delay"] = str(self._random.randint(1, 20))
        connection.request("POST", f"/2023-03-30/functions/{function}/invocations", "{}", headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 202, response.status
        self.accepted[response.headers["X-Fc-Request-Id"]] = function

    def _define(self, connection: HTTPConnection) -> None:
        name = f"made{self.sent}"
        document = {"functionName": name, "runtime": "custom-container", "handler": "h", "customContainerConfig": {}}
        connection.request("POST", "/2023-03-30/functions", json.dumps(document))
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200, body
        self.other_ids.append(response.headers["X-Fc-Request-Id"])
        self.defined.add(name)

    def _look(self, served: Served) -> None:
        self.seen += served.journal(len(self.seen))


def tear(folder: Path, rng: random.Random) -> None:
    """Leave half a frame at the end of the log, as a write that was under way does."""
    log = folder / "kept.db-wal"
    if log.exists() and log.stat().st_size > 4152:
        frame = log.read_bytes()[-4120:]
        with log.open("ab") as end:
            end.write(frame[: rng.randint(1, 4119)])
