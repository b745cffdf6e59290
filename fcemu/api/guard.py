"""Which requests are let in: none that a web page sent, and beyond loopback only those with the token."""

import hmac
from collections.abc import Callable, Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from multidict import istr

from fcemu.api.wire import HOST, WireRequest, access_key_id
from fcemu.core.errors import AccessDenied

_TOKEN_HEADERS: Final = ("x-fcemu-token", "x-fc-security-token", "x-acs-security-token", "security-token")
_ORIGIN: Final = istr("Origin")
_SITE: Final = istr("Sec-Fetch-Site")
_MOST_OWN: Final = 256


class Guard:
    """Checks requests before they act.

    A web page in a browser on this machine can send requests to loopback. It shows itself by ``Origin`` or
    ``Sec-Fetch-Site``, or, where its own name was made to resolve to loopback (DNS rebinding), by ``Host`` alone. So a
    request must name a host of this machine, one of ``hosts`` (where the server listens), one of FC or MNS
    (``is_fc_host``), or one that was ``allowed``; and it must come from no page of another origin.

    With a ``token``, every request must carry it: as ``Authorization: Bearer …``, as ``X-Fcemu-Token``, or, from an
    SDK, as its access key id or security token. A rebound page does not know it, so ``Host`` is not looked at then.
    """

    def __init__(
        self,
        token: str = "",
        hosts: Collection[str] = (),
        allowed: Collection[str] = (),
        is_fc_host: Callable[[object], bool] = lambda _: False,
    ) -> None:
        self.token: Final = token
        self._allowed: Final = frozenset(map(_plain, allowed))
        self._hosts: Final = frozenset(map(_plain, hosts)) | self._allowed
        self._is_fc_host: Final = is_fc_host
        self.own: Final[set[str]] = set()
        """Values of ``Host`` that were found to name the emulator itself: nearly all requests have the same few."""

    def check(self, request: WireRequest, *, any_page: bool = False, tokenless: bool = False) -> None:
        """Raise ``AccessDenied`` for a request that must not act.

        ``any_page``: pages of others may send it. ``tokenless``: the answer tells nothing, so it needs no token.
        """
        if self.token and not tokenless:
            self._check_token(request)
        if any_page:
            return
        host, origin = request.headers.get(HOST), request.headers.get(_ORIGIN)
        if host is not None and host not in self.own and not self.token:  # HTTP/1.0, which no browser speaks, has none
            self._check_host(host)
        if origin is not None:
            self._check_origin(origin, host or "")
        elif request.headers.get(_SITE, "").strip().lower() == "cross-site":
            raise AccessDenied("a web page of another site may not use this emulator")

    def is_own(self, name: str) -> bool:
        """Whether a host name is the emulator's own, so that FC's API, MNS's and fcemu's own answer under it."""
        name = _plain(name)
        if name == "localhost" or name in self._hosts or self._is_fc_host(name):
            return True
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return False

    def _check_token(self, request: WireRequest) -> None:
        if not any(_same(self.token, given) for given in _tokens(request)):
            raise AccessDenied(
                "this emulator is open to other machines and requires its token: send it as 'Authorization: Bearer "
                "TOKEN' or X-Fcemu-Token, from an SDK as the access key id or security token, from fcemu's commands as "
                "the variable FCEMU_TOKEN"
            )

    def _check_host(self, host: str) -> None:
        name = _name_in(f"//{host}")
        if self.is_own(name):
            if len(self.own) < _MOST_OWN:
                self.own.add(host)
        elif not name.endswith(".localhost"):
            raise AccessDenied(
                f"Host {host!r} is not this machine's; use 127.0.0.1 or localhost, or allow the name with "
                f"--allow-host {name or 'NAME'} (variable FCEMU_ALLOW_HOST, option allow_host)"
            )

    def _check_origin(self, origin: str, host: str) -> None:
        here = origin.partition("://")[2].lower() == host.lower()
        if not here and _name_in(origin) not in self._allowed:
            raise AccessDenied(
                f"a web page of {origin!r} may not use this emulator; allow its host with --allow-host (variable "
                "FCEMU_ALLOW_HOST, option allow_host)"
            )


def _plain(host: str) -> str:
    """A host name as it is compared."""
    return host.lower().rstrip(".")


def _name_in(url: str) -> str:
    try:
        return _plain(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def _tokens(request: WireRequest) -> list[str]:
    headers = request.headers
    scheme, _, rest = headers.get("Authorization", "").partition(" ")
    given = [headers.get(name, "") for name in _TOKEN_HEADERS]
    match scheme.lower():
        case "bearer":
            given.append(rest.strip())
        case "mns":
            given.append(rest.partition(":")[0].strip())
        case _:
            given.append(access_key_id(headers))
    return given


def _same(token: str, given: str) -> bool:
    return hmac.compare_digest(token.encode(), given.encode("utf-8", "surrogateescape"))
