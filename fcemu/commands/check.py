"""check: all problems of definitions with their places; what they say in native form."""

import os
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from fcemu.commands.options import as_json
from fcemu.commands.printing import count, print_json

if TYPE_CHECKING:
    from fcemu.config import Definition, Problem

SCHEMA: Final = Path(__file__).parent.parent / "config" / "fcemu.schema.json"
WIDEST: Final = 160
"""How much of a source line is shown."""
_WIDE: Final = frozenset({"W", "F"})


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, type=click.Path(path_type=Path))
@click.option("--print", "shown", is_flag=True, help="Print the definition as one fcemu.yaml.")
@click.option("--strict", is_flag=True, help="Treat warnings as problems.")
@click.option("--env", "environment", metavar="NAME", help="Use this environment of an s.yaml, from its env.yaml.")
@click.option("--region", help="Use the functions of this region, where a file has several.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of fcemu.yaml, for editors, and check nothing.")
@as_json
def check(
    files: tuple[Path, ...],
    shown: bool,
    strict: bool,
    environment: str | None,
    region: str | None,
    schema: bool,
    as_json: bool,
) -> None:
    """Show all problems of definitions and where they are.

    FILE is a definition of any format, or a directory with one. fcemu parses handlers and never imports them.
    The status is 1 if there are problems or, with --strict, warnings.
    """
    from fcemu.config import Choices

    if schema:
        click.echo(SCHEMA.read_text(encoding="utf-8"), nl=False)
        return
    if not files:
        raise click.UsageError("Missing argument 'FILE…'.")

    choices = Choices(environment=environment, region=region, variables=os.environ)
    found = [_look(path, choices) for path in files]
    if as_json:
        print_json([each.record(shown) for each in found])
    else:
        for each in found:
            each.tell(err=shown)
    bad = any(each.problems or (strict and each.warnings) for each in found)
    if shown and not as_json and not any(each.problems for each in found):
        _print_native(found)
    sys.exit(bad)


class _Found(NamedTuple):
    """What was found in one file."""

    path: Path
    definition: "Definition | None"
    problems: tuple["Problem", ...]
    warnings: tuple["Problem", ...]

    def record(self, shown: bool) -> dict[str, Any]:
        """For programs."""
        record: dict[str, Any] = {
            "file": str(self.path),
            "problems": [_record(problem) for problem in self.problems],
            "warnings": [_record(warning) for warning in self.warnings],
        }
        if shown and self.definition is not None:
            record["definition"] = _native(self.definition)
        return record

    def tell(self, *, err: bool) -> None:
        """For people: problems and warnings in the order of the file, then the sum on stderr. ``err``: all of it there,
        because stdout has the definition."""
        for problem in sorted((*self.problems, *self.warnings), key=lambda one: (one.line or 0, one.column or 0)):
            click.echo(_framed(problem, shown=(sys.stderr if err else sys.stdout).isatty()), err=err)
        functions = count(len(self.definition.functions), "function") if self.definition else ""
        summary = f"good, {functions}" if self.definition else count(len(self.problems), "problem")
        if self.warnings:
            summary += f", {count(len(self.warnings), 'warning')}"
        click.echo(f"{self.path}: {summary}", err=True)


def _look(path: Path, choices: Any) -> _Found:
    from fcemu.config import DefinitionError, read_definition

    try:
        definition = read_definition(path, choices, thorough=True)
    except DefinitionError as wrong:
        return _Found(path, None, wrong.problems, wrong.warnings)
    return _Found(path, definition, (), definition.warnings)


def _record(problem: "Problem") -> dict[str, Any]:
    names = ("source", "line", "column", "path", "key", "message", "hints")
    return {name: getattr(problem, name) for name in names}


def _framed(problem: "Problem", *, shown: bool) -> str:
    """A problem as a compiler shows it: on a terminal with the line of the file and a caret, coloured unless NO_COLOR
    is set."""
    if not shown:
        return str(problem)
    colour = "yellow" if problem.warning else "red"
    kind = click.style("warning" if problem.warning else "problem", fg=colour, bold=True)
    lines = [f"{click.style(problem.where, bold=True)}: {kind}: {problem.said}", *_excerpt(problem, colour)]
    lines += [f"  {click.style('hint:', fg='cyan')} {hint}" for hint in problem.hints]
    return "\n".join(map(click.unstyle, lines) if os.environ.get("NO_COLOR") else lines)


def _excerpt(problem: "Problem", colour: str) -> list[str]:
    """The line of the file, and below it a caret under the word."""
    if problem.line is None or problem.column is None:
        return []
    try:
        with Path(problem.source).open(encoding="utf-8-sig", errors="replace") as file:
            line = next((text for number, text in enumerate(file, 1) if number == problem.line), "")
    except OSError:
        return []
    line, before = line.rstrip("\n")[:WIDEST], problem.column - 1
    if not line.isprintable() and not line.replace("\t", " ").isprintable():
        return []
    word = _cells(line[before:].split(" ")[0].rstrip(":,]}")) or 1
    margin = " " * len(str(problem.line))
    gap = "\t".join(" " * _cells(part) for part in line[:before].split("\t"))
    bar = click.style("|", dim=True)
    return [f" {problem.line} {bar} {line}", f" {margin} {bar} {gap}{click.style('^' + '~' * (word - 1), fg=colour)}"]


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes: two for each wide character, none for what stands upon another one."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in _WIDE)
        for character in text
    )


def _native(definition: "Definition") -> dict[str, Any]:
    from fcemu.config import document_of

    return document_of(definition)


def _print_native(found: list[_Found]) -> None:
    """All that the files define, as one native file; what is defined twice is a problem."""
    from fcemu.config import DefinitionError, composed, native_text

    try:
        whole = composed([each.definition for each in found if each.definition is not None])
    except DefinitionError as wrong:
        click.echo(str(wrong), err=True)
        raise click.ClickException("the files cannot form one definition") from None
    click.echo(native_text(whole), nl=False)
