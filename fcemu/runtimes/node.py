"""Runs Node.js functions, each instance in a Node.js process."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from fcemu.core.functions import Function
from fcemu.core.http import HttpAnswer, HttpRequest
from fcemu.core.languages import OLD_NODE, is_modern_node
from fcemu.core.outcome import (
    HANDLED,
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
from fcemu.engine.ports import Call, Finish
from fcemu.handler.clock import Abandoned
from fcemu.handler.documents import log_text
from fcemu.handler.hooks import INITIALIZE, PRE_FREEZE, PRE_STOP, end_line, late_initializer, start_line
from fcemu.handler.logs import stamp
from fcemu.runtimes.children import Child, Gone, InChild, Message, spawn, to_json
from fcemu.runtimes.debugging import Debugging
from fcemu.runtimes.environment import keys_of, variables_of
from fcemu.runtimes.memory import MemoryWatch
from fcemu.runtimes.other_languages import OtherLanguage
from fcemu.runtimes.starting import seconds_to_start

VARIABLE: Final = "FCEMU_NODE"
"""Which Node.js runs handlers, if not the one on the path."""
UNCAUGHT: Final = "FunctionUnhandledError"
"""How the name of an error begins that no handler handed over, up to nodejs16 (runtimes §3.1)."""
OLDEST: Final = 16
SCRIPTS: Final = (".js", ".cjs", ".mjs")
_CHECK_SECONDS: Final = 30
_SYNTAX_ERROR: Final = re.compile(r"^SyntaxError: (.*)$", re.MULTILINE)
_PROGRAM: Final = Path(__file__).parent / "child" / "node_main.js"
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def node_command() -> str | None:
    """The Node.js of this machine; ``None`` when there is none."""
    return shutil.which(os.environ.get(VARIABLE) or "node")


def syntax_error_of(path: str) -> SyntaxError | None:
    """What Node.js says of a file that it cannot read as JavaScript; ``None`` where it can, or is not there.

    Told as ``path:line``, the line, a mark, an empty line, and ``SyntaxError: …``.
    """
    node = node_command()
    if node is None:
        return None
    command = [node, "--check", path]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=_CHECK_SECONDS, check=False)
    found = _SYNTAX_ERROR.search(checked.stderr)
    if checked.returncode == 0 or found is None:
        return None
    first = checked.stderr.partition("\n")[0].rpartition(":")[2]
    return SyntaxError(found[1], (path, int(first) if first.isdigit() else None, None, None))


def not_installed(function: Function) -> SystemFailed:
    """Why a Node.js function cannot run where there is no Node.js. FC has one, so this is no function error."""
    text = (
        f"{function.ref} is a {function.runtime} function and needs Node.js on this machine: install version {OLDEST} "
        f"or later (Debian: apt install nodejs), or set {VARIABLE} to its path"
    )
    return SystemFailed(412, "FunctionNotStarted", text)


class NodeRuntime(OtherLanguage):
    """Implements ``Runtime``. One process for each instance, started with its first attempt.

    ``extra_environment``: variables that handlers get besides FC's. ``debugging``: which function waits for a debugger.
    ``pass_env``: as of ``outside_variables``. ``isolate`` changes nothing: each instance loads its modules anew.

    ASSUMED: fcemu leaves the frames of Node.js itself out of the stack of an error, as they differ from version to
    version, and lets ``console.setLogLevel`` take debug, verbose, info, warn and error, in this order; at first all is
    written (runtimes §3.3, runtimes §3.5).
    """

    def __init__(
        self,
        extra_environment: Mapping[str, str] = _NOTHING,
        *,
        isolate: bool = False,
        debugging: Debugging | None = None,
        pass_env: Sequence[str] | None = None,
    ) -> None:
        self._pass_env: Final = pass_env
        self._extra: Final = extra_environment
        self._debugging: Final = debugging

    def start(self, function: Function, instance_id: str) -> "NodeInstance | Refusal":
        """A new instance; a refusal that says what to install where there is no Node.js."""
        node = node_command()
        if node is None:
            return not_installed(function)
        return NodeInstance(node, function, self._extra, self._debugging, self._pass_env)

    def close(self) -> None:
        """Nothing was changed in this process."""


class NodeInstance(InChild):
    """Implements ``Instance``: a Node.js process; it is frozen between two attempts."""

    def __init__(
        self,
        node: str,
        function: Function,
        extra: Mapping[str, str],
        debugging: Debugging | None = None,
        pass_env: Sequence[str] | None = None,
    ) -> None:
        self._pass_env: Final = pass_env
        super().__init__(function, debugging)
        self._node: Final = node
        self._extra: Final = extra
        self._initialized = False
        self._watch: MemoryWatch | None = None

    def run(self, call: Call) -> Finish:
        """Run one attempt in the child, on virtual time; never raises."""
        return self._finished(call, self._attempt)

    def _finished(self, call: Call, what: Callable[[Call], tuple[Ran, bool]]) -> Finish:
        call.output.rewrite = lambda text: log_text(text, call.function)
        try:
            outcome, broken = what(call)
        except Abandoned:
            if self._function.pre_stop and self._unwound(call):  # whoever ended it may call the hook
                return Finish(Halted("abandoned"), "".join(call.output), broken=True)
            outcome, broken = Halted("abandoned"), True
        except Gone:
            outcome, broken = self._ended(call), True
        if broken:
            self.stop()
        return Finish(outcome, call.output.text(), broken=broken)

    def begin(self, call: Call, soon: Callable[[], object], long: Callable[[], object]) -> bool:
        """It waits for its handlers itself."""
        return False

    def initialize(self, call: Call) -> Finish:
        """Start the process, and run the initializer."""
        return self._finished(call, self._only_start)

    def pre_stop(self, call: Call) -> Finish:
        """Run the hook in the process, if there is one. What it comes to changes nothing."""
        return self._finished(call, self._stopping)

    def _attempt(self, call: Call) -> tuple[Ran, bool]:
        self._drop_ended(call)
        if self._child is None:
            call.clock.prepare(seconds_to_start(call))
        child = self._child or self._start(call)
        if not self._initialized and (failed := self._initialize(child, call)) is not None:
            return failed, True
        call.clock.begin_handler()
        message = child.attempt(call, _head(call, "handler", call.function.handler), self._watch)
        if self._watch is not None and self._watch():  # it may have had too much between two looks
            raise Gone
        broken = bool(message.header.get("broken"))
        outcome = _outcome(call, message)
        if _exits(call.function.runtime, outcome):
            return call.clock.exited(), True
        if self._function.pre_freeze and not broken:
            # ASSUMED: fcemu ignores what the pre-freeze hook of Node.js comes to, and runs it inside the attempt, whose
            # time it takes (runtimes §1.5).
            function = self._function
            frozen = _hook(child, call, PRE_FREEZE, function.pre_freeze, function.pre_freeze_timeout)
            broken = bool(frozen.header.get("broken"))
        return outcome, broken

    def _only_start(self, call: Call) -> tuple[Ran, bool]:
        child = self._child or self._start(call)
        failed = None if self._initialized else self._initialize(child, call)
        return failed or Returned(b""), failed is not None

    def _stopping(self, call: Call) -> tuple[Ran, bool]:
        function = self._function
        if self._child is not None and self._child.has_ended():
            return Halted("its process had ended"), False
        if self._child is not None:
            _hook(self._child, call, PRE_STOP, function.pre_stop, function.pre_stop_timeout)
        return Returned(b""), False

    def _initialize(self, child: Child, call: Call) -> FunctionError | None:
        """Run the initializer, once; what it failed with (runtimes §1.5)."""
        function = self._function
        timeout = function.initialization_timeout
        message = _hook(child, call, INITIALIZE, function.initializer, timeout)
        self._initialized = message.kind == "returned"
        if self._initialized:
            return None
        if message.kind == "late":
            document = error_document(late_initializer(timeout.total_seconds()))
            return FunctionError(INITIALIZATION, document, "FunctionTimeoutError")
        return FunctionError(INITIALIZATION, message.body, str(message.header["name"]))

    def _start(self, call: Call) -> Child:
        """Start the process, and wait until it can run handlers. Raises ``Gone``."""
        child = self._spawn(call)
        self._adopt(child)
        started = child.receive(call.output)
        child.watch_process(int(started.header["pid"]))
        if not child.awaits_debugger:  # a debugger needs memory of its own
            self._watch = MemoryWatch(int(started.header["pid"]), self._function.memory_mb, child.kill)
        self._initialized = not self._function.initializer
        return child

    def _ended(self, call: Call) -> Ran:
        if self._interrupted:
            return Halted("abandoned")
        ended = call.clock.exited()
        return ended if self._watch is None else self._watch.name(ended)

    def _spawn(self, call: Call) -> Child:
        flavour = "modern" if is_modern_node(call.function.runtime) else "classic"
        command = [
            self._node,
            f"--max-old-space-size={call.function.memory_mb}",
            str(_PROGRAM),
            call.function.code,
            flavour,
            str(self._debug_port(call) or ""),
        ]
        try:
            return spawn(
                command,
                variables_of(call, self._extra, self._pass_env),
                call.function.code,
                call.clock.dial(),
                call.failed,
                self.is_wanted,
            )
        except OSError as error:
            call.output.append(f"{self._node} cannot be started: {error.strerror}\n")
            raise Gone from None


def _exits(runtime: str, outcome: Ran) -> bool:
    """Whether a handler's error ends its process: one that it did not hand over, in an old runtime."""
    is_uncaught = isinstance(outcome, FunctionError) and outcome.name.startswith(UNCAUGHT)
    return is_uncaught and runtime in OLD_NODE


