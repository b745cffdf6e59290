"""Changes the settings that tests use, one at a time, and tells which changes no test notices."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import click

from fcemu.commands.printing import count, print_json
from fcemu.commands.suite_runs import Ran, SuiteRuns, runs_of
from fcemu.config import (
    Change,
    Choices,
    DefinitionError,
    Setting,
    read_definition,
    read_mapping,
    written_settings,
)
from fcemu.core.names import LATEST
from fcemu.core.values import dataclass
from fcemu.engine.real import monotonic
from fcemu.search.mutants import other_values

_SHORTEST: Final = 60.0
_TIMES: Final = 10
"""How many real seconds the tests of one change have at least, and how many times as long as without the change."""
_FAILING_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Mutant:
    """One setting of one definition with another value. ``place``: where it is written."""

    source: str
    place: str
    setting: Setting
    value: Any

    @property
    def change(self) -> Change:
        """What is changed in the definition."""
        return Change(self.setting.way, self.value)

    @property
    def function(self) -> str:
        """The function, with the version or the alias for which the setting is."""
        of = self.setting
        return f"{of.function}" if of.qualifier == LATEST else f"{of.function}:{of.qualifier}"

    def __str__(self) -> str:
        after = "not set" if self.value is None else self.value
        return f"{self.function} {self.setting.name} {self.setting.value} → {after}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a mutant: ``noticed`` is ``None`` where it could not be tried. ``by``: the test that failed.
    ``why``: what else is to be told."""

    mutant: Mutant
    noticed: bool | None
    by: str = ""
    why: str = ""

    def __str__(self) -> str:
        place, mutant = self.mutant.place, self.mutant
        if self.noticed:
            return f"{place}: noticed by {self.by}: {mutant}" if self.by else f"{place}: noticed {self.why}: {mutant}"
        word = "not tried" if self.noticed is None else "NOT NOTICED"
        return f"{place}: {word}: {mutant}" + (f" ({self.why})" if self.why else "")

    def record(self) -> dict[str, Any]:
        """For programs."""
        setting = self.mutant.setting
        return {
            "place": self.mutant.place,
            "function": str(setting.function),
            "qualifier": setting.qualifier,
            "setting": setting.name,
            "before": setting.value,
            "after": self.mutant.value,
            "noticed": self.noticed,
            "noticed_by": self.by or None,
            "reason": self.why or None,
        }


def try_changes(tests: tuple[str, ...], seconds: float | None, each: float | None, *, as_json: bool) -> bool:
    """Try one change after the other and tell what came of each; whether the tests notice all of them. ``seconds``: of
    real time, after which no more are tried. ``each``: how long the tests of one change may take."""
    begin = monotonic()
    with runs_of(tests) as runs:
        calm = _calm(runs)
        mutants = list(_mutants(calm.sources))
        verdicts: list[Verdict] = []
        for number, mutant in enumerate(mutants, 1):
            if seconds is not None and monotonic() - begin > seconds:
                verdict = Verdict(mutant, None, why="the time limit was reached")
            else:
                _show_progress(f"{number}/{len(mutants)} {mutant}")
                verdict = _tried(mutant, runs, calm, each)
                _show_progress("")
            verdicts.append(verdict)
            if not as_json:
                click.echo(str(verdict))
    missed = [one for one in verdicts if one.noticed is False]
    untried = [one for one in verdicts if one.noticed is None]
    noticed = len(verdicts) - len(missed) - len(untried)
    if as_json:
        numbers = {"noticed": noticed, "not_noticed": len(missed), "not_tried": len(untried)}
        print_json({"changes": [one.record() for one in verdicts], **numbers})
    left = f", {len(untried)} not tried" if untried else ""
    click.echo(f"{count(len(mutants), 'change')}: {noticed} noticed, {len(missed)} not noticed{left}", err=True)
    if not mutants:
        click.echo("the definitions that the tests use write no retries, ages, timeouts or destinations", err=True)
    return not missed


