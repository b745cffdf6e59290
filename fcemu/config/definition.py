"""A ``Definition`` is what a file says, in core values; ``Choices`` are what the user says beside the file."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fcemu.config.problems import Problem
from fcemu.core.defined import NO_EXTRAS, Extras
from fcemu.core.functions import AsyncSettings, Function, Service
from fcemu.core.names import FunctionRef
from fcemu.core.stubs import Step
from fcemu.core.values import dataclass

FILE_NAMES: Final = ("fcemu.yaml", "s.yaml", "s.yml", "template.yml", "template.yaml")
"""What a definition in a directory may be called, in the order in which it is looked for."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a definition says, checked; nothing in it is a default of the emulator.

    ``async_settings`` are by function and qualifier; ``extras`` has the rest. ``options`` has only what is written, by
    the fixture's option names: ``start`` is an aware ``datetime`` in UTC; ``retry_seconds`` (a tuple), ``watchdog``,
    ``grace_seconds`` and ``io_grace_seconds`` are seconds. ``path`` is absolute, ``None`` for a mapping. ``warnings``:
    what is odd and can be used all the same.
    """

    services: tuple[Service, ...]
    functions: tuple[Function, ...]
    async_settings: Mapping[tuple[FunctionRef, str], AsyncSettings]
    options: Mapping[str, object]
    path: Path | None
    warnings: tuple[Problem, ...] = ()
    extras: Extras = NO_EXTRAS
    stubs: Mapping[FunctionRef, tuple[Step, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the user says beside the file. ``region``: which region's functions are meant; ``environment``: which of
    ``env.yaml``; ``variables``: of the process."""

    region: str | None = None
    account_id: str | None = None
    environment: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


EMPTY: Final = Definition((), (), MappingProxyType({}), MappingProxyType({}), None)
