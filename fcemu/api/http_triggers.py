"""Handlers: traffic to HTTP triggers and custom domains."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from multidict import istr

from fcemu.api.dialect import Dialect
from fcemu.api.invocations import Manner, accepted_answer, log_headers, read_manner
from fcemu.api.signatures import verify
from fcemu.api.wakeups import Wakeups
from fcemu.api.wire import Answer, WireRequest, access_key_id, header_text, status_line
from fcemu.core.asking import never_ran
from fcemu.core.domains import Route
from fcemu.core.errors import AccessDenied, ExternalRedirectForbidden, InvalidArgument, MethodNotAllowed
from fcemu.core.http import HttpAnswer, HttpRequest
from fcemu.core.http_events import answer_of, checked
from fcemu.core.invocation import Invocation
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Returned, TimedOut
from fcemu.core.routes import find_route
from fcemu.core.triggers import HTTP, Trigger, read_http
from fcemu.engine.emulator import Asked, Emulator

HOST: Final = istr("Host")
DEFAULT_HOSTS: Final = ".fcapp.run"
"""What FC's own host names of triggers end with: ``{id}.{region}.fcapp.run``."""
_HEADER_BYTES: Final = 8 * 1024
_PATH_BYTES: Final = 4 * 1024
_REDIRECTS: Final = range(300, 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a request goes: a qualifier of a function; and how it is seen there.

    ``target``: path and query for the function; ``uri``: the longer ones that were called, if they are others.
    ``trigger``: the HTTP trigger that lets it in. ``default_host``: it came by FC's own host name.
    """

    ref: FunctionRef
    qualifier: str
    target: str
    domain: str
    uri: str = ""
    trigger: Trigger | None = None
    default_host: bool = False


def find_door(emulator: Emulator, host: str, target: str) -> Door | None:
    """Where a request that is not for FC's API goes: by its host name, or by a path that begins with a trigger's id.

    ``None``: nowhere. Raises ``AccessDenied`` for a trigger that is not public.
    """
    name = host.partition(":")[0].lower()
    if name.endswith(DEFAULT_HOSTS):
        return _by_id(emulator, name.partition(".")[0], target, name, default_host=True)
    route = emulator.furnishings.routes_of(name)
    if route is not None:
        return _by_route(emulator, route, target, name)
    first, slash, rest = target.removeprefix("/").partition("/")
    trigger_id, question, query = first.partition("?")
    region = emulator.settings.account.region
    domain = f"{trigger_id}.{region}{DEFAULT_HOSTS}"
    return _by_id(emulator, trigger_id, f"{slash or '/'}{rest}{question}{query}", domain, default_host=False)


def _by_id(emulator: Emulator, trigger_id: str, target: str, domain: str, *, default_host: bool) -> Door | None:
    trigger = emulator.resources.trigger_of_id(trigger_id)
    if trigger is None or trigger.kind != HTTP:
        return None
    if not read_http(trigger.config).public:
        raise AccessDenied("the public address of this HTTP trigger is disabled (disableURLInternet)")
    return Door(
        ref=trigger.function,
        qualifier=trigger.qualifier,
        target=target,
        domain=domain,
        trigger=trigger,
        default_host=default_host,
    )


def _by_route(emulator: Emulator, routes: Sequence[Route], target: str, domain: str) -> Door | None:
    path, question, query = target.partition("?")
    found = find_route(routes, path)
    if found is None:
        return None
    route, path = found
    trigger = emulator.resources.http_trigger(route.function, route.qualifier)
    return Door(
        ref=route.function,
        qualifier=route.qualifier,
        target=f"{path}{question}{query}",
        domain=domain,
        trigger=trigger,
    )


class HttpTriggers:
    """Answers requests to HTTP triggers for every dialect."""

    def __init__(self, wakeups: Wakeups) -> None:
        self._wakeups: Final = wakeups

    def proxy(
        self, request: WireRequest, dialect: Dialect, ref: FunctionRef, qualifier: str, target: str
    ) -> Answer | Awaitable[Answer | None] | None:
        """The proxy path of 2016-08-15: ``target`` is what follows the function's name, with the query."""
        trigger = request.emulator.resources.http_trigger(ref, qualifier)
        host = request.headers.get(HOST, "").partition(":")[0]
        door = Door(
            ref=ref,
            qualifier=qualifier,
            target=target,
            domain=host,
            uri=request.target,
            trigger=trigger,
            default_host=True,
        )
        return self.serve(request, dialect, door)

    def serve(self, request: WireRequest, dialect: Dialect, door: Door) -> Answer | Awaitable[Answer | None] | None:
        """Raises ``FCError``."""
        _check(request, door)
        manner = read_manner(request.headers, request.emulator.settings.limits, dialect.tasks)
        if request.body_is_here:
            return self._go(request, dialect, door, manner, request.arrived())
        return self._when_here(request, dialect, door, manner)

    async def _when_here(self, request: WireRequest, dialect: Dialect, door: Door, manner: Manner) -> Answer | None:
        limits = request.emulator.settings.limits
        at_most = limits.async_payload_bytes if manner.asynchronous else limits.sync_payload_bytes
        return self._go(request, dialect, door, manner, await request.body(at_most))

    def _go(self, request: WireRequest, dialect: Dialect, door: Door, manner: Manner, body: bytes) -> Answer | None:
        emulator = request.emulator
        asked = Asked(
            door.ref,
            body,
            door.qualifier,
            manner.delay,
            "http",
            access_key_id(request.headers),
            manner.task_id,
            manner.task_mode,
            HttpRequest.of(request.method, door.target, request.headers.items(), door.domain, door.uri),
        )
        if manner.asynchronous:
            return accepted_answer(dialect, emulator.accept(asked))
        connection, wakeups = request.connection, self._wakeups

        def then(ended: Invocation) -> None:
            of = request, _ended, emulator, door, ended, manner.with_log
            wakeups.call_by(emulator.at_batch_end, connection.finish, *of)

        emulator.invoke(asked, then)
        return None


def _check(request: WireRequest, door: Door) -> None:
    """Raises ``MethodNotAllowed``, ``InvalidArgument``; for a trigger with ``authType: function``, where the emulator
    verifies signatures, what ``verify`` raises."""
    if door.trigger is not None:
        config = read_http(door.trigger.config)
        if request.method not in config.methods:
            raise MethodNotAllowed(request.method, " | ".join(config.methods))
        if config.auth_type == "function" and request.emulator.settings.auth:
            verify(request, request.emulator.secret_of, with_query=True)
    if len(request.target.partition("?")[0]) > _PATH_BYTES:
        raise InvalidArgument(f"the path is longer than {_PATH_BYTES} bytes")
    if sum(len(name) + len(text) for name, text in request.headers.items()) > _HEADER_BYTES:
        raise InvalidArgument(f"the headers are longer than {_HEADER_BYTES} bytes")


def _ended(emulator: Emulator, door: Door, invocation: Invocation, with_log: bool) -> Answer:
    """The answer to a synchronous request. Raises ``FCError`` when the handler never ran, or answered what cannot be
    passed on."""
    attempt = invocation.attempts[-1] if invocation.attempts else None
    error = ""
    match attempt and attempt.outcome:
        case Returned(payload, http) | FunctionError(_, payload, _, http) if http is not None:
            answer, body = checked(http), payload
            _check_redirect(answer, door)
        case Returned(payload):
            answer, body = answer_of(payload)
            answer = checked(answer)
            _check_redirect(answer, door)
        case FunctionError(error_type, body) | TimedOut(body, error_type):
            answer = HttpAnswer(502, (("Content-Type", "application/json"),))
            error = f"X-Fc-Error-Type: {header_text(error_type)}\r\n"
        case nothing_ran:
            refused = never_ran(invocation.accepted.function, nothing_ran)
            refused.request_id = invocation.id
            raise refused
    assert attempt is not None
    headers = "".join(f"{name}: {header_text(text)}\r\n" for name, text in answer.headers)
    attached = "Content-Disposition: attachment\r\n" if door.default_host else ""
    log = log_headers(emulator, invocation, attempt) if with_log else ""
    head = f"{status_line(answer.status)}{headers}X-Fc-Request-Id: {invocation.id}\r\n{error}{log}{attached}"
    return Answer(answer.status, head, body)


def _check_redirect(answer: HttpAnswer, door: Door) -> None:
    """Raises ``ExternalRedirectForbidden``. ASSUMED: only for calls by FC's own host name."""
    if door.default_host and answer.status in _REDIRECTS:
        location = next((text for name, text in answer.headers if name.lower() == "location"), "")
        host = urlsplit(location).hostname
        if host not in (None, door.domain):
            raise ExternalRedirectForbidden(location)
