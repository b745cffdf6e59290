"""The server: finds the dialect and the operation of a request, and answers whatever happens."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

from fcemu.api import control, furnishings, resources, tasks, v2016_08_15, v2021_04_06, v2023_03_30
from fcemu.api.asking import Asking
from fcemu.api.dialect import Dialect, Operation, Paths, behind, split_target
from fcemu.api.doors import DEFAULT_HOSTS, find_door
from fcemu.api.front import Front, Tls
from fcemu.api.guard import Guard
from fcemu.api.http_triggers import HttpTriggers
from fcemu.api.invocations import Invocations
from fcemu.api.mounts import Mount
from fcemu.api.serving import HttpServer, Response
from fcemu.api.setup import Parts
from fcemu.api.signatures import verify
from fcemu.api.wakeups import Wakeups
from fcemu.api.wire import HOST, Answer, WireRequest, error_type_line, status_line
from fcemu.core.errors import (
    FCError,
    InternalServerError,
    InvalidArgument,
    NotImplementedYet,
    PathNotSupported,
    ResourceThrottled,
)
from fcemu.engine.emulator import Emulator

DIALECTS: Final[Mapping[str, tuple[Dialect, Paths[Operation]]]] = {
    dialect.version: (dialect, Paths((operation.method, operation.path, operation) for operation in dialect.operations))
    for dialect in (v2016_08_15.DIALECT, v2021_04_06.DIALECT, v2023_03_30.DIALECT)
}
DEFAULT: Final = (v2023_03_30.DIALECT, Paths[Operation]())
"""In whose form a request is refused whose path names no version."""

HANDLERS: Final = {**resources.HANDLERS, **furnishings.HANDLERS, **tasks.HANDLERS}
"""What answers an operation of the control plane or of task mode, by its name in the dialects' tables."""


def effect_of(operation: Operation) -> str:
    """Whether an operation ``acts``, ``keeps``, or is ``refused``."""
    return operation.effect if operation.handler else "refused"


_PROXY_SEGMENTS: Final = 4
"""Version, ``proxy``, service and function stand in front of the path that a function of 2.0 sees."""
_ROUTES_KEPT: Final = 4096
_TARGET_KEPT: Final = 512
_STOP_SECONDS: Final = 1.0
_TURNS_OF_ACCEPTING: Final = 5
"""Turns of the loop in which what was accepted becomes a connection, and a few more: asyncio of Python 3.11 leaks it
when the server is closed in between."""
_LOG: Final = logging.getLogger("fcemu.api")


Handle = Callable[[WireRequest], Answer | Awaitable[Response | None] | None]


class Route(NamedTuple):
    """What answers a request, and what writes the answer when that fails.

    ``any_page``: pages of others may send it, as they may call HTTP triggers. ``tokenless``: it tells nothing.
    """

    handle: Handle
    refuse: Callable[[WireRequest, Exception], Answer]
    any_page: bool = False
    tokenless: bool = False


