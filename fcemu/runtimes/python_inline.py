"""The inline runtime: a handler is imported into this process and runs on the thread that asks."""

from _thread import get_ident
from collections.abc import Callable, Mapping
from contextvars import Context
from types import MappingProxyType, ModuleType
from typing import Final

from fcemu.core.functions import Function
from fcemu.core.http import HttpAnswer
from fcemu.core.names import LATEST, Account
from fcemu.core.outcome import INITIALIZATION, UNHANDLED, FunctionError, Halted, Ran, Returned
from fcemu.engine.ports import Abandoned, Call, Finish, HandlerClock
from fcemu.runtimes import imports, timeshift, views
from fcemu.runtimes.code import Handler, LoadFailed
from fcemu.runtimes.documents import log_text
from fcemu.runtimes.environment import Environment
from fcemu.runtimes.handling import NotInitialized, call_handler, failure_of, initialize, pre_freeze, pre_stop
from fcemu.runtimes.logs import stamp
from fcemu.runtimes.namespace import Namespace
from fcemu.runtimes.running import Running
from fcemu.runtimes.timeshift import CLOCK, ZONE, ensure_installed, zone_named
from fcemu.runtimes.timeshift.switch import ON_THREADS
from fcemu.runtimes.timeshift.uuids import SOURCE, Source

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
        self._extra: Final = extra_environment
        self._isolate: Final = isolate
        self._closed = False
        ensure_installed()
        views.open_views()

    def start(self, function: Function, instance_id: str) -> "InlineInstance":
        """A new instance. Its code is loaded by its first attempt."""
        own = Namespace(function.code, layers=layers_of(function), alone=True) if self._isolate else None
        return InlineInstance(self._extra, own)

    def module_of(self, function: Function, clock: HandlerClock, account: Account = _ACCOUNT) -> ModuleType:
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
        running = Running(call, _namespace_of(function), Environment(call, self._extra))
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
        self._namespace = own
        self._initialized = self._stopped = False

    def run(self, call: Call, handler: Handler | None = None) -> Finish:
        """Run one attempt in a context of its own; never raises. ``handler`` runs instead of what the handler string
        names."""
        if self._environment is None:
            self._environment = Environment(call, self._extra)
        namespace = self._namespace = self._own or _namespace_of(call.function)
        running = Running(call, namespace, self._environment)
        begin = handler is None and call.function.initializer and not self._initialized
        finish = Context().run(_attempt, running, handler, initialize if begin else None)
        self._initialized = self._initialized or not finish.broken
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
        if self._environment is None:
            self._environment = Environment(call, self._extra)
        namespace = self._namespace = self._own or _namespace_of(call.function)
        finish = Context().run(_hooked, Running(call, namespace, self._environment), hook)
        self._tidy()
        return finish

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
        if self._stopped and self._namespace is not None:
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


def _attempt(running: Running, handler: Handler | None, begin: Hook | None) -> Finish:
    try:
        _begin(running)
        return _outcome(running, handler, begin)
    finally:
        _end(running)


def _module(running: Running) -> ModuleType:
    try:
        _begin(running)
        return running.namespace.handler_module(running.call.function.handler.rpartition(".")[0])
    finally:
        _end(running)


def _begin(running: Running) -> None:
    """From here on, this context runs an attempt."""
    call = running.call
    with call.undisturbed():
        CLOCK.set(call.clock)
        SOURCE.set(Source(call.request_id, call.attempt))
        call.output.rewrite = lambda text: log_text(text, call.function)
        zone = running.environment.time_zone(running.namespace)
        if zone is not None:
            ZONE.set(zone_named(zone))
        timeshift.enter()
        views.begin(running)
        running.clock_before = ON_THREADS.get(get_ident())
        ON_THREADS[get_ident()] = call.clock
        running.has_begun = True


def _end(running: Running) -> None:
    with running.call.undisturbed():
        if running.has_begun:
            if running.clock_before is None:
                ON_THREADS.pop(get_ident(), None)
            else:
                ON_THREADS[get_ident()] = running.clock_before
            views.end(running)
            timeshift.leave()


def _hooked(running: Running, hook: Hook) -> Finish:
    try:
        _begin(running)
        return _outcome(running, None, hook, alone=True)
    finally:
        _end(running)


def _outcome(running: Running, handler: Handler | None, begin: Hook | None, *, alone: bool = False) -> Finish:
    call = running.call
    try:
        if begin is not None:
            begin(running.namespace, call, running.write)
        if alone:
            return _finish(running, Returned(b""))
        finish = _called(running, handler)
        if call.function.pre_freeze and handler is None:
            pre_freeze(running.namespace, call, running.write)
            finish.output = running.output.text()
        return finish
    except NotInitialized as failed:
        outcome = FunctionError(INITIALIZATION, failed.document, failed.name)
        return _finish(running, outcome, failed.__cause__ or failed, broken=True)
    except Abandoned:
        return _finish(running, Halted("abandoned"), broken=True)
    except BaseException as error:  # SystemExit and its like end the process in FC
        return _finish(running, call.clock.exited(), error, broken=True)


def _called(running: Running, handler: Handler | None) -> Finish:
    call = running.call
    try:
        body, answer = call_handler(running.namespace, call, handler)
    except Exception as error:
        name, document = failure_of(error, call)
        cause = error.__cause__ if isinstance(error, LoadFailed) else None
        return _failed(running, document, name, cause or error)
    return _finish(running, Returned(body, answer and HttpAnswer(answer.status, tuple(answer.headers))))


def _failed(running: Running, body: bytes, name: str, error: BaseException) -> Finish:
    call = running.call
    now = stamp(call.clock.now().timestamp())
    running.write(f"{now} {call.request_id} [ERROR] {body.decode()}\n")  # runtimes §1.6
    return _finish(running, FunctionError(UNHANDLED, body, name), error)


def _finish(running: Running, outcome: Ran, error: BaseException | None = None, *, broken: bool = False) -> Finish:
    return Finish(outcome, running.output.text(), error, broken)
