"""invocations: what was accepted and what became of it."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from fcemu.commands.options import Said, as_json, where
from fcemu.commands.printing import Table, at, print_json
from fcemu.core.option_kinds import Whole

if TYPE_CHECKING:
    from fcemu.client import Client
    from fcemu.own_api.records import Attempt, Invocation

_HEADINGS: Final = ("REQUEST", "FUNCTION", "KIND", "STATUS", "ACCEPTED", "ENDED", "ATTEMPTS", "REASON")


@click.command()
@click.argument("request_id", required=False)
@click.option("--function", metavar="NAME", help="Only those of this function.")
@click.option("--status", metavar="STATUS", help="Only those in this state, in FC's words, in any case: failed.")
@click.option("--task-id", metavar="ID", help="Only those that are tasks of this name.")
@click.option("--after", metavar="REQUEST_ID", help="Only those accepted after this one.")
@click.option("--limit", type=Said(Whole(0, 2**63 - 1)), help="At most so many.")
@where
@as_json
def invocations(
    emulator: "Client",
    request_id: str | None,
    function: str | None,
    status: str | None,
    task_id: str | None,
    after: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List invocations in the order of acceptance; with REQUEST_ID, show one with its attempts and logs."""
    if request_id is not None:
        if (function, status, task_id, after, limit) != (None,) * 5:
            raise click.UsageError(
                "--function, --status, --task-id, --after and --limit choose from the list; leave REQUEST_ID out"
            )
        _show_one(emulator, emulator.invocation(request_id), as_json)
        return
    found = emulator.invocations(function=function, status=status, task_id=task_id, after=after, limit=limit)
    if as_json:
        print_json(found)
    elif not found:
        click.echo("there are no such invocations", err=True)
    else:
        started = emulator.clock().started
        for line in Table().lines([_HEADINGS, *(_row(each, started) for each in found)]):
            click.echo(line)


def _row(found: "Invocation", started: datetime) -> list[str]:
    from fcemu.core.times import offset

    ended = "" if found.ended is None else offset(found.ended, started)
    ran = str(len(found.attempts))
    return [
        found.request_id,
        found.function,
        found.kind,
        found.status,
        offset(found.accepted, started),
        ended,
        ran,
        found.reason,
    ]


def _show_one(emulator: "Client", found: "Invocation", as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    started = emulator.clock().started
    rows = [
        ("request", found.request_id),
        *([("task", found.task_id)] if found.task_id else []),
        ("function", f"{found.function}, {found.qualifier}"),
        ("kind", f"{found.kind}, from {found.source}"),
        ("status", f"{found.status}: {found.reason}" if found.reason else found.status),
        ("accepted", at(found.accepted, started)),
        ("due", at(found.due, started)) if found.ended is None else ("ended", at(found.ended, started)),
        ("payload", found.payload.decode(errors="replace")),
    ]
    rows += [(f"attempt {each.number}", _attempt(each, started)) for each in found.attempts]
    rows += [
        ("delivered", f"{each.destination} {at(each.at, started)}")
        if each.reason is None
        else ("not delivered", f"{each.destination}: {each.reason}")
        for each in found.deliveries
    ]
    for line in Table().lines(rows):
        click.echo(line)
    for attempt in found.attempts:
        if attempt.logs:
            click.echo(f"\nlogs of attempt {attempt.number}:\n{attempt.logs.rstrip()}")


def _attempt(attempt: "Attempt", started: datetime) -> str:
    outcome = "is running" if attempt.outcome is None else attempt.outcome
    error = f" ({attempt.error})" if attempt.error else ""
    return f"{outcome}{error}, started {at(attempt.started, started)}"