class ApiServer:
    """FC's API and fcemu's own on one port, for whatever ``emulator`` is behind it at the moment.

    ``emulator`` and ``reset`` may be exchanged from any thread at any time; a request that is being served keeps the
    emulator it began with. ``reset`` puts a new emulator here, made like the one before but for the options it is
    given (``seed``, ``start``). ``parts``: what defines and stubs functions. ``tls``: what the port presents when it is
    spoken to in TLS; made when that happens. ``meanwhile`` is called after each of the requests that came at the same
    time. ``mounts``: the APIs of other services on the same port. ``start`` and ``stop`` run on the event loop that
    serves.
    """

    def __init__(
        self,
        emulator: Emulator | None = None,
        *,
        version: str = "unknown",
        reset: control.Reset | None = None,
        parts: Parts | None = None,
        tls: Callable[[], Tls] | None = None,
        mounts: Collection[Mount] = (),
    ) -> None:
        self.version: Final = version
        self._mounts: Final = {prefix: mount for mount in mounts for prefix in mount.prefixes}
        self.mounted: Final = {pattern: handler for mount in mounts for pattern, handler in mount.own.items()}
        """Routes of other services in fcemu's own API."""
        self.tls: Final = tls
        self.reset = reset
        self.parts = parts
        self.guard = Guard()
        self.meanwhile: Callable[[], None] = lambda: None
        self._emulator = emulator
        self._control: Final = control.Control(self)
        self._routes: dict[tuple[str, str], Route] = {}
        self._by_host: Final = Route(self._to_function, partial(_refusal, v2023_03_30.DIALECT), any_page=True)

    @property
    def emulator(self) -> Emulator | None:
        """Who answers. Without one, every request is refused with 503."""
        return self._emulator

    @emulator.setter
    def emulator(self, emulator: Emulator | None) -> None:
        self._emulator = emulator
        self._control.end_streams()

    @property
    def requests(self) -> int:
        """How many have been read so far."""
        return self._http.requests

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, a free one where 0 was asked for. Raises ``OSError``."""
        loop = asyncio.get_running_loop()
        self.wakeups = Wakeups(loop)
        self._handlers = {"invoke": Invocations(self.wakeups).invoke}
        self._triggers = HttpTriggers(self.wakeups)
        self._http = HttpServer(loop, self._serve, lambda: self._emulator, lambda: self.meanwhile(), self.wakeups)
        self._front = Front(self._http, self.tls)
        self._listener = await loop.create_server(self._front, host, port, backlog=1024)
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Refuse connections, end streams, give what is being served a moment, drop the rest."""
        loop = asyncio.get_running_loop()
        for socket in self._listener.sockets:
            loop.remove_reader(socket.fileno())
        for _ in range(_TURNS_OF_ACCEPTING):
            await asyncio.sleep(0)
        self._listener.close()
        self._front.close()
        self._control.end_streams()
        await self._http.close(_STOP_SECONDS)
        await self._listener.wait_closed()

    def _serve(self, request: WireRequest) -> Answer | Awaitable[Response | None] | None:
        key = (request.method, request.target)
        route = self._routes.get(key)
        if self._goes_by_host(request):
            route = self._by_host
        elif route is None:
            route = self._find(*key)
            if len(request.target) <= _TARGET_KEPT:
                if len(self._routes) >= _ROUTES_KEPT:
                    self._routes.clear()
                self._routes[key] = route
        request.refuse = route.refuse
        try:
            if request.why_malformed:
                raise InvalidArgument(request.why_malformed)
            if not request.is_served:
                raise ResourceThrottled("there is no emulator behind this server")
            self.guard.check(request, any_page=route.any_page, tokenless=route.tokenless)
            response = route.handle(request)
        except Exception as error:
            return route.refuse(request, error)
        return response if response is None or isinstance(response, Answer) else _awaited(request, response)

    def _goes_by_host(self, request: WireRequest) -> bool:
        """Whether the host name alone says where the request goes: to a function. A custom domain takes no name over
        under which FC's API answers (wire-api §2.1)."""
        host = request.headers.get(HOST)
        if host is None or not request.is_served:
            return False
        furnishings = request.emulator.furnishings
        if DEFAULT_HOSTS not in host and not furnishings.has_domains:
            return False
        name = host.partition(":")[0].lower()
        if name.endswith(DEFAULT_HOSTS):
            return True
        return furnishings.routes_of(name) is not None and not self.guard.is_own(name)

    def _to_function(self, request: WireRequest) -> Answer | Awaitable[Response | None] | None:
        """A request for an HTTP trigger or a custom domain. Raises ``FCError``."""
        door = find_door(request.emulator, request.headers.get(HOST, ""), request.target)
        if door is None:
            raise PathNotSupported(request.method, request.target.partition("?")[0])
        is_fc2 = door.ref.service is not None
        return self._triggers.serve(request, (v2021_04_06 if is_fc2 else v2023_03_30).DIALECT, door)

    def _proxy(
        self, dialect: Dialect, path: Mapping[str, str], request: WireRequest
    ) -> Answer | Awaitable[Response | None] | None:
        wanted = dialect.read_target(path, {})
        if request.emulator.resources.http_trigger(wanted.ref, wanted.qualifier) is None:
            self._check_as_api(request)
        _, target = behind(request.target, _PROXY_SEGMENTS)
        return self._triggers.proxy(request, dialect, wanted.ref, wanted.qualifier, target)

    def _check_as_api(self, request: WireRequest) -> None:
        """No trigger says who may call the function, so its callers are those of FC's API. Raises ``FCError``."""
        self.guard.check(request)
        if request.emulator.settings.auth:
            verify(request, request.emulator.keyring, with_query=True)

    def _find(self, method: str, target: str) -> Route:
        segments, query = split_target(target)
        if segments[0] == control.PREFIX:
            handle = self._control.find(method, segments[1:], query)
            return Route(handle, control.refusal, tokenless=segments[1:] in control.TOKENLESS)
        if segments[0] in self._mounts:
            return Route(*self._mounts[segments[0]].find(method, segments, query))
        dialect, paths = DIALECTS.get(segments[0], DEFAULT)
        refuse = partial(_refusal, dialect)
        found = paths.find("GET" if method == "HEAD" else method, segments[1:]) or paths.find(method, segments[1:])
        if found is None and segments[0] not in DIALECTS:
            return Route(self._to_function, refuse, any_page=True)
        if found is None:
            return Route(partial(_raise, PathNotSupported, method, target.partition("?")[0]), refuse)
        operation, parameters = found
        if not operation.handler:
            return Route(partial(_raise, NotImplementedYet, operation.refusal), refuse)
        if operation.handler == "http_trigger":
            return Route(partial(self._proxy, dialect, parameters), refuse, any_page=True)
        if operation.handler in HANDLERS:
            answer = HANDLERS[operation.handler]
            return Route(_signed(lambda request: _ask(answer, request, dialect, parameters, query)), refuse)
        handler, wanted = self._handlers[operation.handler], dialect.read_target(parameters, query)
        return Route(_signed(lambda request: handler(request, dialect, wanted)), refuse)


