"""Custom runtime: a start command that serves HTTP."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context
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
    SystemFailed,
    error_document,
)
from fcemu.core.programs import start_of
from fcemu.engine.ports import Call, Finish
from fcemu.runtimes.custom_http import INITIALIZE, PRE_FREEZE, PRE_STOP, Connections, Lost, ask_hook, ask_invoke
from fcemu.runtimes.environment import variables_of
from fcemu.runtimes.faketime import FakeTime, why_real
from fcemu.runtimes.listening import accepts, free_port, listeners
from fcemu.runtimes.program import Program

START_SECONDS: Final = 120.0
"""Real seconds in which a program must listen. Source: runtimes §4.1."""
SLOW_SECONDS: Final = 5.0
"""Real seconds after which a program that does not listen yet is named."""
_FIRST_LOOK, _LONGEST_PAUSE = 0.002, 0.05
_DEATH_SECONDS: Final = 1.0
"""Real seconds in which a program that has cut a connection is expected to have ended."""
PRE_STOP_SECONDS: Final = 5.0
"""Real seconds that a program has for ``/pre-stop`` at most, because the emulator waits for it when it closes."""
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_CODE: Final = "/code"


class NotStarted(Exception):
    """The program cannot be started, by FC's codes (errors-and-limits §2.1)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class InitializationFailed(Exception):
    """``/initialize`` did not answer with success."""


class CustomRuntime:
    """Implements ``Runtime``. One process for each instance, started with its first attempt.

    ``extra_environment``: variables that programs get besides FC's.
    """

    def __init__(self, extra_environment: Mapping[str, str] = _NOTHING, *, isolate: bool = True) -> None:
        self._extra: Final = extra_environment
        self._ending: Final[list[threading.Thread]] = []
        self._lock: Final = threading.Lock()
        self._told: Final[set[str]] = set()

    def start(self, function: Function, instance_id: str) -> "CustomInstance | Refusal":
        """A new instance; a refusal for a container without a command, because images are not run."""
        start = start_of(function)
        if not start.command:
            text = (
                f"{function.ref} is a container, and fcemu runs no images; write 'command' (a list of words that "
                f"starts its server here, in its code directory) and 'port' if it is not {start.port}"
            )
            return SystemFailed(412, "FunctionNotStarted", text)
        return CustomInstance(function, self)

    def variables(self, call: Call) -> dict[str, str]:
        """What a program's environment has besides where it listens and what it needs for virtual time."""
        return variables_of(call, self._extra)

    def tell_once(self, call: Call, text: str) -> None:
        """Warn of something that is so for every instance of a function."""
        with self._lock:
            is_new = text not in self._told
            self._told.add(text)
        if is_new:
            call.clock.warn(text)

    def end(self, end: Callable[[], None]) -> None:
        """Run ``end`` on a thread of its own, because a gentle end takes time; ``close`` waits for it."""
        thread = threading.Thread(target=end, name="fcemu-stop", daemon=True)
        with self._lock:
            self._ending[:] = [one for one in self._ending if one.is_alive()]
            self._ending.append(thread)
        Context().run(thread.start)

    def close(self) -> None:
        """Wait until all programs have ended."""
        with self._lock:
            ending = list(self._ending)
        for thread in ending:
            thread.join()


