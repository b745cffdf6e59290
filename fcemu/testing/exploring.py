"""Exploring: the answers of chance that the emulators of one run of a test get."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import PurePath
from typing import Any, Final

from fcemu.config import Definition
from fcemu.core.facts import Fact
from fcemu.core.questions import START, Deviation
from fcemu.core.script import Script
from fcemu.core.settings import SPEC_START, Settings, settings_of
from fcemu.engine.chance import Chance
from fcemu.host import chance_of
from fcemu.search.recipes import recipe_in
from fcemu.search.strategy import Choices
from fcemu.search.tokens import Repeat, decode, digest, encode

_LONGEST_TOKEN: Final = 1000
"""How many characters a token has at most that a report prints without being asked."""


class Story:
    """One run of a test. All emulators that are made meanwhile are answered by its script.

    ``repeat``: the token whose run is repeated; its seed is that of the emulators, and its definition must be that of
    the first one.
    """

    def __init__(
        self, script: Script, repeat: Repeat | None = None, *, governs: bool = True, hears: bool = False
    ) -> None:
        """``governs``: ``False`` where the emulators answer by their own options, and are only looked at. ``hears``:
        whether options that become known during the run may make it the first, calm run of a search."""
        self.script: Final = script
        self.governs = governs
        self.hears: Final = hears
        self.options: Mapping[str, Any] | None = None
        """The options of the search of which this turned out to be the first run."""
        self._repeat: Final = repeat
        self.emulators = 0
        """How many emulators there were."""
        self._lines: Final[list[Callable[[], list[str]]]] = []
        self._first: tuple[Definition, dict[str, Any]] | None = None
        """Definition and options of the first emulator."""

    @classmethod
    def of(cls, repeat: Repeat) -> "Story":
        """The run that a token repeats."""
        return cls(Script.of(repeat.choices, exhaust_retries=repeat.exhaust_retries), repeat)

    def search(self, options: Mapping[str, Any]) -> None:
        """This is the first run of a search with these options; called before its first emulator is made."""
        self.options = options
        self.governs = True
        self.script.exhaust_retries = options["exhaust_retries"]

    def began(self, lines: Callable[[], list[str]]) -> None:
        """An emulator began; ``lines()`` are the facts of its journal."""
        self._lines.append(lines)

    @property
    def journals(self) -> list[list[str]]:
        """The facts that each emulator has come to, a line of JSON each."""
        return [lines() for lines in self._lines]

    @property
    def facts(self) -> int:
        """How many facts the first emulator has come to."""
        return len(self._lines[0]()) if self._lines else 0

    def answers_for(self, definition: Definition, options: dict[str, Any]) -> Callable[[Settings], Chance]:
        """What answers the next emulator; sets the seed among its options. Raises ``WrongToken``."""
        from fcemu.engine.scripted import Scripted

        self.emulators += 1
        number, script = self.emulators, self.script
        if number == 1:
            self._first = definition, options
            if self._repeat is not None:
                self._repeat.demand_definition(_described(definition, options))
        if self._repeat is not None:
            options["seed"] = self._repeat.seed
        if script.start:
            options["start"] = datetime.fromisoformat(script.start)
            if number == 1:
                script.started()
        if not self.governs:
            return chance_of
        return lambda settings: Scripted(settings, script, number)

    @property
    def zones(self) -> list[str]:
        """The zones in which the functions and timers of the first emulator reckon; UTC where they say none."""
        if self._first is None:
            return []
        definition, _ = self._first
        said = {function.environment.get("TZ", "") for function in definition.functions}
        for trigger in definition.extras.triggers:
            zoned = re.match(r"CRON_TZ=(\S+)", str(trigger.config.get("cronExpression", "")))
            said.add(zoned[1] if zoned else "")
        return sorted(said - {""}) or ["UTC"]

    def token(self, test: str = "") -> str | None:
        """What repeats this run, by the choices that its emulators made; ``None`` where there was no emulator."""
        if self._first is None:
            return None
        return _token(*self._first, self.script.made, test, exhaust_retries=self.script.exhaust_retries)


_STORIES: Final[list[Story]] = []
"""The run that is going on, if a search or a token governs it; a process runs one test at a time."""


def story() -> Story | None:
    """The run that is going on, if a search or a token governs it."""
    return _STORIES[-1] if _STORIES else None


@contextmanager
def governed(by: Story) -> Iterator[Story]:
    """Inside the block, emulators that are made get their answers from ``by``."""
    _STORIES.append(by)
    try:
        yield by
    finally:
        _STORIES.remove(by)


def is_governed(options: Mapping[str, Any]) -> bool:
    """Whether a search or a token governs an emulator that is made now with these options."""
    return bool(_STORIES) or bool(options.get("repeat"))


def answers_for(definition: Definition, options: dict[str, Any]) -> Callable[[Settings], Chance]:
    """What answers an emulator that is made now; its seed is set among ``options`` where a token says it. Raises
    ``WrongToken``."""
    token, going_on = options.get("repeat"), story()
    if going_on is not None:
        return going_on.answers_for(definition, options)
    if token:
        return Story.of(decode(token)).answers_for(definition, options)
    return chance_of


def kill_at() -> int:
    """At which fact the emulator that is made now is to be killed; 0: at none."""
    going_on = story()
    return going_on.script.kill_at if going_on is not None and going_on.emulators == 1 else 0


def start_of() -> Deviation | None:
    """What the journal tells of the instant at which the emulator that is made now starts; ``None`` where no script
    says it, and for all emulators of a story but the first."""
    going_on = story()
    if going_on is None or going_on.emulators != 1 or not going_on.script.start:
        return None
    return Deviation(START, going_on.script.start, 0, 1)


def token_of_seeded(
    definition: Definition, options: Mapping[str, Any], facts: Iterable[Fact], test: str = ""
) -> str | None:
    """What repeats the run of the only emulator of a test whose chance is seeded, by the facts of its journal. ``None``
    where nothing was drawn, or so much that nobody would paste it."""
    try:
        choices = recipe_in(facts)
    except ValueError:  # the data file keeps no facts that are as old as its beginning
        return None
    token = _token(definition, options, choices, test, exhaust_retries=True) if choices else ""
    return token if 0 < len(token) <= _LONGEST_TOKEN else None


def _token(
    definition: Definition, options: Mapping[str, Any], choices: Choices, test: str, *, exhaust_retries: bool
) -> str:
    described, seed = digest(_described(definition, options)), settings_of(options).seed
    return encode(Repeat(seed, choices, described, test and digest(test), exhaust_retries))


def _described(definition: Definition, options: Mapping[str, Any]) -> str:
    """The definition and its options as a text that is the same on every machine, whatever the seed is."""
    from fcemu.config import native_form

    document = native_form(
        definition.services,
        definition.functions,
        definition.async_settings,
        definition.extras,
        definition.stubs,
        lambda path: PurePath(path).name,
    )
    settings = replace(settings_of({**options, "seed": 0, "chance": "calm", "odds": {}}), start=SPEC_START)
    return f"{json.dumps(document, sort_keys=True, default=str)}\n{settings!r}"
