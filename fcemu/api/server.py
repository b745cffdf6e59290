"""The server finds the dialect and the operation of a request, and answers whatever happens."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple, cast

from aiohttp.web_server import Server

from fcemu.api import account, own_routes, page, resources, tasks, v2016_08_15, v2021_04_06, v2023_03_30
from fcemu.api.asking import Asking
from fcemu.api.dialect import Dialect, Operation, Paths, behind, split_target
from fcemu.api.doors import DEFAULT_HOSTS, find_door
from fcemu.api.front import Front
from fcemu.api.guard import Guard
from fcemu.api.http_triggers import HttpTriggers
from fcemu.api.invocations import Invocations
from fcemu.api.mounts import Mount
from fcemu.api.serving import Connection
from fcemu.api.signatures import verify
from fcemu.api.state import ServerState
from fcemu.api.wakeups import Wakeups
from fcemu.api.wire import HOST, Answer, Stream, WireRequest, error_type_line, not_http, status_line
from fcemu.core.errors import (
    AccessDenied,
    FCError,
    InvalidArgument,
    NotImplementedYet,
    NotLetIn,
    ResourceThrottled,
    Unreadable,
    refused,
)
from fcemu.engine.closing import ClosedError

HANDLERS: Final = {**resources.HANDLERS, **account.HANDLERS, **tasks.HANDLERS}
"""What answers an operation of the control plane or of task mode, by its name in the dialects' tables."""
_BY_SERVER: Final = frozenset({"invoke", "http_trigger"})
"""The names of those that run a function, which the server itself answers."""


def answered(operations: Iterable[Operation]) -> Paths[Operation]:
    """Operations by their paths. Raises ``LookupError`` for one whose handler does not exist: no server is made that
    would fail at the first request for it."""
    operations = tuple(operations)
    known = {"", *_BY_SERVER, *HANDLERS}
    if lost := [f"{each.name} needs {each.handler}" for each in operations if each.handler not in known]:
        raise LookupError(f"operations without a handler: {', '.join(lost)}")
    return Paths((each.method, each.path, each) for each in operations)


DIALECTS: Final[Mapping[str, tuple[Dialect, Paths[Operation]]]] = {
    dialect.version: (dialect, answered(dialect.operations))
    for dialect in (v2016_08_15.DIALECT, v2021_04_06.DIALECT, v2023_03_30.DIALECT)
}


def effect_of(operation: Operation) -> str:
    """Whether an operation ``acts``, ``keeps``, or is ``refused``."""
    return operation.effect if operation.handler else "refused"


_PROXY_SEGMENTS: Final = 4
"""Version, ``proxy``, service and function stand in front of the path that a function of 2.0 sees."""
_ROUTES_KEPT: Final = 4096
_TARGET_KEPT: Final = 512
_READ_BYTES: Final = 256 * 1024
_STOP_SECONDS: Final = 0.5
"""Real seconds for which requests go on when the server stops; aiohttp waits once more as long for their ends."""
_TURNS_OF_ACCEPTING: Final = 5
"""Turns of the loop in which what was accepted becomes a connection, and a few more: asyncio of Python 3.11 leaks it
when the server is closed in between."""
_NOT_UNDERSTOOD: Final = frozenset({"PathNotSupported", "MethodNotAllowed", "InternalServerError"})
"""Codes of requests that name no operation, and of failures of the emulator itself: no facts."""
_LOG: Final = logging.getLogger("fcemu.api")


Response = Answer | Stream
Handle = Callable[[WireRequest], Awaitable[Response]]


class Route(NamedTuple):
    """What answers a request, and what writes the answer when that fails.

    ``any_page``: pages of others may send it, as they may call HTTP triggers. ``tokenless``: it tells nothing.
    ``signed``: its signature is verified where the emulator wants that. ``visited``: it tells nothing to those who open
    it in a browser, wherever the link was.
    """

    handle: Handle
    refuse: Callable[[WireRequest, Exception], Answer]
    any_page: bool = False
    tokenless: bool = False
    signed: bool = False
    visited: bool = False


