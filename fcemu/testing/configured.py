"""Configured: what a definition and options decide of an emulator, before there is one."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from fcemu import host
from fcemu.config import EMPTY, Definition, find_definition
from fcemu.core.options import EXPLORING, FIXTURE, OPTIONS, checked, value_of
from fcemu.core.settings import Settings, settings_of
from fcemu.core.values import dataclass
from fcemu.testing.clocks import OWN, kind_of
from fcemu.testing.exploring import answers_for, is_governed
from fcemu.testing.mutating import read_file, read_plain, used_as
from fcemu.testing.records import UnknownName

Source = str | Path | Mapping[str, Any] | Definition | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """All that is known of an emulator before it is made. Nothing in it changes, so that all tests of a suite that say
    the same share it.

    ``source``: what the definition is called by which ``fcemu mutate`` finds the tests that use it. ``options`` are
    those of the definition and those that were given, checked.
    """

    source: str
    options: Mapping[str, Any]
    settings: Settings
    recipe: host.Recipe
    strict: object
    clock: str

    @classmethod
    def of(cls, definition: Source, options: Mapping[str, object]) -> "Configured":
        """Raises ``DefinitionError``, ``ValueError``."""
        said = checked(options, FIXTURE)
        for name in EXPLORING:
            if said.get(name):
                raise ValueError(f"option {name}: pytest can run a test again, but an emulator cannot; use the marker")
        read = read_source(definition, said)
        source = used_as(definition, read)
        chosen = {**without_clock(checked(read.options)), **said}
        read = _with_environment(read, value_of(chosen, "environment"))
        clock = value_of(chosen, "clock")
        recipe = host.Recipe.of(read, lambda: chosen, partial(kind_of, clock))
        if recipe.data is not None and clock != OWN:
            raise ValueError("option data: a clock that follows the test's clock (clock='follow') cannot be kept")
        return cls(
            source=source,
            options=chosen,
            settings=settings_of(chosen),
            recipe=recipe,
            strict=value_of(chosen, "strict"),
            clock=clock,
        )

    def governed(self) -> "Configured":
        """The same, but by the answers and the seed of the search or token that governs the emulator that is made now,
        if one does. Raises ``WrongToken``."""
        if not is_governed(self.options):
            return self
        chosen = dict(self.options)
        chance = answers_for(self.recipe.definition, chosen)
        recipe = replace(self.recipe, options=lambda: chosen, chance=chance)
        return replace(self, options=chosen, settings=settings_of(chosen), recipe=recipe)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing happens in the emulator, and nothing is read or kept, before something asks for it."""
        moves = self.settings.rate > 0 or self.settings.autojump or self.clock != OWN
        return self.recipe.data is None and not moves


def read_source(definition: Source, options: Mapping[str, Any]) -> Definition:
    """``options`` choose among what a file says. Raises ``DefinitionError``."""
    if isinstance(definition, Definition):
        return definition
    if definition is None or definition == "":
        return EMPTY
    if isinstance(definition, Mapping):
        return read_plain(definition, Path.cwd())
    return read_file(find_definition(Path(definition)), host.choices_of(options))


def without_clock(options: Mapping[str, object]) -> dict[str, object]:
    """The ``clock`` part of a definition's ``emulator:`` block is for ``serve``: a test's clock starts paused."""
    return {name: value for name, value in options.items() if not OPTIONS[name].path.startswith("emulator.clock.")}


def _with_environment(definition: Definition, environment: Mapping[str, Mapping[str, str]]) -> Definition:
    """The definition with other variables for some of its functions. Raises ``ValueError`` for a function that it does
    not have."""
    if not environment:
        return definition
    functions = {str(function.ref): function for function in definition.functions}
    for name, variables in environment.items():
        if name not in functions:
            raise ValueError(f"option environment: {UnknownName.of('function', name, list(functions))}")
        function = functions[name]
        functions[name] = replace(function, environment={**function.environment, **variables})
    return replace(definition, functions=tuple(functions.values()))
