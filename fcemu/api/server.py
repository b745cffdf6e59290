"""The server finds which API a request is for, and answers whatever happens."""

import asyncio
import socket
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp.web_server import Server

from fcemu.api import own_routes, page
from fcemu.api.front import Front
from fcemu.api.guard import Guard
from fcemu.api.mounts import Mount, Route
from fcemu.api.paths import split_target
from fcemu.api.serving import Connection
from fcemu.api.state import CONNECTIONS_WAITING, ServerState
from fcemu.api.wakeups import Wakeups
from fcemu.api.wire import HOST, Answer, Response, WireRequest
from fcemu.core.domains import DEFAULT_HOSTS
from fcemu.core.errors import ResourceThrottled
from fcemu.core.generation import VERSIONS

if TYPE_CHECKING:
    from fcemu.api.fc import FunctionCompute

_ROUTES_KEPT: Final = 4096
_TARGET_KEPT: Final = 512
_READ_BYTES: Final = 256 * 1024
_STOP_SECONDS: Final = 0.5
"""Real seconds for which requests go on when the server stops; aiohttp waits once more as long for their ends."""
_TURNS_OF_ACCEPTING: Final = 5
"""Turns of the loop in which what was accepted becomes a connection, and a few more: asyncio of Python 3.11 leaks it
when the server is closed in between."""


class ApiServer:
    """FC's API and fcemu's own on one port, for whatever emulator ``state`` has at the moment.

    A request that is being served keeps the emulator it began with. ``start`` and ``stop`` run on the event loop that
    serves.
    """

    def __init__(self, state: ServerState, mounts: Collection[Mount] = ()) -> None:
        """``mounts``: the APIs of other services on the same port."""
        self.state: Final = state
        self._mounts: Final = mounts
        self.guard = Guard()
        self._control: Final = own_routes.OwnRoutes(state, mounts)
        self._routes: dict[tuple[str, str], Route] = {}
        self._to_page: Final = Route(page.lead_to_page, own_routes.refusal, visited=True)
        self._stops = False
        """Whether it closes its connections, so that clients are gone that did not hang up."""

    @property
    def requests(self) -> int:
        """How many have been read so far."""
        return self._http.requests_count

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, a free one where 0 was asked for. Raises ``OSError``."""
        make = asyncio.get_running_loop().create_server
        self._listener = await make(self._prepare(), host, port, backlog=CONNECTIONS_WAITING)
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    async def start_on(self, listening: socket.socket) -> None:
        """Take the connections of a socket that listens already."""
        make = asyncio.get_running_loop().create_server
        self._listener = await make(self._prepare(), sock=listening, backlog=CONNECTIONS_WAITING)

    def _prepare(self) -> Front:
        """Make what answers; returns what makes the protocols of connections."""
        self.state.wakeups = Wakeups(asyncio.get_running_loop())
        self._finders: dict[str, Callable[[str, list[str], Mapping[str, str]], Route]] = {
            own_routes.PREFIX: self._of_control,
            **{prefix: mount.find for mount in self._mounts for prefix in mount.prefixes},
            **dict.fromkeys(VERSIONS, self._of_version),
        }
        # A caller that hangs up must not go on moving the clock. By aiohttp's types, it is handed its own requests and
        # responses, for which ours stand in.
        self._http = Server(cast(Any, self._answer), request_factory=WireRequest, handler_cancellation=True)
        buffer = memoryview(bytearray(_READ_BYTES))
        self._front = Front(lambda: Connection(self._http, buffer, self._not_http), self.state.tls)
        return self._front

    async def stop(self) -> None:
        """Refuse connections, end streams, give what is being served a moment, drop the rest."""
        loop = asyncio.get_running_loop()
        for listening in self._listener.sockets:
            loop.remove_reader(listening.fileno())
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
            if request.came_whole or request.content.is_eof():
                connection.request = None
        if not isinstance(response, Answer):
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
                self._fc.check_signature(request)
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
        return self._fc.not_http(why, self.state.emulator)

    # Who answers.

    @cached_property
    def _fc(self) -> "FunctionCompute":
        """FC's API, which is imported for the first request that needs it."""
        from fcemu.api.fc import FunctionCompute

        return FunctionCompute(self.state.wakeups, lambda: self.guard)

    def _route(self, request: WireRequest) -> Route:
        host = request.headers.get(HOST)
        if host is not None and host not in self.guard.own and request.is_served and self._goes_by(host, request):
            return self._fc.to_functions
        if request.target == "/" and page.wants_page(request):
            return self._to_page
        key = (request.head.method, request.target)
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

    def _find(self, method: str, target: str) -> Route:
        segments, query = split_target(target)
        find = self._finders.get(segments[0])
        # A path that begins with nothing of FC's, MNS's or our own may begin with the id of an HTTP trigger.
        return self._fc.to_functions if find is None else find(method, segments, query)

    def _of_version(self, method: str, segments: list[str], query: Mapping[str, str]) -> Route:
        return self._fc.find(method, segments, query)

    def _of_control(self, method: str, segments: list[str], query: Mapping[str, str]) -> Route:
        handle = self._control.find(method, segments[1:], query)
        below = segments[1:]
        return Route(
            handle, own_routes.refusal, tokenless=below in own_routes.TOKENLESS, visited=below in own_routes.PAGE
        )
