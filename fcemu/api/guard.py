"""Who may ask: web pages of others may not, and beyond loopback only who knows the token."""

import hmac
import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

from multidict import istr

from fcemu.api.dialect import split_target
from fcemu.api.wire import WireRequest, access_key_id
from fcemu.core.errors import AccessDenied

Handle = TypeVar("Handle", bound=Callable[[WireRequest], Any])
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_TOKEN_HEADERS: Final = ("x-fcemu-token", "x-fc-security-token", "x-acs-security-token")
_ORIGIN: Final = istr("Origin")
_VERSION: Final = re.compile(r"\d{4}-\d\d-\d\d")
"""What the paths of FC's API begin with."""
CONTROL: Final = "_fcemu"
OPEN: Final = ([CONTROL, "health"], [CONTROL, "ca.pem"])
"""What tells nothing: answered without a token."""


class Guard:
    """Checks requests before they act.

    Requests that change something under ``/_fcemu/`` must name a host of this machine, or one of ``hosts``, else a web
    page whose own name was made to resolve to loopback could send them (DNS rebinding). They, and those that change
    something through FC's API, must not come from another web page (``Origin``); HTTP triggers may be called by any.
    With a ``token``, every request must carry it: as ``Authorization: Bearer …``, as ``X-Fcemu-Token``, or, from an
    SDK, as its access key id or security token.
    """

    def __init__(self, token: str = "", hosts: frozenset[str] = frozenset()) -> None:
        self.token: Final = token
        self._hosts: Final = hosts

    def watch(self, method: str, target: str, handle: Handle) -> Handle:
        """``handle``, after the checks that requests of this method and target need. It raises ``AccessDenied``."""
        (first, *rest), _ = split_target(target)
        changes, ours = method not in _READING, first == CONTROL
        checks: list[Callable[[WireRequest], None]] = []
        if self.token and [first, *rest] not in OPEN:
            checks.append(self._check_token)
        if changes and ours and not self.token:
            checks.append(self._check_host)
        if changes and (ours or (_VERSION.fullmatch(first) and rest[:1] != ["proxy"])):
            checks.append(_check_page)
        if not checks:
            return handle

        def checked(request: WireRequest) -> Any:
            for check in checks:
                check(request)
            return handle(request)

        return cast(Handle, checked)

    def _check_token(self, request: WireRequest) -> None:
        if not any(_same(self.token, given) for given in _tokens(request)):
            raise AccessDenied(
                "this emulator is open to other machines and wants its token: as 'Authorization: Bearer TOKEN' or "
                "X-Fcemu-Token, from an SDK as the access key id or security token, from fcemu's commands as the "
                "variable FCEMU_TOKEN"
            )

    def _check_host(self, request: WireRequest) -> None:
        host = request.headers.get("Host")
        if host is not None and not self._is_ours(_name(f"//{host}")):
            raise AccessDenied(f"Host {host!r} is not this machine's; use 127.0.0.1 or localhost")

    def _is_ours(self, name: str) -> bool:
        if name == "localhost" or name.endswith(".localhost") or name in self._hosts:
            return True
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return False


def _check_page(request: WireRequest) -> None:
    headers = request.headers
    origin = headers.get(_ORIGIN)
    if origin is not None and origin.partition("://")[2].lower() != headers.get("Host", "").lower():
        raise AccessDenied(f"a web page of {origin!r} may not change this emulator")


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _tokens(request: WireRequest) -> list[str]:
    headers = request.headers
    scheme, _, bearer = headers.get("Authorization", "").partition(" ")
    given = [headers.get(name, "") for name in _TOKEN_HEADERS]
    return [*given, bearer.strip() if scheme.lower() == "bearer" else "", access_key_id(headers)]


def _same(token: str, given: str) -> bool:
    return hmac.compare_digest(token.encode(), given.encode("utf-8", "surrogateescape"))
