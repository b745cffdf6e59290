"""What a definition comes to: core definitions and options."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fcemu.core.destinations import FunctionDestination
from fcemu.core.functions import AsyncSettings, Function, Service
from fcemu.core.names import FunctionRef

FILE_NAMES: Final = ("fcemu.yaml", "s.yaml", "s.yml", "template.yml", "template.yaml")
"""What a definition in a directory may be called, in the order in which it is looked for."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a definition says, checked; nothing in it is a default of the emulator.

    ``async_settings`` are by function and qualifier. ``options`` has only what is written, by the fixture's option
    names: ``start`` is an aware ``datetime`` in UTC; ``retry_seconds`` (a tuple), ``watchdog``, ``grace_seconds`` and
    ``io_grace_seconds`` are seconds. ``path`` is absolute, ``None`` for a mapping.
    """

    services: tuple[Service, ...]
    functions: tuple[Function, ...]
    async_settings: Mapping[tuple[FunctionRef, str], AsyncSettings]
    options: Mapping[str, object]
    path: Path | None

    @property
    def warnings(self) -> list[str]:
        """What is odd and can be used all the same: reports to functions that nobody defined."""
        known = {function.ref for function in self.functions}
        return [
            f"{name} of {owner}: there is no function {destination.ref}"
            for (owner, _), asked in self.async_settings.items()
            for name, destination in (("onSuccess", asked.on_success), ("onFailure", asked.on_failure))
            if isinstance(destination, FunctionDestination) and destination.ref not in known
        ]


EMPTY: Final = Definition((), (), MappingProxyType({}), MappingProxyType({}), None)
