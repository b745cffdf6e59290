"""The attempt that this context runs, which the views of environment, output, logs and imports ask for."""

import sys
from contextvars import ContextVar
from typing import Final

from fcemu.engine.ports import Call
from fcemu.handler.clock import HandlerClock
from fcemu.handler.time.uuids import Source
from fcemu.runtimes.environment import Environment
from fcemu.runtimes.namespace import Namespace

WRITE_LIMIT_BYTES: Final = 128 * 1024
"""Source: runtimes §1.8."""


class Running:
    """One attempt while it runs; ``environment`` belongs to its instance, ``namespace`` to its code."""

    __slots__ = (
        "_source",
        "call",
        "clock_before",
        "environment",
        "is_over",
        "namespace",
        "paths",
        "threads",
    )

    def __init__(self, call: Call, namespace: Namespace, environment: Environment) -> None:
        self.call = call
        self.namespace = namespace
        self.environment = environment
        self._source: Source | None = None
        self.is_over = False
        self.clock_before: HandlerClock | None = None
        """That of the handler which its thread ran before."""
        self.threads = 0
        """How many of its threads are not parked."""
        self.paths: list[str] = []
        """``sys.path`` as the test has it, taken when the attempt starts or goes on."""

    def write(self, text: str) -> None:
        """Add to the attempt's output, on any of its threads; one write is cut at 128 KB."""
        with self.call.undisturbed():
            self.add(text)

    def add(self, text: str, *, shown: bool = False) -> None:
        """``write`` where nothing can disturb the thread, because it is in the engine. ``shown``: see ``Output``."""
        if len(text) > WRITE_LIMIT_BYTES // 4:
            text = text.encode("utf-8", "surrogateescape")[:WRITE_LIMIT_BYTES].decode("utf-8", "surrogateescape")
        with self.environment.writing:
            self.call.output.append(text, shown=shown)

    def source(self) -> Source:
        """Where its ids of virtual time come from, on any of its threads; few attempts need it."""
        with self.call.undisturbed(), self.environment.writing:
            if self._source is None:
                self._source = Source(self.call.request_id, self.call.attempt)
            return self._source


RUNNING: Final[ContextVar[Running | None]] = ContextVar("fcemu_running", default=None)


def claim_paths(running: Running) -> None:
    """``sys.path`` has changed: what code has added to it is searched for its own directory only."""
    search = running.namespace.search
    first: list[str] = []
    last: list[str] = []
    added = first
    for entry in sys.path:
        if entry in running.paths:
            added = last
        elif entry not in search:
            added.append(entry)
    search[:] = [*first, *search, *last]
    sys.path[:] = running.paths
