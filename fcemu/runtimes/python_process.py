"""Runs Python handlers in processes of their own, each forked from a warm template where the system can fork."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from json.encoder import encode_basestring_ascii as _quoted
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Final

from fcemu.core.functions import Function
from fcemu.core.http import HttpAnswer, HttpRequest
from fcemu.core.names import Account
from fcemu.core.outcome import (
    INITIALIZATION,
    UNHANDLED,
    FunctionError,
    Halted,
    Ran,
    Refusal,
    Returned,
    SystemFailed,
    error_document,
)
from fcemu.core.output import RESULT_BYTES
from fcemu.engine.ports import AttemptClock, Call, Finish, ShownTime
from fcemu.guarding import GUARDIAN
from fcemu.handler.clock import Abandoned
from fcemu.handler.documents import log_text
from fcemu.handler.logs import stamp
from fcemu.handler.polls import new_poll
from fcemu.handler.system import EPOLL, FORKS, HIDDEN, IS_HIDDEN, NEW_GROUP
from fcemu.handler.system import VARIABLE as SYSTEM
from fcemu.runtimes.children import Child, Gone, InChild, Message, pipes, spawn, to_json
from fcemu.runtimes.debugging import Debugging
from fcemu.runtimes.environment import outside_variables, places_of, variables_of
from fcemu.runtimes.memory import MemoryWatch
from fcemu.runtimes.poller import PolledAttempt, Poller
from fcemu.runtimes.starting import seconds_to_start
from fcemu.runtimes.whereabouts import Lookout

_PROGRAM: Final = str(Path(__file__).parents[1] / "handler" / "child" / "python_main.py")
_SMALL_BYTES: Final = 1 << 16
"""A payload that fits into the buffer of a socket, so that sending it does not wait."""
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class PythonProcess:
    """Implements ``Runtime``. No process is started before the first attempt.

    ``extra_environment``: as of ``PythonInline``. ``python``: the interpreter of functions that choose
    none. ``debugging``: which function waits for a debugger. ``loop``: what else waits for children, if not a thread.
    ``pass_env``: as of ``outside_variables``.
    ``isolate`` changes nothing: instances share nothing anyway.
    """

    def __init__(
        self,
        extra_environment: Mapping[str, str] = _NOTHING,
        *,
        isolate: bool = False,
        python: str = "",
        debugging: Debugging | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        pass_env: Sequence[str] | None = None,
    ) -> None:
        self._pass_env: Final = pass_env
        self._loop: Final = loop
        self._extra: Final = extra_environment
        self.debugging: Final = debugging
        self._python: Final = python or sys.executable
        self._lock: Final = threading.Lock()
        self._templates: Final[dict[str, _Template]] = {}
        self._poller: Poller | None = None

    def start(self, function: Function, instance_id: str) -> "ProcessInstance | Refusal":
        """A new instance; its process is started by its first attempt. A refusal where there is no such Python."""
        python = function.python or self._python
        if not os.access(python, os.X_OK):
            text = f"{function.ref} should run on {python}, which is not a program; write another path as its 'python'"
            return SystemFailed(412, "FunctionNotStarted", text)
        return ProcessInstance(self, function)

    def module_of(self, function: Function, clock: AttemptClock, account: Account) -> ModuleType:
        """Raises ``LookupError``: a test has no access to the modules of another process."""
        raise LookupError(f"with runtime='process' the module of {function.ref} is in other processes; use inline")

    def forget(self, code: str) -> None:
        """Nothing of a code directory is kept here."""

    def poller(self) -> Poller | None:
        """What waits for attempts that were begun; ``None`` where there is no server."""
        poller, loop = self._poller, self._loop
        if poller is not None or loop is None or not EPOLL:
            return poller
        with self._lock:
            if self._poller is None:
                self._poller = Poller(loop)
            return self._poller

    def close(self) -> None:
        """End all processes; repeatable."""
        with self._lock:
            poller, self._poller = self._poller, None
            templates = list(self._templates.values())
            self._templates.clear()
        for template in templates:
            template.close()
        if poller is not None:
            poller.close()

    def new_process(self, call: Call, debug_port: int | None, is_wanted: Callable[[], bool]) -> tuple[Child, int]:
        """A new process for the function of ``call``, and its process id. Raises ``NotStarted``.

        ``debug_port``: where it waits for the client of a debugger before its first attempt. ``is_wanted``: as of
        ``spawn``.
        """
        python = call.function.python or self._python
        child = self._template(python).fork(call.clock.dial()) if FORKS else self._spawned(python, call, is_wanted)
        try:
            child.send(to_json({**self._spec(call), "debug_port": debug_port}))
            started = child.receive(call.output)
        except Gone:
            child.close()
            self._let_go_of_ended(python)
            raise NotStarted(python) from None
        pid = int(started.header["pid"])
        child.watch_process(pid)
        child.lookout = Lookout(*started.header["lookout"]) if started.header["lookout"] else None
        child.library = tuple(started.header["library"])
        return child, pid

    def _spawned(self, python: str, call: Call, is_wanted: Callable[[], bool]) -> Child:
        """A Python of its own for one instance. Raises ``NotStarted``."""
        environment = _environment(self._pass_env) | ({SYSTEM: HIDDEN} if IS_HIDDEN else {})
        directory, dial = os.path.realpath(call.function.code), call.clock.dial()
        try:
            return spawn(_command(python), environment, directory, dial, call.failed, is_wanted)
        except OSError:
            raise NotStarted(python) from None

    def _let_go_of_ended(self, python: str) -> None:
        """A program that is no Python 3.9 or later ends at once as a template."""
        with self._lock:
            template = self._templates.get(python)
            if template is not None and not template.lives():
                del self._templates[python]
                template.close()

    def _template(self, python: str) -> "_Template":
        with self._lock:
            template = self._templates.get(python)
            if template is not None and not template.lives():
                template.close()
                template = None
            if template is None:
                template = self._templates[python] = _Template(python, self._pass_env)
            return template

    def _spec(self, call: Call) -> dict[str, Any]:
        function, account = call.function, call.account
        code = os.path.realpath(function.code)
        return {
            "kind": "start",
            "environment": variables_of(call, self._extra, self._pass_env),
            "keys": places_of(function),
            "layers": [layer.directory for layer in function.layers if layer.directory],
            "io_grace": call.clock.io_grace(),
            "result_bytes": RESULT_BYTES,
            "account": {"id": account.id, "region": account.region},
            "qualifier": call.qualifier,
            "version": call.version,
            "function": {
                "service": function.ref.service,
                "name": function.ref.name,
                "handler": function.handler,
                "code": code,
                "runtime": function.runtime,
                "memory_mb": function.memory_mb,
                "timeout": function.timeout.total_seconds(),
                "initializer": function.initializer,
                "initialization_timeout": function.initialization_timeout.total_seconds(),
                "pre_freeze": function.pre_freeze,
                "pre_freeze_timeout": function.pre_freeze_timeout.total_seconds(),
                "pre_stop": function.pre_stop,
                "pre_stop_timeout": function.pre_stop_timeout.total_seconds(),
            },
        }


def _head(call: Call, hook: str = "") -> str:
    """A JSON object, written piece by piece: the detour by way of a ``dict`` takes as long as all else that is done to
    hand an attempt over."""
    more = f', "hook": {_quoted(hook)}' if hook else ""
    if call.http is not None:
        more += f', "http": {to_json(_request(call.http))}'
    key, secret, token = call.keys.of(call.request_id, call.attempt)
    return (
        f'{{"kind": "invoke", "request_id": {_quoted(call.request_id)}, "attempt": {call.attempt}, '
        f'"retry_count": {call.retry_count}, '
        f'"credentials": [{_quoted(key)}, {_quoted(secret)}, {_quoted(token)}]{more}}}'
    )


def _request(http: HttpRequest) -> dict[str, Any]:
    given = {name: getattr(http, name) for name in ("method", "path", "target", "client_ip", "uri")}
    return {**given, "headers": http.passed_on()}


class NotStarted(Exception):
    """The interpreter does not run."""

    def __init__(self, python: str) -> None:
        super().__init__(f"{python} did not run the handler; it must be Python 3.9 or later; see its output")


class ProcessInstance(InChild):
    """Implements ``Instance``."""

    def __init__(self, runtime: PythonProcess, function: Function) -> None:
        super().__init__(function, runtime.debugging)
        self._runtime: Final = runtime
        self._begun = False
        self._memory: MemoryWatch | None = None
        self._library: tuple[str, ...] = ()
        """Where its interpreter has the standard library and packages."""

    def run(self, call: Call) -> Finish:
        """Run one attempt; never raises."""
        return self._finished(call)

    def _finished(self, call: Call, hook: str = "") -> Finish:
        try:
            return self._run(call, hook)
        except NotStarted as refused:
            outcome = FunctionError(UNHANDLED, error_document(str(refused)), "FunctionNotStarted")
            return self._broken(call, outcome)
        except Gone:
            return self._broken(call, self._ended(call))
        except Abandoned:
            if self._function.pre_stop and self._unwound(call):  # whoever ended it may call the hook
                return Finish(Halted("abandoned"), "".join(call.output), broken=True)
            return self._broken(call, Halted("abandoned"))

    def initialize(self, call: Call) -> Finish:
        """Start the process, and run the initializer."""
        return self._finished(call, "initialize")

    def pre_stop(self, call: Call) -> Finish:
        """Run the hook in the process, if there is one."""
        if self._child is None:
            return Finish(Returned(b""))
        if self._child.has_ended():
            return Finish(Halted("its process had ended"))
        return self._finished(call, "pre_stop")

    def begin(self, call: Call, soon: Callable[[], object], long: Callable[[], object]) -> bool:
        """Let the poller run a small attempt, if the process has come up already; without one, a thread of its own."""
        child, poller = self._child, self._runtime.poller()
        if child is None or len(call.payload) > _SMALL_BYTES:
            return False
        if poller is None:
            long()
        else:
            poller.add(PolledAttempt(child, call, self._send, soon, long))
        return True

    def _send(self, child: Child, call: Call) -> bool:
        """Begin an attempt that ``run`` ends; ``False``: the process is gone, and ``run`` begins it."""
        call.output.rewrite = self._rewritten
        try:
            child.send(_head(call), call.payload)
        except Gone:
            return False
        self._begun = True
        return True

    def _rewritten(self, text: str) -> str:
        """What the function has written, the same on every machine."""
        return log_text(text, self._function, self._library)

    def _run(self, call: Call, hook: str = "") -> Finish:
        if self._begun:
            self._begun = False
            assert self._child is not None
            return self._finish(call, self._child.answer(call, self._memory))
        call.output.rewrite = self._rewritten
        if self._interrupted and self._child is not None and self._child.has_ended():
            raise Gone
        self._drop_ended(call)
        child = self._child or self._start(call)
        return self._finish(call, child.attempt(call, _head(call, hook), self._memory))

    def _start(self, call: Call) -> Child:
        call.clock.prepare(seconds_to_start(call))
        debug_port = self._debug_port(call)
        child, pid = self._runtime.new_process(call, debug_port, self.is_wanted)
        # A debugger needs memory of its own.
        self._memory = None if debug_port else MemoryWatch(pid, self._function.memory_mb, self.interrupt)
        self._library = child.library
        self._adopt(child)
        if not self._function.initializer:  # else the process says when that has run
            call.clock.begin_handler()
        return child

    def _finish(self, call: Call, message: Message) -> Finish:
        match message.kind:
            case "returned":
                http = message.header["http"]
                answer = http and HttpAnswer(http[0], tuple((name, text) for name, text in http[1]))
                return Finish(Returned(message.body, answer), call.output.text())
            case "not initialized":
                outcome = FunctionError(INITIALIZATION, message.body, str(message.header["name"]))
                return self._broken(call, outcome)
            case "failed":
                now = stamp(call.clock.now().timestamp())
                call.output.append(
                    f"{now} {call.request_id} [ERROR] {message.body.decode(errors='replace')}\n"
                )  # runtimes §1.6
                outcome = FunctionError(UNHANDLED, message.body, str(message.header["name"]))
                return Finish(outcome, call.output.text(), lines=message.header["lines"])
            case "exits":
                finish = self._broken(call, self._ended(call))
                finish.lines = message.header["lines"]
                return finish
            case "out of memory":
                assert self._memory is not None
                self._memory.struck = True
                raise Gone
            case other:
                raise AssertionError(f"a child said {other!r}")

    def _ended(self, call: Call) -> Ran:
        exited = call.clock.exited()
        return exited if self._memory is None else self._memory.name(exited)

    def _broken(self, call: Call, outcome: Ran) -> Finish:
        self.stop()
        return Finish(outcome, call.output.text(), broken=True)


def _command(python: str) -> list[str]:
    """The program of Python children, without its arguments."""
    return [python, "-X", "utf8", _PROGRAM]


def _environment(pass_env: Sequence[str] | None) -> dict[str, str]:
    """Variables with which Python starts in a child; those of the handler come later."""
    variables = {name: value for name, value in outside_variables(pass_env).items() if name != "TZ"}
    return {**variables, "PYTHONHASHSEED": "0"}  # sets of a handler have the same order in each run


class _Template:
    """A process that forks the instances of one interpreter; see ``child/template.py``."""

    def __init__(self, python: str, pass_env: Sequence[str] | None) -> None:
        here, there = _packets()
        with there:
            try:
                self._process: Final = subprocess.Popen(
                    [*_command(python), str(there.fileno())],
                    env=_environment(pass_env),
                    stdin=subprocess.DEVNULL,
                    pass_fds=(there.fileno(),),
                    start_new_session=True,
                    creationflags=NEW_GROUP,
                )
            except OSError:
                here.close()
                raise NotStarted(python) from None
        self._socket: Final = here
        self._lock: Final = threading.Lock()
        self._forks = 0
        GUARDIAN.tell(f"~{self._process.pid}")

    def lives(self) -> bool:
        """Whether it can fork. A program that ends lets go of its socket first, and is gone a moment later."""
        ending = new_poll()
        ending.register(self._socket, 0)
        return self._process.poll() is None and not ending.poll(0)

    def fork(self, dial: ShownTime) -> Child:
        """A new process, which waits for its first frame; it may not have come up yet."""
        here, there, reading, writing = pipes()
        with self._lock:
            self._forks += 1
            number = self._forks
            try:
                packet = json.dumps({"fork": number}).encode()
                if FORKS:
                    socket.send_fds(self._socket, [packet], [there.fileno(), writing, dial.fd])
            except OSError:  # it has just ended; the child is gone before it began
                pass
        there.close()
        os.close(writing)
        return Child(here, reading, lambda: self._kill(number))

    def _kill(self, number: int) -> None:
        with self._lock, suppress(OSError):
            self._socket.send(json.dumps({"kill": number}).encode())

    def close(self) -> None:
        """End it with all that it has forked."""
        with self._lock:
            self._socket.close()
        if FORKS:
            self._process.send_signal(signal.SIGCONT)  # somebody may have stopped it
        self._process.wait()
        GUARDIAN.tell(f"-{self._process.pid}")


def _packets() -> tuple[socket.socket, socket.socket]:
    """A pair of sockets that keep packets apart, and pass open files."""
    if FORKS:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    raise AssertionError("nothing forks where there are none")
