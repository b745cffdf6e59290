"""A door is the HTTP trigger or custom domain for which a request is meant: what it lets in, and what it lets out."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from fcemu.api.paths import behind
from fcemu.api.signatures import verify
from fcemu.api.wire import WireRequest
from fcemu.core.domains import DEFAULT_HOSTS, Route
from fcemu.core.errors import AccessDenied, FCError, InvalidArgument, MethodNotAllowed, NotImplementedYet, NotLetIn
from fcemu.core.http import HttpAnswer
from fcemu.core.names import FunctionRef
from fcemu.core.routes import find_route
from fcemu.core.triggers import HTTP, INTERNAL, Trigger, read_http
from fcemu.core.values import dataclass
from fcemu.engine.emulator import Emulator

_HEADER_BYTES: Final = 8 * 1024
_PATH_BYTES: Final = 4 * 1024
"""What an address may have behind its host, the query too. Source: async-invocation §2."""
_REDIRECTS: Final = range(300, 400)
_APK: Final = "application/vnd.android.package-archive"
_NO_APK_SINCE: Final = datetime(2024, 6, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a request goes: a qualifier of a function; and how it is seen there.

    ``target``: path and query for the function; ``uri``: the longer ones that were called, if they are others.
    ``trigger``: the HTTP trigger that lets it in. ``default_host``: it came by FC's own host name; ``internal``: by
    the one inside of a VPC.
    """

    ref: FunctionRef
    qualifier: str
    target: str
    domain: str
    uri: str = ""
    trigger: Trigger | None = None
    default_host: bool = False
    internal: bool = False


def find_door(emulator: Emulator, host: str, target: str) -> Door | None:
    """Where a request that is not for FC's API goes: by its host name, or by a path that begins with a trigger's id.

    ``None``: nowhere. Raises ``AccessDenied`` for the public address of a trigger that has none.
    """
    name = host.partition(":")[0].lower()
    if name.endswith(DEFAULT_HOSTS):
        internal = name.removesuffix(DEFAULT_HOSTS).endswith(INTERNAL)
        return _by_id(emulator, name.partition(".")[0], target, name, default_host=True, internal=internal)
    route = emulator.control.routes_of(name)
    if route is not None:
        return _by_route(emulator, route, target, name)
    segments, target = behind(target, 1)
    segment = "".join(segments)
    trigger_id, internal = segment.removesuffix(INTERNAL), segment.endswith(INTERNAL)
    domain = f"{trigger_id}.{emulator.settings.account.region}{INTERNAL if internal else ''}{DEFAULT_HOSTS}"
    return _by_id(emulator, trigger_id, target, domain, default_host=False, internal=internal)


def _by_id(
    emulator: Emulator, trigger_id: str, target: str, domain: str, *, default_host: bool, internal: bool
) -> Door | None:
    trigger = emulator.control.trigger_of_id(trigger_id)
    if trigger is None or trigger.kind != HTTP:
        return None
    if not internal and not read_http(trigger.config).public:
        raise AccessDenied("the public address of this HTTP trigger is disabled (disableURLInternet)")
    return Door(
        ref=trigger.function,
        qualifier=trigger.qualifier,
        target=target,
        domain=domain,
        trigger=trigger,
        default_host=default_host,
        internal=internal,
    )


def _by_route(emulator: Emulator, routes: Sequence[Route], target: str, domain: str) -> Door | None:
    path, question, query = target.partition("?")
    found = find_route(routes, path)
    if found is None:
        return None
    route, path = found
    trigger = emulator.control.http_trigger(route.function, route.qualifier)
    return Door(
        ref=route.function,
        qualifier=route.qualifier,
        target=f"{path}{question}{query}",
        domain=domain,
        trigger=trigger,
    )


def check_in(request: WireRequest, door: Door) -> None:
    """Raise ``MethodNotAllowed``, ``InvalidArgument``, or ``NotLetIn`` for a request that stays outside.

    Signatures are verified for a trigger with ``authType: function``, where the emulator verifies any.
    """
    if door.trigger is not None:
        config = read_http(door.trigger.config)
        if request.method not in config.methods:
            raise MethodNotAllowed(request.method, " | ".join(config.methods))
        if request.emulator.settings.auth:
            _check_caller(request, config.auth_type)
    if len(door.uri or door.target) > _PATH_BYTES:
        raise InvalidArgument(f"the path and the query are longer than {_PATH_BYTES} bytes")
    if sum(len(name) + len(text) for name, text in request.headers.items()) > _HEADER_BYTES:
        raise InvalidArgument(f"the headers are longer than {_HEADER_BYTES} bytes")


def _check_caller(request: WireRequest, auth_type: str) -> None:
    if auth_type == "jwt":
        raise NotImplementedYet(
            "this HTTP trigger has authType 'jwt', but fcemu verifies no tokens; without auth (--auth, "
            "emulator: auth: verify) it lets every caller in"
        )
    if auth_type == "function":
        try:
            verify(request, request.emulator.keyring, with_query=True)
        except FCError as why:
            raise NotLetIn(why) from why


def check_out(answer: HttpAnswer, door: Door) -> None:
    """Raise ``ExternalRedirectForbidden`` or ``ApkDownloadForbidden`` for an answer that may not leave by this door.

    ASSUMED: fcemu forbids redirects to other hosts only in calls by FC's own host name, and takes for an APK an answer
    whose content type, or the path that was asked for, says so (http-triggers §1).
    """
    if not door.default_host:
        return
    said = {name.lower(): text for name, text in answer.headers}
    if answer.status in _REDIRECTS:
        location = said.get("location", "")
        if urlsplit(location).hostname not in (None, door.domain):
            text = f"a redirect to another host is forbidden on this host: '{location}'; use a custom domain"
            raise FCError("ExternalRedirectForbidden", text)
    if door.internal or door.trigger is None or not door.domain.endswith(DEFAULT_HOSTS):
        return
    kind, path = said.get("content-type", "").partition(";")[0].strip().lower(), door.target.partition("?")[0]
    if door.trigger.stamp.created >= _NO_APK_SINCE and (kind == _APK or path.lower().endswith(".apk")):
        text = "this host does not serve APK files; use the internal address of the trigger, or a custom domain"
        raise FCError("ApkDownloadForbidden", text)
