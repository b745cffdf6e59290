"""Runs functions of custom runtimes: a program of the user's that serves HTTP."""

import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from fcemu.core.functions import Function
from fcemu.core.generation import FC3
from fcemu.core.outcome import (
    INITIALIZATION,
    FunctionError,
    Halted,
    Ran,
    Refusal,
    Returned,
    SystemFailed,
    error_document,
)
from fcemu.core.programs import Start, start_of
from fcemu.engine.ports import Call, Finish, unowned
from fcemu.handler.bounded import Late
from fcemu.handler.documents import log_text
from fcemu.handler.hooks import late_initializer
from fcemu.runtimes import side_threads
from fcemu.runtimes.custom_http import Lost, ask_invoke
from fcemu.runtimes.custom_server import HookFailed, NotStarted, Server, exited
from fcemu.runtimes.environment import variables_of
from fcemu.runtimes.other_languages import OtherLanguage
from fcemu.runtimes.starting import seconds_to_start

_DEATH_SECONDS: Final = 1.0
"""Real seconds in which a program that has cut a connection is expected to have ended."""
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class CustomRuntime(OtherLanguage):
    """Implements ``Runtime``. One program for each instance, started with its first attempt.

    ``extra_environment``: variables that programs get besides FC's. ``pass_env``: as of ``outside_variables``.
    ``isolate`` changes nothing: instances share nothing anyway.
    """

    def __init__(
        self,
        extra_environment: Mapping[str, str] = _NOTHING,
        *,
        isolate: bool = False,
        pass_env: Sequence[str] | None = None,
    ) -> None:
        self.pass_env: Final = pass_env
        self.extra: Final = extra_environment
        self._ending: Final[list[threading.Thread]] = []
        self._lock: Final = threading.Lock()

    def start(self, function: Function, instance_id: str) -> "CustomInstance | Refusal":
        """A new instance; a refusal for a container without a command, because images are not run."""
        how = start_of(function)
        if not how.command:
            text = (
                f"{function.ref} is a container, but fcemu runs no images; write 'command' (a list of words that "
                f"starts its server here, in its code directory) and 'port' if it is not {how.port}"
            )
            return SystemFailed(412, "FunctionNotStarted", text)
        return CustomInstance(function, how, self)

    def end(self, end: Callable[[], None], failed: Callable[[BaseException], None]) -> None:
        """Run ``end`` on a thread of its own, because a gentle end takes time; ``close`` waits for it. ``failed`` gets
        what it raises."""
        with self._lock:
            self._ending[:] = [one for one in self._ending if one.is_alive()]
            self._ending.append(side_threads.start("fcemu-stop", end, failed))

    def close(self) -> None:
        """Wait until all programs have ended."""
        with self._lock:
            ending = list(self._ending)
        for thread in ending:
            thread.join()


