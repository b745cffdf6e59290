"""What ``check()`` demands at the end of a test: no failure that the test has not looked at."""

from collections.abc import Sequence
from typing import Final

from fcemu.core.invocation import Invocation, State
from fcemu.engine.emulator import Emulator
from fcemu.testing.access import Access
from fcemu.testing.failures import BAD, error_of, location_of

_SHOWN: Final = 10


def demand_noticed(access: Access, *, idle: bool) -> None:
    """Raise ``AssertionError`` for failures that nobody looked at; ``idle``: also where anything is unfinished."""
    __tracebackhide__ = True
    engine = access.engine
    records = list(engine.journal.invocations.values())
    seen = access.read_by_test | engine.read_outside
    missed = [one for one in records if one.state in BAD and one.id not in seen]
    _demand_none(
        [_failure(engine, engine.journal.whole(one)) for one in missed if not one.synchronous],
        "the test looked neither at these failed invocations nor at their reports:",
        "assert on the invocation or on its destination's message, or set strict=False",
    )
    _demand_none(
        [_failure(engine, engine.journal.whole(one)) for one in missed if one.synchronous],
        "the test did not look at the replies of these failed synchronous invocations:",
        "assert on reply.error, call reply.result(), which raises it, or set strict=False",
    )
    _demand_none(
        [str(fault) for fault in engine.faults.there if not fault.struck],
        "these faults never occurred:",
        "invoke the function, remove() the fault, or set strict=False",
    )
    if idle:
        _demand_none(
            [f"{one.function} {one.id} is {one.state}" for one in records if not one.finished],
            "these invocations have not ended (strict='idle'):",
            f"{engine.explain()}\nmove the clock further, or set strict=True",
        )


def _failure(engine: Emulator, record: Invocation) -> str:
    """``orders/charge 1-… is Failed: function error, 2 retries used up``, and below it the error and its line."""
    error, location = error_of(record), location_of(engine, record)
    line = f"{record.function} {record.id} is {record.state}: {record.reason or 'too old'}"
    if error is None or record.state is not State.FAILED:
        return line
    return f"{line}\n    {error}" + ("" if location is None else f" at {location}")


def _demand_none(found: Sequence[str], title: str, remedy: str) -> None:
    __tracebackhide__ = True
    if found:
        lines = [f"  {one}" for one in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"  … {len(found) - _SHOWN:,} more")
        raise AssertionError("\n".join([title, *lines, remedy, ""]))