class CustomInstance:
    """Implements ``Instance``: a program that serves HTTP. Attempts may run in it side by side."""

    def __init__(self, function: Function, runtime: CustomRuntime) -> None:
        self._function: Final = function
        self._how: Final = start_of(function)
        self._runtime: Final = runtime
        self._starting: Final = threading.Lock()
        self._given_up: Final = threading.Event()
        self._program: Program | None = None
        self._time: FakeTime | None = None
        self._connections: Connections | None = None
        self._last: Call | None = None

    def run(self, call: Call) -> Finish:
        """Run one attempt; never raises. The program is started first, if it does not run yet."""
        try:
            outcome, broken = self._attempt(call), False
        except NotStarted as failed:
            outcome, broken = self._not_started(failed), True
        except InitializationFailed as failed:
            outcome, broken = FunctionError(INITIALIZATION, error_document(str(failed)), INITIALIZATION), True
        except Lost as lost:
            outcome, broken = self._lost(call, lost), True
        if self._program is not None:
            self._program.drain(call.output)
        if self._given_up.is_set():
            outcome, broken = Halted("abandoned"), True
        if broken:
            self.stop()
        return Finish(outcome, "".join(call.output), broken=broken)

    def stop(self) -> None:
        """End the program: SIGTERM, and SIGKILL after a while. Does not wait for that."""
        self._runtime.end(self._end)

    def interrupt(self) -> bool:
        """Kill the program, which breaks off what it is asked."""
        self._given_up.set()
        if self._program is not None:
            self._program.kill()
        return True

    def _end(self) -> None:
        with self._starting:
            gently = not self._given_up.is_set()
            if gently and self._connections is not None and self._last is not None:
                self._pre_stop(self._last, self._connections)
            if self._program is not None:
                self._program.end(gently=gently)
            if self._connections is not None:
                self._connections.close()
            if self._time is not None:
                self._time.close()

    def _attempt(self, call: Call) -> Ran:
        with self._starting:
            if self._connections is None:
                connections = Connections(self._start(call))
                self._initialize(call, connections)
                self._connections = connections
            elif self._program is not None:
                self._program.write_to(call.output)
        self._last = call
        outcome = ask_invoke(self._connections, call, self._clock_watch(call))
        self._pre_freeze(call, self._connections)
        return outcome

    def _initialize(self, call: Call, connections: Connections) -> None:
        """Once, before the first attempt. Raises ``InitializationFailed``."""
        if not self._function.initializer:
            return
        call.output.append(f"FC Initialize Start RequestId: {call.request_id}\n")
        try:
            answer = ask_hook(connections, call, INITIALIZE, meanwhile=self._clock_watch(call))
        except Lost as lost:
            raise InitializationFailed(str(lost)) from None
        if self._program is not None:
            self._program.drain(call.output)
            self._program.write_to(call.output)
        failed = not 200 <= answer.status < 300
        how = ", Error: Unhandled initialization error" if failed else ""
        call.output.append(f"FC Initialize End RequestId: {call.request_id}{how}\n")
        if failed:
            raise InitializationFailed(answer.body.decode("utf-8", "replace") or f"{INITIALIZE}: {answer.status}")

    def _pre_freeze(self, call: Call, connections: Connections) -> None:
        """After each attempt, as the instance is idle then; what it comes to changes nothing (runtimes §1.5)."""
        if self._function.pre_freeze:
            with suppress(Lost):
                ask_hook(connections, call, PRE_FREEZE, timeout=self._function.pre_freeze_timeout.total_seconds())

    def _pre_stop(self, call: Call, connections: Connections) -> None:
        if self._function.pre_stop:
            seconds = min(self._function.pre_stop_timeout.total_seconds(), PRE_STOP_SECONDS)
            with suppress(Lost):
                ask_hook(connections, call, PRE_STOP, timeout=seconds)

    def _clock_watch(self, call: Call) -> Callable[[], None] | None:
        """Shows the program the time, now and from time to time while it is asked: it may call others that sleep."""
        shown = self._time
        if shown is None:
            return None
        shown.show(call.clock.now())
        return lambda: shown.show(call.clock.now())

    # Its start.

    def _start(self, call: Call) -> int:
        """Start the program and wait until it listens; returns the port. Raises ``NotStarted``."""
        function, port = self._function, free_port()
        command = [_here(word, function.code) for word in self._how.command]
        environment = self._runtime.variables(call) | _listen_variables(port)
        reason = why_real(command[0], function.code)
        if reason is None:
            self._time = FakeTime(call.clock)
            environment |= self._time.environment()
        try:
            self._program = Program(command, environment, function.code)
        except OSError as error:
            raise NotStarted("CAFileNotFound", f"The function cannot be started. {_why_not(command, error)}.") from None
        self._program.write_to(call.output)
        found = self._wait_until_it_listens(call, self._program, port)
        self._runtime.tell_once(call, _what_it_sees(function, reason, self._time))
        return found

    def _wait_until_it_listens(self, call: Call, program: Program, port: int) -> int:
        begun, pause, named = time.monotonic(), _FIRST_LOOK, False
        while True:
            if (found := self._listens_at(call, program, port)) is not None and self._is_healthy(found):
                return found
            if (status := program.status()) is not None:
                raise NotStarted("CAExited", _exited(status, _port_hint(self._how.port, program)))
            waited = time.monotonic() - begun
            if waited > START_SECONDS or self._given_up.is_set():
                raise NotStarted("FunctionNotStarted", _silent(waited, port, program))
            if waited > SLOW_SECONDS and not named:
                named = True
                call.clock.warn(f"{self._function.ref}: {_silent(waited, port, program)}")
            self._given_up.wait(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _is_healthy(self, port: int) -> bool:
        """ASSUMED: delays and periods of the health check are not waited for here; it is asked until it succeeds."""
        if not self._how.health:
            return True
        connections = Connections(port)
        try:
            return connections.ask("GET", self._how.health, [], timeout=START_SECONDS).status < 400
        except Lost:
            return False
        finally:
            connections.close()

    def _listens_at(self, call: Call, program: Program, port: int) -> int | None:
        """The port at which the program can be asked: the one that it was told, else the one that is defined."""
        for candidate in (port, self._how.port):
            if not accepts(candidate):
                continue
            own = listeners(program.group)
            mine = None if own is None else [each for each in own if each.port == candidate]
            if mine == [] or (mine is None and candidate != port):
                continue  # somebody else's
            if mine and all(each.loopback for each in mine):
                text = "listens on 127.0.0.1; FC reaches a program only if it listens on 0.0.0.0"
                self._runtime.tell_once(call, f"{self._function.ref} {text}")
            return candidate
        return None

    # Its end.

    def _not_started(self, failed: NotStarted) -> Ran:
        """ASSUMED: counts as a function error, so that it is retried as one (retry-and-destinations §1.1)."""
        return FunctionError(failed.code, error_document(failed.message), failed.code)

    def _lost(self, call: Call, lost: Lost) -> Ran:
        """The program has closed the connection, most often because it has ended.

        ASSUMED: in 2.0 that is reported as for built-in runtimes.
        """
        status = None if self._program is None else self._program.status_soon(_DEATH_SECONDS)
        if status is None:
            text = (
                f"The function either cannot be started or exited. It closed the connection without an answer: {lost}."
            )
            return FunctionError("CAExited", error_document(text), "CAExited")
        if self._function.generation is not FC3:
            return call.clock.exited()
        return FunctionError("CAExited", error_document(_exited(status)), "CAExited")


def _here(word: str, code: str) -> str:
    """A word of a command, with the code directory in place of ``/code``."""
    return code + word[len(_CODE) :] if word == _CODE or word.startswith(f"{_CODE}/") else word


def _listen_variables(port: int) -> dict[str, str]:
    """Where the program is to listen. ASSUMED: FC sets the older name, too."""
    return {"FC_CUSTOM_LISTEN_PORT": str(port), "FC_SERVER_PORT": str(port)}


def _why_not(command: list[str], error: OSError) -> str:
    hint = ""
    if isinstance(error, PermissionError):
        hint = f"; make it executable: chmod +x {os.path.basename(command[0])}"
    elif isinstance(error, FileNotFoundError):
        hint = ", or the program named in its first line is missing"
    elif error.errno == 8:
        hint = "; its first line must name the program that runs it, such as #!/bin/sh"
    return f"{command[0]}: {error.strerror}{hint}"


def _exited(status: int, hint: str = "") -> str:
    how = f"signal {-status}" if status < 0 else f"exit code {status}"
    return f"The function either cannot be started or exited. It ended with {how}{hint}."


def _port_hint(port: int, program: Program) -> str:
    """What may have gone wrong where a program has a fixed port."""
    if not accepts(port):
        return ""
    return (
        f"; port {port} is in use: a program that listens on FC_CUSTOM_LISTEN_PORT instead of a fixed port can have "
        "several instances here"
    )


def _silent(waited: float, port: int, program: Program) -> str:
    """ASSUMED: FC's text begins like this; what follows is ours."""
    own = listeners(program.group)
    ports = ", ".join(str(each.port) for each in own or []) or "none"
    return (
        f"The CA's http server cannot be started: it has not listened for {waited:.0f} real seconds. It must listen on "
        f"0.0.0.0 at the port in FC_CUSTOM_LISTEN_PORT or at the one that is defined; it listens on: {ports}"
    )


def _what_it_sees(function: Function, reason: str | None, shown: FakeTime | None) -> str:
    if reason is not None:
        return f"{function.ref}: its program sees real time, and its sleeps are real: {reason}"
    if shown is not None and shown.flows:
        return f"{function.ref}: its program sees virtual time through libfaketime, and its sleeps are virtual"
    return (
        f"{function.ref}: its program sees virtual time through libfaketime; its sleeps and monotonic clocks are real"
    )
