"""invocations: what was accepted and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from fcemu.commands.names import FUNCTION, REQUEST_ID
from fcemu.commands.options import Said, as_json, examples, where
from fcemu.commands.printing import Table, at, error_line, one_line, print_json, print_line, terminal_width
from fcemu.core.option_kinds import Whole

if TYPE_CHECKING:
    from fcemu.client import Client
    from fcemu.own_api.records import Attempt, Invocation

_HEADINGS: Final = ("REQUEST", "FUNCTION", "KIND", "STATUS", "ACCEPTED", "ENDED", "ATTEMPTS", "RESULT")
_NARROW: Final = (0, 1, 3, 4, 6, 7)
"""The columns that are shown where not all have room."""
_SHORTEST: Final = 8
"""How much of a request id the emulator takes for it, where no other one begins like it."""
_ENDS: Final = frozenset({"Succeeded", "Failed", "Expired", "Stopped", "Invalid"})
"""The kinds of facts with which invocations end."""


@click.command(
    epilog=examples(
        "fcemu invocations",
        "fcemu invocations --function orders/charge --status failed",
        "fcemu invocations --follow",
        "fcemu invocations 1-6955b900-82e2f728-b4fa42485e3a",
    )
)
@click.argument("request_id", type=REQUEST_ID, required=False)
@click.option("--function", type=FUNCTION, help="Show only invocations of this function.")
@click.option(
    "--status",
    metavar="STATUS",
    help=("Show only those in this state, in FC's words and any letter case, such as failed."),
)
@click.option("--task-id", metavar="ID", help="Show only tasks with this id.")
@click.option("--after", metavar="REQUEST_ID", help="Show only those accepted after this one.")
@click.option("--limit", type=Said(Whole(0, 2**63 - 1)), help="Show at most this many.")
@click.option("--follow", is_flag=True, help="Also show each invocation that ends from now on.")
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
    follow: bool,
    as_json: bool,
) -> None:
    """List invocations and what they returned, or show one.

    The list is in the order of acceptance. With REQUEST_ID, or enough of its beginning to be unique, fcemu shows one
    invocation with its attempts and logs. A table that is wider than the terminal has fewer columns and shorter ids.
    """
    if request_id is not None:
        if (function, status, task_id, after, limit, follow) != (*(None,) * 5, False):
            raise click.UsageError(
                "--function, --status, --task-id, --after, --limit and --follow select from the list; leave REQUEST_ID "
                "out"
            )
        _show_one(emulator, emulator.invocation(request_id), as_json)
        return
    if follow and (after, limit) != (None, None):
        raise click.UsageError("--follow continues from the end of the list; leave --after and --limit out")
    position = max((fact.n for fact in emulator.journal()), default=0) if follow else 0
    found = emulator.invocations(function=function, status=status, task_id=task_id, after=after, limit=limit)
    listing = _Listing(emulator.clock().started, as_json)
    if as_json and not follow:
        print_json(found)
    elif found or follow:
        listing.show(found, heading=True)
    else:
        click.echo("there are no such invocations", err=True)
    if follow:
        _follow(emulator, listing, position, function, status, task_id)


def _follow(
    emulator: "Client",
    listing: "_Listing",
    position: int,
    function: str | None,
    status: str | None,
    task_id: str | None,
) -> None:
    """Show each invocation that ends behind that position of the journal, where it is of those that are asked for."""
    try:
        for fact in emulator.journal(after=position, function=function, follow=True):
            if fact.kind in _ENDS:
                ended = emulator.invocation(fact.request_id)
                if task_id in (None, ended.task_id) and (status is None or status.lower() == ended.status.lower()):
                    listing.show([ended])
    except KeyboardInterrupt:
        return
    click.echo("the emulator was reset or has stopped", err=True)


class _Listing:
    """The table of invocations, which goes on as they come; as JSON, a line for each."""

    def __init__(self, started: datetime, as_json: bool) -> None:
        self._started: Final = started
        self._as_json: Final = as_json
        self._width: Final = terminal_width()
        self._table = Table(self._width)
        self._columns: Sequence[int] = range(len(_HEADINGS))
        self._id_length: int | None = None

    def show(self, found: "Sequence[Invocation]", *, heading: bool = False) -> None:
        """Print these, below those before."""
        if self._as_json:
            for each in found:
                print_line(each)
            return
        rows = [_row(each, self._started) for each in found]
        if heading:
            self._fit(rows)
            rows = [list(_HEADINGS), *rows]
        shown = [[row[0][: self._id_length], *row[1:]] for row in rows]
        for line in self._table.lines([row[column] for column in self._columns] for row in shown):
            click.echo(line)

    def _fit(self, rows: list[list[str]]) -> None:
        """Choose the columns and the length of ids for the width of the terminal, if there is one; what is returned is
        cut at its edge."""
        if self._width is None:
            return
        widths = [max(map(len, column)) for column in zip(*([list(_HEADINGS), *rows]), strict=True)]
        if sum(widths[:-1]) + 2 * len(widths) + len(_HEADINGS[-1]) > self._width:
            self._columns = _NARROW
            ids = {row[0] for row in rows}
            lengths = range(_SHORTEST, 1 + max(map(len, ids), default=_SHORTEST))
            self._id_length = next((n for n in lengths if len({each[:n] for each in ids}) == len(ids)), None)


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
        _result(found),
    ]


def _result(found: "Invocation") -> str:
    """What was returned, or why nothing was; on one line."""
    reply = found.reply
    if reply is None or found.ended is None:
        return found.reason
    if reply.error is None:
        return one_line(reply.body)
    return error_line(reply.error, reply.body)


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
        *([("result", _result(found))] if found.reply is not None else []),
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
