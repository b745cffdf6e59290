"""analyse: what the settings of a definition come to at worst, and which of them contradict each other."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fcemu.commands.options import as_json, examples
from fcemu.commands.printing import Table, count, print_json

if TYPE_CHECKING:
    from fcemu.core.analysis import Finding, Worst


@click.command(epilog=examples("fcemu analyse", "fcemu analyse fixtures/orders --json"))
@click.argument("definition", required=False, default=".", type=click.Path(path_type=Path))
@as_json
def analyse(definition: Path, as_json: bool) -> None:
    """Show the worst case that the settings of each function allow.

    DEFINITION is a file or a directory, by default the working directory. The status is 1 if settings contradict each
    other.
    """
    from fcemu.config import Choices, DefinitionError, find_definition, read_definition
    from fcemu.core.analysis import findings, worst
    from fcemu.core.functions import UNSET
    from fcemu.core.names import LATEST
    from fcemu.core.settings import settings_of

    try:
        read = read_definition(find_definition(definition), Choices(variables=os.environ))
        settings = settings_of(read.options)
    except (DefinitionError, ValueError) as wrong:
        raise click.ClickException(str(wrong)) from None
    asked = {ref: of for (ref, qualifier), of in read.async_settings.items() if qualifier == LATEST}
    table = [worst(function, asked.get(function.ref, UNSET), settings) for function in read.functions]
    found = list(findings(read.functions, asked, settings))
    if as_json:
        print_json({"functions": [_record(one) for one in table], "findings": [_told(one) for one in found]})
    else:
        _show(table, found)
    sys.exit(bool(found))


def _record(one: "Worst") -> dict[str, Any]:
    return {
        "function": str(one.function),
        "attempts_at_most": one.attempts,
        "seconds_to_success_at_most": one.success.total_seconds(),
        "seconds_to_failure_at_most": one.failure.total_seconds(),
        "seconds_refused_at_most": one.held.total_seconds(),
        "gigabyte_seconds_at_most": one.gigabyte_seconds,
    }


def _told(one: "Finding") -> dict[str, str]:
    return {"function": str(one.function), "text": one.text, "rule": one.rule}


def _show(table: "list[Worst]", found: "list[Finding]") -> None:
    """For people: a line for each function, and what contradicts itself below."""
    from fcemu.core.times import seconds

    rows = [("function", "attempts", "success by", "failure by", "refused for", "GB-s")]
    rows += [
        (
            str(one.function),
            str(one.attempts),
            seconds(one.success),
            seconds(one.failure),
            seconds(one.held),
            f"{one.gigabyte_seconds:g}",
        )
        for one in table
    ]
    for text in Table().lines(rows):
        click.echo(text)
    for one in found:
        click.echo(f"{one.function}: {one.text} ({one.rule})")
    click.echo(f"{count(len(table), 'function')}, {count(len(found), 'contradiction')}", err=True)
