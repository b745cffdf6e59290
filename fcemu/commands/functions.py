"""functions: what is defined, and what invokes it."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from fcemu.commands.options import as_json, examples, where
from fcemu.commands.printing import Table, print_json

if TYPE_CHECKING:
    from fcemu.client import Client
    from fcemu.own_api.records import Function, Trigger

_HEADINGS: Final = ("FUNCTION", "RUNTIME", "HANDLER", "INVOKED BY")


@click.command(epilog=examples("fcemu functions", "fcemu functions --json"))
@where
@as_json
def functions(emulator: "Client", as_json: bool) -> None:
    """List the functions and what invokes them.

    The list shows HTTP triggers with their URLs and timers with their next firing, and marks functions that a stub
    replaces.
    """
    found = emulator.functions()
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("there are no functions", err=True)
        return
    started = emulator.clock().started
    rows = [row for each in found for row in _rows(each, started)]
    for line in Table().lines([_HEADINGS, *rows]):
        click.echo(line)


def _rows(function: "Function", started: datetime) -> list[list[str]]:
    """A row for each trigger, of which the first names the function."""
    told = [told_trigger(each, started) for each in function.triggers] or [""]
    handler = "(stub)" if function.stubbed else function.handler
    return [[function.name, function.runtime, handler, told[0]], *(["", "", "", each] for each in told[1:])]


def told_trigger(trigger: "Trigger", started: datetime) -> str:
    """What invokes a function, in a few words."""
    from fcemu.core.times import for_people, offset

    if trigger.url is not None:
        return f"{trigger.url}/"
    if trigger.kind == "timer":
        return f"timer {trigger.name}, " + (
            "off" if trigger.next is None else f"next at {for_people(offset(trigger.next, started))}"
        )
    source = trigger.source_arn.rpartition(":")[2]
    return f"{trigger.kind} {trigger.name}" + (f", {source}" if source else "")