class ApiServer:
    """FC's API and fcemu's own on one port, for whatever emulator ``state`` has at the moment.

    A request that is being served keeps the emulator it began with. ``start`` and ``stop`` run on the event loop that
    serves.
    """

    def __init__(self, state: ServerState) -> None:
        self.state: Final = state
        self.guard = Guard()
        self._control: Final = own_routes.OwnRoutes(state)
        self._routes: dict[tuple[str, str], Route] = {}
        self._to_functions: Final = Route(self._to_function, partial(_refusal, v2023_03_30.DIALECT), any_page=True)
        self._to_page: Final = Route(page.lead_to_page, own_routes.refusal, visited=True)
        self._stops = False
        """Whether it closes its connections, so that clients are gone that did not hang up."""

    @property
    def requests(self) -> int:
        """How many have been read so far."""
        return self._http.requests_count

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, a free one where 0 was asked for. Raises ``OSError``."""
        loop = asyncio.get_running_loop()
        self.state.wakeups = wakeups = Wakeups(loop)
        self._handlers = {"invoke": Invocations(wakeups).invoke}
        self._triggers = HttpTriggers(wakeups)
        self._finders: dict[str, Callable[[str, list[str], Mapping[str, str]], Route]] = {
            own_routes.PREFIX: self._of_control,
            **{prefix: partial(_of_mount, mount) for mount in self.state.mounts for prefix in mount.prefixes},
            **{version: partial(self._of_version, *of) for version, of in DIALECTS.items()},
        }
        # A caller that hangs up must not go on moving the clock. By aiohttp's types, it is handed its own requests and
        # responses, for which ours stand in.
        self._http = Server(cast(Any, self._answer), request_factory=WireRequest, handler_cancellation=True)
        buffer = memoryview(bytearray(_READ_BYTES))
        self._front = Front(lambda: Connection(self._http, buffer, self._not_http), self.state.tls)
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
        self._stops = True
        self.state.end_streams()
        transports = [connection.transport for connection in self._http.connections]
        self._http.pre_shutdown()
        await self._http.shutdown(_STOP_SECONDS)
        for transport in transports:
            if transport is not None:  # its client may read too slowly to get all that was written
                transport.abort()
        await self._listener.wait_closed()

    # One request.

    async def _answer(self, request: WireRequest) -> Response:
        """aiohttp's handler: it writes what this returns. Raises ``ConnectionError`` for a client that gets nothing."""
        connection = cast(Connection, request.protocol)
        connection.request = request
        if not request.came_whole:
            connection.cut_off()  # no more of the body may come
        try:
            response = await self._response(request)
        except BaseException as failed:
            request.end()
            if isinstance(failed, asyncio.CancelledError) and not self._stops:
                request.hung_up()
            raise
        finally:
            # Where the rest of a body is to come, it is still read, so that what follows can be told from it.
            if request.content.is_eof():
                connection.request = None
        if isinstance(response, Stream):
            request.end()
        elif connection.sends_no_more:
            response.keep_alive = connection.has_more
        return response

    async def _response(self, request: WireRequest) -> Response:
        """Have the request answered, and wait until what the answer tells of is kept."""
        emulator = self.state.emulator
        if emulator is not None:
            request.begin(emulator)
        route = self._route(request)
        response: Response
        try:
            if emulator is None:
                raise ResourceThrottled("there is no emulator behind this server")
            if not (route.visited and page.is_visit(request)):
                self.guard.check(request, any_page=route.any_page, tokenless=route.tokenless)
            if route.signed and emulator.settings.auth:
                verify(request, emulator.keyring)
            request.admitted = True
            response = await route.handle(request)
        except ConnectionError:
            raise
        except Exception as error:
            response = route.refuse(request, error)
            if request.streams:
                raise ConnectionAbortedError from error
        if emulator is not None and emulator.unsaved and isinstance(response, Answer):
            try:
                await emulator.kept()
            except Exception as error:
                response = route.refuse(request, error)
        return response

    def _not_http(self, why: str) -> Answer:
        """What is no HTTP is refused in the form of the newest version, since it has no path that says another."""
        refused, version = not_http(why), v2023_03_30.DIALECT
        emulator = self.state.emulator
        request_id = "" if emulator is None else emulator.new_request_id(version.generation)
        return _error_answer(version, refused, request_id)

    # Who answers.

    def _route(self, request: WireRequest) -> Route:
        host = request.headers.get(HOST)
        if host is not None and host not in self.guard.own and request.is_served and self._goes_by(host, request):
            return self._to_functions
        if request.target == "/" and page.wants_page(request):
            return self._to_page
        key = (request.method, request.target)
        route = self._routes.get(key)
        if route is None:
            route = self._find(*key)
            if len(request.target) <= _TARGET_KEPT:
                if len(self._routes) >= _ROUTES_KEPT:
                    self._routes.clear()
                self._routes[key] = route
        return route

    def _goes_by(self, host: str, request: WireRequest) -> bool:
        """Whether the host name alone says where the request goes: to a function. A custom domain takes no name over
        under which FC's API answers (wire-api §2.1)."""
        name = host.partition(":")[0].lower()
        if name.endswith(DEFAULT_HOSTS):
            return True
        return request.emulator.control.routes_of(name) is not None and not self.guard.is_own(name)

    async def _to_function(self, request: WireRequest) -> Response:
        """A request for an HTTP trigger or a custom domain. Raises ``FCError``."""
        door = find_door(request.emulator, request.headers.get(HOST, ""), request.target)
        if door is None:
            return await _no_such_path(request)
        is_fc2 = door.ref.service is not None
        return await self._triggers.serve(request, (v2021_04_06 if is_fc2 else v2023_03_30).DIALECT, door)

    async def _proxy(self, dialect: Dialect, path: Mapping[str, str], request: WireRequest) -> Response:
        wanted = dialect.read_target(path, {})
        if request.emulator.control.http_trigger(wanted.ref, wanted.qualifier) is None:
            self._check_as_api(request)
        _, target = behind(request.target, _PROXY_SEGMENTS)
        return await self._triggers.proxy(request, dialect, wanted.ref, wanted.qualifier, target)

    def _check_as_api(self, request: WireRequest) -> None:
        """No trigger says who may call the function, so its callers are those of FC's API. Raises ``FCError``."""
        request.admitted = False
        self.guard.check(request)
        if request.emulator.settings.auth:
            verify(request, request.emulator.keyring, with_query=True)
        request.admitted = True

    def _find(self, method: str, target: str) -> Route:
        segments, query = split_target(target)
        find = self._finders.get(segments[0])
        # A path that begins with nothing of FC's, MNS's or our own may begin with the id of an HTTP trigger.
        return self._to_functions if find is None else find(method, segments, query)

    def _of_control(self, method: str, segments: list[str], query: Mapping[str, str]) -> Route:
        handle = self._control.find(method, segments[1:], query)
        below = segments[1:]
        return Route(
            handle, own_routes.refusal, tokenless=below in own_routes.TOKENLESS, visited=below in own_routes.PAGE
        )

    def _of_version(
        self,
        dialect: Dialect,
        paths: Paths[Operation],
        method: str,
        segments: list[str],
        query: Mapping[str, str],
    ) -> Route:
        refuse = partial(_refusal, dialect)
        found = paths.find("GET" if method == "HEAD" else method, segments[1:]) or paths.find(method, segments[1:])
        if found is None:
            return Route(_no_such_path, refuse)
        operation, parameters = found
        if not operation.handler:
            return Route(partial(_not_supported, operation), refuse)
        if operation.handler == "http_trigger":
            return Route(partial(self._proxy, dialect, parameters), refuse, any_page=True)
        handle: Handle
        if operation.handler in HANDLERS:
            handle = partial(_ask, HANDLERS[operation.handler], dialect, parameters, query)
        else:
            handle = partial(self._handlers[operation.handler], dialect, dialect.read_target(parameters, query))
        return Route(handle, refuse, signed=True)