def _signed(handle: Handle) -> Handle:
    """``handle``, after the signature is verified where the emulator wants that. It raises ``FCError``."""

    def verified(request: WireRequest) -> Answer | Awaitable[Response | None] | None:
        emulator = request.emulator
        if emulator.settings.auth:
            verify(request, emulator.keyring)
        return handle(request)

    return verified


def _ask(
    handler: Callable[[Asking], Answer],
    request: WireRequest,
    dialect: Dialect,
    path: Mapping[str, str],
    query: Mapping[str, str],
) -> Answer | Awaitable[Answer]:
    """Answer an operation of the control plane, once its body is here."""
    if request.body_is_here:
        return handler(Asking(request, dialect, path, query, request.arrived()))

    async def when_here() -> Answer:
        data = await request.body(request.emulator.settings.limits.request_bytes)
        return handler(Asking(request, dialect, path, query, data))

    return when_here()


async def _awaited(request: WireRequest, response: Awaitable[Response | None]) -> Response | None:
    """Raises ``ConnectionError`` when the client is gone, or must be sent away in the middle of a stream."""
    try:
        return await response
    except ConnectionError:
        raise
    except Exception as error:
        refusal = request.refusal(error)
        if request.streams:
            raise ConnectionAbortedError from error
        return refusal


def _raise(kind: Callable[..., FCError], *of: Any) -> Answer:
    *texts, _request = of
    raise kind(*texts)


def _refusal(dialect: Dialect, request: WireRequest, error: Exception) -> Answer:
    """An error in the dialect's form. What is no ``FCError`` is a defect of the emulator, and is logged."""
    if not isinstance(error, FCError):
        _LOG.error("%s %s failed", request.method, request.target, exc_info=error)
        error = InternalServerError()
    request_id = error.request_id
    with suppress(InvalidArgument):  # such an id is refused, or the request was refused before
        request_id = request_id or dialect.chosen_id(request.headers)
    if not request_id and request.is_served:
        request_id = request.emulator.new_request_id(dialect.generation)
    return Answer(
        error.status,
        f"{status_line(error.status)}Content-Type: application/json\r\nX-Fc-Request-Id: {request_id}\r\n"
        f"{error_type_line(error.error_type)}{dialect.extra_headers}",
        dialect.error_body(error, request_id),
    )