def _hook(child: Child, call: Call, hook: str, handler: str, timeout: timedelta) -> Message:
    """Run a hook between FC's marker lines; returns the message that ends it. Raises ``Gone``, ``Abandoned``."""
    call.output.append(start_line(hook, call.request_id))
    failed = True
    try:
        message = child.attempt(call, _head(call, hook, handler, timeout.total_seconds()))
        failed = message.kind != "returned"
    finally:
        call.output.append(end_line(hook, call.request_id, failed=failed))
    return message


def _head(call: Call, kind: str, handler: str, seconds: float | None = None) -> str:
    """What the child is to run: a handler or a hook. ``seconds``: how long a hook may take in virtual time."""
    header = {
        "kind": "invoke",
        "type": kind,
        "handler": handler,
        "seconds": seconds,
        "http": None if call.http is None or kind != "handler" else _request(call.http),
        "grace": call.clock.io_grace(),
        "environment": keys_of(call),
        "context": _context(call, handler),
    }
    return to_json(header)


def _request(http: HttpRequest) -> dict[str, Any]:
    """The request that an HTTP handler of 2.0 gets, but for its body (runtimes §3.4)."""
    headers: dict[str, str] = {}
    for name, text in http.headers:
        known = headers.get(name.lower())
        headers[name.lower()] = text if known is None else f"{known},{text}"
    return {
        "method": http.method,
        "path": http.path,
        "url": http.target,
        "headers": headers,
        "queries": dict(http.queries),
        "clientIP": http.client_ip,
    }