def _of_mount(mount: Mount, method: str, segments: list[str], query: Mapping[str, str]) -> Route:
    return Route(*mount.find(method, segments, query))


async def _ask(
    handler: Callable[[Asking], Answer],
    dialect: Dialect,
    path: Mapping[str, str],
    query: Mapping[str, str],
    request: WireRequest,
) -> Answer:
    """Answer an operation of the control plane, once its body is here."""
    if request.came_whole:
        data = request.arrived()
    else:
        data = await request.body(request.emulator.settings.limits.request_bytes)
    return handler(Asking(request, dialect, path, query, data))


async def _not_supported(operation: Operation, request: WireRequest) -> Response:
    raise NotImplementedYet(operation.refusal)


async def _no_such_path(request: WireRequest) -> Response:
    raise refused("PathNotSupported", method=request.method, path=request.target.partition("?")[0])


def _refusal(dialect: Dialect, request: WireRequest, error: Exception) -> Answer:
    """An error in the dialect's form. What is no ``FCError`` is a defect of the emulator, and is logged, once where it
    has closed the emulator."""
    if isinstance(error, ClosedError):
        error = FCError("InternalServerError", str(error))
    elif not isinstance(error, FCError):
        _LOG.error("%s %s failed", request.method, request.target, exc_info=error)
        error = refused("InternalServerError")
    request_id = error.request_id
    with suppress(InvalidArgument):  # such an id is refused, or the request was refused before
        request_id = request_id or dialect.chosen_id(request.headers)
    if not request_id and request.is_served:
        request_id = request.emulator.new_request_id(dialect.generation)
    is_understood = not isinstance(error, AccessDenied | NotLetIn | Unreadable) and error.code not in _NOT_UNDERSTOOD
    request.tell_refused(error.code, error.message, request_id, is_understood=is_understood)
    return _error_answer(dialect, error, request_id)


def _error_answer(dialect: Dialect, error: FCError, request_id: str) -> Answer:
    return Answer(
        error.status,
        f"{status_line(error.status)}Content-Type: application/json\r\nX-Fc-Request-Id: {request_id}\r\n"
        f"{error_type_line(error.error_type)}{dialect.extra_headers}",
        dialect.error_body(error, request_id),
    )
