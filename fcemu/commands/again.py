"""stop, rerun: what is done with one invocation."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from fcemu.commands.names import REQUEST_ID
from fcemu.commands.options import Duration, as_json, content, examples, where
from fcemu.commands.printing import print_json

if TYPE_CHECKING:
    from fcemu.client import Client


@click.command(epilog=examples("fcemu stop 1-6955b900-82e2f728-b4fa42485e3a", "fcemu stop 1-6955b900-82e2"))
@click.argument("request_id", metavar="ID", type=REQUEST_ID)
@where
@as_json
def stop(emulator: "Client", request_id: str, as_json: bool) -> None:
    """Stop an asynchronous invocation, whether it is a task or not.

    ID is its request id, or at least its first 8 characters where no other id begins with them. A waiting invocation
    stops at once; a running one is Stopping until the clock moves.
    """
    found = emulator.stop(request_id)
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found.function} {found.request_id} is {found.status}")


@click.command(
    epilog=examples(
        "fcemu rerun 1-6955b900-82e2f728-b4fa42485e3a",
        'fcemu rerun 1-6955b900-82e2 --payload \'{"order": 7, "card": "visa"}\'',
        "fcemu rerun 1-6955b900-82e2 --payload @order.json --delay 1m",
    )
)
@click.argument("request_id", metavar="ID", type=REQUEST_ID)
@click.option("--payload", metavar="TEXT|@FILE|-", help="Send this event.  [default: the same event]")
@click.option("--delay", type=Duration(), help="Run it only after this much time.")
@click.option("--task-id", metavar="ID", help="Use this id for the task, if the function is in task mode.")
@where
@as_json
def rerun(
    emulator: "Client",
    request_id: str,
    payload: str | None,
    delay: timedelta | None,
    task_id: str | None,
    as_json: bool,
) -> None:
    """Run the event of an invocation again, as it was or changed.

    ID is its request id, or at least its first 8 characters where no other id begins with them. The new invocation is
    asynchronous and has the same function and qualifier. fcemu prints its request id.
    """
    event = None if payload is None else content("--payload", payload)
    again = emulator.rerun(request_id, payload=event, delay=delay, task_id=task_id)
    if as_json:
        print_json({"request_id": again})
    else:
        click.echo(again)
