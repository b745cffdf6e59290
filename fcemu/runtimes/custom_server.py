"""Starts the program of a custom runtime, waits until it listens, asks it, and ends it."""

import errno
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final

from fcemu.core.functions import Function
from fcemu.core.programs import Start
from fcemu.engine.ports import Call
from fcemu.handler.bounded import Bounded, Late
from fcemu.handler.hooks import INITIALIZE, PRE_FREEZE, PRE_STOP, end_line, start_line
from fcemu.handler.time.originals import Originals
from fcemu.runtimes.custom_http import Connections, Lost, ask_hook
from fcemu.runtimes.faketime import FakeTime, why_real
from fcemu.runtimes.listening import accepts, free_port, give_back, listeners
from fcemu.runtimes.memory import MemoryWatch
from fcemu.runtimes.program import Program
from fcemu.runtimes.starting import START_SECONDS, rate_of

SLOW_SECONDS: Final = 5.0
"""Real seconds after which a program that does not listen yet is named."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
_CODE: Final = "/code"
_REAL: Final = Originals()


class NotStarted(Exception):
    """The program cannot be started, by FC's codes (errors-and-limits §2.1)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class HookFailed(Exception):
    """A hook did not answer with success (runtimes §4.3); what it answered."""


class Server:
    """A program that listens. Raises ``NotStarted`` when it cannot be started, or is given up before it listens.

    Its output goes to ``call.output``, until another attempt begins. ``given_up`` is set by who wants no more of it.
    """

    def __init__(
        self, function: Function, how: Start, environment: Mapping[str, str], call: Call, given_up: threading.Event
    ) -> None:
        self._function: Final = function
        self._how: Final = how
        self._given_up: Final = given_up
        self._port: Final = free_port()
        command = [_here(word, function.code) for word in how.command]
        blind = why_real(command[0], function.code, rate_of(call.clock))
        self._time: Final = None if blind else FakeTime(call.clock)
        variables = {**environment, **_listen_variables(self._port), **(self._time.environment() if self._time else {})}
        try:
            self._program: Final = Program(command, variables, function.code, call.failed)
        except BaseException as error:
            self._give_back()
            if not isinstance(error, OSError):
                raise
            raise NotStarted("CAFileNotFound", f"The function cannot be started. {_why_not(command, error)}.") from None
        self._memory: Final = MemoryWatch(self._program.group, function.memory_mb, self._program.kill)
        self._program.write_to(call.output)
        try:
            self.connections: Final = Connections(self._wait_until_it_listens(call))
        except BaseException:
            self._program.end(gently=False)
            self._program.drain(call.output)
            self._give_back()
            raise
        call.clock.warn(f"{function.ref}: {_what_it_sees(blind, self._time)}")

    # While attempts run.

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether it was ended for having too much."""
        return self._memory.struck

    def status(self, seconds: float = 0.0) -> int | None:
        """Its exit status, negative for a signal; ``None`` while it runs. Waits that long for one that is ending."""
        return self._program.status_soon(seconds) if seconds else self._program.status()

    def begin(self, call: Call) -> Callable[[], None]:
        """An attempt begins: output is its own from now on. Returns what is to be called while the program is asked: it
        shows it the time, because it may call others that sleep, looks at its memory, and kills it once it is given up.
        """
        self._program.write_to(call.output)

        def look() -> None:
            if self._time is not None:
                self._time.show(call.clock.now())
            self._memory()
            if self._given_up.is_set():  # maybe just before there was a program to kill
                self.kill()

        look()
        return look

    def finish(self, call: Call) -> None:
        """An attempt is over: all that was written so far is its output."""
        self._program.drain(call.output)

    # Hooks.

    def initialize(self, call: Call) -> None:
        """Ask for it where there is one. Raises ``HookFailed``, ``Lost``, and ``Late`` when its time is over."""
        if self._function.initializer:
            self._ask_hook(call, INITIALIZE, self._function.initialization_timeout.total_seconds())

    def pre_freeze(self, call: Call) -> None:
        """Ask for it where there is one; what it comes to changes nothing (runtimes §1.5)."""
        if self._function.pre_freeze:
            self._ask_quietly(call, PRE_FREEZE, self._function.pre_freeze_timeout)

    def pre_stop(self, call: Call) -> None:
        """The same."""
        if self._function.pre_stop:
            self._ask_quietly(call, PRE_STOP, self._function.pre_stop_timeout)

    def _ask_quietly(self, call: Call, hook: str, timeout: timedelta) -> None:
        """On a paused clock, where its sleeps are real, it has as many real seconds: what these hooks come to changes
        nothing, so that no watchdog is to end them."""
        seconds = timeout.total_seconds()
        with suppress(HookFailed, Lost, Late):
            self._ask_hook(call, hook, seconds, None if rate_of(call.clock) else seconds)

    def _ask_hook(self, call: Call, hook: str, seconds: float, real_seconds: float | None = None) -> None:
        self.finish(call)
        look, clock, begun = self.begin(call), Bounded(call.clock, seconds), _REAL.monotonic()

        def look_in_time() -> None:
            look()
            if clock.left() < 0 or (real_seconds is not None and _REAL.monotonic() - begun > real_seconds):
                raise Late

        failed = True
        call.output.append(start_line(hook, call.request_id))
        try:
            answer = ask_hook(self.connections, call, hook, look_in_time, real_seconds)
            failed = not 200 <= answer.status < 300
            if failed:
                raise HookFailed(answer.body.decode("utf-8", "replace") or f"{hook}: {answer.status}")
        finally:
            self.finish(call)
            call.output.append(end_line(hook, call.request_id, failed=failed))

    # Its end.

    def kill(self) -> None:
        """End it at once; on any thread, repeatable. ``close`` is still needed."""
        self._program.kill()

    def close(self, *, gently: bool = False) -> None:
        """End it and give back what it needed."""
        self._program.end(gently=gently)
        self.connections.close()
        self._give_back()

    def _give_back(self) -> None:
        give_back(self._port)
        if self._time is not None:
            self._time.close()

    # Its start.

    def _wait_until_it_listens(self, call: Call) -> int:
        begun, pause, named = _REAL.monotonic(), _FIRST_PAUSE, False
        while True:
            if (found := self._listens_at(call)) is not None and self._is_healthy(found):
                return found
            if (status := self._program.status()) is not None:
                raise NotStarted("CAExited", exited(status, self._port_hint()))
            waited = _REAL.monotonic() - begun
            if waited > START_SECONDS or self._given_up.is_set():
                raise NotStarted("FunctionNotStarted", self._silent(waited))
            if waited > SLOW_SECONDS and not named:
                named = True
                call.clock.warn(f"{self._function.ref}: {self._silent(waited)}")
            self._given_up.wait(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _listens_at(self, call: Call) -> int | None:
        """The port at which the program can be asked: the one that it was told, else the one that is defined."""
        for port in (self._port, self._how.port):
            if not accepts(port):
                continue
            own = listeners(self._program.group)
            mine = None if own is None else [each for each in own if each.port == port]
            if mine == [] or (mine is None and port != self._port):
                continue  # somebody else's
            if mine and all(each.loopback for each in mine):
                text = "listens on 127.0.0.1; FC reaches a program only if it listens on 0.0.0.0"
                call.clock.warn(f"{self._function.ref} {text}")
            return port
        return None

    def _is_healthy(self, port: int) -> bool:
        """ASSUMED: fcemu does not wait for the delays and periods of a health check, but asks until it succeeds
        (runtimes §4.1)."""
        if not self._how.health:
            return True
        connections = Connections(port)
        try:
            return connections.ask("GET", self._how.health, [], timeout=START_SECONDS).status < 400
        except Lost:
            return False
        finally:
            connections.close()

    def _port_hint(self) -> str:
        """What may have gone wrong where a program has a fixed port."""
        if not accepts(self._how.port):
            return ""
        return (
            f"; port {self._how.port} is in use: a program that listens on FC_CUSTOM_LISTEN_PORT instead of a fixed "
            "port can have several instances here"
        )

    def _silent(self, waited: float) -> str:
        """ASSUMED: fcemu begins the message for a program that does not listen with FC's words, and makes up what
        follows (runtimes §4.1)."""
        own = listeners(self._program.group)
        ports = ", ".join(str(each.port) for each in own or []) or "none"
        return (
            f"The CA's http server cannot be started: it has not listened for {waited:.0f} real seconds. It must "
            "listen on 0.0.0.0, at the port in FC_CUSTOM_LISTEN_PORT or at the one that is defined, "
            f"{self._how.port}; it listens on: {ports}"
        )


def exited(status: int, hint: str = "") -> str:
    """What FC says of a program that has ended; how it ended is ours."""
    how = f"signal {-status}" if status < 0 else f"exit code {status}"
    return f"The function either cannot be started or exited. It ended with {how}{hint}."


def _here(word: str, code: str) -> str:
    """A word of a command, with the code directory in place of ``/code``."""
    return code + word[len(_CODE) :] if word == _CODE or word.startswith(f"{_CODE}/") else word


def _listen_variables(port: int) -> dict[str, str]:
    """Where the program is to listen. ASSUMED: fcemu sets the older variable ``FC_SERVER_PORT``, too
    (runtimes §4.1)."""
    return {"FC_CUSTOM_LISTEN_PORT": str(port), "FC_SERVER_PORT": str(port)}


def _why_not(command: list[str], error: OSError) -> str:
    hint = ""
    if isinstance(error, PermissionError):
        hint = f"; make it executable: chmod +x {os.path.basename(command[0])}"
    elif isinstance(error, FileNotFoundError):
        hint = ", or the program named in its first line is missing"
    elif error.errno == errno.ENOEXEC:
        hint = "; its first line must name the program that runs it, such as #!/bin/sh"
    return f"{os.path.basename(command[0])}: {error.strerror}{hint}"


def _what_it_sees(blind: str | None, shown: FakeTime | None) -> str:
    """What is virtual and what is real for the program."""
    if blind is not None:
        return f"its program sees real time, and its sleeps are real: {blind}"
    if shown is not None and shown.flows:
        return "its program sees virtual time through libfaketime, and its sleeps are virtual"
    return "its program sees virtual time through libfaketime; its sleeps and monotonic clocks are real"
