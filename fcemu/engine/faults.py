"""Trouble a test asked for: throttle, fail, crash, delay, deliver twice."""

from datetime import timedelta
from typing import Any, Final, Literal, TypeVar, get_args

from fcemu.core.names import FunctionRef
from fcemu.core.outcome import INTERNAL_ERROR, NO_CAPACITY, Refusal, SystemFailed, Throttled
from fcemu.core.values import value
from fcemu.core.wording import either

When = Literal["before", "sleeping", "after"]
"""When an instance dies: before its handler runs, as soon as it sleeps, or after it has run to its end."""
WHEN: Final[tuple[When, ...]] = get_args(When)


@value
class Refuse:
    """The attempt does not run: 429, 500 or 503."""

    outcome: Refusal


@value
class Crash:
    """The instance dies. To FC that is a process that exited: a function error, retried like any other."""

    when: When


@value
class Delay:
    """An attempt that is due starts later."""

    by: timedelta


@value
class DeliverTwice:
    """The queue does not hear that the attempt ended, and delivers once more, ``again`` after that end.

    ASSUMED: fcemu begins the second delivery after the end of the first one, so that the two do not overlap; FC says
    only that an event may be delivered more than once (async-invocation §5).
    """

    again: timedelta


Trouble = Refuse | Crash | Delay | DeliverTwice
T = TypeVar("T", Refuse, Crash, Delay, DeliverTwice)

FAILURES: Final[dict[int, SystemFailed]] = {500: INTERNAL_ERROR, 503: NO_CAPACITY}
"""The platform's own errors by status, as ``fail`` takes them."""


def throttle() -> Trouble:
    """429."""
    return Refuse(Throttled())


def fail(status: int) -> Trouble:
    """500 or 503. Raises ``ValueError``."""
    if isinstance(status, bool) or status not in FAILURES:
        hint = "; for 429 use throttle" if status == 429 else ""
        raise ValueError(f"status: expected 500 or 503, got {status!r}{hint}")
    return Refuse(FAILURES[status])


def crash(when: str) -> Trouble:
    """Raises ``ValueError``."""
    for known in WHEN:
        if when == known:
            return Crash(known)
    raise ValueError(f"when: expected {either(map(repr, WHEN))}, got {when!r}")


def delay(by: timedelta) -> Trouble:
    """Raises ``ValueError`` unless ``by`` is above 0: a fault that does nothing would count as one that struck."""
    if by <= timedelta(0):
        raise ValueError(f"by: expected a duration above 0, got {by.total_seconds():g} s")
    return Delay(by)


def deliver_twice(again: timedelta) -> Trouble:
    """Raises ``ValueError`` for a negative duration."""
    if again < timedelta(0):
        raise ValueError(f"again: expected a duration of 0 or more, got {again.total_seconds():g} s")
    return DeliverTwice(again)


class Fault:
    """One trouble for one function: it strikes ``times`` attempts, those that come first.

    ``number`` counts the faults of an emulator from 1; ``struck``: how many attempts it has struck so far.
    """

    __slots__ = ("function", "number", "struck", "times", "trouble")

    def __init__(self, number: int, function: FunctionRef, trouble: Trouble, times: int) -> None:
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise ValueError(f"times: expected a whole number above 0, got {times!r}")
        self.number: Final = number
        self.function: Final = function
        self.trouble: Final = trouble
        self.times: Final = times
        self.struck = 0

    @property
    def name(self) -> str:
        """``throttle``, ``fail``, ``crash``, ``delay`` or ``deliver_twice``."""
        match self.trouble:
            case Refuse(Throttled()):
                return "throttle"
            case Refuse():
                return "fail"
            case Crash():
                return "crash"
            case Delay():
                return "delay"
            case DeliverTwice():
                return "deliver_twice"

    def words(self) -> dict[str, Any]:
        """What was asked for, by the names of the arguments."""
        match self.trouble:
            case Refuse(SystemFailed(status)):
                return {"status": status}
            case Crash(when):
                return {"when": when}
            case Delay(by):
                return {"by": by.total_seconds()}
            case DeliverTwice(again):
                return {"again": again.total_seconds()}
            case _:
                return {}

    def __str__(self) -> str:
        words = "".join(f", {name}={value!r}" for name, value in self.words().items())
        return f"{self.name}({str(self.function)!r}{words}, times={self.times})"


class Faults:
    """All faults of one emulator, in the order in which they were asked for. Used with the baton held."""

    def __init__(self) -> None:
        self.there: Final[list[Fault]] = []
        """All that were not removed, also those that have struck as often as they should. To be looked at only."""
        self._made = 0

    def add(self, function: FunctionRef, trouble: Trouble, times: int) -> Fault:
        """Let ``trouble`` strike the next ``times`` attempts of ``function`` that it fits. Raises ``ValueError``."""
        fault = Fault(self._made + 1, function, trouble, times)
        self._made += 1
        self.there.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Let it strike no more; nothing happens when it is gone already."""
        if fault in self.there:
            self.there.remove(fault)

    def strike(self, function: FunctionRef, kind: type[T], when: When | None = None) -> T | None:
        """The trouble of the first fault of that kind that is for ``function`` and has not struck often enough, which
        now has struck once more; ``when``: at which moment an instance may die."""
        for fault in self.there:
            if fault.function == function and fault.struck < fault.times and isinstance(fault.trouble, kind):
                if isinstance(fault.trouble, Crash) and fault.trouble.when != when:
                    continue
                fault.struck += 1
                return fault.trouble
        return None
