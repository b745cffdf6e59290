"""Service, Function and their settings, as frozen data."""

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from fcemu.core.destinations import Destination
from fcemu.core.generation import FC2, FC3, Generation
from fcemu.core.languages import NODE_RUNTIMES, RUNS_AS
from fcemu.core.names import FunctionRef
from fcemu.core.stamps import UNSTAMPED, Stamp
from fcemu.core.values import dataclass

PYTHON_RUNTIMES: Final = (
    *("python3", "python3.6", "python3.9", "python3.10", "python3.12"),
    *(runtime for runtime in RUNS_AS if runtime.startswith("python")),
)
"""FC's Python runtimes (runtimes §1), old and next ones among them; all run on the Python that runs the emulator."""
RUNTIMES: Final = (
    *reversed(NODE_RUNTIMES), *PYTHON_RUNTIMES, "java8", "java11", "go1", "php7.2", "dotnetcore2.1", "dotnetcore3.1",
    "custom", "custom.debian10", "custom.debian11", "custom.debian12", "custom-container", "micro-sandbox",
)  # fmt: skip
"""Every runtime that FC knows, or may know soon: functions can be made with any of them. Sources: runtimes §1,
yaml-formats §1.2."""
DEFAULT_RUNTIME: Final = "python3.10"
DEFAULT_TIMEOUT: Final = timedelta(seconds=3)
"""Source: 2023-03-30 CreateFunctionInput; the 3.0 console fills in 60 s."""
DEFAULT_MEMORY_MB: Final = 512
DEFAULT_HOOK_TIMEOUT: Final = timedelta(seconds=3)
"""Of initializer, pre-freeze and pre-stop. Source: runtimes §2."""
HOOKS: Final[Mapping[str, str]] = {
    "initializer": "initialization_timeout",
    "pre_freeze": "pre_freeze_timeout",
    "pre_stop": "pre_stop_timeout",
}
"""The attributes of a function that hold a hook, and those that hold how long it may run."""
DEFAULT_RETRIES: Final = 3
"""Source: FC docs, PutAsyncInvokeConfig, all versions."""
DEFAULT_EVENT_AGE: Final = timedelta(seconds=86400)
"""Source: FC docs, PutAsyncInvokeConfig, all versions."""

_VARIABLE: Final = r"[A-Za-z][A-Za-z0-9_]*"
RESERVED_IN_2_0: Final = frozenset({"accessKeyID", "accessKeySecret", "securityToken", "topic"})
"""Source: FC docs, "Environment variables", reserved names of 2.0 (runtimes §1.7)."""


def wrong_variable(name: str, *, in_service: bool) -> str:
    """Why a name cannot be that of an environment variable; empty when it can. ``in_service``: of a function of 2.0.

    Source: FC docs, "Environment variables". ASSUMED: fcemu refuses every variable that FC's page on environment
    variables rules out (runtimes §1.7).
    """
    if name.startswith("FC_") or (in_service and name in RESERVED_IN_2_0):
        return "it is reserved for FC"
    return "" if re.fullmatch(_VARIABLE, name) else "a name is a letter followed by letters, digits and '_'"


_LONGEST_IDLE_SECONDS: Final = 10**9
_NO_VARIABLES: Final[Mapping[str, str]] = MappingProxyType({})


_NOTHING_KEPT: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Service:
    """A 2.0 service; owns its functions, versions and aliases. ``kept`` are settings that do nothing here, by FC's
    names."""

    name: str
    kept: Mapping[str, Any] = field(default_factory=lambda: _NOTHING_KEPT)
    stamp: Stamp = field(default=UNSTAMPED, compare=False)


@dataclass(frozen=True, slots=True)
class Package:
    """Code that was uploaded as a zip: its CRC-64 in decimal digits, its size, and where it was unpacked."""

    checksum: str
    size_bytes: int
    directory: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LayerRef:
    """A version of a layer that a function uses; the handler sees ``directory`` as ``/opt``."""

    arn: str
    size_bytes: int = 0
    directory: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function as it is defined now, or as a version has frozen it.

    ``code`` is the directory on this machine that the handler sees as ``/code``; FC's API never shows it. ``package``:
    what was uploaded, where it was. ``python``: the program that runs its instances in processes, ``""``: the
    emulator's choice; FC's API never shows it. ``kept`` are settings that do nothing here, by FC's names. ``disabled``:
    why nobody may invoke it, if so.
    """

    ref: FunctionRef
    handler: str
    code: str = field(repr=False)
    runtime: str = DEFAULT_RUNTIME
    timeout: timedelta = DEFAULT_TIMEOUT
    memory_mb: int = DEFAULT_MEMORY_MB
    environment: Mapping[str, str] = field(default_factory=lambda: _NO_VARIABLES)
    initializer: str = ""
    initialization_timeout: timedelta = DEFAULT_HOOK_TIMEOUT
    pre_freeze: str = ""
    pre_freeze_timeout: timedelta = DEFAULT_HOOK_TIMEOUT
    pre_stop: str = ""
    pre_stop_timeout: timedelta = DEFAULT_HOOK_TIMEOUT
    instance_concurrency: int = 1
    layers: tuple[LayerRef, ...] = ()
    python: str = field(default="", repr=False)
    package: Package | None = None
    disabled: str | None = field(default=None, compare=False)
    kept: Mapping[str, Any] = field(default_factory=lambda: _NOTHING_KEPT)
    stamp: Stamp = field(default=UNSTAMPED, compare=False)

    @property
    def generation(self) -> Generation:
        """2.0 functions live in a service, 3.0 functions do not."""
        return FC3 if self.ref.service is None else FC2

    @property
    def idle(self) -> timedelta | None:
        """How long an instance without work is kept, where 3.0's ``idleTimeout`` says so."""
        seconds = self.kept.get("idleTimeout")
        return None if seconds is None else timedelta(seconds=min(max(seconds, 0), _LONGEST_IDLE_SECONDS))


def requests_at_once(function: Function) -> int:
    """How many attempts run in one instance at a time: custom runtimes take as many as was set, FC's own one.

    Source: timers-and-instances §2. ASSUMED: fcemu runs one attempt at a time in an instance of a built-in runtime of
    2.0, too (timers-and-instances §2).
    """
    return function.instance_concurrency if function.runtime.startswith("custom") else 1


def takes_events(function: Function) -> bool:
    """Whether an HTTP trigger makes an event of a request for this function: 3.0 does, for its own runtimes; those of
    2.0, and custom ones, get the request as it is (http-triggers §3-§4)."""
    return function.ref.service is None and not function.runtime.startswith("custom")


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncSettings:
    """The asynchronous configuration of one qualifier. ``None`` is "not set", which is not the same as 0."""

    max_retries: int | None = None
    max_age: timedelta | None = None
    on_success: Destination | None = None
    on_failure: Destination | None = None
    task_mode: bool | None = None
    kept: Mapping[str, Any] = field(default_factory=lambda: _NOTHING_KEPT)
    """Destinations as the caller wrote them."""
    stamp: Stamp = field(default=UNSTAMPED, compare=False)


UNSET: Final = AsyncSettings()