def _context(call: Call, handler: str) -> dict[str, Any]:
    """The context object but for its methods (runtimes §3.1).

    ASSUMED: fcemu gives the context of Node.js in 3.0 a ``service`` with an empty name (runtimes §3.1).
    """
    function, (key_id, secret, token) = call.function, call.credentials
    return {
        "requestId": call.request_id,
        "credentials": {"accessKeyId": key_id, "accessKeySecret": secret, "securityToken": token},
        "function": {
            "name": function.ref.name,
            "handler": handler,
            "memory": function.memory_mb,
            "timeout": round(function.timeout.total_seconds()),
        },
        "service": {
            "name": function.ref.service or "",
            "logProject": "",
            "logStore": "",
            "qualifier": call.qualifier,
            "versionId": call.version,
        },
        "region": call.account.region,
        "accountId": call.account.id,
        "retryCount": call.retry_count,
        "tracing": {"openTracingSpanContext": "", "openTracingSpanBaggages": {}, "jaegerEndpoint": ""},
    }


def _outcome(call: Call, message: Message) -> Ran:
    header = message.header
    if message.kind == "returned":
        return Returned(message.body)
    if message.kind == "answered":
        headers = tuple((str(name), str(text)) for name, text in header["headers"])
        return Returned(message.body, HttpAnswer(header["statusCode"], headers))
    now = stamp(call.clock.now().timestamp())
    call.output.append(f"{now} {call.request_id} [ERROR] {message.body.decode(errors='replace')}\n")
    error_type = HANDLED if header["handled"] else UNHANDLED
    return FunctionError(error_type, message.body, str(header["name"]))
