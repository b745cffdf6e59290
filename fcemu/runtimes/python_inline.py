"""Runs Python handlers in this process: imports them, and calls them on the thread that asks."""

import zoneinfo  # noqa: F401 (it asks the variables where zones are when it is imported: this process's, no handler's)
from collections.abc import Callable, Mapping
from contextvars import Context
from functools import partial
from types import MappingProxyType, ModuleType
from typing import Final

from fcemu.core.functions import Function
from fcemu.core.http import HttpAnswer
from fcemu.core.names import LATEST, Account
from fcemu.core.outcome import INITIALIZATION, UNHANDLED, FunctionError, Halted, Returned
from fcemu.core.times import text_of
from fcemu.engine.ports import AttemptClock, Call, Finish
from fcemu.handler.calling import NotInitialized, call_handler, failure_of, initialize, pre_freeze, pre_stop
from fcemu.handler.clock import Abandoned
from fcemu.handler.documents import document_in_log, log_text
from fcemu.handler.loading import Handler, LoadFailed
from fcemu.runtimes import imports, views
from fcemu.runtimes.environment import Environment
from fcemu.runtimes.namespace import Namespace
from fcemu.runtimes.running import Running
from fcemu.runtimes.timeshift import ensure_installed

_ACCOUNT: Final = Account()
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
Hook = Callable[[Namespace, Call, Callable[[str], object]], None]


class PythonInline:
    """Implements ``Runtime``. All runtimes of this class in a process share loaded modules and views.

    ``extra_environment``: variables that handlers get besides FC's, e.g. where the emulator listens. ``isolate``: each
    instance imports its modules anew, and shares them with nobody.
    Time functions stay replaced after ``close``; ``timeshift.uninstall`` puts them back.
    """

    def __init__(self, extra_environment: Mapping[str, str] = _NOTHING, *, isolate: bool = False) -> None:
        self.extra: Final = extra_environment
        self._isolate: Final = isolate
        self._closed = False
        ensure_installed()
        views.open_views()

    def start(self, function: Function, instance_id: str) -> "InlineInstance":
        """A new instance. Its code is loaded by its first attempt."""
        own = Namespace(function.code, layers=layers_of(function), alone=True) if self._isolate else None
        return InlineInstance(self.extra, own)

    def module_of(self, function: Function, clock: AttemptClock, account: Account = _ACCOUNT) -> ModuleType:
        """The function's handler module; raises what its body raises.

        If it was not loaded, its body runs now as in an attempt of a new instance, on ``clock``. Raises ``LookupError``
        where each instance has a module of its own.
        """
        if self._isolate:
            raise LookupError(f"with isolate=True each instance of {function.ref} has a module of its own")
        call = Call(
            function=function,
            qualifier=LATEST,
            version=LATEST,
            account=account,
            instance_id="",
            request_id="",
            attempt=1,
            retry_count=0,
            payload=b"",
            clock=clock,
        )
        running = Running(call, _namespace_of(function), Environment(call, self.extra))
        return Context().run(_module, running)

    def forget(self, code: str) -> None:
        """Drop the modules of a code directory; the next attempt imports them anew."""
        imports.forget(code)

    def close(self) -> None:
        """Put views and imports back, with the last open runtime of the process; repeatable."""
        if not self._closed:
            self._closed = True
            views.close_views()


