"""Trigger definitions: what else invokes a function."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from fcemu.core.compact import compact
from fcemu.core.cron import LONGEST_EXPRESSION, Schedule, read_schedule
from fcemu.core.events import source_name
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.stamps import UNSTAMPED, Stamp
from fcemu.core.values import dataclass

TIMER: Final = "timer"
HTTP: Final = "http"
MNS_TOPIC: Final = "mns_topic"
KINDS: Final = (
    TIMER,
    HTTP,
    "oss",
    "log",
    MNS_TOPIC,
    "cdn_events",
    "eventbridge",
    "tablestore",
    "rds",
    "kafka",
    "mqtt",
)
"""Trigger types of FC. Sources: wire-api §3 and §10. ASSUMED: fcemu calls the triggers of the message products
``kafka`` and ``mqtt``, because no list of FC's types has them."""


@dataclass(frozen=True, slots=True)
class Timer:
    """What a time trigger says: when it fires, whether it does, and what its event carries."""

    schedule: Schedule
    enabled: bool = True
    payload: str = ""


def read_timer(config: Mapping[str, Any]) -> Timer:
    """Read the configuration of a time trigger. Raises ``ValueError`` that names the key."""
    expression, enabled, payload = config.get("cronExpression"), config.get("enable", True), config.get("payload")
    if not isinstance(expression, str):
        raise ValueError(f"cronExpression must be a string, got {expression!r}")
    if not isinstance(enabled, bool):
        raise ValueError(f"enable must be true or false, got {enabled!r}")
    if not isinstance(payload, str | None):
        raise ValueError(f"payload must be a string, got {payload!r}")
    if len(expression) > LONGEST_EXPRESSION:
        raise ValueError(f"cronExpression must have at most {LONGEST_EXPRESSION} characters, got {len(expression)}")
    try:
        return Timer(read_schedule(expression), enabled, payload or "")
    except ValueError as wrong:
        raise ValueError(f"cronExpression is set to an invalid value: {wrong}") from None


METHODS: Final = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")
AUTH_TYPES: Final = ("anonymous", "function", "jwt")
INTERNAL: Final = "-vpc"
"""What the host name of an HTTP trigger has behind its region inside of a VPC; its local address, behind its id."""


@dataclass(frozen=True, slots=True)
class HttpDoor:
    """What an HTTP trigger says: who may call it, and how. Source: http-triggers §1."""

    methods: tuple[str, ...]
    auth_type: str = "function"
    public: bool = True


def read_http(config: Mapping[str, Any]) -> HttpDoor:
    """Read the configuration of an HTTP trigger. Raises ``ValueError`` that names the key.

    ASSUMED: fcemu lets an HTTP trigger without ``methods`` take all of them (http-triggers §1).
    """
    methods = config.get("methods") or list(METHODS)
    if not isinstance(methods, list) or any(each not in METHODS for each in methods):
        raise ValueError(f"methods must be a list of {' | '.join(METHODS)}, got {methods!r}")
    auth_type = config.get("authType") or "function"
    if auth_type not in AUTH_TYPES:
        raise ValueError(f"authType must be {' | '.join(AUTH_TYPES)}, got {auth_type!r}")
    hidden = config.get("disableURLInternet", False)
    if not isinstance(hidden, bool | None):
        raise ValueError(f"disableURLInternet must be true or false, got {hidden!r}")
    return HttpDoor(tuple(methods), auth_type, not hidden)


def timer_event(trigger: "Trigger", payload: str, at: datetime) -> bytes:
    """What a time trigger hands to its function (timers-and-instances §1.3). ASSUMED: fcemu gives the scheduled time as
    ``triggerTime``, and an empty ``payload`` where none is configured (timers-and-instances §1.3)."""
    time = f"{at.isoformat()[:19]}Z"  # at once, where strftime asks for modules
    return b'{"triggerTime":"%b",%b' % (time.encode(), _said_always(trigger.name, payload))


@lru_cache(maxsize=1024)
def _said_always(name: str, payload: str) -> bytes:
    """The members of a timer's event that every firing repeats, and the end of the document."""
    members = compact({"triggerName": name, "payload": payload})
    return members[1:].encode()


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


def topic_of(trigger: Trigger) -> str | None:
    """The MNS topic whose messages fire a trigger; ``None`` for any other trigger."""
    return source_name(trigger.source_arn) if trigger.kind == MNS_TOPIC and trigger.source_arn else None
