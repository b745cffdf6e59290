"""Stands in for a function's code: plays steps (replies, errors, durations), or calls a callable of the test."""

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MethodType, ModuleType
from typing import Any, Final

from fcemu.core.functions import Function
from fcemu.core.outcome import Refusal, Returned
from fcemu.core.stubs import Handler, Step, StubCall
from fcemu.engine.ports import Call, Finish
from fcemu.handler.loading import INSTALLED
from fcemu.handler.locks import RealLock
from fcemu.handler.time.switch import park
from fcemu.runtimes.finding import file_of
from fcemu.runtimes.python_inline import InlineInstance, PythonInline
from fcemu.runtimes.timeshift import adopt


class Stub:
    """Implements ``StandIn``: each attempt takes the next step, the last step repeats; no step at all returns nothing.

    A callable runs as a handler of the inline runtime does: in its own context, with virtual time, with the function's
    variables, and with its output in the attempt's log.
    """

    def __init__(self, steps: Sequence[Step | Handler], inline: PythonInline) -> None:
        self.steps: Final = tuple(steps) or (Step(),)
        self._inline: Final = inline
        self._lock: Final = RealLock()
        self._taken = 0
        self._chosen: Final[dict[tuple[str, int], Step | Handler]] = {}
        self._calls: Final[list[StubCall]] = []
        modules = [module_of(step) for step in self.steps if not isinstance(step, Step)]
        self.module: Final = modules[0] if modules else None
        """Where its first callable is from, if that is code of the test."""
        for module in modules:
            if module is not None:
                adopt(module)

    @property
    def calls(self) -> Sequence[StubCall]:
        """The attempts that ran, in the order in which they started; a new list each time."""
        with self._lock:
            return list(self._calls)

    def refuses(self, request_id: str, attempt: int) -> Refusal | None:
        """Take the step of an attempt that is about to start; it is refused when the step says so."""
        with self._lock:
            step = self._next()
            refusal = step.refusal if isinstance(step, Step) else None
            if refusal is None:
                self._chosen[request_id, attempt] = step
            return refusal

    def start(self, function: Function, instance_id: str) -> "StubInstance":
        """A new instance."""
        return StubInstance(self, self._inline.extra)

    def close(self) -> None:
        """Nothing was changed."""

    def begin(self, call: Call) -> Step | Handler:
        """An attempt runs now: remember it, and tell what it does."""
        with self._lock:
            self._calls.append(StubCall(call.payload, call.clock.now(), call.request_id, call.attempt))
            return self._chosen.pop((call.request_id, call.attempt), None) or self._next()

    def _next(self) -> Step | Handler:
        step = self.steps[min(self._taken, len(self.steps) - 1)]
        self._taken += 1
        return step


class StubInstance(InlineInstance):
    """Implements ``Instance``: a step, or a callable, runs where the function's handler would."""

    def __init__(self, stub: Stub, extra: Mapping[str, str]) -> None:
        super().__init__(extra)
        self._stub: Final = stub

    def run(self, call: Call, handler: Handler | None = None) -> Finish:
        """Run one attempt; never raises."""
        step = self._stub.begin(call)
        return super().run(call, _played(step, call) if isinstance(step, Step) else step)

    def initialize(self, call: Call) -> Finish:
        """A stub stands in for hooks, too, and does nothing."""
        return Finish(Returned(b""))

    def pre_stop(self, call: Call) -> Finish:
        """The same."""
        return Finish(Returned(b""))


def _played(step: Step, call: Call) -> Callable[[Any, Any], Any]:
    def handler(event: bytes, context: object) -> Any:
        if step.logs:
            call.output.append(step.logs if step.logs.endswith("\n") else f"{step.logs}\n")
        if step.seconds:
            park(call.clock, step.seconds)
        if step.raises is not None:
            error = step.raises() if isinstance(step.raises, type) else step.raises
            raise error.with_traceback(None)
        return step.returns

    return handler


def code_of(handler: Handler) -> tuple[str, str]:
    """The directory and the handler string of a callable: where its source is, and its name there."""
    module, name = module_of(handler), getattr(_plain(handler), "__name__", type(handler).__name__)
    file = None if module is None else file_of(module)
    directory = os.path.dirname(os.path.abspath(file)) if file else os.getcwd()
    where = "handler" if module is None else module.__name__.rpartition(".")[2]
    return directory, f"{where}.{name if name.isidentifier() else 'handler'}"


def module_of(handler: Handler) -> ModuleType | None:
    """The module of the test, or of its code, that a callable is from; ``None`` for one of an installed package."""
    name = getattr(_plain(handler), "__module__", None)
    module = sys.modules.get(name) if isinstance(name, str) else None
    file = None if module is None else file_of(module)
    if file is None or name is None or name.partition(".")[0] in sys.stdlib_module_names:
        return None
    return None if any(part in file for part in INSTALLED) else module


def _plain(handler: Handler) -> Any:
    """The function inside a partial, a bound method or a decorated function."""
    inner: Any = handler
    while isinstance(inner, partial | MethodType):
        inner = inner.func if isinstance(inner, partial) else inner.__func__
    return inspect.unwrap(inner)
