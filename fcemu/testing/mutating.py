"""Mutating: the setting that this test run changes, and what each of its tests used of which definition.

``fcemu mutate`` runs tests by a pytest that is told so; in all other runs, definitions are read as they are.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fcemu.config import Choices, Definition, read_definition, read_mapping
from fcemu.core.values import dataclass
from fcemu.testing.taking_part import of_test

if TYPE_CHECKING:
    from fcemu.config import Change


@dataclass(slots=True)
class Mutation:
    """What this process changes. ``source``: the name of the definition that it is about, ``""`` for none."""

    source: str = ""
    change: "Change | None" = None
    records: bool = False
    """Whether it is recorded which definitions are read."""
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The definitions that were read, by their names, each as JSON says it."""

    def change_of(self, source: str) -> "Change | None":
        """What is to be changed of a definition."""
        return self.change if source == self.source else None


MUTATION: Final = Mutation()


def begin(source: str, change: "Change | None") -> None:
    """From now on definitions are recorded, and the one named ``source`` is read with the change."""
    MUTATION.source, MUTATION.change, MUTATION.records = source, change, True


def is_changed(path: Path) -> bool:
    """Whether this run changes a file, so that what was read of it before does not hold."""
    return MUTATION.change is not None and MUTATION.source == str(path.absolute())


def note_file(path: Path, choices: Choices) -> None:
    """An emulator is made of a file."""
    if MUTATION.records:
        name = str(path.absolute())
        chosen = {"region": choices.region, "account_id": choices.account_id, "environment": choices.environment}
        MUTATION.sources.setdefault(name, {"path": name, **chosen})


def read_file(path: Path, choices: Choices) -> Definition:
    """Read a definition, with the change of this run."""
    note_file(path, choices)
    return read_definition(path, choices, change=MUTATION.change_of(str(path.absolute())))


def read_plain(mapping: Mapping[str, Any], root: Path) -> Definition:
    """The same for a definition that is a mapping."""
    name = name_of(mapping) if MUTATION.records else ""
    if name:
        MUTATION.sources.setdefault(name, {"mapping": json.loads(json.dumps(mapping))})
    return read_mapping(mapping, root, change=MUTATION.change_of(name) if name else None)


def name_of(mapping: Mapping[str, Any]) -> str:
    """What a definition that is a mapping is called here: the same for the same content. ``""`` for a mapping that JSON
    cannot say, which is never changed."""
    try:
        return f"mapping {hashlib.sha256(json.dumps(mapping, sort_keys=True).encode()).hexdigest()}"
    except (TypeError, ValueError):
        return ""


def used_as(given: object, read: Definition) -> str:
    """What the definition that an emulator was given is called here; ``""`` where it is none that can be changed."""
    if read.path is not None:
        return str(read.path)
    return name_of(given) if MUTATION.records and isinstance(given, Mapping) else ""


def used() -> tuple[set[str], set[str]]:
    """The definitions that the emulators of the test that runs now were made of, by their names, and the functions
    that ran there. The second is empty where that cannot be known: then it may be all of them."""
    parts, gone = of_test()
    sources = {name for part in parts for name in part._sources}
    functions: set[str] = set()
    for part in parts:
        records = list(part._access.present.journal.invocations.values())
        if not records or part._access.life > 1:  # looked at only, or the journal begins behind a reset
            return sources, set()
        functions |= {str(record.function) for record in records}
    return (set(MUTATION.sources), set()) if gone else (sources, functions)