class CustomInstance:
    """Implements ``Instance``: a program that serves HTTP. Attempts may run in it side by side."""

    def __init__(self, function: Function, how: Start, runtime: CustomRuntime) -> None:
        self._function: Final = function
        self._how: Final = how
        self._runtime: Final = runtime
        self._starting: Final = threading.Lock()
        self._given_up: Final = threading.Event()
        self._server: Server | None = None
        self._failed: Callable[[BaseException], None] = unowned
        self._asked = 0
        """How many attempts the program serves now."""

    def run(self, call: Call) -> Finish:
        """Run one attempt; never raises. The program is started first, if it does not run."""
        return self._finished(call, self._attempt)

    def _finished(self, call: Call, what: Callable[[Call], Ran]) -> Finish:
        call.output.rewrite = lambda text: log_text(text, call.function)
        self._failed = call.failed
        broken = True
        try:
            outcome = what(call)
            broken = False
        except NotStarted as failed:
            outcome = _not_started(failed)
        except HookFailed as failed:
            outcome = FunctionError(INITIALIZATION, error_document(str(failed)), INITIALIZATION)
        except Late:
            document = error_document(late_initializer(self._function.initialization_timeout.total_seconds()))
            outcome = FunctionError(INITIALIZATION, document, "FunctionTimeoutError")
        except Lost as lost:
            outcome = self._lost(call, lost)
        if self._server is not None:
            self._server.finish(call)
        if self._given_up.is_set():
            outcome, broken = Halted("abandoned"), True
        return Finish(outcome, call.output.text(), broken=broken)

    def begin(self, call: Call, soon: Callable[[], object], long: Callable[[], object]) -> bool:
        """It waits for its handlers itself."""
        return False

    def initialize(self, call: Call) -> Finish:
        """Start the program, and initialize it."""
        return self._finished(call, self._only_start)

    def pre_stop(self, call: Call) -> Finish:
        """Ask for the hook, if there is one and the program runs. What it comes to changes nothing."""
        return self._finished(call, self._stopping)

    def answers_beside(self) -> bool:
        """A server takes several requests at a time."""
        return True

    def stop(self) -> None:
        """End the program: SIGTERM, and SIGKILL after a while. Does not wait for that."""
        self._runtime.end(self._end, self._failed)

    def interrupt(self) -> bool:
        """Kill the program, which breaks off what it is asked; nobody may come back for what it needed here."""
        self._given_up.set()
        server = self._server
        if server is not None:
            server.kill()
        self.stop()
        return True

    def line(self) -> str:
        """A program of any language does not tell."""
        return ""

    def held_up(self) -> bool:
        """Nobody knows."""
        return False

    def debugged(self) -> bool:
        """fcemu starts no debugger for it."""
        return False

    def _end(self) -> None:
        with self._starting:
            server, self._server = self._server, None
        if server is not None:
            server.close(gently=not self._given_up.is_set())

    def _attempt(self, call: Call) -> Ran:
        before = self._server
        if before is None or before.status() is not None:  # it is started now, if not by somebody else
            call.clock.prepare(seconds_to_start(call))
        with self._starting:
            server = self._ready_server(call)
            self._asked += 1
        call.clock.begin_handler()
        try:
            outcome = ask_invoke(server.connections, call, server.begin(call))
        finally:
            with self._starting:
                self._asked -= 1
                freezes = not self._asked
        if freezes:  # once, after the last of several (timers-and-instances §3.2)
            server.pre_freeze(call)
        return outcome

    def _only_start(self, call: Call) -> Ran:
        with self._starting:
            self._ready_server(call)
        return Returned(b"")

    def _stopping(self, call: Call) -> Ran:
        if self._server is not None and self._server.status() is None:
            self._server.pre_stop(call)
        return Returned(b"")

    def _ready_server(self, call: Call) -> Server:
        """The program, started and initialized. Raises ``NotStarted``, ``HookFailed``, ``Late``, ``Lost``."""
        if self._server is not None and self._server.status() is not None:
            self._server.close()
            self._server = None
            call.clock.warn("the program of this instance had ended since its last attempt; a new program replaced it")
        if self._server is None:
            environment = variables_of(call, self._runtime.extra, self._runtime.pass_env)
            self._server = Server(self._function, self._how, environment, call, self._given_up)
            self._server.initialize(call)  # once, before the first attempt (runtimes §1.5)
        return self._server

    def _lost(self, call: Call, lost: Lost) -> Ran:
        """The program has closed the connection, most often because it has ended.

        ASSUMED: fcemu reports in 2.0 that the program of a custom runtime has ended as it does for built-in runtimes
        (runtimes §5.3).
        """
        server = self._server
        if server is not None and server.ran_out_of_memory:
            ended = call.clock.exited()
            return FunctionError(ended.error_type, ended.document, "FunctionOOMError")  # type: ignore[union-attr]
        status = None if server is None else server.status(_DEATH_SECONDS)
        if status is None:
            text = (
                f"The function either cannot be started or exited. It closed the connection without an answer: {lost}."
            )
        elif self._function.generation is not FC3:
            return call.clock.exited()
        else:
            text = exited(status)
        return FunctionError("CAExited", error_document(text), "CAExited")


def _not_started(failed: NotStarted) -> FunctionError:
    """ASSUMED: fcemu counts a program that cannot be started as a function error, so that it is retried as one
    (retry-and-destinations §1.1)."""
    return FunctionError(failed.code, error_document(failed.message), failed.code)
