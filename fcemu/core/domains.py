"""Custom domains: host names whose paths lead to functions."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.stamps import UNSTAMPED, Stamp
from fcemu.core.values import dataclass


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
