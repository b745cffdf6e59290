"""event: what another service would hand to a function; print it, or fire a trigger with it."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from fcemu.commands.options import Commands, ParamType, Said, as_json, examples, where
from fcemu.commands.printing import tell_fired
from fcemu.core.events import KINDS, TEXT, WHOLE, Field, Occasion, complete, event_bytes
from fcemu.core.names import Account
from fcemu.core.option_kinds import Instant
from fcemu.core.settings import SPEC_START

if TYPE_CHECKING:
    from fcemu.client import Client

_NAMES: Final = {"mns": "mns_topic", "cdn": "cdn_events"}
"""Short names of kinds."""
_ABOUT: Final = {
    "oss": "Something happened to an object in a bucket.",
    "mns_topic": "A message was published to an MNS topic.",
    "log": "Log Service has new lines.",
    "eventbridge": "EventBridge passes an event on.",
    "cdn_events": "CDN reports an event of a domain.",
    "tablestore": "A row of Table Store was changed.",
}


class Json(ParamType[Any]):
    """JSON of one kind."""

    name = "JSON"

    def __init__(self, kind: str) -> None:
        self._kind: Final = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError as wrong:
            self.fail(f"{value!r} is not {self._kind}: {wrong}", param, ctx)


class Events(Commands):
    """A command for each kind of event, with an option for each of its fields."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(KINDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        kind = _NAMES.get(cmd_name, cmd_name)
        return _command(kind) if kind in KINDS else None


@click.group(
    cls=Events,
    epilog=examples("fcemu event oss --object in/a.png", "fcemu event oss --object in/a.png --fire resize/pictures"),
)
def event() -> None:
    """Print an event of another service, or fire a trigger.

    The options give the contents of the event; with --fire, the trigger supplies some of them. The status is 1 if the
    trigger does not match the event, so that nothing is invoked.
    """


def _command(kind: str) -> click.Command:
    @where
    @as_json
    def run(emulator: "Client", as_json: bool, fire: str | None, at: datetime | None, **said: Any) -> None:
        given = {name: value for name, value in said.items() if value is not None}
        if fire is None:
            _print(kind, given, at)
        elif at is not None:
            raise click.UsageError("--at applies to events that are printed; a trigger fires at the emulator's time")
        else:
            _fire(emulator, fire, given, as_json)

    options = [_option(name, each) for name, each in KINDS[kind].fields.items()]
    fire = click.Option(["--fire"], metavar="FUNCTION/TRIGGER", help="Send it to a trigger of a running emulator.")
    at = click.Option(
        ["--at"], type=Said(Instant()), help=("Let the event happen at this time.  [default: 2026-01-01T00:00:00Z]")
    )
    made: click.Command = click.command(kind, help=_ABOUT[kind])(run)
    made.params[:0] = [*options, fire, at]
    return made


def _option(name: str, each: Field) -> click.Option:
    kinds: dict[str, click.ParamType[Any]] = {TEXT: click.STRING, WHOLE: click.IntRange(min=0)}
    kind = kinds.get(each.kind) or Json(each.kind)
    default = f"  [default: {each.default}]" if each.default else ""
    about = each.about[0].upper() + each.about[1:]
    return click.Option([f"--{name}"], type=kind, help=f"{about}.{default}")


def _print(kind: str, given: dict[str, Any], at: datetime | None) -> None:
    occasion = Occasion(
        at=at or SPEC_START,
        id="0" * 31 + "1",
        account=Account(),
        config={},
    )
    try:
        document = event_bytes(kind, complete(kind, given, occasion), occasion)
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from None
    click.echo(document, nl=kind != "tablestore")


def _fire(emulator: "Client", trigger: str, given: dict[str, Any], as_json: bool) -> None:
    if "/" not in trigger:
        raise click.UsageError(
            f"--fire: {trigger!r} is not the name of a trigger; write FUNCTION/TRIGGER or SERVICE/FUNCTION/TRIGGER"
        )
    tell_fired(emulator.fire(trigger, given), as_json)