def _calm(runs: SuiteRuns) -> Ran:
    """The run without a change. Raises ``ClickException`` where a test fails."""
    failed = runs.failed
    if not failed:
        _show_progress("the tests without a change")
        ran = runs.unchanged()
        _show_progress("")
        if ran.ended and not ran.failed:
            return ran
        if not ran.ended:
            raise click.ClickException("the process died in which the tests ran without a change")
        failed = ran.failed
    lines = [f"  {name}" for name in failed[:_FAILING_SHOWN]]
    if len(failed) > len(lines):
        lines.append(f"  and {len(failed) - len(lines)} more")
    heading = f"{count(len(failed), 'test')} failed without any change, so fcemu changed nothing:"
    raise click.ClickException("\n".join([heading, *lines]))


def _mutants(sources: Mapping[str, Mapping[str, Any]]) -> Iterator[Mutant]:
    """All changes of all definitions: first one of each setting, then a second of each, and so on."""
    rows: list[list[Mutant]] = []
    for source, told in sources.items():
        try:
            settings = list(_settings(told))
        except DefinitionError as wrong:
            click.echo(f"this definition cannot be read any more, so that it is left as it is: {wrong}", err=True)
            continue
        for setting, place in settings:
            values = other_values(setting.field, setting.value, setting.beside, setting.limits)
            row = [Mutant(source, place, setting, value) for value in values]
            rows.append([one for one in row if _can_be_read(one, told)])
    for column in zip_longest(*rows):
        yield from (one for one in column if one is not None)


def _settings(told: Mapping[str, Any]) -> Iterator[tuple[Setting, str]]:
    """The settings that a definition which tests have read writes, each with its place."""
    if "mapping" in told:
        yield from ((setting, place.path) for setting, place in written_settings(told["mapping"]))
        return
    path = Path(told["path"])
    for setting, place in written_settings(path, _choices(told)):
        yield setting, f"{_shown(path.parent / place.file if place.file else path)}:{place.line}"


def _choices(told: Mapping[str, Any]) -> Choices:
    names = ("region", "account_id", "environment")
    return Choices(**{name: told[name] for name in names}, variables=os.environ)


def _shown(path: Path) -> str:
    """A path, from the working directory if it is below that."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _can_be_read(mutant: Mutant, told: Mapping[str, Any]) -> bool:
    """Whether the definition is legal with the change."""
    try:
        if "mapping" in told:
            read_mapping(told["mapping"], Path.cwd(), change=mutant.change)
        else:
            read_definition(Path(told["path"]), _choices(told), change=mutant.change)
    except DefinitionError:
        return False
    return True


def _tried(mutant: Mutant, runs: SuiteRuns, calm: Ran, each: float | None) -> Verdict:
    """Run the tests that the change concerns."""
    tests: Sequence[str] = calm.using(mutant.source, str(mutant.setting.function))
    if not tests:
        return Verdict(mutant, False, why=f"no test runs {mutant.setting.function}")
    limit = max(_SHORTEST, _TIMES * calm.seconds(tests)) if each is None else each
    if mutant.source in runs.early:
        return Verdict(mutant, None, why="the tests read the definition when they are imported")
    ran = runs.changed(mutant.source, mutant.change, tests, limit)
    if not ran.in_time:
        return Verdict(mutant, True, why=f"because the tests did not end within {limit:g} s")
    if not ran.ended:
        return Verdict(mutant, True, why="because the process of the tests died")
    if ran.failed:
        return Verdict(mutant, True, by=ran.failed[0])
    if mutant.source not in ran.sources:  # a file that a test writes, in a directory of its own each time
        return Verdict(mutant, None, why="the tests have read another file this time")
    return Verdict(mutant, False)


def _show_progress(text: str) -> None:
    """One line that is written over, where stderr is a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{text}", nl=False, err=True)
