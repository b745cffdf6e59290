"""Custom domains: host names whose paths lead to functions."""

import re
from collections.abc import Mapping
from dataclasses import field
from ipaddress import ip_address
from typing import Any, Final

from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.stamps import UNSTAMPED, Stamp
from fcemu.core.values import dataclass

DEFAULT_HOSTS: Final = ".fcapp.run"
"""What FC's own host names of triggers end with: ``{id}.{region}.fcapp.run``, ``{id}.{region}-vpc.fcapp.run``."""
NO_ADDRESS: Final = r"(?!(?:.*\.)?(?:\d+|0[xX][0-9A-Fa-f]*)\.?$)(?!localhost\.?$)"
"""What stands before a pattern of custom domains: an address, or ``localhost``, is a machine's own name, under which
FC's API answers. ASSUMED: fcemu refuses an address or ``localhost`` as a custom domain, as FC, which asks that a domain
be registered, probably does (http-triggers §1)."""
_HOST: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?"


def is_host_name(text: str) -> bool:
    """Whether a text is a host name, or an address, as it stands in URLs without a port."""
    if re.fullmatch(_HOST, text):
        return True
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a path of a domain leads to. ``methods``: none means all."""

    path: str
    function: FunctionRef
    qualifier: str = LATEST
    methods: tuple[str, ...] = ()
    rewrite: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One custom domain; ``kept`` are settings that do nothing here, by FC's names."""

    name: str
    protocol: str = "HTTP"
    routes: tuple[Route, ...] = ()
    kept: Mapping[str, Any] = field(default_factory=dict)
    stamp: Stamp = UNSTAMPED
