"""The HTTP requests that the program of a custom runtime gets, and what its answers mean (runtimes §4.2, §4.3)."""

import select
import socket
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Final, NamedTuple

from fcemu.core.http import HttpAnswer
from fcemu.core.outcome import HANDLED, FunctionError, Ran, Returned
from fcemu.core.output import RESULT_BYTES
from fcemu.engine.ports import Call
from fcemu.handler.hooks import INITIALIZE, PRE_FREEZE, PRE_STOP

INVOKE: Final = "/invoke"
HTTP_INVOKE: Final = "/http-invoke"
_HOOKS: Final = {INITIALIZE: "/initialize", PRE_FREEZE: "/pre-freeze", PRE_STOP: "/pre-stop"}
_FAILED: Final = "404"


class Lost(Exception):
    """The connection ended before the answer was whole."""


class Answer(NamedTuple):
    """What the program answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        return next((text for each, text in self.headers if each.lower() == name), None)


class Connections:
    """Connections to one program, kept open and used by one request at a time each; requests may run side by side."""

    def __init__(self, port: int) -> None:
        self._port: Final = port
        self._free: Final[list[HTTPConnection]] = []

    def ask(
        self,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes = b"",
        timeout: float | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> Answer:
        """Send a request and wait for the answer. ``meanwhile`` is called from time to time. Raises ``Lost``.

        ``timeout``: real seconds for each step.
        """
        connection = self._take(timeout)
        try:
            connection.putrequest(method, target, skip_host=_has(headers, "host"), skip_accept_encoding=True)
            for name, text in headers:
                if name.lower() != "content-length":
                    connection.putheader(name, text.encode("utf-8", "surrogateescape"))
            if body or method not in ("GET", "HEAD", "OPTIONS", "TRACE"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            _answer_at_once(connection.sock)
            while meanwhile is not None and not select.select([connection.sock], [], [], 0.02)[0]:
                meanwhile()
            response = connection.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read(RESULT_BYTES + 1))
        except (OSError, HTTPException) as error:
            connection.close()
            raise Lost(f"{method} {target}: {error or type(error).__name__}") from None
        except BaseException:
            connection.close()
            raise
        if len(answer.body) > RESULT_BYTES:  # too large for whoever gets it, so the rest is not read
            connection.close()
        elif connection.sock is not None:
            self._free.append(connection)
        return answer

    def _take(self, timeout: float | None) -> HTTPConnection:
        while self._free:
            try:
                connection = self._free.pop()
            except IndexError:  # another request was faster
                break
            if select.select([connection.sock], [], [], 0)[0]:
                connection.close()  # the program has closed it
                continue
            connection.sock.settimeout(timeout)
            return connection
        connection = HTTPConnection("127.0.0.1", self._port, timeout=timeout)
        try:
            connection.connect()
        except OSError as error:
            raise Lost(str(error)) from None
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def close(self) -> None:
        """Close what is not in use."""
        while self._free:
            self._free.pop().close()


def _answer_at_once(connection: socket.socket) -> None:
    """Servers that send head and body apart wait for a sign of life in between; the system holds it back for 40 ms."""
    if hasattr(socket, "TCP_QUICKACK"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _has(headers: list[tuple[str, str]], name: str) -> bool:
    return any(each.lower() == name for each, _ in headers)


def ask_hook(
    connections: Connections,
    call: Call,
    hook: str,
    meanwhile: Callable[[], object],
    timeout: float | None,
) -> Answer:
    """Call a hook. Raises ``Lost``, also when the ``timeout`` in real seconds has passed."""
    method, path = "POST" if hook == INITIALIZE else "GET", _HOOKS[hook]
    return connections.ask(method, path, common_headers(call, path), timeout=timeout, meanwhile=meanwhile)


def common_headers(call: Call, control_path: str) -> list[tuple[str, str]]:
    """What each request carries. ASSUMED: fcemu leaves out the headers of a request whose values are not set
    (runtimes §4.2)."""
    function, (key_id, secret, token) = call.function, call.credentials
    headers = {
        "x-fc-request-id": call.request_id,
        "x-fc-access-key-id": key_id,
        "x-fc-access-key-secret": secret,
        "x-fc-security-token": token,
        "x-fc-function-name": function.ref.name,
        "x-fc-function-handler": function.handler,
        "x-fc-function-memory": str(function.memory_mb),
        "x-fc-function-timeout": f"{function.timeout.total_seconds():g}",
        "x-fc-region": call.account.region,
        "x-fc-account-id": call.account.id,
        "x-fc-qualifier": call.qualifier,
        "x-fc-version-id": call.version,
        "x-fc-retry-count": str(call.retry_count),
        "x-fc-control-path": control_path,
    }
    hooks = {
        "x-fc-service-name": function.ref.service or "",
        "x-fc-function-initializer": function.initializer,
        "x-fc-initialization-timeout": f"{function.initialization_timeout.total_seconds():g}",
        "x-fc-instance-lifecycle-pre-stop-handler": function.pre_stop,
        "x-fc-instance-lifecycle-pre-freeze-handler": function.pre_freeze,
    }
    if not function.initializer:
        del hooks["x-fc-initialization-timeout"]
    return [*headers.items(), *((name, text) for name, text in hooks.items() if text)]


def ask_invoke(connections: Connections, call: Call, meanwhile: Callable[[], object] | None) -> Ran:
    """One attempt: an event, or the request of an HTTP trigger as it came. Raises ``Lost``."""
    if call.http is None:
        headers = [("Content-Type", "application/octet-stream"), *common_headers(call, INVOKE)]
        return invoked(connections.ask("POST", INVOKE, headers, call.payload, meanwhile=meanwhile))
    request = call.http
    headers = [
        *request.passed_on(),
        *common_headers(call, HTTP_INVOKE),
        ("x-fc-client-ip", request.client_ip),
        ("x-fc-base-path", request.base_path),
    ]
    answer = connections.ask(request.method, request.uri or request.target, headers, call.payload, meanwhile=meanwhile)
    return served(answer)


def invoked(answer: Answer) -> Ran:
    """What the answer to ``/invoke`` means: a failure is what says so in ``x-fc-status``.

    ASSUMED: fcemu takes a failure that a program reports by ``x-fc-status`` for a handled one, since user code reported
    it, and a status of 400 and above without that header for a success (runtimes §4.3).
    """
    if answer.header("x-fc-status") == _FAILED:
        return FunctionError(HANDLED, answer.body, "FunctionHandledError")
    return Returned(answer.body)


def served(answer: Answer) -> Ran:
    """The answer to the request of an HTTP trigger: it goes to the client as it is, also where it is a failure."""
    http = HttpAnswer(answer.status, tuple(answer.headers))
    if answer.header("x-fc-status") == _FAILED:
        return FunctionError(HANDLED, answer.body, "FunctionHandledError", http)
    return Returned(answer.body, http)
