"""Trigger definitions: what else invokes a function."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.stamps import UNSTAMPED, Stamp

TIMER: Final = "timer"
HTTP: Final = "http"
KINDS: Final = (
    TIMER,
    HTTP,
    "oss",
    "log",
    "mns_topic",
    "cdn_events",
    "eventbridge",
    "tablestore",
    "rds",
    "kafka",
    "mqtt",
)
"""Trigger types of FC. Sources: wire-api §3 and §10; ASSUMED: those of the message products are written like this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One trigger of one function. ``config`` has FC's words for its kind, as the caller wrote them."""

    function: FunctionRef
    name: str
    kind: str
    config: Mapping[str, Any] = field(default_factory=dict)
    qualifier: str = LATEST
    source_arn: str = ""
    role: str = ""
    description: str = ""
    stamp: Stamp = UNSTAMPED