class InlineInstance:
    """Implements ``Instance``: the environment that its handler sees, over modules that it shares, or has (``own``)."""

    def __init__(self, extra: Mapping[str, str], own: Namespace | None = None) -> None:
        self._extra: Final = extra
        self._own: Final = own
        self._environment: Environment | None = None
        self._rewrite: Callable[[str], str] | None = None
        self._namespace = own
        self._initialized = self._stopped = False

    def run(self, call: Call, handler: Handler | None = None) -> Finish:
        """Run one attempt in a context of its own; never raises. ``handler`` runs instead of what the handler string
        names."""
        begin = handler is None and call.function.initializer and not self._initialized
        finish = Context().run(_attempt, self._running(call), handler, initialize if begin else None)
        self._initialized = self._initialized or not finish.broken
        if self._stopped:
            self._tidy()
        return finish

    def initialize(self, call: Call) -> Finish:
        """Run the initializer, once."""
        finish = self._hook(call, initialize)
        self._initialized = not finish.broken
        return finish

    def pre_stop(self, call: Call) -> Finish:
        """Run the hook in the environment of the attempts before."""
        return self._hook(call, pre_stop)

    def _hook(self, call: Call, hook: Hook) -> Finish:
        finish = Context().run(_attempt, self._running(call), None, hook, alone=True)
        if self._stopped:
            self._tidy()
        return finish

    def _running(self, call: Call) -> Running:
        """An attempt, or a hook, in this instance."""
        if self._environment is None or self._rewrite is None:
            self._environment = Environment(call, self._extra)
            self._rewrite = partial(log_text, function=call.function)
        if self._namespace is None or (self._namespace.is_forgotten and self._own is None):
            self._namespace = _namespace_of(call.function)
        call.output.rewrite = self._rewrite
        return Running(call, self._namespace, self._environment)

    def begin(self, call: Call, soon: Callable[[], object], long: Callable[[], object]) -> bool:
        """It waits for its handlers itself."""
        return False

    def answers_beside(self) -> bool:
        """A hook waits until the handler has come back."""
        return False

    def stop(self) -> None:
        """Nothing to end: an instance has no thread and no process. ``sys.modules`` is as it was without its modules,
        and what it imported for itself is let go."""
        self._stopped = True
        self._tidy()
        if self._own is not None:
            self._own.forget()

    def _tidy(self) -> None:
        """Stopped while its handler ran, it leaves ``sys.modules`` only when that has come back."""
        if self._namespace is not None:
            views.take_back(self._namespace)

    def interrupt(self) -> bool:
        """Handlers run on threads of this process."""
        return False

    def line(self) -> None:
        """Its handlers run on threads of this process."""

    def held_up(self) -> bool:
        """The engine knows its threads."""
        return False

    def debugged(self) -> bool:
        """What debugs this process debugs them, too."""
        return False


def layers_of(function: Function) -> tuple[str, ...]:
    """Where the content of its layers is, those that have some."""
    return tuple(layer.directory for layer in function.layers if layer.directory) if function.layers else ()


def _namespace_of(function: Function) -> Namespace:
    return imports.namespace_of(function.code, layers_of(function))


def _module(running: Running) -> ModuleType:
    views.begin(running)
    try:
        return running.namespace.handler_module(running.call.function.handler.rpartition(".")[0])
    finally:
        views.end(running)


def _attempt(running: Running, handler: Handler | None, hook: Hook | None, *, alone: bool = False) -> Finish:
    """Run ``hook``, where there is one, and then the handler, but for a hook that comes ``alone``."""
    __tracebackhide__ = True
    call, failure = running.call, None
    views.begin(running)
    try:
        with call.user_code:
            if hook is not None:
                hook(running.namespace, call, running.write)
            if alone:
                return Finish(Returned(b""), call.output.text())
            try:
                body, answer = call_handler(running.namespace, call, handler)
            except Exception as error:
                failure = *failure_of(error, call), error
        if failure is None:
            http = None if answer is None else HttpAnswer(answer.status, tuple(answer.headers))
            finish = Finish(Returned(body, http), call.output.text())
        else:
            finish = _failed(running, *failure)
            failure = None  # the exception has this frame: a circle
        if call.function.pre_freeze and handler is None:
            with call.user_code:
                pre_freeze(running.namespace, call, running.write)
            finish.output = call.output.text()
        return finish
    except NotInitialized as failed:
        outcome = FunctionError(INITIALIZATION, failed.document, failed.name)
        return Finish(outcome, call.output.text(), failed.__cause__ or failed, broken=True)
    except Abandoned as ended:
        return Finish(Halted("abandoned"), call.output.text(), ended, broken=True)
    except BaseException as error:  # SystemExit and its like end the process in FC
        return Finish(call.clock.exited(), call.output.text(), error, broken=True)
    finally:
        views.end(running)


def _failed(running: Running, name: str, document: bytes, error: Exception) -> Finish:
    """The handler has raised ``error``, which is a line in its log, too (runtimes §1.6)."""
    call = running.call
    told = document_in_log(document, call.function)
    running.add(f"{text_of(call.clock.now())} {call.request_id} [ERROR] {told}\n", shown=True)
    cause = error.__cause__ if isinstance(error, LoadFailed) else None
    return Finish(FunctionError(UNHANDLED, document, name), call.output.text(), cause or error)
