"""The handles of faults, which a test asks for: FC refuses, an instance dies, a message comes late or twice."""

from typing import Final

from fcemu.core.times import parse_duration
from fcemu.engine import faults as engine
from fcemu.engine.setup import Setup
from fcemu.testing.access import Access
from fcemu.testing.handles import Function, function_named
from fcemu.testing.records import Duration


class Fault:
    """One trouble that was asked for."""

    def __init__(self, setup: Setup, fault: engine.Fault) -> None:
        self._setup: Final = setup
        self._fault: Final = fault

    @property
    def struck(self) -> int:
        """How many attempts it has struck so far."""
        return self._fault.struck

    def remove(self) -> None:
        """Let it strike no more; ``check()`` no longer expects that it does."""
        self._setup.remove_fault(self._fault)

    def __repr__(self) -> str:
        return f"<Fault {self._fault}, struck {self.struck}>"


class Faults:
    """Asks for trouble. Each method takes a function (its name or its handle) and how many attempts are struck:
    ``times``, those that come first and that the trouble fits, synchronous ones too unless it says otherwise.

    All raise ``UnknownName`` for a function that nobody defined, ``ValueError`` for wrong values. A fault that never
    struck makes ``check()`` fail.
    """

    def __init__(self, access: Access) -> None:
        self._access: Final = access

    def throttle(self, function: "str | Function", times: int = 1) -> Fault:
        """FC refuses the attempt with 429: an asynchronous one is retried with back-off, a synchronous caller gets
        ``ResourceExhausted``."""
        return self._add(function, engine.throttle(), times)

    def fail(self, function: "str | Function", status: int = 500, times: int = 1) -> Fault:
        """FC refuses the attempt with 500 or 503; what follows is as after 429."""
        return self._add(function, engine.fail(status), times)

    def crash(self, function: "str | Function", when: str = "after", times: int = 1) -> Fault:
        """The instance dies ``"before"`` the handler runs, as soon as it is ``"sleeping"``, or ``"after"`` it has run
        to its end, so that its result is lost. A function error ("Process exited unexpectedly"); the next attempt gets
        a new instance. Inline, a sleeping handler's ``finally`` blocks run, which a real crash does not let happen."""
        return self._add(function, engine.crash(when), times)

    def delay(self, function: "str | Function", by: Duration, times: int = 1) -> Fault:
        """The attempt starts later than it is due, by ``by``."""
        return self._add(function, engine.delay(parse_duration(by)), times)

    def deliver_twice(self, function: "str | Function", again: Duration = "0s", times: int = 1) -> Fault:
        """The queue does not hear that the attempt ended, and delivers once more, ``again`` later: the handler runs
        twice for one asynchronous invocation. The second run uses up no retry."""
        return self._add(function, engine.deliver_twice(parse_duration(again)), times)

    def _add(self, function: "str | Function", trouble: engine.Trouble, times: int) -> Fault:
        handle = function if isinstance(function, Function) else function_named(self._access, function)
        setup = self._access.engine.setup
        return Fault(setup, setup.add_fault(handle._definition.ref, trouble, times))

    def __repr__(self) -> str:
        return f"<Faults {', '.join(map(str, self._access.engine.setup.faults())) or 'none'}>"
