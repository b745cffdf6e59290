"""timers, trigger: what invokes functions by itself, and firing it by hand."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from fcemu.commands.names import TIMER, TRIGGER
from fcemu.commands.options import Commands, as_json, content, examples, pair, where
from fcemu.commands.printing import Table, print_json, tell_fired
from fcemu.core.events import TEXT

if TYPE_CHECKING:
    from fcemu.client import Client
    from fcemu.own_api.records import Trigger


@click.group(
    cls=Commands,
    invoke_without_command=True,
    epilog=examples("fcemu timers", "fcemu timers fire orders/report/nightly"),
)
@where
@as_json
@click.pass_context
def timers(ctx: click.Context, emulator: "Client", as_json: bool) -> None:
    """List the time triggers with their next firings, or fire one."""
    if ctx.invoked_subcommand is not None:
        return
    found = emulator.timers()
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("there are no timers", err=True)
        return
    from fcemu.core.times import for_people, offset

    started = emulator.clock().started
    rows = [
        [
            f"{each.function}/{each.trigger}",
            each.cron,
            "off"
            if each.next is None
            else f"{for_people(offset(each.next, started))}  {each.next:%Y-%m-%d %H:%M:%S} UTC",
        ]
        for each in found
    ]
    for line in Table.fitting().lines([("TIMER", "SCHEDULE", "NEXT"), *rows]):
        click.echo(line)


@timers.command("fire", epilog=examples("fcemu timers fire orders/report/nightly"))
@click.argument("name", type=TIMER)
@where
@as_json
def fire_timer(emulator: "Client", name: str, as_json: bool) -> None:
    """Fire a timer now, even if it is disabled.

    fcemu prints the request id; the invocation runs when the clock moves.
    """
    request_id = emulator.fire_timer(_checked(name))
    if as_json:
        print_json({"request_id": request_id})
    else:
        click.echo(request_id)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    epilog=examples(
        "fcemu trigger",
        "fcemu trigger fire resize/pictures object=in/a.png size=2048",
        "fcemu trigger fire audit/changes 'key={\"id\": 7}'",
        "fcemu trigger fire import/rows --payload @event.json",
    ),
)
@where
@as_json
@click.pass_context
def trigger(ctx: click.Context, emulator: "Client", as_json: bool) -> None:
    """List the triggers with their event fields, or fire one."""
    if ctx.invoked_subcommand is not None:
        return
    functions = emulator.functions()
    if as_json:
        from fcemu.own_api.codec import fields_of

        print_json([{"function": each.name, **fields_of(one)} for each in functions for one in each.triggers])
        return
    rows = [[f"{each.name}/{one.name}", one.kind, _told(one)] for each in functions for one in each.triggers]
    if not rows:
        click.echo("there are no triggers", err=True)
        return
    for line in Table.fitting().lines([("TRIGGER", "KIND", "FIRED WITH"), *rows]):
        click.echo(line)


def _told(trigger: "Trigger") -> str:
    if trigger.url is not None:
        return f"a request to {trigger.url}/"
    if trigger.kind == "timer":
        return "nothing"
    names = [each.name if each.required else f"[{each.name}]" for each in trigger.fields]
    return " ".join(names) or "--payload"


@trigger.command(
    epilog=examples(
        "fcemu trigger fire resize/pictures object=in/a.png size=2048",
        "fcemu trigger fire import/rows --payload @event.json",
    )
)
@click.argument("name", type=TRIGGER)
@click.argument("fields", metavar="[FIELD=VALUE]...", nargs=-1)
@click.option("--payload", metavar="TEXT|@FILE|-", help="Send this event as it is, in place of fields.")
@where
@as_json
def fire(emulator: "Client", name: str, fields: Sequence[str], payload: str | None, as_json: bool) -> None:
    """Fire a trigger now, with the given fields of its event.

    fcemu prints the request id; the invocation runs when the clock moves. Values that are not strings are JSON. The
    status is 1 if the trigger's filter does not match the event, so that nothing is invoked. 'fcemu trigger' lists the
    fields.
    """
    said = _said(emulator, _checked(name), fields)
    if payload is not None:
        try:
            said["payload"] = content("--payload", payload).decode()
        except UnicodeDecodeError:
            raise click.UsageError("--payload: an event that is fired by hand is text, but this is not UTF-8") from None
    tell_fired(emulator.fire(name, said), as_json)


def _checked(name: str) -> str:
    if "/" not in name:
        raise click.UsageError(
            f"{name!r} is not the name of a trigger; write FUNCTION/TRIGGER or SERVICE/FUNCTION/TRIGGER"
        )
    return name


def _said(emulator: "Client", name: str, given: Sequence[str]) -> dict[str, Any]:
    """The fields of an event: text as it is, all else as JSON. Names that the trigger does not have go to the server,
    which knows what to say."""
    pairs = [pair(each) for each in given]
    function, _, own = name.rpartition("/")
    kinds = {
        field.name: field.kind
        for each in (emulator.functions() if pairs else [])
        for one in each.triggers
        for field in one.fields
        if (each.name, one.name) == (function, own)
    }
    return {key: text if kinds.get(key, TEXT) == TEXT else _json(key, text, kinds[key]) for key, text in pairs}


def _json(field: str, text: str, kind: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise click.UsageError(f"{field}: expected {kind}, got {text!r}") from None
