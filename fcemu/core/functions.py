"""Service, Function and their settings, as frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from fcemu.core.destinations import Destination
from fcemu.core.generation import FC2, FC3, Generation
from fcemu.core.names import FunctionRef

PYTHON_RUNTIMES: Final = ("python3", "python3.6", "python3.9", "python3.10", "python3.12")
"""FC's Python 3 runtimes (runtimes §1); all run on the Python that runs the emulator."""
DEFAULT_RUNTIME: Final = "python3.10"
DEFAULT_TIMEOUT: Final = timedelta(seconds=3)
"""Source: 2023-03-30 CreateFunctionInput; the 3.0 console fills in 60 s."""
DEFAULT_MEMORY_MB: Final = 512
DEFAULT_RETRIES: Final = 3
"""Source: FC docs, PutAsyncInvokeConfig, all versions."""
DEFAULT_EVENT_AGE: Final = timedelta(seconds=86400)
"""Source: FC docs, PutAsyncInvokeConfig, all versions."""

_NO_VARIABLES: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Service:
    """A 2.0 service; owns its functions, versions and aliases."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function as it is defined now.

    ``code`` is the directory on this machine that the handler sees as ``/code``; it never leaves the machine.
    """

    ref: FunctionRef
    handler: str
    code: str
    runtime: str = DEFAULT_RUNTIME
    timeout: timedelta = DEFAULT_TIMEOUT
    memory_mb: int = DEFAULT_MEMORY_MB
    environment: Mapping[str, str] = field(default_factory=lambda: _NO_VARIABLES)

    @property
    def generation(self) -> Generation:
        """2.0 functions live in a service, 3.0 functions do not."""
        return FC3 if self.ref.service is None else FC2


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncSettings:
    """The asynchronous configuration of one qualifier. ``None`` is "not set", which is not the same as 0."""

    max_retries: int | None = None
    max_age: timedelta | None = None
    on_success: Destination | None = None
    on_failure: Destination | None = None
    task_mode: bool | None = None


UNSET: Final = AsyncSettings()
