"""Quotas as data: STRICT as documented, RELAXED for quick tests."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from fcemu.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper and lower bounds that FC enforces.

    Sources: async-invocation §2-§3, retry-and-destinations §1.4, errors-and-limits §4.
    """

    sync_payload_bytes: int = 32 * 1024 * 1024
    async_payload_bytes: int = 128 * 1024
    delay_max: timedelta = timedelta(seconds=3600)
    """ASSUMED: fcemu takes delays from 0 to 3600 s inclusive, as the newest text of the page says; an older one prints
    an open interval (async-invocation §3)."""
    timeout_max_seconds: int = 86400
    memory_min_mb: int = 128
    memory_max_mb: int = 32 * 1024
    retry_attempts_max: int = 8
    event_age_max_seconds: int = 604_800
    environment_bytes: int = 4096
    tail_log_bytes: int = 4096
    destination_arn_characters: int = 512
    instance_concurrency_max: int = 200
    instances: int = 300
    """Of one account in one region. Source: «Limits»; newer pages say 100 (timers-and-instances §2)."""
    on_demand_rules: int = 100
    """How many qualifiers may have a limit of their own (2.0). Source: errors-and-limits §4."""
    reserved_percent: int = 90
    """How much of the account's instances may be reserved for functions, all together (3.0). Source: §2 of
    timers-and-instances."""
    triggers_of_function: int = 50
    """Source: «Limits» of 3.0. ASSUMED: fcemu limits the triggers of a function to 50 in 2.0 as in 3.0
    (errors-and-limits §4)."""
    hook_timeout_max_seconds: int = 300
    package_bytes: int = 100 * 1024 * 1024
    """Of an uploaded zip. Source: «Limits», through an SDK."""
    unpacked_bytes: int = 500 * 1024 * 1024
    request_bytes: int = 150 * 1024 * 1024
    """Of the body of any other request: a package as base64, and what stands around it."""
    strict: bool = True
    """Whether values must keep to steps that only cost money, such as those of 64 MB of memory."""


STRICT: Final = Limits()
RELAXED: Final = replace(
    STRICT,
    async_payload_bytes=256 * 1024,
    memory_min_mb=1,
    event_age_max_seconds=2_592_000,
    environment_bytes=1024 * 1024,
    on_demand_rules=1_000_000,
    reserved_percent=100,
    triggers_of_function=1_000_000,
    instances=1_000_000,
    strict=False,
)
"""The raised async payload that FC grants on request, the older 30-day age, and no bound that only costs money."""
