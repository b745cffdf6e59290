"""journal: every fact, with all that belongs to it."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from fcemu.commands.options import Said, as_json, examples, where
from fcemu.commands.printing import Table, print_line
from fcemu.core.option_kinds import Whole

if TYPE_CHECKING:
    from fcemu.client import Client
    from fcemu.own_api.records import Fact

_LONGEST: Final = 60
"""Characters of one value that a table shows; --json shows all."""


@click.command(epilog=examples("fcemu journal --function orders/charge", "fcemu journal --follow --json"))
@click.option("--follow", is_flag=True, help="Also show what happens from now on.")
@click.option("--after", type=Said(Whole(0, 2**63 - 1)), default=0, help="Show only facts after this position.")
@click.option("--function", metavar="NAME", help="Show only facts of this function.")
@where
@as_json
def journal(emulator: "Client", follow: bool, after: int, function: str | None, as_json: bool) -> None:
    """Show every fact with all its details.

    Each line is a fact; with --json, each line is an object.
    """
    try:
        if as_json:
            for fact in emulator.journal(after=after, function=function, follow=follow):
                print_line(fact)
        else:
            _show(emulator, follow, after, function)
    except KeyboardInterrupt:
        return
    if follow:
        click.echo("the emulator was reset or has stopped", err=True)


def _show(emulator: "Client", follow: bool, after: int, function: str | None) -> None:
    started, table = emulator.clock().started, Table()
    past = list(emulator.journal(after=after, function=function))
    _print(past, started, table)
    if not past and not follow:
        click.echo("there are no such facts" if after or function else "nothing happened yet", err=True)
    if follow:
        after = past[-1].n if past else after
        for fact in emulator.journal(after=after, function=function, follow=True):
            _print([fact], started, table)


def _print(facts: "Iterable[Fact]", started: datetime, table: Table) -> None:
    for line in table.lines(_row(fact, started) for fact in facts):
        click.echo(line)


def _row(fact: "Fact", started: datetime) -> list[str]:
    from fcemu.core.times import offset

    attempt = "" if fact.attempt is None else f"#{fact.attempt}"
    return [str(fact.n), offset(fact.at, started), fact.function, fact.request_id, attempt, fact.kind, _data(fact)]


def _data(fact: "Fact") -> str:
    return " ".join(f"{name}={_short(value)}" for name, value in fact.data.items() if value not in (None, ""))


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
