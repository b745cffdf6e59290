"""This module warns of limits that are written and can never be reached."""

from datetime import timedelta
from itertools import chain, islice, repeat
from typing import Final, NamedTuple

from fcemu.config.problems import Report
from fcemu.config.reading import NONE, Said
from fcemu.config.tree import Table
from fcemu.core.functions import DEFAULT_EVENT_AGE, DEFAULT_RETRIES, DEFAULT_RUNTIME
from fcemu.core.limits import RELAXED, STRICT
from fcemu.core.settings import USUAL


class _Function(NamedTuple):
    """A function of the file."""

    said: Said
    report: Report

    def warn(self, key: str, message: str, *hints: str, inside: Table | None = None) -> None:
        """Of a key of the function, or of what is ``inside`` it."""
        table = self.said.node if inside is None else inside
        entry = table.entry(key)
        place = self.said.node.place if entry is None else entry.key.place
        word = key if entry is None else self.report.written(place, key)
        self.report.warn(place, message, *hints, key=word)


def say_unreachable(said: Said, report: Report) -> None:
    """Warn of each."""
    emulator = said.get("emulator", {})
    limits = RELAXED if emulator.get("limits") == "relaxed" else STRICT
    account = emulator.get("instance_limit", limits.instances)
    waits = USUAL.retry_seconds
    if "retry_seconds" in emulator:
        waits = tuple(timedelta(seconds=wait) for wait in emulator["retry_seconds"])
    for owner in (said, *said.get("services", NONE).values()):
        for each in owner.get("functions", NONE).values():
            function = _Function(each, report)
            _instances(function, account)
            _requests(function)
            for one in each.get("asynchronous", ()):
                _retries(function, one, waits)


def _instances(function: _Function, account: int) -> None:
    """More instances than there may be."""
    said = function.said
    wanted = [("reservedConcurrency", said.get("reserved_concurrency", 0))]
    wanted += [("provisionConfig", max(one.kept.get(key, 0) for key in _TARGETS)) for one in said.get("provision", ())]
    wanted += [("scalingConfig", one.kept.get("minInstances", 0)) for one in said.get("scaling", ())]
    for key, number in wanted:
        if number > account:
            message = f"the function never gets {number} instances: the account allows {account}"
            function.warn(key, message, "emulator: {instanceLimit: N} raises the limit")


_TARGETS: Final = ("target", "defaultTarget")


def _requests(function: _Function) -> None:
    """FC's own runtimes take one request at a time (yaml-formats §1.2)."""
    asked, runtime = function.said.get("instance_concurrency", 1), function.said.get("runtime", DEFAULT_RUNTIME)
    if asked > 1 and not runtime.startswith("custom"):
        message = f"an instance never takes {asked} requests at a time: instances of {runtime} take one"
        function.warn("instanceConcurrency", message)


def _retries(function: _Function, asked: Said, waits: tuple[timedelta, ...]) -> None:
    """Retries that would come after the event is given up, even if attempts took no time."""
    retries, age = asked.get("max_retries", DEFAULT_RETRIES), asked.get("max_age", DEFAULT_EVENT_AGE)
    due = timedelta()
    for retry, wait in enumerate(islice(chain(waits, repeat(waits[-1])), retries), 1):
        due += wait
        if due > age:
            seconds = f"{due.total_seconds():g} s"
            message = f"retry {retry} never happens: it is due after {seconds}, when the event has already expired"
            function.warn("maxAsyncEventAgeInSeconds", message, inside=asked.node)
            return
