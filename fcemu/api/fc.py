"""FC's API finds the dialect and the operation of a request, and answers in the form of that dialect.

The server imports it for its first request, so that what never speaks HTTP to FC does without the three versions.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from fcemu.api import account, resources, tasks, v2016_08_15, v2021_04_06, v2023_03_30
from fcemu.api.asking import Asking
from fcemu.api.dialect import Dialect, Operation
from fcemu.api.doors import find_door
from fcemu.api.guard import Guard
from fcemu.api.http_triggers import HttpTriggers
from fcemu.api.invocations import Invocations
from fcemu.api.mounts import Handle, Route
from fcemu.api.paths import Paths, behind
from fcemu.api.signatures import verify
from fcemu.api.wakeups import Wakeups
from fcemu.api.wire import HOST, Answer, Response, WireRequest, error_type_line, not_http, status_line
from fcemu.core.errors import AccessDenied, FCError, InvalidArgument, NotImplementedYet, NotLetIn, Unreadable, refused
from fcemu.engine.closing import ClosedError
from fcemu.engine.emulator import Emulator

HANDLERS: Final = {**resources.HANDLERS, **account.HANDLERS, **tasks.HANDLERS}
"""What answers an operation of the control plane or of task mode, by its name in the dialects' tables."""
_BY_SERVER: Final = frozenset({"invoke", "http_trigger"})
"""The names of those that run a function, which answer otherwise than the control plane."""


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
_NOT_UNDERSTOOD: Final = frozenset({"PathNotSupported", "MethodNotAllowed", "InternalServerError"})
"""Codes of requests that name no operation, and of failures of the emulator itself: no facts."""
_LOG: Final = logging.getLogger("fcemu.api")


class FunctionCompute:
    """FC's API in all its versions, HTTP triggers and custom domains, for whatever emulator a request is served by.

    ``guard`` gives what lets requests in at the moment.
    """

    def __init__(self, wakeups: Wakeups, guard: Callable[[], Guard]) -> None:
        self._guard: Final = guard
        self._handlers: Final = {"invoke": Invocations(wakeups).invoke}
        self._triggers: Final = HttpTriggers(wakeups)
        self.to_functions: Final = Route(self._to_function, partial(_refusal, v2023_03_30.DIALECT), any_page=True)
        """What answers a request whose host name or path leads to a function."""

    def find(self, method: str, segments: list[str], query: Mapping[str, str]) -> Route:
        """What answers a request whose path begins with a version."""
        dialect, paths = DIALECTS[segments[0]]
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

    def check_signature(self, request: WireRequest) -> None:
        """Raise ``FCError`` for a request that is not signed as the emulator wants."""
        verify(request, request.emulator.keyring)

    def not_http(self, why: str, emulator: Emulator | None) -> Answer:
        """What is no HTTP is refused in the form of the newest version, since it has no path that says another."""
        refused, version = not_http(why), v2023_03_30.DIALECT
        request_id = "" if emulator is None else emulator.new_request_id(version.generation)
        return _error_answer(version, refused, request_id)

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
        self._guard().check(request)
        if request.emulator.settings.auth:
            verify(request, request.emulator.keyring, with_query=True)
        request.admitted = True


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
