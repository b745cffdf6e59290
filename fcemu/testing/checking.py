"""What ``check()`` demands: no failure that the test has not looked at."""

from collections.abc import Iterable
from typing import Final

from fcemu.core.invocation import State
from fcemu.testing.access import Access

_BAD: Final = (State.FAILED, State.EXPIRED, State.INVALID)


def demand_noticed(access: Access, *, idle: bool) -> None:
    """Raise ``AssertionError`` for failures that nobody looked at; ``idle``: also where anything is unfinished."""
    __tracebackhide__ = True
    engine = access.engine
    records = list(engine.journal.invocations.values())
    seen = access.read_by_test | engine.read_outside
    missed = [one for one in records if one.state in _BAD and not one.synchronous and one.id not in seen]
    _demand_none(
        (f"{one.function} {one.id} is {one.state}: {engine.journal.whole(one).reason or 'too old'}" for one in missed),
        "nobody looked at these failed invocations, nor at their reports:",
        "assert on the invocation or on its destination's message, or set strict=False",
    )
    _demand_none(
        (str(fault) for fault in engine.setup.faults() if not fault.struck),
        "these faults never struck:",
        "invoke the function, remove() the fault, or set strict=False",
    )
    if idle:
        _demand_none(
            (f"{one.function} {one.id} is {one.state}" for one in records if not one.finished),
            "these invocations have not ended (strict='idle'):",
            f"{engine.explain()}\nmove the clock further, or set strict=True",
        )


def _demand_none(found: Iterable[str], title: str, remedy: str) -> None:
    __tracebackhide__ = True
    lines = [f"  {one}" for one in found]
    if lines:
        raise AssertionError("\n".join([title, *lines, remedy, ""]))
