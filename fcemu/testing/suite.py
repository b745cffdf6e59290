"""Emulators for a whole test run: one server for all tests, options from where a test runner finds them."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import NoneType
from typing import Any, Final

from fcemu import host
from fcemu.backends import AUTO, choose
from fcemu.config import EMPTY, Definition, find_definition
from fcemu.core.options import EXPLORING, FIXTURE, INI, OPTIONS, checked, options_in
from fcemu.core.settings import settings_of
from fcemu.engine.collector import take_for_old
from fcemu.host import LocalHost
from fcemu.testing.configured import Configured
from fcemu.testing.emulator import LocalEmulator, environment_of
from fcemu.testing.mutating import is_changed, is_recorded, note_file, read_file

_CHOOSE: Final = ("region", "account_id", "env")
"""The options that choose among what a file says."""
_PLAIN: Final = frozenset({str, int, float, bool, NoneType})
_KNOWN_AT_MOST: Final = 200
"""How many different options a suite remembers: a test may have another seed for each of thousands of parameters."""


def prepare(backend: str) -> None:
    """Patch the time functions of this process, once, by the backend that the ini file asks for. What was imported for
    that stays until the process ends, so the garbage collector need not walk over it."""
    from fcemu.runtimes import timeshift

    choose(backend)
    timeshift.install()
    take_for_old()


class Suite:
    """What one test run shares: the server behind the fixture ``fcemu``, and definitions that were read already.

    ``ini(name)`` gives the text of an ini option, ``None`` where it is not set. Raises ``ValueError`` for a backend
    that is not there.
    """

    def __init__(self, root: Path, ini: Callable[[str], str | None]) -> None:
        choose(ini("backend") or AUTO)
        self._root: Final = root
        self._ini: Final = {name: text for name in options_in(INI) if (text := ini(name)) is not None}
        self._host: LocalHost | None = None
        self._read: dict[tuple[object, ...], tuple[tuple[int, int], Definition]] = {}
        self._found: dict[tuple[str, str | Path], Path] = {}
        self._known: dict[tuple[object, ...], tuple[Definition, Configured]] = {}
        """By the id of the definition, which is kept with it, and by the options with their types."""

    def open(
        self, beside: Path, options: Mapping[str, Any], more: Mapping[str, Any], *, shared: bool
    ) -> LocalEmulator | str:
        """An emulator, or what is wrong with its options; ``options`` win over ``more``, which win over the ini file.

        ``beside`` is the test's directory, where a definition's path is looked for first, then in those above it.
        """
        try:
            return self._open(beside, options, more, shared=shared)
        except ValueError as wrong:
            return str(wrong)

    def _open(
        self, beside: Path, options: Mapping[str, Any], more: Mapping[str, Any], *, shared: bool
    ) -> LocalEmulator:
        given = {**self.of_ini(), **more, **options}
        definition = self._definition(given.pop("definition", None), beside, checked(given, FIXTURE))
        given = {name: value for name, value in given.items() if name not in EXPLORING}
        configured = self._configured(definition, given)
        emulator = LocalEmulator(configured, server=self._shared_host() if shared else None)
        emulator._places = partial(self._upward, beside)
        return emulator

    def _configured(self, definition: Definition | Mapping[str, Any], options: Mapping[str, object]) -> Configured:
        """What tests say with words and numbers alone is worked out once for a definition."""
        if isinstance(definition, Mapping) or not _PLAIN.issuperset(map(type, options.values())):
            return Configured.of(definition, options)
        said = (id(definition), *((name, type(value), value) for name, value in options.items()))
        known = self._known.get(said)
        if known is None:
            if len(self._known) >= _KNOWN_AT_MOST:
                self._known.clear()
            known = self._known[said] = definition, Configured.of(definition, options)
        return known[1]

    def environment(self) -> dict[str, str] | str:
        """The variables of the fixture's emulators, as far as they are known before a test; or what is wrong."""
        try:
            given = self.of_ini()
            definition = self._definition(given.pop("definition", None), self._root, given)
            known = {**(definition.options if isinstance(definition, Definition) else {}), **given}
            intercept = known.get("intercept") is not False
            return environment_of(self._shared_host(), settings_of(known), intercept=intercept)
        except ValueError as wrong:
            return str(wrong)

    def end(self, emulator: LocalEmulator) -> None:
        """Close an emulator after its test, wherever the test runner does that."""
        emulator._end()

    def of_ini(self) -> dict[str, object]:
        """The options of the ini file. Raises ``ValueError``."""
        return {name: OPTIONS[name].read(text) for name, text in self._ini.items()}

    def _shared_host(self) -> LocalHost:
        if self._host is None or self._host.is_elsewhere:  # each test in a fork of its own
            self._host = LocalHost()
        return self._host

    def close(self) -> None:
        """Stop the server."""
        if self._host is not None:
            self._host.close()

    def _definition(self, given: object, beside: Path, options: Mapping[str, Any]) -> Definition | Mapping[str, Any]:
        if given is None:
            found = next((there for place in self._upward(beside) if (there := host.definition_in(place))), None)
            return EMPTY if found is None else self._cached(found, options)
        if isinstance(given, Mapping | Definition):
            return given
        if given == "":
            return EMPTY
        if not isinstance(given, str | Path):
            raise ValueError(f"option definition: expected a path or a mapping, got {given!r}")
        asked = (os.fspath(beside), given)  # paths take long to hash and to compare
        known = self._found.get(asked)
        if known is not None:
            try:
                return self._cached(known, options)
            except (FileNotFoundError, NotADirectoryError):
                pass  # it is not where it was: it is looked for anew
        near = next((there for place in self._upward(beside) if (there := place / given).exists()), None)
        path = self._found[asked] = find_definition(near or self._root / given)
        return self._cached(path, options)

    def _upward(self, beside: Path) -> list[Path]:
        """The directories in which a definition is looked for: the test's, and those above it, up to the rootdir."""
        if not beside.is_relative_to(self._root):
            return [beside, self._root]
        above = [beside, *beside.parents]
        return above[: above.index(self._root) + 1]

    def _cached(self, path: Path, options: Mapping[str, Any]) -> Definition:
        """Read a file once for a run, and again when it has changed. ``options`` choose among what it says."""
        stat = os.stat(path)
        stamp = (stat.st_mtime_ns, stat.st_size)
        which = (os.fspath(path), *map(options.get, _CHOOSE))
        known = self._read.get(which)
        if known is None or known[0] != stamp or is_changed(path):
            known = self._read[which] = (stamp, read_file(path, host.choices_of(options)))
        elif is_recorded():
            note_file(path, host.choices_of(options))
        return known[1]
