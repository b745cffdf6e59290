"""Limits that cannot be reached: what is written, and will never matter. Each is odd, none is wrong."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import chain, islice, repeat
from typing import NamedTuple

from fcemu.config.function_shapes import AsyncShape, FunctionShape
from fcemu.config.kinds import seconds_of
from fcemu.config.problems import Report
from fcemu.config.schema import FileShape
from fcemu.config.tree import Items, Node, Table
from fcemu.core.functions import DEFAULT_EVENT_AGE, DEFAULT_RETRIES, DEFAULT_RUNTIME
from fcemu.core.limits import RELAXED, STRICT
from fcemu.core.settings import Settings


class _Said(NamedTuple):
    """A function of the file: what it says, and where."""

    shape: FunctionShape
    table: Table

    def warn(self, report: Report, key: str, message: str, *hints: str, inside: Node | None = None) -> None:
        """Of a key of the function, or of what is ``inside`` it."""
        entry = (inside if isinstance(inside, Table) else self.table).entry(key)
        place, word = (
            (self.table.place, key)
            if entry is None
            else (
                entry.key.place,
                report.written(entry.key.place, key),
            )
        )
        report.warn(place, message, *hints, key=word)


def say_unreachable(shape: FileShape, tree: Table, report: Report) -> None:
    """Warn of each."""
    emulator = shape.emulator
    strict = emulator is None or emulator.limits != "relaxed"
    most = emulator.instance_limit if emulator else None
    account = (STRICT if strict else RELAXED).instances if most is None else most
    said = emulator.retry_seconds if emulator else None
    waits = Settings().retry_seconds if said is None else tuple(timedelta(seconds=wait) for wait in said)
    for function in _functions(shape, tree):
        _instances(function, account, report)
        _requests(function, report)
        for number, one in enumerate(function.shape.asynchronous or ()):
            _retries(function, one, number, waits, report)


def _functions(shape: FileShape, tree: Table) -> Iterator[_Said]:
    owners: list[tuple[Mapping[str, FunctionShape] | None, Node]] = [(shape.functions, tree)]
    services = shape.services or {}
    owners += [(services[name].functions, table) for name, table in _inside(tree, "services") if name in services]
    for functions, owner in owners:
        for name, table in _inside(owner, "functions"):
            if isinstance(table, Table) and name in (functions or ()):
                yield _Said((functions or {})[name], table)


def _inside(node: Node, key: str) -> Iterator[tuple[str, Node]]:
    """What is under a key of a map, by name."""
    table = node.get(key) if isinstance(node, Table) else None
    if isinstance(table, Table):
        yield from ((each.key.text, each.value) for each in table.entries)


def _instances(function: _Said, account: int, report: Report) -> None:
    """More instances than there may be."""
    shape = function.shape
    wanted = [("reservedConcurrency", shape.reserved_concurrency)]
    wanted += [("provisionConfig", max(one.target or 0, one.default_target or 0)) for one in shape.provision or ()]
    wanted += [("scalingConfig", one.least) for one in shape.scaling or ()]
    for key, number in wanted:
        if number is not None and number > account:
            message = f"{number} instances are never reached: the account may have {account}"
            function.warn(report, key, message, "emulator: {instanceLimit: N} changes that")


def _requests(function: _Said, report: Report) -> None:
    """FC's own runtimes take one request at a time (yaml-formats §1.2)."""
    asked, runtime = function.shape.instance_concurrency or 1, function.shape.runtime or DEFAULT_RUNTIME
    if asked > 1 and not runtime.startswith("custom"):
        message = f"{asked} requests at a time are never reached: instances of {runtime} take one"
        function.warn(report, "instanceConcurrency", message)


def _retries(function: _Said, asked: AsyncShape, number: int, waits: tuple[timedelta, ...], report: Report) -> None:
    """Retries that would come after the event is given up, even if attempts took no time."""
    retries = DEFAULT_RETRIES if asked.max_retries is None else asked.max_retries
    age = DEFAULT_EVENT_AGE if asked.max_age is None else asked.max_age
    due = timedelta()
    for retry, wait in enumerate(islice(chain(waits, repeat(waits[-1])), retries), 1):
        due += wait
        if due > age:
            node = function.table.get("asyncInvokeConfig")
            node = node.values[number] if isinstance(node, Items) else node
            message = (
                f"retry {retry} is never made: it is due after {seconds_of(due)} s, and the event is given up first"
            )
            function.warn(report, "maxAsyncEventAgeInSeconds", message, inside=node)
            return
